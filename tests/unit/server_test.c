/* How a server serves, over a transport whose events the test fires. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/server.h>
#include <rpc/ctx.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "echo_service.h"
#include "failing_alloc.h"
#include "fake_transport.h"
#include "log_catcher.h"

/* ---- a server to try ---- */

typedef struct scene {
    csvc_server *srv;
    fake_server *ts;
    echo_peer peer;
} scene;

static void scene_start_with(scene *sc, csvc_server_options options)
{
    csvc_error err = {CSVC_ERROR_INIT};

    options.struct_size = sizeof(options);
    options.transport = &fake_transport;
    memset(&sc->peer, 0, sizeof(sc->peer));
    sc->srv = csvc_server_new(&options, &err);
    assert_non_null(sc->srv);
    assert_int_equal(CSVC_OK, echo_register(sc->srv, &sc->peer));
    assert_int_equal(CSVC_OK, csvc_server_listen(sc->srv, "fake:0", NULL, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(sc->srv, &err));
    sc->ts = fake_last_server();
}

static void scene_start(scene *sc)
{
    scene_start_with(sc, (csvc_server_options){CSVC_SERVER_OPTIONS_INIT});
}

static void scene_end(scene *sc)
{
    assert_int_equal(0, fake_live(sc->ts));
    csvc_server_free(sc->srv);
}

/* {id: 7, name: "ada"} */
static const uint8_t seven_ada[] = {0x08, 7, 0x12, 3, 'a', 'd', 'a'};

static fake_call *arrive_with(scene *sc, const char *path, fake_arrival arrival)
{
    arrival.path = path;
    if (arrival.bytes == NULL) {
        arrival.bytes = seven_ada;
        arrival.len = sizeof(seven_ada);
    }
    return fake_arrive(sc->ts, &arrival);
}

static fake_call *arrive(scene *sc, const char *path)
{
    return arrive_with(sc, path, (fake_arrival){0});
}

/* Runs it to its end and gives it back for a last look. */
static fake_call *finished(fake_call *call)
{
    fake_wait_finish(call);
    if (!call->no_auto_close) {
        fake_wait_release(call);
    }
    return call;
}

static void assert_answer(fake_call *call, csvc_code code, const char *text)
{
    finished(call);
    assert_string_equal(text, call->text);
    assert_int_equal(code, call->code);
    assert_int_equal(code == CSVC_OK, call->has_message);
    fake_call_free(call);
}

/* ---- unary calls ---- */

static void an_inline_call_is_answered_at_once(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    call = arrive(&sc, "/test.Echo/Inline");
    assert_true(call->finished);
    assert_false(call->watched);
    assert_int_equal(sizeof(seven_ada), call->len);
    assert_memory_equal(seven_ada, call->message, call->len);
    assert_answer(call, CSVC_OK, "");
    scene_end(&sc);
}

static void an_inline_call_allocates_nothing(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    failing_alloc_begin(0);
    call = finished(arrive(&sc, "/test.Echo/Inline"));
    assert_int_equal(0, failing_alloc_end());
    assert_answer(call, CSVC_OK, "");
    scene_end(&sc);
}

static void a_pool_call_is_answered_from_a_worker(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    call = arrive(&sc, "/test.Echo/Pool");
    assert_true(call->watched);
    fake_wait_finish(call);
    assert_int_equal(sizeof(seven_ada), call->len);
    assert_memory_equal(seven_ada, call->message, call->len);
    assert_answer(call, CSVC_OK, "");
    for (int i = 0; i < 200; i++) {
        assert_answer(arrive(&sc, "/test.Echo/Pool"), CSVC_OK, "");
    }
    scene_end(&sc);
}

static void a_message_may_come_in_pieces_or_be_empty(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    call = arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.in_pieces = true});
    assert_memory_equal(seven_ada, call->message, sizeof(seven_ada));
    assert_answer(call, CSVC_OK, "");
    call = arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.bytes = "", .len = 0});
    assert_int_equal(0, call->len);
    assert_answer(call, CSVC_OK, "");
    scene_end(&sc);
}

