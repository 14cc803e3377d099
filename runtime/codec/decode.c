/*
 * codec/decode.c: bytes to structs, in one pass.
 *
 * Nothing in the input is trusted: no length is believed before it is compared with what is left,
 * no count decides how much memory is taken, depth is bounded. What is not understood is kept
 * (decode_unknown.c). What can only be told at the end (keys twice, required fields) is in
 * decode_finish.c.
 */
#include <base/utf8.h>
#include <codec/decoder.h>

#include <base/banned.h>

static const uint8_t *decode_message(struct csvc__decoder *d, const csvc_message_type *type,
                                     uint8_t *message, const uint8_t *p, const uint8_t *end,
                                     uint32_t depth);

void *csvc__decode_new(struct csvc__decoder *d, const csvc_message_type *type)
{
    size_t seen = 0;
    uint8_t *memory;

    if (CSVC__UNLIKELY((type->flags & CSVC_MESSAGE_REQUIRED) != 0)) {
        seen = ((size_t)type->n_fields + 127) / 128 * 16;
    }
    memory = csvc__arena_take(d->a, seen + type->size);
    if (CSVC__UNLIKELY(memory == NULL)) {
        (void)csvc__decode_no_memory(d);
        return NULL;
    }
    if (CSVC__UNLIKELY(seen > 0)) {
        memset(memory, 0, seen);
    }
    memcpy(memory + seen, type->initial, type->size);
    return memory + seen;
}

/* ---- where a value goes -----------------------------------------------------------------------
 */

/* Room for `n` more values behind those that an array has. */
static bool reserve(struct csvc__decoder *d, uint8_t *message, const csvc_field *field, size_t n,
                    size_t size)
{
    size_t *count = csvc__at(message, field->quantifier);
    size_t old = CSVC__FIRST_VALUES;
    size_t capacity;
    void *larger;

    if (n > SIZE_MAX / 64 - *count) {
        return csvc__decode_no_memory(d);
    }
    while (old < *count) {
        old *= 2;
    }
    if (*count == 0) {
        old = 0;
    }
    capacity = old > 0 ? old : CSVC__FIRST_VALUES;
    while (capacity < *count + n) {
        capacity *= 2;
    }
    if (capacity > old) {
        larger = csvc__arena_resize(d->a, csvc__get_pointer(message, field->offset), old * size,
                                    capacity * size);
        if (larger == NULL) {
            return csvc__decode_no_memory(d);
        }
        csvc__put_pointer(csvc__at(message, field->offset), larger);
    }
    return true;
}

/* The place of a value that has just arrived, its presence noted. NULL when memory is short. */
static inline void *place(struct csvc__decoder *d, const csvc_message_type *type, uint8_t *message,
                          const csvc_field *field, size_t size)
{
    size_t index;
    size_t *count;

    switch (field->label) {
    case CSVC_LABEL_OPTIONAL:
        csvc__put32(csvc__at(message, field->quantifier), 1);
        break;
    case CSVC_LABEL_ONEOF:
        csvc__put32(csvc__at(message, field->quantifier), field->number);
        break;
    case CSVC_LABEL_REQUIRED:
        index = (size_t)(field - type->fields);
        *csvc__decode_seen(message, index) |= UINT64_C(1) << index % 64;
        break;
    case CSVC_LABEL_REPEATED:
        count = csvc__at(message, field->quantifier);
        if (CSVC__UNLIKELY(csvc__array_full(*count)) && !reserve(d, message, field, 1, size)) {
            return NULL;
        }
        return (uint8_t *)csvc__get_pointer(message, field->offset) + (*count)++ * size;
    }
    return csvc__at(message, field->offset);
}

/* The same for strings and messages: when optional, the pointer itself is the presence. */
static inline void *place_pointer(struct csvc__decoder *d, const csvc_message_type *type,
                                  uint8_t *message, const csvc_field *field)
{
    if (field->label == CSVC_LABEL_OPTIONAL) {
        return csvc__at(message, field->offset);
    }
    return place(d, type, message, field, sizeof(void *));
}

/* ---- values -----------------------------------------------------------------------------------
 */

static inline uint32_t narrow(uint8_t kind, uint64_t value)
{
    if (kind == CSVC_KIND_BOOL) {
        return value != 0;
    }
    return kind == CSVC_KIND_SINT32 ? csvc__unzigzag32((uint32_t)value) : (uint32_t)value;
}

