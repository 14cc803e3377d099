/* How a server and its calls begin and end: what it refuses, cancellation, references that are
 * kept, the stop. Over a transport whose events the test fires. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <rpc/ctx.h>

#include <pthread.h>
#include <string.h>

#include "log_catcher.h"
#include "server_scene.h"

/* ---- cancellation ---- */

/* Whether the pool takes Pool for a quick rpc by now: such a call is not watched at once. */
static int arrive_quick(scene *sc)
{
    fake_call *call = scene_arrive(sc, "/test.Echo/Pool");
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
    call = scene_arrive(&sc, "/test.Echo/Pool");
    gate_wait_inside(&g, 1);
    fake_cancel(call);
    assert_answer(call, CSVC_CANCELLED, "cancelled");
    assert_int_equal(1, g.cancelled);

    /* the same when the deadline has passed */
    gate_init(&g);
    call = scene_arrive_with(&sc, "/test.Echo/Pool",
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
    running = scene_arrive(&sc, "/test.Echo/Pool");
    gate_wait_inside(&g, 1);
    waiting = scene_arrive(&sc, "/test.Echo/Pool");
    assert_false(waiting->finished);
    assert_answer(scene_arrive(&sc, "/test.Echo/Pool"), CSVC_RESOURCE_EXHAUSTED,
                  "too many calls wait for a worker");
    fake_cancel(waiting);
    assert_true(waiting->finished);
    assert_answer(waiting, CSVC_CANCELLED, "cancelled");
    gate_open(&g);
    assert_answer(running, CSVC_OK, "");
    assert_int_equal(1, sc.peer.calls);
    scene_end(&sc);
}

/* One worker that is busy for long while a call waits: the log says so, without another call. */
static void busy_workers_are_told_of(void **state)
{
    scene sc;
    gate g;
    fake_call *running, *waiting;

    (void)state;
    scene_start_with(&sc, (csvc_server_options){.max_workers = 1, .slow_call_ms = 1});
    log_catch(CSVC_LOG_WARN);
    gate_init(&g);
    sc.peer.handle = waits_at_gate;
    sc.peer.data = &g;
    running = scene_arrive(&sc, "/test.Echo/Pool");
    gate_wait_inside(&g, 1);
    waiting = scene_arrive(&sc, "/test.Echo/Pool");
    while (log_caught()[0] == '\0') {
        fake_turn(sc.ts, csvc__now() + 20 * CSVC__SECOND);
    }
    assert_string_equal("warn all 1 workers are busy waiting=1 oldest=/test.Echo/Pool\n",
                        log_caught());
    gate_open(&g);
    assert_answer(running, CSVC_OK, "");
    assert_answer(waiting, CSVC_OK, "");
    scene_end(&sc);

    /* as where no call is slow */
    scene_start_with(&sc, (csvc_server_options){.max_workers = 1, .slow_call_ms = -1});
    log_catch(CSVC_LOG_WARN);
    gate_init(&g);
    sc.peer.handle = waits_at_gate;
    sc.peer.data = &g;
    running = scene_arrive(&sc, "/test.Echo/Pool");
    gate_wait_inside(&g, 1);
    waiting = scene_arrive(&sc, "/test.Echo/Pool");
    assert_true(csvc__loop_next_due(running->tc->loop) == INT64_MAX);
    gate_open(&g);
    assert_answer(running, CSVC_OK, "");
    assert_answer(waiting, CSVC_OK, "");
    assert_string_equal("", log_caught());
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
        assert_answer(scene_arrive(&sc, "/test.Echo/Pool"), CSVC_OK, "");
    }
    gate_init(&g);
    sc.peer.data = &g;
    sc.peer.handle = waits_at_gate;
    stuck = scene_arrive(&sc, "/test.Echo/Pool");
    assert_false(stuck->watched);
    gate_wait_inside(&g, 1);
    sc.peer.handle = echo_back;
    for (int i = 0; i < 20; i++) {
        behind[i] = scene_arrive(&sc, "/test.Echo/Pool");
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
    call = scene_arrive_with(&sc, "/test.Echo/Pool", (fake_arrival){.no_auto_close = true});
    fake_wait_finish(call);
    fake_cancel(call);
    fake_close(call, false, true);
    assert_null(call->tc);
    fake_call_free(call);

    call = scene_arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.no_auto_close = true});
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
        call = scene_arrive_with(&sc, paths[i], (fake_arrival){.no_auto_close = true});
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
    call = scene_arrive(&sc, "/test.Echo/Pool");
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
    call = scene_arrive(&sc, "/test.Echo/Pool");
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
    assert_answer(scene_arrive(&sc, "/test.Echo/Inline"), CSVC_UNIMPLEMENTED,
                  "/test.Echo/Inline is not implemented");
    assert_answer(scene_arrive(&sc, "/test.Echo/Pool"), CSVC_UNIMPLEMENTED,
                  "/test.Echo/Pool is not implemented");
    scene_end(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_handler_hears_of_cancellation),
        cmocka_unit_test(a_waiting_call_ends_when_cancelled),
        cmocka_unit_test(busy_workers_are_told_of),
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
