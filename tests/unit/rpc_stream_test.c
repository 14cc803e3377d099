/* Streams that handlers wait on, over the gRPC C core: the three kinds, served and called. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/testing.h>
#include <rpc/server.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "await.h"
#include "log_catcher.h"
#include "stream_service.h"
#include "transports.h"

typedef struct scene {
    csvc_testing *t;
    csvc_channel *ch;
    stream_peer peer;
} scene;

static void scene_start(scene *sc)
{
    memset(sc, 0, sizeof(*sc));
    sc->t = test_new();
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(sc->t), &sc->peer));
    sc->ch = csvc_testing_channel(sc->t);
    assert_non_null(sc->ch);
}

static void scene_end(scene *sc)
{
    assert_null(csvc_testing_free(sc->t));
}

static csvc_code send_id(csvc_stream *out, int id, const char *name)
{
    const Codec3__Inner message = stream_message(id, name);

    return csvc_stream_send(out, &message);
}

static csvc_code call_id(csvc_call *call, int id, const char *name)
{
    const Codec3__Inner message = stream_message(id, name);

    return csvc_call_send(call, &message);
}

static csvc_call *start(scene *sc, int which, csvc_rpc *rpc, int id)
{
    Codec3__Inner req = CODEC3__INNER__INIT;
    csvc_call *call;

    req.id = id;
    atomic_store(&sc->peer.told, 1);
    call = csvc_call_start(sc->ch, &stream_methods[which], rpc,
                           which == STREAM_DOWN || which == STREAM_INLINE ? &req : NULL, NULL);
    assert_non_null(call);
    return call;
}

/* ---- handlers ---- */

/* As many as were asked for, then the code in `data`. */
static csvc_code counts(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                        csvc_stream *out)
{
    const csvc_code end =
        peer->data != NULL ? (csvc_code)atomic_load((atomic_int *)peer->data) : CSVC_OK;
    csvc_code code = csvc_set_header(ctx, "x-head", "first");

    for (int i = 0; i < req->id && code == CSVC_OK; i++) {
        code = send_id(out, i, "a message");
    }
    if (code == CSVC_OK) {
        code = csvc_set_trailer(ctx, "x-tail", "last");
    }
    if (code == CSVC_OK && end != CSVC_OK) {
        return csvc_fail(ctx, end, "that was all");
    }
    return code;
}

/* ---- the three kinds ---- */

