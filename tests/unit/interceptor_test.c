/* Interceptors of a server: order, ends, refusals, messages; the logging one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/server.h>
#include <rpc/chain.h>
#include <rpc/ctx.h>

#include <stdio.h>
#include <string.h>

#include "echo_service.h"
#include "fake_transport.h"
#include "log_catcher.h"

static const uint8_t seven_ada[] = {0x08, 7, 0x12, 3, 'a', 'd', 'a'};

/* What happened, in order. Hooks of one call run one after the other, whatever the thread. */
static char story[1024];

static void tell(const char *what, const char *who)
{
    const size_t len = strlen(story);

    snprintf(story + len, sizeof(story) - len, "%s%s.%s", len > 0 ? " " : "", who, what);
}

typedef struct note {
    const char *name;
    csvc_code refuse_begin, refuse_received;
    bool on_loop; /* what its begin is to find */
    csvc_outcome last;
    char last_text[128];
} note;

typedef struct note_state {
    int begun, ended;
    int64_t room[4];
} note_state;

static csvc_code note_begin(void *self, csvc_ctx *ctx, void *state)
{
    note *n = self;
    note_state *st = state;

    tell("begin", n->name);
    assert_int_equal(0, (uintptr_t)state % 16);
    assert_int_equal(0, st->begun);
    assert_int_equal(0, st->room[3]);
    st->begun++;
    assert_int_equal(n->on_loop, !csvc__ctx_may_block(ctx));
    if (n->refuse_begin != CSVC_OK) {
        return csvc_fail(ctx, n->refuse_begin, "%s says no", n->name);
    }
    return CSVC_OK;
}

static void note_end(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    note *n = self;
    note_state *st = state;

    tell("end", n->name);
    assert_int_equal(1, st->begun);
    assert_int_equal(0, st->ended);
    st->ended++;
    assert_false(csvc__ctx_may_block(ctx));
    n->last = *outcome;
    snprintf(n->last_text, sizeof(n->last_text), "%s", outcome->text);
}

static csvc_code note_received(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    note *n = self;

    (void)state;
    tell("received", n->name);
    assert_int_equal(7, ((const Codec3__Inner *)message)->id);
    return n->refuse_received != CSVC_OK ? csvc_fail(ctx, n->refuse_received, "bad") : CSVC_OK;
}

static void note_sent(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    (void)ctx;
    (void)state;
    tell("sent", ((note *)self)->name);
    assert_string_equal("ada", ((const Codec3__Inner *)message)->name);
}

static csvc_interceptor hooks(csvc_phase phase)
{
    return (csvc_interceptor){
        CSVC_INTERCEPTOR_INIT,
        .name = "note",
        .phase = phase,
        .state_size = sizeof(note_state),
        .begin = note_begin,
        .end = note_end,
        .received = note_received,
        .sent = note_sent,
    };
}

/* ---- a server with three of them ---- */

typedef struct scene {
    csvc_server *srv;
    fake_server *ts;
    echo_peer peer;
    note trace, limit, user;
} scene;

static csvc_code told(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp)
{
    tell("handle", "h");
    return echo_back(peer, ctx, req, rsp);
}

static void scene_start(scene *sc, bool on_loop)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &fake_transport};
    const csvc_interceptor user = hooks(CSVC_PHASE_USER), limit = hooks(CSVC_PHASE_LIMITS),
                           trace = hooks(CSVC_PHASE_TRACING);
    csvc_error err = {CSVC_ERROR_INIT};

    memset(sc, 0, sizeof(*sc));
    story[0] = '\0';
    sc->trace = (note){.name = "t", .on_loop = true};
    sc->limit = (note){.name = "l", .on_loop = true};
    sc->user = (note){.name = "u", .on_loop = on_loop};
    sc->peer.handle = told;
    sc->srv = csvc_server_new(&options, &err);
    assert_non_null(sc->srv);
    /* in another order than they run */
    assert_int_equal(CSVC_OK, csvc_server_intercept(sc->srv, &user, &sc->user));
    assert_int_equal(CSVC_OK, csvc_server_intercept(sc->srv, &limit, &sc->limit));
    assert_int_equal(CSVC_OK, csvc_server_intercept(sc->srv, &trace, &sc->trace));
    assert_int_equal(CSVC_OK, echo_register(sc->srv, &sc->peer));
    assert_int_equal(CSVC_OK, csvc_server_listen(sc->srv, "fake:0", NULL, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(sc->srv, &err));
    sc->ts = fake_last_server();
}

static fake_call *arrive(scene *sc, fake_arrival arrival)
{
    if (arrival.bytes == NULL) {
        arrival.bytes = seven_ada;
        arrival.len = sizeof(seven_ada);
    }
    return fake_arrive(sc->ts, &arrival);
}

static void finish(fake_call *call, csvc_code code, const char *text)
{
    fake_wait_finish(call);
    fake_wait_release(call);
    assert_string_equal(text, call->text);
    assert_int_equal(code, call->code);
    fake_call_free(call);
}

