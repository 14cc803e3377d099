/* net/bind.h: the kinds of addresses, for address.c, and what they share. Sockets of all are
 * non-blocking and close-on-exec; errors are those of csvc_server_listen. */
#ifndef CSVC_NET_BIND_H
#define CSVC_NET_BIND_H

#include <transport/net/address.h>

/* ---- tcp.c ---- */

csvc_code csvc__net_bind_tcp(const char *address, int *ret_fds, size_t max, size_t *ret_n,
                             int *ret_port, csvc_error *err);

/* ---- unix.c ---- */

/* What is behind "unix-abstract:", or NULL. */
const char *csvc__net_abstract(const char *address);

/* Whether nobody listens there; a file that nobody listens on is no hindrance. */
csvc_code csvc__net_check_unix(const char *address, csvc_error *err);
csvc_code csvc__net_bind_unix(const char *address, int *ret_fd, csvc_error *err);

/* ---- passed.c ---- */

/* What is behind "systemd:", or NULL. */
const char *csvc__net_passed_name(const char *address);

/* Takes those that listen already and have this name; "": all. Nobody gets them a second time. */
csvc_code csvc__net_take_passed(const char *name, int *ret_fds, size_t max, size_t *ret_n,
                                csvc_error *err);

/* ---- bind.c ---- */

void csvc__net_close(const int *fds, size_t n);

/* That a socket is bound to; 0: it has none. */
int csvc__net_port(int fd);

/* "cannot listen on ADDRESS: ..." */
csvc_code csvc__net_cannot(const char *address, int rc, csvc_error *err);

#endif /* CSVC_NET_BIND_H */
