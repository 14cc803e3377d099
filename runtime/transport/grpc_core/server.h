/* grpc_core/server.h: a server, its loops, and the calls they serve. */
#ifndef CSVC_GRPC_CORE_SERVER_H
#define CSVC_GRPC_CORE_SERVER_H

#include <base/map.h>
#include <transport/grpc_core/acceptor.h>
#include <transport/grpc_core/core.h>
#include <transport/grpc_core/tls.h>

/* ---- server.c: the part of csvc_transport that serves ---- */

csvc_tserver *csvc__gc_server_new(const csvc_tserver_config *config, csvc_error *err);
csvc_code csvc__gc_server_listen(csvc_tserver *ts, const char *address, int *ret_port,
                                 csvc_error *err);
csvc_code csvc__gc_server_start(csvc_tserver *ts, csvc_error *err);
void csvc__gc_server_drain(csvc_tserver *ts);
void csvc__gc_server_cancel_all(csvc_tserver *ts);
bool csvc__gc_server_join(csvc_tserver *ts, int64_t until);
void csvc__gc_server_free(csvc_tserver *ts);

#define GC_MAX_BUFFERED ((size_t)512 << 20)

enum {
    /* Over its own limit the core may drop the whole connection; between ours and that one, the
     * call alone is refused. */
    GC_METADATA_GRACE = 64 * 1024,
    GC_MAX_SPARE = 512,     /* calls a loop keeps for reuse */
    GC_MAX_REGISTERED = 64, /* more methods than this are looked up in our own table */
    GC_MAX_POSTED = 64,     /* requests posted on a queue, at least one a method */
    GC_POSTED_EACH = 16,    /* of them for a method, when there is room: fewer make calls queue */
    GC_POSTED_CATCH_ALL = 2,
    GC_POSTED_GENERIC = 32 /* when all methods go through the catch-all */
};

typedef struct gc_method {
    char *path;
    size_t path_len;
    bool reads_first;
    bool rare;
    const void *method;
    void *registered; /* the core's handle; NULL: through the catch-all */
} gc_method;

typedef struct gc_served gc_served;

typedef struct gc_server_loop {
    gc_loop loop;
    struct csvc_tserver *ts;
    gc_served *spare;
    size_t n_spare;
    bool stopping;      /* posts no more requests */
    bool ended, joined; /* the thread; under the server's lock */
    csvc_task begin_task;
    csvc_task drain_task;
    csvc_task end_task;
    csvc_task down_task;
} gc_server_loop;

struct csvc_tserver {
    const csvc_served_events *events;
    void *server;
    size_t upper_size;
    size_t max_metadata;
    gc_method *methods;
    size_t n_methods;
    bool generic;      /* nothing is registered with the core */
    csvc__map by_path; /* when generic */

    grpc_server *core;
    gc_tls *tls;           /* NULL: plaintext */
    gc_acceptor *acceptor; /* of plaintext connections */
    gc_server_loop *loops;
    uint32_t n_loops; /* of them that are initialised */
    bool started;

    gc_tag down_tag;         /* of shutdown_and_notify */
    atomic_bool draining;    /* server_drain was called */
    atomic_uint to_drain;    /* loops that may still post requests */
    atomic_bool shut;        /* shutdown_and_notify was called */
    atomic_bool down;        /* its tag has come back */
    atomic_bool cancelling;  /* server_cancel_all was called */
    pthread_mutex_t lock;    /* of the rest */
    pthread_cond_t one_less; /* on CLOCK_MONOTONIC */
    uint32_t n_running;      /* threads */
    int64_t next_nudge;      /* 0: join was not called */
    bool ending;             /* server_join was called */
};

/* ---- served.c ---- */

/* Posts the requests of a loop; the calls for them have been made by csvc__gc_served_prepare. */
void csvc__gc_served_begin(gc_server_loop *loop);
/* Makes the calls that a loop starts with. False: no memory. */
bool csvc__gc_served_prepare(gc_server_loop *loop);
/* Frees the spare calls. */
void csvc__gc_served_release(gc_server_loop *loop);

#endif /* CSVC_GRPC_CORE_SERVER_H */
