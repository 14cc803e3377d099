/* support/fake_transport.c: see the header. Loops, and the serving side. */
#include "fake_inside.h"

#include <base/clock.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- loops ---- */

void fake__loop_init(fake_loop *fl)
{
    pthread_condattr_t attr;

    csvc__loop_init(&fl->loop, &fake_transport);
    pthread_mutex_init(&fl->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&fl->woken, &attr);
    pthread_condattr_destroy(&attr);
    fl->wake = fl->ending = false;
}

void fake__loop_release(fake_loop *fl)
{
    csvc__loop_settle(&fl->loop);
    csvc__loop_release(&fl->loop);
    pthread_cond_destroy(&fl->woken);
    pthread_mutex_destroy(&fl->lock);
}

static void loop_wake(csvc_loop *loop)
{
    fake_loop *fl = (fake_loop *)(void *)loop;

    pthread_mutex_lock(&fl->lock);
    fl->wake = true;
    pthread_cond_signal(&fl->woken);
    pthread_mutex_unlock(&fl->lock);
}

void fake__die(const char *what)
{
    fprintf(stderr, "fake transport: %s\n", what);
    abort();
}

bool fake__loop_turn(fake_loop *fl, int64_t until)
{
    bool go_on;

    pthread_mutex_lock(&fl->lock);
    while (!fl->wake && !fl->ending && atomic_load(&fl->loop.posted) == NULL &&
           csvc__now() < until) {
        int64_t due = csvc__loop_next_due(&fl->loop);
        struct timespec at;

        due = due < until ? due : until;
        if (due <= csvc__now()) {
            break;
        }
        if (due == INT64_MAX) {
            pthread_cond_wait(&fl->woken, &fl->lock);
            continue;
        }
        at.tv_sec = (time_t)(due / CSVC__SECOND);
        at.tv_nsec = (long)(due % CSVC__SECOND);
        if (pthread_cond_timedwait(&fl->woken, &fl->lock, &at) != 0) {
            break;
        }
    }
    fl->wake = false;
    go_on = !fl->ending && csvc__now() < until;
    pthread_mutex_unlock(&fl->lock);
    csvc__loop_run_posted(&fl->loop);
    csvc__loop_run_timers(&fl->loop);
    return go_on;
}

/* ---- what passes ---- */

void fake__describe(char *to, size_t size, csvc_md_list list)
{
    if (list.n_entries > 0) {
        snprintf(to, size, "%.*s=%.*s", (int)list.entries[0].key.len,
                 (const char *)list.entries[0].key.data, (int)list.entries[0].value.len,
                 (const char *)list.entries[0].value.data);
    }
}

static void no_dispose(csvc_payload *payload)
{
    free(payload);
}

typedef struct fake_payload {
    csvc_payload payload;
    csvc_bytes *pieces;
    uint8_t data[];
} fake_payload;

csvc_payload *fake__payload_of(const void *bytes, size_t len, bool compressed, bool in_pieces)
{
    const size_t n = len == 0 ? 0 : in_pieces ? len : 1;
    /* one block: the payload, its bytes, its pieces */
    const size_t at = (sizeof(fake_payload) + len + 15) & ~(size_t)15;
    fake_payload *p = calloc(1, at + (n + 1) * sizeof(csvc_bytes));
    csvc_bytes *pieces = (csvc_bytes *)(void *)((uint8_t *)p + at);

    if (len > 0) {
        memcpy(p->data, bytes, len);
    }
    for (size_t i = 0; i < n; i++) {
        pieces[i] = in_pieces ? (csvc_bytes){1, p->data + i} : (csvc_bytes){len, p->data};
    }
    p->payload.dispose = no_dispose;
    p->payload.len = len;
    p->payload.n_pieces = n;
    p->payload.pieces = pieces;
    p->payload.compressed = compressed;
    atomic_init(&p->payload.refs, 1);
    return &p->payload;
}

/* ---- serving ---- */

struct fake_server {
    fake_loop fl; /* first */
    csvc_tserver_config config;
    csvc_tmethod *methods;
    fake_call *live;
    size_t n_live;
    bool drained;
    atomic_bool cancel_all;
};

