/* nghttp2/guard.c: what a peer may cost. */
#include <transport/nghttp2/counts.h>
#include <transport/nghttp2/guard.h>

#include <string.h>

#include <base/banned.h>

enum {
    STRIKES = 2 /* pings too early that are forgiven */
};

static const char *const words[NG_ABUSES] = {
    [NG_RESETS] = NG_TOO_MANY_RESETS, [NG_SETTINGS] = NG_TOO_MANY_SETTINGS,
    [NG_PINGS] = NG_TOO_MANY_PINGS,   [NG_EMPTY] = NG_TOO_MANY_EMPTY,
    [NG_OTHER] = NG_TOO_MANY_CONTROL,
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

void csvc__ng_guard(ng_conn *conn, ng_abuse what)
{
    if (!csvc__ng_budget_take(conn->budgets, what, conn->loop->now)) {
        send_away(conn, words[what]);
    }
}

void csvc__ng_guard_ping(ng_conn *conn)
{
    const int64_t least = conn->loop->shared->times.min_ping;
    const int64_t now = conn->loop->now;

    csvc__ng_guard(conn, NG_PINGS);
    if (now >= conn->ping_ok) {
        conn->ping_ok = csvc__ng_after(now, least);
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
