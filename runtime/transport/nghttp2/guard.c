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

static const struct {
    int64_t burst, per_second;
    const char *text;
} budgets[NG_ABUSES] = {
    [NG_RESETS] = {5000, 1000, NG_TOO_MANY_RESETS},
    [NG_SETTINGS] = {100, 10, NG_TOO_MANY_SETTINGS},
    [NG_PINGS] = {1000, 100, NG_TOO_MANY_PINGS},
    [NG_EMPTY] = {1000, 100, NG_TOO_MANY_EMPTY},
    [NG_OTHER] = {20000, 20000, NG_TOO_MANY_CONTROL},
};

/* The connection ends when this has been said. */
static void send_away(ng_conn *conn, const char *text)
{
    if (conn->spent) {
        return;
    }
    conn->spent = true;
    conn->why = text;
    csvc__ng_refused(conn->loop->ts, text);
    (void)nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(conn->session),
                                NGHTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)text, strlen(text));
    csvc__ng_conn_dirty(conn);
}

bool csvc__ng_guard(ng_conn *conn, ng_abuse what)
{
    ng_budget *b = &conn->budgets[what];
    const int64_t full = budgets[what].burst * THOUSAND;
    const int64_t now = conn->loop->now;

    if (b->at == 0) {
        b->tokens = full;
    } else if (now > b->at) {
        const int64_t ms = (now - b->at) / CSVC__MS;

        if (ms > 0) {
            b->tokens += ms * budgets[what].per_second;
            b->tokens = b->tokens > full ? full : b->tokens;
            b->at += ms * CSVC__MS;
        }
    }
    b->at = b->at == 0 ? now : b->at;
    b->tokens -= THOUSAND;
    if (b->tokens >= 0) {
        return true;
    }
    send_away(conn, budgets[what].text);
    return false;
}

bool csvc__ng_guard_ping(ng_conn *conn)
{
    const int64_t least = conn->loop->ts->times.min_ping;
    const int64_t now = conn->loop->now;

    if (!csvc__ng_guard(conn, NG_PINGS)) {
        return false;
    }
    if (now >= conn->ping_ok) {
        conn->ping_ok = least < INT64_MAX - now ? now + least : INT64_MAX;
        return true;
    }
    conn->strikes++;
    if (conn->strikes <= STRIKES) {
        return true;
    }
    send_away(conn, NG_TOO_MANY_PINGS);
    return false;
}

void csvc__ng_guard_headers(ng_conn *conn)
{
    send_away(conn, NG_TOO_MUCH_METADATA);
}
