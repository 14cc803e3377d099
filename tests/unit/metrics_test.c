/* The registry of metrics: its text, what it refuses, many threads at a time, memory that is short.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/metrics.h>

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"

#define L(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_text(csvc_metrics *m, const char *expected)
{
    size_t len = 0;
    char *text = csvc_metrics_text(m, &len);

    assert_non_null(text);
    assert_int_equal(strlen(text), len);
    assert_string_equal(expected, text);
    csvc_metrics_text_free(text);
}

/* ---- the text ---- */

static void nothing_is_an_empty_text(void **state)
{
    csvc_metrics *m = csvc_metrics_new(NULL);

    (void)state;
    assert_text(m, "");
    csvc_metrics_free(m);
    assert_null(csvc_metrics_free(NULL));
}

static void all_kinds(void **state)
{
    static const double bounds[] = {0.1, 1, 2.5};
    csvc_metrics *m = csvc_metrics_new(NULL);
    csvc_counter *eu = csvc_metrics_counter(m, "orders_total", "Orders.", L("region", "eu"), NULL);
    csvc_gauge *depth = csvc_metrics_gauge(m, "queue:depth", "Now.", NULL, NULL);
    csvc_counter *us = csvc_metrics_counter(m, "orders_total", "ignored", L("region", "us"), NULL);
    csvc_histogram *took =
        csvc_metrics_histogram(m, "took_seconds", NULL, L("what", "it"), bounds, 3, NULL);

    (void)state;
    assert_true(eu != NULL && us != NULL && depth != NULL && took != NULL);
    assert_ptr_equal(us, csvc_metrics_counter(m, "orders_total", "", L("region", "us"), NULL));
    csvc_counter_add(eu, 3);
    csvc_counter_add(eu, UINT64_C(1) << 60);
    csvc_gauge_set(depth, 7.5);
    csvc_gauge_add(depth, -10);
    csvc_histogram_observe(took, 0.1); /* a bound belongs to its bucket */
    csvc_histogram_observe(took, 0.4);
    csvc_histogram_observe(took, 0.5);
    csvc_histogram_observe(took, 99);
    assert_text(m, "# HELP orders_total Orders.\n"
                   "# TYPE orders_total counter\n"
                   "orders_total{region=\"eu\"} 1152921504606846979\n"
                   "orders_total{region=\"us\"} 0\n"
                   "# HELP queue:depth Now.\n"
                   "# TYPE queue:depth gauge\n"
                   "queue:depth -2.5\n"
                   "# HELP took_seconds \n"
                   "# TYPE took_seconds histogram\n"
                   "took_seconds_bucket{what=\"it\",le=\"0.1\"} 1\n"
                   "took_seconds_bucket{what=\"it\",le=\"1\"} 3\n"
                   "took_seconds_bucket{what=\"it\",le=\"2.5\"} 3\n"
                   "took_seconds_bucket{what=\"it\",le=\"+Inf\"} 4\n"
                   "took_seconds_sum{what=\"it\"} 100\n"
                   "took_seconds_count{what=\"it\"} 4\n");
    csvc_metrics_free(m);
}

static void what_is_special_is_escaped(void **state)
{
    csvc_metrics *m = csvc_metrics_new(NULL);
    csvc_gauge *g[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        g[i] = csvc_metrics_gauge(m, "g", "a \"b\" \\ c\nd",
                                  L("x", i == 0   ? "a\"b\\c\nd"
                                         : i == 1 ? "{}, \xc3\xa4"
                                         : i == 2 ? ""
                                                  : "n"),
                                  NULL);
        assert_non_null(g[i]);
    }
    csvc_gauge_set(g[0], (double)INFINITY);
    csvc_gauge_set(g[1], -(double)INFINITY);
    csvc_gauge_set(g[2], (double)NAN);
    csvc_gauge_set(g[3], 0.1);
    assert_text(m, "# HELP g a \"b\" \\\\ c\\nd\n"
                   "# TYPE g gauge\n"
                   "g{x=\"a\\\"b\\\\c\\nd\"} +Inf\n"
                   "g{x=\"{}, \xc3\xa4\"} -Inf\n"
                   "g{x=\"\"} NaN\n"
                   "g{x=\"n\"} 0.1\n");
    csvc_metrics_free(m);
}

