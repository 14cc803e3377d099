/* What interceptors hear of calls of every kind, over the gRPC C core: one end for each begin,
 * however a call ends; each message once, never two hooks of a call at a time; and what the
 * built-in metrics make of it. */
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

#include "await.h"
#include "log_catcher.h"
#include "stream_service.h"
#include "transports.h"

/* ---- an interceptor that counts ---- */

/* Plain numbers in the call's state: ThreadSanitizer sees hooks that run at the same time. */
typedef struct heard {
    int begun, ended, received, sent, sum_received, sum_sent, frames;
} heard;

typedef struct counter {
    atomic_int begun, ended, received, sent, sum_received, sum_sent, frames, late;
    atomic_int refuse_id; /* `received` refuses this id */
} counter;

static csvc_code count_begin(void *self, csvc_ctx *ctx, void *state)
{
    (void)ctx;
    atomic_fetch_add(&((counter *)self)->begun, 1);
    ((heard *)state)->begun++;
    return CSVC_OK;
}

static csvc_code count_received(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    counter *c = self;
    heard *h = state;
    const int id = ((const Codec3__Inner *)message)->id;

    (void)ctx;
    atomic_fetch_add(&c->late, h->ended);
    h->received++;
    h->sum_received += id;
    return id != 0 && id == atomic_load(&c->refuse_id) ? CSVC_OUT_OF_RANGE : CSVC_OK;
}

static void count_sent(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    counter *c = self;
    heard *h = state;

    (void)ctx;
    atomic_fetch_add(&c->late, h->ended);
    h->sent++;
    if (message != NULL) {
        h->sum_sent += ((const Codec3__Inner *)message)->id;
    } else {
        h->frames++;
    }
}

static void count_end(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    counter *c = self;
    heard *h = state;

    (void)ctx;
    (void)outcome;
    atomic_fetch_add(&c->late, h->ended + (h->begun != 1));
    h->ended++;
    atomic_fetch_add(&c->received, h->received);
    atomic_fetch_add(&c->sent, h->sent);
    atomic_fetch_add(&c->sum_received, h->sum_received);
    atomic_fetch_add(&c->sum_sent, h->sum_sent);
    atomic_fetch_add(&c->frames, h->frames);
    atomic_fetch_add(&c->ended, 1); /* last: what was counted is there */
}

static const csvc_interceptor counting = {
    CSVC_INTERCEPTOR_INIT,       .name = "counting",   .phase = CSVC_PHASE_TRACING,
    .state_size = sizeof(heard), .begin = count_begin, .end = count_end,
    .received = count_received,  .sent = count_sent,
};

static void count_end_only(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    (void)ctx;
    (void)state;
    (void)outcome;
    atomic_fetch_add(&((counter *)self)->ended, 1);
}

static csvc_code count_begin_only(void *self, csvc_ctx *ctx, void *state)
{
    (void)ctx;
    (void)state;
    atomic_fetch_add(&((counter *)self)->begun, 1);
    return CSVC_OK;
}

/* Begins where the handler runs: a call that never gets there has neither begin nor end of it. */
static const csvc_interceptor counting_user = {
    CSVC_INTERCEPTOR_INIT,     .name = "counting-user", .phase = CSVC_PHASE_USER,
    .begin = count_begin_only, .end = count_end_only,
};

/* ---- a server with it ---- */

typedef struct scene {
    csvc_testing *t;
    csvc_channel *ch;
    stream_peer peer;
    counter counted, user;
    csvc_metrics *m;
    csvc_call_metrics *cm;
    csvc_limits *limits;
    atomic_int kept; /* calls in a keeper's hands */
    atomic_int done; /* of them, over */
    csvc_ctx *ctx;
    csvc_stream *in, *out;
} scene;

static void scene_start(scene *sc, uint32_t max_calls)
{
    const csvc_limits_options limits = {CSVC_LIMITS_OPTIONS_INIT, .max_calls = max_calls};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_server *srv;

    sc->peer.data = sc;
    sc->t = test_new();
    srv = csvc_testing_server(sc->t);
    sc->m = csvc_metrics_new(NULL);
    sc->cm = csvc_call_metrics_new(sc->m, &err);
    assert_non_null(sc->cm);
    sc->limits = csvc_limits_new(&limits, &err);
    assert_non_null(sc->limits);
    assert_int_equal(CSVC_OK, csvc_server_intercept(srv, &counting, &sc->counted));
    assert_int_equal(CSVC_OK, csvc_server_intercept(srv, &csvc_measuring, sc->cm));
    assert_int_equal(CSVC_OK, csvc_server_intercept(srv, &csvc_logging, NULL));
    assert_int_equal(CSVC_OK, csvc_server_intercept(srv, &csvc_limiting, sc->limits));
    assert_int_equal(CSVC_OK, csvc_server_intercept(srv, &counting_user, &sc->user));
    assert_int_equal(CSVC_OK, stream_register(srv, &sc->peer));
    sc->ch = csvc_testing_channel(sc->t);
}