static csvc_code long_reply(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                            Codec3__Inner *rsp)
{
    (void)peer;
    (void)req;
    rsp->name = csvc_alloc(ctx, 3001);
    memset(rsp->name, 'x', 3000);
    rsp->name[3000] = '\0';
    return CSVC_OK;
}

static void a_reply_may_be_longer_than_any_scratch(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    sc.peer.handle = long_reply;
    call = arrive(&sc, "/test.Echo/Inline");
    assert_int_equal(3003, call->len);
    assert_answer(call, CSVC_OK, "");
    assert_answer(arrive(&sc, "/test.Echo/Pool"), CSVC_OK, "");
    scene_end(&sc);
}

/* ---- what keeps a call from its handler ---- */

static void bytes_that_are_no_request(void **state)
{
    static const uint8_t bad[][4] = {{0xff, 0xff, 0xff, 0xff},
                                     {0x12, 0x7f, 'a', 'b'}, /* longer than there is */
                                     {0x12, 2, 0xff, 0xfe},  /* no UTF-8 */
                                     {0x12, 2, 'a', '\0'}};  /* a NUL within */
    scene sc;

    (void)state;
    scene_start(&sc);
    for (size_t i = 0; i < 4; i++) {
        for (int pool = 0; pool < 2; pool++) {
            fake_call *call =
                finished(arrive_with(&sc, pool ? "/test.Echo/Pool" : "/test.Echo/Inline",
                                     (fake_arrival){.bytes = bad[i], .len = 4}));

            assert_int_equal(CSVC_INTERNAL, call->code);
            assert_memory_equal("the request does not parse: ", call->text, 28);
            fake_call_free(call);
        }
    }
    assert_int_equal(0, sc.peer.calls);
    assert_answer(arrive(&sc, "/test.Echo/Inline"), CSVC_OK, "");
    scene_end(&sc);
}

static void no_message_or_one_badly_packed(void **state)
{
    const fake_arrival none = {.path = "/test.Echo/Pool"};
    scene sc;

    (void)state;
    scene_start(&sc);
    assert_answer(fake_arrive(sc.ts, &none), CSVC_UNIMPLEMENTED,
                  "the call carries one message, not none");
    assert_answer(arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.compressed = true}),
                  CSVC_INTERNAL, "a compressed message is no gzip, or is cut short");
    assert_int_equal(0, sc.peer.calls);
    scene_end(&sc);
}

static void paths_nobody_serves(void **state)
{
    scene sc;
    char path[2000] = "/x.Y/";

    (void)state;
    scene_start(&sc);
    assert_answer(arrive(&sc, "/test.Echo/Nothing"), CSVC_UNIMPLEMENTED,
                  "unknown method /test.Echo/Nothing");
    assert_answer(arrive(&sc, "/x.Y/Z"), CSVC_UNIMPLEMENTED, "unknown service /x.Y/Z");
    assert_answer(arrive(&sc, ""), CSVC_UNIMPLEMENTED, "unknown service ");
    assert_answer(arrive(&sc, "/"), CSVC_UNIMPLEMENTED, "unknown service /");
    assert_answer(arrive(&sc, "test.Echo/Pool"), CSVC_UNIMPLEMENTED,
                  "unknown service test.Echo/Pool");
    assert_answer(arrive(&sc, "/\xff\xfe/Z"), CSVC_UNIMPLEMENTED, "unknown service (unreadable)");
    memset(path + 5, 'z', sizeof(path) - 6);
    path[sizeof(path) - 1] = '\0';
    {
        fake_call *call = finished(arrive(&sc, path));

        assert_int_equal(CSVC_UNIMPLEMENTED, call->code);
        assert_int_equal(495, strlen(call->text));
        fake_call_free(call);
    }
    scene_end(&sc);
}

