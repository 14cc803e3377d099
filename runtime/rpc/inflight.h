/*
 * rpc/inflight.h: the calls in flight of a server, for who wants to look at them from outside.
 *
 * Calls come and go on their loops; whoever looks is another thread. The lists are locked, one for
 * each few loops, so loops do not wait for each other.
 */
#ifndef CSVC_RPC_INFLIGHT_H
#define CSVC_RPC_INFLIGHT_H

#include <base/buffer.h>
#include <rpc/ctx.h>

enum {
    CSVC__INFLIGHT_LISTS = 16, /* a power of two */
    CSVC__INFLIGHT_SHOWN = 1000,
    CSVC__INFLIGHT_LOGGED = 10,
};

typedef struct csvc__inflight_list csvc__inflight_list;

/* Lives in the call. */
typedef struct csvc__inflight_call {
    struct csvc__inflight_call *next, *prev;
    csvc__inflight_list *list;
    csvc_ctx *ctx;
    int64_t arrived; /* csvc__now() time */
} csvc__inflight_call;

struct csvc__inflight_list {
    pthread_mutex_t lock;
    csvc__inflight_call *first;
    char apart[64]; /* the next one lies on another cache line */
};

typedef struct csvc__inflight {
    csvc__inflight_list *lists; /* CSVC__INFLIGHT_LISTS */
} csvc__inflight;

/* False when memory is short; release takes what init left even then. */
bool csvc__inflight_init(csvc__inflight *inflight) CSVC_MUST_CHECK;
void csvc__inflight_release(csvc__inflight *inflight);

/* On the call's loop: when it arrives, its ctx with loop, path and deadline; before it is given
 * back. */
void csvc__inflight_add(csvc__inflight *inflight, csvc__inflight_call *call, csvc_ctx *ctx);
void csvc__inflight_remove(csvc__inflight_call *call);

/* The oldest CSVC__INFLIGHT_SHOWN calls in flight as JSON, the oldest first: `{"total": 1,
 * "calls":
 * [{"method": ..., "peer": ..., "age_ms": ..., "deadline_ms": ...}]}`. Any thread. */
CSVC_API void csvc__inflight_json(csvc__inflight *inflight, csvc__buffer *b);

/* A line at error for each of the oldest CSVC__INFLIGHT_LOGGED. Any thread. */
void csvc__inflight_log(csvc__inflight *inflight, const char *event);

#endif /* CSVC_RPC_INFLIGHT_H */
