/*
 * Each allocation of ours fails in turn while a server on nghttp2 serves calls of the four kinds,
 * in plaintext and under TLS. Each call is answered, or for want of memory refused, or its
 * connection goes; and when there is memory again the same server answers them all.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/server.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "certs.h"
#include "failing_alloc.h"
#include "h2_client.h"
#include "log_catcher.h"
#include "stream_service.h"

enum {
    LONG = 20 * 1000, /* more than a frame takes */
    HEAD = 5 + 2 + 4,
    MESSAGE = HEAD + LONG,
    MESSAGES = 3
};

/* As many messages of gRPC, {id: 3, name: 20,000 letters}, one behind the other. */
static uint8_t messages[MESSAGES * MESSAGE];

static void make_messages(void)
{
    static const uint32_t len = MESSAGE - 5;
    static const uint8_t head[HEAD] = {
        0, len >> 24, len >> 16 & 0xff, len >> 8 & 0xff, len & 0xff, 0x08, 3, 0x12, 0, 0, 0};

    uint32_t seed = 1;

    for (int i = 0; i < MESSAGES; i++) {
        uint8_t *at = messages + (size_t)i * MESSAGE;

        memcpy(at, head, sizeof(head));
        at[8] = (uint8_t)(LONG & 0x7f) | 0x80;
        at[9] = (uint8_t)(LONG >> 7 & 0x7f) | 0x80;
        at[10] = (uint8_t)(LONG >> 14);
        for (int j = 0; j < LONG; j++) {
            seed = seed * 1103515245 + 12345;
            at[HEAD + j] = (uint8_t)('a' + (seed >> 16) % 26); /* packed it is still long */
        }
    }
}

/* ---- handlers that take memory of the transport in every way ---- */

static csvc_code fields(csvc_ctx *ctx)
{
    const char *key = csvc_metadata(ctx, "x-key");

    if (key == NULL || csvc_peer(ctx) == NULL || csvc_set_header(ctx, "x-a", "b") != CSVC_OK ||
        csvc_set_trailer(ctx, "x-c", "d") != CSVC_OK) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    return CSVC_OK;
}

static csvc_code keep(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                      Codec3__Inner *rsp)
{
    (void)peer;
    rsp->name = req->name;
    return fields(ctx);
}

static csvc_code down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    csvc_code code = fields(ctx);

    (void)peer;
    for (int i = 0; i < req->id && code == CSVC_OK; i++) {
        code = csvc_stream_send(out, req);
    }
    return code;
}

/* ---- a server ---- */

typedef struct scene {
    bool tls;
    uint32_t handshake_ms;
    stream_peer peer;
    csvc_server *srv;
    int port;
} scene;

/* False: no memory. */
static bool begin(scene *sc)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT,
                                         .transport = &csvc_nghttp2,
                                         .loops = 2,
                                         .compress_bytes = 1024,
                                         .handshake_timeout_ms = sc->handshake_ms,
                                         .tls_cert_file = sc->tls ? "server.pem" : NULL,
                                         .tls_key_file = sc->tls ? "server.key" : NULL};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_code code = CSVC_OK;

    sc->peer = (stream_peer){.down = down, .up = stream_sums, .both = stream_echoes, .keep = keep};
    sc->srv = csvc_server_new(&options, &err);
    code = sc->srv == NULL ? err.code : stream_register(sc->srv, &sc->peer);
    if (code == CSVC_OK) {
        code = csvc_server_listen(sc->srv, "127.0.0.1:0", &sc->port, &err);
    }
    if (code == CSVC_OK) {
        code = csvc_server_start(sc->srv, &err);
    }
    if (code != CSVC_OK && code != CSVC_RESOURCE_EXHAUSTED) {
        fail_msg("%s: %s", csvc_code_name(code), err.text);
    }
    return code == CSVC_OK;
}

static void end(scene *sc, bool serves)
{
    if (serves) {
        assert_int_equal(CSVC_OK, csvc_server_shutdown(sc->srv, 20000));
    }
    assert_null(csvc_server_free(sc->srv));
}

