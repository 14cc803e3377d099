/* codec/json_scalar.c: values of JSON that are no messages: numbers, text, bytes, enums. */
#include <base/base64.h>
#include <codec/json_reader.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <base/banned.h>

enum {
    SHOWN_NAME = 100 /* a longer name of an enum's value is not repeated in an error */
};

/* An exponent beyond it makes any number 0 or too large, whatever digits a text of 2 GiB has. */
#define EXPONENT_MAX (INT64_C(1) << 34)

/* ---- numbers ---- */

/* The exponent behind 'e', at `p`. */
static int64_t exponent_of(const char *p, const char *end)
{
    const bool negative = p < end && *p == '-';
    int64_t value = 0;

    p += p < end && (*p == '-' || *p == '+');
    for (; p < end; p++) {
        value = value < EXPONENT_MAX ? value * 10 + (*p - '0') : value;
    }
    return negative ? -value : value;
}

static bool times_ten(uint64_t *value, int64_t n)
{
    for (; n > 0 && *value > 0; n--) {
        if (*value > UINT64_MAX / 10) {
            return false;
        }
        *value *= 10;
    }
    return true;
}

/* A number of JSON as an integer, exactly; false when it is none of 64 bits: 1e3, 10.0 are some. */
static bool whole_number(const char *p, size_t len, bool *ret_negative, uint64_t *ret_value)
{
    const char *end = p + len;
    uint64_t value = 0;
    int64_t zeros = 0; /* seen since the last other digit */
    int64_t exponent = 0;
    bool fraction = false;

    *ret_negative = *p == '-';
    for (p += *ret_negative; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        exponent -= fraction;
        if (*p == '0') {
            zeros += value > 0;
            continue;
        }
        if (!times_ten(&value, zeros + 1) || value > UINT64_MAX - (uint64_t)(*p - '0')) {
            return false;
        }
        value += (uint64_t)(*p - '0');
        zeros = 0;
    }
    if (p < end) {
        exponent += exponent_of(p + 1, end);
    }
    exponent += zeros;
    *ret_value = value;
    return value == 0 || (exponent >= 0 && times_ten(ret_value, exponent));
}

/*
 * strtod takes the decimal point of the program's locale, so it gets none: 12.5e3 as 125e2. It
 * rounds once; a float is not read by way of a double, which would round twice.
 */
static bool real_number(struct csvc__reader *r, const struct csvc__json_text *text, bool is_float,
                        double *ret_value)
{
    char buffer[64];
    char *copy = buffer;
    const char *p = text->data;
    const char *end = p + text->len;
    const size_t size = text->len + 24;
    int64_t exponent = 0;
    size_t n = 0;
    bool fraction = false;

    if (size > sizeof(buffer)) {
        copy = csvc__arena_take(r->a, size);
        if (copy == NULL) {
            return csvc__read_no_memory(r);
        }
    }
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
        } else {
            copy[n++] = *p;
            exponent -= fraction;
        }
    }
    if (p < end) {
        exponent += exponent_of(p + 1, end);
    }
    (void)snprintf(copy + n, size - n, "e%" PRId64, exponent);
    *ret_value = is_float ? (double)strtof(copy, NULL) : strtod(copy, NULL);
    if (isinf(*ret_value)) {
        return csvc__read_refuse(r, text->at, "beyond the range of a %s",
                                 is_float ? "float" : "double");
    }
    return true;
}

static bool text_is(const struct csvc__json_text *text, const char *word)
{
    return text->len == strlen(word) && memcmp(text->data, word, text->len) == 0;
}

/* A number, in quotes or not. */
static bool number_text(struct csvc__reader *r, const char *wanted,
                        struct csvc__json_text *ret_text)
{
    switch (csvc__read_peek(r)) {
    case '0':
        return csvc__read_number(r, ret_text);
    case '"':
        return csvc__read_string(r, ret_text);
    default:
        return csvc__read_wanted(r, wanted);
    }
}

static bool is_number(const struct csvc__json_text *text)
{
    return text->len > 0 && csvc__number_len(text->data, text->data + text->len) == text->len;
}

