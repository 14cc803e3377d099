/* What connections may do and for how long, and how long messages may be that go
 * out; through the public headers, and by peers that are a socket. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/client.h>
#include <csvc/server.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo_service.h"
#include "transports.h"

enum {
    HEADERS = 1,
    END_HEADERS = 4,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    ACK = 1,
    PATIENCE_MS = 20000
};

typedef struct scene {
    csvc_server *srv;
    int port;
    echo_peer peer;
} scene;

static void scene_start(scene *sc, csvc_server_options options)
{
    csvc_error err = {CSVC_ERROR_INIT};

    memset(sc, 0, sizeof(*sc));
    options.struct_size = sizeof(options);
    options.transport = test_transport();
    options.loops = 1;
    sc->srv = csvc_server_new(&options, &err);
    assert_non_null(sc->srv);
    assert_int_equal(CSVC_OK, echo_register(sc->srv, &sc->peer));
    assert_int_equal(CSVC_OK, csvc_server_listen(sc->srv, "127.0.0.1:0", &sc->port, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(sc->srv, &err));
}

static void scene_end(scene *sc)
{
    assert_int_equal(CSVC_OK, csvc_server_shutdown(sc->srv, 20000));
    assert_null(csvc_server_free(sc->srv));
}

/* ---- a peer that is a socket ---- */

static int connect_to(int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(0, connect(fd, (struct sockaddr *)&sin, sizeof(sin)));
    return fd;
}

static void send_frame(int fd, uint8_t type, uint8_t flags, const void *payload, uint8_t len)
{
    uint8_t bytes[9 + 255] = {0, 0, len, type, flags};

    if (len > 0) {
        memcpy(bytes + 9, payload, len);
    }
    (void)!send(fd, bytes, 9 + (size_t)len, MSG_NOSIGNAL);
}

static int begin_http2(int port)
{
    int fd = connect_to(port);

    (void)!send(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24, MSG_NOSIGNAL);
    send_frame(fd, SETTINGS, 0, NULL, 0);
    return fd;
}

static bool read_all(int fd, void *to, size_t len)
{
    uint8_t *at = to;

    while (len > 0) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (poll(&pfd, 1, PATIENCE_MS) != 1) {
            fail_msg("the server does nothing");
        }
        n = recv(fd, at, len, 0);
        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

typedef struct seen {
    int pings, goaways;
    char text[256]; /* of the last GOAWAY */
} seen;

/* Reads until the server closes; `answers`: says what HTTP/2 wants of a peer that lives. */
static seen read_to_end(int fd, bool answers)
{
    seen what = {0};
    uint8_t head[9], payload[65536];

    while (read_all(fd, head, sizeof(head))) {
        const size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];

        assert_true(len <= sizeof(payload));
        if (!read_all(fd, payload, len)) {
            break;
        }
        if (head[3] == SETTINGS && (head[4] & ACK) == 0) {
            send_frame(fd, SETTINGS, ACK, NULL, 0);
        } else if (head[3] == PING && (head[4] & ACK) == 0) {
            what.pings++;
            if (answers) {
                send_frame(fd, PING, ACK, payload, 8);
            }
        } else if (head[3] == GOAWAY) {
            what.goaways++;
            (void)snprintf(what.text, sizeof(what.text), "%.*s", (int)(len - 8),
                           (const char *)payload + 8);
        }
    }
    (void)close(fd);
    return what;
}

/* Reads until the server closes, and says nothing. */
static void wait_for_end(int fd)
{
    uint8_t byte;

    while (read_all(fd, &byte, 1)) {
    }
    (void)close(fd);
}

static int64_t ms_since(int64_t began)
{
    return (csvc__now() - began) / CSVC__MS;
}

static void who_never_begins_is_closed(void **state)
{
    int64_t began = csvc__now();
    char byte;
    scene sc;
    int fd;

    (void)state;
    scene_start(&sc, (csvc_server_options){.handshake_timeout_ms = 300});
    fd = connect_to(sc.port);
    wait_for_end(fd);
    assert_in_range(ms_since(began), 250, 10000);
    /* the same with half a greeting */
    began = csvc__now();
    fd = connect_to(sc.port);
    (void)!send(fd, "PRI * HTTP", 10, MSG_NOSIGNAL);
    wait_for_end(fd);
    assert_in_range(ms_since(began), 250, 10000);
    /* who has begun stays: it outlives two of those */
    fd = begin_http2(sc.port);
    wait_for_end(connect_to(sc.port));
    wait_for_end(connect_to(sc.port));
    while (recv(fd, &byte, 1, MSG_DONTWAIT) > 0) {
    }
    send_frame(fd, PING, 0, "12345678", 8);
    assert_true(read_all(fd, &byte, 1));
    (void)close(fd);
    scene_end(&sc);
}

