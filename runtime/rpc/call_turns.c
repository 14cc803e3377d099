/*
 * rpc/call_turns.c: the loop's half of outgoing calls that last: what the transport tells them, and
 * the turns their users ask for.
 *
 * Posting a turn ends with the call: `ended` is set under the stream's lock before the transport's
 * call is given back, which waits for a turn that is posted already.
 */
#include <codec/codec.h>
#include <rpc/call_stream.h>

#include <base/banned.h>

static csvc_call *of_tcall(csvc_tcall *tc)
{
    return *(csvc_call **)tc->upper;
}

/* The transport's call goes, once no turn is on its way. */
static void give_back_if_over(csvc_call *call)
{
    csvc_ctx *parent = call->parent;
    bool gone;

    (void)pthread_mutex_lock(&call->stream.lock);
    gone = call->over && !call->stream.posted && !call->stream.decoding && !call->given_back;
    call->given_back |= gone;
    call->stream.tc_waits = call->over && call->stream.decoding;
    (void)pthread_mutex_unlock(&call->stream.lock);
    if (gone) {
        if (parent != NULL) {
            csvc__ctx_hook_remove(parent, &call->hook);
            (void)csvc_ctx_unref(parent);
        }
        csvc__channel_delist(call->ch, &call->in_list, call->tc);
        (void)csvc_call_unref(call);
    }
}

static bool next_event(csvc_call *call)
{
    csvc_stream *st = &call->stream;
    bool next;

    (void)pthread_mutex_lock(&st->lock);
    next = st->in_code == CSVC_OK && st->credits > 0 &&
           (st->n_ahead > 0 || (st->at_end && !call->told_end));
    if (next && st->credits != CSVC__MORE_ALWAYS) {
        st->credits--;
    }
    call->told_end |= next && st->n_ahead == 0;
    (void)pthread_mutex_unlock(&st->lock);
    return next;
}

static void tell(csvc_call *call)
{
    csvc_stream *st = &call->stream;
    const void *message;
    csvc_error err;
    bool writable;

    while (next_event(call)) {
        message = NULL;
        if (!call->told_end && !csvc__call_receive(call, &message, &err)) {
            return; /* the outcome says why */
        }
        if (call->events.on_message != NULL) {
            call->events.on_message(call->events.self, message);
        }
    }
    (void)pthread_mutex_lock(&st->lock);
    writable = st->refused && !st->ended && !st->shut && st->n_queued <= st->max_queued / 2 &&
               st->queued_bytes <= st->max_queued_bytes / 2;
    if (writable) {
        st->refused = false;
    }
    (void)pthread_mutex_unlock(&st->lock);
    if (writable && call->events.on_writable != NULL) {
        call->events.on_writable(call->events.self);
    }
}

static void end(csvc_call *call);

/* Behind the status: messages that were read ahead of it may still have to be told. */
static void turn_behind_status(csvc_call *call)
{
    csvc_stream *st = &call->stream;
    bool waits;

    if (call->asynchronous && call->relay == NULL) {
        tell(call);
    }
    (void)pthread_mutex_lock(&st->lock);
    waits = call->asynchronous && st->n_ahead > 0 && st->in_code == CSVC_OK &&
            call->status == CSVC_OK && !call->cancel_wanted;
    (void)pthread_mutex_unlock(&st->lock);
    if (!waits) {
        end(call);
    }
}

static void turn(csvc_call *call)
{
    csvc_stream *st = &call->stream;
    bool cancel, close;

    if (call->has_status) {
        turn_behind_status(call);
        return;
    }

    (void)pthread_mutex_lock(&st->lock);
    while (call->discards && st->n_ahead > 0) {
        csvc__payload_unref(csvc__stream_pop_ahead(st));
    }
    cancel = call->cancel_wanted && !call->cancelled;
    (void)pthread_mutex_unlock(&st->lock);
    if (cancel) {
        call->cancelled = true;
        call->tc->ops->cancel(call->tc, CSVC_CANCELLED, "cancelled");
    }
    if (call->relay != NULL) {
        return; /* the transport does it all */
    }
    if (call->asynchronous) {
        tell(call);
    }
    if (!call->cancelled) {
        /* behind a cancel they would go nowhere, as fast as they come, and the status would wait */
        csvc__stream_move(st);
    }
    (void)pthread_mutex_lock(&st->lock);
    /* Wanted since we looked above, perhaps, and then a csvc_call_finish: the server would take an
     * upload that was given up for a whole one. */
    close = st->shut && st->n_queued == 0 && !call->closed && !st->ended && !call->cancel_wanted;
    (void)pthread_mutex_unlock(&st->lock);
    if (close) {
        call->closed = true;
        call->tc->ops->close_send(call->tc);
    }
}

void csvc__call_run_turn(csvc_task *task)
{
    csvc_call *call = (csvc_call *)((uint8_t *)task - offsetof(csvc_call, stream.task));
    bool over;

    csvc__stream_unposted(&call->stream);
    (void)pthread_mutex_lock(&call->stream.lock);
    over = call->over;
    (void)pthread_mutex_unlock(&call->stream.lock);
    if (!over) {
        turn(call);
    }
    give_back_if_over(call);
}

