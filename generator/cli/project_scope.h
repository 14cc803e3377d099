/*
 * project_scope.h: what the templates of a project see.
 */
#ifndef CLI_PROJECT_SCOPE_H
#define CLI_PROJECT_SCOPE_H

#include "project.h"

/* What every template of the project sees: docs/internals/cli.md lists it. */
gen_value *project_scope(project *p);

#endif /* CLI_PROJECT_SCOPE_H */
