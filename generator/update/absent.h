/*
 * update/absent.h: fields that may be absent from now on, in C that was written before.
 *
 * Such a field gets a member that says whether it is there. C that knows nothing of it compiles as
 * before, and what it sets is never sent or stored.
 */
#ifndef UPDATE_ABSENT_H
#define UPDATE_ABSENT_H

#include "project/project.h"

/* A note for each of the user's files that uses such a field without that member, at the first
 * line. `before` is the model of the last update; NULL: nothing is known. */
void update_note_absent(project *p, const gen_model *before, cli_list *notes);

#endif /* UPDATE_ABSENT_H */
