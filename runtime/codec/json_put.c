/* codec/json_put.c: the words of JSON as they are printed: brackets and commas, and values that
 * are no messages. */
#include <base/base64.h>
#include <base/utf8.h>
#include <codec/json_printer.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <base/banned.h>

CSVC__COLD bool csvc__json_refuse(struct csvc__printer *p, const csvc_message_type *type,
                                  const char *why)
{
    p->code = csvc_error_set(p->err, CSVC_INTERNAL, "%s as JSON: %s", type->descriptor->name, why);
    return false;
}

CSVC__COLD bool csvc__json_no_memory(struct csvc__printer *p)
{
    p->code = csvc_error_set(p->err, CSVC_RESOURCE_EXHAUSTED, "no memory for JSON");
    return false;
}

/* ---- punctuation ---- */

static void new_line(struct csvc__printer *p)
{
    csvc__buffer_putc(&p->out, '\n');
    for (uint32_t i = 0; i < p->level * p->options.indent; i++) {
        csvc__buffer_putc(&p->out, ' ');
    }
}

void csvc__json_open(struct csvc__printer *p, char bracket)
{
    csvc__buffer_putc(&p->out, bracket);
    p->level++;
}

void csvc__json_next(struct csvc__printer *p, bool is_first)
{
    if (!is_first) {
        csvc__buffer_putc(&p->out, ',');
    }
    if (p->options.indent > 0) {
        new_line(p);
    } else if (!is_first) {
        csvc__buffer_putc(&p->out, ' ');
    }
}

void csvc__json_close(struct csvc__printer *p, char bracket, bool is_empty)
{
    p->level--;
    if (p->options.indent > 0 && !is_empty) {
        new_line(p);
    }
    csvc__buffer_putc(&p->out, bracket);
}

void csvc__json_key(struct csvc__printer *p, const char *key)
{
    csvc__buffer_json(&p->out, key, strlen(key));
    csvc__buffer_puts(&p->out, ": ");
}

/* ---- scalars ---- */

/* The C library prints the decimal point of the program's locale; JSON knows one only. */
static void put_number(struct csvc__printer *p, char *text)
{
    char *at = text + strspn(text, "+-0123456789eE");

    if (*at != '\0') {
        char *rest = at + strcspn(at, "+-0123456789eE");

        *at = '.';
        memmove(at + 1, rest, strlen(rest) + 1);
    }
    csvc__buffer_puts(&p->out, text);
}

static bool put_special(struct csvc__printer *p, double value)
{
    if (isnan(value)) {
        csvc__buffer_puts(&p->out, "\"NaN\"");
    } else if (isinf(value)) {
        csvc__buffer_puts(&p->out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    } else if (value == 0 && signbit(value)) {
        csvc__buffer_puts(&p->out, "-0.0"); /* many readers take -0 for the integer 0 */
    } else {
        return false;
    }
    return true;
}

/* As few digits as read back as the same number. */
static void put_double(struct csvc__printer *p, double value)
{
    char text[64];

    if (put_special(p, value)) {
        return;
    }
    /* what has 15 digits or fewer is found at once, unless it is too small to have that many */
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    put_number(p, text);
}

static void put_float(struct csvc__printer *p, float value)
{
    char text[64];

    if (put_special(p, (double)value)) {
        return;
    }
    for (int digits = fabsf(value) < FLT_MIN ? 1 : 6; digits <= 9; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) {
            break;
        }
    }
    put_number(p, text);
}

void csvc__json_base64(struct csvc__printer *p, const uint8_t *data, size_t len)
{
    csvc__buffer_putc(&p->out, '"');
    csvc__base64_add(&p->out, data, len);
    csvc__buffer_putc(&p->out, '"');
}

