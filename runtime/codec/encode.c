/*
 * codec/encode.c: structs to bytes, from the end to the start.
 *
 * Written backwards, a submessage is complete when its length is wanted, so no pass over the
 * message is needed to find sizes. The bytes grow downwards in the caller's scratch memory and,
 * when that is full, in blocks of malloc's that double.
 */
#include <base/arena.h>
#include <base/utf8.h>
#include <codec/codec.h>
#include <codec/wire.h>
#include <csvc/alloc.h>

#include <base/banned.h>

struct encoder {
    uint8_t *at; /* what is written begins here */
    uint8_t *start;
    uint8_t *end;
    uint8_t *block; /* malloc's, once the scratch memory is full */
    csvc_code code;
    csvc_error *err;
};

enum {
    FIRST_BLOCK = 4096,
    SCALAR_ROOM = CSVC__TAG_MAX + CSVC__VARINT_MAX,
};

static bool encode_message(struct encoder *e, const csvc_message_type *type, const void *message,
                           uint32_t depth);

static CSVC__COLD bool refuse(struct encoder *e, const csvc_message_type *type,
                              const csvc_field *field, const char *why)
{
    const char *dot = field != NULL ? "." : "";
    const char *name = field != NULL ? type->descriptor->fields[field - type->fields].name : "";

    e->code =
        csvc_error_set(e->err, CSVC_INTERNAL, "%s%s%s: %s", type->descriptor->name, dot, name, why);
    return false;
}

static size_t written(const struct encoder *e)
{
    return (size_t)(e->end - e->at);
}

