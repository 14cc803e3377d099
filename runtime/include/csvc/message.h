/*
 * csvc/message.h: messages to the wire and back, to JSON, copied and compared.
 *
 * The structs, INIT macros and descriptors of a message are protobuf-c's; what they lack (syntax,
 * maps, JSON names, well-known kinds, a table made for decoding) is in the csvc_message_type that
 * the plugin emits for each message. The functions here work from that table: one pass, into an
 * arena, never trusting the input. They follow https://protobuf.dev/programming-guides/encoding and
 * .../programming-guides/json; unknown fields are kept and written again.
 *
 * protobuf_c_message_unpack() and _pack() are never called: deviations.md says what is wrong
 * there.
 *
 * No function here blocks, locks or keeps what it was given; any thread, one thread an arena.
 *
 *     const User__User *user;
 *     csvc_error err = {CSVC_ERROR_INIT};
 *
 *     if (csvc_decode(a, &user__user__type, bytes, NULL, (void *)&user, &err) == CSVC_OK) {
 *         char *json = csvc_json_print(a, &user__user__type, user, NULL, &err);
 *     }
 *
 * csvc_json_read() is the way back.
 */
#ifndef CSVC_MESSAGE_H
#define CSVC_MESSAGE_H

#include <csvc/arena.h>
#include <csvc/code.h>
#include <protobuf-c/protobuf-c.h>

CSVC_BEGIN_DECLS

/* How a field's value is kept in the struct and written on the wire. */
typedef enum csvc_kind {
    CSVC_KIND_INT32 = 1,
    CSVC_KIND_INT64,
    CSVC_KIND_UINT32,
    CSVC_KIND_UINT64,
    CSVC_KIND_SINT32,
    CSVC_KIND_SINT64,
    CSVC_KIND_FIXED32,
    CSVC_KIND_FIXED64,
    CSVC_KIND_SFIXED32,
    CSVC_KIND_SFIXED64,
    CSVC_KIND_FLOAT,
    CSVC_KIND_DOUBLE,
    CSVC_KIND_BOOL,
    CSVC_KIND_ENUM,
    CSVC_KIND_STRING,
    CSVC_KIND_BYTES,
    CSVC_KIND_MESSAGE,
} csvc_kind;

/*
 * How many values a field has and where their presence is noted. A message that is neither
 * required nor repeated nor in a oneof is OPTIONAL in both syntaxes.
 */
typedef enum csvc_label {
    CSVC_LABEL_IMPLICIT = 1, /* proto3: absent is the zero value; no quantifier */
    CSVC_LABEL_OPTIONAL,     /* the quantifier is has_x; strings and messages: a pointer, 0 */
    CSVC_LABEL_REQUIRED,     /* proto2 required; no quantifier */
    CSVC_LABEL_REPEATED,     /* the quantifier is n_x */
    CSVC_LABEL_ONEOF,        /* the quantifier is the case; proto3 `optional` comes so too */
} csvc_label;

enum {
    CSVC_FIELD_PACKED = 1,      /* written packed; both forms are read */
    CSVC_FIELD_CLOSED_ENUM = 2, /* an enum of a proto2 file: numbers without a name are unknown */
    CSVC_FIELD_UTF8 = 4,        /* proto3 string: checked; proto2 strings are not */
    CSVC_FIELD_MAP = 8,         /* repeated entries with a key and a value */
    CSVC_FIELD_PRESENCE = 16,   /* proto3 `optional`: its oneof is not the user's */
    CSVC_FIELD_PTR_DEFAULT = 32 /* a proto2 string default: a pointer to it is absence */
};

typedef enum csvc_well_known {
    CSVC_WKT_NONE = 0,
    CSVC_WKT_ANY,
    CSVC_WKT_TIMESTAMP,
    CSVC_WKT_DURATION,
    CSVC_WKT_EMPTY,
    CSVC_WKT_STRUCT,
    CSVC_WKT_VALUE,
    CSVC_WKT_LIST_VALUE,
    CSVC_WKT_FIELD_MASK,
    CSVC_WKT_WRAPPER, /* Int32Value and its eight siblings */
} csvc_well_known;

enum {
    CSVC_MESSAGE_MAP_ENTRY = 1,
    CSVC_MESSAGE_REQUIRED = 2, /* it, or a message however deep in it, has required fields */
    CSVC_MESSAGE_RULES = 4,    /* it, or a message however deep in it, has rules to be validated */
};

typedef struct csvc_message_type csvc_message_type;

/*
 * One field, as the codec wants it; the name and the default are in descriptor->fields, same
 * index. All of it is a constant expression in C: offsetof()s and addresses.
 *
 *     {17, offsetof(User__User, email), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, CSVC_FIELD_UTF8,
 *      NULL}
 */
