/*
 * nghttp2/guard.c: what a peer may cost.
 *
 * Frames that are cheap to send and make work here come out of a budget of the connection, which
 * fills up again with time. Who spends it is sent away with ENHANCE_YOUR_CALM: no client that calls
 * for a reason comes near.
 */
#include <csvc/log.h>
#include <transport/nghttp2/ng.h>

#include <string.h>

#include <base/banned.h>

enum {
    STRIKES = 2, /* pings too early that are forgiven */
    THOUSAND = 1000
};

/* `credit`, in thousandths: for a call that is answered, or (NG_OTHER) for a frame of one. */
static const struct {
    int64_t burst, per_second, credit;
    const char *text;
} budgets[NG_ABUSES] = {
    [NG_RESETS] = {5000, 1000, 1 * THOUSAND, NG_TOO_MANY_RESETS},
    [NG_SETTINGS] = {100, 10, 0, NG_TOO_MANY_SETTINGS},
    [NG_PINGS] = {1000, 100, 0, NG_TOO_MANY_PINGS},
    [NG_EMPTY] = {1000, 100, 0, NG_TOO_MANY_EMPTY},
    [NG_OTHER] = {20000, 20000, 2 * THOUSAND, NG_TOO_MANY_CONTROL},
};

/* The connection ends when this has been said. */
static void send_away(ng_conn *conn, const char *text)
{
    if (conn->spent) {
        return;
    }
    csvc__ng_conn_spend(conn, text, text);
    if (nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(conn->session),
                              NGHTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)text,
                              strlen(text)) != 0) {
        csvc__ng_conn_fail(conn);
    }
}

/* What time has brought. */
static void refill(ng_conn *conn, ng_abuse what)
{
    ng_budget *b = &conn->budgets[what];
    const int64_t full = budgets[what].burst * THOUSAND;
    const int64_t now = conn->loop->now;
    const int64_t ms = (now - b->at) / CSVC__MS;

    if (b->at == 0) {
        b->at = now;
        b->tokens += full;
    } else if (ms > 0) {
        b->at += ms * CSVC__MS;
        b->tokens =
            ms > full / budgets[what].per_second ? full : b->tokens + ms * budgets[what].per_second;
    }
    b->tokens = b->tokens > full ? full : b->tokens;
}

void csvc__ng_guard(ng_conn *conn, ng_abuse what)
{
    ng_budget *b = &conn->budgets[what];

    refill(conn, what);
    b->tokens -= THOUSAND;
    if (b->tokens < 0) {
        send_away(conn, budgets[what].text);
    }
}

void csvc__ng_guard_credit(ng_conn *conn, ng_abuse what)
{
    conn->budgets[what].tokens += budgets[what].credit; /* what is too much, refill takes away */
}

void csvc__ng_guard_ping(ng_conn *conn)
{
    const int64_t least = conn->loop->ts->times.min_ping;
    const int64_t now = conn->loop->now;

    csvc__ng_guard(conn, NG_PINGS);
    if (now >= conn->ping_ok) {
        conn->ping_ok = least < INT64_MAX - now ? now + least : INT64_MAX;
        return;
    }
    conn->strikes++;
    if (conn->strikes > STRIKES) {
        send_away(conn, NG_TOO_MANY_PINGS);
    }
}

void csvc__ng_guard_headers(ng_conn *conn)
{
    send_away(conn, NG_TOO_MUCH_METADATA);
}

void csvc__ng_guard_slow_headers(ng_conn *conn)
{
    send_away(conn, NG_HEADERS_TOO_SLOW);
}

void csvc__ng_guard_streams(ng_conn *conn)
{
    send_away(conn, NG_TOO_MANY_STREAMS);
}
