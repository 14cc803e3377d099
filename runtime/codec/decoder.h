/* codec/decoder.h: what the files of the decoder share. */
#ifndef CSVC_CODEC_DECODER_H
#define CSVC_CODEC_DECODER_H

#include <base/arena.h>
#include <codec/codec.h>
#include <codec/wire.h>

/* A map that got its second entry, so that it may hold a key twice. */
struct csvc__map_note {
    struct csvc__map_note *next;
    void *message;
    const csvc_field *field;
};

struct csvc__decoder {
    csvc_arena *a;
    struct csvc__map_note *maps;
    csvc_code code; /* of the failure; CSVC_OK so far */
    csvc_error *err;
};

/* Notes why the input is refused, "user.User.name: ..." where a field is given. Returns false. */
bool csvc__decode_refuse(struct csvc__decoder *d, const csvc_message_type *type,
                         const csvc_field *field, const char *why);
bool csvc__decode_no_memory(struct csvc__decoder *d);

/*
 * A fresh message. Where required fields matter, bits lie in front of it that say which of them
 * came: a message that arrives in two pieces has them in either.
 */
void *csvc__decode_new(struct csvc__decoder *d, const csvc_message_type *type);

/* The word and the bit for a field, in front of the message. */
static inline uint64_t *csvc__decode_seen(void *message, size_t index)
{
    return (uint64_t *)message - 1 - index / 64;
}

/* Skips the group whose start tag was just read; returns where it ends, NULL when it is none. */
const uint8_t *csvc__decode_group(struct csvc__decoder *d, const csvc_message_type *type,
                                  uint32_t number, const uint8_t *p, const uint8_t *end,
                                  uint32_t depth);

/* Keeps a field as unknown: what follows its tag, up to `end`. */
bool csvc__decode_keep(struct csvc__decoder *d, void *message, uint32_t tag, const uint8_t *data,
                       const uint8_t *end);

/* After the last byte: keys that came twice, required fields that never came. */
bool csvc__decode_finish(struct csvc__decoder *d, const csvc_message_type *type, void *message);

/* Capacity of an array of `n` that this decoder made: a power of two, so nothing need note it. */
enum {
    CSVC__FIRST_VALUES = 4
};
static inline bool csvc__array_full(size_t n)
{
    return (n & (n - 1)) == 0 && (n == 0 || n >= CSVC__FIRST_VALUES);
}

/* Reads a tag. NULL when it is cut, too long, or of field number 0. */
static inline const uint8_t *csvc__tag_read(const uint8_t *p, const uint8_t *end, uint32_t *ret_tag)
{
    uint64_t tag;
    const uint8_t *start = p;

    p = csvc__varint_read(p, end, &tag);
    if (CSVC__UNLIKELY(p == NULL || p - start > CSVC__TAG_MAX || tag > UINT32_MAX || tag < 8)) {
        return NULL;
    }
    *ret_tag = (uint32_t)tag;
    return p;
}

/* Reads a length that the rest of the input has room for; NULL when it is not so. */
static inline const uint8_t *csvc__length_read(const uint8_t *p, const uint8_t *end,
                                               size_t *ret_len)
{
    uint64_t len;

    p = csvc__varint_read(p, end, &len);
    if (CSVC__UNLIKELY(p == NULL || len > (size_t)(end - p))) {
        return NULL;
    }
    *ret_len = (size_t)len;
    return p;
}

#endif /* CSVC_CODEC_DECODER_H */
