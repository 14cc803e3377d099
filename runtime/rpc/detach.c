/* rpc/detach.c: what handlers and keepers ask of a stream and of a call that lasts. */
#include <csvc/log.h>
#include <rpc/serve_stream.h>

#include <string.h>

#include <base/banned.h>

typedef csvc__served served;

static served *of_ctx(csvc_ctx *ctx)
{
    return (served *)(void *)ctx;
}

/* Whether the thread that asks is the handler's own, so that ctx's text is its to write. */
static bool in_handler(const csvc_stream *st)
{
    return !of_ctx(st->ctx)->detached;
}

/* The code with the text of the ctx's cancellation, where that is what it is. */
static csvc_code explained(csvc_ctx *ctx, csvc_code code)
{
    const csvc_code cancelled = csvc_check_cancelled(ctx);

    return code != CSVC_OK ? code : cancelled;
}

bool csvc_stopping(const csvc_ctx *ctx)
{
    return ctx->tc != NULL &&
           atomic_load_explicit(&((const served *)(const void *)ctx)->srv->stopping,
                                memory_order_relaxed);
}

/* ---- messages ---- */

bool csvc_stream_recv(csvc_stream *in, const void **ret_message)
{
    served *s = of_ctx(in->ctx);
    csvc_error err;
    csvc_code code;

    if (s->detached || !in->may_wait || in->receives == NULL) {
        return false;
    }
    err.code = CSVC_OK;
    if (!csvc__stream_receive(in, ret_message, &err)) {
        if (err.code != CSVC_OK) {
            (void)csvc_fail(in->ctx, err.code, "a message does not parse: %s", err.text);
        }
        return false;
    }
    code = csvc__live_kept(s);
    if (code == CSVC_OK) {
        code = csvc__live_received(s, *ret_message);
    }
    if (code != CSVC_OK) {
        csvc__stream_refuse(in, code);
    }
    return code == CSVC_OK;
}

csvc_code csvc_stream_code(csvc_stream *in)
{
    csvc_code code = csvc__stream_in_code(in);

    if (!in_handler(in)) {
        return code;
    }
    if (code != CSVC_OK) {
        return *csvc_fail_text(in->ctx, code) == '\0' ? explained(in->ctx, code) : code;
    }
    if (!in->may_wait) {
        return csvc_fail(in->ctx, CSVC_FAILED_PRECONDITION,
                         "an inline handler may not wait for a message");
    }
    return CSVC_OK;
}

/* Whether it was the loop that ended the call, so that whoever sends behind it does no wrong. */
static bool ended_by_loop(csvc_stream *st, csvc_code *ret_code)
{
    served *s = of_ctx(st->ctx);
    bool by_loop;

    (void)pthread_mutex_lock(&st->lock);
    by_loop = s->l.text != NULL;
    *ret_code = s->code;
    (void)pthread_mutex_unlock(&st->lock);
    return by_loop;
}

