/* net/listeners.h: the sockets that a server listens on, of all its addresses. */
#ifndef CSVC_NET_LISTENERS_H
#define CSVC_NET_LISTENERS_H

#include <transport/net/address.h>

enum {
    CSVC__NET_LISTENERS = 32
};

typedef struct csvc__net_listeners { /* = {0} */
    int fds[CSVC__NET_LISTENERS];
    char *paths[CSVC__NET_LISTENERS]; /* of a socket file that goes with its listener, or NULL */
    size_t n;
} csvc__net_listeners;

/* Listens on one more address. Codes and texts as csvc_server_listen. */
CSVC_API csvc_code csvc__net_listeners_add(csvc__net_listeners *set, const char *address,
                                           int *ret_port, csvc_error *err) CSVC_MUST_CHECK;

/* Closes all, removes their files. */
CSVC_API void csvc__net_listeners_close(csvc__net_listeners *set);

#endif /* CSVC_NET_LISTENERS_H */