/* A call's memory proper, freed at release. */
typedef struct served_tcall {
    csvc_tcall tc; /* first */
    fake_call *call;
    csvc_task close;
    void *reserved;
    size_t reserved_len;
    _Alignas(16) uint8_t upper[];
} served_tcall;

static fake_server *last_server;

static served_tcall *served_of(csvc_tcall *tc)
{
    return (served_tcall *)(void *)tc;
}

static void *served_reserve(csvc_tcall *tc, size_t len)
{
    served_tcall *st = served_of(tc);

    if (st->call->fail_reserve) {
        return NULL;
    }
    free(st->reserved);
    st->reserved = malloc(len + 1);
    st->reserved_len = len;
    return st->reserved;
}

static void run_close(csvc_task *task)
{
    served_tcall *st = (served_tcall *)(void *)((uint8_t *)task - offsetof(served_tcall, close));

    fake_close(st->call, !st->call->cancelled, st->call->cancelled);
}

static void served_finish(csvc_tcall *tc, const csvc_ending *finish)
{
    served_tcall *st = served_of(tc);
    fake_call *call = st->call;

    if (call->finished) {
        fake__die("finished twice");
    }
    if (csvc__loop_current() != tc->loop) {
        fake__die("finished off the loop");
    }
    call->finished = true;
    call->code = finish->code;
    snprintf(call->text, sizeof(call->text), "%.*s", (int)finish->text.len,
             (const char *)finish->text.data);
    if (finish->message != NULL) {
        const csvc_payload *payload = finish->message->payload;
        const csvc_bytes bytes = payload == NULL         ? finish->message->reserved
                                 : payload->n_pieces > 0 ? payload->pieces[0]
                                                         : (csvc_bytes){0};

        if (payload == NULL && bytes.len > 0 &&
            (bytes.data != st->reserved || bytes.len > st->reserved_len)) {
            fake__die("the message is not in the memory reserved");
        }
        call->has_message = true;
        call->compress = finish->message->compress;
        call->announce = finish->message->announce;
        call->packed = payload != NULL && payload->compressed;
        call->len = bytes.len;
        if (bytes.len > 0) {
            memcpy(call->message, bytes.data,
                   bytes.len < sizeof(call->message) ? bytes.len : sizeof(call->message));
        }
    }
    call->n_headers = finish->headers.n_entries;
    call->n_trailers = finish->trailers.n_entries;
    fake__describe(call->first_header, sizeof(call->first_header), finish->headers);
    fake__describe(call->first_trailer, sizeof(call->first_trailer), finish->trailers);
    if (!call->no_auto_close) {
        st->close.run = run_close;
        csvc__loop_post(tc->loop, &st->close);
    }
}

static void served_read(csvc_tcall *tc)
{
    fake_call *call = served_of(tc)->call;

    if (call->reading || call->finished) {
        fake__die("asked to read twice, or after the end");
    }
    call->reading = true;
}

static void served_send(csvc_tcall *tc, const csvc_outgoing *message, bool more)
{
    fake_call *call = served_of(tc)->call;
    size_t at = 0;

    (void)more;
    if (call->sending || call->finished) {
        fake__die("asked to send twice, or after the end");
    }
    call->sending = true;
    call->n_sent++;
    call->compress = message->compress;
    call->announce = message->announce;
    call->packed = message->payload->compressed;
    call->len = message->payload->len;
    for (size_t i = 0; i < message->payload->n_pieces; i++) {
        const csvc_bytes piece = message->payload->pieces[i];

        if (at + piece.len <= sizeof(call->message)) {
            memcpy(call->message + at, piece.data, piece.len);
        }
        at += piece.len;
    }
}

static void served_send_headers(csvc_tcall *tc, csvc_md_list headers, bool announce)
{
    fake_call *call = served_of(tc)->call;

    (void)announce;
    if (call->headers || call->finished) {
        fake__die("headers twice, or after the end");
    }
    call->headers = true;
    call->n_headers = headers.n_entries;
    fake__describe(call->first_header, sizeof(call->first_header), headers);
}

