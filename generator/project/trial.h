/*
 * trial.h: the steps of a project tried out: run by the driver that the server has, on a database
 * in memory, which then tells what tables there are. So no step is taken on trust, however it is
 * written.
 */
#ifndef PROJECT_TRIAL_H
#define PROJECT_TRIAL_H

#include <csvc/ctx.h>
#include <csvc/store.h>

#include "project.h"
#include "schema/schema.h"

/* A line that waits for somebody's decision: it is no SQL, and keeps its step from running. */
typedef struct trial_todo {
    const char *path; /* of the step, in the project */
    unsigned line;
    const char *text;
} trial_todo;

typedef struct trial {
    project *p;
    csvc_db *db;
    csvc_ctx *ctx;
    csvc_migration *steps; /* those that ran */
    size_t n_steps, max_steps;
    trial_todo *todos; /* of the project's steps; they ran without these lines */
    size_t n_todos, max_todos;
    struct trial_seen *seen; /* tables and columns, and who made them */
    size_t n_seen, max_seen;
} trial;

csvc_code trial_open(project *p, trial *ret_trial, csvc_error *err);
void trial_close(trial *t);

/* Runs all steps of the project. One that fails is an error with its file and line. */
csvc_code trial_run_project(trial *t, csvc_error *err);

/* Runs one more; `path` is for messages. What it makes is c-svc's where its first line says so. */
csvc_code trial_run(trial *t, const char *path, const char *sql, csvc_error *err);

/* What tables there are now; not that of the steps themselves. */
csvc_code trial_read(trial *t, schema *ret_schema, csvc_error *err);

/* What the first line of a step says that c-svc wrote. */
#define TRIAL_MARK "A step that has run somewhere is never changed again"

#endif /* PROJECT_TRIAL_H */
