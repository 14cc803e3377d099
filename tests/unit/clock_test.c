#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void clocks_go_forward(void **state)
{
    int64_t before = csvc__now();
    int64_t unix_now = csvc__unix_now();

    (void)state;
    assert_true(csvc__now() >= before);
    assert_true(unix_now > INT64_C(1700000000) * CSVC__SECOND);
    assert_true(unix_now / CSVC__SECOND - time(NULL) <= 1);
}

/* Every 7 hours or so through ten thousand years, against the C library. */
static void times_agree_with_gmtime(void **state)
{
    (void)state;
    for (int64_t t = INT64_C(-62135596800); t <= INT64_C(253402300799); t += 25261 * 37) {
        char text[CSVC__RFC3339_SIZE];
        char expected[64];
        int64_t seconds = 0;
        int32_t nanos = -1;
        time_t clock = (time_t)t;
        struct tm tm;

        gmtime_r(&clock, &tm);
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        assert_true(csvc__rfc3339_print(t, 0, text));
        assert_string_equal(expected, text);
        assert_true(csvc__rfc3339_parse(text, &seconds, &nanos));
        assert_true(seconds == t);
        assert_int_equal(0, nanos);
    }
}

static void fractions_have_0_3_6_or_9_digits(void **state)
{
    static const struct {
        int32_t nanos;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00Z"},
                 {500000000, "1970-01-01T00:00:00.500Z"},
                 {1000, "1970-01-01T00:00:00.000001Z"},
                 {1, "1970-01-01T00:00:00.000000001Z"},
                 {999999999, "1970-01-01T00:00:00.999999999Z"}};
    char text[CSVC__RFC3339_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t seconds;
        int32_t nanos;

        assert_true(csvc__rfc3339_print(0, cases[i].nanos, text));
        assert_string_equal(cases[i].text, text);
        assert_true(csvc__rfc3339_parse(text, &seconds, &nanos));
        assert_int_equal(cases[i].nanos, nanos);
    }
    assert_false(csvc__rfc3339_print(0, -1, text));
    assert_false(csvc__rfc3339_print(0, 1000000000, text));
    assert_false(csvc__rfc3339_print(INT64_C(-62135596801), 0, text));
    assert_false(csvc__rfc3339_print(INT64_C(253402300800), 0, text));
    assert_true(csvc__rfc3339_print(INT64_C(253402300799), 0, text));
    assert_string_equal("9999-12-31T23:59:59Z", text);
}

static void times_are_read_strictly(void **state)
{
    static const char *const bad[] = {
        "",
        "2026-11-21",
        "2026-11-21T09:00:00",
        "2026-11-21t09:00:00Z",
        "2026-11-21T09:00:00z",
        "2026-11-21 09:00:00Z",
        "2026-13-21T09:00:00Z",
        "2026-00-21T09:00:00Z",
        "2026-02-29T09:00:00Z",
        "2026-11-31T09:00:00Z",
        "2026-11-00T09:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T23:60:00Z",
        "2026-11-21T23:59:60Z",
        "2026-11-21T09:00:00.Z",
        "2026-11-21T09:00:00.1234567890Z",
        "2026-11-21T09:00:00+2:00",
        "2026-11-21T09:00:00+24:00",
        "2026-11-21T09:00:00+02:60",
        "2026-11-21T09:00:00+0200",
        "2026-11-21T09:00:00Z ",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };
    int64_t seconds = 5;
    int32_t nanos = 6;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(csvc__rfc3339_parse(bad[i], &seconds, &nanos));
    }
    assert_int_equal(5, seconds);
    assert_int_equal(6, nanos);
    assert_true(csvc__rfc3339_parse("2024-02-29T12:30:45.5+02:30", &seconds, &nanos));
    assert_true(seconds == INT64_C(1709200845));
    assert_int_equal(500000000, nanos);
    assert_true(csvc__rfc3339_parse("1969-12-31T23:00:00-01:00", &seconds, &nanos));
    assert_true(seconds == 0);
}

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t nanos;
    } good[] = {{"30s", 30 * CSVC__SECOND},
                {"1m30s", 90 * CSVC__SECOND},
                {"200ms", 200 * CSVC__MS},
                {"1.5s", 1500 * CSVC__MS},
                {"2h", 7200 * CSVC__SECOND},
                {"1h0.5m", 3630 * CSVC__SECOND},
                {"10us", 10000},
                {"7ns", 7},
                {"0", 0},
                {"0s", 0},
                {"0.000000001h", 3600},
                {"9223372036854775807ns", INT64_MAX}};
    static const char *const bad[] = {"",
                                      "s",
                                      "5",
                                      "-5s",
                                      "+5s",
                                      "5 s",
                                      "5x",
                                      "1.s",
                                      ".5s",
                                      "1s ",
                                      " 1s",
                                      "1.5",
                                      "1e3s",
                                      "1s1",
                                      "3000000h",
                                      "9223372036854775808ns",
                                      "9223372036854775807ns1ns",
                                      "99999999999999999999s",
                                      "1.0000000000s"};
    int64_t nanos = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(csvc__duration_parse(good[i].text, &nanos));
        assert_true(nanos == good[i].nanos);
    }
    nanos = 5;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(csvc__duration_parse(bad[i], &nanos));
    }
    assert_true(nanos == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(times_agree_with_gmtime),
        cmocka_unit_test(fractions_have_0_3_6_or_9_digits),
        cmocka_unit_test(times_are_read_strictly),
        cmocka_unit_test(durations_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