static void on_headers(csvc_tcall *tc, csvc_md_list headers)
{
    csvc_call *call = of_tcall(tc);

    call->memory_short |= !csvc__copy_metadata(&call->arena, headers, &call->headers);
}

/* The reply of an asynchronous unary call. */
static void take_reply(csvc_call *call, csvc_payload *message)
{
    csvc_error err;
    void *reply;

    call->stream.was_packed = message->compressed;
    if (call->has_reply) {
        call->code = CSVC_UNIMPLEMENTED;
        call->text = "the server sent more than one reply";
    } else if ((call->code = csvc__payload_unpack(&message, call->ch->max_message_bytes, &err)) !=
               CSVC_OK) {
        call->text = csvc_arena_strdup(&call->arena, err.text);
    } else {
        call->code = csvc_decode_pieces(&call->outcome.result->arena, call->method->reply,
                                        message->pieces, message->n_pieces, NULL, &reply, &err);
        if (call->code != CSVC_OK) {
            call->text = csvc_arena_printf(&call->arena, "the reply does not parse: %s", err.text);
        } else if (call->seen != NULL &&
                   (call->code = csvc__seen_received(call->seen, reply)) != CSVC_OK) {
            call->text = csvc__seen_text(call->seen, call->code);
        } else {
            call->reply = reply;
        }
    }
    call->has_reply = true;
    csvc__payload_unref(message);
}

static void on_message(csvc_tcall *tc, csvc_payload *message)
{
    csvc_call *call = of_tcall(tc);

    if (call->relay != NULL) {
        if (message != NULL) {
            take_reply(call, message);
        }
        return;
    }
    if (message != NULL) {
        csvc__stream_message(&call->stream, message);
    } else {
        csvc__stream_at_end(&call->stream);
    }
    turn(call);
}

static void on_writable(csvc_tcall *tc)
{
    csvc_call *call = of_tcall(tc);

    csvc__stream_writable(&call->stream);
    turn(call);
}

/* What the caller is told, from the server's status and from what became of its messages. */
static void conclude(csvc_call *call, csvc_code code, csvc_bytes text)
{
    const csvc_code in_code = call->stream.in_code;
    /* the server had sent it all, but its keeper did not take it all */
    const bool cut_short = call->asynchronous && call->stream.n_ahead > 0;

    if (in_code != CSVC_OK) {
        call->code = in_code;
        call->text = call->refusal != NULL ? call->refusal : "a message does not parse";
    } else if (code != CSVC_OK) {
        call->code = (unsigned)code <= CSVC_UNAUTHENTICATED ? code : CSVC_UNKNOWN;
        call->text = csvc_arena_strndup(&call->arena, (const char *)text.data, text.len);
    } else if (call->relay != NULL && !call->has_reply) {
        call->code = CSVC_UNIMPLEMENTED;
        call->text = "the server sent no reply";
    } else if (cut_short) {
        call->code = CSVC_CANCELLED;
        call->text = "cancelled";
    } else if (call->code == CSVC_OK) {
        call->code = call->memory_short ? CSVC_RESOURCE_EXHAUSTED : CSVC_OK;
        call->text = call->memory_short ? NULL : "";
    }
    if (call->text == NULL) {
        call->text = "out of memory";
    }
}

/* The outcome in the shape callers know, for callbacks. */
static void fill_outcome(csvc_call *call)
{
    call->outcome.code = call->code;
    call->outcome.message = call->text;
    call->outcome.result->headers = call->headers;
    call->outcome.result->trailers = call->trailers;
    call->outcome.result->was_packed = call->stream.was_packed;
}

static void end(csvc_call *call)
{
    csvc__waiter *waits;

    csvc__stream_own(&call->stream); /* a payload may not outlive the transport's call */
    (void)pthread_mutex_lock(&call->stream.lock);
    conclude(call, call->status, call->status_text);
    (void)pthread_mutex_unlock(&call->stream.lock);
    csvc__stream_end(&call->stream, call->code != CSVC_OK ? call->code : CSVC_CANCELLED, false);
    if (call->asynchronous) {
        csvc__seen_end(call->seen, call->code, call->text);
        fill_outcome(call);
        if (call->relay != NULL) {
            call->relay(call->done_fn, call->done_self, &call->outcome,
                        call->code == CSVC_OK ? call->reply : NULL);
        } else if (call->events.on_done != NULL) {
            call->events.on_done(call->events.self, call->code);
        }
    }
    (void)pthread_mutex_lock(&call->stream.lock);
    call->over = true;
    waits = csvc__waiters_take(&call->for_over);
    (void)pthread_mutex_unlock(&call->stream.lock);
    csvc__waiters_wake(waits);
}

static void on_status(csvc_tcall *tc, csvc_code code, csvc_bytes text, csvc_md_list trailers)
{
    csvc_call *call = of_tcall(tc);

    call->memory_short |= !csvc__copy_metadata(&call->arena, trailers, &call->trailers);
    call->has_status = true;
    call->status = code;
    call->status_text = text;
    turn_behind_status(call);
    give_back_if_over(call);
}

const csvc_outgoing_events csvc__call_events = {
    .headers = on_headers,
    .message = on_message,
    .writable = on_writable,
    .status = on_status,
};
