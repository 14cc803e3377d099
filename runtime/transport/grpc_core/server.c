/*
 * grpc_core/server.c: a server from new to free.
 *
 * Stopping, in order: every loop stops posting requests (drain_task), the last one to do so shuts
 * the core's server down, so no request can slip in behind; posted requests come back, calls in
 * flight end, connections close, and the core says so (down_tag); then, once join was called, each
 * loop ends when nothing of its own is left.
 */
#include <base/clock.h>
#include <base/thread.h>
#include <csvc/alloc.h>
#include <transport/grpc_core/server.h>
#include <transport/net/address.h>
#include <transport/net/times.h>

#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/banned.h>

#define NUDGE_EVERY (100 * CSVC__MS) /* while a server drains */

static void begin(csvc_task *task);
static void drain_one(csvc_task *task);
static void end_one(csvc_task *task);
static void down_one(csvc_task *task);
static void down(gc_tag *tag, bool ok);

/* ---- new, free ---- */

static grpc_arg int_arg(const char *key, int value)
{
    return (grpc_arg){
        .type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = value};
}

/* The greatest int is "never" for the core. */
static grpc_arg time_arg(const char *key, int64_t ms)
{
    return int_arg(key, ms == CSVC__NET_NEVER ? INT32_MAX : (int)ms);
}

static int at_most_int(uint32_t value)
{
    return value > INT32_MAX ? INT32_MAX : (int)value;
}

/*
 * The core checks a message's length only when all of it is there, so a limit on what it holds is
 * what keeps a caller from filling the memory: over it, the core ends streams.
 */
static grpc_resource_quota *quota_new(const csvc_tserver_config *config)
{
    grpc_resource_quota *quota = grpc_resource_quota_create("csvc");
    size_t max = config->max_buffered_bytes;

    grpc_resource_quota_resize(quota, max != 0 ? max : GC_MAX_BUFFERED);
    return quota;
}

/* Keys as text: their header has moved between versions, and unknown ones are ignored. */
static grpc_server *core_new(const csvc_tserver_config *config)
{
    const csvc_tserver_times times = csvc__net_times(&config->times);
    grpc_resource_quota *quota = quota_new(config);
    grpc_arg args[] = {
        {
            .type = GRPC_ARG_POINTER,
            .key = (char *)(uintptr_t) "grpc.resource_quota",
            .value.pointer = {.p = quota, .vtable = grpc_resource_quota_arg_vtable()},
        },
        int_arg("grpc.so_reuseport", 0), /* two servers never share a port in silence */
        int_arg("grpc.max_receive_message_length", at_most_int(config->max_message_bytes)),
        int_arg("grpc.max_metadata_size",
                at_most_int(config->max_metadata_bytes > INT32_MAX - GC_METADATA_GRACE
                                ? INT32_MAX
                                : config->max_metadata_bytes + GC_METADATA_GRACE)),
        int_arg("grpc.max_concurrent_streams", at_most_int(config->max_streams)),
        /* Identity and gzip, which comes to us packed: the core unpacks without a limit that
           counts. */
        int_arg("grpc.compression_enabled_algorithms_bitset", GC_ENCODINGS),
        int_arg("grpc.per_message_decompression", 0),
        int_arg("grpc.enable_channelz", 0),
        time_arg("grpc.server_handshake_timeout_ms", times.handshake),
        time_arg("grpc.keepalive_time_ms", times.keepalive),
        time_arg("grpc.keepalive_timeout_ms", times.keepalive_timeout),
        time_arg("grpc.http2.min_ping_interval_without_data_ms", times.min_ping),
        /* Without it the interval is two hours while no call is under way. */
        int_arg("grpc.keepalive_permit_without_calls", 1),
        time_arg("grpc.max_connection_idle_ms", times.max_idle),
        time_arg("grpc.max_connection_age_ms", times.max_age),
        time_arg("grpc.max_connection_age_grace_ms", times.max_age_grace),
    };
    grpc_channel_args all = {.num_args = sizeof(args) / sizeof(args[0]), .args = args};
    grpc_server *core = grpc_server_create(&all, NULL);

    grpc_resource_quota_unref(quota); /* the server holds its own */
    return core;
}

static bool copy_methods(csvc_tserver *ts, const csvc_tserver_config *config)
{
    ts->methods = csvc__calloc(config->n_methods + 1, sizeof(*ts->methods));
    if (ts->methods == NULL) {
        return false;
    }
    for (size_t i = 0; i < config->n_methods; i++) {
        const csvc_tmethod *from = &config->methods[i];
        gc_method *method = &ts->methods[i];

        method->path = csvc__strdup(from->path);
        if (method->path == NULL) {
            return false;
        }
        ts->n_methods++;
        method->path_len = strlen(from->path);
        method->reads_first = from->reads_first;
        method->rare = from->rare;
        method->method = from->method;
    }
    return true;
}

