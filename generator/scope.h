/*
 * scope.h: help for those who make scopes (scope.c, scope_store.c, the project's): text that is
 * laid out before a template sees it, because templates cannot count columns.
 *
 * All results are arena memory; NULL: no memory, which gen_set_text and gen_push take as it is.
 */
#ifndef GEN_SCOPE_H
#define GEN_SCOPE_H

#include "output.h"

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

#endif /* GEN_SCOPE_H */
