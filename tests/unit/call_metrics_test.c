/* The interceptors that count and that limit calls, over a transport without a network. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/buffer.h>
#include <base/clock.h>
#include <csvc/server.h>
#include <rpc/ctx.h>
#include <rpc/server.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "echo_service.h"
#include "fake_transport.h"

static const uint8_t seven_ada[] = {0x08, 7, 0x12, 3, 'a', 'd', 'a'};

typedef struct scene {
    csvc_server *srv;
    fake_server *ts;
    echo_peer peer;
    csvc_metrics *m;
    csvc_call_metrics *cm;
    csvc_limits *limits;
} scene;

static void scene_start(scene *sc, csvc_limits_options limits)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &fake_transport};
    csvc_error err = {CSVC_ERROR_INIT};

    memset(sc, 0, sizeof(*sc));
    limits.struct_size = sizeof(limits);
    sc->m = csvc_metrics_new(NULL);
    sc->cm = csvc_call_metrics_new(sc->m, &err);
    assert_non_null(sc->cm);
    sc->limits = csvc_limits_new(&limits, &err);
    assert_non_null(sc->limits);
    sc->srv = csvc_server_new(&options, &err);
    assert_non_null(sc->srv);
    assert_int_equal(CSVC_OK, csvc_server_intercept(sc->srv, &csvc_limiting, sc->limits));
    assert_int_equal(CSVC_OK, csvc_server_intercept(sc->srv, &csvc_measuring, sc->cm));
    assert_int_equal(CSVC_OK, echo_register(sc->srv, &sc->peer));
    assert_int_equal(CSVC_OK, csvc_server_listen(sc->srv, "fake:0", NULL, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(sc->srv, &err));
    sc->ts = fake_last_server();
}

static void scene_end(scene *sc)
{
    csvc_server_free(sc->srv);
    csvc_call_metrics_free(sc->cm);
    csvc_limits_free(sc->limits);
    csvc_metrics_free(sc->m);
}

static fake_call *arrive(scene *sc, fake_arrival arrival)
{
    if (arrival.bytes == NULL) {
        arrival.bytes = seven_ada;
        arrival.len = sizeof(seven_ada);
    }
    return fake_arrive(sc->ts, &arrival);
}

static void finish(fake_call *call, csvc_code code)
{
    fake_wait_finish(call);
    fake_wait_release(call);
    assert_int_equal(code, call->code);
    fake_call_free(call);
}

/* A sample's value; fails the test when it is not there. */
static double sample(scene *sc, const char *name)
{
    size_t len;
    char *text = csvc_metrics_text(sc->m, &len);
    char line[256];
    const char *at;
    double value;

    assert_non_null(text);
    snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(text, line);
    if (at == NULL) {
        fail_msg("no %s in:\n%s", name, text);
    }
    value = strtod(at + strlen(line), NULL);
    csvc_metrics_text_free(text);
    return value;
}

#define OF(method) "{grpc_type=\"unary\",grpc_service=\"test.Echo\",grpc_method=\"" method "\"}"
#define HANDLED(method, code)                                                                      \
    "grpc_server_handled_total{grpc_type=\"unary\",grpc_service=\"test.Echo\",grpc_method="        \
    "\"" method "\",grpc_code=\"" code "\"}"
#define UNKNOWN "{grpc_type=\"unary\",grpc_service=\"unknown\",grpc_method=\"unknown\"}"

static void assert_sample(scene *sc, const char *name, double expected)
{
    const double got = sample(sc, name);

    if (got != expected) {
        fail_msg("%s is %g, not %g", name, got, expected);
    }
}

/* ---- metrics ---- */

static size_t count_lines(scene *sc)
{
    size_t len, n = 0;
    char *text = csvc_metrics_text(sc->m, &len);

    assert_non_null(text);
    for (size_t i = 0; i < len; i++) {
        n += text[i] == '\n';
    }
    csvc_metrics_text_free(text);
    return n;
}

