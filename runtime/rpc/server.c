/* rpc/server.c: a server from new to free. How it serves a call is in serve_unary.c. */
#include <base/clock.h>
#include <base/thread.h>
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <rpc/server.h>
#include <rpc/validate.h>

#include <string.h>

#include <base/banned.h>

enum {
    DEFAULT_WORKERS = 128,
    DEFAULT_QUEUED = 4096,
    DEFAULT_MESSAGE_BYTES = 4 << 20,
    DEFAULT_METADATA_BYTES = 16 << 10,
    DEFAULT_BUFFERED_BYTES = 512 << 20,
    DEFAULT_STREAMS = 1000,
    DEFAULT_CONNECTIONS = 16384,
    DEFAULT_SLOW_MS = 1000,
    DEFAULT_REPLY_BYTES = 64 << 20,
    DEFAULT_HANDSHAKE_MS = 10 * 1000,
    DEFAULT_KEEPALIVE_MS = 2 * 3600 * 1000,
    DEFAULT_KEEPALIVE_TIMEOUT_MS = 20 * 1000,
    DEFAULT_MIN_PING_MS = 5 * 60 * 1000,
    DEFAULT_AGE_GRACE_MS = 30 * 1000,
    DEFAULT_SEND_QUEUE = 256,
    DEFAULT_SEND_QUEUE_BYTES = 256 << 10,
};

/* How long a shutdown waits for calls it has cancelled. */
#define SETTLE (1 * CSVC__SECOND)

/* How long a worker without work stays. */
#define WORKER_IDLE (10 * CSVC__SECOND)

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value != 0 ? value : fallback;
}

static void fill_options(csvc_server_options *o)
{
    o->loops = o->loops != 0 ? o->loops : csvc__cpus();
    o->max_workers = o->max_workers != 0 ? o->max_workers : DEFAULT_WORKERS;
    o->max_queued = o->max_queued != 0 ? o->max_queued : DEFAULT_QUEUED;
    o->max_message_bytes = o->max_message_bytes != 0 ? o->max_message_bytes : DEFAULT_MESSAGE_BYTES;
    o->max_metadata_bytes =
        o->max_metadata_bytes != 0 ? o->max_metadata_bytes : DEFAULT_METADATA_BYTES;
    o->max_buffered_bytes =
        o->max_buffered_bytes != 0 ? o->max_buffered_bytes : DEFAULT_BUFFERED_BYTES;
    o->max_streams = o->max_streams != 0 ? o->max_streams : DEFAULT_STREAMS;
    o->max_connections = o->max_connections != 0 ? o->max_connections : DEFAULT_CONNECTIONS;
    o->max_call_memory = o->max_call_memory != 0 ? o->max_call_memory : CSVC__CTX_MAX_MEMORY;
    o->max_send_queue = o->max_send_queue != 0 ? o->max_send_queue : DEFAULT_SEND_QUEUE;
    o->max_send_queue_bytes =
        o->max_send_queue_bytes != 0 ? o->max_send_queue_bytes : DEFAULT_SEND_QUEUE_BYTES;
    o->slow_call_ms = o->slow_call_ms == 0  ? DEFAULT_SLOW_MS
                      : o->slow_call_ms < 0 ? INT64_MAX
                                            : o->slow_call_ms;
    o->max_reply_bytes = o->max_reply_bytes != 0 ? o->max_reply_bytes : DEFAULT_REPLY_BYTES;
    o->compress_bytes = o->compress_bytes != 0 ? o->compress_bytes : UINT32_MAX;
    o->handshake_timeout_ms = or_default(o->handshake_timeout_ms, DEFAULT_HANDSHAKE_MS);
    o->keepalive_ms = or_default(o->keepalive_ms, DEFAULT_KEEPALIVE_MS);
    o->keepalive_timeout_ms = or_default(o->keepalive_timeout_ms, DEFAULT_KEEPALIVE_TIMEOUT_MS);
    o->min_ping_ms = or_default(o->min_ping_ms, DEFAULT_MIN_PING_MS);
    o->max_age_grace_ms = or_default(o->max_age_grace_ms, DEFAULT_AGE_GRACE_MS);
}

