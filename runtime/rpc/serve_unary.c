/*
 * rpc/serve_unary.c: one served call, from its arrival to its release; what unary ones do between
 * the two, and where those that last (serve_stream.c) leave this path.
 *
 * On the loop: arrival, the begins of the early interceptors, refusals, inline handlers, the
 * finish, cancellation, the ends. On a worker: the later begins, decoding, the handler, encoding.
 * A call's memory lies in the transport's; it goes back when the last reference to its ctx has
 * gone.
 */
#include <base/clock.h>
#include <base/utf8.h>
#include <codec/codec.h>
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <rpc/serve_pool.h>
#include <rpc/serve_stream.h>

#include <string.h>

#include <base/banned.h>

typedef csvc__served served;

size_t csvc__served_size(void)
{
    return sizeof(served);
}

static served *of_tcall(csvc_tcall *tc)
{
    return tc->upper;
}

/* ---- the end ---- */

static void run_release(csvc_task *task)
{
    csvc__served_give_back((served *)((uint8_t *)task - offsetof(served, task)));
}

static void dispose(csvc_ctx *ctx)
{
    served *s = (served *)(void *)ctx;

    if (s->live) {
        csvc__live_dispose(s);
        return;
    }
    if (!s->closed) {
        /* the call's own reference, given back by who had none: the call goes on with it */
        atomic_store_explicit(&ctx->refs, 1, memory_order_relaxed);
        csvc_log(CSVC_LOG_ERROR, "csvc_ctx_unref without a reference of one's own", "method",
                 ctx->path, NULL);
        return;
    }
    if (csvc__loop_current() == ctx->tc->loop) {
        csvc__served_give_back(s);
        return;
    }
    s->task.run = run_release;
    csvc__loop_post(ctx->tc->loop, &s->task);
}

static void on_closed(csvc_tcall *tc, bool delivered, bool cancelled)
{
    served *s = of_tcall(tc);
    const csvc__chain *chain = &s->srv->chain;
    const csvc_code code = cancelled ? csvc__served_why_cancelled(s) : s->code;

    csvc__inflight_remove(&s->inflight);
    if (cancelled && atomic_load_explicit(&s->srv->hard, memory_order_relaxed)) {
        atomic_store_explicit(&s->srv->cut, true, memory_order_relaxed);
    }
    if (s->live) {
        csvc__live_closing(s, code);
    }
    if (s->begun > 0) {
        csvc_outcome outcome = {
            .code = code,
            .delivered = delivered,
            .duration_nanos = chain->timed ? csvc__now() - s->inflight.arrived : 0,
        };

        /* a stream lasts as long as there is something to say */
        outcome.slow = s->sm != NULL && s->sm->method->kind == CSVC_RPC_UNARY &&
                       outcome.duration_nanos / CSVC__MS >= s->srv->o.slow_call_ms;
        /* a detached call that was not finished: its keeper may be writing a text just now */
        if (s->detached && !s->l.says_text) {
            outcome.text = s->l.text != NULL && !cancelled ? s->l.text : "";
        } else {
            outcome.text = csvc_fail_text(&s->ctx, code);
        }
        if (chain->hears_sent && delivered && s->has_reply) {
            csvc__chain_sent(chain, &s->ctx, s->states, s->reply_message);
        }
        csvc__chain_end(chain, &s->ctx, s->states, s->begun, &outcome);
    }
    if (s->live) {
        csvc__live_closed(s, code);
    } else if (atomic_load_explicit(&s->ctx.refs, memory_order_acquire) == 1) {
        csvc__served_give_back(
            s); /* as nearly always: nobody has kept the ctx, and this is the loop */
    } else {
        s->closed = true;
        (void)csvc_ctx_unref(&s->ctx);
    }
}

/* Sends the outcome. On the loop, once. */
static void finish(served *s)
{
    csvc_ctx *ctx = &s->ctx;
    const char *text = csvc_fail_text(ctx, s->code);
    csvc_ending f = {
        .headers = {ctx->headers.entries, ctx->headers.n_entries},
        .message = s->has_reply ? &s->reply : NULL,
        .code = s->code,
        .text = {strlen(text), (const uint8_t *)text},
        .trailers = {ctx->trailers.entries, ctx->trailers.n_entries},
    };

    ctx->answered = true;
    ctx->tc->ops->finish(ctx->tc, &f);
    if (s->has_reply) {
        csvc__payload_unref(s->reply.payload);
    }
}

/* ---- the end, from a worker ---- */

