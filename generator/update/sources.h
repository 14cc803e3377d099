/* update/sources.h: the user's files, wherever they lie. */
#ifndef UPDATE_SOURCES_H
#define UPDATE_SOURCES_H

#include "project/project.h"

typedef struct update_source {
    const char *path; /* in the project */
    const char *shown;
    csvc_bytes text;
} update_source;

typedef void update_visit(void *self, const update_source *source);

/* Each file of that ending below a folder of the project that can be read, in the order of the
 * alphabet. */
void update_each_file(project *p, const char *folder, const char *ending, update_visit *visit,
                      void *self);

/* Each .c and .h below server/, client/ and tests/ that can be read, in the order of the alphabet.
 */
void update_each_source(project *p, update_visit *visit, void *self);

#endif /* UPDATE_SOURCES_H */
