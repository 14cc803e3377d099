/* A server stops, over the gRPC C core: what detached calls are told, which of them end, and what
 * those in flight get. */
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
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "await.h"
#include "log_catcher.h"
#include "stream_service.h"
#include "transports.h"

enum {
    GRACE_MS = 20000
};

typedef struct scene {
    csvc_testing *t;
    csvc_channel *ch;
    stream_peer peer;
    pthread_t stopper;
    int64_t took_ms;
    atomic_int stopped;
    int outcome;
    int64_t grace_ms;
} scene;

static void scene_start(scene *sc, stream_peer peer)
{
    memset(sc, 0, sizeof(*sc));
    sc->peer = peer;
    sc->grace_ms = GRACE_MS;
    sc->t = test_new();
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(sc->t), &sc->peer));
    sc->ch = csvc_testing_channel(sc->t);
    assert_non_null(sc->ch);
}

static void *stop(void *self)
{
    scene *sc = self;
    const int64_t began = csvc__now();

    sc->outcome = (int)csvc_server_shutdown(csvc_testing_server(sc->t), sc->grace_ms);
    sc->took_ms = (csvc__now() - began) / CSVC__MS;
    atomic_store(&sc->stopped, 1);
    return NULL;
}

static void stop_begins(scene *sc)
{
    assert_int_equal(0, pthread_create(&sc->stopper, NULL, stop, sc));
}

static void stop_ends(scene *sc, csvc_code outcome)
{
    pthread_join(sc->stopper, NULL);
    assert_int_equal(outcome, sc->outcome);
}

static void scene_end(scene *sc)
{
    assert_null(csvc_testing_free(sc->t));
}

/* ---- keepers ---- */

typedef struct keeper {
    csvc_ctx *ctx;
    csvc_stream *out;
    Codec3__Inner *rsp;
    atomic_int detached, stops, done;
    atomic_int code;
    bool stays; /* what on_stop returns */
    bool deaf;  /* there is no on_stop */
    bool says_bye;
} keeper;

static bool told(void *self)
{
    keeper *k = self;
    Codec3__Inner bye = CODEC3__INNER__INIT;

    bye.id = 99;
    if (k->says_bye) {
        assert_int_equal(CSVC_OK, csvc_stream_send(k->out, &bye));
    }
    atomic_fetch_add(&k->stops, 1);
    return k->stays;
}

static void done(void *self, csvc_code code)
{
    keeper *k = self;

    atomic_store(&k->code, (int)code);
    csvc_ctx_unref(k->ctx);
    atomic_fetch_add(&k->done, 1);
}

static void detach(keeper *k, csvc_ctx *ctx)
{
    assert_false(csvc_stopping(ctx));
    k->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = k, .on_done = done,
                                             .on_stop = k->deaf ? NULL : told});
    atomic_store(&k->detached, 1);
}

static csvc_code keep_down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                           csvc_stream *out)
{
    keeper *k = peer->data;

    (void)req;
    k->out = out;
    detach(k, ctx);
    return CSVC_OK;
}

static csvc_code keep_up(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    keeper *k = peer->data;

    (void)in;
    k->rsp = rsp;
    detach(k, ctx);
    return CSVC_OK;
}

static csvc_code keep_one(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                          Codec3__Inner *rsp)
{
    keeper *k = peer->data;

    (void)req;
    k->rsp = rsp;
    detach(k, ctx);
    return CSVC_OK;
}

/* ---- callers ---- */

typedef struct caller {
    csvc_call *call;
    atomic_int heard, done;
    int last, code;
    char text[64];
} caller;

static void heard(void *self, const void *message)
{
    caller *c = self;

    if (message != NULL) {
        c->last = ((const Codec3__Inner *)message)->id;
        atomic_fetch_add(&c->heard, 1);
    }
}

static void call_done(void *self, csvc_code code)
{
    caller *c = self;

    c->code = (int)code;
    atomic_fetch_add(&c->done, 1);
}

