/* The common halves of a transport: posted tasks, timers, payloads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <failing_alloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <transport/seam.h>

static atomic_int wakes;

static void fake_wake(csvc_loop *loop)
{
    (void)loop;
    atomic_fetch_add(&wakes, 1);
}

static const csvc_transport fake = {.name = "fake", .wake = fake_wake};

/* ---- tasks ---- */

typedef struct numbered {
    csvc_task task;
    int number;
    csvc_loop *again; /* posts itself once more here */
} numbered;

static int ran[64];
static int n_ran;

static void run_numbered(csvc_task *task)
{
    numbered *num = (numbered *)(void *)task;

    ran[n_ran++] = num->number;
    if (num->again != NULL) {
        csvc_loop *loop = num->again;

        num->again = NULL;
        csvc__loop_post(loop, task);
    }
}

static void tasks_run_in_order_and_wake_once(void **state)
{
    csvc_loop loop;
    numbered tasks[5];

    (void)state;
    csvc__loop_init(&loop, &fake);
    atomic_store(&wakes, 0);
    n_ran = 0;
    for (int i = 0; i < 5; i++) {
        tasks[i] = (numbered){.task.run = run_numbered, .number = i};
        csvc__loop_post(&loop, &tasks[i].task);
    }
    assert_int_equal(1, atomic_load(&wakes));
    csvc__loop_run_posted(&loop);
    assert_int_equal(5, n_ran);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(i, ran[i]);
    }
    csvc__loop_run_posted(&loop);
    assert_int_equal(5, n_ran);
    csvc__loop_post(&loop, &tasks[0].task);
    assert_int_equal(2, atomic_load(&wakes));
    csvc__loop_run_posted(&loop);
    csvc__loop_release(&loop);
}

static void the_loops_own_thread_does_not_wake_it(void **state)
{
    csvc_loop loop;
    numbered num = {.task.run = run_numbered, .number = 7, .again = &loop};

    (void)state;
    csvc__loop_init(&loop, &fake);
    assert_null(csvc__loop_current());
    csvc__loop_enter(&loop);
    assert_ptr_equal(&loop, csvc__loop_current());
    atomic_store(&wakes, 0);
    n_ran = 0;
    csvc__loop_post(&loop, &num.task);
    csvc__loop_run_posted(&loop);
    /* what a task posts runs in the next round, so tasks cannot starve the loop */
    assert_int_equal(1, n_ran);
    csvc__loop_run_posted(&loop);
    assert_int_equal(2, n_ran);
    assert_int_equal(0, atomic_load(&wakes));
    csvc__loop_enter(NULL);
    csvc__loop_release(&loop);
}

typedef struct late_work {
    csvc_late late; /* first */
    int ran;
    struct late_work *stops;
} late_work;

static void run_late(csvc_late *late)
{
    late_work *work = (late_work *)(void *)late;

    work->ran++;
    if (work->stops != NULL) {
        csvc__late_stop(&work->stops->late);
    }
}

static void late_work_waits_for_its_time(void **state)
{
    csvc_loop loop;
    late_work work[3] = {{.late.run = run_late}, {.late.run = run_late}, {.late.run = run_late}};

    (void)state;
    csvc__loop_init(&loop, &fake);
    csvc__late_set(&loop, &work[0].late);
    assert_int_equal(1, work[0].ran); /* a transport that runs no late work */
    loop.runs_late = true;
    for (int i = 0; i < 3; i++) {
        csvc__late_set(&loop, &work[i].late);
        csvc__late_set(&loop, &work[i].late);
    }
    csvc__loop_run_posted(&loop);
    assert_int_equal(1, work[0].ran);
    csvc__late_stop(&work[1].late);
    csvc__late_stop(&work[1].late);
    work[2].stops = &work[0]; /* the newest runs first */
    csvc__loop_run_late(&loop);
    assert_int_equal(1, work[0].ran);
    assert_int_equal(0, work[1].ran);
    assert_int_equal(1, work[2].ran);
    csvc__late_set(&loop, &work[1].late);
    csvc__loop_run_late(&loop);
    csvc__loop_run_late(&loop);
    assert_int_equal(1, work[1].ran);
    csvc__loop_release(&loop);
}

enum {
    N_THREADS = 4,
    N_EACH = 20000
};

typedef struct counted {
    csvc_task task;
    int *last_of_thread;
    int number;
} counted;

static int n_counted;
static bool out_of_order;

static void run_counted(csvc_task *task)
{
    counted *c = (counted *)(void *)task;

    if (c->number != *c->last_of_thread + 1) {
        out_of_order = true;
    }
    *c->last_of_thread = c->number;
    n_counted++;
    free(c);
}

static csvc_loop busy_loop;

static void *post_many(void *arg)
{
    for (int i = 0; i < N_EACH; i++) {
        counted *c = malloc(sizeof(*c));

        *c = (counted){.task.run = run_counted, .last_of_thread = arg, .number = i};
        csvc__loop_post(&busy_loop, &c->task);
    }
    return NULL;
}

static void many_threads_post(void **state)
{
    pthread_t threads[N_THREADS];
    int last[N_THREADS];

    (void)state;
    csvc__loop_init(&busy_loop, &fake);
    csvc__loop_enter(&busy_loop);
    n_counted = 0;
    for (int i = 0; i < N_THREADS; i++) {
        last[i] = -1;
        assert_int_equal(0, pthread_create(&threads[i], NULL, post_many, &last[i]));
    }
    while (n_counted < N_THREADS * N_EACH) {
        csvc__loop_run_posted(&busy_loop);
        sched_yield();
    }
    csvc__loop_settle(&busy_loop);
    assert_int_equal(0, atomic_load(&busy_loop.posters));
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_false(out_of_order);
    csvc__loop_enter(NULL);
    csvc__loop_release(&busy_loop);
}

