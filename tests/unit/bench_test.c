/* bench_test.c: how a load test counts: percentiles, sums over threads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "app/bench.h"

static csvc__bench_counts *new_counts(void)
{
    csvc__bench_counts *counts = calloc(1, sizeof(*counts));

    assert_non_null(counts);
    return counts;
}

/* Right within the width of a bucket, and never below. */
static void assert_near(int64_t expected, int64_t got)
{
    assert_true(got >= expected);
    assert_true(got <= expected + expected / 128);
}

static void percentiles_are_right_within_a_bucket(void **state)
{
    static const int64_t units[] = {1, 100, 12345, 1000000, 77777777};

    (void)state;
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        csvc__bench_counts *counts = new_counts();

        for (int64_t i = 1; i <= 10000; i++) {
            csvc__bench_count(counts, CSVC_OK, "", i * units[u]);
        }
        assert_near(5000 * units[u], csvc__bench_quantile(counts, 0.5));
        assert_near(9000 * units[u], csvc__bench_quantile(counts, 0.9));
        assert_near(9900 * units[u], csvc__bench_quantile(counts, 0.99));
        assert_int_equal(10000 * units[u], csvc__bench_quantile(counts, 1));
        assert_int_equal(units[u], counts->fastest);
        assert_int_equal(10000 * units[u], counts->slowest);
        assert_int_equal(INT64_C(50005000) * units[u], counts->sum);
        free(counts);
    }
}

static void the_ends_of_the_scale(void **state)
{
    csvc__bench_counts *counts = new_counts();

    (void)state;
    assert_int_equal(0, csvc__bench_quantile(counts, 0.5)); /* nothing was counted */
    csvc__bench_count(counts, CSVC_OK, "", 0);
    assert_int_equal(0, csvc__bench_quantile(counts, 0.5));
    csvc__bench_count(counts, CSVC_OK, "", INT64_C(1) << 60); /* above the last bucket */
    csvc__bench_count(counts, CSVC_OK, "", INT64_C(1) << 59);
    assert_true(csvc__bench_quantile(counts, 0.99) > INT64_C(1) << 41);
    assert_int_equal(3, counts->calls);
    free(counts);
}

static void threads_are_added_up(void **state)
{
    csvc__bench_counts *total = new_counts();
    csvc__bench_counts *x = new_counts();
    csvc__bench_counts *y = new_counts();
    csvc__bench_counts *none = new_counts();

    (void)state;
    for (int i = 0; i < 30; i++) {
        csvc__bench_count(i % 3 == 0 ? x : y, i < 20 ? CSVC_OK : CSVC_NOT_FOUND,
                          i < 20 ? "" : "gone", 1000 + i);
    }
    csvc__bench_count(y, (csvc_code)77, "odd", 5);
    y->messages = 7;
    csvc__bench_add(total, x);
    csvc__bench_add(total, y);
    csvc__bench_add(total, none); /* which made no call: nobody was as fast as that */
    assert_int_equal(31, total->calls);
    assert_int_equal(7, total->messages);
    assert_int_equal(20, total->by_code[CSVC_OK]);
    assert_int_equal(10, total->by_code[CSVC_NOT_FOUND]);
    assert_int_equal(1, total->by_code[CSVC_UNKNOWN]);
    assert_string_equal("gone", total->why[CSVC_NOT_FOUND]);
    assert_string_equal("odd", total->why[CSVC_UNKNOWN]);
    assert_int_equal(5, total->fastest);
    assert_int_equal(1029, total->slowest);
    free(total);
    free(x);
    free(y);
    free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_right_within_a_bucket),
        cmocka_unit_test(the_ends_of_the_scale),
        cmocka_unit_test(threads_are_added_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