/* Whether a closed enum has no name for what came. */
static inline bool is_foreign(const csvc_field *field, uint64_t value)
{
    return CSVC__UNLIKELY((field->flags & CSVC_FIELD_CLOSED_ENUM) != 0) &&
           csvc__enum_value(field->sub, (int32_t)(uint32_t)value) == NULL;
}

static inline bool store_varint(struct csvc__decoder *d, const csvc_message_type *type,
                                uint8_t *message, const csvc_field *field, uint64_t value)
{
    uint8_t kind = field->kind;

    if (csvc__is_one_of(kind, CSVC__KINDS_WIDE)) {
        void *wide = place(d, type, message, field, 8);

        if (CSVC__UNLIKELY(wide == NULL)) {
            return false;
        }
        csvc__put64(wide, kind == CSVC_KIND_SINT64 ? csvc__unzigzag64(value) : value);
    } else {
        void *slot = place(d, type, message, field, 4);

        if (CSVC__UNLIKELY(slot == NULL)) {
            return false;
        }
        csvc__put32(slot, narrow(kind, value));
    }
    return true;
}

static bool store_string(struct csvc__decoder *d, const csvc_message_type *type, uint8_t *message,
                         const csvc_field *field, const uint8_t *data, size_t len)
{
    /* written only by who allocated it, as protobuf-c's own is; a default needs another address */
    char *text = (char *)(uintptr_t)protobuf_c_empty_string;
    void *slot;

    if (len > 0 || (field->flags & CSVC_FIELD_PTR_DEFAULT) != 0) {
        if ((field->flags & CSVC_FIELD_UTF8) != 0) {
            if (CSVC__UNLIKELY(!csvc__utf8_plain(data, len, true)) && !csvc__utf8_text(data, len)) {
                return csvc__decode_refuse(d, type, field,
                                           memchr(data, 0, len) != NULL ? "a NUL within a string"
                                                                        : "not UTF-8");
            }
        } else if (memchr(data, 0, len) != NULL) {
            return csvc__decode_refuse(d, type, field, "a NUL within a string");
        }
        text = csvc__arena_take(d->a, len + 1);
        if (CSVC__UNLIKELY(text == NULL)) {
            return csvc__decode_no_memory(d);
        }
        csvc__copy(text, data, len);
        text[len] = '\0';
    }
    slot = place_pointer(d, type, message, field);
    if (CSVC__UNLIKELY(slot == NULL)) {
        return false;
    }
    csvc__put_pointer(slot, text);
    return true;
}

static bool store_bytes(struct csvc__decoder *d, const csvc_message_type *type, uint8_t *message,
                        const csvc_field *field, const uint8_t *data, size_t len)
{
    uint8_t *copy = NULL;
    ProtobufCBinaryData *slot;

    if (len > 0) {
        copy = csvc__arena_take(d->a, len);
        if (CSVC__UNLIKELY(copy == NULL)) {
            return csvc__decode_no_memory(d);
        }
        memcpy(copy, data, len);
    }
    slot = place(d, type, message, field, sizeof(*slot));
    if (CSVC__UNLIKELY(slot == NULL)) {
        return false;
    }
    slot->len = len;
    slot->data = copy;
    return true;
}

/* ---- packed -----------------------------------------------------------------------------------
 */

static bool packed_fixed(struct csvc__decoder *d, const csvc_message_type *type, uint8_t *message,
                         const csvc_field *field, const uint8_t *p, const uint8_t *end)
{
    size_t size = csvc__size_of(field->kind);
    size_t n = (size_t)(end - p) / size;
    size_t *count = csvc__at(message, field->quantifier);
    uint8_t *values;

    if (n * size != (size_t)(end - p)) {
        return csvc__decode_refuse(d, type, field, "half a value at the end of a packed field");
    }
    if (n == 0) {
        return true;
    }
    if (!reserve(d, message, field, n, size)) {
        return false;
    }
    values = (uint8_t *)csvc__get_pointer(message, field->offset) + *count * size;
    *count += n;
    if (CSVC__LITTLE_ENDIAN) {
        memcpy(values, p, n * size);
        return true;
    }
    for (; p < end; p += size, values += size) {
        if (size == 4) {
            csvc__put32(values, csvc__load32(p));
        } else {
            csvc__put64(values, csvc__load64(p));
        }
    }
    return true;
}

