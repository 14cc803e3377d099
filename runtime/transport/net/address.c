/* net/address.c: addresses to listen on: sockets for them, and why there are none. */
#include <transport/net/address.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    MAX_HOST = 255
};

typedef struct host_port {
    char host[MAX_HOST + 1];
    char port[8];
} host_port;

/* "HOST:PORT", "[::1]:PORT", ":PORT". False: it is none of these. */
static bool split(const char *address, host_port *ret_hp)
{
    const char *colon = strrchr(address, ':');
    const char *host = address;
    size_t host_len = 0;
    char *end = NULL;
    long port = 0;

    if (colon == NULL || colon[1] < '0' || colon[1] > '9' || strlen(colon + 1) > 5) {
        return false;
    }
    port = strtol(colon + 1, &end, 10);
    host_len = (size_t)(colon - address);
    if (*end != '\0' || port > 65535) {
        return false;
    }
    if (host[0] == '[') {
        if (host_len < 3 || host[host_len - 1] != ']') {
            return false;
        }
        host++;
        host_len -= 2;
    } else if (memchr(host, ':', host_len) != NULL) {
        return false; /* IPv6 goes into brackets */
    }
    if (host_len > MAX_HOST) {
        return false;
    }
    memcpy(ret_hp->host, host, host_len);
    ret_hp->host[host_len] = '\0';
    memcpy(ret_hp->port, colon + 1, strlen(colon)); /* five digits and the NUL at most */
    return true;
}

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
    char reason[128] = "";

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
        (void)strerror_r(rc, reason, sizeof(reason));
        return csvc_error_set(err, CSVC_UNAVAILABLE, "cannot listen on %s: %s", address, reason);
    }
}

/* What an address stands for; freeaddrinfo. */
static csvc_code resolve(const char *address, struct addrinfo **ret_found, csvc_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    host_port hp;
    int rc = 0;

    if (!split(address, &hp)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "\"%s\" is not an address to listen on; wanted is HOST:PORT "
                              "(127.0.0.1:50051, [::1]:50051) or unix:PATH",
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

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)close(fds[i]);
    }
}

/* Binds a socket to each address found; all to one port, the first one's where none is said. */
static csvc_code bind_all(const char *address, struct addrinfo *found, int fds[CSVC__NET_SOCKETS],
                          size_t *ret_n, in_port_t *ret_port, csvc_error *err)
{
    const bool alone = found->ai_next == NULL; /* "[::]" is for both families, then */
    in_port_t port = port_of(found->ai_addr);
    int worst = 0;
    size_t n = 0;

    for (struct addrinfo *ai = found; ai != NULL && n < CSVC__NET_SOCKETS; ai = ai->ai_next) {
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
        close_all(fds, n);
        return explain(address, worst, err);
    }
    *ret_n = n;
    *ret_port = port;
    return CSVC_OK;
}

static csvc_code bind_tcp(const char *address, int fds[CSVC__NET_SOCKETS], size_t *ret_n,
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
        code = bind_all(address, found, fds, ret_n, &got, err);
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

static csvc_code check_tcp(const char *address, csvc_error *err)
{
    int fds[CSVC__NET_SOCKETS];
    size_t n = 0;
    int port = 0;
    const csvc_code code = bind_tcp(address, fds, &n, &port, err);

    if (code == CSVC_OK) {
        close_all(fds, n);
    }
    return code;
}

/* A socket file that nobody listens on is a leftover, which whoever binds removes. */
static csvc_code check_unix(const char *address, const char *path, csvc_error *err)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = -1;
    int rc = 0;

    if (path[0] == '\0' || strlen(path) >= sizeof(sun.sun_path)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "\"%s\": the path of a socket has 1 to %zu bytes", address,
                              sizeof(sun.sun_path) - 1);
    }
    memcpy(sun.sun_path, path, strlen(path) + 1);
    /* not blocking: whoever listens may take nobody, and is there all the same (EAGAIN) */
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return explain(address, errno, err);
    }
    rc = connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 ? 0 : errno;
    close(fd);
    if (rc == 0 || rc == EAGAIN) {
        return csvc_error_set(err, CSVC_ALREADY_EXISTS,
                              "%s is in use by another program; stop that one or choose another "
                              "path",
                              address);
    }
    if (rc == EACCES) {
        return csvc_error_set(err, CSVC_PERMISSION_DENIED, "no permission to use %s", address);
    }
    return CSVC_OK;
}

const char *csvc__net_path(const char *address)
{
    if (strncmp(address, "unix:", 5) != 0) {
        return NULL;
    }
    return strncmp(address + 5, "//", 2) == 0 ? address + 7 : address + 5;
}

csvc_code csvc__net_check(const char *address, csvc_error *err)
{
    if (address == NULL || address[0] == '\0') {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "no address to listen on");
    }
    if (csvc__net_path(address) != NULL) {
        return check_unix(address, csvc__net_path(address), err);
    }
    return check_tcp(address, err);
}

/* After check_unix: what is in the way is a leftover. */
static csvc_code bind_unix(const char *address, const char *path, int *ret_fd, csvc_error *err)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct stat st;
    int rc = 0;

    if (fd < 0) {
        return explain(address, errno, err);
    }
    memcpy(sun.sun_path, path, strlen(path) + 1);
    if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        (void)unlink(path);
    }
    if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0) {
        rc = errno;
        (void)close(fd);
        return explain(address, rc, err);
    }
    *ret_fd = fd;
    return CSVC_OK;
}

csvc_code csvc__net_listen(const char *address, int ret_fds[CSVC__NET_SOCKETS], size_t *ret_n,
                           int *ret_port, csvc_error *err)
{
    const char *path = NULL;
    int fds[CSVC__NET_SOCKETS];
    size_t n = 1;
    int port = 1; /* of a path, as the core says */
    csvc_code code;

    if (address[0] == '\0') {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "no address to listen on");
    }
    path = csvc__net_path(address);
    if (path != NULL) {
        code = check_unix(address, path, err);
        if (code == CSVC_OK) {
            code = bind_unix(address, path, &fds[0], err);
        }
    } else {
        code = bind_tcp(address, fds, &n, &port, err);
    }
    if (code != CSVC_OK) {
        return code;
    }
    for (size_t i = 0; i < n; i++) {
        if (listen(fds[i], SOMAXCONN) != 0) {
            const int rc = errno;

            close_all(fds, n);
            return explain(address, rc, err);
        }
    }
    memcpy(ret_fds, fds, n * sizeof(fds[0]));
    *ret_n = n;
    if (ret_port != NULL) {
        *ret_port = port;
    }
    return CSVC_OK;
}
