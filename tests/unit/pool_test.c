#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <rpc/pool.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>

/* What the jobs of a test share. */
typedef struct scene {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open; /* the gate that held jobs wait at */
    int at_gate;
    int ran;
} scene;

typedef struct held_job {
    csvc__job job; /* first */
    scene *sc;
    bool waits;
} held_job;

static void run_held(csvc__job *job, csvc__worker *w)
{
    held_job *held = (held_job *)(void *)job;
    scene *sc = held->sc;

    (void)w;
    pthread_mutex_lock(&sc->lock);
    if (held->waits) {
        sc->at_gate++;
        pthread_cond_broadcast(&sc->changed);
        while (!sc->open) {
            pthread_cond_wait(&sc->changed, &sc->lock);
        }
    }
    sc->ran++;
    pthread_cond_broadcast(&sc->changed);
    pthread_mutex_unlock(&sc->lock);
}

static void scene_init(scene *sc)
{
    memset(sc, 0, sizeof(*sc));
    pthread_mutex_init(&sc->lock, NULL);
    pthread_cond_init(&sc->changed, NULL);
}

static void scene_release(scene *sc)
{
    pthread_mutex_destroy(&sc->lock);
    pthread_cond_destroy(&sc->changed);
}

static void wait_for(scene *sc, const int *what, int value)
{
    pthread_mutex_lock(&sc->lock);
    while (*what < value) {
        pthread_cond_wait(&sc->changed, &sc->lock);
    }
    pthread_mutex_unlock(&sc->lock);
}

static void open_gate(scene *sc)
{
    pthread_mutex_lock(&sc->lock);
    sc->open = true;
    pthread_cond_broadcast(&sc->changed);
    pthread_mutex_unlock(&sc->lock);
}

static held_job job_of(scene *sc, bool waits, bool quick)
{
    return (held_job){.job = {.run = run_held, .quick = quick}, .sc = sc, .waits = waits};
}

/* Twelve that all wait at once need twelve threads; the thirteenth waits for a thread, the rest of
 * the queue is two, then it is full. */
static void it_grows_to_its_limits(void **state)
{
    csvc__pool *pool = csvc__pool_new(12, 2, 10 * CSVC__SECOND);
    held_job jobs[15];
    scene sc;

    (void)state;
    scene_init(&sc);
    for (int i = 0; i < 15; i++) {
        jobs[i] = job_of(&sc, true, false);
    }
    for (int i = 0; i < 12; i++) {
        assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[i].job));
        wait_for(&sc, &sc.at_gate, i + 1);
    }
    assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[12].job));
    assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[13].job));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc__pool_submit(pool, &jobs[14].job));
    open_gate(&sc);
    wait_for(&sc, &sc.ran, 14);
    assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[14].job));
    wait_for(&sc, &sc.ran, 15);
    csvc__pool_free(pool);
    scene_release(&sc);
}

static void what_has_not_begun_can_be_taken_back(void **state)
{
    csvc__pool *pool = csvc__pool_new(1, 10, 10 * CSVC__SECOND);
    held_job jobs[4];
    scene sc;

    (void)state;
    scene_init(&sc);
    for (int i = 0; i < 4; i++) {
        jobs[i] = job_of(&sc, true, false);
        assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[i].job));
    }
    wait_for(&sc, &sc.at_gate, 1);
    assert_false(csvc__pool_take_back(pool, &jobs[0].job));
    assert_true(csvc__pool_take_back(pool, &jobs[2].job));
    assert_false(csvc__pool_take_back(pool, &jobs[2].job));
    assert_true(csvc__pool_take_back(pool, &jobs[3].job));
    open_gate(&sc);
    wait_for(&sc, &sc.ran, 2);
    assert_false(csvc__pool_take_back(pool, &jobs[1].job));
    csvc__pool_free(pool);
    assert_int_equal(2, sc.ran);
    scene_release(&sc);
}

/* A job taken for quick that is not holds up those behind it only until the next nudge. */
static void a_nudge_helps_when_a_quick_job_was_not(void **state)
{
    csvc__pool *pool = csvc__pool_new(8, 100, 10 * CSVC__SECOND);
    held_job jobs[5];
    uint64_t seen = 0;
    scene sc;

    (void)state;
    scene_init(&sc);
    for (int i = 0; i < 5; i++) {
        jobs[i] = job_of(&sc, i == 0, true);
    }
    assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[0].job));
    wait_for(&sc, &sc.at_gate, 1);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[i].job));
    }
    assert_true(csvc__pool_nudge(pool, &seen)); /* one has been taken since: all seems well */
    assert_int_equal(1, seen);
    assert_true(csvc__pool_nudge(pool, &seen)); /* none: help comes */
    wait_for(&sc, &sc.ran, 4);
    assert_false(csvc__pool_nudge(pool, &seen));
    open_gate(&sc);
    wait_for(&sc, &sc.ran, 5);
    csvc__pool_free(pool);
    scene_release(&sc);
}

