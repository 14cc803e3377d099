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

#include "child.h"

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
    int ports[CSVC__NET_LISTENERS + 1];
    size_t n = 0;

    (void)state;
    while (n <= CSVC__NET_LISTENERS &&
           (code = csvc__net_listeners_add(&set, "127.0.0.1:0", &ports[n], &err)) == CSVC_OK) {
        n++;
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, code);
    assert_string_equal("too many addresses to listen on", err.text);
    assert_int_equal(n, set.n);
    assert_int_equal(CSVC__NET_LISTENERS, n);
    for (size_t i = 0; i < n; i++) {
        (void)close(dial(ports[i]));
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ports[i], ports[j]);
        }
    }
    csvc__net_listeners_close(&set);
    assert_int_equal(0, set.n);
}

static void its_own_address_is_not_anothers(void **state)
{
    char dir[] = "/tmp/csvc_net_XXXXXX", address[80];
    csvc__net_listeners set, other = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    int port = 0;

    (void)state;
    set = listening("0.0.0.0:0", &port);
    (void)snprintf(address, sizeof(address), "[::]:%d", port);
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc__net_listeners_add(&set, address, NULL, &err));
    assert_non_null(strstr(err.text, "by another address of this server"));
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc__net_listeners_add(&other, address, NULL, &err));
    assert_non_null(strstr(err.text, "by another program"));
    assert_non_null(mkdtemp(dir));
    (void)snprintf(address, sizeof(address), "unix:%s/s", dir);
    assert_int_equal(CSVC_OK, csvc__net_listeners_add(&set, address, NULL, &err));
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc__net_listeners_add(&set, address, NULL, &err));
    assert_non_null(strstr(err.text, "by another address of this server"));
    assert_int_equal(2, set.n);
    csvc__net_listeners_close(&set);
    assert_int_equal(0, rmdir(dir));
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
    csvc__free(set.files[0].path);
    assert_int_equal(0, rmdir(dir));
}

static void a_file_that_is_somebody_elses_stays(void **state)
{
    char dir[] = "/tmp/csvc_net_XXXXXX", path[64], address[80];
    csvc__net_listeners set, other;
    csvc_error err = {CSVC_ERROR_INIT};
    struct stat st;
    int port = 0;
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    set = listening(address, &port);
    assert_int_equal(0, unlink(path));
    other = listening(address, &port);
    csvc__net_listeners_close(&set); /* its own file is gone */
    assert_int_equal(0, stat(path, &st));
    csvc__net_listeners_close(&other);
    assert_int_not_equal(0, stat(path, &st));

    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(0, fclose(f));
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc__net_listeners_add(&set, address, &port, &err));
    assert_non_null(strstr(err.text, "no socket"));
    assert_int_equal(0, unlink(path));
    assert_int_equal(0, rmdir(dir));

    assert_int_equal(CSVC_UNAVAILABLE, csvc__net_listeners_add(&set, address, &port, &err));
    assert_non_null(strstr(err.text, "No such file or directory"));
}

static void abstract_names(void **state)
{
    char name[64], address[160];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    csvc__net_listeners set, other = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    int port = 0, fd;

    (void)state;
    (void)snprintf(name, sizeof(name), "csvc-net-test-%d", (int)getpid());
    (void)snprintf(address, sizeof(address), "unix-abstract:%s", name);
    set = listening(address, &port);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(to.sun_path + 1, name, strlen(name));
    assert_int_equal(
        0, connect(fd, (const struct sockaddr *)&to,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))));
    (void)close(fd);
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc__net_listeners_add(&other, address, &port, &err));
    assert_non_null(strstr(err.text, "choose another name"));
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc__net_check(address, &err));
    csvc__net_listeners_close(&set);
    set = listening(address, &port); /* a name goes with its socket */
    csvc__net_listeners_close(&set);
    assert_int_equal(CSVC_OK, csvc__net_check(address, &err));

    assert_int_equal(CSVC_INVALID_ARGUMENT,
                     csvc__net_listeners_add(&other, "unix-abstract:", &port, &err));
    memset(address + 14, 'n', 107);
    address[14 + 107] = '\0';
    set = listening(address, &port);
    csvc__net_listeners_close(&set);
    address[14 + 107] = 'n';
    address[14 + 108] = '\0';
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc__net_listeners_add(&other, address, &port, &err));
    assert_non_null(strstr(err.text, "1 to 107 bytes"));
}

