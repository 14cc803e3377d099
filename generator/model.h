/*
 * model.h: a project's .proto files as the generator sees them.
 *
 * Built from descriptors once (model.c), named once (names.c), then only read. Everything lives in
 * one arena; pointers between nodes are plain. Order is the order of the .proto; fields also come
 * by number, as protobuf-c has them. The model knows nothing of templates. What inference adds
 * (entities, what an rpc does) is in infer.h and hangs off `entity` and `crud`.
 */
#ifndef GEN_MODEL_H
#define GEN_MODEL_H

#include <csvc/message.h>
#include <csvc/service.h>
#include "diag.h"

typedef struct gen_model gen_model;
typedef struct gen_file gen_file;
typedef struct gen_message gen_message;
typedef struct gen_enum gen_enum;
typedef struct gen_field gen_field;
typedef struct gen_oneof gen_oneof;
typedef struct gen_service gen_service;
typedef struct gen_rpc gen_rpc;
typedef struct gen_entity gen_entity; /* infer.h */
typedef struct gen_crud gen_crud;     /* infer.h */

/* Comment text without the comment markers, lines kept; NULL: none. Not yet safe for C: see
 * gen_comment_escape. */
typedef struct gen_comments {
    const char *leading;
    const char *trailing;
} gen_comments;

typedef struct gen_enum_value {
    const char *name;   /* KIND_A */
    const char *c_name; /* USER__KIND__KIND_A */
    int32_t number;
    gen_place place;
    gen_comments comments;
} gen_enum_value;

struct gen_enum {
    const char *name;      /* Kind */
    const char *full_name; /* user.Kind */
    const char *c_type;    /* User__Kind */
    const char *c_lower;   /* user__kind */
    gen_file *file;
    gen_message *parent; /* NULL: at top level */
    bool closed;
    gen_enum_value *values;
    size_t n_values;
    gen_place place;
    gen_comments comments;
};

/* (c_svc.field), with presence, because false and absent differ for inference. */
typedef struct gen_field_options {
    bool has_key, key;
    bool has_unique, unique;
    bool has_required, required;
    bool has_search, search;
    bool has_index, index;
    bool has_stored, stored; /* false: no column */
    uint32_t max_len;
    const char *column; /* NULL: the field's name */
} gen_field_options;

struct gen_field {
    const char *name;      /* fullName, as written */
    const char *c_name;    /* fullname: the member in protobuf-c's struct */
    const char *json_name; /* fullName */
    const char *c_type; /* of one value: "int64_t", "char *", "ProtobufCBinaryData", "User__Kind",
                           "User__User *" */
    uint32_t number;
    uint32_t index; /* among the message's fields by number */
    csvc_kind kind;
    csvc_label label;
    uint32_t flags;        /* CSVC_FIELD_... */
    gen_message *message;  /* kind MESSAGE */
    gen_enum *enumeration; /* kind ENUM */
    gen_oneof *oneof;
    gen_message *parent;
    bool deprecated;
    gen_field_options options;
    gen_place place;
    gen_comments comments;
};

struct gen_oneof {
    const char *name;
    const char *c_name;   /* the case member is c_name_case */
    const char *c_prefix; /* of its constants: USER__USER__O */
    bool synthetic;       /* of a proto3 `optional` */
    gen_field **fields;
    size_t n_fields;
    gen_place place;
};

struct gen_message {
    const char *name;      /* User */
    const char *full_name; /* user.User */
    const char *c_type;    /* User__User */
    const char *c_lower;   /* user__user: descriptor, init, pack... */
    const char *c_upper;   /* USER__USER: INIT */
    gen_file *file;
    gen_message *parent;
    gen_field **fields;    /* as written */
    gen_field **by_number; /* as protobuf-c sorts them */
    size_t n_fields;
    gen_oneof *oneofs;
    size_t n_oneofs;
    gen_message **messages; /* within it, map entries too */
    size_t n_messages;
    gen_enum **enums;
    size_t n_enums;
    bool map_entry;
    bool has_required; /* it, or a message in it */
    csvc_well_known well_known;
    /* (c_svc.message) */
    const char *entity_name; /* the option's name; NULL: not given */
    const char *table;       /* NULL: not given */
    bool has_entity_option, entity_option;
    gen_entity *entity; /* NULL: it is none */
    gen_place place;
    gen_comments comments;
};

struct gen_rpc {
    const char *name;   /* GetUser */
    const char *c_name; /* get_user */
    const char *path;   /* /user.UserService/GetUser */
    gen_service *service;
    csvc_rpc_kind kind;
    gen_message *request;
    gen_message *reply;
    bool is_inline;
    bool deprecated;
    gen_crud *crud; /* NULL: none of our business */
    gen_place place;
    gen_comments comments;
};

struct gen_service {
    const char *name;      /* UserService */
    const char *full_name; /* user.UserService */
    const char *prefix;    /* user_service */
    gen_file *file;
    gen_rpc *rpcs;
    size_t n_rpcs;
    bool deprecated;
    gen_place place;
    gen_comments comments;
};

struct gen_file {
    const char *name;    /* user.proto, a/b/user.proto: as imported */
    const char *base;    /* without .proto */
    const char *package; /* "" when there is none */
    const char *c_lower; /* of the file: user, a_b_user; for what is one a file */
    int syntax;          /* 2 or 3 */
    bool generate;       /* asked for, not only imported */
    gen_file **imports;
    size_t n_imports;
    gen_message **messages; /* at top level */
    size_t n_messages;
    gen_message **all_messages; /* every one, parents before children */
    size_t n_all_messages;
    gen_enum **enums; /* at top level */
    size_t n_enums;
    gen_service *services;
    size_t n_services;
    csvc_bytes descriptor; /* the serialized FileDescriptorProto, without source info */
    const void *proto;     /* CsvcPb__FileDescriptorProto */
    bool deprecated;
    gen_comments comments; /* of the syntax line */
};

struct gen_model {
    csvc_arena *arena;
    gen_file **files; /* imports first */
    size_t n_files;
    gen_entity **entities; /* sorted by full name */
    size_t n_entities;
    uint32_t inference; /* rule set */
};

/* Makes a comment safe inside a C comment: no end marker, no trailing backslash, control characters
 * out. Arena memory. */
const char *gen_comment_escape(csvc_arena *a, const char *text);

#endif /* GEN_MODEL_H */
