/*
 * codec/json_read.c: proto3 JSON to structs, in one pass. The words of the text are read in
 * json_scan.c, values that are no messages in json_scalar.c, the well-known types that are one
 * string in json_read_known.c; json_place.c knows where in the struct a value goes.
 */
#include <codec/json_reader.h>

#include <base/banned.h>

/* A value of any kind, aligned for it; read here first, as its field may turn out to be wrong. */
union slot {
    uint64_t number;
    void *pointer;
    ProtobufCBinaryData bytes;
};

/* ---- values ---- */

static bool read_message(struct csvc__reader *r, const csvc_message_type *type, uint32_t depth,
                         void **ret_message);

/* One value of a field; not the list of a repeated one. */
static bool read_value(struct csvc__reader *r, const csvc_field *field, void *ret_value,
                       uint32_t depth)
{
    void *message;

    if (field->kind != CSVC_KIND_MESSAGE) {
        return csvc__read_scalar(r, field, ret_value);
    }
    if (depth == 0) {
        (void)csvc__read_peek(r);
        return csvc__read_refuse(r, r->at, "messages are nested too deep");
    }
    if (!read_message(r, field->sub, depth - 1, &message)) {
        return false;
    }
    csvc__put_pointer(ret_value, message);
    return true;
}

static bool read_list(struct csvc__reader *r, const csvc_field *field, void *message,
                      uint32_t depth)
{
    struct csvc__json_step step = {.up = r->step};
    bool more;

    if (csvc__read_peek(r) != '[') {
        return csvc__read_wanted(r, "a list");
    }
    if (!csvc__read_first(r, ']', &more)) {
        return false;
    }
    r->step = &step;
    while (more) {
        union slot value;
        void *place;

        if (csvc__read_peek(r) == 'n' && !csvc__read_takes_null(field)) {
            return csvc__read_refuse(r, r->at, "null may not be in a list");
        }
        r->dropped = false;
        if (!read_value(r, field, &value, depth)) {
            return false;
        }
        if (!r->dropped) {
            place = csvc__read_more(r, field, message);
            if (place == NULL) {
                return false;
            }
            memcpy(place, &value, csvc__size_of(field->kind));
        }
        r->dropped = false;
        step.n++;
        if (!csvc__read_next(r, ']', &more)) {
            return false;
        }
    }
    r->step = step.up;
    return true;
}

/* One entry of a map, behind its key. */
static bool read_entry(struct csvc__reader *r, const csvc_field *field,
                       const struct csvc__json_text *key, uint32_t depth, void **ret_entry)
{
    const csvc_message_type *type = field->sub;
    const csvc_field *k = &type->fields[0];
    const csvc_field *v = &type->fields[1];
    void *entry;

    if (depth == 0) {
        return csvc__read_refuse(r, key->at, "messages are nested too deep");
    }
    entry = csvc_message_new(r->a, type);
    if (entry == NULL) {
        return csvc__read_no_memory(r);
    }
    if (!csvc__read_map_key(r, k, key, csvc__at(entry, k->offset))) {
        return false;
    }
    if (csvc__read_peek(r) == 'n' && !csvc__read_takes_null(v)) {
        return csvc__read_refuse(r, r->at, "null may not be in a map");
    }
    r->dropped = false;
    if (!read_value(r, v, csvc__at(entry, v->offset), depth - 1)) {
        return false;
    }
    csvc__read_present(k, entry);
    csvc__read_present(v, entry);
    *ret_entry = entry;
    return true;
}

static bool read_map(struct csvc__reader *r, const csvc_field *field, void *message, uint32_t depth)
{
    struct csvc__json_step step = {.up = r->step};
    uint32_t *places = NULL;
    bool more;

    if (csvc__read_peek(r) != '{') {
        return csvc__read_wanted(r, "an object");
    }
    if (!csvc__read_first(r, '}', &more)) {
        return false;
    }
    while (more) {
        const size_t n = csvc__get_size(message, field->quantifier);
        struct csvc__json_text key;
        void *entry = NULL;
        void *place;

        if (!csvc__read_key(r, &key)) {
            return false;
        }
        step.key = key.data;
        step.n = key.len;
        r->step = &step;
        if (!read_entry(r, field, &key, depth, &entry)) {
            return false;
        }
        r->step = step.up;
        if (!r->dropped) {
            places = csvc__read_grown(r, places, n, sizeof(*places));
            place = places != NULL ? csvc__read_more(r, field, message) : NULL;
            if (place == NULL) {
                return false;
            }
            places[n] = (uint32_t)(key.at - r->start);
            csvc__put_pointer(place, entry);
        }
        r->dropped = false;
        if (!csvc__read_next(r, '}', &more)) {
            return false;
        }
    }
    return csvc__read_check_keys(r, field, message, places);
}

