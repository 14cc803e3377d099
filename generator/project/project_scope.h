/*
 * project_scope.h: what the templates of a project see.
 */
#ifndef PROJECT_SCOPE_H
#define PROJECT_SCOPE_H

#include "project.h"

/* What every template of the project sees: docs/internals/cli.md lists it. */
gen_value *project_scope(project *p);

/* And what gen/project.mk says of gen/, once the rest of it is planned: its files, sorted by who
 * links them, and what it is made from. */
void project_scope_files(project *p, gen_value *scope);

#endif /* PROJECT_SCOPE_H */
