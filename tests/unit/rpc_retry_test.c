/* Calls that are tried again, over the gRPC C core, against a server that fails as it is told and
 * counts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/testing.h>
#include <rpc/ctx.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "stream_service.h"
#include "transports.h"

enum {
    SEEN = 16,
    NO_PUSHBACK = -2
};

/* What the server does, and what it saw. */
typedef struct flaky {
    pthread_mutex_t lock;
    int fails; /* the first so many attempts */
    csvc_code code;
    int64_t pushback_ms;
    bool headers_first; /* and a message, before it fails */
    int calls;
    int messages;
    int64_t at[SEEN];
    char previous[SEEN][8];
} flaky;

typedef struct scene {
    csvc_testing *t;
    csvc_channel *ch;
    stream_peer peer;
    flaky f;
} scene;

/* Notes an attempt and says how it ends. */
static csvc_code attempt(flaky *f, csvc_ctx *ctx, bool *ret_headers_first)
{
    const char *previous = csvc_metadata(ctx, "grpc-previous-rpc-attempts");
    csvc_code code = CSVC_OK;

    pthread_mutex_lock(&f->lock);
    if (f->calls < SEEN) {
        f->at[f->calls] = csvc__now();
        (void)snprintf(f->previous[f->calls], sizeof(f->previous[0]), "%s",
                       previous != NULL ? previous : "");
    }
    f->calls++;
    if (f->calls <= f->fails) {
        code = csvc_fail(ctx, f->code, "attempt %d", f->calls);
        if (f->pushback_ms > NO_PUSHBACK) {
            assert_int_equal(CSVC_OK, csvc_retry_after(ctx, 3600 * 1000));
            assert_int_equal(CSVC_OK, csvc_retry_after(ctx, f->pushback_ms)); /* the last counts */
        }
    }
    *ret_headers_first = f->headers_first;
    pthread_mutex_unlock(&f->lock);
    return code;
}

static csvc_code keep(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                      Codec3__Inner *rsp)
{
    bool headers_first;

    rsp->id = req->id;
    return attempt(peer->data, ctx, &headers_first);
}

static csvc_code down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    Codec3__Inner message = CODEC3__INNER__INIT;
    bool headers_first;
    const csvc_code code = attempt(peer->data, ctx, &headers_first);
    csvc_code sent = CSVC_OK;

    if (code == CSVC_OK || headers_first) {
        message.id = req->id;
        sent = csvc_stream_send(out, &message);
    }
    return code != CSVC_OK ? code : sent;
}

/* Fails behind the first message: what was sent is sent again. */
static csvc_code up(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    const void *message;
    bool headers_first;
    csvc_code code;

    if (!csvc_stream_recv(in, &message)) {
        return csvc_stream_code(in);
    }
    code = attempt(peer->data, ctx, &headers_first);
    if (code != CSVC_OK) {
        return code;
    }
    rsp->id = 1;
    while (csvc_stream_recv(in, &message)) {
        rsp->id++;
    }
    return csvc_stream_code(in);
}

static void scene_start(scene *sc, const csvc_retry *retry, csvc_limits *limits)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core,
                                          .retry = retry};
    csvc_error err = {CSVC_ERROR_INIT};
    char target[64];

    *sc = (scene){.peer = {.keep = keep, .down = down, .up = up, .data = &sc->f},
                  .f = {.code = CSVC_UNAVAILABLE, .pushback_ms = NO_PUSHBACK}};
    pthread_mutex_init(&sc->f.lock, NULL);
    sc->t = test_new();
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(sc->t), &sc->peer));
    if (limits != NULL) {
        assert_int_equal(CSVC_OK,
                         csvc_server_intercept(csvc_testing_server(sc->t), &csvc_limiting, limits));
    }
    (void)csvc_testing_channel(sc->t);
    (void)snprintf(target, sizeof(target), "dns:///127.0.0.1:%d", csvc_testing_port(sc->t));
    sc->ch = csvc_channel_new(target, &options, &err);
    assert_non_null(sc->ch);
}

static void scene_end(scene *sc)
{
    assert_null(csvc_channel_free(sc->ch));
    assert_null(csvc_testing_free(sc->t));
    pthread_mutex_destroy(&sc->f.lock);
}

