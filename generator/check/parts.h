/* check/parts.h: what the files of the check share. */
#ifndef GEN_CHECK_PARTS_H
#define GEN_CHECK_PARTS_H

#include "common/index.h"
#include "model/model.h"
#include "request/request.h"

typedef struct gen_checking {
    const gen_model *model;
    const gen_parameters *parameters;
    gen_diag *diag;
    csvc_arena *a;
    gen_index members; /* of the message that is checked: members.c's */
    bool *reached;     /* by a file's order: its C is generated, or included by what is generated */
} gen_checking;

/* ---- members.c: what is within one message ---- */

void gen_check_message(gen_checking *c, const gen_message *message);

/* ---- rules.c: what options ask of a field's values ---- */

void gen_check_rules(gen_checking *c, const gen_field *field);

/* ---- symbols.c: names that the C compiler and the linker see ---- */

void gen_check_symbols(gen_checking *c);

#endif /* GEN_CHECK_PARTS_H */
