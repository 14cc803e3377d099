/* Calls that go on after their handler has returned, over the gRPC C core: a chat room, and what
 * keepers of calls do right and wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/testing.h>

#include <pthread.h>
#include <sched.h>
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

/* The peer is whole before the server's threads begin. */
static void scene_start(scene *sc, stream_peer peer)
{
    memset(sc, 0, sizeof(*sc));
    sc->peer = peer;
    sc->t = test_new();
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(sc->t), &sc->peer));
    assert_int_equal(CSVC_OK,
                     csvc_server_intercept(csvc_testing_server(sc->t), &csvc_logging, NULL));
    sc->ch = csvc_testing_channel(sc->t);
    assert_non_null(sc->ch);
}

static void scene_end(scene *sc)
{
    assert_null(csvc_testing_free(sc->t));
}

/* ---- a chat room ---- */

typedef struct member {
    struct member *next;
    struct room *room;
    csvc_ctx *ctx;
    csvc_stream *out;
} member;

/* As a service would write it: one lock, held while sending to all. */
typedef struct room {
    pthread_mutex_t lock;
    member *members;
    atomic_int n_members, left, refused;
} room;

static void member_left(void *self, csvc_code code)
{
    member *m = self;
    room *r = m->room;
    member **at = &r->members;

    (void)code;
    pthread_mutex_lock(&r->lock);
    while (*at != m) {
        at = &(*at)->next;
    }
    *at = m->next;
    pthread_mutex_unlock(&r->lock);
    csvc_ctx_unref(m->ctx);
    free(m);
    atomic_fetch_sub(&r->n_members, 1);
    atomic_fetch_add(&r->left, 1);
}

static csvc_code joins(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    room *r = peer->data;
    member *m = calloc(1, sizeof(*m));

    (void)req;
    m->room = r;
    m->out = out;
    m->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = m, .on_done = member_left});
    pthread_mutex_lock(&r->lock);
    m->next = r->members;
    r->members = m;
    pthread_mutex_unlock(&r->lock);
    atomic_fetch_add(&r->n_members, 1);
    return CSVC_OK;
}

static void say(room *r, int id, const char *text)
{
    Codec3__Inner message = stream_message(id, text);
    csvc_frame *frame = csvc_frame_new(&codec3__inner__type, &message);

    pthread_mutex_lock(&r->lock);
    for (member *m = r->members; m != NULL; m = m->next) {
        if (csvc_stream_send_frame(m->out, frame) != CSVC_OK) {
            atomic_fetch_add(&r->refused, 1);
        }
    }
    pthread_mutex_unlock(&r->lock);
    csvc_frame_unref(frame);
}

static void close_room(room *r)
{
    pthread_mutex_lock(&r->lock);
    for (member *m = r->members; m != NULL; m = m->next) {
        assert_int_equal(CSVC_OK, csvc_finish(m->ctx, CSVC_OK));
    }
    pthread_mutex_unlock(&r->lock);
}

typedef struct listener {
    csvc_call *call;
    atomic_int heard, sum, done;
    int code;
} listener;

static void heard(void *self, const void *message)
{
    listener *l = self;

    if (message != NULL) {
        atomic_fetch_add(&l->sum, ((const Codec3__Inner *)message)->id);
        atomic_fetch_add(&l->heard, 1);
    }
}

static void listener_done(void *self, csvc_code code)
{
    listener *l = self;

    l->code = (int)code;
    atomic_fetch_add(&l->done, 1);
}

static void listen_to(scene *sc, listener *l, int which)
{
    const csvc_events events = {CSVC_EVENTS_INIT, .self = l, .on_message = heard,
                                .on_done = listener_done, .auto_more = true};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 120000};
    Codec3__Inner req = stream_message(1, "x");

    l->call = csvc_call_start(sc->ch, &stream_methods[which], &rpc, &req, &events);
    assert_non_null(l->call);
    csvc_rpc_clear(&rpc);
}