static void scene_end(scene *sc)
{
    csvc_server_free(sc->srv);
}

/* ---- order ---- */

static void phases_fix_the_order(void **state)
{
    static const char *const paths[] = {"/test.Echo/Inline", "/test.Echo/Pool"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        scene sc;

        scene_start(&sc, i == 0);
        finish(arrive(&sc, (fake_arrival){.path = paths[i]}), CSVC_OK, "");
        assert_string_equal("t.begin l.begin u.begin t.received l.received u.received h.handle "
                            "u.sent l.sent t.sent u.end l.end t.end",
                            story);
        assert_int_equal(CSVC_OK, sc.user.last.code);
        assert_true(sc.user.last.delivered);
        assert_false(sc.user.last.slow);
        assert_true(sc.user.last.duration_nanos > 0);
        scene_end(&sc);
    }
}

static void within_a_phase_registration_counts(void **state)
{
    csvc__chain chain = {0};
    note notes[4] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
    csvc_interceptor it = hooks(CSVC_PHASE_AUTH);

    (void)state;
    for (int i = 0; i < 4; i++) {
        it.phase = i == 2 ? CSVC_PHASE_LIMITS : CSVC_PHASE_AUTH;
        assert_int_equal(CSVC_OK, csvc__chain_add(&chain, &it, &notes[i]));
    }
    assert_ptr_equal(&notes[2], chain.links[0].self);
    assert_ptr_equal(&notes[0], chain.links[1].self);
    assert_ptr_equal(&notes[1], chain.links[2].self);
    assert_ptr_equal(&notes[3], chain.links[3].self);
    assert_int_equal(1, chain.n_on_loop);
    for (int i = 4; i < CSVC__MAX_INTERCEPTORS; i++) {
        assert_int_equal(CSVC_OK, csvc__chain_add(&chain, &it, NULL));
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc__chain_add(&chain, &it, NULL));
    it.phase = (csvc_phase)7;
    chain.n_links = 0;
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc__chain_add(&chain, &it, NULL));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc__chain_add(&chain, NULL, NULL));
}

/* ---- refusing ---- */

static void who_refuses_ends_the_call(void **state)
{
    static const char *const paths[] = {"/test.Echo/Inline", "/test.Echo/Pool"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        scene sc;

        scene_start(&sc, i == 0);
        sc.limit.refuse_begin = CSVC_RESOURCE_EXHAUSTED;
        finish(arrive(&sc, (fake_arrival){.path = paths[i]}), CSVC_RESOURCE_EXHAUSTED, "l says no");
        assert_string_equal("t.begin l.begin l.end t.end", story);
        assert_int_equal(CSVC_RESOURCE_EXHAUSTED, sc.trace.last.code);
        assert_string_equal("l says no", sc.trace.last_text);

        story[0] = '\0';
        sc.limit.refuse_begin = CSVC_OK;
        sc.user.refuse_begin = CSVC_UNAUTHENTICATED;
        finish(arrive(&sc, (fake_arrival){.path = paths[i]}), CSVC_UNAUTHENTICATED, "u says no");
        assert_string_equal("t.begin l.begin u.begin u.end l.end t.end", story);

        story[0] = '\0';
        sc.user.refuse_begin = CSVC_OK;
        sc.limit.refuse_received = CSVC_INVALID_ARGUMENT;
        finish(arrive(&sc, (fake_arrival){.path = paths[i]}), CSVC_INVALID_ARGUMENT, "bad");
        assert_string_equal("t.begin l.begin u.begin t.received l.received u.end l.end t.end",
                            story);
        assert_int_equal(0, sc.peer.calls);
        scene_end(&sc);
    }
}

static void a_code_that_is_none(void **state)
{
    scene sc;

    (void)state;
    log_catch(CSVC_LOG_INFO);
    scene_start(&sc, true);
    sc.limit.refuse_begin = (csvc_code)-3;
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"}), CSVC_INTERNAL,
           "an interceptor returned -3, which is no status code");
    assert_non_null(strstr(log_caught(), "from=an interceptor code=-3"));
    scene_end(&sc);
    log_let_go();
}

/* Calls that no handler ever sees begin and end all the same. */
static void calls_without_a_handler_are_seen(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc, false);
    finish(arrive(&sc, (fake_arrival){.path = "/x.Y/Z"}), CSVC_UNIMPLEMENTED,
           "unknown service /x.Y/Z");
    assert_string_equal("t.begin l.begin l.end t.end", story);
    story[0] = '\0';
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Pool", .deadline = 1}),
           CSVC_DEADLINE_EXCEEDED, "deadline exceeded");
    assert_string_equal("t.begin l.begin l.end t.end", story);
    story[0] = '\0';
    fake_call *call =
        arrive(&sc, (fake_arrival){.path = "/test.Echo/Pool", .bytes = "\xff", .len = 1});
    fake_wait_finish(call);
    fake_wait_release(call);
    assert_int_equal(CSVC_INTERNAL, call->code);
    fake_call_free(call);
    assert_string_equal("t.begin l.begin u.begin u.end l.end t.end", story);
    scene_end(&sc);
}

