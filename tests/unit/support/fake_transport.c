/* support/fake_transport.c: see the header. */
#include "fake_transport.h"

#include <base/clock.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- loops ---- */

typedef struct fake_loop {
    csvc_loop loop; /* first */
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool wake;
    bool ending;
} fake_loop;

static void loop_init(fake_loop *fl)
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

static void loop_release(fake_loop *fl)
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

static void die(const char *what)
{
    fprintf(stderr, "fake transport: %s\n", what);
    abort();
}

/* One turn: waits for a wake, a timer or `until`, then runs what there is. False: it is over. */
static bool loop_turn(fake_loop *fl, int64_t until)
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

static void describe(char *to, size_t size, csvc_md_list list)
{
    if (list.n_entries > 0) {
        snprintf(to, size, "%.*s=%.*s", (int)list.entries[0].key.len,
                 (const char *)list.entries[0].key.data, (int)list.entries[0].value.len,
                 (const char *)list.entries[0].value.data);
    }
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
        die("finished twice");
    }
    if (csvc__loop_current() != tc->loop) {
        die("finished off the loop");
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
            die("the message is not in the memory reserved");
        }
        call->has_message = true;
        call->compress = finish->message->compress;
        call->announce = finish->message->announce;
        call->len = bytes.len;
        if (bytes.len > 0) {
            memcpy(call->message, bytes.data,
                   bytes.len < sizeof(call->message) ? bytes.len : sizeof(call->message));
        }
    }
    call->n_headers = finish->headers.n_entries;
    call->n_trailers = finish->trailers.n_entries;
    describe(call->first_header, sizeof(call->first_header), finish->headers);
    describe(call->first_trailer, sizeof(call->first_trailer), finish->trailers);
    if (!call->no_auto_close) {
        st->close.run = run_close;
        csvc__loop_post(tc->loop, &st->close);
    }
}

static void served_read(csvc_tcall *tc)
{
    fake_call *call = served_of(tc)->call;

    if (call->reading || call->finished) {
        die("asked to read twice, or after the end");
    }
    call->reading = true;
}

static void served_send(csvc_tcall *tc, const csvc_outgoing *message, bool more)
{
    fake_call *call = served_of(tc)->call;
    size_t at = 0;

    (void)more;
    if (call->sending || call->finished) {
        die("asked to send twice, or after the end");
    }
    call->sending = true;
    call->n_sent++;
    call->compress = message->compress;
    call->announce = message->announce;
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
        die("headers twice, or after the end");
    }
    call->headers = true;
    call->n_headers = headers.n_entries;
    describe(call->first_header, sizeof(call->first_header), headers);
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
        die("released before closed");
    }
    if (csvc__loop_current() != tc->loop) {
        die("released off the loop");
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
    loop_init(&ts->fl);
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
        die("joined before drained");
    }
    csvc__loop_run_posted(&ts->fl.loop);
    while (ts->n_live > 0) {
        if (atomic_exchange(&ts->cancel_all, false)) {
            for (fake_call *call = ts->live, *next; call != NULL; call = next) {
                next = call->next;
                fake_cancel(call);
            }
            csvc__loop_run_posted(&ts->fl.loop);
        } else if (!loop_turn(&ts->fl, until)) {
            return ts->n_live == 0;
        }
    }
    return true;
}

static void server_free(csvc_tserver *tserver)
{
    fake_server *ts = (fake_server *)(void *)tserver;

    csvc__loop_enter(NULL);
    loop_release(&ts->fl);
    free(ts->methods);
    free(ts);
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

static csvc_payload *payload_of(const void *bytes, size_t len, bool compressed, bool in_pieces)
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

fake_call *fake_arrive(fake_server *ts, const fake_arrival *arrival)
{
    fake_call *call = calloc(1, sizeof(*call));
    served_tcall *st = malloc(sizeof(*st) + ts->config.upper_size);
    csvc_arrival up = {
        .path = {strlen(arrival->path), (const uint8_t *)arrival->path},
        .deadline = arrival->deadline != 0 ? arrival->deadline : INT64_MAX,
        .ended = arrival->ended,
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
                up.first = payload_of(arrival->bytes, arrival->len, arrival->compressed,
                                      arrival->in_pieces);
            }
        }
    }
    ts->config.events->started(ts->config.server, &st->tc, &up);
    return call;
}

void fake_turn(fake_server *ts, int64_t until)
{
    if (!loop_turn(&ts->fl, until)) {
        die("a test took too long");
    }
}

void fake_wait_finish(fake_call *call)
{
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;

    while (!call->finished) {
        if (!loop_turn(&call->ts->fl, until)) {
            die("a call was not finished within 20 seconds");
        }
    }
}

