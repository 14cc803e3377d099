/* TLS over the C core: who is let in, who is told why not, and files that change. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/client.h>
#include <csvc/server.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>

#include "certs.h"
#include "echo_service.h"
#include "log_catcher.h"
#include "transports.h"

typedef struct scene {
    csvc_server *srv;
    int port;
    echo_peer peer;
} scene;

/* Answers with the caller's common name, and its alternative names behind it. */
static csvc_code who_calls(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                           Codec3__Inner *rsp)
{
    const char *name = csvc_peer_common_name(ctx);
    char text[512] = "";
    size_t at = (size_t)snprintf(text, sizeof(text), "%s", name != NULL ? name : "nobody");

    (void)peer;
    rsp->id = req->id;
    for (size_t n = 0; csvc_peer_alt_name(ctx, n) != NULL; n++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, " %s", csvc_peer_alt_name(ctx, n));
    }
    rsp->name = csvc_strdup(ctx, text);
    return rsp->name != NULL ? CSVC_OK : CSVC_RESOURCE_EXHAUSTED;
}

static csvc_code try_server(scene *sc, const char *cert, const char *key, const char *client_ca,
                            csvc_error *err)
{
    const csvc_server_options options = {
        CSVC_SERVER_OPTIONS_INIT, .transport = test_transport(), .loops = 1,
        .tls_cert_file = cert,    .tls_key_file = key,           .tls_client_ca_file = client_ca,
    };
    csvc_code code;

    memset(sc, 0, sizeof(*sc));
    sc->peer.handle = who_calls;
    sc->srv = csvc_server_new(&options, err);
    assert_non_null(sc->srv);
    assert_int_equal(CSVC_OK, echo_register(sc->srv, &sc->peer));
    code = csvc_server_listen(sc->srv, "127.0.0.1:0", &sc->port, err);
    if (code == CSVC_OK) {
        code = csvc_server_start(sc->srv, err);
    } else {
        sc->srv = csvc_server_free(sc->srv);
    }
    return code;
}

static void serve(scene *sc, const char *cert, const char *key, const char *client_ca)
{
    csvc_error err = {CSVC_ERROR_INIT};

    if (try_server(sc, cert, key, client_ca, &err) != CSVC_OK) {
        fail_msg("%s", err.text);
    }
}

static void stop(scene *sc)
{
    assert_int_equal(CSVC_OK, csvc_server_shutdown(sc->srv, 20000));
    assert_null(csvc_server_free(sc->srv));
}

static csvc_channel *try_channel(const scene *sc, const char *cert, const char *key, const char *ca,
                                 const char *server_name, csvc_error *err)
{
    const csvc_channel_options options = {
        CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core,
        .tls_cert_file = cert,     .tls_key_file = key,
        .tls_ca_file = ca,         .tls_server_name = server_name,
    };
    char target[64];

    (void)snprintf(target, sizeof(target), "127.0.0.1:%d", sc->port);
    return csvc_channel_new(target, &options, err);
}

static csvc_channel *channel(const scene *sc, const char *cert, const char *key, const char *ca)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = try_channel(sc, cert, key, ca, NULL, &err);

    if (ch == NULL) {
        fail_msg("%s", err.text);
    }
    return ch;
}

/* The code; the reply's text, or the status's. */
static csvc_code call(csvc_channel *ch, char *ret_text, size_t size)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *rsp = NULL;
    csvc_code code;

    req.id = 7;
    code = csvc_call_unary(ch, &echo_methods[ECHO_POOL], &rpc, &req, &rsp);
    (void)snprintf(ret_text, size, "%s",
                   code == CSVC_OK ? ((const Codec3__Inner *)rsp)->name : rpc.message);
    csvc_rpc_clear(&rpc);
    return code;
}

static void assert_says(csvc_channel *ch, const char *expected)
{
    char text[512];

    if (call(ch, text, sizeof(text)) != CSVC_OK) {
        fail_msg("%s", text);
    }
    assert_string_equal(expected, text);
}

