/*
 * output.h: which files come out, and bringing them out: plan -> render -> write.
 *
 * A plan lists outputs, sorted by path, each with template, scope and owner. Rendering gives texts.
 * Writing makes a CodeGeneratorResponse of them (the plugin) or files (c-svc), the latter only
 * where the content differs.
 */
#ifndef GEN_OUTPUT_H
#define GEN_OUTPUT_H

#include "infer.h"
#include "request.h"
#include "template.h"

/* Who owns a file afterwards; design.md's words are in docs/internals/generator.md. */
typedef enum gen_owner {
    GEN_MACHINE = 0,   /* ours: rewritten at every run, under gen/ or .c-svc/ */
    GEN_BORN_ONCE = 1, /* written when absent, never again */
    GEN_MERGED = 2,    /* written when absent; later merged by `c-svc update` */
} gen_owner;

typedef struct gen_output {
    const char *path;     /* relative, '/' */
    const char *template; /* NULL: `content` is ready-made */
    gen_value *scope;
    gen_owner owner;
    const char *content; /* after rendering */
    size_t len;
} gen_output;

typedef struct gen_plan {
    gen_output *outputs;
    size_t n_outputs, max_outputs;
} gen_plan;

/* Adds one output; path, template and content are borrowed. False: no memory. */
bool gen_plan_add(csvc_arena *a, gen_plan *plan, gen_output output);

/* By path, byte by byte. */
void gen_plan_sort(gen_plan *plan);

/*
 * Adds the set of each file to generate, sorted: csvc.[ch], store.[ch] where it has entities,
 * pb-c.[ch] unless messages=off (messages.c).
 */
csvc_code gen_plan_sets(gen_plan *plan, const gen_model *model, const gen_request *request,
                        csvc_error *err);

/*
 * Fills `content` of every output that has a template, in memory of the arena. A wrong template is
 * INVALID_ARGUMENT with `template:line: ...`; two outputs with one path are INVALID_ARGUMENT, too.
 */
csvc_code gen_plan_render(csvc_arena *a, gen_plan *plan, const gen_templates *templates,
                          csvc_error *err);

enum {
    GEN_MAX_OUTPUT = 256 << 20 /* bytes of one output */
};

/* Runs protoc-gen-c on the request, changed as design.md section 3 says, and adds its files to the
 * plan (messages.c). */
csvc_code gen_messages(gen_plan *plan, const gen_model *model, const gen_request *request,
                       csvc_error *err);

/*
 * ---- scope*.c: the only files that know both model and templates ----
 *
 * NULL: no memory; a scope in which something could not be made fails when it is rendered. Names
 * are listed in docs/internals/templates.md.
 */

gen_value *gen_scope_file(csvc_arena *a, const gen_file *file);
gen_value *gen_scope_service(csvc_arena *a, const gen_service *service);
gen_value *gen_scope_rpc(csvc_arena *a, const gen_rpc *rpc);
gen_value *gen_scope_message(csvc_arena *a, const gen_message *message);

/* What gen/store.[ch].tmpl take: the file's names and its entities (scope_store.c). */
gen_value *gen_scope_store(csvc_arena *a, const gen_model *model, const gen_file *file);

/*
 * What project/server/PREFIX/RPC.c.tmpl and project/tests/PREFIX/RPC_test.c.tmpl take: an rpc and
 * what it does with the store, if anything (scope_crud.c, scope_test.c). Unary rpcs only.
 */
gen_value *gen_scope_handler(csvc_arena *a, const gen_model *model, const gen_rpc *rpc);

/* What project/migrations/sqlite/VERSION_TABLE.sql.tmpl takes, to become
 * migrations/sqlite/0001_users.sql (scope_store.c). */
gen_value *gen_scope_migration(csvc_arena *a, const gen_entity *entity);

/* Statements for a later step, in one line: a column and its index added to the table; the whole
 * table. NULL when memory is short. */
const char *gen_sql_add_column(csvc_arena *a, const gen_entity *entity, const gen_column *column);
const char *gen_sql_make_table(csvc_arena *a, const gen_entity *entity);

#endif /* GEN_OUTPUT_H */