/* ---- calls ---- */

typedef struct kind {
    const char *path;
    int n; /* messages */
    int status;
} kind;

static const kind kinds[] = {
    {"/test.Streams/Keep", 1, CSVC_OK},
    {"/test.Streams/Down", 1, CSVC_OK},
    {"/test.Streams/Up", MESSAGES, CSVC_OK},
    {"/test.Streams/Both", MESSAGES, CSVC_OK},
    {"/test.Streams/InlineKeep", 1, CSVC_OK},
    {"/test.Streams/Keep", MESSAGES, CSVC_UNIMPLEMENTED}, /* which takes one */
    {"/test.Streams/None", 1, CSVC_UNIMPLEMENTED},
};

enum {
    KINDS = sizeof(kinds) / sizeof(kinds[0])
};

/* One of each, side by side on one connection; true when each was answered as it should be. */
static bool call_all(const scene *sc)
{
    h2_client client;
    h2_call calls[KINDS];
    bool fine = h2_client_open(&client, sc->port, sc->tls, 0);

    if (fine) {
        for (size_t i = 0; i < KINDS; i++) {
            h2_client_begin(&client, &calls[i], kinds[i].path, messages,
                            (size_t)kinds[i].n * MESSAGE);
        }
        h2_client_run(&client);
        for (size_t i = 0; i < KINDS; i++) {
            const int status = calls[i].status;

            assert_true(client.ended || calls[i].closed);
            /* or none: a reset, or the connection has gone */
            if (status != kinds[i].status && status != CSVC_RESOURCE_EXHAUSTED &&
                status != H2_NO_STATUS) {
                fail_msg("%s: %s", kinds[i].path, csvc_code_name((csvc_code)status));
            }
            fine = fine && status == kinds[i].status;
        }
    }
    h2_client_close(&client);
    return fine;
}

static void fail_each(bool tls)
{
    scene sc = {.tls = tls};
    size_t n = 0, asked = 0, refused = 0;

    do {
        bool serves = false;

        failing_alloc_begin(++n);
        serves = begin(&sc);
        if (serves) {
            refused += !call_all(&sc);
            asked = failing_alloc_pass();
            assert_true(call_all(&sc));
        } else {
            asked = failing_alloc_pass();
        }
        end(&sc, serves);
        (void)failing_alloc_end();
        assert_int_equal(0, failing_alloc_live());
    } while (asked >= n);
    assert_true(refused > 20); /* some memory is not missed: the call waits, or does without */
    print_message("%zu allocations; %zu times a call was not answered\n", n - 1, refused);
}

static void plaintext(void **state)
{
    (void)state;
    fail_each(false);
}

static void under_tls(void **state)
{
    (void)state;
    fail_each(true);
}

/* Whatever there is no memory for, who says nothing is not kept for ever. */
static void connections_that_say_nothing(void **state)
{
    scene sc = {.tls = true, .handshake_ms = 20};
    size_t n = 0, asked = 0;

    (void)state;
    do {
        h2_client client;
        char byte;

        failing_alloc_begin(0);
        assert_true(begin(&sc));
        failing_alloc_next(++n);
        assert_true(h2_client_open(&client, sc.port, false, 0));
        errno = 0;
        assert_true(recv(client.fd, &byte, 1, 0) <= 0);
        assert_int_not_equal(EAGAIN, errno);
        asked = failing_alloc_pass();
        h2_client_close(&client);
        end(&sc, true);
        (void)failing_alloc_end();
        assert_int_equal(0, failing_alloc_live());
    } while (asked >= n);
    assert_true(n > 5);
}

static int set_up(void **state)
{
    make_messages();
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL's client may raise it */
    log_catch(CSVC_LOG_OFF);
    return certs_set_up(state);
}

static int tear_down(void **state)
{
    log_let_go();
    return certs_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plaintext),
        cmocka_unit_test(under_tls),
        cmocka_unit_test(connections_that_say_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