/* The server logs it when its side of the handshake is through; the caller may know before. */
static void assert_logged(const char *text)
{
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;

    while (strstr(log_caught(), text) == NULL) {
        if (csvc__now() > until) {
            fail_msg("no '%s' in\n%s", text, log_caught());
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* A call that gets nowhere, and what the log says about it; at debug, when there were more than ten
 * within a second. */
static void assert_kept_out(csvc_channel *ch, const char *status, const char *logged)
{
    char text[512];

    log_catch(CSVC_LOG_DEBUG);
    assert_int_equal(CSVC_UNAVAILABLE, call(ch, text, sizeof(text)));
    if (strstr(text, status) == NULL) {
        fail_msg("no '%s' in '%s'", status, text);
    }
    assert_logged(logged);
    log_let_go();
    assert_null(csvc_channel_free(ch));
}

/* ---- who is let in ---- */

static void a_server_shows_its_certificate(void **state)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch;
    char text[512];
    scene sc;

    (void)state;
    serve(&sc, "server.pem", "server.key", NULL);
    ch = channel(&sc, NULL, NULL, "ca.pem");
    assert_says(ch, "nobody");
    assert_null(csvc_channel_free(ch));

    /* a certificate that nobody has asked for does no harm */
    ch = channel(&sc, "ada.pem", "ada.key", "ca.pem");
    assert_says(ch, "nobody");
    assert_null(csvc_channel_free(ch));

    ch = try_channel(&sc, NULL, NULL, "ca.pem", "localhost", &err);
    assert_non_null(ch);
    assert_says(ch, "nobody");
    assert_null(csvc_channel_free(ch));

    assert_kept_out(channel(&sc, NULL, NULL, "other.pem"), "certificate verify failed",
                    "could not be verified");
    ch = try_channel(&sc, NULL, NULL, "ca.pem", "elsewhere.example", &err);
    assert_non_null(ch);
    assert_kept_out(ch, "elsewhere.example", "for another name");

    /* the CAs of the system, wherever that has them */
    for (int known = 1; known >= 0; known--) {
        csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core,
                                        .tls = true};
        char target[64];

        (void)snprintf(target, sizeof(target), "127.0.0.1:%d", sc.port);
        assert_int_equal(0, setenv("SSL_CERT_FILE", known ? "ca.pem" : "other.pem", 1));
        ch = csvc_channel_new(target, &options, &err);
        assert_non_null(ch);
        if (known) {
            assert_says(ch, "nobody");
            assert_null(csvc_channel_free(ch));
        } else {
            assert_kept_out(ch, "certificate verify failed", "could not be verified");
        }
    }
    assert_int_equal(0, unsetenv("SSL_CERT_FILE"));

    /* plaintext gets no further than its first bytes */
    ch = try_channel(&sc, NULL, NULL, NULL, NULL, &err);
    log_catch(CSVC_LOG_DEBUG);
    assert_int_equal(CSVC_UNAVAILABLE, call(ch, text, sizeof(text)));
    assert_logged("does not speak TLS");
    log_let_go();
    assert_null(csvc_channel_free(ch));
    stop(&sc);
}

static void a_caller_shows_its_certificate(void **state)
{
    csvc_channel *ch;
    scene sc;

    (void)state;
    serve(&sc, "server.pem", "server.key", "ca.pem");
    ch = channel(&sc, "ada.pem", "ada.key", "ca.pem");
    assert_says(ch, certs_ada);
    assert_null(csvc_channel_free(ch));

    assert_kept_out(channel(&sc, NULL, NULL, "ca.pem"), "", "no certificate came");
    assert_kept_out(channel(&sc, "eve.pem", "eve.key", "ca.pem"), "", "could not be verified");
    /* who was let in is not put out by who was not */
    ch = channel(&sc, "ada.pem", "ada.key", "ca.pem");
    assert_says(ch, certs_ada);
    assert_null(csvc_channel_free(ch));
    stop(&sc);
}

/* One server, all kinds of addresses; sockets from others are what the core does not take. */
static void every_address_is_under_tls(void **state)
{
    const csvc_server_options options = {
        CSVC_SERVER_OPTIONS_INIT,      .transport = &csvc_grpc_core, .loops = 1,
        .tls_cert_file = "server.pem", .tls_key_file = "server.key",
    };
    char addresses[3][64] = {"127.0.0.1:0"};
    csvc_error err = {CSVC_ERROR_INIT};
    scene sc = {.peer = {.handle = who_calls}};

    (void)state;
    (void)snprintf(addresses[1], sizeof(addresses[1]), "unix:server.sock");
    (void)snprintf(addresses[2], sizeof(addresses[2]), "unix-abstract:csvc-tls-%d", (int)getpid());
    sc.srv = csvc_server_new(&options, &err);
    assert_non_null(sc.srv);
    assert_int_equal(CSVC_OK, echo_register(sc.srv, &sc.peer));
    for (size_t i = 0; i < 3; i++) {
        int port = 0;

        if (csvc_server_listen(sc.srv, addresses[i], &port, &err) != CSVC_OK) {
            fail_msg("%s", err.text);
        }
        if (i == 0) {
            (void)snprintf(addresses[0], sizeof(addresses[0]), "127.0.0.1:%d", port);
        } else {
            assert_int_equal(CSVC_ALREADY_EXISTS,
                             csvc_server_listen(sc.srv, addresses[i], &port, &err));
        }
    }
    assert_int_equal(CSVC_UNIMPLEMENTED, csvc_server_listen(sc.srv, "systemd:", NULL, &err));
    assert_non_null(strstr(err.text, "takes none from others"));
    assert_int_equal(CSVC_OK, csvc_server_start(sc.srv, &err));
    for (size_t i = 0; i < 3; i++) {
        const csvc_channel_options tls = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core,
                                          .tls_ca_file = "ca.pem", .tls_server_name = "localhost"};
        csvc_channel *ch = csvc_channel_new(addresses[i], &tls, &err);

        assert_non_null(ch);
        assert_says(ch, "nobody");
        assert_null(csvc_channel_free(ch));
    }
    stop(&sc);
    assert_int_equal(-1, access("server.sock", F_OK));
}

