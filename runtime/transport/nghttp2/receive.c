/*
 * nghttp2/receive.c: messages out of DATA frames.
 *
 * A message is put together while somebody wants it, and only then is the peer given room for more
 * of it: what nobody reads fills one window at most. The connection's window is given back at once,
 * so no call stands in another one's way.
 */
#include <csvc/alloc.h>
#include <transport/nghttp2/ng.h>

#include <string.h>

#include <base/banned.h>

enum {
    FIRST_ROOM = 1024, /* for a message that claims to be longer than what is here of it */
    GROWTH = 4,
    KEPT_UNREAD = 4096
};

/* ---- payloads ---- */

static bool count(csvc_tserver *ts, size_t len)
{
    if (atomic_fetch_add_explicit(&ts->buffered, len, memory_order_relaxed) + len <=
        ts->max_buffered) {
        return true;
    }
    (void)atomic_fetch_sub_explicit(&ts->buffered, len, memory_order_relaxed);
    return false;
}

static void uncount(csvc_tserver *ts, size_t len)
{
    if (len > 0) {
        (void)atomic_fetch_sub_explicit(&ts->buffered, len, memory_order_relaxed);
    }
}

static void dispose(csvc_payload *base)
{
    ng_payload *p = (ng_payload *)base;

    uncount(p->ts, p->counted);
    if (p->embedded) {
        atomic_store_explicit(&p->used, false, memory_order_release);
        return;
    }
    csvc__free(p->data);
    csvc__free(p);
}

/* NULL: no memory, or too much of it is taken. */
static ng_payload *payload_new(ng_call *call, size_t len, size_t here)
{
    csvc_tserver *ts = call->loop->ts;
    ng_payload *p = &call->small_in;
    size_t room = here > FIRST_ROOM ? here : FIRST_ROOM;

    room = room < len ? room : len;
    if (len <= NG_SMALL && !atomic_load_explicit(&p->used, memory_order_acquire)) {
        atomic_store_explicit(&p->used, true, memory_order_relaxed);
        p->embedded = true;
        p->data = call->small_in_data;
        p->room = NG_SMALL;
        p->counted = 0;
    } else {
        if (!count(ts, room)) {
            return NULL;
        }
        p = csvc__malloc(sizeof(*p));
        if (p != NULL) {
            atomic_init(&p->used, true);
            p->embedded = false;
            p->counted = room;
            p->room = room;
            p->data = csvc__malloc(room + 1);
        }
        if (p == NULL || p->data == NULL) {
            csvc__free(p);
            uncount(ts, room);
            return NULL;
        }
    }
    p->ts = ts;
    p->base = (csvc_payload){.dispose = dispose};
    atomic_init(&p->base.refs, 1);
    return p;
}

static bool grow(ng_payload *p, size_t len)
{
    const size_t room = GROWTH * p->room < len ? GROWTH * p->room : len;
    uint8_t *data = NULL;

    if (!count(p->ts, room - p->room)) {
        return false;
    }
    p->counted += room - p->room;
    data = csvc__realloc(p->data, room + 1);
    if (data == NULL) {
        return false;
    }
    p->data = data;
    p->room = room;
    return true;
}

/* ---- messages ---- */

/* What came cannot be read: the call ends, with a status where it may still be said. */
static void fail(ng_call *call, csvc_code code, const char *text)
{
    if (call->broken) {
        return;
    }
    call->broken = true;
    if (call->started) {
        csvc__ng_call_cut(call, code, text);
    } else {
        csvc__ng_call_start(call, code, text);
    }
}

static bool wants(const ng_call *call)
{
    if (call->broken || call->cut || call->finished) {
        return false;
    }
    return call->started ? call->reading
                         : call->method != NULL && call->method->reads_first && !call->has_first;
}

/* Of which so many bytes are here. */
static void begin_message(ng_call *call, size_t here)
{
    const uint8_t *at = call->prefix;
    const size_t len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];

    if (at[0] > 1) {
        fail(call, CSVC_INTERNAL, "the compressed flag of a message is neither 0 nor 1");
    } else if (at[0] == 1 && call->request.encoding == NG_IDENTITY) {
        fail(call, CSVC_INTERNAL, "a message is flagged as compressed, without grpc-encoding");
    } else if (at[0] == 1 && call->request.encoding == NG_UNKNOWN) {
        call->say_accepts = true;
        fail(call, CSVC_UNIMPLEMENTED, "the grpc-encoding is not supported; gzip and identity are");
    } else if (len > call->loop->ts->max_message) {
        fail(call, CSVC_RESOURCE_EXHAUSTED, "a message is longer than this server allows");
    } else {
        call->msg = payload_new(call, len, here);
        if (call->msg == NULL) {
            fail(call, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
            return;
        }
        call->msg_len = len;
        call->msg_got = 0;
    }
}

static void end_message(ng_call *call)
{
    ng_payload *p = call->msg;

    call->msg = NULL;
    call->n_prefix = 0;
    p->piece = (csvc_bytes){.len = call->msg_len, .data = p->data};
    p->base.len = call->msg_len;
    p->base.n_pieces = call->msg_len > 0 ? 1 : 0;
    p->base.pieces = &p->piece;
    p->base.compressed = call->prefix[0] == 1;
    if (!call->started) {
        call->first = p;
        call->has_first = true;
        return;
    }
    call->reading = false;
    call->loop->ts->events->message(&call->base, &p->base);
}

