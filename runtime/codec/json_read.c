/*
 * codec/json_read.c: proto3 JSON to structs, in one pass. The words of the text are read in
 * json_scan.c, values that are no messages in json_scalar.c, the types with a form of their own in
 * json_read_known.c.
 */
#include <codec/decoder.h>
#include <codec/json_reader.h>
#include <codec/map_order.h>

#include <base/banned.h>

/* A value of any kind, aligned for it; read here first, as its field may turn out to be wrong. */
union slot {
    uint64_t number;
    void *pointer;
    ProtobufCBinaryData bytes;
};

/* ---- where a value goes ---- */

static uint8_t well_known_of(const csvc_field *field)
{
    return field->kind == CSVC_KIND_MESSAGE ? ((const csvc_message_type *)field->sub)->well_known
                                            : (uint8_t)CSVC_WKT_NONE;
}

bool csvc__read_takes_null(const csvc_field *field)
{
    if (field->kind == CSVC_KIND_ENUM) {
        const ProtobufCEnumDescriptor *type = field->sub;

        return strcmp(type->name, "google.protobuf.NullValue") == 0;
    }
    return well_known_of(field) == CSVC_WKT_VALUE;
}

void csvc__read_present(const csvc_field *field, void *message)
{
    if (field->label == CSVC_LABEL_ONEOF) {
        csvc__put32(csvc__at(message, field->quantifier), field->number);
    } else if (field->label == CSVC_LABEL_OPTIONAL && field->quantifier > 0) {
        csvc__put32(csvc__at(message, field->quantifier), 1);
    }
}

/* Makes room for one more of `n` values; the capacity follows from `n`, as in the decoder. */
static void *grown(struct csvc__reader *r, void *values, size_t n, size_t size)
{
    const size_t capacity = n > 0 ? 2 * n : (size_t)CSVC__FIRST_VALUES;

    if (!csvc__array_full(n)) {
        return values;
    }
    values = csvc__arena_resize(r->a, values, n * size, capacity * size);
    if (values == NULL) {
        (void)csvc__read_no_memory(r);
    }
    return values;
}

void *csvc__read_more(struct csvc__reader *r, const csvc_field *field, void *message)
{
    const size_t size = csvc__size_of(field->kind);
    size_t n = csvc__get_size(message, field->quantifier);
    uint8_t *values = grown(r, csvc__get_pointer(message, field->offset), n, size);

    if (values == NULL) {
        return NULL;
    }
    csvc__put_pointer(csvc__at(message, field->offset), values);
    n++;
    memcpy(csvc__at(message, field->quantifier), &n, sizeof(n));
    return values + (n - 1) * size;
}

/* ---- values ---- */

bool csvc__read_value(struct csvc__reader *r, const csvc_field *field, void *ret_value,
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
    if (!csvc__read_message(r, field->sub, depth - 1, &message)) {
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
        if (!csvc__read_value(r, field, &value, depth)) {
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

/*
 * Keys that come twice are found at the end, by sorting: hashing could be steered by chosen keys.
 * `places` has where each key stands in the text.
 */
static bool check_keys(struct csvc__reader *r, const csvc_field *field, void *message,
                       const uint32_t *places)
{
    const csvc_message_type *type = field->sub;
    void *const *entries = csvc__get_pointer(message, field->offset);
    size_t n = csvc__get_size(message, field->quantifier);
    uint32_t *order;
    size_t i = 1;

    if (n < 2) {
        return true;
    }
    order = csvc__map_order(type, entries, n);
    if (order == NULL) {
        return csvc__read_no_memory(r);
    }
    while (i < n && csvc__map_compare(type, entries[order[i - 1]], entries[order[i]]) != 0) {
        i++;
    }
    if (i < n) {
        (void)csvc__read_refuse(r, r->start + places[order[i]], "a key that was there before");
    }
    csvc__map_order_free(order);
    return i == n;
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
    if (!csvc__read_value(r, v, csvc__at(entry, v->offset), depth - 1)) {
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
            places = grown(r, places, n, sizeof(*places));
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
    return check_keys(r, field, message, places);
}

bool csvc__read_repeated(struct csvc__reader *r, const csvc_field *field, void *message,
                         uint32_t depth)
{
    return (field->flags & CSVC_FIELD_MAP) != 0 ? read_map(r, field, message, depth)
                                                : read_list(r, field, message, depth);
}

/* ---- fields ---- */

static bool check_oneof(struct csvc__reader *r, const csvc_message_type *type,
                        const csvc_field *field, const void *message, const char *at)
{
    uint32_t now;

    if (field->label != CSVC_LABEL_ONEOF) {
        return true;
    }
    now = csvc__get32(message, field->quantifier);
    for (uint32_t i = 0; now != 0 && i < type->n_fields; i++) {
        if (type->fields[i].number == now) {
            return csvc__read_refuse(r, at,
                                     "of a oneof one member may be given; %s was there before",
                                     type->descriptor->fields[i].name);
        }
    }
    return true;
}

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
        return csvc__read_repeated(r, field, message, depth);
    }
    r->dropped = false;
    if (!check_oneof(r, type, field, message, at) || !csvc__read_value(r, field, &value, depth)) {
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

static bool check_required(struct csvc__reader *r, const csvc_message_type *type,
                           const uint64_t *given)
{
    for (uint32_t i = 0; i < type->n_fields; i++) {
        if (type->fields[i].label == CSVC_LABEL_REQUIRED && (given[i / 64] >> i % 64 & 1) == 0) {
            return csvc__read_refuse(r, r->at, "the required field %s is missing",
                                     type->descriptor->fields[i].name);
        }
    }
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

bool csvc__read_fields(struct csvc__reader *r, const csvc_message_type *type, void *message,
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
    return (type->flags & CSVC_MESSAGE_REQUIRED) == 0 || check_required(r, type, seen + words);
}

/* ---- messages ---- */

bool csvc__read_message(struct csvc__reader *r, const csvc_message_type *type, uint32_t depth,
                        void **ret_message)
{
    void *message = csvc_message_new(r->a, type);

    if (message == NULL) {
        return csvc__read_no_memory(r);
    }
    *ret_message = message;
    return type->well_known != CSVC_WKT_NONE ? csvc__read_well_known(r, type, message, depth)
                                             : csvc__read_fields(r, type, message, false, depth);
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
    if (!csvc__read_message(&r, type, depth, &message) || !at_end(&r)) {
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
