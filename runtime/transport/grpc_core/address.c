/* grpc_core/address.c: why an address cannot be listened on; the core only says that it cannot. */
#include <transport/grpc_core/server.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

/* 0, or the errno of what failed. */
static int try_bind(const struct addrinfo *ai)
{
    int on = 1;
    int fd = socket(ai->ai_family, SOCK_STREAM, 0);
    int rc = 0;

    if (fd < 0) {
        return errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    rc = bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 ? 0 : errno;
    close(fd);
    return rc;
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

static csvc_code check_tcp(const char *address, csvc_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    host_port hp;
    int worst = 0;
    bool any = false;
    int rc = 0;

    if (!split(address, &hp)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "\"%s\" is not an address to listen on; wanted is HOST:PORT "
                              "(127.0.0.1:50051, [::1]:50051) or unix:PATH",
                              address);
    }
    rc = getaddrinfo(hp.host[0] == '\0' ? NULL : hp.host, hp.port, &hints, &found);
    if (rc != 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "cannot resolve \"%s\" to listen on: %s",
                              hp.host, gai_strerror(rc));
    }
    for (const struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next) {
        int failure = try_bind(ai);

        if (failure == 0) {
            any = true;
        } else if (worst == 0 || failure == EADDRINUSE) {
            worst = failure;
        }
    }
    freeaddrinfo(found);
    /* A name may stand for addresses of a family this machine has not; one in use is too many. */
    return worst == 0 || (any && worst != EADDRINUSE) ? CSVC_OK : explain(address, worst, err);
}

/* A socket file that nobody listens on is a leftover, which the core removes. */
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
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) {
        return explain(address, errno, err);
    }
    rc = connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 ? 0 : errno;
    close(fd);
    if (rc == 0) {
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

csvc_code csvc__gc_address_check(const char *address, csvc_error *err)
{
    if (address == NULL || address[0] == '\0') {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "no address to listen on");
    }
    if (strncmp(address, "unix:", 5) == 0) {
        const char *path = address + 5;

        return check_unix(address, strncmp(path, "//", 2) == 0 ? path + 2 : path, err);
    }
    return check_tcp(address, err);
}