static void every_rpc_is_there_from_the_start(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc, (csvc_limits_options){0});
    assert_sample(&sc, "grpc_server_started_total" OF("Inline"), 0);
    assert_sample(&sc, "grpc_server_msg_received_total" OF("Pool"), 0);
    assert_sample(&sc, "grpc_server_msg_sent_total" OF("Missing"), 0);
    assert_sample(&sc, HANDLED("Pool", "OK"), 0);
    assert_sample(&sc, HANDLED("Pool", "Unauthenticated"), 0);
    assert_sample(&sc, "grpc_server_handling_seconds_count" OF("Pool"), 0);
    /* and each under its kind; the header of a family is two lines */
    assert_int_equal(5 * 2 + 5 * (1 + 17 + 1 + 1 + 14), count_lines(&sc));
    scene_end(&sc);
}

static csvc_code fails(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp)
{
    (void)peer;
    (void)req;
    (void)rsp;
    return csvc_fail(ctx, CSVC_NOT_FOUND, "no");
}

static void calls_are_counted(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc, (csvc_limits_options){0});
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"}), CSVC_OK);
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"}), CSVC_OK);
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Pool"}), CSVC_OK);
    sc.peer.handle = fails;
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Pool"}), CSVC_NOT_FOUND);
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Missing"}), CSVC_UNIMPLEMENTED);
    assert_sample(&sc, "grpc_server_started_total" OF("Inline"), 2);
    assert_sample(&sc, "grpc_server_started_total" OF("Pool"), 2);
    assert_sample(&sc, HANDLED("Inline", "OK"), 2);
    assert_sample(&sc, HANDLED("Pool", "OK"), 1);
    assert_sample(&sc, HANDLED("Pool", "NotFound"), 1);
    assert_sample(&sc, HANDLED("Missing", "Unimplemented"), 1);
    assert_sample(&sc, "grpc_server_msg_received_total" OF("Pool"), 2);
    assert_sample(&sc, "grpc_server_msg_sent_total" OF("Pool"), 1);
    assert_sample(&sc, "grpc_server_handling_seconds_count" OF("Pool"), 2);
    assert_true(sample(&sc, "grpc_server_handling_seconds_sum" OF("Pool")) > 0);
    scene_end(&sc);
}

/* Whatever callers make up, there are no more series. */
static void unknown_paths_are_one(void **state)
{
    scene sc;
    size_t lines;

    (void)state;
    scene_start(&sc, (csvc_limits_options){0});
    lines = count_lines(&sc);
    for (int i = 0; i < 100; i++) {
        char path[64];

        snprintf(path, sizeof(path), "/made.Up%d/Method\"%d", i, i);
        finish(arrive(&sc, (fake_arrival){.path = path}), CSVC_UNIMPLEMENTED);
    }
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/None"}), CSVC_UNIMPLEMENTED);
    assert_int_equal(lines, count_lines(&sc));
    assert_sample(&sc, "grpc_server_started_total" UNKNOWN, 101);
    assert_sample(&sc, "grpc_server_handling_seconds_count" UNKNOWN, 101);
    scene_end(&sc);
}

/* Ends that no handler saw: started is handled plus what is in flight. */
static void all_ends_are_counted(void **state)
{
    scene sc;
    fake_call *open;

    (void)state;
    scene_start(&sc, (csvc_limits_options){.max_calls = 1});
    open = arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline", .no_auto_close = true});
    assert_sample(&sc, "grpc_server_started_total" OF("Inline"), 1);
    assert_sample(&sc, HANDLED("Inline", "OK"), 0); /* not before the network took it */
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"}), CSVC_RESOURCE_EXHAUSTED);
    assert_sample(&sc, HANDLED("Inline", "ResourceExhausted"), 1);
    fake_close(open, false, true);
    fake_call_free(open);
    assert_sample(&sc, HANDLED("Inline", "Canceled"), 1);
    assert_sample(&sc, "grpc_server_msg_sent_total" OF("Inline"), 0);
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Pool", .deadline = 1}),
           CSVC_DEADLINE_EXCEEDED);
    assert_sample(&sc, HANDLED("Pool", "DeadlineExceeded"), 1);
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Pool", .bytes = "\xff", .len = 1}),
           CSVC_INTERNAL);
    assert_sample(&sc, HANDLED("Pool", "Internal"), 1);
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Pool", .refusal = "too much"}),
           CSVC_RESOURCE_EXHAUSTED);
    assert_sample(&sc, HANDLED("Pool", "ResourceExhausted"), 1);
    assert_sample(&sc, "grpc_server_msg_received_total" OF("Pool"), 0);
    scene_end(&sc);
}

