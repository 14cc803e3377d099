/* A server on nghttp2 under TLS, against OpenSSL's client over TCP: what the C core as a caller
 * does not show. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/server.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs.h"
#include "echo_service.h"
#include "h2_client.h"
#include "log_catcher.h"

/* A client's first bytes: the preface and empty SETTINGS. */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

enum {
    PREFACE = sizeof(preface) - 1,
    FRAME_HEAD = 9,
    GOAWAY = 7
};

typedef struct scene {
    csvc_server *srv;
    int port;
    echo_peer peer;
} scene;

typedef struct caller {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
    SSL_SESSION *ticket;
} caller;

static void serve(scene *sc, const char *client_ca, uint32_t max_connections, uint32_t handshake_ms)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT,
                                         .transport = &csvc_nghttp2,
                                         .loops = 2,
                                         .max_connections = max_connections,
                                         .handshake_timeout_ms = handshake_ms,
                                         .tls_cert_file = "server.pem",
                                         .tls_key_file = "server.key",
                                         .tls_client_ca_file = client_ca};
    csvc_error err = {CSVC_ERROR_INIT};

    memset(sc, 0, sizeof(*sc));
    sc->srv = csvc_server_new(&options, &err);
    assert_non_null(sc->srv);
    assert_int_equal(CSVC_OK, echo_register(sc->srv, &sc->peer));
    if (csvc_server_listen(sc->srv, "127.0.0.1:0", &sc->port, &err) != CSVC_OK ||
        csvc_server_start(sc->srv, &err) != CSVC_OK) {
        fail_msg("%s", err.text);
    }
}

static void stop(scene *sc)
{
    assert_int_equal(CSVC_OK, csvc_server_shutdown(sc->srv, 20000));
    assert_null(csvc_server_free(sc->srv));
}

static int dial(const scene *sc)
{
    const struct timeval patience = {.tv_sec = 30};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)sc->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(0, setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
    assert_int_equal(0, connect(fd, (struct sockaddr *)&address, sizeof(address)));
    return fd;
}

static int keep_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    caller *c = SSL_get_app_data(ssl);

    SSL_SESSION_free(c->ticket);
    c->ticket = ticket;
    return 1;
}

/* The result of the handshake. */
static int call(const scene *sc, caller *c, int version, SSL_SESSION *ticket)
{
    static const unsigned char h2[] = {2, 'h', '2'};

    *c = (caller){.context = SSL_CTX_new(TLS_client_method()), .fd = dial(sc)};
    assert_non_null(c->context);
    SSL_CTX_set_session_cache_mode(c->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->context, keep_ticket);
    assert_int_equal(1, SSL_CTX_set_min_proto_version(c->context, version));
    assert_int_equal(1, SSL_CTX_set_max_proto_version(c->context, version));
    c->ssl = SSL_new(c->context);
    assert_non_null(c->ssl);
    SSL_set_app_data(c->ssl, c);
    assert_int_equal(0, SSL_set_alpn_protos(c->ssl, h2, sizeof(h2)));
    if (ticket != NULL) {
        assert_int_equal(1, SSL_set_session(c->ssl, ticket));
    }
    assert_int_equal(1, SSL_set_fd(c->ssl, c->fd));
    ERR_clear_error();
    return SSL_connect(c->ssl);
}

static void hang_up(caller *c)
{
    SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    SSL_SESSION_free(c->ticket);
    close(c->fd);
    ERR_clear_error();
}

static void read_whole(caller *c, void *data, size_t len)
{
    size_t at = 0, n = 0;

    for (; at < len; at += n) {
        assert_int_equal(1, SSL_read_ex(c->ssl, (char *)data + at, len - at, &n));
    }
}

/* The next frame's type; what is in it is thrown away. */
static int next_frame(caller *c)
{
    unsigned char head[FRAME_HEAD];
    char data[16384];

    read_whole(c, head, sizeof(head));
    read_whole(c, data, (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2]);
    return head[3];
}

static void begin(caller *c)
{
    assert_int_equal(PREFACE, SSL_write(c->ssl, preface, PREFACE));
    assert_int_equal(4, next_frame(c)); /* SETTINGS */
}

/* ---- the tests ---- */

/*
 * In TLS 1.3 a caller is through before the server has seen its certificate, or none: it goes on
 * talking. That is read and thrown away for a moment: a reset would take the alert from it, on
 * systems that throw away what was not read yet. (A caller that loses its CPU for that moment is
 * reset all the same, so most of them will do here.)
 */
static void a_refused_caller_reads_why(void **state)
{
    enum {
        ROUNDS = 20
    };
    static char much[8192];
    int n_whole = 0;
    scene sc;

    (void)state;
    serve(&sc, "ca.pem", 0, 0);
    log_catch(CSVC_LOG_INFO);
    for (int i = 0; i < ROUNDS; i++) {
        bool whole = true;
        char byte;
        caller c;

        assert_int_equal(1, call(&sc, &c, TLS1_3_VERSION, NULL));
        whole = SSL_write(c.ssl, preface, PREFACE) == PREFACE;
        for (int n = 0; n < 8 && whole; n++) {
            whole = SSL_write(c.ssl, much, sizeof(much)) == sizeof(much);
        }
        ERR_clear_error();
        assert_true(SSL_read(c.ssl, &byte, 1) <= 0);
        assert_int_equal(SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, ERR_GET_REASON(ERR_peek_error()));
        n_whole += whole && recv(c.fd, &byte, 1, 0) == 0;
        hang_up(&c);
    }
    assert_true(n_whole > ROUNDS / 2);
    assert_non_null(strstr(log_caught(),
                           "warn TLS handshake failed why=no certificate came from the peer "
                           "text=peer did not return a certificate peer="));
    stop(&sc);
    log_let_go();
}

