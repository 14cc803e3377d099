/* rpc/ctx.c: one unit of work: memory, outcome, deadline, cancellation, references. */
#include <base/clock.h>
#include <base/utf8.h>
#include <csvc/alloc.h>
#include <csvc/service.h>
#include <rpc/ctx.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* ---- life ---- */

void csvc__ctx_init(csvc_ctx *ctx, void *first, size_t first_size, size_t max_memory,
                    void (*dispose)(csvc_ctx *ctx))
{
    /* field by field: zeroing fail_text would cost more than all the rest */
    csvc__arena_init(&ctx->arena, first, first_size, max_memory);
    atomic_init(&ctx->refs, 1);
    atomic_init(&ctx->cancelled, CSVC_OK);
    ctx->fail_code = CSVC_OK;
    ctx->may_block = true;
    ctx->kept = false;
    ctx->answered = false;
    atomic_init(&ctx->packing, CSVC_COMPRESS_BY_SIZE);
    ctx->was_packed = false;
    atomic_init(&ctx->headers_gone, false);
    ctx->deadline = INT64_MAX;
    ctx->tc = NULL;
    ctx->outgoing = false;
    ctx->path = NULL;
    ctx->method = NULL;
    ctx->peer = NULL;
    ctx->identity = NULL;
    ctx->dispose = dispose;
    ctx->md_texts = NULL;
    ctx->headers = ctx->trailers = (csvc__md_out){0};
    ctx->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    ctx->ran = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    ctx->first_hook = ctx->last_hook = ctx->running = NULL;
    ctx->fail_text[0] = '\0';
}

void csvc__ctx_release(csvc_ctx *ctx)
{
    /* lock and cond came from static initialisers and hold nothing */
    csvc__arena_release(&ctx->arena);
}

static void job_dispose(csvc_ctx *ctx)
{
    csvc__ctx_release(ctx);
    csvc__free(ctx);
}

csvc_ctx *csvc_ctx_new(const csvc_ctx_options *options)
{
    csvc_ctx_options o = {CSVC_CTX_OPTIONS_INIT};
    /* one block: the ctx, rounded up to the arena's alignment, then its first chunk */
    const size_t head = (sizeof(csvc_ctx) + 15) & ~(size_t)15;
    uint8_t *memory = csvc__malloc(head + CSVC__CTX_FIRST_CHUNK);
    csvc_ctx *ctx = (csvc_ctx *)(void *)memory;

    if (memory == NULL) {
        return NULL;
    }
    if (options != NULL) {
        memcpy(&o, options, options->struct_size < sizeof(o) ? options->struct_size : sizeof(o));
    }
    csvc__ctx_init(ctx, memory + head, CSVC__CTX_FIRST_CHUNK,
                   o.max_memory != 0 ? o.max_memory : CSVC__CTX_MAX_MEMORY, job_dispose);
    if (o.timeout_ms > 0) {
        const int64_t now = csvc__now();

        ctx->deadline =
            o.timeout_ms < (INT64_MAX - now) / CSVC__MS ? now + o.timeout_ms * CSVC__MS : INT64_MAX;
    }
    return ctx;
}

csvc_ctx *csvc_ctx_ref(csvc_ctx *ctx)
{
    atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
    return ctx;
}

csvc_ctx *csvc_ctx_unref(csvc_ctx *ctx)
{
    if (ctx == NULL) {
        return NULL;
    }
    /* the only holder needs no read-modify-write: nobody else can take a reference */
    if (atomic_load_explicit(&ctx->refs, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) == 1) {
        ctx->dispose(ctx);
    }
    return NULL;
}

/* ---- memory ---- */

csvc_arena *csvc_ctx_arena(csvc_ctx *ctx)
{
    return &ctx->arena;
}

void *csvc_alloc(csvc_ctx *ctx, size_t size)
{
    return csvc__arena_take(&ctx->arena, size);
}

void *csvc_calloc(csvc_ctx *ctx, size_t count, size_t size)
{
    return csvc_arena_calloc(&ctx->arena, count, size);
}

