/*
 * bench/csvc_server.c: /bench.Calc/Sum on the runtime, as generated code would serve it.
 *
 *     csvc_server [--transport=NAME] [--inline | --pool] [--built-in] [--loops N] [--port N]
 *
 * Beside raw_server.c and bare_nghttp2_server.c it says what the runtime costs; NAME is nghttp2 or
 * grpc-core. Built as csvc_server_light it has no C core in it. --built-in adds what a csvc_app
 * has: health, reflection, metrics, logging, limits. Prints "listening PORT"; serves until it is
 * killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calc_tables.h"
#include "csvc_serve.h"

/* ---- what the plugin emits ---- */

typedef struct calc_ops {
    size_t struct_size;
    csvc_code (*sum)(void *self, csvc_ctx *ctx, const SumRequest *req, SumReply *rsp);
} calc_ops;

static csvc_code invoke_sum(const void *ops, void *self, csvc_ctx *ctx, const void *in, void *out)
{
    const calc_ops *o = ops;

    return o->sum != NULL ? o->sum(self, ctx, in, out) : csvc_unimplemented(ctx);
}

/* ---- what a user writes ---- */

static csvc_code sum(void *self, csvc_ctx *ctx, const SumRequest *req, SumReply *rsp)
{
    (void)self;
    (void)ctx;
    rsp->sum = req->a + req->b;
    return CSVC_OK;
}

int main(int argc, char **argv)
{
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &csvc_nghttp2,
                                   .loops = 1};
    const calc_ops ops = {sizeof(ops), sum};
    csvc_method method = {"Sum",         "/bench.Calc/Sum", CSVC_RPC_UNARY, 0,
                          &request_type, &reply_type,       invoke_sum};
    csvc_service service = {
        .struct_size = sizeof(csvc_service),
        .ops_size = sizeof(calc_ops),
        .name = "bench.Calc",
        .methods = &method,
        .n_methods = 1,
    };
    bool built_in = false;
    const char *port = "0";

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--inline") == 0) {
            method.flags = CSVC_METHOD_INLINE;
        } else if (strncmp(argv[i], "--transport=", 12) == 0) {
            options.transport = bench_transport(argv[i] + 12);
        } else if (strcmp(argv[i], "--built-in") == 0) {
            built_in = true;
        } else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) {
            port = argv[++i];
        } else if (strcmp(argv[i], "--loops") == 0 && i + 1 < argc) {
            options.loops = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--pool") != 0) {
            fprintf(stderr,
                    "usage: csvc_server [--transport=NAME] [--inline | --pool] [--built-in] "
                    "[--loops N] [--port N]\n");
            return 2;
        }
    }
    return bench_serve("csvc_server", &options, &service, &ops, built_in, port);
}