static void a_point_is_a_point_everywhere(void **state)
{
    csvc_metrics *m = csvc_metrics_new(NULL);

    (void)state;
    assert_non_null(setlocale(LC_ALL, "de_DE.UTF-8"));
    csvc_gauge_set(csvc_metrics_gauge(m, "g", "", NULL, NULL), 1234.5);
    csvc_gauge_set(csvc_metrics_gauge(m, "h", "", NULL, NULL), 1.0 / 3);
    assert_text(m, "# HELP g \n# TYPE g gauge\ng 1234.5\n"
                   "# HELP h \n# TYPE h gauge\nh 0.3333333333333333\n");
    assert_non_null(setlocale(LC_ALL, "C"));
    csvc_metrics_free(m);
}

/* ---- what is refused ---- */

static void assert_refused(const void *made, csvc_error *err, csvc_code code, const char *text)
{
    assert_null(made);
    assert_int_equal(code, err->code);
    if (strstr(err->text, text) == NULL) {
        fail_msg("'%s' is not in '%s'", text, err->text);
    }
    *err = (csvc_error){CSVC_ERROR_INIT};
}

static void names_and_labels_are_checked(void **state)
{
    static const char *const bad_names[] = {"", "1a", "a-b", "a b", "\xc3\xa4", NULL};
    static const double down[] = {1, 1};
    static const double endless[] = {1, (double)INFINITY};
    csvc_metrics *m = csvc_metrics_new(NULL);
    const char *many[2 * 17 + 1] = {NULL};
    char names[17][4];
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        assert_refused(csvc_metrics_counter(m, bad_names[i], "", NULL, &err), &err,
                       CSVC_INVALID_ARGUMENT, "is no name for a metric");
    }
    assert_refused(csvc_metrics_counter(m, "a", "", L("a:b", "x"), &err), &err,
                   CSVC_INVALID_ARGUMENT, "'a:b' is no name for a label");
    assert_refused(csvc_metrics_counter(m, "a", "", L("__name__", "x"), &err), &err,
                   CSVC_INVALID_ARGUMENT, "'__name__'");
    assert_refused(csvc_metrics_counter(m, "a", "", L("x", "1", "x", "2"), &err), &err,
                   CSVC_INVALID_ARGUMENT, "twice");
    assert_refused(csvc_metrics_counter(m, "a", "", L("x", "\xff"), &err), &err,
                   CSVC_INVALID_ARGUMENT, "UTF-8");
    assert_refused(csvc_metrics_counter(m, "a", "", L("x", NULL), &err), &err,
                   CSVC_INVALID_ARGUMENT, "no value");
    assert_refused(csvc_metrics_counter(m, "a", "\xff", NULL, &err), &err, CSVC_INVALID_ARGUMENT,
                   "help");
    assert_refused(csvc_metrics_histogram(m, "a", "", L("le", "1"), NULL, 0, &err), &err,
                   CSVC_INVALID_ARGUMENT, "'le'");
    assert_refused(csvc_metrics_histogram(m, "a", "", NULL, down, 2, &err), &err,
                   CSVC_INVALID_ARGUMENT, "do not go up");
    assert_refused(csvc_metrics_histogram(m, "a", "", NULL, endless, 2, &err), &err,
                   CSVC_INVALID_ARGUMENT, "do not go up");
    assert_refused(csvc_metrics_histogram(m, "a", "", NULL, down, 65, &err), &err,
                   CSVC_INVALID_ARGUMENT, "64 buckets");
    for (size_t i = 0; i < 17; i++) {
        snprintf(names[i], sizeof(names[i]), "l%zu", i);
        many[2 * i] = names[i];
        many[2 * i + 1] = "x";
    }
    assert_refused(csvc_metrics_counter(m, "a", "", many, &err), &err, CSVC_INVALID_ARGUMENT,
                   "more than 16 labels");
    assert_refused(csvc_metrics_counter(NULL, "a", "", NULL, &err), &err, CSVC_FAILED_PRECONDITION,
                   "no registry");
    assert_text(m, ""); /* a failure leaves nothing behind */
    csvc_metrics_free(m);
}

