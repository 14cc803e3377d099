/* Interceptors of a channel, and what they count, over the gRPC C core: one end for each begin,
 * whatever kind of call, however it went. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/testing.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "await.h"
#include "log_catcher.h"
#include "stream_service.h"
#include "transports.h"

enum {
    UNANSWERED = 99 /* the id of a request that is answered when nobody waits for it any more */
};

/* What one interceptor is told to do, and what it saw. */
typedef struct spy {
    const char *name;
    atomic_int begins, ends, sent, received;
    atomic_int code; /* of the last end */
    atomic_int late; /* hooks behind the end */
    atomic_bool refuses, refuses_message;
} spy;

typedef struct spy_state {
    int marks; /* begins zeroed */
} spy_state;

static char order[4096]; /* of all spies; one call at a time */
static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;

static void note(const char *what, const spy *s)
{
    pthread_mutex_lock(&order_lock);
    (void)snprintf(order + strlen(order), sizeof(order) - strlen(order), "%s%s ", what, s->name);
    pthread_mutex_unlock(&order_lock);
}

static csvc_code spy_begin(void *self, csvc_ctx *ctx, void *state)
{
    spy *s = self;
    spy_state *st = state;

    assert_int_equal(0, st->marks++);
    atomic_fetch_add(&s->begins, 1);
    note("+", s);
    assert_non_null(csvc_method_of(ctx));
    assert_string_equal(csvc_method_of(ctx)->path, csvc_method_path(ctx));
    assert_non_null(csvc_peer(ctx));
    assert_null(csvc_metadata(ctx, "x-spy"));
    assert_int_equal(CSVC_OK, csvc_set_header(ctx, "x-spy", s->name));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_set_header(ctx, "grpc-spy", s->name));
    return atomic_load(&s->refuses) ? csvc_fail(ctx, CSVC_PERMISSION_DENIED, "%s says no", s->name)
                                    : CSVC_OK;
}

static void spy_end(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    spy *s = self;

    assert_int_equal(1, ((spy_state *)state)->marks++);
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_set_header(ctx, "x-late", "1"));
    assert_non_null(outcome->text);
    assert_true(outcome->duration_nanos >= 0);
    atomic_store(&s->code, (int)outcome->code);
    note("-", s);
    atomic_fetch_add(&s->ends, 1);
}

static csvc_code spy_received(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    spy *s = self;

    assert_non_null(message);
    atomic_fetch_add(&s->late, ((const spy_state *)state)->marks != 1);
    atomic_fetch_add(&s->received, 1);
    return atomic_load(&s->refuses_message) ? csvc_fail(ctx, CSVC_DATA_LOSS, "not this one")
                                            : CSVC_OK;
}

static void spy_sent(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    spy *s = self;

    (void)ctx;
    assert_non_null(message);
    atomic_fetch_add(&s->late, ((const spy_state *)state)->marks != 1);
    atomic_fetch_add(&s->sent, 1);
}

static const csvc_interceptor late = {CSVC_INTERCEPTOR_INIT,    .name = "late",
                                      .phase = CSVC_PHASE_USER, .state_size = sizeof(spy_state),
                                      .begin = spy_begin,       .end = spy_end,
                                      .received = spy_received, .sent = spy_sent};
static const csvc_interceptor early = {CSVC_INTERCEPTOR_INIT,       .name = "early",
                                       .phase = CSVC_PHASE_LOGGING, .state_size = sizeof(spy_state),
                                       .begin = spy_begin,          .end = spy_end};

typedef struct scene {
    csvc_testing *t;
    csvc_channel *ch;
    stream_peer peer;
    spy a, b;
    csvc_metrics *metrics;
    csvc_call_metrics *counts;
} scene;

/* ---- handlers; they answer with what the interceptors have added ---- */

