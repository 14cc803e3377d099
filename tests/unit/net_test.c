/* Sockets as both transports use them: addresses to listen on, accepting, what peers are called. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/alloc.h>
#include <transport/net/accept.h>
#include <transport/net/listeners.h>
#include <transport/net/peer.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    MANY = 512
};

static csvc__net_listeners listening(const char *address, int *ret_port)
{
    csvc__net_listeners set = {0};
    csvc_error err = {CSVC_ERROR_INIT};

    if (csvc__net_listeners_add(&set, address, ret_port, &err) != CSVC_OK) {
        fail_msg("%s: %s", address, err.text);
    }
    return set;
}

static int dial(int port)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(0, connect(fd, (const struct sockaddr *)&to, sizeof(to)));
    return fd;
}

static csvc__net_reserve reserve(void)
{
    csvc__net_reserve r = {.fd = -1};

    assert_true(csvc__net_reserve_fill(&r));
    return r;
}

/* ---- accepting ---- */

static void one_comes_ready_for_use(void **state)
{
    struct sockaddr_storage from;
    char name[CSVC__NET_PEER_SIZE], expected[CSVC__NET_PEER_SIZE];
    struct sockaddr_in local;
    socklen_t len = sizeof(local);
    csvc__net_reserve r = reserve();
    const char *why = NULL;
    int port = 0, fd = -1, on = 0, caller;
    csvc__net_listeners set = listening("127.0.0.1:0", &port);

    (void)state;
    assert_int_equal(CSVC__NET_NONE, csvc__net_accept(set.fds[0], &r, &fd, &from, &why));
    caller = dial(port);
    assert_int_equal(CSVC__NET_ACCEPTED, csvc__net_accept(set.fds[0], &r, &fd, &from, &why));
    assert_int_equal(CSVC__NET_NONE, csvc__net_accept(set.fds[0], &r, &fd, &from, &why));
    assert_null(why);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    len = sizeof(on);
    assert_int_equal(0, getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len));
    assert_int_not_equal(0, on);

    len = sizeof(local);
    assert_int_equal(0, getsockname(caller, (struct sockaddr *)&local, &len));
    (void)snprintf(expected, sizeof(expected), "ipv4:127.0.0.1:%u", ntohs(local.sin_port));
    csvc__net_name_peer(&from, name);
    assert_string_equal(expected, name);

    csvc__net_give_up_after(fd, 1234);
    len = sizeof(on);
    assert_int_equal(0, getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &on, &len));
    assert_int_equal(1234, on);
    csvc__net_give_up_after(fd, 0); /* leaves it */
    assert_int_equal(0, getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &on, &len));
    assert_int_equal(1234, on);

    (void)close(caller);
    (void)close(fd);
    csvc__net_reserve_release(&r);
    csvc__net_listeners_close(&set);
}

/* Takes every descriptor there is; returns how many. */
static size_t take_all(int fds[MANY])
{
    size_t n = 0;

    while (n < MANY && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        n++;
    }
    assert_true(n > 0 && n < MANY);
    return n;
}

static int spared = -1;

static bool spare_one(void *arg)
{
    const bool some = spared >= 0;

    assert_ptr_equal(&spared, arg);
    if (some) {
        (void)close(spared);
        spared = -1;
    }
    return some;
}

static void without_descriptors(void **state)
{
    struct rlimit before, few;
    struct sockaddr_storage from;
    csvc__net_reserve r = reserve();
    const char *why = NULL;
    int taken[MANY], callers[4], port = 0, fd = -1;
    csvc__net_listeners set = listening("127.0.0.1:0", &port);
    struct pollfd ended;
    size_t n;
    char byte;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        callers[i] = dial(port);
    }
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
    few = before;
    few.rlim_cur = MANY;
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
    n = take_all(taken);

    /* the reserve is for refusing */
    assert_int_equal(CSVC__NET_REFUSED, csvc__net_accept(set.fds[0], &r, &fd, &from, &why));
    assert_string_equal("out of descriptors", why);
    ended = (struct pollfd){.fd = callers[0], .events = POLLIN};
    assert_int_equal(1, poll(&ended, 1, 10000));
    assert_int_equal(0, recv(callers[0], &byte, 1, 0));
    assert_true(r.fd >= 0);

    /* what can be spared is for accepting */
    r.spare = spare_one;
    r.arg = &spared;
    spared = taken[--n];
    assert_int_equal(CSVC__NET_GONE, csvc__net_accept(set.fds[0], &r, &fd, &from, &why));
    assert_int_equal(CSVC__NET_ACCEPTED, csvc__net_accept(set.fds[0], &r, &fd, &from, &why));
    taken[n++] = fd;
    assert_int_equal(CSVC__NET_REFUSED, csvc__net_accept(set.fds[0], &r, &fd, &from, &why));

    /* without it there is nothing to be done, until one is free */
    csvc__net_reserve_release(&r);
    taken[n++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(taken[n - 1] >= 0);
    assert_false(csvc__net_reserve_fill(&r));
    why = NULL;
    assert_int_equal(CSVC__NET_WAIT, csvc__net_accept(set.fds[0], &r, &fd, &from, &why));
    assert_string_equal("out of descriptors", why);
    (void)close(taken[--n]);
    assert_true(csvc__net_reserve_fill(&r));
    assert_int_equal(CSVC__NET_REFUSED, csvc__net_accept(set.fds[0], &r, &fd, &from, &why));
    assert_int_equal(CSVC__NET_NONE, csvc__net_accept(set.fds[0], &r, &fd, &from, &why));

    while (n > 0) {
        (void)close(taken[--n]);
    }
    for (size_t i = 0; i < 4; i++) {
        (void)close(callers[i]);
    }
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
    csvc__net_reserve_release(&r);
    csvc__net_listeners_close(&set);
}

