/*
 * fuzz/decode_fuzz.c: any bytes to the decoder. What it accepts is encoded, decoded again, copied,
 * compared: all must agree. The first byte chooses the type, the second where the input is cut.
 */
#include <csvc/message.h>

#include <stdlib.h>
#include <string.h>

#include "../unit/support/codec_types.h"

static const csvc_message_type *const types[] = {
    &codec3__all__type,      &codec2__all__type,  &codec2__required__type,
    &codec_wkt__known__type, &codec3__deep__type,
};

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const csvc_message_type *type;
    csvc_arena *a = csvc_arena_new(64 << 20);
    csvc_bytes pieces[2];
    csvc_bytes first;
    csvc_bytes second;
    csvc_error err = {CSVC_ERROR_INIT};
    void *message = NULL;
    void *again = NULL;
    void *copy;
    csvc_code code;

    if (size < 2) {
        csvc_arena_free(a);
        return 0;
    }
    type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
    pieces[0].len = data[1] % (size - 1);
    pieces[0].data = data + 2;
    pieces[1].len = size - 2 - pieces[0].len;
    pieces[1].data = data + 2 + pieces[0].len;
    code = csvc_decode_pieces(a, type, pieces, 2, NULL, &message, &err);
    must((code == CSVC_OK) ==
         (csvc_decode(a, type, (csvc_bytes){size - 2, data + 2}, NULL, &again, NULL) == CSVC_OK));
    if (code != CSVC_OK) {
        must(code == err.code && err.text[0] != '\0');
        csvc_arena_free(a);
        return 0;
    }
    must(csvc_message_equal(type, message, again));
    /* a proto2 string that came in as bytes must go out again: only proto3 promises UTF-8 */
    must(csvc_encode(a, type, message, &first, &err) == CSVC_OK);
    must(csvc_decode(a, type, first, NULL, &again, &err) == CSVC_OK);
    must(csvc_message_equal(type, message, again));
    must(csvc_encode(a, type, again, &second, &err) == CSVC_OK);
    must(first.len == second.len &&
         (first.len == 0 || memcmp(first.data, second.data, first.len) == 0));
    copy = csvc_message_copy(a, type, message);
    must(copy != NULL && csvc_message_equal(type, copy, message));
    (void)csvc_json_print(a, type, message, NULL, &err);
    csvc_arena_free(a);
    return 0;
}
