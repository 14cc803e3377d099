/* Connections that a transport accepts by itself: how many, without descriptors, with slow
 * beginnings; and whose calls are whose. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/testing.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "await.h"
#include "log_catcher.h"
#include "stream_service.h"
#include "transports.h"

/* What a client begins with: the preface and empty SETTINGS. */
static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

enum {
    HELLO_LEN = sizeof(hello) - 1
};

typedef struct scene {
    csvc_server *srv;
    stream_peer peer;
    int port;
    csvc_ctx *ctx; /* kept */
    atomic_int kept, done;
    char asked[128]; /* the peer of the last call */
} scene;

static csvc_code asks(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                      Codec3__Inner *rsp)
{
    scene *sc = peer->data;

    (void)req;
    (void)snprintf(sc->asked, sizeof(sc->asked), "%s", csvc_peer(ctx));
    rsp->name = csvc_strdup(ctx, sc->asked);
    return CSVC_OK;
}

static void kept_done(void *self, csvc_code code)
{
    (void)code;
    atomic_fetch_add(&((scene *)self)->done, 1);
}

static csvc_code keeps(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    scene *sc = peer->data;

    (void)req;
    (void)out;
    sc->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = sc, .on_done = kept_done});
    atomic_fetch_add(&sc->kept, 1);
    return CSVC_OK;
}

static void serve(scene *sc, const char *address, csvc_server_options options)
{
    csvc_error err = {CSVC_ERROR_INIT};

    memset(sc, 0, sizeof(*sc));
    sc->peer = (stream_peer){.keep = asks, .down = keeps, .data = sc};
    options.struct_size = sizeof(options);
    options.transport = test_transport();
    sc->srv = csvc_server_new(&options, &err);
    assert_non_null(sc->srv);
    assert_int_equal(CSVC_OK, stream_register(sc->srv, &sc->peer));
    if (csvc_server_listen(sc->srv, address, &sc->port, &err) != CSVC_OK) {
        fail_msg("%s: %s", address, err.text);
    }
    assert_int_equal(CSVC_OK, csvc_server_start(sc->srv, &err));
}

static csvc_channel *channel_to(const char *target)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = csvc_channel_new(target, &options, &err);

    assert_non_null(ch);
    return ch;
}

static csvc_channel *channel(const scene *sc)
{
    char target[64];

    (void)snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d", sc->port);
    return channel_to(target);
}

/* The code of a call, and what the handler takes its caller for. */
static csvc_code ask(csvc_channel *ch, char *ret_peer, size_t size)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *reply;
    const csvc_code code = csvc_call_unary(ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply);

    if (code == CSVC_OK && ret_peer != NULL) {
        (void)snprintf(ret_peer, size, "%s", ((const Codec3__Inner *)reply)->name);
    }
    csvc_rpc_clear(&rpc);
    return code;
}

/* ---- connections by hand ---- */

static bool connect_to(int fd, int port)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
}

/* Says hello, unless it was closed before. */
static void greet(int fd)
{
    if (send(fd, hello, HELLO_LEN, MSG_NOSIGNAL) != HELLO_LEN) {
        assert_true(errno == EPIPE || errno == ECONNRESET);
    }
}

/* True: the server has answered the hello. False: it has closed the connection. */
static bool is_served(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char bytes[9];

    if (poll(&p, 1, 20000) != 1) {
        fail_msg("neither an answer nor an end");
    }
    return recv(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes);
}

static int open_to(int port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_true(connect_to(fd, port));
    greet(fd);
    return fd;
}

/* Comes again until it is let in. */
static int come_in(int port)
{
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;

    while (csvc__now() < until) {
        const int fd = open_to(port);

        if (is_served(fd)) {
            return fd;
        }
        (void)close(fd);
    }
    fail_msg("it is let in no more");
    return -1;
}

static void so_many_connections(void **state)
{
    enum {
        MAX = 5
    };
    scene sc;
    csvc_channel *ch;
    int fds[MAX];
    int fd;

    (void)state;
    log_catch(CSVC_LOG_WARN);
    serve(&sc, "127.0.0.1:0", (csvc_server_options){.max_connections = MAX});
    ch = channel(&sc);
    assert_int_equal(CSVC_OK, ask(ch, NULL, 0)); /* has one of them */
    for (int i = 1; i < MAX; i++) {
        fds[i] = open_to(sc.port);
        assert_true(is_served(fds[i]));
    }
    for (int i = 0; i < 3; i++) {
        fd = open_to(sc.port);
        assert_false(is_served(fd));
        (void)close(fd);
        assert_int_equal(CSVC_OK, ask(ch, NULL, 0));
    }
    /* one goes, another one comes; over and over */
    for (int i = 0; i < 20; i++) {
        (void)close(fds[1]);
        fds[1] = come_in(sc.port);
    }
    /* however it ends: by a reset, too */
    (void)setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                     sizeof(struct linger));
    (void)close(fds[1]);
    fds[1] = come_in(sc.port);
    /* or because the server does not like it */
    assert_true(send(fds[1], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, MSG_NOSIGNAL) >
                0);
    fd = come_in(sc.port);
    (void)close(fd);
    for (int i = 1; i < MAX; i++) {
        (void)close(fds[i]);
    }
    csvc_channel_free(ch);
    csvc_server_free(sc.srv);
    assert_non_null(strstr(log_caught(), "there are as many as there may be"));
    log_let_go();
}

