/*
 * nghttp2/call.c: a served call, from the first of its headers to its release.
 *
 * A call and the room behind it are used again and again. It is known to its connection while its
 * stream is open; the upper side may hold it longer, and the connection's memory with it.
 */
#include <base/arena.h>
#include <csvc/alloc.h>
#include <transport/nghttp2/ng.h>

#include <string.h>

#include <base/banned.h>

static void out_of_time(csvc_timer *timer);
static void release(csvc_tcall *tc);

/* ---- of csvc_tcall_ops ---- */

static void read_one(csvc_tcall *tc)
{
    ng_call *call = (ng_call *)tc;

    call->reading = true;
    if (!call->feeding && (call->unread.len > 0 || call->half_closed)) {
        csvc__ng_call_ready(call, NG_READY_READ);
    }
}

static void cancel(csvc_tcall *tc, csvc_code code, const char *text)
{
    csvc__ng_call_cut((ng_call *)tc, code, text);
}

static const char *peer(csvc_tcall *tc, csvc_arena *a)
{
    return csvc_arena_strdup(a, ((ng_call *)tc)->conn->peer);
}

static bool identity(csvc_tcall *tc, csvc_arena *a, csvc_identity *ret_identity)
{
    const ng_call *call = (ng_call *)tc;

    *ret_identity = (csvc_identity){0};
    return call->conn->tls == NULL || csvc__ng_tls_identity(call->conn->tls, a, ret_identity);
}

static bool metadata(csvc_tcall *tc, csvc_md_list *ret_metadata)
{
    return csvc__ng_request_metadata(&((ng_call *)tc)->request, ret_metadata);
}

