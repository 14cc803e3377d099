/* net/refusals.h: why connections are refused, as `refused` of the seam calls it, whatever the
 * transport. */
#ifndef CSVC_NET_REFUSALS_H
#define CSVC_NET_REFUSALS_H

#define CSVC__NET_TOO_MANY       "max_connections"
#define CSVC__NET_NO_DESCRIPTORS "out_of_descriptors"
#define CSVC__NET_NO_MEMORY      "out_of_memory"
#define CSVC__NET_TOO_SLOW       "handshake_timeout"

#endif /* CSVC_NET_REFUSALS_H */
