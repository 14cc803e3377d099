/*
 * request/request.h: the generator's input, read.
 *
 * Either a CodeGeneratorRequest (from protoc or buf) or a FileDescriptorSet (which c-svc gets from
 * protoc). Both are decoded by our own codec into the structs protoc-gen-c makes of
 * descriptor.proto and plugin.proto (generator/pb, c_package csvc_pb).
 */
#ifndef GEN_REQUEST_H
#define GEN_REQUEST_H

#include <csvc/arena.h>
#include <csvc/code.h>

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
    const struct CsvcPb__CodeGeneratorRequest *proto; /* from a descriptor set: made up */
    gen_parameters parameters;
} gen_request;

/*
 * Decodes the bytes and reads the parameters. INVALID_ARGUMENT with the sentence in err for a wrong
 * parameter; INTERNAL for bytes that are no request; RESOURCE_EXHAUSTED.
 */
csvc_code gen_request_read(gen_request *request, csvc_arena *a, csvc_bytes bytes, csvc_error *err);
csvc_code gen_request_from_set(gen_request *request, csvc_arena *a, csvc_bytes file_descriptor_set,
                               const char *const *files_to_generate, size_t n_files,
                               const gen_parameters *parameters, csvc_error *err);

/* The parameters at their defaults. */
gen_parameters gen_parameters_default(void);

/* Reads "key=value,key" (NULL: nothing) over what *parameters holds. INVALID_ARGUMENT names the key
 * and what is known. */
csvc_code gen_parameters_read(gen_parameters *parameters, csvc_arena *a, const char *text,
                              csvc_error *err);

#endif /* GEN_REQUEST_H */
