/*
 * scope/scope.h: help for those who make scopes (scope.c, store.c, the project's): text that is
 * laid out before a template sees it, because templates cannot count columns.
 *
 * All results are arena memory; NULL: no memory, which gen_set_text and gen_push take as it is.
 */
#ifndef GEN_SCOPE_H
#define GEN_SCOPE_H

#include "infer/infer.h"
#include "template/template.h"

enum {
    GEN_COLUMNS = 100 /* how wide generated code is */
};

/*
 * A list in brackets, filled as clang-format fills it: `prefix` (up to and with the bracket), the
 * items with commas between them, `suffix`. Where a line is full the next one starts below the
 * first item, or, when an item does not fit there behind a '(', four blanks in, all of them.
 * `column` is where the template inserts it; the engine repeats that indentation itself.
 *
 *     csvc_code f(void *self, csvc_ctx *ctx,
 *                 const T *req);
 */
char *gen_layout(csvc_arena *a, size_t column, const char *prefix, const char *const *items,
                 size_t n_items, const char *suffix);

/*
 * Text as a C comment: on one line where it fits, else a block. Lines are kept, too long ones
 * broken at blanks. `text` has been through gen_comment_escape; "" for "". NULL is passed on.
 */
char *gen_layout_comment(csvc_arena *a, size_t column, const char *text);

/*
 * The function of an rpc's handler: `prefix` up to and with the bracket, `self` as its first
 * parameter ("struct service *svc"), ctx, request and reply or streams, `suffix`. For column 0.
 */
char *gen_layout_handler(csvc_arena *a, const gen_rpc *rpc, const char *prefix, const char *self,
                         const char *suffix);

/* A C string literal, quotes included. */
char *gen_c_string(csvc_arena *a, const char *text);

/* "0x0a, 0x01,": sixteen bytes a line, each with its comma. */
char *gen_c_bytes(csvc_arena *a, csvc_bytes bytes);

/*
 * ---- scope/: the only folder that knows both model and templates ----
 *
 * NULL: no memory; a scope in which something could not be made fails when it is rendered. Names
 * are listed in docs/internals/templates.md.
 */

gen_value *gen_scope_file(csvc_arena *a, const gen_file *file);
gen_value *gen_scope_service(csvc_arena *a, const gen_service *service);
gen_value *gen_scope_rpc(csvc_arena *a, const gen_rpc *rpc);
gen_value *gen_scope_message(csvc_arena *a, const gen_message *message);

/* What gen/store.[ch].tmpl take: the file's names and its entities (store.c). */
gen_value *gen_scope_store(csvc_arena *a, const gen_model *model, const gen_file *file);

/*
 * What project/server/PREFIX/RPC.c.tmpl and project/tests/PREFIX/RPC_test.c.tmpl take: an rpc and
 * what it does with the store, if anything (crud.c, test.c). Unary rpcs only.
 */
gen_value *gen_scope_handler(csvc_arena *a, const gen_model *model, const gen_rpc *rpc);

#endif /* GEN_SCOPE_H */