/* `message`: for interceptors; NULL when it is a frame. */
static csvc_code send_payload(csvc_stream *out, csvc_payload *payload, const void *message)
{
    const bool ours = in_handler(out);
    csvc_code why;

    if (ours && !out->may_wait) {
        return csvc_fail(out->ctx, CSVC_FAILED_PRECONDITION,
                         "an inline handler may not wait for room: detach first");
    }
    if (out->sends == NULL) {
        return CSVC_FAILED_PRECONDITION; /* no such stream */
    }
    atomic_store_explicit(&out->ctx->headers_gone, true, memory_order_release);
    switch (csvc__live_push(of_ctx(out->ctx), payload, message, &why)) {
    case CSVC__PUSHED:
        return CSVC_OK;
    case CSVC__PUSH_TOO_LONG:
        return ours ? csvc_fail(out->ctx, CSVC_RESOURCE_EXHAUSTED,
                                "a message has %zu bytes, this server sends %zu at most",
                                payload->len, out->max_send_bytes)
                    : CSVC_RESOURCE_EXHAUSTED;
    case CSVC__PUSH_FULL:
        return CSVC_RESOURCE_EXHAUSTED;
    case CSVC__PUSH_ENDED:
        return ours ? explained(out->ctx, why) : why;
    case CSVC__PUSH_SHUT:
        if (ended_by_loop(out, &why)) {
            return why;
        }
        csvc_log(CSVC_LOG_ERROR, "a message was sent behind the end of its call", "method",
                 out->ctx->path, NULL);
        return CSVC_FAILED_PRECONDITION;
    case CSVC__PUSH_NO_MEMORY:
        break;
    }
    return ours ? csvc_fail(out->ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory")
                : CSVC_RESOURCE_EXHAUSTED;
}

/* Packs a message that is to be packed, but for one that is too long to be sent at all. */
static void pack_here(csvc_stream *out, csvc_payload **payload)
{
    csvc_payload *packed = NULL;

    if ((*payload)->len > out->max_send_bytes || !csvc__stream_packs(out, *payload)) {
        return;
    }
    packed = csvc__served_pack(of_ctx(out->ctx), (*payload)->pieces, (*payload)->n_pieces);
    if (packed != NULL) {
        csvc__payload_unref(*payload);
        *payload = packed;
    }
}

csvc_code csvc_stream_send(csvc_stream *out, const void *message)
{
    csvc_payload *payload;
    csvc_error err;
    csvc_code code;

    if (out->sends == NULL) {
        return CSVC_FAILED_PRECONDITION;
    }
    code = csvc__pack(out->sends, message, &payload, &err);
    if (code != CSVC_OK) {
        csvc_log(CSVC_LOG_ERROR, "a message cannot be encoded", "method", out->ctx->path, "why",
                 err.text, NULL);
        return in_handler(out)
                   ? csvc_fail(out->ctx, code, "a message cannot be encoded: %s", err.text)
                   : code;
    }
    pack_here(out, &payload);
    code = send_payload(out, payload, message);
    csvc__payload_unref(payload);
    return code;
}

/* ---- frames: payloads, seen from outside ---- */

csvc_frame *csvc_frame_new(const csvc_message_type *type, const void *message)
{
    csvc_payload *payload;
    csvc_error err;

    return csvc__pack(type, message, &payload, &err) == CSVC_OK ? (csvc_frame *)payload : NULL;
}

csvc_frame *csvc_frame_ref(csvc_frame *frame)
{
    csvc__payload_ref((csvc_payload *)frame);
    return frame;
}

csvc_frame *csvc_frame_unref(csvc_frame *frame)
{
    csvc__payload_unref((csvc_payload *)frame);
    return NULL;
}

csvc_code csvc_stream_send_frame(csvc_stream *out, csvc_frame *frame)
{
    return frame != NULL ? send_payload(out, (csvc_payload *)frame, NULL) : CSVC_INTERNAL;
}

/* ---- detached calls ---- */

csvc_ctx *csvc_detach(csvc_ctx *ctx, const csvc_events *events)
{
    served *s = of_ctx(ctx);
    csvc_stream *st;

    if (ctx->tc == NULL || s->detached) {
        csvc_log(CSVC_LOG_ERROR, "csvc_detach: no call that could be detached", "method",
                 ctx->path != NULL ? ctx->path : "", NULL);
        return csvc_ctx_ref(ctx);
    }
    if (!s->live) {
        csvc__live_init(s); /* a unary call: nobody else has known of its stream */
    }
    st = &s->l.stream;
    (void)pthread_mutex_lock(&st->lock);
    if (events != NULL) {
        memcpy(&s->l.events, events,
               events->struct_size < sizeof(s->l.events) ? events->struct_size
                                                         : sizeof(s->l.events));
    }
    st->may_wait = false;
    if (s->l.events.auto_more) {
        st->credits = CSVC__MORE_ALWAYS;
    }
    (void)pthread_mutex_unlock(&st->lock);
    s->detached = true;
    ctx->kept = true;
    /* The reference that was the call's is the keeper's from here on; the call's own is `done`. */
    return ctx;
}

/* The reply of a detached call that sends just one. */
static csvc_code pack_reply(served *s, csvc_payload **ret_payload)
{
    csvc_error err;
    csvc_code code = csvc__pack(s->sm->method->reply, s->reply_message, ret_payload, &err);

    if (code != CSVC_OK) {
        csvc_log(CSVC_LOG_ERROR, "a reply cannot be encoded", "method", s->ctx.path, "why",
                 err.text, NULL);
        return csvc_fail(&s->ctx, code, "the reply cannot be encoded: %s", err.text);
    }
    if ((*ret_payload)->len > s->srv->o.max_reply_bytes) {
        const size_t len = (*ret_payload)->len;

        csvc__payload_unref(*ret_payload);
        *ret_payload = NULL;
        return csvc_fail(&s->ctx, CSVC_RESOURCE_EXHAUSTED,
                         "the reply has %zu bytes, this server sends %u at most", len,
                         (unsigned)s->srv->o.max_reply_bytes);
    }
    pack_here(&s->l.stream, ret_payload);
    return CSVC_OK;
}

csvc_code csvc_finish(csvc_ctx *ctx, csvc_code code)
{
    served *s = of_ctx(ctx);
    csvc_stream *st = &s->l.stream;
    csvc_payload *reply = NULL;
    bool first = false;
    bool taken = false;
    bool owed = false;

    if (ctx->tc != NULL && s->detached) {
        (void)pthread_mutex_lock(&st->lock);
        first = !s->l.finish_called;
        s->l.finish_called = true;
        taken = first && !st->ended && !s->l.finish_asked;
        (void)pthread_mutex_unlock(&st->lock);
    }
    if (!first) {
        csvc_log(CSVC_LOG_ERROR, "a call was finished twice, or was not detached", "method",
                 ctx->path != NULL ? ctx->path : "", NULL);
        return CSVC_FAILED_PRECONDITION;
    }
    if (!taken) {
        return CSVC_OK;
    }
    code = csvc__served_checked(ctx, "csvc_finish", code);
    if (code == CSVC_OK && st->sends == NULL) {
        code = pack_reply(s, &reply);
    }
    (void)pthread_mutex_lock(&st->lock);
    if (!st->ended && !s->l.finish_asked) {
        s->l.finish_asked = true;
        st->shut = true;
        s->code = code;
        if (reply != NULL) {
            s->reply =
                csvc__stream_outgoing(st, (csvc__queued){reply, csvc__stream_packs(st, reply)});
            s->has_reply = true;
            reply = NULL;
        }
        owed = csvc__stream_want_turn(st);
    }
    (void)pthread_mutex_unlock(&st->lock);
    csvc__payload_unref(reply);
    if (owed) {
        csvc__loop_post(st->tc->loop, &st->task);
    }
    return CSVC_OK;
}

void csvc_more(csvc_stream *in)
{
    bool owed = false;

    (void)pthread_mutex_lock(&in->lock);
    if (in->credits < CSVC__MORE_ALWAYS - 1) {
        in->credits++;
        owed = csvc__stream_want_turn(in);
    }
    (void)pthread_mutex_unlock(&in->lock);
    if (owed) {
        csvc__loop_post(in->tc->loop, &in->task);
    }
}