static void an_expired_certificate_is_refused(void **state)
{
    char command[256];
    scene sc;

    (void)state;
    serve(&sc, "server.pem", "server.key", "ca.pem");
    /* by hand: a channel of ours would not even be made */
    (void)snprintf(command, sizeof(command),
                   "openssl s_client -connect 127.0.0.1:%d -alpn h2 -cert expired.pem "
                   "-key expired.key </dev/null >s_client.log 2>&1; true",
                   sc.port);
    log_catch(CSVC_LOG_DEBUG);
    assert_int_equal(0, system(command));
    assert_logged("could not be verified");
    log_let_go();
    stop(&sc);
}

/* ---- files that are no good ---- */

static void assert_no_server(const char *cert, const char *key, const char *ca, csvc_code code,
                             const char *said, const char *file)
{
    csvc_error err = {CSVC_ERROR_INIT};
    scene sc;

    assert_int_equal(code, try_server(&sc, cert, key, ca, &err));
    if (strstr(err.text, said) == NULL || strstr(err.text, file) == NULL) {
        fail_msg("no '%s' or no '%s' in '%s'", said, file, err.text);
    }
}

static void bad_files_keep_a_server_from_starting(void **state)
{
    const csvc_code bad = CSVC_FAILED_PRECONDITION;

    (void)state;
    certs_write("empty", "");
    certs_write("text", "-----BEGIN CERTIFICATE-----\nthis is none\n-----END CERTIFICATE-----\n");
    assert_int_equal(0, system("openssl pkey -in server.key -aes128 -passout pass:x -out locked.key"
                               " 2>openssl.log && mkdir -p folder && "
                               "dd if=/dev/zero of=long bs=1M count=5 2>openssl.log"));
    assert_no_server("nope.pem", "server.key", NULL, CSVC_NOT_FOUND, "No such file", "nope.pem");
    assert_no_server("server.pem", "nope.key", NULL, CSVC_NOT_FOUND, "No such file", "nope.key");
    assert_no_server("folder", "server.key", NULL, bad, "is no file", "folder");
    assert_no_server("long", "server.key", NULL, bad, "longer", "long");
    assert_no_server("empty", "server.key", NULL, bad, "no PEM certificate", "empty");
    assert_no_server("text", "server.key", NULL, bad, "no PEM certificate", "text");
    assert_no_server("server.pem", "text", NULL, bad, "no PEM private key", "text");
    assert_no_server("server.pem", "locked.key", NULL, bad, "passphrase", "locked.key");
    assert_no_server("server.pem", "ada.key", NULL, bad, "does not belong", "ada.key");
    assert_no_server("expired.pem", "expired.key", NULL, bad, "has expired", "expired.pem");
    assert_no_server("server.pem", "server.key", "empty", bad, "no PEM certificate", "empty");
    assert_no_server("server.pem", "server.key", "expired.pem", bad, "valid now", "expired.pem");
    assert_no_server("server.pem", NULL, NULL, CSVC_INVALID_ARGUMENT, "key is missing", "");
    assert_no_server(NULL, "server.key", NULL, CSVC_INVALID_ARGUMENT, "certificate is missing", "");
    assert_no_server(NULL, NULL, "ca.pem", CSVC_INVALID_ARGUMENT, "without TLS", "");
}

