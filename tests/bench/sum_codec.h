/*
 * bench/sum_codec.h: the two messages of the sum benchmark, by hand.
 *
 *     message SumRequest { int32 a = 1; int32 b = 2; }     message SumReply { int32 sum = 1; }
 *
 * A hand-written codec is the fastest there is, so what is measured against it is not flattered.
 */
#ifndef BENCH_SUM_CODEC_H
#define BENCH_SUM_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SUM_REPLY_MAX = 11 /* a tag and a negative int32, which takes ten bytes */
};

static inline const uint8_t *sum_read_varint(const uint8_t *at, const uint8_t *end,
                                             uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        uint8_t byte = *at++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return at;
        }
    }
    return NULL;
}

/* Fields other than the two are not expected of a benchmark's client, and refused. */
static inline bool sum_decode(const uint8_t *data, size_t len, int32_t *ret_a, int32_t *ret_b)
{
    const uint8_t *end = data + len;
    int32_t a = 0;
    int32_t b = 0;

    while (data < end) {
        uint8_t tag = *data++;
        uint64_t value = 0;

        data = sum_read_varint(data, end, &value);
        if (data == NULL) {
            return false;
        }
        if (tag == 0x08) {
            a = (int32_t)value;
        } else if (tag == 0x10) {
            b = (int32_t)value;
        } else {
            return false;
        }
    }
    *ret_a = a;
    *ret_b = b;
    return true;
}

/* Returns the length. */
static inline size_t sum_encode(int32_t sum, uint8_t *to)
{
    uint64_t value = (uint64_t)(int64_t)sum;
    size_t n = 0;

    if (sum == 0) {
        return 0;
    }
    to[n++] = 0x08;
    while (value >= 0x80) {
        to[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[n++] = (uint8_t)value;
    return n;
}

#endif /* BENCH_SUM_CODEC_H */
