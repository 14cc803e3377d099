/* net/times.c: how long a server's connections may do what, for who sets nothing. */
#include <transport/net/times.h>

#include <base/banned.h>

enum {
    HANDSHAKE_MS = 10 * 1000,
    KEEPALIVE_TIMEOUT_MS = 20 * 1000,
    MIN_PING_MS = 5 * 60 * 1000
};

static int64_t span(int64_t ms, int64_t fallback)
{
    if (ms == 0) {
        return fallback;
    }
    return ms < 0 || ms >= INT32_MAX ? CSVC__NET_NEVER : ms;
}

csvc_tserver_times csvc__net_times(const csvc_tserver_times *asked)
{
    return (csvc_tserver_times){
        .handshake = span(asked->handshake, HANDSHAKE_MS),
        .keepalive = span(asked->keepalive, CSVC__NET_NEVER),
        .keepalive_timeout = span(asked->keepalive_timeout, KEEPALIVE_TIMEOUT_MS),
        .min_ping = span(asked->min_ping, MIN_PING_MS),
        .max_idle = span(asked->max_idle, CSVC__NET_NEVER),
        .max_age = span(asked->max_age, CSVC__NET_NEVER),
        .max_age_grace = span(asked->max_age_grace, CSVC__NET_NEVER),
    };
}

int64_t csvc__net_silence_ms(const csvc_tserver_times *times)
{
    return times->keepalive != CSVC__NET_NEVER && times->keepalive_timeout != CSVC__NET_NEVER
               ? times->keepalive_timeout
               : 0;
}
