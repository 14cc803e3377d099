/* TLS of the nghttp2 transport, against OpenSSL's own client: in one thread, over a socket pair.
 * Who gets in, by which files; ng_tls_rules_test.c has those who do not keep to the rules. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <transport/nghttp2/tls_session.h>
#include <transport/tls/refusal.h>

#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "certs.h"
#include "log_catcher.h"
#include "tls_pair.h"

/* ---- what time it is ---- */

static time_t dates_shift;     /* of certificates */
static time_t monotonic_shift; /* of csvc__now() */

int X509_cmp_current_time(const ASN1_TIME *date)
{
    time_t now = time(NULL) + dates_shift;

    return X509_cmp_time(date, &now);
}

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, ret_time);

    if (rc == 0 && clock == CLOCK_MONOTONIC) {
        ret_time->tv_sec += monotonic_shift;
    }
    return rc;
}

/* The server says why, and the caller is told by this alert (NULL: no matter). */
static void assert_refused(ng_tls *tls, const tls_caller *who, const char *why, const char *alert)
{
    char text[256] = "", byte;
    unsigned long error = 0;
    size_t n = 0;
    tls_pair p;

    tls_pair_call(tls, &p, who);
    error = ERR_peek_error();
    if (error == 0) {
        (void)tls_pair_caller_reads(&p, &byte, 1, &n);
        error = ERR_peek_error();
    }
    assert_int_equal(NG_IO_ERROR, p.last);
    assert_false(csvc__ng_tls_established(p.session));
    assert_non_null(csvc__ng_tls_refusal(p.session, text, sizeof(text)));
    assert_string_equal(why, text);
    if (alert != NULL) {
        assert_non_null(ERR_reason_error_string(error));
        assert_non_null(strstr(ERR_reason_error_string(error), alert));
    }
    /* and stays so */
    assert_int_equal(NG_IO_ERROR, csvc__ng_tls_read(p.session, &byte, 1));
    assert_int_equal(NG_IO_ERROR, tls_pair_write(&p, "x", 1));
    ERR_clear_error();
    tls_pair_hang_up(&p);
}

/* The common name of the certificate that the caller was shown. */
static void assert_shown(const tls_pair *p, const char *name)
{
    X509 *cert = SSL_get1_peer_certificate(p->ssl);
    char text[64] = "";

    assert_non_null(cert);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text,
                                    sizeof(text));
    X509_free(cert);
    assert_string_equal(name, text);
}

/* ---- who gets in ---- */

static void bytes_go_both_ways(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    ng_tls *tls = tls_pair_server("server", NULL);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tls_caller who = tls_caller_plain;
        const unsigned char *alpn = NULL;
        unsigned alpn_len = 0;
        char text[64];
        size_t n = 0;
        tls_pair p;

        who.version = versions[i];
        who.alpn = "\10http/1.1\2h2";
        tls_pair_call(tls, &p, &who);
        tls_pair_assert_established(&p);
        assert_int_equal(versions[i], SSL_version(p.ssl));
        SSL_get0_alpn_selected(p.ssl, &alpn, &alpn_len);
        assert_int_equal(2, alpn_len);
        assert_memory_equal("h2", alpn, 2);
        tls_pair_assert_identity(&p, "nobody");
        assert_int_equal(NG_IO_AGAIN_READ, tls_pair_read(&p, text, sizeof(text)));
        assert_false(csvc__ng_tls_pending(p.session));

        assert_int_equal(4, SSL_write(p.ssl, "ping", 4));
        assert_int_equal(4, SSL_write(p.ssl, "pong", 4));
        assert_int_equal(2, tls_pair_read(&p, text, 2));
        assert_memory_equal("pi", text, 2);
        assert_true(csvc__ng_tls_pending(p.session));
        assert_int_equal(2, tls_pair_read(&p, text, sizeof(text)));
        /* both came by one recv: the socket has nothing more to announce */
        assert_true(csvc__ng_tls_pending(p.session));
        assert_int_equal(4, tls_pair_read(&p, text, sizeof(text)));
        assert_memory_equal("pong", text, 4);
        assert_false(csvc__ng_tls_pending(p.session));
        assert_int_equal(NG_IO_AGAIN_READ, tls_pair_read(&p, text, sizeof(text)));

        assert_int_equal(5, tls_pair_write(&p, "hello", 5));
        assert_true(tls_pair_caller_reads(&p, text, sizeof(text), &n));
        assert_int_equal(5, n);
        assert_memory_equal("hello", text, 5);

        /* the caller leaves; the server takes note, and its leave */
        if (i == 0) {
            assert_int_equal(0, SSL_shutdown(p.ssl));
        } else {
            shutdown(p.far_fd, SHUT_WR); /* without a word */
        }
        assert_int_equal(0, tls_pair_read(&p, text, sizeof(text)));
        csvc__ng_tls_close_notify(p.session);
        assert_false(tls_pair_caller_reads(&p, text, sizeof(text), &n));
        assert_int_equal(SSL_RECEIVED_SHUTDOWN, SSL_get_shutdown(p.ssl) & SSL_RECEIVED_SHUTDOWN);
        tls_pair_hang_up(&p);
    }
    csvc__ng_tls_free(tls);
    csvc__ng_tls_free(NULL);
    csvc__ng_tls_session_free(NULL);
}