static void server_streaming(void **state)
{
    static const int counts_of[] = {0, 1, 2, 1000};
    scene sc;
    atomic_int code =
        CSVC_OK; /* of the handler: what the network orders, a sanitizer does not see */
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    csvc_bytes value;
    const void *message;

    (void)state;
    scene_start(&sc);
    sc.peer.down = counts;
    sc.peer.data = &code;
    for (size_t i = 0; i < sizeof(counts_of) / sizeof(counts_of[0]); i++) {
        for (int end = CSVC_OK; end <= CSVC_ABORTED; end += CSVC_ABORTED) {
            csvc_call *call;
            int n = 0;

            atomic_store(&code, end);
            call = start(&sc, STREAM_DOWN, &rpc, counts_of[i]);
            while (csvc_call_recv(call, &message)) {
                assert_int_equal(n++, ((const Codec3__Inner *)message)->id);
                assert_string_equal("a message", ((const Codec3__Inner *)message)->name);
            }
            assert_int_equal(end, csvc_call_finish(call, &rpc, NULL));
            assert_int_equal(counts_of[i], n);
            assert_string_equal(end == CSVC_OK ? "" : "that was all", rpc.message);
            assert_true(csvc_rpc_header(&rpc, "x-head", 0, &value));
            assert_true(csvc_rpc_trailer(&rpc, "x-tail", 0, &value));
        }
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static void client_streaming(void **state)
{
    scene sc;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    const void *reply;

    (void)state;
    scene_start(&sc);
    sc.peer.up = stream_sums;
    for (int n = 0; n <= 1000; n += 500) {
        csvc_call *call = start(&sc, STREAM_UP, &rpc, 0);

        for (int i = 1; i <= n; i++) {
            assert_int_equal(CSVC_OK, call_id(call, i, ""));
        }
        assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, &reply));
        assert_int_equal(n * (n + 1) / 2, ((const Codec3__Inner *)reply)->id);
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static void bidirectional(void **state)
{
    scene sc;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    csvc_call *call;
    const void *message;

    (void)state;
    scene_start(&sc);
    sc.peer.both = stream_echoes;
    call = start(&sc, STREAM_BOTH, &rpc, 0); /* nothing either way */
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    call = start(&sc, STREAM_BOTH, &rpc, 0); /* ping-pong: input is open while it answers */
    for (int i = 0; i < 500; i++) {
        assert_int_equal(CSVC_OK, call_id(call, i, "ping"));
        assert_true(csvc_call_recv(call, &message));
        assert_int_equal(i, ((const Codec3__Inner *)message)->id);
    }
    csvc_call_close_send(call);
    assert_false(csvc_call_recv(call, &message));
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

/* ---- ends that come from the other side ---- */

static csvc_code floods(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                        csvc_stream *out)
{
    char *name = csvc_calloc(ctx, 1, 1025);
    csvc_code code = name != NULL ? CSVC_OK : CSVC_INTERNAL;

    if (name != NULL) {
        memset(name, 'x', 1024);
    }
    for (int i = 0; code == CSVC_OK; i++) {
        code = send_id(out, req->id, name);
        atomic_store((atomic_int *)peer->data, i);
    }
    atomic_store((atomic_int *)peer->data, -(int)code);
    return code;
}

/* A reader that reads nothing stops the sender; one that goes ends its handler. */
static void a_sender_waits_and_hears_that_the_caller_has_gone(void **state)
{
    scene sc;
    atomic_int sent = 0;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    csvc_call *call;
    const void *message;

    (void)state;
    scene_start(&sc);
    sc.peer.down = floods;
    sc.peer.data = &sent;
    call = start(&sc, STREAM_DOWN, &rpc, 1);
    for (int i = 0; i < 2000; i++) {
        assert_true(csvc_call_recv(call, &message));
    }
    csvc_call_cancel(call);
    assert_int_equal(CSVC_CANCELLED, csvc_call_finish(call, &rpc, NULL));
    await_value(&sent, -CSVC_CANCELLED);
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static void a_deadline_wakes_both_sides(void **state)
{
    scene sc;
    atomic_int sent = 0;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 100};
    csvc_call *call;

    (void)state;
    scene_start(&sc);
    sc.peer.down = floods;
    sc.peer.data = &sent;
    call = start(&sc, STREAM_DOWN, &rpc, 1);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, csvc_call_finish(call, &rpc, NULL));
    await_value(&sent, -CSVC_DEADLINE_EXCEEDED);
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

/* How many saw a half-close. */
static csvc_code notes_code(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    const void *message;
    csvc_code code;

    (void)ctx;
    (void)out;
    while (csvc_stream_recv(in, &message)) {
    }
    code = csvc_stream_code(in);
    atomic_fetch_add((atomic_int *)peer->data, code == CSVC_OK);
    return code;
}

/* The transport may say that reading has ended before it says why: never to be taken for OK. Nor
 * may the half-close that is in csvc_call_finish go out. */
static void a_cancelled_stream_is_no_half_close(void **state)
{
    scene sc;
    atomic_int half_closes = 0;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};

    (void)state;
    scene_start(&sc);
    sc.peer.both = notes_code;
    sc.peer.data = &half_closes;
    for (int i = 0; i < 300; i++) {
        csvc_call *call = start(&sc, STREAM_BOTH, &rpc, 0);

        assert_int_equal(CSVC_OK, call_id(call, i, "x"));
        csvc_call_cancel(call);
        (void)csvc_call_finish(call, &rpc, NULL);
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc); /* the handlers have returned */
    assert_int_equal(0, atomic_load(&half_closes));
}

/* Both sides may send before they have received anything. */
static csvc_code speaks_first(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    const csvc_code code = send_id(out, 7, "good morning");

    return code == CSVC_OK ? stream_echoes(peer, ctx, in, out) : code;
}

static void a_server_may_speak_first(void **state)
{
    scene sc;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    const void *message;
    csvc_call *call;

    (void)state;
    scene_start(&sc);
    sc.peer.both = speaks_first;
    call = start(&sc, STREAM_BOTH, &rpc, 0);
    assert_true(csvc_call_recv(call, &message));
    assert_int_equal(7, ((const Codec3__Inner *)message)->id);
    assert_int_equal(CSVC_OK, call_id(call, 8, "good morning"));
    assert_true(csvc_call_recv(call, &message));
    assert_int_equal(8, ((const Codec3__Inner *)message)->id);
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

/* ---- what may not be ---- */

static csvc_code tries_to_send(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                               csvc_stream *out)
{
    (void)peer;
    (void)ctx;
    return send_id(out, req->id, "");
}

static void an_inline_handler_may_not_wait(void **state)
{
    scene sc;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    csvc_call *call;

    (void)state;
    scene_start(&sc);
    sc.peer.down = tries_to_send;
    call = start(&sc, STREAM_INLINE, &rpc, 1);
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_call_finish(call, &rpc, NULL));
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static csvc_code sends_rubbish(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                               csvc_stream *out)
{
    (void)peer;
    (void)ctx;
    return send_id(out, req->id, "\xff\xfe");
}

static csvc_code returns_nonsense(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in,
                                  csvc_stream *out)
{
    (void)peer;
    (void)ctx;
    (void)in;
    (void)out;
    return (csvc_code)99;
}

static void handlers_that_misbehave(void **state)
{
    scene sc;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};

    (void)state;
    log_catch(CSVC_LOG_WARN);
    scene_start(&sc);
    sc.peer.down = sends_rubbish;
    sc.peer.both = returns_nonsense;
    assert_int_equal(CSVC_INTERNAL, csvc_call_finish(start(&sc, STREAM_DOWN, &rpc, 1), &rpc, NULL));
    assert_int_equal(CSVC_INTERNAL, csvc_call_finish(start(&sc, STREAM_BOTH, &rpc, 1), &rpc, NULL));
    assert_true(strstr(rpc.message, "99") != NULL);
    scene_end(&sc);
    assert_true(strstr(log_caught(), "a message cannot be encoded") != NULL);
    assert_true(strstr(log_caught(), "no such status code") != NULL);
    log_let_go();
    csvc_rpc_clear(&rpc);
}

/* Until the clock says that it was slow. */
static void take_long(void)
{
    const int64_t until = csvc__now() + 2 * CSVC__MS;

    while (csvc__now() < until) {
    }
}

static csvc_code keeps_long(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                            Codec3__Inner *rsp)
{
    (void)peer;
    (void)ctx;
    (void)req;
    (void)rsp;
    take_long();
    return CSVC_OK;
}

static csvc_code echoes_long(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    take_long();
    return stream_echoes(peer, ctx, in, out);
}

/* For the log a unary call may be slow, a stream may not: it lasts. */
static void a_stream_is_not_slow(void **state)
{
    scene sc;
    csvc_server *srv;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *reply;

    (void)state;
    log_catch(CSVC_LOG_DEBUG);
    memset(&sc, 0, sizeof(sc));
    sc.t = test_new();
    srv = csvc_testing_server(sc.t);
    srv->o.slow_call_ms = 1;
    assert_int_equal(CSVC_OK, csvc_server_intercept(srv, &csvc_logging, NULL));
    assert_int_equal(CSVC_OK, stream_register(srv, &sc.peer));
    sc.ch = csvc_testing_channel(sc.t);
    sc.peer.keep = keeps_long;
    sc.peer.both = echoes_long;
    assert_int_equal(CSVC_OK, csvc_call_finish(start(&sc, STREAM_BOTH, &rpc, 0), &rpc, NULL));
    assert_int_equal(CSVC_OK,
                     csvc_call_unary(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply));
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
    assert_true(strstr(log_caught(), "debug call method=/test.Streams/Both code=OK") != NULL);
    assert_true(strstr(log_caught(), "info slow call method=/test.Streams/Keep code=OK") != NULL);
    log_let_go();
}

static void calls_that_cannot_be(void **state)
{
    scene sc;
    Codec3__Inner req = CODEC3__INNER__INIT;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    const void *message;

    (void)state;
    scene_start(&sc);
    assert_null(csvc_call_start(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, NULL));
    assert_int_equal(CSVC_INVALID_ARGUMENT, rpc.code);
    assert_null(csvc_call_start(NULL, &stream_methods[STREAM_UP], &rpc, NULL, NULL));
    assert_int_equal(CSVC_INTERNAL, rpc.code);
    assert_string_equal("a call was made without a channel", rpc.message);
    assert_null(csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, NULL, NULL));
    assert_int_equal(CSVC_INTERNAL, rpc.code);
    assert_null(csvc_call_start(sc.ch, &stream_methods[STREAM_UP], &rpc, &req, NULL));
    assert_int_equal(CSVC_INVALID_ARGUMENT,
                     csvc_call_unary(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, &message));
    /* a program may go on and look at the end */
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_call_send(NULL, &req));
    assert_false(csvc_call_recv(NULL, &message));
    csvc_call_close_send(NULL);
    csvc_call_cancel(NULL);
    csvc_call_more(NULL);
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_call_finish(NULL, &rpc, NULL));
    assert_null(csvc_call_unref(NULL));
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