static void watch(csvc_tcall *tc)
{
    ng_call *call = (ng_call *)tc;

    if (call->watched) {
        return;
    }
    call->watched = true;
    if (call->cut || call->stream == 0) {
        csvc__ng_call_ready(call, NG_READY_CANCELLED);
    } else if (call->deadline != INT64_MAX && call->timer.slot == 0 &&
               csvc__timer_set(&call->loop->base, &call->timer, call->deadline) != CSVC_OK) {
        csvc__ng_call_cut(call, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
}

static const csvc_tcall_ops served_ops = {
    .reserve = csvc__ng_reserve,
    .read = read_one,
    .send = csvc__ng_send,
    .cancel = cancel,
    .peer = peer,
    .identity = identity,
    .release = release,
    .send_headers = csvc__ng_send_headers,
    .finish = csvc__ng_finish,
    .watch = watch,
    .metadata = metadata,
};

/* ---- memory ---- */

/* Under AddressSanitizer a call is not reused, so that who touches a released one is found. */
static size_t max_spare(void)
{
#if defined(CSVC__ARENA_ASAN)
    return 0;
#else
    return NG_MAX_SPARE;
#endif
}

static ng_call *allocate(ng_loop *loop)
{
    csvc_tserver *ts = loop->ts;
    ng_call *call = csvc__malloc(sizeof(*call) + ts->upper_size);

    if (call == NULL) {
        return NULL;
    }
    memset(call, 0, sizeof(*call));
    call->base = (csvc_tcall){.ops = &served_ops, .loop = &loop->base, .upper = call->upper};
    call->loop = loop;
    call->timer.run = out_of_time;
    atomic_init(&call->small_in.used, false);
    csvc__buffer_init(&call->request.text, ts->max_metadata + NG_METADATA_GRACE);
    csvc__buffer_init(&call->unread, 2 * NG_STREAM_WINDOW + NG_READ_SIZE);
    csvc__buffer_init(&call->end, NG_MAX_HEADERS);
    return call;
}

static void deallocate(ng_call *call)
{
    csvc__ng_request_release(&call->request);
    csvc__buffer_release(&call->unread);
    csvc__free(call);
}

/* What each use of the memory starts with. */
static void prepare(ng_call *call)
{
    csvc__ng_request_reset(&call->request);
    call->method = NULL;
    call->deadline = INT64_MAX;
    call->ready = 0;
    call->listed = false;
    call->started = call->watched = call->cut = call->told = false;
    call->finished = call->delivered = call->half_closed = false;
    call->reading = call->feeding = call->broken = call->has_first = false;
    call->n_prefix = call->msg_len = call->msg_got = 0;
    call->unread.failed = false;
    call->queue_end = &call->queue;
    call->promised = 0;
    call->submitted = call->deferred = call->ending = false;
    call->end_queued = call->end_sent = call->blocked = false;
    call->gzip = call->say_accepts = false;
    call->end.failed = false;
}

ng_call *csvc__ng_call_new(ng_conn *conn, int32_t stream)
{
    ng_loop *loop = conn->loop;
    ng_call *call = loop->spare;

    if (call != NULL) {
        loop->spare = call->next;
        loop->n_spare--;
    } else {
        call = allocate(loop);
        if (call == NULL) {
            return NULL;
        }
    }
    prepare(call);
    call->stream = stream;
    call->conn = conn;
    conn->refs++;
    call->prev = NULL;
    call->next = conn->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    conn->calls = call;
    conn->n_calls++;
    loop->n_live++;
    return call;
}

static void unlink_from_conn(ng_call *call)
{
    ng_conn *conn = call->conn;

    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        conn->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    conn->n_calls--;
    if (conn->n_calls == 0) {
        conn->idle_since = conn->loop->now;
        csvc__ng_conn_watch(conn);
    }
}

static void give_back(ng_call *call)
{
    ng_loop *loop = call->loop;
    ng_conn *conn = call->conn;

    csvc__ng_send_release(call);
    csvc__ng_receive_release(call);
    csvc__timer_stop(&loop->base, &call->timer);
    call->conn = NULL;
    loop->n_live--;
    if (loop->ending || loop->n_spare >= max_spare()) {
        deallocate(call);
    } else {
        call->next = loop->spare;
        loop->spare = call;
        loop->n_spare++;
    }
    csvc__ng_conn_unref(conn);
}

/* One that the upper side does not know. */
static void forget(ng_call *call)
{
    if (call->stream != 0) {
        call->stream = 0;
        unlink_from_conn(call);
    }
    give_back(call);
}

static void release(csvc_tcall *tc)
{
    give_back((ng_call *)tc);
}

void csvc__ng_call_free_spare(ng_loop *loop)
{
    while (loop->spare != NULL) {
        ng_call *call = loop->spare;

        loop->spare = call->next;
        deallocate(call);
    }
    loop->n_spare = 0;
}

/* ---- upward ---- */

void csvc__ng_call_ready(ng_call *call, unsigned what)
{
    ng_loop *loop = call->loop;

    call->ready |= what;
    if (!call->listed) {
        call->listed = true;
        call->next_ready = NULL;
        *loop->ready_end = call;
        loop->ready_end = &call->next_ready;
    }
}

void csvc__ng_call_run(ng_call *call)
{
    const csvc_served_events *events = call->loop->ts->events;
    const unsigned what = call->ready;

    call->ready = 0;
    if ((what & NG_READY_READ) != 0) {
        csvc__ng_receive_more(call);
    }
    if ((what & NG_READY_WRITABLE) != 0 && !call->finished) {
        events->writable(&call->base);
    }
    if ((what & NG_READY_CANCELLED) != 0 && call->watched && !call->told && !call->finished) {
        call->told = true;
        events->cancelled(&call->base);
    }
    if ((what & NG_READY_CLOSED) != 0) {
        events->closed(&call->base, call->delivered, !call->delivered);
    }
}

void csvc__ng_call_start(ng_call *call, csvc_code code, const char *refusal)
{
    csvc_tserver *ts = call->loop->ts;
    const ng_method *method = call->method;
    csvc_arrival arrival = {.deadline = call->deadline, .refusal = refusal, .refusal_code = code};

    call->started = true;
    if (method != NULL) {
        arrival.method = method->method;
        arrival.path = (csvc_bytes){.len = method->path_len, .data = (const uint8_t *)method->path};
    } else {
        arrival.path = (csvc_bytes){.len = call->request.path_len,
                                    .data = (const uint8_t *)call->request.text.data};
    }
    if (refusal == NULL && call->deadline <= csvc__now()) {
        arrival.refusal = "Deadline Exceeded";
        arrival.refusal_code = CSVC_DEADLINE_EXCEEDED;
    }
    if (arrival.refusal == NULL && call->first != NULL) {
        arrival.first = &call->first->base;
        call->first = NULL;
    }
    ts->events->started(ts->server, &call->base, &arrival);
}

/* Not gRPC at all: nobody above hears of it. */
static void turn_away(ng_call *call, const char *http_status, const char *text)
{
    ng_conn *conn = call->conn;
    const int32_t stream = call->stream;

    (void)nghttp2_session_set_stream_user_data(conn->session, stream, NULL);
    forget(call);
    csvc__ng_send_refusal(conn, stream, http_status, CSVC_INTERNAL, text);
}

bool csvc__ng_call_path(ng_call *call, const uint8_t *path, size_t len)
{
    ng_conn *conn = call->conn;
    const ng_method *method = conn->called;

    if (method == NULL || method->path_len != len || memcmp(method->path, path, len) != 0) {
        method = csvc__map_get_n(&call->loop->ts->by_path, (const char *)path, len);
    }
    call->method = method;
    if (method != NULL) {
        conn->called = method;
    }
    return method != NULL;
}

void csvc__ng_call_headers(ng_call *call)
{
    ng_request *rq = &call->request;

    if (!rq->is_post) {
        turn_away(call, "405", "the method of a call is POST");
        return;
    }
    if (!rq->is_grpc) {
        turn_away(call, "415", "the content-type of a call is application/grpc");
        return;
    }
    if (!rq->has_te) {
        turn_away(call, "400", "te: trailers is missing");
        return;
    }
    if (rq->timeout != INT64_MAX && !rq->bad_timeout) {
        const int64_t now = csvc__now();

        call->deadline = rq->timeout < INT64_MAX - now ? now + rq->timeout : INT64_MAX;
    }
    if (rq->long_metadata) {
        csvc__ng_call_start(call, CSVC_RESOURCE_EXHAUSTED,
                            "the metadata is longer than this server allows");
    } else if (rq->no_memory || !csvc__buffer_ok(&rq->text)) {
        csvc__ng_call_start(call, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    } else if (rq->bad_timeout) {
        csvc__ng_call_start(call, CSVC_INTERNAL, "the grpc-timeout is malformed");
    } else if (call->method == NULL || !call->method->reads_first) {
        csvc__ng_call_start(call, CSVC_OK, NULL);
    } else if (call->deadline != INT64_MAX &&
               csvc__timer_set(&call->loop->base, &call->timer, call->deadline) != CSVC_OK) {
        csvc__ng_call_start(call, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
}

/* ---- ends ---- */

static void out_of_time(csvc_timer *timer)
{
    static const char text[] = "Deadline Exceeded";
    ng_call *call = NG_CONTAINER(timer, ng_call, timer);

    if (call->cut) {
        csvc__ng_send_reset(call);
    } else if (call->started) {
        csvc__ng_call_cut(call, CSVC_DEADLINE_EXCEEDED, text);
    } else { /* its message is not all here */
        call->broken = true;
        csvc__ng_call_start(call, CSVC_DEADLINE_EXCEEDED, text);
    }
}

/* A message that nobody will take any more counts as sent. */
static void answer_send(ng_call *call)
{
    if (call->blocked) {
        call->blocked = false;
        csvc__ng_call_ready(call, NG_READY_WRITABLE);
    }
}

void csvc__ng_call_cut(ng_call *call, csvc_code code, const char *text)
{
    if (call->cut || call->stream == 0) {
        return;
    }
    call->cut = true;
    csvc__timer_stop(&call->loop->base, &call->timer);
    csvc__ng_send_cut(call, code, text);
    answer_send(call);
    if (call->started && !call->finished) {
        csvc__ng_call_ready(call, NG_READY_CANCELLED);
    }
}

void csvc__ng_call_gone(ng_call *call)
{
    ng_conn *conn = call->conn;

    if (call->stream == 0) {
        return;
    }
    call->stream = 0;
    unlink_from_conn(call);
    csvc__timer_stop(&call->loop->base, &call->timer);
    if (conn->current == call) {
        conn->current = NULL;
    }
    if (!call->started) {
        give_back(call);
        return;
    }
    if (call->finished && call->end_sent && !call->cut && conn->open) {
        call->next_ended = conn->ended;
        conn->ended = call;
        return;
    }
    call->cut = true;
    answer_send(call);
    csvc__ng_call_ready(call, call->finished ? NG_READY_CLOSED : NG_READY_CANCELLED);
}