static void the_start_fails_when_memory_is_short(void **state)
{
    const csvc_metrics_options few = {CSVC_METRICS_OPTIONS_INIT, .max_series = 22};
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &fake_transport};
    csvc_metrics *m = csvc_metrics_new(&few);
    csvc_error err = {CSVC_ERROR_INIT};
    echo_peer peer = {0};
    csvc_call_metrics *cm = csvc_call_metrics_new(m, &err);
    csvc_server *srv = csvc_server_new(&options, &err);

    (void)state;
    assert_true(cm != NULL && srv != NULL); /* room for the unknown, and no more */
    assert_int_equal(CSVC_OK, csvc_server_intercept(srv, &csvc_measuring, cm));
    assert_int_equal(CSVC_OK, echo_register(srv, &peer));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc_server_listen(srv, "fake:0", NULL, &err));
    assert_string_equal("an interceptor cannot serve test.Echo: RESOURCE_EXHAUSTED", err.text);
    csvc_server_free(srv);
    csvc_call_metrics_free(cm);
    csvc_metrics_free(m);
}

/* ---- limits ---- */

static void so_many_at_a_time(void **state)
{
    scene sc;
    fake_call *open[2], *refused;

    (void)state;
    scene_start(&sc, (csvc_limits_options){.max_calls = 2});
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            open[i] =
                arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline", .no_auto_close = true});
            assert_int_equal(CSVC_OK, open[i]->code);
        }
        for (int i = 0; i < 5; i++) {
            refused = arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"});
            fake_wait_finish(refused);
            assert_string_equal(
                "the server has 2 calls in flight and takes no more; try again later",
                refused->text);
            finish(refused, CSVC_RESOURCE_EXHAUSTED);
        }
        /* the health of a busy server may be asked */
        finish(arrive(&sc, (fake_arrival){.path = "/grpc.health.v1.Health/Check"}),
               CSVC_UNIMPLEMENTED);
        for (int i = 0; i < 2; i++) {
            fake_close(open[i], true, false);
            fake_call_free(open[i]);
        }
    }
    scene_end(&sc);
}

static csvc_code begin_call(csvc_limits *limits, csvc_ctx *ctx)
{
    char call_state[16] = {0};

    return csvc_limiting.begin(limits, ctx, call_state);
}

static int admitted_of(csvc_limits *limits, csvc_ctx *ctx, int n)
{
    int admitted = 0;

    for (int i = 0; i < n; i++) {
        admitted += begin_call(limits, ctx) == CSVC_OK;
    }
    return admitted;
}

static int admitted_until_refused(csvc_limits *limits, csvc_ctx *ctx)
{
    int admitted = 0;

    while (begin_call(limits, ctx) == CSVC_OK) {
        admitted++;
    }
    return admitted;
}

