/*
 * project_scope.h: what the templates of a project see.
 */
#ifndef PROJECT_SCOPE_H
#define PROJECT_SCOPE_H

#include "project.h"

/* What every template of the project sees: docs/internals/cli.md lists it. */
gen_value *project_scope(project *p);

#endif /* PROJECT_SCOPE_H */