static void slots_that_are_empty_and_streams(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc);
    assert_answer(arrive(&sc, "/test.Echo/Missing"), CSVC_UNIMPLEMENTED,
                  "/test.Echo/Missing is not implemented");
    assert_answer(arrive(&sc, "/test.Echo/Stream"), CSVC_UNIMPLEMENTED,
                  "/test.Echo/Stream is not implemented");
    scene_end(&sc);
}

static void a_call_that_is_over_before_it_begins(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc);
    assert_answer(arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.deadline = 1}),
                  CSVC_DEADLINE_EXCEEDED, "deadline exceeded");
    assert_answer(arrive_with(&sc, "/test.Echo/Pool", (fake_arrival){.deadline = 1}),
                  CSVC_DEADLINE_EXCEEDED, "deadline exceeded");
    assert_answer(arrive_with(&sc, "/test.Echo/Pool", (fake_arrival){.ended = true}),
                  CSVC_CANCELLED, "cancelled");
    assert_int_equal(0, sc.peer.calls);
    assert_answer(arrive_with(&sc, "/test.Echo/Inline",
                              (fake_arrival){.deadline = csvc__now() + 60 * CSVC__SECOND}),
                  CSVC_OK, "");
    scene_end(&sc);
}

/* ---- what a handler says ---- */

static csvc_code fails_with_text(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                                 Codec3__Inner *rsp)
{
    (void)peer;
    (void)rsp;
    return csvc_fail(ctx, CSVC_NOT_FOUND, "user %d not found", req->id);
}

static csvc_code deals_with_it(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                               Codec3__Inner *rsp)
{
    csvc_fail(ctx, CSVC_NOT_FOUND, "secret");
    return echo_back(peer, ctx, req, rsp);
}

static csvc_code other_code(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                            Codec3__Inner *rsp)
{
    (void)peer;
    (void)req;
    (void)rsp;
    csvc_fail(ctx, CSVC_NOT_FOUND, "secret");
    return CSVC_ABORTED;
}

static void failures_and_their_text(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc);
    sc.peer.handle = fails_with_text;
    assert_answer(arrive(&sc, "/test.Echo/Inline"), CSVC_NOT_FOUND, "user 7 not found");
    assert_answer(arrive(&sc, "/test.Echo/Pool"), CSVC_NOT_FOUND, "user 7 not found");
    sc.peer.handle = deals_with_it;
    assert_answer(arrive(&sc, "/test.Echo/Inline"), CSVC_OK, "");
    sc.peer.handle = other_code;
    assert_answer(arrive(&sc, "/test.Echo/Inline"), CSVC_ABORTED, "");
    scene_end(&sc);
}

static csvc_code code_77(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                         Codec3__Inner *rsp)
{
    (void)peer;
    (void)ctx;
    (void)req;
    (void)rsp;
    return (csvc_code)77;
}

static csvc_code bad_utf8(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                          Codec3__Inner *rsp)
{
    static char name[] = "\xff";

    (void)peer;
    (void)ctx;
    (void)req;
    rsp->name = name;
    return CSVC_OK;
}

static void a_handler_that_misbehaves(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    log_catch(CSVC_LOG_INFO);
    sc.peer.handle = code_77;
    assert_answer(arrive(&sc, "/test.Echo/Inline"), CSVC_INTERNAL,
                  "the handler returned 77, which is no status code");
    assert_string_equal("error no such status code method=/test.Echo/Inline from=the handler "
                        "code=77\n",
                        log_caught());
    log_catch(CSVC_LOG_INFO);
    sc.peer.handle = bad_utf8;
    call = finished(arrive(&sc, "/test.Echo/Pool"));
    assert_int_equal(CSVC_INTERNAL, call->code);
    assert_memory_equal("the reply cannot be encoded: ", call->text, 29);
    assert_false(call->has_message);
    assert_non_null(strstr(log_caught(), "error a reply cannot be encoded method=/test.Echo/Pool"));
    fake_call_free(call);
    log_let_go();
    scene_end(&sc);
}

