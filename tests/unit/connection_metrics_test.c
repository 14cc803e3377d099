/* Connections as a server's registry counts them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/server.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs.h"
#include "echo_service.h"
#include "log_catcher.h"
#include "transports.h"

/* What a client begins with: the preface and empty SETTINGS. */
static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

enum {
    HELLO_LEN = sizeof(hello) - 1,
    NOBODY = -1 /* there is no such series */
};

typedef struct scene {
    csvc_metrics *m;
    csvc_server *srv;
    echo_peer peer;
    int port;
} scene;

static void serve(scene *sc, csvc_server_options options)
{
    csvc_error err = {CSVC_ERROR_INIT};

    *sc = (scene){.m = csvc_metrics_new(NULL)};
    assert_non_null(sc->m);
    options.struct_size = sizeof(options);
    options.transport = test_transport();
    options.metrics = sc->m;
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
    assert_null(csvc_server_free(sc->srv));
    assert_null(csvc_metrics_free(sc->m));
}

static int64_t value(const scene *sc, const char *series)
{
    char line[128];
    size_t len = 0;
    char *text = csvc_metrics_text(sc->m, &len);
    const char *found;
    int64_t is = NOBODY;

    assert_non_null(text);
    (void)snprintf(line, sizeof(line), "\ncsvc_server_connections_%s ", series);
    found = strstr(text, line);
    if (found != NULL) {
        is = strtoll(found + strlen(line), NULL, 10);
    }
    csvc_metrics_text_free(text);
    return is;
}

/* Threads of the server count. */
static void await_series(const scene *sc, const char *series, int64_t wanted)
{
    const int64_t until = csvc__now() + 60 * CSVC__SECOND;

    while (value(sc, series) != wanted) {
        if (csvc__now() > until) {
            assert_int_equal(wanted, value(sc, series));
            fail_msg("%s became %d late", series, (int)wanted);
        }
        (void)poll(NULL, 0, 1);
    }
}

#define REFUSED(reason) "refused_total{reason=\"" reason "\"}"

static int dial(const scene *sc)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)sc->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(0, connect(fd, (const struct sockaddr *)&to, sizeof(to)));
    return fd;
}

/* Until the server answers it, or closes it. */
static bool is_served(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char bytes[9];

    (void)send(fd, hello, HELLO_LEN, MSG_NOSIGNAL);
    assert_int_equal(1, poll(&p, 1, 60000));
    return recv(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes);
}

static void come_and_go(void **state)
{
    scene sc;
    int fds[3];

    (void)state;
    log_catch(CSVC_LOG_WARN);
    serve(&sc, (csvc_server_options){.max_connections = 2});
    /* there from the start, so that a rate sees the first one */
    assert_int_equal(0, value(&sc, "open"));
    assert_int_equal(0, value(&sc, "accepted_total"));
    assert_int_equal(0, value(&sc, REFUSED("max_connections")));
    assert_int_equal(0, value(&sc, REFUSED("out_of_descriptors")));
    for (int i = 0; i < 2; i++) {
        fds[i] = dial(&sc);
        assert_true(is_served(fds[i]));
    }
    assert_int_equal(2, value(&sc, "open"));
    fds[2] = dial(&sc);
    assert_false(is_served(fds[2]));
    await_series(&sc, REFUSED("max_connections"), 1);
    (void)close(fds[2]);
    (void)close(fds[0]);
    await_series(&sc, "open", 1);
    assert_int_equal(2, value(&sc, "accepted_total"));
    assert_int_equal(0, value(&sc, REFUSED("handshake_timeout")));
    /* a server that has stopped has none */
    assert_int_equal(CSVC_OK, csvc_server_shutdown(sc.srv, 20000));
    await_series(&sc, "open", 0);
    (void)close(fds[1]);
    stop(&sc);
    log_let_go();
}