static void scene_end(scene *sc)
{
    (void)csvc_testing_free(sc->t);
    assert_int_equal(atomic_load(&sc->counted.begun), atomic_load(&sc->counted.ended));
    assert_int_equal(atomic_load(&sc->user.begun), atomic_load(&sc->user.ended));
    assert_int_equal(0, atomic_load(&sc->counted.late));
    csvc_call_metrics_free(sc->cm);
    csvc_limits_free(sc->limits);
    csvc_metrics_free(sc->m);
}

/* The sum of a family's samples whose line has `with` in it. */
static double total(scene *sc, const char *family, const char *with)
{
    size_t len;
    char *text = csvc_metrics_text(sc->m, &len);
    const size_t name_len = strlen(family);
    double sum = 0;

    assert_non_null(text);
    for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (strncmp(line, family, name_len) == 0 && line[name_len] == '{' &&
            strstr(line, with) != NULL) {
            sum += strtod(strrchr(line, ' '), NULL);
        }
    }
    csvc_metrics_text_free(text);
    return sum;
}

#define OF(method) "grpc_method=\"" method "\""

static void assert_total(scene *sc, const char *family, const char *with, double expected)
{
    const double got = total(sc, family, with);

    if (got != expected) {
        fail_msg("%s of %s is %g, not %g", family, with, got, expected);
    }
}

/* ---- handlers ---- */

#define ANSWERS                                                                                    \
    {                                                                                              \
        .down = stream_counts, .up = stream_sums, .both = stream_echoes, .keep = stream_answers    \
    }

/* ---- messages of the four kinds ---- */

enum {
    N = 100,
    SUM = N * (N + 1) / 2,
};

static void each_message_is_heard_of_once(void **state)
{
    scene sc = {.peer = ANSWERS};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    Codec3__Inner req = stream_message(N, "x");
    const void *reply;
    csvc_call *call;

    (void)state;
    scene_start(&sc, 0);
    assert_int_equal(CSVC_OK,
                     csvc_call_unary(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &reply));
    await_value(&sc.counted.ended, 1);
    assert_int_equal(1, atomic_load(&sc.counted.received));
    assert_int_equal(N, atomic_load(&sc.counted.sum_received));
    assert_int_equal(1, atomic_load(&sc.counted.sent));
    assert_int_equal(N + 1, atomic_load(&sc.counted.sum_sent));

    call = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
    while (csvc_call_recv(call, &reply)) {
    }
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    await_value(&sc.counted.ended, 2);
    assert_int_equal(2, atomic_load(&sc.counted.received));
    assert_int_equal(1 + N, atomic_load(&sc.counted.sent));
    assert_int_equal(N + 1 + SUM, atomic_load(&sc.counted.sum_sent));

    call = csvc_call_start(sc.ch, &stream_methods[STREAM_UP], &rpc, NULL, NULL);
    for (int i = 1; i <= N; i++) {
        req.id = i;
        assert_int_equal(CSVC_OK, csvc_call_send(call, &req));
    }
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, &reply));
    assert_int_equal(SUM, ((const Codec3__Inner *)reply)->id);
    await_value(&sc.counted.ended, 3);
    assert_int_equal(2 + N, atomic_load(&sc.counted.received));
    assert_int_equal(2 + N, atomic_load(&sc.counted.sent));
    assert_int_equal(N + 1 + SUM + SUM, atomic_load(&sc.counted.sum_sent));

    call = csvc_call_start(sc.ch, &stream_methods[STREAM_BOTH], &rpc, NULL, NULL);
    for (int i = 1; i <= N; i++) {
        req.id = i;
        assert_int_equal(CSVC_OK, csvc_call_send(call, &req));
        assert_true(csvc_call_recv(call, &reply));
    }
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    await_value(&sc.counted.ended, 4);
    assert_int_equal(2 + N + N, atomic_load(&sc.counted.received));
    assert_int_equal(2 + N + N, atomic_load(&sc.counted.sent));
    csvc_rpc_clear(&rpc);

    assert_total(&sc, "grpc_server_msg_received_total", OF("Keep"), 1);
    assert_total(&sc, "grpc_server_msg_sent_total", OF("Keep"), 1);
    assert_total(&sc, "grpc_server_msg_received_total", OF("Down"), 1);
    assert_total(&sc, "grpc_server_msg_sent_total", OF("Down"), N);
    assert_total(&sc, "grpc_server_msg_received_total", OF("Up"), N);
    assert_total(&sc, "grpc_server_msg_sent_total", OF("Up"), 1);
    assert_total(&sc, "grpc_server_msg_received_total", OF("Both"), N);
    assert_total(&sc, "grpc_server_msg_sent_total", OF("Both"), N);
    scene_end(&sc);
}

