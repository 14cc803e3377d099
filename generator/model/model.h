/*
 * model/model.h: a project's .proto files as the generator sees them.
 *
 * Built from descriptors once (build.c), named once (names.c), then only read. Everything lives in
 * one arena; pointers between nodes are plain. Order is the order of the .proto; fields also come
 * by number, as protobuf-c has them. The model knows nothing of templates. What inference adds
 * (entities, what an rpc does) is in infer.h and hangs off `entity` and `crud`.
 */
#ifndef GEN_MODEL_H
#define GEN_MODEL_H

#include <csvc/message.h>
#include <csvc/service.h>
#include "common/diag.h"

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
 * gen_comment_escape. Messages, enums and services have no trailing one: protoc takes a detached
 * comment behind the opening brace for it. */
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
    const char *c_lower;   /* user__kind: descriptor */
    const char *c_upper;   /* USER__KIND: before its constants */
    gen_file *file;
    gen_message *parent; /* NULL: at top level */
    bool closed;         /* of a proto2 file */
    gen_enum_value *values;
    size_t n_values;
    const struct CsvcPb__EnumDescriptorProto *proto;
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
    uint32_t rules; /* CSVC_RULE_...: which of those that follow are given, and required, max_len */
    uint32_t min_len, min_items, max_items;
    double min, max;
    const char *column; /* NULL: the field's name */
} gen_field_options;

struct gen_field {
    const char *name;      /* fullName, as written */
    const char *c_name;    /* fullname: the member in protobuf-c's struct */
    bool renamed;          /* c_name has a '_' that protobuf-c would not have put there by itself */
    const char *json_name; /* fullName */
    const char *c_type; /* of one value: "int64_t", "protobuf_c_boolean", "char *" (or "const char
                           *", by pb_c_file.const_strings), "ProtobufCBinaryData", "User__Kind",
                           "User__User *" */
    uint32_t number;
    uint32_t index;    /* among the message's fields by number */
    uint32_t position; /* among them as written */
    csvc_kind kind;
    csvc_label label;
    uint32_t flags;        /* CSVC_FIELD_... */
    gen_message *message;  /* kind MESSAGE */
    gen_enum *enumeration; /* kind ENUM */
    gen_oneof *oneof;
    gen_message *parent;     /* NULL: an extension */
    const char *extendee;    /* an extension of this message, and name is a full one; else NULL */
    gen_field *next_of_type; /* resolve.c's: another field of the same message type */
    bool deprecated;
    bool group;                /* a proto2 group: check refuses it */
    bool string_as_bytes;      /* (pb_c_field): check refuses it */
    const char *case_constant; /* in a oneof, `optional` too: USER__USER__O_FULLNAME, else NULL */
    const char *default_text;  /* proto2 default as in the descriptor; NULL: none */
    size_t default_len;
    gen_field_options options;
    gen_place place;
    gen_comments comments;
};

struct gen_oneof {
    const char *name;
    const char *c_name;   /* the case member is c_name_case */
    const char *c_prefix; /* of its constants: USER__USER__O; none set: c_prefix__NOT_SET */
    const char *c_type;   /* of the case member: User__User__OCase */
    bool synthetic;       /* of a proto3 `optional` */
    gen_message *parent;
    gen_field **fields;
    size_t n_fields;
    gen_place place;
    gen_comments comments;
};

struct gen_message {
    const char *name;      /* User */
    const char *full_name; /* user.User */
    const char *c_type;    /* User__User */
    const char *c_lower;   /* user__user: descriptor, init, pack... */
    const char *c_upper;   /* USER__USER: INIT */
    const char *c_base;    /* the first member: base, or what stands clear of a field `base` */
    gen_file *file;
    gen_message *parent;
    uint32_t order;        /* in the model */
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
    bool has_rules;    /* the same: rules of values */
    csvc_well_known well_known;
    /* (c_svc.message) */
    const char *entity_name; /* the option's name; NULL: not given */
    const char *table;       /* NULL: not given */
    bool has_entity_option, entity_option;
    gen_entity *entity;            /* NULL: it is none */
    const char *entity_reason;     /* infer.h: why it is none; NULL: nobody would expect one */
    gen_place entity_reason_place; /* of what that is about */
    const char *base_option;       /* (pb_c_msg).base_field_name; NULL: not given */
    const struct CsvcPb__DescriptorProto *proto;
    gen_place place;
    gen_comments comments;
};