static void http2_needs_modern_tls(void **state)
{
    ng_tls *tls = tls_pair_server("server", NULL);
    tls_caller who = tls_caller_plain;

    (void)state;
    who.alpn = NULL;
    assert_refused(tls, &who, "no application protocol", "alert no application protocol");
    who.version = TLS1_2_VERSION;
    assert_refused(tls, &who, "no application protocol", "alert no application protocol");
    who.alpn = "\10http/1.1\2h1\3h2c\1h";
    assert_refused(tls, &who, "no application protocol", "alert no application protocol");
    who.alpn = "\2h2";
    who.ciphers = "ECDHE-ECDSA-AES128-SHA256"; /* on RFC 9113's list of those not to be used */
    assert_refused(tls, &who, "no shared cipher", "alert handshake failure");
    who.version = TLS1_1_VERSION;
    who.ciphers = NULL;
    assert_refused(tls, &who, "unsupported protocol", "alert protocol version");
    csvc__ng_tls_free(tls);
}

static void *ask_for_identity(void *arg)
{
    char text[512] = "";
    bool same = true;

    for (int i = 0; i < 50 && same; i++) {
        tls_pair_names(arg, text, sizeof(text));
        same = strcmp(certs_ada, text) == 0;
    }
    return same ? arg : NULL;
}

static void a_caller_shows_its_certificate(void **state)
{
    ng_tls *tls = tls_pair_server("server", "ca.pem");
    tls_caller who = tls_caller_plain;
    pthread_t threads[3];
    char byte;
    tls_pair p;

    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        who.version = version;
        who.cert = "ada";
        tls_pair_call(tls, &p, &who);
        tls_pair_assert_established(&p);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(0, pthread_create(&threads[i], NULL, ask_for_identity, &p));
        }
        for (int i = 0; i < 50; i++) {
            assert_int_equal(1, SSL_write(p.ssl, "x", 1));
            assert_int_equal(1, csvc__ng_tls_read(p.session, &byte, 1));
        }
        for (size_t i = 0; i < 3; i++) {
            void *same = NULL;

            assert_int_equal(0, pthread_join(threads[i], &same));
            assert_non_null(same);
        }
        tls_pair_hang_up(&p);

        who.cert = NULL;
        assert_refused(tls, &who, "peer did not return a certificate",
                       version == TLS1_3_VERSION ? "alert certificate required"
                                                 : "alert handshake failure");
        who.cert = "eve";
        assert_refused(tls, &who,
                       "certificate verify failed: unable to get local issuer certificate",
                       "alert unknown ca");
        who.cert = "expired";
        assert_refused(tls, &who, "certificate verify failed: certificate has expired",
                       "alert certificate expired");
    }
    csvc__ng_tls_free(tls);
}

/* ---- those who were here before ---- */