/* That calls wait because all are busy is told after a while, and once in ten seconds. */
static void a_jam_is_told(void **state)
{
    csvc__pool *pool = csvc__pool_new(2, 100, 10 * CSVC__SECOND);
    csvc__pool_jam jam = {0};
    held_job jobs[4];
    int64_t now, next = 0;
    scene sc;

    (void)state;
    scene_init(&sc);
    for (int i = 0; i < 4; i++) {
        jobs[i] = job_of(&sc, true, false);
        jobs[i].job.name = i == 0 ? "/first" : "/later";
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[i].job));
        wait_for(&sc, &sc.at_gate, i + 1);
    }
    assert_false(csvc__pool_is_full(pool)); /* busy, but nobody waits */
    assert_false(csvc__pool_jammed(pool, INT64_MAX, 0, &jam, &next));
    assert_true(next == INT64_MAX);

    assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[2].job));
    assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[3].job));
    assert_true(csvc__pool_is_full(pool));
    now = csvc__now();
    assert_false(csvc__pool_jammed(pool, now, 3600 * CSVC__SECOND, &jam, &next));
    assert_true(next > now && next <= now + 3600 * CSVC__SECOND);
    assert_false(csvc__pool_jammed(pool, now, INT64_MAX, &jam, &next));
    now += 2 * CSVC__SECOND;
    assert_true(csvc__pool_jammed(pool, now, 1 * CSVC__SECOND, &jam, &next));
    assert_int_equal(2, jam.n_workers);
    assert_int_equal(2, jam.n_waiting);
    assert_string_equal("/first", jam.oldest);
    assert_true(next == now + CSVC__JAM_EVERY);
    assert_false(csvc__pool_jammed(pool, next - 1, 1 * CSVC__SECOND, &jam, &next));
    assert_true(next == now + CSVC__JAM_EVERY);
    assert_true(csvc__pool_jammed(pool, next, 1 * CSVC__SECOND, &jam, &next));

    /* over when nobody waits any more, whoever took them */
    assert_true(csvc__pool_take_back(pool, &jobs[2].job));
    assert_true(csvc__pool_is_full(pool));
    open_gate(&sc);
    wait_for(&sc, &sc.ran, 3);
    assert_false(csvc__pool_is_full(pool));
    csvc__pool_free(pool);
    scene_release(&sc);
}

typedef struct flood {
    csvc__pool *pool;
    scene *sc;
    held_job jobs[2000];
} flood;

static void *submit_all(void *arg)
{
    flood *f = arg;

    for (size_t i = 0; i < 2000; i++) {
        f->jobs[i] = job_of(f->sc, false, i % 3 != 0);
        if (csvc__pool_submit(f->pool, &f->jobs[i].job) != CSVC_OK) {
            return f;
        }
    }
    return NULL;
}

static void many_threads_submit_and_all_runs(void **state)
{
    static flood floods[4];
    csvc__pool *pool = csvc__pool_new(16, 8000, 10 * CSVC__SECOND);
    pthread_t threads[4];
    uint64_t seen = 0;
    scene sc;

    (void)state;
    scene_init(&sc);
    for (int i = 0; i < 4; i++) {
        floods[i].pool = pool;
        floods[i].sc = &sc;
        assert_int_equal(0, pthread_create(&threads[i], NULL, submit_all, &floods[i]));
    }
    for (int i = 0; i < 4; i++) {
        void *failed;

        assert_int_equal(0, pthread_join(threads[i], &failed));
        assert_null(failed);
    }
    while (csvc__pool_nudge(pool, &seen)) {
        pthread_mutex_lock(&sc.lock); /* lets a worker have it */
        pthread_mutex_unlock(&sc.lock);
    }
    wait_for(&sc, &sc.ran, 8000);
    csvc__pool_free(pool);
    assert_int_equal(8000, sc.ran);
    scene_release(&sc);
}

static void idle_workers_end(void **state)
{
    csvc__pool *pool = csvc__pool_new(8, 8, 20 * CSVC__MS);
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;
    held_job jobs[8];
    scene sc;

    (void)state;
    scene_init(&sc);
    for (int round = 0; round < 2; round++) { /* they end, and others begin */
        sc.open = false;
        sc.at_gate = 0;
        for (int i = 0; i < 8; i++) {
            jobs[i] = job_of(&sc, true, false);
            assert_int_equal(CSVC_OK, csvc__pool_submit(pool, &jobs[i].job));
        }
        wait_for(&sc, &sc.at_gate, 8);
        assert_int_equal(8, csvc__pool_workers(pool));
        open_gate(&sc);
        while (csvc__pool_workers(pool) > 0) {
            assert_true(csvc__now() < until);
            sched_yield();
        }
        assert_int_equal(8 * (round + 1), sc.ran);
    }
    csvc__pool_free(pool);
    scene_release(&sc);
}

static void an_unused_pool_goes(void **state)
{
    (void)state;
    csvc__pool_free(csvc__pool_new(4, 4, 10 * CSVC__SECOND));
    csvc__pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_to_its_limits),
        cmocka_unit_test(what_has_not_begun_can_be_taken_back),
        cmocka_unit_test(a_nudge_helps_when_a_quick_job_was_not),
        cmocka_unit_test(a_jam_is_told),
        cmocka_unit_test(many_threads_submit_and_all_runs),
        cmocka_unit_test(idle_workers_end),
        cmocka_unit_test(an_unused_pool_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
