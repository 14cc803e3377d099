/*
 * nghttp2/send.c: headers, messages and statuses.
 *
 * What a call sends waits in its queue until nghttp2 asks for a frame's worth; several short
 * messages go in one frame. Trailers are handed over when the queue has run dry, so they stand
 * ready, as they will be on the wire, in the call.
 */
#include <base/base64.h>
#include <csvc/alloc.h>
#include <transport/nghttp2/ng.h>

#include <string.h>

#include <base/banned.h>

enum {
    FIXED_HEADERS = 5
};

/* For the status of a call that was cut to go out, or for its caller to end it, before a reset. */
#define LAST_CHANCE (500 * CSVC__MS)

/* ---- header fields ---- */

#define TEXT(text) (uint8_t *)(uintptr_t)(text)
/* Neither is copied: both are the program's own. */
#define FIXED(n, v)                                                                                \
    {                                                                                              \
        TEXT(n), TEXT(v), sizeof(n) - 1, sizeof(v) - 1,                                            \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                           \
    }

static const nghttp2_nv status_200 = FIXED(":status", "200");
static const nghttp2_nv content_type = FIXED("content-type", "application/grpc");
static const nghttp2_nv encoding_gzip = FIXED("grpc-encoding", "gzip");
static const nghttp2_nv accepts = FIXED("grpc-accept-encoding", "identity,gzip");
static const nghttp2_nv codes[] = {
    FIXED("grpc-status", "0"),  FIXED("grpc-status", "1"),  FIXED("grpc-status", "2"),
    FIXED("grpc-status", "3"),  FIXED("grpc-status", "4"),  FIXED("grpc-status", "5"),
    FIXED("grpc-status", "6"),  FIXED("grpc-status", "7"),  FIXED("grpc-status", "8"),
    FIXED("grpc-status", "9"),  FIXED("grpc-status", "10"), FIXED("grpc-status", "11"),
    FIXED("grpc-status", "12"), FIXED("grpc-status", "13"), FIXED("grpc-status", "14"),
    FIXED("grpc-status", "15"), FIXED("grpc-status", "16"),
};

static const nghttp2_nv *status_field(csvc_code code)
{
    const unsigned n = (unsigned)code;

    return &codes[n < sizeof(codes) / sizeof(codes[0]) ? n : CSVC_UNKNOWN];
}

/* A field in a buffer: the lengths of name and value, then both. */
typedef struct record {
    uint32_t name_len, value_len;
} record;

static void end_record(csvc__buffer *b, size_t at, size_t name_len)
{
    const record r = {.name_len = (uint32_t)name_len,
                      .value_len = (uint32_t)(b->len - at - sizeof(r) - name_len)};

    if (csvc__buffer_ok(b)) {
        memcpy(b->data + at, &r, sizeof(r));
    }
}

static size_t begin_record(csvc__buffer *b, const void *name, size_t len)
{
    const size_t at = b->len;
    const record none = {0};

    csvc__buffer_add(b, &none, sizeof(none));
    csvc__buffer_add(b, name, len);
    return at;
}

/* Metadata as it is on the wire. */
static void put_metadata(csvc__buffer *b, csvc_md_list list, uint32_t *n)
{
    for (size_t i = 0; i < list.n_entries; i++) {
        const csvc_bytes key = list.entries[i].key;
        const csvc_bytes value = list.entries[i].value;
        const size_t at = begin_record(b, key.data, key.len);

        if (key.len > 4 && memcmp(key.data + key.len - 4, "-bin", 4) == 0) {
            csvc__base64_add(b, value.data, value.len);
            while (csvc__buffer_ok(b) && value.len > 0 && b->data[b->len - 1] == '=') {
                b->len--; /* sent without padding (PROTOCOL-HTTP2) */
            }
        } else {
            csvc__buffer_add(b, value.data, value.len);
        }
        end_record(b, at, key.len);
        (*n)++;
    }
}

/* grpc-message: all but printable ASCII, and '%', as %XX. */
static void put_text(csvc__buffer *b, csvc_bytes text, uint32_t *n)
{
    static const char name[] = "grpc-message";
    static const char digits[] = "0123456789ABCDEF";
    const size_t at = begin_record(b, name, sizeof(name) - 1);

    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (c >= 0x20 && c <= 0x7e && c != '%') {
            csvc__buffer_putc(b, (char)c);
        } else {
            csvc__buffer_putc(b, '%');
            csvc__buffer_putc(b, digits[c >> 4]);
            csvc__buffer_putc(b, digits[c & 15]);
        }
    }
    end_record(b, at, sizeof(name) - 1);
    (*n)++;
}

