/* nghttp2/session.c: what nghttp2 tells of a connection. */
#include <transport/nghttp2/counts.h>
#include <transport/nghttp2/guard.h>
#include <transport/nghttp2/receive.h>
#include <transport/nghttp2/send.h>
#include <transport/nghttp2/serve.h>
#include <transport/nghttp2/session.h>
#include <transport/nghttp2/settings.h>

#include <string.h>

#include <base/banned.h>

enum {
    NEVER_BY_THEM = 1 << 30, /* budgets of nghttp2's own that guard.c has instead */
    REFUSED_UNREAD = 1000,   /* streams refused, beside twice as many as there may be */
    CONTINUATIONS = 8,       /* beside those that the longest metadata takes */
    FRAME_PAYLOAD = 16384
};

#define IN_TIME (20 * CSVC__MS) /* before its deadline: the peer's clock runs ahead of ours */

static const uint8_t drain_ping[8] = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};

/* ---- requests ---- */

static ng_call *call_of(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}

/*
 * One too many, or behind the last one that GOAWAY names when it has not gone out yet.
 * nghttp2 does not know the limit (settings.h).
 * Its header fields are decoded, as they have to be, and go nowhere.
 */
static void refuse(ng_conn *conn, int32_t stream)
{
    const size_t max = conn->loop->shared->max_streams;

    csvc__ng_guard(conn, NG_RESETS);
    if (conn->n_streams > 2 * max + REFUSED_UNREAD) {
        csvc__ng_guard_streams(conn);
    }
    if (nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, stream,
                                  NGHTTP2_REFUSED_STREAM) != 0) {
        csvc__ng_conn_fail(conn);
    }
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    ng_conn *conn = user;
    ng_call *call = NULL;

    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST || conn->spent) {
        return 0;
    }
    conn->current = NULL;
    conn->n_streams++;
    if (conn->n_streams > conn->loop->shared->max_streams || conn->last_said) {
        refuse(conn, frame->hd.stream_id);
        return 0;
    }
    call = csvc__ng_serve_new(conn, frame->hd.stream_id);
    if (call == NULL) { /* to a caller that is RESOURCE_EXHAUSTED */
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_ENHANCE_YOUR_CALM);
    }
    (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
    conn->current = call;
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    ng_conn *conn = user;
    ng_call *call = conn->current;

    (void)session;
    (void)frame;
    (void)flags;
    if (call == NULL || conn->spent) {
        return 0; /* trailers of a request have no meaning */
    }
    if (name_len == 5 && memcmp(name, ":path", 5) == 0 &&
        csvc__ng_serve_path(call, value, value_len)) {
        return 0; /* one of ours, as nearly always, need not be kept */
    }
    csvc__ng_request_header(&call->request, conn->loop->shared->max_metadata, name, name_len, value,
                            value_len);
    if (call->request.bytes > (size_t)conn->loop->shared->max_metadata + NG_METADATA_GRACE) {
        csvc__ng_guard_headers(conn);
    }
    return 0;
}

/* A field that HTTP/2 forbids for its value: left out, as gRPC wants it. */
static int on_bad_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                         nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    (void)session;
    (void)frame;
    (void)name;
    (void)value;
    (void)flags;
    (void)user;
    return 0;
}

static void on_headers_end(nghttp2_session *session, ng_conn *conn, const nghttp2_frame *frame)
{
    ng_call *call = NULL;

    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        call = conn->current;
        conn->current = NULL;
        if (call != NULL) {
            csvc__ng_serve_headers(call); /* which may end its memory */
        }
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        call = call_of(session, frame->hd.stream_id);
        if (call != NULL) {
            csvc__ng_receive_end(call);
        }
    }
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
                         const uint8_t *data, size_t len, void *user)
{
    ng_conn *conn = user;
    ng_call *call = call_of(session, stream);

    (void)flags;
    (void)nghttp2_session_consume_connection(session, len);
    if (call == NULL || conn->spent) {
        (void)nghttp2_session_consume_stream(session, stream, len);
        return 0;
    }
    csvc__ng_receive(call, data, len);
    return 0;
}

/* ---- frames ---- */

