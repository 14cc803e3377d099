/* base/utf8.c: well-formed UTF-8 as in table 3-7 of the Unicode standard. */
#include <base/utf8.h>

#include <base/banned.h>

static bool is_tail(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The length of the character that begins at `p`, a byte above 0x7F; 0 when it is none. */
static size_t character(const uint8_t *p, size_t left)
{
    uint8_t low = 0x80;
    uint8_t high = 0xBF;

    if (p[0] < 0xC2 || p[0] > 0xF4) {
        return 0;
    }
    if (p[0] < 0xE0) {
        return left >= 2 && is_tail(p[1]) ? 2 : 0;
    }
    switch (p[0]) { /* what would be overlong, a surrogate or above U+10FFFF */
    case 0xE0:
        low = 0xA0;
        break;
    case 0xED:
        high = 0x9F;
        break;
    case 0xF0:
        low = 0x90;
        break;
    case 0xF4:
        high = 0x8F;
        break;
    }
    if (left < 3 || p[1] < low || p[1] > high || !is_tail(p[2])) {
        return 0;
    }
    if (p[0] < 0xF0) {
        return 3;
    }
    return left >= 4 && is_tail(p[3]) ? 4 : 0;
}

size_t csvc__utf8_valid(const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t at = 0;

    for (;;) {
        while (len - at >= 8) {
            uint64_t word;

            memcpy(&word, p + at, 8);
            if ((word & CSVC__UTF8_HIGHS) != 0) {
                break;
            }
            at += 8;
        }
        while (at < len && p[at] < 0x80) {
            at++;
        }
        /* text that is not ASCII seldom is for one character only */
        while (at < len && p[at] >= 0x80) {
            size_t n = character(p + at, len - at);

            if (n == 0) {
                return at;
            }
            at += n;
        }
        if (at == len) {
            return len;
        }
    }
}

bool csvc__utf8_text(const void *data, size_t len)
{
    return csvc__utf8_plain(data, len, true) ||
           (memchr(data, 0, len) == NULL && csvc__utf8_valid(data, len) == len);
}

int csvc__utf8_cut(const char *text, int max)
{
    int len = (int)strnlen(text, (size_t)max);

    while (len > 0 && is_tail((uint8_t)text[len])) {
        len--;
    }
    return len;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool csvc__ascii_same(const char *x, const char *y)
{
    while (*x != '\0' && lower(*x) == lower(*y)) {
        x++;
        y++;
    }
    return lower(*x) == lower(*y);
}
