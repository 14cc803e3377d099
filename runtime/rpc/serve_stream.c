/*
 * rpc/serve_stream.c: served calls that last: those with a stream, and those that are detached.
 *
 * Everything here runs on the loop, except the handler. Other threads queue messages or ask for the
 * end and post a turn; a turn (`turn`) moves messages, tells the keeper what it waits for, and
 * finishes the call once its handler has returned, its end was asked for, and its messages have
 * gone. A call that was cancelled is finished without waiting for either of the last two.
 */
#include <codec/codec.h>
#include <csvc/log.h>
#include <rpc/serve_pool.h>
#include <rpc/serve_stream.h>

#include <string.h>

#include <base/banned.h>

typedef csvc__served served;

static void run_turn(csvc_task *task);

/* ---- life ---- */

void csvc__live_init(csvc__served *s)
{
    struct csvc__live *l = &s->l;

    csvc__stream_init(&l->stream, s->ctx.tc, run_turn);
    l->stream.ctx = &s->ctx;
    l->stream.max_memory = s->srv->o.max_call_memory;
    l->stream.max_queued = s->srv->o.max_send_queue;
    l->stream.max_queued_bytes = s->srv->o.max_send_queue_bytes;
    l->stream.max_send_bytes = s->srv->o.max_reply_bytes;
    l->stream.max_receive_bytes = s->srv->o.max_message_bytes;
    l->stream.compress_bytes = s->srv->o.compress_bytes;
    (void)pthread_mutex_init(&l->hooks, NULL);
    l->hooks_over = false;
    l->events = (csvc_events){0};
    l->handler_code = CSVC_OK;
    l->told_misuse = false;
    l->text = NULL;
    l->finish_called = l->finish_asked = l->given_up = l->stopped = l->told_stop = false;
    l->returned = l->headers_sent = l->finished = l->told_end = l->says_text = l->done = false;
    s->reply = (csvc_outgoing){0};
    s->live = true;
}

/* Gives the memory back once nothing is to come: not the reference, not a task. */
static void release_if_done(served *s)
{
    struct csvc__live *l = &s->l;
    bool gone;

    (void)pthread_mutex_lock(&l->stream.lock);
    gone = l->done && l->given_up && !l->stream.posted;
    (void)pthread_mutex_unlock(&l->stream.lock);
    if (gone) {
        csvc__stream_release(&l->stream);
        (void)pthread_mutex_destroy(&l->hooks);
        csvc__served_give_back(s);
    }
}

void csvc__live_dispose(csvc__served *s)
{
    csvc_stream *st = &s->l.stream;
    csvc_loop *loop = st->tc->loop;
    bool owed;

    (void)pthread_mutex_lock(&st->lock);
    s->l.given_up = true;
    owed = csvc__stream_want_turn(st);
    (void)pthread_mutex_unlock(&st->lock);
    if (owed) {
        csvc__loop_post(loop, &st->task);
    }
}

/* ---- the end ---- */

/* Ends the call for a reason of the loop's own; an end asked for before stands. */
static void end_here(served *s, csvc_code code, const char *text)
{
    struct csvc__live *l = &s->l;

    (void)pthread_mutex_lock(&l->stream.lock);
    if (!l->finish_asked) {
        l->finish_asked = true;
        l->stream.shut = true;
        l->text = text;
        s->code = code;
    }
    (void)pthread_mutex_unlock(&l->stream.lock);
}

static csvc_md_list list_of(const csvc__md_out *out)
{
    return (csvc_md_list){out->entries, out->n_entries};
}

static void send_finish(served *s, csvc__queued last, bool asked)
{
    struct csvc__live *l = &s->l;
    csvc_ctx *ctx = &s->ctx;
    csvc_ending f = {.code = s->code};
    const char *text = "";

    if (last.payload != NULL) {
        s->reply = csvc__stream_outgoing(&l->stream, last); /* interceptors have heard of it */
    }
    /* A call that its keeper did not end may be in the keeper's hands still: its metadata and its
     * text are not ours to read, and nobody is there to hear them. */
    if (asked) {
        l->says_text = l->text == NULL;
        text = l->text != NULL ? l->text : csvc_fail_text(ctx, s->code);
        if (!l->headers_sent) {
            f.headers = list_of(&ctx->headers);
        }
        f.trailers = list_of(&ctx->trailers);
        ctx->answered = true;
    }
    f.message = last.payload != NULL || (s->has_reply && s->code == CSVC_OK) ? &s->reply : NULL;
    f.text = (csvc_bytes){strlen(text), (const uint8_t *)text};
    l->finished = true;
    ctx->tc->ops->finish(ctx->tc, &f);
    csvc__payload_unref(s->reply.payload);
    s->reply.payload = NULL;
}

