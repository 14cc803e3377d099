/*
 * migrations.h: the steps of a database.
 */
#ifndef PROJECT_MIGRATIONS_H
#define PROJECT_MIGRATIONS_H

#include "project.h"

/* The steps in migrations/sqlite/, from 1 without gaps; INVALID_ARGUMENT when they are not. */
csvc_code migrations_list(project *p, cli_list *ret_paths, csvc_error *err);
csvc_code migrations_scope(project *p, gen_value *scope, csvc_error *err);
/* The first steps: a table for each entity. */
csvc_code migrations_plan_first(project *p, csvc_error *err);

#endif /* PROJECT_MIGRATIONS_H */