static void bad_files_make_no_channel(void **state)
{
    static const struct {
        const char *cert, *key, *ca, *said;
    } cases[] = {
        {NULL, NULL, "nope.pem", "nope.pem cannot be read"},
        {NULL, NULL, "server.key", "no PEM certificate"},
        {"ada.pem", "eve.key", "ca.pem", "does not belong"},
        {"expired.pem", "expired.key", "ca.pem", "has expired"},
        {"ada.pem", NULL, "ca.pem", "key is missing"},
    };
    const scene nowhere = {.port = 1};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        csvc_error err = {CSVC_ERROR_INIT};

        assert_null(try_channel(&nowhere, cases[i].cert, cases[i].key, cases[i].ca, NULL, &err));
        if (strstr(err.text, cases[i].said) == NULL) {
            fail_msg("no '%s' in '%s'", cases[i].said, err.text);
        }
    }
}

/* ---- files that change ---- */

typedef struct traffic {
    const scene *sc;
    atomic_bool stop;
    atomic_int calls;
    atomic_int failures;
} traffic;

/* Calls over a channel that stays, and each time over a new one, so with a new handshake. */
static void *calls_on(void *arg)
{
    traffic *t = arg;
    csvc_channel *kept = channel(t->sc, "ada.pem", "ada.key", "ca.pem");

    while (!atomic_load(&t->stop)) {
        csvc_channel *fresh = channel(t->sc, "ada.pem", "ada.key", "ca.pem");
        char text[512];

        if (call(kept, text, sizeof(text)) != CSVC_OK ||
            call(fresh, text, sizeof(text)) != CSVC_OK) {
            print_message("%s\n", text);
            atomic_fetch_add(&t->failures, 1);
        }
        atomic_fetch_add(&t->calls, 2);
        assert_null(csvc_channel_free(fresh));
    }
    assert_null(csvc_channel_free(kept));
    return NULL;
}

