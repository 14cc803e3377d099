/* net/unix.c: unix:PATH and unix-abstract:NAME. */
#include <transport/net/bind.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <base/banned.h>

const char *csvc__net_path(const char *address)
{
    if (strncmp(address, "unix:", 5) != 0) {
        return NULL;
    }
    return strncmp(address + 5, "//", 2) == 0 ? address + 7 : address + 5;
}

const char *csvc__net_abstract(const char *address)
{
    return strncmp(address, "unix-abstract:", 14) == 0 ? address + 14 : NULL;
}

/* A path ends with a NUL; a name begins with one and is as long as its length says. */
static csvc_code read_address(const char *address, struct sockaddr_un *ret_sun, socklen_t *ret_len,
                              csvc_error *err)
{
    const char *name = csvc__net_abstract(address);
    const bool abstract = name != NULL;
    const char *text = abstract ? name : csvc__net_path(address);
    const size_t len = strlen(text);

    *ret_sun = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len == 0 || len >= sizeof(ret_sun->sun_path)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "\"%s\": the %s of a socket has 1 to %zu bytes", address,
                              abstract ? "name" : "path", sizeof(ret_sun->sun_path) - 1);
    }
    memcpy(ret_sun->sun_path + abstract, text, len);
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    return CSVC_OK;
}

static csvc_code in_use(const char *address, csvc_error *err)
{
    return csvc_error_set(err, CSVC_ALREADY_EXISTS,
                          "%s is in use by another program; stop that one or choose another %s",
                          address, csvc__net_abstract(address) != NULL ? "name" : "path");
}

/* Somebody who listens there. */
static csvc_code ask(const char *address, const struct sockaddr_un *sun, socklen_t len,
                     csvc_error *err)
{
    /* not blocking: whoever listens may take nobody, and is there all the same (EAGAIN) */
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0) {
        return csvc__net_cannot(address, errno, err);
    }
    rc = connect(fd, (const struct sockaddr *)sun, len) == 0 ? 0 : errno;
    (void)close(fd);
    if (rc == 0 || rc == EAGAIN) {
        return in_use(address, err);
    }
    if (rc == EACCES) {
        return csvc_error_set(err, CSVC_PERMISSION_DENIED, "no permission to use %s", address);
    }
    return CSVC_OK;
}

csvc_code csvc__net_check_unix(const char *address, csvc_error *err)
{
    struct sockaddr_un sun;
    socklen_t len = 0;
    const csvc_code code = read_address(address, &sun, &len, err);

    return code == CSVC_OK ? ask(address, &sun, len, err) : code;
}

static csvc_code explain(const char *address, int rc, csvc_error *err)
{
    const char *path = csvc__net_path(address);
    struct stat st;

    if (rc == EACCES || rc == EPERM) {
        return csvc_error_set(err, CSVC_PERMISSION_DENIED,
                              "no permission to make %s; its folder has to be writable", address);
    }
    if (rc == EADDRINUSE && path != NULL && lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        return csvc_error_set(err, CSVC_ALREADY_EXISTS,
                              "%s: there is something that is no socket; remove it or choose "
                              "another path",
                              address);
    }
    return rc == EADDRINUSE ? in_use(address, err) : csvc__net_cannot(address, rc, err);
}

csvc_code csvc__net_bind_unix(const char *address, int *ret_fd, csvc_error *err)
{
    const char *path = csvc__net_path(address);
    struct sockaddr_un sun;
    socklen_t len = 0;
    struct stat st;
    csvc_code code = read_address(address, &sun, &len, err);
    int fd = -1;

    if (code == CSVC_OK) {
        code = ask(address, &sun, len, err);
    }
    if (code != CSVC_OK) {
        return code;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return csvc__net_cannot(address, errno, err);
    }
    /* nobody answers there: what is in the way is a leftover */
    if (path != NULL && stat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        (void)unlink(path);
    }
    if (bind(fd, (const struct sockaddr *)&sun, len) != 0) {
        code = explain(address, errno, err);
        (void)close(fd);
        return code;
    }
    *ret_fd = fd;
    return CSVC_OK;
}
