/* base/base64.c: base64. */
#include <base/base64.h>

#include <base/banned.h>

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool csvc__base64_decode(const char *text, size_t len, uint8_t *ret_data, size_t *ret_len)
{
    const size_t whole = len;
    size_t n = 0;
    uint32_t bits = 0;

    while (len > 0 && whole - len < 2 && text[len - 1] == '=') {
        len--;
    }
    if (len % 4 == 1 || (len != whole && whole % 4 != 0)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const int value = sextet(text[i]);

        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) {
            ret_data[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
        }
    }
    *ret_len = n;
    return true;
}

void csvc__base64_add(csvc__buffer *b, const uint8_t *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        const size_t left = len - i;
        uint32_t three = (uint32_t)data[i] << 16;
        char four[4];

        three |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        three |= left > 2 ? data[i + 2] : 0;
        four[0] = digits[three >> 18];
        four[1] = digits[three >> 12 & 63];
        four[2] = left > 1 ? digits[three >> 6 & 63] : '=';
        four[3] = left > 2 ? digits[three & 63] : '=';
        csvc__buffer_add(b, four, sizeof(four));
    }
}