static void try_finish(served *s)
{
    struct csvc__live *l = &s->l;
    csvc_stream *st = &l->stream;
    csvc__queued last;
    bool asked, ended, forgotten;

    if (!l->returned || l->finished) {
        return;
    }
    (void)pthread_mutex_lock(&st->lock);
    asked = l->finish_asked;
    ended = st->ended;
    forgotten = l->given_up && !l->finish_called;
    if (!asked && ended) {
        s->code = st->why; /* csvc_finish comes too late from now on */
    }
    (void)pthread_mutex_unlock(&st->lock);
    if (!asked && !ended) {
        if (!forgotten) {
            return;
        }
        csvc_log(CSVC_LOG_ERROR, "a detached call was given up without csvc_finish", "method",
                 s->ctx.path, NULL);
        end_here(s, CSVC_INTERNAL, "the handler has forgotten the call");
        asked = true;
    }
    if (csvc__stream_drained(st, &last)) {
        send_finish(s, last, asked);
    }
}

/* ---- what interceptors hear ---- */

csvc_code csvc__live_received(csvc__served *s, const void *message)
{
    const csvc__chain *chain = &s->srv->chain;
    csvc_code code = CSVC_OK;

    if (!chain->hears_received) {
        return CSVC_OK;
    }
    (void)pthread_mutex_lock(&s->l.hooks);
    if (!s->l.hooks_over) {
        code = csvc__chain_received(chain, &s->ctx, s->states, message);
    }
    (void)pthread_mutex_unlock(&s->l.hooks);
    return csvc__served_checked(&s->ctx, "an interceptor", code);
}

csvc_code csvc__live_kept(csvc__served *s)
{
    if (!csvc__stream_misused(&s->l.stream)) {
        return CSVC_OK;
    }
    if (!s->l.told_misuse) {
        s->l.told_misuse = true;
        csvc_log(
            CSVC_LOG_ERROR,
            "a message was written to after the next one had come: csvc_message_copy keeps one",
            "method", s->ctx.path, NULL);
    }
    return csvc_fail(&s->ctx, CSVC_INTERNAL, "a message was kept too long");
}

csvc__pushed csvc__live_push(csvc__served *s, csvc_payload *payload, const void *message,
                             csvc_code *ret_why)
{
    const csvc__chain *chain = &s->srv->chain;
    csvc_stream *st = &s->l.stream;
    csvc__pushed pushed;

    if (!chain->hears_sent) {
        return csvc__stream_push(st, payload, ret_why);
    }
    do {
        (void)pthread_mutex_lock(&s->l.hooks);
        pushed = csvc__stream_try_push(st, payload, ret_why);
        if (pushed == CSVC__PUSHED) {
            csvc__chain_sent(chain, &s->ctx, s->states, message);
        }
        (void)pthread_mutex_unlock(&s->l.hooks);
    } while (pushed == CSVC__PUSH_FULL && csvc__stream_await_room(st, payload->len));
    return pushed;
}

/* ---- turns ---- */

static void tell_message(served *s)
{
    struct csvc__live *l = &s->l;
    const void *message = NULL;
    csvc_error err;
    csvc_code code;

    if (!l->told_end) {
        if (!csvc__stream_receive(&l->stream, &message, &err)) {
            end_here(s, csvc__stream_in_code(&l->stream), "a message does not parse");
            return;
        }
        code = csvc__live_kept(s);
        if (code != CSVC_OK) {
            end_here(s, code, "a message was kept too long");
            return;
        }
        code = csvc__live_received(s, message);
        if (code != CSVC_OK) {
            end_here(s, code, "an interceptor refused a message");
            return;
        }
    }
    if (l->events.on_message != NULL) {
        l->events.on_message(l->events.self, message);
    }
}

/* Whether the keeper is to hear of a message now, or of the last one's having come. */
static bool has_event(const served *s)
{
    const struct csvc__live *l = &s->l;
    const csvc_stream *st = &l->stream;

    return !l->finish_asked && !st->ended && st->in_code == CSVC_OK && st->credits > 0 &&
           (st->n_ahead > 0 || (st->at_end && !l->told_end));
}

/* Whether it is to hear of room. */
static bool has_room_again(const served *s)
{
    const csvc_stream *st = &s->l.stream;

    return st->refused && !s->l.finish_asked && !st->ended && st->n_queued <= st->max_queued / 2 &&
           st->queued_bytes <= st->max_queued_bytes / 2;
}

