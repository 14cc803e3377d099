/* grpc.health.v1 over the gRPC C core: what is answered, who is told, who may be slow. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/std.h>
#include <csvc/testing.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/health/v1/health.csvc.h"
#include "transports.h"

typedef CsvcPb__HealthCheckRequest request;
typedef CsvcPb__HealthCheckResponse response;

enum {
    UNKNOWN = CSVC_PB__HEALTH_CHECK_RESPONSE__SERVING_STATUS__UNKNOWN,
    SERVING = CSVC_PB__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
    NOT_SERVING = CSVC_PB__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
    SERVICE_UNKNOWN = CSVC_PB__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN,
};

typedef struct scene {
    csvc_testing *t;
    csvc_channel *ch;
    csvc_health *h;
    csvc_rpc rpc;
} scene;

static void scene_start(scene *sc)
{
    memset(sc, 0, sizeof(*sc));
    sc->h = csvc_health_new();
    sc->t = test_new();
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_health_register(csvc_testing_server(sc->t), NULL));
    assert_int_equal(CSVC_OK, csvc_health_register(csvc_testing_server(sc->t), sc->h));
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc_health_register(csvc_testing_server(sc->t), sc->h));
    sc->ch = csvc_testing_channel(sc->t);
    assert_non_null(sc->ch);
    sc->rpc = (csvc_rpc){CSVC_RPC_INIT, .timeout_ms = 30000};
}

static void scene_end(scene *sc)
{
    csvc_rpc_clear(&sc->rpc);
    assert_null(csvc_testing_free(sc->t));
    assert_null(csvc_health_free(sc->h));
}

static request asking(const char *service)
{
    request req = CSVC_PB__HEALTH_CHECK_REQUEST__INIT;

    req.service = (char *)(uintptr_t)service;
    return req;
}

/* ---- Check, List ---- */

static void assert_check(scene *sc, const char *service, csvc_code code, int status)
{
    const request req = asking(service);
    const response *rsp;

    assert_int_equal(code, csvc_pb_health_client_check(sc->ch, &sc->rpc, &req, &rsp));
    if (code == CSVC_OK) {
        assert_int_equal(status, rsp->status);
    }
}

static void check_says_what_was_set(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc);
    assert_check(&sc, "", CSVC_OK, SERVING);
    assert_check(&sc, "a.B", CSVC_NOT_FOUND, 0);
    assert_string_equal("no status is known of service \"a.B\"", sc.rpc.message);
    (void)csvc_health_set(sc.h, "a.B", CSVC_HEALTH_NOT_SERVING);
    assert_check(&sc, "a.B", CSVC_OK, NOT_SERVING);
    assert_check(&sc, "a.b", CSVC_NOT_FOUND, 0);
    (void)csvc_health_set(sc.h, "a.B", CSVC_HEALTH_UNKNOWN);
    assert_check(&sc, "a.B", CSVC_OK, UNKNOWN);
    csvc_health_drain(sc.h);
    assert_check(&sc, "", CSVC_OK, NOT_SERVING);
    (void)csvc_health_set(sc.h, "a.B", CSVC_HEALTH_SERVING);
    assert_check(&sc, "a.B", CSVC_OK, NOT_SERVING);
    csvc_health_resume(sc.h);
    assert_check(&sc, "", CSVC_OK, SERVING);
    scene_end(&sc);
}

static void list_has_all_or_says_that_they_are_too_many(void **state)
{
    const CsvcPb__HealthListRequest req = CSVC_PB__HEALTH_LIST_REQUEST__INIT;
    const CsvcPb__HealthListResponse *rsp;
    char name[16];
    scene sc;
    int not_serving = 0;

    (void)state;
    scene_start(&sc);
    for (int i = 1; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        (void)csvc_health_set(sc.h, name,
                              i % 9 == 0 ? CSVC_HEALTH_NOT_SERVING : CSVC_HEALTH_SERVING);
    }
    assert_int_equal(CSVC_OK, csvc_pb_health_client_list(sc.ch, &sc.rpc, &req, &rsp));
    assert_int_equal(100, rsp->n_statuses);
    for (size_t i = 0; i < rsp->n_statuses; i++) {
        not_serving += (int)rsp->statuses[i]->value->status == NOT_SERVING;
    }
    assert_int_equal(11, not_serving);
    (void)csvc_health_set(sc.h, "one more", CSVC_HEALTH_SERVING);
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED,
                     csvc_pb_health_client_list(sc.ch, &sc.rpc, &req, &rsp));
    scene_end(&sc);
}

