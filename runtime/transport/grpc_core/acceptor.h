/*
 * grpc_core/acceptor.h: connections accepted by us instead of the core, plaintext only.
 *
 * So their number has a limit, a lack of descriptors passes, and who never begins with HTTP/2 costs
 * the core nothing. The core gets descriptors of connections that have begun
 * (grpc_server_add_channel_from_fd, which knows no TLS).
 */
#ifndef CSVC_GRPC_CORE_ACCEPTOR_H
#define CSVC_GRPC_CORE_ACCEPTOR_H

#include <csvc/code.h>
#include <transport/net/peer.h>
#include <transport/seam.h>

#include <grpc/grpc.h>
#include <stdatomic.h>

typedef struct gc_acceptor gc_acceptor;

typedef struct gc_acceptor_config {
    grpc_server *core;        /* outlives it */
    uint32_t max_connections; /* 0: any number */
    int64_t handshake_ms;     /* until it has begun; below 0: for ever */
    int64_t silence_ms;       /* unacknowledged bytes after which it is given up; 0: the system's */
    const csvc_served_events *events; /* who counts connections; its `server` */
    void *server;
} gc_acceptor_config;

/* NULL with err set. */
gc_acceptor *csvc__gc_acceptor_new(const gc_acceptor_config *config, csvc_error *err);

/* Listens on one more address; before start. Codes and texts as csvc_server_listen. */
csvc_code csvc__gc_acceptor_listen(gc_acceptor *acc, const char *address, int *ret_port,
                                   csvc_error *err) CSVC_MUST_CHECK;

/* Starts its thread, if it has none; 0, or an errno. It accepts from begin on: the core has to
 * have started. */
int csvc__gc_acceptor_start(gc_acceptor *acc);
void csvc__gc_acceptor_begin(gc_acceptor *acc);

/* Stops listening, soon; connections that have begun go on, and are counted until they end. Any
 * thread, does not block. */
void csvc__gc_acceptor_stop(gc_acceptor *acc);

/* Stops, waits for the thread, frees. Takes NULL. */
void csvc__gc_acceptor_free(gc_acceptor *acc);

/*
 * Who is at the other end of "fd:N", as the core calls it. Numbers are used again, so the question
 * goes with the time: what csvc__gc_acceptor_now was when the call arrived. False: nobody knows.
 * Any thread.
 */
bool csvc__gc_acceptor_peer(gc_acceptor *acc, const char *uri, uint64_t when,
                            char ret_name[CSVC__NET_PEER_SIZE]);

/* How many connections there have been. Any thread; costs a load. */
uint64_t csvc__gc_acceptor_now(const gc_acceptor *acc);

#endif /* CSVC_GRPC_CORE_ACCEPTOR_H */
