/* The registry of statuses: what is set, drained and watched, from many threads at a time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/health.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "failing_alloc.h"

enum {
    SERVING = CSVC_HEALTH_SERVING,
    NOT_SERVING = CSVC_HEALTH_NOT_SERVING,
    UNKNOWN_SERVICE = CSVC_HEALTH_SERVICE_UNKNOWN,
};

static void statuses_are_by_exact_name(void **state)
{
    csvc_health *h = csvc_health_new();

    (void)state;
    assert_int_equal(SERVING, csvc_health_get(h, ""));
    assert_int_equal(UNKNOWN_SERVICE, csvc_health_get(h, "a.B"));
    assert_int_equal(CSVC_OK, csvc_health_set(h, "a.B", CSVC_HEALTH_NOT_SERVING));
    assert_int_equal(NOT_SERVING, csvc_health_get(h, "a.B"));
    assert_int_equal(UNKNOWN_SERVICE, csvc_health_get(h, "a"));
    assert_int_equal(UNKNOWN_SERVICE, csvc_health_get(h, "a.b"));
    assert_int_equal(UNKNOWN_SERVICE, csvc_health_get(h, "a.B "));
    assert_int_equal(CSVC_OK, csvc_health_set(h, "a.B", CSVC_HEALTH_UNKNOWN));
    assert_int_equal(CSVC_HEALTH_UNKNOWN, csvc_health_get(h, "a.B"));
    assert_int_equal(CSVC_OK, csvc__health_add(h, "a.B")); /* stays what it is */
    assert_int_equal(CSVC_HEALTH_UNKNOWN, csvc_health_get(h, "a.B"));
    assert_int_equal(CSVC_OK, csvc__health_add(h, "c"));
    assert_int_equal(SERVING, csvc_health_get(h, "c"));
    assert_int_equal(SERVING, csvc_health_get(h, ""));
    assert_null(csvc_health_free(h));

    assert_int_equal(CSVC_OK, csvc_health_set(NULL, "", CSVC_HEALTH_SERVING));
    assert_int_equal(UNKNOWN_SERVICE, csvc_health_get(NULL, ""));
    csvc_health_drain(NULL);
    csvc_health_resume(NULL);
    assert_null(csvc_health_free(NULL));
    assert_string_equal("NOT_SERVING", csvc_health_status_name(CSVC_HEALTH_NOT_SERVING));
    assert_string_equal("UNKNOWN", csvc_health_status_name((csvc_health_status)9));
}

static void what_is_set_is_checked(void **state)
{
    csvc_health *h = csvc_health_new();
    char name[1026];

    (void)state;
    memset(name, 'n', sizeof(name));
    name[1025] = '\0';
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_health_set(h, name, CSVC_HEALTH_SERVING));
    name[1024] = '\0';
    assert_int_equal(CSVC_OK, csvc_health_set(h, name, CSVC_HEALTH_SERVING));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_health_set(h, NULL, CSVC_HEALTH_SERVING));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_health_set(h, "\xff", CSVC_HEALTH_SERVING));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_health_set(h, "a", CSVC_HEALTH_SERVICE_UNKNOWN));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_health_set(h, "a", (csvc_health_status)-1));
    for (int i = 2; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        assert_int_equal(CSVC_OK, csvc_health_set(h, name, CSVC_HEALTH_SERVING));
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc_health_set(h, "more", CSVC_HEALTH_SERVING));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc__health_add(h, "more"));
    assert_int_equal(CSVC_OK, csvc_health_set(h, "s2", CSVC_HEALTH_NOT_SERVING));
    csvc_health_free(h);
}

static void drained_means_not_serving_until_it_resumes(void **state)
{
    csvc_health *h = csvc_health_new();

    (void)state;
    (void)csvc_health_set(h, "down", CSVC_HEALTH_NOT_SERVING);
    (void)csvc_health_set(h, "up", CSVC_HEALTH_SERVING);
    for (int i = 0; i < 2; i++) { /* twice is once */
        csvc_health_drain(h);
        assert_int_equal(NOT_SERVING, csvc_health_get(h, ""));
        assert_int_equal(NOT_SERVING, csvc_health_get(h, "up"));
    }
    assert_int_equal(CSVC_OK, csvc_health_set(h, "up", CSVC_HEALTH_SERVING));
    assert_int_equal(CSVC_OK, csvc_health_set(h, "down", CSVC_HEALTH_SERVING));
    assert_int_equal(CSVC_OK, csvc_health_set(h, "new", CSVC_HEALTH_SERVING));
    assert_int_equal(CSVC_OK, csvc__health_add(h, "added"));
    assert_int_equal(NOT_SERVING, csvc_health_get(h, "up"));
    assert_int_equal(NOT_SERVING, csvc_health_get(h, "added"));
    assert_int_equal(UNKNOWN_SERVICE, csvc_health_get(h, "new"));
    csvc_health_resume(h);
    csvc_health_resume(h);
    assert_int_equal(SERVING, csvc_health_get(h, ""));
    assert_int_equal(SERVING, csvc_health_get(h, "up"));
    assert_int_equal(SERVING, csvc_health_get(h, "added"));
    assert_int_equal(NOT_SERVING, csvc_health_get(h, "down"));
    csvc_health_free(h);
}