enum {
    SPEAKERS = 3,
    SENTENCES = 40,
    LISTENERS = 60,
};

static void *speaks(void *arg)
{
    for (int i = 1; i <= SENTENCES; i++) {
        say(arg, i,
            i % 2 == 0 ? "short"
                       : "a sentence that is a good deal longer than the others "
                         "and therefore is not copied but shared by all who hear "
                         "it, which is what frames are for: one packing, many "
                         "readers, and bytes that go when the last one has read "
                         "them, however slow that one may be");
    }
    return NULL;
}

static void a_chat_room(void **state)
{
    scene sc;
    room r = {.lock = PTHREAD_MUTEX_INITIALIZER};
    listener *l = calloc(LISTENERS, sizeof(*l));
    pthread_t speakers[SPEAKERS];

    (void)state;
    scene_start(&sc, (stream_peer){.down = joins, .data = &r});
    for (int i = 0; i < LISTENERS; i++) {
        listen_to(&sc, &l[i], i % 2 == 0 ? STREAM_DOWN : STREAM_INLINE);
    }
    await_value(&r.n_members, LISTENERS);
    for (int i = 0; i < SPEAKERS; i++) {
        assert_int_equal(0, pthread_create(&speakers[i], NULL, speaks, &r));
    }
    for (int i = 0; i < SPEAKERS; i++) {
        pthread_join(speakers[i], NULL);
    }
    close_room(&r);
    for (int i = 0; i < LISTENERS; i++) {
        await_value(&l[i].done, 1);
        assert_int_equal(CSVC_OK, l[i].code);
        assert_int_equal(SPEAKERS * SENTENCES, atomic_load(&l[i].heard));
        assert_int_equal(SPEAKERS * SENTENCES * (SENTENCES + 1) / 2, atomic_load(&l[i].sum));
        csvc_call_unref(l[i].call);
    }
    await_value(&r.left, LISTENERS);
    assert_int_equal(0, atomic_load(&r.refused));
    scene_end(&sc);
    free(l);
}

/* Listeners go while all speak: nobody is told twice, nothing is touched after its end. */
static void senders_race_the_end_of_calls(void **state)
{
    scene sc;
    room r = {.lock = PTHREAD_MUTEX_INITIALIZER};
    listener *l = calloc(LISTENERS, sizeof(*l));
    pthread_t speakers[SPEAKERS];

    (void)state;
    log_catch(CSVC_LOG_WARN);
    scene_start(&sc, (stream_peer){.down = joins, .data = &r});
    for (int i = 0; i < LISTENERS; i++) {
        listen_to(&sc, &l[i], STREAM_DOWN);
    }
    await_value(&r.n_members, LISTENERS);
    for (int i = 0; i < SPEAKERS; i++) {
        assert_int_equal(0, pthread_create(&speakers[i], NULL, speaks, &r));
    }
    for (int i = 0; i < LISTENERS; i++) {
        csvc_call_cancel(l[i].call);
        csvc_call_unref(l[i].call);
    }
    close_room(&r); /* while some have gone */
    for (int i = 0; i < SPEAKERS; i++) {
        pthread_join(speakers[i], NULL);
    }
    for (int i = 0; i < LISTENERS; i++) {
        await_value(&l[i].done, 1);
    }
    await_value(&r.left, LISTENERS);
    assert_int_equal(0, atomic_load(&r.n_members));
    scene_end(&sc);
    log_let_go();
    free(l);
}

/* ---- one call, kept by the test ---- */

typedef struct kept {
    csvc_ctx *ctx;
    csvc_stream *stream, *in;
    Codec3__Inner *rsp;
    atomic_int detached, done, writable, messages, ends;
    atomic_int code;
    csvc_code handler_code;
    bool drop, by_hand;
} kept;

static void kept_done(void *self, csvc_code code)
{
    kept *k = self;

    atomic_store(&k->code, (int)code);
    atomic_fetch_add(&k->done, 1);
}

