/*
 * nghttp2/conn.c: a connection, from its accept to its end.
 *
 * Everything that ends one by itself is a time it has until something happens; one timer looks at
 * all of them. A time that has moved further away is found out when the timer goes off.
 */
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <transport/net/refusals.h>
#include <transport/nghttp2/ng.h>
#include <transport/tls/refusal.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    READS = 4 /* in a row, so that others have their turn */
};

#define LAST_WAIT   (1 * CSVC__SECOND) /* for the answer that lets us say which call was the last */
#define STUCK_LIMIT (60 * CSVC__SECOND) /* a peer that reads nothing of what it asked for */
#define LINGER      (250 * CSVC__MS)
#define LAST_WORD   (1 * CSVC__SECOND) /* to take what says why it is closed */
#define DRAIN_LIMIT                                                                                \
    (2 * CSVC__SECOND) /* as STUCK_LIMIT, of one that has no calls and is to end                   \
                        */

static void on_timer(csvc_timer *timer);
static void arrive(csvc_task *task);
static void say_last(ng_conn *conn);

/* ---- memory ---- */

ng_conn *csvc__ng_conn_new(int fd, const char *peer)
{
    ng_conn *conn = csvc__calloc(1, sizeof(*conn));

    if (conn == NULL) {
        (void)close(fd);
        return NULL;
    }
    conn->source = (ng_source){NG_CONN, fd};
    conn->refs = 1;
    conn->timer.run = on_timer;
    conn->task.run = arrive;
    (void)snprintf(conn->peer, sizeof(conn->peer), "%s", peer);
    return conn;
}

void csvc__ng_conn_unref(ng_conn *conn)
{
    conn->refs--;
    if (conn->refs > 0) {
        return;
    }
    csvc__ng_tls_session_free(conn->tls);
    csvc__free(conn);
}

/* ---- the loop's interest ---- */

bool csvc__ng_conn_epoll(ng_conn *conn)
{
    const bool wants_out = conn->n_pending > 0 || conn->tls_wants_out;
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | (wants_out ? EPOLLOUT : 0),
                            .data.ptr = &conn->source};

    if (wants_out == conn->wants_out) {
        return true;
    }
    conn->wants_out = wants_out;
    return epoll_ctl(conn->loop->epoll, EPOLL_CTL_MOD, conn->source.fd, &e) == 0;
}

void csvc__ng_conn_dirty(ng_conn *conn)
{
    ng_loop *loop = conn->loop;

    if (conn->dirty || conn->at_hand || !conn->open) {
        return;
    }
    conn->dirty = true;
    conn->refs++;
    conn->next_dirty = loop->dirty;
    loop->dirty = conn;
}

/* ---- times ---- */

static int64_t after(int64_t when, int64_t span)
{
    return span == INT64_MAX || when > INT64_MAX - span ? INT64_MAX : when + span;
}