static csvc_code takes_memory(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                              Codec3__Inner *rsp)
{
    (void)req;
    (void)rsp;
    peer->data = csvc_alloc(ctx, 100000);
    return peer->data == NULL ? csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "too much") : CSVC_OK;
}

static void memory_of_a_call_is_limited(void **state)
{
    scene sc;

    (void)state;
    scene_start_with(&sc, (csvc_server_options){.max_call_memory = 50000});
    sc.peer.handle = takes_memory;
    assert_answer(arrive(&sc, "/test.Echo/Inline"), CSVC_RESOURCE_EXHAUSTED, "too much");
    sc.peer.handle = echo_back;
    assert_answer(arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.fail_reserve = true}),
                  CSVC_RESOURCE_EXHAUSTED, "out of memory");
    scene_end(&sc);

    scene_start(&sc);
    sc.peer.handle = takes_memory;
    assert_answer(arrive(&sc, "/test.Echo/Inline"), CSVC_OK, "");
    scene_end(&sc);
}

/* ---- the ctx of a call ---- */

static csvc_code looks_around(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                              Codec3__Inner *rsp)
{
    csvc_bytes value;

    (void)req;
    (void)rsp;
    assert_string_equal("acme", csvc_metadata(ctx, "x-tenant"));
    assert_ptr_equal(csvc_metadata(ctx, "x-tenant"), csvc_metadata(ctx, "x-tenant"));
    assert_string_equal("", csvc_metadata(ctx, "x-empty"));
    assert_null(csvc_metadata(ctx, "x-other"));
    assert_null(csvc_metadata(ctx, NULL));
    assert_true(csvc_metadata_value(ctx, "x-tenant", 1, &value));
    assert_int_equal(5, value.len);
    assert_memory_equal("other", value.data, 5);
    assert_false(csvc_metadata_value(ctx, "x-tenant", 2, &value));
    assert_string_equal("fake:1", csvc_peer(ctx));
    assert_string_equal(peer->data, csvc_method_path(ctx));
    assert_false(csvc_cancelled(ctx));
    assert_true(csvc_time_left_ms(ctx) > 50000);
    assert_int_equal(strcmp(peer->data, "/test.Echo/Pool") == 0, csvc__ctx_may_block(ctx));

    assert_int_equal(CSVC_OK, csvc_set_header(ctx, "x-h", "1"));
    assert_int_equal(CSVC_OK, csvc_set_trailer(ctx, "x-t", "2"));
    for (int i = 1; i < 64; i++) {
        assert_int_equal(CSVC_OK, csvc_set_trailer_bytes(ctx, "x-t-bin",
                                                         (csvc_bytes){2, (const uint8_t *)"\0"}));
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc_set_trailer(ctx, "x-t", "65th"));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_set_header(ctx, "X-H", "1"));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_set_header(ctx, NULL, "1"));
    assert_int_equal(CSVC_OK, csvc_set_header(ctx, "x-h", NULL));
    return CSVC_OK;
}

static void what_a_handler_sees_and_sets(void **state)
{
    static const csvc_md md[] = {
        {{8, (const uint8_t *)"x-tenant"}, {4, (const uint8_t *)"acme"}},
        {{7, (const uint8_t *)"x-empty"}, {0, NULL}},
        {{8, (const uint8_t *)"x-tenant"}, {5, (const uint8_t *)"other"}},
    };
    static const char *const paths[] = {"/test.Echo/Inline", "/test.Echo/Pool"};
    scene sc;

    (void)state;
    scene_start(&sc);
    sc.peer.handle = looks_around;
    for (int i = 0; i < 2; i++) {
        fake_call *call;

        sc.peer.data = (void *)(uintptr_t)paths[i];
        call = finished(arrive_with(
            &sc, paths[i],
            (fake_arrival){.metadata = {md, 3}, .deadline = csvc__now() + 60 * CSVC__SECOND}));
        assert_int_equal(2, call->n_headers);
        assert_string_equal("x-h=1", call->first_header);
        assert_int_equal(64, call->n_trailers);
        assert_string_equal("x-t=2", call->first_trailer);
        assert_answer(call, CSVC_OK, "");
    }
    scene_end(&sc);
}