static void nothing(void)
{
}

static void replied(csvc_done_fn *fn, void *self, const csvc_rpc *rpc, const void *reply)
{
    (void)fn;
    heard(self, reply);
    call_done(self, rpc->code);
}

static void call(scene *sc, caller *c, int which, bool reads)
{
    const csvc_events events = {CSVC_EVENTS_INIT, .self = c, .on_message = heard,
                                .on_done = call_done, .auto_more = reads};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 120000};
    Codec3__Inner req = CODEC3__INNER__INIT;

    memset(c, 0, sizeof(*c));
    if (which == STREAM_KEEP) {
        c->call = csvc_call_async(sc->ch, &stream_methods[which], &rpc, &req, replied, nothing, c);
    } else {
        c->call = csvc_call_start(sc->ch, &stream_methods[which], &rpc,
                                  which == STREAM_UP ? NULL : &req, &events);
    }
    assert_non_null(c->call);
    csvc_rpc_clear(&rpc);
}

static void call_ended(caller *c, csvc_code code)
{
    await_value(&c->done, 1);
    assert_int_equal(code, c->code);
    csvc_call_unref(c->call);
}

/* ---- tests ---- */

static void streams_without_a_word_to_say_are_ended(void **state)
{
    scene sc;
    keeper k = {.deaf = true};
    caller c;
    Codec3__Inner message = CODEC3__INNER__INIT;

    (void)state;
    log_catch(CSVC_LOG_WARN);
    scene_start(&sc, (stream_peer){.down = keep_down, .data = &k});
    call(&sc, &c, STREAM_DOWN, true);
    await_value(&k.detached, 1);
    csvc_ctx_ref(k.ctx); /* ours */
    message.id = 7;
    assert_int_equal(CSVC_OK, csvc_stream_send(k.out, &message));
    stop_begins(&sc);
    call_ended(&c, CSVC_UNAVAILABLE);
    assert_int_equal(7, c.last); /* what was sent comes first */
    await_value(&k.done, 1);
    assert_int_equal(CSVC_UNAVAILABLE, atomic_load(&k.code));
    assert_true(csvc_stopping(k.ctx));
    /* a keeper that does not know yet does nothing wrong */
    assert_int_equal(CSVC_UNAVAILABLE, csvc_stream_send(k.out, &message));
    assert_int_equal(CSVC_OK, csvc_finish(k.ctx, CSVC_OK));
    assert_string_equal("", log_caught());
    csvc_ctx_unref(k.ctx);
    stop_ends(&sc, CSVC_OK);
    assert_true(sc.took_ms < 10000);
    scene_end(&sc);
    log_let_go();
}

static void a_keeper_says_goodbye(void **state)
{
    scene sc;
    keeper k = {.says_bye = true};
    caller c;

    (void)state;
    scene_start(&sc, (stream_peer){.down = keep_down, .data = &k});
    call(&sc, &c, STREAM_INLINE, true);
    await_value(&k.detached, 1);
    stop_begins(&sc);
    call_ended(&c, CSVC_UNAVAILABLE);
    assert_int_equal(99, c.last);
    await_value(&k.done, 1);
    assert_int_equal(1, atomic_load(&k.stops));
    stop_ends(&sc, CSVC_OK);
    scene_end(&sc);
}

static void a_keeper_that_stays_ends_it_itself(void **state)
{
    scene sc;
    keeper k = {.stays = true};
    caller c;
    Codec3__Inner message = CODEC3__INNER__INIT;

    (void)state;
    scene_start(&sc, (stream_peer){.down = keep_down, .data = &k});
    call(&sc, &c, STREAM_DOWN, true);
    await_value(&k.detached, 1);
    stop_begins(&sc);
    await_value(&k.stops, 1);
    for (message.id = 1; message.id <= 20; message.id++) {
        assert_int_equal(CSVC_OK, csvc_stream_send(k.out, &message));
    }
    assert_int_equal(0, atomic_load(&sc.stopped));
    assert_int_equal(CSVC_OK, csvc_finish(k.ctx, CSVC_OK));
    call_ended(&c, CSVC_OK);
    assert_int_equal(20, atomic_load(&c.heard));
    stop_ends(&sc, CSVC_OK);
    await_value(&k.done, 1);
    scene_end(&sc);
}