typedef struct csvc_field {
    uint32_t number;
    uint32_t offset;     /* of the value, or of the pointer to the values */
    uint32_t quantifier; /* of has_x, n_x or the oneof's case; 0 when there is none */
    uint8_t kind;        /* a csvc_kind */
    uint8_t label;       /* a csvc_label */
    uint16_t flags;      /* CSVC_FIELD_... */
    const void *sub;     /* csvc_message_type or ProtobufCEnumDescriptor */
} csvc_field;

enum {
    CSVC_RULE_REQUIRED = 1, /* absent, or the zero value: refused */
    CSVC_RULE_MIN_LEN = 2,
    CSVC_RULE_MAX_LEN = 4,
    CSVC_RULE_MIN = 8,
    CSVC_RULE_MAX = 16,
    CSVC_RULE_MIN_ITEMS = 32,
    CSVC_RULE_MAX_ITEMS = 64,
    CSVC_RULE_DEFINED = 128, /* an enum's number has a name */
};

/* What the options (c_svc.field) ask of a field: of each value where it is repeated or a map. */
typedef struct csvc_rule {
    uint32_t field;            /* its index */
    uint32_t checks;           /* CSVC_RULE_... */
    uint32_t min_len, max_len; /* characters of a string, bytes of bytes */
    uint32_t min_items, max_items;
    double min, max; /* of whole numbers: whole, and no more than 53 bits */
} csvc_rule;

/*
 * What the codec needs to know of a message. Emitted as a constant by protoc-gen-c-svc; programs
 * pass it on and read `descriptor`. The layout may grow at its end: `struct_size` says how far it
 * reaches.
 */
struct csvc_message_type {
    uint32_t struct_size;
    uint32_t size; /* sizeof the C struct */
    uint32_t n_fields;
    uint32_t n_dense;   /* fields[i].number == i + 1 for all i below it */
    uint8_t syntax;     /* 2 or 3 */
    uint8_t well_known; /* a csvc_well_known */
    uint16_t flags;     /* CSVC_MESSAGE_... */
    const ProtobufCMessageDescriptor *descriptor;
    const void *initial;      /* an initialised struct of `size` bytes, to copy from */
    const csvc_field *fields; /* by number, as descriptor->fields */
    /* Same index; NULL, here or in an element: lowerCamelCase of the name. */
    const char *const *json_names;
    const csvc_rule *rules; /* by `field`; may be NULL */
    uint32_t n_rules;
};

enum {
    /* Messages within messages, groups too; nothing here reads, writes or copies deeper ones. */
    CSVC_MAX_DEPTH = 100
};

/* Limits of a decode. Zero means the default. */
typedef struct csvc_decode_options {
    size_t struct_size;
    uint32_t max_depth; /* default and largest: CSVC_MAX_DEPTH */
} csvc_decode_options;

#define CSVC_DECODE_OPTIONS_INIT .struct_size = sizeof(csvc_decode_options)

/*
 * Reads one message out of `bytes` into the arena. All of it is copied: `bytes` may go afterwards.
 * On success *ret_message points to the C struct. INTERNAL with the reason in err when the bytes
 * are no such message (truncated, too deep, bad UTF-8, a NUL within a string, a missing required
 * field); RESOURCE_EXHAUSTED when memory is short.
 */
CSVC_API csvc_code csvc_decode(csvc_arena *a, const csvc_message_type *type, csvc_bytes bytes,
                               const csvc_decode_options *options, void **ret_message,
                               csvc_error *err) CSVC_MUST_CHECK;

/* The same out of several pieces, in order, as a transport hands them over. */
CSVC_API csvc_code csvc_decode_pieces(csvc_arena *a, const csvc_message_type *type,
                                      const csvc_bytes *pieces, size_t n_pieces,
                                      const csvc_decode_options *options, void **ret_message,
                                      csvc_error *err) CSVC_MUST_CHECK;

/*
 * Writes a message, once, from its end to its start, into memory of the arena. A NULL string is an
 * empty one. INTERNAL when the message cannot be written: a string that is not UTF-8, a NULL within
 * a repeated field or for the chosen message of a oneof or a required one, a struct of another
 * type, nested deeper than 100 (a cycle, too), over 2 GiB.
 */
CSVC_API csvc_code csvc_encode(csvc_arena *a, const csvc_message_type *type, const void *message,
                               csvc_bytes *ret_bytes, csvc_error *err) CSVC_MUST_CHECK;

/*
 * Whether a message keeps the rules that options of its .proto set up: (c_svc.field).required,
 * max_len and so on, for messages within it, too. INVALID_ARGUMENT with path and rule in err:
 * `user.tags[2] is longer than 20 characters`. Servers ask it of every request; it costs nothing
 * where there are no rules. Rules of an entity hold where its rows are written, not here.
 */
