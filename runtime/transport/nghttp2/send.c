/* nghttp2/send.c: what a call says: headers, messages, its end. */
#include <transport/nghttp2/fields.h>
#include <transport/nghttp2/send.h>

#include <string.h>

#include <base/banned.h>

enum {
    FIXED_HEADERS = 5
};

/* For the status of a call that was cut to go out, or for its caller to end it, before a reset. */
#define LAST_CHANCE (500 * CSVC__MS)

static const nghttp2_nv status_200 = NG_FIXED(":status", "200");
static const nghttp2_nv content_type = NG_FIXED("content-type", "application/grpc");
static const nghttp2_nv encoding_gzip = NG_FIXED("grpc-encoding", "gzip");
static const nghttp2_nv accepts = NG_FIXED("grpc-accept-encoding", "identity,gzip");

/* ---- what is said at the start and at the end ---- */

/* There is no way to say it properly. */
static void reset(ng_call *call, uint32_t code)
{
    if (call->stream != 0) {
        if (nghttp2_submit_rst_stream(call->conn->session, NGHTTP2_FLAG_NONE, call->stream, code) !=
            0) {
            csvc__ng_conn_fail(call->conn);
        }
        csvc__ng_conn_dirty(call->conn);
    }
}

static ssize_t read_some(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user);

