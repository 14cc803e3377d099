/* What a client has to live with, over the gRPC C core: keepers that ask for nothing, channels that
 * go, servers that come back, calls made from events. */
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

#include "stream_service.h"

typedef struct scene {
    csvc_testing *t;
    csvc_channel *ch; /* the test's own */
    stream_peer peer;
} scene;

static csvc_channel *channel_to(int port)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core};
    csvc_error err = {CSVC_ERROR_INIT};
    char target[64];
    csvc_channel *ch;

    (void)snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d", port);
    ch = csvc_channel_new(target, &options, &err);
    assert_non_null(ch);
    return ch;
}

static void scene_start(scene *sc)
{
    memset(sc, 0, sizeof(*sc));
    sc->t = csvc_testing_new(&csvc_grpc_core);
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(sc->t), &sc->peer));
    assert_non_null(csvc_testing_channel(sc->t));
    sc->ch = channel_to(csvc_testing_port(sc->t));
}

static void scene_end(scene *sc)
{
    assert_null(csvc_channel_free(sc->ch));
    assert_null(csvc_testing_free(sc->t));
}

/* Waits for what another thread counts; 20 s are for a machine under a sanitizer. */
static void await_value(atomic_int *value, int wanted)
{
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;

    while (atomic_load(value) < wanted) {
        const struct timespec moment = {.tv_nsec = 1000 * 1000};

        assert_true(csvc__now() < until);
        nanosleep(&moment, NULL);
    }
}

/* ---- handlers ---- */

static csvc_code answers(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                         Codec3__Inner *rsp)
{
    (void)peer;
    (void)ctx;
    rsp->id = req->id + 1;
    return CSVC_OK;
}

/* As many messages as were asked for, then OK; `data` counts the calls that have ended. */
static csvc_code counts(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                        csvc_stream *out)
{
    Codec3__Inner message = CODEC3__INNER__INIT;
    csvc_code code = CSVC_OK;

    (void)ctx;
    for (int i = 0; i < req->id && code == CSVC_OK; i++) {
        message.id = i;
        code = csvc_stream_send(out, &message);
    }
    if (peer->data != NULL) {
        atomic_fetch_add((atomic_int *)peer->data, 1);
    }
    return code;
}

/* ---- what events count ---- */

typedef struct counted {
    atomic_int messages, ends, done, code;
} counted;

static void count_message(void *self, const void *message)
{
    counted *c = self;

    atomic_fetch_add(message != NULL ? &c->messages : &c->ends, 1);
}

static void count_done(void *self, csvc_code code)
{
    counted *c = self;

    atomic_store(&c->code, (int)code);
    atomic_fetch_add(&c->done, 1);
}

/* ---- a keeper that does not take its messages ---- */

static void a_freed_channel_ends_what_nobody_takes(void **state)
{
    /* all of them read ahead, some of them left with the transport, far too many of them */
    static const int many[] = {2, 3, 8, 9, 20, 2000};

    (void)state;
    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
        for (int taken = 0; taken < 2; taken++) {
            counted c = {0};
            atomic_int served = 0;
            const csvc_events events = {CSVC_EVENTS_INIT, .self = &c, .on_message = count_message,
                                        .on_done = count_done};
            scene sc;
            csvc_rpc rpc = {CSVC_RPC_INIT};
            Codec3__Inner req = CODEC3__INNER__INIT;
            csvc_call *call;

            scene_start(&sc);
            sc.peer.down = counts;
            sc.peer.data = &served;
            req.id = many[i];
            call = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, &events);
            assert_non_null(call);
            if (taken > 0) {
                csvc_call_more(call);
                await_value(&c.messages, 1);
            }
            if (many[i] < 1000) {
                await_value(&served, 1); /* the status may be on this side already */
            }
            assert_int_equal(0, atomic_load(&c.done));
            csvc_call_unref(call);
            sc.ch = csvc_channel_free(sc.ch);
            assert_int_equal(1, atomic_load(&c.done));
            assert_int_equal(taken, atomic_load(&c.messages));
            assert_int_equal(CSVC_CANCELLED, atomic_load(&c.code));
            csvc_rpc_clear(&rpc);
            scene_end(&sc);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_freed_channel_ends_what_nobody_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
