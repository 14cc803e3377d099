#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/map.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "failing_alloc.h"

static void what_was_put_is_found_in_order(void **state)
{
    static int values[5000];
    csvc__map map;
    char key[32];

    (void)state;
    csvc__map_init(&map);
    assert_null(csvc__map_get(&map, "x"));
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        assert_true(csvc__map_put(&map, key, &values[i]));
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        assert_ptr_equal(&values[i], csvc__map_get(&map, key));
        assert_string_equal(key, map.entries[i].key);
    }
    assert_null(csvc__map_get(&map, "key-5000"));
    assert_null(csvc__map_get(&map, ""));
    assert_ptr_equal(&values[12], csvc__map_get_n(&map, "key-1234", 6));
    assert_true(csvc__map_put(&map, "key-7", &values[8]));
    assert_ptr_equal(&values[8], csvc__map_get(&map, "key-7"));
    assert_int_equal(5000, map.n_entries);
    csvc__map_release(&map);
    assert_null(csvc__map_get(&map, "key-7"));
}

static void hash_is_fnv_1a(void **state)
{
    (void)state;
    assert_true(csvc__hash("", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(csvc__hash("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(csvc__hash("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

static void a_failed_malloc_leaves_it_whole(void **state)
{
    (void)state;
    for (size_t n = 1; n < 60; n++) {
        csvc__map map;
        char key[8];
        size_t put = 0;

        failing_alloc_begin(n);
        csvc__map_init(&map);
        for (int i = 0; i < 40; i++) {
            snprintf(key, sizeof(key), "%d", i);
            put += csvc__map_put(&map, key, &map);
        }
        assert_in_range(put, 39, 40);
        assert_int_equal(put, map.n_entries);
        for (size_t i = 0; i < map.n_entries; i++) {
            assert_ptr_equal(&map, csvc__map_get(&map, map.entries[i].key));
        }
        csvc__map_release(&map);
        assert_int_equal(0, failing_alloc_live());
        failing_alloc_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_in_order),
        cmocka_unit_test(hash_is_fnv_1a),
        cmocka_unit_test(a_failed_malloc_leaves_it_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
