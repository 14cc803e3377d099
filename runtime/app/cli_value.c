/* app/cli_value.c: the text of a flag to one value of a field. */
#include <app/cli.h>
#include <base/arena.h>
#include <base/clock.h>
#include <base/utf8.h>
#include <codec/codec.h>

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

size_t csvc__cli_value_size(uint8_t kind)
{
    switch ((csvc_kind)kind) {
    case CSVC_KIND_INT32:
    case CSVC_KIND_UINT32:
    case CSVC_KIND_SINT32:
    case CSVC_KIND_FIXED32:
    case CSVC_KIND_SFIXED32:
    case CSVC_KIND_FLOAT:
        return 4;
    case CSVC_KIND_INT64:
    case CSVC_KIND_UINT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_FIXED64:
    case CSVC_KIND_SFIXED64:
    case CSVC_KIND_DOUBLE:
        return 8;
    case CSVC_KIND_BOOL:
        return sizeof(protobuf_c_boolean);
    case CSVC_KIND_ENUM:
        return sizeof(int32_t);
    case CSVC_KIND_BYTES:
        return sizeof(ProtobufCBinaryData);
    case CSVC_KIND_STRING:
    case CSVC_KIND_MESSAGE:
        return sizeof(void *);
    }
    return 0;
}

/* ---- enums ---- */

/* How much of a value's name all values share, up to an underscore: "STATUS_" of STATUS_ACTIVE. */
static size_t shared_prefix(const ProtobufCEnumDescriptor *type)
{
    const char *first = type->values[0].name;
    size_t len = strlen(first);

    for (unsigned i = 1; i < type->n_values; i++) {
        size_t same = 0;

        while (same < len && type->values[i].name[same] == first[same]) {
            same++;
        }
        len = same;
    }
    while (len > 0 && first[len - 1] != '_') {
        len--;
    }
    return type->n_values > 1 ? len : 0;
}

static bool same_word(const char *x, const char *y)
{
    for (; *x != '\0' && *y != '\0'; x++, y++) {
        const char a = *x == '-' ? '_' : (char)toupper((unsigned char)*x);
        const char b = *y == '-' ? '_' : (char)toupper((unsigned char)*y);

        if (a != b) {
            return false;
        }
    }
    return *x == *y;
}

/* Aliases are names, too. */
static bool enum_parse(const csvc_field *field, const char *text, int32_t *ret_number)
{
    const ProtobufCEnumDescriptor *type = field->sub;
    const size_t prefix = shared_prefix(type);
    char *end;
    long number;

    for (unsigned i = 0; i < type->n_value_names; i++) {
        const char *name = type->values_by_name[i].name;

        if (same_word(text, name) ||
            (strncmp(name, type->values[0].name, prefix) == 0 && same_word(text, name + prefix))) {
            *ret_number = type->values[type->values_by_name[i].index].value;
            return true;
        }
    }
    errno = 0;
    number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < INT32_MIN || number > INT32_MAX ||
        ((field->flags & CSVC_FIELD_CLOSED_ENUM) != 0 &&
         csvc__enum_value(type, (int32_t)number) == NULL)) {
        return false;
    }
    *ret_number = (int32_t)number;
    return true;
}

/* ---- what is wanted ---- */

static void wanted_enum(const csvc_field *field, char *ret_text, size_t size)
{
    const ProtobufCEnumDescriptor *type = field->sub;
    const size_t prefix = shared_prefix(type);
    size_t at = 0;

    for (unsigned i = 0; i < type->n_values && at < size; i++) {
        at += (size_t)snprintf(ret_text + at, size - at, "%s%s", i > 0 ? "|" : "",
                               type->values[i].name + prefix);
    }
    if (at >= size && size > 4) {
        memcpy(ret_text + size - 4, "...", 4);
    }
}

void csvc__cli_wanted(const csvc_field *field, char *ret_text, size_t size)
{
    const char *text = "a value";

    switch ((csvc_kind)field->kind) {
    case CSVC_KIND_INT32:
    case CSVC_KIND_SINT32:
    case CSVC_KIND_SFIXED32:
        text = "a whole number from -2147483648 to 2147483647";
        break;
    case CSVC_KIND_INT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_SFIXED64:
        text = "a whole number of 64 bits";
        break;
    case CSVC_KIND_UINT32:
    case CSVC_KIND_FIXED32:
        text = "a whole number from 0 to 4294967295";
        break;
    case CSVC_KIND_UINT64:
    case CSVC_KIND_FIXED64:
        text = "a whole number of 64 bits, not negative";
        break;
    case CSVC_KIND_FLOAT:
    case CSVC_KIND_DOUBLE:
        text = "a number";
        break;
    case CSVC_KIND_BOOL:
        text = "true or false";
        break;
    case CSVC_KIND_ENUM:
        wanted_enum(field, ret_text, size);
        return;
    case CSVC_KIND_STRING:
        text = "text in UTF-8";
        break;
    case CSVC_KIND_BYTES:
        text = "base64, or @FILE";
        break;
    case CSVC_KIND_MESSAGE:
        switch ((csvc_well_known)((const csvc_message_type *)field->sub)->well_known) {
        case CSVC_WKT_TIMESTAMP:
            text = "a time such as 2026-11-21T09:00:00Z";
            break;
        case CSVC_WKT_DURATION:
            text = "a duration such as 1.5s";
            break;
        case CSVC_WKT_FIELD_MASK:
            text = "names of fields such as id,full_name";
            break;
        case CSVC_WKT_WRAPPER:
            csvc__cli_wanted(&((const csvc_message_type *)field->sub)->fields[0], ret_text, size);
            return;
        case CSVC_WKT_STRUCT:
            text = "JSON such as '{\"a\": [1, true]}', or @FILE";
            break;
        case CSVC_WKT_LIST_VALUE:
            text = "JSON such as '[1, \"a\"]', or @FILE";
            break;
        case CSVC_WKT_VALUE:
            text = "any JSON, text in quotes of its own: '\"a\"', or @FILE";
            break;
        case CSVC_WKT_ANY:
            text = "JSON '{\"@type\": URL, \"value\": BASE64}', or @FILE";
            break;
        default:
            text = "JSON, or @FILE";
            break;
        }
        break;
    }
    (void)snprintf(ret_text, size, "%s", text);
}