char *csvc_strdup(csvc_ctx *ctx, const char *text)
{
    return csvc_arena_strdup(&ctx->arena, text);
}

char *csvc_printf(csvc_ctx *ctx, const char *format, ...)
{
    va_list args, again;
    char *text = NULL;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len >= 0) {
        text = csvc_alloc(ctx, (size_t)len + 1);
    }
    if (text != NULL) {
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    }
    va_end(again);
    return text;
}

/* ---- outcome ---- */

csvc_code csvc_fail(csvc_ctx *ctx, csvc_code code, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(ctx->fail_text, sizeof(ctx->fail_text), format, args);
    va_end(args);
    if (len < 0) {
        ctx->fail_text[0] = '\0';
    } else if ((size_t)len >= sizeof(ctx->fail_text)) {
        /* cut between characters: the last one may have lost its tail */
        const size_t kept = sizeof(ctx->fail_text) - 1;
        size_t whole = csvc__utf8_valid(ctx->fail_text, kept);

        if (kept - whole < 4) {
            ctx->fail_text[whole] = '\0';
        }
    }
    ctx->fail_code = code;
    return code;
}

const char *csvc_fail_text(const csvc_ctx *ctx, csvc_code code)
{
    return code != CSVC_OK && ctx->fail_code == code ? ctx->fail_text : "";
}

csvc_code csvc_unimplemented(csvc_ctx *ctx)
{
    return csvc_fail(ctx, CSVC_UNIMPLEMENTED, "%s is not implemented",
                     ctx->path != NULL ? ctx->path : "this");
}

/* ---- compression ---- */

void csvc_compress(csvc_ctx *ctx, bool on)
{
    atomic_store_explicit(&ctx->packing, on ? CSVC_COMPRESS_ON : CSVC_COMPRESS_OFF,
                          memory_order_relaxed);
}

bool csvc_was_compressed(const csvc_ctx *ctx)
{
    return ctx->was_packed;
}

/* ---- time and cancellation ---- */

bool csvc__ctx_may_block(const csvc_ctx *ctx)
{
    return ctx->kept ? csvc__loop_current() == NULL : ctx->may_block;
}

int64_t csvc_time_left_ms(const csvc_ctx *ctx)
{
    int64_t left;

    if (ctx->deadline == INT64_MAX) {
        return -1;
    }
    left = ctx->deadline - csvc__now();
    /* rounded up, so that 0 always means it has passed */
    return left <= 0 ? 0 : left / CSVC__MS + (left % CSVC__MS != 0);
}

/* Why it is over, or OK. */
static csvc_code over(const csvc_ctx *ctx)
{
    csvc_code why = (csvc_code)atomic_load_explicit(&ctx->cancelled, memory_order_acquire);

    if (why == CSVC_OK && ctx->deadline != INT64_MAX && ctx->deadline <= csvc__now()) {
        why = CSVC_DEADLINE_EXCEEDED;
    }
    return why;
}

bool csvc_cancelled(const csvc_ctx *ctx)
{
    return over(ctx) != CSVC_OK;
}

csvc_code csvc_check_cancelled(csvc_ctx *ctx)
{
    csvc_code why = over(ctx);

    if (why == CSVC_OK) {
        return CSVC_OK;
    }
    return csvc_fail(ctx, why, "%s",
                     why == CSVC_DEADLINE_EXCEEDED ? "deadline exceeded"
                     : why == CSVC_UNAVAILABLE     ? "the server is stopping"
                                                   : "cancelled");
}

static void unlink_hook(csvc_ctx *ctx, csvc__hook *hook)
{
    *(hook->prev != NULL ? &hook->prev->next : &ctx->first_hook) = hook->next;
    *(hook->next != NULL ? &hook->next->prev : &ctx->last_hook) = hook->prev;
    hook->next = hook->prev = NULL;
}