static void on_ping(ng_conn *conn, const nghttp2_frame *frame)
{
    if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
        csvc__ng_guard_ping(conn);
        return;
    }
    csvc__ng_guard(conn, NG_OTHER);
    conn->pinged = false;
    conn->drain_answered = conn->drain_answered ||
                           (conn->drain_pinged &&
                            memcmp(frame->ping.opaque_data, drain_ping, sizeof(drain_ping)) == 0);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    ng_conn *conn = user;

    (void)session;
    if (conn->spent) {
        return 0;
    }
    switch (hd->type) {
    case NGHTTP2_SETTINGS:
        csvc__ng_guard(conn, NG_SETTINGS);
        break;
    case NGHTTP2_DATA:
        if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0) {
            csvc__ng_guard(conn, NG_EMPTY);
        }
        break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_PING:
        break;
    default:
        csvc__ng_guard(conn, NG_OTHER);
        break;
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    ng_conn *conn = user;
    ng_call *call = NULL;

    if (conn->spent) {
        return 0;
    }
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        on_headers_end(session, conn, frame);
        break;
    case NGHTTP2_DATA:
        if (frame->hd.length > 0 && frame->hd.length == frame->data.padlen) {
            csvc__ng_guard(conn, NG_EMPTY);
        }
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            call = call_of(session, frame->hd.stream_id);
            if (call != NULL) {
                csvc__ng_receive_end(call);
            }
        }
        break;
    case NGHTTP2_SETTINGS:
        if (!conn->begun) {
            conn->begun = true;
            conn->idle_since = conn->loop->now;
            csvc__ng_conn_watch(conn);
        }
        break;
    case NGHTTP2_PING:
        on_ping(conn, frame);
        break;
    default:
        break;
    }
    return 0;
}

/* ---- what went out ---- */

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    ng_conn *conn = user;
    ng_call *call = NULL;

    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
        /* nghttp2's own, where the connection is not spent by now; it reads no further */
        csvc__ng_conn_spend(conn, nghttp2_http2_strerror(frame->goaway.error_code),
                            NG_PROTOCOL_ERROR);
        conn->sent_away = true;
        return 0;
    }
    if (frame->hd.type == NGHTTP2_GOAWAY && conn->draining && !conn->drain_pinged) {
        conn->drain_pinged = true;
        if (nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, drain_ping) != 0) {
            csvc__ng_conn_fail(conn);
        }
        return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    csvc__ng_budget_credit(conn->budgets, NG_OTHER);
    conn->strikes = 0; /* a peer that is answered may ask whether we live */
    conn->ping_ok = 0;
    if (frame->hd.type != NGHTTP2_HEADERS || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        return 0;
    }
    call = call_of(session, frame->hd.stream_id);
    if (call != NULL) {
        call->end_sent = true;
    }
    /* and it need not send what it may still have */
    if (nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0 &&
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_NO_ERROR) != 0) {
        csvc__ng_conn_fail(conn);
    }
    return 0;
}

static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    (void)error;
    if (frame->hd.type == NGHTTP2_HEADERS &&
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_INTERNAL_ERROR) != 0) {
        csvc__ng_conn_fail(user);
    }
    return 0;
}

/* A stream that nghttp2 resets for what the peer has sent. */
static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    (void)session;
    (void)frame;
    (void)error;
    csvc__ng_guard(user, NG_OTHER);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    ng_conn *conn = user;
    ng_call *call = call_of(session, stream);

    (void)code;
    conn->n_streams -= conn->n_streams > 0;
    if (call == NULL) {
        return 0;
    }
    /* By a reset of the peer's, or by one that it has brought about: calls that it need not wait
     * for. One whose time is up anyway costs nothing. */
    if (call->end_sent) {
        csvc__ng_budget_credit(conn->budgets, NG_RESETS);
    } else if (conn->open && !call->cut && call->deadline > conn->loop->now + IN_TIME) {
        csvc__ng_guard(conn, NG_RESETS);
    }
    csvc__ng_serve_gone(call);
    return 0;
}

/* ---- sessions ---- */

bool csvc__ng_sessions_prepare(ng_shared *shared)
{
    nghttp2_session_callbacks *cb = NULL;

    if (nghttp2_session_callbacks_new(&cb) != 0) {
        return false;
    }
    shared->callbacks = cb;
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(cb, on_bad_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_not_sent);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(cb, csvc__ng_send_data);
    if (nghttp2_option_new(&shared->options) != 0) {
        return false;
    }
    nghttp2_option_set_no_auto_window_update(shared->options, 1);
    nghttp2_option_set_no_closed_streams(shared->options, 1);
    nghttp2_option_set_stream_reset_rate_limit(shared->options, NEVER_BY_THEM, NEVER_BY_THEM);
    nghttp2_option_set_max_continuations(
        shared->options,
        CONTINUATIONS + (shared->max_metadata + NG_METADATA_GRACE) / FRAME_PAYLOAD);
    nghttp2_option_set_max_send_header_block_length(shared->options, NG_MAX_HEADERS);
    return true;
}

void csvc__ng_sessions_release(ng_shared *shared)
{
    nghttp2_session_callbacks_del(shared->callbacks);
    nghttp2_option_del(shared->options);
}

nghttp2_session *csvc__ng_session_new(ng_conn *conn)
{
    const ng_shared *shared = conn->loop->shared;
    nghttp2_session *session = NULL;

    if (nghttp2_session_server_new3(&session, shared->callbacks, conn, shared->options,
                                    &conn->loop->memory.functions) != 0) {
        return NULL;
    }
    if (!csvc__ng_settings_submit(session, shared)) {
        nghttp2_session_del(session);
        return NULL;
    }
    return session;
}
