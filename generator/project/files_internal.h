/* files_internal.h: what files.c and files_tree.c share. */
#ifndef PROJECT_FILES_INTERNAL_H
#define PROJECT_FILES_INTERNAL_H

#include "files.h"

/* From errno: `PATH: cannot VERB it: why`. */
csvc_code files__failed(csvc_error *err, const char *verb, const char *path);

/* Makes a folder and those above it; `made`, when not NULL, gets each that was not there. */
csvc_code files__make_folders(csvc_arena *a, const char *path, cli_list *made, csvc_error *err);

csvc_code files__write_all(int fd, const char *path, csvc_bytes content, csvc_error *err);

#endif /* PROJECT_FILES_INTERNAL_H */