static int64_t sooner(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

/* How long it may take nothing of what is written. */
static int64_t patience(const ng_conn *conn)
{
    return conn->draining && conn->n_calls == 0 ? DRAIN_LIMIT : STUCK_LIMIT;
}

static int64_t next_due(const ng_conn *conn)
{
    const ng_times *times = &conn->loop->ts->times;
    int64_t due = INT64_MAX;

    if (!conn->begun) {
        due = conn->begun_by;
    } else if (conn->pinged) {
        due = conn->ping_due;
    } else {
        due = after(conn->heard, times->keepalive);
    }
    if (conn->begun && conn->n_calls == 0 && !conn->draining) {
        due = sooner(due, after(conn->idle_since, times->max_idle));
    }
    if (!conn->draining) {
        due = sooner(due, conn->age_due);
    } else if (!conn->last_said) {
        due = sooner(due, after(conn->drained, LAST_WAIT));
    }
    if (conn->n_pending > 0) {
        due = sooner(due, after(conn->stuck, patience(conn)));
    }
    if (conn->headers_by != 0) {
        due = sooner(due, conn->headers_by);
    }
    return sooner(due, conn->over_by);
}

void csvc__ng_conn_watch(ng_conn *conn)
{
    const int64_t due = next_due(conn);

    if (!conn->open || due == INT64_MAX || (conn->timer.slot != 0 && conn->timer.due <= due)) {
        return;
    }
    if (csvc__timer_set(&conn->loop->base, &conn->timer, due) != CSVC_OK) {
        conn->why = "no memory for a timer"; /* without one it would have no end */
        csvc__ng_refused(conn->loop->ts, CSVC__NET_NO_MEMORY);
        conn->spent = conn->failed = true;
        csvc__ng_conn_dirty(conn);
    }
}

static void ask_for_life(ng_conn *conn)
{
    conn->pinged = true;
    conn->ping_due = after(conn->loop->now, conn->loop->ts->times.keepalive_timeout);
    if (nghttp2_submit_ping(conn->session, NGHTTP2_FLAG_NONE, NULL) != 0) {
        csvc__ng_conn_fail(conn);
    }
    csvc__ng_conn_dirty(conn);
}

/* Ends it for a reason that the log should have, and that is counted under a word, if there is one.
 */
static void end_for(ng_conn *conn, const char *why, const char *word)
{
    conn->why = why;
    if (word != NULL) {
        csvc__ng_refused(conn->loop->ts, word);
    }
    csvc__ng_conn_abort(conn);
}

static void on_timer(csvc_timer *timer)
{
    ng_conn *conn = NG_CONTAINER(timer, ng_conn, timer);
    const ng_times *times = &conn->loop->ts->times;
    const int64_t now = csvc__now();

    if (now >= conn->over_by) {
        end_for(conn, conn->shut ? NULL : "its calls did not end in time", NULL);
        return;
    }
    if (!conn->begun && now >= conn->begun_by) {
        end_for(conn, "it did not begin in time", CSVC__NET_TOO_SLOW);
        return;
    }
    if (conn->n_pending > 0 && now >= after(conn->stuck, patience(conn))) {
        end_for(conn, "it reads nothing", NG_READS_NOTHING);
        return;
    }
    if (conn->headers_by != 0 && now >= conn->headers_by) {
        conn->headers_by = 0;
        csvc__ng_guard_slow_headers(conn);
    }
    if (conn->pinged && now >= conn->ping_due) {
        end_for(conn, "it shows no life", NG_KEEPALIVE_TIMEOUT);
        return;
    }
    if (conn->begun && !conn->pinged && now >= after(conn->heard, times->keepalive)) {
        ask_for_life(conn);
    }
    if (!conn->draining) {
        if (now >= conn->age_due || (conn->begun && conn->n_calls == 0 &&
                                     now >= after(conn->idle_since, times->max_idle))) {
            csvc__ng_conn_drain(conn);
            if (!conn->open) {
                return;
            }
            conn->over_by = after(now, times->max_age_grace);
        }
    } else if (!conn->last_said && now >= after(conn->drained, LAST_WAIT)) {
        say_last(conn);
    }
    csvc__ng_conn_watch(conn);
}

/* ---- begin ---- */

/* Give or take a tenth, so that clients that came together do not go together. */
static int64_t about(int64_t span)
{
    static _Thread_local unsigned seed;

    if (span == INT64_MAX) {
        return span;
    }
    if (seed == 0) {
        seed = (unsigned)csvc__now() | 1;
    }
    return span - span / 10 + span / 5 * (rand_r(&seed) % 1024) / 1024;
}

/* Whatever fails, it is its loop's to end. */
void csvc__ng_conn_open(ng_loop *loop, ng_conn *conn)
{
    csvc_tserver *ts = loop->ts;
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = &conn->source};

    conn->loop = loop;
    conn->open = true;
    conn->next = loop->conns;
    if (conn->next != NULL) {
        conn->next->prev = conn;
    }
    loop->conns = conn;
    loop->n_live++;
    conn->heard = loop->now;
    conn->begun_by = after(loop->now, ts->times.handshake);
    conn->age_due = after(loop->now, about(ts->times.max_age));
    conn->over_by = INT64_MAX;
    conn->session = csvc__ng_session_new(conn);
    if (ts->tls != NULL) {
        conn->tls = csvc__ng_tls_session_new(ts->tls, conn->source.fd);
    }
    if (conn->session == NULL || (ts->tls != NULL && conn->tls == NULL) ||
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, conn->source.fd, &e) != 0) {
        end_for(conn, "no memory", CSVC__NET_NO_MEMORY);
        return;
    }
    csvc__ng_conn_watch(conn);
    if (loop->draining) {
        csvc__ng_conn_drain(conn);
    }
}