static csvc_code keep(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                      Codec3__Inner *rsp)
{
    csvc_bytes value;

    (void)peer;
    while (req->id == UNANSWERED && !csvc_cancelled(ctx)) {
        const struct timespec moment = {.tv_nsec = 1000 * 1000};

        nanosleep(&moment, NULL);
    }
    rsp->id = 0;
    for (size_t n = 0; csvc_metadata_value(ctx, "x-spy", n, &value); n++) {
        rsp->id++;
    }
    return req->id >= 0 ? CSVC_OK : csvc_fail(ctx, CSVC_NOT_FOUND, "nothing below zero");
}

static void scene_start(scene *sc)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core};
    csvc_error err = {CSVC_ERROR_INIT};
    char target[64];

    *sc = (scene){.peer = {.keep = keep, .down = stream_counts, .up = stream_sums},
                  .a.name = "a",
                  .b.name = "b"};
    order[0] = '\0';
    log_catch(CSVC_LOG_INFO);
    sc->t = test_new();
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(sc->t), &sc->peer));
    (void)csvc_testing_channel(sc->t);
    (void)snprintf(target, sizeof(target), "dns:///127.0.0.1:%d", csvc_testing_port(sc->t));
    sc->ch = csvc_channel_new(target, &options, &err);
    sc->metrics = csvc_metrics_new(NULL);
    sc->counts = csvc_call_metrics_new_client(sc->metrics, &err);
    assert_non_null(sc->counts);
    assert_int_equal(CSVC_OK, csvc_channel_intercept(sc->ch, &late, &sc->b));
    assert_int_equal(CSVC_OK, csvc_channel_intercept(sc->ch, &early, &sc->a));
    assert_int_equal(CSVC_OK, csvc_channel_intercept(sc->ch, &csvc_measuring, sc->counts));
    assert_int_equal(CSVC_OK, csvc_channel_intercept(sc->ch, &csvc_logging, NULL));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_channel_intercept(sc->ch, NULL, NULL));
}

static void scene_end(scene *sc)
{
    assert_null(csvc_channel_free(sc->ch));
    assert_int_equal(atomic_load(&sc->a.begins), atomic_load(&sc->a.ends));
    assert_int_equal(atomic_load(&sc->b.begins), atomic_load(&sc->b.ends));
    assert_int_equal(0, atomic_load(&sc->b.late));
    csvc_call_metrics_free(sc->counts);
    csvc_metrics_free(sc->metrics);
    assert_null(csvc_testing_free(sc->t));
    log_let_go();
}

static csvc_code unary(scene *sc, int id, csvc_rpc *rpc, int *ret_id)
{
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *rsp;
    csvc_code code;

    req.id = id;
    code = csvc_call_unary(sc->ch, &stream_methods[STREAM_KEEP], rpc, &req, &rsp);
    *ret_id = code == CSVC_OK ? ((const Codec3__Inner *)rsp)->id : -1;
    return code;
}

/* A sample of a counter with these labels. */
static void assert_sample(scene *sc, const char *sample)
{
    size_t len;
    char *text = csvc_metrics_text(sc->metrics, &len);

    assert_non_null(text);
    if (strstr(text, sample) == NULL) {
        print_error("%s\nis not in\n%s\n", sample, text);
    }
    assert_non_null(strstr(text, sample));
    csvc_metrics_text_free(text);
}