/* Room for so many in the loop's array. */
static bool make_room(ng_loop *loop, size_t n)
{
    nghttp2_nv *nva = NULL;

    if (n <= loop->max_nva) {
        return true;
    }
    nva = csvc__realloc(loop->nva, n * sizeof(*nva));
    if (nva == NULL) {
        return false;
    }
    loop->nva = nva;
    loop->max_nva = n;
    return true;
}

static size_t add_records(nghttp2_nv *nva, size_t n, const csvc__buffer *b, uint32_t n_records)
{
    uint8_t *at = (uint8_t *)b->data;

    for (uint32_t i = 0; i < n_records; i++) {
        record r;

        memcpy(&r, at, sizeof(r));
        nva[n++] = (nghttp2_nv){.name = at + sizeof(r),
                                .namelen = r.name_len,
                                .value = at + sizeof(r) + r.name_len,
                                .valuelen = r.value_len};
        at += sizeof(r) + r.name_len + r.value_len;
    }
    return n;
}

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
    ng_loop *loop = call->loop;
    csvc__buffer *b = &loop->scratch;
    const nghttp2_data_provider provider = {.source.ptr = call, .read_callback = read_some};
    uint32_t n_headers = 0;
    size_t n = 0;
    int rc = 0;

    csvc__buffer_clear(b);
    b->failed = false;
    put_metadata(b, headers, &n_headers);
    if (!csvc__buffer_ok(b) || !make_room(loop, FIXED_HEADERS + n_headers + call->n_end)) {
        reset(call, NGHTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    loop->nva[n++] = status_200;
    loop->nva[n++] = content_type;
    if (call->gzip) {
        loop->nva[n++] = encoding_gzip;
    }
    if (call->say_accepts) {
        loop->nva[n++] = accepts;
    }
    n = add_records(loop->nva, n, b, n_headers);
    if (last) {
        loop->nva[n++] = *status_field(call->code);
        n = add_records(loop->nva, n, &call->end, call->n_end);
    }
    call->submitted = true;
    call->end_queued = last;
    rc = nghttp2_submit_response(call->conn->session, call->stream, loop->nva, n,
                                 last ? NULL : &provider);
    if (rc != 0) {
        reset(call, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    csvc__ng_conn_dirty(call->conn);
}

/* False: no memory. */
static bool submit_trailers(ng_call *call)
{
    ng_loop *loop = call->loop;
    size_t n = 0;

    if (!make_room(loop, 1 + call->n_end)) {
        return false;
    }
    loop->nva[n++] = *status_field(call->code);
    n = add_records(loop->nva, n, &call->end, call->n_end);
    call->end_queued = true;
    return nghttp2_submit_trailer(call->conn->session, call->stream, loop->nva, n) == 0;
}

void csvc__ng_send_refusal(ng_conn *conn, int32_t stream, const char *http_status, csvc_code code,
                           const char *text)
{
    const nghttp2_nv nva[] = {
        {TEXT(":status"), TEXT(http_status), 7, strlen(http_status), NGHTTP2_NV_FLAG_NONE},
        content_type,
        *status_field(code),
        {TEXT("grpc-message"), TEXT(text), 12, strlen(text), NGHTTP2_NV_FLAG_NONE},
    };

    if (nghttp2_submit_response(conn->session, stream, nva, sizeof(nva) / sizeof(nva[0]), NULL) !=
            0 &&
        nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, stream,
                                  NGHTTP2_INTERNAL_ERROR) != 0) {
        csvc__ng_conn_fail(conn);
    }
    csvc__ng_conn_dirty(conn);
}

/* ---- the queue ---- */

static void msg_release(ng_call *call, ng_msg *msg)
{
    csvc__payload_unref(msg->payload);
    msg->payload = NULL;
    if (msg == &call->small) {
        call->small_used = false;
    } else if (msg->heap) {
        csvc__free(msg);
    }
}

static void clear_queue(ng_call *call)
{
    while (call->queue != NULL) {
        ng_msg *msg = call->queue;

        call->queue = msg->next;
        msg_release(call, msg);
    }
    call->queue_end = &call->queue;
    call->queued = 0;
    call->n_queued = 0;
}

void csvc__ng_send_release(ng_call *call)
{
    clear_queue(call);
    if (call->reserved != NULL) {
        msg_release(call, call->reserved);
        call->reserved = NULL;
    }
    csvc__buffer_release(&call->end);
    call->n_end = 0;
}

/* `len` bytes behind a prefix; 0: for a payload. NULL: no memory. */
static ng_msg *msg_new(ng_call *call, size_t len)
{
    ng_msg *msg = &call->small;

    if (len <= NG_SMALL && !call->small_used) {
        call->small_used = true;
        *msg = (ng_msg){.data = call->small_out_data};
        return msg;
    }
    if (len > SIZE_MAX - sizeof(*msg) - NG_PREFIX) {
        return NULL;
    }
    msg = csvc__malloc(sizeof(*msg) + NG_PREFIX + len);
    if (msg != NULL) {
        *msg = (ng_msg){.heap = true, .data = (uint8_t *)(msg + 1)};
    }
    return msg;
}

void *csvc__ng_reserve(csvc_tcall *tc, size_t len)
{
    ng_call *call = (ng_call *)tc;

    if (call->reserved != NULL) {
        msg_release(call, call->reserved);
    }
    call->reserved = msg_new(call, len);
    return call->reserved != NULL ? call->reserved->data + NG_PREFIX : NULL;
}

static void put_prefix(uint8_t prefix[NG_PREFIX], bool compressed, size_t len)
{
    prefix[0] = compressed;
    prefix[1] = (uint8_t)(len >> 24);
    prefix[2] = (uint8_t)(len >> 16);
    prefix[3] = (uint8_t)(len >> 8);
    prefix[4] = (uint8_t)len;
}

/* The message packed, when it may be and that is worth it; else NULL. */
static csvc_payload *packed(const ng_call *call, const csvc_outgoing *message)
{
    if (!message->compress || !call->gzip) {
        return NULL;
    }
    if (message->payload != NULL) {
        return csvc__payload_pack(message->payload->pieces, message->payload->n_pieces);
    }
    return csvc__payload_pack(&message->reserved, message->reserved.len > 0 ? 1 : 0);
}

/* Puts a message behind the others. False: no memory. */
static bool put_message(ng_call *call, const csvc_outgoing *message)
{
    csvc_payload *payload = packed(call, message);
    ng_msg *msg = NULL;

    if (payload == NULL && message->payload == NULL) {
        static const uint8_t nothing[1] = {0};

        msg = call->reserved;
        call->reserved = NULL;
        if (msg == NULL) { /* a message of no bytes needs no memory reserved */
            csvc__ng_reserve(&call->base, message->reserved.len);
            msg = call->reserved;
            call->reserved = NULL;
            if (msg == NULL) {
                return false;
            }
            memcpy(msg->data + NG_PREFIX,
                   message->reserved.len > 0 ? message->reserved.data : nothing,
                   message->reserved.len);
        }
        put_prefix(msg->data, false, message->reserved.len);
        msg->len = NG_PREFIX + message->reserved.len;
    } else {
        bool compressed = payload != NULL;

        if (payload == NULL) {
            payload = message->payload;
            compressed = payload->compressed;
            csvc__payload_ref(payload);
        }
        if (call->reserved != NULL) {
            msg_release(call, call->reserved);
            call->reserved = NULL;
        }
        msg = msg_new(call, 0);
        if (msg == NULL) {
            csvc__payload_unref(payload);
            return false;
        }
        msg->payload = payload;
        put_prefix(msg->prefix, compressed, payload->len);
        msg->len = NG_PREFIX + payload->len;
    }
    *call->queue_end = msg;
    call->queue_end = &msg->next;
    call->queued += msg->len;
    call->n_queued++;
    return true;
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

/* Whether enough waits; many short messages are long in memory. */
static bool is_ahead(const ng_call *call)
{
    return call->queued >= NG_SEND_AHEAD || call->n_queued >= NG_SEND_AHEAD / sizeof(ng_msg);
}

/* ---- what nghttp2 asks for ---- */

static ssize_t read_some(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    ng_call *call = source->ptr;
    const size_t n = call->queued < length ? call->queued : length;

    (void)session;
    (void)stream;
    (void)buffer;
    (void)user;
    if (n == call->queued && call->ending) {
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

/* Up to `length` bytes of a message; returns how many. */
static size_t add_bytes(ng_out *out, ng_msg *msg, size_t length)
{
    const size_t left = msg->len - msg->sent;
    size_t n = left < length ? left : length;
    size_t done = 0;

    if (msg->payload == NULL) {
        csvc__ng_out_copy(out, msg->data + msg->sent, n);
        msg->sent += n;
        return n;
    }
    if (msg->sent < NG_PREFIX) {
        done = NG_PREFIX - msg->sent < n ? NG_PREFIX - msg->sent : n;
        csvc__ng_out_copy(out, msg->prefix + msg->sent, done);
    }
    while (done < n) {
        const csvc_bytes *piece = &msg->payload->pieces[msg->piece];
        size_t some = piece->len - msg->at;

        some = some < n - done ? some : n - done;
        csvc__ng_out_add(out, msg->payload, piece->data + msg->at, some);
        done += some;
        msg->at += some;
        if (msg->at == piece->len) {
            msg->piece++;
            msg->at = 0;
        }
    }
    msg->sent += n;
    return n;
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
    csvc__ng_out_copy(out, head, 9);
    call->queued -= length;
    while (length > 0) {
        ng_msg *msg = call->queue;

        length -= add_bytes(out, msg, length);
        if (msg->sent == msg->len) {
            call->queue = msg->next;
            call->n_queued--;
            if (call->queue == NULL) {
                call->queue_end = &call->queue;
            }
            msg_release(call, msg);
        }
    }
    if (call->blocked && !is_ahead(call)) {
        call->blocked = false;
        csvc__ng_call_ready(call, NG_READY_WRITABLE);
    }
    return 0;
}

/* ---- downward ---- */

/* No memory for what it wants to say. */
static void give_up(ng_call *call)
{
    csvc__ng_call_cut(call, CSVC_RESOURCE_EXHAUSTED, "out of memory");
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
    if (!put_message(call, message)) {
        give_up(call);
        csvc__ng_call_ready(call, NG_READY_WRITABLE);
        return;
    }
    if (call->submitted) {
        resume(call);
    } else {
        submit_headers(call, (csvc_md_list){0}, false);
    }
    if (!is_ahead(call)) {
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
        put_text(&call->end, text, &call->n_end);
    }
    if (trailers.n_entries > 0) {
        put_metadata(&call->end, trailers, &call->n_end);
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

    if (call->deadline == INT64_MAX || call->timer.slot != 0 || call->queued == 0) {
        return;
    }
    window = nghttp2_session_get_stream_remote_window_size(call->conn->session, call->stream);
    if ((window < 0 || call->queued > (size_t)window) &&
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
        ok = put_message(call, end->message);
        if (!ok) {
            (void)put_end(call, CSVC_RESOURCE_EXHAUSTED, (csvc_bytes){0}, (csvc_md_list){0});
        }
    }
    call->ending = true;
    if (call->submitted) {
        resume(call);
    } else {
        submit_headers(call, end->headers, call->queued == 0 && end->headers.n_entries == 0);
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

/* Drops what has not begun to go out: frames are announced whole, and messages sent whole. */
static void drop_the_rest(ng_call *call)
{
    ng_msg **at = &call->queue;
    size_t kept = 0;

    while (*at != NULL && (kept < call->promised || (*at)->sent > 0)) {
        kept += (*at)->len - (*at)->sent;
        at = &(*at)->next;
    }
    while (*at != NULL) {
        ng_msg *msg = *at;

        *at = msg->next;
        call->n_queued--;
        msg_release(call, msg);
    }
    call->queue_end = at;
    call->queued = kept;
}

/* Whether all that is left may go out at once. */
static bool has_window(const ng_call *call)
{
    nghttp2_session *session = call->conn->session;
    const int32_t stream = nghttp2_session_get_stream_remote_window_size(session, call->stream);
    const int32_t all = nghttp2_session_get_remote_window_size(session);
    const int32_t least = stream < all ? stream : all;

    return least > 0 && call->queued <= (size_t)least;
}

void csvc__ng_send_reset(ng_call *call)
{
    reset(call, reset_code(call->code));
}

void csvc__ng_send_cut(ng_call *call, csvc_code code, const char *text)
{
    const csvc_bytes bytes = {.len = strlen(text), .data = (const uint8_t *)text};

    if (call->end_queued) {
        return; /* nothing can be said behind the end */
    }
    drop_the_rest(call);
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
        csvc__ng_send_reset(call);
    }
}
