/*
 * nghttp2/conn.c: what is known of a connection.
 *
 * Everything that ends one by itself is a time it has until something happens; one timer looks at
 * all of them. A time that has moved further away is found out when the timer goes off.
 */
#include <csvc/alloc.h>
#include <transport/net/refusals.h>
#include <transport/nghttp2/conn.h>
#include <transport/nghttp2/counts.h>

#include <sys/epoll.h>

#include <base/banned.h>

#define STUCK_LIMIT (60 * CSVC__SECOND) /* a peer that reads nothing of what it asked for */
#define DRAIN_LIMIT (2 * CSVC__SECOND)  /* the same of one that has no calls and is to end */
#define LAST_WORD   (1 * CSVC__SECOND)  /* to take what says why it is closed */

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
    if (conn->dirty.listed || conn->at_hand || !conn->open) {
        return;
    }
    conn->refs++;
    csvc__ng_loop_dirty(conn->loop, &conn->dirty);
}

/* ---- times ---- */

static int64_t sooner(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

int64_t csvc__ng_conn_stuck_by(const ng_conn *conn)
{
    return conn->stuck + (conn->draining && conn->n_calls == 0 ? DRAIN_LIMIT : STUCK_LIMIT);
}

static int64_t next_due(const ng_conn *conn)
{
    const ng_times *times = &conn->loop->shared->times;
    int64_t due = INT64_MAX;

    if (!conn->begun) {
        due = conn->begun_by;
    } else if (conn->pinged) {
        due = conn->ping_due;
    } else {
        due = csvc__ng_after(conn->heard, times->keepalive);
    }
    if (conn->begun && conn->n_calls == 0 && !conn->draining) {
        due = sooner(due, csvc__ng_after(conn->idle_since, times->max_idle));
    }
    if (!conn->draining) {
        due = sooner(due, conn->age_due);
    } else if (!conn->last_said) {
        due = sooner(due, csvc__ng_after(conn->drained, NG_LAST_WAIT));
    }
    if (conn->n_pending > 0) {
        due = sooner(due, csvc__ng_conn_stuck_by(conn));
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
        csvc__ng_refused(conn->loop->shared, CSVC__NET_NO_MEMORY);
        conn->spent = conn->failed = true;
        csvc__ng_conn_dirty(conn);
    }
}

void csvc__ng_conn_end_by(ng_conn *conn, int64_t when)
{
    conn->over_by = sooner(conn->over_by, when);
    csvc__ng_conn_watch(conn);
}

/* ---- nothing more is heard ---- */

void csvc__ng_conn_spend(ng_conn *conn, const char *why, const char *word)
{
    if (conn->spent) {
        return;
    }
    csvc__ng_refused(conn->loop->shared, word);
    conn->spent = true;
    conn->why = conn->why != NULL ? conn->why : why;
    csvc__ng_conn_end_by(conn, conn->loop->now + LAST_WORD);
    csvc__ng_conn_dirty(conn);
}

void csvc__ng_conn_fail(ng_conn *conn)
{
    csvc__ng_conn_spend(conn, "no memory", CSVC__NET_NO_MEMORY);
    conn->failed = true;
    csvc__ng_conn_dirty(conn);
}