/* Without descriptors new connections are refused, those that are there go on, nothing spins; with
 * descriptors again, connections are let in again. */
static void descriptors_run_out_and_come_back(void **state)
{
    enum {
        CLIENTS = 60,
        FREE = 24 /* descriptors left to the server */
    };
    /* the core's transport holds a second one of each connection */
    const int each = test_transport() == &csvc_grpc_core ? 2 : 1;
    scene sc;
    csvc_channel *ch;
    struct rlimit before, few;
    int fds[CLIENTS];
    int served = 0;
    int highest;
    clock_t cpu;

    (void)state;
    log_catch(CSVC_LOG_WARN);
    serve(&sc, "127.0.0.1:0", (csvc_server_options){.loops = 1});
    ch = channel(&sc);
    assert_int_equal(CSVC_OK, ask(ch, NULL, 0));
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
    }
    highest = dup(0);
    assert_true(highest >= 0);
    (void)close(highest);
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
    few = (struct rlimit){.rlim_cur = (rlim_t)highest + FREE, .rlim_max = before.rlim_max};
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(connect_to(fds[i], sc.port));
        greet(fds[i]);
        served += is_served(fds[i]);
    }
    assert_in_range(served, FREE / each - 3, FREE / each);
    assert_int_equal(CSVC_OK, ask(ch, NULL, 0));
    /* nothing to do, and nothing done */
    cpu = clock();
    (void)poll(NULL, 0, 300);
    assert_true(clock() - cpu < CLOCKS_PER_SEC / 20);
    for (int i = 0; i < CLIENTS; i++) {
        (void)close(fds[i]);
    }
    for (int i = 0; i < 30; i++) {
        (void)close(come_in(sc.port));
    }
    assert_int_equal(CSVC_OK, ask(ch, NULL, 0));
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
    csvc_channel_free(ch);
    csvc_server_free(sc.srv);
    assert_non_null(strstr(log_caught(), "out of descriptors"));
    log_let_go();
}

static void slow_beginnings(void **state)
{
    static const char http1[] = "GET / HTTP/1.1\r\n\r\n";
    scene sc;
    int fd;

    (void)state;
    serve(&sc, "127.0.0.1:0", (csvc_server_options){.handshake_timeout_ms = 20000});
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(connect_to(fd, sc.port));
    for (int i = 0; i < HELLO_LEN; i++) {
        assert_int_equal(1, send(fd, hello + i, 1, MSG_NOSIGNAL));
        (void)poll(NULL, 0, 1);
    }
    assert_true(is_served(fd));
    (void)close(fd);
    /* what never becomes HTTP/2 is not waited for */
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(connect_to(fd, sc.port));
    assert_int_equal(sizeof(http1) - 1, send(fd, http1, sizeof(http1) - 1, MSG_NOSIGNAL));
    {
        char bytes[256];
        struct pollfd p = {.fd = fd, .events = POLLIN};

        do {
            assert_int_equal(1, poll(&p, 1, 10000));
        } while (recv(fd, bytes, sizeof(bytes), 0) > 0);
    }
    (void)close(fd);
    /* who has gone without having begun is not waited for either */
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(connect_to(fd, sc.port));
    assert_int_equal(10, send(fd, hello, 10, MSG_NOSIGNAL));
    assert_int_equal(0, shutdown(fd, SHUT_WR));
    assert_int_equal(1, poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000));
    (void)close(fd);
    /* who has not begun does not keep a server from stopping */
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(connect_to(fd, sc.port));
    assert_int_equal(10, send(fd, hello, 10, MSG_NOSIGNAL));
    assert_int_equal(CSVC_OK, csvc_server_shutdown(sc.srv, 10000));
    csvc_server_free(sc.srv);
    (void)close(fd);
    /* any number is a time */
    serve(&sc, "127.0.0.1:0", (csvc_server_options){.handshake_timeout_ms = INT64_MAX});
    fd = open_to(sc.port);
    assert_true(is_served(fd));
    (void)close(fd);
    csvc_server_free(sc.srv);
}

/* ---- who is who ---- */