/* Headers that were begun and do not come to their end. */
static void who_dawdles_with_headers_is_sent_away(void **state)
{
    static const uint8_t begun[] = {0, 0, 100, HEADERS, END_HEADERS, 0, 0, 0, 1, 0x83, 0x86};
    const int64_t began = csvc__now();
    scene sc;
    int fd;

    (void)state;
    scene_start(&sc, (csvc_server_options){.handshake_timeout_ms = 300});
    fd = begin_http2(sc.port);
    assert_int_equal(sizeof(begun), send(fd, begun, sizeof(begun), MSG_NOSIGNAL));
    if (test_deviates("core-slow-headers")) {
        char byte;

        wait_for_end(connect_to(sc.port));
        wait_for_end(connect_to(sc.port));
        while (recv(fd, &byte, 1, MSG_DONTWAIT) > 0) {
        }
        assert_int_equal(EAGAIN, errno);
        (void)close(fd);
    } else {
        const seen what = read_to_end(fd, true);

        assert_int_equal(1, what.goaways);
        assert_string_equal("headers_too_slow", what.text);
        assert_in_range(ms_since(began), 250, 10000);
    }
    scene_end(&sc);
}

static void who_shows_no_life_is_closed(void **state)
{
    const int64_t began = csvc__now();
    scene sc;
    seen what;

    (void)state;
    scene_start(&sc, (csvc_server_options){.keepalive_ms = 1000, .keepalive_timeout_ms = 300});
    what = read_to_end(begin_http2(sc.port), false);
    assert_true(what.pings >= 1);
    assert_in_range(ms_since(began), 1000, 15000);
    scene_end(&sc);
}

static void who_asks_too_often_is_sent_away(void **state)
{
    scene sc;
    seen what;
    int fd;

    (void)state;
    scene_start(&sc, (csvc_server_options){0});
    fd = begin_http2(sc.port);
    for (int i = 0; i < 10; i++) {
        send_frame(fd, PING, 0, "12345678", 8);
    }
    what = read_to_end(fd, true);
    assert_true(what.goaways >= 1);
    assert_string_equal("too_many_pings", what.text);
    scene_end(&sc);

    /* as often as the server allows */
    scene_start(&sc, (csvc_server_options){.min_ping_ms = 1});
    fd = begin_http2(sc.port);
    for (int i = 0; i < 10; i++) {
        uint8_t head[9], payload[256];

        (void)poll(NULL, 0, 5); /* the distance of the pings is what is tested */
        send_frame(fd, PING, 0, "12345678", 8);
        do {
            assert_true(read_all(fd, head, sizeof(head)));
            assert_true(read_all(fd, payload, head[2]));
            assert_int_not_equal(GOAWAY, head[3]);
        } while (head[3] != PING || (head[4] & ACK) == 0);
    }
    (void)close(fd);
    scene_end(&sc);
}

static void idle_and_old_connections_end(void **state)
{
    int64_t began;
    scene sc;

    (void)state;
    scene_start(&sc, (csvc_server_options){.max_idle_ms = 300});
    began = csvc__now();
    assert_true(read_to_end(begin_http2(sc.port), true).goaways >= 1);
    assert_in_range(ms_since(began), 200, 15000);
    scene_end(&sc);

    scene_start(&sc, (csvc_server_options){.max_age_ms = 300});
    began = csvc__now();
    assert_true(read_to_end(begin_http2(sc.port), true).goaways >= 1);
    assert_in_range(ms_since(began), 200, 15000);
    scene_end(&sc);
}

/* ---- calls ---- */

static csvc_channel *channel_with(const scene *sc, csvc_channel_options options)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch;
    char target[64];

    options.struct_size = sizeof(options);
    options.transport = &csvc_grpc_core;
    (void)snprintf(target, sizeof(target), "127.0.0.1:%d", sc->port);
    ch = csvc_channel_new(target, &options, &err);
    assert_non_null(ch);
    return ch;
}

/* The echo of a name of so many bytes, checked. */
static csvc_code call(csvc_channel *ch, size_t len, csvc_rpc *rpc)
{
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *rsp = NULL;
    csvc_code code;

    req.name = malloc(len + 1);
    assert_non_null(req.name);
    memset(req.name, 'x', len);
    req.name[len] = '\0';
    code = csvc_call_unary(ch, &echo_methods[ECHO_POOL], rpc, &req, &rsp);
    if (code == CSVC_OK) {
        assert_string_equal(req.name, ((const Codec3__Inner *)rsp)->name);
    }
    free(req.name);
    return code;
}

/* A call waits until the connection is too old and its grace is over. */
static csvc_code waits(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp)
{
    (void)rsp;
    (void)req;
    atomic_store(&peer->data, peer);
    while (!csvc_cancelled(ctx)) {
        (void)poll(NULL, 0, 1);
    }
    return csvc_check_cancelled(ctx);
}

static void calls_of_an_old_connection_have_a_grace(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    const int64_t began = csvc__now();
    csvc_channel *ch;
    scene sc;

    (void)state;
    scene_start(&sc, (csvc_server_options){.max_age_ms = 200, .max_age_grace_ms = 200});
    sc.peer.handle = waits;
    ch = channel_with(&sc, (csvc_channel_options){0});
    assert_int_equal(CSVC_UNAVAILABLE, call(ch, 1, &rpc));
    assert_in_range(ms_since(began), 300, 15000);
    assert_ptr_equal(&sc.peer, atomic_load(&sc.peer.data));
    /* the next call has a connection of its own */
    sc.peer.handle = echo_back;
    assert_int_equal(CSVC_OK, call(ch, 1, &rpc));
    csvc_rpc_clear(&rpc);
    assert_null(csvc_channel_free(ch));
    scene_end(&sc);
}