static void kept_writable(void *self)
{
    atomic_fetch_add(&((kept *)self)->writable, 1);
}

/* Echoes, and asks for the next. */
static void kept_message(void *self, const void *message)
{
    kept *k = self;

    if (message == NULL) {
        atomic_fetch_add(&k->ends, 1);
        assert_int_equal(CSVC_OK, csvc_finish(k->ctx, CSVC_OK));
        csvc_ctx_unref(k->ctx);
        return;
    }
    atomic_fetch_add(&k->messages, 1);
    assert_int_equal(CSVC_OK, csvc_stream_send(k->stream, message));
    if (k->by_hand) {
        csvc_more(k->in);
    }
}

static csvc_code keep(kept *k, csvc_ctx *ctx)
{
    const csvc_events events = {CSVC_EVENTS_INIT,           .self = k,
                                .on_message = kept_message, .on_writable = kept_writable,
                                .on_done = kept_done,       .auto_more = !k->by_hand};

    k->ctx = csvc_detach(ctx, &events);
    if (k->drop) {
        csvc_ctx_unref(k->ctx);
    }
    atomic_store(&k->detached, 1);
    return k->handler_code;
}

static csvc_code keeps_down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                            csvc_stream *out)
{
    kept *k = peer->data;

    (void)req;
    k->stream = out;
    return keep(k, ctx);
}

static csvc_code keeps_both(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    kept *k = peer->data;

    k->stream = out;
    k->in = in;
    if (k->by_hand) {
        csvc_more(in);
    }
    return keep(k, ctx);
}

static csvc_code keeps_unary(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                             Codec3__Inner *rsp)
{
    kept *k = peer->data;

    rsp->id = req->id + 1;
    k->rsp = rsp;
    return keep(k, ctx);
}

static void kept_start(scene *sc, kept *k)
{
    scene_start(
        sc, (stream_peer){.down = keeps_down, .both = keeps_both, .keep = keeps_unary, .data = k});
}

static void relay(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply)
{
    listener *l = self;

    (void)done;
    l->code = (int)rpc->code;
    atomic_store(&l->sum, reply != NULL ? ((const Codec3__Inner *)reply)->id : -1);
    atomic_fetch_add(&l->done, 1);
}

static void a_unary_call_is_finished_by_another_thread(void **state)
{
    static const csvc_code ends[] = {CSVC_OK, CSVC_NOT_FOUND, (csvc_code)77};

    (void)state;
    log_catch(CSVC_LOG_WARN);
    for (size_t i = 0; i < 3; i++) {
        scene sc;
        kept k = {0};
        listener l = {0};
        csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
        Codec3__Inner req = stream_message(41, "");

        kept_start(&sc, &k);
        l.call = csvc_call_async(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, relay, NULL, &l);
        await_value(&k.detached, 1);
        k.rsp->name = csvc_strdup(k.ctx, "late");
        assert_int_equal(CSVC_OK, csvc_finish(k.ctx, ends[i]));
        csvc_ctx_unref(k.ctx);
        await_value(&l.done, 1);
        await_value(&k.done, 1);
        assert_int_equal(i == 2 ? CSVC_INTERNAL : ends[i], l.code);
        assert_int_equal(l.code, atomic_load(&k.code));
        assert_int_equal(i == 0 ? 42 : -1, atomic_load(&l.sum));
        csvc_call_unref(l.call);
        csvc_rpc_clear(&rpc);
        scene_end(&sc);
    }
    assert_non_null(strstr(log_caught(), "no such status code"));
    log_let_go();
}

/* As often as it is asked: a reference that it never took. */
static csvc_code gives_back_too_much(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                                     Codec3__Inner *rsp)
{
    (void)peer;
    (void)csvc_ctx_ref(ctx);
    for (int32_t i = 0; i < req->id; i++) {
        (void)csvc_ctx_unref(ctx);
    }
    rsp->id = req->id;
    return CSVC_OK;
}

