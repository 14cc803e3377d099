/* support/codec_helpers.c: see the header. */
#include "codec_helpers.h"

csvc_arena *helper_arena;
csvc_error helper_error;

int helper_setup(void **state)
{
    (void)state;
    helper_arena = csvc_arena_new(0);
    helper_error = (csvc_error){CSVC_ERROR_INIT};
    return helper_arena == NULL;
}

int helper_teardown(void **state)
{
    (void)state;
    helper_arena = csvc_arena_free(helper_arena);
    return 0;
}

static csvc_code decode(const csvc_message_type *type, csvc_bytes bytes, void **ret_message)
{
    uint8_t *own = malloc(bytes.len > 0 ? bytes.len : 1);
    csvc_code code;

    assert_non_null(own);
    if (bytes.len > 0) {
        memcpy(own, bytes.data, bytes.len);
    }
    code = csvc_decode(helper_arena, type, (csvc_bytes){bytes.len, own}, NULL, ret_message,
                       &helper_error);
    memset(own, 0xDD, bytes.len); /* all was copied */
    free(own);
    return code;
}

void *decoded(const csvc_message_type *type, csvc_bytes bytes)
{
    void *message = NULL;

    if (decode(type, bytes, &message) != CSVC_OK) {
        fail_msg("refused: %s", helper_error.text);
    }
    return message;
}

void assert_refused(const csvc_message_type *type, csvc_bytes bytes, csvc_code code,
                    const char *why)
{
    char untouched;
    void *message = &untouched;

    assert_int_equal(code, decode(type, bytes, &message));
    assert_ptr_equal(&untouched, message);
    assert_int_equal(code, helper_error.code);
    if (strstr(helper_error.text, why) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", why, helper_error.text);
    }
}

static void assert_bytes(csvc_bytes expected, csvc_bytes bytes)
{
    bool same = expected.len == bytes.len &&
                (bytes.len == 0 || memcmp(expected.data, bytes.data, bytes.len) == 0);

    for (int i = 0; !same && i < 2; i++) {
        csvc_bytes b = i == 0 ? expected : bytes;

        fprintf(stderr, i == 0 ? "expected:" : "\nis:      ");
        for (size_t k = 0; k < b.len && k < 100; k++) {
            fprintf(stderr, " %02x", b.data[k]);
        }
    }
    assert_true(same);
}

void assert_encodes(const csvc_message_type *type, const void *message, csvc_bytes bytes)
{
    csvc_bytes encoded = {0, NULL};

    if (csvc_encode(helper_arena, type, message, &encoded, &helper_error) != CSVC_OK) {
        fail_msg("refused: %s", helper_error.text);
    }
    assert_bytes(bytes, encoded);
}

void assert_becomes(const csvc_message_type *type, csvc_bytes bytes, csvc_bytes expected)
{
    assert_encodes(type, decoded(type, bytes), expected);
}

void assert_kept(const csvc_message_type *type, csvc_bytes bytes)
{
    assert_becomes(type, bytes, bytes);
}

void assert_json(const csvc_message_type *type, const void *message, const char *json)
{
    char *text = csvc_json_print(helper_arena, type, message, NULL, &helper_error);

    if (text == NULL) {
        fail_msg("refused: %s", helper_error.text);
    }
    assert_string_equal(json, text);
}

void assert_bytes_json(const csvc_message_type *type, csvc_bytes bytes, const char *json)
{
    assert_json(type, decoded(type, bytes), json);
}

csvc_bytes nested(uint32_t number, size_t n)
{
    size_t size = 12 * n + 1;
    uint8_t *end = (uint8_t *)csvc_arena_alloc(helper_arena, size) + size;
    uint8_t *at = end;

    for (size_t i = 0; i < n; i++) {
        size_t len = (size_t)(end - at);
        uint8_t varint[10];
        size_t k = 0;

        do {
            varint[k++] = (uint8_t)(len & 0x7F) | (len > 0x7F ? 0x80 : 0);
            len >>= 7;
        } while (len > 0);
        at -= k;
        memcpy(at, varint, k);
        *--at = (uint8_t)(number << 3 | 2);
    }
    return (csvc_bytes){(size_t)(end - at), at};
}
