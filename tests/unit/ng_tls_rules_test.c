/* TLS of the nghttp2 transport, as ng_tls_test.c: callers that do not keep to the rules, or are
 * slow or fast, and what a connection costs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <transport/tls/refusal.h>

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs.h"
#include "log_catcher.h"
#include "tls_pair.h"

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
    ng_tls *tls = tls_pair_server("server", NULL);
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
    csvc__ng_tls_free(tls);
}

/* Who says nothing is nobody's worry; who goes in the midst is told of. */
static void who_leaves_early(void **state)
{
    ng_tls *tls = tls_pair_server("server", NULL);
    tls_pair p;

    (void)state;
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
    csvc__ng_tls_free(tls);
}

/* Who looked for somebody else leaves without a word. */
static void who_calls_another(void **state)
{
    char names[2][32] = {"elsewhere.example", "localhost"};
    ng_tls *tls = tls_pair_server("server", NULL);

    (void)state;
    for (int known = 0; known < 2; known++) {
        tls_pair p;

        tls_pair_connect(tls, &p);
        tls_pair_call_by(&p, &tls_caller_plain);
        SSL_set_tlsext_host_name(p.ssl, names[known]);
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
    ng_tls *tls = tls_pair_server("server", "ca.pem");

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
        tls_pair_assert_identity(&p, certs_ada);
        tls_pair_hang_up(&p);
    }
    csvc__ng_tls_free(tls);
}

/* Who sends as fast as one can read does not keep the others waiting. */
static void fast_callers_wait_their_turn(void **state)
{
    static char data[16 * 1024];
    ng_tls *tls = tls_pair_server("server", NULL);
    const int room = 4 << 20;
    size_t sent = 0, got = 0, turns = 0;
    tls_pair p;

    (void)state;
    tls_pair_call(tls, &p, &tls_caller_plain);
    tls_pair_assert_established(&p);
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

/* While other records are on their way, OpenSSL's own wait. */
static void answers_wait_their_turn(void **state)
{
    ng_tls *tls = tls_pair_server("server", NULL);
    char byte = 0;
    tls_pair p;

    (void)state;
    tls_pair_connect(tls, &p);
    tls_pair_call_by(&p, &tls_caller_plain);
    assert_int_equal(-1, SSL_do_handshake(p.ssl));
    csvc__ng_tls_hold(p.session, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(NG_IO_AGAIN_WRITE, tls_pair_read(&p, &byte, 1));
        assert_int_equal(-1, recv(p.far_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT));
    }
    csvc__ng_tls_hold(p.session, false);
    tls_pair_shake_hands(&p);
    tls_pair_assert_established(&p);
    tls_pair_hang_up(&p);
    csvc__ng_tls_free(tls);
}

/* More than was reckoned with is refused, and ends the session. */
static void records_stay_in_their_room(void **state)
{
    static uint8_t records[20000];
    ng_tls_sealed sealed = {.bytes = records, .room = 16384 + 100};
    ng_tls *tls = tls_pair_server("server", NULL);
    static const char data[16384];
    tls_pair p;

    (void)state;
    tls_pair_call(tls, &p, &tls_caller_plain);
    tls_pair_assert_established(&p);
    assert_true(csvc__ng_tls_seal(p.session, data, sizeof(data), &sealed));
    assert_in_range(sealed.len, sizeof(data), sealed.room);
    assert_false(csvc__ng_tls_seal(p.session, data, sizeof(data), &sealed));
    assert_in_range(sealed.len, sizeof(data), sealed.room);
    assert_int_equal(NG_IO_ERROR, tls_pair_write(&p, "x", 1));
    tls_pair_hang_up(&p);
    csvc__ng_tls_free(tls);
}

/* Records that bring nothing are OpenSSL's to answer, but not without end. */
static void idle_records_are_counted(void **state)
{
    ng_tls *tls = tls_pair_server("server", NULL);

    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        tls_caller who = tls_caller_plain;
        int rounds = 0;
        char text[64];
        size_t n = 0;
        tls_pair p;

        who.version = version;
        tls_pair_call(tls, &p, &who);
        tls_pair_assert_established(&p);
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
            ng_tls *tls = tls_pair_server("server", mutual ? "ca.pem" : NULL);
            tls_caller who = tls_caller_plain;
            char byte;
            size_t before;
            tls_pair first, p;

            who.version = version;
            who.cert = mutual ? "ada" : NULL;
            tls_pair_call(tls, &first, &who); /* what is made once is made */
            before = tls_pair_held();
            tls_pair_call(tls, &p, &who);
            tls_pair_assert_established(&p);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_handshake_at_all),
        cmocka_unit_test(who_leaves_early),
        cmocka_unit_test(who_calls_another),
        cmocka_unit_test(slow_callers_are_served),
        cmocka_unit_test(fast_callers_wait_their_turn),
        cmocka_unit_test(answers_wait_their_turn),
        cmocka_unit_test(records_stay_in_their_room),
        cmocka_unit_test(idle_records_are_counted),
        cmocka_unit_test(an_idle_connection_is_small),
    };

    if (!tls_pair_count()) {
        return 1;
    }
    return cmocka_run_group_tests(tests, certs_set_up_callers, certs_tear_down);
}