static void so_many_a_second(void **state)
{
    const csvc_limits_options slow = {CSVC_LIMITS_OPTIONS_INIT, .per_second = 0.001, .burst = 3};
    const csvc_limits_options fast = {CSVC_LIMITS_OPTIONS_INIT, .per_second = 2000, .burst = 10000};
    const csvc_limits_options endless = {CSVC_LIMITS_OPTIONS_INIT, .per_second = (double)INFINITY};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_ctx *ctx = csvc_ctx_new(NULL);
    csvc_limits *limits = csvc_limits_new(&slow, &err);
    int64_t began, until;
    int admitted, later = 0, wait_ms;

    (void)state;
    ctx->path = "/test.Echo/Pool";
    assert_int_equal(3, admitted_of(limits, ctx, 100));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, begin_call(limits, ctx));
    assert_int_equal(1, sscanf(csvc_fail_text(ctx, CSVC_RESOURCE_EXHAUSTED),
                               "more than 0.001 calls a second; try again in %d ms", &wait_ms));
    assert_in_range(wait_ms, 900000, 1000000);
    csvc_limits_free(limits);

    /* over any time no more than burst + rate * time; once it is empty, no less than the rate */
    began = csvc__now();
    limits = csvc_limits_new(&fast, &err);
    admitted = admitted_until_refused(limits, ctx);
    assert_true(admitted >= 10000);
    until = csvc__now() + 200 * CSVC__MS;
    while (csvc__now() < until) {
        later += begin_call(limits, ctx) == CSVC_OK;
    }
    later += admitted_until_refused(limits, ctx);
    assert_true(admitted + later <= 10000 + (double)(csvc__now() - began) * 2000e-9);
    assert_true(later >= 400);
    csvc_limits_free(limits);

    limits = csvc_limits_new(&endless, &err);
    assert_int_equal(1000, admitted_of(limits, ctx, 1000));
    csvc_limits_free(limits);
    ctx->path = NULL;
    csvc_ctx_unref(ctx);
}

static void *change_back_and_forth(void *arg)
{
    const csvc_limits_options none = {CSVC_LIMITS_OPTIONS_INIT};
    const csvc_limits_options some = {CSVC_LIMITS_OPTIONS_INIT, .max_calls = 1000000,
                                      .per_second = 1e9, .burst = 1000000};

    for (int i = 0; i < 1000; i++) {
        if (csvc_limits_set(arg, i % 2 == 0 ? &none : &some, NULL) != CSVC_OK) {
            return arg;
        }
    }
    return NULL;
}

static void limits_change_while_calls_are_served(void **state)
{
    csvc_limits_options o = {CSVC_LIMITS_OPTIONS_INIT, .per_second = 0.001, .burst = 10};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_ctx *ctx = csvc_ctx_new(NULL);
    csvc_limits *limits = csvc_limits_new(&o, &err);
    pthread_t thread;
    void *failed;

    (void)state;
    ctx->path = "/test.Echo/Pool";
    assert_int_equal(4, admitted_of(limits, ctx, 4));
    o.burst = 5; /* six are left, of which five fit */
    assert_int_equal(CSVC_OK, csvc_limits_set(limits, &o, &err));
    assert_int_equal(5, admitted_of(limits, ctx, 100));
    o.burst = 100; /* a larger bucket is not a fuller one */
    assert_int_equal(CSVC_OK, csvc_limits_set(limits, &o, &err));
    assert_int_equal(0, admitted_of(limits, ctx, 100));
    o.per_second = -1;
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_limits_set(limits, &o, &err));
    assert_int_equal(0, admitted_of(limits, ctx, 100));
    o = (csvc_limits_options){CSVC_LIMITS_OPTIONS_INIT};
    assert_int_equal(CSVC_OK, csvc_limits_set(limits, &o, &err));
    assert_int_equal(1000, admitted_of(limits, ctx, 1000));
    o = (csvc_limits_options){CSVC_LIMITS_OPTIONS_INIT, .per_second = 0.001, .burst = 2};
    assert_int_equal(CSVC_OK, csvc_limits_set(limits, &o, &err));
    assert_int_equal(2, admitted_of(limits, ctx, 100)); /* there was none, so it is full */

    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_limits_set(NULL, &o, &err));
    assert_int_equal(CSVC_OK, csvc_limits_set(limits, NULL, &err));
    assert_int_equal(0, pthread_create(&thread, NULL, change_back_and_forth, limits));
    assert_int_equal(20000, admitted_of(limits, ctx, 20000));
    assert_int_equal(0, pthread_join(thread, &failed));
    assert_null(failed);
    csvc_limits_free(limits);
    ctx->path = NULL;
    csvc_ctx_unref(ctx);
}

