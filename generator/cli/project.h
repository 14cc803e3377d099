/*
 * project.h: what a project consists of: every file of it, made from its configuration and model.
 *
 * project_plan_own lists what becomes the user's (born once or merged), project_plan_gen what stays
 * ours (gen/ and .c-svc/). gen/ follows from c-svc.yaml, the protos, the migrations and which
 * handlers and tests are there, and from nothing else; gen/project.mk says so to make.
 */
#ifndef CLI_PROJECT_H
#define CLI_PROJECT_H

#include "config.h"
#include "output/output.h"
#include "pipeline.h"

typedef struct project {
    csvc_arena *a;
    config config;
    pipeline *pipeline;
    const char *root; /* its folder; NULL: not on disk yet, all there is stands in the plan */
    gen_templates templates; /* config.templates, where it lies */
    gen_plan plan;           /* what project_plan_... came to, rendered */
    cli_list inputs;         /* paths of what gen/ is made from */
} project;

enum {
    PROJECT_MAX_FILE = 64 << 20
};

/* Fills project and pipeline from the c-svc.yaml here or above (generate.c). */
csvc_code project_open(csvc_arena *a, project *p, pipeline *pipeline, csvc_error *err);

/* Finds the protos that the configuration lists. */
csvc_code project_name_protos(project *p, csvc_error *err);

/* What went wrong, on standard error: as it is when it begins with a place, else behind `c-svc: `.
 */
void project_print_error(const csvc_error *err);

/* From now on the templates in this folder, where they are, win over ours. */
csvc_code project_use_templates(project *p, const char *folder, csvc_error *err);

/* c-svc.yaml, and copies of the protos: what the rest is made from. `copies` are pairs of path in
 * the project and path on disk. */
csvc_code project_plan_sources(project *p, const protoc_file *copies, size_t n_copies,
                               csvc_error *err);

/* One file more, ready-made. */
void project_add(project *p, const char *path, gen_owner owner, csvc_bytes content);

/* One file more, from a template; rendered at once: what comes later reads what came before. */
csvc_code project_render(project *p, const char *path, gen_owner owner, const char *template,
                         const gen_value *scope, csvc_error *err);

/* Handlers, migrations, tests, main.c, Makefile, README.md... and their recorded bases. */
csvc_code project_plan_own(project *p, csvc_error *err);

/* gen/ and .c-svc/lock.json; after the two above, when they are wanted. */
csvc_code project_plan_gen(project *p, csvc_error *err);

/* A file of the project: out of the plan or from its folder. NULL data when there is none. */
csvc_code project_read(project *p, const char *path, csvc_bytes *ret_content, csvc_error *err);
bool project_has(project *p, const char *path);

/* The protos that belong to the project, imported ones too, as `path in the project`. */
void project_protos(project *p, cli_list *ret_paths);

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

/* Handlers and tests of rpcs that are gone: files where one of ours would be, with what one of ours
 * has in it. Nothing compiles them any more. */
void project_strays(project *p, cli_list *ret_paths);

/* "create user", "list users", "yours to write". */
const char *project_served(csvc_arena *a, const gen_rpc *rpc);

/* A command line to try first; NULL when there is no rpc. */
const char *project_example(project *p);
/* An rpc as the client takes it: `create-user --username ada`. */
const char *project_example_rpc(project *p, const gen_rpc *rpc);
/* An rpc that takes a stream: `printf '{...}\n{...}\n' | build/NAME-client upload`. */
const char *project_example_lines(project *p, const gen_rpc *rpc);

/* ---- project_scope.c ---- */

/* What every template of the project sees: docs/internals/cli.md lists it. */
gen_value *project_scope(project *p);

/* ---- migrations.c ---- */

/* The steps in migrations/sqlite/, from 1 without gaps; INVALID_ARGUMENT when they are not. */
csvc_code migrations_list(project *p, cli_list *ret_paths, csvc_error *err);
csvc_code migrations_scope(project *p, gen_value *scope, csvc_error *err);
/* The first steps: a table for each entity. */
csvc_code migrations_plan_first(project *p, csvc_error *err);

/* ---- lock.c ---- */

/* The SHA-256 of what `sha256sum` prints of p->inputs; hex, in the arena. */
csvc_code lock_sum(project *p, const char **ret_hex, csvc_error *err);

/* The text of .c-svc/lock.json for what is in the plan. */
csvc_code lock_text(project *p, csvc_bytes *ret_text, csvc_error *err);

/* Files under gen/ that an earlier run made, that this one does not, and that nobody changed. */
csvc_code lock_stale(project *p, cli_list *ret_paths, csvc_error *err);

/* ---- tables.c ---- */

/*
 * Runs the steps in memory and compares the tables with the entities. What does not fit is reported
 * to the pipeline's diag, and listed as lines for gen/project.mk, with paths in the project. A step
 * that fails is an error, with its file and line. Nothing happens without storage.
 */
csvc_code tables_check(project *p, cli_list *ret_warnings, csvc_error *err);

#endif /* CLI_PROJECT_H */