/* Headers, and with `last` the end as well. */
static void submit_headers(ng_call *call, csvc_md_list headers, bool last)
{
    csvc__buffer *b = &call->loop->scratch;
    ng_fields *fields = &call->loop->fields;
    const nghttp2_data_provider provider = {.source.ptr = call, .read_callback = read_some};
    uint32_t n_headers = 0;
    int rc = 0;

    csvc__buffer_clear(b);
    b->failed = false;
    if (headers.n_entries > 0) {
        csvc__ng_put_metadata(b, headers, &n_headers);
    }
    if (!csvc__buffer_ok(b) ||
        !csvc__ng_fields_begin(fields, FIXED_HEADERS + n_headers + call->n_end)) {
        reset(call, NGHTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    csvc__ng_fields_add(fields, &status_200);
    csvc__ng_fields_add(fields, &content_type);
    if (call->gzip) {
        csvc__ng_fields_add(fields, &encoding_gzip);
    }
    if (call->say_accepts) {
        csvc__ng_fields_add(fields, &accepts);
    }
    csvc__ng_fields_add_records(fields, b, n_headers);
    if (last) {
        csvc__ng_fields_add(fields, csvc__ng_status(call->code));
        csvc__ng_fields_add_records(fields, &call->end, call->n_end);
    }
    call->submitted = true;
    call->end_queued = last;
    rc = nghttp2_submit_response(call->conn->session, call->stream, fields->nva, fields->n,
                                 last ? NULL : &provider);
    if (rc != 0) {
        reset(call, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    csvc__ng_conn_dirty(call->conn);
}

/* False: no memory. */
static bool submit_trailers(ng_call *call)
{
    ng_fields *fields = &call->loop->fields;

    if (!csvc__ng_fields_begin(fields, 1 + call->n_end)) {
        return false;
    }
    csvc__ng_fields_add(fields, csvc__ng_status(call->code));
    csvc__ng_fields_add_records(fields, &call->end, call->n_end);
    call->end_queued = true;
    return nghttp2_submit_trailer(call->conn->session, call->stream, fields->nva, fields->n) == 0;
}

void csvc__ng_refuse(ng_conn *conn, int32_t stream, const char *http_status, csvc_code code,
                     const char *text)
{
    const nghttp2_nv nva[] = {
        {NG_TEXT(":status"), NG_TEXT(http_status), 7, strlen(http_status), NGHTTP2_NV_FLAG_NONE},
        content_type,
        *csvc__ng_status(code),
        {NG_TEXT("grpc-message"), NG_TEXT(text), 12, strlen(text), NGHTTP2_NV_FLAG_NONE},
    };

    if (nghttp2_submit_response(conn->session, stream, nva, sizeof(nva) / sizeof(nva[0]), NULL) !=
            0 &&
        nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, stream,
                                  NGHTTP2_INTERNAL_ERROR) != 0) {
        csvc__ng_conn_fail(conn);
    }
    csvc__ng_conn_dirty(conn);
}

/* The queue has grown, or its end has come into sight. */
static void resume(ng_call *call)
{
    if (call->deferred) {
        call->deferred = false;
        if (nghttp2_session_resume_data(call->conn->session, call->stream) == NGHTTP2_ERR_NOMEM) {
            csvc__ng_conn_fail(call->conn);
        }
    }
    csvc__ng_conn_dirty(call->conn);
}

/* ---- what nghttp2 asks for ---- */

static ssize_t read_some(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    ng_call *call = source->ptr;
    const size_t n = call->queue.bytes < length ? call->queue.bytes : length;

    (void)session;
    (void)stream;
    (void)buffer;
    (void)user;
    if (n == call->queue.bytes && call->ending) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (!submit_trailers(call)) {
            reset(call, NGHTTP2_ENHANCE_YOUR_CALM);
            return NGHTTP2_ERR_DEFERRED;
        }
    } else if (n == 0) {
        call->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    call->promised = n;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return (ssize_t)n;
}

int csvc__ng_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                       size_t length, nghttp2_data_source *source, void *user)
{
    ng_call *call = source->ptr;
    ng_out *out = &call->loop->out;

    (void)session;
    (void)frame;
    (void)user;
    if (call->promised != length) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it was cut meanwhile */
    }
    if (!csvc__ng_out_has_room(out)) {
        out->full = true;
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    call->promised = 0;
    csvc__ng_out_copy(out, head, NG_HEAD);
    csvc__ng_queue_move(&call->queue, out, length);
    if (call->blocked && !csvc__ng_queue_is_long(&call->queue)) {
        call->blocked = false;
        csvc__ng_call_ready(call, NG_READY_WRITABLE);
    }
    return 0;
}

/* ---- downward ---- */

void *csvc__ng_reserve(csvc_tcall *tc, size_t len)
{
    return csvc__ng_queue_reserve(&((ng_call *)tc)->queue, len);
}

/* No memory for what it wants to say. */
static void give_up(ng_call *call)
{
    csvc__ng_cut(call, CSVC_RESOURCE_EXHAUSTED, "out of memory");
}

/* Puts a message behind the others. False: no memory. */
static bool put(ng_call *call, const csvc_outgoing *message)
{
    return csvc__ng_queue_put(&call->queue, message, message->compress && call->gzip);
}

/* Whether the headers say that messages may be packed. */
static void offer_gzip(ng_call *call, bool wanted)
{
    if (!call->submitted && wanted && call->request.takes_gzip) {
        call->gzip = true;
    }
}

void csvc__ng_send_headers(csvc_tcall *tc, csvc_md_list headers, bool announce)
{
    ng_call *call = (ng_call *)tc;

    if (call->submitted || call->cut || call->stream == 0) {
        return;
    }
    offer_gzip(call, announce);
    submit_headers(call, headers, false);
}

void csvc__ng_send(csvc_tcall *tc, const csvc_outgoing *message, bool more)
{
    ng_call *call = (ng_call *)tc;

    (void)more; /* a turn's messages go together anyway */
    if (call->cut || call->stream == 0) {
        csvc__ng_call_ready(call, NG_READY_WRITABLE);
        return;
    }
    offer_gzip(call, message->announce || message->compress);
    if (!put(call, message)) {
        give_up(call);
        csvc__ng_call_ready(call, NG_READY_WRITABLE);
        return;
    }
    if (call->submitted) {
        resume(call);
    } else {
        submit_headers(call, (csvc_md_list){0}, false);
    }
    if (!csvc__ng_queue_is_long(&call->queue)) {
        csvc__ng_call_ready(call, NG_READY_WRITABLE);
    } else {
        call->blocked = true;
    }
}

/* The end as it will be on the wire. False: no memory. */
static bool put_end(ng_call *call, csvc_code code, csvc_bytes text, csvc_md_list trailers)
{
    call->code = code;
    call->n_end = 0;
    if (text.len > 0) {
        csvc__ng_put_message(&call->end, text, &call->n_end);
    }
    if (trailers.n_entries > 0) {
        csvc__ng_put_metadata(&call->end, trailers, &call->n_end);
    }
    if (csvc__buffer_ok(&call->end)) {
        return true;
    }
    csvc__buffer_release(&call->end);
    call->n_end = 0;
    call->code = CSVC_RESOURCE_EXHAUSTED;
    return false;
}

/* A peer that opens no window shall not keep the call beyond its time. */
static void mind_the_deadline(ng_call *call)
{
    int32_t window = 0;

    if (call->deadline == INT64_MAX || call->timer.slot != 0 || call->queue.bytes == 0) {
        return;
    }
    window = nghttp2_session_get_stream_remote_window_size(call->conn->session, call->stream);
    if ((window < 0 || call->queue.bytes > (size_t)window) &&
        csvc__timer_set(&call->loop->base, &call->timer, call->deadline) != CSVC_OK) {
        give_up(call);
    }
}

void csvc__ng_finish(csvc_tcall *tc, const csvc_ending *end)
{
    ng_call *call = (ng_call *)tc;
    bool ok = true;

    call->finished = true;
    if (call->stream == 0) {
        csvc__ng_call_ready(call, NG_READY_CLOSED);
        return;
    }
    if (call->cut) {
        return; /* what was said at the cut stands; the stream's end follows */
    }
    ok = put_end(call, end->code, end->text, end->trailers);
    if (ok && end->message != NULL) {
        offer_gzip(call, end->message->announce || end->message->compress);
        ok = put(call, end->message);
        if (!ok) {
            (void)put_end(call, CSVC_RESOURCE_EXHAUSTED, (csvc_bytes){0}, (csvc_md_list){0});
        }
    }
    call->ending = true;
    if (call->submitted) {
        resume(call);
    } else {
        submit_headers(call, end->headers, call->queue.bytes == 0 && end->headers.n_entries == 0);
    }
    mind_the_deadline(call);
}

/* What a reset can say of a code (PROTOCOL-HTTP2, errors). Never that the stream was refused: a
 * client may make such a call again, and this one's handler has run. */
static uint32_t reset_code(csvc_code code)
{
    return code == CSVC_RESOURCE_EXHAUSTED ? NGHTTP2_ENHANCE_YOUR_CALM
           : code == CSVC_INTERNAL         ? NGHTTP2_INTERNAL_ERROR
                                           : NGHTTP2_CANCEL;
}

/* Whether all that is left may go out at once. */
static bool has_window(const ng_call *call)
{
    nghttp2_session *session = call->conn->session;
    const int32_t stream = nghttp2_session_get_stream_remote_window_size(session, call->stream);
    const int32_t all = nghttp2_session_get_remote_window_size(session);
    const int32_t least = stream < all ? stream : all;

    return least > 0 && call->queue.bytes <= (size_t)least;
}

void csvc__ng_reset(ng_call *call)
{
    reset(call, reset_code(call->code));
}

/* By trailers where they can go out, else by a reset. */
static void say_cut(ng_call *call, csvc_code code, const char *text)
{
    const csvc_bytes bytes = {.len = strlen(text), .data = (const uint8_t *)text};

    if (call->end_queued) {
        return; /* nothing can be said behind the end */
    }
    csvc__ng_queue_drop(&call->queue, call->promised);
    if (call->n_end > 0) {
        csvc__buffer_clear(&call->end);
    }
    (void)put_end(call, code, bytes, (csvc_md_list){0});
    call->ending = true;
    if (!call->submitted) {
        submit_headers(call, (csvc_md_list){0}, true);
        return;
    }
    resume(call);
    /* A caller whose time is up says so himself: a reset at once would be news to him. */
    if ((!has_window(call) && code != CSVC_DEADLINE_EXCEEDED) ||
        csvc__timer_set(&call->loop->base, &call->timer, csvc__now() + LAST_CHANCE) != CSVC_OK) {
        csvc__ng_reset(call);
    }
}

void csvc__ng_unblock(ng_call *call)
{
    if (call->blocked) {
        call->blocked = false;
        csvc__ng_call_ready(call, NG_READY_WRITABLE);
    }
}

void csvc__ng_cut(ng_call *call, csvc_code code, const char *text)
{
    if (call->cut || call->stream == 0) {
        return;
    }
    call->cut = true;
    csvc__timer_stop(&call->loop->base, &call->timer);
    say_cut(call, code, text);
    csvc__ng_unblock(call);
    if (call->started && !call->finished) {
        csvc__ng_call_ready(call, NG_READY_CANCELLED);
    }
}
