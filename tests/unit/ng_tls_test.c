/* TLS of the nghttp2 transport, against OpenSSL's own client: in one thread, over a socket pair. */
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

static ng_tls *server(const char *cert, const char *ca)
{
    char cert_file[64], key_file[64];
    const csvc_ttls files = {.cert_file = cert_file, .key_file = key_file, .ca_file = ca};
    csvc_error err = {CSVC_ERROR_INIT};
    ng_tls *tls = NULL;

    (void)snprintf(cert_file, sizeof(cert_file), "%s.pem", cert);
    (void)snprintf(key_file, sizeof(key_file), "%s.key", cert);
    tls = csvc__ng_tls_new(&files, &err);
    if (tls == NULL) {
        fail_msg("%s", err.text);
    }
    return tls;
}

static void assert_established(tls_pair *p)
{
    char text[256] = "";

    if (!csvc__ng_tls_established(p->session)) {
        fail_msg("%s", csvc__ng_tls_refusal(p->session, text, sizeof(text)));
    }
    assert_true(SSL_is_init_finished(p->ssl));
    assert_null(csvc__ng_tls_refusal(p->session, text, sizeof(text)));
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
    assert_int_equal(NG_IO_ERROR, csvc__ng_tls_write(p.session, "x", 1));
    ERR_clear_error();
    tls_pair_hang_up(&p);
}

