/*
 * codec/json_known.c: the well-known types that have a JSON form of their own.
 *
 * Their fields are found by number, in the table, so the C structs of google/protobuf are not
 * needed here.
 */
#include <base/clock.h>
#include <codec/json_printer.h>

#include <inttypes.h>
#include <math.h>

#include <base/banned.h>

#define DURATION_MAX INT64_C(315576000000)

/* The value of field `number`, or NULL when the message has no such field or it is not there. */
static const void *value_of(const csvc_message_type *type, const void *message, uint32_t number)
{
    const csvc_field *field = csvc__field_by_number(type, number);

    return field != NULL && csvc__field_present(type, field, message)
               ? csvc__const_at(message, field->offset)
               : NULL;
}

static const char *text_of(const csvc_message_type *type, const void *message, uint32_t number)
{
    const void *value = value_of(type, message, number);
    const char *text = value != NULL ? csvc__get_pointer(value, 0) : NULL;

    return text != NULL ? text : "";
}

static void seconds_and_nanos(const csvc_message_type *type, const void *message,
                              int64_t *ret_seconds, int32_t *ret_nanos)
{
    const void *seconds = value_of(type, message, 1);
    const void *nanos = value_of(type, message, 2);

    *ret_seconds = seconds != NULL ? (int64_t)csvc__get64(seconds, 0) : 0;
    *ret_nanos = nanos != NULL ? (int32_t)csvc__get32(nanos, 0) : 0;
}

static bool put_timestamp(struct csvc__printer *p, const csvc_message_type *type,
                          const void *message)
{
    char text[CSVC__RFC3339_SIZE];
    int64_t seconds;
    int32_t nanos;

    seconds_and_nanos(type, message, &seconds, &nanos);
    if (!csvc__rfc3339_print(seconds, nanos, text)) {
        return csvc__json_refuse(p, type, "not a time between the years 1 and 9999");
    }
    csvc__buffer_printf(&p->out, "\"%s\"", text);
    return true;
}

static bool put_duration(struct csvc__printer *p, const csvc_message_type *type,
                         const void *message)
{
    int64_t seconds;
    int32_t nanos;

    seconds_and_nanos(type, message, &seconds, &nanos);
    if (seconds < -DURATION_MAX || seconds > DURATION_MAX || nanos <= -CSVC__SECOND ||
        nanos >= CSVC__SECOND || (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0)) {
        return csvc__json_refuse(p, type, "out of the range of a duration");
    }
    csvc__buffer_puts(&p->out, seconds < 0 || nanos < 0 ? "\"-" : "\"");
    csvc__buffer_printf(&p->out, "%" PRId64, seconds < 0 ? -seconds : seconds);
    nanos = nanos < 0 ? -nanos : nanos;
    if (nanos == 0) {
        csvc__buffer_puts(&p->out, "s\"");
    } else if (nanos % 1000000 == 0) {
        csvc__buffer_printf(&p->out, ".%03" PRId32 "s\"", nanos / 1000000);
    } else if (nanos % 1000 == 0) {
        csvc__buffer_printf(&p->out, ".%06" PRId32 "s\"", nanos / 1000);
    } else {
        csvc__buffer_printf(&p->out, ".%09" PRId32 "s\"", nanos);
    }
    return true;
}

/* "user_id,profile.first_name" as "userId,profile.firstName"; only what can be turned back. */
static bool put_mask(struct csvc__printer *p, const csvc_message_type *type, const void *message)
{
    const csvc_field *paths = csvc__field_by_number(type, 1);
    size_t n = paths != NULL ? csvc__get_size(message, paths->quantifier) : 0;
    const uint8_t *values = n > 0 ? csvc__get_pointer(message, paths->offset) : NULL;
    csvc__buffer joined;

    csvc__buffer_init(&joined, INT32_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *path = csvc__get_pointer(values + i * sizeof(char *), 0);

        csvc__buffer_puts(&joined, i > 0 ? "," : "");
        for (; path != NULL && *path != '\0'; path++) {
            bool raise = *path == '_';

            path += raise;
            if (raise ? *path < 'a' || *path > 'z' : *path >= 'A' && *path <= 'Z') {
                csvc__buffer_release(&joined);
                return csvc__json_refuse(p, type, "a path that is not snake_case");
            }
            csvc__buffer_putc(&joined, raise ? (char)(*path - 'a' + 'A') : *path);
        }
    }
    csvc__buffer_puts(&joined, "");
    if (!csvc__buffer_ok(&joined)) {
        csvc__buffer_release(&joined);
        return csvc__json_no_memory(p);
    }
    csvc__buffer_json(&p->out, joined.data != NULL ? joined.data : "", joined.len);
    csvc__buffer_release(&joined);
    return true;
}