static void unary_calls(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    scene sc;
    int id;

    (void)state;
    scene_start(&sc);
    assert_int_equal(CSVC_OK, unary(&sc, 1, &rpc, &id));
    assert_int_equal(2, id); /* both headers arrived */
    assert_string_equal("+a +b -b -a ", order);
    assert_int_equal(1, atomic_load(&sc.b.sent));
    assert_int_equal(1, atomic_load(&sc.b.received));
    assert_int_equal(CSVC_NOT_FOUND, unary(&sc, -1, &rpc, &id));
    assert_string_equal("nothing below zero", rpc.message);
    assert_int_equal(CSVC_NOT_FOUND, atomic_load(&sc.a.code));
    assert_int_equal(1, atomic_load(&sc.b.received));

    order[0] = '\0';
    atomic_store(&sc.a.refuses, true); /* the one behind is not asked, the call not made */
    assert_int_equal(CSVC_PERMISSION_DENIED, unary(&sc, 1, &rpc, &id));
    assert_string_equal("a says no", rpc.message);
    assert_string_equal("+a -a ", order);
    atomic_store(&sc.a.refuses, false);
    atomic_store(&sc.b.refuses_message, true);
    assert_int_equal(CSVC_DATA_LOSS, unary(&sc, 1, &rpc, &id));
    assert_string_equal("not this one", rpc.message);
    assert_int_equal(CSVC_DATA_LOSS, atomic_load(&sc.a.code));
    atomic_store(&sc.b.refuses_message, false);
    rpc.timeout_ms = 20000;

#define KEEP "{grpc_type=\"unary\",grpc_service=\"test.Streams\",grpc_method=\"Keep\""
    assert_sample(&sc, "grpc_client_started_total" KEEP "} 4\n");
    assert_sample(&sc, "grpc_client_handled_total" KEEP ",grpc_code=\"OK\"} 1\n");
    assert_sample(&sc, "grpc_client_handled_total" KEEP ",grpc_code=\"NotFound\"} 1\n");
    assert_sample(&sc, "grpc_client_handled_total" KEEP ",grpc_code=\"PermissionDenied\"} 1\n");
    assert_sample(&sc, "grpc_client_handled_total" KEEP ",grpc_code=\"DataLoss\"} 1\n");
    assert_sample(&sc, "grpc_client_msg_sent_total" KEEP "} 3\n");
    assert_sample(&sc, "grpc_client_msg_received_total" KEEP "} 2\n");
    assert_sample(&sc, "grpc_client_handling_seconds_count" KEEP "} 4\n");
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static void streams_that_wait(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *message;
    csvc_call *call;
    scene sc;

    (void)state;
    scene_start(&sc);
    req.id = 5;
    call = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
    while (csvc_call_recv(call, &message)) {
    }
    assert_int_equal(0, atomic_load(&sc.a.ends)); /* the outcome is finish's */
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    assert_int_equal(1, atomic_load(&sc.a.ends));
    assert_int_equal(5, atomic_load(&sc.b.received));
    assert_int_equal(1, atomic_load(&sc.b.sent));

    call = csvc_call_start(sc.ch, &stream_methods[STREAM_UP], &rpc, NULL, NULL);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(CSVC_OK, csvc_call_send(call, &req));
    }
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, &message));
    assert_int_equal(7 * req.id, ((const Codec3__Inner *)message)->id);
    assert_int_equal(8, atomic_load(&sc.b.sent));
    assert_int_equal(6, atomic_load(&sc.b.received));

    atomic_store(&sc.b.refuses_message, true);
    call = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
    assert_false(csvc_call_recv(call, &message));
    assert_int_equal(CSVC_DATA_LOSS, csvc_call_finish(call, &rpc, NULL));
    assert_string_equal("not this one", rpc.message);
    assert_int_equal(CSVC_DATA_LOSS, atomic_load(&sc.a.code));
    atomic_store(&sc.b.refuses_message, false);

    atomic_store(&sc.b.refuses, true);
    assert_null(csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL));
    assert_int_equal(CSVC_PERMISSION_DENIED, rpc.code);
    atomic_store(&sc.b.refuses, false);

    /* dropped without finish: the end comes with the last reference */
    call = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
    csvc_call_cancel(call);
    csvc_call_unref(call);
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
    assert_int_equal(5, atomic_load(&sc.a.ends));
}

/* ---- without waiting ---- */

typedef struct done {
    scene *sc;
    atomic_int n, code, ends_before; /* the ends that had run by then */
} done;

static void on_done(void *self, csvc_code code)
{
    done *d = self;

    atomic_store(&d->code, (int)code);
    atomic_store(&d->ends_before, atomic_load(&d->sc->a.ends));
    atomic_fetch_add(&d->n, 1);
}