static CSVC__COLD bool grow(struct encoder *e, size_t n)
{
    size_t len = written(e);
    size_t size = (size_t)(e->end - e->start) * 2;
    uint8_t *block;

    if (n > INT32_MAX || len > INT32_MAX - n) {
        e->code = csvc_error_set(e->err, CSVC_INTERNAL, "a message of more than 2 GiB");
        return false;
    }
    if (size < FIRST_BLOCK) {
        size = FIRST_BLOCK;
    }
    while (size < len + n) {
        size *= 2;
    }
    block = csvc__malloc(size);
    if (block == NULL) {
        e->code = csvc_error_set(e->err, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
        return false;
    }
    if (len > 0) {
        memcpy(block + size - len, e->at, len);
    }
    csvc__free(e->block);
    e->block = block;
    e->start = block;
    e->end = block + size;
    e->at = e->end - len;
    return true;
}

static inline bool room(struct encoder *e, size_t n)
{
    return CSVC__LIKELY((size_t)(e->at - e->start) >= n) || grow(e, n);
}

/* The put_ functions need room to have been made. */
static inline void put_varint(struct encoder *e, uint64_t value)
{
    if (CSVC__LIKELY(value < 0x80)) {
        *--e->at = (uint8_t)value;
    } else {
        e->at -= csvc__varint_size(value);
        (void)csvc__varint_write(e->at, value);
    }
}

static inline void put_tag(struct encoder *e, uint32_t number, csvc__wire wire)
{
    put_varint(e, number << 3 | (uint32_t)wire);
}

static inline void put_bytes(struct encoder *e, const void *data, size_t len)
{
    e->at -= len;
    if (len > 0) {
        memcpy(e->at, data, len);
    }
}

/* The varint of a value in memory. */
static inline uint64_t varint_of(csvc_kind kind, const void *value)
{
    uint32_t narrow;
    uint64_t wide;

    switch (kind) {
    case CSVC_KIND_INT64:
    case CSVC_KIND_UINT64:
        return csvc__get64(value, 0);
    case CSVC_KIND_SINT64:
        wide = csvc__get64(value, 0);
        return csvc__zigzag64(wide);
    case CSVC_KIND_SINT32:
        narrow = csvc__get32(value, 0);
        return csvc__zigzag32(narrow);
    case CSVC_KIND_UINT32:
        return csvc__get32(value, 0);
    case CSVC_KIND_BOOL:
        return csvc__get32(value, 0) != 0;
    default: /* a negative number takes ten bytes, so that an int64 may read it */
        return (uint64_t)(int64_t)(int32_t)csvc__get32(value, 0);
    }
}

static inline void put_fixed(struct encoder *e, const void *value, size_t size)
{
    e->at -= size;
    if (size == 4) {
        csvc__store32(e->at, csvc__get32(value, 0));
    } else {
        csvc__store64(e->at, csvc__get64(value, 0));
    }
}

/* ---- one value, with its tag ------------------------------------------------------------------
 */

static bool encode_string(struct encoder *e, const csvc_message_type *type, const csvc_field *field,
                          const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    if ((field->flags & CSVC_FIELD_UTF8) != 0 &&
        CSVC__UNLIKELY(csvc__utf8_valid(text, len) != len)) {
        return refuse(e, type, field, "not UTF-8");
    }
    if (CSVC__UNLIKELY(len > INT32_MAX) || !room(e, len + SCALAR_ROOM)) {
        return e->code != CSVC_OK ? false : refuse(e, type, field, "more than 2 GiB");
    }
    put_bytes(e, text, len);
    put_varint(e, len);
    put_tag(e, field->number, CSVC__WIRE_LEN);
    return true;
}

static bool encode_bytes(struct encoder *e, const csvc_message_type *type, const csvc_field *field,
                         ProtobufCBinaryData bytes)
{
    if (CSVC__UNLIKELY(bytes.data == NULL && bytes.len > 0)) {
        return refuse(e, type, field, "a length without data");
    }
    if (CSVC__UNLIKELY(bytes.len > INT32_MAX) || !room(e, bytes.len + SCALAR_ROOM)) {
        return e->code != CSVC_OK ? false : refuse(e, type, field, "more than 2 GiB");
    }
    put_bytes(e, bytes.data, bytes.len);
    put_varint(e, bytes.len);
    put_tag(e, field->number, CSVC__WIRE_LEN);
    return true;
}

static bool encode_sub(struct encoder *e, const csvc_message_type *type, const csvc_field *field,
                       const void *sub, uint32_t depth)
{
    size_t before = written(e);
    size_t len;

    if (CSVC__UNLIKELY(depth == 0)) {
        return refuse(e, type, field, "messages are nested too deep");
    }
    if (CSVC__UNLIKELY(sub == NULL)) {
        if ((type->flags & CSVC_MESSAGE_MAP_ENTRY) == 0) {
            return refuse(e, type, field, "a message that is NULL");
        }
    } else if (!encode_message(e, field->sub, sub, depth - 1)) {
        return false;
    }
    len = written(e) - before;
    if (!room(e, SCALAR_ROOM)) {
        return false;
    }
    put_varint(e, len);
    put_tag(e, field->number, CSVC__WIRE_LEN);
    return true;
}

/* The value at `value`, which is there. */
static inline bool encode_value(struct encoder *e, const csvc_message_type *type,
                                const csvc_field *field, const void *value, uint32_t depth)
{
    csvc_kind kind = (csvc_kind)field->kind;
    csvc__wire wire = csvc__wire_of(kind);

    switch (kind) {
    case CSVC_KIND_STRING:
        return encode_string(e, type, field, csvc__get_pointer(value, 0));
    case CSVC_KIND_BYTES:
        return encode_bytes(e, type, field, csvc__get_bytes(value, 0));
    case CSVC_KIND_MESSAGE:
        return encode_sub(e, type, field, csvc__get_pointer(value, 0), depth);
    default:
        if (!room(e, SCALAR_ROOM)) {
            return false;
        }
        if (wire == CSVC__WIRE_VARINT) {
            put_varint(e, varint_of(kind, value));
        } else {
            put_fixed(e, value, wire == CSVC__WIRE_32 ? 4 : 8);
        }
        put_tag(e, field->number, wire);
        return true;
    }
}

/* ---- repeated ---------------------------------------------------------------------------------
 */

static bool encode_packed(struct encoder *e, const csvc_field *field, const uint8_t *values,
                          size_t n)
{
    csvc_kind kind = (csvc_kind)field->kind;
    size_t size = csvc__size_of(kind);
    size_t before = written(e);
    size_t len;

    if (csvc__wire_of(kind) != CSVC__WIRE_VARINT) {
        if (n > INT32_MAX / size) {
            return grow(e, SIZE_MAX); /* says why */
        }
        if (!room(e, n * size)) {
            return false;
        }
        if (CSVC__LITTLE_ENDIAN) {
            put_bytes(e, values, n * size);
        } else {
            for (size_t i = n; i-- > 0;) {
                put_fixed(e, values + i * size, size);
            }
        }
    } else {
        for (size_t i = n; i-- > 0;) {
            if (!room(e, CSVC__VARINT_MAX)) {
                return false;
            }
            put_varint(e, varint_of(kind, values + i * size));
        }
    }
    len = written(e) - before;
    if (!room(e, SCALAR_ROOM)) {
        return false;
    }
    put_varint(e, len);
    put_tag(e, field->number, CSVC__WIRE_LEN);
    return true;
}

static bool encode_repeated(struct encoder *e, const csvc_message_type *type,
                            const csvc_field *field, const void *message, uint32_t depth)
{
    size_t n = csvc__get_size(message, field->quantifier);
    const uint8_t *values = csvc__get_pointer(message, field->offset);
    size_t size = csvc__size_of((csvc_kind)field->kind);

    if (n == 0) {
        return true;
    }
    if (CSVC__UNLIKELY(values == NULL)) {
        return refuse(e, type, field, "a count without values");
    }
    if ((field->flags & CSVC_FIELD_PACKED) != 0) {
        return encode_packed(e, field, values, n);
    }
    for (size_t i = n; i-- > 0;) {
        if (CSVC__UNLIKELY(field->kind == CSVC_KIND_STRING &&
                           csvc__get_pointer(values + i * size, 0) == NULL)) {
            return refuse(e, type, field, "a string that is NULL");
        }
        if (!encode_value(e, type, field, values + i * size, depth)) {
            return false;
        }
    }
    return true;
}

/* ---- messages ---------------------------------------------------------------------------------
 */

static bool encode_unknown(struct encoder *e, const csvc_message_type *type,
                           const ProtobufCMessage *base)
{
    for (unsigned i = base->n_unknown_fields; i-- > 0;) {
        const ProtobufCMessageUnknownField *field = &base->unknown_fields[i];

        if (field->len > INT32_MAX) {
            return refuse(e, type, NULL, "more than 2 GiB");
        }
        if (!room(e, field->len + SCALAR_ROOM)) {
            return false;
        }
        put_bytes(e, field->data, field->len);
        put_tag(e, field->tag, (csvc__wire)field->wire_type);
    }
    return true;
}

static bool encode_message(struct encoder *e, const csvc_message_type *type, const void *message,
                           uint32_t depth)
{
    const ProtobufCMessage *base = message;
    bool is_entry = (type->flags & CSVC_MESSAGE_MAP_ENTRY) != 0;

    if (CSVC__UNLIKELY(base->descriptor != type->descriptor)) {
        return refuse(e, type, NULL, "the struct is of another type or was never initialised");
    }
    if (CSVC__UNLIKELY(base->n_unknown_fields > 0) && !encode_unknown(e, type, base)) {
        return false;
    }
    for (uint32_t i = type->n_fields; i-- > 0;) {
        const csvc_field *field = &type->fields[i];
        const void *value = csvc__const_at(message, field->offset);

        if (field->label == CSVC_LABEL_REPEATED) {
            if (!encode_repeated(e, type, field, message, depth)) {
                return false;
            }
        } else if (is_entry || csvc__field_present(type, field, message)) {
            /* an entry has both its key and its value, whatever they are */
            if (!encode_value(e, type, field, value, depth)) {
                return false;
            }
        }
    }
    return true;
}

csvc_code csvc__encode_into(const csvc_message_type *type, const void *message, uint8_t *scratch,
                            size_t scratch_size, csvc_arena *overflow, csvc_bytes *ret_bytes,
                            csvc_error *err)
{
    uint8_t none[1];
    struct encoder e = {.err = err, .start = none, .end = none, .at = none};
    uint8_t *copy;

    if (scratch_size > 0) {
        e.start = scratch;
        e.end = scratch + scratch_size;
        e.at = e.end;
    }
    if (!encode_message(&e, type, message, CSVC_MAX_DEPTH)) {
        csvc__free(e.block);
        return e.code;
    }
    if (e.block == NULL) {
        *ret_bytes = (csvc_bytes){written(&e), written(&e) > 0 ? e.at : NULL};
        return CSVC_OK;
    }
    if (written(&e) > INT32_MAX) {
        csvc__free(e.block);
        return csvc_error_set(err, CSVC_INTERNAL, "a message of more than 2 GiB");
    }
    copy = csvc__arena_take(overflow, written(&e));
    if (copy == NULL) {
        csvc__free(e.block);
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
    }
    memcpy(copy, e.at, written(&e));
    *ret_bytes = (csvc_bytes){written(&e), copy};
    csvc__free(e.block);
    return CSVC_OK;
}

csvc_code csvc_encode(csvc_arena *a, const csvc_message_type *type, const void *message,
                      csvc_bytes *ret_bytes, csvc_error *err)
{
    uint8_t scratch[1024];
    csvc_bytes bytes;
    uint8_t *copy;
    csvc_code code = csvc__encode_into(type, message, scratch, sizeof(scratch), a, &bytes, err);

    if (code != CSVC_OK) {
        return code;
    }
    /* what outgrew the scratch memory is in the arena already */
    if (bytes.len > 0 && bytes.data >= scratch && bytes.data < scratch + sizeof(scratch)) {
        copy = csvc__arena_take(a, bytes.len);
        if (copy == NULL) {
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
        }
        memcpy(copy, bytes.data, bytes.len);
        bytes.data = copy;
    }
    *ret_bytes = bytes;
    return CSVC_OK;
}
