/* The server of seam_peer.h. */
#include <seam_bytes.h>
#include <seam_peer.h>

#include <base/clock.h>
#include <string.h>

enum kind {
    ECHO,
    POOL,
    HOLD,
    STATUS,
    META,
    NOTHING,
    EMPTY,
    BIG,
    CANCEL,
    BIDI,
    SOURCE,
    SINK,
    EARLY,
    EXTRA
};

typedef struct peer_call {
    peer_server *srv;
    csvc_tcall *tc;
    enum kind kind;
    csvc_payload *request;
    csvc_task task;
    struct peer_call *next;
    bool in_list;
    int n; /* messages to send, or the sum */
    int sent;
    bool half_closed;
    bool cancelled;
    bool finished;
    uint64_t canary;
} peer_call;

static const struct fixed {
    const char *path;
    bool reads_first;
    enum kind kind;
} fixed[] = {
    {"/t.T/Echo", true, ECHO},     {"/t.T/Pool", true, POOL},     {"/t.T/Hold", true, HOLD},
    {"/t.T/Status", true, STATUS}, {"/t.T/Meta", true, META},     {"/t.T/Void", true, NOTHING},
    {"/t.T/Empty", true, EMPTY},   {"/t.T/Big", true, BIG},       {"/t.T/Cancel", true, CANCEL},
    {"/t.T/Bidi", false, BIDI},    {"/t.T/Source", true, SOURCE}, {"/t.T/Sink", false, SINK},
    {"/t.T/Early", false, EARLY},
};
enum {
    N_FIXED = sizeof(fixed) / sizeof(fixed[0])
};
static const struct fixed extra_kind = {"", true, EXTRA};

static void count(peer_server *srv, int *counter)
{
    pthread_mutex_lock(&srv->lock);
    (*counter)++;
    pthread_cond_broadcast(&srv->changed);
    pthread_mutex_unlock(&srv->lock);
}

static void end_call(peer_call *call, csvc_code code, csvc_bytes text, const csvc_outgoing *message)
{
    csvc_ending end = {.code = code, .text = text, .message = message};

    CHECK(!call->finished);
    call->finished = true;
    call->tc->ops->finish(call->tc, &end);
}

static void reply_bytes(peer_call *call, const void *data, size_t len)
{
    csvc_outgoing out = {0};
    uint8_t *memory = call->tc->ops->reserve(call->tc, len + 7); /* more than it takes */

    CHECK(memory != NULL);
    if (len > 0) {
        memcpy(memory, data, len);
    }
    out.reserved = (csvc_bytes){.len = len, .data = memory};
    end_call(call, CSVC_OK, (csvc_bytes){0}, &out);
}

static void echo(peer_call *call)
{
    size_t len = 0;
    uint8_t *copy = peer_flat(call->request, &len);

    csvc__payload_unref(call->request);
    call->request = NULL;
    reply_bytes(call, copy, len);
    free(copy);
}

static void run_echo(csvc_task *task)
{
    peer_call *call = (peer_call *)(void *)((char *)task - offsetof(peer_call, task));

    if (call->kind == HOLD) {
        end_call(call, CSVC_OK, (csvc_bytes){0}, NULL);
    } else {
        echo(call);
    }
}

static void *work(void *arg)
{
    peer_server *srv = arg;

    pthread_mutex_lock(&srv->lock);
    for (;;) {
        peer_call *call = srv->jobs;

        if (call == NULL) {
            if (srv->stopping) {
                break;
            }
            pthread_cond_wait(&srv->changed, &srv->lock);
            continue;
        }
        srv->jobs = call->next;
        pthread_mutex_unlock(&srv->lock);
        csvc__loop_post(call->tc->loop, &call->task);
        pthread_mutex_lock(&srv->lock);
    }
    pthread_mutex_unlock(&srv->lock);
    return NULL;
}

static void hold(peer_call *call)
{
    peer_server *srv = call->srv;

    pthread_mutex_lock(&srv->lock);
    call->next = srv->held;
    srv->held = call;
    call->in_list = true;
    srv->n_held++;
    pthread_cond_broadcast(&srv->changed);
    pthread_mutex_unlock(&srv->lock);
}

void peer_server_let_go(peer_server *srv)
{
    pthread_mutex_lock(&srv->lock);
    while (srv->held != NULL) {
        peer_call *call = srv->held;

        srv->held = call->next;
        srv->n_held--;
        call->in_list = false;
        csvc__loop_post(call->tc->loop, &call->task); /* under the lock: `cancelled` may race */
    }
    pthread_mutex_unlock(&srv->lock);
}