struct gen_rpc {
    const char *name;   /* GetUser */
    const char *c_name; /* get_user: within longer names, and of the handler's file */
    const char *member; /* the slot in the ops table: c_name, or c_name_ where that is a word of C,
                           of C++ or a macro (delete_) */
    const char *path;   /* /user.UserService/GetUser */
    uint32_t index;     /* in the service */
    gen_service *service;
    csvc_rpc_kind kind;
    gen_message *request;
    gen_message *reply;
    bool is_inline;
    bool deprecated;
    const struct CsvcPb__Retry *retry; /* (c_svc.rpc).retry; NULL: not given */
    const struct CsvcPb__MethodDescriptorProto *proto;
    gen_crud *crud;          /* NULL: none of our business */
    const char *crud_reason; /* infer.h: why it has that role, or none; NULL: nothing to say */
    gen_place place;
    gen_comments comments;
};

struct gen_service {
    const char *name;          /* UserService */
    const char *full_name;     /* user.UserService */
    const char *prefix;        /* user_service */
    const char *upper;         /* USER_SERVICE: macros */
    const char *prefix_option; /* (c_svc.c_prefix); NULL: not given */
    gen_file *file;
    gen_rpc *rpcs;
    size_t n_rpcs;
    uint32_t index; /* in the file */
    bool deprecated;
    gen_place place;
    gen_comments comments;
};

struct gen_file {
    const char *name;      /* user.proto, a/b/user.proto: as imported */
    const char *base;      /* without .proto */
    const char *package;   /* "" when there is none */
    const char *c_package; /* what protobuf-c takes for it; NULL: the package */
    const char *c_lower;   /* of the file, for what is one a file: user; a/b_c.proto: a__b_c */
    int syntax;            /* 2, 3; 0: neither */
    uint32_t order;        /* in the model */
    bool provides_types;   /* `import public` of it hands its C on */
    bool generate;         /* asked for, not only imported */
    bool served;           /* and its services are implemented here, not only called */
    bool no_code;          /* (pb_c_file).no_generate: there is no C of it, ours neither */
    bool code_size;        /* optimize_for = CODE_SIZE: protobuf-c leaves the names out */
    bool oneof_names;      /* (pb_c_file).use_oneof_field_name: check refuses it */
    bool const_strings;    /* (pb_c_file).const_strings */
    gen_file **imports;    /* all of them, in order */
    size_t n_imports;
    gen_file **uses; /* the files that hold a type its fields or rpcs name, itself left out: what
                        its headers include. Imported directly or publicly through others; never
                        what only options use */
    size_t n_uses;
    gen_file **field_uses; /* those of `uses` that its fields need: what its .pb-c.h includes */
    size_t n_field_uses;
    gen_message **messages; /* at top level */
    size_t n_messages;
    gen_message **all_messages; /* every one, parents before children */
    size_t n_all_messages;
    gen_enum **enums; /* at top level */
    size_t n_enums;
    gen_enum **all_enums; /* every one */
    size_t n_all_enums;
    gen_service *services;
    size_t n_services;
    gen_field **extensions; /* every one; no C is made of them: what they are without C names */
    size_t n_extensions;
    csvc_bytes descriptor; /* the serialized FileDescriptorProto, without source info */
    const struct CsvcPb__FileDescriptorProto *proto;
    gen_place place; /* line 0 */
    gen_place package_place, syntax_place;
    gen_place pb_c_place; /* of the first of its pb_c_file options */
    bool deprecated;
    gen_comments comments; /* of the syntax line */
};

struct gen_model {
    csvc_arena *arena;
    gen_file **files; /* imports first */
    size_t n_files;
    gen_entity **entities; /* sorted by full name */
    size_t n_entities;
    uint32_t inference;      /* rule set */
    struct gen_index *index; /* build.c's: full name to message, enum or file */
};

/* Makes a comment safe inside a C comment: no end or start marker, no trailing backslash, no
 * trigraph that would be one, control characters out. Lines lose the blank that follows the comment
 * marker and blanks at their end; empty lines at start and end go. Arena memory; NULL: no memory.
 */
const char *gen_comment_escape(csvc_arena *a, const char *text);

/* The message or enum with this full name ("user.User"); NULL when there is none. */
gen_message *gen_model_message(const gen_model *model, const char *full_name);
gen_enum *gen_model_enum(const gen_model *model, const char *full_name);
gen_file *gen_model_file(const gen_model *model, const char *name);

/* Fills the C names of a service and its rpcs, which have all the rest. False: no memory. */
bool gen_model_name_service(csvc_arena *a, gen_service *service);

#endif /* GEN_MODEL_H */
