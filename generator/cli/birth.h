/*
 * birth.h: how a project comes to be, in a folder of its own (new-service) or among other files
 * (init): what was asked for, and the plan of all its files.
 */
#ifndef CLI_BIRTH_H
#define CLI_BIRTH_H

#include "cli.h"
#include "project/project.h"

typedef struct birth {
    csvc_arena *a;
    const cli_args *args;
    const char *name;
    const char *target; /* as it is shown */
    const char *const *protos;
    size_t n_protos;
    const char *const *folders;
    size_t n_folders;
    bool has_storage;
    config_storage storage;
    cli_list features;
    bool dry_run;
    bool in_place; /* protos stay where they are */
    bool no_next;  /* there is no `make run` to go on with */
} birth;

/* The options that birth_read reads, of both commands. */
#define BIRTH_OPTIONS                                                                              \
    {.name = "proto", .value = "FILE", .many = true}, {.name = "I", .value = "DIR", .many = true}, \
        {.name = "in-place"}, {.name = "storage", .value = "sqlite|none"},                         \
        {.name = "with", .value = "FEATURE", .many = true},                                        \
        {.name = "without", .value = "FEATURE", .many = true}, {.name = "dir", .value = "DIR"},    \
        {.name = "templates", .value = "DIR"},                                                     \
    {                                                                                              \
        .name = "dry-run"                                                                          \
    }

/* Reads the options. Says what is wrong, and returns CLI_USAGE. */
int birth_read(csvc_arena *a, const cli_args *args, const char *name, const char *target,
               birth *ret_birth);

/* What becomes the user's: protoc runs. A file that is taken out of the plan then is left to them.
 */
csvc_code birth_plan_own(const birth *r, pipeline *p, project *pr, csvc_error *err);

/* The rest, and the order that people read files in. */
csvc_code birth_plan_gen(project *pr, csvc_error *err);

/* A status line for each file; .c-svc/base/ is one for all below it. `same`: those that were there.
 */
void birth_print_files(const birth *r, const project *pr, const cli_list *same);

/* What came out, and what to do next. */
void birth_print_summary(const birth *r, project *pr);

#endif /* CLI_BIRTH_H */