static void a_name_is_of_one_kind(void **state)
{
    csvc_metrics *m = csvc_metrics_new(NULL);
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    assert_non_null(csvc_metrics_counter(m, "a", "", L("x", "1"), NULL));
    assert_refused(csvc_metrics_gauge(m, "a", "", L("x", "1"), &err), &err,
                   CSVC_FAILED_PRECONDITION, "another kind");
    assert_refused(csvc_metrics_counter(m, "a", "", L("y", "1"), &err), &err,
                   CSVC_FAILED_PRECONDITION, "other labels");
    assert_refused(csvc_metrics_counter(m, "a", "", NULL, &err), &err, CSVC_FAILED_PRECONDITION,
                   "other labels");
    assert_non_null(csvc_metrics_histogram(m, "h", "", NULL, NULL, 0, NULL));
    assert_refused(csvc_metrics_counter(m, "h_count", "", NULL, &err), &err,
                   CSVC_FAILED_PRECONDITION, "there already");
    assert_non_null(csvc_metrics_counter(m, "i_sum", "", NULL, NULL));
    assert_refused(csvc_metrics_histogram(m, "i", "", NULL, NULL, 0, &err), &err,
                   CSVC_FAILED_PRECONDITION, "there already");
    csvc_metrics_free(m);
}

static void series_have_a_maximum(void **state)
{
    const csvc_metrics_options options = {CSVC_METRICS_OPTIONS_INIT, .max_series = 2};
    csvc_metrics *m = csvc_metrics_new(&options);
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_counter *last;

    (void)state;
    assert_non_null(csvc_metrics_counter(m, "a", "", L("user", "1"), NULL));
    assert_non_null(csvc_metrics_counter(m, "a", "", L("user", "2"), NULL));
    last = csvc_metrics_counter(m, "a", "", L("user", "3"), &err);
    csvc_counter_add(last, 1); /* counts nowhere, harms nobody */
    csvc_gauge_set(NULL, 1);
    csvc_gauge_add(NULL, 1);
    csvc_histogram_observe(NULL, 1);
    assert_refused(last, &err, CSVC_RESOURCE_EXHAUSTED, "2 series already");
    assert_non_null(csvc_metrics_counter(m, "a", "", L("user", "1"), NULL)); /* still found */
    csvc_metrics_free(m);
}

/* ---- collectors ---- */

typedef struct collected {
    csvc_metrics *m;
    int n;
} collected;

static void collect(void *self)
{
    collected *c = self;

    csvc_gauge_set(csvc_metrics_gauge(c->m, "times", "", NULL, NULL), ++c->n);
}

static void collectors_run_before_the_text(void **state)
{
    collected c = {.m = csvc_metrics_new(NULL)};

    (void)state;
    assert_int_equal(CSVC_OK, csvc_metrics_on_collect(c.m, collect, &c));
    assert_text(c.m, "# HELP times \n# TYPE times gauge\ntimes 1\n");
    assert_text(c.m, "# HELP times \n# TYPE times gauge\ntimes 2\n");
    for (int i = 1; i < 16; i++) {
        assert_int_equal(CSVC_OK, csvc_metrics_on_collect(c.m, collect, &c));
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc_metrics_on_collect(c.m, collect, &c));
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_metrics_on_collect(NULL, collect, &c));
    csvc_metrics_free(c.m);
}

/* ---- many threads ---- */

enum {
    THREADS = 8,
    ROUNDS = 20000,
};

typedef struct crowd {
    csvc_metrics *m;
    csvc_counter *first, *second;
    csvc_histogram *h;
    csvc_gauge *g;
    atomic_int running;
} crowd;

