/* net/listeners.h: the sockets that a server listens on, of all its addresses. */
#ifndef CSVC_NET_LISTENERS_H
#define CSVC_NET_LISTENERS_H

#include <transport/net/address.h>

#include <sys/types.h>

enum {
    CSVC__NET_LISTENERS = 32
};

/* The file of a socket, which goes with its listener. */
typedef struct csvc__net_file {
    char *path; /* NULL: there is none */
    dev_t device;
    ino_t inode;
} csvc__net_file;

typedef struct csvc__net_listeners { /* = {0} */
    int fds[CSVC__NET_LISTENERS];
    csvc__net_file files[CSVC__NET_LISTENERS];
    size_t n;
} csvc__net_listeners;

/* Listens on one more address. Codes and texts as csvc_server_listen. */
CSVC_API csvc_code csvc__net_listeners_add(csvc__net_listeners *set, const char *address,
                                           int *ret_port, csvc_error *err) CSVC_MUST_CHECK;

/* Closes all and removes their files. It never shuts a socket down: others may share it. For the
 * same reason closing does not take one out of an epoll set: its user does that before. */
CSVC_API void csvc__net_listeners_close(csvc__net_listeners *set);

#endif /* CSVC_NET_LISTENERS_H */
