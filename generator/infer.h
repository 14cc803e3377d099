/*
 * infer.h: which messages are kept in tables, and which rpcs create, read, update, delete and list
 * them.
 *
 * Rule set 1, written down in docs/inference.md; options of c_svc/options.proto come before any
 * rule. Everything inferred carries its reason in words, which `c-svc explain` shows. Inference
 * only adds to the model (message->entity, rpc->crud); it never refuses input, it may warn.
 */
#ifndef GEN_INFER_H
#define GEN_INFER_H

#include "model.h"

typedef struct gen_column {
    gen_field *field;
    const char *name; /* full_name */
    uint32_t flags;   /* CSVC_COLUMN_... of csvc/store.h */
    uint32_t max_len;
    bool indexed; /* a plain index */
    bool nullable;
    const char *sqlite_type; /* INTEGER, REAL, TEXT, BLOB */
    const char *reason;      /* why it has these flags; NULL: nothing special */
} gen_column;

struct gen_entity {
    gen_message *message;
    const char *name;    /* user */
    const char *table;   /* users */
    const char *prefix;  /* user_store */
    gen_column *columns; /* as the fields are written */
    size_t n_columns;
    gen_column *key;
    gen_field **left_out; /* fields without a column, with reasons */
    const char **left_out_reasons;
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
    gen_assign *assigns;     /* or its columns come one by one */
    size_t n_assigns;
    gen_field *key_field;  /* get, update, delete: the key, in the request (or within entity_field
                              when NULL) */
    gen_field *keys_field; /* batch get: repeated keys */
    gen_field *mask_field; /* update: a FieldMask */
    gen_field *page_field, *page_size_field, *page_token_field, *keyword_field;

    /* Reply. */
    bool reply_is_entity;
    gen_field *reply_field;     /* create, get, update: the entity in a wrapper */
    gen_field *reply_key_field; /* create: only the key is answered */
    gen_field *success_field;   /* a bool set to true */
    gen_field *rows_field;      /* list, batch get: repeated entities */
    gen_field *total_field, *next_token_field;

    gen_field **ignored; /* request fields that nothing is done with (password) */
    size_t n_ignored;
    const char *reason;
};

/* Adds entities and roles to the model. False when memory is short. */
bool gen_infer(gen_model *model, gen_diag *diag);

#endif /* GEN_INFER_H */
