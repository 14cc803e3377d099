/*
 * net/passed.c: sockets that systemd, or whoever speaks as it does, has opened for this program.
 *
 * It passes them as descriptors from 3 on: LISTEN_FDS says how many, LISTEN_PID for whom,
 * LISTEN_FDNAMES what they are called (sd_listen_fds(3)). They come once in a process' life: the
 * first to ask takes all of them out of the environment, into a table that is the process'. They
 * are shared with who passed them, so they are only ever closed: a shutdown would end his, too, and
 * the file of a socket is not ours to remove.
 */
#include <transport/net/bind.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    FIRST_FD = 3,
    MAX_PASSED = 64, /* others stay open and unused */
    SANE = 65536,
    MAX_NAME = 255, /* FileDescriptorName= has no longer ones */
    TEXT = 512
};

typedef struct passed {
    int fd; /* -1: taken */
    char name[MAX_NAME + 1];
} passed;

static struct {
    pthread_mutex_t lock;
    bool read;
    size_t n;
    passed sockets[MAX_PASSED];
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

const char *csvc__net_passed_name(const char *address)
{
    return strncmp(address, "systemd:", 8) == 0 ? address + 8 : NULL;
}

/* A number from 1 to max; 0: it is none. */
static long number(const char *variable, long max)
{
    const char *text = getenv(variable);
    char *end = NULL;
    long value;

    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return 0;
    }
    value = strtol(text, &end, 10);
    return *end == '\0' && value <= max ? value : 0;
}

/* The next of names between colons; as systemd says where there is none: "unknown". */
static const char *read_name(const char *names, char ret_name[MAX_NAME + 1])
{
    const size_t len = names != NULL ? strcspn(names, ":") : 0;
    const char *name = len > 0 ? names : "unknown";

    (void)snprintf(ret_name, MAX_NAME + 1, "%.*s", (int)(len > 0 ? len : strlen(name)), name);
    return names != NULL && names[len] == ':' ? names + len + 1 : NULL;
}

/* With the lock. */
static void read_environment(void)
{
    const char *names = getenv("LISTEN_FDNAMES");
    const long n =
        number("LISTEN_PID", INT32_MAX) == (long)getpid() ? number("LISTEN_FDS", SANE) : 0;

    table.read = true;
    for (int fd = FIRST_FD; fd < FIRST_FD + n; fd++) {
        const int flags = fcntl(fd, F_GETFD);
        char name[MAX_NAME + 1];

        names = read_name(names, name);
        if (flags >= 0 && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0 && table.n < MAX_PASSED) {
            table.sockets[table.n].fd = fd;
            memcpy(table.sockets[table.n].name, name, sizeof(name));
            table.n++;
        }
    }
    (void)unsetenv("LISTEN_PID"); /* children are not meant */
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
}

static bool is_meant(const passed *p, const char *name)
{
    return p->fd >= 0 && (name[0] == '\0' || strcmp(name, p->name) == 0);
}

static int option(int fd, int which)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, which, &value, &len) == 0 ? value : -1;
}

static bool listens(int fd)
{
    const int family = option(fd, SO_DOMAIN);

    return option(fd, SO_TYPE) == SOCK_STREAM && option(fd, SO_ACCEPTCONN) == 1 &&
           (family == AF_INET || family == AF_INET6 || family == AF_UNIX);
}

/* Nobody, or nobody of this name. */
static csvc_code not_there(const char *name, csvc_error *err)
{
    char names[TEXT] = "";
    size_t len = 0;

    for (size_t i = 0; i < table.n && len < sizeof(names); i++) {
        if (table.sockets[i].fd >= 0) {
            len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len > 0 ? ", " : "",
                                    table.sockets[i].name);
        }
    }
    if (table.n == 0) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "nobody has passed sockets to this program (LISTEN_FDS, LISTEN_PID); "
                              "systemd does when a .socket unit of the service's name starts it");
    }
    if (len == 0) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "the sockets that were passed to this program are in use already");
    }
    return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                          "no socket called \"%s\" was passed to this program; there are: %s", name,
                          names);
}

/* With the lock; all that are meant, or none. */
static csvc_code take(const char *name, int *ret_fds, size_t max, size_t *ret_n, csvc_error *err)
{
    size_t n = 0;

    for (size_t i = 0; i < table.n; i++) {
        const passed *p = &table.sockets[i];

        if (is_meant(p, name) && !listens(p->fd)) {
            return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                  "descriptor %d, \"%s\", was passed to this program and is no "
                                  "socket that takes connections; a .socket unit needs "
                                  "ListenStream= and Accept=no",
                                  p->fd, p->name);
        }
        n += is_meant(p, name);
    }
    if (n == 0) {
        return not_there(name, err);
    }
    if (n > max) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "too many addresses to listen on");
    }
    *ret_n = 0;
    for (size_t i = 0; i < table.n; i++) {
        passed *p = &table.sockets[i];

        if (is_meant(p, name)) {
            (void)fcntl(p->fd, F_SETFL, fcntl(p->fd, F_GETFL) | O_NONBLOCK);
            ret_fds[(*ret_n)++] = p->fd;
            p->fd = -1;
        }
    }
    return CSVC_OK;
}

csvc_code csvc__net_take_passed(const char *name, int *ret_fds, size_t max, size_t *ret_n,
                                csvc_error *err)
{
    csvc_code code;

    (void)pthread_mutex_lock(&table.lock);
    if (!table.read) {
        read_environment();
    }
    code = take(name, ret_fds, max, ret_n, err);
    (void)pthread_mutex_unlock(&table.lock);
    return code;
}