csvc_server *csvc_server_new(const csvc_server_options *options, csvc_error *err)
{
    csvc_server *srv;

    if (options == NULL || options->struct_size < offsetof(csvc_server_options, loops) ||
        options->transport == NULL) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                             "a server needs a transport, such as &csvc_grpc_core");
        return NULL;
    }
    srv = csvc__calloc(1, sizeof(*srv));
    if (srv == NULL || csvc__cond_init(&srv->stopped) != 0) {
        csvc__free(srv);
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    memcpy(&srv->o, options,
           options->struct_size < sizeof(srv->o) ? options->struct_size : sizeof(srv->o));
    fill_options(&srv->o);
    csvc__map_init(&srv->paths);
    csvc__map_init(&srv->names);
    (void)pthread_mutex_init(&srv->lock, NULL);
    atomic_init(&srv->stopping, false);
    atomic_init(&srv->hard, false);
    atomic_init(&srv->cut, false);
    srv->pool = csvc__pool_new(srv->o.max_workers, srv->o.max_queued, WORKER_IDLE);
    if (srv->pool == NULL || !csvc__inflight_init(&srv->inflight)) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return csvc_server_free(srv);
    }
    return srv;
}

/* ---- what it serves ---- */

static bool tables_are_sound(const csvc_service *service, const void *ops)
{
    size_t ops_size;

    if (service == NULL || ops == NULL || service->struct_size < sizeof(csvc_service) ||
        service->ops_size < sizeof(size_t)) {
        return false;
    }
    memcpy(&ops_size, ops, sizeof(ops_size));
    return ops_size >= sizeof(ops_size);
}

static csvc__served_service *served_service_new(const csvc_service *service, const void *ops,
                                                void *self)
{
    csvc__served_service *served =
        csvc__calloc(1, sizeof(*served) + service->n_methods * sizeof(served->methods[0]));
    size_t ops_size;

    if (served == NULL) {
        return NULL;
    }
    served->service = service;
    /* zeroed first: a program built against fewer rpcs leaves the slots behind its own NULL */
    served->ops = csvc__calloc(1, service->ops_size);
    if (served->ops == NULL) {
        csvc__free(served);
        return NULL;
    }
    memcpy(&ops_size, ops, sizeof(ops_size));
    memcpy(served->ops, ops, ops_size < service->ops_size ? ops_size : service->ops_size);
    for (uint32_t i = 0; i < service->n_methods; i++) {
        csvc__served_method *sm = &served->methods[i];

        sm->method = &service->methods[i];
        sm->ops = served->ops;
        sm->self = self;
        sm->on_loop = (service->methods[i].flags & CSVC_METHOD_INLINE) != 0;
        /* slow until it has shown to be quick */
        atomic_init(&sm->usual_micros, UINT32_C(1000) * 16);
    }
    return served;
}

static void served_service_free(csvc__served_service *served)
{
    if (served != NULL) {
        csvc__free(served->ops);
        csvc__free(served);
    }
}

/* A map removes nothing; an entry of NULL is as good as none. */
static void forget_path(csvc_server *srv, const char *path)
{
    /* replacing takes no memory: it cannot fail, and where there is nothing, nothing is to do */
    if (csvc__map_get(&srv->paths, path) != NULL && !csvc__map_put(&srv->paths, path, NULL)) {
        csvc_log(CSVC_LOG_ERROR, "a path stays registered", "path", path, NULL);
    }
}

