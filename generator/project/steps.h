/*
 * steps.h: the steps of migrations/ that the entities ask for and that are not there yet.
 */
#ifndef PROJECT_STEPS_H
#define PROJECT_STEPS_H

#include "project.h"

/*
 * Adds them to the plan, born once: for a new project the first ones, later those that lead from
 * what the steps so far come to to what the entities want. They have been tried when this returns.
 * p->answers says which columns have new names and what may go; what stays is noted in p->notes.
 * Where an answer is missing p->asks says which. INVALID_ARGUMENT when one fits nothing. Nothing
 * happens without storage.
 */
csvc_code steps_plan(project *p, csvc_error *err);

#endif /* PROJECT_STEPS_H */