/* Takes what is wanted; returns how much that was. */
static size_t feed(ng_call *call, const uint8_t *data, size_t len)
{
    size_t at = 0;

    call->feeding = true;
    while (wants(call)) {
        size_t n = 0;

        if (call->msg == NULL) {
            while (call->n_prefix < NG_PREFIX && at < len) {
                call->prefix[call->n_prefix++] = data[at++];
            }
            if (call->n_prefix < NG_PREFIX) {
                break;
            }
            begin_message(call, len - at);
            continue;
        }
        n = call->msg_len - call->msg_got;
        if (n > 0) {
            if (at == len) {
                break;
            }
            if (call->msg_got == call->msg->room && !grow(call->msg, call->msg_len)) {
                fail(call, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
                break;
            }
            n = n < len - at ? n : len - at;
            n = n < call->msg->room - call->msg_got ? n : call->msg->room - call->msg_got;
            memcpy(call->msg->data + call->msg_got, data + at, n);
            call->msg_got += n;
            at += n;
        }
        if (call->msg_got == call->msg_len) {
            end_message(call);
        }
    }
    call->feeding = false;
    return at;
}

/* ---- frames ---- */

static void consume(ng_call *call, size_t len)
{
    if (len > 0 && call->stream != 0 &&
        nghttp2_session_consume_stream(call->conn->session, call->stream, len) ==
            NGHTTP2_ERR_NOMEM) {
        csvc__ng_conn_fail(call->conn);
    }
}

static void release_unread(ng_call *call)
{
    uncount(call->loop->ts, call->unread_counted);
    call->unread_counted = 0;
    call->unread_at = 0;
    if (call->unread.size > KEPT_UNREAD) {
        csvc__buffer_release(&call->unread);
    } else {
        csvc__buffer_clear(&call->unread);
    }
}

/* Nobody will read what comes: the peer may go on sending. */
static bool goes_nowhere(const ng_call *call)
{
    return call->broken || call->cut || call->finished;
}

/* What has been read of the bytes that were kept goes, once it is half of them. */
static void compact(ng_call *call)
{
    csvc__buffer *b = &call->unread;

    if (call->unread_at > 0 && call->unread_at >= b->len / 2) {
        memmove(b->data, b->data + call->unread_at, b->len - call->unread_at);
        b->len -= call->unread_at;
        uncount(call->loop->ts, call->unread_at);
        call->unread_counted -= call->unread_at;
        call->unread_at = 0;
    }
}

static void keep(ng_call *call, const uint8_t *data, size_t len)
{
    if (!call->started && call->has_first) {
        fail(call, CSVC_UNIMPLEMENTED, "there is more than one message in a call that takes one");
        consume(call, len);
        return;
    }
    if (!count(call->loop->ts, len)) {
        fail(call, CSVC_RESOURCE_EXHAUSTED, "this server holds as much as it may");
        consume(call, len);
        return;
    }
    call->unread_counted += len;
    compact(call);
    csvc__buffer_add(&call->unread, data, len);
    if (!csvc__buffer_ok(&call->unread)) {
        fail(call, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
    }
}

void csvc__ng_receive(ng_call *call, const uint8_t *data, size_t len)
{
    if (goes_nowhere(call)) {
        consume(call, len);
        return;
    }
    if (call->unread.len == 0) {
        const size_t taken = feed(call, data, len);

        consume(call, taken);
        data += taken;
        len -= taken;
        if (goes_nowhere(call)) {
            consume(call, len);
            return;
        }
    }
    if (len > 0) {
        keep(call, data, len);
    }
}

/* All that was sent has been read, or can never be. */
static void end_if_read(ng_call *call)
{
    if (!call->half_closed || !call->reading || call->unread.len > 0 || goes_nowhere(call)) {
        return;
    }
    if (call->msg != NULL || call->n_prefix > 0) {
        fail(call, CSVC_INTERNAL, "a message is cut short");
        return;
    }
    call->reading = false;
    call->loop->ts->events->message(&call->base, NULL);
}

void csvc__ng_receive_end(ng_call *call)
{
    if (call->half_closed || (call->cut && !call->started)) {
        return;
    }
    call->half_closed = true;
    if (call->started) {
        end_if_read(call);
        return;
    }
    if (call->msg != NULL || call->n_prefix > 0) {
        fail(call, CSVC_INTERNAL, "a message is cut short");
        return;
    }
    csvc__ng_call_start(call, CSVC_OK, NULL);
}

void csvc__ng_receive_more(ng_call *call)
{
    if (call->unread.len > 0 && !goes_nowhere(call)) {
        const size_t left = call->unread.len - call->unread_at;
        const size_t taken = feed(call, (const uint8_t *)call->unread.data + call->unread_at, left);

        call->unread_at += taken;
        consume(call, taken);
        if (taken > 0) {
            csvc__ng_conn_dirty(call->conn);
        }
        if (taken == left) {
            release_unread(call);
        }
    }
    end_if_read(call);
}

void csvc__ng_receive_release(ng_call *call)
{
    if (call->msg != NULL) {
        csvc__payload_unref(&call->msg->base);
        call->msg = NULL;
    }
    if (call->first != NULL) {
        csvc__payload_unref(&call->first->base);
        call->first = NULL;
    }
    release_unread(call);
}
