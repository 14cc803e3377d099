/*
 * rpc/ctx.h: the inside of a csvc_ctx, for the layers that make one or wait on one.
 *
 * A served call's ctx lies in the transport call's upper memory together with the first chunk of
 * its arena; a job's or a test's is one block from malloc. What only the maker sets (may_block,
 * deadline, tc, path) is written before anybody else sees the ctx.
 */
#ifndef CSVC_RPC_CTX_H
#define CSVC_RPC_CTX_H

#include <base/arena.h>
#include <csvc/ctx.h>
#include <transport/seam.h>

#include <pthread.h>
#include <stdatomic.h>

enum {
    CSVC__CTX_FIRST_CHUNK = 1024, /* of the arena, beside the ctx */
    CSVC__CTX_MAX_METADATA = 64,  /* headers, and as many trailers, a handler may set */
    CSVC__FAIL_TEXT = 496,
};
#define CSVC__CTX_MAX_MEMORY ((size_t)64 << 20)

/*
 * What to run when a ctx is cancelled. Lives in its owner's memory, between hook_add and
 * hook_remove; a long wait puts one in place and takes it away again.
 */
typedef struct csvc__hook {
    struct csvc__hook *next, *prev; /* NULL while not in a list */
    csvc_cancel_fn *fn;
    void *self;
} csvc__hook;

/* Metadata that goes with the reply. */
typedef struct csvc__md_out {
    csvc_md *entries; /* in the arena */
    uint32_t n_entries, max_entries;
} csvc__md_out;

struct csvc__md_text;

struct csvc_ctx {
    csvc_arena arena;
    atomic_uint refs;
    atomic_int cancelled;             /* a csvc_code: why; OK: it is not */
    csvc_code fail_code;              /* of fail_text; OK: there is none */
    bool may_block;                   /* the thread that works on it now may wait */
    bool kept;                        /* detached: any thread may work on it, and wait */
    bool outgoing;                    /* interceptors of a call that is made may set headers */
    bool answered;                    /* too late for headers and trailers */
    atomic_int packing;               /* a csvc_compression: what csvc_compress has said */
    bool was_packed;                  /* the message received last */
    atomic_bool headers_gone;         /* too late for headers: a stream has begun to send */
    int64_t deadline;                 /* csvc__now() time; INT64_MAX: none */
    csvc_tcall *tc;                   /* the rpc it serves; NULL for other work */
    const struct csvc_method *method; /* as registered; NULL: unknown, or other work */
    const char *path;                 /* "/user.UserService/GetUser"; NULL for other work */
    const char *peer;                 /* once asked for */
    const csvc_identity *identity;    /* once asked for */
    void (*dispose)(csvc_ctx *ctx);   /* the last reference has gone; any thread */
    struct csvc__md_text *md_texts;   /* metadata already given out as text */
    csvc__md_out headers, trailers;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t ran;
    csvc__hook *first_hook, *last_hook;
    csvc__hook *running;
    pthread_t runner;

    char fail_text[CSVC__FAIL_TEXT];
};

/* Prepares a ctx with one reference, no deadline, not cancelled, for the arena bytes given. */
void csvc__ctx_init(csvc_ctx *ctx, void *first, size_t first_size, size_t max_memory,
                    void (*dispose)(csvc_ctx *ctx));

/* Gives back what init and use took; the memory of the ctx itself is its maker's. */
void csvc__ctx_release(csvc_ctx *ctx);

/* Whether the thread that works on it may wait: false in inline handlers and on the loop. */
CSVC_API bool csvc__ctx_may_block(const csvc_ctx *ctx);

/* Marks it cancelled for this reason and runs its hooks, once; later reasons are ignored. The
 * caller holds a reference. */
void csvc__ctx_cancel(csvc_ctx *ctx, csvc_code why);

/* Puts a hook in place; when the ctx is cancelled already, it runs here and now, and false is
 * returned. The deadline of a ctx that is no rpc runs no hook: wait no longer than
 * csvc_time_left_ms. */
CSVC_API bool csvc__ctx_hook_add(csvc_ctx *ctx, csvc__hook *hook);

/* Takes it away. When it returns the hook is not running and will not run (from within the hook
 * itself: it will not run again). */
CSVC_API void csvc__ctx_hook_remove(csvc_ctx *ctx, csvc__hook *hook);

/* What csvc_compress has said; whether that makes a message of `len` bytes a packed one. */
static inline csvc_compression csvc__ctx_packing(const csvc_ctx *ctx)
{
    return (csvc_compression)atomic_load_explicit(&ctx->packing, memory_order_relaxed);
}

static inline bool csvc__packs(csvc_compression packing, size_t len, size_t compress_bytes)
{
    return packing == CSVC_COMPRESS_BY_SIZE ? len >= compress_bytes : packing == CSVC_COMPRESS_ON;
}

/* ---- metadata.c ---- */

/* Why this key and value may not be sent; NULL when they may. */
const char *csvc__metadata_refuse(const char *key, csvc_bytes value);

/* The n-th value of a key in a list. */
bool csvc__metadata_find(csvc_md_list list, const char *key, size_t n, csvc_bytes *ret_value);

#endif /* CSVC_RPC_CTX_H */
