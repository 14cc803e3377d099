/*
 * nghttp2/server.c: a server from new to free.
 *
 * Stopping, in order: no more connections, each of those there are says so and which call was its
 * last (drain), calls end or are made to (cancel_all), connections close, and once join was called
 * each loop ends when nothing of its own is left.
 */
#include <base/thread.h>
#include <csvc/alloc.h>
#include <transport/net/times.h>
#include <transport/nghttp2/call.h>
#include <transport/nghttp2/counts.h>
#include <transport/nghttp2/life.h>
#include <transport/nghttp2/send.h>
#include <transport/nghttp2/server.h>
#include <transport/nghttp2/session.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

#define MAX_BUFFERED ((size_t)512 << 20) /* for who sets nothing */
#define CUT_WAIT     (500 * CSVC__MS)    /* for the statuses of calls that the stop has ended */

static csvc_tserver *server_of(const ng_loop *loop)
{
    return NG_CONTAINER(loop->shared, csvc_tserver, shared);
}

static void drain_one(csvc_task *task);
static void cancel_one(csvc_task *task);
static void end_one(csvc_task *task);

/* ---- new, free ---- */

/* From milliseconds. */
static int64_t span(int64_t ms)
{
    return ms == CSVC__NET_NEVER ? INT64_MAX : ms * CSVC__MS;
}

static ng_times times_of(const csvc_tserver_times *asked)
{
    const csvc_tserver_times ms = csvc__net_times(asked);

    return (ng_times){
        .handshake = span(ms.handshake),
        .keepalive = span(ms.keepalive),
        .keepalive_timeout = span(ms.keepalive_timeout),
        .min_ping = span(ms.min_ping),
        .max_idle = span(ms.max_idle),
        .max_age = span(ms.max_age),
        .max_age_grace = span(ms.max_age_grace),
        .silence_ms = csvc__net_silence_ms(&ms),
    };
}