/* Struct and ListValue are what their only field prints as: a map, a list. */
static bool put_only_field(struct csvc__printer *p, const csvc_message_type *type,
                           const void *message, uint32_t depth)
{
    const csvc_field *field = csvc__field_by_number(type, 1);
    bool is_map = field != NULL && (field->flags & CSVC_FIELD_MAP) != 0;
    size_t n = field != NULL ? csvc__get_size(message, field->quantifier) : 0;
    const uint8_t *values = n > 0 ? csvc__get_pointer(message, field->offset) : NULL;

    csvc__json_open(p, is_map ? '{' : '[');
    for (size_t i = 0; i < n; i++) {
        const csvc_message_type *owner = type;
        const csvc_field *item = field;
        const void *value = values + i * sizeof(void *);
        uint32_t left = depth;

        csvc__json_next(p, i == 0);
        if (is_map) {
            const void *entry = csvc__get_pointer(value, 0);

            if (entry == NULL || depth == 0) {
                return csvc__json_refuse(p, type,
                                         entry == NULL ? "an entry that is NULL"
                                                       : "messages are nested too deep");
            }
            owner = field->sub;
            if (!csvc__json_value(p, owner, &owner->fields[0],
                                  csvc__const_at(entry, owner->fields[0].offset), 0)) {
                return false;
            }
            csvc__buffer_puts(&p->out, ": ");
            item = &owner->fields[1];
            value = csvc__const_at(entry, item->offset);
            left--;
        }
        if (!csvc__json_value(p, owner, item, value, left)) {
            return false;
        }
        if (!csvc__buffer_ok(&p->out)) {
            return csvc__json_no_memory(p);
        }
    }
    csvc__json_close(p, is_map ? '}' : ']', n == 0);
    return true;
}

static bool put_dynamic(struct csvc__printer *p, const csvc_message_type *type, const void *message,
                        uint32_t depth)
{
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const csvc_field *field = &type->fields[i];
        const void *value = csvc__const_at(message, field->offset);

        if (!csvc__field_present(type, field, message)) {
            continue;
        }
        if (field->kind == CSVC_KIND_DOUBLE) {
            double number;

            memcpy(&number, value, sizeof(number));
            if (!isfinite(number)) {
                /* as the string "NaN" it would be read as a string */
                return csvc__json_refuse(p, type, "a number that is not finite");
            }
        }
        return csvc__json_value(p, type, field, value, depth);
    }
    csvc__buffer_puts(&p->out, "null"); /* none chosen */
    return true;
}

/* The type of what an Any holds, or NULL: the name is behind the last '/'. */
static const csvc_message_type *resolve(struct csvc__printer *p, const char *url)
{
    const char *slash = strrchr(url, '/');

    return slash != NULL && p->options.resolve != NULL
               ? p->options.resolve(p->options.resolve_self, slash + 1)
               : NULL;
}

static bool put_any(struct csvc__printer *p, const csvc_message_type *type, const void *message,
                    uint32_t depth)
{
    const char *url = text_of(type, message, 1);
    const void *data = value_of(type, message, 2);
    ProtobufCBinaryData bytes = {0, NULL};
    const csvc_message_type *inner = resolve(p, url);
    void *content = NULL;

    if (data != NULL) {
        bytes = csvc__get_bytes(data, 0);
    }
    csvc__json_open(p, '{');
    if (url[0] == '\0' && bytes.len == 0) {
        csvc__json_close(p, '}', true);
        return true;
    }
    csvc__json_next(p, true);
    csvc__json_key(p, "@type");
    csvc__buffer_json(&p->out, url, strlen(url));
    if (inner == NULL) {
        csvc__json_next(p, false);
        csvc__json_key(p, "value");
        csvc__json_base64(p, bytes.data, bytes.len);
        csvc__json_close(p, '}', false);
        return true;
    }
    if (depth == 0) {
        return csvc__json_refuse(p, type, "messages are nested too deep");
    }
    p->code = csvc_decode(p->a, inner, (csvc_bytes){bytes.len, bytes.data}, NULL, &content, p->err);
    if (p->code != CSVC_OK) {
        return false;
    }
    if (inner->well_known == CSVC_WKT_NONE) {
        return csvc__json_fields(p, inner, content, false, depth - 1);
    }
    csvc__json_next(p, false);
    csvc__json_key(p, "value");
    if (!csvc__json_message(p, inner, content, depth - 1)) {
        return false;
    }
    csvc__json_close(p, '}', false);
    return true;
}

bool csvc__json_well_known(struct csvc__printer *p, const csvc_message_type *type,
                           const void *message, uint32_t depth)
{
    const csvc_field *field;

    switch (type->well_known) {
    case CSVC_WKT_ANY:
        return put_any(p, type, message, depth);
    case CSVC_WKT_TIMESTAMP:
        return put_timestamp(p, type, message);
    case CSVC_WKT_DURATION:
        return put_duration(p, type, message);
    case CSVC_WKT_STRUCT:
    case CSVC_WKT_LIST_VALUE:
        return put_only_field(p, type, message, depth);
    case CSVC_WKT_VALUE:
        return put_dynamic(p, type, message, depth);
    case CSVC_WKT_FIELD_MASK:
        return put_mask(p, type, message);
    case CSVC_WKT_WRAPPER:
        field = csvc__field_by_number(type, 1);
        if (field != NULL) {
            return csvc__json_value(p, type, field, csvc__const_at(message, field->offset), depth);
        }
        break;
    }
    csvc__json_open(p, '{'); /* Empty */
    csvc__json_close(p, '}', true);
    return true;
}
