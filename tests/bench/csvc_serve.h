/*
 * bench/csvc_serve.h: what the programs that serve on the runtime have in common.
 */
#ifndef BENCH_CSVC_SERVE_H
#define BENCH_CSVC_SERVE_H

#include <csvc/interceptor.h>
#include <csvc/server.h>
#include <csvc/std.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    const csvc_transport *transport;
} bench_transports[] = {
    {"nghttp2", &csvc_nghttp2},
#ifndef BENCH_NGHTTP2_ALONE
    {"grpc-core", &csvc_grpc_core},
#endif
};

/* Of those that the program is linked with; ends it when there is no such. */
static const csvc_transport *bench_transport(const char *name)
{
    for (size_t i = 0; i < sizeof(bench_transports) / sizeof(bench_transports[0]); i++) {
        if (strcmp(bench_transports[i].name, name) == 0) {
            return bench_transports[i].transport;
        }
    }
    fprintf(stderr, "no transport %s\n", name);
    exit(2);
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

/* Serves on a port of the loopback, prints "listening PORT", and goes on until it is killed.
 * Returns the exit code when it could not begin. */
static int bench_serve(const char *name, const csvc_server_options *options,
                       const csvc_service *service, const void *ops, bool built_in,
                       const char *port)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_server *srv = csvc_server_new(options, &err);
    char address[32];
    int bound;

    snprintf(address, sizeof(address), "127.0.0.1:%s", port);
    if (srv == NULL || csvc_server_register(srv, service, ops, NULL) != CSVC_OK ||
        (built_in && !add_built_in(srv, &err)) ||
        csvc_server_listen(srv, address, &bound, &err) != CSVC_OK ||
        csvc_server_start(srv, &err) != CSVC_OK) {
        fprintf(stderr, "%s: %s\n", name, err.text);
        return 1;
    }
    printf("listening %d\n", bound);
    fflush(stdout);
    for (;;) {
        pause();
    }
}

#endif /* BENCH_CSVC_SERVE_H */