static csvc_code copy_methods(csvc_tserver *ts, const csvc_tserver_config *config, csvc_error *err)
{
    ts->shared.methods = csvc__calloc(config->n_methods + 1, sizeof(*ts->shared.methods));
    if (ts->shared.methods == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < config->n_methods; i++) {
        const csvc_tmethod *from = &config->methods[i];
        ng_method *method = &ts->shared.methods[i];

        method->path = csvc__strdup(from->path);
        if (method->path == NULL) {
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
        ts->shared.n_methods++;
        method->path_len = strlen(from->path);
        method->reads_first = from->reads_first;
        method->method = from->method;
        if (csvc__map_get(&ts->shared.by_path, method->path) != NULL) {
            return csvc_error_set(err, CSVC_ALREADY_EXISTS, "%s is registered twice", method->path);
        }
        if (!csvc__map_put(&ts->shared.by_path, method->path, method)) {
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
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
        ng_loop *loop = &ts->loops[i];

        if (!csvc__ng_loop_init(loop, &ts->shared)) {
            return false;
        }
        ts->n_loops++;
        loop->drain_task.run = drain_one;
        loop->cancel_task.run = cancel_one;
        loop->end_task.run = end_one;
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

static csvc_code set_up(csvc_tserver *ts, const csvc_tserver_config *config, csvc_error *err)
{
    const uint32_t n_loops = config->loops == 0 ? 1 : config->loops;
    const csvc_code code = copy_methods(ts, config, err);

    if (code != CSVC_OK) {
        return code;
    }
    if (config->tls != NULL) {
        ts->shared.tls = csvc__ng_tls_new(config->tls, err);
        if (ts->shared.tls == NULL) {
            return CSVC_FAILED_PRECONDITION;
        }
    }
    if (!csvc__ng_sessions_prepare(&ts->shared) || !make_loops(ts, n_loops) ||
        !csvc__net_reserve_fill(&ts->acceptor.reserve)) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory or descriptors");
    }
    return CSVC_OK;
}

csvc_tserver *csvc__ng_server_new(const csvc_tserver_config *config, csvc_error *err)
{
    csvc_tserver *ts = csvc__calloc(1, sizeof(*ts));

    if (ts == NULL || !make_lock(ts)) {
        csvc__free(ts);
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    csvc__map_init(&ts->shared.by_path);
    ts->shared.events = config->events;
    ts->shared.server = config->server;
    ts->shared.upper_size = config->upper_size;
    ts->shared.times = times_of(&config->times);
    ts->shared.max_message = config->max_message_bytes;
    ts->shared.max_metadata = config->max_metadata_bytes;
    ts->shared.max_streams = config->max_streams;
    ts->shared.max_connections = config->max_connections;
    ts->shared.max_buffered =
        config->max_buffered_bytes != 0 ? config->max_buffered_bytes : MAX_BUFFERED;
    ts->acceptor.reserve.fd = -1;
    if (set_up(ts, config, err) != CSVC_OK) {
        csvc__ng_server_free(ts);
        return NULL;
    }
    return ts;
}

void csvc__ng_server_free(csvc_tserver *ts)
{
    if (ts == NULL) {
        return;
    }
    csvc__net_listeners_close(&ts->acceptor.sockets);
    csvc__net_reserve_release(&ts->acceptor.reserve);
    for (uint32_t i = 0; i < ts->n_loops; i++) {
        csvc__ng_calls_release(&ts->loops[i]);
        csvc__ng_loop_release(&ts->loops[i]);
    }
    csvc__free(ts->loops);
    csvc__ng_sessions_release(&ts->shared);
    csvc__ng_tls_free(ts->shared.tls);
    for (size_t i = 0; i < ts->shared.n_methods; i++) {
        csvc__free(ts->shared.methods[i].path);
    }
    csvc__free(ts->shared.methods);
    csvc__map_release(&ts->shared.by_path);
    pthread_cond_destroy(&ts->one_less);
    pthread_mutex_destroy(&ts->lock);
    csvc__free(ts);
}

/* ---- listen, start ---- */

csvc_code csvc__ng_server_listen(csvc_tserver *ts, const char *address, int *ret_port,
                                 csvc_error *err)
{
    return csvc__net_listeners_add(&ts->acceptor.sockets, address, ret_port, err);
}

static void *run_loop(void *arg)
{
    ng_loop *loop = arg;
    csvc_tserver *ts = server_of(loop);
    char name[16];

    (void)snprintf(name, sizeof(name), "csvc-loop-%u", (unsigned)(loop - ts->loops) % 1000);
    csvc__thread_name(name);
    csvc__ng_loop_run(loop);
    pthread_mutex_lock(&ts->lock);
    loop->ended = true;
    ts->n_running--;
    pthread_cond_broadcast(&ts->one_less);
    pthread_mutex_unlock(&ts->lock);
    return NULL;
}

/* Ends the first n threads and waits for them. */
static void end_threads(csvc_tserver *ts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        csvc__loop_post(&ts->loops[i].base, &ts->loops[i].end_task);
    }
    for (uint32_t i = 0; i < n; i++) {
        pthread_join(ts->loops[i].thread, NULL);
    }
}

csvc_code csvc__ng_server_start(csvc_tserver *ts, csvc_error *err)
{
    ts->n_running = ts->n_loops;
    for (uint32_t i = 0; i < ts->n_loops; i++) {
        int rc = csvc__thread_start(&ts->loops[i].thread, NULL, run_loop, &ts->loops[i]);

        if (rc != 0) {
            char reason[128] = "";

            (void)strerror_r(rc, reason, sizeof(reason));
            end_threads(ts, i);
            for (uint32_t j = 0; j < i; j++) {
                ts->loops[j].ending = ts->loops[j].ended = false; /* it may be tried again */
            }
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                                  "cannot start poller thread %" PRIu32 " of %" PRIu32 ": %s",
                                  i + 1, ts->n_loops, reason);
        }
    }
    ts->started = true;
    csvc__ng_counts(&ts->shared);
    if (!csvc__ng_accept_begin(&ts->acceptor, ts->loops, ts->n_loops)) {
        csvc__ng_server_drain(ts);
        (void)csvc__ng_server_join(ts, INT64_MAX);
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "cannot watch the listening sockets");
    }
    return CSVC_OK;
}

/* ---- stop ---- */

static void drain_one(csvc_task *task)
{
    ng_loop *loop = NG_CONTAINER(task, ng_loop, drain_task);
    csvc_tserver *ts = server_of(loop);
    ng_conn *next = NULL;

    loop->draining = true;
    if (loop == &ts->loops[0]) {
        csvc__ng_accept_end(&ts->acceptor);
    }
    for (ng_conn *conn = loop->conns; conn != NULL; conn = next) {
        next = conn->next; /* one that has not begun is closed at once */
        csvc__ng_conn_drain(conn);
    }
}

static void cancel_one(csvc_task *task)
{
    ng_loop *loop = NG_CONTAINER(task, ng_loop, cancel_task);

    for (ng_conn *conn = loop->conns; conn != NULL; conn = conn->next) {
        for (ng_call *call = conn->calls; call != NULL; call = call->next) {
            csvc__ng_cut(call, CSVC_UNAVAILABLE, "the server is stopping");
        }
        csvc__ng_conn_end_by(conn, loop->now + CUT_WAIT); /* whose peer does not read */
    }
}

static void end_one(csvc_task *task)
{
    NG_CONTAINER(task, ng_loop, end_task)->ending = true;
}

void csvc__ng_server_drain(csvc_tserver *ts)
{
    if (!ts->started || atomic_exchange(&ts->shared.draining, true)) {
        return;
    }
    for (uint32_t i = 0; i < ts->n_loops; i++) {
        csvc__loop_post(&ts->loops[i].base, &ts->loops[i].drain_task);
    }
}

void csvc__ng_server_cancel_all(csvc_tserver *ts)
{
    for (uint32_t i = 0; ts->started && i < ts->n_loops; i++) {
        csvc__loop_post(&ts->loops[i].base, &ts->loops[i].cancel_task);
    }
}

/* Waits for the threads to end, with the lock; false when it is `until`. */
static bool wait_for_threads(csvc_tserver *ts, int64_t until)
{
    while (ts->n_running > 0) {
        if (csvc__now() >= until) {
            return false;
        }
        (void)csvc__cond_wait_until(&ts->one_less, &ts->lock, until);
    }
    return true;
}

/* Ends what ended threads leave behind; with the lock, which they have given back for the last
 * time. */
static void join_ended(csvc_tserver *ts)
{
    for (uint32_t i = 0; i < ts->n_loops; i++) {
        ng_loop *loop = &ts->loops[i];

        if (loop->ended && !loop->joined) {
            loop->joined = true;
            pthread_join(loop->thread, NULL);
        }
    }
}

bool csvc__ng_server_join(csvc_tserver *ts, int64_t until)
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
        csvc__loop_post(&ts->loops[i].base, &ts->loops[i].end_task);
    }
    pthread_mutex_lock(&ts->lock);
    ended = wait_for_threads(ts, until);
    join_ended(ts);
    pthread_mutex_unlock(&ts->lock);
    return ended;
}