csvc_code csvc_server_register(csvc_server *srv, const csvc_service *service, const void *ops,
                               void *self)
{
    csvc__served_service *served;

    if (!tables_are_sound(service, ops)) {
        return CSVC_INVALID_ARGUMENT;
    }
    if (srv->state != CSVC__SERVER_NEW) {
        return CSVC_FAILED_PRECONDITION;
    }
    if (csvc__map_get(&srv->names, service->name) != NULL) {
        return CSVC_ALREADY_EXISTS;
    }
    for (uint32_t i = 0; i < service->n_methods; i++) {
        if (csvc__map_get(&srv->paths, service->methods[i].path) != NULL) {
            return CSVC_ALREADY_EXISTS;
        }
    }
    served = served_service_new(service, ops, self);
    if (served == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    for (uint32_t i = 0; i < service->n_methods; i++) {
        if (!csvc__map_put(&srv->paths, service->methods[i].path, &served->methods[i])) {
            goto no_memory;
        }
    }
    if (!csvc__map_put(&srv->names, service->name, served)) {
        goto no_memory;
    }
    served->next = srv->services;
    srv->services = served;
    return CSVC_OK;

no_memory:
    for (uint32_t i = 0; i < service->n_methods; i++) {
        forget_path(srv, service->methods[i].path);
    }
    served_service_free(served);
    return CSVC_RESOURCE_EXHAUSTED;
}

csvc_code csvc__server_register_inline(csvc_server *srv, const csvc_service *service,
                                       const void *ops, void *self)
{
    const csvc_code code = csvc_server_register(srv, service, ops, self);

    for (uint32_t i = 0; code == CSVC_OK && i < service->n_methods; i++) {
        srv->services->methods[i].on_loop = true; /* the newest */
    }
    return code;
}

void csvc__server_own(csvc_server *srv, csvc__owned *owned)
{
    owned->next = srv->owned;
    srv->owned = owned;
}

csvc_code csvc_server_intercept(csvc_server *srv, const csvc_interceptor *interceptor, void *self)
{
    return srv->state == CSVC__SERVER_NEW ? csvc__chain_add(&srv->chain, interceptor, self)
                                          : CSVC_FAILED_PRECONDITION;
}

/* ---- listening and starting ---- */

static csvc_code make_transport(csvc_server *srv, csvc_error *err)
{
    csvc_tserver_config config = {
        .events = &csvc__served_events,
        .server = srv,
        .upper_size = csvc__served_size(),
        .loops = srv->o.loops,
        .max_message_bytes = srv->o.max_message_bytes,
        .max_metadata_bytes = srv->o.max_metadata_bytes,
        .max_streams = srv->o.max_streams,
        .max_connections = srv->o.max_connections,
        .max_buffered_bytes = srv->o.max_buffered_bytes,
        .times = {.handshake = srv->o.handshake_timeout_ms,
                  .keepalive = srv->o.keepalive_ms,
                  .keepalive_timeout = srv->o.keepalive_timeout_ms,
                  .min_ping = srv->o.min_ping_ms,
                  .max_idle = srv->o.max_idle_ms,
                  .max_age = srv->o.max_age_ms,
                  .max_age_grace = srv->o.max_age_grace_ms},
    };
    const csvc_ttls tls = {
        .cert_file = srv->o.tls_cert_file,
        .key_file = srv->o.tls_key_file,
        .ca_file = srv->o.tls_client_ca_file,
    };
    csvc_error why = {CSVC_ERROR_INIT};
    csvc_tmethod *methods;

    if (tls.cert_file != NULL || tls.key_file != NULL) {
        config.tls = &tls;
    } else if (tls.ca_file != NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "callers cannot be asked for certificates without TLS: the server's "
                              "own certificate and key are missing");
    }
    for (size_t i = 0; i < srv->names.n_entries; i++) {
        const csvc__served_service *served = srv->names.entries[i].value;

        if (csvc__validate_where_asked(&srv->chain, served->service) != CSVC_OK) {
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "too many interceptors");
        }
    }
    for (size_t i = 0; i < srv->names.n_entries; i++) {
        const csvc__served_service *served = srv->names.entries[i].value;
        const csvc_code code = csvc__chain_serves(&srv->chain, served->service);

        if (code != CSVC_OK) {
            return csvc_error_set(err, code, "an interceptor cannot serve %s: %s",
                                  served->service->name, csvc_code_name(code));
        }
    }
    methods = csvc__calloc(srv->paths.n_entries + 1, sizeof(*methods));
    if (methods == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < srv->paths.n_entries; i++) {
        const csvc__served_method *sm = srv->paths.entries[i].value;

        if (sm != NULL) {
            methods[config.n_methods++] = (csvc_tmethod){
                .path = sm->method->path,
                .reads_first = sm->method->kind == CSVC_RPC_UNARY ||
                               sm->method->kind == CSVC_RPC_SERVER_STREAM,
                .rare = strncmp(sm->method->path, "/grpc.", 6) == 0, /* health, reflection */
                .method = sm,
            };
        }
    }
    config.methods = methods;
    srv->ts = srv->o.transport->server_new(&config, &why);
    csvc__free(methods);
    return srv->ts != NULL ? CSVC_OK : csvc_error_set(err, why.code, "%s", why.text);
}

csvc_code csvc_server_listen(csvc_server *srv, const char *address, int *ret_port, csvc_error *err)
{
    csvc_code code;

    if (address == NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "there is no address to listen on");
    }
    if (srv->state > CSVC__SERVER_LISTENING) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "a server that was started listens on no more addresses");
    }
    if (srv->ts == NULL) {
        code = make_transport(srv, err);
        if (code != CSVC_OK) {
            return code;
        }
    }
    code = srv->o.transport->server_listen(srv->ts, address, ret_port, err);
    if (code == CSVC_OK) {
        srv->state = CSVC__SERVER_LISTENING;
    }
    return code;
}