static void an_interceptor_ends_a_stream(void **state)
{
    scene sc = {.peer = ANSWERS};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    const void *reply;

    (void)state;
    log_catch(CSVC_LOG_INFO);
    scene_start(&sc, 0);
    atomic_store(&sc.counted.refuse_id, 13);
    for (int which = STREAM_DOWN; which <= STREAM_BOTH; which++) {
        Codec3__Inner req = stream_message(13, "x");
        csvc_call *call = csvc_call_start(sc.ch, &stream_methods[which], &rpc,
                                          which == STREAM_DOWN ? &req : NULL, NULL);

        if (which != STREAM_DOWN) {
            assert_int_equal(CSVC_OK, csvc_call_send(call, &req));
        }
        while (which == STREAM_BOTH && csvc_call_recv(call, &reply)) {
        }
        assert_int_equal(CSVC_OUT_OF_RANGE, csvc_call_finish(call, &rpc, NULL));
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
    /* streams are logged like other calls, once each */
    for (int which = STREAM_DOWN; which <= STREAM_BOTH; which++) {
        char line[128];
        const char *at;

        (void)snprintf(line, sizeof(line), "method=%s code=OUT_OF_RANGE",
                       stream_methods[which].path);
        at = strstr(log_caught(), line);
        assert_non_null(at);
        assert_null(strstr(at + 1, line));
    }
    log_let_go();
}

/* ---- all the ways in which a call ends ---- */

static void kept_done(void *self, csvc_code code)
{
    (void)code;
    atomic_fetch_add(&((scene *)self)->done, 1);
}

static csvc_code keeps(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, void *out)
{
    scene *sc = peer->data;

    (void)req;
    sc->out = out;
    sc->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = sc, .on_done = kept_done});
    atomic_fetch_add(&sc->kept, 1);
    return CSVC_OK;
}

static csvc_code keeps_down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                            csvc_stream *out)
{
    return keeps(peer, ctx, req, out);
}

static csvc_code keeps_unary(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                             Codec3__Inner *rsp)
{
    return keeps(peer, ctx, req, rsp);
}

static csvc_code detaches_and_fails(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                                    csvc_stream *out)
{
    (void)keeps(peer, ctx, req, out);
    csvc_ctx_unref(((scene *)peer->data)->ctx);
    return csvc_fail(ctx, CSVC_ABORTED, "no");
}

static csvc_code fails(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    (void)peer;
    (void)in;
    (void)rsp;
    return csvc_fail(ctx, CSVC_NOT_FOUND, "no");
}

/* Waits until the call is cancelled, for whatever reason. */
static csvc_code waits(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    const void *message;

    (void)ctx;
    (void)out;
    atomic_fetch_add(&((scene *)peer->data)->kept, 1);
    while (csvc_stream_recv(in, &message)) {
    }
    return csvc_stream_code(in);
}

typedef struct client {
    atomic_int done;
    int code;
} client;

static void client_done(void *self, csvc_code code)
{
    ((client *)self)->code = (int)code;
    atomic_fetch_add(&((client *)self)->done, 1);
}

static csvc_call *open_call(scene *sc, int which, int64_t timeout_ms, client *c)
{
    const csvc_events events = {CSVC_EVENTS_INIT, .self = c, .on_done = client_done,
                                .auto_more = true};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = timeout_ms};
    Codec3__Inner req = stream_message(1, "x");
    csvc_call *call = csvc_call_start(sc->ch, &stream_methods[which], &rpc,
                                      which == STREAM_DOWN ? &req : NULL, &events);

    assert_non_null(call);
    csvc_rpc_clear(&rpc);
    return call;
}

static void relay(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply)
{
    (void)done;
    (void)reply;
    client_done(self, rpc->code);
}

static void ended(scene *sc, csvc_call *call, client *c, csvc_code code, int n)
{
    await_value(&c->done, 1);
    assert_int_equal(code, c->code);
    csvc_call_unref(call);
    await_value(&sc->counted.ended, n);
    assert_int_equal(n, atomic_load(&sc->counted.begun));
    assert_total(sc, "grpc_server_started_total", "", n);
    assert_total(sc, "grpc_server_handled_total", "", n);
    *c = (client){0};
}

