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
    uint8_t *start;
    uint8_t *end;
    uint8_t *block; /* malloc's, once the scratch memory is full */
    csvc_code code;
    csvc_error *err;
};

/*
 * Functions that write take `at`, where what is written already begins, and return where it begins
 * now; NULL after a failure.
 */
enum {
    FIRST_BLOCK = 4096,
    WORD = 8,
    SCALAR_ROOM = CSVC__VARINT_MAX + WORD, /* a number and its tag, which is put as a word */
    PACKED_RUN = 16,                       /* numbers, at least, for which room is made at once */
};

static uint8_t *encode_message(struct encoder *e, uint8_t *at, const csvc_message_type *type,
                               const void *message, uint32_t depth);

static CSVC__COLD uint8_t *refuse(struct encoder *e, const csvc_message_type *type,
                                  const csvc_field *field, const char *why)
{
    const char *dot = field != NULL ? "." : "";
    const char *name = field != NULL ? type->descriptor->fields[field - type->fields].name : "";

    e->code =
        csvc_error_set(e->err, CSVC_INTERNAL, "%s%s%s: %s", type->descriptor->name, dot, name, why);
    return NULL;
}

static CSVC__COLD uint8_t *grow(struct encoder *e, uint8_t *at, size_t n)
{
    size_t len = (size_t)(e->end - at);
    size_t size = (size_t)(e->end - e->start) * 2;
    uint8_t *block;

    if (n > INT32_MAX || len > INT32_MAX - n) {
        e->code = csvc_error_set(e->err, CSVC_INTERNAL, "a message of more than 2 GiB");
        return NULL;
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
        return NULL;
    }
    if (len > 0) {
        memcpy(block + size - len, at, len);
    }
    csvc__free(e->block);
    e->block = block;
    e->start = block;
    e->end = block + size;
    return e->end - len;
}

/* `at`, with room for `n` bytes in front of it. */
static inline uint8_t *room(struct encoder *e, uint8_t *at, size_t n)
{
    return CSVC__LIKELY((size_t)(at - e->start) >= n) ? at : grow(e, at, n);
}

/* Sevens of bits, the lowest first, each moved into a byte of its own. */
static inline uint64_t spread(uint64_t value)
{
    value = (value & UINT64_C(0x000000000FFFFFFF)) | (value & UINT64_C(0x00FFFFFFF0000000)) << 4;
    value = (value & UINT64_C(0x00003FFF00003FFF)) | (value & UINT64_C(0x0FFFC0000FFFC000)) << 2;
    return (value & UINT64_C(0x007F007F007F007F)) | (value & UINT64_C(0x3F803F803F803F80)) << 1;
}

/*
 * The put_ functions need room to have been made: for what they put, and no less than a word. What
 * is in front of `at` is nobody's yet, so a varint of up to eight bytes is the end of one word,
 * the rest of which is overwritten later: no branch depends on how long it is.
 */
static uint8_t *put_long_varint(uint8_t *at, uint64_t value)
{
    size_t size = csvc__varint_size(value);

    if (CSVC__UNLIKELY(size > WORD)) {
        (void)csvc__varint_write(at - size, value);
    } else {
        csvc__store64(at - WORD, spread(value) << (WORD - size) * 8 | UINT64_C(0x0080808080808080));
    }
    return at - size;
}

static CSVC__INLINE uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    if (CSVC__LIKELY(value < 1 << 7)) {
        *--at = (uint8_t)value;
        return at;
    }
    if (CSVC__LIKELY(value < 1 << 14)) {
        *--at = (uint8_t)(value >> 7);
        *--at = (uint8_t)(value | 0x80);
        return at;
    }
    return put_long_varint(at, value);
}

static inline uint8_t *put_tag(uint8_t *at, uint32_t number, csvc__wire wire)
{
    return put_varint(at, number << 3 | (uint32_t)wire);
}

/* The length of what was written since `before` bytes were, and the tag of the field it is. */
static inline uint8_t *put_length(struct encoder *e, uint8_t *at, const csvc_field *field,
                                  size_t before)
{
    size_t len = (size_t)(e->end - at) - before;

    at = room(e, at, SCALAR_ROOM);
    return at != NULL ? put_tag(put_varint(at, len), field->number, CSVC__WIRE_LEN) : NULL;
}

/* The varint of a value in memory. */
static inline uint64_t varint_of(uint8_t kind, const void *value)
{
    if (csvc__is_one_of(kind, CSVC__KINDS_WIDE)) {
        uint64_t wide = csvc__get64(value, 0);

        return kind == CSVC_KIND_SINT64 ? csvc__zigzag64(wide) : wide;
    }
    switch (kind) {
    case CSVC_KIND_SINT32:
        return csvc__zigzag32(csvc__get32(value, 0));
    case CSVC_KIND_UINT32:
        return csvc__get32(value, 0);
    case CSVC_KIND_BOOL:
        return csvc__get32(value, 0) != 0;
    default: /* a negative number takes ten bytes, so that an int64 may read it */
        return (uint64_t)(int64_t)(int32_t)csvc__get32(value, 0);
    }
}

