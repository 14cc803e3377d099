/*
 * common/pb.h: protobuf's own messages, and reading and writing them.
 *
 * generator/pb/ holds what protoc-gen-c and this very plugin make of descriptor.proto, plugin.proto
 * and the options; tests/e2e/bootstrap.sh makes them again, byte for byte.
 */
#ifndef GEN_PB_H
#define GEN_PB_H

#include <csvc/arena.h>
#include <csvc/code.h>

#include "c_svc/options.csvc.h"
#include "google/protobuf/compiler/plugin.csvc.h"
#include "google/protobuf/descriptor.csvc.h"
#include "pb_c/options.csvc.h"

/* Extension numbers of the options we read. */
enum {
    GEN_EXT_PB_C = 1019, /* of files, messages and fields: protobuf-c's */
    GEN_EXT_SERVICE_C_PREFIX = 57300,
    GEN_EXT_MESSAGE = 57301,
    GEN_EXT_FIELD = 57302,
    GEN_EXT_RPC = 57303,
};

/* The type of a message, for csvc_decode and csvc_encode: GEN_PB(file_descriptor_proto). */
#define GEN_PB(name) (&csvc_pb__##name##__type)

/*
 * The value of a length-delimited extension that an options message kept among its unknown fields;
 * given several times the pieces follow each other, which for a message is its merge. False: not
 * there. `options` may be NULL. An allocation failure shows as RESOURCE_EXHAUSTED in *code.
 */
bool gen_pb_extension(csvc_arena *a, const void *options, uint32_t number, csvc_bytes *ret_bytes,
                      csvc_code *code);

/* Puts a length-delimited extension behind the unknown fields of an options message, where it wins
 * over or is merged with what was there. False: no memory. */
bool gen_pb_add_extension(csvc_arena *a, void *options, uint32_t number, csvc_bytes bytes);

#endif /* GEN_PB_H */
