/*
 * fuzz/json_fuzz.c: any message as JSON. What is printed must be JSON to another reader (jansson).
 * The first byte chooses type and options.
 */
#include <csvc/message.h>

#include <jansson.h>
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const csvc_message_type *const types[] = {&codec3__all__type, &codec_wkt__known__type};
    csvc_json_options options = {CSVC_JSON_OPTIONS_INIT};
    csvc_error err = {CSVC_ERROR_INIT};
    const csvc_message_type *type;
    csvc_arena *a = csvc_arena_new(64 << 20);
    void *message = NULL;
    json_error_t why;
    json_t *json;
    char *text;

    if (size < 1) {
        csvc_arena_free(a);
        return 0;
    }
    type = types[data[0] & 1];
    options.defaults = (data[0] & 2) != 0;
    options.indent = (data[0] & 4) != 0 ? 2 : 0;
    options.enum_numbers = (data[0] & 8) != 0;
    options.proto_names = (data[0] & 16) != 0;
    options.resolve = (data[0] & 32) != 0 ? resolve : NULL;
    if (csvc_decode(a, type, (csvc_bytes){size - 1, data + 1}, NULL, &message, &err) == CSVC_OK) {
        text = csvc_json_print(a, type, message, &options, &err);
        if (text == NULL) {
            if (err.code == CSVC_OK || err.text[0] == '\0') {
                abort();
            }
        } else {
            json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
            if (json == NULL) {
                abort();
            }
            json_decref(json);
            if (options.indent == 0 && strchr(text, '\n') != NULL) {
                abort();
            }
        }
    }
    csvc_arena_free(a);
    return 0;
}
