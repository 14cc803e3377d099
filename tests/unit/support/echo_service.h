/*
 * support/echo_service.h: the tables of a small service, written by hand, whose handlers are the
 * test's own.
 *
 * test.Echo has Inline (runs on the loop), Pool, Missing (its slot stays NULL) and Stream; requests
 * and replies are codec3.Inner {id, name, ...}. An echo_peer is `self` of all of them.
 */
#ifndef TESTS_ECHO_SERVICE_H
#define TESTS_ECHO_SERVICE_H

#include <csvc/server.h>

#include <stdatomic.h>

#include "codec_types.h"

typedef struct echo_peer echo_peer;

typedef csvc_code echo_handler(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                               Codec3__Inner *rsp);

/* Handlers run on other threads, and what the network tells them a sanitizer does not see. */
struct echo_peer {
    _Atomic(echo_handler *) handle; /* NULL: echo_back */
    _Atomic(void *) data;           /* the test's */
    atomic_int calls;               /* handlers that ran */
};

typedef struct echo_ops {
    size_t struct_size;
    csvc_code (*on_loop)(void *self, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp);
    csvc_code (*on_pool)(void *self, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp);
    csvc_code (*missing)(void *self, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp);
} echo_ops;

enum {
    ECHO_INLINE,
    ECHO_POOL,
    ECHO_MISSING,
    ECHO_STREAM,
};

extern const csvc_service echo_service;
extern const csvc_method echo_methods[];

/* Registers it with handlers that run peer->handle. */
csvc_code echo_register(csvc_server *srv, echo_peer *peer);

/* OK, with the request's id and name in the reply. */
csvc_code echo_back(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp);

#endif /* TESTS_ECHO_SERVICE_H */
