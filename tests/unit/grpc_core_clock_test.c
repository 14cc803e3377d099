/* grpc_core_clock_test.c: times between the core's clock and ours, measured on a busy machine. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <base/clock.h>
#include <transport/grpc_core/core.h>

/* ---- the core's clock ---- */

static int64_t shift;                /* core time minus ours */
static bool kept_before, kept_after; /* the thread that reads it loses its CPU, here */

static void lose_cpu(void)
{
    const struct timespec while_others_run = {.tv_nsec = 5 * CSVC__MS};

    (void)nanosleep(&while_others_run, NULL);
}

/* In the place of the library's. */
gpr_timespec gpr_now(gpr_clock_type type)
{
    const bool real = type == GPR_CLOCK_REALTIME;
    int64_t now;

    if (kept_before) {
        lose_cpu();
    }
    now = real ? csvc__unix_now() : csvc__now() + shift;
    if (kept_after) {
        lose_cpu();
    }
    return (gpr_timespec){.tv_sec = now / CSVC__SECOND,
                          .tv_nsec = (int32_t)(now % CSVC__SECOND),
                          .clock_type = real ? GPR_CLOCK_REALTIME : GPR_CLOCK_MONOTONIC};
}

/* ---- what is asked of both ---- */

static bool is_inf(gpr_timespec time)
{
    return gpr_time_cmp(time, gpr_inf_future(GPR_CLOCK_MONOTONIC)) == 0;
}

/* In core time; 0 also for what is before its beginning. */
static int64_t in_core(int64_t deadline)
{
    const gpr_timespec time = csvc__gc_to_deadline(deadline);

    return is_inf(time) ? INT64_MAX : time.tv_sec * CSVC__SECOND + time.tv_nsec;
}

static bool converts(int64_t most_apart)
{
    const int64_t soon = csvc__now() + CSVC__SECOND;
    const int64_t apart = in_core(soon) - (soon + shift);

    return in_core(0) == 0 && in_core(-1) == 0 && in_core(1) < soon + shift &&
           in_core(INT64_MAX) == INT64_MAX && in_core(INT64_MAX - 1) > INT64_MAX / 2 &&
           llabs(apart) <= most_apart &&
           csvc__gc_from_deadline(csvc__gc_to_deadline(soon)) == soon &&
           csvc__gc_from_deadline(gpr_inf_future(GPR_CLOCK_MONOTONIC)) == INT64_MAX;
}

typedef struct end_of_loop {
    csvc_timer timer;
    csvc_late late;
    csvc_task task;
    gc_loop *loop;
} end_of_loop;

static void by_task(csvc_task *task)
{
    GC_CONTAINER(task, end_of_loop, task)->loop->ending = true;
}

static void by_late(csvc_late *late)
{
    end_of_loop *e = GC_CONTAINER(late, end_of_loop, late);

    csvc__loop_post(&e->loop->base, &e->task);
}

static void by_timer(csvc_timer *timer)
{
    end_of_loop *e = GC_CONTAINER(timer, end_of_loop, timer);

    csvc__late_set(&e->loop->base, &e->late);
}

/* A timer, late work and what a loop posts to itself: nothing else wakes it. */
static bool a_loop_ends_by_itself(void)
{
    gc_loop loop;
    end_of_loop e = {
        .timer.run = by_timer, .late.run = by_late, .task.run = by_task, .loop = &loop};

    if (!csvc__gc_loop_init(&loop) ||
        csvc__timer_set(&loop.base, &e.timer, csvc__now() + 10 * CSVC__MS) != CSVC_OK) {
        return false;
    }
    csvc__gc_loop_run(&loop);
    csvc__gc_loop_release(&loop);
    return true;
}

enum {
    FITS,
    WRONG_TIMES,
    NO_LOOP
};

/* The clocks are measured once a process. A loop that waits for ever ends by the alarm. */
static int in_a_child(int64_t most_apart)
{
    const pid_t child = fork();
    int status = -1;

    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(30);
        csvc__gc_init();
        kept_before = kept_after = false;
        if (!converts(most_apart)) {
            _exit(WRONG_TIMES);
        }
        /* a loop's core reads its clock by itself, and is not led to the other one */
        _exit(shift == 0 && !a_loop_ends_by_itself() ? NO_LOOP : FITS);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    kept_before = kept_after = false;
    shift = 0;
    return status;
}

/* ---- tests ---- */

static void one_clock(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(0), FITS);
}

/* It was taken for another clock, behind ours, and then every time for never: loops slept with work
 * to do, and calls had no deadline. */
static void one_clock_on_a_busy_machine(void **state)
{
    (void)state;
    kept_after = true;
    assert_int_equal(in_a_child(0), FITS);
    kept_before = true;
    assert_int_equal(in_a_child(0), FITS);
    kept_before = kept_after = true;
    assert_int_equal(in_a_child(0), FITS);
}

static void another_clock(void **state)
{
    (void)state;
    shift = csvc__now() / 2;
    assert_int_equal(in_a_child(500 * CSVC__MS), FITS);
    shift = -(csvc__now() / 2);
    assert_int_equal(in_a_child(500 * CSVC__MS), FITS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_clock),
        cmocka_unit_test(one_clock_on_a_busy_machine),
        cmocka_unit_test(another_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
