#include <seam_peer.h>

#include <base/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

csvc_bytes peer_text(const char *text)
{
    return (csvc_bytes){.len = strlen(text), .data = (const uint8_t *)text};
}

/* ---- the server ---- */

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

/* The request in one run, freed by the caller. */
static uint8_t *flat(const csvc_payload *payload, size_t *ret_len)
{
    csvc_arena *a = csvc_arena_new(0);
    csvc_bytes bytes = {0};
    uint8_t *copy = NULL;

    CHECK(a != NULL);
    if (payload != NULL) {
        CHECK(csvc__payload_flat(payload, a, &bytes));
        CHECK(bytes.len == payload->len);
    }
    copy = malloc(bytes.len + 1);
    CHECK(copy != NULL);
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    copy[bytes.len] = '\0';
    *ret_len = bytes.len;
    csvc_arena_free(a);
    return copy;
}

static void echo(peer_call *call)
{
    size_t len = 0;
    uint8_t *copy = flat(call->request, &len);

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

static void send_digits(csvc_tcall *tc, int n, size_t len, bool more)
{
    char digits[32];
    int n_digits = snprintf(digits, sizeof(digits), "%d", n);
    size_t size = len > (size_t)n_digits ? len : (size_t)n_digits;
    uint8_t *memory = tc->ops->reserve(tc, size);
    csvc_outgoing out = {.reserved = {.len = size, .data = memory}};

    CHECK(memory != NULL);
    memset(memory, '.', size);
    memcpy(memory, digits, (size_t)n_digits);
    tc->ops->send(tc, &out, more);
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
    send_digits(call->tc, call->sent - 1, 0, call->sent < call->n);
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
    if (what != NULL && what->reads_first) {
        srv->no_first = srv->no_first || arrival->first == NULL;
    }
    pthread_cond_broadcast(&srv->changed);
    pthread_mutex_unlock(&srv->lock);
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
        copy = flat(call->request, &len);
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
        copy = flat(call->request, &len);
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
        copy = flat(call->request, &len);
        csvc__payload_unref(call->request);
        tc->ops->watch(tc);
        tc->ops->cancel(tc, CSVC_DATA_LOSS, (const char *)copy);
        free(copy);
        break;
    case SOURCE:
        copy = flat(call->request, &len);
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
    peer_server_start_at(srv, transport, loops, extra, 0);
}

void peer_server_start_at(peer_server *srv, const csvc_transport *transport, uint32_t loops,
                          size_t extra, int port)
{
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
    };

    CHECK(methods != NULL && names != NULL);
    memset(srv, 0, sizeof(*srv));
    snprintf(address, sizeof(address), "127.0.0.1:%d", port);
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

/* ---- unary calls ---- */

struct peer_pending {
    const csvc_transport *transport;
    csvc_tcall *tc;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    csvc_task cancel_task;
    bool cancel_ran, cancel_asked;
    csvc_code cancel_code;
    char cancel_text[128];
    csvc_task start_task;
    csvc_start start;
    csvc_outgoing out;
    csvc_task release_task;
    bool released;
    peer_result result;
};

static void print_md(char *to, size_t size, csvc_md_list list)
{
    size_t at = 0;

    to[0] = '\0';
    for (size_t i = 0; i < list.n_entries && at + 1 < size; i++) {
        const csvc_md *md = &list.entries[i];

        at += (size_t)snprintf(to + at, size - at, "%.*s=", (int)md->key.len,
                               (const char *)md->key.data);
        if (at >= size) {
            return;
        }
        if (md->key.len > 4 && memcmp(md->key.data + md->key.len - 4, "-bin", 4) == 0) {
            for (size_t j = 0; j < md->value.len && at + 3 < size; j++) {
                at += (size_t)snprintf(to + at, size - at, "%02x", md->value.data[j]);
            }
        } else {
            at += (size_t)snprintf(to + at, size - at, "%.*s", (int)md->value.len,
                                   (const char *)md->value.data);
        }
        if (at + 1 < size) {
            at += (size_t)snprintf(to + at, size - at, ";");
        }
    }
}

static peer_pending *pending_of(csvc_tcall *tc)
{
    return *(peer_pending **)tc->upper;
}

static void out_headers(csvc_tcall *tc, csvc_md_list headers)
{
    peer_result *result = &pending_of(tc)->result;

    print_md(result->headers, sizeof(result->headers), headers);
}

static void out_message(csvc_tcall *tc, csvc_payload *message)
{
    peer_result *result = &pending_of(tc)->result;

    CHECK(message != NULL && !result->has_message);
    result->has_message = true;
    result->message = flat(message, &result->len);
    csvc__payload_unref(message);
}

static void out_writable(csvc_tcall *tc)
{
    (void)tc;
    CHECK(!"writable on a unary call");
}

static void release_pending(csvc_task *task)
{
    peer_pending *pending =
        (peer_pending *)(void *)((char *)task - offsetof(peer_pending, release_task));

    pending->tc->ops->release(pending->tc);
    pthread_mutex_lock(&pending->lock);
    pending->released = true;
    pthread_cond_broadcast(&pending->changed);
    pthread_mutex_unlock(&pending->lock);
}

static void out_status(csvc_tcall *tc, csvc_code code, csvc_bytes text, csvc_md_list trailers)
{
    peer_pending *pending = pending_of(tc);
    peer_result *result = &pending->result;

    CHECK(csvc__loop_current() == tc->loop);
    result->code = code;
    snprintf(result->text, sizeof(result->text), "%.*s", (int)text.len, (const char *)text.data);
    print_md(result->trailers, sizeof(result->trailers), trailers);
    pthread_mutex_lock(&pending->lock);
    CHECK(!pending->done);
    pending->done = true;
    pthread_cond_broadcast(&pending->changed);
    pthread_mutex_unlock(&pending->lock);
}

static const csvc_outgoing_events outgoing_events = {
    .headers = out_headers,
    .message = out_message,
    .writable = out_writable,
    .status = out_status,
};

static void start_pending(csvc_task *task)
{
    peer_pending *pending =
        (peer_pending *)(void *)((char *)task - offsetof(peer_pending, start_task));

    pending->transport->call_start(pending->tc, &pending->start);
    csvc__payload_unref(pending->out.payload);
    pending->out.payload = NULL;
}

static void cancel_pending(csvc_task *task)
{
    peer_pending *pending =
        (peer_pending *)(void *)((char *)task - offsetof(peer_pending, cancel_task));

    if (!pending->done) { /* written on this very thread */
        pending->tc->ops->cancel(pending->tc, pending->cancel_code, pending->cancel_text);
    }
    pthread_mutex_lock(&pending->lock);
    pending->cancel_ran = true;
    pthread_cond_broadcast(&pending->changed);
    pthread_mutex_unlock(&pending->lock);
}

peer_pending *peer_call_begin(const csvc_transport *transport, csvc_tchannel *tch, const char *path,
                              csvc_bytes request, const peer_options *options)
{
    peer_pending *pending = calloc(1, sizeof(*pending));
    uint8_t *data = NULL;

    CHECK(pending != NULL);
    pthread_mutex_init(&pending->lock, NULL);
    pthread_cond_init(&pending->changed, NULL);
    pending->transport = transport;
    pending->tc = transport->call_new(tch, transport->channel_loop(tch), sizeof(pending));
    CHECK(pending->tc != NULL);
    *(peer_pending **)pending->tc->upper = pending;
    pending->cancel_task.run = cancel_pending;
    pending->start_task.run = start_pending;
    pending->release_task.run = release_pending;
    if (options != NULL && options->counted) {
        pending->out.payload = csvc__payload_new(request.len, &data);
        CHECK(pending->out.payload != NULL);
    } else {
        data = pending->tc->ops->reserve(pending->tc, request.len);
        CHECK(data != NULL);
        pending->out.reserved = (csvc_bytes){.len = request.len, .data = data};
    }
    if (request.len > 0) {
        memcpy(data, request.data, request.len);
    }
    pending->start = (csvc_start){
        .path = path,
        .deadline = INT64_MAX,
        .events = &outgoing_events,
        .message = &pending->out,
        .unary_reply = true,
    };
    if (options != NULL) {
        pending->start.metadata = options->metadata;
        pending->start.wait_for_ready = options->wait_for_ready;
        if (options->timeout_ns != 0) {
            pending->start.deadline = csvc__now() + options->timeout_ns;
        }
    }
    if (options != NULL && options->start_on_loop) {
        csvc__loop_post(pending->tc->loop, &pending->start_task);
    } else {
        start_pending(&pending->start_task);
    }
    return pending;
}

void peer_call_cancel(peer_pending *pending, csvc_code code, const char *text)
{
    pending->cancel_asked = true;
    pending->cancel_code = code;
    snprintf(pending->cancel_text, sizeof(pending->cancel_text), "%s", text);
    csvc__loop_post(pending->tc->loop, &pending->cancel_task);
}

void peer_call_end(peer_pending *pending, peer_result *ret_result)
{
    pthread_mutex_lock(&pending->lock);
    while (!pending->done || (pending->cancel_asked && !pending->cancel_ran)) {
        pthread_cond_wait(&pending->changed, &pending->lock);
    }
    csvc__loop_post(pending->tc->loop, &pending->release_task);
    while (!pending->released) {
        pthread_cond_wait(&pending->changed, &pending->lock);
    }
    pthread_mutex_unlock(&pending->lock);
    *ret_result = pending->result;
    pthread_mutex_destroy(&pending->lock);
    pthread_cond_destroy(&pending->changed);
    free(pending);
}

void peer_call_unary(const csvc_transport *transport, csvc_tchannel *tch, const char *path,
                     csvc_bytes request, const peer_options *options, peer_result *ret_result)
{
    peer_call_end(peer_call_begin(transport, tch, path, request, options), ret_result);
}

void peer_result_release(peer_result *result)
{
    free(result->message);
    result->message = NULL;
}

/* ---- streams ---- */

typedef struct stream_call {
    const csvc_transport *transport;
    csvc_tcall *tc;
    const peer_stream_options *options;
    peer_stream_result *result;
    int sent;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    csvc_task begin_task;
    csvc_start start;
    csvc_outgoing out;
} stream_call;

static stream_call *stream_of(csvc_tcall *tc)
{
    return *(stream_call **)tc->upper;
}

static void send_next(stream_call *st)
{
    const peer_stream_options *options = st->options;

    if (options->request != NULL) {
        return; /* half-closed with it */
    }
    if (st->sent == options->n_send) {
        st->tc->ops->close_send(st->tc);
        return;
    }
    st->sent++;
    send_digits(st->tc, st->sent - 1, options->message_len, st->sent < options->n_send);
}

static void stream_headers(csvc_tcall *tc, csvc_md_list headers)
{
    (void)tc;
    (void)headers;
}

static void stream_message(csvc_tcall *tc, csvc_payload *message)
{
    stream_call *st = stream_of(tc);
    peer_stream_result *result = st->result;
    uint8_t *copy = NULL;
    size_t len = 0;

    if (message == NULL) {
        return;
    }
    copy = flat(message, &len);
    csvc__payload_unref(message);
    if (result->n_received == 0) {
        snprintf(result->first, sizeof(result->first), "%s", (const char *)copy);
    }
    if (strtol((const char *)copy, NULL, 10) != result->n_received) {
        result->in_order = false;
    }
    free(copy);
    result->n_received++;
    result->bytes_received += len;
    if (result->n_received == st->options->cancel_after) {
        tc->ops->cancel(tc, CSVC_CANCELLED, "had enough");
        return;
    }
    tc->ops->read(tc);
}

static void stream_writable(csvc_tcall *tc)
{
    stream_call *st = stream_of(tc);

    st->result->n_writable++;
    send_next(st);
}

static void stream_status(csvc_tcall *tc, csvc_code code, csvc_bytes text, csvc_md_list trailers)
{
    stream_call *st = stream_of(tc);

    (void)trailers;
    st->result->code = code;
    snprintf(st->result->text, sizeof(st->result->text), "%.*s", (int)text.len,
             (const char *)text.data);
    tc->ops->release(tc);
    pthread_mutex_lock(&st->lock);
    st->done = true;
    pthread_cond_broadcast(&st->changed);
    pthread_mutex_unlock(&st->lock);
}

static const csvc_outgoing_events stream_events = {
    .headers = stream_headers,
    .message = stream_message,
    .writable = stream_writable,
    .status = stream_status,
};

static void begin_stream(csvc_task *task)
{
    stream_call *st = (stream_call *)(void *)((char *)task - offsetof(stream_call, begin_task));

    st->transport->call_start(st->tc, &st->start);
    st->tc->ops->read(st->tc);
    send_next(st);
}

void peer_call_stream(const csvc_transport *transport, csvc_tchannel *tch, const char *path,
                      const peer_stream_options *options, peer_stream_result *ret_result)
{
    stream_call st = {.transport = transport, .options = options, .result = ret_result};

    memset(ret_result, 0, sizeof(*ret_result));
    ret_result->in_order = true;
    st.start = (csvc_start){.path = path, .deadline = INT64_MAX, .events = &stream_events};
    pthread_mutex_init(&st.lock, NULL);
    pthread_cond_init(&st.changed, NULL);
    st.begin_task.run = begin_stream;
    st.tc = transport->call_new(tch, transport->channel_loop(tch), sizeof(stream_call *));
    CHECK(st.tc != NULL);
    *(stream_call **)st.tc->upper = &st;
    if (options->timeout_ns != 0) {
        st.start.deadline = csvc__now() + options->timeout_ns;
    }
    if (options->request != NULL) {
        uint8_t *memory = st.tc->ops->reserve(st.tc, options->request->len);

        CHECK(memory != NULL);
        memcpy(memory, options->request->data, options->request->len);
        st.out.reserved = (csvc_bytes){.len = options->request->len, .data = memory};
        st.start.message = &st.out;
    }
    csvc__loop_post(st.tc->loop, &st.begin_task);
    pthread_mutex_lock(&st.lock);
    while (!st.done) {
        pthread_cond_wait(&st.changed, &st.lock);
    }
    pthread_mutex_unlock(&st.lock);
    pthread_mutex_destroy(&st.lock);
    pthread_cond_destroy(&st.changed);
}