static void answer_metadata(peer_call *call)
{
    csvc_arena *a = csvc_arena_new(0);
    csvc_md_list all = {0};
    csvc_md_list mine = {0};
    csvc_md *kept = NULL;
    csvc_ending end = {0};

    CHECK(a != NULL);
    CHECK(call->tc->ops->metadata(call->tc, &all));
    kept = calloc(all.n_entries + 1, sizeof(*kept));
    CHECK(kept != NULL);
    for (size_t i = 0; i < all.n_entries; i++) {
        if (all.entries[i].key.len > 2 && memcmp(all.entries[i].key.data, "x-", 2) == 0) {
            kept[mine.n_entries++] = all.entries[i];
        }
    }
    mine.entries = kept;
    end.headers = mine;
    end.trailers = mine;
    pthread_mutex_lock(&call->srv->lock);
    snprintf(call->srv->peer, sizeof(call->srv->peer), "%s", call->tc->ops->peer(call->tc, a));
    pthread_mutex_unlock(&call->srv->lock);
    call->finished = true;
    call->tc->ops->finish(call->tc, &end);
    memset(kept, 0xee, all.n_entries * sizeof(*kept)); /* finish has copied */
    free(kept);
    csvc_arena_free(a);
}

static void source(peer_call *call)
{
    if (call->cancelled) {
        end_call(call, CSVC_CANCELLED, (csvc_bytes){0}, NULL);
        return;
    }
    if (call->sent == call->n) {
        end_call(call, CSVC_OK, peer_text("that was all"), NULL);
        return;
    }
    call->sent++;
    peer_send_digits(call->tc, call->sent - 1, 0, call->sent < call->n);
}

static void on_started(void *server, csvc_tcall *tc, const csvc_arrival *arrival)
{
    peer_server *srv = server;
    peer_call *call = tc->upper;
    const struct fixed *what = arrival->method;
    size_t len = 0;
    uint8_t *copy = NULL;
    uint8_t *bytes = NULL;

    CHECK(csvc__loop_current() == tc->loop);
    CHECK(((uintptr_t)tc->upper & 15) == 0);
    memset(call, 0, sizeof(*call));
    call->srv = srv;
    call->tc = tc;
    call->request = arrival->first;
    call->task.run = run_echo;
    call->canary = UINT64_C(0x5eafa11);
    pthread_mutex_lock(&srv->lock);
    srv->deadline = arrival->deadline;
    srv->started++;
    /* a call whose time is up may come when its client has long asked the next thing */
    if (what != NULL && what->reads_first && arrival->refusal == NULL &&
        arrival->deadline > csvc__now()) {
        srv->no_first = srv->no_first || arrival->first == NULL;
    }
    pthread_cond_broadcast(&srv->changed);
    pthread_mutex_unlock(&srv->lock);
    if (arrival->refusal != NULL) {
        CHECK(arrival->first == NULL);
        call->kind = EXTRA;
        end_call(call, arrival->refusal_code, peer_text(arrival->refusal), NULL);
        return;
    }
    if (what == NULL) {
        char text[256];

        snprintf(text, sizeof(text), "unknown %.*s", (int)arrival->path.len,
                 (const char *)arrival->path.data);
        call->kind = EXTRA;
        end_call(call, CSVC_UNIMPLEMENTED, peer_text(text), NULL);
        return;
    }
    if (what != &extra_kind) {
        CHECK(strncmp(what->path, (const char *)arrival->path.data, arrival->path.len) == 0);
    }
    call->kind = what->kind;
    switch (call->kind) {
    case ECHO:
        echo(call);
        break;
    case POOL:
        tc->ops->watch(tc);
        pthread_mutex_lock(&srv->lock);
        call->next = srv->jobs;
        srv->jobs = call;
        pthread_cond_broadcast(&srv->changed);
        pthread_mutex_unlock(&srv->lock);
        break;
    case HOLD:
        tc->ops->watch(tc);
        csvc__payload_unref(call->request);
        call->request = NULL;
        hold(call);
        break;
    case STATUS:
        copy = peer_flat(call->request, &len);
        CHECK(len > 0);
        csvc__payload_unref(call->request);
        end_call(call, (csvc_code)copy[0], (csvc_bytes){.len = len - 1, .data = copy + 1}, NULL);
        memset(copy, 'x', len);
        free(copy);
        break;
    case META:
        csvc__payload_unref(call->request);
        answer_metadata(call);
        break;
    case NOTHING:
        csvc__payload_unref(call->request);
        end_call(call, CSVC_OK, (csvc_bytes){0}, NULL);
        break;
    case EMPTY:
        csvc__payload_unref(call->request);
        reply_bytes(call, NULL, 0);
        break;
    case BIG:
        copy = peer_flat(call->request, &len);
        csvc__payload_unref(call->request);
        len = strtoul((const char *)copy, NULL, 10);
        bytes = malloc(len + 1);
        CHECK(bytes != NULL);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)(i * 7);
        }
        reply_bytes(call, bytes, len);
        free(bytes);
        free(copy);
        break;
    case CANCEL:
        copy = peer_flat(call->request, &len);
        csvc__payload_unref(call->request);
        tc->ops->watch(tc);
        tc->ops->cancel(tc, CSVC_DATA_LOSS, (const char *)copy);
        free(copy);
        break;
    case SOURCE:
        copy = peer_flat(call->request, &len);
        csvc__payload_unref(call->request);
        call->n = (int)strtol((const char *)copy, NULL, 10);
        free(copy);
        tc->ops->watch(tc);
        source(call);
        break;
    case BIDI:
    case SINK:
    case EARLY:
        CHECK(arrival->first == NULL);
        tc->ops->watch(tc);
        if (call->kind == BIDI) {
            csvc_md md = {.key = peer_text("x-bidi"), .value = peer_text("yes")};

            tc->ops->send_headers(tc, (csvc_md_list){.entries = &md, .n_entries = 1}, false);
        }
        tc->ops->read(tc);
        break;
    case EXTRA:
        csvc__payload_unref(call->request);
        end_call(call, CSVC_UNIMPLEMENTED, peer_text("extra"), NULL);
        break;
    }
}