/* ---- watching ---- */

typedef struct note {
    csvc__health_watch watch; /* first */
    int told[16];
    int n_told;
} note;

static void write_down(csvc__health_watch *watch)
{
    note *n = (note *)(void *)watch;

    n->told[n->n_told++ % 16] = (int)watch->status;
}

static void assert_told(note *n, int count, int last)
{
    assert_int_equal(count, n->n_told);
    assert_int_equal(last, n->told[(count - 1) % 16]);
}

static note watching(const char *service)
{
    return (note){.watch = {.service = service, .changed = write_down}};
}

static void who_watches_is_told_of_changes(void **state)
{
    csvc_health *h = csvc_health_new();
    note whole = watching(""), stranger = watching("later"), other = watching("never");

    (void)state;
    csvc__health_watch_add(h, &whole.watch);
    csvc__health_watch_add(h, &stranger.watch);
    csvc__health_watch_add(h, &other.watch);
    assert_told(&whole, 1, SERVING);
    assert_told(&stranger, 1, UNKNOWN_SERVICE);
    (void)csvc_health_set(h, "", CSVC_HEALTH_SERVING); /* no change */
    assert_told(&whole, 1, SERVING);
    (void)csvc_health_set(h, "later", CSVC_HEALTH_NOT_SERVING);
    assert_told(&stranger, 2, NOT_SERVING);
    (void)csvc_health_set(h, "later", CSVC_HEALTH_SERVING);
    assert_told(&stranger, 3, SERVING);
    assert_told(&other, 1, UNKNOWN_SERVICE);
    csvc__health_watch_again(h, &stranger.watch);
    assert_told(&stranger, 4, SERVING);

    csvc_health_drain(h);
    assert_told(&whole, 2, NOT_SERVING);
    assert_told(&stranger, 5, NOT_SERVING);
    assert_told(&other, 2, NOT_SERVING);
    csvc__health_watch_remove(h, &stranger.watch);
    csvc__health_watch_remove(h, &stranger.watch);
    stranger = watching("still unknown");
    csvc__health_watch_add(h, &stranger.watch);
    assert_told(&stranger, 1, NOT_SERVING);
    csvc_health_resume(h);
    assert_told(&whole, 3, SERVING);
    assert_told(&other, 3, UNKNOWN_SERVICE);
    assert_told(&stranger, 2, UNKNOWN_SERVICE);
    csvc__health_watch_remove(h, &whole.watch);
    csvc__health_watch_remove(h, &other.watch);
    csvc__health_watch_remove(h, &stranger.watch);
    (void)csvc_health_set(h, "", CSVC_HEALTH_NOT_SERVING);
    assert_told(&whole, 3, SERVING);
    csvc_health_free(h);
}

/* ---- threads ---- */

static void *flip(void *self)
{
    csvc_health *h = self;

    for (int i = 0; i < 2000; i++) {
        (void)csvc_health_set(h, "", i % 2 == 0 ? CSVC_HEALTH_NOT_SERVING : CSVC_HEALTH_SERVING);
        (void)csvc_health_set(h, "a", i % 3 == 0 ? CSVC_HEALTH_NOT_SERVING : CSVC_HEALTH_SERVING);
        if (i % 100 == 0) {
            csvc_health_drain(h);
            csvc_health_resume(h);
        }
    }
    return NULL;
}

static void *look(void *self)
{
    csvc_health *h = self;

    for (int i = 0; i < 2000; i++) {
        note n = watching(i % 2 == 0 ? "a" : "");

        csvc__health_watch_add(h, &n.watch);
        (void)csvc_health_get(h, "");
        csvc__health_watch_remove(h, &n.watch);
        assert_true(n.n_told >= 1);
    }
    return NULL;
}

static void watchers_come_and_go_while_it_is_set(void **state)
{
    csvc_health *h = csvc_health_new();
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(0, pthread_create(&threads[i], NULL, i < 2 ? flip : look, h));
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    csvc_health_free(h);
}

/* ---- memory ---- */

static void memory_may_be_short(void **state)
{
    size_t n = 0;
    size_t asked;

    (void)state;
    do {
        csvc_health *h;

        failing_alloc_begin(++n);
        h = csvc_health_new();
        if (h != NULL && csvc_health_set(h, "a", CSVC_HEALTH_SERVING) != CSVC_OK) {
            assert_int_equal(UNKNOWN_SERVICE, csvc_health_get(h, "a"));
            assert_int_equal(SERVING, csvc_health_get(h, ""));
        }
        csvc_health_free(h);
        asked = failing_alloc_end();
        assert_int_equal(0, failing_alloc_live());
    } while (asked >= n);
    assert_true(n > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_are_by_exact_name),
        cmocka_unit_test(what_is_set_is_checked),
        cmocka_unit_test(drained_means_not_serving_until_it_resumes),
        cmocka_unit_test(who_watches_is_told_of_changes),
        cmocka_unit_test(watchers_come_and_go_while_it_is_set),
        cmocka_unit_test(memory_may_be_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
