/*
 * csvc/app.h: a whole server program.
 *
 * Takes a service from `main` to its exit code: flags and environment, logging, database,
 * listening, signals, graceful stop. A csvc_app keeps the first error and csvc_app_run reports it,
 * so main needs no error handling of its own:
 *
 *     int main(int argc, char **argv)
 *     {
 *         struct service svc = {0};
 *         csvc_app *app = csvc_app_new(&user_service_app, argc, argv);
 *
 *         svc.db = csvc_app_database(app, user_service_migrations);
 *         services_register(app, &svc);
 *         return csvc_app_run(app);
 *     }
 *
 * All functions are for the main thread; csvc_app_run blocks until the server has stopped. This
 * module, unlike the rest of the library, prints: help and errors of usage to standard output and
 * standard error.
 *
 * Settings: each is a flag and a variable, the flag wins (--grpc-addr, GRPC_ADDR). `--help` lists
 * them all; limits.md says what the limits among them do.
 *
 *     GRPC_ADDR       127.0.0.1:50051   where to serve; port 0 takes a free one and logs it;
 *                                       several by commas, each as csvc_server_listen takes it
 *     ADMIN_ADDR      127.0.0.1:9464    /metrics, /healthz, /readyz, /debug (csvc/http.h), or off
 *     DATABASE_URL    sqlite:NAME.db    (projects with storage)
 *     LOG_LEVEL       info              debug, info, warn, error, off
 *     LOG_FORMAT      text              text, json
 *     SHUTDOWN_DELAY  0s                after SIGTERM or SIGINT, time to serve on as NOT_SERVING
 *     SHUTDOWN_GRACE  30s               how long calls in flight may finish then
 *     REFLECTION      on                whether callers may ask what is served
 *     SLOW_CALL       1s                unary calls that take longer are logged at info, and
 *                                       workers that are all busy for longer at warn
 *     TRANSPORT       the first          of the transports linked: grpc-core, nghttp2
 *     GRPC_LOOPS GRPC_MAX_STREAMS GRPC_MAX_MESSAGE_BYTES GRPC_MAX_METADATA_BYTES
 *     GRPC_MAX_BUFFERED_BYTES GRPC_MAX_REPLY_BYTES MAX_CALL_MEMORY MAX_WORKERS MAX_QUEUED
 *     GRPC_COMPRESS_BYTES GRPC_HANDSHAKE_TIMEOUT GRPC_KEEPALIVE GRPC_KEEPALIVE_TIMEOUT
 *     GRPC_MIN_PING_INTERVAL GRPC_MAX_IDLE GRPC_MAX_AGE GRPC_MAX_AGE_GRACE
 *     GRPC_MAX_CONNECTIONS GRPC_MAX_SEND_QUEUE GRPC_MAX_SEND_QUEUE_BYTES
 *     TLS_CERT_FILE TLS_KEY_FILE TLS_CLIENT_CA_FILE     as in csvc_server_options
 *     MAX_CALLS CALL_RATE CALL_BURST                    as in csvc_limits_options
 */
#ifndef CSVC_APP_H
#define CSVC_APP_H

#include <csvc/client.h>
#include <csvc/health.h>
#include <csvc/http.h>
#include <csvc/metrics.h>
#include <csvc/server.h>
#include <csvc/store.h>

CSVC_BEGIN_DECLS

typedef struct csvc_app csvc_app;

/* What a program is made of; generated as PROJECT_app in gen/services.c. */
typedef struct csvc_app_info {
    size_t struct_size;
    const char *name;                     /* "user-service" */
    const csvc_transport *transport;      /* where there are no `transports`, the one */
    const csvc_db_driver *const *drivers; /* NULL-terminated; NULL when there is no storage */
    const char *database_url;             /* the default; NULL when there is no storage */
    const csvc_service *const *services;  /* NULL-terminated */
    const csvc_entity *const *entities;   /* NULL-terminated; whose tables csvc_app_database checks;
                                             NULL: none */
    const csvc_http_driver *http;         /* for the admin address; NULL: the program has none */
    const csvc_transport *const *transports; /* NULL-terminated: those that TRANSPORT may name to
                                                serve with, the first unless it names one. Channels
                                                take the first that can call */
} csvc_app_info;

#define CSVC_APP_INFO_INIT .struct_size = sizeof(csvc_app_info)

/* Reads flags and environment. Never NULL: whatever is wrong comes out of csvc_app_run. `info` and
 * argv must outlive it. */
CSVC_API csvc_app *csvc_app_new(const csvc_app_info *info, int argc, char **argv);