static void served_cancel(csvc_tcall *tc, csvc_code code, const char *text)
{
    (void)code;
    (void)text;
    served_of(tc)->call->n_cancels++;
}

static const char *served_peer(csvc_tcall *tc, csvc_arena *a)
{
    (void)tc;
    return csvc_arena_strdup(a, "fake:1");
}

static void served_release(csvc_tcall *tc)
{
    served_tcall *st = served_of(tc);
    fake_server *ts = st->call->ts;
    fake_call **at = &ts->live;

    if (!st->call->closed) {
        fake__die("released before closed");
    }
    if (csvc__loop_current() != tc->loop) {
        fake__die("released off the loop");
    }
    while (*at != st->call) {
        at = &(*at)->next;
    }
    *at = st->call->next;
    ts->n_live--;
    st->call->tc = NULL;
    free(st->reserved);
    free(st);
}

static void served_watch(csvc_tcall *tc)
{
    served_of(tc)->call->watched = true;
}

static bool served_metadata(csvc_tcall *tc, csvc_md_list *ret_metadata)
{
    *ret_metadata = served_of(tc)->call->metadata;
    return true;
}

static const csvc_tcall_ops served_ops = {
    .reserve = served_reserve,
    .read = served_read,
    .send = served_send,
    .send_headers = served_send_headers,
    .cancel = served_cancel,
    .peer = served_peer,
    .release = served_release,
    .finish = served_finish,
    .watch = served_watch,
    .metadata = served_metadata,
};

fake_server *fake_last_server(void)
{
    return last_server;
}

const csvc_tserver_config *fake_config(const fake_server *ts)
{
    return &ts->config;
}

static csvc_tserver *server_new(const csvc_tserver_config *config, csvc_error *err)
{
    fake_server *ts = calloc(1, sizeof(*ts));

    (void)err;
    fake__loop_init(&ts->fl);
    ts->config = *config;
    ts->methods = calloc(config->n_methods + 1, sizeof(*ts->methods));
    memcpy(ts->methods, config->methods, config->n_methods * sizeof(*ts->methods));
    last_server = ts;
    return (csvc_tserver *)(void *)ts;
}

static csvc_code server_listen(csvc_tserver *ts, const char *address, int *ret_port,
                               csvc_error *err)
{
    (void)ts;
    if (strcmp(address, "busy:1") == 0) {
        return csvc_error_set(err, CSVC_ALREADY_EXISTS, "%s is in use", address);
    }
    if (ret_port != NULL) {
        *ret_port = 4711;
    }
    return CSVC_OK;
}

static csvc_code server_start(csvc_tserver *ts, csvc_error *err)
{
    (void)err;
    csvc__loop_enter((csvc_loop *)(void *)ts);
    return CSVC_OK;
}

static void server_drain(csvc_tserver *ts)
{
    ((fake_server *)(void *)ts)->drained = true;
}

static void server_cancel_all(csvc_tserver *tserver)
{
    fake_server *ts = (fake_server *)(void *)tserver;

    atomic_store(&ts->cancel_all, true);
    loop_wake(&ts->fl.loop);
}

static bool server_join(csvc_tserver *tserver, int64_t until)
{
    fake_server *ts = (fake_server *)(void *)tserver;

    if (!ts->drained) {
        fake__die("joined before drained");
    }
    csvc__loop_run_posted(&ts->fl.loop);
    while (ts->n_live > 0) {
        if (atomic_exchange(&ts->cancel_all, false)) {
            for (fake_call *call = ts->live, *next; call != NULL; call = next) {
                next = call->next;
                fake_cancel(call);
            }
            csvc__loop_run_posted(&ts->fl.loop);
        } else if (!fake__loop_turn(&ts->fl, until)) {
            return ts->n_live == 0;
        }
    }
    return true;
}

static void server_free(csvc_tserver *tserver)
{
    fake_server *ts = (fake_server *)(void *)tserver;

    csvc__loop_enter(NULL);
    fake__loop_release(&ts->fl);
    free(ts->methods);
    free(ts);
}