static void run_finish(csvc_task *task)
{
    served *s = (served *)((uint8_t *)task - offsetof(served, task));

    s->ctx.may_block = false;
    csvc__served_guard_back(s);
    finish(s);
}

static void run_detached(csvc_task *task)
{
    served *s = (served *)((uint8_t *)task - offsetof(served, task));

    csvc__served_guard_back(s);
    csvc__live_returned(s, s->l.handler_code);
}

/* Ends a call that is on the loop. */
static void answer(served *s, csvc_code code)
{
    csvc__payload_unref(s->request);
    s->request = NULL;
    s->code = code;
    finish(s);
}

/* ---- the middle ---- */

/* All that happens where the handler runs; returns what the finish is to say, or, of a call that
 * was detached, what the handler said. */
static csvc_code handle(served *s)
{
    const csvc__served_method *sm = s->sm;
    const csvc_method *method = sm->method;
    const csvc__chain *chain = &s->srv->chain;
    csvc_ctx *ctx = &s->ctx;
    csvc_code code;
    void *request, *reply;

    code = csvc__served_begin(s);
    if (code != CSVC_OK) {
        return code;
    }
    code = csvc__served_decode(s, &request);
    if (code != CSVC_OK) {
        return code;
    }
    if (chain->hears_received) {
        code = csvc__chain_received(chain, ctx, s->states, request);
        if (code != CSVC_OK) {
            return csvc__served_checked(ctx, "an interceptor", code);
        }
    }
    reply = csvc_message_new(&ctx->arena, method->reply);
    if (reply == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    s->reply_message = reply;
    code = method->invoke(sm->ops, sm->self, ctx, request, reply);
    if (code != CSVC_OK) {
        return csvc__served_checked(ctx, "the handler", code);
    }
    return s->detached ? CSVC_OK : csvc__served_encode(s, reply);
}

/* Moves the average a sixteenth of the way. */
static void note_time(csvc__served_method *sm, int64_t nanos)
{
    const int64_t micros = nanos / 1000 < 1000000 ? nanos / 1000 : 1000000;
    const unsigned usual = atomic_load_explicit(&sm->usual_micros, memory_order_relaxed);

    /* another worker's turn may be lost: it is only an average */
    atomic_store_explicit(&sm->usual_micros, usual - usual / 16 + (unsigned)micros,
                          memory_order_relaxed);
}

static void run_job(csvc__job *job, csvc__worker *w)
{
    served *s = (served *)((uint8_t *)job - offsetof(served, job));
    const int64_t began = csvc__now();
    csvc_code code;

    s->ctx.may_block = true;
    code = csvc_check_cancelled(&s->ctx);
    if (code == CSVC_OK) {
        code = handle(s);
    }
    if (s->request != NULL) {
        csvc__payload_unref(s->request);
        s->request = NULL;
    }
    note_time(s->sm, csvc__now() - began);
    if (s->detached) {
        s->l.handler_code = code; /* s->code is the keeper's */
        s->task.run = run_detached;
    } else {
        s->code = code;
        s->task.run = run_finish;
    }
    csvc__worker_post(w, s->ctx.tc->loop, &s->task);
}

static void on_cancelled(csvc_tcall *tc)
{
    served *s = of_tcall(tc);
    const csvc_code why = csvc__served_why_cancelled(s);
    bool taken;

    csvc__ctx_cancel(&s->ctx, why);
    /* nobody waits for a reply: what has not begun need not */
    taken = csvc__pool_take_back(s->srv->pool, &s->job);
    if (s->on_loop_live) {
        csvc__live_cancelled(s, why, taken);
    } else if (taken) {
        csvc__served_guard_back(s);
        answer(s, csvc_check_cancelled(&s->ctx));
    }
}

/* ---- the beginning ---- */

static csvc_code unknown_path(served *s)
{
    const char *path = s->ctx.path;
    const char *slash = path[0] == '/' ? strchr(path + 1, '/') : NULL;

    if (slash != NULL &&
        csvc__map_get_n(&s->srv->names, path + 1, (size_t)(slash - path - 1)) != NULL) {
        return csvc_fail(&s->ctx, CSVC_UNIMPLEMENTED, "unknown method %s", path);
    }
    return csvc_fail(&s->ctx, CSVC_UNIMPLEMENTED, "unknown service %s", path);
}

/* Gives the call a path to be known by when it is none of ours. */
static const char *foreign_path(csvc_ctx *ctx, csvc_bytes path)
{
    const char *text = NULL;

    if (csvc__utf8_text(path.data, path.len)) {
        text = csvc_arena_strndup(&ctx->arena, (const char *)path.data, path.len);
    }
    return text != NULL ? text : "(unreadable)";
}

/* What keeps the call from its handler, in order of what the caller should hear first. */
static csvc_code admit(served *s, const csvc_arrival *arrival)
{
    const csvc__chain *chain = &s->srv->chain;
    csvc_ctx *ctx = &s->ctx;
    csvc_code code;

    if (chain->n_links > 0) {
        s->states = csvc_calloc(ctx, 1, chain->states_size);
        if (s->states == NULL) {
            return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
        code = csvc__chain_begin(chain, ctx, s->states, chain->n_on_loop, &s->begun);
        if (code != CSVC_OK) {
            return csvc__served_checked(ctx, "an interceptor", code);
        }
    }
    if (arrival->refusal != NULL) {
        return csvc_fail(ctx, arrival->refusal_code, "%s", arrival->refusal);
    }
    if (s->sm == NULL) {
        return unknown_path(s);
    }
    if (arrival->ended) {
        return csvc_fail(ctx, CSVC_CANCELLED, "cancelled");
    }
    if (ctx->deadline != INT64_MAX) {
        code = csvc_check_cancelled(ctx);
        if (code != CSVC_OK) {
            return code;
        }
    }
    if (s->request == NULL && s->sm->method->kind <= CSVC_RPC_SERVER_STREAM) {
        return csvc_fail(ctx, CSVC_UNIMPLEMENTED, "the call carries one message, not none");
    }
    return CSVC_OK;
}

static void on_started(void *server, csvc_tcall *tc, const csvc_arrival *arrival)
{
    served *s = of_tcall(tc);
    csvc_ctx *ctx = &s->ctx;
    csvc_server *srv = server;
    csvc_code code;

    csvc__ctx_init(ctx, s->first_chunk, sizeof(s->first_chunk), srv->o.max_call_memory, dispose);
    s->srv = srv;
    s->sm = (csvc__served_method *)(uintptr_t)arrival->method;
    s->request = arrival->first;
    s->states = NULL;
    s->begun = 0;
    s->has_reply = false;
    s->takes_packed = arrival->takes_packed;
    s->job.queued = false;
    s->live = false;
    s->closed = false;
    s->on_loop_live = false;
    s->detached = false;
    ctx->may_block = false;
    ctx->tc = tc;
    ctx->deadline = arrival->deadline;
    ctx->path = s->sm != NULL ? s->sm->method->path : foreign_path(ctx, arrival->path);
    if (s->sm != NULL) {
        ctx->method = s->sm->method;
    }
    csvc__inflight_add(&srv->inflight, &s->inflight, ctx);

    code = admit(s, arrival);
    if (code != CSVC_OK) {
        answer(s, code);
    } else if (s->sm->method->kind != CSVC_RPC_UNARY) {
        csvc__live_start(s);
    } else if (s->sm->on_loop) {
        code = handle(s);
        if (s->detached) {
            csvc__live_returned(s, code);
        } else {
            answer(s, code);
        }
    } else {
        s->job.run = run_job;
        s->job.quick = csvc__served_guard_out(s);
        if (!s->job.quick) {
            tc->ops->watch(tc); /* it costs 8 %: a quick one has nothing to hear */
        }
        code = csvc__served_submit(s);
        if (code != CSVC_OK) {
            csvc__served_guard_back(s);
            answer(s, csvc_fail(ctx, code, "too many calls wait for a worker"));
        }
    }
}

static void on_message(csvc_tcall *tc, csvc_payload *message)
{
    csvc__live_message(of_tcall(tc), message); /* unary calls have theirs with their arrival */
}

static void on_writable(csvc_tcall *tc)
{
    csvc__live_writable(of_tcall(tc)); /* a unary reply goes with its finish */
}

static void on_counts(void *server, const char *const *words)
{
    csvc_server *srv = server;

    csvc__connections_count(&srv->connections, srv->o.metrics, words);
}

static void on_connection(void *server, int change)
{
    csvc__connections_change(&((csvc_server *)server)->connections, change);
}

static void on_refused(void *server, const char *word)
{
    csvc__connections_refused(&((csvc_server *)server)->connections, word);
}

const csvc_served_events csvc__served_events = {
    .started = on_started,
    .message = on_message,
    .writable = on_writable,
    .cancelled = on_cancelled,
    .closed = on_closed,
    .counts = on_counts,
    .connection = on_connection,
    .refused = on_refused,
};
