/*
 * The half-close against every other end of reading. A handler that took a cancelled upload for a
 * whole one would keep half of it: so in thousands of calls that end in different ways, at
 * different moments, recv's code is OK only where the caller has half-closed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/testing.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream_service.h"
#include "wire.h"
#include "transports.h"

enum {
    PATIENCE_S = 60,
    WHOLE = 1 << 20 /* the id of a message whose caller will half-close */
};

typedef struct scene {
    csvc_testing *t;
    csvc_channel *ch;
    stream_peer peer;
    int port;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    int begun;  /* handlers */
    int whole;  /* of those that ended: with OK, as they should */
    int halves; /* with OK, as they should not */
    int lost;   /* with another code, though the caller had half-closed */
} scene;

static void note(scene *sc, int *counter)
{
    (void)pthread_mutex_lock(&sc->lock);
    ++*counter;
    (void)pthread_cond_broadcast(&sc->changed);
    (void)pthread_mutex_unlock(&sc->lock);
}

static void await(scene *sc, const int *counter, int wanted)
{
    const int64_t until = csvc__now() + PATIENCE_S * 1000 * CSVC__MS;

    (void)pthread_mutex_lock(&sc->lock);
    while (*counter < wanted) {
        struct timespec soon;

        (void)clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_sec++;
        (void)pthread_cond_timedwait(&sc->changed, &sc->lock, &soon);
        if (csvc__now() > until) {
            fail_msg("%d of %d", *counter, wanted);
        }
    }
    (void)pthread_mutex_unlock(&sc->lock);
}

/* Takes all there is, and looks at why there was no more. */
static csvc_code takes(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    scene *sc = peer->data;
    const void *message;
    bool whole = false;
    csvc_code code;

    (void)ctx;
    (void)out;
    note(sc, &sc->begun);
    while (csvc_stream_recv(in, &message)) {
        whole = ((const Codec3__Inner *)message)->id == WHOLE;
    }
    code = csvc_stream_code(in);
    if (code == CSVC_OK) {
        note(sc, whole ? &sc->whole : &sc->halves);
    } else if (whole) {
        note(sc, &sc->lost);
    }
    return code;
}

static csvc_code takes_up(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    (void)rsp;
    return takes(peer, ctx, in, NULL);
}

static int set_up(void **state)
{
    scene *sc = calloc(1, sizeof(*sc));

    (void)pthread_mutex_init(&sc->lock, NULL);
    (void)pthread_cond_init(&sc->changed, NULL);
    sc->peer = (stream_peer){.both = takes, .up = takes_up, .data = sc};
    sc->t = test_new();
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(sc->t), &sc->peer));
    sc->ch = csvc_testing_channel(sc->t);
    assert_non_null(sc->ch);
    sc->port = csvc_testing_port(sc->t);
    *state = sc;
    return 0;
}

/* Once all handlers have returned. */
static void stop(scene *sc)
{
    assert_null(csvc_testing_free(sc->t));
    sc->t = NULL;
}

static int tear_down(void **state)
{
    scene *sc = *state;

    (void)pthread_cond_destroy(&sc->changed);
    (void)pthread_mutex_destroy(&sc->lock);
    free(sc);
    return 0;
}

/* ---- a library's client ---- */

enum {
    CALLERS = 4,
    CALLS_EACH = 500
};

static csvc_code send_id(csvc_call *call, int id)
{
    Codec3__Inner message = CODEC3__INNER__INIT;

    message.id = id;
    return csvc_call_send(call, &message);
}

/* Uploads of none to three messages, cancelled at once, or half-closed every eighth time. */
static void *upload(void *arg)
{
    scene *sc = arg;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_S * 1000};
    int fine = 0;

    for (int i = 0; i < CALLS_EACH; i++) {
        const bool whole = i % 8 == 0;
        csvc_call *call = csvc_call_start(sc->ch, &stream_methods[STREAM_BOTH], &rpc, NULL, NULL);

        if (call == NULL) {
            break;
        }
        for (int k = 0; k < i % 4; k++) {
            (void)send_id(call, 1);
        }
        if (whole) {
            (void)send_id(call, WHOLE);
            fine += csvc_call_finish(call, &rpc, NULL) == CSVC_OK;
        } else {
            csvc_call_cancel(call);
            fine += csvc_call_finish(call, &rpc, NULL) == CSVC_CANCELLED;
        }
    }
    csvc_rpc_clear(&rpc);
    return fine == CALLS_EACH ? NULL : arg;
}

static void cancelled_by_the_caller(void **state)
{
    scene *sc = *state;
    pthread_t threads[CALLERS];

    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(0, pthread_create(&threads[i], NULL, upload, sc));
    }
    for (int i = 0; i < CALLERS; i++) {
        void *wrong;

        assert_int_equal(0, pthread_join(threads[i], &wrong));
        assert_null(wrong);
    }
    stop(sc);
    assert_int_equal(0, sc->halves);
    assert_int_equal(0, sc->lost);
    assert_int_equal(CALLERS * ((CALLS_EACH + 7) / 8), sc->whole);
}

