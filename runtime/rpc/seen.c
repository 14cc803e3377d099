/* rpc/seen.c: an outgoing call as interceptors see it: a ctx of its own, and their states. */
#include <base/arena.h>
#include <base/clock.h>
#include <csvc/alloc.h>
#include <rpc/chain.h>
#include <rpc/seen.h>

#include <string.h>

#include <base/banned.h>

struct csvc__seen {
    csvc_ctx ctx;
    csvc_channel *ch;       /* there until the ends have run; so are the chain and the list */
    csvc__seen *next, **at; /* in the channel's list, under its lock */
    const csvc__chain *chain;
    bool hears_received, hears_sent; /* as the chain's */
    void *states;                    /* behind this struct */
    uint32_t begun;
    int64_t started;
    pthread_mutex_t hooks; /* one message at a time: who sends may not be who receives. Before the
                              stream's */
    bool ended;            /* under it */
    _Alignas(16) uint8_t first_chunk[CSVC__CTX_FIRST_CHUNK];
};

static void dispose(csvc_ctx *ctx)
{
    csvc__seen *seen = (csvc__seen *)(void *)ctx; /* its first member */

    csvc__ctx_release(ctx);
    (void)pthread_mutex_destroy(&seen->hooks);
    csvc__free(seen);
}

static csvc__seen *seen_new(csvc_channel *ch, const csvc_method *method, const csvc_start *start)
{
    const size_t head = (sizeof(csvc__seen) + 15) & ~(size_t)15;
    csvc__seen *seen = csvc__malloc(head + ch->chain->states_size);

    if (seen == NULL) {
        return NULL;
    }
    memset(seen, 0, offsetof(csvc__seen, first_chunk));
    csvc__ctx_init(&seen->ctx, seen->first_chunk, sizeof(seen->first_chunk), CSVC__CTX_MAX_MEMORY,
                   dispose);
    (void)pthread_mutex_init(&seen->hooks, NULL);
    seen->ctx.method = method;
    seen->ctx.path = method->path;
    seen->ctx.peer =
        csvc_arena_strdup(&seen->ctx.arena, ch->target); /* who keeps it may outlive ch */
    seen->ctx.deadline = start->deadline;
    seen->ctx.outgoing = true;
    seen->ctx.may_block = csvc__loop_current() == NULL;
    seen->ch = ch;
    seen->chain = ch->chain;
    seen->hears_received = ch->chain->hears_received;
    seen->hears_sent = ch->chain->hears_sent;
    seen->states = (uint8_t *)seen + head;
    seen->started = csvc__now();
    memset(seen->states, 0, ch->chain->states_size);
    return seen;
}

/* What the call sends itself comes first. */
static bool add_headers(const csvc__seen *seen, csvc_arena *a, csvc_md_list *list)
{
    const csvc__md_out *more = &seen->ctx.headers;
    csvc_md *entries;

    if (more->n_entries == 0) {
        return true;
    }
    entries = csvc__arena_take(a, (list->n_entries + more->n_entries) * sizeof(*entries));
    if (entries == NULL) {
        return false;
    }
    if (list->n_entries > 0) {
        memcpy(entries, list->entries, list->n_entries * sizeof(*entries));
    }
    memcpy(entries + list->n_entries, more->entries, more->n_entries * sizeof(*entries));
    *list = (csvc_md_list){entries, list->n_entries + more->n_entries};
    return true;
}

/* ---- the channel's list ---- */

static void enlist(csvc__seen *seen)
{
    csvc_channel *ch = seen->ch;

    (void)pthread_mutex_lock(&ch->lock);
    seen->next = ch->seen;
    seen->at = &ch->seen;
    if (seen->next != NULL) {
        seen->next->at = &seen->next;
    }
    ch->seen = seen;
    (void)pthread_mutex_unlock(&ch->lock);
}

static void delist(csvc__seen *seen)
{
    csvc_channel *ch = seen->ch;

    (void)pthread_mutex_lock(&ch->lock);
    *seen->at = seen->next;
    if (seen->next != NULL) {
        seen->next->at = seen->at;
    }
    if (ch->seen == NULL) {
        (void)pthread_cond_signal(&ch->quiet);
    }
    (void)pthread_mutex_unlock(&ch->lock);
}

/* One whose thread need not come to its end soon. */
static csvc__seen *find_stream(const csvc_channel *ch)
{
    csvc__seen *seen = ch->seen;

    while (seen != NULL && seen->ctx.method->kind == CSVC_RPC_UNARY) {
        seen = seen->next;
    }
    return seen;
}

