/*
 * migrations.h: the steps of a database.
 */
#ifndef PROJECT_MIGRATIONS_H
#define PROJECT_MIGRATIONS_H

#include "project.h"

/*
 * The steps in migrations/DIALECT/, "sqlite" or "postgres", from 1 without gaps; INVALID_ARGUMENT
 * when they are not. None of them without storage.
 */
csvc_code migrations_list(project *p, const char *dialect, cli_list *ret_paths, csvc_error *err);

/* Whether a path of the project is a step's, of whatever dialect. */
bool migrations_is_step(const char *path);

/* What gen/migrations.c is made of. */
csvc_code migrations_scope(project *p, gen_value *scope, csvc_error *err);

enum {
    MIGRATIONS_MAX = 9999 /* steps */
};

#endif /* PROJECT_MIGRATIONS_H */