/* What there is to do: one look, for most turns have one thing to do. */
typedef struct due {
    bool message, room; /* to be told, now: counted as told; one of them at a time */
    bool finishes, moves;
} due;

/* With the lock. Of room once a turn: who has more to send than there is room for asks again. */
static due look(served *s, bool tells_room)
{
    struct csvc__live *l = &s->l;
    csvc_stream *st = &l->stream;
    due is = {
        .finishes =
            l->returned && (l->finish_asked || st->ended || (l->given_up && !l->finish_called)),
        .moves = csvc__stream_moves(st),
    };

    if (l->returned && s->detached && !l->finished) {
        is.message = has_event(s);
        is.room = tells_room && !is.message && has_room_again(s);
    }
    if (is.message && st->credits != CSVC__MORE_ALWAYS) {
        st->credits--;
    }
    if (is.message && st->n_ahead == 0) {
        l->told_end = true;
    }
    if (is.room) {
        st->refused = false;
    }
    return is;
}

static due look_now(served *s, bool tells_room)
{
    due is;

    (void)pthread_mutex_lock(&s->l.stream.lock);
    is = look(s, tells_room);
    (void)pthread_mutex_unlock(&s->l.stream.lock);
    return is;
}

static void turn_for(served *s, due is)
{
    struct csvc__live *l = &s->l;
    csvc_ctx *ctx = &s->ctx;
    bool told_room = false;

    if (l->finished) {
        return;
    }
    while (is.message || is.room) {
        if (is.message) {
            tell_message(s);
        } else if (l->events.on_writable != NULL) {
            l->events.on_writable(l->events.self);
        }
        told_room |= is.room;
        is = look_now(s, !told_room);
    }
    if (is.finishes) {
        try_finish(s);
    }
    if (l->finished) {
        return;
    }
    if (!l->headers_sent && atomic_load_explicit(&ctx->headers_gone, memory_order_acquire)) {
        l->headers_sent = true;
        if (ctx->headers.n_entries > 0) {
            ctx->tc->ops->send_headers(ctx->tc, list_of(&ctx->headers),
                                       csvc__stream_announces(&l->stream));
        }
    }
    if (is.moves) {
        csvc__stream_move(&l->stream);
    }
}

static void turn(served *s)
{
    turn_for(s, look_now(s, true));
}

static void run_turn(csvc_task *task)
{
    served *s = (served *)((uint8_t *)task - offsetof(served, l.stream.task));
    csvc_stream *st = &s->l.stream;
    due is;

    (void)pthread_mutex_lock(&st->lock);
    st->posted = false;
    is = look(s, true);
    (void)pthread_mutex_unlock(&st->lock);
    turn_for(s, is);
    release_if_done(s);
}

/* ---- the handler ---- */

