/* grpc_core/library.c: starting and stopping the core, its clock, threads. */
#include <base/clock.h>
#include <transport/grpc_core/core.h>

#include <signal.h>

#include <base/banned.h>

enum {
    READINGS = 8
};

/* Core time minus ours; both are CLOCK_MONOTONIC on Linux, where this is 0. */
static int64_t clock_offset;

static int64_t to_nanos(gpr_timespec time)
{
    return time.tv_sec * CSVC__SECOND + time.tv_nsec;
}

/*
 * A reading of the core's clock that lies between two of ours is one of the same clock, however
 * long the thread was kept from the CPU meanwhile. Where it does not, the closest two count.
 */
static void measure_clock(void)
{
    int64_t least = INT64_MAX;

    for (int i = 0; i < READINGS; i++) {
        const int64_t before = csvc__now();
        const int64_t core = to_nanos(gpr_now(GPR_CLOCK_MONOTONIC));
        const int64_t after = csvc__now();

        if (after - before < least) {
            least = after - before;
            clock_offset = core >= before && core <= after ? 0 : core - before - least / 2;
        }
    }
}

static void start_once(void)
{
    csvc__gc_log_attach();
    measure_clock();
}

void csvc__gc_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sigset_t all;
    sigset_t before;

    /* The core's own threads inherit the mask: signals are for the program's threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_once(&once, start_once);
    grpc_init();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void csvc__gc_shutdown(void)
{
    grpc_shutdown();
}

gpr_timespec csvc__gc_to_deadline(int64_t deadline)
{
    int64_t nanos = 0;

    /* less a negative offset, the greatest number would be the least */
    if (deadline == INT64_MAX || (clock_offset > 0 && deadline > INT64_MAX - clock_offset)) {
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    }
    if (deadline > 0 && deadline > -clock_offset) {
        nanos = deadline + clock_offset;
    }
    return (gpr_timespec){.tv_sec = nanos / CSVC__SECOND,
                          .tv_nsec = (int32_t)(nanos % CSVC__SECOND),
                          .clock_type = GPR_CLOCK_MONOTONIC};
}

int64_t csvc__gc_from_deadline(gpr_timespec deadline)
{
    if (deadline.tv_sec >= INT64_MAX / CSVC__SECOND / 2) {
        return INT64_MAX;
    }
    if (deadline.tv_sec < 0) {
        return 0;
    }
    return to_nanos(deadline) - clock_offset;
}
