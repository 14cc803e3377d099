/* http/listen.c: a socket to listen on. libwebsockets could make one, but not say what failed. */
#define _GNU_SOURCE /* SOCK_NONBLOCK */
#include <base/host_port.h>
#include <http/driver.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    BACKLOG = 64
};

static csvc_code refuse(const char *address, int number, csvc_error *err)
{
    switch (number) {
    case EADDRINUSE:
        return csvc_error_set(err, CSVC_ALREADY_EXISTS,
                              "%s is in use by another program; stop it, or choose another port",
                              address);
    case EACCES:
    case EPERM:
        return csvc_error_set(err, CSVC_PERMISSION_DENIED,
                              "%s may not be used by this user; ports below 1024 are root's",
                              address);
    case EADDRNOTAVAIL:
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s is no address of this machine",
                              address);
    default:
        return csvc_error_set(err, CSVC_UNAVAILABLE, "%s: error %d", address, number);
    }
}

/* 0, or the errno. */
static int bind_one(const struct addrinfo *ai, int *ret_fd)
{
    const int fd =
        socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
    const int on = 1;
    int number = 0;

    if (fd < 0) {
        return errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
    }
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        number = errno;
        (void)close(fd);
        return number;
    }
    *ret_fd = fd;
    return 0;
}

static int port_of(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof(at);

    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        return 0;
    }
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                          : ((struct sockaddr_in *)&at)->sin_port);
}

bool csvc__http_listen(const char *address, int *ret_fd, int *ret_port, csvc_error *err)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    csvc__host_port parts;
    int number = EADDRNOTAVAIL, fd = -1;

    if (address == NULL || !csvc__host_port_split(address, &parts) || parts.host[0] == '\0') {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                             "'%s' is not an address such as 127.0.0.1:9464",
                             address != NULL ? address : "");
        return false;
    }
    if (getaddrinfo(parts.host, parts.port, &hints, &found) != 0) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT, "'%s': there is no such host", address);
        return false;
    }
    for (const struct addrinfo *ai = found; ai != NULL && number != 0; ai = ai->ai_next) {
        number = bind_one(ai, &fd);
    }
    freeaddrinfo(found);
    if (number != 0) {
        (void)refuse(address, number, err);
        return false;
    }
    *ret_fd = fd;
    *ret_port = port_of(fd);
    return true;
}
