/*
 * net/address.h: addresses to listen on.
 *
 * "HOST:PORT" stands for a socket or several; "unix:PATH" and "unix-abstract:NAME" for one;
 * "systemd:" and "systemd:NAME" for those that whoever started this program has opened for it.
 */
#ifndef CSVC_NET_ADDRESS_H
#define CSVC_NET_ADDRESS_H

#include <csvc/code.h>

/*
 * Whether an address can be bound, tried with a plain socket, for a transport that cannot say why
 * it could not. OK for port 0. Codes and texts as csvc_server_listen. Not for sockets that others
 * have opened: see csvc__net_is_passed.
 */
CSVC_API csvc_code csvc__net_check(const char *address, csvc_error *err) CSVC_MUST_CHECK;

/*
 * Sockets that listen on it, `max` of them at most, non-blocking and close-on-exec; all on one
 * port, which is 1 where there is none. NULL takes no port. Codes and texts as csvc_server_listen.
 */
CSVC_API csvc_code csvc__net_listen(const char *address, int *ret_fds, size_t max, size_t *ret_n,
                                    int *ret_port, csvc_error *err) CSVC_MUST_CHECK;

/* The path in "unix:PATH", or NULL. */
CSVC_API const char *csvc__net_path(const char *address);

/* Whether it stands for sockets that others have opened. */
CSVC_API bool csvc__net_is_passed(const char *address);

#endif /* CSVC_NET_ADDRESS_H */