static void *count(void *arg)
{
    crowd *c = arg;

    for (int i = 0; i < ROUNDS; i++) {
        csvc_counter_add(c->first, 1);
        csvc_counter_add(c->second, 1);
        csvc_histogram_observe(c->h, i % 2 == 0 ? 0.001 : 100);
        csvc_gauge_add(c->g, 1);
        if (i % 1000 == 0) {
            char number[16];

            snprintf(number, sizeof(number), "%d", i / 1000);
            csvc_counter_add(csvc_metrics_counter(c->m, "late_total", "", L("n", number), NULL), 1);
        }
    }
    atomic_fetch_sub(&c->running, 1);
    return NULL;
}

static unsigned long long value_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 10);
}

/* Nothing is lost, and what is counted first is never seen second. */
static void threads_count_together(void **state)
{
    crowd c = {.m = csvc_metrics_new(NULL)};
    pthread_t threads[THREADS];
    char *text;
    size_t len;

    (void)state;
    c.first = csvc_metrics_counter(c.m, "first_total", "", NULL, NULL);
    c.second = csvc_metrics_counter(c.m, "second_total", "", NULL, NULL);
    c.h = csvc_metrics_histogram(c.m, "h", "", NULL, NULL, 0, NULL);
    c.g = csvc_metrics_gauge(c.m, "g", "", NULL, NULL);
    atomic_init(&c.running, THREADS);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(0, pthread_create(&threads[i], NULL, count, &c));
    }
    do {
        text = csvc_metrics_text(c.m, &len);
        assert_non_null(text);
        assert_true(value_of(text, "\nfirst_total ") >= value_of(text, "\nsecond_total "));
        assert_int_equal(value_of(text, "le=\"+Inf\"} "), value_of(text, "h_count "));
        csvc_metrics_text_free(text);
    } while (atomic_load(&c.running) > 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(0, pthread_join(threads[i], NULL));
    }
    text = csvc_metrics_text(c.m, &len);
    assert_int_equal(THREADS * ROUNDS, value_of(text, "\nfirst_total "));
    assert_int_equal(THREADS * ROUNDS, value_of(text, "\nsecond_total "));
    assert_int_equal(THREADS * ROUNDS, value_of(text, "\ng "));
    assert_int_equal(THREADS * ROUNDS, value_of(text, "h_count "));
    assert_int_equal(THREADS * ROUNDS / 2, value_of(text, "le=\"0.005\"} "));
    assert_int_equal(THREADS, value_of(text, "late_total{n=\"7\"} "));
    csvc_metrics_text_free(text);
    csvc_metrics_free(c.m);
}

/* ---- memory ---- */

static bool all_of_it(void)
{
    csvc_metrics *m = csvc_metrics_new(NULL);
    char *text = NULL;
    size_t len;
    bool ok = false;

    if (m != NULL) {
        csvc_counter *c = csvc_metrics_counter(m, "a", "A.", L("x", "1"), NULL);
        csvc_histogram *h = csvc_metrics_histogram(m, "h", "H.", L("x", "1"), NULL, 0, NULL);

        csvc_counter_add(c, 1);
        csvc_histogram_observe(h, 1);
        text = csvc_metrics_text(m, &len);
        ok = c != NULL && h != NULL && text != NULL;
        csvc_metrics_text_free(text);
        csvc_metrics_free(m);
    }
    return ok;
}

static void memory_may_be_short(void **state)
{
    size_t n = 0;
    bool ok;

    (void)state;
    do {
        failing_alloc_begin(++n);
        ok = all_of_it();
        (void)failing_alloc_end();
        assert_int_equal(0, failing_alloc_live());
    } while (!ok);
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_an_empty_text),
        cmocka_unit_test(all_kinds),
        cmocka_unit_test(what_is_special_is_escaped),
        cmocka_unit_test(a_point_is_a_point_everywhere),
        cmocka_unit_test(names_and_labels_are_checked),
        cmocka_unit_test(a_name_is_of_one_kind),
        cmocka_unit_test(series_have_a_maximum),
        cmocka_unit_test(collectors_run_before_the_text),
        cmocka_unit_test(threads_count_together),
        cmocka_unit_test(memory_may_be_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