static void assert_identity(const tls_pair *p, const char *names)
{
    char text[512];

    tls_pair_names(p, text, sizeof(text));
    assert_string_equal(names, text);
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
    ng_tls *tls = server("server", NULL);

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
        assert_established(&p);
        assert_int_equal(versions[i], SSL_version(p.ssl));
        SSL_get0_alpn_selected(p.ssl, &alpn, &alpn_len);
        assert_int_equal(2, alpn_len);
        assert_memory_equal("h2", alpn, 2);
        assert_identity(&p, "nobody");
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

        assert_int_equal(5, csvc__ng_tls_write(p.session, "hello", 5));
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
    ng_tls *tls = server("server", NULL);
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

static const char ada[] = "ada ada.example.org spiffe://example.org/ada 10.0.0.1 ada@x.org";

static void *ask_for_identity(void *arg)
{
    char text[512] = "";
    bool same = true;

    for (int i = 0; i < 50 && same; i++) {
        tls_pair_names(arg, text, sizeof(text));
        same = strcmp(ada, text) == 0;
    }
    return same ? arg : NULL;
}

static void a_caller_shows_its_certificate(void **state)
{
    ng_tls *tls = server("server", "ca.pem");
    tls_caller who = tls_caller_plain;
    pthread_t threads[3];
    char byte;
    tls_pair p;

    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        who.version = version;
        who.cert = "ada";
        tls_pair_call(tls, &p, &who);
        assert_established(&p);
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
    assert_established(&p);
    assert_identity(&p, names);
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
        ng_tls *tls = server("server", NULL);
        ng_tls *other = server("server", NULL);
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
        ng_tls *tls = server("server", "ca.pem");
        ng_tls *open = server("server", NULL);
        tls_caller who = tls_caller_plain;
        SSL_SESSION *ticket = NULL, *nobodys = NULL;

        who.version = version;
        assert_false(resumes(open, &who, NULL, "nobody", &nobodys));
        who.cert = "ada";
        assert_false(resumes(tls, &who, NULL, ada, &ticket));
        who.cert = "eve";
        assert_true(resumes(tls, &who, ticket, ada, NULL));
        who.ticket = nobodys;
        assert_refused(tls, &who,
                       "certificate verify failed: unable to get local issuer certificate",
                       "alert unknown ca");
        who.ticket = NULL;
        who.cert = "ada";
        dates_shift = (time_t)100 * 365 * 24 * 3600;
        assert_false(resumes(tls, &who, ticket, ada, NULL));
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
    assert_established(&p);
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
    tls = server("changing", NULL);
    assert_false(resumes(tls, &who, NULL, "nobody", &ticket));
    tls_pair_call(tls, &p, &tls_caller_plain);
    assert_established(&p);
    assert_shown(&p, "one");

    log_catch(CSVC_LOG_INFO);
    certs_sign("changing", "ca", "two", "DNS:localhost", 0);
    calls_see(tls, "two");
    calls_see(tls, "two");
    assert_int_equal(1, times(log_caught(), "info certificates were read again file=changing.pem"));
    assert_true(resumes(tls, &who, ticket, "nobody", NULL));
    /* what is open stays */
    assert_int_equal(1, csvc__ng_tls_write(p.session, "x", 1));
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
    tls = server("server", "trusted.pem");
    who.cert = "ada";
    assert_false(resumes(tls, &who, NULL, ada, &ticket));
    assert_true(resumes(tls, &who, ticket, ada, NULL));
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
    tls = server("chain", "between.pem");
    who.cert = "leaf"; /* signed by the one between, which is a CA of the server's file */
    tls_pair_call(tls, &p, &who);
    assert_established(&p);
    assert_shown(&p, "leaf");
    assert_int_equal(3, sk_X509_num(SSL_get0_verified_chain(p.ssl)));
    assert_int_equal(1, sk_X509_NAME_num(SSL_get_client_CA_list(p.ssl)));
    tls_pair_hang_up(&p);
    csvc__ng_tls_free(tls);

    /* more names of CAs than callers can be told */
    assert_int_equal(0, system("for i in $(seq 1500); do cat ca.pem; done > many.pem"));
    tls = server("server", "many.pem");
    who.cert = "ada";
    tls_pair_call(tls, &p, &who);
    assert_established(&p);
    assert_identity(&p, ada);
    assert_true(sk_X509_NAME_num(SSL_get_client_CA_list(p.ssl)) <= 0);
    tls_pair_hang_up(&p);
    csvc__ng_tls_free(tls);

    /* callers have a limit, too */
    assert_int_equal(0, system("(cat ada.pem; for i in $(seq 300); do cat ca.pem; done) > long.pem "
                               "&& cp ada.key long.key"));
    tls = server("server", "ca.pem");
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

/* ---- those who do not keep to the rules ---- */

static void send_raw(const tls_pair *p, const void *data, size_t len)
{
    assert_int_equal(len, send(p->far_fd, data, len, MSG_NOSIGNAL));
}

/* Reads until there is no more to be had for now. */
static void drink_up(tls_pair *p)
{
    char buffer[256];
    ssize_t n;

    do {
        n = tls_pair_read(p, buffer, sizeof(buffer));
    } while (n > 0);
}

static void assert_says(const tls_pair *p, const char *why)
{
    char text[256] = "";
    const char *said = csvc__ng_tls_refusal(p->session, text, sizeof(text));

    if (why == NULL) {
        assert_null(said);
    } else {
        assert_non_null(said);
        assert_string_equal(why, said);
    }
}

static void no_handshake_at_all(void **state)
{
    static const struct {
        const char *sent, *why, *logged;
    } cases[] = {
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "wrong version number", "does not speak TLS"},
        {"GET / HTTP/1.1\r\nhost: x\r\n\r\n", "http request", "does not speak TLS"},
        {"\x16\x03\x01\x60\x01xxxxxxxxxxxx", "packet length too long", "see the text"},
        {"\x16\x03\x01\x00\x04\x02\x00\x00\x00", NULL, NULL},
        {"\x17\x03\x03\x00\x04xxxx", NULL, NULL},
        {"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4", "wrong version number", NULL},
    };
    ng_tls *tls = server("server", NULL);
    tls_pair p;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        const char *why;

        tls_pair_connect(tls, &p);
        send_raw(&p, cases[i].sent,
                 cases[i].sent[0] == 0x16 || cases[i].sent[0] == 0x17 ? 9 : strlen(cases[i].sent));
        drink_up(&p);
        assert_int_equal(NG_IO_ERROR, p.last);
        why = csvc__ng_tls_refusal(p.session, text, sizeof(text));
        assert_non_null(why);
        if (cases[i].why != NULL) {
            assert_string_equal(cases[i].why, why);
        }
        if (cases[i].logged != NULL) {
            log_catch(CSVC_LOG_INFO);
            csvc__tls_log_refusal(why, "ipv4:10.0.0.1:5");
            assert_non_null(strstr(log_caught(), cases[i].logged));
            assert_non_null(strstr(log_caught(), " peer=ipv4:10.0.0.1:5\n"));
            log_let_go();
        }
        tls_pair_hang_up(&p);
    }
    /* who says nothing is nobody's worry; who goes in the midst is told of */
    tls_pair_connect(tls, &p);
    drink_up(&p);
    assert_int_equal(NG_IO_AGAIN_READ, p.last);
    shutdown(p.far_fd, SHUT_WR);
    drink_up(&p);
    assert_int_equal(0, p.last);
    assert_says(&p, NULL);
    tls_pair_hang_up(&p);

    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        tls_caller who = tls_caller_plain;

        who.version = version;
        tls_pair_connect(tls, &p);
        tls_pair_call_by(&p, &who);
        assert_int_equal(-1, SSL_do_handshake(p.ssl));
        drink_up(&p);
        assert_int_equal(NG_IO_AGAIN_READ, p.last);
        shutdown(p.far_fd, SHUT_WR);
        drink_up(&p);
        assert_int_equal(0, p.last);
        assert_says(&p, "the peer closed in the midst of the handshake");
        tls_pair_hang_up(&p);
    }
    /* a writer finds nobody there, and lives */
    tls_pair_call(tls, &p, &tls_caller_plain);
    assert_established(&p);
    close(p.far_fd);
    p.far_fd = -1;
    assert_int_equal(NG_IO_ERROR, csvc__ng_tls_write(p.session, "x", 1));
    assert_says(&p, NULL);
    tls_pair_hang_up(&p);

    /* who looked for somebody else leaves without a word */
    for (int known = 0; known < 2; known++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%s", known ? "localhost" : "elsewhere.example");
        tls_pair_connect(tls, &p);
        tls_pair_call_by(&p, &tls_caller_plain);
        SSL_set_tlsext_host_name(p.ssl, name);
        tls_pair_shake_hands(&p);
        assert_true(csvc__ng_tls_established(p.session));
        shutdown(p.far_fd, SHUT_WR);
        drink_up(&p);
        assert_int_equal(0, p.last);
        assert_says(&p, known ? NULL : "No match found for server name: elsewhere.example");
        tls_pair_hang_up(&p);
    }
    csvc__ng_tls_free(tls);
}

