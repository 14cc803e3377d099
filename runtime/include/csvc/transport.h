/*
 * csvc/transport.h: which transport carries the calls.
 *
 * A transport is a table that a library of its own exports: csvc_grpc_core (libcsvc-grpc-core, the
 * gRPC C core) serves and calls, csvc_nghttp2 (libcsvc-nghttp2) serves, for less. Servers and
 * channels take a pointer to one in their options; nothing else in a program depends on which it
 * is, and a program may use both. transports.md says when to choose which.
 */
#ifndef CSVC_TRANSPORT_H
#define CSVC_TRANSPORT_H

#include <csvc/common.h>

CSVC_BEGIN_DECLS

typedef struct csvc_transport csvc_transport;

/* The gRPC C core, server and client; link with libcsvc-grpc-core. */
extern CSVC_API const csvc_transport csvc_grpc_core;

/* Servers on nghttp2; link with libcsvc-nghttp2. It has no calls: csvc_channel_new with it says
 * UNIMPLEMENTED. */
extern CSVC_API const csvc_transport csvc_nghttp2;

CSVC_END_DECLS

#endif /* CSVC_TRANSPORT_H */
