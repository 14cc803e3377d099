/* rpc/server.h: the inside of a server, shared by server.c (its life) and serve_unary.c (calls). */
#ifndef CSVC_RPC_SERVER_H
#define CSVC_RPC_SERVER_H

#include <base/map.h>
#include <csvc/server.h>
#include <rpc/chain.h>
#include <rpc/connections.h>
#include <rpc/ctx.h>
#include <rpc/inflight.h>
#include <rpc/pool.h>

#include <pthread.h>

/* One rpc as it is served. */
typedef struct csvc__served_method {
    const csvc_method *method;
    const void *ops; /* the server's copy */
    void *self;
    bool on_loop;             /* the handler runs there */
    atomic_uint usual_micros; /* on a worker, as a moving average in 16ths */
} csvc__served_method;

/* What a server keeps for each loop: while quick jobs are out, it looks after them every
 * millisecond, and while calls wait for a worker, whether that lasts. */
typedef struct csvc__guard {
    struct csvc__guard *next;
    csvc_server *srv;
    csvc_loop *loop;
    csvc_timer timer;
    uint64_t seen;   /* for csvc__pool_nudge */
    void *out;       /* the calls that are out as quick jobs, newest first */
    csvc_timer busy; /* while calls wait for a worker */
} csvc__guard;

/* What is told on each loop when the server stops. Of the server until it is freed. */
typedef struct csvc__stop_round {
    struct csvc__stop_round *next;
    csvc_server *srv;
    csvc_loop *loop;
    csvc_task task;
    csvc_timer cut; /* for streams whose callers do not read their end */
} csvc__stop_round;

/* Memory that is freed with the server. */
typedef struct csvc__owned {
    struct csvc__owned *next;
    void (*dispose)(struct csvc__owned *owned);
} csvc__owned;

/* One registration: the methods of a service behind a copy of its ops. */
typedef struct csvc__served_service {
    struct csvc__served_service *next;
    const csvc_service *service;
    void *ops;
    csvc__served_method methods[];
} csvc__served_service;

typedef enum csvc__server_state {
    CSVC__SERVER_NEW,
    CSVC__SERVER_LISTENING,
    CSVC__SERVER_STARTED,
    CSVC__SERVER_STOPPING,
    CSVC__SERVER_STOPPED, /* nobody waits any more; calls may still be under way */
} csvc__server_state;

struct csvc_server {
    csvc_server_options o; /* without zeros */
    csvc__chain chain;
    csvc__pool *pool;
    csvc_tserver *ts; /* from the first listen on */
    csvc__served_service *services;
    csvc__map paths; /* to csvc__served_method */
    csvc__map names; /* of services */
    _Atomic(csvc__guard *) guards;
    csvc__inflight inflight; /* calls in flight */
    csvc__connections connections;
    csvc__owned *owned;
    csvc__stop_round *rounds;

    pthread_mutex_t lock; /* of state, joined, outcome */
    pthread_cond_t stopped;
    csvc__server_state state;
    bool joined;          /* the transport has ended */
    csvc_code outcome;    /* of the shutdown */
    atomic_bool stopping; /* no call is to begin any more, and detached streams are to end */
    atomic_bool hard;     /* calls under way are told to end */
    atomic_bool cut;      /* there were some */
};

/* The calls of a server; what the transport reports goes here. */
extern const csvc_served_events csvc__served_events;
size_t csvc__served_size(void);

/* csvc_server_register for handlers that do not block, whatever their .proto says. */
csvc_code csvc__server_register_inline(csvc_server *srv, const csvc_service *service,
                                       const void *ops, void *self) CSVC_MUST_CHECK;

/* Frees it with the server, after its last call. */
void csvc__server_own(csvc_server *srv, csvc__owned *owned);

/* Tells the detached calls; after `stopping` is set and the transport drains, before join. */
void csvc__stop_tell(csvc_server *srv);

#endif /* CSVC_RPC_SERVER_H */