/* Calls, with a ticket or without (NULL), and says whether that was taken. */
static bool resumes(ng_tls *tls, const tls_caller *who, SSL_SESSION *ticket, const char *names,
                    SSL_SESSION **ret_ticket)
{
    tls_caller with = *who;
    bool resumed = false;
    tls_pair p;

    /* a client marks the one it has used */
    with.ticket = ticket != NULL ? SSL_SESSION_dup(ticket) : NULL;
    tls_pair_call(tls, &p, &with);
    SSL_SESSION_free(with.ticket);
    tls_pair_assert_established(&p);
    tls_pair_assert_identity(&p, names);
    resumed = SSL_session_reused(p.ssl);
    if (ret_ticket != NULL) {
        assert_non_null(p.ticket);
        *ret_ticket = p.ticket;
        p.ticket = NULL;
    }
    tls_pair_hang_up(&p);
    return resumed;
}

static void sessions_are_resumed(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        ng_tls *tls = tls_pair_server("server", NULL);
        ng_tls *other = tls_pair_server("server", NULL);
        tls_caller who = tls_caller_plain;
        SSL_SESSION *ticket = NULL, *next = NULL;

        who.version = version;
        assert_false(resumes(tls, &who, NULL, "nobody", &ticket));
        assert_true(resumes(tls, &who, ticket, "nobody", version == TLS1_3_VERSION ? &next : NULL));
        if (next != NULL) { /* each opens once, then comes the next */
            assert_true(resumes(tls, &who, next, "nobody", NULL));
            SSL_SESSION_free(next);
        }
        /* its keys are its own */
        assert_false(resumes(other, &who, ticket, "nobody", NULL));

        /* there are new ones each hour, and those before are good for one more */
        monotonic_shift = 3700;
        assert_false(resumes(tls, &who, NULL, "nobody", &next));
        assert_true(resumes(tls, &who, ticket, "nobody", NULL));
        monotonic_shift = 2 * 3700;
        assert_false(resumes(tls, &who, NULL, "nobody", NULL));
        assert_false(resumes(tls, &who, ticket, "nobody", NULL));
        assert_true(resumes(tls, &who, next, "nobody", NULL));
        monotonic_shift = 0;
        SSL_SESSION_free(ticket);
        SSL_SESSION_free(next);
        csvc__ng_tls_free(other);
        csvc__ng_tls_free(tls);
    }
}

/* A ticket stands for a certificate that was verified: who it was is known, without another look,
 * for as long as the certificate holds. */
static void a_resumed_caller_keeps_its_name(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        ng_tls *tls = tls_pair_server("server", "ca.pem");
        ng_tls *open = tls_pair_server("server", NULL);
        tls_caller who = tls_caller_plain;
        SSL_SESSION *ticket = NULL, *nobodys = NULL;

        who.version = version;
        assert_false(resumes(open, &who, NULL, "nobody", &nobodys));
        who.cert = "ada";
        assert_false(resumes(tls, &who, NULL, certs_ada, &ticket));
        who.cert = "eve";
        assert_true(resumes(tls, &who, ticket, certs_ada, NULL));
        who.ticket = nobodys;
        assert_refused(tls, &who,
                       "certificate verify failed: unable to get local issuer certificate",
                       "alert unknown ca");
        who.ticket = NULL;
        who.cert = "ada";
        dates_shift = (time_t)100 * 365 * 24 * 3600;
        assert_false(resumes(tls, &who, ticket, certs_ada, NULL));
        dates_shift = 0;
        SSL_SESSION_free(ticket);
        SSL_SESSION_free(nobodys);
        csvc__ng_tls_free(open);
        csvc__ng_tls_free(tls);
    }
}

/* ---- files ---- */

static void calls_see(ng_tls *tls, const char *name)
{
    tls_pair p;

    tls_pair_call(tls, &p, &tls_caller_plain);
    tls_pair_assert_established(&p);
    assert_shown(&p, name);
    tls_pair_hang_up(&p);
}