/* ---- cancellation ---- */

/* Whether the pool takes Pool for a quick rpc by now: such a call is not watched at once. */
static int arrive_quick(scene *sc)
{
    fake_call *call = arrive(sc, "/test.Echo/Pool");
    const int quick = !call->watched;

    assert_answer(call, CSVC_OK, "");
    return quick;
}

/* A handler that waits until the test lets it go on or its call is cancelled. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside, cancelled;
    bool open;
    csvc_ctx *kept;
} gate;

static void gate_cancelled(void *self)
{
    gate *g = self;

    pthread_mutex_lock(&g->lock);
    g->cancelled++;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static csvc_code waits_at_gate(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                               Codec3__Inner *rsp)
{
    gate *g = peer->data;

    assert_int_equal(CSVC_OK, csvc_on_cancel(ctx, gate_cancelled, g));
    pthread_mutex_lock(&g->lock);
    g->inside++;
    pthread_cond_broadcast(&g->changed);
    while (!g->open && g->cancelled == 0) {
        pthread_cond_wait(&g->changed, &g->lock);
    }
    pthread_mutex_unlock(&g->lock);
    if (csvc_cancelled(ctx)) {
        return csvc_check_cancelled(ctx);
    }
    return echo_back(peer, ctx, req, rsp);
}

static void gate_init(gate *g)
{
    memset(g, 0, sizeof(*g));
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
}

static void gate_open(gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static void gate_wait_inside(gate *g, int n)
{
    pthread_mutex_lock(&g->lock);
    while (g->inside < n) {
        pthread_cond_wait(&g->changed, &g->lock);
    }
    pthread_mutex_unlock(&g->lock);
}

static void a_running_handler_hears_of_cancellation(void **state)
{
    scene sc;
    gate g;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    gate_init(&g);
    sc.peer.handle = waits_at_gate;
    sc.peer.data = &g;
    call = arrive(&sc, "/test.Echo/Pool");
    gate_wait_inside(&g, 1);
    fake_cancel(call);
    assert_answer(call, CSVC_CANCELLED, "cancelled");
    assert_int_equal(1, g.cancelled);

    /* the same when the deadline has passed */
    gate_init(&g);
    call = arrive_with(&sc, "/test.Echo/Pool",
                       (fake_arrival){.deadline = csvc__now() + 60 * CSVC__SECOND});
    gate_wait_inside(&g, 1);
    ((csvc_ctx *)call->tc->upper)->deadline = 1; /* rather than waiting for it */
    fake_cancel(call);
    assert_answer(call, CSVC_DEADLINE_EXCEEDED, "deadline exceeded");
    scene_end(&sc);
}

/* One worker, busy: what waits behind it is answered as soon as it is cancelled, and never runs. */
static void a_waiting_call_ends_when_cancelled(void **state)
{
    scene sc;
    gate g;
    fake_call *running, *waiting;

    (void)state;
    scene_start_with(&sc, (csvc_server_options){.max_workers = 1, .max_queued = 1});
    gate_init(&g);
    sc.peer.handle = waits_at_gate;
    sc.peer.data = &g;
    running = arrive(&sc, "/test.Echo/Pool");
    gate_wait_inside(&g, 1);
    waiting = arrive(&sc, "/test.Echo/Pool");
    assert_false(waiting->finished);
    assert_answer(arrive(&sc, "/test.Echo/Pool"), CSVC_RESOURCE_EXHAUSTED,
                  "too many calls wait for a worker");
    fake_cancel(waiting);
    assert_true(waiting->finished);
    assert_answer(waiting, CSVC_CANCELLED, "cancelled");
    gate_open(&g);
    assert_answer(running, CSVC_OK, "");
    assert_int_equal(1, sc.peer.calls);
    scene_end(&sc);
}