/* From now on so many attempts fail. */
static void fail_first(scene *sc, int fails, csvc_code code, int64_t pushback_ms)
{
    pthread_mutex_lock(&sc->f.lock);
    sc->f.fails = fails;
    sc->f.code = code;
    sc->f.pushback_ms = pushback_ms;
    sc->f.calls = 0;
    pthread_mutex_unlock(&sc->f.lock);
}

static void assert_calls(scene *sc, int calls)
{
    pthread_mutex_lock(&sc->f.lock);
    assert_int_equal(calls, sc->f.calls);
    pthread_mutex_unlock(&sc->f.lock);
}

static csvc_code call_method(scene *sc, const csvc_method *method, int64_t timeout_ms)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = timeout_ms};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *rsp;
    const csvc_code code = csvc_call_unary(sc->ch, method, &rpc, &req, &rsp);

    csvc_rpc_clear(&rpc);
    return code;
}

static csvc_code call(scene *sc)
{
    return call_method(sc, &stream_methods[STREAM_KEEP], 20000);
}

static const csvc_retry three = {CSVC_RETRY_INIT, .max_attempts = 3, .initial_backoff_ms = 40,
                                 .codes =
                                     CSVC_RETRY_ON(CSVC_UNAVAILABLE) | CSVC_RETRY_ON(CSVC_ABORTED)};

static void attempts_and_codes(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc, &three, NULL);
    fail_first(&sc, 2, CSVC_UNAVAILABLE, NO_PUSHBACK);
    assert_int_equal(CSVC_OK, call(&sc));
    assert_calls(&sc, 3);
    pthread_mutex_lock(&sc.f.lock);
    assert_string_equal("", sc.f.previous[0]);
    assert_string_equal("1", sc.f.previous[1]);
    assert_string_equal("2", sc.f.previous[2]);
    assert_true(sc.f.at[1] - sc.f.at[0] >= 31 * CSVC__MS); /* 40 * 0.8, and a ms for the clocks */
    assert_true(sc.f.at[2] - sc.f.at[1] >= 63 * CSVC__MS);
    pthread_mutex_unlock(&sc.f.lock);

    fail_first(&sc, 3, CSVC_ABORTED, NO_PUSHBACK);
    assert_int_equal(CSVC_ABORTED, call(&sc));
    assert_calls(&sc, 3);
    fail_first(&sc, 1, CSVC_INTERNAL, NO_PUSHBACK);
    assert_int_equal(CSVC_INTERNAL, call(&sc));
    assert_calls(&sc, 1);
    scene_end(&sc);
}

static void nothing_is_tried_again_unless_asked_for(void **state)
{
    const csvc_retry never = {CSVC_RETRY_INIT, .max_attempts = 1};
    const csvc_retry unseen = {CSVC_RETRY_INIT, .codes = CSVC_RETRY_UNSEEN};
    csvc_method with = stream_methods[STREAM_KEEP];
    scene sc;

    (void)state;
    with.retry = &three;
    scene_start(&sc, NULL, NULL);
    fail_first(&sc, 2, CSVC_UNAVAILABLE, NO_PUSHBACK);
    assert_int_equal(CSVC_UNAVAILABLE, call(&sc));
    assert_calls(&sc, 1);
    /* the rpc's own policy */
    fail_first(&sc, 2, CSVC_UNAVAILABLE, NO_PUSHBACK);
    assert_int_equal(CSVC_OK, call_method(&sc, &with, 20000));
    assert_calls(&sc, 3);
    scene_end(&sc);
    /* comes before the channel's, except one that forbids it */
    scene_start(&sc, &never, NULL);
    fail_first(&sc, 2, CSVC_UNAVAILABLE, NO_PUSHBACK);
    assert_int_equal(CSVC_UNAVAILABLE, call_method(&sc, &with, 20000));
    assert_calls(&sc, 1);
    scene_end(&sc);
    /* what a handler has answered was seen */
    scene_start(&sc, &unseen, NULL);
    for (int code = CSVC_CANCELLED; code <= CSVC_UNAUTHENTICATED; code++) {
        fail_first(&sc, 1, (csvc_code)code, NO_PUSHBACK);
        assert_int_equal(code, call(&sc));
        assert_calls(&sc, 1);
    }
    scene_end(&sc);
}

