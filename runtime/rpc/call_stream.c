/*
 * rpc/call_stream.c: outgoing calls that last: those with a stream, and those nobody waits for.
 *
 * A csvc_call is its own memory, counted: its users have references, and the loop has one until the
 * status has come. What the loop and the users share is the stream (stream.h) and the few flags
 * under its lock. Posting a turn ends with the call: `ended` is set under that lock before the
 * transport's call is given back, which waits for a turn that is posted already.
 */
#include <codec/codec.h>
#include <csvc/alloc.h>
#include <rpc/calling.h>
#include <rpc/seen.h>
#include <rpc/stream.h>

#include <string.h>

#include <base/banned.h>

enum {
    MAX_QUEUED = 256,
    FIRST_CHUNK = 256,
};
#define MAX_QUEUED_BYTES ((size_t)256 << 10)

struct csvc_call {
    csvc__under_way in_list; /* first */
    atomic_uint refs;
    csvc_channel *ch;
    csvc_tcall *tc; /* the loop's, until it has given it back */
    const csvc_method *method;
    csvc__seen *seen; /* NULL: the channel has no interceptors */
    csvc_stream stream;
    csvc_events events;
    csvc_relay_fn *relay; /* of an asynchronous unary call */
    csvc_done_fn *done_fn;
    void *done_self;
    csvc_ctx *parent; /* a reference */
    csvc__hook hook;  /* in the parent */
    csvc_arena arena; /* of the metadata received and the text; the loop's, then the user's */
    csvc_md_list headers, trailers;
    csvc_rpc outcome; /* of an asynchronous call */
    const void *reply;
    const char *text;
    csvc_code code;

    /* under the stream's lock */
    bool asynchronous;
    bool cancel_wanted;
    const char *refusal; /* an interceptor's, of a message; NULL: there was none */
    bool discards;       /* messages that come are nobody's */
    bool over;           /* the status has come */
    bool given_back;     /* and the transport's call has gone */

    /* on the loop */
    bool cancelled, closed, told_end;
    bool has_status; /* nothing more may be asked of the transport */
    csvc_code status;
    csvc_bytes status_text; /* as long as the transport's call */
    bool memory_short, has_reply;

    _Alignas(16) uint8_t first_chunk[FIRST_CHUNK]; /* of the arena */
};

static csvc_call *of_tcall(csvc_tcall *tc)
{
    return *(csvc_call **)tc->upper;
}

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

/* Asks the loop for a turn, unless the call has ended. With the lock: what csvc__stream_want_turn
 * says. */
static bool want_turn(csvc_call *call)
{
    return !call->stream.ended && csvc__stream_want_turn(&call->stream);
}

static void post(csvc_call *call, bool owed)
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
    owed = want_turn(call);
    (void)pthread_mutex_unlock(&call->stream.lock);
    post(call, owed);
}

static void on_parent_cancelled(void *self)
{
    csvc_call_cancel(self);
}

static void on_channel_freed(csvc__under_way *under_way)
{
    csvc_call_cancel((csvc_call *)(void *)under_way);
}

/* ---- on the loop ---- */

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

/* The next message, and what interceptors say of it. False: there is none; err is as it was, or the
 * call is cancelled and err says why. */
static bool receive(csvc_call *call, const void **ret_message, csvc_error *err)
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
        if (!call->told_end && !receive(call, &message, &err)) {
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
    csvc_payload *dropped = NULL;
    bool cancel, close;

    if (call->has_status) {
        turn_behind_status(call);
        return;
    }

    (void)pthread_mutex_lock(&st->lock);
    while (call->discards && st->n_ahead > 0) {
        dropped = st->ahead[st->ahead_first];
        st->ahead_first = (st->ahead_first + 1) % CSVC__STREAM_AHEAD;
        st->n_ahead--;
        st->ahead_bytes -= dropped->len;
        csvc__payload_unref(dropped);
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
    csvc__stream_move(st);
    (void)pthread_mutex_lock(&st->lock);
    close = st->shut && st->n_queued == 0 && !call->closed && !st->ended;
    (void)pthread_mutex_unlock(&st->lock);
    if (close) {
        call->closed = true;
        call->tc->ops->close_send(call->tc);
    }
}

static void run_turn(csvc_task *task)
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
    (void)pthread_cond_broadcast(&call->stream.moved);
    (void)pthread_mutex_unlock(&call->stream.lock);
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

static const csvc_outgoing_events stream_events = {
    .headers = on_headers,
    .message = on_message,
    .writable = on_writable,
    .status = on_status,
};

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
    csvc__stream_init(&call->stream, call->tc, run_turn);
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
    csvc_start start = {.events = &stream_events};
    const char *text = NULL;
    csvc_call *call;
    csvc_code code;

    if (rpc == NULL || rpc->struct_size < offsetof(csvc_rpc, result) + sizeof(rpc->result)) {
        return NULL;
    }
    if (ch == NULL || method == NULL ||
        (request == NULL) != ((method->kind & CSVC_RPC_CLIENT_STREAM) != 0)) {
        (void)csvc__rpc_outcome(rpc, CSVC_INVALID_ARGUMENT,
                                "a call needs a channel, a method and, of one message, a request");
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
    call->stream.packing = rpc->compress;
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
    switch (csvc__stream_push(st, payload, &why)) {
    case CSVC__PUSHED:
        csvc__seen_sent(call->seen, message);
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
        (void)pthread_mutex_lock(&call->stream.lock);
        call->stream.packing = on ? CSVC_COMPRESS_ON : CSVC_COMPRESS_OFF;
        (void)pthread_mutex_unlock(&call->stream.lock);
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
    owed = !call->stream.shut && want_turn(call);
    call->stream.shut = true;
    (void)pthread_mutex_unlock(&call->stream.lock);
    post(call, owed);
}

bool csvc_call_recv(csvc_call *call, const void **ret_message)
{
    csvc_error err;

    if (call == NULL || call->asynchronous || csvc__loop_current() != NULL) {
        return false;
    }
    return receive(call, ret_message, &err);
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
        owed = want_turn(call);
    }
    (void)pthread_mutex_unlock(&call->stream.lock);
    post(call, owed);
}

/* The one reply of a client-streaming rpc, into the result. */
static csvc_code sole_reply(csvc_call *call, csvc_rpc *rpc, const void **ret_reply,
                            const char **ret_text, bool *ret_settled)
{
    const void *first, *second;
    csvc_error err;

    call->stream.into = &rpc->result->arena;
    if (!receive(call, &first, &err)) {
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
    owed = want_turn(call);
    (void)pthread_mutex_unlock(&st->lock);
    post(call, owed);
    (void)pthread_mutex_lock(&st->lock);
    while (!call->over) {
        (void)pthread_cond_wait(&st->moved, &st->lock);
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
        return rpc != NULL ? rpc->code : CSVC_INVALID_ARGUMENT;
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