static void on_message(csvc_tcall *tc, csvc_payload *message)
{
    peer_call *call = tc->upper;
    csvc_outgoing out = {.payload = message};
    char digits[32];

    CHECK(!call->finished);
    call->half_closed = message == NULL;
    switch (call->kind) {
    case BIDI:
        if (message == NULL) {
            end_call(call, CSVC_OK, (csvc_bytes){0}, NULL);
        } else {
            tc->ops->send(tc, &out, false); /* `writable` reads on */
            csvc__payload_unref(message);
        }
        break;
    case SINK:
        if (message == NULL) {
            snprintf(digits, sizeof(digits), "%d", call->n);
            reply_bytes(call, digits, strlen(digits));
        } else {
            call->n += (int)message->len;
            csvc__payload_unref(message);
            tc->ops->read(tc);
        }
        break;
    case EARLY:
        csvc__payload_unref(message);
        end_call(call, CSVC_ABORTED, peer_text("enough"), NULL);
        break;
    default:
        CHECK(!"a message nobody asked for");
    }
}

static void on_writable(csvc_tcall *tc)
{
    peer_call *call = tc->upper;

    CHECK(!call->finished);
    if (call->kind == SOURCE) {
        source(call);
    } else {
        tc->ops->read(tc);
    }
}

static void on_cancelled(csvc_tcall *tc)
{
    peer_call *call = tc->upper;
    peer_server *srv = call->srv;
    bool mine = false;

    CHECK(!call->finished && !call->cancelled);
    call->cancelled = true;
    count(srv, &srv->cancelled);
    if (call->kind == HOLD) {
        pthread_mutex_lock(&srv->lock);
        for (peer_call **at = &srv->held; *at != NULL; at = &(*at)->next) {
            if (*at == call) {
                *at = call->next;
                srv->n_held--;
                call->in_list = false;
                mine = true;
                break;
            }
        }
        pthread_mutex_unlock(&srv->lock);
        if (mine) {
            end_call(call, CSVC_CANCELLED, (csvc_bytes){0}, NULL);
        }
    } else if (call->kind == CANCEL) {
        end_call(call, CSVC_OK, (csvc_bytes){0}, NULL); /* comes to nothing */
    } else if (call->kind == BIDI || call->kind == SINK || call->kind == EARLY) {
        end_call(call, CSVC_CANCELLED, (csvc_bytes){0}, NULL);
    }
    /* the others see it in their next writable or post */
}

static void on_closed(csvc_tcall *tc, bool delivered, bool cancelled)
{
    peer_call *call = tc->upper;
    peer_server *srv = call->srv;

    CHECK(csvc__loop_current() == tc->loop);
    CHECK(call->finished);
    CHECK(call->canary == UINT64_C(0x5eafa11));
    CHECK(!(delivered && cancelled));
    call->canary = 0;
    tc->ops->release(tc);
    if (delivered) {
        count(srv, &srv->delivered);
    }
    count(srv, &srv->closed);
}

static const csvc_served_events served_events = {
    .started = on_started,
    .message = on_message,
    .writable = on_writable,
    .cancelled = on_cancelled,
    .closed = on_closed,
};