static void a_deadline_spans_all_attempts(void **state)
{
    const csvc_retry slow = {CSVC_RETRY_INIT, .max_attempts = 5, .initial_backoff_ms = 60000,
                             .max_backoff_ms = 60000};
    scene sc;
    int64_t before;

    (void)state;
    scene_start(&sc, &slow, NULL);
    fail_first(&sc, 5, CSVC_UNAVAILABLE, NO_PUSHBACK);
    before = csvc__now();
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, call_method(&sc, &stream_methods[STREAM_KEEP], 200));
    assert_true(csvc__now() - before < 10 * CSVC__SECOND);
    assert_calls(&sc, 1);
    scene_end(&sc);
}

static void a_server_says_when(void **state)
{
    const csvc_retry slow = {CSVC_RETRY_INIT, .max_attempts = 3, .initial_backoff_ms = 3600 * 1000,
                             .max_backoff_ms = 3600 * 1000};
    scene sc;

    (void)state;
    scene_start(&sc, &slow, NULL);
    fail_first(&sc, 2, CSVC_UNAVAILABLE, 50);
    assert_int_equal(CSVC_OK, call(&sc));
    assert_calls(&sc, 3);
    pthread_mutex_lock(&sc.f.lock);
    assert_true(sc.f.at[1] - sc.f.at[0] >= 49 * CSVC__MS);
    pthread_mutex_unlock(&sc.f.lock);
    scene_end(&sc);
    scene_start(&sc, &three, NULL);
    fail_first(&sc, 2, CSVC_UNAVAILABLE, -1);
    assert_int_equal(CSVC_UNAVAILABLE, call(&sc));
    assert_calls(&sc, 1);
    scene_end(&sc);
}

/* A server over its rate says when there is room again. */
static void a_limited_server_says_when(void **state)
{
    const csvc_limits_options rate = {CSVC_LIMITS_OPTIONS_INIT, .per_second = 20, .burst = 1};
    const csvc_retry slow = {CSVC_RETRY_INIT, .initial_backoff_ms = 3600 * 1000,
                             .max_backoff_ms = 3600 * 1000,
                             .codes = CSVC_RETRY_ON(CSVC_RESOURCE_EXHAUSTED)};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_limits *limits = csvc_limits_new(&rate, &err);
    scene sc;

    (void)state;
    assert_non_null(limits);
    scene_start(&sc, &slow, limits);
    assert_int_equal(CSVC_OK, call(&sc));
    assert_int_equal(CSVC_OK, call(&sc));
    assert_calls(&sc, 2);
    scene_end(&sc);
    csvc_limits_free(limits);
}

static void streams_are_tried_again_until_they_begin(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *message;
    csvc_call *c;
    scene sc;

    (void)state;
    scene_start(&sc, &three, NULL);
    fail_first(&sc, 2, CSVC_UNAVAILABLE, NO_PUSHBACK);
    c = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
    assert_true(csvc_call_recv(c, &message));
    assert_int_equal(CSVC_OK, csvc_call_finish(c, &rpc, NULL));
    assert_calls(&sc, 3);

    pthread_mutex_lock(&sc.f.lock);
    sc.f.headers_first = true;
    pthread_mutex_unlock(&sc.f.lock);
    fail_first(&sc, 2, CSVC_UNAVAILABLE, NO_PUSHBACK);
    c = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
    assert_int_equal(CSVC_UNAVAILABLE, csvc_call_finish(c, &rpc, NULL));
    assert_calls(&sc, 1);

    fail_first(&sc, 2, CSVC_UNAVAILABLE, NO_PUSHBACK);
    c = csvc_call_start(sc.ch, &stream_methods[STREAM_UP], &rpc, NULL, NULL);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(CSVC_OK, csvc_call_send(c, &req));
    }
    assert_int_equal(CSVC_OK, csvc_call_finish(c, &rpc, &message));
    assert_int_equal(10, ((const Codec3__Inner *)message)->id);
    assert_calls(&sc, 3);
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static void what_is_too_long_to_be_kept_is_sent_once(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *rsp;
    char *name = test_malloc(300 << 10);
    scene sc;

    (void)state;
    scene_start(&sc, &three, NULL);
    memset(name, 'x', 300 << 10);
    req.name = name;
    name[200 << 10] = '\0'; /* below 256 KiB: kept, and sent again */
    fail_first(&sc, 1, CSVC_UNAVAILABLE, NO_PUSHBACK);
    assert_int_equal(CSVC_OK,
                     csvc_call_unary(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &rsp));
    assert_calls(&sc, 2);
    name[200 << 10] = 'x';
    name[(300 << 10) - 1] = '\0';
    fail_first(&sc, 1, CSVC_UNAVAILABLE, NO_PUSHBACK);
    assert_int_equal(CSVC_UNAVAILABLE,
                     csvc_call_unary(sc.ch, &stream_methods[STREAM_KEEP], &rpc, &req, &rsp));
    assert_calls(&sc, 1);
    csvc_rpc_clear(&rpc);
    test_free(name);
    scene_end(&sc);
}

