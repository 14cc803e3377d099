/*
 * bench/csvc_server.c: /bench.Calc/Sum on the runtime, as generated code would serve it.
 *
 *     csvc_server [--inline | --pool] [--built-in] [--loops N] [--port N]
 *
 * Beside raw_server.c it says what the runtime costs. --built-in adds what a csvc_app has:
 * health, reflection, metrics, logging, limits. Prints "listening PORT"; serves until it is killed.
 */
#include <csvc/interceptor.h>
#include <csvc/server.h>
#include <csvc/std.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calc_tables.h"

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

/* As a csvc_app has them. They live as long as the process. */
static bool add_built_in(csvc_server *srv, csvc_error *err)
{
    const csvc_limits_options options = {CSVC_LIMITS_OPTIONS_INIT, .max_calls = 65536};
    csvc_metrics *metrics = csvc_metrics_new(NULL);
    csvc_call_metrics *calls = metrics != NULL ? csvc_call_metrics_new(metrics, err) : NULL;
    csvc_limits *limits = csvc_limits_new(&options, err);

    csvc_health *health = csvc_health_new();

    return calls != NULL && limits != NULL && health != NULL &&
           csvc_health_register(srv, health) == CSVC_OK &&
           csvc_reflection_register(srv) == CSVC_OK &&
           csvc_server_intercept(srv, &csvc_measuring, calls) == CSVC_OK &&
           csvc_server_intercept(srv, &csvc_logging, NULL) == CSVC_OK &&
           csvc_server_intercept(srv, &csvc_limiting, limits) == CSVC_OK;
}

int main(int argc, char **argv)
{
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &csvc_grpc_core,
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
    csvc_error err = {CSVC_ERROR_INIT};
    bool built_in = false;
    const char *port = "0";
    char address[32];
    csvc_server *srv;
    int bound;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--inline") == 0) {
            method.flags = CSVC_METHOD_INLINE;
        } else if (strcmp(argv[i], "--built-in") == 0) {
            built_in = true;
        } else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) {
            port = argv[++i];
        } else if (strcmp(argv[i], "--loops") == 0 && i + 1 < argc) {
            options.loops = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--pool") != 0) {
            fprintf(stderr,
                    "usage: csvc_server [--inline | --pool] [--built-in] [--loops N] [--port N]\n");
            return 2;
        }
    }
    snprintf(address, sizeof(address), "127.0.0.1:%s", port);
    srv = csvc_server_new(&options, &err);
    if (srv == NULL || csvc_server_register(srv, &service, &ops, NULL) != CSVC_OK ||
        (built_in && !add_built_in(srv, &err)) ||
        csvc_server_listen(srv, address, &bound, &err) != CSVC_OK ||
        csvc_server_start(srv, &err) != CSVC_OK) {
        fprintf(stderr, "csvc_server: %s\n", err.text);
        return 1;
    }
    printf("listening %d\n", bound);
    fflush(stdout);
    for (;;) {
        pause();
    }
}
