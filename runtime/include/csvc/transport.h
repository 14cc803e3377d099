/*
 * csvc/transport.h: which transport carries the calls.
 *
 * A transport is a table that a library of its own exports: csvc_grpc_core (libcsvc-grpc-core, the
 * gRPC C core), csvc_nghttp2 (libcsvc-nghttp2, servers only). Servers and channels take a pointer
 * to it in their options; nothing else in a program depends on which one it is.
 */
#ifndef CSVC_TRANSPORT_H
#define CSVC_TRANSPORT_H

#include <csvc/common.h>

CSVC_BEGIN_DECLS

typedef struct csvc_transport csvc_transport;

/* The gRPC C core, server and client; link with libcsvc-grpc-core. */
extern CSVC_API const csvc_transport csvc_grpc_core;

/* nghttp2, servers only: UNIMPLEMENTED for who makes a channel of it; link with libcsvc-nghttp2. */
extern CSVC_API const csvc_transport csvc_nghttp2;

CSVC_END_DECLS

#endif /* CSVC_TRANSPORT_H */