/* ---- what the network made of it ---- */

static void the_outcome_is_what_was_delivered(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc, true);
    call = arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline", .no_auto_close = true});
    assert_null(strstr(story, "end")); /* not before the transport knows */
    fake_close(call, false, true);
    fake_call_free(call);
    assert_string_equal("t.begin l.begin u.begin t.received l.received u.received h.handle u.end "
                        "l.end t.end",
                        story);
    assert_int_equal(CSVC_CANCELLED, sc.trace.last.code);
    assert_false(sc.trace.last.delivered);
    scene_end(&sc);
}

static csvc_code sleeps(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                        Codec3__Inner *rsp)
{
    const int64_t until = csvc__now() + 2 * CSVC__MS;

    while (csvc__now() < until) {
    }
    return echo_back(peer, ctx, req, rsp);
}

/* ---- logging ---- */

static csvc_code fails(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp)
{
    (void)peer;
    (void)rsp;
    return csvc_fail(ctx, CSVC_NOT_FOUND, "user %d not found", req->id);
}

static csvc_code breaks(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                        Codec3__Inner *rsp)
{
    (void)peer;
    (void)req;
    (void)rsp;
    return csvc_fail(ctx, CSVC_INTERNAL, "broken");
}

static void each_call_is_logged_at_its_level(void **state)
{
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &fake_transport,
                                   .slow_call_ms = 1};
    csvc_error err = {CSVC_ERROR_INIT};
    scene sc = {0};
    char *ms;

    (void)state;
    sc.srv = csvc_server_new(&options, &err);
    assert_int_equal(CSVC_OK, csvc_server_intercept(sc.srv, &csvc_logging, NULL));
    assert_int_equal(CSVC_OK, echo_register(sc.srv, &sc.peer));
    assert_int_equal(CSVC_OK, csvc_server_listen(sc.srv, "fake:0", NULL, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(sc.srv, &err));
    sc.ts = fake_last_server();

    log_catch(CSVC_LOG_INFO);
    sc.peer.handle = fails;
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"}), CSVC_NOT_FOUND,
           "user 7 not found");
    ms = strstr(log_caught(), "ms=");
    assert_non_null(ms);
    assert_memory_equal("info call failed method=/test.Echo/Inline code=NOT_FOUND ms=",
                        log_caught(), (size_t)(ms - log_caught()) + 3);
    assert_string_equal(" peer=fake:1 text=user 7 not found\n", strchr(ms, ' '));

    /* the server's own fault */
    log_catch(CSVC_LOG_ERROR);
    sc.peer.handle = breaks;
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"}), CSVC_INTERNAL, "broken");
    assert_memory_equal(
        "error call failed method=/test.Echo/Inline code=INTERNAL ms=", log_caught(), 60);

    log_catch(CSVC_LOG_INFO);
    sc.peer.handle = sleeps;
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"}), CSVC_OK, "");
    assert_memory_equal("info slow call method=/test.Echo/Inline code=OK ms=", log_caught(), 50);
    log_catch(CSVC_LOG_WARN);
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"}), CSVC_OK, "");
    assert_string_equal("", log_caught());
    csvc_server_free(sc.srv);

    /* a call that is neither: only at debug */
    options.slow_call_ms = -1;
    sc.srv = csvc_server_new(&options, &err);
    sc.peer.handle = echo_back;
    assert_int_equal(CSVC_OK, csvc_server_intercept(sc.srv, &csvc_logging, NULL));
    assert_int_equal(CSVC_OK, echo_register(sc.srv, &sc.peer));
    assert_int_equal(CSVC_OK, csvc_server_listen(sc.srv, "fake:0", NULL, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(sc.srv, &err));
    sc.ts = fake_last_server();
    log_catch(CSVC_LOG_INFO);
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"}), CSVC_OK, "");
    assert_string_equal("", log_caught());
    log_catch(CSVC_LOG_DEBUG);
    finish(arrive(&sc, (fake_arrival){.path = "/test.Echo/Inline"}), CSVC_OK, "");
    assert_memory_equal("debug call method=/test.Echo/Inline code=OK ms=", log_caught(), 47);
    csvc_server_free(sc.srv);
    log_let_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_fix_the_order),
        cmocka_unit_test(within_a_phase_registration_counts),
        cmocka_unit_test(who_refuses_ends_the_call),
        cmocka_unit_test(a_code_that_is_none),
        cmocka_unit_test(calls_without_a_handler_are_seen),
        cmocka_unit_test(the_outcome_is_what_was_delivered),
        cmocka_unit_test(each_call_is_logged_at_its_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