static void wait_for_calls(traffic *t, int more)
{
    const int enough = atomic_load(&t->calls) + more;
    const int64_t until = csvc__now() + 60 * CSVC__SECOND;

    while (atomic_load(&t->calls) < enough) {
        assert_true(csvc__now() < until);
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void certificates_change_under_traffic(void **state)
{
    traffic t = {0};
    pthread_t thread;
    scene sc;

    (void)state;
    certs_sign("changing", "ca", "one", "DNS:localhost,IP:127.0.0.1", 0);
    serve(&sc, "changing.pem", "changing.key", "ca.pem");
    t.sc = &sc;
    log_catch(CSVC_LOG_INFO);
    assert_int_equal(0, pthread_create(&thread, NULL, calls_on, &t));
    for (int i = 0; i < 5; i++) {
        wait_for_calls(&t, 4);
        certs_sign("changing", "ca", "next", "DNS:localhost,IP:127.0.0.1", 0);
    }
    wait_for_calls(&t, 8);
    assert_non_null(strstr(log_caught(), "info certificates were read again file=changing.pem"));
    /* no good: the ones before stay */
    certs_write("changing.pem", "oops\n");
    wait_for_calls(&t, 8);
    assert_non_null(strstr(log_caught(), "warn changed certificates are not used "
                                         "why=the certificate changing.pem has no PEM"));
    assert_int_equal(0, remove("changing.key"));
    wait_for_calls(&t, 8);
    atomic_store(&t.stop, true);
    assert_int_equal(0, pthread_join(thread, NULL));
    log_let_go();
    assert_int_equal(0, atomic_load(&t.failures));
    stop(&sc);
}

/* The server's new certificates are those that new callers see; a new CA for callers holds. */
static void a_server_goes_to_another_ca(void **state)
{
    csvc_channel *ch;
    scene sc;

    (void)state;
    certs_sign("moving", "ca", "server", "IP:127.0.0.1", 0);
    assert_int_equal(0, system("cp ca.pem trusted.pem"));
    serve(&sc, "moving.pem", "moving.key", "trusted.pem");
    ch = channel(&sc, "ada.pem", "ada.key", "ca.pem");
    assert_says(ch, certs_ada);

    certs_sign("moving", "other", "server", "IP:127.0.0.1", 0);
    assert_int_equal(0, system("cp other.pem trusted.new && mv trusted.new trusted.pem"));
    /* the connection that is open stays */
    assert_says(ch, certs_ada);
    assert_null(csvc_channel_free(ch));
    assert_kept_out(channel(&sc, "ada.pem", "ada.key", "ca.pem"), "verify failed",
                    "could not be verified");
    assert_kept_out(channel(&sc, "ada.pem", "ada.key", "other.pem"), "", "could not be verified");
    ch = channel(&sc, "eve.pem", "eve.key", "other.pem");
    assert_says(ch, "eve eve");
    assert_null(csvc_channel_free(ch));
    stop(&sc);
}

/* A channel shows its new certificate without being made again. */
static void a_channel_shows_another_certificate(void **state)
{
    const int64_t until = csvc__now() + 60 * CSVC__SECOND;
    csvc_channel *ch;
    char text[512];
    scene sc;

    (void)state;
    certs_sign("caller", "ca", "first", "DNS:first", 0);
    serve(&sc, "server.pem", "server.key", "ca.pem");
    ch = channel(&sc, "caller.pem", "caller.key", "ca.pem");
    assert_says(ch, "first first");
    certs_sign("caller", "ca", "second", "DNS:second", 0);
    do {
        assert_true(csvc__now() < until);
        assert_int_equal(CSVC_OK, call(ch, text, sizeof(text)));
    } while (strcmp(text, "first first") == 0);
    assert_string_equal("second second", text);
    assert_null(csvc_channel_free(ch));
    stop(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_shows_its_certificate),
        cmocka_unit_test(a_caller_shows_its_certificate),
        cmocka_unit_test(every_address_is_under_tls),
        cmocka_unit_test(an_expired_certificate_is_refused),
        cmocka_unit_test(bad_files_keep_a_server_from_starting),
        cmocka_unit_test(bad_files_make_no_channel),
        cmocka_unit_test(certificates_change_under_traffic),
        cmocka_unit_test(a_server_goes_to_another_ca),
        cmocka_unit_test(a_channel_shows_another_certificate),
    };

    return cmocka_run_group_tests(tests, certs_set_up_callers, certs_tear_down);
}
