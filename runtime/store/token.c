/*
 * store/token.c: see the header.
 *
 * A version byte, 8 bytes of hash over the filter and the key, then the key: 'i' and 8 bytes, or
 * 's' and the text; in base64url without padding. The hash finds mistakes, not malice: a forged
 * token gives its maker no more than a filter would.
 */
#include <base/arena.h>
#include <base/map.h>
#include <store/token.h>

#include <string.h>

#include <base/banned.h>

enum {
    VERSION = 1,
    HEAD = 10 /* version, hash, sort of key */
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void put64(uint8_t *at, uint64_t n)
{
    for (int i = 0; i < 8; i++) {
        at[i] = (uint8_t)(n >> (56 - 8 * i));
    }
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t n = 0;

    for (int i = 0; i < 8; i++) {
        n = n << 8 | at[i];
    }
    return n;
}

/* Over the filter and everything behind the hash itself. */
static uint64_t seal(uint64_t filter, const uint8_t *bytes, size_t len)
{
    uint64_t parts[2] = {filter, csvc__hash(bytes + HEAD - 1, len - (HEAD - 1))};

    return csvc__hash(parts, sizeof(parts));
}

const char *csvc__token_write(csvc_arena *a, uint64_t filter, const csvc_value *key)
{
    const bool is_int = key->type == CSVC_VALUE_INT;
    const size_t len = HEAD + (is_int ? 8 : key->bytes.len);
    uint8_t *bytes = csvc_arena_alloc(a, len);
    char *text = csvc_arena_alloc(a, len / 3 * 4 + 5);
    char *at = text;

    if (bytes == NULL || text == NULL) {
        return NULL;
    }
    bytes[0] = VERSION;
    bytes[HEAD - 1] = is_int ? 'i' : 's';
    if (is_int) {
        put64(bytes + HEAD, (uint64_t)key->i);
    } else {
        memcpy(bytes + HEAD, key->bytes.data, key->bytes.len);
    }
    put64(bytes + 1, seal(filter, bytes, len));
    for (size_t i = 0; i < len; i += 3) {
        const size_t left = len - i;
        const uint32_t n = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                           (left > 2 ? (uint32_t)bytes[i + 2] : 0);

        *at++ = alphabet[n >> 18];
        *at++ = alphabet[n >> 12 & 63];
        if (left > 1) {
            *at++ = alphabet[n >> 6 & 63];
        }
        if (left > 2) {
            *at++ = alphabet[n & 63];
        }
    }
    *at = '\0';
    return text;
}

/* The bytes of a token; false where it is not what token_write writes. */
static bool decode(csvc_arena *a, const char *token, uint8_t **ret_bytes, size_t *ret_len)
{
    const size_t n_chars = strlen(token);
    uint8_t *bytes;
    size_t len = 0;
    uint32_t held = 0;
    unsigned bits = 0;

    if (n_chars % 4 == 1) {
        return false;
    }
    bytes = csvc_arena_alloc(a, n_chars / 4 * 3 + 4);
    if (bytes == NULL) {
        return false;
    }
    for (size_t i = 0; i < n_chars; i++) {
        const char *found = strchr(alphabet, token[i]);

        if (found == NULL) {
            return false;
        }
        held = held << 6 | (uint32_t)(found - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[len++] = (uint8_t)(held >> bits);
        }
    }
    if ((held & ((1u << bits) - 1)) != 0) {
        return false; /* another text for the same bytes */
    }
    bytes[len] = '\0';
    *ret_bytes = bytes;
    *ret_len = len;
    return true;
}

bool csvc__token_read(csvc_arena *a, const char *token, uint64_t filter, csvc_value *ret_key)
{
    uint8_t *bytes;
    size_t len;

    if (!decode(a, token, &bytes, &len) || len < HEAD || bytes[0] != VERSION ||
        get64(bytes + 1) != seal(filter, bytes, len)) {
        return false;
    }
    if (bytes[HEAD - 1] == 'i' && len == HEAD + 8) {
        *ret_key = (csvc_value){.type = CSVC_VALUE_INT, .i = (int64_t)get64(bytes + HEAD)};
        return true;
    }
    if (bytes[HEAD - 1] != 's') {
        return false;
    }
    *ret_key = (csvc_value){
        .type = CSVC_VALUE_TEXT,
        .bytes = {.len = len - HEAD, .data = bytes + HEAD},
    };
    return true;
}