static inline uint8_t *put_fixed(uint8_t *at, const void *value, size_t size)
{
    at -= size;
    if (size == 4) {
        csvc__store32(at, csvc__get32(value, 0));
    } else {
        csvc__store64(at, csvc__get64(value, 0));
    }
    return at;
}

/* ---- one value, with its tag ------------------------------------------------------------------
 */

static inline uint8_t *encode_run(struct encoder *e, uint8_t *at, const csvc_message_type *type,
                                  const csvc_field *field, const void *data, size_t len)
{
    if (CSVC__UNLIKELY(len > INT32_MAX)) {
        return refuse(e, type, field, "more than 2 GiB");
    }
    at = room(e, at, len + SCALAR_ROOM);
    if (CSVC__UNLIKELY(at == NULL)) {
        return NULL;
    }
    at -= len;
    csvc__copy(at, data, len);
    return put_tag(put_varint(at, len), field->number, CSVC__WIRE_LEN);
}

static inline uint8_t *encode_string(struct encoder *e, uint8_t *at, const csvc_message_type *type,
                                     const csvc_field *field, const char *text)
{
    size_t len;

    if (CSVC__UNLIKELY(text == NULL)) {
        text = "";
    }
    len = strlen(text);
    if ((field->flags & CSVC_FIELD_UTF8) != 0 &&
        CSVC__UNLIKELY(!csvc__utf8_plain(text, len, false)) && csvc__utf8_valid(text, len) != len) {
        return refuse(e, type, field, "not UTF-8");
    }
    return encode_run(e, at, type, field, text, len);
}

static uint8_t *encode_bytes(struct encoder *e, uint8_t *at, const csvc_message_type *type,
                             const csvc_field *field, ProtobufCBinaryData bytes)
{
    if (CSVC__UNLIKELY(bytes.data == NULL && bytes.len > 0)) {
        return refuse(e, type, field, "a length without data");
    }
    return encode_run(e, at, type, field, bytes.data, bytes.len);
}

static uint8_t *encode_sub(struct encoder *e, uint8_t *at, const csvc_message_type *type,
                           const csvc_field *field, const void *sub, uint32_t depth)
{
    size_t before = (size_t)(e->end - at);

    if (CSVC__UNLIKELY(depth == 0)) {
        return refuse(e, type, field, "messages are nested too deep");
    }
    if (CSVC__UNLIKELY(sub == NULL)) {
        if ((type->flags & CSVC_MESSAGE_MAP_ENTRY) == 0) {
            return refuse(e, type, field, "a message that is NULL");
        }
    } else {
        at = encode_message(e, at, field->sub, sub, depth - 1);
        if (CSVC__UNLIKELY(at == NULL)) {
            return NULL;
        }
    }
    return put_length(e, at, field, before);
}

static inline uint8_t *encode_varint(struct encoder *e, uint8_t *at, const csvc_field *field,
                                     uint64_t value)
{
    at = room(e, at, SCALAR_ROOM);
    if (CSVC__UNLIKELY(at == NULL)) {
        return NULL;
    }
    return put_tag(put_varint(at, value), field->number, CSVC__WIRE_VARINT);
}

static inline uint8_t *encode_fixed(struct encoder *e, uint8_t *at, const csvc_field *field,
                                    const void *value)
{
    bool wide = csvc__is_one_of(field->kind, CSVC__KINDS_WIDE);

    at = room(e, at, SCALAR_ROOM);
    if (CSVC__UNLIKELY(at == NULL)) {
        return NULL;
    }
    return put_tag(put_fixed(at, value, wide ? 8 : 4), field->number,
                   wide ? CSVC__WIRE_64 : CSVC__WIRE_32);
}

/* The value at `value`, which is there. */
static uint8_t *encode_value(struct encoder *e, uint8_t *at, const csvc_message_type *type,
                             const csvc_field *field, const void *value, uint32_t depth)
{
    switch (field->kind) {
    case CSVC_KIND_STRING:
        return encode_string(e, at, type, field, csvc__get_pointer(value, 0));
    case CSVC_KIND_BYTES:
        return encode_bytes(e, at, type, field, csvc__get_bytes(value, 0));
    case CSVC_KIND_MESSAGE:
        return encode_sub(e, at, type, field, csvc__get_pointer(value, 0), depth);
    default:
        return csvc__is_one_of(field->kind, CSVC__KINDS_FIXED)
                   ? encode_fixed(e, at, field, value)
                   : encode_varint(e, at, field, varint_of(field->kind, value));
    }
}

