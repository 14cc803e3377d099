/* net/address.h: addresses to listen on. */
#ifndef CSVC_NET_ADDRESS_H
#define CSVC_NET_ADDRESS_H

#include <csvc/code.h>

enum {
    CSVC__NET_SOCKETS = 8 /* that one address stands for */
};

/*
 * Whether "HOST:PORT" or "unix:PATH" can be bound, tried with a plain socket, for a transport that
 * cannot say why it could not. OK for port 0. Codes and texts as csvc_server_listen.
 */
CSVC_API csvc_code csvc__net_check(const char *address, csvc_error *err) CSVC_MUST_CHECK;

/* Sockets that listen on it, non-blocking, all on one port; NULL takes no port. Codes and texts as
 * csvc_server_listen. */
CSVC_API csvc_code csvc__net_listen(const char *address, int ret_fds[CSVC__NET_SOCKETS],
                                    size_t *ret_n, int *ret_port, csvc_error *err) CSVC_MUST_CHECK;

/* The path in "unix:PATH", or NULL. */
CSVC_API const char *csvc__net_path(const char *address);

#endif /* CSVC_NET_ADDRESS_H */
