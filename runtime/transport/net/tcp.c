/* net/tcp.c: HOST:PORT: sockets bound to it, and why there are none. */
#include <base/host_port.h>
#include <transport/net/bind.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/banned.h>

/* A socket bound to it; 0, or the errno of what failed. */
static int bind_to(const struct addrinfo *ai, bool v6_only, int *ret_fd)
{
    const int on = 1;
    const int only = v6_only;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc = 0;

    if (fd < 0) {
        return errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    }
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
        rc = errno;
        (void)close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

static csvc_code explain(const char *address, int rc, csvc_error *err)
{
    switch (rc) {
    case EADDRINUSE:
        return csvc_error_set(err, CSVC_ALREADY_EXISTS,
                              "%s is in use by another program; stop that one or choose another "
                              "port (0 takes a free one)",
                              address);
    case EACCES:
    case EPERM:
        return csvc_error_set(err, CSVC_PERMISSION_DENIED,
                              "no permission to listen on %s; choose a port above 1023 or give "
                              "the program CAP_NET_BIND_SERVICE",
                              address);
    case EADDRNOTAVAIL:
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "%s is not an address of this machine; 0.0.0.0 stands for all that "
                              "it has",
                              address);
    default:
        return csvc__net_cannot(address, rc, err);
    }
}

/* What an address stands for; freeaddrinfo. */
static csvc_code resolve(const char *address, struct addrinfo **ret_found, csvc_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    csvc__host_port hp;
    int rc = 0;

    if (!csvc__host_port_split(address, &hp)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "\"%s\" is not an address to listen on; wanted is HOST:PORT "
                              "(127.0.0.1:50051, [::1]:50051), unix:PATH, "
                              "unix-abstract:NAME or systemd:",
                              address);
    }
    rc = getaddrinfo(hp.host[0] == '\0' ? NULL : hp.host, hp.port, &hints, ret_found);
    if (rc != 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "cannot resolve \"%s\" to listen on: %s",
                              hp.host, gai_strerror(rc));
    }
    return CSVC_OK;
}

static in_port_t port_of(const struct sockaddr *sa)
{
    return sa->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *)(const void *)sa)->sin6_port
                                     : ((const struct sockaddr_in *)(const void *)sa)->sin_port;
}

static void set_port(struct sockaddr *sa, in_port_t port)
{
    if (sa->sa_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)sa)->sin6_port = port;
    } else {
        ((struct sockaddr_in *)(void *)sa)->sin_port = port;
    }
}

/* Binds a socket to each address found; all to one port, the first one's where none is said. */
static csvc_code bind_all(const char *address, struct addrinfo *found, int *fds, size_t max,
                          size_t *ret_n, in_port_t *ret_port, csvc_error *err)
{
    const bool alone = found->ai_next == NULL; /* "[::]" is for both families, then */
    in_port_t port = port_of(found->ai_addr);
    struct addrinfo *ai = found;
    int worst = 0;
    size_t n = 0;

    for (; ai != NULL && n < max; ai = ai->ai_next) {
        struct sockaddr_storage bound;
        socklen_t len = sizeof(bound);
        int failure;

        set_port(ai->ai_addr, port);
        failure = bind_to(ai, !alone, &fds[n]);
        if (failure == 0) {
            if (port == 0 && getsockname(fds[n], (struct sockaddr *)&bound, &len) == 0) {
                port = port_of((struct sockaddr *)&bound);
            }
            n++;
        } else if (worst == 0 || failure == EADDRINUSE) {
            worst = failure;
        }
    }
    /* A name may stand for addresses of a family this machine has not; one in use is too many. */
    if (worst != 0 && (n == 0 || worst == EADDRINUSE)) {
        csvc__net_close(fds, n);
        return explain(address, worst, err);
    }
    if (ai != NULL) {
        csvc__net_close(fds, n);
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "too many addresses to listen on");
    }
    *ret_n = n;
    *ret_port = port;
    return CSVC_OK;
}

csvc_code csvc__net_bind_tcp(const char *address, int *ret_fds, size_t max, size_t *ret_n,
                             int *ret_port, csvc_error *err)
{
    enum {
        TRIES = 8 /* a free port of one family may be another's in the other one */
    };
    struct addrinfo *found = NULL;
    csvc_code code = resolve(address, &found, err);
    in_port_t port = 0;

    if (code != CSVC_OK) {
        return code;
    }
    port = port_of(found->ai_addr);
    for (int i = 0; i < TRIES; i++) {
        const bool any_port = port == 0;
        in_port_t got = 0;

        set_port(found->ai_addr, port);
        code = bind_all(address, found, ret_fds, max, ret_n, &got, err);
        if (code == CSVC_OK) {
            *ret_port = ntohs(got);
        }
        if (code != CSVC_ALREADY_EXISTS || !any_port) {
            break;
        }
    }
    freeaddrinfo(found);
    return code;
}