/* What is taken for quick, from experience, and then blocks: those behind it go on, and it hears of
 * its cancellation all the same. */
static void a_quick_handler_that_blocks_for_once(void **state)
{
    scene sc;
    gate g;
    fake_call *stuck, *behind[20];
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;

    (void)state;
    scene_start(&sc);
    for (int i = 0; i < 200 || arrive_quick(&sc) == 0; i++) {
        assert_true(csvc__now() < until);
        assert_answer(arrive(&sc, "/test.Echo/Pool"), CSVC_OK, "");
    }
    gate_init(&g);
    sc.peer.data = &g;
    sc.peer.handle = waits_at_gate;
    stuck = arrive(&sc, "/test.Echo/Pool");
    assert_false(stuck->watched);
    gate_wait_inside(&g, 1);
    sc.peer.handle = echo_back;
    for (int i = 0; i < 20; i++) {
        behind[i] = arrive(&sc, "/test.Echo/Pool");
    }
    for (int i = 0; i < 20; i++) {
        assert_answer(behind[i], CSVC_OK, "");
    }
    while (!stuck->watched) {
        fake_turn(sc.ts, until);
    }
    assert_false(stuck->finished);
    fake_cancel(stuck);
    assert_answer(stuck, CSVC_CANCELLED, "cancelled");
    scene_end(&sc);
}

/* Cancelled after the finish, and not delivered: nothing to do but to end. */
static void odd_orders_of_events(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    call = arrive_with(&sc, "/test.Echo/Pool", (fake_arrival){.no_auto_close = true});
    fake_wait_finish(call);
    fake_cancel(call);
    fake_close(call, false, true);
    assert_null(call->tc);
    fake_call_free(call);

    call = arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.no_auto_close = true});
    fake_close(call, false, false);
    assert_null(call->tc);
    fake_call_free(call);
    scene_end(&sc);
}

/* ---- a ctx that is kept ---- */

static csvc_code keeps_ctx(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                           Codec3__Inner *rsp)
{
    *(csvc_ctx **)peer->data = csvc_ctx_ref(ctx);
    return echo_back(peer, ctx, req, rsp);
}

static void *give_ctx_back(void *arg)
{
    csvc_ctx *ctx = arg;

    assert_false(csvc_cancelled(ctx));
    csvc_ctx_unref(ctx);
    return NULL;
}

static void a_kept_ctx_outlives_its_call(void **state)
{
    static const char *const paths[] = {"/test.Echo/Inline", "/test.Echo/Pool"};
    scene sc;

    (void)state;
    scene_start(&sc);
    sc.peer.handle = keeps_ctx;
    for (int i = 0; i < 2; i++) {
        csvc_ctx *kept = NULL;
        pthread_t thread;
        fake_call *call;

        sc.peer.data = &kept;
        call = arrive_with(&sc, paths[i], (fake_arrival){.no_auto_close = true});
        fake_wait_finish(call);
        assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_set_header(kept, "x-late", "1"));
        fake_close(call, true, false);
        assert_non_null(call->tc); /* not released */
        assert_string_equal(paths[i], csvc_method_path(kept));
        assert_int_equal(0, pthread_create(&thread, NULL, give_ctx_back, kept));
        assert_int_equal(0, pthread_join(thread, NULL));
        fake_wait_release(call); /* by a task on the loop */
        fake_call_free(call);
    }
    scene_end(&sc);
}

/* ---- stopping ---- */

static void shutdown_waits_for_calls(void **state)
{
    scene sc;
    gate g;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    gate_init(&g);
    g.open = true;
    sc.peer.handle = waits_at_gate;
    sc.peer.data = &g;
    call = arrive(&sc, "/test.Echo/Pool");
    assert_int_equal(CSVC_OK, csvc_server_shutdown(sc.srv, 20000));
    assert_int_equal(CSVC_OK, csvc_server_shutdown(sc.srv, 0)); /* it was */
    assert_answer(call, CSVC_OK, "");
    scene_end(&sc);
}