/* What the caller has to say reaches the socket a byte at a time. */
static void slow_callers_are_served(void **state)
{
    ng_tls *tls = server("server", "ca.pem");

    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        tls_caller who = tls_caller_plain;
        BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
        char byte, text[64], got[16] = "";
        size_t n_got = 0, steps = 0;
        bool asked = false;
        tls_pair p;

        who.version = version;
        who.cert = "ada";
        tls_pair_connect(tls, &p);
        tls_pair_call_by(&p, &who);
        BIO_set_mem_eof_return(in, -1);
        BIO_set_mem_eof_return(out, -1);
        SSL_set_bio(p.ssl, in, out);
        while (n_got < 5) {
            ssize_t n = recv(p.far_fd, text, sizeof(text), 0);

            assert_true(++steps < 20000);
            if (n > 0) {
                assert_int_equal(n, BIO_write(in, text, (int)n));
            }
            ERR_clear_error();
            if (SSL_do_handshake(p.ssl) == 1 && !asked) {
                assert_int_equal(5, SSL_write(p.ssl, "hello", 5));
                asked = true;
            }
            if (BIO_read(out, &byte, 1) == 1) {
                send_raw(&p, &byte, 1);
            }
            n = tls_pair_read(&p, got + n_got, sizeof(got) - n_got);
            assert_true(n > 0 || tls_again(n));
            n_got += n > 0 ? (size_t)n : 0;
        }
        assert_memory_equal("hello", got, 5);
        assert_identity(&p, ada);
        tls_pair_hang_up(&p);
    }
    csvc__ng_tls_free(tls);
}