/* A unary call, and one with a stream of requests: they end with their reply. */
static void calls_with_one_reply_are_waited_for(void **state)
{
    const int kinds[] = {STREAM_KEEP, STREAM_UP};

    (void)state;
    for (int i = 0; i < 2; i++) {
        scene sc;
        keeper k = {.deaf = true};
        caller c;

        scene_start(&sc, (stream_peer){.keep = keep_one, .up = keep_up, .data = &k});
        call(&sc, &c, kinds[i], true);
        await_value(&k.detached, 1);
        stop_begins(&sc);
        while (!csvc_stopping(k.ctx)) {
            sched_yield();
        }
        k.rsp->id = 5;
        assert_int_equal(0, atomic_load(&k.done));
        assert_int_equal(CSVC_OK, csvc_finish(k.ctx, CSVC_OK));
        call_ended(&c, CSVC_OK);
        assert_int_equal(5, c.last);
        stop_ends(&sc, CSVC_OK);
        await_value(&k.done, 1);
        scene_end(&sc);
    }
}

/* One that is told to end and whose caller does not read may not hold the stop up. */
static void a_caller_that_does_not_read_is_cut_off(void **state)
{
    scene sc;
    keeper k = {0};
    caller c;
    static char words[8192];
    Codec3__Inner message = CODEC3__INNER__INIT;

    (void)state;
    memset(words, 'w', sizeof(words) - 1);
    message.name = words;
    scene_start(&sc, (stream_peer){.down = keep_down, .data = &k});
    call(&sc, &c, STREAM_DOWN, false);
    await_value(&k.detached, 1);
    /* until nothing has moved for a while, though the loops had the CPU to themselves */
    for (int64_t moved = csvc__now(); csvc__now() < moved + CSVC__SECOND;) {
        const struct timespec moment = {.tv_nsec = 1000 * 1000};

        if (csvc_stream_send(k.out, &message) == CSVC_OK) {
            moved = csvc__now();
        } else {
            nanosleep(&moment, NULL);
        }
    }
    stop_begins(&sc);
    stop_ends(&sc, CSVC_OK);
    assert_in_range(sc.took_ms, 1000, 15000);
    await_value(&k.done, 1);
    assert_int_equal(CSVC_UNAVAILABLE, atomic_load(&k.code));
    csvc_call_cancel(c.call);
    await_value(&c.done, 1);
    csvc_call_unref(c.call);
    scene_end(&sc);
}

static void a_keeper_that_forgets_is_cancelled(void **state)
{
    scene sc;
    keeper k = {.stays = true};
    caller c;

    (void)state;
    scene_start(&sc, (stream_peer){.down = keep_down, .data = &k});
    sc.grace_ms = 300;
    call(&sc, &c, STREAM_DOWN, true);
    await_value(&k.detached, 1);
    stop_begins(&sc);
    call_ended(&c, CSVC_UNAVAILABLE);
    stop_ends(&sc, CSVC_DEADLINE_EXCEEDED);
    await_value(&k.done, 1);
    scene_end(&sc);
}

/* ---- handlers ---- */

typedef struct handler {
    atomic_int in, go_on, stopping, messages;
    csvc_code code;
} handler;

/* Detaches only when the server stops already. */
static csvc_code late(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    keeper *k = peer->data;

    (void)req;
    k->out = out;
    atomic_store(&k->detached, 1);
    while (!csvc_stopping(ctx)) {
        sched_yield();
    }
    k->ctx = csvc_detach(
        ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = k, .on_done = done, .on_stop = told});
    return CSVC_OK;
}

