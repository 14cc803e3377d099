/*
 * rpc/call.c: an outgoing unary call, and the wait for it.
 *
 * What the loop works on lies in the transport's call (`outgoing`) and goes with it; what the
 * caller waits on lies on the caller's stack (`waiter`) and goes when csvc_call_unary returns. The
 * reply is decoded on the loop, straight into the result's arena, because its bytes go with the
 * transport's call. Locks: the waiter's, then the channel's.
 */
#include <base/arena.h>
#include <base/thread.h>
#include <codec/codec.h>
#include <rpc/calling.h>
#include <rpc/seen.h>

#include <string.h>

#include <base/banned.h>

typedef struct waiter {
    csvc_channel *ch;
    csvc_rpc_result *result;
    const csvc_method *method;
    csvc_tcall *tc;

    /* written on the loop, before `done` */
    bool memory_short;
    bool has_reply;
    csvc_code code;
    const char *text; /* in the arena, or constant */
    void *reply;

    pthread_mutex_t lock;
    bool done;   /* the call has ended; the loop looks at this struct no more */
    sem_t ended; /* what it does last: tells so */
} waiter;

typedef struct outgoing {
    csvc__under_way in_list; /* first */
    csvc_tcall *tc;
    csvc_channel *ch;
    waiter *w;
    csvc_task cancel;
    /* under the channel's lock */
    bool started;       /* may be cancelled */
    bool wanted;        /* somebody wants it cancelled */
    bool cancel_posted; /* the cancel task is with the loop, or has been */
    bool cancel_ran;
    bool over; /* status has come */
} outgoing;

/* ---- on the loop ---- */

/* Gives the call's memory back and takes it out of the channel, which may go at once. */
static void give_back(outgoing *o)
{
    csvc__channel_delist(o->ch, &o->in_list, o->tc);
}

static void run_cancel(csvc_task *task)
{
    outgoing *o = (outgoing *)((uint8_t *)task - offsetof(outgoing, cancel));
    bool over;

    (void)pthread_mutex_lock(&o->ch->lock);
    o->cancel_ran = true;
    over = o->over;
    (void)pthread_mutex_unlock(&o->ch->lock);
    if (over) {
        give_back(o);
    } else {
        o->tc->ops->cancel(o->tc, CSVC_CANCELLED, "cancelled");
    }
}

static void cancel_call(csvc__under_way *call)
{
    outgoing *o = (outgoing *)(void *)call;

    o->wanted = true;
    if (o->started && !o->over && !o->cancel_posted) {
        o->cancel_posted = true;
        o->cancel.run = run_cancel;
        csvc__loop_post(o->tc->loop, &o->cancel);
    }
}

static void on_headers(csvc_tcall *tc, csvc_md_list headers)
{
    waiter *w = ((outgoing *)tc->upper)->w;

    w->memory_short |= !csvc__copy_metadata(&w->result->arena, headers, &w->result->headers);
}

/* The reply out of its message. */
static void take_reply(waiter *w, csvc_payload **message)
{
    csvc_arena *a = &w->result->arena;
    csvc_error err;

    w->result->was_packed = (*message)->compressed;
    w->code = csvc__payload_unpack(message, w->ch->max_message_bytes, &err);
    if (w->code != CSVC_OK) {
        w->text = csvc_arena_strdup(a, err.text);
        return;
    }
    w->code = csvc_decode_pieces(a, w->method->reply, (*message)->pieces, (*message)->n_pieces,
                                 NULL, &w->reply, &err);
    if (w->code != CSVC_OK) {
        w->text = csvc_arena_printf(a, "the reply does not parse: %s", err.text);
    }
}

static void on_message(csvc_tcall *tc, csvc_payload *message)
{
    waiter *w = ((outgoing *)tc->upper)->w;

    if (message == NULL) {
        return;
    }
    if (w->has_reply) {
        w->code = CSVC_UNIMPLEMENTED;
        w->text = "the server sent more than one reply";
    } else {
        take_reply(w, &message);
    }
    w->has_reply = true;
    csvc__payload_unref(message);
}