static void a_reference_that_nobody_took_is_not_given_back(void **state)
{
    scene sc;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    Codec3__Inner req;
    const void *reply;

    (void)state;
    scene_start(&sc, (stream_peer){.keep = gives_back_too_much});
    for (int32_t times = 1; times < 4; times++) {
        log_catch(CSVC_LOG_WARN);
        req = stream_message(times, "");
        assert_int_equal(CSVC_OK,
                         csvc_call_unary(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply));
        assert_int_equal(times, ((const Codec3__Inner *)reply)->id);
        if (times == 1) {
            assert_string_equal("", log_caught());
        } else {
            assert_non_null(strstr(log_caught(), "without a reference of one's own"));
        }
        log_let_go();
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static void a_second_finish_and_a_late_send_are_mistakes(void **state)
{
    scene sc;
    kept k = {0};
    listener l = {0};
    Codec3__Inner message = stream_message(5, "x");

    (void)state;
    log_catch(CSVC_LOG_WARN);
    kept_start(&sc, &k);
    listen_to(&sc, &l, STREAM_DOWN);
    await_value(&k.detached, 1);
    assert_int_equal(CSVC_OK, csvc_stream_send(k.stream, &message));
    assert_int_equal(CSVC_OK, csvc_finish(k.ctx, CSVC_ABORTED));
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_finish(k.ctx, CSVC_OK));
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_stream_send(k.stream, &message));
    await_value(&l.done, 1);
    assert_int_equal(CSVC_ABORTED, l.code);
    assert_int_equal(1, atomic_load(&l.heard));
    await_value(&k.done, 1);
    csvc_ctx_unref(k.ctx);
    csvc_call_unref(l.call);
    scene_end(&sc);
    assert_non_null(strstr(log_caught(), "finished twice"));
    assert_non_null(strstr(log_caught(), "behind the end"));
    log_let_go();
}

static void losing_the_race_with_the_caller_is_no_mistake(void **state)
{
    scene sc;
    kept k = {0};
    listener l = {0};
    Codec3__Inner message = stream_message(5, "x");

    (void)state;
    log_catch(CSVC_LOG_WARN);
    kept_start(&sc, &k);
    listen_to(&sc, &l, STREAM_DOWN);
    await_value(&k.detached, 1);
    csvc_call_cancel(l.call);
    await_value(&k.done, 1);
    assert_int_equal(CSVC_CANCELLED, atomic_load(&k.code));
    assert_true(csvc_cancelled(k.ctx));
    assert_int_equal(CSVC_CANCELLED, csvc_stream_send(k.stream, &message));
    assert_int_equal(CSVC_OK, csvc_finish(k.ctx, CSVC_OK));
    csvc_ctx_unref(k.ctx);
    await_value(&l.done, 1);
    csvc_call_unref(l.call);
    scene_end(&sc);
    assert_string_equal("", log_caught());
    log_let_go();
}

static void a_forgotten_call_is_internal(void **state)
{
    static const int kinds[] = {STREAM_DOWN, STREAM_INLINE};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        scene sc;
        kept k = {.drop = true};
        listener l = {0};

        log_catch(CSVC_LOG_WARN);
        kept_start(&sc, &k);
        listen_to(&sc, &l, kinds[i]);
        await_value(&l.done, 1);
        assert_int_equal(CSVC_INTERNAL, l.code);
        await_value(&k.done, 1);
        csvc_call_unref(l.call);
        scene_end(&sc);
        assert_non_null(strstr(log_caught(), "without csvc_finish"));
        assert_non_null(strstr(log_caught(), "the handler has forgotten the call"));
        log_let_go();
    }
}

static void a_handler_that_fails_after_detaching_ends_the_call(void **state)
{
    scene sc;
    kept k = {.handler_code = CSVC_PERMISSION_DENIED};
    listener l = {0};

    (void)state;
    kept_start(&sc, &k);
    listen_to(&sc, &l, STREAM_DOWN);
    await_value(&l.done, 1);
    assert_int_equal(CSVC_PERMISSION_DENIED, l.code);
    await_value(&k.done, 1);
    assert_int_equal(CSVC_PERMISSION_DENIED, atomic_load(&k.code));
    csvc_ctx_unref(k.ctx);
    csvc_call_unref(l.call);
    scene_end(&sc);
}

