/* request/request.c: from bytes to a request. */
#include "request/request.h"

#include <string.h>

#include "common/pb.h"
#include "request/nul.h"

#include "base/banned.h"

/* Decodes; when that fails once more without NULs, for they are refused with their place later. */
static csvc_code decode(csvc_arena *a, const csvc_message_type *type, csvc_bytes bytes, bool is_set,
                        void **ret_message, csvc_error *err)
{
    csvc_code code = csvc_decode(a, type, bytes, NULL, ret_message, err);
    csvc_error again = {CSVC_ERROR_INIT};
    csvc_bytes marked;

    if (code == CSVC_OK || code == CSVC_RESOURCE_EXHAUSTED) {
        return code;
    }
    if (!gen_mark_nuls(a, bytes, is_set, &marked)) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    switch (csvc_decode(a, type, marked, NULL, ret_message, &again)) {
    case CSVC_OK:
        return CSVC_OK;
    case CSVC_RESOURCE_EXHAUSTED:
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "%s", again.text);
    default:
        return code;
    }
}

csvc_code gen_request_read(gen_request *request, csvc_arena *a, csvc_bytes bytes, csvc_error *err)
{
    csvc_error why = {CSVC_ERROR_INIT};
    void *message = NULL;
    CsvcPb__CodeGeneratorRequest *proto;
    gen_parameters parameters = gen_parameters_default();
    csvc_code code = decode(a, GEN_PB(code_generator_request), bytes, false, &message, &why);

    if (code != CSVC_OK) {
        if (code != CSVC_RESOURCE_EXHAUSTED) {
            code = CSVC_INTERNAL;
        }
        return csvc_error_set(err, code, "the input is no CodeGeneratorRequest: %s", why.text);
    }
    proto = message;
    code = gen_parameters_read(&parameters, a, proto->parameter, err);
    if (code == CSVC_OK) {
        *request = (gen_request){.arena = a, .proto = proto, .parameters = parameters};
    }
    return code;
}

csvc_code gen_request_from_set(gen_request *request, csvc_arena *a, csvc_bytes file_descriptor_set,
                               const char *const *files_to_generate, size_t n_files,
                               const gen_parameters *parameters, csvc_error *err)
{
    csvc_error why = {CSVC_ERROR_INIT};
    void *message = NULL;
    CsvcPb__FileDescriptorSet *set;
    CsvcPb__CodeGeneratorRequest *proto;
    char **names = csvc_arena_calloc(a, n_files, sizeof(*names));
    csvc_code code =
        decode(a, GEN_PB(file_descriptor_set), file_descriptor_set, true, &message, &why);

    if (code != CSVC_OK) {
        return csvc_error_set(err, code, "not a FileDescriptorSet: %s", why.text);
    }
    proto = csvc_arena_alloc(a, sizeof(*proto));
    if (names == NULL || proto == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < n_files; i++) {
        names[i] = csvc_arena_strdup(a, files_to_generate[i]);
        if (names[i] == NULL) {
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
    }
    set = message;
    *proto = (CsvcPb__CodeGeneratorRequest)CSVC_PB__CODE_GENERATOR_REQUEST__INIT;
    proto->n_file_to_generate = n_files;
    proto->file_to_generate = names;
    proto->n_proto_file = set->n_file;
    proto->proto_file = set->file;
    *request = (gen_request){
        .arena = a,
        .proto = proto,
        .parameters = parameters != NULL ? *parameters : gen_parameters_default(),
    };
    return CSVC_OK;
}
