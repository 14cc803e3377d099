/* net/peer.h: what peers are called. */
#ifndef CSVC_NET_PEER_H
#define CSVC_NET_PEER_H

#include <csvc/common.h>
#include <sys/socket.h>

enum {
    CSVC__NET_PEER_SIZE = 128 /* of a name; the longest is an IPv6 address with its scope */
};

/* "ipv4:127.0.0.1:80", "ipv6:[::1]:80", "unix:", as gRPC's libraries name peers. */
CSVC_API void csvc__net_name_peer(const struct sockaddr_storage *from,
                                  char ret_name[CSVC__NET_PEER_SIZE]);

#endif /* CSVC_NET_PEER_H */