/* Callers who resume meet the other loop, too. */
static void sessions_are_resumed_on_any_loop(void **state)
{
    scene sc;

    (void)state;
    serve(&sc, NULL, 0, 0);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        caller first;

        assert_int_equal(1, call(&sc, &first, version, NULL));
        begin(&first);
        assert_false(SSL_session_reused(first.ssl));
        assert_non_null(first.ticket);
        for (int i = 0; i < 4; i++) {
            SSL_SESSION *ticket = SSL_SESSION_dup(first.ticket);
            caller c;

            assert_int_equal(1, call(&sc, &c, version, ticket));
            begin(&c);
            assert_true(SSL_session_reused(c.ssl));
            SSL_SESSION_free(ticket);
            hang_up(&c);
        }
        hang_up(&first);
    }
    stop(&sc);
}

static void *stop_it(void *arg)
{
    stop(arg);
    return NULL;
}

/* A server that stops says so in HTTP/2 and in TLS: nothing was cut off. */
static void leaving_is_announced(void **state)
{
    char byte;
    caller c;
    scene sc;
    pthread_t thread;

    (void)state;
    serve(&sc, NULL, 0, 0);
    assert_int_equal(1, call(&sc, &c, TLS1_3_VERSION, NULL));
    begin(&c);
    assert_int_equal(0, pthread_create(&thread, NULL, stop_it, &sc));
    while (next_frame(&c) != GOAWAY) {
    }
    while (SSL_pending(c.ssl) > 0 || SSL_peek(c.ssl, &byte, 1) == 1) {
        (void)next_frame(&c);
    }
    assert_int_equal(SSL_RECEIVED_SHUTDOWN, SSL_get_shutdown(c.ssl));
    hang_up(&c);
    assert_int_equal(0, pthread_join(thread, NULL));
}

/* Refused before the handshake. */
static void there_are_so_many_connections(void **state)
{
    caller calls[2], more;
    scene sc;

    (void)state;
    serve(&sc, NULL, 2, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(1, call(&sc, &calls[i], TLS1_3_VERSION, NULL));
        begin(&calls[i]);
    }
    assert_true(call(&sc, &more, TLS1_3_VERSION, NULL) != 1);
    hang_up(&more);
    for (size_t i = 0; i < 2; i++) {
        hang_up(&calls[i]);
    }
    stop(&sc);
}

static double cpu_seconds(void)
{
    struct rusage usage;

    assert_int_equal(0, getrusage(RUSAGE_SELF, &usage));
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* It is closed when its time is up, and costs nothing until then. */
static void a_handshake_that_stops_halfway(void **state)
{
    static const char part[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    double before = 0;
    char byte;
    int fd;
    scene sc;

    (void)state;
    serve(&sc, NULL, 0, 1000);
    fd = dial(&sc);
    before = cpu_seconds();
    assert_int_equal(sizeof(part) - 1, send(fd, part, sizeof(part) - 1, MSG_NOSIGNAL));
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    assert_true(cpu_seconds() - before < 0.5);
    close(fd);
    stop(&sc);
}

/* What a socket does not take now goes out later, once and in order. */
static void slow_readers_get_all(void **state)
{
    enum {
        LONG = 3 << 20,
        HEAD = 5 + 1 + 4
    };
    uint8_t *body = malloc(HEAD + LONG);
    h2_client client;
    h2_call calls[2];
    scene sc;

    (void)state;
    assert_non_null(body);
    memcpy(body, (const uint8_t[]){0, 0, 0x30, 0, 5, 0x12, 0x80, 0x80, 0xc0, 1}, HEAD);
    for (size_t i = 0; i < LONG; i++) {
        body[HEAD + i] = (uint8_t)('a' + (i * 7 + i / 256) % 26);
    }
    serve(&sc, NULL, 0, 0);
    assert_true(h2_client_open(&client, sc.port, true, 4096));
    for (size_t i = 0; i < 2; i++) {
        h2_client_begin(&client, &calls[i], "/test.Echo/Pool", body, HEAD + LONG);
    }
    h2_client_run(&client);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(CSVC_OK, calls[i].status);
        assert_int_equal(HEAD + LONG, calls[i].received);
        assert_int_equal(h2_sum(0, body, HEAD + LONG), calls[i].sum);
    }
    h2_client_close(&client);
    stop(&sc);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_caller_reads_why),
        cmocka_unit_test(sessions_are_resumed_on_any_loop),
        cmocka_unit_test(leaving_is_announced),
        cmocka_unit_test(there_are_so_many_connections),
        cmocka_unit_test(a_handshake_that_stops_halfway),
        cmocka_unit_test(slow_readers_get_all),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL's client may raise it */
    return cmocka_run_group_tests(tests, certs_set_up, certs_tear_down);
}
