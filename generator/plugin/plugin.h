/*
 * plugin/plugin.h: the plugin as a function.
 */
#ifndef GEN_PLUGIN_H
#define GEN_PLUGIN_H

#include "output/output.h"

/* A serialized CodeGeneratorResponse, in pieces that follow each other: files are not copied
 * together. */
typedef struct gen_response {
    csvc_bytes *pieces;
    size_t n_pieces; /* the first one has no file */
} gen_response;

/*
 * A CodeGeneratorRequest in, a CodeGeneratorResponse out, both serialized: all that
 * protoc-gen-c-svc does between its input and its output. Wrong protos and parameters make a
 * response with `error`, and OK. INTERNAL: the bytes are no request; RESOURCE_EXHAUSTED.
 */
csvc_code gen_plugin_run(csvc_arena *a, csvc_bytes request, gen_response *ret_response,
                         csvc_error *err);

/* Makes a CodeGeneratorResponse (response.c): of a plan's contents, or of an error's text when that
 * is not NULL. */
csvc_code gen_response_write(csvc_arena *a, const gen_plan *plan, const char *error,
                             gen_response *ret_response, csvc_error *err);

#endif /* GEN_PLUGIN_H */
