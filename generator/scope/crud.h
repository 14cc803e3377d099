/*
 * scope/crud.h: C of one statement or expression about a field, as stores, handlers and tests
 * write it. All in the arena; NULL: no memory, which gen_set_text and gen_push take as it is.
 */
#ifndef GEN_SCOPE_CRUD_H
#define GEN_SCOPE_CRUD_H

#include "scope/scope.h"

/* USER_STORE_USERNAME */
const char *gen_column_constant(csvc_arena *a, const gen_entity *entity, const gen_column *column);

/* The statements that put `value` into a field of one value: `user.name = value;` and, where its
 * presence is noted, that too. `of` is "user." or "rsp->". */
void gen_put_field(csvc_arena *a, gen_value *statements, const char *of, const gen_field *field,
                   const char *value);

/* The same from a field of another message, `from_of` "req->", of the same type: repeated too. */
void gen_copy_field(csvc_arena *a, gen_value *statements, const char *of, const gen_field *field,
                    const char *from_of, const gen_field *from);

/* Whether a field that notes its presence is there; "" when it notes none. */
const char *gen_given(csvc_arena *a, const char *of, const gen_field *field);

/* Whether a field is there or not at its default: "req->q[0] != '\0'". */
const char *gen_nonzero(csvc_arena *a, const char *of, const gen_field *field);

/*
 * The declaration `User__User user = USER__USER__INIT;`. Where a compiler would warn of that
 * initialiser (a union that starts with a struct), a copy of the type's initial struct instead.
 */
const char *gen_init_statement(csvc_arena *a, const gen_message *message, const char *name);

/* What a local variable for a row of this entity is called: clear of C's words and of ours. */
const char *gen_row_name(csvc_arena *a, const gen_entity *entity);

/* ---- test.c ---- */

/* What the test of an rpc that uses a store takes. */
void gen_scope_crud_test(csvc_arena *a, gen_value *scope, const gen_rpc *rpc);

#endif /* GEN_SCOPE_CRUD_H */