static void relay(csvc_done_fn *fn, void *self, const csvc_rpc *rpc, const void *reply)
{
    (void)fn;
    (void)reply;
    on_done(self, rpc->code);
}

static void calls_nobody_waits_for(void **state)
{
    scene sc;
    done d = {.sc = &sc};
    const csvc_events events = {CSVC_EVENTS_INIT, .self = &d, .on_done = on_done,
                                .auto_more = true};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    Codec3__Inner req = CODEC3__INNER__INIT;

    (void)state;
    scene_start(&sc);
    req.id = 3;
    csvc_call_unref(
        csvc_call_async(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, relay, NULL, &d));
    await_at_least(&d.n, 1);
    assert_int_equal(1, atomic_load(&d.ends_before));
    assert_int_equal(CSVC_OK, atomic_load(&d.code));
    csvc_call_unref(csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, &events));
    await_at_least(&d.n, 2);
    assert_int_equal(2, atomic_load(&d.ends_before));
    assert_int_equal(4, atomic_load(&sc.b.received));

    atomic_store(&sc.b.refuses_message, true);
    csvc_call_unref(
        csvc_call_async(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, relay, NULL, &d));
    await_at_least(&d.n, 3);
    assert_int_equal(CSVC_DATA_LOSS, atomic_load(&d.code));
    csvc_call_unref(csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, &events));
    await_at_least(&d.n, 4);
    assert_int_equal(CSVC_DATA_LOSS, atomic_load(&d.code));
    atomic_store(&sc.b.refuses_message, false);

    /* refused at the begin: no event comes */
    atomic_store(&sc.a.refuses, true);
    assert_null(csvc_call_async(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, relay, NULL, &d));
    assert_int_equal(CSVC_PERMISSION_DENIED, rpc.code);
    assert_string_equal("a says no", rpc.message);
    atomic_store(&sc.a.refuses, false);

    /* ended by the channel */
    for (int i = 0; i < 50; i++) {
        csvc_call_unref(
            csvc_call_async(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, relay, NULL, &d));
        csvc_call_unref(csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, &events));
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
    assert_int_equal(104, atomic_load(&d.n));
    assert_int_equal(105, atomic_load(&sc.a.ends));
}

/* Sends until the call has ended. */
typedef struct sender {
    csvc_call *call;
    atomic_int accepted;
} sender;

static void *send_on(void *self)
{
    sender *s = self;
    const Codec3__Inner req = CODEC3__INNER__INIT;
    csvc_code code;

    do {
        code = csvc_call_send(s->call, &req);
        atomic_fetch_add(&s->accepted, code == CSVC_OK);
    } while (code == CSVC_OK || code == CSVC_RESOURCE_EXHAUSTED);
    return NULL;
}