/* ---- memory ---- */

static csvc_code measures(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    const void *message;
    csvc_code code;

    (void)peer;
    while (csvc_stream_recv(in, &message)) {
        rsp->id++;
    }
    code = csvc_stream_code(in);
    return code == CSVC_OK && csvc_arena_size(csvc_ctx_arena(ctx)) > 16384
               ? csvc_fail(ctx, CSVC_INTERNAL, "the call's arena has grown")
               : code;
}

/* 64 MiB is all a call may take; more than that goes through one stream. */
static void a_long_stream_does_not_grow(void **state)
{
    enum {
        MESSAGES = 1500,
        LENGTH = 60000
    };
    scene sc;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 120000};
    char *name = malloc(LENGTH + 1);
    const void *reply;
    csvc_call *call;

    (void)state;
    memset(name, 'x', LENGTH);
    name[LENGTH] = '\0';
    scene_start(&sc);
    sc.peer.up = measures;
    call = start(&sc, STREAM_UP, &rpc, 0);
    for (int i = 0; i < MESSAGES; i++) {
        assert_int_equal(CSVC_OK, call_id(call, i, name));
    }
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, &reply));
    assert_int_equal(MESSAGES, ((const Codec3__Inner *)reply)->id);
    csvc_rpc_clear(&rpc);
    free(name);
    scene_end(&sc);
}

