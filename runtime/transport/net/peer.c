/* net/peer.c: what peers are called. */
#include <transport/net/peer.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include <base/banned.h>

void csvc__net_name_peer(const struct sockaddr_storage *from, char ret_name[CSVC__NET_PEER_SIZE])
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)from;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;
    char text[INET6_ADDRSTRLEN] = "";

    if (from->ss_family == AF_INET) {
        (void)inet_ntop(AF_INET, &in4->sin_addr, text, sizeof(text));
        (void)snprintf(ret_name, CSVC__NET_PEER_SIZE, "ipv4:%s:%u", text,
                       (unsigned)ntohs(in4->sin_port));
    } else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        (void)inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text, sizeof(text));
        (void)snprintf(ret_name, CSVC__NET_PEER_SIZE, "ipv4:%s:%u", text,
                       (unsigned)ntohs(in6->sin6_port));
    } else if (from->ss_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
        (void)snprintf(ret_name, CSVC__NET_PEER_SIZE, "ipv6:[%s]:%u", text,
                       (unsigned)ntohs(in6->sin6_port));
    } else {
        (void)snprintf(ret_name, CSVC__NET_PEER_SIZE, "unix:");
    }
}
