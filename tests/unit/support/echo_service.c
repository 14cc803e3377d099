/* support/echo_service.c: see the header. */
#include "echo_service.h"

#define INVOKE(slot)                                                                               \
    static csvc_code invoke_##slot(const void *ops, void *self, csvc_ctx *ctx, const void *in,     \
                                   void *out)                                                      \
    {                                                                                              \
        const echo_ops *o = ops;                                                                   \
                                                                                                   \
        return o->slot != NULL ? o->slot(self, ctx, in, out) : csvc_unimplemented(ctx);            \
    }

INVOKE(on_loop)
INVOKE(on_pool)
INVOKE(missing)

const csvc_method echo_methods[] = {
    {"Inline", "/test.Echo/Inline", CSVC_RPC_UNARY, CSVC_METHOD_INLINE, &codec3__inner__type,
     &codec3__inner__type, invoke_on_loop},
    {"Pool", "/test.Echo/Pool", CSVC_RPC_UNARY, 0, &codec3__inner__type, &codec3__inner__type,
     invoke_on_pool},
    {"Missing", "/test.Echo/Missing", CSVC_RPC_UNARY, CSVC_METHOD_INLINE, &codec3__inner__type,
     &codec3__inner__type, invoke_missing},
    {"Stream", "/test.Echo/Stream", CSVC_RPC_SERVER_STREAM, 0, &codec3__inner__type,
     &codec3__inner__type, invoke_missing},
};

const csvc_service echo_service = {
    .struct_size = sizeof(csvc_service),
    .ops_size = sizeof(echo_ops),
    .name = "test.Echo",
    .methods = echo_methods,
    .n_methods = sizeof(echo_methods) / sizeof(echo_methods[0]),
};

csvc_code echo_back(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp)
{
    (void)peer;
    (void)ctx;
    rsp->id = req->id;
    rsp->name = req->name;
    return CSVC_OK;
}

static csvc_code run(void *self, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp)
{
    echo_peer *peer = self;

    echo_handler *handle = peer->handle;

    peer->calls++;
    return (handle != NULL ? handle : echo_back)(peer, ctx, req, rsp);
}

csvc_code echo_register(csvc_server *srv, echo_peer *peer)
{
    const echo_ops ops = {sizeof(ops), run, run, NULL};

    return csvc_server_register(srv, &echo_service, &ops, peer);
}