static void shutdown_cancels_what_takes_too_long(void **state)
{
    scene sc;
    gate g;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    gate_init(&g);
    sc.peer.handle = waits_at_gate;
    sc.peer.data = &g;
    call = arrive(&sc, "/test.Echo/Pool");
    gate_wait_inside(&g, 1);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, csvc_server_shutdown(sc.srv, 1));
    assert_answer(call, CSVC_UNAVAILABLE, "the server is stopping");
    scene_end(&sc);
}

/* ---- new, register, listen, start ---- */

static void what_a_server_refuses(void **state)
{
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT};
    csvc_error err = {CSVC_ERROR_INIT};
    const echo_ops no_size = {0};
    csvc_service old = echo_service;
    echo_peer peer = {.calls = 0};
    csvc_server *srv;
    int port = 0;

    (void)state;
    assert_null(csvc_server_new(NULL, &err));
    assert_int_equal(CSVC_INVALID_ARGUMENT, err.code);
    assert_null(csvc_server_new(&options, &err));
    options.transport = &fake_transport;
    srv = csvc_server_new(&options, &err);
    assert_int_equal(CSVC_INVALID_ARGUMENT,
                     csvc_server_register(srv, &echo_service, &no_size, &peer));
    old.struct_size = 8;
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_server_register(srv, &old, &no_size, &peer));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_server_register(srv, NULL, &no_size, &peer));
    assert_int_equal(CSVC_OK, echo_register(srv, &peer));
    assert_int_equal(CSVC_ALREADY_EXISTS, echo_register(srv, &peer));
    old = echo_service;
    old.name = "test.Other"; /* same paths */
    assert_int_equal(
        CSVC_ALREADY_EXISTS,
        csvc_server_register(srv, &old, &(echo_ops){.struct_size = sizeof(echo_ops)}, &peer));
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_server_start(srv, &err));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_server_listen(srv, NULL, NULL, &err));
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc_server_listen(srv, "busy:1", NULL, &err));
    assert_string_equal("busy:1 is in use", err.text);
    assert_int_equal(CSVC_OK, csvc_server_listen(srv, "fake:0", &port, &err));
    assert_int_equal(4711, port);
    assert_int_equal(CSVC_FAILED_PRECONDITION, echo_register(srv, &peer));
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_server_intercept(srv, &csvc_logging, NULL));
    assert_int_equal(CSVC_OK, csvc_server_start(srv, &err));
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_server_start(srv, &err));
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_server_listen(srv, "fake:0", NULL, &err));
    assert_null(csvc_server_free(srv));
    assert_null(csvc_server_free(NULL));
}

static void limits_reach_the_transport(void **state)
{
    const csvc_tserver_config *config;
    scene sc;

    (void)state;
    scene_start(&sc);
    config = fake_config(sc.ts);
    assert_true(config->loops >= 1);
    assert_int_equal(4 << 20, config->max_message_bytes);
    assert_int_equal(16 << 10, config->max_metadata_bytes);
    assert_int_equal(1000, config->max_streams);
    assert_int_equal(16384, config->max_connections);
    assert_int_equal(512 << 20, config->max_buffered_bytes);
    scene_end(&sc);

    scene_start_with(&sc, (csvc_server_options){.loops = 3,
                                                .max_message_bytes = 5,
                                                .max_metadata_bytes = 6,
                                                .max_streams = 7,
                                                .max_connections = 9,
                                                .max_buffered_bytes = 8});
    config = fake_config(sc.ts);
    assert_int_equal(3, config->loops);
    assert_int_equal(5, config->max_message_bytes);
    assert_int_equal(6, config->max_metadata_bytes);
    assert_int_equal(7, config->max_streams);
    assert_int_equal(9, config->max_connections);
    assert_int_equal(8, config->max_buffered_bytes);
    assert_null(config->tls);
    assert_int_equal(10000, config->times.handshake);
    assert_int_equal(2 * 3600 * 1000, config->times.keepalive);
    assert_int_equal(20000, config->times.keepalive_timeout);
    assert_int_equal(300000, config->times.min_ping);
    assert_int_equal(0, config->times.max_idle);
    assert_int_equal(0, config->times.max_age);
    assert_int_equal(30000, config->times.max_age_grace);
    scene_end(&sc);

    scene_start_with(&sc, (csvc_server_options){.handshake_timeout_ms = 1,
                                                .keepalive_ms = 2,
                                                .keepalive_timeout_ms = 3,
                                                .min_ping_ms = 4,
                                                .max_idle_ms = 5,
                                                .max_age_ms = 6,
                                                .max_age_grace_ms = 7});
    config = fake_config(sc.ts);
    assert_int_equal(1, config->times.handshake);
    assert_int_equal(2, config->times.keepalive);
    assert_int_equal(3, config->times.keepalive_timeout);
    assert_int_equal(4, config->times.min_ping);
    assert_int_equal(5, config->times.max_idle);
    assert_int_equal(6, config->times.max_age);
    assert_int_equal(7, config->times.max_age_grace);
    scene_end(&sc);
}