/* What was accepted was heard of, and nothing was heard of behind the end, however they race. */
static void a_sender_races_the_end(void **state)
{
    scene sc;
    done d = {.sc = &sc};
    const csvc_events events = {CSVC_EVENTS_INIT, .self = &d, .on_done = on_done,
                                .auto_more = true};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};

    (void)state;
    scene_start(&sc);
    for (int round = 0; round < 300; round++) {
        pthread_t thread;
        sender s = {.call =
                        csvc_call_start(sc.ch, &stream_methods[STREAM_UP], &rpc, NULL, &events)};

        order[0] = '\0';
        assert_non_null(s.call);
        atomic_store(&sc.b.sent, 0);
        assert_int_equal(0, pthread_create(&thread, NULL, send_on, &s));
        await_at_least(&s.accepted, 1);
        csvc_call_cancel(s.call);
        assert_int_equal(0, pthread_join(thread, NULL));
        await_at_least(&d.n, round + 1);
        assert_int_equal(atomic_load(&s.accepted), atomic_load(&sc.b.sent));
        csvc_call_unref(s.call);
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static void a_channel_has_so_many(void **state)
{
    static spy spies[64];
    scene sc;

    (void)state;
    scene_start(&sc); /* brings four */
    for (int i = 4; i < 64; i++) {
        assert_int_equal(CSVC_OK, csvc_channel_intercept(sc.ch, &early, &spies[i]));
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc_channel_intercept(sc.ch, &early, &spies[0]));
    scene_end(&sc);
}

/* Calls of more rpcs are made, and not counted. */
static void so_many_rpcs_are_counted(void **state)
{
    enum {
        COUNTED = 512
    };
    static csvc_method methods[COUNTED + 1];
    static char paths[COUNTED + 1][32];
    Codec3__Inner req = CODEC3__INNER__INIT;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    const void *rsp;
    scene sc;
    size_t len, series = 0;
    char *text;

    (void)state;
    scene_start(&sc);
    for (int i = 0; i < COUNTED + 1; i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "/many.Rpcs/Rpc%d", i);
        methods[i] = stream_methods[STREAM_KEEP];
        methods[i].path = paths[i];
        methods[i].name = strrchr(paths[i], '/') + 1;
        assert_int_equal(CSVC_UNIMPLEMENTED, csvc_call_unary(sc.ch, &methods[i], &rpc, &req, &rsp));
    }
    csvc_rpc_clear(&rpc);
    text = csvc_metrics_text(sc.metrics, &len);
    assert_non_null(text);
    for (const char *at = text; (at = strstr(at, "\ngrpc_client_started_total{")) != NULL; at++) {
        series++;
    }
    csvc_metrics_text_free(text);
    assert_int_equal(COUNTED, series);
    scene_end(&sc);
}

static void *call_until_freed(void *self)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    int id;

    (void)unary(self, UNANSWERED, &rpc, &id);
    csvc_rpc_clear(&rpc);
    return NULL;
}

/* What an interceptor needs may go once the channel has gone: every end has run by then, whatever
 * the threads do that called; what they ask of a call afterwards is harmless. */
static void no_end_comes_behind_the_channel(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    const Codec3__Inner req = CODEC3__INNER__INIT;
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core};
    csvc_error err = {CSVC_ERROR_INIT};
    const void *message;
    scene sc;

    (void)state;
    scene_start(&sc);
    for (int round = 0; round < 20; round++) {
        pthread_t threads[4];
        csvc_channel *before = sc.ch;
        spy *b = calloc(1, sizeof(*b));
        csvc_call *call;
        char target[64];

        order[0] = '\0';
        b->name = "b";
        (void)snprintf(target, sizeof(target), "dns:///127.0.0.1:%d", csvc_testing_port(sc.t));
        sc.ch = csvc_channel_new(target, &options, &err);
        assert_int_equal(CSVC_OK, csvc_channel_intercept(sc.ch, &late, b));
        call = csvc_call_start(sc.ch, &stream_methods[STREAM_UP], &rpc, NULL, NULL);
        assert_non_null(call);
        assert_int_equal(CSVC_OK, csvc_call_send(call, &req));
        for (int i = 0; i < 4; i++) {
            assert_int_equal(0, pthread_create(&threads[i], NULL, call_until_freed, &sc));
        }
        await_at_least(&b->begins, 5);
        csvc_channel_free(sc.ch);
        assert_int_equal(atomic_load(&b->begins), atomic_load(&b->ends));
        assert_int_equal(0, atomic_load(&b->late));
        free(b);
        assert_int_not_equal(CSVC_OK, csvc_call_send(call, &req));
        assert_false(csvc_call_recv(call, &message));
        assert_int_equal(CSVC_CANCELLED, csvc_call_finish(call, &rpc, NULL));
        for (int i = 0; i < 4; i++) {
            assert_int_equal(0, pthread_join(threads[i], NULL));
        }
        sc.ch = before;
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary_calls),
        cmocka_unit_test(streams_that_wait),
        cmocka_unit_test(calls_nobody_waits_for),
        cmocka_unit_test(a_sender_races_the_end),
        cmocka_unit_test(a_channel_has_so_many),
        cmocka_unit_test(so_many_rpcs_are_counted),
        cmocka_unit_test(no_end_comes_behind_the_channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