static void rates_that_are_none(void **state)
{
    const csvc_limits_options bad[] = {{CSVC_LIMITS_OPTIONS_INIT, .per_second = -1},
                                       {CSVC_LIMITS_OPTIONS_INIT, .per_second = (double)NAN}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        csvc_error err = {CSVC_ERROR_INIT};

        assert_null(csvc_limits_new(&bad[i], &err));
        assert_int_equal(CSVC_INVALID_ARGUMENT, err.code);
    }
    assert_null(csvc_limits_free(NULL));
}

/* ---- calls in flight ---- */

static void calls_in_flight_are_listed(void **state)
{
    scene sc;
    fake_call *open;
    csvc__buffer text;

    (void)state;
    scene_start(&sc, (csvc_limits_options){0});
    csvc__buffer_init(&text, 1 << 20);
    csvc__inflight_json(&sc.srv->inflight, &text);
    assert_string_equal("{\"total\": 0, \"calls\": []}\n", text.data);
    open = arrive(&sc, (fake_arrival){.path = "/made.Up/\"M\"", .no_auto_close = true});
    csvc__buffer_clear(&text);
    csvc__inflight_json(&sc.srv->inflight, &text);
    assert_non_null(strstr(text.data, "{\"total\": 1, \"calls\": [\n"
                                      "  {\"method\": \"/made.Up/\\\"M\\\"\", \"peer\": \""));
    assert_non_null(strstr(text.data, ", \"age_ms\": "));
    assert_null(strstr(text.data, "deadline_ms"));
    fake_close(open, true, false);
    fake_call_free(open);
    csvc__buffer_clear(&text);
    csvc__inflight_json(&sc.srv->inflight, &text);
    assert_string_equal("{\"total\": 0, \"calls\": []}\n", text.data);
    csvc__buffer_release(&text);
    scene_end(&sc);
}

static void so_many_are_listed(void **state)
{
    enum {
        OPEN = 1001
    };
    static fake_call *open[OPEN];
    char path[32];
    csvc__buffer text;
    scene sc;
    size_t listed = 0;

    (void)state;
    scene_start(&sc, (csvc_limits_options){0});
    csvc__buffer_init(&text, 1 << 20);
    for (int i = 0; i < OPEN; i++) {
        (void)snprintf(path, sizeof(path), "/made.Up/M%d.", i);
        open[i] = arrive(&sc, (fake_arrival){.path = path, .no_auto_close = true});
    }
    csvc__inflight_json(&sc.srv->inflight, &text);
    assert_non_null(strstr(text.data, "{\"total\": 1001, "));
    for (const char *at = text.data; (at = strstr(at, "{\"method\"")) != NULL; at++) {
        listed++;
    }
    assert_int_equal(1000, listed);
    /* the oldest are what somebody looks for */
    assert_non_null(strstr(text.data, "\"calls\": [\n  {\"method\": \"/made.Up/M0.\""));
    assert_non_null(strstr(text.data, "/made.Up/M999.\""));
    assert_null(strstr(text.data, "/made.Up/M1000.\""));
    for (int i = 0; i < OPEN; i++) {
        fake_close(open[i], true, false);
        fake_call_free(open[i]);
    }
    csvc__buffer_release(&text);
    scene_end(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rpc_is_there_from_the_start),
        cmocka_unit_test(calls_are_counted),
        cmocka_unit_test(unknown_paths_are_one),
        cmocka_unit_test(all_ends_are_counted),
        cmocka_unit_test(the_start_fails_when_memory_is_short),
        cmocka_unit_test(so_many_at_a_time),
        cmocka_unit_test(so_many_a_second),
        cmocka_unit_test(limits_change_while_calls_are_served),
        cmocka_unit_test(rates_that_are_none),
        cmocka_unit_test(calls_in_flight_are_listed),
        cmocka_unit_test(so_many_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