static void a_listener_that_is_none_is_no_endless_loop(void **state)
{
    struct sockaddr_storage from;
    csvc__net_reserve r = reserve();
    const char *why = NULL;
    int fd = -1;

    (void)state;
    assert_int_equal(CSVC__NET_WAIT, csvc__net_accept(-1, &r, &fd, &from, &why));
    assert_string_equal("the listener accepts nothing", why);
    csvc__net_reserve_release(&r);
}

/* ---- listening ---- */

static void addresses_add_up_to_a_limit(void **state)
{
    csvc__net_listeners set = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_code code = CSVC_OK;
    int ports[CSVC__NET_LISTENERS];
    size_t n = 0;

    (void)state;
    while (n < CSVC__NET_LISTENERS &&
           (code = csvc__net_listeners_add(&set, "127.0.0.1:0", &ports[n], &err)) == CSVC_OK) {
        n++;
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, code);
    assert_string_equal("too many addresses to listen on", err.text);
    assert_int_equal(n, set.n);
    for (size_t i = 0; i < n; i++) {
        (void)close(dial(ports[i]));
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ports[i], ports[j]);
        }
    }
    csvc__net_listeners_close(&set);
    assert_int_equal(0, set.n);
}

static void socket_files_go_with_their_listener(void **state)
{
    char dir[] = "/tmp/csvc_net_XXXXXX", path[64], address[80];
    csvc__net_listeners set, other = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    struct stat st;
    int port = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    set = listening(address, &port);
    assert_int_equal(0, stat(path, &st));

    /* one that lives is refused and keeps its file */
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc__net_listeners_add(&other, address, &port, &err));
    assert_non_null(strstr(err.text, "in use by another program"));
    assert_int_equal(0, other.n);
    assert_int_equal(0, stat(path, &st));

    /* the file of one that was killed is replaced */
    (void)close(set.fds[0]);
    assert_int_equal(CSVC_OK, csvc__net_listeners_add(&other, address, &port, &err));
    csvc__net_listeners_close(&other);
    assert_int_not_equal(0, stat(path, &st));
    csvc__free(set.paths[0]);
    assert_int_equal(0, rmdir(dir));
}

/* ---- names ---- */

static void check_name(const char *expected, const void *address, size_t size)
{
    struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
    char name[CSVC__NET_PEER_SIZE];

    memcpy(&from, address, size);
    csvc__net_name_peer(&from, name);
    assert_string_equal(expected, name);
}

static void peers_have_names(void **state)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(65535)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(1)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    (void)state;
    assert_int_equal(1, inet_pton(AF_INET, "10.1.2.3", &in4.sin_addr));
    check_name("ipv4:10.1.2.3:65535", &in4, sizeof(in4));
    assert_int_equal(1, inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr));
    check_name("ipv6:[2001:db8::1]:1", &in6, sizeof(in6));
    assert_int_equal(1, inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6.sin6_addr));
    check_name("ipv4:10.1.2.3:1", &in6, sizeof(in6));
    check_name("unix:", &un, sizeof(un));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_comes_ready_for_use),
        cmocka_unit_test(without_descriptors),
        cmocka_unit_test(a_listener_that_is_none_is_no_endless_loop),
        cmocka_unit_test(addresses_add_up_to_a_limit),
        cmocka_unit_test(socket_files_go_with_their_listener),
        cmocka_unit_test(peers_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
