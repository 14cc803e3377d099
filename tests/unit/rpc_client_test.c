/* What a client has to live with, over the gRPC C core: keepers that ask for nothing, channels that
 * go, servers that come back, calls made from events. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/testing.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "await.h"
#include "stream_service.h"
#include "transports.h"

#include <transport/seam.h>

typedef struct scene {
    csvc_testing *t;
    csvc_channel *ch; /* the test's own */
    stream_peer peer;
} scene;

static csvc_channel *channel_with(int port, const char *const *forward)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core,
                                          .forward = forward};
    csvc_error err = {CSVC_ERROR_INIT};
    char target[64];
    csvc_channel *ch;

    (void)snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d", port);
    ch = csvc_channel_new(target, &options, &err);
    assert_non_null(ch);
    return ch;
}

static csvc_channel *channel_to(int port)
{
    static const char *const forward[] = {"x-request-id", "x-blob-bin", NULL};

    return channel_with(port, forward);
}

/* The handlers are there before the server: a sanitizer does not see what the network orders. */
static void scene_start(scene *sc, stream_peer peer)
{
    *sc = (scene){.peer = peer};
    sc->t = test_new();
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(sc->t), &sc->peer));
    assert_non_null(csvc_testing_channel(sc->t));
    sc->ch = channel_to(csvc_testing_port(sc->t));
}

static void scene_end(scene *sc)
{
    assert_null(csvc_channel_free(sc->ch));
    assert_null(csvc_testing_free(sc->t));
}

/* ---- handlers ---- */

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

            scene_start(&sc, (stream_peer){.down = counts, .data = &served});
            req.id = many[i];
            call = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, &events);
            assert_non_null(call);
            if (taken > 0) {
                csvc_call_more(call);
                await_at_least(&c.messages, 1);
            }
            if (many[i] < 1000) {
                await_at_least(&served, 1); /* the status may be on this side already */
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

/* ---- unary calls that nobody waits for ---- */

static void relay(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply)
{
    counted *c = self;

    (void)done;
    if (rpc->code == CSVC_OK) {
        atomic_fetch_add(&c->messages, ((const Codec3__Inner *)reply)->id);
    } else {
        atomic_store(&c->code, (int)rpc->code);
    }
    atomic_fetch_add(&c->done, 1);
}

static csvc_call *call_async(scene *sc, csvc_relay_fn *fn, int id, void *self)
{
    csvc_rpc rpc = {CSVC_RPC_INIT};
    Codec3__Inner req = CODEC3__INNER__INIT;
    csvc_call *call;

    req.id = id;
    call = csvc_call_async(sc->ch, &stream_methods[STREAM_KEEP], &rpc, &req, fn, NULL, self);
    assert_non_null(call);
    assert_int_equal(CSVC_OK, rpc.code);
    csvc_rpc_clear(&rpc);
    return call;
}

static void a_thousand_in_flight(void **state)
{
    counted c = {0};
    scene sc;

    (void)state;
    scene_start(&sc, (stream_peer){.keep = stream_answers});
    for (int i = 0; i < 1000; i++) {
        csvc_call_unref(call_async(&sc, relay, 0, &c));
    }
    await_at_least(&c.done, 1000);
    assert_int_equal(1000, atomic_load(&c.messages));
    assert_int_equal(0, atomic_load(&c.code));
    scene_end(&sc);
}

/* Calls again from its own end, as a client of many steps does. */
typedef struct steps {
    scene *sc;
    counted c;
    int left;
} steps;

static void next_step(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply)
{
    steps *st = self;

    relay(done, &st->c, rpc, reply);
    if (--st->left > 0) {
        csvc_call_unref(call_async(st->sc, next_step, 0, st));
    }
}

static void an_end_begins_the_next_call(void **state)
{
    scene sc;
    steps st = {.sc = &sc, .left = 50};

    (void)state;
    scene_start(&sc, (stream_peer){.keep = stream_answers});
    csvc_call_unref(call_async(&sc, next_step, 0, &st));
    await_at_least(&st.c.done, 50);
    assert_int_equal(50, atomic_load(&st.c.messages));
    scene_end(&sc);
}

/* From one thread cancelled, on the loop ended: exactly one end, whichever comes first. */
static void a_cancel_races_with_the_end(void **state)
{
    enum {
        ROUNDS = 300
    };
    counted c = {0};
    scene sc;

    (void)state;
    scene_start(&sc, (stream_peer){.keep = stream_answers, .down = counts});
    for (int i = 0; i < ROUNDS; i++) {
        csvc_call *call = call_async(&sc, relay, 0, &c);

        if (i % 3 == 1) {
            sched_yield();
        }
        csvc_call_cancel(call);
        csvc_call_unref(call);
        if (i % 3 == 2) {
            await_at_least(&c.done, i + 1);
        }
    }
    await_at_least(&c.done, ROUNDS);
    assert_true(atomic_load(&c.code) == 0 || atomic_load(&c.code) == CSVC_CANCELLED);
    for (int i = 0; i < ROUNDS; i++) {
        const csvc_events events = {CSVC_EVENTS_INIT, .self = &c, .on_message = count_message,
                                    .on_done = count_done, .auto_more = i % 2 == 0};
        csvc_rpc rpc = {CSVC_RPC_INIT};
        Codec3__Inner req = CODEC3__INNER__INIT;
        csvc_call *call;

        req.id = 5;
        call = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, &events);
        assert_non_null(call);
        if (i % 3 == 1) {
            csvc_call_more(call);
        }
        csvc_call_cancel(call);
        csvc_call_unref(call);
        csvc_rpc_clear(&rpc);
    }
    await_at_least(&c.done, 2 * ROUNDS);
    scene_end(&sc);
    assert_int_equal(2 * ROUNDS, atomic_load(&c.done));
}