/* The list or the object of a repeated field. */
static bool read_repeated(struct csvc__reader *r, const csvc_field *field, void *message,
                          uint32_t depth)
{
    return (field->flags & CSVC_FIELD_MAP) != 0 ? read_map(r, field, message, depth)
                                                : read_list(r, field, message, depth);
}

/* ---- fields ---- */

/* A field behind its key, which stands at `at`. `ret_given`: it was not null. */
static bool read_field(struct csvc__reader *r, const csvc_message_type *type,
                       const csvc_field *field, void *message, const char *at, uint32_t depth,
                       bool *ret_given)
{
    union slot value;

    *ret_given = true;
    if (csvc__read_peek(r) == 'n' &&
        (field->label == CSVC_LABEL_REPEATED || !csvc__read_takes_null(field))) {
        *ret_given = false;
        return csvc__read_word(r, "null");
    }
    if (field->label == CSVC_LABEL_REPEATED) {
        return read_repeated(r, field, message, depth);
    }
    r->dropped = false;
    if (!csvc__read_check_oneof(r, type, field, message, at) ||
        !read_value(r, field, &value, depth)) {
        return false;
    }
    if (!r->dropped) {
        memcpy(csvc__at(message, field->offset), &value, csvc__size_of(field->kind));
        csvc__read_present(field, message);
    }
    r->dropped = false;
    return true;
}

/* The index of the field that a key names, -1 when it names none. False: memory is short. */
static bool find_field(struct csvc__reader *r, const csvc_message_type *type,
                       const struct csvc__json_text *key, int *ret_index)
{
    char buffer[128];
    const char *name = csvc__read_terminated(r, key, buffer, sizeof(buffer));

    if (name == NULL) {
        return false;
    }
    *ret_index = memchr(key->data, '\0', key->len) == NULL ? csvc_field_find(type, name) : -1;
    return true;
}

/* One member of the object. `seen` and `given` have a bit a field: named so far; and not null. */
static bool read_member(struct csvc__reader *r, const csvc_message_type *type, void *message,
                        uint64_t *seen, uint64_t *given, bool any, uint32_t depth)
{
    struct csvc__json_step step = {.up = r->step};
    struct csvc__json_text key;
    uint64_t bit;
    bool is_given;
    bool ok;
    int index;

    if (!csvc__read_key(r, &key)) {
        return false;
    }
    step.key = key.data;
    step.n = key.len;
    r->step = &step;
    if (any && key.len == 5 && memcmp(key.data, "@type", 5) == 0) {
        ok = csvc__read_skip(
            r, csvc__brackets(depth)); /* read before; that it comes once was seen then */
    } else if (!find_field(r, type, &key, &index)) {
        ok = false;
    } else if (index < 0) {
        ok = r->options.ignore_unknown
                 ? csvc__read_skip(r, csvc__brackets(depth))
                 : csvc__read_refuse(r, key.at, "%s has no such field", type->descriptor->name);
    } else {
        bit = UINT64_C(1) << index % 64;
        if ((seen[index / 64] & bit) != 0) {
            return csvc__read_refuse(r, key.at, "a field that was there before");
        }
        seen[index / 64] |= bit;
        ok = read_field(r, type, &type->fields[index], message, key.at, depth, &is_given);
        given[index / 64] |= ok && is_given ? bit : 0;
    }
    r->step = step.up;
    return ok;
}

/* Members of an object; `any` says that "@type" may be among them and is skipped. */
static bool read_fields(struct csvc__reader *r, const csvc_message_type *type, void *message,
                        bool any, uint32_t depth)
{
    uint64_t few[4] = {0};
    uint64_t *seen = few;
    const size_t words = ((size_t)type->n_fields + 63) / 64;
    bool more;

    if (csvc__read_peek(r) != '{') {
        return csvc__read_wanted(r, "an object");
    }
    if (2 * words > sizeof(few) / sizeof(few[0])) {
        seen = csvc_arena_calloc(r->a, 2 * words, sizeof(*seen));
        if (seen == NULL) {
            return csvc__read_no_memory(r);
        }
    }
    if (!csvc__read_first(r, '}', &more)) {
        return false;
    }
    while (more) {
        if (!read_member(r, type, message, seen, seen + words, any, depth) ||
            !csvc__read_next(r, '}', &more)) {
            return false;
        }
    }
    return (type->flags & CSVC_MESSAGE_REQUIRED) == 0 ||
           csvc__read_check_required(r, type, seen + words);
}

