/*
 * support/seam_peer.h: a server and a client that know only transport/seam.h.
 *
 * What rpc/ is to a transport, in a few lines: methods with fixed behaviour, and calls that block.
 */
#ifndef TESTS_SEAM_PEER_H
#define TESTS_SEAM_PEER_H

#include <pthread.h>
#include <transport/seam.h>

/*
 * /t.T/Echo    unary, on the loop: the request's bytes
 * /t.T/Pool    the same from a worker thread, watched
 * /t.T/Hold    watched and held until peer_server_let_go, or until cancelled; then OK
 * /t.T/Status  the first byte is the code, the rest the text
 * /t.T/Meta    the caller's x- metadata back as headers and as trailers
 * /t.T/Void    OK without a message
 * /t.T/Empty   a message of no bytes
 * /t.T/Big     as many bytes as the request says in decimal
 * /t.T/Cancel  the server cancels with DATA_LOSS and the request as text
 * /t.T/Bidi    stream: each message back, OK at half-close
 * /t.T/Source  server stream: as many messages "0", "1"... as the request says in decimal
 * /t.T/Sink    client stream: at half-close one message, the sum of the lengths in decimal
 * /t.T/Early   client stream: ABORTED after the first message, whatever follows
 * others       UNIMPLEMENTED when registered in vain, "unknown" otherwise
 */
typedef struct peer_server {
    const csvc_transport *transport;
    csvc_tserver *ts;
    int port;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct peer_call *jobs; /* for the worker */
    struct peer_call *held;
    pthread_t worker;
    bool stopping;
    int started, closed, cancelled, delivered; /* calls */
    int n_held;
    int64_t deadline; /* of the last call */
    char peer[128];   /* of the last /t.T/Meta */
    bool no_first;    /* a unary call came without a message */
} peer_server;

typedef struct peer_server_options {
    size_t extra; /* methods of paths /extra.N/M beside the fixed ones */
    int port;     /* 0: any */
    csvc_tserver_times times;
} peer_server_options;

/* Limits of 1 MiB, 16 KiB. */
void peer_server_start(peer_server *srv, const csvc_transport *transport, uint32_t loops,
                       size_t extra);
void peer_server_start_with(peer_server *srv, const csvc_transport *transport, uint32_t loops,
                            const peer_server_options *options);
void peer_server_let_go(peer_server *srv);
int peer_server_count(peer_server *srv, const int *counter);
void peer_server_wait_all_closed(peer_server *srv); /* of those that have started */
void peer_server_peer(peer_server *srv, char *ret_text, size_t size);
int64_t peer_server_deadline(peer_server *srv);
bool peer_server_no_first(peer_server *srv); /* and forgets it */
void peer_server_wait(peer_server *srv, const int *counter, int at_least);
/* Drains, lets held calls go, joins, frees. */
void peer_server_stop(peer_server *srv);
void peer_server_release(peer_server *srv); /* when it was joined by the test itself */

typedef struct peer_result {
    csvc_code code;
    char text[2048];
    bool has_message;
    size_t len;
    uint8_t *message;    /* malloc */
    char headers[4096];  /* "key=value;" of all */
    char trailers[4096]; /* -bin values as hex */
} peer_result;

typedef struct peer_options {
    int64_t timeout_ns; /* 0: none */
    bool wait_for_ready;
    csvc_md_list metadata;
    bool counted; /* send a payload instead of reserved memory */
    bool start_on_loop;
} peer_options;

/* A unary call that waits. */
void peer_call_unary(const csvc_transport *transport, csvc_tchannel *tch, const char *path,
                     csvc_bytes request, const peer_options *options, peer_result *ret_result);
void peer_result_release(peer_result *result);

/* A unary call under way. */
typedef struct peer_pending peer_pending;
peer_pending *peer_call_begin(const csvc_transport *transport, csvc_tchannel *tch, const char *path,
                              csvc_bytes request, const peer_options *options);
void peer_call_cancel(peer_pending *pending, csvc_code code, const char *text);
void peer_call_end(peer_pending *pending, peer_result *ret_result);

/* A stream: sends `n` messages "0", "1"... (or, with `request`, that one and half-close), reads all
 * there is. The replies' texts are joined by commas; only the first `keep` bytes are kept. */
typedef struct peer_stream_options {
    int n_send;
    const csvc_bytes *request;
    int64_t timeout_ns;
    int cancel_after;   /* replies; 0: never */
    size_t message_len; /* of what is sent; 0: just the digits */
} peer_stream_options;

typedef struct peer_stream_result {
    csvc_code code;
    char text[512];
    int n_received;
    size_t bytes_received;
    bool in_order;
    char first[256]; /* of the first reply */
    int n_writable;
} peer_stream_result;

void peer_call_stream(const csvc_transport *transport, csvc_tchannel *tch, const char *path,
                      const peer_stream_options *options, peer_stream_result *ret_result);

csvc_bytes peer_text(const char *text);

#endif /* TESTS_SEAM_PEER_H */