/* ---- without waiting ---- */

typedef struct counted {
    atomic_int messages, ends, done;
    csvc_call *call;
    int code;
    bool by_hand; /* asks for each */
} counted;

static void count_message(void *self, const void *message)
{
    counted *c = self;

    if (message != NULL) {
        atomic_fetch_add(&c->messages, 1);
    } else {
        atomic_fetch_add(&c->ends, 1);
    }
    if (c->by_hand) {
        csvc_call_more(c->call);
    }
}

static void count_done(void *self, csvc_code code)
{
    counted *c = self;

    c->code = (int)code;
    atomic_fetch_add(&c->done, 1);
}

static void asynchronous_streams(void **state)
{
    scene sc;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};

    (void)state;
    scene_start(&sc);
    sc.peer.down = counts;
    sc.peer.both = stream_echoes;
    atomic_store(&sc.peer.told, 1);
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        counted c = {.by_hand = by_hand != 0};
        const csvc_events events = {CSVC_EVENTS_INIT, .self = &c, .on_message = count_message,
                                    .on_done = count_done, .auto_more = by_hand == 0};
        Codec3__Inner req = CODEC3__INNER__INIT;

        req.id = 100;
        c.call = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, &events);
        assert_non_null(c.call);
        if (by_hand != 0) {
            csvc_call_more(c.call);
        }
        await_value(&c.done, 1);
        assert_int_equal(100, atomic_load(&c.messages));
        assert_int_equal(CSVC_OK, c.code);
        assert_int_equal(CSVC_OK, csvc_call_outcome(c.call)->code);
        csvc_call_unref(c.call);
    }
    {
        counted c = {0};
        const csvc_events events = {CSVC_EVENTS_INIT, .self = &c, .on_message = count_message,
                                    .on_done = count_done, .auto_more = true};

        c.call = csvc_call_start(sc.ch, &stream_methods[STREAM_BOTH], &rpc, NULL, &events);
        assert_non_null(c.call);
        for (int i = 0; i < 100; i++) {
            assert_int_equal(CSVC_OK, call_id(c.call, i, "x"));
        }
        csvc_call_close_send(c.call);
        await_value(&c.done, 1);
        assert_int_equal(100, atomic_load(&c.messages));
        assert_int_equal(1, atomic_load(&c.ends));
        csvc_call_unref(c.call);
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static void relay(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply)
{
    counted *c = self;

    (void)done;
    c->code = (int)rpc->code;
    atomic_store(&c->messages, reply != NULL ? ((const Codec3__Inner *)reply)->id : -1);
    atomic_fetch_add(&c->done, 1);
}

static void asynchronous_unary_calls(void **state)
{
    scene sc;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    counted c[16] = {{0}};

    (void)state;
    scene_start(&sc);
    sc.peer.keep = stream_answers;
    for (int i = 0; i < 16; i++) {
        req.id = i;
        /* given back at once: the call goes on */
        csvc_call_unref(
            csvc_call_async(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, relay, NULL, &c[i]));
        assert_int_equal(CSVC_OK, rpc.code);
    }
    for (int i = 0; i < 16; i++) {
        await_value(&c[i].done, 1);
        assert_int_equal(CSVC_OK, c[i].code);
        assert_int_equal(i + 1, atomic_load(&c[i].messages));
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

/* ---- a parent ---- */

static csvc_code keeps_reading(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    const void *message;

    (void)peer;
    (void)ctx;
    if (send_id(out, 0, "here") != CSVC_OK) {
        return CSVC_INTERNAL;
    }
    while (csvc_stream_recv(in, &message)) {
    }
    return csvc_stream_code(in);
}

static void a_parent_hands_its_end_on(void **state)
{
    scene sc;
    csvc_ctx *parent = csvc_ctx_new(NULL);
    csvc_rpc rpc = {CSVC_RPC_INIT, .parent = parent};
    csvc_call *call;
    const void *message;

    (void)state;
    scene_start(&sc);
    sc.peer.both = keeps_reading;
    call = start(&sc, STREAM_BOTH, &rpc, 0);
    assert_true(csvc_call_recv(call, &message));
    csvc_ctx_cancel(parent);
    assert_false(csvc_call_recv(call, &message));
    assert_int_equal(CSVC_CANCELLED, csvc_call_finish(call, &rpc, NULL));
    assert_null(csvc_call_start(sc.ch, &stream_methods[STREAM_BOTH], &rpc, NULL, NULL));
    assert_int_equal(CSVC_CANCELLED, rpc.code);
    csvc_rpc_clear(&rpc);
    csvc_ctx_unref(parent);
    scene_end(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_streaming),
        cmocka_unit_test(client_streaming),
        cmocka_unit_test(bidirectional),
        cmocka_unit_test(a_sender_waits_and_hears_that_the_caller_has_gone),
        cmocka_unit_test(a_deadline_wakes_both_sides),
        cmocka_unit_test(a_cancelled_stream_is_no_half_close),
        cmocka_unit_test(a_server_may_speak_first),
        cmocka_unit_test(an_inline_handler_may_not_wait),
        cmocka_unit_test(handlers_that_misbehave),
        cmocka_unit_test(a_stream_is_not_slow),
        cmocka_unit_test(calls_that_cannot_be),
        cmocka_unit_test(a_long_stream_does_not_grow),
        cmocka_unit_test(asynchronous_streams),
        cmocka_unit_test(asynchronous_unary_calls),
        cmocka_unit_test(a_parent_hands_its_end_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