static void arrive(csvc_task *task)
{
    ng_conn *conn = NG_CONTAINER(task, ng_conn, task);
    ng_loop *loop = conn->loop;

    csvc__ng_conn_open(loop, conn);
    (void)atomic_fetch_sub(&loop->n_coming, 1);
}

/* ---- input ---- */

/* What nghttp2 cannot go on from. */
static void broken(ng_conn *conn, int error)
{
    uint32_t code = NGHTTP2_INTERNAL_ERROR;

    if (error == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
        code = NGHTTP2_PROTOCOL_ERROR;
    } else if (error == NGHTTP2_ERR_FLOODED || error == NGHTTP2_ERR_TOO_MANY_SETTINGS ||
               error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) {
        code = NGHTTP2_ENHANCE_YOUR_CALM;
    }
    csvc__ng_conn_spend(conn, nghttp2_strerror(error), NG_PROTOCOL_ERROR);
    if (nghttp2_session_terminate_session(conn->session, code) != 0) {
        csvc__ng_conn_fail(conn);
    }
}

/* A header block has all the time that a beginning has. */
static void mind_headers(ng_conn *conn)
{
    if (conn->current == NULL) {
        conn->headers_by = 0;
    } else if (conn->headers_by == 0) {
        conn->headers_by = after(conn->loop->now, conn->loop->ts->times.handshake);
        csvc__ng_conn_watch(conn);
    }
}

/* Bytes; 0: none now; below 0: there will be none. */
static ssize_t read_plain(ng_conn *conn)
{
    for (;;) {
        const ssize_t n = recv(conn->source.fd, conn->loop->in, NG_READ_SIZE, MSG_DONTWAIT);

        if (n > 0) {
            return n;
        }
        if (n == 0) {
            return -1;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return 0;
        }
        if (errno != EINTR) {
            return -1;
        }
    }
}

static ssize_t read_tls(ng_conn *conn)
{
    const ssize_t n = csvc__ng_tls_read(conn->tls, conn->loop->in, NG_READ_SIZE);
    char text[256];
    const char *why = NULL;

    conn->tls_wants_out = n == NG_IO_AGAIN_WRITE;
    if (n > 0) {
        return n;
    }
    if (n == NG_IO_AGAIN_READ || n == NG_IO_AGAIN_WRITE) {
        return csvc__ng_conn_epoll(conn) ? 0 : -1;
    }
    why = csvc__ng_tls_refusal(conn->tls, text, sizeof(text));
    if (why != NULL && !conn->begun) {
        csvc__tls_log_refusal(why, conn->peer);
    }
    if (n == 0 || csvc__ng_tls_established(conn->tls)) {
        return -1;
    }
    /* It has been told why; what else it sends is thrown away, or it would not get to see that. */
    conn->refused = true;
    csvc__ng_refused(conn->loop->ts, NG_TLS_HANDSHAKE);
    conn->spent = true;
    csvc__ng_conn_linger(conn);
    return 0;
}

/* Whether what came of this read is worth another one. */
static bool may_have_more(const ng_conn *conn, size_t n, int reads)
{
    if (conn->tls != NULL && !conn->refused) {
        return csvc__ng_tls_pending(conn->tls); /* the socket will not say so */
    }
    return n == NG_READ_SIZE && reads < READS;
}

static void read_all(ng_conn *conn)
{
    ssize_t n = 0;
    int reads = 0;

    do {
        ssize_t taken = 0;

        n = conn->tls != NULL && !conn->refused ? read_tls(conn) : read_plain(conn);
        if (n <= 0) {
            if (n < 0) {
                csvc__ng_conn_abort(conn);
            }
            return;
        }
        reads++;
        conn->heard = conn->loop->now;
        if (conn->spent) {
            continue; /* read, so that the peer gets to see why */
        }
        taken = csvc__ng_sieve_recv(conn, conn->loop->in, (size_t)n);
        if (taken < 0) {
            broken(conn, (int)taken);
            return;
        }
        mind_headers(conn);
        if (conn->drain_answered) {
            say_last(conn); /* all that came with the answer is known */
        }
    } while (may_have_more(conn, (size_t)n, reads));
}

