/* support/await.c: waiting for what other threads count. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "await.h"

#include <base/clock.h>

#include <time.h>

#define AT_MOST (60 * CSVC__SECOND)

/* Not a spin: what is waited for may need this CPU. */
static bool rest(int64_t until)
{
    const struct timespec moment = {.tv_nsec = 200 * 1000};

    nanosleep(&moment, NULL);
    return csvc__now() < until;
}

void await_value(atomic_int *value, int wanted)
{
    const int64_t until = csvc__now() + AT_MOST;

    while (atomic_load(value) != wanted && rest(until)) {
    }
    assert_int_equal(wanted, atomic_load(value));
}

void await_at_least(atomic_int *value, int wanted)
{
    const int64_t until = csvc__now() + AT_MOST;

    while (atomic_load(value) < wanted && rest(until)) {
    }
    assert_true(atomic_load(value) >= wanted);
}