/* Opens the database of DATABASE_URL, migrates it and checks that its tables fit the entities. NULL
 * when that failed; the app owns it. `sets` as for csvc_db_migrate. */
CSVC_API csvc_db *csvc_app_database(csvc_app *app, const csvc_migrations *const *sets);

/* Adds an interceptor behind the built-in ones. Both must outlive the app. */
CSVC_API void csvc_app_intercept(csvc_app *app, const csvc_interceptor *interceptor, void *self);

/* The server to register services with; what generated services_register uses. Keeps the code of a
 * failed registration. */
CSVC_API void csvc_app_register(csvc_app *app, const csvc_service *service, const void *ops,
                                void *self);

/* The registry behind /metrics, for numbers of the program's own; calls are counted already. NULL,
 * into which one can write all the same, once something has failed. */
CSVC_API csvc_metrics *csvc_app_metrics(csvc_app *app);

/* Whether the program takes calls, and each of its services: all do from the start, until the
 * program says otherwise. Health.Check, Health.Watch and /readyz follow it. NULL, which can be set
 * all the same, once something has failed. health.md. */
CSVC_API csvc_health *csvc_app_health(csvc_app *app);

/* What MAX_CALLS, CALL_RATE and CALL_BURST made: csvc_limits_set changes them while calls are
 * served, from any thread. NULL, which can be set all the same, once something has failed. */
CSVC_API csvc_limits *csvc_app_limits(csvc_app *app);

/* A channel over the first of the app's transports that can call, freed with it; its calls are
 * counted, as grpc_client_... (metrics.md). NULL when it cannot be; csvc_app_run says why. */
CSVC_API csvc_channel *csvc_app_channel(csvc_app *app, const char *target);

/* The same with options: TLS, limits, retries. Without a transport, over the same as above. */
CSVC_API csvc_channel *csvc_app_channel_with(csvc_app *app, const char *target,
                                             const csvc_channel_options *options);

/*
 * Serves, besides what was registered, health and reflection (csvc/std.h), until SIGTERM or SIGINT.
 * Then: every service is NOT_SERVING and /readyz 503, calls are taken on for SHUTDOWN_DELAY, then
 * none any more; detached streams are told and ended; calls in flight finish, within
 * SHUTDOWN_GRACE. Frees all.
 * Returns the exit code of the program: 0 after an orderly stop (and after --help and --version), 1
 * when the start failed or the grace ran out, 2 for wrong usage. A second signal ends the process
 * at once. When handlers still run a second after they were cancelled, there is nothing that could
 * be freed safely, nor anything to return to: then it ends the process itself, with 1.
 */
CSVC_API int csvc_app_run(csvc_app *app);

/* What a generated command-line client is made of: the services it can call. */
typedef struct csvc_cli_info {
    size_t struct_size;
    const char *name; /* "user-service-client" */
    const csvc_transport *transport;
    const csvc_service *const *services; /* NULL-terminated */
} csvc_cli_info;

#define CSVC_CLI_INFO_INIT .struct_size = sizeof(csvc_cli_info)

/*
 * A whole client program: `NAME [--addr HOST:PORT] [--timeout 5s] RPC [--FIELD VALUE]...`. A
 * subcommand for each rpc, a flag for each field of its request (`--author.name` reaches into a
 * message, repeated fields by repeating the flag), the reply as a line of JSON on standard output,
 * an error as `RPC: CODE: text` on standard error. Streams are lines of JSON, a message each, on
 * standard input and output, both at the same time; a signal cancels them. Exits with 0, with 2 for
 * wrong usage, with 1 when input or output failed, else with 64 plus the code of the status.
 */
CSVC_API int csvc_cli_run(const csvc_cli_info *info, int argc, char **argv);

/*
 * A whole load test: `NAME-bench [-c 50] [-n 10000 | -d 10s] RPC [--FIELD VALUE]...`, with the
 * flags of the client. Makes the call again and again from `-c` threads over one channel and prints
 * count, calls a second, a histogram, percentiles and what came of the calls; `{n}` in a text of
 * the request is the number of the call. SIGINT and SIGTERM end it early, with a report. Exits with
 * 0 when any call was answered with OK, 2 for wrong usage, else 1.
 */
CSVC_API int csvc_bench_run(const csvc_cli_info *info, int argc, char **argv);

#ifdef __cplusplus
static inline csvc_app_info csvc_app_info_init(void)
{
    csvc_app_info info = csvc_app_info();
    info.struct_size = sizeof(info);
    return info;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_APP_H */
