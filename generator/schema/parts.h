/*
 * schema/parts.h: what compare.c takes from answers.c and words.c.
 */
#ifndef SCHEMA_PARTS_H
#define SCHEMA_PARTS_H

#include "schema/schema.h"

/* ---- answers.c: --rename and --keep ---- */

typedef struct schema_rename {
    const char *text;  /* as it was given */
    const char *table; /* of the column; NULL: it was not said */
    const char *from, *to;
    size_t n_used; /* how many it fits */
} schema_rename;

typedef struct schema_answered {
    csvc_arena *a;
    const schema *there, *wanted;
    const schema_answers *answers;
    schema_rename *renames;
    size_t n_renames;
    bool *kept; /* whether a --keep was of use */
} schema_answered;

void schema_answers_read(schema_answered *s, schema_difference *d);

/* The table that is `wanted` by a new name, as an answer says; NULL. */
const schema_table *schema_answers_table(schema_answered *s, const schema_table *wanted);

/* The column of `there` that is `wanted` by a new name, as an answer says; NULL. */
const schema_column *schema_answers_column(schema_answered *s, const schema_table *there,
                                           const schema_table *wanted, const char *column);

bool schema_answers_keep(schema_answered *s, const char *table, const char *column);

/* Says which answers were of no use, or of too much. */
void schema_answers_finish(schema_answered *s, schema_difference *d);

/* ---- words.c: what a step is called ---- */

void schema_step_words(csvc_arena *a, schema_step *step);

#endif /* SCHEMA_PARTS_H */