static void put_enum(struct csvc__printer *p, const ProtobufCEnumDescriptor *type, int32_t number)
{
    const ProtobufCEnumValue *value = csvc__enum_value(type, number);

    if (number == 0 && strcmp(type->name, "google.protobuf.NullValue") == 0) {
        csvc__buffer_puts(&p->out, "null"); /* other numbers are unknown values, as in any enum */
    } else if (value == NULL || p->options.enum_numbers) {
        csvc__buffer_printf(&p->out, "%" PRId32, number);
    } else {
        csvc__buffer_json(&p->out, value->name, strlen(value->name));
    }
}

static bool put_string(struct csvc__printer *p, const csvc_message_type *type, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    if (csvc__utf8_valid(text, len) != len) {
        return csvc__json_refuse(p, type, "a string that is not UTF-8");
    }
    csvc__buffer_json(&p->out, text != NULL ? text : "", len);
    return true;
}

static void put_integer(struct csvc__printer *p, csvc_kind kind, const void *value)
{
    switch (kind) {
    case CSVC_KIND_UINT32:
    case CSVC_KIND_FIXED32:
        csvc__buffer_printf(&p->out, "%" PRIu32, csvc__get32(value, 0));
        break;
    case CSVC_KIND_INT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_SFIXED64:
        csvc__buffer_printf(&p->out, "\"%" PRId64 "\"", (int64_t)csvc__get64(value, 0));
        break;
    case CSVC_KIND_UINT64:
    case CSVC_KIND_FIXED64:
        csvc__buffer_printf(&p->out, "\"%" PRIu64 "\"", csvc__get64(value, 0));
        break;
    default:
        csvc__buffer_printf(&p->out, "%" PRId32, (int32_t)csvc__get32(value, 0));
        break;
    }
}

bool csvc__json_scalar(struct csvc__printer *p, const csvc_message_type *type,
                       const csvc_field *field, const void *value)
{
    ProtobufCBinaryData bytes;
    uint64_t wide;
    uint32_t narrow;
    double d;
    float f;

    switch (field->kind) {
    case CSVC_KIND_DOUBLE:
        wide = csvc__get64(value, 0);
        memcpy(&d, &wide, sizeof(d));
        put_double(p, d);
        return true;
    case CSVC_KIND_FLOAT:
        narrow = csvc__get32(value, 0);
        memcpy(&f, &narrow, sizeof(f));
        put_float(p, f);
        return true;
    case CSVC_KIND_BOOL:
        csvc__buffer_puts(&p->out, csvc__get32(value, 0) != 0 ? "true" : "false");
        return true;
    case CSVC_KIND_ENUM:
        put_enum(p, field->sub, (int32_t)csvc__get32(value, 0));
        return true;
    case CSVC_KIND_STRING:
        return put_string(p, type, csvc__get_pointer(value, 0));
    case CSVC_KIND_BYTES:
        bytes = csvc__get_bytes(value, 0);
        if (bytes.data == NULL && bytes.len > 0) {
            return csvc__json_refuse(p, type, "a length without data");
        }
        csvc__json_base64(p, bytes.data, bytes.len);
        return true;
    default:
        put_integer(p, (csvc_kind)field->kind, value);
        return true;
    }
}

/* A key of an object is always a string. */
bool csvc__json_map_key(struct csvc__printer *p, const csvc_message_type *entry_type,
                        const void *entry)
{
    const csvc_field *key = &entry_type->fields[0];
    const void *value = csvc__const_at(entry, key->offset);
    size_t size = csvc__size_of(key->kind);

    if (key->kind == CSVC_KIND_STRING) {
        if (!put_string(p, entry_type, csvc__get_pointer(value, 0))) {
            return false;
        }
    } else if (size == 8) {
        put_integer(p, (csvc_kind)key->kind, value); /* quoted as it is */
    } else {
        csvc__buffer_putc(&p->out, '"');
        (void)csvc__json_scalar(p, entry_type, key, value);
        csvc__buffer_putc(&p->out, '"');
    }
    csvc__buffer_puts(&p->out, ": ");
    return true;
}
