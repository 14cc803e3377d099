/*
 * codec/json_read_known.c: the well-known types, out of the JSON form of their own.
 *
 * Their fields are found by number, in the table, so the C structs of google/protobuf are not
 * needed here.
 */
#include <base/clock.h>
#include <codec/json_reader.h>

#include <base/banned.h>

#define DURATION_MAX INT64_C(315576000000)

/* ---- those that are a string ---- */

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

static bool get_timestamp(struct csvc__reader *r, const csvc_message_type *type, void *message)
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

static bool get_duration(struct csvc__reader *r, const csvc_message_type *type, void *message)
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
static bool get_mask(struct csvc__reader *r, const csvc_message_type *type, void *message)
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

/* ---- Struct, ListValue, Value ---- */

/* The field of a Value that takes what comes: its kinds differ, its two messages by their types. */
static const csvc_field *field_for(const csvc_message_type *type, uint8_t kind, uint8_t well_known)
{
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const csvc_field *field = &type->fields[i];

        if (field->kind == kind &&
            (kind != CSVC_KIND_MESSAGE ||
             ((const csvc_message_type *)field->sub)->well_known == well_known)) {
            return field;
        }
    }
    return NULL;
}

static bool get_dynamic(struct csvc__reader *r, const csvc_message_type *type, void *message,
                        uint32_t depth)
{
    const csvc_field *field = NULL;
    uint8_t kind = 0;
    uint8_t well_known = CSVC_WKT_NONE;

    switch (csvc__read_peek(r)) {
    case 'n':
        kind = CSVC_KIND_ENUM;
        break;
    case '0':
        kind = CSVC_KIND_DOUBLE;
        break;
    case '"':
        kind = CSVC_KIND_STRING;
        break;
    case 't':
    case 'f':
        kind = CSVC_KIND_BOOL;
        break;
    case '{':
        kind = CSVC_KIND_MESSAGE;
        well_known = CSVC_WKT_STRUCT;
        break;
    case '[':
        kind = CSVC_KIND_MESSAGE;
        well_known = CSVC_WKT_LIST_VALUE;
        break;
    default:
        break;
    }
    field = field_for(type, kind, well_known);
    if (field == NULL) {
        return csvc__read_wanted(r, "a value");
    }
    if (!csvc__read_value(r, field, csvc__at(message, field->offset), depth)) {
        return false;
    }
    csvc__read_present(field, message);
    return true;
}

/* ---- Any ---- */

/* What "@type" of the object that comes is; nothing is read. No `at`: there is none. */
static bool find_type(struct csvc__reader *r, uint32_t depth, struct csvc__json_text *ret_url)
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

/* The object of an Any whose content is "value" alone: base64, or a type with its own form. */
static bool get_value_member(struct csvc__reader *r, const csvc_message_type *inner,
                             const csvc_field *data, void *slot, uint32_t depth, void **ret_content)
{
    struct csvc__json_step step = {.up = r->step};
    const char *start = r->at;
    bool found = false;
    bool more;

    if (!csvc__read_first(r, '}', &more)) {
        return false;
    }
    while (more) {
        struct csvc__json_text key;
        bool ok;

        if (!csvc__read_key(r, &key)) {
            return false;
        }
        step.key = key.data;
        step.n = key.len;
        r->step = &step;
        if (key.len == 5 && memcmp(key.data, "@type", 5) == 0) {
            ok = csvc__read_skip(r, csvc__brackets(depth));
        } else if (key.len != 5 || memcmp(key.data, "value", 5) != 0) {
            ok = r->options.ignore_unknown
                     ? csvc__read_skip(r, csvc__brackets(depth))
                     : csvc__read_refuse(r, key.at, "beside \"@type\" of %s only \"value\" may be",
                                         inner != NULL ? "this type" : "a type that is not known");
        } else if (found) {
            ok = csvc__read_refuse(r, key.at, "a field that was there before");
        } else {
            found = true;
            ok = inner != NULL ? csvc__read_message(r, inner, depth - 1, ret_content)
                               : csvc__read_value(r, data, slot, depth);
        }
        r->step = step.up;
        if (!ok || !csvc__read_next(r, '}', &more)) {
            return false;
        }
    }
    return found || inner == NULL ||
           csvc__read_refuse(r, start, "\"value\" is missing beside \"@type\"");
}