static csvc_code register_methods(csvc_tserver *ts, csvc_error *err)
{
    ts->generic = ts->n_methods > GC_MAX_REGISTERED;
    for (size_t i = 0; i < ts->n_methods; i++) {
        gc_method *method = &ts->methods[i];

        if (ts->generic) {
            if (!csvc__map_put(&ts->by_path, method->path, method)) {
                return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
            }
            continue;
        }
        method->registered = grpc_server_register_method(
            ts->core, method->path, NULL,
            method->reads_first ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE,
            0);
        if (method->registered == NULL) {
            return csvc_error_set(err, CSVC_ALREADY_EXISTS, "%s is registered twice", method->path);
        }
    }
    return CSVC_OK;
}

static bool make_loops(csvc_tserver *ts, uint32_t n_loops)
{
    ts->loops = csvc__calloc(n_loops, sizeof(*ts->loops));
    if (ts->loops == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < n_loops; i++) {
        gc_server_loop *loop = &ts->loops[i];

        if (!csvc__gc_loop_init(&loop->loop)) {
            return false;
        }
        ts->n_loops++;
        loop->ts = ts;
        loop->begin_task.run = begin;
        loop->drain_task.run = drain_one;
        loop->end_task.run = end_one;
        loop->down_task.run = down_one;
        grpc_server_register_completion_queue(ts->core, loop->loop.cq, NULL);
    }
    return true;
}

static bool make_lock(csvc_tserver *ts)
{
    if (pthread_mutex_init(&ts->lock, NULL) != 0) {
        return false;
    }
    if (csvc__cond_init(&ts->one_less) != 0) {
        pthread_mutex_destroy(&ts->lock);
        return false;
    }
    return true;
}

/* TLS is the core's to accept: it takes no descriptors for that. */
static bool make_acceptor(csvc_tserver *ts, const csvc_tserver_config *config, csvc_error *err)
{
    const csvc_tserver_times times = csvc__net_times(&config->times);
    const gc_acceptor_config acceptor = {
        .core = ts->core,
        .max_connections = config->max_connections,
        .events = config->events,
        .server = config->server,
        .handshake_ms = times.handshake,
        .silence_ms = csvc__net_silence_ms(&times), /* as the core does for sockets of its own */
    };

    ts->acceptor = csvc__gc_acceptor_new(&acceptor, err);
    return ts->acceptor != NULL;
}

csvc_tserver *csvc__gc_server_new(const csvc_tserver_config *config, csvc_error *err)
{
    csvc_tserver *ts = csvc__calloc(1, sizeof(*ts));

    if (ts == NULL || !make_lock(ts)) {
        csvc__free(ts);
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    csvc__gc_init();
    csvc__map_init(&ts->by_path);
    ts->events = config->events;
    ts->server = config->server;
    ts->upper_size = config->upper_size;
    ts->max_metadata = config->max_metadata_bytes;
    ts->down_tag.run = down;
    ts->core = core_new(config);
    if (config->tls != NULL) {
        ts->tls = csvc__gc_tls_new(config->tls, err);
        if (ts->tls == NULL) {
            csvc__gc_server_free(ts);
            return NULL;
        }
    } else if (!make_acceptor(ts, config, err)) {
        csvc__gc_server_free(ts);
        return NULL;
    }
    if (!copy_methods(ts, config) || !make_loops(ts, config->loops == 0 ? 1 : config->loops)) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        csvc__gc_server_free(ts);
        return NULL;
    }
    if (register_methods(ts, err) != CSVC_OK) {
        csvc__gc_server_free(ts);
        return NULL;
    }
    return ts;
}