static void one_end_for_each_begin(void **state)
{
    scene sc = {.peer = {.down = keeps_down, .up = fails, .both = waits, .keep = keeps_unary}};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    Codec3__Inner req = stream_message(1, "x");
    client c = {0};
    csvc_call *call;
    int n = 0;
    int kept = 0;

    (void)state;
    log_catch(CSVC_LOG_ERROR);
    scene_start(&sc, 0);

    /* the handler fails */
    ended(&sc, open_call(&sc, STREAM_UP, 0, &c), &c, CSVC_NOT_FOUND, ++n);
    /* the caller cancels a handler that waits */
    call = open_call(&sc, STREAM_BOTH, 0, &c);
    await_value(&sc.kept, ++kept);
    csvc_call_cancel(call);
    ended(&sc, call, &c, CSVC_CANCELLED, ++n);
    /* its time is over */
    call = open_call(&sc, STREAM_BOTH, 100, &c);
    await_value(&sc.kept, ++kept);
    ended(&sc, call, &c, CSVC_DEADLINE_EXCEEDED, ++n);
    /* kept, and finished; messages count, frames too, their pointer is NULL */
    call = open_call(&sc, STREAM_DOWN, 0, &c);
    await_value(&sc.kept, ++kept);
    {
        csvc_frame *frame = csvc_frame_new(&codec3__inner__type, &req);

        assert_int_equal(CSVC_OK, csvc_stream_send_frame(sc.out, frame));
        assert_int_equal(CSVC_OK, csvc_stream_send(sc.out, &req));
        csvc_frame_unref(frame);
    }
    assert_int_equal(CSVC_OK, csvc_finish(sc.ctx, CSVC_ABORTED));
    csvc_ctx_unref(sc.ctx);
    ended(&sc, call, &c, CSVC_ABORTED, ++n);
    assert_int_equal(1, atomic_load(&sc.counted.frames));
    assert_int_equal(2, atomic_load(&sc.counted.sent));
    /* kept, and cancelled; given back later */
    call = open_call(&sc, STREAM_DOWN, 0, &c);
    await_value(&sc.kept, ++kept);
    csvc_call_cancel(call);
    ended(&sc, call, &c, CSVC_CANCELLED, ++n);
    csvc_ctx_unref(sc.ctx);
    /* kept, and given up */
    call = open_call(&sc, STREAM_DOWN, 0, &c);
    await_value(&sc.kept, ++kept);
    csvc_ctx_unref(sc.ctx);
    ended(&sc, call, &c, CSVC_INTERNAL, ++n);
    /* kept by a handler that fails */
    sc.peer.down = detaches_and_fails;
    atomic_store(&sc.peer.told, 1);
    ended(&sc, open_call(&sc, STREAM_DOWN, 0, &c), &c, CSVC_ABORTED, ++n);
    kept++;
    sc.peer.down = keeps_down;
    atomic_store(&sc.peer.told, 1);
    /* unary, kept, finished and given up */
    for (int i = 0; i < 2; i++) {
        call = csvc_call_async(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, relay, NULL, &c);
        await_value(&sc.kept, ++kept);
        if (i == 0) {
            assert_int_equal(CSVC_OK, csvc_finish(sc.ctx, CSVC_OK));
        }
        csvc_ctx_unref(sc.ctx);
        ended(&sc, call, &c, i == 0 ? CSVC_OK : CSVC_INTERNAL, ++n);
    }
    await_value(&sc.done, kept - 2); /* all but the two that waited in their handlers */
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
    log_let_go();
}

