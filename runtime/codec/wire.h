/* codec/wire.h: tags, varints and fixed numbers as they are on the wire. */
#ifndef CSVC_CODEC_WIRE_H
#define CSVC_CODEC_WIRE_H

#include <csvc/message.h>

#include <string.h>

typedef enum csvc__wire {
    CSVC__WIRE_VARINT = 0,
    CSVC__WIRE_64 = 1,
    CSVC__WIRE_LEN = 2,
    CSVC__WIRE_GROUP = 3,
    CSVC__WIRE_END = 4,
    CSVC__WIRE_32 = 5,
} csvc__wire;

enum {
    CSVC__VARINT_MAX = 10, /* bytes of a varint */
    CSVC__TAG_MAX = 5
};

#if defined(__GNUC__)
#define CSVC__LIKELY(x)   __builtin_expect(!!(x), 1)
#define CSVC__UNLIKELY(x) __builtin_expect(!!(x), 0)
#define CSVC__COLD        __attribute__((cold, noinline))
#define CSVC__INLINE      inline __attribute__((always_inline))
#else
#define CSVC__LIKELY(x)   (x)
#define CSVC__UNLIKELY(x) (x)
#define CSVC__COLD
#define CSVC__INLINE inline
#endif

/* A set of kinds is a word with a bit for each. */
#define CSVC__KINDS_WIDE                                                                           \
    (1u << CSVC_KIND_INT64 | 1u << CSVC_KIND_UINT64 | 1u << CSVC_KIND_SINT64 |                     \
     1u << CSVC_KIND_FIXED64 | 1u << CSVC_KIND_SFIXED64 | 1u << CSVC_KIND_DOUBLE)
#define CSVC__KINDS_FIXED                                                                          \
    (1u << CSVC_KIND_FIXED32 | 1u << CSVC_KIND_SFIXED32 | 1u << CSVC_KIND_FLOAT |                  \
     1u << CSVC_KIND_FIXED64 | 1u << CSVC_KIND_SFIXED64 | 1u << CSVC_KIND_DOUBLE)

static inline bool csvc__is_one_of(uint8_t kind, uint32_t kinds)
{
    return (kinds >> kind & 1) != 0;
}

/* How a value of this kind travels. */
static inline csvc__wire csvc__wire_of(uint8_t kind)
{
    if (kind >= CSVC_KIND_STRING) {
        return CSVC__WIRE_LEN;
    }
    if (!csvc__is_one_of(kind, CSVC__KINDS_FIXED)) {
        return CSVC__WIRE_VARINT;
    }
    return csvc__is_one_of(kind, CSVC__KINDS_WIDE) ? CSVC__WIRE_64 : CSVC__WIRE_32;
}

/* sizeof one value of this kind in the struct, in an array too. */
static inline size_t csvc__size_of(uint8_t kind)
{
    if (kind >= CSVC_KIND_STRING) {
        return kind == CSVC_KIND_BYTES ? sizeof(ProtobufCBinaryData) : sizeof(void *);
    }
    /* an enum and protobuf_c_boolean are ints */
    return csvc__is_one_of(kind, CSVC__KINDS_WIDE) ? 8 : 4;
}

/* The kinds whose values on the wire and in memory are the same bytes, on this machine. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CSVC__LITTLE_ENDIAN 1
#else
#define CSVC__LITTLE_ENDIAN 0
#endif

static inline uint32_t csvc__load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t csvc__load64(const uint8_t *p)
{
    return (uint64_t)csvc__load32(p) | (uint64_t)csvc__load32(p + 4) << 32;
}

static inline void csvc__store32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void csvc__store64(uint8_t *p, uint64_t v)
{
    csvc__store32(p, (uint32_t)v);
    csvc__store32(p + 4, (uint32_t)(v >> 32));
}

static inline uint32_t csvc__zigzag32(uint32_t v)
{
    return (v << 1) ^ (0 - (v >> 31));
}

static inline uint64_t csvc__zigzag64(uint64_t v)
{
    return (v << 1) ^ (0 - (v >> 63));
}

static inline uint32_t csvc__unzigzag32(uint32_t v)
{
    return (v >> 1) ^ (0 - (v & 1));
}

static inline uint64_t csvc__unzigzag64(uint64_t v)
{
    return (v >> 1) ^ (0 - (v & 1));
}

/* Reads a varint of up to ten bytes; what lies above 64 bits is dropped, as everybody does. Returns
 * where it ends; NULL when it does not end. */
