/*
 * project.h: a project: its configuration, its model, the files it has and those that are made.
 */
#ifndef PROJECT_H
#define PROJECT_H

#include "common/index.h"
#include "config.h"
#include "lock.h"
#include "output/output.h"
#include "pipeline.h"
#include "schema/schema.h"

typedef struct project {
    csvc_arena *a;
    config config;
    pipeline *pipeline;
    const char *root; /* its folder; NULL: not on disk yet, all there is stands in the plan */
    gen_templates templates;  /* config.templates, where it lies */
    gen_plan plan;            /* what compose.c came to, rendered */
    cli_list inputs;          /* paths of what gen/ is made from */
    lock lock;                /* what was recorded, and will be */
    cli_list moved, moved_to; /* files that do not lie where c-svc would put them */
    cli_list removed;         /* files that will be gone */
    bool records_protos;      /* the protos of now are what later ones are compared with */
    bool has_recorded;
    gen_model *recorded; /* contract.c's: those of the last update */
    gen_index commands;  /* example.c's: what the client calls an rpc, by the rpc's path */

    /* Of tables (steps.h). */
    schema_answers answers; /* what the command line says of columns that are gone */
    bool may_wait;          /* a step that waits for a decision is said, not refused */
    cli_list notes;         /* what was left as it is */
    cli_list asks;          /* options of `c-svc update` that are missing: nothing may be written */
} project;

enum {
    PROJECT_MAX_FILE = 64 << 20,
    PROJECT_MAX_SOURCE = 4 << 20 /* that somebody wrote */
};

/* What went wrong, on standard error: as it is when it begins with a place, else behind `c-svc: `.
 */
void project_print_error(const csvc_error *err);

/* From now on the templates in this folder (NULL: none), and those of C_SVC_TEMPLATES, win over
 * ours, where they are. */
csvc_code project_use_templates(project *p, const char *folder, csvc_error *err);

/* One file more, ready-made. */
void project_add(project *p, const char *path, gen_owner owner, csvc_bytes content);

/* One file more, from a template; rendered at once: what comes later reads what came before. */
csvc_code project_render(project *p, const char *path, gen_owner owner, const char *template,
                         const gen_value *scope, csvc_error *err);

/* A file of the project: out of the plan or from its folder. NULL data when there is none. */
csvc_code project_read(project *p, const char *path, csvc_bytes *ret_content, csvc_error *err);
bool project_has(project *p, const char *path);

/* A file of the project as it is shown: seen from the folder c-svc was started in, once it is
 * there. */
const char *project_shown(const project *p, const char *path);

/* Where a file lies that c-svc calls so: there, or where the user moved it; NULL: nowhere. */
const char *project_place(project *p, const char *path);
const char *project_moved_to(const project *p, const char *path);
void project_moved(project *p, const char *path, const char *at);

/* The protos that belong to the project, imported ones too, as `path in the project`. */
void project_protos(project *p, cli_list *ret_paths);

/* Where the proto that is imported by this name lies in the project; the name, when nowhere. */
const char *project_proto_path(project *p, const char *name);

/* The rpcs that are served here, as the protos have them; ends with NULL. */
const gen_rpc *const *project_rpcs(const project *p);

/* The entities, services and rpcs that code is made for. */
typedef struct project_counts {
    size_t services, rpcs;
    size_t stubs;      /* rpcs whose handlers are not generated */
    cli_list entities; /* names of their messages */
} project_counts;
void project_count(const project *p, project_counts *ret_counts);

/* server/PREFIX/RPC.c and tests/PREFIX/RPC_test.c. */
const char *project_handler_path(csvc_arena *a, const gen_rpc *rpc);
const char *project_test_path(csvc_arena *a, const gen_rpc *rpc);

/* "create user", "list users", "yours to write". */
const char *project_served(csvc_arena *a, const gen_rpc *rpc);

#endif /* PROJECT_H */
