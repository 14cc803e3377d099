/*
 * schema/create.h: a CREATE TABLE taken apart, so that one column can be another and the rest stays
 * as it was written: checks, foreign keys, defaults, columns that are computed.
 */
#ifndef SCHEMA_CREATE_H
#define SCHEMA_CREATE_H

#include "console/say.h"

typedef struct schema_definition {
    const char *name; /* of the column; NULL: a constraint of the table */
    const char *text;
} schema_definition;

typedef struct schema_create {
    schema_definition *definitions;
    size_t n_definitions;
    const char *tail; /* behind the bracket: "STRICT" */
} schema_create;

/* False when it is not understood. Comments are left out. */
bool schema_create_read(csvc_arena *a, const char *sql, schema_create *ret_create);

/* What a column becomes. */
typedef struct schema_redefinition {
    const char *type;  /* NULL: as it is */
    bool set_nullable; /* to `nullable` */
    bool nullable;
    bool set_key;         /* to `key` */
    const char *key;      /* "NOT NULL PRIMARY KEY"; "": none */
    const char *default_; /* NULL: as it is, but none where the type changes */
} schema_redefinition;

const char *schema_create_redefine(csvc_arena *a, const char *definition,
                                   const schema_redefinition *to);

#endif /* SCHEMA_CREATE_H */