bool csvc__ctx_hook_add(csvc_ctx *ctx, csvc__hook *hook)
{
    bool added;

    hook->next = NULL;
    (void)pthread_mutex_lock(&ctx->lock);
    added = atomic_load_explicit(&ctx->cancelled, memory_order_relaxed) == CSVC_OK;
    if (added) {
        hook->prev = ctx->last_hook;
        *(ctx->last_hook != NULL ? &ctx->last_hook->next : &ctx->first_hook) = hook;
        ctx->last_hook = hook;
    }
    (void)pthread_mutex_unlock(&ctx->lock);
    if (!added) {
        hook->prev = NULL;
        hook->fn(hook->self);
    }
    return added;
}

void csvc__ctx_hook_remove(csvc_ctx *ctx, csvc__hook *hook)
{
    (void)pthread_mutex_lock(&ctx->lock);
    if (ctx->first_hook == hook || hook->prev != NULL) {
        unlink_hook(ctx, hook);
    } else if (ctx->running == hook && !pthread_equal(ctx->runner, pthread_self())) {
        while (ctx->running == hook) {
            (void)pthread_cond_wait(&ctx->ran, &ctx->lock);
        }
    }
    (void)pthread_mutex_unlock(&ctx->lock);
}

void csvc__ctx_cancel(csvc_ctx *ctx, csvc_code why)
{
    int none = CSVC_OK;

    (void)pthread_mutex_lock(&ctx->lock);
    if (atomic_compare_exchange_strong_explicit(&ctx->cancelled, &none, (int)why,
                                                memory_order_release, memory_order_relaxed)) {
        ctx->runner = pthread_self();
        while (ctx->first_hook != NULL) {
            csvc__hook *hook = ctx->first_hook;

            /* not under the lock: a hook may ask about the ctx, or take another hook away */
            unlink_hook(ctx, hook);
            ctx->running = hook;
            (void)pthread_mutex_unlock(&ctx->lock);
            hook->fn(hook->self);
            (void)pthread_mutex_lock(&ctx->lock);
            ctx->running = NULL;
            (void)pthread_cond_broadcast(&ctx->ran);
        }
    }
    (void)pthread_mutex_unlock(&ctx->lock);
}

csvc_code csvc_on_cancel(csvc_ctx *ctx, csvc_cancel_fn *fn, void *self)
{
    csvc__hook *hook;

    if (fn == NULL) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "csvc_on_cancel: there is no function");
    }
    hook = csvc_alloc(ctx, sizeof(*hook));
    if (hook == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    *hook = (csvc__hook){.fn = fn, .self = self};
    (void)csvc__ctx_hook_add(ctx, hook);
    return CSVC_OK;
}

void csvc_ctx_cancel(csvc_ctx *ctx)
{
    csvc__ctx_cancel(ctx, CSVC_CANCELLED);
}

/* ---- what only an rpc has ---- */

const char *csvc_peer(csvc_ctx *ctx)
{
    if (ctx->peer == NULL && ctx->tc != NULL) {
        ctx->peer = ctx->tc->ops->peer(ctx->tc, &ctx->arena);
    }
    return ctx->peer;
}

/* NULL: there is none, or no memory. */
static const csvc_identity *identity(csvc_ctx *ctx)
{
    csvc_identity *identity = NULL;

    if (ctx->identity == NULL && ctx->tc != NULL && ctx->tc->ops->identity != NULL) {
        identity = csvc_alloc(ctx, sizeof(*identity));
        if (identity != NULL && ctx->tc->ops->identity(ctx->tc, &ctx->arena, identity)) {
            ctx->identity = identity;
        }
    }
    return ctx->identity;
}

const char *csvc_peer_common_name(csvc_ctx *ctx)
{
    const csvc_identity *who = identity(ctx);

    return who != NULL ? who->common_name : NULL;
}

const char *csvc_peer_alt_name(csvc_ctx *ctx, size_t n)
{
    const csvc_identity *who = identity(ctx);

    return who != NULL && n < who->n_alt_names ? who->alt_names[n] : NULL;
}

const char *csvc_method_path(const csvc_ctx *ctx)
{
    return ctx->path;
}