void csvc__ng_conn_events(ng_conn *conn, uint32_t events)
{
    if (!conn->open) {
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        csvc__ng_conn_dirty(conn);
    }
    if ((events & ~(uint32_t)EPOLLOUT) != 0 || conn->tls_wants_out) {
        conn->refs++;
        conn->at_hand = true;
        read_all(conn);
        conn->at_hand = false;
        csvc__ng_flush(conn);
        csvc__ng_conn_unref(conn);
    }
}

/* ---- end ---- */

void csvc__ng_conn_linger(ng_conn *conn)
{
    conn->shut = true;
    conn->over_by = sooner(conn->over_by, conn->loop->now + LINGER);
    (void)shutdown(conn->source.fd, SHUT_WR);
    csvc__ng_conn_watch(conn);
    if (conn->timer.slot == 0) {
        csvc__ng_conn_abort(conn);
    }
}

/* No calls behind those that are known. */
static void say_last(ng_conn *conn)
{
    if (conn->last_said || !conn->open) {
        return;
    }
    conn->last_said = true;
    if (nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(conn->session),
                              NGHTTP2_NO_ERROR, NULL, 0) != 0) {
        csvc__ng_conn_fail(conn);
    }
    csvc__ng_conn_dirty(conn);
}

/*
 * First that the end is near, and behind that a ping (session.c; nghttp2 would let it overtake):
 * what the peer sent before it read both comes before the answer. Then which call is the last (RFC
 * 9113, 6.8).
 */
void csvc__ng_conn_drain(ng_conn *conn)
{
    if (conn->draining || !conn->open) {
        return;
    }
    conn->draining = true;
    if (!conn->begun) {
        csvc__ng_conn_abort(conn);
        return;
    }
    conn->drained = conn->loop->now;
    if (nghttp2_submit_shutdown_notice(conn->session) != 0) {
        csvc__ng_conn_fail(conn);
    }
    csvc__ng_conn_dirty(conn);
    csvc__ng_conn_watch(conn);
}

void csvc__ng_conn_spend(ng_conn *conn, const char *why, const char *word)
{
    if (conn->spent) {
        return;
    }
    csvc__ng_refused(conn->loop->ts, word);
    conn->spent = true;
    conn->why = conn->why != NULL ? conn->why : why;
    conn->over_by = sooner(conn->over_by, conn->loop->now + LAST_WORD);
    csvc__ng_conn_watch(conn);
    csvc__ng_conn_dirty(conn);
}

void csvc__ng_conn_fail(ng_conn *conn)
{
    csvc__ng_conn_spend(conn, "no memory", CSVC__NET_NO_MEMORY);
    conn->failed = true;
    csvc__ng_conn_dirty(conn);
}

void csvc__ng_conn_give_up_by(ng_conn *conn, int64_t when)
{
    conn->over_by = sooner(conn->over_by, when);
    csvc__ng_conn_watch(conn);
}

void csvc__ng_conn_abort(ng_conn *conn)
{
    ng_loop *loop = conn->loop;

    if (!conn->open) {
        return;
    }
    conn->open = false;
    if (conn->why != NULL) {
        csvc_log(CSVC_LOG_DEBUG, "a connection was closed", "peer", conn->peer, "why", conn->why,
                 NULL);
    }
    /* closing alone would leave it in the set while a child that was forked has it, too */
    (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, conn->source.fd, NULL);
    (void)close(conn->source.fd);
    conn->source.fd = -1;
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        loop->conns = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    csvc__timer_stop(&loop->base, &conn->timer);
    while (conn->ended != NULL) {
        ng_call *call = conn->ended;

        conn->ended = call->next_ended;
        csvc__ng_call_ready(call, NG_READY_CLOSED);
    }
    while (conn->calls != NULL) {
        csvc__ng_call_gone(conn->calls);
    }
    nghttp2_session_del(conn->session);
    conn->session = NULL;
    csvc__free(conn->pending);
    conn->pending = NULL;
    conn->n_pending = 0;
    (void)atomic_fetch_sub(&loop->n_conns, 1);
    (void)atomic_fetch_sub(&loop->ts->n_conns, 1);
    csvc__ng_count(loop->ts, -1);
    loop->n_live--;
    csvc__ng_conn_unref(conn);
}
