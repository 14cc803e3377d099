/* Threads that race for the end of a call, over the gRPC C core; for ThreadSanitizer above all. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/testing.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "await.h"
#include "log_catcher.h"
#include "stream_service.h"
#include "transports.h"

enum {
    ROUNDS = 1000
};

/* One call at a time: the keeper's side is a thread of the test. */
typedef struct scene {
    csvc_testing *t;
    csvc_channel *ch;
    stream_peer peer;
    csvc_ctx *ctx;
    csvc_stream *out;
    Codec3__Inner *rsp;
    atomic_int n_kept, n_done, code;
    int n_opened;
    atomic_int open; /* the number of the call that is still to come; 0: none, or it is kept */
} scene;

static void kept_done(void *self, csvc_code code)
{
    scene *sc = self;

    atomic_store(&sc->code, (int)code);
    atomic_fetch_add(&sc->n_done, 1);
}

/* Nobody waits for call `id` any more, or it has come: whoever is first. */
static bool settle(scene *sc, int id)
{
    return atomic_compare_exchange_strong(&sc->open, &id, 0);
}

static csvc_code keep(scene *sc, csvc_ctx *ctx, int id)
{
    if (!settle(sc, id)) {
        return csvc_fail(ctx, CSVC_ABORTED, "too late");
    }
    sc->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = sc, .on_done = kept_done});
    return CSVC_OK;
}

static csvc_code keeps_down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                            csvc_stream *out)
{
    scene *sc = peer->data;
    const csvc_code code = keep(sc, ctx, req->id);

    if (code == CSVC_OK) {
        sc->out = out;
        atomic_fetch_add(&sc->n_kept, 1);
    }
    return code;
}

static csvc_code keeps_unary(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                             Codec3__Inner *rsp)
{
    scene *sc = peer->data;
    const csvc_code code = keep(sc, ctx, req->id);

    if (code == CSVC_OK) {
        sc->rsp = rsp;
        atomic_fetch_add(&sc->n_kept, 1);
    }
    return code;
}

static csvc_code refuses(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    (void)peer;
    (void)in;
    (void)rsp;
    return csvc_fail(ctx, CSVC_NOT_FOUND, "no");
}

static void scene_start(scene *sc)
{
    memset(sc, 0, sizeof(*sc));
    sc->peer = (stream_peer){.down = keeps_down, .up = refuses, .keep = keeps_unary, .data = sc};
    sc->t = test_new();
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(sc->t), &sc->peer));
    sc->ch = csvc_testing_channel(sc->t);
}

typedef struct listener {
    atomic_int done;
    int code;
} listener;

static void listener_done(void *self, csvc_code code)
{
    ((listener *)self)->code = (int)code;
    atomic_fetch_add(&((listener *)self)->done, 1);
}

static void relay(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply)
{
    (void)done;
    (void)reply;
    listener_done(self, rpc->code);
}

static csvc_call *open_call(scene *sc, int which, int64_t timeout_ms, listener *l)
{
    const csvc_events events = {CSVC_EVENTS_INIT, .self = l, .on_done = listener_done,
                                .auto_more = true};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = timeout_ms};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const bool down = which == STREAM_DOWN || which == STREAM_INLINE;
    csvc_call *call;

    req.id = ++sc->n_opened;
    atomic_store(&sc->open, req.id);
    call = which == STREAM_INLINE_KEEP || which == STREAM_KEEP
               ? csvc_call_async(sc->ch, &stream_methods[which], &rpc, &req, relay, NULL, l)
               : csvc_call_start(sc->ch, &stream_methods[which], &rpc, down ? &req : NULL, &events);
    assert_non_null(call);
    csvc_rpc_clear(&rpc);
    return call;
}

static void *cancels(void *call)
{
    csvc_call_cancel(call);
    return NULL;
}

/* The caller cancels while the keeper sends and finishes; either may come first, each ends once. */
static void cancel_against_finish(void **state)
{
    static const int kinds[] = {STREAM_INLINE, STREAM_INLINE_KEEP, STREAM_DOWN, STREAM_KEEP};
    int cancelled = 0;
    scene sc;

    (void)state;
    log_catch(CSVC_LOG_WARN);
    scene_start(&sc);
    for (int i = 0; i < ROUNDS; i++) {
        const int which = kinds[i % 4];
        listener l = {0};
        csvc_call *call = open_call(&sc, which, 0, &l);
        Codec3__Inner message = CODEC3__INNER__INIT;
        pthread_t thread;

        await_value(&sc.n_kept, i + 1);
        assert_int_equal(0, pthread_create(&thread, NULL, cancels, call));
        if (which == STREAM_INLINE || which == STREAM_DOWN) {
            const csvc_code code = csvc_stream_send(sc.out, &message);

            assert_true(code == CSVC_OK || code == CSVC_CANCELLED);
        } else {
            sc.rsp->id = i;
        }
        assert_int_equal(CSVC_OK, csvc_finish(sc.ctx, CSVC_OK));
        if (i % 3 == 0) {
            csvc_ctx_unref(sc.ctx); /* before it is over */
        }
        await_value(&sc.n_done, i + 1);
        if (i % 3 != 0) {
            csvc_ctx_unref(sc.ctx);
        }
        await_value(&l.done, 1);
        assert_true(l.code == CSVC_OK || l.code == CSVC_CANCELLED);
        cancelled += l.code == CSVC_CANCELLED;
        pthread_join(thread, NULL);
        csvc_call_unref(call);
    }
    print_message("%d of %d were cancelled first\n", cancelled, (int)ROUNDS);
    (void)csvc_testing_free(sc.t);
    assert_string_equal("", log_caught()); /* losing a race is no mistake */
    log_let_go();
}

