/* update/unlisted.h: protos of the project that nothing names. */
#ifndef UPDATE_UNLISTED_H
#define UPDATE_UNLISTED_H

#include "project/project.h"

/* Notes each proto with a service that lies in an include folder of the project, and that neither
 * c-svc.yaml nor an import brings in: a new file is easily forgotten there. */
void update_note_unlisted(project *p, cli_list *notes);

#endif /* UPDATE_UNLISTED_H */
