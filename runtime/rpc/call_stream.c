/*
 * rpc/call_stream.c: outgoing calls that last: those with a stream, and those nobody waits for. How
 * they begin and what their users ask of them; what the loop does is in call_turns.c.
 *
 * A csvc_call is its own memory, counted: its users have references, and the loop has one until the
 * status has come. What the loop and the users share is the stream (stream.h) and the few flags
 * under its lock.
 */
#include <codec/codec.h>
#include <csvc/alloc.h>
#include <rpc/call_stream.h>

#include <string.h>

#include <base/banned.h>

enum {
    MAX_QUEUED = 256
};
#define MAX_QUEUED_BYTES ((size_t)256 << 10)

/* ---- life ---- */

csvc_call *csvc_call_ref(csvc_call *call)
{
    if (call != NULL) {
        atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
    }
    return call;
}

csvc_call *csvc_call_unref(csvc_call *call)
{
    if (call != NULL && atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) == 1) {
        csvc__seen_end(call->seen, call->code, call->text != NULL ? call->text : "");
        csvc__seen_free(call->seen);
        csvc_rpc_clear(&call->outcome);
        csvc__stream_release(&call->stream);
        csvc__arena_release(&call->arena);
        csvc__free(call);
    }
    return NULL;
}

bool csvc__call_want_turn(csvc_call *call)
{
    return !call->stream.ended && csvc__stream_want_turn(&call->stream);
}

void csvc__call_post(csvc_call *call, bool owed)
{
    if (owed) {
        csvc__loop_post(call->stream.tc->loop, &call->stream.task);
    }
}

void csvc_call_cancel(csvc_call *call)
{
    bool owed;

    if (call == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&call->stream.lock);
    call->cancel_wanted = true;
    owed = csvc__call_want_turn(call);
    (void)pthread_mutex_unlock(&call->stream.lock);
    csvc__call_post(call, owed);
}

static void on_parent_cancelled(void *self)
{
    csvc_call_cancel(self);
}

static void on_channel_freed(csvc__under_way *under_way)
{
    csvc_call_cancel((csvc_call *)(void *)under_way);
}

/* ---- starting ---- */

static csvc_call *call_new(csvc_channel *ch, const csvc_method *method)
{
    csvc_call *call = csvc__calloc(1, sizeof(*call));

    if (call == NULL) {
        return NULL;
    }
    call->tc =
        ch->transport->call_new(ch->tch, ch->transport->channel_loop(ch->tch), sizeof(csvc_call *));
    if (call->tc == NULL) {
        csvc__free(call);
        return NULL;
    }
    *(csvc_call **)call->tc->upper = call;
    call->in_list.cancel = on_channel_freed;
    atomic_init(&call->refs, 1);
    call->ch = ch;
    call->method = method;
    call->outcome = (csvc_rpc){CSVC_RPC_INIT};
    csvc__arena_init(&call->arena, call->first_chunk, sizeof(call->first_chunk),
                     CSVC__CTX_MAX_MEMORY);
    csvc__stream_init(&call->stream, call->tc, csvc__call_run_turn);
    call->stream.max_memory = CSVC__CTX_MAX_MEMORY;
    call->stream.max_queued = MAX_QUEUED;
    call->stream.max_queued_bytes = MAX_QUEUED_BYTES;
    call->stream.max_send_bytes = ch->max_request_bytes;
    call->stream.max_receive_bytes = ch->max_message_bytes;
    call->stream.compress_bytes = ch->compress_bytes;
    call->stream.sends = (method->kind & CSVC_RPC_CLIENT_STREAM) != 0 ? method->request : NULL;
    call->stream.receives = method->kind != CSVC_RPC_UNARY ? method->reply : NULL;
    return call;
}

/* Never started: nobody else knows of it. */
static csvc_call *abandon(csvc_call *call, csvc_rpc *rpc, csvc_code code, const char *text)
{
    csvc__seen_end(call->seen, code, text);
    call->tc->ops->release(call->tc);
    (void)csvc_call_unref(call);
    (void)csvc__rpc_outcome(rpc, code, text);
    return NULL;
}

/* A start and what it points to. */
typedef struct starting {
    csvc_start start;
    csvc_outgoing message;
    csvc_tretry retry;
} starting;

