/*
 * The plugin on any CodeGeneratorRequest. What it answers is a response, the same one twice, or the
 * sentence that the input is none; no name gets into C that is not one. The parameter
 * messages=off is put behind the input, so that no program is run.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/pb.h"
#include "plugin/plugin.h"
#include "proto_helpers.h"
#include "request/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static csvc_code run(csvc_arena *a, csvc_bytes request, csvc_bytes *ret_response)
{
    csvc_error err = {CSVC_ERROR_INIT};
    gen_response response;
    csvc_code code = gen_plugin_run(a, request, &response, &err);

    if (code == CSVC_OK) {
        *ret_response = response_bytes(a, &response);
        code = ret_response->data != NULL ? CSVC_OK
                                          : csvc_error_set(&err, CSVC_RESOURCE_EXHAUSTED, "memory");
    }
    assert(code == CSVC_OK || code == CSVC_INTERNAL || code == CSVC_RESOURCE_EXHAUSTED);
    assert(code == CSVC_OK || err.text[0] != '\0');
    return code;
}

static void read_back(csvc_arena *a, csvc_bytes bytes)
{
    csvc_error err = {CSVC_ERROR_INIT};
    void *message = NULL;
    csvc_code code = csvc_decode(a, GEN_PB(code_generator_response), bytes, NULL, &message, &err);
    const CsvcPb__CodeGeneratorResponse *response = message;

    if (code == CSVC_RESOURCE_EXHAUSTED) {
        return;
    }
    assert(code == CSVC_OK);
    assert(response->error == NULL || response->n_file == 0);
    for (size_t i = 0; i < response->n_file; i++) {
        const char *name = response->file[i]->name;
        size_t n = strlen(response->file[i]->content);

        assert(name[0] != '/' && strstr(name, "..") != name && strstr(name, "/../") == NULL);
        assert(n > 0 && response->file[i]->content[n - 1] == '\n');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t parameter[] = "\x12\x0cmessages=off";
    csvc_arena *a = csvc_arena_new(256 << 20);
    uint8_t *bytes = a != NULL ? csvc_arena_alloc(a, len + sizeof(parameter) - 1) : NULL;
    csvc_bytes request;
    csvc_bytes first = {0};
    csvc_bytes second = {0};

    if (bytes != NULL) {
        if (len > 0) {
            memcpy(bytes, data, len);
        }
        memcpy(bytes + len, parameter, sizeof(parameter) - 1);
        request = (csvc_bytes){len + sizeof(parameter) - 1, bytes};
        if (run(a, request, &first) == CSVC_OK && run(a, request, &second) == CSVC_OK) {
            assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
            read_back(a, first);
        }
    }
    (void)csvc_arena_free(a);
    return 0;
}