/* The core wants a server shut down before it is destroyed, also one that never ran. */
static void shut_unstarted(csvc_tserver *ts)
{
    grpc_event event = {0};

    if (ts->n_loops == 0) {
        return; /* nor has it a listener */
    }
    grpc_server_shutdown_and_notify(ts->core, ts->loops[0].loop.cq, &ts->down_tag);
    do {
        event = grpc_completion_queue_next(ts->loops[0].loop.cq,
                                           gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    } while (event.type != GRPC_OP_COMPLETE || event.tag != &ts->down_tag);
}

void csvc__gc_server_free(csvc_tserver *ts)
{
    if (ts == NULL) {
        return;
    }
    if (!ts->started) {
        shut_unstarted(ts);
    }
    csvc__gc_acceptor_free(ts->acceptor);
    grpc_server_destroy(ts->core);
    for (uint32_t i = 0; i < ts->n_loops; i++) {
        csvc__gc_served_release(&ts->loops[i]);
        csvc__gc_loop_release(&ts->loops[i].loop);
    }
    csvc__gc_shutdown();
    csvc__gc_tls_free(ts->tls);
    csvc__free(ts->loops);
    for (size_t i = 0; i < ts->n_methods; i++) {
        csvc__free(ts->methods[i].path);
    }
    csvc__free(ts->methods);
    csvc__map_release(&ts->by_path);
    pthread_cond_destroy(&ts->one_less);
    pthread_mutex_destroy(&ts->lock);
    csvc__free(ts);
}

/* ---- listen, start ---- */

csvc_code csvc__gc_server_listen(csvc_tserver *ts, const char *address, int *ret_port,
                                 csvc_error *err)
{
    grpc_server_credentials *credentials = NULL;
    csvc_code code;
    int port = 0;

    if (ts->acceptor != NULL) {
        return csvc__gc_acceptor_listen(ts->acceptor, address, ret_port, err);
    }
    if (csvc__net_is_passed(address)) {
        return csvc_error_set(err, CSVC_UNIMPLEMENTED,
                              "%s: with TLS the gRPC C core opens its sockets by itself and takes "
                              "none from others; listen on HOST:PORT or unix:PATH",
                              address);
    }
    code = csvc__net_check(address, err);
    if (code != CSVC_OK) {
        return code;
    }
    credentials = csvc__gc_tls_server_credentials(ts->tls);
    if (credentials == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    port = grpc_server_add_http2_port(ts->core, address, credentials);
    grpc_server_credentials_release(credentials);
    if (port == 0) {
        /* Perhaps somebody took it in between. */
        code = csvc__net_check(address, err);
        if (code == CSVC_OK) {
            code = csvc_error_set(err, CSVC_UNAVAILABLE, "cannot listen on %s", address);
        }
        return code;
    }
    if (ret_port != NULL) {
        *ret_port = port;
    }
    return CSVC_OK;
}

static void *run_loop(void *arg)
{
    gc_server_loop *loop = arg;
    csvc_tserver *ts = loop->ts;
    char name[16];

    (void)snprintf(name, sizeof(name), "csvc-loop-%u", (unsigned)(loop - ts->loops) % 1000);
    csvc__thread_name(name);
    csvc__gc_loop_run(&loop->loop);
    pthread_mutex_lock(&ts->lock);
    loop->ended = true;
    ts->n_running--;
    pthread_cond_broadcast(&ts->one_less);
    pthread_mutex_unlock(&ts->lock);
    return NULL;
}

static void begin(csvc_task *task)
{
    gc_server_loop *loop = GC_CONTAINER(task, gc_server_loop, begin_task);

    loop->loop.n_live++; /* until the server is down: connections need their poller */
    csvc__gc_served_begin(loop);
}

static void end_one(csvc_task *task)
{
    GC_CONTAINER(task, gc_server_loop, end_task)->loop.ending = true;
}

/* Ends the first n threads and waits for them. */
static void end_threads(csvc_tserver *ts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        csvc__loop_post(&ts->loops[i].loop.base, &ts->loops[i].end_task);
    }
    for (uint32_t i = 0; i < n; i++) {
        pthread_join(ts->loops[i].loop.thread, NULL);
    }
}

csvc_code csvc__gc_server_start(csvc_tserver *ts, csvc_error *err)
{
    for (uint32_t i = 0; i < ts->n_loops; i++) {
        if (!csvc__gc_served_prepare(&ts->loops[i])) {
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
    }
    if (ts->acceptor != NULL && csvc__gc_acceptor_start(ts->acceptor) != 0) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                              "cannot start the thread that accepts connections");
    }
    ts->n_running = ts->n_loops;
    for (uint32_t i = 0; i < ts->n_loops; i++) {
        int rc = csvc__thread_start(&ts->loops[i].loop.thread, NULL, run_loop, &ts->loops[i]);

        if (rc != 0) {
            char reason[128] = "";

            (void)strerror_r(rc, reason, sizeof(reason));
            end_threads(ts, i);
            for (uint32_t j = 0; j < i; j++) {
                ts->loops[j].loop.ending = ts->loops[j].ended = false; /* it may be tried again */
            }
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                                  "cannot start poller thread %" PRIu32 " of %" PRIu32 ": %s",
                                  i + 1, ts->n_loops, reason);
        }
    }
    atomic_store(&ts->to_drain, ts->n_loops);
    grpc_server_start(ts->core);
    ts->started = true;
    for (uint32_t i = 0; i < ts->n_loops; i++) {
        csvc__loop_post(&ts->loops[i].loop.base, &ts->loops[i].begin_task);
    }
    if (ts->acceptor != NULL) {
        csvc__gc_acceptor_begin(ts->acceptor);
    }
    return CSVC_OK;
}