static void each_family_has_its_names(void **state)
{
    char path[64], address[80], peer[128];
    char target[64];
    scene sc;
    csvc_channel *ch;

    (void)state;
    serve(&sc, "[::]:0", (csvc_server_options){0}); /* for both families */
    ch = channel(&sc);
    assert_int_equal(CSVC_OK, ask(ch, peer, sizeof(peer)));
    assert_memory_equal("ipv4:127.0.0.1:", peer, 15);
    csvc_channel_free(ch);
    (void)snprintf(target, sizeof(target), "ipv6:[::1]:%d", sc.port);
    ch = channel_to(target);
    assert_int_equal(CSVC_OK, ask(ch, peer, sizeof(peer)));
    assert_memory_equal("ipv6:[::1]:", peer, 11);
    csvc_channel_free(ch);
    csvc_server_free(sc.srv);

    serve(&sc, "0.0.0.0:0", (csvc_server_options){0}); /* for one */
    ch = channel_to(target);
    (void)snprintf(target, sizeof(target), "ipv6:[::1]:%d", sc.port);
    csvc_channel_free(ch);
    ch = channel_to(target);
    assert_int_equal(CSVC_UNAVAILABLE, ask(ch, peer, sizeof(peer)));
    csvc_channel_free(ch);
    csvc_server_free(sc.srv);

    (void)snprintf(path, sizeof(path), "/tmp/csvc-connections-%d.sock", (int)getpid());
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    serve(&sc, address, (csvc_server_options){0});
    ch = channel_to(address);
    assert_int_equal(CSVC_OK, ask(ch, peer, sizeof(peer)));
    assert_string_equal("unix:", peer);
    csvc_channel_free(ch);
    csvc_server_free(sc.srv);
    assert_int_equal(-1, access(path, F_OK)); /* the file goes with its server */

    (void)snprintf(address, sizeof(address), "unix-abstract:csvc-connections-%d", (int)getpid());
    serve(&sc, address, (csvc_server_options){0});
    ch = channel_to(address);
    assert_int_equal(CSVC_OK, ask(ch, peer, sizeof(peer)));
    assert_string_equal("unix:", peer);
    csvc_channel_free(ch);
    csvc_server_free(sc.srv);
}

/* Whoever comes meanwhile, a call's caller stays the same; once the call is over, the core says no
 * more. */
static void a_late_question_gets_the_right_name(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    char own[128], other[128];
    csvc_channel *ch, *second;
    csvc_call *call;
    scene sc;

    (void)state;
    for (int round = 0; round < 2; round++) {
        serve(&sc, "127.0.0.1:0", (csvc_server_options){.loops = 1});
        ch = channel(&sc);
        assert_int_equal(CSVC_OK, ask(ch, own, sizeof(own)));
        call = csvc_call_start(ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
        assert_non_null(call);
        await_value(&sc.kept, 1);
        for (int i = 0; i < 20; i++) {
            (void)close(come_in(sc.port));
        }
        if (round == 1) {
            csvc_call_cancel(call);
            await_value(&sc.done, 1);
        }
        second = channel(&sc);
        if (round == 0) {
            assert_string_equal(own, csvc_peer(sc.ctx));
            assert_int_equal(CSVC_OK, ask(ch, other, sizeof(other)));
            assert_string_equal(own, other);
            csvc_call_cancel(call);
            await_value(&sc.done, 1);
        } else {
            assert_true(strcmp("unknown", csvc_peer(sc.ctx)) == 0 ||
                        strcmp(own, csvc_peer(sc.ctx)) == 0);
        }
        (void)csvc_call_finish(call, &rpc, NULL);
        csvc_ctx_unref(sc.ctx);
        csvc_channel_free(second);
        csvc_channel_free(ch);
        csvc_server_free(sc.srv);
    }
    csvc_rpc_clear(&rpc);
}

/* The quota of the server holds for connections that we hand to the core. */
static void what_is_buffered_has_a_limit(void **state)
{
    enum {
        MUCH = 48 << 20
    };
    char *much = malloc(MUCH + 1);
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *reply;
    csvc_channel *ch;
    csvc_code code;
    scene sc;

    (void)state;
    memset(much, 'a', MUCH);
    much[MUCH] = '\0';
    req.name = much;
    for (int i = 0; i < 2; i++) {
        serve(&sc, "127.0.0.1:0",
              (csvc_server_options){.max_message_bytes = 1 << 30,
                                    .max_call_memory = 1 << 30,
                                    .max_buffered_bytes = i == 0 ? (size_t)8 << 20 : 0});
        ch = channel(&sc);
        code = csvc_call_unary(ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply);
        if (i == 0) {
            assert_int_not_equal(CSVC_OK, code);
        } else {
            assert_int_equal(CSVC_OK, code);
        }
        assert_int_equal(CSVC_OK, ask(ch, NULL, 0));
        csvc_channel_free(ch);
        csvc_server_free(sc.srv);
    }
    csvc_rpc_clear(&rpc);
    free(much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_connections),
        cmocka_unit_test(descriptors_run_out_and_come_back),
        cmocka_unit_test(slow_beginnings),
        cmocka_unit_test(each_family_has_its_names),
        cmocka_unit_test(a_late_question_gets_the_right_name),
        cmocka_unit_test(what_is_buffered_has_a_limit),
    };

    return cmocka_run_group_tests_name("grpc_core_connections", tests, NULL, NULL);
}