/* ---- a parent ---- */

/* What arrived at the server behind. */
typedef struct arrived {
    pthread_mutex_t lock; /* what the network orders a sanitizer does not see */
    char text[2048];      /* "key=value;" */
    int64_t left_ms;
} arrived;

static csvc_code notes(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                       Codec3__Inner *rsp)
{
    static const char *const keys[] = {"traceparent", "tracestate",    "x-request-id",
                                       "x-other",     "authorization", "x-blob-bin"};
    arrived *a = peer->data;
    size_t len = 0;

    (void)req;
    (void)rsp;
    pthread_mutex_lock(&a->lock);
    a->text[0] = '\0';
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        csvc_bytes value;

        for (size_t n = 0; csvc_metadata_value(ctx, keys[i], n, &value); n++) {
            len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "%s=%.*s;", keys[i],
                                    (int)value.len, (const char *)value.data);
        }
    }
    a->left_ms = csvc_time_left_ms(ctx);
    pthread_mutex_unlock(&a->lock);
    return CSVC_OK;
}

enum {
    ASKED_MS = 20000,  /* of the server in front */
    LEFT_MS = 19300,   /* when it asks the one behind, if it takes its time */
    ARRIVES_MS = 19600 /* at most: the core rounds up */
};

/* The server in front: what it gets, it gets from the one behind; `data` is a channel to it. */
static csvc_code calls_on(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                          Codec3__Inner *rsp)
{
    const csvc_metadata_pair own[] = {{"x-request-id", {3, (const uint8_t *)"own"}}};
    csvc_rpc rpc = {CSVC_RPC_INIT, .parent = ctx, .timeout_ms = 60000};
    const void *reply;
    csvc_code code;

    (void)rsp;
    if (req->id == 2) {
        rpc.metadata = own;
        rpc.n_metadata = 1;
    }
    while (req->id == 3 && csvc_time_left_ms(ctx) > LEFT_MS) {
        const struct timespec nap = {0, 5 * 1000 * 1000};

        (void)nanosleep(&nap, NULL); /* for time to pass, not for anybody */
    }
    code = csvc_call_unary(peer->data, &stream_methods[STREAM_KEEP], &rpc, req, &reply);
    csvc_rpc_clear(&rpc);
    return code;
}

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static csvc_metadata_pair pair(const char *key, const char *value)
{
    return (csvc_metadata_pair){key, {strlen(value), (const uint8_t *)value}};
}

static void assert_arrived(arrived *a, const char *text)
{
    pthread_mutex_lock(&a->lock);
    assert_string_equal(text, a->text);
    pthread_mutex_unlock(&a->lock);
}

static int64_t left_ms(arrived *a)
{
    int64_t left;

    pthread_mutex_lock(&a->lock);
    left = a->left_ms;
    pthread_mutex_unlock(&a->lock);
    return left;
}

static void a_parent_hands_on_its_trace_and_what_is_listed(void **state)
{
    const csvc_metadata_pair all[] = {pair("traceparent", TRACE),     pair("tracestate", "a=1"),
                                      pair("tracestate", "b=2"),      pair("x-request-id", "42"),
                                      pair("authorization", "token"), pair("x-other", "other"),
                                      pair("x-blob-bin", "\1\2")};
    const csvc_metadata_pair twice[] = {pair("traceparent", TRACE), pair("traceparent", TRACE),
                                        pair("tracestate", "a=1")};
    const char *const listed = "traceparent=" TRACE ";tracestate=a=1;tracestate=b=2;"
                               "x-request-id=42;x-blob-bin=\1\2;";
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000, .metadata = all, .n_metadata = 7};
    Codec3__Inner req = CODEC3__INNER__INIT;
    scene front, back;
    arrived a = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const void *reply;

    (void)state;
    scene_start(&back, (stream_peer){.keep = notes, .data = &a});
    scene_start(&front, (stream_peer){.keep = calls_on, .data = back.ch});
    req.id = 1;
    assert_int_equal(CSVC_OK,
                     csvc_call_unary(front.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply));
    assert_arrived(&a, listed);
    assert_in_range(left_ms(&a), 1, 20300); /* what is left; the core rounds up */
    req.id = 2; /* what the handler says itself comes before the parent's */
    assert_int_equal(CSVC_OK,
                     csvc_call_unary(front.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply));
    assert_arrived(&a, "traceparent=" TRACE ";tracestate=a=1;tracestate=b=2;"
                       "x-request-id=own;x-blob-bin=\1\2;");
    rpc.metadata = twice;
    rpc.n_metadata = 3;
    req.id = 1;
    assert_int_equal(CSVC_OK,
                     csvc_call_unary(front.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply));
    assert_arrived(&a, "");
    csvc_rpc_clear(&rpc);
    scene_end(&front);
    scene_end(&back);
}