static void who_never_begins(void **state)
{
    scene sc;
    int fd;

    (void)state;
    serve(&sc, (csvc_server_options){.handshake_timeout_ms = 50});
    fd = dial(&sc);
    await_series(&sc, REFUSED("handshake_timeout"), 1);
    await_series(&sc, "open", 0);
    assert_int_equal(1, value(&sc, "accepted_total"));
    (void)close(fd);
    /* who goes by himself is not refused */
    (void)close(dial(&sc));
    await_series(&sc, "accepted_total", 2);
    await_series(&sc, "open", 0);
    stop(&sc);
}

static void without_descriptors(void **state)
{
    enum {
        MANY = 256
    };
    struct rlimit before, few;
    int fds[MANY], fd;
    size_t n = 0;
    scene sc;

    (void)state;
    log_catch(CSVC_LOG_WARN);
    serve(&sc, (csvc_server_options){.loops = 1});
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
    few = before;
    few.rlim_cur = MANY;
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
    while ((fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        n++;
    }
    assert_int_equal(0, connect(fd,
                                (const struct sockaddr *)&(struct sockaddr_in){
                                    .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)sc.port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                                sizeof(struct sockaddr_in)));
    await_series(&sc, REFUSED("out_of_descriptors"), 1);
    assert_int_equal(0, value(&sc, "open"));
    assert_int_equal(0, value(&sc, "accepted_total"));
    while (n > 0) {
        (void)close(fds[--n]);
    }
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
    (void)close(fd);
    stop(&sc);
    log_let_go();
}

/* The core tells nothing of those, and nobody counts what he does not hear of. */
static void under_tls(void **state)
{
    scene sc;
    int fd;

    (void)state;
    certs_begin();
    certs_ca("ca");
    certs_sign("server", "ca", "server", "DNS:localhost,IP:127.0.0.1", 0);
    log_catch(CSVC_LOG_INFO);
    serve(&sc, (csvc_server_options){
                   .tls_cert_file = "server.pem", .tls_key_file = "server.key", .loops = 1});
    if (test_deviates("core-connections")) {
        assert_int_equal(NOBODY, value(&sc, "open"));
        assert_int_equal(NOBODY, value(&sc, REFUSED("max_connections")));
    } else {
        fd = dial(&sc);
        await_series(&sc, "open", 1);
        assert_int_equal(HELLO_LEN, send(fd, hello, HELLO_LEN, MSG_NOSIGNAL));
        await_series(&sc, REFUSED("tls_handshake"), 1);
        await_series(&sc, "open", 0);
        assert_int_equal(1, value(&sc, "accepted_total"));
        (void)close(fd);
    }
    stop(&sc);
    log_let_go();
    certs_end();
}

/* More of what nobody needs than a connection may send; what it is called depends on who counts. */
static void who_goes_too_far(void **state)
{
    static const char settings[] = "\0\0\0\4\0\0\0\0\0", reserved[] = "\0\0\0\0\0\0\0\0\0";
    scene sc;
    int fd;

    (void)state;
    if (test_deviates("core-floods")) {
        return; /* nobody is sent away for these */
    }
    serve(&sc, (csvc_server_options){.loops = 1});
    fd = dial(&sc);
    assert_true(is_served(fd));
    for (int i = 0; i < 1000 && send(fd, settings, 9, MSG_NOSIGNAL) == 9; i++) {
    }
    await_series(&sc, REFUSED("too_many_settings"), 1);
    await_series(&sc, "open", 0);
    (void)close(fd);
    fd = dial(&sc);
    assert_true(is_served(fd));
    (void)send(fd, reserved, 9, MSG_NOSIGNAL); /* DATA on no stream */
    await_series(&sc, REFUSED("protocol_error"), 1);
    await_series(&sc, "open", 0);
    assert_int_equal(1, value(&sc, REFUSED("too_many_settings")));
    (void)close(fd);
    stop(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_descriptors), cmocka_unit_test(come_and_go),
        cmocka_unit_test(who_never_begins),    cmocka_unit_test(under_tls),
        cmocka_unit_test(who_goes_too_far),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