/* Who sends as fast as one can read does not keep the others waiting. */
static void fast_callers_wait_their_turn(void **state)
{
    static char data[16 * 1024];
    ng_tls *tls = server("server", NULL);
    const int room = 4 << 20;
    size_t sent = 0, got = 0, turns = 0;
    tls_pair p;

    (void)state;
    tls_pair_call(tls, &p, &tls_caller_plain);
    assert_established(&p);
    assert_int_equal(0, setsockopt(p.far_fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)));
    ERR_clear_error();
    for (; sent < 24 * sizeof(data); sent += sizeof(data)) {
        if (SSL_write(p.ssl, data, sizeof(data)) != sizeof(data)) {
            break;
        }
    }
    while (got < sent) {
        size_t turn = 0;
        ssize_t n = 0;

        do {
            n = tls_pair_read(&p, data, sizeof(data));
            turn += n > 0 ? (size_t)n : 0;
        } while (n > 0 && csvc__ng_tls_pending(p.session));
        assert_true(n > 0 || n == NG_IO_AGAIN_READ);
        assert_in_range(turn, 1, 10 * sizeof(data));
        got += turn;
        turns++;
    }
    assert_int_equal(sent, got);
    assert_true(turns > 1);
    tls_pair_hang_up(&p);
    csvc__ng_tls_free(tls);
}

/* What does not fit now goes out later, once and in order, from another place in memory. */
static void slow_readers_get_all(void **state)
{
    enum {
        TOTAL = 1 << 20
    };
    ng_tls *tls = server("server", NULL);
    char *all = malloc(TOTAL), *moved = malloc(TOTAL), *got = malloc(TOTAL);
    size_t sent = 0, n_got = 0, waits = 0;
    tls_pair p;

    (void)state;
    for (size_t i = 0; i < TOTAL; i++) {
        all[i] = (char)(i * 31 + i / 256);
    }
    tls_pair_call(tls, &p, &tls_caller_plain);
    while (n_got < TOTAL) {
        ssize_t n = 0;
        size_t len = 0;

        while (sent < TOTAL && n >= 0) {
            memcpy(moved, all + sent, TOTAL - sent);
            n = csvc__ng_tls_write(p.session, moved, TOTAL - sent);
            memset(moved, 0, TOTAL - sent);
            assert_true(n > 0 || n == NG_IO_AGAIN_WRITE);
            sent += n > 0 ? (size_t)n : 0;
            waits += n < 0;
        }
        if (tls_pair_caller_reads(&p, got + n_got, TOTAL - n_got, &len)) {
            n_got += len;
        }
    }
    assert_true(waits > 0);
    assert_memory_equal(all, got, TOTAL);
    tls_pair_hang_up(&p);
    csvc__ng_tls_free(tls);
    free(all);
    free(moved);
    free(got);
}