static inline const uint8_t *csvc__varint_read(const uint8_t *p, const uint8_t *end,
                                               uint64_t *ret_value)
{
    uint64_t value = 0;

    if (CSVC__LIKELY(p < end && *p < 0x80)) {
        *ret_value = *p;
        return p + 1;
    }
    for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t byte = *p++;

        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return p;
        }
    }
    return NULL;
}

/* Writes a varint to memory that has room for it; returns where it ends. */
static inline uint8_t *csvc__varint_write(uint8_t *p, uint64_t value)
{
    while (value >= 0x80) {
        *p++ = (uint8_t)value | 0x80;
        value >>= 7;
    }
    *p++ = (uint8_t)value;
    return p;
}

static inline size_t csvc__varint_size(uint64_t value)
{
#if defined(__GNUC__)
    /* highest bit / 7 + 1, with 9 / 64 for 1 / 7 */
    return (size_t)((63 - __builtin_clzll(value | 1)) * 9 + 73) / 64;
#else
    size_t size = 1;

    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
#endif
}

/* memcpy for what is short, mostly: two copies that overlap, and no call. */
static inline void csvc__copy(void *to, const void *from, size_t len)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if (CSVC__LIKELY(len <= 32)) {
        if (len >= 16) {
            uint64_t a[2];
            uint64_t b[2];

            memcpy(a, f, 16);
            memcpy(b, f + len - 16, 16);
            memcpy(t, a, 16);
            memcpy(t + len - 16, b, 16);
        } else if (len >= 8) {
            uint64_t a;
            uint64_t b;

            memcpy(&a, f, 8);
            memcpy(&b, f + len - 8, 8);
            memcpy(t, &a, 8);
            memcpy(t + len - 8, &b, 8);
        } else if (len >= 4) {
            uint32_t a;
            uint32_t b;

            memcpy(&a, f, 4);
            memcpy(&b, f + len - 4, 4);
            memcpy(t, &a, 4);
            memcpy(t + len - 4, &b, 4);
        } else if (len > 0) {
            t[0] = f[0];
            t[len / 2] = f[len / 2];
            t[len - 1] = f[len - 1];
        }
        return;
    }
    if (len <= 64) {
        uint64_t a[4];
        uint64_t b[4];

        memcpy(a, f, 32);
        memcpy(b, f + len - 32, 32);
        memcpy(t, a, 32);
        memcpy(t + len - 32, b, 32);
        return;
    }
    memcpy(to, from, len);
}

/* ---- memory of a struct, by offset ------------------------------------------------------------
 */

static inline void *csvc__at(void *message, uint32_t offset)
{
    return (uint8_t *)message + offset;
}

static inline const void *csvc__const_at(const void *message, uint32_t offset)
{
    return (const uint8_t *)message + offset;
}

/* By memcpy, as the struct's own types are not known here and may not be aliased. */
static inline void csvc__put32(void *to, uint32_t v)
{
    memcpy(to, &v, 4);
}

static inline void csvc__put64(void *to, uint64_t v)
{
    memcpy(to, &v, 8);
}

static inline void csvc__put_pointer(void *to, const void *v)
{
    memcpy(to, &v, sizeof(v));
}

static inline uint32_t csvc__get32(const void *message, uint32_t offset)
{
    uint32_t v;

    memcpy(&v, csvc__const_at(message, offset), 4);
    return v;
}

static inline uint64_t csvc__get64(const void *message, uint32_t offset)
{
    uint64_t v;

    memcpy(&v, csvc__const_at(message, offset), 8);
    return v;
}

static inline size_t csvc__get_size(const void *message, uint32_t offset)
{
    size_t v;

    memcpy(&v, csvc__const_at(message, offset), sizeof(v));
    return v;
}

static inline void *csvc__get_pointer(const void *message, uint32_t offset)
{
    void *v;

    memcpy(&v, csvc__const_at(message, offset), sizeof(v));
    return v;
}

static inline ProtobufCBinaryData csvc__get_bytes(const void *message, uint32_t offset)
{
    ProtobufCBinaryData v;

    memcpy(&v, csvc__const_at(message, offset), sizeof(v));
    return v;
}

#endif /* CSVC_CODEC_WIRE_H */
