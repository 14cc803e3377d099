/*
 * infer/infer.h: which messages are kept in tables, and which rpcs create, read, update, delete and
 * list them.
 *
 * Rule set 1, written down in docs/inference.md; options of c_svc/options.proto come before any
 * rule. Everything inferred carries its reason in words, which `c-svc explain` shows. Inference
 * only adds to the model (message->entity, rpc->crud, rpc->crud_reason). What it guesses never
 * refuses input, it may warn; what an option asks for and cannot be had is an error.
 *
 * What a file's entities look like depends on that file (and what it imports) alone, so a plugin
 * that sees one file at a time makes the same store as c-svc, which sees all of them.
 */
#ifndef GEN_INFER_H
#define GEN_INFER_H

#include "model/model.h"

typedef struct gen_column {
    gen_field *field;
    const char *name;  /* of the SQL column: full_name, as the field is written */
    uint32_t flags;    /* CSVC_COLUMN_... of csvc/store.h */
    uint32_t position; /* among the entity's columns: bit of its csvc_column_set */
    uint32_t max_len;
    bool indexed;            /* a plain index */
    bool nullable;           /* the SQL column may be NULL */
    const char *sqlite_type; /* INTEGER, REAL, TEXT, BLOB: docs/internals/store.md */
    const char *reason;      /* why it has these flags; NULL: nothing special */
} gen_column;

/* A field that is not kept, and why. */
typedef struct gen_left_out {
    gen_field *field;
    const char *reason;
} gen_left_out;

struct gen_entity {
    gen_message *message;
    const char *name;    /* user */
    const char *table;   /* users */
    const char *prefix;  /* user_store: package and message, as for services */
    gen_column *columns; /* as the fields are written */
    size_t n_columns;
    gen_column *key;
    const char *key_prefix; /* "books/": of names after aip.dev; NULL: none */
    gen_left_out *left_out;
    size_t n_left_out;
    const char *reason; /* why it is an entity */
};

typedef enum gen_crud_role {
    GEN_CRUD_CREATE = 1,
    GEN_CRUD_GET,
    GEN_CRUD_UPDATE,
    GEN_CRUD_DELETE,
    GEN_CRUD_LIST,
    GEN_CRUD_BATCH_GET,
    GEN_CRUD_STREAM, /* list, a row a message */
} gen_crud_role;

/* A request field whose value goes into a column (create, update) or must equal it (list). */
typedef struct gen_assign {
    gen_field *from;
    gen_column *to;
} gen_assign;

/* How an rpc maps onto the store. NULL members: the shape does not have it. */
struct gen_crud {
    gen_crud_role role;
    gen_entity *entity;

    /* Request. */
    gen_field *entity_field; /* CreateBookRequest.book: the whole entity comes in a field; */
    bool request_is_entity;  /* or the request is the entity itself; */
    gen_assign *assigns;     /* or its columns come one by one. List: columns that must be equal */
    size_t n_assigns;
    gen_field *key_field;  /* get, update, delete: the key in the request; create: the key that goes
                              into the entity of entity_field */
    gen_field *keys_field; /* batch get: repeated keys */
    gen_field *mask_field; /* update: a FieldMask */
    gen_field *page_field, *page_size_field, *page_token_field, *keyword_field;

    /* Reply. */
    bool reply_is_entity;
    gen_field *reply_field;     /* create, get, update, delete: the entity in a wrapper */
    gen_field *reply_key_field; /* create: only the key is answered */
    gen_field *success_field;   /* a bool set to true */
    gen_field *rows_field;      /* list, batch get: repeated entities */
    gen_field *total_field, *next_token_field;

    gen_field **ignored; /* request fields that nothing is done with (password) */
    size_t n_ignored;
    gen_field **refused; /* request fields that would change the answer: UNIMPLEMENTED when set */
    size_t n_refused;
    gen_field **unfilled; /* reply fields that stay at their default */
    size_t n_unfilled;
};

/* Adds entities and roles to the model. False when memory is short. */
bool gen_infer(gen_model *model, gen_diag *diag);

/* "create", "get", "update", "delete", "list", "batch get", "stream". */
const char *gen_crud_role_name(gen_crud_role role);

#endif /* GEN_INFER_H */