fake_call *fake_arrive(fake_server *ts, const fake_arrival *arrival)
{
    fake_call *call = calloc(1, sizeof(*call));
    served_tcall *st = malloc(sizeof(*st) + ts->config.upper_size);
    csvc_arrival up = {
        .path = {strlen(arrival->path), (const uint8_t *)arrival->path},
        .deadline = arrival->deadline != 0 ? arrival->deadline : INT64_MAX,
        .ended = arrival->ended,
        .refusal = arrival->refusal,
        .refusal_code = CSVC_RESOURCE_EXHAUSTED,
        .takes_packed = arrival->takes_packed,
    };

    memset(st, 0xa5, sizeof(*st) + ts->config.upper_size); /* memory used before */
    st->tc = (csvc_tcall){&served_ops, &ts->fl.loop, st->upper};
    st->call = call;
    st->reserved = NULL;
    *call = (fake_call){
        .tc = &st->tc,
        .ts = ts,
        .next = ts->live,
        .metadata = arrival->metadata,
        .no_auto_close = arrival->no_auto_close,
        .fail_reserve = arrival->fail_reserve,
    };
    ts->live = call;
    ts->n_live++;
    for (size_t i = 0; i < ts->config.n_methods; i++) {
        if (strcmp(ts->methods[i].path, arrival->path) == 0) {
            up.method = ts->methods[i].method;
            if (ts->methods[i].reads_first && arrival->bytes != NULL) {
                up.first = fake__payload_of(arrival->bytes, arrival->len, arrival->compressed,
                                            arrival->in_pieces);
            }
        }
    }
    ts->config.events->started(ts->config.server, &st->tc, &up);
    return call;
}

void fake_turn(fake_server *ts, int64_t until)
{
    if (!fake__loop_turn(&ts->fl, until)) {
        fake__die("a test took too long");
    }
}

void fake_wait_finish(fake_call *call)
{
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;

    while (!call->finished) {
        if (!fake__loop_turn(&call->ts->fl, until)) {
            fake__die("a call was not finished within 20 seconds");
        }
    }
}

void fake_wait_release(fake_call *call)
{
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;

    while (call->tc != NULL) {
        if (!fake__loop_turn(&call->ts->fl, until)) {
            fake__die("a call was not released within 20 seconds");
        }
    }
}

void fake_cancel(fake_call *call)
{
    if (call->closed || call->cancelled) {
        return;
    }
    call->cancelled = true;
    if (call->watched && !call->finished) {
        call->ts->config.events->cancelled(call->tc);
    }
}

void fake_message(fake_call *call, const void *bytes, size_t len)
{
    if (!call->reading || call->closed) {
        fake__die("nobody asked for a message");
    }
    call->reading = false;
    call->ts->config.events->message(
        call->tc, bytes != NULL ? fake__payload_of(bytes, len, false, false) : NULL);
}

void fake_writable(fake_call *call)
{
    if (!call->sending || call->closed) {
        fake__die("nothing was being sent");
    }
    call->sending = false;
    call->ts->config.events->writable(call->tc);
}

void fake_close(fake_call *call, bool delivered, bool cancelled)
{
    if (!call->finished || call->closed) {
        fake__die("closed before finished, or twice");
    }
    call->closed = true;
    call->ts->config.events->closed(call->tc, delivered, cancelled);
}

void fake_call_free(fake_call *call)
{
    if (call->tc != NULL) {
        fake__die("a call was never released");
    }
    free(call);
}

size_t fake_live(const fake_server *ts)
{
    return ts->n_live;
}

const csvc_transport fake_transport = {
    .name = "fake",
    .wake = loop_wake,
    .server_new = server_new,
    .server_listen = server_listen,
    .server_start = server_start,
    .server_drain = server_drain,
    .server_cancel_all = server_cancel_all,
    .server_join = server_join,
    .server_free = server_free,
    .channel_new = fake__channel_new,
    .channel_free = fake__channel_free,
    .channel_loop = fake__channel_loop,
    .call_new = fake__call_new,
    .call_start = fake__call_start,
};
