/*
 * template/parts.h: what the files of the engine share: values (value.c), finding
 * (load.c), parsed templates (parse.c), running them (template.c).
 */
#ifndef GEN_TEMPLATE_PARTS_H
#define GEN_TEMPLATE_PARTS_H

#include "template/template.h"

/* ---- values ---- */

typedef enum gen_value_type {
    GEN_VALUE_TEXT,
    GEN_VALUE_TRUTH,
    GEN_VALUE_LIST,
    GEN_VALUE_OBJECT,
} gen_value_type;

typedef struct gen_member {
    uint32_t hash;
    uint32_t name_len;
    const char *name;
    gen_value *value;
} gen_member;

struct gen_value {
    uint8_t type; /* a gen_value_type */
    bool truth;   /* of a text or number, too */
    bool failed;  /* something that belongs here could not be made */
    uint32_t max; /* of a list's items, an object's members */
    size_t len;   /* bytes, items, members */
    union {
        const char *text;
        gen_value **items;
        gen_member *members;
    } as;
};

/* Names are compared by hash first. */
uint32_t gen_name_hash(const char *name, size_t len);

/* The member with this name, NULL when there is none. */
const gen_value *gen_object_find(const gen_value *object, uint32_t hash, const char *name,
                                 size_t len);

/* ---- parsed templates ---- */

typedef struct gen_segment {
    const char *name;
    uint32_t len;
    uint32_t hash;
} gen_segment;

/* A dotted name. `text` points into the template. */
typedef struct gen_path {
    const char *text;
    uint32_t len;
    uint32_t n_segments;
    gen_segment segments[GEN_TEMPLATE_MAX_SEGMENTS];
} gen_path;

typedef enum gen_op_kind {
    GEN_OP_TEXT,
    GEN_OP_INSERT,
    GEN_OP_EACH, /* runs the ops up to `target` for each item */
    GEN_OP_IF,   /* goes to `target` unless the condition holds */
    GEN_OP_JUMP, /* the end of what an @else follows */
    GEN_OP_INCLUDE,
} gen_op_kind;

typedef struct gen_op {
    uint8_t kind;  /* a gen_op_kind */
    bool negated;  /* @if not */
    uint32_t line; /* from 1 */
    uint32_t target;
    uint32_t text_len;
    const char *text;      /* TEXT; INCLUDE: the name; INSERT: the blanks its line starts with */
    const gen_path *path;  /* INSERT, EACH, IF */
    gen_segment variable;  /* EACH */
    struct gen_parsed *to; /* INCLUDE: once it has been run */
} gen_op;

typedef struct gen_parsed {
    struct gen_parsed *next; /* of this render's templates */
    const char *name;
    const char *shown; /* what errors call it */
    gen_op *ops;
    size_t n_ops, max_ops;
} gen_parsed;

/* gen_template_load, and the path of the file it was; NULL of an embedded one. */
csvc_code gen_template_find(csvc_arena *a, const gen_templates *templates, const char *name,
                            csvc_bytes *ret_text, const char **ret_path, csvc_error *err);

/* Fills ops from the text, which must outlive them. */
csvc_code gen_template_parse(csvc_arena *a, gen_parsed *template, csvc_bytes text, csvc_error *err);

#endif /* GEN_TEMPLATE_PARTS_H */
