/*
 * fuzz/json_read_fuzz.c: any text as JSON. What is read must print, read again as the same message,
 * and survive the wire; what is refused must say why. The first byte chooses type and options.
 */
#include <csvc/message.h>

#include <stdlib.h>
#include <string.h>

#include "../unit/support/codec_types.h"

static const csvc_message_type *resolve(void *self, const char *full_name)
{
    (void)self;
    if (strcmp(full_name, "google.protobuf.Any") == 0) {
        return &google__protobuf__any__type;
    }
    if (strcmp(full_name, "google.protobuf.Value") == 0) {
        return &google__protobuf__value__type;
    }
    return strcmp(full_name, "codec3.All") == 0 ? &codec3__all__type : NULL;
}

static void check(csvc_arena *a, const csvc_message_type *type, const void *message,
                  csvc_type_resolver *resolver)
{
    csvc_json_options print = {CSVC_JSON_OPTIONS_INIT, .resolve = resolver};
    csvc_json_read_options read = {CSVC_JSON_READ_OPTIONS_INIT, .resolve = resolver};
    csvc_error err = {CSVC_ERROR_INIT};
    const char *text = csvc_json_print(a, type, message, &print, &err);
    void *again;
    csvc_bytes wire;

    if (text == NULL ||
        csvc_json_read(a, type, text, strlen(text), &read, &again, &err) != CSVC_OK ||
        !csvc_message_equal(type, message, again)) {
        abort();
    }
    if (csvc_encode(a, type, message, &wire, &err) != CSVC_OK ||
        csvc_decode(a, type, wire, NULL, &again, &err) != CSVC_OK ||
        !csvc_message_equal(type, message, again)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const csvc_message_type *const types[] = {&codec3__all__type, &codec_wkt__known__type,
                                                     &google__protobuf__value__type,
                                                     &codec2__all__type};
    csvc_json_read_options options = {CSVC_JSON_READ_OPTIONS_INIT};
    csvc_error err = {CSVC_ERROR_INIT};
    const csvc_message_type *type;
    csvc_arena *a;
    void *message = NULL;
    csvc_code code;

    if (size < 1) {
        return 0;
    }
    a = csvc_arena_new(64 << 20);
    type = types[data[0] & 3];
    options.ignore_unknown = (data[0] & 4) != 0;
    options.resolve = (data[0] & 8) != 0 ? resolve : NULL;
    code = csvc_json_read(a, type, (const char *)data + 1, size - 1, &options, &message, &err);
    if (code == CSVC_OK) {
        check(a, type, message, options.resolve);
    } else if (err.code != code || err.text[0] == '\0' || message != NULL ||
               strpbrk(err.text, "\n\r") != NULL) {
        abort();
    }
    csvc_arena_free(a);
    return 0;
}