void csvc__seen_end_all(csvc_channel *ch)
{
    (void)pthread_mutex_lock(&ch->lock);
    while (ch->seen != NULL) {
        csvc__seen *seen = find_stream(ch);

        if (seen == NULL) {
            (void)pthread_cond_wait(&ch->quiet, &ch->lock);
            continue;
        }
        (void)csvc_ctx_ref(&seen->ctx);
        (void)pthread_mutex_unlock(&ch->lock);
        csvc__seen_end(seen, CSVC_CANCELLED, "the channel was freed");
        csvc__seen_free(seen);
        (void)pthread_mutex_lock(&ch->lock);
    }
    (void)pthread_mutex_unlock(&ch->lock);
}

/* ---- a call ---- */

csvc_code csvc__seen_begin(csvc_channel *ch, const csvc_method *method, csvc_arena *a,
                           csvc_start *start, csvc__seen **ret_seen, const char **ret_text)
{
    csvc__seen *seen;
    csvc_code code;

    *ret_seen = NULL;
    if (ch->chain == NULL) {
        return CSVC_OK;
    }
    seen = seen_new(ch, method, start);
    if (seen == NULL) {
        *ret_text = "out of memory";
        return CSVC_RESOURCE_EXHAUSTED;
    }
    enlist(seen);
    (void)pthread_mutex_lock(&seen->hooks);
    code = csvc__chain_begin(seen->chain, &seen->ctx, seen->states, seen->chain->n_links,
                             &seen->begun);
    (void)pthread_mutex_unlock(&seen->hooks);
    if ((unsigned)code > CSVC_UNAUTHENTICATED) {
        code = csvc_fail(&seen->ctx, CSVC_INTERNAL, "an interceptor returned no code");
    } else if (code == CSVC_OK && !add_headers(seen, a, &start->metadata)) {
        code = csvc_fail(&seen->ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    seen->ctx.answered = true;
    if (code != CSVC_OK) {
        *ret_text = csvc_arena_strdup(a, csvc_fail_text(&seen->ctx, code));
        if (*ret_text == NULL) {
            *ret_text = "";
        }
        csvc__seen_end(seen, code, *ret_text);
        csvc__seen_free(seen);
        return code;
    }
    *ret_seen = seen;
    return CSVC_OK;
}

csvc_code csvc__seen_received(csvc__seen *seen, const void *message)
{
    csvc_code code = CSVC_OK;

    if (seen != NULL && seen->hears_received) {
        (void)pthread_mutex_lock(&seen->hooks);
        if (!seen->ended) {
            code = csvc__chain_received(seen->chain, &seen->ctx, seen->states, message);
        }
        if ((unsigned)code > CSVC_UNAUTHENTICATED) {
            code = csvc_fail(&seen->ctx, CSVC_INTERNAL, "an interceptor returned no code");
        }
        (void)pthread_mutex_unlock(&seen->hooks);
    }
    return code;
}

void csvc__seen_sent(csvc__seen *seen, const void *message)
{
    if (seen != NULL && seen->hears_sent) {
        (void)pthread_mutex_lock(&seen->hooks);
        if (!seen->ended) {
            csvc__chain_sent(seen->chain, &seen->ctx, seen->states, message);
        }
        (void)pthread_mutex_unlock(&seen->hooks);
    }
}

csvc__pushed csvc__seen_push(csvc__seen *seen, csvc_stream *st, csvc_payload *payload,
                             const void *message, csvc_code *ret_why)
{
    csvc__pushed pushed;

    if (seen == NULL || !seen->hears_sent) {
        return csvc__stream_push(st, payload, ret_why);
    }
    do {
        (void)pthread_mutex_lock(&seen->hooks);
        pushed = csvc__stream_try_push(st, payload, ret_why);
        if (pushed == CSVC__PUSHED && !seen->ended) {
            csvc__chain_sent(seen->chain, &seen->ctx, seen->states, message);
        }
        (void)pthread_mutex_unlock(&seen->hooks);
    } while (pushed == CSVC__PUSH_FULL && csvc__stream_await_room(st, payload->len));
    return pushed;
}

const char *csvc__seen_text(const csvc__seen *seen, csvc_code code)
{
    return csvc_fail_text(&seen->ctx, code);
}

void csvc__seen_end(csvc__seen *seen, csvc_code code, const char *text)
{
    if (seen == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&seen->hooks);
    if (!seen->ended) {
        seen->ended = true;
        csvc__chain_end(seen->chain, &seen->ctx, seen->states, seen->begun,
                        &(csvc_outcome){.code = code,
                                        .text = text,
                                        .delivered = true,
                                        .duration_nanos = csvc__now() - seen->started});
        delist(seen);
    }
    (void)pthread_mutex_unlock(&seen->hooks);
}

void csvc__seen_free(csvc__seen *seen)
{
    if (seen != NULL) {
        csvc_ctx_unref(&seen->ctx); /* an interceptor may have kept it */
    }
}
