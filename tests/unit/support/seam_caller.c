/* The calls of seam_peer.h. */
#include <seam_bytes.h>
#include <seam_peer.h>

#include <base/clock.h>
#include <string.h>

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
    result->message = peer_flat(message, &result->len);
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
    peer_send_digits(st->tc, st->sent - 1, options->message_len, st->sent < options->n_send);
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
    copy = peer_flat(message, &len);
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