/* ---- timers ---- */

enum {
    N_TIMERS = 1000
};

typedef struct alarm {
    csvc_timer timer; /* first */
    bool rang;
} alarm;

static int64_t last_due;
static int n_rang;

static void ring(csvc_timer *timer)
{
    alarm *a = (alarm *)(void *)timer;

    assert_true(timer->due >= last_due);
    assert_false(a->rang);
    assert_int_equal(0, timer->slot);
    last_due = timer->due;
    a->rang = true;
    n_rang++;
}

static void timers_run_when_due_and_by_time(void **state)
{
    static alarm alarms[N_TIMERS];
    uint32_t seed = 12345;
    csvc_loop loop;
    int64_t now = csvc__now();
    int n_stopped = 0;

    (void)state;
    csvc__loop_init(&loop, &fake);
    assert_true(csvc__loop_next_due(&loop) == INT64_MAX);
    csvc__loop_run_timers(&loop);
    for (int i = 0; i < N_TIMERS; i++) {
        seed = seed * 1664525 + 1013904223;
        alarms[i] = (alarm){.timer.run = ring};
        assert_int_equal(
            CSVC_OK, csvc__timer_set(&loop, &alarms[i].timer, now - (int64_t)(seed % 1000000) - 1));
    }
    for (int i = 0; i < N_TIMERS; i += 3) { /* set anew */
        seed = seed * 1664525 + 1013904223;
        assert_int_equal(
            CSVC_OK, csvc__timer_set(&loop, &alarms[i].timer, now - (int64_t)(seed % 1000000) - 1));
    }
    for (int i = 1; i < N_TIMERS; i += 3) {
        csvc__timer_stop(&loop, &alarms[i].timer);
        csvc__timer_stop(&loop, &alarms[i].timer);
        n_stopped++;
    }
    assert_int_equal(CSVC_OK, csvc__timer_set(&loop, &alarms[1].timer, now + 3600 * CSVC__SECOND));
    last_due = INT64_MIN;
    n_rang = 0;
    csvc__loop_run_timers(&loop);
    assert_int_equal(N_TIMERS - n_stopped, n_rang);
    assert_true(csvc__loop_next_due(&loop) == now + 3600 * CSVC__SECOND);
    csvc__timer_stop(&loop, &alarms[1].timer);
    assert_true(csvc__loop_next_due(&loop) == INT64_MAX);
    csvc__loop_release(&loop);
}

static csvc_loop *ring_loop;

static void ring_again(csvc_timer *timer)
{
    n_rang++;
    assert_int_equal(CSVC_OK, csvc__timer_set(ring_loop, timer, csvc__now()));
}

static void a_timer_that_sets_itself_lets_the_loop_go_on(void **state)
{
    csvc_loop loop;
    csvc_timer timer = {.run = ring_again};

    (void)state;
    csvc__loop_init(&loop, &fake);
    ring_loop = &loop;
    n_rang = 0;
    assert_int_equal(CSVC_OK, csvc__timer_set(&loop, &timer, 0));
    csvc__loop_run_timers(&loop);
    assert_in_range(n_rang, 1, 2); /* 2: the clock stood still between two readings */
    csvc__timer_stop(&loop, &timer);
    csvc__loop_release(&loop);
}

static void a_timer_without_memory_is_refused(void **state)
{
    csvc_loop loop;
    csvc_timer timer = {.run = ring};

    (void)state;
    failing_alloc_begin(1);
    csvc__loop_init(&loop, &fake);
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc__timer_set(&loop, &timer, 1));
    assert_int_equal(0, timer.slot);
    assert_true(csvc__loop_next_due(&loop) == INT64_MAX);
    assert_int_equal(CSVC_OK, csvc__timer_set(&loop, &timer, 1));
    csvc__loop_release(&loop);
    assert_int_equal(0, failing_alloc_live());
    failing_alloc_end();
}

/* ---- payloads ---- */

static int n_disposed;

static void dispose_counted(csvc_payload *payload)
{
    (void)payload;
    n_disposed++;
}

static void payloads_are_counted(void **state)
{
    csvc_payload payload = {.dispose = dispose_counted};
    csvc_payload *own = NULL;
    uint8_t *data = NULL;

    (void)state;
    atomic_init(&payload.refs, 1);
    n_disposed = 0;
    csvc__payload_ref(&payload);
    csvc__payload_unref(&payload);
    assert_int_equal(0, n_disposed);
    csvc__payload_unref(&payload);
    assert_int_equal(1, n_disposed);
    csvc__payload_unref(NULL);

    own = csvc__payload_new(3, &data);
    assert_non_null(own);
    memcpy(data, "abc", 3);
    assert_int_equal(3, own->len);
    assert_int_equal(1, own->n_pieces);
    assert_memory_equal("abc", own->pieces[0].data, 3);
    csvc__payload_unref(own);
    own = csvc__payload_new(0, &data);
    assert_int_equal(0, own->n_pieces);
    csvc__payload_unref(own);
    assert_null(csvc__payload_new(SIZE_MAX, &data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_run_in_order_and_wake_once),
        cmocka_unit_test(the_loops_own_thread_does_not_wake_it),
        cmocka_unit_test(late_work_waits_for_its_time),
        cmocka_unit_test(many_threads_post),
        cmocka_unit_test(timers_run_when_due_and_by_time),
        cmocka_unit_test(a_timer_that_sets_itself_lets_the_loop_go_on),
        cmocka_unit_test(a_timer_without_memory_is_refused),
        cmocka_unit_test(payloads_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