static bool get_real(struct csvc__reader *r, bool is_float, void *ret_value)
{
    struct csvc__json_text text;
    double d = 0;
    float f;

    if (!number_text(r, "a number", &text)) {
        return false;
    }
    if (text_is(&text, "NaN")) {
        d = (double)NAN;
    } else if (text_is(&text, "Infinity")) {
        d = (double)INFINITY;
    } else if (text_is(&text, "-Infinity")) {
        d = -(double)INFINITY;
    } else if (!is_number(&text)) {
        return csvc__read_refuse(r, text.at,
                                 "a number is wanted, or \"NaN\", \"Infinity\" or \"-Infinity\"");
    } else if (!real_number(r, &text, is_float, &d)) {
        return false;
    }
    if (is_float) {
        f = (float)d;
        memcpy(ret_value, &f, sizeof(f));
    } else {
        memcpy(ret_value, &d, sizeof(d));
    }
    return true;
}

/* What an integer of this kind may be, its limits, and how many bytes it has. */
static const char *limits_of(uint8_t kind, uint64_t *ret_min, uint64_t *ret_max)
{
    const bool is_unsigned = kind == CSVC_KIND_UINT32 || kind == CSVC_KIND_FIXED32 ||
                             kind == CSVC_KIND_UINT64 || kind == CSVC_KIND_FIXED64;

    if (csvc__size_of(kind) == 8) {
        *ret_min = is_unsigned ? 0 : (uint64_t)INT64_MAX + 1;
        *ret_max = is_unsigned ? UINT64_MAX : (uint64_t)INT64_MAX;
        return is_unsigned ? "a whole number from 0 to 18446744073709551615"
                           : "a whole number from -9223372036854775808 to 9223372036854775807";
    }
    *ret_min = is_unsigned ? 0 : (uint64_t)INT32_MAX + 1;
    *ret_max = is_unsigned ? UINT32_MAX : (uint64_t)INT32_MAX;
    return is_unsigned ? "a whole number from 0 to 4294967295"
                       : "a whole number from -2147483648 to 2147483647";
}

static bool put_integer(struct csvc__reader *r, const csvc_field *field,
                        const struct csvc__json_text *text, void *ret_value)
{
    uint64_t min, max, value;
    bool negative;
    const char *wanted = limits_of(field->kind, &min, &max);

    if (!is_number(text) || !whole_number(text->data, text->len, &negative, &value) ||
        value > (negative ? min : max)) {
        return csvc__read_refuse(r, text->at, "%s is wanted", wanted);
    }
    value = negative ? 0 - value : value;
    if (csvc__size_of(field->kind) == 8) {
        csvc__put64(ret_value, value);
    } else {
        csvc__put32(ret_value, (uint32_t)value);
    }
    return true;
}

/* ---- enums ---- */