/* Where the handler runs; returns its code. */
static csvc_code handle(served *s)
{
    const csvc_method *method = s->sm->method;
    csvc_stream *st = &s->l.stream;
    csvc_ctx *ctx = &s->ctx;
    void *in = st;
    void *out = st;
    csvc_code code = csvc__served_begin(s);

    if (code != CSVC_OK) {
        return code;
    }
    if (st->receives == NULL) {
        code = csvc__served_decode(s, &in);
        if (code == CSVC_OK) {
            code = csvc__live_received(s, in);
        }
        if (code != CSVC_OK) {
            return code;
        }
    }
    if (st->sends == NULL) {
        out = csvc_message_new(&ctx->arena, method->reply);
        if (out == NULL) {
            return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
        s->reply_message = out;
    }
    code = method->invoke(s->sm->ops, s->sm->self, ctx, in, out);
    if (!s->detached && csvc__live_kept(s) != CSVC_OK) {
        return CSVC_INTERNAL;
    }
    if (code != CSVC_OK) {
        return csvc__served_checked(ctx, "the handler", code);
    }
    return st->sends == NULL && !s->detached ? csvc__served_encode(s, out) : CSVC_OK;
}

static void run_returned(csvc_task *task)
{
    served *s = (served *)((uint8_t *)task - offsetof(served, task));

    s->ctx.may_block = false;
    csvc__live_returned(s, s->l.handler_code);
}

static void run_job(csvc__job *job, csvc__worker *w)
{
    served *s = (served *)((uint8_t *)job - offsetof(served, job));

    s->ctx.may_block = true;
    s->l.handler_code = csvc_check_cancelled(&s->ctx);
    if (s->l.handler_code == CSVC_OK) {
        s->l.handler_code = handle(s);
    }
    s->task.run = run_returned;
    csvc__worker_post(w, s->ctx.tc->loop, &s->task);
}

void csvc__live_returned(csvc__served *s, csvc_code code)
{
    struct csvc__live *l = &s->l;
    const csvc_code why = (csvc_code)atomic_load_explicit(&s->ctx.cancelled, memory_order_relaxed);

    csvc__payload_unref(s->request);
    s->request = NULL;
    l->returned = true;
    s->on_loop_live = true;
    if (why != CSVC_OK) {
        csvc__stream_end(&l->stream, why, true);
    }
    if (!s->detached || code != CSVC_OK) {
        end_here(s, code, NULL);
    }
    turn(s);
    if (!l->finished) {
        s->ctx.tc->ops->watch(s->ctx.tc); /* asked before of all but unary and inline calls */
    }
    if (atomic_load(&s->srv->stopping)) {
        csvc__live_stop(s); /* the others have been told */
    }
}

/* ---- stopping ---- */

void csvc__live_stop(csvc__served *s)
{
    struct csvc__live *l = &s->l;
    csvc_stream *st = &l->stream;

    if (!s->detached || !l->returned || l->finished || l->told_stop) {
        return;
    }
    l->told_stop = true;
    if (l->events.on_stop != NULL ? l->events.on_stop(l->events.self) : st->sends == NULL) {
        return; /* it ends by itself */
    }
    (void)pthread_mutex_lock(&st->lock);
    l->stopped = !l->finish_asked;
    (void)pthread_mutex_unlock(&st->lock);
    end_here(s, CSVC_UNAVAILABLE, "the server is stopping");
    turn(s);
}

void csvc__live_cut(csvc__served *s)
{
    bool stopped;

    (void)pthread_mutex_lock(&s->l.stream.lock);
    stopped = s->l.stopped;
    (void)pthread_mutex_unlock(&s->l.stream.lock);
    if (stopped) {
        s->ctx.tc->ops->cancel(s->ctx.tc, CSVC_UNAVAILABLE, "the server is stopping");
    }
}

void csvc__live_start(csvc__served *s)
{
    const csvc_method *method = s->sm->method;
    csvc_stream *st = &s->l.stream;
    csvc_code code;

    csvc__live_init(s);
    s->on_loop_live = true;
    st->may_wait = !s->sm->on_loop;
    st->receives = method->kind != CSVC_RPC_SERVER_STREAM ? method->request : NULL;
    st->sends = method->kind != CSVC_RPC_CLIENT_STREAM ? method->reply : NULL;
    if (s->sm->on_loop) {
        csvc__live_returned(s, handle(s));
        return;
    }
    s->job.run = run_job;
    s->job.quick = false;
    s->ctx.tc->ops->watch(s->ctx.tc);
    csvc__stream_move(st);
    code = csvc__served_submit(s);
    if (code != CSVC_OK) {
        csvc__live_returned(s, csvc_fail(&s->ctx, code, "too many calls wait for a worker"));
    }
}

/* ---- events ---- */

void csvc__live_message(csvc__served *s, csvc_payload *message)
{
    if (message != NULL) {
        csvc__stream_message(&s->l.stream, message);
    } else {
        csvc__stream_at_end(&s->l.stream);
    }
    turn(s);
}

void csvc__live_writable(csvc__served *s)
{
    csvc_stream *st = &s->l.stream;
    due is;

    (void)pthread_mutex_lock(&st->lock);
    st->sending = false;
    is = look(s, true);
    (void)pthread_mutex_unlock(&st->lock);
    turn_for(s, is);
}

void csvc__live_cancelled(csvc__served *s, csvc_code why, bool never_ran)
{
    csvc__stream_end(&s->l.stream, why, true);
    if (never_ran) {
        csvc__live_returned(s, csvc_check_cancelled(&s->ctx));
    } else {
        turn(s);
    }
}

void csvc__live_closing(csvc__served *s, csvc_code outcome)
{
    struct csvc__live *l = &s->l;

    (void)pthread_mutex_lock(&l->hooks);
    csvc__stream_end(&l->stream, outcome != CSVC_OK ? outcome : CSVC_CANCELLED, true);
    l->hooks_over = true;
    (void)pthread_mutex_unlock(&l->hooks);
}

void csvc__live_closed(csvc__served *s, csvc_code outcome)
{
    struct csvc__live *l = &s->l;

    if (s->detached) {
        if (l->events.on_done != NULL) {
            l->events.on_done(l->events.self, outcome);
        }
        l->done = true;
    } else {
        l->done = true;
        (void)csvc_ctx_unref(&s->ctx); /* the call's own reference */
    }
    release_if_done(s);
}