/* ---- sockets that others have opened, in a process that is told of them ---- */

#define CHECK(that)                                                                                \
    do {                                                                                           \
        if (!(that)) {                                                                             \
            (void)printf("line %d: %s\n", __LINE__, #that);                                        \
            (void)fflush(stdout);                                                                  \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static void run_in_child(child_main *fn)
{
    child c;
    const int code = child_run(&c, fn, NULL);

    if (code != 0) {
        fail_msg("%d: %s%s", code, c.out, c.err);
    }
}

static void tell(const char *pid, const char *n, const char *names)
{
    (void)setenv("LISTEN_PID", pid, 1);
    (void)setenv("LISTEN_FDS", n, 1);
    if (names != NULL) {
        (void)setenv("LISTEN_FDNAMES", names, 1);
    }
}

static void tell_me(const char *n, const char *names)
{
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    tell(pid, n, names);
}

static csvc_code add(csvc__net_listeners *set, const char *address, csvc_error *err)
{
    return csvc__net_listeners_add(set, address, NULL, err);
}

/* Under this number, blocking and inherited, as systemd passes one. Returns its port. */
static int pass_one(int number)
{
    csvc__net_listeners set = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    int port = 0;

    if (csvc__net_listeners_add(&set, "127.0.0.1:0", &port, &err) != CSVC_OK ||
        dup2(set.fds[0], number) != number) {
        return 0;
    }
    (void)fcntl(number, F_SETFL, 0);
    if (set.fds[0] != number) {
        (void)close(set.fds[0]);
    } else {
        (void)fcntl(number, F_SETFD, 0);
    }
    return port;
}

static int all_are_taken(void *arg)
{
    csvc__net_listeners set = {0}, other = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    int first, port = 0;

    (void)arg;
    first = pass_one(3);
    CHECK(first != 0 && pass_one(4) != 0);
    tell_me("2", NULL);
    CHECK(csvc__net_listeners_add(&set, "systemd:", &port, &err) == CSVC_OK);
    CHECK(set.n == 2 && set.fds[0] == 3 && set.fds[1] == 4 && port == first);
    for (int fd = 3; fd <= 4; fd++) {
        CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    }
    CHECK(getenv("LISTEN_FDS") == NULL && getenv("LISTEN_PID") == NULL);
    CHECK(add(&other, "systemd:", &err) == CSVC_FAILED_PRECONDITION);
    CHECK(strstr(err.text, "in use already") != NULL);
    csvc__net_listeners_close(&set);
    CHECK(fcntl(3, F_GETFD) < 0);
    CHECK(add(&other, "systemd:", &err) == CSVC_FAILED_PRECONDITION);
    return 0;
}

static int names_choose(void *arg)
{
    csvc__net_listeners set = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    int web, port = 0;

    (void)arg;
    CHECK(pass_one(3) != 0);
    web = pass_one(4);
    CHECK(web != 0 && pass_one(5) != 0 && pass_one(6) != 0);
    tell_me("4", "grpc:web:grpc:");
    CHECK(add(&set, "systemd:mail", &err) == CSVC_FAILED_PRECONDITION);
    CHECK(strcmp(err.text, "no socket called \"mail\" was passed to this program; there are: grpc, "
                           "web, grpc, unknown") == 0);
    CHECK(csvc__net_listeners_add(&set, "systemd:web", &port, &err) == CSVC_OK);
    CHECK(set.n == 1 && set.fds[0] == 4 && port == web);
    CHECK((fcntl(5, F_GETFD) & FD_CLOEXEC) != 0); /* also of those that nobody has taken */
    CHECK(add(&set, "systemd:grpc", &err) == CSVC_OK);
    CHECK(set.n == 3 && set.fds[1] == 3 && set.fds[2] == 5);
    CHECK(add(&set, "systemd:", &err) == CSVC_OK);
    CHECK(set.n == 4 && set.fds[3] == 6);
    csvc__net_listeners_close(&set);
    return 0;
}

static int none_are_there(void *arg)
{
    csvc__net_listeners set = {0};
    csvc_error err = {CSVC_ERROR_INIT};

    (void)arg;
    CHECK(pass_one(3) != 0);
    tell("1", "1", NULL); /* another process is meant */
    CHECK(add(&set, "systemd:", &err) == CSVC_FAILED_PRECONDITION);
    CHECK(strstr(err.text, "nobody has passed sockets to this program") != NULL);
    CHECK(getenv("LISTEN_PID") == NULL);
    CHECK(fcntl(3, F_GETFD) == 0); /* not ours */
    return 0;
}

static int nonsense_is_none(void *arg)
{
    csvc__net_listeners set = {0};
    csvc_error err = {CSVC_ERROR_INIT};

    (void)arg;
    tell_me("3x", NULL);
    CHECK(add(&set, "systemd:", &err) == CSVC_FAILED_PRECONDITION);
    CHECK(strstr(err.text, "nobody has passed") != NULL);
    return 0;
}

static int others_are_refused(void *arg)
{
    csvc__net_listeners set = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    int fds[2];

    (void)arg;
    CHECK(pass_one(3) != 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 && dup2(fds[0], 4) == 4);
    CHECK(dup2(socket(AF_INET, SOCK_DGRAM, 0), 5) == 5);
    tell_me("5", "grpc:connection:udp:nothing:closed");
    CHECK(dup2(open("/dev/null", O_RDONLY), 6) == 6);
    (void)close(7);
    CHECK(add(&set, "systemd:", &err) == CSVC_FAILED_PRECONDITION);
    CHECK(strstr(err.text, "descriptor 4, \"connection\"") != NULL);
    CHECK(strstr(err.text, "Accept=no") != NULL);
    CHECK(add(&set, "systemd:udp", &err) == CSVC_FAILED_PRECONDITION);
    CHECK(add(&set, "systemd:nothing", &err) == CSVC_FAILED_PRECONDITION);
    CHECK(strstr(err.text, "descriptor 6") != NULL);
    CHECK(add(&set, "systemd:closed", &err) == CSVC_FAILED_PRECONDITION);
    CHECK(strstr(err.text, "no socket called") != NULL);
    CHECK(set.n == 0);
    CHECK(add(&set, "systemd:grpc", &err) == CSVC_OK);
    csvc__net_listeners_close(&set);
    return 0;
}

static int so_many_are_looked_at(void *arg)
{
    csvc__net_listeners set = {0};
    csvc_error err = {CSVC_ERROR_INIT};

    (void)arg;
    CHECK(pass_one(3) != 0);
    for (int fd = 4; fd < 3 + 64; fd++) {
        CHECK(dup2(3, fd) == fd);
    }
    CHECK(pass_one(3 + 64) != 0);
    tell_me("65", "a:a:b");
    CHECK(add(&set, "systemd:", &err) == CSVC_RESOURCE_EXHAUSTED);
    CHECK(set.n == 0);
    CHECK((fcntl(3 + 64, F_GETFD) & FD_CLOEXEC) != 0); /* not used, nor inherited */
    CHECK(add(&set, "systemd:a", &err) == CSVC_OK);
    CHECK(set.n == 2);
    csvc__net_listeners_close(&set);
    return 0;
}

static int files_are_not_ours(void *arg)
{
    char dir[] = "/tmp/csvc_net_XXXXXX", path[64], address[80];
    csvc__net_listeners theirs = {0}, set = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    struct stat st;
    int port = 0;

    (void)arg;
    CHECK(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    CHECK(add(&theirs, address, &err) == CSVC_OK);
    CHECK(dup2(theirs.fds[0], 50) == 50 && dup2(50, 3) == 3);
    tell_me("1", NULL);
    CHECK(csvc__net_listeners_add(&set, "systemd:", &port, &err) == CSVC_OK && port == 1);
    csvc__net_listeners_close(&set);
    CHECK(stat(path, &st) == 0);
    csvc__net_listeners_close(&theirs);
    CHECK(stat(path, &st) != 0);
    (void)rmdir(dir);
    return 0;
}

static void passed_sockets(void **state)
{
    (void)state;
    run_in_child(all_are_taken);
    run_in_child(names_choose);
    run_in_child(none_are_there);
    run_in_child(nonsense_is_none);
    run_in_child(others_are_refused);
    run_in_child(so_many_are_looked_at);
    run_in_child(files_are_not_ours);
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
        cmocka_unit_test(its_own_address_is_not_anothers),
        cmocka_unit_test(socket_files_go_with_their_listener),
        cmocka_unit_test(a_file_that_is_somebody_elses_stays),
        cmocka_unit_test(abstract_names),
        cmocka_unit_test(passed_sockets),
        cmocka_unit_test(peers_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
