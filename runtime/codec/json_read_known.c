/*
 * codec/json_read_known.c: the well-known types that JSON has as one string; what an Any holds.
 *
 * Their fields are found by number, in the table, so the C structs of google/protobuf are not
 * needed here.
 */
#include <base/clock.h>
#include <codec/json_reader.h>

#include <base/banned.h>

#define DURATION_MAX INT64_C(315576000000)

static bool get_string(struct csvc__reader *r, const char *wanted, struct csvc__json_text *ret_text)
{
    return csvc__read_peek(r) == '"' ? csvc__read_string(r, ret_text)
                                     : csvc__read_wanted(r, wanted);
}

/* Timestamp and Duration: int64 seconds = 1, int32 nanos = 2. */
static void put_seconds(const csvc_message_type *type, void *message, int64_t seconds,
                        int32_t nanos)
{
    const csvc_field *s = csvc__field_by_number(type, 1);
    const csvc_field *n = csvc__field_by_number(type, 2);

    if (s != NULL && s->kind == CSVC_KIND_INT64 && n != NULL && n->kind == CSVC_KIND_INT32) {
        csvc__put64(csvc__at(message, s->offset), (uint64_t)seconds);
        csvc__put32(csvc__at(message, n->offset), (uint32_t)nanos);
        csvc__read_present(s, message);
        csvc__read_present(n, message);
    }
}

bool csvc__read_timestamp(struct csvc__reader *r, const csvc_message_type *type, void *message)
{
    static const char wanted[] = "a time such as \"2026-11-21T09:00:00Z\"";
    struct csvc__json_text text;
    char copy[2 * CSVC__RFC3339_SIZE] = "";
    int64_t seconds;
    int32_t nanos;

    if (!get_string(r, wanted, &text)) {
        return false;
    }
    if (text.len < sizeof(copy)) {
        memcpy(copy, text.data, text.len);
    }
    if (strlen(copy) != text.len || !csvc__rfc3339_parse(copy, &seconds, &nanos)) {
        return csvc__read_refuse(r, text.at, "%s is wanted, of the years 1 to 9999", wanted);
    }
    put_seconds(type, message, seconds, nanos);
    return true;
}

/* "-1.5s": at most nine digits of a fraction. */
static bool parse_duration(const char *p, size_t len, int64_t *ret_seconds, int32_t *ret_nanos)
{
    const char *end = p + len;
    const bool negative = p < end && *p == '-';
    int64_t seconds = 0;
    int32_t nanos = 0;
    const char *digits = p + negative;

    for (p = digits; p < end && *p >= '0' && *p <= '9'; p++) {
        seconds = seconds * 10 + (*p - '0');
        if (seconds > DURATION_MAX) {
            return false;
        }
    }
    if (p == digits) {
        return false;
    }
    if (p < end && *p == '.') {
        int32_t unit = (int32_t)CSVC__SECOND;

        for (digits = ++p; p < end && *p >= '0' && *p <= '9'; p++) {
            unit /= 10;
            if (unit == 0) {
                return false;
            }
            nanos += (*p - '0') * unit;
        }
        if (p == digits) {
            return false;
        }
    }
    if (end - p != 1 || *p != 's') {
        return false;
    }
    *ret_seconds = negative ? -seconds : seconds;
    *ret_nanos = negative ? -nanos : nanos;
    return true;
}

bool csvc__read_duration(struct csvc__reader *r, const csvc_message_type *type, void *message)
{
    static const char wanted[] = "a duration such as \"1.5s\"";
    struct csvc__json_text text;
    int64_t seconds;
    int32_t nanos;

    if (!get_string(r, wanted, &text)) {
        return false;
    }
    if (!parse_duration(text.data, text.len, &seconds, &nanos)) {
        return csvc__read_refuse(r, text.at, "%s is wanted, of 315576000000 seconds at most",
                                 wanted);
    }
    put_seconds(type, message, seconds, nanos);
    return true;
}

size_t csvc__snake_case(const char *path, size_t len, char *ret_text)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (path[i] >= 'A' && path[i] <= 'Z') {
            ret_text[n++] = '_';
            ret_text[n++] = (char)(path[i] - 'A' + 'a');
        } else {
            ret_text[n++] = path[i];
        }
    }
    ret_text[n] = '\0';
    return n;
}

/* "userId,profile.firstName" as the paths user_id and profile.first_name. */
bool csvc__read_mask(struct csvc__reader *r, const csvc_message_type *type, void *message)
{
    const csvc_field *paths = csvc__field_by_number(type, 1);
    struct csvc__json_text text;
    const char *p;
    const char *end;

    if (!get_string(r, "names of fields in quotes, with commas between them,", &text)) {
        return false;
    }
    if (memchr(text.data, '_', text.len) != NULL || memchr(text.data, '\0', text.len) != NULL) {
        return csvc__read_refuse(r, text.at, "names of fields in lowerCamelCase are wanted");
    }
    if (paths == NULL || paths->kind != CSVC_KIND_STRING || text.len == 0) {
        return true;
    }
    end = text.data + text.len;
    for (p = text.data; p <= end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const size_t len = (size_t)((comma != NULL ? comma : end) - p);
        char *path = csvc__arena_take(r->a, 2 * len + 1);
        void *place = path != NULL ? csvc__read_more(r, paths, message) : NULL;

        if (len == 0) {
            return csvc__read_refuse(r, text.at, "the name of a field is missing");
        }
        if (place == NULL) {
            return csvc__read_no_memory(r);
        }
        (void)csvc__snake_case(p, len, path);
        csvc__put_pointer(place, path);
        p += len + 1;
    }
    return true;
}

bool csvc__read_any_type(struct csvc__reader *r, uint32_t depth, struct csvc__json_text *ret_url)
{
    const char *start = r->at;
    struct csvc__json_text key;
    bool more;

    *ret_url = (struct csvc__json_text){.data = ""};
    if (!csvc__read_first(r, '}', &more)) {
        return false;
    }
    while (more) {
        if (!csvc__read_key(r, &key)) {
            return false;
        }
        if (key.len != 5 || memcmp(key.data, "@type", 5) != 0) {
            if (!csvc__read_skip(r, csvc__brackets(depth))) {
                return false;
            }
        } else if (ret_url->at != NULL) {
            return csvc__read_refuse(r, key.at, "a field that was there before");
        } else if (csvc__read_peek(r) != '"') {
            return csvc__read_wanted(r, "a type such as \"type.googleapis.com/user.User\"");
        } else if (!csvc__read_string(r, ret_url)) {
            return false;
        }
        if (!csvc__read_next(r, '}', &more)) {
            return false;
        }
    }
    r->at = start;
    return true;
}