void peer_server_start(peer_server *srv, const csvc_transport *transport, uint32_t loops,
                       size_t extra)
{
    peer_server_start_with(srv, transport, loops, &(peer_server_options){.extra = extra});
}

void peer_server_start_with(peer_server *srv, const csvc_transport *transport, uint32_t loops,
                            const peer_server_options *options)
{
    const size_t extra = options->extra;
    char address[32];
    csvc_tmethod *methods = calloc(N_FIXED + extra, sizeof(*methods));
    char *names = malloc(extra * 32 + 1);
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_tserver_config config = {
        .events = &served_events,
        .server = srv,
        .upper_size = sizeof(peer_call),
        .methods = methods,
        .n_methods = N_FIXED + extra,
        .loops = loops,
        .max_message_bytes = 1 << 20,
        .max_metadata_bytes = 16 << 10,
        .max_streams = 1000,
        .times = options->times,
    };

    CHECK(methods != NULL && names != NULL);
    memset(srv, 0, sizeof(*srv));
    snprintf(address, sizeof(address), "127.0.0.1:%d", options->port);
    pthread_mutex_init(&srv->lock, NULL);
    pthread_cond_init(&srv->changed, NULL);
    for (size_t i = 0; i < N_FIXED; i++) {
        methods[i] = (csvc_tmethod){fixed[i].path, fixed[i].reads_first, &fixed[i]};
    }
    for (size_t i = 0; i < extra; i++) {
        snprintf(names + i * 32, 32, "/extra.%zu/M", i);
        methods[N_FIXED + i] = (csvc_tmethod){names + i * 32, true, &extra_kind};
    }
    srv->transport = transport;
    srv->ts = transport->server_new(&config, &err);
    if (srv->ts == NULL ||
        transport->server_listen(srv->ts, address, &srv->port, &err) != CSVC_OK ||
        transport->server_start(srv->ts, &err) != CSVC_OK) {
        fprintf(stderr, "peer_server_start: %s\n", err.text);
        abort();
    }
    free(methods);
    free(names);
    CHECK(pthread_create(&srv->worker, NULL, work, srv) == 0);
}

int peer_server_count(peer_server *srv, const int *counter)
{
    int value = 0;

    pthread_mutex_lock(&srv->lock);
    value = *counter;
    pthread_mutex_unlock(&srv->lock);
    return value;
}

void peer_server_wait_all_closed(peer_server *srv)
{
    pthread_mutex_lock(&srv->lock);
    while (srv->closed < srv->started) {
        pthread_cond_wait(&srv->changed, &srv->lock);
    }
    pthread_mutex_unlock(&srv->lock);
}

void peer_server_peer(peer_server *srv, char *ret_text, size_t size)
{
    pthread_mutex_lock(&srv->lock);
    snprintf(ret_text, size, "%s", srv->peer);
    pthread_mutex_unlock(&srv->lock);
}

int64_t peer_server_deadline(peer_server *srv)
{
    int64_t deadline = 0;

    pthread_mutex_lock(&srv->lock);
    deadline = srv->deadline;
    pthread_mutex_unlock(&srv->lock);
    return deadline;
}

bool peer_server_no_first(peer_server *srv)
{
    bool no_first = false;

    pthread_mutex_lock(&srv->lock);
    no_first = srv->no_first;
    srv->no_first = false;
    pthread_mutex_unlock(&srv->lock);
    return no_first;
}

void peer_server_wait(peer_server *srv, const int *counter, int at_least)
{
    pthread_mutex_lock(&srv->lock);
    while (*counter < at_least) {
        pthread_cond_wait(&srv->changed, &srv->lock);
    }
    pthread_mutex_unlock(&srv->lock);
}

void peer_server_release(peer_server *srv)
{
    pthread_mutex_lock(&srv->lock);
    srv->stopping = true;
    pthread_cond_broadcast(&srv->changed);
    pthread_mutex_unlock(&srv->lock);
    pthread_join(srv->worker, NULL);
    srv->transport->server_free(srv->ts);
    CHECK(srv->started == srv->closed);
    CHECK(srv->held == NULL && srv->jobs == NULL);
    pthread_mutex_destroy(&srv->lock);
    pthread_cond_destroy(&srv->changed);
}

void peer_server_stop(peer_server *srv)
{
    srv->transport->server_drain(srv->ts);
    peer_server_let_go(srv);
    while (!srv->transport->server_join(srv->ts, csvc__now() + 10 * CSVC__MS)) {
        peer_server_let_go(srv); /* calls that arrived just before */
    }
    peer_server_release(srv);
}