/* The same for a field without presence of its own: zero is not written. -0.0 is not zero. */
static inline uint8_t *encode_implicit(struct encoder *e, uint8_t *at,
                                       const csvc_message_type *type, const csvc_field *field,
                                       const void *value, uint32_t depth)
{
    const char *text;

    if (field->kind == CSVC_KIND_STRING) {
        text = csvc__get_pointer(value, 0);
        return text == NULL || text[0] == '\0' ? at : encode_string(e, at, type, field, text);
    }
    if (field->kind > CSVC_KIND_STRING) {
        return csvc__get_pointer(value, 0) != NULL &&
                       (field->kind != CSVC_KIND_BYTES || csvc__get_bytes(value, 0).len > 0)
                   ? encode_value(e, at, type, field, value, depth)
                   : at;
    }
    if (csvc__is_one_of(field->kind, CSVC__KINDS_WIDE) ? csvc__get64(value, 0) == 0
                                                       : csvc__get32(value, 0) == 0) {
        return at;
    }
    return csvc__is_one_of(field->kind, CSVC__KINDS_FIXED)
               ? encode_fixed(e, at, field, value)
               : encode_varint(e, at, field, varint_of(field->kind, value));
}

/* ---- repeated ---------------------------------------------------------------------------------
 */

/* One loop a kind, where put_numbers is called with a constant. */
static CSVC__INLINE uint8_t *put_numbers(uint8_t *at, uint8_t kind, const uint8_t *values, size_t n)
{
    size_t size = csvc__size_of(kind);

    for (size_t i = n; i-- > 0;) {
        uint64_t value = varint_of(kind, values + i * size);

        if (CSVC__LIKELY(value < 1 << 14)) { /* one byte or two, without asking which */
            unsigned two = value >= 1 << 7;

            at[-2] = (uint8_t)(value | 0x80);
            at[-1] = (uint8_t)(value >> (two ? 7 : 0));
            at -= 1 + two;
        } else {
            at = put_long_varint(at, value);
        }
    }
    return at;
}

static uint8_t *put_varints(uint8_t *at, uint8_t kind, const uint8_t *values, size_t n)
{
    switch (kind) {
    case CSVC_KIND_INT64:
    case CSVC_KIND_UINT64:
        return put_numbers(at, CSVC_KIND_UINT64, values, n);
    case CSVC_KIND_SINT64:
        return put_numbers(at, CSVC_KIND_SINT64, values, n);
    case CSVC_KIND_SINT32:
        return put_numbers(at, CSVC_KIND_SINT32, values, n);
    case CSVC_KIND_UINT32:
        return put_numbers(at, CSVC_KIND_UINT32, values, n);
    case CSVC_KIND_BOOL:
        return put_numbers(at, CSVC_KIND_BOOL, values, n);
    default: /* an enum is an int32 */
        return put_numbers(at, CSVC_KIND_INT32, values, n);
    }
}

static uint8_t *encode_packed(struct encoder *e, uint8_t *at, const csvc_field *field,
                              const uint8_t *values, size_t n)
{
    uint8_t kind = field->kind;
    size_t size = csvc__size_of(kind);
    size_t before = (size_t)(e->end - at);

    if (csvc__is_one_of(kind, CSVC__KINDS_FIXED)) {
        at = room(e, at, n > INT32_MAX / size ? SIZE_MAX : n * size);
        if (at == NULL) {
            return NULL;
        }
        if (CSVC__LITTLE_ENDIAN) {
            at -= n * size;
            memcpy(at, values, n * size);
        } else {
            for (size_t i = n; i-- > 0;) {
                at = put_fixed(at, values + i * size, size);
            }
        }
    } else {
        while (n > 0) {
            size_t run = n < PACKED_RUN ? n : PACKED_RUN;
            size_t fit;

            at = room(e, at, run * CSVC__VARINT_MAX);
            if (CSVC__UNLIKELY(at == NULL)) {
                return NULL;
            }
            fit = (size_t)(at - e->start) / CSVC__VARINT_MAX;
            run = n < fit ? n : fit;
            n -= run;
            at = put_varints(at, kind, values + n * size, run);
        }
    }
    return put_length(e, at, field, before);
}

static uint8_t *encode_strings(struct encoder *e, uint8_t *at, const csvc_message_type *type,
                               const csvc_field *field, const uint8_t *values, size_t n)
{
    for (size_t i = n; at != NULL && i-- > 0;) {
        const char *text = csvc__get_pointer(values + i * sizeof(text), 0);

        if (CSVC__UNLIKELY(text == NULL)) {
            return refuse(e, type, field, "a string that is NULL");
        }
        at = encode_string(e, at, type, field, text);
    }
    return at;
}