/* A reader that does not read: the queue fills, the sender is refused, and told when it may. */
static void a_full_queue_refuses_and_tells(void **state)
{
    enum {
        LENGTH = 60000
    };
    scene sc;
    kept k = {0};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    char *name = malloc(LENGTH + 1);
    Codec3__Inner message;
    Codec3__Inner req = stream_message(1, "");
    const void *got;
    csvc_call *call;
    csvc_code code;
    int sent = 0, received = 0;

    (void)state;
    memset(name, 'x', LENGTH);
    name[LENGTH] = '\0';
    message = stream_message(1, name);
    kept_start(&sc, &k);
    call = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
    await_value(&k.detached, 1);
    while ((code = csvc_stream_send(k.stream, &message)) == CSVC_OK) {
        sent++;
        assert_true(sent < 2000); /* bounded */
        sched_yield();
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, code);
    while (atomic_load(&k.writable) == 0) {
        assert_true(csvc_call_recv(call, &got));
        received++;
    }
    assert_int_equal(CSVC_OK, csvc_stream_send(k.stream, &message));
    sent++;
    assert_int_equal(CSVC_OK, csvc_finish(k.ctx, CSVC_OK));
    csvc_ctx_unref(k.ctx);
    while (csvc_call_recv(call, &got)) {
        received++;
    }
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    assert_int_equal(sent, received);
    await_value(&k.done, 1);
    csvc_rpc_clear(&rpc);
    free(name);
    scene_end(&sc);
}

static void messages_come_as_they_are_asked_for(void **state)
{
    (void)state;
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        scene sc;
        kept k = {.by_hand = by_hand != 0};
        csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
        csvc_call *call;
        const void *got;

        kept_start(&sc, &k);
        call = csvc_call_start(sc.ch, &stream_methods[STREAM_BOTH], &rpc, NULL, NULL);
        assert_non_null(call);
        for (int i = 0; i < 200; i++) {
            Codec3__Inner message = stream_message(i, "ping");

            assert_int_equal(CSVC_OK, csvc_call_send(call, &message));
            assert_true(csvc_call_recv(call, &got));
            assert_int_equal(i, ((const Codec3__Inner *)got)->id);
        }
        assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
        await_value(&k.done, 1);
        assert_int_equal(200, atomic_load(&k.messages));
        assert_int_equal(1, atomic_load(&k.ends));
        csvc_rpc_clear(&rpc);
        scene_end(&sc);
    }
}

static void what_is_no_call_is_not_detached(void **state)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);

    (void)state;
    log_catch(CSVC_LOG_WARN);
    assert_ptr_equal(ctx, csvc_detach(ctx, NULL));
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_finish(ctx, CSVC_OK));
    csvc_ctx_unref(ctx);
    csvc_ctx_unref(ctx);
    assert_non_null(strstr(log_caught(), "csvc_detach"));
    log_let_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chat_room),
        cmocka_unit_test(senders_race_the_end_of_calls),
        cmocka_unit_test(a_unary_call_is_finished_by_another_thread),
        cmocka_unit_test(a_reference_that_nobody_took_is_not_given_back),
        cmocka_unit_test(a_second_finish_and_a_late_send_are_mistakes),
        cmocka_unit_test(losing_the_race_with_the_caller_is_no_mistake),
        cmocka_unit_test(a_forgotten_call_is_internal),
        cmocka_unit_test(a_handler_that_fails_after_detaching_ends_the_call),
        cmocka_unit_test(a_full_queue_refuses_and_tells),
        cmocka_unit_test(messages_come_as_they_are_asked_for),
        cmocka_unit_test(what_is_no_call_is_not_detached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