CSVC_API csvc_code csvc_validate(const csvc_message_type *type, const void *message,
                                 csvc_error *err) CSVC_MUST_CHECK;

/* A fresh message with every field at its default. NULL when memory is short. */
CSVC_API void *csvc_message_new(csvc_arena *a, const csvc_message_type *type) CSVC_MUST_CHECK;

/*
 * A copy that shares nothing with the original, unknown fields included. NULL when memory is short
 * or when it is nested deeper than CSVC_MAX_DEPTH.
 */
CSVC_API void *csvc_message_copy(csvc_arena *a, const csvc_message_type *type,
                                 const void *message) CSVC_MUST_CHECK;

/*
 * Whether two messages say the same: maps without regard to order, NaN equal to itself, 0 not to
 * -0, unknown fields by their bytes. False for what is nested deeper than CSVC_MAX_DEPTH.
 */
CSVC_API bool csvc_message_equal(const csvc_message_type *type, const void *x, const void *y);

/* Finds the type of the message in an Any by its full name; NULL when it is not known. */
typedef const csvc_message_type *csvc_type_resolver(void *self, const char *full_name);

typedef struct csvc_json_options {
    size_t struct_size;
    bool defaults;    /* print fields without presence that hold their default */
    bool proto_names; /* `page_size` instead of `pageSize` */
    bool enum_numbers;
    uint32_t indent; /* blanks a level; 0: one line with a blank behind ':' and ',' */
    csvc_type_resolver
        *resolve; /* for Any; without it an Any is printed as "@type" and base64 "value" */
    void *resolve_self;
} csvc_json_options;

#define CSVC_JSON_OPTIONS_INIT .struct_size = sizeof(csvc_json_options)

/*
 * The message as proto3 JSON, NUL-terminated, in the arena. Options may be NULL. Returns NULL, and
 * says in err why, when it cannot be printed: a Timestamp or Duration out of range, not UTF-8, too
 * deep, memory.
 */
CSVC_API char *csvc_json_print(csvc_arena *a, const csvc_message_type *type, const void *message,
                               const csvc_json_options *options, csvc_error *err) CSVC_MUST_CHECK;

typedef struct csvc_json_read_options {
    size_t struct_size;
    bool ignore_unknown;         /* fields and names of enum values that the type does not have */
    uint32_t max_depth;          /* default and largest: CSVC_MAX_DEPTH */
    uint32_t first_line;         /* number of the text's first line in errors; default 1 */
    csvc_type_resolver *resolve; /* for Any; without it an Any is "@type" and base64 "value" */
    void *resolve_self;
} csvc_json_read_options;

#define CSVC_JSON_READ_OPTIONS_INIT .struct_size = sizeof(csvc_json_read_options)

/*
 * Reads one message out of proto3 JSON, all of `text`, into the arena; white space may stand around
 * it. Nothing is kept of `text`, which need not end in a NUL. Options may be NULL. Where messages
 * come as lines, each line is one call, with `first_line` its number.
 *
 * Strict: a field, a map's key or a member of a oneof given twice, a field that the type does not
 * have, a number out of range, text that is not UTF-8 are errors. INVALID_ARGUMENT then, with path,
 * line and column (in characters, from 1) in err: `$.user.tags[2], 1:34: a string is wanted, not a
 * number`. RESOURCE_EXHAUSTED when memory is short.
 *
 *     void *message;
 *
 *     if (csvc_json_read(a, &user__user__type, text, strlen(text), NULL, &message, &err) ==
 *         CSVC_OK) {
 *         const User__User *user = message;
 *     }
 */
CSVC_API csvc_code csvc_json_read(csvc_arena *a, const csvc_message_type *type, const char *text,
                                  size_t len, const csvc_json_read_options *options,
                                  void **ret_message, csvc_error *err) CSVC_MUST_CHECK;

/* The index of the field with this proto name or JSON name, or -1. */
CSVC_API int csvc_field_find(const csvc_message_type *type, const char *name);

/* The field's JSON name, in the arena where it had to be made; NULL when memory is short. */
CSVC_API const char *csvc_field_json_name(csvc_arena *a, const csvc_message_type *type,
                                          uint32_t index) CSVC_MUST_CHECK;

#ifdef __cplusplus
static inline csvc_decode_options csvc_decode_options_init(void)
{
    csvc_decode_options options = csvc_decode_options();
    options.struct_size = sizeof(options);
    return options;
}
static inline csvc_json_options csvc_json_options_init(void)
{
    csvc_json_options options = csvc_json_options();
    options.struct_size = sizeof(options);
    return options;
}
static inline csvc_json_read_options csvc_json_read_options_init(void)
{
    csvc_json_read_options options = csvc_json_read_options();
    options.struct_size = sizeof(options);
    return options;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_MESSAGE_H */