static bool packed_varints(struct csvc__decoder *d, const csvc_message_type *type, uint8_t *message,
                           const csvc_field *field, const uint8_t *p, const uint8_t *end)
{
    uint8_t kind = field->kind;
    size_t size = csvc__size_of(kind);
    size_t *count = csvc__at(message, field->quantifier);
    size_t n = 0;
    uint8_t *values;
    uint8_t *at;

    if (p == end) {
        return true;
    }
    for (const uint8_t *byte = p; byte < end; byte++) {
        n += *byte < 0x80;
    }
    if (!reserve(d, message, field, n, size)) {
        return false;
    }
    values = (uint8_t *)csvc__get_pointer(message, field->offset) + *count * size;
    at = values;
    while (p < end) {
        const uint8_t *start = p;
        uint64_t value;

        p = csvc__varint_read(p, end, &value);
        if (CSVC__UNLIKELY(p == NULL)) {
            return csvc__decode_refuse(d, type, field, "a broken varint");
        }
        if (is_foreign(field, value)) {
            if (!csvc__decode_keep(d, message, field->number << 3 | CSVC__WIRE_VARINT, start, p)) {
                return false;
            }
            continue;
        }
        if (size == 8) {
            csvc__put64(at, kind == CSVC_KIND_SINT64 ? csvc__unzigzag64(value) : value);
        } else {
            csvc__put32(at, narrow(kind, value));
        }
        at += size;
    }
    *count += (size_t)(at - values) / size;
    return true;
}

/* ---- messages within ----------------------------------------------------------------------------
 */

/* What an entry leaves out has its default, and is there. */
static bool complete_entry(struct csvc__decoder *d, const csvc_message_type *type, uint8_t *entry)
{
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const csvc_field *field = &type->fields[i];
        bool is_pointer = field->kind == CSVC_KIND_STRING || field->kind == CSVC_KIND_MESSAGE;
        const void *absent = protobuf_c_empty_string;

        if (is_pointer) {
            if (csvc__get_pointer(entry, field->offset) != NULL) {
                continue;
            }
            if (field->kind == CSVC_KIND_MESSAGE) {
                absent = csvc__decode_new(d, field->sub);
            }
            if (absent == NULL) {
                return false;
            }
            csvc__put_pointer(csvc__at(entry, field->offset), absent);
        } else if (field->label == CSVC_LABEL_OPTIONAL) {
            csvc__put32(csvc__at(entry, field->quantifier), 1);
        }
    }
    return true;
}

/* Whether the value of an entry was of a closed enum that has no name for it. */
static bool has_foreign_value(const csvc_message_type *type, const uint8_t *entry)
{
    const ProtobufCMessage *base = (const void *)entry;

    if (CSVC__LIKELY(base->n_unknown_fields == 0) || type->n_fields != 2 ||
        (type->fields[1].flags & CSVC_FIELD_CLOSED_ENUM) == 0) {
        return false;
    }
    for (unsigned i = 0; i < base->n_unknown_fields; i++) {
        if (base->unknown_fields[i].tag == 2 &&
            base->unknown_fields[i].wire_type == PROTOBUF_C_WIRE_TYPE_VARINT) {
            return true;
        }
    }
    return false;
}

/* An entry of a map, from behind its length. `raw` is where its length begins. */
static bool store_entry(struct csvc__decoder *d, const csvc_message_type *type, uint8_t *message,
                        const csvc_field *field, const uint8_t *raw, const uint8_t *p,
                        const uint8_t *end, uint32_t depth)
{
    uint8_t *entry = csvc__decode_new(d, field->sub);
    struct csvc__map_note *note;
    void *slot;

    if (entry == NULL || decode_message(d, field->sub, entry, p, end, depth) == NULL) {
        return false;
    }
    if (has_foreign_value(field->sub, entry)) {
        return csvc__decode_keep(d, message, field->number << 3 | CSVC__WIRE_LEN, raw, end);
    }
    if (!complete_entry(d, field->sub, entry)) {
        return false;
    }
    slot = place(d, type, message, field, sizeof(void *));
    if (slot == NULL) {
        return false;
    }
    csvc__put_pointer(slot, entry);
    if (csvc__get_size(message, field->quantifier) == 2) {
        note = csvc__arena_take(d->a, sizeof(*note));
        if (note == NULL) {
            return csvc__decode_no_memory(d);
        }
        *note = (struct csvc__map_note){d->maps, message, field};
        d->maps = note;
    }
    return true;
}