/* All but the start itself. */
static csvc_call *prepare(csvc_channel *ch, const csvc_method *method, csvc_rpc *rpc,
                          const void *request, bool waits, starting *to)
{
    csvc_start start = {.events = &csvc__call_events};
    const char *text = NULL;
    csvc_call *call;
    csvc_code code;

    if (rpc == NULL || rpc->struct_size < offsetof(csvc_rpc, result) + sizeof(rpc->result)) {
        return NULL;
    }
    if (ch == NULL || method == NULL ||
        (request == NULL) != ((method->kind & CSVC_RPC_CLIENT_STREAM) != 0)) {
        (void)csvc__rpc_outcome(rpc, CSVC_INTERNAL,
                                ch == NULL
                                    ? "a call was made without a channel"
                                    : "a call needs a method and, of one message, a request");
        return NULL;
    }
    if (!csvc__rpc_fresh(rpc)) {
        (void)csvc__rpc_outcome(rpc, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    text = csvc__rpc_refuse(rpc, waits, &code);
    if (text == NULL) {
        code = csvc__rpc_metadata(ch, rpc, &start.metadata, &text);
    }
    if (text != NULL) {
        (void)csvc__rpc_outcome(rpc, code, text);
        return NULL;
    }
    call = call_new(ch, method);
    if (call == NULL) {
        (void)csvc__rpc_outcome(rpc, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    if (request != NULL) {
        code = csvc__rpc_request(ch, rpc, method, call->tc, request, &to->message, &text);
        if (code != CSVC_OK) {
            return abandon(call, rpc, code, text);
        }
        start.message = &to->message;
        call->closed = true; /* the half-close goes with the request */
        call->stream.shut = true;
    }
    start.path = method->path;
    start.deadline = csvc__rpc_deadline(rpc);
    start.retry = csvc__retry_for(ch, method, &to->retry);
    code = csvc__seen_begin(ch, method, &rpc->result->arena, &start, &call->seen, &text);
    if (code != CSVC_OK) {
        return abandon(call, rpc, code, text);
    }
    if (request != NULL) {
        csvc__seen_sent(call->seen, request);
    }
    start.wait_for_ready = rpc->wait_for_ready;
    atomic_init(&call->stream.packing, rpc->compress);
    start.announce = call->stream.sends != NULL && csvc__stream_announces(&call->stream);
    to->start = start;
    return call;
}

/* From here on it is the loop's as well. */
static csvc_call *launch(csvc_call *call, csvc_rpc *rpc, const csvc_start *start)
{
    csvc_tcall *tc = call->tc;

    if (call->asynchronous && !csvc__rpc_fresh(&call->outcome)) {
        return abandon(call, rpc, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (!csvc__channel_enlist(call->ch, &call->in_list)) {
        return abandon(call, rpc, CSVC_CANCELLED, "the channel is being freed");
    }
    call->refs = 2;
    /* nobody posts a turn before the start: the transport's call does not exist until then */
    call->stream.posted = true;
    if (rpc->parent != NULL) {
        call->parent = csvc_ctx_ref(rpc->parent);
        call->hook = (csvc__hook){.fn = on_parent_cancelled, .self = call};
    }
    call->ch->transport->call_start(tc, start);
    if (rpc->parent != NULL) {
        (void)csvc__ctx_hook_add(rpc->parent, &call->hook);
    }
    csvc__loop_post(tc->loop, &call->stream.task);
    rpc->code = CSVC_OK;
    rpc->message = "";
    return call;
}

csvc_call *csvc_call_start(csvc_channel *ch, const csvc_method *method, csvc_rpc *rpc,
                           const void *request, const csvc_events *events)
{
    starting to;
    csvc_call *call;

    if (rpc != NULL && method != NULL && method->kind == CSVC_RPC_UNARY) {
        (void)csvc__rpc_outcome(rpc, CSVC_INVALID_ARGUMENT, "the rpc has no stream");
        return NULL;
    }
    call = prepare(ch, method, rpc, request, events == NULL, &to);
    if (call == NULL) {
        return NULL;
    }
    if (events != NULL) {
        memcpy(&call->events, events,
               events->struct_size < sizeof(call->events) ? events->struct_size
                                                          : sizeof(call->events));
        call->asynchronous = true;
        call->stream.credits = call->events.auto_more ? CSVC__MORE_ALWAYS : 0;
    }
    call->stream.may_wait = events == NULL;
    return launch(call, rpc, &to.start);
}

csvc_call *csvc_call_async(csvc_channel *ch, const csvc_method *method, csvc_rpc *rpc,
                           const void *request, csvc_relay_fn *relay, csvc_done_fn *done,
                           void *self)
{
    starting to;
    csvc_call *call;

    if (rpc != NULL && (relay == NULL || method == NULL || method->kind != CSVC_RPC_UNARY)) {
        (void)csvc__rpc_outcome(rpc, CSVC_INVALID_ARGUMENT, "the rpc is not unary");
        return NULL;
    }
    call = prepare(ch, method, rpc, request, false, &to);
    if (call == NULL) {
        return NULL;
    }
    call->asynchronous = true;
    call->relay = relay;
    call->done_fn = done;
    call->done_self = self;
    to.start.unary_reply = true;
    return launch(call, rpc, &to.start);
}

/* ---- using ---- */

bool csvc__call_receive(csvc_call *call, const void **ret_message, csvc_error *err)
{
    csvc_code code;

    err->code = CSVC_OK;
    if (!csvc__stream_receive(&call->stream, ret_message, err)) {
        if (err->code != CSVC_OK) {
            csvc_call_cancel(call);
        }
        return false;
    }
    code = csvc__seen_received(call->seen, *ret_message);
    if (code == CSVC_OK) {
        return true;
    }
    (void)csvc_error_set(err, code, "%s", csvc__seen_text(call->seen, code));
    (void)pthread_mutex_lock(&call->stream.lock);
    call->refusal = csvc__seen_text(call->seen, code);
    (void)pthread_mutex_unlock(&call->stream.lock);
    csvc__stream_refuse(&call->stream, code);
    csvc_call_cancel(call);
    return false;
}

csvc_code csvc_call_send(csvc_call *call, const void *message)
{
    csvc_stream *st;
    csvc_payload *payload;
    csvc_error err;
    csvc_code code, why;

    if (call == NULL || call->stream.sends == NULL ||
        (!call->asynchronous && csvc__loop_current() != NULL)) {
        return CSVC_FAILED_PRECONDITION;
    }
    st = &call->stream;
    code = csvc__pack(st->sends, message, &payload, &err);
    if (code != CSVC_OK) {
        return code;
    }
    switch (csvc__seen_push(call->seen, st, payload, message, &why)) {
    case CSVC__PUSHED:
        code = CSVC_OK;
        break;
    case CSVC__PUSH_ENDED:
        code = why;
        break;
    case CSVC__PUSH_SHUT:
        code = CSVC_FAILED_PRECONDITION;
        break;
    case CSVC__PUSH_TOO_LONG:
    case CSVC__PUSH_FULL:
    case CSVC__PUSH_NO_MEMORY:
        code = CSVC_RESOURCE_EXHAUSTED;
        break;
    }
    csvc__payload_unref(payload);
    return code;
}

void csvc_call_compress(csvc_call *call, bool on)
{
    if (call != NULL) {
        atomic_store_explicit(&call->stream.packing, on ? CSVC_COMPRESS_ON : CSVC_COMPRESS_OFF,
                              memory_order_relaxed);
    }
}

bool csvc_call_was_compressed(const csvc_call *call)
{
    return call != NULL && call->stream.was_packed;
}

void csvc_call_close_send(csvc_call *call)
{
    bool owed;

    if (call == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&call->stream.lock);
    owed = !call->stream.shut && csvc__call_want_turn(call);
    call->stream.shut = true;
    (void)pthread_mutex_unlock(&call->stream.lock);
    csvc__call_post(call, owed);
}

bool csvc_call_recv(csvc_call *call, const void **ret_message)
{
    csvc_error err;

    if (call == NULL || call->asynchronous || csvc__loop_current() != NULL) {
        return false;
    }
    return csvc__call_receive(call, ret_message, &err);
}

void csvc_call_more(csvc_call *call)
{
    bool owed = false;

    if (call == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&call->stream.lock);
    if (call->stream.credits < CSVC__MORE_ALWAYS - 1) {
        call->stream.credits++;
        owed = csvc__call_want_turn(call);
    }
    (void)pthread_mutex_unlock(&call->stream.lock);
    csvc__call_post(call, owed);
}

/* The one reply of a client-streaming rpc, into the result. */
static csvc_code sole_reply(csvc_call *call, csvc_rpc *rpc, const void **ret_reply,
                            const char **ret_text, bool *ret_settled)
{
    const void *first, *second;
    csvc_error err;

    call->stream.into = &rpc->result->arena;
    if (!csvc__call_receive(call, &first, &err)) {
        if (err.code == CSVC_OK) {
            *ret_text = "the server sent no reply";
            return CSVC_UNIMPLEMENTED;
        }
        *ret_text =
            call->refusal != NULL
                ? csvc_arena_strdup(&rpc->result->arena, call->refusal)
                : csvc_arena_printf(&rpc->result->arena, "the reply does not parse: %s", err.text);
        *ret_settled = true;
        return err.code;
    }
    if (csvc__stream_receive(&call->stream, &second, &err)) {
        *ret_settled = true;
        *ret_text = "the server sent more than one reply";
        csvc_call_cancel(call);
        return CSVC_UNIMPLEMENTED;
    }
    *ret_reply = first;
    return CSVC_OK;
}

static void await_over(csvc_call *call)
{
    csvc_stream *st = &call->stream;
    bool owed;

    (void)pthread_mutex_lock(&st->lock);
    call->discards = true;
    owed = csvc__call_want_turn(call);
    (void)pthread_mutex_unlock(&st->lock);
    csvc__call_post(call, owed);
    (void)pthread_mutex_lock(&st->lock);
    while (!call->over) {
        csvc__wait(&call->for_over, &st->lock);
    }
    (void)pthread_mutex_unlock(&st->lock);
}

csvc_code csvc_call_finish(csvc_call *call, csvc_rpc *rpc, const void **ret_reply)
{
    csvc_code code = CSVC_OK;
    const char *text = "";
    const void *reply = NULL;
    bool settled = false; /* whatever the status says */
    bool copied;

    if (call == NULL || rpc == NULL) {
        return rpc != NULL ? rpc->code : CSVC_INTERNAL;
    }
    if (call->asynchronous || csvc__loop_current() != NULL) {
        return CSVC_FAILED_PRECONDITION;
    }
    csvc_call_close_send(call);
    if (!csvc__rpc_fresh(rpc)) {
        csvc_call_cancel(call);
        await_over(call);
        csvc__seen_end(call->seen, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        (void)csvc_call_unref(call);
        return csvc__rpc_outcome(rpc, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (ret_reply != NULL) {
        code = sole_reply(call, rpc, &reply, &text, &settled);
    }
    await_over(call);
    rpc->result->was_packed = call->stream.was_packed;
    copied = csvc__copy_metadata(&rpc->result->arena, call->headers, &rpc->result->headers) &&
             csvc__copy_metadata(&rpc->result->arena, call->trailers, &rpc->result->trailers);
    if (call->code != CSVC_OK && !settled) {
        code = call->code;
        text = csvc_arena_strdup(&rpc->result->arena, call->text);
    } else if (code == CSVC_OK && call->stream.in_code != CSVC_OK) {
        code = call->stream.in_code; /* of a message taken out when the status had come already */
        text = call->refusal != NULL ? csvc_arena_strdup(&rpc->result->arena, call->refusal)
                                     : "a message does not parse";
    } else if (code == CSVC_OK && !copied) {
        code = CSVC_RESOURCE_EXHAUSTED;
        text = NULL;
    }
    if (code == CSVC_OK && ret_reply != NULL) {
        *ret_reply = reply;
    }
    text = text != NULL ? text : "out of memory";
    csvc__seen_end(call->seen, code, text);
    (void)csvc_call_unref(call);
    return csvc__rpc_outcome(rpc, code, text);
}

const csvc_rpc *csvc_call_outcome(const csvc_call *call)
{
    return call != NULL ? &call->outcome : NULL;
}
