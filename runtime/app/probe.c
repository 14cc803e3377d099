/* app/probe.c: one request to /readyz, for images that hold nothing else that could ask. */
#include <app/probe.h>
#include <base/clock.h>
#include <base/host_port.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    PATIENCE_MS = 3000,
    OK_LEN = 12 /* "HTTP/1.1 200" */
};

/* What listens everywhere is asked here. */
static const char *host_to_ask(const char *host)
{
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1"
           : strcmp(host, "::") == 0                       ? "::1"
                                                           : host;
}

static csvc_code silent(const char *address, const char *why, csvc_error *err)
{
    return csvc_error_set(err, CSVC_UNAVAILABLE, "nobody answers at %s: %s", address, why);
}

/* Waits until the socket can be read or written; false: not in time. */
static bool wait_for(int fd, short what, int64_t until)
{
    for (;;) {
        const int64_t left = (until - csvc__now()) / CSVC__MS;
        struct pollfd poller = {.fd = fd, .events = what};
        const int rc = left > 0 ? poll(&poller, 1, (int)left) : 0;

        if (rc != -1 || errno != EINTR) {
            return rc > 0;
        }
    }
}

/* A connection that is there; -1 with errno. */
static int connect_to(const struct addrinfo *to, int64_t until)
{
    const int fd = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
    int failed = fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ? errno : 0;
    socklen_t size = sizeof(failed);

    if (failed == 0 && connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
        failed = errno;
        if (failed == EINPROGRESS) {
            failed = ETIMEDOUT;
            if (wait_for(fd, POLLOUT, until) &&
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0) {
                failed = errno;
            }
        }
    }
    if (failed == 0) {
        return fd;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = failed;
    return -1;
}

/* The same to the first that takes it: a name may stand for addresses of a family that this machine
 * has not, or that nobody listens on. */
static int connect_to_any(const struct addrinfo *found, int64_t until)
{
    int fd = -1;

    for (; found != NULL && fd < 0; found = found->ai_next) {
        fd = connect_to(found, until);
    }
    return fd;
}

static csvc_code ask(int fd, const char *address, int64_t until, csvc_error *err)
{
    static const char request[] = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    char answer[OK_LEN + 1] = "";
    size_t len = 0;

    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1) {
        return silent(address, strerror(errno), err);
    }
    while (len < OK_LEN && wait_for(fd, POLLIN, until)) {
        const ssize_t n = recv(fd, answer + len, OK_LEN - len, 0);

        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    if (len < OK_LEN || strncmp(answer, "HTTP/1.", 7) != 0) {
        return silent(address, len == 0 ? "no answer in time" : "that is no HTTP", err);
    }
    return strcmp(answer + 9, "200") == 0
               ? CSVC_OK
               : csvc_error_set(err, CSVC_UNAVAILABLE, "not ready: %s answers %s", address,
                                answer + 9);
}

csvc_code csvc__probe(const char *address, csvc_error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const int64_t until = csvc__now() + PATIENCE_MS * CSVC__MS;
    struct addrinfo *found = NULL;
    csvc__host_port parts;
    csvc_code code;
    int rc, fd, failed;

    if (!csvc__host_port_split(address, &parts)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "'%.100s' is not HOST:PORT", address);
    }
    rc = getaddrinfo(host_to_ask(parts.host), parts.port, &hints, &found);
    if (rc != 0) {
        return silent(address, gai_strerror(rc), err);
    }
    fd = connect_to_any(found, until);
    failed = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        return silent(address, strerror(failed), err);
    }
    code = ask(fd, address, until, err);
    (void)close(fd);
    return code;
}
