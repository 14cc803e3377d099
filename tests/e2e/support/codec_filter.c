/*
 * e2e/support/codec_filter.c: the codec as a filter, for codec_peers.py to hold against another
 * one.
 *
 * Reads records (type index, a byte; length, four bytes, little endian; the message) and answers
 * each with three such texts (length, bytes): the reason of a refusal or nothing, the message
 * encoded again, its JSON.
 */
#include <csvc/message.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec_types.h"

static const csvc_message_type *const types[] = {
    &codec3__all__type,      &codec2__all__type,  &codec2__required__type,
    &codec_wkt__known__type, &codec3__deep__type,
};

static void put(const void *data, size_t len)
{
    for (int i = 0; i < 4; i++) {
        putchar((int)(len >> 8 * i & 0xFF));
    }
    if (len > 0) {
        fwrite(data, 1, len, stdout);
    }
}

int main(void)
{
    static uint8_t bytes[1 << 20];
    uint8_t head[5];
    csvc_arena *a = csvc_arena_new(0);

    while (a != NULL && fread(head, 1, 5, stdin) == 5) {
        size_t len = head[1] | (size_t)head[2] << 8 | (size_t)head[3] << 16;
        const csvc_message_type *type = types[head[0] % (sizeof(types) / sizeof(types[0]))];
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_bytes encoded = {0, NULL};
        void *message = NULL;
        char *json = NULL;

        if (len > sizeof(bytes) || fread(bytes, 1, len, stdin) != len) {
            return 2;
        }
        if (csvc_decode(a, type, (csvc_bytes){len, bytes}, NULL, &message, &err) != CSVC_OK ||
            csvc_encode(a, type, message, &encoded, &err) != CSVC_OK) {
            put(err.text, strlen(err.text));
        } else {
            put("", 0);
            json = csvc_json_print(a, type, message, NULL, NULL);
        }
        put(encoded.data, encoded.len);
        put(json, json != NULL ? strlen(json) : 0);
        fflush(stdout);
        csvc_arena_reset(a);
    }
    csvc_arena_free(a);
    return 0;
}