/* ---- Watch ---- */

static csvc_call *watch(scene *sc, const char *service)
{
    const request req = asking(service);
    csvc_call *call = csvc_pb_health_client_watch(sc->ch, &sc->rpc, &req);

    assert_non_null(call);
    return call;
}

static void assert_next(csvc_call *call, int status)
{
    const response *rsp = NULL;

    assert_true(csvc_pb_health_client_watch_recv(call, &rsp));
    assert_int_equal(status, rsp->status);
}

static void changes_are_told_and_nothing_else(void **state)
{
    scene sc;
    csvc_call *whole, *later;

    (void)state;
    scene_start(&sc);
    whole = watch(&sc, "");
    later = watch(&sc, "later");
    assert_next(whole, SERVING);
    assert_next(later, SERVICE_UNKNOWN);
    (void)csvc_health_set(sc.h, "", CSVC_HEALTH_SERVING);
    (void)csvc_health_set(sc.h, "later", CSVC_HEALTH_SERVING);
    assert_next(later, SERVING);
    (void)csvc_health_set(sc.h, "", CSVC_HEALTH_NOT_SERVING);
    assert_next(whole, NOT_SERVING);
    (void)csvc_health_set(sc.h, "", CSVC_HEALTH_SERVING);
    assert_next(whole, SERVING);
    csvc_call_cancel(whole);
    assert_int_equal(CSVC_CANCELLED, csvc_pb_health_client_watch_finish(whole, &sc.rpc));
    (void)csvc_health_set(sc.h, "later", CSVC_HEALTH_NOT_SERVING);
    assert_next(later, NOT_SERVING);
    csvc_call_cancel(later);
    assert_int_equal(CSVC_CANCELLED, csvc_pb_health_client_watch_finish(later, &sc.rpc));
    scene_end(&sc);
}

static void *shut_down(void *srv)
{
    assert_int_equal(CSVC_OK, csvc_server_shutdown(srv, 20000));
    return NULL;
}

/* Those who watch are told, whether somebody drained the registry or not, and then it is over. */
static void a_server_that_stops_tells_and_closes(void **state)
{
    (void)state;
    for (int drains = 0; drains < 2; drains++) {
        scene sc;
        csvc_call *calls[2];
        const response *rsp;
        pthread_t stopper;

        scene_start(&sc);
        calls[0] = watch(&sc, "");
        calls[1] = watch(&sc, "nobody knows");
        assert_next(calls[0], SERVING);
        assert_next(calls[1], SERVICE_UNKNOWN);
        if (drains) {
            csvc_health_drain(sc.h);
            assert_next(calls[0], NOT_SERVING);
            assert_next(calls[1], NOT_SERVING);
        }
        assert_int_equal(0, pthread_create(&stopper, NULL, shut_down, csvc_testing_server(sc.t)));
        for (int i = 0; i < 2; i++) {
            if (!drains) {
                assert_next(calls[i], NOT_SERVING);
            }
            assert_false(csvc_pb_health_client_watch_recv(calls[i], &rsp));
            assert_int_equal(CSVC_UNAVAILABLE,
                             csvc_pb_health_client_watch_finish(calls[i], &sc.rpc));
            assert_string_equal("the server is stopping", sc.rpc.message);
        }
        pthread_join(stopper, NULL);
        scene_end(&sc);
    }
}

/* ---- many, slow ones, and all at once ---- */

typedef struct listener {
    csvc_call *call;
    atomic_int told, last, done;
} listener;

static void heard(void *self, const void *message)
{
    listener *l = self;

    if (message != NULL) {
        atomic_store(&l->last, (int)((const response *)message)->status);
        atomic_fetch_add(&l->told, 1);
    }
}

static void over(void *self, csvc_code code)
{
    (void)code;
    atomic_fetch_add(&((listener *)self)->done, 1);
}

static void listen_to(scene *sc, listener *l, const char *service, bool reads)
{
    const request req = asking(service);
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 120000};

    memset(l, 0, sizeof(*l));
    l->call = csvc_pb_health_client_watch_async(sc->ch, &rpc, &req,
                                                &(csvc_events){CSVC_EVENTS_INIT, .self = l,
                                                               .on_message = heard, .on_done = over,
                                                               .auto_more = reads});
    assert_non_null(l->call);
    csvc_rpc_clear(&rpc);
}