/* ---- well-known types that hold values of any kind ---- */

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
    if (!read_value(r, field, csvc__at(message, field->offset), depth)) {
        return false;
    }
    csvc__read_present(field, message);
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
            ok = inner != NULL ? read_message(r, inner, depth - 1, ret_content)
                               : read_value(r, data, slot, depth);
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
    if (!csvc__read_any_type(r, depth, &text)) {
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
        ok = content != NULL ? read_fields(r, inner, content, true, depth - 1)
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

static bool read_well_known(struct csvc__reader *r, const csvc_message_type *type, void *message,
                            uint32_t depth)
{
    const csvc_field *field = csvc__field_by_number(type, 1);

    switch (type->well_known) {
    case CSVC_WKT_ANY:
        return get_any(r, type, message, depth);
    case CSVC_WKT_TIMESTAMP:
        return csvc__read_timestamp(r, type, message);
    case CSVC_WKT_DURATION:
        return csvc__read_duration(r, type, message);
    case CSVC_WKT_VALUE:
        return get_dynamic(r, type, message, depth);
    case CSVC_WKT_FIELD_MASK:
        return csvc__read_mask(r, type, message);
    case CSVC_WKT_STRUCT:
    case CSVC_WKT_LIST_VALUE:
        if (field != NULL && field->label == CSVC_LABEL_REPEATED) {
            return read_repeated(r, field, message, depth);
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
    return read_fields(r, type, message, false, depth); /* Empty */
}

/* ---- messages ---- */

/* A message in its own JSON form; `depth` is how many more may be within it. */
static bool read_message(struct csvc__reader *r, const csvc_message_type *type, uint32_t depth,
                         void **ret_message)
{
    void *message = csvc_message_new(r->a, type);

    if (message == NULL) {
        return csvc__read_no_memory(r);
    }
    *ret_message = message;
    return type->well_known != CSVC_WKT_NONE ? read_well_known(r, type, message, depth)
                                             : read_fields(r, type, message, false, depth);
}

/* The depth that the options allow. */
static uint32_t begin(struct csvc__reader *r, const csvc_json_read_options *options)
{
    if (options != NULL) {
        /* an older caller's struct may end earlier, a newer one's later */
        memcpy(&r->options, options,
               options->struct_size < sizeof(r->options) ? options->struct_size
                                                         : sizeof(r->options));
    }
    return r->options.max_depth > 0 && r->options.max_depth < CSVC_MAX_DEPTH ? r->options.max_depth
                                                                             : CSVC_MAX_DEPTH;
}

static bool at_end(struct csvc__reader *r)
{
    return (csvc__read_peek(r) == '\0' && r->at == r->end) ||
           csvc__read_wanted(r, "the end of the text");
}

csvc_code csvc_json_read(csvc_arena *a, const csvc_message_type *type, const char *text, size_t len,
                         const csvc_json_read_options *options, void **ret_message, csvc_error *err)
{
    struct csvc__reader r = {.start = text, .at = text, .end = text + len, .a = a, .err = err};
    const uint32_t depth = begin(&r, options);
    void *message;

    if (len > INT32_MAX) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: a text larger than 2 GiB",
                              type->descriptor->name);
    }
    if (!read_message(&r, type, depth, &message) || !at_end(&r)) {
        return r.code;
    }
    *ret_message = message;
    return CSVC_OK;
}

csvc_code csvc__json_read_field(csvc_arena *a, const csvc_message_type *type,
                                const csvc_field *field, const char *text, size_t len,
                                void *message, csvc_error *err)
{
    struct csvc__reader r = {.start = text, .at = text, .end = text + len, .a = a, .err = err};
    bool is_given;

    if (len > INT32_MAX) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: a text larger than 2 GiB",
                              type->descriptor->name);
    }
    return read_field(&r, type, field, message, text, CSVC_MAX_DEPTH, &is_given) && at_end(&r)
               ? CSVC_OK
               : r.code;
}