/* ---- numbers ---- */

/* Decimal, or hexadecimal behind 0x. */
static bool int_parse(const char *text, int64_t min, int64_t max, int64_t *ret_number)
{
    const bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *end;
    long long number;

    errno = 0;
    number = strtoll(text, &end, hex ? 16 : 10);
    if (end == text || *end != '\0' || errno != 0 || isspace((unsigned char)*text) ||
        number < min || number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

static bool uint_parse(const char *text, uint64_t max, uint64_t *ret_number)
{
    const bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *end;
    unsigned long long number;

    if (!isdigit((unsigned char)*text)) {
        return false; /* strtoull takes "-1" */
    }
    errno = 0;
    number = strtoull(text, &end, hex ? 16 : 10);
    if (*end != '\0' || errno != 0 || number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

static bool double_parse(const char *text, bool is_float, double *ret_number)
{
    char *end;
    double number;

    errno = 0;
    number = strtod(text, &end);
    if (end == text || *end != '\0' || isspace((unsigned char)*text) ||
        (errno == ERANGE && (number > 1 || number < -1))) {
        return false;
    }
    if (is_float && number - number == 0 && (number > FLT_MAX || number < -FLT_MAX)) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* ---- bytes ---- */

static csvc_code bytes_parse(csvc_arena *a, const char *text, ProtobufCBinaryData *ret_value,
                             csvc_error *err)
{
    csvc_bytes bytes = {0};

    const csvc_code code = text[0] == '@' ? csvc__cli_file(a, text + 1, &bytes, err)
                                          : csvc__base64_read(a, text, strlen(text), &bytes);

    if (code != CSVC_OK) {
        return code;
    }
    /* protobuf-c's type for bytes is not const; nobody writes there */
    ret_value->len = bytes.len;
    ret_value->data = (uint8_t *)(uintptr_t)bytes.data;
    return CSVC_OK;
}

/* ---- messages that are written as one text ---- */

/* Timestamp and Duration: int64 seconds = 1, int32 nanos = 2. */
static bool set_seconds(const csvc_message_type *type, uint8_t *message, int64_t seconds,
                        int32_t nanos)
{
    const csvc_field *s = csvc__field_by_number(type, 1);
    const csvc_field *n = csvc__field_by_number(type, 2);

    if (s == NULL || n == NULL || s->kind != CSVC_KIND_INT64 || n->kind != CSVC_KIND_INT32) {
        return false;
    }
    memcpy(message + s->offset, &seconds, sizeof(seconds));
    memcpy(message + n->offset, &nanos, sizeof(nanos));
    return true;
}

static bool duration_parse(const char *text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    const bool negative = text[0] == '-';
    int64_t nanos;

    if (!csvc__duration_parse(text + negative, &nanos)) {
        return false;
    }
    nanos = negative ? -nanos : nanos;
    *ret_seconds = nanos / CSVC__SECOND;
    *ret_nanos = (int32_t)(nanos % CSVC__SECOND);
    return true;
}

/* FieldMask: repeated string paths = 1. */
static csvc_code mask_parse(csvc_arena *a, const csvc_message_type *type, uint8_t *message,
                            const char *text)
{
    const csvc_field *paths = csvc__field_by_number(type, 1);
    size_t n = 1;
    size_t at = 0;
    char **values;

    if (paths == NULL || paths->kind != CSVC_KIND_STRING || text[0] == '\0') {
        return CSVC_INVALID_ARGUMENT;
    }
    for (const char *p = text; *p != '\0'; p++) {
        n += *p == ',';
    }
    values = csvc__arena_take(a, n * sizeof(*values));
    while (values != NULL && at < n) {
        const size_t len = strcspn(text, ",");

        char *path = csvc__arena_take(a, 2 * len + 1);

        if (path == NULL) {
            return CSVC_RESOURCE_EXHAUSTED;
        }
        (void)csvc__snake_case(text, len, path); /* fullName, as JSON says it, is full_name */
        values[at++] = path;
        text += len + (text[len] == ',');
    }
    if (values == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    memcpy(message + paths->offset, &values, sizeof(values));
    memcpy(message + paths->quantifier, &n, sizeof(n));
    return CSVC_OK;
}

static csvc_code message_parse(csvc_arena *a, const csvc_message_type *type, const char *text,
                               void **ret_message, csvc_error *err)
{
    uint8_t *message = csvc_message_new(a, type);
    csvc_code code = CSVC_INVALID_ARGUMENT;
    int64_t seconds;
    int32_t nanos;

    if (message == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    switch ((csvc_well_known)type->well_known) {
    case CSVC_WKT_TIMESTAMP:
        if (csvc__rfc3339_parse(text, &seconds, &nanos) &&
            set_seconds(type, message, seconds, nanos)) {
            code = CSVC_OK;
        }
        break;
    case CSVC_WKT_DURATION:
        if (duration_parse(text, &seconds, &nanos) && set_seconds(type, message, seconds, nanos)) {
            code = CSVC_OK;
        }
        break;
    case CSVC_WKT_FIELD_MASK:
        code = mask_parse(a, type, message, text);
        break;
    case CSVC_WKT_WRAPPER:
        code = csvc__cli_value(a, &type->fields[0], text, message + type->fields[0].offset, err);
        break;
    default:
        return csvc__cli_json(a, type, text, ret_message, err);
    }
    *ret_message = message;
    return code;
}

/* ---- all kinds ---- */

static csvc_code text_parse(csvc_arena *a, const char *text, char **ret_value)
{
    char *copy;

    if (!csvc__utf8_text(text, strlen(text))) {
        return CSVC_INVALID_ARGUMENT;
    }
    copy = csvc_arena_strdup(a, text);
    if (copy == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    *ret_value = copy;
    return CSVC_OK;
}

/* A value of any kind, aligned for it. */
typedef union any_value {
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    float f;
    double d;
    protobuf_c_boolean b;
    char *text;
    ProtobufCBinaryData bytes;
    void *message;
} any_value;

static csvc_code any_parse(csvc_arena *a, const csvc_field *field, const char *text, any_value *v,
                           csvc_error *err)
{
    csvc_code code = CSVC_OK;
    int64_t i = 0;
    uint64_t u = 0;
    double d = 0;
    bool fine = true;

    switch ((csvc_kind)field->kind) {
    case CSVC_KIND_INT32:
    case CSVC_KIND_SINT32:
    case CSVC_KIND_SFIXED32:
        fine = int_parse(text, INT32_MIN, INT32_MAX, &i);
        v->i32 = (int32_t)i;
        break;
    case CSVC_KIND_INT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_SFIXED64:
        fine = int_parse(text, INT64_MIN, INT64_MAX, &v->i64);
        break;
    case CSVC_KIND_UINT32:
    case CSVC_KIND_FIXED32:
        fine = uint_parse(text, UINT32_MAX, &u);
        v->u32 = (uint32_t)u;
        break;
    case CSVC_KIND_UINT64:
    case CSVC_KIND_FIXED64:
        fine = uint_parse(text, UINT64_MAX, &v->u64);
        break;
    case CSVC_KIND_FLOAT:
        fine = double_parse(text, true, &d);
        v->f = (float)d;
        break;
    case CSVC_KIND_DOUBLE:
        fine = double_parse(text, false, &v->d);
        break;
    case CSVC_KIND_BOOL:
        v->b = csvc__ascii_same(text, "true") || strcmp(text, "1") == 0;
        fine = v->b || csvc__ascii_same(text, "false") || strcmp(text, "0") == 0;
        break;
    case CSVC_KIND_ENUM:
        fine = enum_parse(field, text, &v->i32);
        break;
    case CSVC_KIND_STRING:
        code = text_parse(a, text, &v->text);
        break;
    case CSVC_KIND_BYTES:
        code = bytes_parse(a, text, &v->bytes, err);
        break;
    case CSVC_KIND_MESSAGE:
        code = message_parse(a, field->sub, text, &v->message, err);
        break;
    }
    return fine ? code : CSVC_INVALID_ARGUMENT;
}

csvc_code csvc__cli_value(csvc_arena *a, const csvc_field *field, const char *text, void *ret_value,
                          csvc_error *err)
{
    any_value v;
    csvc_error own = {CSVC_ERROR_INIT};
    csvc_code code = any_parse(a, field, text, &v, &own);

    if (code == CSVC_OK) {
        memcpy(ret_value, &v, csvc__cli_value_size(field->kind));
        return CSVC_OK;
    }
    if (code == CSVC_RESOURCE_EXHAUSTED) {
        return csvc_error_set(err, code, "out of memory");
    }
    if (own.text[0] == '\0') {
        csvc__cli_wanted(field, own.text, sizeof(own.text));
    }
    return csvc_error_set(err, code, "%s", own.text);
}
