/* base/host_port.c: addresses of TCP, taken apart. */
#include <base/host_port.h>

#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

enum {
    MAX_PORT = 65535
};

bool csvc__host_port_split(const char *address, csvc__host_port *ret_parts)
{
    const char *colon = strrchr(address, ':');
    const char *host = address;
    size_t host_len = 0;
    size_t port_len = 0;

    if (colon == NULL) {
        return false;
    }
    port_len = strspn(colon + 1, "0123456789");
    if (port_len == 0 || port_len > 5 || colon[1 + port_len] != '\0' ||
        strtol(colon + 1, NULL, 10) > MAX_PORT) {
        return false;
    }
    host_len = (size_t)(colon - address);
    if (host[0] == '[') {
        if (host_len < 3 || host[host_len - 1] != ']') {
            return false;
        }
        host++;
        host_len -= 2;
    } else if (memchr(host, ':', host_len) != NULL) {
        return false; /* an address in v6 goes into brackets: where it ends is not seen else */
    }
    if (host_len >= sizeof(ret_parts->host)) {
        return false;
    }
    memcpy(ret_parts->host, host, host_len);
    ret_parts->host[host_len] = '\0';
    memcpy(ret_parts->port, colon + 1, port_len + 1);
    return true;
}
