/*
 * request.h: the generator's input, read.
 *
 * Either a CodeGeneratorRequest (from protoc or buf) or a FileDescriptorSet (which c-svc gets from
 * protoc). Both are decoded by our own codec into the structs protoc-gen-c makes of
 * descriptor.proto and plugin.proto (generator/pb, c_package csvc_pb).
 */
#ifndef GEN_REQUEST_H
#define GEN_REQUEST_H

#include "model.h"

/* The plugin's parameters: `key=value` pairs; absent ones at their defaults. */
typedef struct gen_parameters {
    bool messages;            /* messages=on|off; on */
    uint32_t inference;       /* inference=1 */
    const char *protoc_gen_c; /* NULL: in PATH */
    const char *c_package;    /* NULL: from the files */
    const char *templates;    /* templates=DIR; NULL: the embedded ones */
} gen_parameters;

typedef struct gen_request {
    csvc_arena *arena;
    const void *plugin_request; /* CsvcPb__CodeGeneratorRequest; from a descriptor set: made up */
    gen_parameters parameters;
} gen_request;

/* Decodes the bytes. The problem with a wrong parameter or broken bytes goes to err. */
csvc_code gen_request_read(gen_request *request, csvc_arena *a, csvc_bytes bytes, csvc_error *err);
csvc_code gen_request_from_set(gen_request *request, csvc_arena *a, csvc_bytes file_descriptor_set,
                               const char *const *files_to_generate, size_t n_files,
                               const gen_parameters *parameters, csvc_error *err);

/* Builds and names the model (model.c). Structural impossibilities go to diag. NULL: no memory. */
gen_model *gen_model_build(const gen_request *request, gen_diag *diag);

/* Every rule that can refuse the input (check.c); looks at all files together. */
void gen_check(const gen_model *model, const gen_parameters *parameters, gen_diag *diag);

#endif /* GEN_REQUEST_H */
