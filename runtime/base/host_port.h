/* base/host_port.h: addresses of TCP, taken apart. */
#ifndef CSVC_BASE_HOST_PORT_H
#define CSVC_BASE_HOST_PORT_H

#include <csvc/common.h>

#include <stdbool.h>

typedef struct csvc__host_port {
    char host[256]; /* "": none */
    char port[8];   /* digits: 0 to 65535 */
} csvc__host_port;

/* "HOST:PORT", "[::1]:PORT", ":PORT". False: it is none of these. */
CSVC_API bool csvc__host_port_split(const char *address,
                                    csvc__host_port *ret_parts) CSVC_MUST_CHECK;

#endif /* CSVC_BASE_HOST_PORT_H */