static bool store_message(struct csvc__decoder *d, const csvc_message_type *type, uint8_t *message,
                          const csvc_field *field, const uint8_t *p, const uint8_t *end,
                          uint32_t depth)
{
    uint8_t *sub = NULL;
    void *slot;

    /* one that came before is continued, unless another member of its oneof came in between */
    if (field->label != CSVC_LABEL_REPEATED &&
        (field->label != CSVC_LABEL_ONEOF ||
         csvc__get32(message, field->quantifier) == field->number)) {
        sub = csvc__get_pointer(message, field->offset);
    }
    if (sub == NULL) {
        sub = csvc__decode_new(d, field->sub);
        if (CSVC__UNLIKELY(sub == NULL)) {
            return false;
        }
    }
    slot = place_pointer(d, type, message, field);
    if (CSVC__UNLIKELY(slot == NULL)) {
        return false;
    }
    csvc__put_pointer(slot, sub);
    return decode_message(d, field->sub, sub, p, end, depth) != NULL;
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

/* A value with a length: `p` stands behind the tag. */
static inline const uint8_t *decode_length(struct csvc__decoder *d, const csvc_message_type *type,
                                           uint8_t *message, const csvc_field *field, uint32_t tag,
                                           const uint8_t *p, const uint8_t *end, uint32_t depth)
{
    const uint8_t *raw = p;
    size_t len;
    bool ok;

    p = csvc__length_read(p, end, &len);
    if (CSVC__UNLIKELY(p == NULL)) {
        (void)csvc__decode_refuse(d, type, field, "a length past the end");
        return NULL;
    }
    if (CSVC__UNLIKELY(field == NULL)) {
        return csvc__decode_keep(d, message, tag, raw, p + len) ? p + len : NULL;
    }
    switch (field->kind) {
    case CSVC_KIND_STRING:
        ok = store_string(d, type, message, field, p, len);
        break;
    case CSVC_KIND_BYTES:
        ok = store_bytes(d, type, message, field, p, len);
        break;
    case CSVC_KIND_MESSAGE:
        if (CSVC__UNLIKELY(depth == 0)) {
            (void)csvc__decode_refuse(d, type, field, "messages are nested too deep");
            return NULL;
        }
        ok = (field->flags & CSVC_FIELD_MAP) != 0
                 ? store_entry(d, type, message, field, raw, p, p + len, depth - 1)
                 : store_message(d, type, message, field, p, p + len, depth - 1);
        break;
    default:
        if (field->label != CSVC_LABEL_REPEATED) {
            ok = csvc__decode_keep(d, message, tag, raw, p + len);
        } else if (csvc__wire_of(field->kind) == CSVC__WIRE_VARINT) {
            ok = packed_varints(d, type, message, field, p, p + len);
        } else {
            ok = packed_fixed(d, type, message, field, p, p + len);
        }
        break;
    }
    return ok ? p + len : NULL;
}

static inline const uint8_t *decode_varint(struct csvc__decoder *d, const csvc_message_type *type,
                                           uint8_t *message, const csvc_field *field, uint32_t tag,
                                           const uint8_t *p, const uint8_t *end)
{
    const uint8_t *raw = p;
    uint64_t value;
    bool ok;

    p = csvc__varint_read(p, end, &value);
    if (CSVC__UNLIKELY(p == NULL)) {
        (void)csvc__decode_refuse(d, type, field, "a broken varint");
        return NULL;
    }
    if (CSVC__UNLIKELY(field == NULL) ||
        CSVC__UNLIKELY(csvc__wire_of(field->kind) != CSVC__WIRE_VARINT) ||
        is_foreign(field, value)) {
        ok = csvc__decode_keep(d, message, tag, raw, p);
    } else {
        ok = store_varint(d, type, message, field, value);
    }
    return ok ? p : NULL;
}

static inline const uint8_t *decode_fixed(struct csvc__decoder *d, const csvc_message_type *type,
                                          uint8_t *message, const csvc_field *field, uint32_t tag,
                                          const uint8_t *p, const uint8_t *end)
{
    csvc__wire wire = (csvc__wire)(tag & 7);
    size_t size = wire == CSVC__WIRE_32 ? 4 : 8;
    void *slot;

    if (CSVC__UNLIKELY((size_t)(end - p) < size)) {
        (void)csvc__decode_refuse(d, type, field, "cut off in the middle of a number");
        return NULL;
    }
    if (field == NULL || csvc__wire_of(field->kind) != wire) {
        return csvc__decode_keep(d, message, tag, p, p + size) ? p + size : NULL;
    }
    slot = place(d, type, message, field, size);
    if (slot == NULL) {
        return NULL;
    }
    if (size == 4) {
        csvc__put32(slot, csvc__load32(p));
    } else {
        csvc__put64(slot, csvc__load64(p));
    }
    return p + size;
}

/* `depth` is how many messages may still be within this one. Returns NULL on failure. */
static const uint8_t *decode_message(struct csvc__decoder *d, const csvc_message_type *type,
                                     uint8_t *message, const uint8_t *p, const uint8_t *end,
                                     uint32_t depth)
{
    while (p < end) {
        const csvc_field *field;
        const uint8_t *raw;
        uint32_t tag;

        p = csvc__tag_read(p, end, &tag);
        if (CSVC__UNLIKELY(p == NULL)) {
            (void)csvc__decode_refuse(d, type, NULL, "a broken tag");
            return NULL;
        }
        field = (tag >> 3) - 1 < type->n_dense ? &type->fields[(tag >> 3) - 1]
                                               : csvc__field_by_number(type, tag >> 3);
        switch (tag & 7) {
        case CSVC__WIRE_VARINT:
            p = decode_varint(d, type, message, field, tag, p, end);
            break;
        case CSVC__WIRE_LEN:
            if (CSVC__UNLIKELY(field != NULL && csvc__wire_of(field->kind) != CSVC__WIRE_LEN &&
                               field->label != CSVC_LABEL_REPEATED)) {
                field = NULL;
            }
            p = decode_length(d, type, message, field, tag, p, end, depth);
            break;
        case CSVC__WIRE_64:
        case CSVC__WIRE_32:
            p = decode_fixed(d, type, message, field, tag, p, end);
            break;
        case CSVC__WIRE_GROUP:
            raw = p;
            p = csvc__decode_group(d, type, tag >> 3, p, end, depth);
            if (p != NULL && !csvc__decode_keep(d, message, tag, raw, p)) {
                p = NULL;
            }
            break;
        default:
            (void)csvc__decode_refuse(d, type, NULL,
                                      (tag & 7) == CSVC__WIRE_END
                                          ? "the end of a group that never began"
                                          : "a tag of no known wire type");
            return NULL;
        }
        if (CSVC__UNLIKELY(p == NULL)) {
            return NULL;
        }
    }
    return p;
}

csvc_code csvc_decode(csvc_arena *a, const csvc_message_type *type, csvc_bytes bytes,
                      const csvc_decode_options *options, void **ret_message, csvc_error *err)
{
    struct csvc__decoder d = {.a = a, .err = err};
    static const uint8_t nothing[1];
    const uint8_t *data = bytes.data != NULL ? bytes.data : nothing;
    uint32_t depth = CSVC_MAX_DEPTH;
    uint8_t *message;

    if (options != NULL && options->max_depth > 0 && options->max_depth < CSVC_MAX_DEPTH) {
        depth = options->max_depth;
    }
    if (bytes.len > INT32_MAX) {
        (void)csvc__decode_refuse(&d, type, NULL, "larger than 2 GiB");
        return d.code;
    }
    message = csvc__decode_new(&d, type);
    if (message == NULL ||
        decode_message(&d, type, message, data, data + bytes.len, depth) == NULL ||
        !csvc__decode_finish(&d, type, message)) {
        return d.code;
    }
    *ret_message = message;
    return CSVC_OK;
}

csvc_code csvc_decode_pieces(csvc_arena *a, const csvc_message_type *type, const csvc_bytes *pieces,
                             size_t n_pieces, const csvc_decode_options *options,
                             void **ret_message, csvc_error *err)
{
    csvc_bytes all = {0, NULL};
    uint8_t *data;

    if (n_pieces == 1) {
        return csvc_decode(a, type, pieces[0], options, ret_message, err);
    }
    for (size_t i = 0; i < n_pieces; i++) {
        if (pieces[i].len > INT32_MAX - all.len) {
            return csvc_error_set(err, CSVC_INTERNAL, "%s: larger than 2 GiB",
                                  type->descriptor->name);
        }
        all.len += pieces[i].len;
    }
    if (all.len > 0) {
        data = csvc__arena_take(a, all.len);
        if (data == NULL) {
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
        }
        all.data = data;
        for (size_t i = 0; i < n_pieces; i++) {
            if (pieces[i].len > 0) {
                memcpy(data, pieces[i].data, pieces[i].len);
                data += pieces[i].len;
            }
        }
    }
    return csvc_decode(a, type, all, options, ret_message, err);
}
