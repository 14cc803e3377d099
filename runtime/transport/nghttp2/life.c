/* nghttp2/life.c: a connection, from its accept to its end. */
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <transport/net/refusals.h>
#include <transport/nghttp2/counts.h>
#include <transport/nghttp2/guard.h>
#include <transport/nghttp2/life.h>
#include <transport/nghttp2/output.h>
#include <transport/nghttp2/serve.h>
#include <transport/nghttp2/session.h>
#include <transport/nghttp2/sieve.h>
#include <transport/tls/refusal.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    READS = 4 /* in a row, so that others have their turn */
};

#define LINGER (250 * CSVC__MS)

/* ---- end ---- */

/* Closes it now, and ends its calls. Not from within nghttp2. */
static void abort_conn(ng_conn *conn)
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
        csvc__ng_serve_gone(conn->calls);
    }
    nghttp2_session_del(conn->session);
    conn->session = NULL;
    csvc__free(conn->pending);
    conn->pending = NULL;
    conn->n_pending = 0;
    (void)atomic_fetch_sub(&loop->n_conns, 1);
    (void)atomic_fetch_sub(&loop->shared->n_conns, 1);
    csvc__ng_count(loop->shared, -1);
    loop->n_live--;
    csvc__ng_conn_unref(conn);
}

/* Ends it for a reason that the log should have, and that is counted under a word, if there is one.
 */
static void end_for(ng_conn *conn, const char *why, const char *word)
{
    conn->why = why;
    if (word != NULL) {
        csvc__ng_refused(conn->loop->shared, word);
    }
    abort_conn(conn);
}

/* Says no more, and closes when the peer does, or after a moment. */
static void linger(ng_conn *conn)
{
    conn->shut = true;
    csvc__ng_conn_end_by(conn, conn->loop->now + LINGER);
    (void)shutdown(conn->source.fd, SHUT_WR);
    if (conn->timer.slot == 0) {
        abort_conn(conn);
    }
}

/* Writes what it has to say, and ends it where that was all, or not to be done. */
static void flush(ng_conn *conn)
{
    if (!conn->open) {
        return;
    }
    switch (csvc__ng_output(conn)) {
    case NG_DEAD:
        abort_conn(conn);
        break;
    case NG_SAID_ALL:
        if (!conn->shut) {
            /* the peer closes, or the timer does */
            if (conn->tls != NULL) {
                csvc__ng_tls_close_notify(conn->tls);
            }
            linger(conn);
        }
        break;
    case NG_SAID:
        if (conn->n_pending > 0) {
            csvc__ng_conn_watch(conn);
        }
        break;
    }
}

static void on_dirty(ng_due *due)
{
    ng_conn *conn = NG_CONTAINER(due, ng_conn, dirty);

    flush(conn);
    csvc__ng_conn_unref(conn);
}

/* ---- the end, in good order ---- */

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
        abort_conn(conn);
        return;
    }
    conn->drained = conn->loop->now;
    if (nghttp2_submit_shutdown_notice(conn->session) != 0) {
        csvc__ng_conn_fail(conn);
    }
    csvc__ng_conn_dirty(conn);
    csvc__ng_conn_watch(conn);
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
        conn->headers_by = csvc__ng_after(conn->loop->now, conn->loop->shared->times.handshake);
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
    csvc__ng_refused(conn->loop->shared, NG_TLS_HANDSHAKE);
    conn->spent = true;
    linger(conn);
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
                abort_conn(conn);
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

static void on_events(ng_source *source, uint32_t events)
{
    ng_conn *conn = NG_CONTAINER(source, ng_conn, source);

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
        flush(conn);
        csvc__ng_conn_unref(conn);
    }
}

/* ---- times ---- */

static void ask_for_life(ng_conn *conn)
{
    conn->pinged = true;
    conn->ping_due = csvc__ng_after(conn->loop->now, conn->loop->shared->times.keepalive_timeout);
    if (nghttp2_submit_ping(conn->session, NGHTTP2_FLAG_NONE, NULL) != 0) {
        csvc__ng_conn_fail(conn);
    }
    csvc__ng_conn_dirty(conn);
}

static void on_timer(csvc_timer *timer)
{
    ng_conn *conn = NG_CONTAINER(timer, ng_conn, timer);
    const ng_times *times = &conn->loop->shared->times;
    const int64_t now = csvc__now();

    if (now >= conn->over_by) {
        end_for(conn, conn->shut ? NULL : "its calls did not end in time", NULL);
        return;
    }
    if (!conn->begun && now >= conn->begun_by) {
        end_for(conn, "it did not begin in time", CSVC__NET_TOO_SLOW);
        return;
    }
    if (conn->n_pending > 0 && now >= csvc__ng_conn_stuck_by(conn)) {
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
    if (conn->begun && !conn->pinged && now >= csvc__ng_after(conn->heard, times->keepalive)) {
        ask_for_life(conn);
    }
    if (!conn->draining) {
        if (now >= conn->age_due || (conn->begun && conn->n_calls == 0 &&
                                     now >= csvc__ng_after(conn->idle_since, times->max_idle))) {
            csvc__ng_conn_drain(conn);
            if (!conn->open) {
                return;
            }
            csvc__ng_conn_end_by(conn, csvc__ng_after(now, times->max_age_grace));
        }
    } else if (!conn->last_said && now >= csvc__ng_after(conn->drained, NG_LAST_WAIT)) {
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

void csvc__ng_conn_open(ng_loop *loop, ng_conn *conn)
{
    const ng_shared *shared = loop->shared;
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
    conn->begun_by = csvc__ng_after(loop->now, shared->times.handshake);
    conn->age_due = csvc__ng_after(loop->now, about(shared->times.max_age));
    conn->over_by = INT64_MAX;
    conn->session = csvc__ng_session_new(conn);
    if (shared->tls != NULL) {
        conn->tls = csvc__ng_tls_session_new(shared->tls, conn->source.fd);
    }
    if (conn->session == NULL || (shared->tls != NULL && conn->tls == NULL) ||
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

void csvc__ng_conn_hand_over(ng_loop *loop, ng_conn *conn)
{
    conn->loop = loop;
    (void)atomic_fetch_add(&loop->n_coming, 1); /* the loop does not end meanwhile */
    csvc__loop_post(&loop->base, &conn->task);
}

ng_conn *csvc__ng_conn_new(int fd, const char *peer)
{
    ng_conn *conn = csvc__calloc(1, sizeof(*conn));

    if (conn == NULL) {
        (void)close(fd);
        return NULL;
    }
    conn->source = (ng_source){.fd = fd, .on_events = on_events};
    conn->dirty.run = on_dirty;
    conn->refs = 1;
    conn->timer.run = on_timer;
    conn->task.run = arrive;
    (void)snprintf(conn->peer, sizeof(conn->peer), "%s", peer);
    return conn;
}