static void a_parent_hands_on_what_is_left_of_its_time(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = ASKED_MS};
    Codec3__Inner req = CODEC3__INNER__INIT;
    scene front, back;
    arrived a = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const void *reply;

    (void)state;
    scene_start(&back, (stream_peer){.keep = notes, .data = &a});
    scene_start(&front, (stream_peer){.keep = calls_on, .data = back.ch});
    req.id = 3;
    assert_int_equal(CSVC_OK,
                     csvc_call_unary(front.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply));
    assert_in_range(left_ms(&a), 1, ARRIVES_MS);
    csvc_rpc_clear(&rpc);
    scene_end(&front);
    scene_end(&back);
}

/* However often it is listed, and whether it goes on anyway. */
static void a_key_is_handed_on_once(void **state)
{
    static const char *const forward[] = {"traceparent",  "x-request-id", "tracestate",
                                          "x-request-id", "x-request-id", NULL};
    csvc_metadata_pair all[6];
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000, .metadata = all, .n_metadata = 6};
    Codec3__Inner req = CODEC3__INNER__INIT;
    scene front, back;
    arrived a = {.lock = PTHREAD_MUTEX_INITIALIZER};
    csvc_channel *ch;
    const void *reply;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        all[i] = i == 0 ? pair("traceparent", TRACE) : pair("x-request-id", "7");
    }
    scene_start(&back, (stream_peer){.keep = notes, .data = &a});
    ch = channel_with(csvc_testing_port(back.t), forward);
    scene_start(&front, (stream_peer){.keep = calls_on, .data = ch});
    req.id = 1;
    assert_int_equal(CSVC_OK,
                     csvc_call_unary(front.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply));
    assert_arrived(&a, "traceparent=" TRACE ";x-request-id=7;x-request-id=7;x-request-id=7;"
                       "x-request-id=7;x-request-id=7;");
    all[1] = pair("traceparent", TRACE); /* two are none, listed or not */
    rpc.n_metadata = 3;
    assert_int_equal(CSVC_OK,
                     csvc_call_unary(front.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply));
    assert_arrived(&a, "x-request-id=7;");
    csvc_rpc_clear(&rpc);
    scene_end(&front);
    csvc_channel_free(ch);
    scene_end(&back);
}

static void not_every_key_can_be_forwarded(void **state)
{
    static const char *const wrong[][2] = {{"X-Upper", NULL}, {"grpc-timeout", NULL}, {"", NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT,
                                              .transport = &csvc_grpc_core, .forward = wrong[i]};
        csvc_error err = {CSVC_ERROR_INIT};

        assert_null(csvc_channel_new("ipv4:127.0.0.1:1", &options, &err));
        assert_int_equal(CSVC_INVALID_ARGUMENT, err.code);
    }
}

static void nobody_calls_over_what_only_serves(void **state)
{
    csvc_transport serves = csvc_grpc_core;
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &serves};
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    serves.name = "another";
    serves.channel_new = NULL;
    assert_null(csvc_channel_new("ipv4:127.0.0.1:1", &options, &err));
    assert_int_equal(CSVC_UNIMPLEMENTED, err.code);
    assert_string_equal("the transport another serves and does not call; a channel needs another, "
                        "such as &csvc_grpc_core",
                        err.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_freed_channel_ends_what_nobody_takes),
        cmocka_unit_test(a_thousand_in_flight),
        cmocka_unit_test(an_end_begins_the_next_call),
        cmocka_unit_test(a_cancel_races_with_the_end),
        cmocka_unit_test(a_parent_hands_on_its_trace_and_what_is_listed),
        cmocka_unit_test(a_parent_hands_on_what_is_left_of_its_time),
        cmocka_unit_test(a_key_is_handed_on_once),
        cmocka_unit_test(not_every_key_can_be_forwarded),
        cmocka_unit_test(nobody_calls_over_what_only_serves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