/* Records that bring nothing are OpenSSL's to answer, but not without end. */
static void idle_records_are_counted(void **state)
{
    ng_tls *tls = server("server", NULL);

    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        tls_caller who = tls_caller_plain;
        int rounds = 0;
        char text[64];
        size_t n = 0;
        tls_pair p;

        who.version = version;
        tls_pair_call(tls, &p, &who);
        assert_established(&p);
        for (rounds = 0; rounds < 500 && p.last != NG_IO_ERROR; rounds++) {
            if (version == TLS1_3_VERSION) {
                assert_int_equal(1, SSL_key_update(p.ssl, SSL_KEY_UPDATE_REQUESTED));
                assert_int_equal(1, SSL_do_handshake(p.ssl));
            } else {
                /* a ClientHello each: OpenSSL's client cannot be brought to it twice */
                if (rounds > 0) {
                    break;
                }
                assert_int_equal(1, SSL_renegotiate(p.ssl));
                (void)SSL_do_handshake(p.ssl);
            }
            if (rounds < 200 && rounds % 20 == 0 && version == TLS1_3_VERSION) {
                /* with data between them they may go on */
                assert_int_equal(1, SSL_write(p.ssl, "x", 1));
                assert_int_equal(1, tls_pair_read(&p, text, sizeof(text)));
            }
            drink_up(&p);
            (void)tls_pair_caller_reads(&p, text, sizeof(text), &n);
        }
        if (version == TLS1_3_VERSION) {
            assert_true(rounds > 200 && rounds < 250);
            assert_int_equal(NG_IO_ERROR, p.last);
            assert_says(&p, "too many records without data");
        } else {
            assert_int_equal(NG_IO_AGAIN_READ, p.last);
            assert_int_equal(SSL_R_NO_RENEGOTIATION, ERR_GET_REASON(ERR_peek_last_error()));
            ERR_clear_error();
        }
        tls_pair_hang_up(&p);
    }
    csvc__ng_tls_free(tls);
}

/* ---- what it costs ---- */

static void an_idle_connection_is_small(void **state)
{
    (void)state;
    for (int mutual = 0; mutual < 2; mutual++) {
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            ng_tls *tls = server("server", mutual ? "ca.pem" : NULL);
            tls_caller who = tls_caller_plain;
            char byte;
            size_t before;
            tls_pair first, p;

            who.version = version;
            who.cert = mutual ? "ada" : NULL;
            tls_pair_call(tls, &first, &who); /* what is made once is made */
            before = tls_pair_held();
            tls_pair_call(tls, &p, &who);
            assert_established(&p);
            assert_int_equal(1, SSL_write(p.ssl, "x", 1));
            assert_int_equal(1, tls_pair_read(&p, &byte, 1));
            assert_int_equal(1, tls_pair_write(&p, "y", 1));
            assert_int_equal(NG_IO_AGAIN_READ, tls_pair_read(&p, &byte, 1));
            print_message("TLS 1.%d%s: an idle connection holds %zu bytes\n",
                          version - TLS1_2_VERSION + 2, mutual ? ", mutual" : "",
                          tls_pair_held() - before);
            assert_in_range(tls_pair_held() - before, 1, mutual ? 32 * 1024 : 20 * 1024);
            tls_pair_hang_up(&p);
            assert_int_equal(before, tls_pair_held());
            tls_pair_hang_up(&first);
            csvc__ng_tls_free(tls);
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    certs_begin();
    certs_ca("ca");
    certs_ca("other");
    certs_sign("server", "ca", "server", "DNS:localhost,IP:127.0.0.1", 0);
    certs_sign("ada", "ca", "ada",
               "DNS:ada.example.org,URI:spiffe://example.org/ada,IP:10.0.0.1,email:ada@x.org", 0);
    certs_sign("eve", "other", "eve", "DNS:eve", 0);
    certs_sign("expired", "ca", "expired", "DNS:expired", 1);
    return system("openssl req -x509 -newkey rsa:1024 -nodes -keyout weak.key -out weak.pem "
                  "-subj /CN=weak -days 10 2>openssl.log && "
                  "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
                  "between.key -out between.csr -subj /CN=between 2>openssl.log && "
                  "echo basicConstraints=critical,CA:true > between.ext && "
                  "openssl x509 -req -in between.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
                  "-extfile between.ext -days 10 -out between.pem 2>openssl.log") ||
           (certs_sign("leaf", "between", "leaf", "DNS:leaf", 0), 0);
}

static int tear_down(void **state)
{
    (void)state;
    certs_end();
    return 0;
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
        cmocka_unit_test(no_handshake_at_all),
        cmocka_unit_test(slow_callers_are_served),
        cmocka_unit_test(fast_callers_wait_their_turn),
        cmocka_unit_test(slow_readers_get_all),
        cmocka_unit_test(idle_records_are_counted),
        cmocka_unit_test(an_idle_connection_is_small),
    };

    if (!tls_pair_count()) {
        return 1;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