/* What the metrics say while calls are under way: started is handled and those in flight. */
static void calls_in_flight_are_started_and_not_handled(void **state)
{
    enum {
        OPEN = 5
    };
    scene sc = {.peer = {.down = keeps_down, .up = fails, .both = waits, .keep = keeps_unary}};
    client c[OPEN + 1] = {{0}};
    csvc_call *calls[OPEN + 1];

    (void)state;
    scene_start(&sc, OPEN);
    for (int i = 0; i < OPEN; i++) {
        calls[i] = open_call(&sc, STREAM_BOTH, 0, &c[i]);
    }
    await_value(&sc.kept, OPEN);
    assert_total(&sc, "grpc_server_started_total", OF("Both"), OPEN);
    assert_total(&sc, "grpc_server_handled_total", OF("Both"), 0);
    /* one more is shed: begun and ended, and no handler has seen it */
    calls[OPEN] = open_call(&sc, STREAM_BOTH, 0, &c[OPEN]);
    await_value(&c[OPEN].done, 1);
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, c[OPEN].code);
    await_value(&sc.counted.ended, 1);
    assert_int_equal(OPEN, atomic_load(&sc.kept));
    assert_int_equal(OPEN, atomic_load(&sc.user.begun));
    assert_total(&sc, "grpc_server_started_total", OF("Both"), OPEN + 1);
    assert_total(&sc, "grpc_server_handled_total", OF("Both"), 1);
    /* the server stops hard: all of them end */
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, csvc_server_shutdown(csvc_testing_server(sc.t), 0));
    for (int i = 0; i < OPEN; i++) {
        await_value(&c[i].done, 1);
        assert_int_equal(CSVC_UNAVAILABLE, c[i].code);
    }
    for (int i = 0; i <= OPEN; i++) {
        csvc_call_unref(calls[i]);
    }
    await_value(&sc.counted.ended, OPEN + 1);
    assert_total(&sc, "grpc_server_handled_total", "", OPEN + 1);
    assert_total(&sc, "grpc_server_handled_total", "grpc_code=\"Unavailable\"", OPEN);
    scene_end(&sc);
}

/* ---- hooks, from many threads ---- */

static void echo_message(void *self, const void *message)
{
    scene *sc = self;

    if (message != NULL) {
        const csvc_code code = csvc_stream_send(sc->out, message);

        /* the last one: finished meanwhile */
        assert_true(code == CSVC_OK || code == CSVC_RESOURCE_EXHAUSTED || code == CSVC_CANCELLED ||
                    code == CSVC_FAILED_PRECONDITION);
    }
}

static csvc_code keeps_both(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    scene *sc = peer->data;
    const csvc_events events = {CSVC_EVENTS_INIT, .self = sc, .on_message = echo_message,
                                .on_done = kept_done, .auto_more = true};

    sc->in = in;
    sc->out = out;
    sc->ctx = csvc_detach(ctx, &events);
    atomic_fetch_add(&sc->kept, 1);
    return CSVC_OK;
}

typedef struct sender {
    scene *sc;
    int accepted;
    bool to_end; /* goes on until the call is over */
} sender;

static void *sends(void *arg)
{
    sender *s = arg;
    Codec3__Inner message = stream_message(1, "x");

    for (int i = 0; s->to_end || i < 500; i++) {
        const csvc_code code = csvc_stream_send(s->sc->out, &message);

        s->accepted += code == CSVC_OK;
        if (code != CSVC_OK && code != CSVC_RESOURCE_EXHAUSTED) {
            break;
        }
        if (code != CSVC_OK) {
            sched_yield();
        }
    }
    return NULL;
}

/* Messages come on the loop while threads of ours send; then the caller goes while they do. */
static void hooks_of_a_call_run_one_after_the_other(void **state)
{
    enum {
        THREADS = 3
    };

    (void)state;
    for (int round = 0; round < 10; round++) {
        scene sc = {.peer = {.both = keeps_both}};
        sender s[THREADS];
        pthread_t threads[THREADS];
        client c = {0};
        csvc_call *call;
        int accepted = 0;

        scene_start(&sc, 0);
        call = open_call(&sc, STREAM_BOTH, 0, &c);
        await_value(&sc.kept, 1);
        for (int i = 0; i < THREADS; i++) {
            s[i] = (sender){.sc = &sc, .to_end = round % 2 == 0};
            assert_int_equal(0, pthread_create(&threads[i], NULL, sends, &s[i]));
        }
        for (int i = 0; i < 50; i++) {
            Codec3__Inner message = stream_message(0, "x");

            assert_int_equal(CSVC_OK, csvc_call_send(call, &message));
        }
        if (round % 2 == 0) {
            csvc_call_cancel(call);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            accepted += s[i].accepted;
        }
        if (round % 2 != 0) {
            (void)csvc_finish(sc.ctx, CSVC_OK);
        }
        await_value(&sc.done, 1);
        csvc_ctx_unref(sc.ctx);
        await_value(&c.done, 1);
        csvc_call_unref(call);
        await_value(&sc.counted.ended, 1);
        /* what was accepted was heard of, whatever became of it; echoes have id 0 */
        assert_int_equal(accepted, atomic_load(&sc.counted.sum_sent));
        scene_end(&sc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_is_heard_of_once),
        cmocka_unit_test(an_interceptor_ends_a_stream),
        cmocka_unit_test(one_end_for_each_begin),
        cmocka_unit_test(calls_in_flight_are_started_and_not_handled),
        cmocka_unit_test(hooks_of_a_call_run_one_after_the_other),
    };

    return cmocka_run_group_tests_name("rpc_hooks", tests, NULL, NULL);
}
