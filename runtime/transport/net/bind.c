/* net/bind.c: what binding needs, whatever kind of address it is. */
#include <transport/net/bind.h>

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/banned.h>

void csvc__net_close(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)close(fds[i]);
    }
}

csvc_code csvc__net_cannot(const char *address, int rc, csvc_error *err)
{
    char reason[128] = "";

    (void)strerror_r(rc, reason, sizeof(reason));
    return csvc_error_set(err, CSVC_UNAVAILABLE, "cannot listen on %s: %s", address, reason);
}

int csvc__net_port(int fd)
{
    struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(at);

    (void)getsockname(fd, (struct sockaddr *)&at, &len);
    if (at.ss_family == AF_INET) {
        return ntohs(((struct sockaddr_in *)(void *)&at)->sin_port);
    }
    if (at.ss_family == AF_INET6) {
        return ntohs(((struct sockaddr_in6 *)(void *)&at)->sin6_port);
    }
    return 0;
}