static uint8_t *encode_repeated(struct encoder *e, uint8_t *at, const csvc_message_type *type,
                                const csvc_field *field, const void *message, uint32_t depth)
{
    size_t n = csvc__get_size(message, field->quantifier);
    const uint8_t *values = csvc__get_pointer(message, field->offset);
    size_t size = csvc__size_of(field->kind);

    if (n == 0) {
        return at;
    }
    if (CSVC__UNLIKELY(values == NULL)) {
        return refuse(e, type, field, "a count without values");
    }
    if ((field->flags & CSVC_FIELD_PACKED) != 0) {
        return encode_packed(e, at, field, values, n);
    }
    if (field->kind == CSVC_KIND_STRING) {
        return encode_strings(e, at, type, field, values, n);
    }
    for (size_t i = n; at != NULL && i-- > 0;) {
        at = encode_value(e, at, type, field, values + i * size, depth);
    }
    return at;
}

/* ---- messages ---------------------------------------------------------------------------------
 */

static uint8_t *encode_unknown(struct encoder *e, uint8_t *at, const csvc_message_type *type,
                               const ProtobufCMessage *base)
{
    for (unsigned i = base->n_unknown_fields; i-- > 0;) {
        const ProtobufCMessageUnknownField *field = &base->unknown_fields[i];

        if (field->len > INT32_MAX) {
            return refuse(e, type, NULL, "more than 2 GiB");
        }
        at = room(e, at, field->len + SCALAR_ROOM);
        if (at == NULL) {
            return NULL;
        }
        at -= field->len;
        csvc__copy(at, field->data, field->len);
        at = put_tag(at, field->tag, (csvc__wire)field->wire_type);
    }
    return at;
}

static uint8_t *encode_message(struct encoder *e, uint8_t *at, const csvc_message_type *type,
                               const void *message, uint32_t depth)
{
    const ProtobufCMessage *base = message;
    bool is_entry = (type->flags & CSVC_MESSAGE_MAP_ENTRY) != 0;

    if (CSVC__UNLIKELY(base->descriptor != type->descriptor)) {
        return refuse(e, type, NULL, "the struct is of another type or was never initialised");
    }
    if (CSVC__UNLIKELY(base->n_unknown_fields > 0)) {
        at = encode_unknown(e, at, type, base);
    }
    for (uint32_t i = type->n_fields; at != NULL && i-- > 0;) {
        const csvc_field *field = &type->fields[i];
        const void *value = csvc__const_at(message, field->offset);

        if (field->label == CSVC_LABEL_REPEATED) {
            at = encode_repeated(e, at, type, field, message, depth);
        } else if (CSVC__UNLIKELY(is_entry)) {
            /* an entry has both its key and its value, whatever they are */
            at = encode_value(e, at, type, field, value, depth);
        } else if (field->label == CSVC_LABEL_IMPLICIT) {
            at = encode_implicit(e, at, type, field, value, depth);
        } else if (field->kind == CSVC_KIND_MESSAGE && field->label == CSVC_LABEL_OPTIONAL) {
            const void *sub = csvc__get_pointer(value, 0);

            at = sub != NULL ? encode_sub(e, at, type, field, sub, depth) : at;
        } else if (csvc__field_present(type, field, message)) {
            at = encode_value(e, at, type, field, value, depth);
        }
    }
    return at;
}

csvc_code csvc__encode_into(const csvc_message_type *type, const void *message, uint8_t *scratch,
                            size_t scratch_size, csvc_arena *overflow, csvc_bytes *ret_bytes,
                            csvc_error *err)
{
    uint8_t none[1];
    struct encoder e = {.err = err, .start = none, .end = none};
    uint8_t *at;
    uint8_t *copy;
    size_t len;

    if (scratch_size > 0) {
        e.start = scratch;
        e.end = scratch + scratch_size;
    }
    at = encode_message(&e, e.end, type, message, CSVC_MAX_DEPTH);
    if (CSVC__UNLIKELY(at == NULL)) {
        csvc__free(e.block);
        return e.code;
    }
    len = (size_t)(e.end - at);
    if (CSVC__LIKELY(e.block == NULL)) {
        *ret_bytes = (csvc_bytes){len, len > 0 ? at : NULL};
        return CSVC_OK;
    }
    copy = csvc__arena_take(overflow, len);
    if (copy != NULL) {
        memcpy(copy, at, len);
        *ret_bytes = (csvc_bytes){len, copy};
    }
    csvc__free(e.block);
    return copy != NULL ? CSVC_OK
                        : csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
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
