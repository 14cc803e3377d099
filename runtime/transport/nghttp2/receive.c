/* nghttp2/receive.c: messages out of DATA frames. */
#include <transport/nghttp2/receive.h>
#include <transport/nghttp2/send.h>

#include <string.h>

#include <base/banned.h>

/* ---- messages ---- */

/* What came cannot be read: the call ends, with a status where it may still be said. */
static void fail(ng_call *call, csvc_code code, const char *text)
{
    if (call->broken) {
        return;
    }
    call->broken = true;
    if (call->started) {
        csvc__ng_cut(call, code, text);
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
    const uint8_t *at = call->inbox.prefix;
    const size_t len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];

    if (at[0] > 1) {
        fail(call, CSVC_INTERNAL, "the compressed flag of a message is neither 0 nor 1");
    } else if (at[0] == 1 && call->request.encoding == NG_IDENTITY) {
        fail(call, CSVC_INTERNAL, "a message is flagged as compressed, without grpc-encoding");
    } else if (at[0] == 1 && call->request.encoding == NG_UNKNOWN) {
        call->say_accepts = true;
        fail(call, CSVC_UNIMPLEMENTED, "the grpc-encoding is not supported; gzip and identity are");
    } else if (len > call->loop->shared->max_message) {
        fail(call, CSVC_RESOURCE_EXHAUSTED, "a message is longer than this server allows");
    } else if (!csvc__ng_inbox_begin(&call->inbox, call->loop->shared, len, here)) {
        fail(call, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
    }
}

static void end_message(ng_call *call)
{
    csvc_payload *message = csvc__ng_inbox_take(&call->inbox);

    if (!call->started) {
        call->first = message;
        call->has_first = true;
        return;
    }
    call->reading = false;
    call->loop->shared->events->message(&call->base, message);
}

/* Takes what is wanted; returns how much that was. */
static size_t feed(ng_call *call, const uint8_t *data, size_t len)
{
    ng_inbox *inbox = &call->inbox;
    size_t at = 0;

    call->feeding = true;
    while (wants(call)) {
        size_t n = 0;

        if (inbox->msg == NULL) {
            n = NG_PREFIX - inbox->n_prefix;
            n = n < len - at ? n : len - at;
            memcpy(inbox->prefix + inbox->n_prefix, data + at, n);
            inbox->n_prefix += n;
            at += n;
            if (inbox->n_prefix < NG_PREFIX) {
                break;
            }
            begin_message(call, len - at);
            continue;
        }
        n = inbox->len - inbox->got;
        if (n > 0) {
            if (at == len) {
                break;
            }
            if (inbox->got == inbox->msg->room && !csvc__ng_inbox_grow(inbox)) {
                fail(call, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
                break;
            }
            n = n < len - at ? n : len - at;
            n = n < inbox->msg->room - inbox->got ? n : inbox->msg->room - inbox->got;
            memcpy(inbox->msg->data + inbox->got, data + at, n);
            inbox->got += n;
            at += n;
        }
        if (inbox->got == inbox->len) {
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

/* Nobody will read what comes: the peer may go on sending. */
static bool goes_nowhere(const ng_call *call)
{
    return call->broken || call->cut || call->finished;
}

static void keep(ng_call *call, const uint8_t *data, size_t len)
{
    if (!call->started && call->has_first) {
        fail(call, CSVC_UNIMPLEMENTED, "there is more than one message in a call that takes one");
        consume(call, len);
        return;
    }
    switch (csvc__ng_inbox_keep(&call->inbox, call->loop->shared, data, len)) {
    case NG_KEPT:
        break;
    case NG_KEEPS_TOO_MUCH:
        fail(call, CSVC_RESOURCE_EXHAUSTED, "this server holds as much as it may");
        consume(call, len);
        break;
    case NG_KEEPS_NO_MORE:
        fail(call, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
        break;
    }
}

void csvc__ng_receive(ng_call *call, const uint8_t *data, size_t len)
{
    if (goes_nowhere(call)) {
        consume(call, len);
        return;
    }
    if (call->inbox.unread.len == 0) {
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

static bool is_amid_message(const ng_call *call)
{
    return call->inbox.msg != NULL || call->inbox.n_prefix > 0;
}

/* All that was sent has been read, or can never be. */
static void end_if_read(ng_call *call)
{
    if (!call->half_closed || !call->reading || call->inbox.unread.len > 0 || goes_nowhere(call)) {
        return;
    }
    if (is_amid_message(call)) {
        fail(call, CSVC_INTERNAL, "a message is cut short");
        return;
    }
    call->reading = false;
    call->loop->shared->events->message(&call->base, NULL);
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
    if (is_amid_message(call)) {
        fail(call, CSVC_INTERNAL, "a message is cut short");
        return;
    }
    csvc__ng_call_start(call, CSVC_OK, NULL);
}

void csvc__ng_receive_more(ng_call *call)
{
    ng_inbox *inbox = &call->inbox;

    if (inbox->unread.len > 0 && !goes_nowhere(call)) {
        const uint8_t *unread = (const uint8_t *)inbox->unread.data + inbox->unread_at;
        const size_t left = inbox->unread.len - inbox->unread_at;
        const size_t taken = feed(call, unread, left);

        inbox->unread_at += taken;
        consume(call, taken);
        if (taken > 0) {
            csvc__ng_conn_dirty(call->conn);
        }
        if (taken == left) {
            csvc__ng_inbox_forget(inbox, call->loop->shared);
        }
    }
    end_if_read(call);
}