static size_t times(const char *text, const char *what)
{
    size_t n = 0;

    for (text = strstr(text, what); text != NULL; text = strstr(text + 1, what)) {
        n++;
    }
    return n;
}

static void certificates_change(void **state)
{
    tls_caller who = tls_caller_plain;
    SSL_SESSION *ticket = NULL;
    ng_tls *tls = NULL;
    tls_pair p;

    (void)state;
    certs_sign("changing", "ca", "one", "DNS:localhost", 0);
    tls = tls_pair_server("changing", NULL);
    assert_false(resumes(tls, &who, NULL, "nobody", &ticket));
    tls_pair_call(tls, &p, &tls_caller_plain);
    tls_pair_assert_established(&p);
    assert_shown(&p, "one");

    log_catch(CSVC_LOG_INFO);
    certs_sign("changing", "ca", "two", "DNS:localhost", 0);
    calls_see(tls, "two");
    calls_see(tls, "two");
    assert_int_equal(1, times(log_caught(), "info certificates were read again file=changing.pem"));
    assert_true(resumes(tls, &who, ticket, "nobody", NULL));
    /* what is open stays */
    assert_int_equal(1, tls_pair_write(&p, "x", 1));
    tls_pair_hang_up(&p);

    certs_write("changing.pem", "oops\n");
    calls_see(tls, "two");
    calls_see(tls, "two");
    assert_int_equal(1, times(log_caught(), "warn changed certificates are not used "
                                            "why=the certificate changing.pem has no PEM"));
    assert_int_equal(0, remove("changing.key"));
    calls_see(tls, "two");
    certs_sign("changing", "ca", "three", "DNS:localhost", 0);
    calls_see(tls, "three");
    /* good by themselves, but not to OpenSSL */
    assert_int_equal(0, system("cp weak.key changing.key && cp weak.pem changing.pem"));
    calls_see(tls, "three");
    assert_int_equal(1, times(log_caught(), "why=OpenSSL does not take the certificate "
                                            "changing.pem: ee key too small"));
    log_let_go();
    SSL_SESSION_free(ticket);
    csvc__ng_tls_free(tls);
}

/* Whom the CAs of before had let in is asked again. */
static void tickets_end_with_their_ca(void **state)
{
    tls_caller who = tls_caller_plain;
    SSL_SESSION *ticket = NULL;
    ng_tls *tls = NULL;

    (void)state;
    assert_int_equal(0, system("cp ca.pem trusted.pem"));
    tls = tls_pair_server("server", "trusted.pem");
    who.cert = "ada";
    assert_false(resumes(tls, &who, NULL, certs_ada, &ticket));
    assert_true(resumes(tls, &who, ticket, certs_ada, NULL));
    assert_int_equal(0, system("cp other.pem trusted.new && mv trusted.new trusted.pem"));
    who.ticket = SSL_SESSION_dup(ticket);
    log_catch(CSVC_LOG_INFO);
    assert_refused(tls, &who, "certificate verify failed: unable to get local issuer certificate",
                   "alert unknown ca");
    log_let_go();
    SSL_SESSION_free(who.ticket);
    who.cert = "eve";
    assert_false(resumes(tls, &who, ticket, "eve eve", NULL));
    SSL_SESSION_free(ticket);
    csvc__ng_tls_free(tls);
}