/* The type of what an Any holds, or NULL: the name is behind the last '/'. */
static const csvc_message_type *resolve(struct csvc__reader *r, const char *url)
{
    const char *slash = strrchr(url, '/');

    return slash != NULL && r->options.resolve != NULL
               ? r->options.resolve(r->options.resolve_self, slash + 1)
               : NULL;
}

/* Any: string type_url = 1, bytes value = 2. */
static bool get_any(struct csvc__reader *r, const csvc_message_type *type, void *message,
                    uint32_t depth)
{
    const csvc_field *url_field = csvc__field_by_number(type, 1);
    const csvc_field *data_field = csvc__field_by_number(type, 2);
    const csvc_message_type *inner;
    ProtobufCBinaryData data = {0, NULL};
    struct csvc__json_text text;
    csvc_bytes bytes;
    const char *start;
    void *content = NULL;
    char *url;
    bool ok;

    if (csvc__read_peek(r) != '{') {
        return csvc__read_wanted(r, "an object");
    }
    start = r->at;
    if (url_field == NULL || url_field->kind != CSVC_KIND_STRING || data_field == NULL ||
        data_field->kind != CSVC_KIND_BYTES) {
        return csvc__read_refuse(r, start, "%s is no Any", type->descriptor->name);
    }
    if (!find_type(r, depth, &text)) {
        return false;
    }
    if (memchr(text.data, '\0', text.len) != NULL) {
        return csvc__read_refuse(r, text.at, "a NUL within a string");
    }
    url = csvc_arena_strndup(r->a, text.data, text.len);
    if (url == NULL) {
        return csvc__read_no_memory(r);
    }
    inner = resolve(r, url);
    if (inner != NULL && depth == 0) {
        return csvc__read_refuse(r, start, "messages are nested too deep");
    }
    if (inner == NULL || inner->well_known != CSVC_WKT_NONE) {
        ok = get_value_member(r, inner, data_field, &data, depth, &content);
    } else {
        content = csvc_message_new(r->a, inner);
        ok = content != NULL ? csvc__read_fields(r, inner, content, true, depth - 1)
                             : csvc__read_no_memory(r);
    }
    if (!ok) {
        return false;
    }
    if (text.at == NULL && data.len > 0) {
        return csvc__read_refuse(r, start, "\"@type\" is missing");
    }
    if (inner != NULL) {
        r->code = csvc_encode(r->a, inner, content, &bytes, r->err);
        if (r->code != CSVC_OK) {
            return false;
        }
        data = (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
    }
    csvc__put_pointer(csvc__at(message, url_field->offset), url);
    memcpy(csvc__at(message, data_field->offset), &data, sizeof(data));
    csvc__read_present(data_field, message);
    return true;
}

/* ---- all of them ---- */

bool csvc__read_well_known(struct csvc__reader *r, const csvc_message_type *type, void *message,
                           uint32_t depth)
{
    const csvc_field *field = csvc__field_by_number(type, 1);

    switch (type->well_known) {
    case CSVC_WKT_ANY:
        return get_any(r, type, message, depth);
    case CSVC_WKT_TIMESTAMP:
        return get_timestamp(r, type, message);
    case CSVC_WKT_DURATION:
        return get_duration(r, type, message);
    case CSVC_WKT_VALUE:
        return get_dynamic(r, type, message, depth);
    case CSVC_WKT_FIELD_MASK:
        return get_mask(r, type, message);
    case CSVC_WKT_STRUCT:
    case CSVC_WKT_LIST_VALUE:
        if (field != NULL && field->label == CSVC_LABEL_REPEATED) {
            return csvc__read_repeated(r, field, message, depth);
        }
        break;
    case CSVC_WKT_WRAPPER:
        if (field != NULL && field->kind != CSVC_KIND_MESSAGE) {
            if (!csvc__read_scalar(r, field, csvc__at(message, field->offset))) {
                return false;
            }
            csvc__read_present(field, message);
            return true;
        }
        break;
    }
    return csvc__read_fields(r, type, message, false, depth); /* Empty */
}
