/* base/utf8.h: is it UTF-8? Strict: no surrogates, nothing overlong, nothing above U+10FFFF. And
 * names in ASCII, whose case does not count. */
#ifndef CSVC_BASE_UTF8_H
#define CSVC_BASE_UTF8_H

#include <csvc/common.h>

#include <string.h>

/* How many bytes of `data` are UTF-8: `len` when all are. */
CSVC_API size_t csvc__utf8_valid(const void *data, size_t len);

/* The same, and no NUL within: what a protobuf string in C must be. */
CSVC_API bool csvc__utf8_text(const void *data, size_t len);

/* How many bytes of a text to show where there is room for `max`, for "%.*s": none of a character
 * that has not all its bytes there. */
CSVC_API int csvc__utf8_cut(const char *text, int max);

/* Whether two texts are the same but for the case of ASCII letters, whatever the locale. */
CSVC_API bool csvc__ascii_same(const char *x, const char *y);

#define CSVC__UTF8_ONES  UINT64_C(0x0101010101010101)
#define CSVC__UTF8_HIGHS UINT64_C(0x8080808080808080)

/*
 * Whether it is plain ASCII, and with `no_nul` free of NULs, too: what most text is, asked inline.
 * The last word overlaps the one before it, so no byte is looked at alone. Of a byte below 0x80,
 * byte - 1 has the high bit exactly when the byte is 0.
 */
static inline bool csvc__utf8_plain(const void *data, size_t len, bool no_nul)
{
    const uint8_t *p = data;
    uint64_t seen = 0;
    uint64_t word;

    if (len >= 8) {
        const uint8_t *last = p + len - 8;

        for (; p < last; p += 8) {
            memcpy(&word, p, 8);
            seen |= no_nul ? word | (word - CSVC__UTF8_ONES) : word;
        }
        memcpy(&word, last, 8);
        seen |= no_nul ? word | (word - CSVC__UTF8_ONES) : word;
        return (seen & CSVC__UTF8_HIGHS) == 0;
    }
    if (len >= 4) {
        uint32_t first;
        uint32_t last;

        memcpy(&first, p, 4);
        memcpy(&last, p + len - 4, 4);
        word = (uint64_t)last << 32 | first;
    } else {
        word = len > 0 ? (uint64_t)p[0] << 16 | (uint64_t)p[len / 2] << 8 | p[len - 1] : 0;
        no_nul = no_nul && len > 0;
        word |= UINT64_C(0x0101010101000000); /* not NUL */
    }
    seen = no_nul ? word | (word - CSVC__UTF8_ONES) : word;
    return (seen & CSVC__UTF8_HIGHS) == 0;
}

#endif /* CSVC_BASE_UTF8_H */