static void on_writable(csvc_tcall *tc)
{
    (void)tc; /* the request went with the start */
}

/* What the caller is told, from the server's status and from what became of the reply. */
static void conclude(waiter *w, csvc_code code, csvc_bytes text)
{
    csvc_arena *a = &w->result->arena;

    if (code != CSVC_OK) {
        w->code = (unsigned)code <= CSVC_UNAUTHENTICATED ? code : CSVC_UNKNOWN;
        w->text = csvc_arena_strndup(a, (const char *)text.data, text.len);
    } else if (!w->has_reply) {
        w->code = CSVC_UNIMPLEMENTED;
        w->text = "the server sent no reply";
    } else if (w->code == CSVC_OK && w->memory_short) {
        w->code = CSVC_RESOURCE_EXHAUSTED;
        w->text = NULL;
    } else if (w->code == CSVC_OK) {
        w->text = "";
    }
    if (w->text == NULL) {
        w->text = "out of memory";
    }
}

static void on_status(csvc_tcall *tc, csvc_code code, csvc_bytes text, csvc_md_list trailers)
{
    outgoing *o = tc->upper;
    waiter *w = o->w;
    bool release;

    w->memory_short |= !csvc__copy_metadata(&w->result->arena, trailers, &w->result->trailers);
    conclude(w, code, text);

    /* not before `done`: until then the caller's stack is there, and so is the channel */
    (void)pthread_mutex_lock(&w->lock);
    (void)pthread_mutex_lock(&o->ch->lock);
    o->over = true;
    release = !o->cancel_posted || o->cancel_ran;
    (void)pthread_mutex_unlock(&o->ch->lock);
    if (release) {
        give_back(o);
    }
    w->done = true;
    (void)pthread_mutex_unlock(&w->lock);
    (void)sem_post(&w->ended);
}

static const csvc_outgoing_events events = {
    .headers = on_headers,
    .message = on_message,
    .writable = on_writable,
    .status = on_status,
};

/* ---- on the caller's thread ---- */

/* The parent was cancelled. On any thread, while the caller waits. */
static void on_parent_cancelled(void *self)
{
    waiter *w = self;

    (void)pthread_mutex_lock(&w->lock);
    if (!w->done) {
        outgoing *o = w->tc->upper;

        (void)pthread_mutex_lock(&w->ch->lock);
        cancel_call(&o->in_list);
        (void)pthread_mutex_unlock(&w->ch->lock);
    }
    (void)pthread_mutex_unlock(&w->lock);
}

/* From here on the call may be cancelled; it is, when somebody wanted that already. */
static void mark_started(waiter *w)
{
    (void)pthread_mutex_lock(&w->lock);
    if (!w->done) {
        outgoing *o = w->tc->upper;

        (void)pthread_mutex_lock(&w->ch->lock);
        o->started = true;
        if (o->wanted) {
            cancel_call(&o->in_list);
        }
        (void)pthread_mutex_unlock(&w->ch->lock);
    }
    (void)pthread_mutex_unlock(&w->lock);
}

/* Starts the call and waits for its status; w->code and w->text say how it went. */
static void run_call(waiter *w, csvc_rpc *rpc, const csvc_start *start)
{
    csvc__hook hook = {.fn = on_parent_cancelled, .self = w};

    w->ch->transport->call_start(w->tc, start);
    mark_started(w);
    if (rpc->parent != NULL) {
        (void)csvc__ctx_hook_add(rpc->parent, &hook);
    }
    csvc__sem_wait(&w->ended);
    if (rpc->parent != NULL) {
        csvc__ctx_hook_remove(rpc->parent, &hook);
    }
}

