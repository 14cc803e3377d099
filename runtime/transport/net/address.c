/* net/address.c: addresses to listen on: which kind each is. */
#include <transport/net/bind.h>

#include <errno.h>
#include <sys/socket.h>

#include <base/banned.h>

enum {
    SOME = 32, /* sockets that a name stands for, when it is only tried */
    NO_PORT = 1
};

static bool is_unix(const char *address)
{
    return csvc__net_path(address) != NULL || csvc__net_abstract(address) != NULL;
}

bool csvc__net_is_passed(const char *address)
{
    return csvc__net_passed_name(address) != NULL;
}

static csvc_code none(csvc_error *err)
{
    return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "no address to listen on");
}

csvc_code csvc__net_check(const char *address, csvc_error *err)
{
    int fds[SOME];
    size_t n = 0;
    int port = 0;
    csvc_code code;

    if (address[0] == '\0') {
        return none(err);
    }
    if (is_unix(address)) {
        return csvc__net_check_unix(address, err);
    }
    code = csvc__net_bind_tcp(address, fds, SOME, &n, &port, err);
    if (code == CSVC_OK) {
        csvc__net_close(fds, n);
    }
    return code;
}

/* Of the first that has one. */
static int port_of_any(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int port = csvc__net_port(fds[i]);

        if (port != 0) {
            return port;
        }
    }
    return NO_PORT;
}

static csvc_code listen_to(const char *address, const int *fds, size_t n, csvc_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (listen(fds[i], SOMAXCONN) != 0) {
            return csvc__net_cannot(address, errno, err);
        }
    }
    return CSVC_OK;
}

csvc_code csvc__net_listen(const char *address, int *ret_fds, size_t max, size_t *ret_n,
                           int *ret_port, csvc_error *err)
{
    const char *passed = csvc__net_passed_name(address);
    size_t n = 1;
    int port = NO_PORT;
    csvc_code code;

    if (address[0] == '\0') {
        return none(err);
    }
    if (max == 0) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "too many addresses to listen on");
    }
    if (passed != NULL) {
        code = csvc__net_take_passed(passed, ret_fds, max, &n, err);
        port = code == CSVC_OK ? port_of_any(ret_fds, n) : port;
    } else if (is_unix(address)) {
        code = csvc__net_bind_unix(address, ret_fds, err);
    } else {
        code = csvc__net_bind_tcp(address, ret_fds, max, &n, &port, err);
    }
    if (code != CSVC_OK) {
        return code;
    }
    code = passed != NULL ? CSVC_OK : listen_to(address, ret_fds, n, err);
    if (code != CSVC_OK) {
        csvc__net_close(ret_fds, n);
        return code;
    }
    *ret_n = n;
    if (ret_port != NULL) {
        *ret_port = port;
    }
    return CSVC_OK;
}
