/*
 * nghttp2/call.h: a served call: its memory, and what it tells the upper side.
 *
 * A call and the room behind it are used again and again. It is known to its connection while its
 * stream is open; the upper side may hold it longer, and the connection's memory with it.
 *
 * Events go upward from within nghttp2's callbacks where a peer has caused them (started, message),
 * and from the loop's list of what is ready where we have (writable, cancelled, closed): never from
 * within a call downward.
 */
#ifndef CSVC_NGHTTP2_CALL_H
#define CSVC_NGHTTP2_CALL_H

#include <transport/nghttp2/conn.h>
#include <transport/nghttp2/inbox.h>
#include <transport/nghttp2/queue.h>
#include <transport/nghttp2/request.h>

enum {
    NG_READY_READ = 1,
    NG_READY_WRITABLE = 2,
    NG_READY_CANCELLED = 4,
    NG_READY_CLOSED = 8
};

typedef struct ng_call {
    csvc_tcall base;
    ng_loop *loop;
    ng_conn *conn;
    struct ng_call *next, *prev; /* of the connection's; next of the spare ones */
    struct ng_call *next_ended;
    ng_due due;
    unsigned ready; /* NG_READY_... */
    int32_t stream; /* 0: it is closed */

    ng_request request;
    const ng_method *method;
    int64_t deadline;
    csvc_timer timer; /* of the deadline, once watched */

    bool started; /* the upper side knows of it */
    bool watched;
    bool cut;       /* ended by us before its finish, or by the peer */
    bool told;      /* that it is cancelled */
    bool finished;  /* asked for */
    bool delivered; /* all of it is with the socket */
    bool half_closed;

    /* receiving */
    bool reading, feeding, broken, has_first;
    csvc_payload *first; /* reads_first methods: whole, until the half-close */
    ng_inbox inbox;

    /* sending */
    bool submitted;  /* headers */
    bool deferred;   /* nghttp2 waits for us */
    size_t promised; /* bytes of a DATA frame that nghttp2 has begun and not written */
    bool ending;     /* after the queue */
    bool end_queued, end_sent;
    bool blocked; /* a writable is owed when the queue is shorter */
    bool gzip;    /* the headers say so */
    bool say_accepts;
    csvc_code code;
    csvc__buffer end; /* text and trailers, in records (fields.h) */
    uint32_t n_end;
    ng_queue queue;

    _Alignas(max_align_t) unsigned char upper[];
} ng_call;

/* With its connection's, and its memory held. What comes downward, and what the loop runs, is the
 * caller's to set. NULL: no memory. */
ng_call *csvc__ng_call_new(ng_conn *conn, int32_t stream);
void csvc__ng_call_close(ng_call *call);    /* its stream is gone: no more of its connection's */
void csvc__ng_call_free(ng_call *call);     /* for the next one, or for good */
void csvc__ng_calls_release(ng_loop *loop); /* all that is kept for the next ones */

/* To be run soon. */
void csvc__ng_call_ready(ng_call *call, unsigned what);
/* Upward; refusal NULL: it is served. */
void csvc__ng_call_start(ng_call *call, csvc_code code, const char *refusal);

#endif /* CSVC_NGHTTP2_CALL_H */