static void messages_that_go_out_have_a_limit(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    csvc_channel *ch;
    scene sc;

    (void)state;
    scene_start(&sc, (csvc_server_options){.max_reply_bytes = 1000});
    ch = channel_with(&sc, (csvc_channel_options){.max_request_bytes = 2000});
    assert_int_equal(CSVC_OK, call(ch, 900, &rpc));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, call(ch, 1500, &rpc));
    assert_string_equal("the reply has 1503 bytes, this server sends 1000 at most", rpc.message);
    assert_int_equal(2, sc.peer.calls);
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, call(ch, 2500, &rpc));
    assert_string_equal("the request has 2503 bytes, this channel sends 2000 at most", rpc.message);
    assert_int_equal(2, sc.peer.calls);
    assert_int_equal(CSVC_OK, call(ch, 900, &rpc));
    csvc_rpc_clear(&rpc);
    assert_null(csvc_channel_free(ch));
    scene_end(&sc);
}

/* Packed they are short, but what counts is what comes out. */
static void packed_messages_go_both_ways(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    csvc_channel *ch, *plain, *narrow;
    scene sc;

    (void)state;
    scene_start(&sc, (csvc_server_options){.compress_bytes = 1000, .max_message_bytes = 200000});
    ch = channel_with(&sc, (csvc_channel_options){.compress_bytes = 1000});
    plain = channel_with(&sc, (csvc_channel_options){.max_message_bytes = 100000});
    narrow =
        channel_with(&sc, (csvc_channel_options){.compress_bytes = 1, .max_message_bytes = 99});
    for (size_t len = 1; len < 200000; len = 3 * len + 7) {
        assert_int_equal(CSVC_OK, call(ch, len, &rpc));
    }
    assert_int_equal(CSVC_OK, call(ch, 199990, &rpc));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, call(ch, 200000, &rpc));
    assert_string_equal("a compressed message becomes longer than the 200000 bytes allowed",
                        rpc.message);
    assert_int_equal(CSVC_OK, call(ch, 5000, &rpc));
    assert_int_equal(CSVC_OK, call(plain, 50000, &rpc));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, call(plain, 150000, &rpc));
    assert_string_equal("a compressed message becomes longer than the 100000 bytes allowed",
                        rpc.message);
    assert_int_equal(CSVC_OK, call(narrow, 90, &rpc));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, call(narrow, 50000, &rpc));
    csvc_rpc_clear(&rpc);
    assert_null(csvc_channel_free(ch));
    assert_null(csvc_channel_free(plain));
    assert_null(csvc_channel_free(narrow));
    scene_end(&sc);
}

/* ---- a channel ---- */

/* A server that accepts, greets, and then is dead. */
static void *dead_server(void *arg)
{
    int fd = accept(*(int *)arg, NULL, NULL);
    uint8_t bytes[4096];

    assert_true(fd >= 0);
    send_frame(fd, SETTINGS, 0, NULL, 0);
    send_frame(fd, SETTINGS, ACK, NULL, 0);
    while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
    }
    (void)close(fd);
    return NULL;
}

static void a_server_that_shows_no_life_is_left(void **state)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    const int64_t began = csvc__now();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;
    csvc_channel *ch;
    scene sc;

    (void)state;
    assert_int_equal(0, bind(fd, (struct sockaddr *)&sin, sizeof(sin)));
    assert_int_equal(0, listen(fd, 1));
    assert_int_equal(0, getsockname(fd, (struct sockaddr *)&sin, &len));
    sc.port = ntohs(sin.sin_port);
    assert_int_equal(0, pthread_create(&thread, NULL, dead_server, &fd));
    ch = channel_with(&sc,
                      (csvc_channel_options){.keepalive_ms = 1000, .keepalive_timeout_ms = 300});
    assert_int_equal(CSVC_UNAVAILABLE, call(ch, 1, &rpc));
    assert_in_range(ms_since(began), 1000, 40000);
    csvc_rpc_clear(&rpc);
    assert_null(csvc_channel_free(ch));
    assert_int_equal(0, pthread_join(thread, NULL));
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_never_begins_is_closed),
        cmocka_unit_test(who_dawdles_with_headers_is_sent_away),
        cmocka_unit_test(who_shows_no_life_is_closed),
        cmocka_unit_test(who_asks_too_often_is_sent_away),
        cmocka_unit_test(idle_and_old_connections_end),
        cmocka_unit_test(calls_of_an_old_connection_have_a_grace),
        cmocka_unit_test(messages_that_go_out_have_a_limit),
        cmocka_unit_test(packed_messages_go_both_ways),
        cmocka_unit_test(a_server_that_shows_no_life_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
