/* support/proto_helpers.h: protos compiled by protoc, for tests of the generator. */
#ifndef TESTS_PROTO_HELPERS_H
#define TESTS_PROTO_HELPERS_H

#include "plugin/plugin.h"
#include <csvc/arena.h>

/*
 * The FileDescriptorSet, with imports, that protoc makes of `protos` (names below `folder`,
 * separated by blanks). The folder is below the source tree; places are in it when `places`.
 */
csvc_bytes proto_set(csvc_arena *a, const char *folder, const char *protos, bool places);

/* The same of one file with this text, called test.proto. */
csvc_bytes proto_set_of_text(csvc_arena *a, const char *text, bool places);

/* A CodeGeneratorRequest that asks for the files named, of a FileDescriptorSet. */
csvc_bytes proto_request(csvc_arena *a, csvc_bytes set, const char *const *files, size_t n_files,
                         const char *parameter);

/* A response's pieces, one behind the other. */
csvc_bytes response_bytes(csvc_arena *a, const gen_response *response);

#endif /* TESTS_PROTO_HELPERS_H */