/* The deadline is an end of its own, on both sides at about the same time. */
static void ended_by_the_deadline(void **state)
{
    scene *sc = *state;
    csvc_rpc rpc = {CSVC_RPC_INIT};

    for (int i = 0; i < 300; i++) {
        csvc_call *call;

        rpc.timeout_ms = 1 + i % 3;
        call = csvc_call_start(sc->ch, &stream_methods[STREAM_UP], &rpc, NULL, NULL);
        assert_non_null(call);
        (void)send_id(call, 1);
        while (send_id(call, 1) == CSVC_OK) {
        }
        csvc_call_cancel(call); /* finish would half-close, which is no news by now */
        (void)csvc_call_finish(call, &rpc, NULL);
    }
    csvc_rpc_clear(&rpc);
    stop(sc);
    assert_int_equal(0, sc->halves);
}

/* ---- a client of bytes ---- */

static const uint8_t one[] = {0, 0, 0, 0, 2, 0x08, 1};                 /* {id: 1} */
static const uint8_t last[] = {0, 0, 0, 0, 4, 0x08, 0x80, 0x80, 0x40}; /* {id: WHOLE} */

static void open_stream(wire *w, uint32_t stream)
{
    const wire_header headers[] = {
        {":method", "POST"},
        {":scheme", "http"},
        {":path", "/test.Streams/Both"},
        {":authority", "localhost"},
        {"content-type", "application/grpc"},
        {"te", "trailers"},
        {NULL, NULL},
    };
    uint8_t block[512];

    wire_send_frame(w, H2_HEADERS, H2_END_HEADERS, stream, block, wire_put_headers(block, headers));
}

/* Streams that are reset behind their messages, in one write or in several, with each error that a
 * client may give; between them some that half-close. */
static void reset_by_the_caller(void **state)
{
    enum {
        STREAMS = 3000,
        AT_ONCE = 50,
        A_CONNECTION = 500 /* who resets more at once is sent away */
    };
    scene *sc = *state;
    wire w = {.fd = -1};
    int whole = 0;

    for (uint32_t i = 0; i < STREAMS; i++) {
        const uint32_t stream = 2 * (i % A_CONNECTION) + 1;
        const uint8_t error[4] = {0, 0, 0, (uint8_t)(i % 14)};

        if (i % A_CONNECTION == 0) {
            if (i > 0) {
                close(w.fd);
            }
            w = wire_open(sc->port);
            wire_settle(&w);
        }
        open_stream(&w, stream);
        for (uint32_t k = 0; k < i % 4; k++) {
            wire_send_frame(&w, H2_DATA, 0, stream, one, sizeof(one));
        }
        if (i % 5 == 4) {
            wire_send_frame(&w, H2_DATA, H2_END_STREAM, stream, last, sizeof(last));
            whole++;
        } else {
            wire_send_frame(&w, H2_RST_STREAM, 0, stream, error, sizeof(error));
        }
        if (i % AT_ONCE == AT_ONCE - 1) {
            await(sc, &sc->whole, whole); /* so that the limit of streams is not met */
        }
        assert_false(w.closed);
    }
    stop(sc);
    close(w.fd);
    assert_int_equal(0, sc->halves);
    assert_int_equal(0, sc->lost);
    assert_int_equal(whole, sc->whole);
}

/* Connections that go away with calls on them: closed, or cut with what was sent unread; in the
 * middle of a frame or between two. */
static void connections_dropped(void **state)
{
    enum {
        CONNECTIONS = 150,
        STREAMS = 8
    };
    scene *sc = *state;

    for (int i = 0; i < CONNECTIONS; i++) {
        wire w = wire_open(sc->port);
        const struct linger hard = {.l_onoff = 1, .l_linger = 0};
        int before;

        (void)pthread_mutex_lock(&sc->lock);
        before = sc->begun;
        (void)pthread_mutex_unlock(&sc->lock);

        for (uint32_t k = 0; k < STREAMS; k++) {
            open_stream(&w, 2 * k + 1);
            wire_send_frame(&w, H2_DATA, 0, 2 * k + 1, one, i % 3 == 0 ? 3 : sizeof(one));
        }
        if (i % 2 == 0) {
            await(sc, &sc->begun, before + 1); /* else it may go before it is looked at */
        }
        if (i % 4 < 2) {
            (void)setsockopt(w.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        }
        close(w.fd);
    }
    stop(sc);
    assert_int_equal(0, sc->halves);
    assert_int_equal(0, sc->whole);
}

/* A message over the limit is no half-close either. */
static void too_long_messages(void **state)
{
    scene *sc = *state;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_S * 1000};
    const size_t len = (4 << 20) + 1;
    Codec3__Inner message = CODEC3__INNER__INIT;

    message.name = malloc(len + 1);
    assert_non_null(message.name);
    memset(message.name, 'x', len);
    message.name[len] = '\0';
    for (int i = 0; i < 5; i++) {
        csvc_call *call = csvc_call_start(sc->ch, &stream_methods[STREAM_UP], &rpc, NULL, NULL);

        assert_non_null(call);
        (void)send_id(call, 1);
        assert_int_equal(CSVC_OK, csvc_call_send(call, &message));
        assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc_call_finish(call, &rpc, NULL));
    }
    free(message.name);
    csvc_rpc_clear(&rpc);
    stop(sc);
    assert_int_equal(0, sc->halves);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cancelled_by_the_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ended_by_the_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reset_by_the_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connections_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_long_messages, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
