/* plugin/response.c: a plan as a CodeGeneratorResponse. */
#include "common/pb.h"
#include "plugin/plugin.h"

#include "base/banned.h"

csvc_code gen_response_write(csvc_arena *a, const gen_plan *plan, const char *error,
                             csvc_bytes *ret_bytes, csvc_error *err)
{
    CsvcPb__CodeGeneratorResponse response = CSVC_PB__CODE_GENERATOR_RESPONSE__INIT;
    size_t n = plan != NULL && error == NULL ? plan->n_outputs : 0;
    CsvcPb__CodeGeneratorResponse__File *files = csvc_arena_calloc(a, n, sizeof(*files));
    CsvcPb__CodeGeneratorResponse__File **pointers = csvc_arena_calloc(a, n, sizeof(*pointers));

    if (files == NULL || pointers == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        const gen_output *output = &plan->outputs[i];

        files[i] =
            (CsvcPb__CodeGeneratorResponse__File)CSVC_PB__CODE_GENERATOR_RESPONSE__FILE__INIT;
        files[i].name = (char *)(uintptr_t)output->path;
        files[i].content = (char *)(uintptr_t)output->content;
        pointers[i] = &files[i];
    }
    response.file = pointers;
    response.n_file = n;
    response.error = (char *)(uintptr_t)error;
    response.has_supported_features = true;
    response.supported_features =
        CSVC_PB__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;
    return csvc_encode(a, GEN_PB(code_generator_response), &response, ret_bytes, err);
}