void fake_wait_release(fake_call *call)
{
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;

    while (call->tc != NULL) {
        if (!loop_turn(&call->ts->fl, until)) {
            die("a call was not released within 20 seconds");
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
        die("nobody asked for a message");
    }
    call->reading = false;
    call->ts->config.events->message(call->tc,
                                     bytes != NULL ? payload_of(bytes, len, false, false) : NULL);
}

void fake_writable(fake_call *call)
{
    if (!call->sending || call->closed) {
        die("nothing was being sent");
    }
    call->sending = false;
    call->ts->config.events->writable(call->tc);
}

void fake_close(fake_call *call, bool delivered, bool cancelled)
{
    if (!call->finished || call->closed) {
        die("closed before finished, or twice");
    }
    call->closed = true;
    call->ts->config.events->closed(call->tc, delivered, cancelled);
}

void fake_call_free(fake_call *call)
{
    if (call->tc != NULL) {
        die("a call was never released");
    }
    free(call);
}

size_t fake_live(const fake_server *ts)
{
    return ts->n_live;
}

/* ---- calling ---- */

typedef struct fake_channel {
    fake_loop fl; /* first */
    pthread_t thread;
    atomic_int live;
} fake_channel;

typedef struct out_tcall {
    csvc_tcall tc; /* first */
    fake_channel *tch;
    csvc_task start;
    fake_out out;
    void *reserved;
    bool ended;
    _Alignas(16) uint8_t upper[];
} out_tcall;

static fake_script *script;
static void *script_self;

void fake_set_script(fake_script *fn, void *self)
{
    script = fn;
    script_self = self;
}

static out_tcall *out_of(csvc_tcall *tc)
{
    return (out_tcall *)(void *)tc;
}

static void *out_reserve(csvc_tcall *tc, size_t len)
{
    out_of(tc)->reserved = malloc(len + 1);
    return out_of(tc)->reserved;
}

static void out_cancel(csvc_tcall *tc, csvc_code code, const char *text)
{
    out_tcall *ot = out_of(tc);

    if (ot->ended) {
        die("cancelled after status");
    }
    ot->out.cancelled = true;
    if (!ot->out.silent_cancel) {
        fake_out_status(&ot->out, code, text, NULL, NULL);
    }
}

static void out_release(csvc_tcall *tc)
{
    out_tcall *ot = out_of(tc);

    atomic_fetch_sub(&ot->tch->live, 1);
    free(ot->reserved);
    free(ot);
}

static const csvc_tcall_ops out_ops = {
    .reserve = out_reserve,
    .cancel = out_cancel,
    .release = out_release,
};

static void *channel_main(void *arg)
{
    fake_channel *tch = arg;

    csvc__loop_enter(&tch->fl.loop);
    while (loop_turn(&tch->fl, INT64_MAX)) {
    }
    return NULL;
}

static csvc_tchannel *channel_new(const csvc_tchannel_config *config, csvc_error *err)
{
    fake_channel *tch;

    if (strcmp(config->target, "bad") == 0) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT, "no such target");
        return NULL;
    }
    tch = calloc(1, sizeof(*tch));
    loop_init(&tch->fl);
    atomic_init(&tch->live, 0);
    if (pthread_create(&tch->thread, NULL, channel_main, tch) != 0) {
        die("no thread");
    }
    return (csvc_tchannel *)(void *)tch;
}

static void channel_free(csvc_tchannel *tchannel)
{
    fake_channel *tch = (fake_channel *)(void *)tchannel;

    if (atomic_load(&tch->live) != 0) {
        die("a channel was freed with calls that were not released");
    }
    pthread_mutex_lock(&tch->fl.lock);
    tch->fl.ending = true;
    pthread_cond_signal(&tch->fl.woken);
    pthread_mutex_unlock(&tch->fl.lock);
    pthread_join(tch->thread, NULL);
    loop_release(&tch->fl);
    free(tch);
}

static csvc_loop *channel_loop(csvc_tchannel *tch)
{
    return (csvc_loop *)(void *)tch;
}

static csvc_tcall *call_new(csvc_tchannel *tch, csvc_loop *loop, size_t upper_size)
{
    out_tcall *ot = calloc(1, sizeof(*ot) + upper_size);

    ot->tc = (csvc_tcall){&out_ops, loop, ot->upper};
    ot->tch = (fake_channel *)(void *)tch;
    ot->out.tc = &ot->tc;
    atomic_fetch_add(&ot->tch->live, 1);
    return &ot->tc;
}

static void run_start(csvc_task *task)
{
    out_tcall *ot = (out_tcall *)(void *)((uint8_t *)task - offsetof(out_tcall, start));

    script(script_self, &ot->out);
}

static void call_start(csvc_tcall *tc, const csvc_start *start)
{
    out_tcall *ot = out_of(tc);
    const csvc_bytes bytes = start->message->reserved;

    snprintf(ot->out.path, sizeof(ot->out.path), "%s", start->path);
    ot->out.deadline = start->deadline;
    ot->out.wait_for_ready = start->wait_for_ready;
    ot->out.len = bytes.len;
    memcpy(ot->out.message, bytes.data, bytes.len);
    ot->out.compress = start->message->compress;
    ot->out.announce = start->message->announce;
    ot->out.n_metadata = start->metadata.n_entries;
    describe(ot->out.first_metadata, sizeof(ot->out.first_metadata), start->metadata);
    ot->out.events = start->events;
    ot->start.run = run_start;
    csvc__loop_post(tc->loop, &ot->start);
}

static csvc_md md_of(const char *key, const char *value)
{
    return (csvc_md){{strlen(key), (const uint8_t *)key}, {strlen(value), (const uint8_t *)value}};
}

void fake_out_message(fake_out *out, const void *bytes, size_t len, bool compressed)
{
    out->events->message(out->tc, payload_of(bytes, len, compressed, false));
}

void fake_out_headers(fake_out *out, const char *key, const char *value)
{
    const csvc_md md = md_of(key, value);

    out->events->headers(out->tc, (csvc_md_list){&md, 1});
}

void fake_out_status(fake_out *out, csvc_code code, const char *text, const char *trailer_key,
                     const char *trailer_value)
{
    csvc_md md = {0};
    csvc_md_list trailers = {0};

    if (trailer_key != NULL) {
        md = md_of(trailer_key, trailer_value);
        trailers = (csvc_md_list){&md, 1};
    }
    out_of(out->tc)->ended = true;
    out->events->status(out->tc, code, (csvc_bytes){strlen(text), (const uint8_t *)text}, trailers);
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
    .channel_new = channel_new,
    .channel_free = channel_free,
    .channel_loop = channel_loop,
    .call_new = call_new,
    .call_start = call_start,
};