static void await(atomic_int *value, int wanted)
{
    const int64_t until = csvc__now() + 60 * CSVC__SECOND;

    while (atomic_load(value) != wanted && csvc__now() < until) {
        sched_yield();
    }
    assert_int_equal(wanted, atomic_load(value));
}

static void leave(listener *l)
{
    csvc_call_cancel(l->call);
    await(&l->done, 1);
    csvc_call_unref(l->call);
}

static void many_watch(void **state)
{
    enum {
        MANY = 900
    };
    scene sc;
    listener *l = calloc(MANY, sizeof(*l));

    (void)state;
    scene_start(&sc);
    for (int i = 0; i < MANY; i++) {
        listen_to(&sc, &l[i], "", true);
    }
    for (int i = 0; i < MANY; i++) {
        await(&l[i].last, SERVING);
    }
    (void)csvc_health_set(sc.h, "", CSVC_HEALTH_NOT_SERVING);
    for (int i = 0; i < MANY; i++) {
        await(&l[i].last, NOT_SERVING);
        assert_int_equal(2, atomic_load(&l[i].told));
    }
    for (int i = 0; i < MANY; i++) {
        leave(&l[i]);
    }
    scene_end(&sc);
    free(l);
}

/* One who does not read: no setter waits, and what he reads at last is how things are. */
static void a_slow_one_hears_the_latest(void **state)
{
    scene sc;
    listener l;
    csvc_code code = CSVC_OK;
    int64_t began;
    int flips = 0;

    (void)state;
    scene_start(&sc);
    listen_to(&sc, &l, "", false);
    for (began = csvc__now(); csvc__now() < began + CSVC__SECOND / 2 && code == CSVC_OK; flips++) {
        code = csvc_health_set(sc.h, "",
                               flips % 2 == 0 ? CSVC_HEALTH_NOT_SERVING : CSVC_HEALTH_SERVING);
    }
    assert_int_equal(CSVC_OK, code);
    assert_true(flips > 1000);
    (void)csvc_health_set(sc.h, "", CSVC_HEALTH_UNKNOWN);
    /* now he reads, until it is quiet: UNKNOWN is 0, as is what he begins with */
    atomic_store(&l.last, SERVING);
    for (int i = 0; i < flips + 1000 && atomic_load(&l.last) != UNKNOWN; i++) {
        const int told = atomic_load(&l.told);

        csvc_call_more(l.call);
        await(&l.told, told + 1);
    }
    assert_int_equal(UNKNOWN, atomic_load(&l.last));
    assert_true(atomic_load(&l.told) <= flips + 2);
    leave(&l);
    scene_end(&sc);
}

typedef struct racer {
    scene *sc;
    atomic_bool stop;
    int seed;
} racer;

static void *sets(void *self)
{
    racer *r = self;

    for (unsigned i = (unsigned)r->seed; !atomic_load(&r->stop); i++) {
        (void)csvc_health_set(r->sc->h, i % 3 == 0 ? "a" : "",
                              i % 2 == 0 ? CSVC_HEALTH_NOT_SERVING : CSVC_HEALTH_SERVING);
        if (i % 64 == 0) {
            csvc_health_drain(r->sc->h);
            csvc_health_resume(r->sc->h);
        }
        sched_yield();
    }
    return NULL;
}

/* For ThreadSanitizer: they come, are told, and go, while two threads set. */
static void watchers_come_and_go(void **state)
{
    scene sc;
    racer r[2] = {{.sc = &sc}, {.sc = &sc, .seed = 1}};
    pthread_t threads[2];
    listener l[8];

    (void)state;
    scene_start(&sc);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(0, pthread_create(&threads[i], NULL, sets, &r[i]));
    }
    for (int round = 0; round < 25; round++) {
        for (int i = 0; i < 8; i++) {
            listen_to(&sc, &l[i], i % 2 == 0 ? "a" : "", i % 4 < 2);
        }
        while (atomic_load(&l[0].told) == 0) {
            sched_yield();
        }
        for (int i = 0; i < 8; i++) {
            leave(&l[i]);
        }
    }
    for (int i = 0; i < 2; i++) {
        atomic_store(&r[i].stop, true);
        pthread_join(threads[i], NULL);
    }
    scene_end(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_says_what_was_set),
        cmocka_unit_test(list_has_all_or_says_that_they_are_too_many),
        cmocka_unit_test(changes_are_told_and_nothing_else),
        cmocka_unit_test(a_server_that_stops_tells_and_closes),
        cmocka_unit_test(many_watch),
        cmocka_unit_test(a_slow_one_hears_the_latest),
        cmocka_unit_test(watchers_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
