/*
 * rpc/live.h: the calls in flight of a server, for who wants to look at them from outside.
 *
 * Calls come and go on their loops; whoever looks is another thread. The lists are locked, one for
 * each few loops, so loops do not wait for each other.
 */
#ifndef CSVC_RPC_LIVE_H
#define CSVC_RPC_LIVE_H

#include <base/buffer.h>
#include <rpc/ctx.h>

enum {
    CSVC__LIVE_LISTS = 16, /* a power of two */
    CSVC__LIVE_SHOWN = 1000,
};

typedef struct csvc__live_list csvc__live_list;

/* Lives in the call. */
typedef struct csvc__live_call {
    struct csvc__live_call *next, *prev;
    csvc__live_list *list;
    csvc_ctx *ctx;
    int64_t arrived; /* csvc__now() time */
} csvc__live_call;

struct csvc__live_list {
    pthread_mutex_t lock;
    csvc__live_call *first;
    char apart[64]; /* the next one lies on another cache line */
};

typedef struct csvc__live {
    csvc__live_list *lists; /* CSVC__LIVE_LISTS */
} csvc__live;

/* False when memory is short; release takes what init left even then. */
bool csvc__live_init(csvc__live *live) CSVC_MUST_CHECK;
void csvc__live_release(csvc__live *live);

/* On the call's loop: when it arrives, its ctx with loop, path and deadline; before it is given
 * back. */
void csvc__live_add(csvc__live *live, csvc__live_call *call, csvc_ctx *ctx);
void csvc__live_remove(csvc__live_call *call);

/* The calls in flight as JSON, the oldest first, at most CSVC__LIVE_SHOWN: `{"total": 1, "calls":
 * [{"method": ..., "peer": ..., "age_ms": ..., "deadline_ms": ...}]}`. Any thread. */
CSVC_API void csvc__live_json(csvc__live *live, csvc__buffer *b);

#endif /* CSVC_RPC_LIVE_H */
