/*
 * nghttp2/loop.h: an epoll set with the thread that waits on it, and what its connections share.
 *
 * What a connection's input brings goes out in one write when all of it has been dealt with, and
 * what that makes ready (`ready`) is run before the next connection's turn, so that the same memory
 * serves again while it is still at hand. Whatever else a turn of the loop brings marks connections
 * as `dirty`, and at its end each of them goes out in one write. Nothing is locked, the
 * lists of posted tasks apart.
 */
#ifndef CSVC_NGHTTP2_LOOP_H
#define CSVC_NGHTTP2_LOOP_H

#include <base/buffer.h>
#include <transport/nghttp2/fields.h>
#include <transport/nghttp2/memory.h>
#include <transport/nghttp2/ng.h>
#include <transport/nghttp2/out.h>
#include <transport/nghttp2/shared.h>

#include <pthread.h>

/* What an epoll event points to. */
typedef struct ng_source {
    int fd;
    void (*on_events)(struct ng_source *source, uint32_t events);
} ng_source;

/* Something that is to run, once, however often it was asked for. Running it may end its memory. */
typedef struct ng_due {
    struct ng_due *next;
    void (*run)(struct ng_due *due);
    bool listed;
} ng_due;

typedef struct ng_loop {
    csvc_loop base;
    ng_shared *shared;
    int epoll;
    ng_source waker;
    atomic_bool waiting; /* or about to */
    bool ending;
    ng_due *ready, **ready_end; /* in the order they came */
    ng_due *dirty;              /* the last first; at the end of the turn */
    int64_t now;                /* of this turn */

    /* its server's */
    pthread_t thread;
    bool ended, joined; /* the thread; under the server's lock */
    bool draining;
    csvc_task drain_task, cancel_task, end_task;

    /* its connections' and calls' */
    struct ng_conn *conns;
    atomic_size_t n_coming; /* connections that another loop is handing over */
    atomic_size_t n_conns;  /* for who deals them out */
    size_t n_live;          /* connections and calls that are not freed */
    struct ng_call *spare;
    size_t n_spare;
    uint8_t *in; /* NG_READ_SIZE */
    ng_out out;
    ng_tls_sealed sealed; /* of a server with TLS: the same, encrypted */
    ng_memory memory;
    ng_fields fields;
    csvc__buffer scratch;
} ng_loop;

bool csvc__ng_loop_init(ng_loop *loop, ng_shared *shared); /* of zeroed memory */
void csvc__ng_loop_release(ng_loop *loop);                 /* nothing of it is left */
void csvc__ng_loop_run(ng_loop *loop);
void csvc__ng_wake(csvc_loop *base);

/* In one of the next rounds of this turn. */
static inline void csvc__ng_loop_ready(ng_loop *loop, ng_due *due)
{
    if (!due->listed) {
        due->listed = true;
        due->next = NULL;
        *loop->ready_end = due;
        loop->ready_end = &due->next;
    }
}

/* When the turn ends; not of what is listed. */
static inline void csvc__ng_loop_dirty(ng_loop *loop, ng_due *due)
{
    due->listed = true;
    due->next = loop->dirty;
    loop->dirty = due;
}

#endif /* CSVC_NGHTTP2_LOOP_H */
