/* plugin/response.c: a plan as a CodeGeneratorResponse. */
#include <string.h>

#include "codec/wire.h"
#include "common/pb.h"
#include "plugin/plugin.h"

#include "base/banned.h"

enum {
    TAG_FILE = 15 << 3 | CSVC__WIRE_LEN, /* CodeGeneratorResponse.file */
    TAG_NAME = 1 << 3 | CSVC__WIRE_LEN,  /* File.name */
    TAG_CONTENT = 15 << 3 | CSVC__WIRE_LEN,
};

/* All of a file before its content, which is a piece of its own. */
static bool put_head(csvc_arena *a, const gen_output *output, csvc_bytes *ret_piece)
{
    const size_t len = strlen(output->path);
    const size_t within =
        1 + csvc__varint_size(len) + len + 1 + csvc__varint_size(output->len) + output->len;
    uint8_t *bytes = csvc_arena_alloc(a, len + 3 * (1 + CSVC__VARINT_MAX));
    uint8_t *at = bytes;

    if (bytes == NULL) {
        return false;
    }
    *at++ = TAG_FILE;
    at = csvc__varint_write(at, within);
    *at++ = TAG_NAME;
    at = csvc__varint_write(at, len);
    memcpy(at, output->path, len);
    at += len;
    *at++ = TAG_CONTENT;
    at = csvc__varint_write(at, output->len);
    *ret_piece = (csvc_bytes){(size_t)(at - bytes), bytes};
    return true;
}

csvc_code gen_response_write(csvc_arena *a, const gen_plan *plan, const char *error,
                             gen_response *ret_response, csvc_error *err)
{
    CsvcPb__CodeGeneratorResponse rest = CSVC_PB__CODE_GENERATOR_RESPONSE__INIT;
    const size_t n = plan != NULL && error == NULL ? plan->n_outputs : 0;
    gen_response response = {.pieces = csvc_arena_calloc(a, 1 + 2 * n, sizeof(csvc_bytes))};
    csvc_code code;

    rest.error = (char *)(uintptr_t)error;
    rest.has_supported_features = true;
    rest.supported_features = CSVC_PB__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;
    if (response.pieces == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    code = csvc_encode(a, GEN_PB(code_generator_response), &rest, &response.pieces[0], err);
    response.n_pieces = 1;
    for (size_t i = 0; i < n && code == CSVC_OK; i++) {
        const gen_output *output = &plan->outputs[i];

        if (!put_head(a, output, &response.pieces[response.n_pieces])) {
            code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
        response.pieces[response.n_pieces + 1] = gen_output_content(output);
        response.n_pieces += 2;
    }
    if (code == CSVC_OK) {
        *ret_response = response;
    }
    return code;
}
