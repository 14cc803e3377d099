/*
 * nghttp2/conn.h: a connection: what is known of it, and what it has until something happens.
 *
 * It belongs to one loop for its life and is a session of nghttp2; a call is a stream of it. Its
 * calls hold on to its memory.
 */
#ifndef CSVC_NGHTTP2_CONN_H
#define CSVC_NGHTTP2_CONN_H

#include <base/clock.h>
#include <transport/net/peer.h>
#include <transport/nghttp2/budget.h>
#include <transport/nghttp2/loop.h>
#include <transport/nghttp2/tls_session.h>

/* Where in its frames a connection's input stands; sieve.c. */
enum {
    NG_HEAD = 9 /* bytes of a frame's head */
};

typedef struct ng_sieve {
    size_t magic;  /* bytes of the client's preface that have come */
    size_t left;   /* of the frame that is coming */
    size_t n_head; /* of the next one's */
    uint32_t last; /* stream that was opened */
    bool drops;    /* the frame that is coming */
    uint8_t head[NG_HEAD];
} ng_sieve;

typedef struct ng_conn {
    ng_source source;
    ng_loop *loop;
    size_t refs; /* its calls, and while it is open */
    nghttp2_session *session;
    ng_tls_session *tls; /* NULL: plaintext */
    bool tls_wants_out;
    bool refused; /* its handshake failed */
    struct ng_conn *next, *prev;
    ng_due dirty; /* it has something to say */
    bool at_hand; /* what is said now goes out when all that was read has been dealt with */
    bool open, begun, draining, last_said, shut;
    bool spent;     /* what comes is no longer looked at */
    bool sent_away; /* and the last frame, which says why, is out */
    bool failed;    /* no memory for what has to be said: it is closed without */
    bool settings_sent;
    bool wants_out; /* in the epoll set */
    csvc_task task; /* comes to its loop */

    ng_sieve sieve;
    struct ng_call *current; /* whose headers are coming */
    const ng_method *called; /* last */
    struct ng_call *calls;
    size_t n_calls;
    size_t n_streams;      /* with those that are no calls, being refused */
    struct ng_call *ended; /* their last frame is about to be written; linked by next_ended */

    uint8_t *pending; /* written by us, not yet taken by the socket */
    size_t n_pending, pending_at;
    int64_t stuck; /* since when nothing of it was taken */

    csvc_timer timer;
    int64_t begun_by, idle_since, heard, ping_due, drained, over_by, age_due;
    int64_t headers_by; /* 0: none are half here */
    bool pinged;        /* keepalive's, no answer yet */
    bool drain_pinged, drain_answered;
    int64_t ping_ok; /* when the peer's next ping is early no more */
    unsigned strikes;
    ng_budget budgets[NG_ABUSES];
    const char *why; /* it is closed, for the log */

    char peer[CSVC__NET_PEER_SIZE];
} ng_conn;

/* For the answer to its ping that lets us say, when it drains, which call was the last. */
#define NG_LAST_WAIT (1 * CSVC__SECOND)

void csvc__ng_conn_unref(ng_conn *conn);

/* It has something to say: before the next connection's turn when its input is being dealt with,
 * else at the end of the loop's. */
void csvc__ng_conn_dirty(ng_conn *conn);
bool csvc__ng_conn_epoll(ng_conn *conn); /* what it waits for; false: no memory */

/* When something that its timer looks at has come nearer. */
void csvc__ng_conn_watch(ng_conn *conn);
void csvc__ng_conn_end_by(ng_conn *conn, int64_t when); /* or before */
int64_t csvc__ng_conn_stuck_by(const ng_conn *conn);    /* of what was not taken by then */

/* What comes from now on is not looked at; what is to be said of it goes out, but not for long.
 * `why` is for the log, `word` for who counts. */
void csvc__ng_conn_spend(ng_conn *conn, const char *why, const char *word);
/* Soon, in place of what there is no memory to say. From anywhere. */
void csvc__ng_conn_fail(ng_conn *conn);

/* Times that may be never. */
static inline int64_t csvc__ng_after(int64_t when, int64_t span)
{
    return span == INT64_MAX || when > INT64_MAX - span ? INT64_MAX : when + span;
}

#endif /* CSVC_NGHTTP2_CONN_H */
