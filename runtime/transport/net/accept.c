/* net/accept.c: accepting connections, also when descriptors run out. */
#define _GNU_SOURCE /* accept4 */
#include <base/clock.h>
#include <csvc/log.h>
#include <transport/net/accept.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <base/banned.h>

static const char out_of_descriptors[] = "out of descriptors";

bool csvc__net_reserve_fill(csvc__net_reserve *reserve)
{
    if (reserve->fd < 0) {
        reserve->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    return reserve->fd >= 0;
}

void csvc__net_reserve_release(csvc__net_reserve *reserve)
{
    if (reserve->fd >= 0) {
        (void)close(reserve->fd);
        reserve->fd = -1;
    }
}

/* No descriptor for it: refuses the connection that waits longest. Whether there is one, the system
 * says only to who has a descriptor to spare. */
static csvc__net_accepted refuse(int listener, csvc__net_reserve *reserve)
{
    csvc__net_accepted result = CSVC__NET_WAIT; /* somebody else has taken what was in reserve */
    int fd = -1;

    if (reserve->fd < 0) {
        return CSVC__NET_WAIT;
    }
    csvc__net_reserve_release(reserve);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        (void)close(fd);
        result = CSVC__NET_REFUSED;
    } else if (errno == EAGAIN) {
        result = CSVC__NET_NONE;
    }
    (void)csvc__net_reserve_fill(reserve);
    return result;
}

/* What is wrong with one connection alone; Linux hands on the errors of its network, too. */
static bool is_of_one(int rc)
{
    switch (rc) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
        return true;
    default:
        return false;
    }
}

csvc__net_accepted csvc__net_accept(int listener, csvc__net_reserve *reserve, int *ret_fd,
                                    struct sockaddr_storage *ret_from, const char **ret_why)
{
    struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(from);
    const int on = 1;
    int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        /* another family refuses, and needs none of it */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        *ret_fd = fd;
        *ret_from = from;
        return CSVC__NET_ACCEPTED;
    }
    if (errno == EAGAIN) {
        return CSVC__NET_NONE;
    }
    if (is_of_one(errno)) {
        return CSVC__NET_GONE;
    }
    if (errno == EMFILE || errno == ENFILE) {
        *ret_why = out_of_descriptors;
        return reserve->spare != NULL && reserve->spare(reserve->arg) ? CSVC__NET_GONE
                                                                      : refuse(listener, reserve);
    }
    *ret_why = errno == ENOBUFS || errno == ENOMEM ? "the system is out of memory"
                                                   : "the listener accepts nothing";
    return CSVC__NET_WAIT;
}

void csvc__net_give_up_after(int fd, int64_t ms)
{
    const unsigned timeout = (unsigned)ms;

    if (ms > 0 && ms <= INT32_MAX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
    }
}

void csvc__net_complain(csvc__net_complaints *complaints, const char *what, const char *why)
{
    const int64_t now = csvc__now();

    if (now >= complaints->next) {
        complaints->next = now + CSVC__SECOND;
        csvc_log(CSVC_LOG_WARN, what, "why", why, NULL);
    }
}