/* The files come as users have them: the CA between, in the chain; many CAs; one within a chain. */
static void chains_are_followed(void **state)
{
    tls_caller who = tls_caller_plain;
    ng_tls *tls = NULL;
    tls_pair p;

    (void)state;
    assert_int_equal(0, system("cat leaf.pem between.pem > chain.pem && cp leaf.key chain.key"));
    tls = tls_pair_server("chain", "between.pem");
    who.cert = "leaf"; /* signed by the one between, which is a CA of the server's file */
    tls_pair_call(tls, &p, &who);
    tls_pair_assert_established(&p);
    assert_shown(&p, "leaf");
    assert_int_equal(3, sk_X509_num(SSL_get0_verified_chain(p.ssl)));
    assert_int_equal(1, sk_X509_NAME_num(SSL_get_client_CA_list(p.ssl)));
    tls_pair_hang_up(&p);
    csvc__ng_tls_free(tls);

    /* more names of CAs than callers can be told */
    assert_int_equal(0, system("for i in $(seq 1500); do cat ca.pem; done > many.pem"));
    tls = tls_pair_server("server", "many.pem");
    who.cert = "ada";
    tls_pair_call(tls, &p, &who);
    tls_pair_assert_established(&p);
    tls_pair_assert_identity(&p, certs_ada);
    assert_true(sk_X509_NAME_num(SSL_get_client_CA_list(p.ssl)) <= 0);
    tls_pair_hang_up(&p);
    csvc__ng_tls_free(tls);

    /* callers have a limit, too */
    assert_int_equal(0, system("(cat ada.pem; for i in $(seq 300); do cat ca.pem; done) > long.pem "
                               "&& cp ada.key long.key"));
    tls = tls_pair_server("server", "ca.pem");
    who.cert = "long";
    assert_refused(tls, &who, "excessive message size", NULL);
    csvc__ng_tls_free(tls);
}

static void files_that_openssl_refuses(void **state)
{
    static const struct {
        const char *cert, *key, *ca, *said;
        csvc_code code;
    } cases[] = {
        {"nope.pem", "server.key", NULL, "No such file", CSVC_NOT_FOUND},
        {"server.pem", "ada.key", NULL, "does not belong", CSVC_FAILED_PRECONDITION},
        {"expired.pem", "expired.key", NULL, "has expired", CSVC_FAILED_PRECONDITION},
        {"weak.pem", "weak.key", NULL, "ee key too small", CSVC_FAILED_PRECONDITION},
        {"broken.pem", "server.key", NULL, "take the certificate broken.pem",
         CSVC_FAILED_PRECONDITION},
        {"server.pem", "server.key", "broken.pem", "take the CA file broken.pem",
         CSVC_FAILED_PRECONDITION},
        {"server.pem", NULL, NULL, "key is missing", CSVC_INVALID_ARGUMENT},
        {NULL, NULL, "ca.pem", "needs a certificate", CSVC_INVALID_ARGUMENT},
    };

    (void)state;
    assert_int_equal(0, system("(cat server.pem; echo -----BEGIN CERTIFICATE-----; echo oops; "
                               "echo -----END CERTIFICATE-----) > broken.pem"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const csvc_ttls files = {
            .cert_file = cases[i].cert, .key_file = cases[i].key, .ca_file = cases[i].ca};
        csvc_error err = {CSVC_ERROR_INIT};

        assert_null(csvc__ng_tls_new(&files, &err));
        assert_int_equal(cases[i].code, err.code);
        if (strstr(err.text, cases[i].said) == NULL) {
            fail_msg("no '%s' in '%s'", cases[i].said, err.text);
        }
        assert_int_equal(0, ERR_peek_error());
    }
}

static int set_up(void **state)
{
    (void)certs_set_up_callers(state);
    return system("openssl req -x509 -newkey rsa:1024 -nodes -keyout weak.key -out weak.pem "
                  "-subj /CN=weak -days 10 2>openssl.log && "
                  "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
                  "between.key -out between.csr -subj /CN=between 2>openssl.log && "
                  "echo basicConstraints=critical,CA:true > between.ext && "
                  "openssl x509 -req -in between.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
                  "-extfile between.ext -days 10 -out between.pem 2>openssl.log") ||
           (certs_sign("leaf", "between", "leaf", "DNS:leaf", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(http2_needs_modern_tls),
        cmocka_unit_test(a_caller_shows_its_certificate),
        cmocka_unit_test(sessions_are_resumed),
        cmocka_unit_test(a_resumed_caller_keeps_its_name),
        cmocka_unit_test(certificates_change),
        cmocka_unit_test(tickets_end_with_their_ca),
        cmocka_unit_test(chains_are_followed),
        cmocka_unit_test(files_that_openssl_refuses),
    };

    return cmocka_run_group_tests(tests, set_up, certs_tear_down);
}