static void who_detaches_late_is_told_too(void **state)
{
    scene sc;
    keeper k = {0};
    caller c;

    (void)state;
    scene_start(&sc, (stream_peer){.down = late, .data = &k});
    call(&sc, &c, STREAM_DOWN, true);
    await_value(&k.detached, 1);
    stop_begins(&sc);
    call_ended(&c, CSVC_UNAVAILABLE);
    stop_ends(&sc, CSVC_OK);
    await_value(&k.done, 1);
    assert_int_equal(1, atomic_load(&k.stops));
    scene_end(&sc);
}

/* Sends until it hears of the stop. */
static csvc_code ticks(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    handler *h = peer->data;
    csvc_code code = CSVC_OK;

    while (code == CSVC_OK && !csvc_stopping(ctx)) {
        code = csvc_stream_send(out, req);
        atomic_store(&h->in, 1);
    }
    return code;
}

static void a_handler_asks_whether_to_go_on(void **state)
{
    scene sc;
    handler h = {0};
    caller c;

    (void)state;
    scene_start(&sc, (stream_peer){.down = ticks, .data = &h});
    call(&sc, &c, STREAM_DOWN, true);
    await_value(&h.in, 1);
    stop_begins(&sc);
    call_ended(&c, CSVC_OK);
    stop_ends(&sc, CSVC_OK);
    scene_end(&sc);
}

static csvc_code counts(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    handler *h = peer->data;
    const void *message;

    (void)ctx;
    atomic_store(&h->in, 1);
    while (csvc_stream_recv(in, &message)) {
        rsp->id++;
        atomic_fetch_add(&h->messages, 1);
    }
    h->code = csvc_stream_code(in);
    return h->code;
}

/* A call in flight goes on as if nothing were; the grace ends it. */
static void waiting_handlers_are_calls_in_flight(void **state)
{
    Codec3__Inner message = CODEC3__INNER__INIT;

    (void)state;
    for (int patient = 0; patient < 2; patient++) {
        scene sc;
        handler h = {0};
        caller c;

        scene_start(&sc, (stream_peer){.up = counts, .data = &h});
        sc.grace_ms = patient ? GRACE_MS : 300;
        call(&sc, &c, STREAM_UP, true);
        await_value(&h.in, 1);
        stop_begins(&sc);
        if (patient) {
            for (int i = 0; i < 10; i++) {
                assert_int_equal(CSVC_OK, csvc_call_send(c.call, &message));
            }
            csvc_call_close_send(c.call);
        }
        call_ended(&c, patient ? CSVC_OK : CSVC_UNAVAILABLE);
        assert_int_equal(patient ? 10 : 0, c.last);
        stop_ends(&sc, patient ? CSVC_OK : CSVC_DEADLINE_EXCEEDED);
        assert_int_equal(patient ? CSVC_OK : CSVC_UNAVAILABLE, h.code);
        scene_end(&sc);
    }
}

/* ---- all at once, for ThreadSanitizer ---- */

enum {
    SEATS = 24,
    ROUNDS = 8
};

typedef struct seat {
    struct seat *next;
    struct crowd *crowd;
    csvc_ctx *ctx;
    csvc_stream *out;
    int number;
} seat;

typedef struct crowd {
    pthread_mutex_t lock;
    seat *seats;
    atomic_int came, left;
    atomic_bool over;
} crowd;

static void stands_up(void *self, csvc_code code)
{
    seat *st = self;
    crowd *cr = st->crowd;
    seat **at = &cr->seats;

    (void)code;
    pthread_mutex_lock(&cr->lock);
    while (*at != st) {
        at = &(*at)->next;
    }
    *at = st->next;
    pthread_mutex_unlock(&cr->lock);
    csvc_ctx_unref(st->ctx);
    free(st);
    atomic_fetch_add(&cr->left, 1);
}

