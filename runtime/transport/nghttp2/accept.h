/*
 * nghttp2/accept.h: connections come in on the first loop, which deals them out: each to the loop
 * that has the fewest.
 */
#ifndef CSVC_NGHTTP2_ACCEPT_H
#define CSVC_NGHTTP2_ACCEPT_H

#include <transport/net/accept.h>
#include <transport/net/listeners.h>
#include <transport/nghttp2/loop.h>

typedef struct ng_listener {
    ng_source source;
    struct ng_acceptor *acceptor;
} ng_listener;

typedef struct ng_acceptor {
    ng_shared *shared;
    ng_loop *loops;
    uint32_t n_loops;
    csvc__net_listeners sockets;
    ng_listener listeners[CSVC__NET_LISTENERS];
    csvc__net_reserve reserve;
    bool paused; /* no descriptors: nothing is accepted until the timer */
    csvc_timer pause;
    csvc__net_complaints complaints;
} ng_acceptor;

/* Of the sockets that are in there by now. False: they cannot be watched. */
bool csvc__ng_accept_begin(ng_acceptor *acceptor, ng_loop *loops, uint32_t n_loops);
void csvc__ng_accept_end(ng_acceptor *acceptor); /* on the first loop */

#endif /* CSVC_NGHTTP2_ACCEPT_H */
