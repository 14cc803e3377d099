/* compat/parts.h: what the files that compare models share. */
#ifndef GEN_COMPAT_PARTS_H
#define GEN_COMPAT_PARTS_H

#include "common/pb.h"
#include "compat/compat.h"

/* The rules, by the names that buf gives them. */
#define COMPAT_RULES(X)                                                                            \
    X(ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED, false)                                            \
    X(ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED, true)                                           \
    X(ENUM_VALUE_SAME_NAME, false)                                                                 \
    X(FIELD_NO_DELETE_UNLESS_NAME_RESERVED, false)                                                 \
    X(FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED, true)                                                \
    X(FIELD_SAME_DEFAULT, true)                                                                    \
    X(FIELD_SAME_JSON_NAME, false)                                                                 \
    X(FIELD_SAME_NAME, false)                                                                      \
    X(FIELD_SAME_ONEOF, true)                                                                      \
    X(FIELD_WIRE_COMPATIBLE_CARDINALITY, true)                                                     \
    X(FIELD_WIRE_COMPATIBLE_TYPE, true)                                                            \
    X(FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY, false)                                               \
    X(FIELD_WIRE_JSON_COMPATIBLE_TYPE, false)                                                      \
    X(FILE_SAME_PACKAGE, true)                                                                     \
    X(MESSAGE_SAME_REQUIRED_FIELDS, true)                                                          \
    X(PACKAGE_SERVICE_NO_DELETE, false)                                                            \
    X(RESERVED_ENUM_NO_DELETE, true)                                                               \
    X(RESERVED_MESSAGE_NO_DELETE, true)                                                            \
    X(RPC_NO_DELETE, false)                                                                        \
    X(RPC_SAME_CLIENT_STREAMING, true)                                                             \
    X(RPC_SAME_IDEMPOTENCY_LEVEL, true)                                                            \
    X(RPC_SAME_REQUEST_TYPE, true)                                                                 \
    X(RPC_SAME_RESPONSE_TYPE, true)                                                                \
    X(RPC_SAME_SERVER_STREAMING, true)

typedef enum compat_rule {
#define X(name, wire) COMPAT_##name,
    COMPAT_RULES(X)
#undef X
    COMPAT_N_RULES
} compat_rule;

typedef struct compat_run {
    const gen_model *before, *now;
    gen_severity wire;
    gen_diag *diag;
    const compat_services *matched;
    size_t n_wire;
} compat_run;

/* report.c: one finding. */
void compat_report(compat_run *run, compat_rule rule, gen_place place, const char *format, ...)
    CSVC_PRINTF(4, 5);

/* Whether a file comes with protoc. */
bool compat_is_provided(const gen_file *file);

/* fields.c: a field that is in both. */
void compat_field(compat_run *run, const gen_field *before, const gen_field *now);

/* ---- reserved.c ---- */

typedef struct compat_range {
    int64_t first, last;
} compat_range;

/* What both kinds of reserving nodes have. */
typedef struct compat_reserved {
    const char *kind; /* "message" */
    const char *name;
    gen_place place;
    compat_range *ranges; /* NULL with n_ranges > 0: no memory */
    size_t n_ranges;
    char *const *names;
    size_t n_names;
    int64_t max;
} compat_reserved;

compat_reserved compat_reserved_message(csvc_arena *a, const gen_message *message);
compat_reserved compat_reserved_enum(csvc_arena *a, const gen_enum *e);
bool compat_reserves_number(const compat_reserved *reserved, int64_t number);
bool compat_reserves_name(const compat_reserved *reserved, const char *name);

/* Each reserved number or name that no longer is. */
void compat_reserved_compare(compat_run *run, compat_rule rule, const compat_reserved *before,
                             const compat_reserved *now);

#endif /* GEN_COMPAT_PARTS_H */
