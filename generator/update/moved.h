/* update/moved.h: files that the user renamed or moved, found again by what is in them. */
#ifndef UPDATE_MOVED_H
#define UPDATE_MOVED_H

#include "decide.h"
#include "project/project.h"

/*
 * For each of the files that was there once and lies nowhere (at == NULL), looks below the project
 * for one that no other of them is: of the same content, or of the same kind with at least 60 % of
 * the lines. Fills at and disk. `searched` says which are looked for.
 */
csvc_code update_find_moved(project *p, update_file *files, size_t n_files, const bool *searched,
                            csvc_error *err);

#endif /* UPDATE_MOVED_H */