static bool hears(void *self)
{
    seat *st = self;
    Codec3__Inner bye = CODEC3__INNER__INIT;

    if (csvc_stream_send(st->out, &bye) == CSVC_FAILED_PRECONDITION) {
        fail_msg("a keeper that has not finished did nothing wrong");
    }
    if (st->number % 3 == 1) {
        assert_int_equal(CSVC_OK, csvc_finish(st->ctx, CSVC_OK));
    }
    return st->number % 3 == 1;
}

static csvc_code sits_down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                           csvc_stream *out)
{
    crowd *cr = peer->data;
    seat *st = calloc(1, sizeof(*st));

    (void)req;
    st->crowd = cr;
    st->out = out;
    st->number = atomic_fetch_add(&cr->came, 1);
    st->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = st,
                                              .on_stop = st->number % 3 == 0 ? NULL : hears,
                                              .on_done = stands_up});
    pthread_mutex_lock(&cr->lock);
    st->next = cr->seats;
    cr->seats = st;
    pthread_mutex_unlock(&cr->lock);
    return CSVC_OK;
}

static void *talks(void *self)
{
    crowd *cr = self;
    Codec3__Inner word = CODEC3__INNER__INIT;

    while (!atomic_load(&cr->over)) {
        csvc_frame *frame = csvc_frame_new(&codec3__inner__type, &word);

        pthread_mutex_lock(&cr->lock);
        for (seat *st = cr->seats; st != NULL; st = st->next) {
            /* refused, ended, or, by one who has finished, behind the end */
            if (csvc_stream_send_frame(st->out, frame) != CSVC_OK) {
                (void)csvc_stopping(st->ctx);
            }
        }
        pthread_mutex_unlock(&cr->lock);
        csvc_frame_unref(frame);
        sched_yield();
    }
    return NULL;
}

static void a_stop_races_keepers_senders_and_callers(void **state)
{
    (void)state;
    log_catch(CSVC_LOG_ERROR);
    for (int round = 0; round < ROUNDS; round++) {
        scene sc;
        crowd cr = {.lock = PTHREAD_MUTEX_INITIALIZER};
        caller c[SEATS];
        pthread_t talkers[2];

        scene_start(&sc, (stream_peer){.down = sits_down, .data = &cr});
        for (int i = 0; i < SEATS; i++) {
            call(&sc, &c[i], i % 2 == 0 ? STREAM_DOWN : STREAM_INLINE, true);
        }
        for (int i = 0; i < 2; i++) {
            assert_int_equal(0, pthread_create(&talkers[i], NULL, talks, &cr));
        }
        while (atomic_load(&cr.came) < (round % 2 == 0 ? SEATS : SEATS / 2)) {
            sched_yield();
        }
        stop_begins(&sc);
        for (int i = 0; i < SEATS; i += 4) {
            csvc_call_cancel(c[i].call);
        }
        for (int i = 0; i < SEATS; i++) {
            await_value(&c[i].done, 1);
            csvc_call_unref(c[i].call);
        }
        stop_ends(&sc, CSVC_OK);
        await_value(&cr.left, atomic_load(&cr.came));
        atomic_store(&cr.over, true);
        for (int i = 0; i < 2; i++) {
            pthread_join(talkers[i], NULL);
        }
        scene_end(&sc);
    }
    log_let_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_without_a_word_to_say_are_ended),
        cmocka_unit_test(a_keeper_says_goodbye),
        cmocka_unit_test(a_keeper_that_stays_ends_it_itself),
        cmocka_unit_test(calls_with_one_reply_are_waited_for),
        cmocka_unit_test(a_caller_that_does_not_read_is_cut_off),
        cmocka_unit_test(a_keeper_that_forgets_is_cancelled),
        cmocka_unit_test(who_detaches_late_is_told_too),
        cmocka_unit_test(a_handler_asks_whether_to_go_on),
        cmocka_unit_test(waiting_handlers_are_calls_in_flight),
        cmocka_unit_test(a_stop_races_keepers_senders_and_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