static csvc_code settle(const waiter *w, csvc_rpc *rpc, csvc__seen *seen)
{
    if (seen != NULL) {
        csvc__seen_end(seen, w->code, w->text);
        csvc__seen_free(seen);
    }
    return csvc__rpc_outcome(rpc, w->code, w->text);
}

csvc_code csvc_call_unary(csvc_channel *ch, const csvc_method *method, csvc_rpc *rpc,
                          const void *request, const void **ret_reply)
{
    waiter w = {.ch = ch, .method = method};
    csvc_outgoing message;
    csvc_tretry retry;
    csvc__seen *seen;
    csvc_start start = {.events = &events, .message = &message, .unary_reply = true};
    csvc_code code;
    outgoing *o;
    const char *text;

    if (rpc == NULL || rpc->struct_size < offsetof(csvc_rpc, result) + sizeof(rpc->result)) {
        return CSVC_INTERNAL;
    }
    /* the program's own mistake: a handler that hands it on must not blame its caller */
    if (ch == NULL || method == NULL || request == NULL || ret_reply == NULL) {
        return csvc__rpc_outcome(rpc, CSVC_INTERNAL,
                                 ch == NULL ? "a call was made without a channel"
                                            : "a call was made without a method, a request or a "
                                              "place for the reply");
    }
    if (!csvc__rpc_fresh(rpc)) {
        return csvc__rpc_outcome(rpc, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    text = csvc__rpc_refuse(rpc, true, &code);
    if (text == NULL && method->kind != CSVC_RPC_UNARY) {
        code = CSVC_INVALID_ARGUMENT;
        text = "an rpc with a stream is called with csvc_call_start";
    }
    if (text != NULL) {
        return csvc__rpc_outcome(rpc, code, text);
    }
    w.result = rpc->result;
    code = csvc__rpc_metadata(ch, rpc, &start.metadata, &text);
    if (code != CSVC_OK) {
        return csvc__rpc_outcome(rpc, code, text);
    }
    w.tc = ch->transport->call_new(ch->tch, ch->transport->channel_loop(ch->tch), sizeof(*o));
    if (w.tc == NULL) {
        return csvc__rpc_outcome(rpc, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    code = csvc__rpc_request(ch, rpc, method, w.tc, request, &message, &text);
    if (code != CSVC_OK) {
        w.tc->ops->release(w.tc);
        return csvc__rpc_outcome(rpc, code, text);
    }
    start.path = method->path;
    start.deadline = csvc__rpc_deadline(rpc);
    start.wait_for_ready = rpc->wait_for_ready;
    start.retry = csvc__retry_for(ch, method, &retry);
    code = csvc__seen_begin(ch, method, &rpc->result->arena, &start, &seen, &text);
    if (code != CSVC_OK) {
        w.tc->ops->release(w.tc);
        return csvc__rpc_outcome(rpc, code, text);
    }
    o = w.tc->upper;
    *o = (outgoing){.in_list.cancel = cancel_call, .tc = w.tc, .ch = ch, .w = &w};
    if (!csvc__channel_enlist(ch, &o->in_list)) {
        w.tc->ops->release(w.tc);
        w.code = CSVC_CANCELLED;
        w.text = "the channel is being freed";
        return settle(&w, rpc, seen);
    }
    csvc__seen_sent(seen, request);
    (void)pthread_mutex_init(&w.lock, NULL);
    (void)sem_init(&w.ended, 0, 0);
    run_call(&w, rpc, &start);
    (void)sem_destroy(&w.ended);
    (void)pthread_mutex_destroy(&w.lock);
    if (seen != NULL && w.code == CSVC_OK) {
        w.code = csvc__seen_received(seen, w.reply);
        if (w.code != CSVC_OK) {
            w.text = csvc_arena_strdup(&rpc->result->arena, csvc__seen_text(seen, w.code));
            w.text = w.text != NULL ? w.text : "out of memory";
        }
    }
    if (w.code == CSVC_OK) {
        *ret_reply = w.reply;
    }
    return settle(&w, rpc, seen);
}
