/* nghttp2/counts.h: connections, as who counts them hears of them. Any loop. */
#ifndef CSVC_NGHTTP2_COUNTS_H
#define CSVC_NGHTTP2_COUNTS_H

#include <transport/nghttp2/shared.h>

/* Why connections end that their peer would have kept, beside net/refusals.h: for GOAWAY, and for
 * who counts them. */
#define NG_TLS_HANDSHAKE     "tls_handshake"
#define NG_KEEPALIVE_TIMEOUT "keepalive_timeout"
#define NG_READS_NOTHING     "reads_nothing"
#define NG_PROTOCOL_ERROR    "protocol_error"
#define NG_TOO_MANY_RESETS   "too_many_resets"
#define NG_TOO_MANY_SETTINGS "too_many_settings"
#define NG_TOO_MANY_PINGS    "too_many_pings"
#define NG_TOO_MANY_EMPTY    "too_many_empty_frames"
#define NG_TOO_MANY_CONTROL  "too_many_control_frames"
#define NG_TOO_MUCH_METADATA "too_much_metadata"
#define NG_HEADERS_TOO_SLOW  "headers_too_slow"
#define NG_TOO_MANY_STREAMS  "too_many_streams"

void csvc__ng_counts(const ng_shared *shared); /* all words, before any connection */
void csvc__ng_count(const ng_shared *shared, int change);
void csvc__ng_refused(const ng_shared *shared, const char *word);

#endif /* CSVC_NGHTTP2_COUNTS_H */
