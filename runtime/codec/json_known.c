/*
 * codec/json_known.c: the well-known types that JSON has as one string.
 *
 * Their fields are found by number, in the table, so the C structs of google/protobuf are not
 * needed here.
 */
#include <base/clock.h>
#include <codec/json_printer.h>

#include <inttypes.h>

#include <base/banned.h>

#define DURATION_MAX INT64_C(315576000000)

static void seconds_and_nanos(const csvc_message_type *type, const void *message,
                              int64_t *ret_seconds, int32_t *ret_nanos)
{
    const void *seconds = csvc__field_value(type, message, 1);
    const void *nanos = csvc__field_value(type, message, 2);

    *ret_seconds = seconds != NULL ? (int64_t)csvc__get64(seconds, 0) : 0;
    *ret_nanos = nanos != NULL ? (int32_t)csvc__get32(nanos, 0) : 0;
}

bool csvc__json_timestamp(struct csvc__printer *p, const csvc_message_type *type,
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

bool csvc__json_duration(struct csvc__printer *p, const csvc_message_type *type,
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
bool csvc__json_mask(struct csvc__printer *p, const csvc_message_type *type, const void *message)
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
