/* nghttp2/shared.h: what the loops of a server share. Once they run, nothing of it changes but
 * what is atomic. */
#ifndef CSVC_NGHTTP2_SHARED_H
#define CSVC_NGHTTP2_SHARED_H

#include <base/map.h>
#include <transport/nghttp2/tls_context.h>
#include <transport/seam.h>

#include <nghttp2/nghttp2.h>

/* Spans in nanoseconds; INT64_MAX: never. */
typedef struct ng_times {
    int64_t handshake, keepalive, keepalive_timeout, min_ping, max_idle, max_age, max_age_grace;
    int64_t silence_ms; /* unacknowledged bytes after which a socket is given up; 0: the system's */
} ng_times;

typedef struct ng_method {
    char *path;
    size_t path_len;
    bool reads_first;
    const void *method;
} ng_method;

typedef struct ng_shared {
    const csvc_served_events *events;
    void *server;
    size_t upper_size;
    ng_times times;
    uint32_t max_message, max_metadata, max_streams, max_connections;
    size_t max_buffered;
    atomic_size_t buffered;
    atomic_size_t n_conns;
    atomic_bool draining;
    ng_method *methods;
    size_t n_methods;
    csvc__map by_path;
    ng_tls *tls; /* NULL: plaintext */
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
} ng_shared;

#endif /* CSVC_NGHTTP2_SHARED_H */
