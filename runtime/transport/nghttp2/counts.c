/* nghttp2/counts.c: connections, as who counts them hears of them. */
#include <transport/net/refusals.h>
#include <transport/nghttp2/counts.h>

#include <base/banned.h>

static const char *const words[] = {CSVC__NET_TOO_MANY,
                                    CSVC__NET_NO_DESCRIPTORS,
                                    CSVC__NET_NO_MEMORY,
                                    CSVC__NET_TOO_SLOW,
                                    NG_TLS_HANDSHAKE,
                                    NG_KEEPALIVE_TIMEOUT,
                                    NG_READS_NOTHING,
                                    NG_PROTOCOL_ERROR,
                                    NG_TOO_MANY_RESETS,
                                    NG_TOO_MANY_SETTINGS,
                                    NG_TOO_MANY_PINGS,
                                    NG_TOO_MANY_EMPTY,
                                    NG_TOO_MANY_CONTROL,
                                    NG_TOO_MUCH_METADATA,
                                    NG_HEADERS_TOO_SLOW,
                                    NG_TOO_MANY_STREAMS,
                                    NULL};

void csvc__ng_counts(const ng_shared *shared)
{
    if (shared->events->counts != NULL) {
        shared->events->counts(shared->server, words);
    }
}

void csvc__ng_count(const ng_shared *shared, int change)
{
    if (shared->events->connection != NULL) {
        shared->events->connection(shared->server, change);
    }
}

void csvc__ng_refused(const ng_shared *shared, const char *word)
{
    if (shared->events->refused != NULL) {
        shared->events->refused(shared->server, word);
    }
}