const ProtobufCEnumValue *csvc__enum_by_name(const ProtobufCEnumDescriptor *type, const char *name,
                                             size_t len)
{
    unsigned low = 0;
    unsigned high = type->n_value_names;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        const char *other = type->values_by_name[middle].name;
        int order = strncmp(other, name, len);

        order = order == 0 && other[len] != '\0' ? 1 : order;
        if (order == 0) {
            return &type->values[type->values_by_name[middle].index];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool get_enum(struct csvc__reader *r, const csvc_field *field, void *ret_value)
{
    static const csvc_field as_int = {.kind = CSVC_KIND_INT32};
    const ProtobufCEnumDescriptor *type = field->sub;
    const ProtobufCEnumValue *value;
    struct csvc__json_text text;
    int32_t number = 0;

    switch (csvc__read_peek(r)) {
    case 'n':
        /* of NullValue alone; the caller has looked */
        csvc__put32(ret_value, 0);
        return csvc__read_word(r, "null");
    case '0':
        if (!csvc__read_number(r, &text) || !put_integer(r, &as_int, &text, &number)) {
            return false;
        }
        if ((field->flags & CSVC_FIELD_CLOSED_ENUM) != 0 &&
            csvc__enum_value(type, number) == NULL) {
            return csvc__read_refuse(r, text.at, "%s has no value %" PRId32, type->name, number);
        }
        break;
    case '"':
        if (!csvc__read_string(r, &text)) {
            return false;
        }
        value = memchr(text.data, '\0', text.len) == NULL
                    ? csvc__enum_by_name(type, text.data, text.len)
                    : NULL;
        if (value == NULL && !r->options.ignore_unknown) {
            return csvc__read_refuse(r, text.at, "%s has no value \"%.*s\"", type->name,
                                     text.len < SHOWN_NAME ? (int)text.len : 0, text.data);
        }
        r->dropped = value == NULL;
        number = value != NULL ? value->value : 0;
        break;
    default:
        return csvc__read_wanted(r, "the name or the number of an enum's value");
    }
    csvc__put32(ret_value, (uint32_t)number);
    return true;
}

/* ---- text and bytes ---- */

csvc_code csvc__base64_read(csvc_arena *a, const char *text, size_t len, csvc_bytes *ret_bytes)
{
    uint8_t *data = csvc__arena_take(a, CSVC__BASE64_BYTES(len));
    size_t n = 0;

    if (data == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    if (!csvc__base64_decode(text, len, data, &n)) {
        return CSVC_INVALID_ARGUMENT;
    }
    *ret_bytes = (csvc_bytes){n, data};
    return CSVC_OK;
}

static bool get_bytes(struct csvc__reader *r, void *ret_value)
{
    ProtobufCBinaryData value = {0, NULL};
    csvc_bytes bytes = {0, NULL};
    struct csvc__json_text text;
    csvc_code code;

    if (csvc__read_peek(r) != '"') {
        return csvc__read_wanted(r, "base64 in quotes");
    }
    if (!csvc__read_string(r, &text)) {
        return false;
    }
    code = csvc__base64_read(r->a, text.data, text.len, &bytes);
    if (code != CSVC_OK) {
        return code == CSVC_RESOURCE_EXHAUSTED ? csvc__read_no_memory(r)
                                               : csvc__read_refuse(r, text.at, "not base64");
    }
    if (bytes.len > 0) {
        /* protobuf-c's type for bytes is not const; nobody writes there */
        value = (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
    }
    memcpy(ret_value, &value, sizeof(value));
    return true;
}

static bool put_text(struct csvc__reader *r, const struct csvc__json_text *text, void *ret_value)
{
    const char *copy = text->data;

    if (memchr(text->data, '\0', text->len) != NULL) {
        return csvc__read_refuse(r, text->at, "a NUL within a string");
    }
    if (!text->owned) {
        copy = csvc_arena_strndup(r->a, text->data, text->len);
        if (copy == NULL) {
            return csvc__read_no_memory(r);
        }
    }
    csvc__put_pointer(ret_value, copy);
    return true;
}

static bool get_bool(struct csvc__reader *r, void *ret_value)
{
    const char c = csvc__read_peek(r);

    if (c != 't' && c != 'f') {
        return csvc__read_wanted(r, "true or false");
    }
    csvc__put32(ret_value, c == 't');
    return csvc__read_word(r, c == 't' ? "true" : "false");
}

/* ---- all of them ---- */

bool csvc__read_scalar(struct csvc__reader *r, const csvc_field *field, void *ret_value)
{
    struct csvc__json_text text;
    uint64_t min, max;

    switch ((csvc_kind)field->kind) {
    case CSVC_KIND_FLOAT:
    case CSVC_KIND_DOUBLE:
        return get_real(r, field->kind == CSVC_KIND_FLOAT, ret_value);
    case CSVC_KIND_BOOL:
        return get_bool(r, ret_value);
    case CSVC_KIND_ENUM:
        return get_enum(r, field, ret_value);
    case CSVC_KIND_STRING:
        if (csvc__read_peek(r) != '"') {
            return csvc__read_wanted(r, "a string");
        }
        return csvc__read_string(r, &text) && put_text(r, &text, ret_value);
    case CSVC_KIND_BYTES:
        return get_bytes(r, ret_value);
    default:
        return number_text(r, limits_of(field->kind, &min, &max), &text) &&
               put_integer(r, field, &text, ret_value);
    }
}

bool csvc__read_map_key(struct csvc__reader *r, const csvc_field *field,
                        const struct csvc__json_text *key, void *ret_value)
{
    switch ((csvc_kind)field->kind) {
    case CSVC_KIND_STRING:
        return put_text(r, key, ret_value);
    case CSVC_KIND_BOOL:
        if (!text_is(key, "true") && !text_is(key, "false")) {
            return csvc__read_refuse(r, key->at, "the key \"true\" or \"false\" is wanted");
        }
        csvc__put32(ret_value, text_is(key, "true"));
        return true;
    default:
        return put_integer(r, field, key, ret_value);
    }
}