/* A hundred tokens; each failure takes one, and below half of them nothing is tried again. */
static void a_server_in_trouble_is_spared(void **state)
{
    const csvc_retry two = {CSVC_RETRY_INIT, .max_attempts = 2, .initial_backoff_ms = 1};
    scene sc;

    (void)state;
    scene_start(&sc, &two, NULL);
    fail_first(&sc, 1000, CSVC_UNAVAILABLE, NO_PUSHBACK);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(CSVC_UNAVAILABLE, call(&sc));
    }
    pthread_mutex_lock(&sc.f.lock);
    assert_in_range(sc.f.calls, 80, 90);
    pthread_mutex_unlock(&sc.f.lock);
    scene_end(&sc);
}

static void policies_that_cannot_be_meant(void **state)
{
    const csvc_retry wrong[] = {
        {CSVC_RETRY_INIT, .max_attempts = 6},
        {CSVC_RETRY_INIT, .codes = CSVC_RETRY_ON(CSVC_OK)},
        {CSVC_RETRY_INIT, .codes = UINT32_C(1) << 17},
        {CSVC_RETRY_INIT, .codes = CSVC_RETRY_UNSEEN | CSVC_RETRY_ON(CSVC_UNAVAILABLE)},
        {CSVC_RETRY_INIT, .initial_backoff_ms = -1},
        {CSVC_RETRY_INIT, .max_backoff_ms = 3600 * 1000 + 1},
        {CSVC_RETRY_INIT, .multiplier = -0.5},
        {CSVC_RETRY_INIT, .multiplier = 1e300},
    };
    csvc_retry tiny = {CSVC_RETRY_INIT, .initial_backoff_ms = 1};
    csvc_method method = stream_methods[STREAM_KEEP];
    scene sc;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT,
                                              .transport = &csvc_grpc_core, .retry = &wrong[i]};
        csvc_error err = {CSVC_ERROR_INIT};

        assert_null(csvc_channel_new("ipv4:127.0.0.1:1", &options, &err));
        assert_int_equal(CSVC_INVALID_ARGUMENT, err.code);
    }
    /* all codes at once, and more policies than a channel keeps */
    method.retry = &tiny;
    tiny.codes = (UINT32_C(1) << 17) - 2;
    scene_start(&sc, NULL, NULL);
    for (int i = 0; i < 16; i++) {
        tiny.initial_backoff_ms = 1 + i;
        fail_first(&sc, 1, CSVC_UNAUTHENTICATED, NO_PUSHBACK);
        assert_int_equal(CSVC_OK, call_method(&sc, &method, 20000));
        assert_calls(&sc, 2);
    }
    tiny.initial_backoff_ms = 17;
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, call_method(&sc, &method, 20000));
    tiny.initial_backoff_ms = 16;
    assert_int_equal(CSVC_OK, call_method(&sc, &method, 20000));
    scene_end(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_and_codes),
        cmocka_unit_test(nothing_is_tried_again_unless_asked_for),
        cmocka_unit_test(a_deadline_spans_all_attempts),
        cmocka_unit_test(a_server_says_when),
        cmocka_unit_test(a_limited_server_says_when),
        cmocka_unit_test(streams_are_tried_again_until_they_begin),
        cmocka_unit_test(what_is_too_long_to_be_kept_is_sent_once),
        cmocka_unit_test(a_server_in_trouble_is_spared),
        cmocka_unit_test(policies_that_cannot_be_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
