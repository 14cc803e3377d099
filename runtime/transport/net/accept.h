/*
 * net/accept.h: accepting connections, also when descriptors run out.
 *
 * Out of descriptors, one in reserve is given up to accept a connection and close it: it is refused
 * instead of left waiting, and the listener is not ready for ever. A reserve is one thread's.
 */
#ifndef CSVC_NET_ACCEPT_H
#define CSVC_NET_ACCEPT_H

#include <csvc/common.h>
#include <sys/socket.h>

typedef struct csvc__net_reserve {
    int fd; /* -1: gone */
    /* Asked first: gives up descriptors that can be spared. False: there are none. NULL: never. */
    bool (*spare)(void *arg);
    void *arg;
} csvc__net_reserve;

/* Takes a descriptor in reserve if there is none, for one that could not be had again as well.
 * False: there is still none. */
CSVC_API bool csvc__net_reserve_fill(csvc__net_reserve *reserve);
CSVC_API void csvc__net_reserve_release(csvc__net_reserve *reserve);

typedef enum csvc__net_accepted {
    CSVC__NET_ACCEPTED,
    CSVC__NET_GONE,    /* a connection that did not live to be accepted; there may be more */
    CSVC__NET_REFUSED, /* closed for want of descriptors; there may be more */
    CSVC__NET_NONE,    /* none waits */
    CSVC__NET_WAIT,    /* neither accepting nor refusing works now: look away from the listener
                          for a while, it stays ready */
} csvc__net_accepted;

/*
 * Takes the connection that has waited longest, non-blocking and close-on-exec; `ret_fd` and
 * `ret_from` are written with ACCEPTED, `ret_why` ("out of descriptors") with REFUSED and WAIT.
 * The listener does not block. An accepted socket waits for nobody (TCP_NODELAY).
 */
CSVC_API csvc__net_accepted csvc__net_accept(int listener, csvc__net_reserve *reserve, int *ret_fd,
                                             struct sockaddr_storage *ret_from,
                                             const char **ret_why);

/* Gives a connection up when bytes are not acknowledged for so long; 0: when the system does. */
CSVC_API void csvc__net_give_up_after(int fd, int64_t ms);

/* Lines in the log, at most one a second: whoever knocks does not fill it. One thread's. */
typedef struct csvc__net_complaints {
    int64_t next;
} csvc__net_complaints;

CSVC_API void csvc__net_complain(csvc__net_complaints *complaints, const char *what,
                                 const char *why);

#endif /* CSVC_NET_ACCEPT_H */