/* Ops of a program built when the service had one rpc: the others are not implemented. */
static void shorter_ops_leave_slots_empty(void **state)
{
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &fake_transport};
    csvc_error err = {CSVC_ERROR_INIT};
    struct {
        size_t struct_size;
        csvc_code (*on_loop)(void *, csvc_ctx *, const Codec3__Inner *, Codec3__Inner *);
        void *garbage[2];
    } shorter = {offsetof(echo_ops, on_pool), NULL, {&err, &err}};
    scene sc = {.srv = csvc_server_new(&options, &err)};

    (void)state;
    assert_int_equal(CSVC_OK, csvc_server_register(sc.srv, &echo_service, &shorter, NULL));
    assert_int_equal(CSVC_OK, csvc_server_listen(sc.srv, "fake:0", NULL, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(sc.srv, &err));
    sc.ts = fake_last_server();
    assert_answer(arrive(&sc, "/test.Echo/Inline"), CSVC_UNIMPLEMENTED,
                  "/test.Echo/Inline is not implemented");
    assert_answer(arrive(&sc, "/test.Echo/Pool"), CSVC_UNIMPLEMENTED,
                  "/test.Echo/Pool is not implemented");
    scene_end(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inline_call_is_answered_at_once),
        cmocka_unit_test(an_inline_call_allocates_nothing),
        cmocka_unit_test(a_pool_call_is_answered_from_a_worker),
        cmocka_unit_test(a_message_may_come_in_pieces_or_be_empty),
        cmocka_unit_test(a_reply_may_be_longer_than_any_scratch),
        cmocka_unit_test(bytes_that_are_no_request),
        cmocka_unit_test(no_message_or_one_badly_packed),
        cmocka_unit_test(paths_nobody_serves),
        cmocka_unit_test(slots_that_are_empty_and_streams),
        cmocka_unit_test(a_call_that_is_over_before_it_begins),
        cmocka_unit_test(failures_and_their_text),
        cmocka_unit_test(a_handler_that_misbehaves),
        cmocka_unit_test(memory_of_a_call_is_limited),
        cmocka_unit_test(what_a_handler_sees_and_sets),
        cmocka_unit_test(a_running_handler_hears_of_cancellation),
        cmocka_unit_test(a_waiting_call_ends_when_cancelled),
        cmocka_unit_test(a_quick_handler_that_blocks_for_once),
        cmocka_unit_test(odd_orders_of_events),
        cmocka_unit_test(a_kept_ctx_outlives_its_call),
        cmocka_unit_test(shutdown_waits_for_calls),
        cmocka_unit_test(shutdown_cancels_what_takes_too_long),
        cmocka_unit_test(what_a_server_refuses),
        cmocka_unit_test(limits_reach_the_transport),
        cmocka_unit_test(shorter_ops_leave_slots_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
