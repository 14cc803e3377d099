/* nghttp2/serve.c: a call from the first of its headers to the end of its stream. */
#include <transport/nghttp2/receive.h>
#include <transport/nghttp2/send.h>
#include <transport/nghttp2/serve.h>

#include <string.h>

#include <base/banned.h>

/* ---- of csvc_tcall_ops ---- */

static void read_one(csvc_tcall *tc)
{
    ng_call *call = (ng_call *)tc;

    call->reading = true;
    if (!call->feeding && (call->inbox.unread.len > 0 || call->half_closed)) {
        csvc__ng_call_ready(call, NG_READY_READ);
    }
}

static void cancel(csvc_tcall *tc, csvc_code code, const char *text)
{
    csvc__ng_cut((ng_call *)tc, code, text);
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
        csvc__ng_cut(call, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
}

static void release(csvc_tcall *tc)
{
    csvc__ng_call_free((ng_call *)tc);
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

/* ---- what it is ready for ---- */

static void run(ng_due *due)
{
    ng_call *call = NG_CONTAINER(due, ng_call, due);
    const csvc_served_events *events = call->loop->shared->events;
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

/* ---- the beginning ---- */

static void out_of_time(csvc_timer *timer)
{
    static const char text[] = "Deadline Exceeded";
    ng_call *call = NG_CONTAINER(timer, ng_call, timer);

    if (call->cut) {
        csvc__ng_reset(call);
    } else if (call->started) {
        csvc__ng_cut(call, CSVC_DEADLINE_EXCEEDED, text);
    } else { /* its message is not all here */
        call->broken = true;
        csvc__ng_call_start(call, CSVC_DEADLINE_EXCEEDED, text);
    }
}

ng_call *csvc__ng_serve_new(ng_conn *conn, int32_t stream)
{
    ng_call *call = csvc__ng_call_new(conn, stream);

    if (call != NULL) {
        call->base.ops = &served_ops;
        call->due.run = run;
        call->timer.run = out_of_time;
    }
    return call;
}

/* Not gRPC at all: nobody above hears of it. */
static void turn_away(ng_call *call, const char *http_status, const char *text)
{
    ng_conn *conn = call->conn;
    const int32_t stream = call->stream;

    (void)nghttp2_session_set_stream_user_data(conn->session, stream, NULL);
    csvc__ng_call_close(call);
    csvc__ng_call_free(call); /* the upper side does not know it */
    csvc__ng_refuse(conn, stream, http_status, CSVC_INTERNAL, text);
}

bool csvc__ng_serve_path(ng_call *call, const uint8_t *path, size_t len)
{
    ng_conn *conn = call->conn;
    const ng_method *method = conn->called;

    if (method == NULL || method->path_len != len || memcmp(method->path, path, len) != 0) {
        method = csvc__map_get_n(&call->loop->shared->by_path, (const char *)path, len);
    }
    call->method = method;
    if (method != NULL) {
        conn->called = method;
    }
    return method != NULL;
}

void csvc__ng_serve_headers(ng_call *call)
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
        call->deadline = csvc__ng_after(csvc__now(), rq->timeout);
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

/* ---- the end ---- */

void csvc__ng_serve_gone(ng_call *call)
{
    ng_conn *conn = call->conn;

    if (call->stream == 0) {
        return;
    }
    csvc__ng_call_close(call);
    csvc__timer_stop(&call->loop->base, &call->timer);
    if (conn->current == call) {
        conn->current = NULL;
    }
    if (!call->started) {
        csvc__ng_call_free(call);
        return;
    }
    if (call->finished && call->end_sent && !call->cut && conn->open) {
        call->next_ended = conn->ended;
        conn->ended = call;
        return;
    }
    call->cut = true;
    csvc__ng_unblock(call);
    csvc__ng_call_ready(call, call->finished ? NG_READY_CLOSED : NG_READY_CANCELLED);
}
