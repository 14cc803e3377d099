/* support/stream_service.c: see the header. */
#include "stream_service.h"

static csvc_code down(const void *ops, void *self, csvc_ctx *ctx, const void *in, void *out)
{
    stream_peer *peer = self;

    (void)ops;
    (void)atomic_load(&peer->told);
    return peer->down(peer, ctx, in, out);
}

static csvc_code up(const void *ops, void *self, csvc_ctx *ctx, const void *in, void *out)
{
    stream_peer *peer = self;

    (void)ops;
    (void)atomic_load(&peer->told);
    return peer->up(peer, ctx, (csvc_stream *)(uintptr_t)in, out);
}

static csvc_code both(const void *ops, void *self, csvc_ctx *ctx, const void *in, void *out)
{
    stream_peer *peer = self;

    (void)ops;
    (void)atomic_load(&peer->told);
    return peer->both(peer, ctx, (csvc_stream *)(uintptr_t)in, out);
}

static csvc_code keep(const void *ops, void *self, csvc_ctx *ctx, const void *in, void *out)
{
    stream_peer *peer = self;

    (void)ops;
    (void)atomic_load(&peer->told);
    return peer->keep(peer, ctx, in, out);
}

#define INNER &codec3__inner__type, &codec3__inner__type

const csvc_method stream_methods[] = {
    {"Down", "/test.Streams/Down", CSVC_RPC_SERVER_STREAM, 0, INNER, down},
    {"Up", "/test.Streams/Up", CSVC_RPC_CLIENT_STREAM, 0, INNER, up},
    {"Both", "/test.Streams/Both", CSVC_RPC_BIDI_STREAM, 0, INNER, both},
    {"Keep", "/test.Streams/Keep", CSVC_RPC_UNARY, 0, INNER, keep},
    {"Inline", "/test.Streams/Inline", CSVC_RPC_SERVER_STREAM, CSVC_METHOD_INLINE, INNER, down},
    {"InlineBoth", "/test.Streams/InlineBoth", CSVC_RPC_BIDI_STREAM, CSVC_METHOD_INLINE, INNER,
     both},
    {"InlineKeep", "/test.Streams/InlineKeep", CSVC_RPC_UNARY, CSVC_METHOD_INLINE, INNER, keep},
};

static const csvc_service stream_service = {
    .struct_size = sizeof(csvc_service),
    .ops_size = sizeof(size_t),
    .name = "test.Streams",
    .methods = stream_methods,
    .n_methods = sizeof(stream_methods) / sizeof(stream_methods[0]),
};

csvc_code stream_register(csvc_server *srv, stream_peer *peer)
{
    static const size_t ops = sizeof(ops);

    return csvc_server_register(srv, &stream_service, &ops, peer);
}

/* ---- handlers ---- */

Codec3__Inner stream_message(int id, const char *name)
{
    Codec3__Inner message = CODEC3__INNER__INIT;

    message.id = id;
    message.name = (char *)(uintptr_t)name;
    return message;
}

csvc_code stream_counts(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                        csvc_stream *out)
{
    csvc_code code = CSVC_OK;

    (void)peer;
    (void)ctx;
    for (int i = 1; i <= req->id && code == CSVC_OK; i++) {
        const Codec3__Inner message = stream_message(i, "x");

        code = csvc_stream_send(out, &message);
    }
    return code;
}

csvc_code stream_sums(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    const void *message;

    (void)peer;
    (void)ctx;
    while (csvc_stream_recv(in, &message)) {
        rsp->id += ((const Codec3__Inner *)message)->id;
    }
    return csvc_stream_code(in);
}

csvc_code stream_echoes(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    const void *message;
    csvc_code code = CSVC_OK;

    (void)peer;
    (void)ctx;
    while (code == CSVC_OK && csvc_stream_recv(in, &message)) {
        code = csvc_stream_send(out, message);
    }
    return code != CSVC_OK ? code : csvc_stream_code(in);
}

csvc_code stream_answers(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                         Codec3__Inner *rsp)
{
    (void)peer;
    (void)ctx;
    rsp->id = req->id + 1;
    return CSVC_OK;
}
