/*
 * support/stream_service.h: the tables of a service with the four kinds of rpc, written by hand.
 *
 * test.Streams has Down (server streaming), Up (client streaming), Both (bidirectional), Keep
 * (unary), and on the loop Inline (server streaming), InlineBoth and InlineKeep; messages are
 * codec3.Inner {id, name, ...}. Handlers are the test's own: a stream_peer is `self` of all of
 * them.
 */
#ifndef TESTS_STREAM_SERVICE_H
#define TESTS_STREAM_SERVICE_H

#include <csvc/client.h>
#include <csvc/server.h>
#include <csvc/stream.h>
#include <stdatomic.h>

#include "codec_types.h"

typedef struct stream_peer {
    csvc_code (*down)(struct stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                      csvc_stream *out);
    csvc_code (*up)(struct stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp);
    csvc_code (*both)(struct stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out);
    csvc_code (*keep)(struct stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                      Codec3__Inner *rsp);
    void *data;      /* the test's */
    atomic_int told; /* written by the test when the above is, so that TSan sees the order */
} stream_peer;

enum {
    STREAM_DOWN,
    STREAM_UP,
    STREAM_BOTH,
    STREAM_KEEP,
    STREAM_INLINE,
    STREAM_INLINE_BOTH,
    STREAM_INLINE_KEEP,
};

extern const csvc_method stream_methods[];
csvc_code stream_register(csvc_server *srv, stream_peer *peer);

/* ---- what most tests make a stream_peer of, and send ---- */

/* {id, name}; the name is borrowed. */
Codec3__Inner stream_message(int id, const char *name);

/* down: as many messages as the request's id says, ids from 1. */
csvc_code stream_counts(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                        csvc_stream *out);
/* up: the sum of the ids. */
csvc_code stream_sums(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp);
/* both: what comes. */
csvc_code stream_echoes(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out);
/* keep: the id that follows. */
csvc_code stream_answers(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                         Codec3__Inner *rsp);

#endif /* TESTS_STREAM_SERVICE_H */