/* ---- stop ---- */

static void drain_one(csvc_task *task)
{
    gc_server_loop *loop = GC_CONTAINER(task, gc_server_loop, drain_task);
    csvc_tserver *ts = loop->ts;

    loop->stopping = true;
    if (atomic_fetch_sub(&ts->to_drain, 1) != 1) {
        return;
    }
    GC_RELEASE(&ts->down_tag);
    grpc_server_shutdown_and_notify(ts->core, ts->loops[0].loop.cq, &ts->down_tag);
    atomic_store(&ts->shut, true);
    if (atomic_load(&ts->cancelling)) {
        grpc_server_cancel_all_calls(ts->core);
    }
}

static void down_one(csvc_task *task)
{
    GC_CONTAINER(task, gc_server_loop, down_task)->loop.n_live--;
}

static void down(gc_tag *tag, bool ok)
{
    csvc_tserver *ts = GC_CONTAINER(tag, csvc_tserver, down_tag);
    uint32_t n_loops = ts->n_loops;

    (void)ok;
    atomic_store(&ts->down, true);
    for (uint32_t i = n_loops; i > 0; i--) {
        csvc__loop_post(&ts->loops[i - 1].loop.base, &ts->loops[i - 1].down_task);
    }
}

void csvc__gc_server_drain(csvc_tserver *ts)
{
    if (!ts->started || atomic_exchange(&ts->draining, true)) {
        return;
    }
    if (ts->acceptor != NULL) {
        csvc__gc_acceptor_stop(ts->acceptor);
    }
    for (uint32_t i = 0; i < ts->n_loops; i++) {
        csvc__loop_post(&ts->loops[i].loop.base, &ts->loops[i].drain_task);
    }
}

void csvc__gc_server_cancel_all(csvc_tserver *ts)
{
    if (!ts->started) {
        return;
    }
    /* Whichever of this and the last drain_one comes second sees both flags. */
    atomic_store(&ts->cancelling, true);
    if (atomic_load(&ts->shut)) {
        grpc_server_cancel_all_calls(ts->core);
    }
}

/*
 * A call that passes the core's check for a shutdown just before it, and asks for a taker just
 * after, waits for one forever, and its connection and the server with it (1.51). The core looks
 * again for such calls whenever a connection ends, so one is made to end. The call is reset.
 */
static void nudge(csvc_tserver *ts)
{
    grpc_server_credentials *credentials = NULL;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        return; /* no descriptors: another time */
    }
    close(fds[1]);
    credentials = grpc_insecure_server_credentials_create();
    grpc_server_add_channel_from_fd(ts->core, fds[0], credentials);
    grpc_server_credentials_release(credentials);
}

/* Waits for the threads to end, with the lock; false when it is `until`. */
static bool wait_for_threads(csvc_tserver *ts, int64_t until)
{
    if (ts->next_nudge == 0) {
        ts->next_nudge = csvc__now() + NUDGE_EVERY;
    }
    while (ts->n_running > 0) {
        const int64_t now = csvc__now();

        if (now >= ts->next_nudge) {
            ts->next_nudge = now + NUDGE_EVERY;
            if (atomic_load(&ts->shut) && !atomic_load(&ts->down)) {
                pthread_mutex_unlock(&ts->lock);
                nudge(ts);
                pthread_mutex_lock(&ts->lock);
                continue;
            }
        }
        if (now >= until) {
            return false;
        }
        (void)csvc__cond_wait_until(&ts->one_less, &ts->lock,
                                    ts->next_nudge < until ? ts->next_nudge : until);
    }
    return true;
}

/* Ends what ended threads leave behind; with the lock, which they have given back for the last
 * time. */
static void join_ended(csvc_tserver *ts)
{
    for (uint32_t i = 0; i < ts->n_loops; i++) {
        gc_server_loop *loop = &ts->loops[i];

        if (loop->ended && !loop->joined) {
            loop->joined = true;
            pthread_join(loop->loop.thread, NULL);
        }
    }
}

bool csvc__gc_server_join(csvc_tserver *ts, int64_t until)
{
    bool first = false;
    bool ended = false;

    if (!ts->started) {
        return true;
    }
    pthread_mutex_lock(&ts->lock);
    first = !ts->ending;
    ts->ending = true;
    pthread_mutex_unlock(&ts->lock);
    for (uint32_t i = 0; first && i < ts->n_loops; i++) {
        csvc__loop_post(&ts->loops[i].loop.base, &ts->loops[i].end_task);
    }
    pthread_mutex_lock(&ts->lock);
    ended = wait_for_threads(ts, until);
    join_ended(ts);
    pthread_mutex_unlock(&ts->lock);
    return ended;
}