/* The keeper finishes just when the time is over. */
static void finish_against_deadline(void **state)
{
    enum {
        TIMES = 60
    };
    int late = 0;
    int kept = 0;
    scene sc;

    (void)state;
    log_catch(CSVC_LOG_WARN);
    scene_start(&sc);
    for (int i = 0; i < TIMES; i++) {
        const int which = i % 2 == 0 ? STREAM_INLINE : STREAM_INLINE_KEEP;
        listener l = {0};
        csvc_call *call;
        int64_t deadline;

        call = open_call(&sc, which, 50, &l);
        deadline = csvc__now() + (48 + i % 5) * CSVC__MS;
        while (atomic_load(&sc.n_kept) == kept && atomic_load(&l.done) == 0) {
            sched_yield();
        }
        if (atomic_load(&sc.n_kept) == kept && settle(&sc, sc.n_opened)) {
            csvc_call_unref(call); /* a busy machine: its time was over before */
            continue;
        }
        await_value(&sc.n_kept, ++kept);
        while (csvc__now() < deadline) {
            sched_yield();
        }
        assert_int_equal(CSVC_OK, csvc_finish(sc.ctx, CSVC_ABORTED));
        await_value(&sc.n_done, kept);
        csvc_ctx_unref(sc.ctx);
        await_value(&l.done, 1);
        assert_true(l.code == CSVC_ABORTED || l.code == CSVC_DEADLINE_EXCEEDED);
        late += l.code == CSVC_DEADLINE_EXCEEDED;
        csvc_call_unref(call);
    }
    assert_true(kept > TIMES / 2);
    print_message("%d of %d were late\n", late, kept);
    (void)csvc_testing_free(sc.t);
    assert_string_equal("", log_caught());
    log_let_go();
}

/* The status may come before the client's core has said that the headers have gone. */
static void calls_that_are_refused_at_once(void **state)
{
    enum {
        SERVERS = 40,
        TIMES = 10
    };

    (void)state;
    for (int k = 0; k < SERVERS; k++) {
        scene sc;

        scene_start(&sc);
        for (int i = 0; i < TIMES; i++) {
            listener l = {0};
            csvc_call *call = open_call(&sc, STREAM_UP, 0, &l);

            await_value(&l.done, 1);
            assert_int_equal(CSVC_NOT_FOUND, l.code);
            csvc_call_unref(call);
        }
        (void)csvc_testing_free(sc.t);
    }
}

/* Many threads finish the same call: one is the first, the others are told. */
static void *finishes(void *arg)
{
    return csvc_finish(arg, CSVC_ABORTED) == CSVC_OK ? arg : NULL;
}

static void one_finish_is_the_first(void **state)
{
    enum {
        TIMES = 100,
        THREADS = 4
    };
    scene sc;

    (void)state;
    log_catch(CSVC_LOG_OFF);
    scene_start(&sc);
    for (int i = 0; i < TIMES; i++) {
        listener l = {0};
        csvc_call *call = open_call(&sc, STREAM_INLINE, 0, &l);
        pthread_t threads[THREADS];
        int first = 0;

        await_value(&sc.n_kept, i + 1);
        for (int k = 0; k < THREADS; k++) {
            assert_int_equal(0, pthread_create(&threads[k], NULL, finishes, sc.ctx));
        }
        for (int k = 0; k < THREADS; k++) {
            void *mine;

            pthread_join(threads[k], &mine);
            first += mine != NULL;
        }
        assert_int_equal(1, first);
        csvc_ctx_unref(sc.ctx);
        await_value(&l.done, 1);
        assert_int_equal(CSVC_ABORTED, l.code);
        await_value(&sc.n_done, i + 1);
        csvc_call_unref(call);
    }
    (void)csvc_testing_free(sc.t);
    log_let_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancel_against_finish),
        cmocka_unit_test(finish_against_deadline),
        cmocka_unit_test(one_finish_is_the_first),
        cmocka_unit_test(calls_that_are_refused_at_once),
    };

    return cmocka_run_group_tests_name("rpc_race", tests, NULL, NULL);
}