csvc_code csvc_server_start(csvc_server *srv, csvc_error *err)
{
    csvc_code code;

    if (srv->state != CSVC__SERVER_LISTENING) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              srv->state == CSVC__SERVER_NEW
                                  ? "the server does not listen on any address yet"
                                  : "the server was started before");
    }
    code = srv->o.transport->server_start(srv->ts, err);
    if (code == CSVC_OK) {
        srv->state = CSVC__SERVER_STARTED;
    }
    return code;
}

/* ---- stopping ---- */

static int64_t after_ms(int64_t ms)
{
    const int64_t now = csvc__now();

    if (ms <= 0) {
        return now;
    }
    return ms < (INT64_MAX - now) / CSVC__MS ? now + ms * CSVC__MS : INT64_MAX;
}

static void cancel_calls(csvc_server *srv)
{
    if (!atomic_exchange(&srv->hard, true)) {
        srv->o.transport->server_cancel_all(srv->ts);
    }
}

/* Waits for the one who shuts down, no longer than our own grace, then makes him hurry. */
static csvc_code help_shutdown(csvc_server *srv, int64_t until)
{
    csvc_code outcome;

    while (srv->state == CSVC__SERVER_STOPPING) {
        const int64_t wait = atomic_load(&srv->hard) ? INT64_MAX : until;

        if (csvc__cond_wait_until(&srv->stopped, &srv->lock, wait) != 0 &&
            srv->state == CSVC__SERVER_STOPPING) {
            (void)pthread_mutex_unlock(&srv->lock);
            cancel_calls(srv);
            (void)pthread_mutex_lock(&srv->lock);
        }
    }
    outcome = srv->outcome;
    (void)pthread_mutex_unlock(&srv->lock);
    return outcome;
}

csvc_code csvc_server_shutdown(csvc_server *srv, int64_t grace_ms)
{
    const csvc_transport *transport = srv->o.transport;
    const int64_t until = after_ms(grace_ms);
    bool joined;

    (void)pthread_mutex_lock(&srv->lock);
    if (srv->state >= CSVC__SERVER_STOPPING) {
        return help_shutdown(srv, until);
    }
    if (srv->state < CSVC__SERVER_STARTED) {
        srv->joined = true;
        srv->state = CSVC__SERVER_STOPPED;
        (void)pthread_mutex_unlock(&srv->lock);
        return CSVC_OK;
    }
    srv->state = CSVC__SERVER_STOPPING;
    (void)pthread_mutex_unlock(&srv->lock);

    atomic_store(&srv->stopping, true);
    transport->server_drain(srv->ts);
    csvc__stop_tell(srv);
    joined = transport->server_join(srv->ts, until);
    if (!joined) {
        cancel_calls(srv);
        joined = transport->server_join(srv->ts, csvc__now() + SETTLE);
    }

    (void)pthread_mutex_lock(&srv->lock);
    srv->joined = joined;
    srv->outcome = !joined || atomic_load(&srv->cut) ? CSVC_DEADLINE_EXCEEDED : CSVC_OK;
    srv->state = CSVC__SERVER_STOPPED;
    (void)pthread_cond_broadcast(&srv->stopped);
    (void)pthread_mutex_unlock(&srv->lock);
    return srv->outcome;
}

csvc_server *csvc_server_free(csvc_server *srv)
{
    if (srv == NULL) {
        return NULL;
    }
    (void)csvc_server_shutdown(srv, 0);
    if (srv->ts != NULL) {
        if (!srv->joined) {
            (void)srv->o.transport->server_join(srv->ts, INT64_MAX);
        }
        srv->o.transport->server_free(srv->ts);
    }
    csvc__pool_free(srv->pool);
    for (csvc__guard *guard = atomic_load(&srv->guards), *next; guard != NULL; guard = next) {
        next = guard->next;
        csvc__free(guard);
    }
    for (csvc__stop_round *round = srv->rounds, *next; round != NULL; round = next) {
        next = round->next;
        csvc__free(round);
    }
    for (csvc__owned *owned = srv->owned, *next; owned != NULL; owned = next) {
        next = owned->next;
        owned->dispose(owned);
    }
    while (srv->services != NULL) {
        csvc__served_service *served = srv->services;

        srv->services = served->next;
        served_service_free(served);
    }
    csvc__map_release(&srv->paths);
    csvc__map_release(&srv->names);
    csvc__inflight_release(&srv->inflight);
    (void)pthread_cond_destroy(&srv->stopped);
    (void)pthread_mutex_destroy(&srv->lock);
    csvc__free(srv);
    return NULL;
}
