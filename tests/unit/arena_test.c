#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/arena.h>
#include <csvc/alloc.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"

static void every_allocation_is_aligned_and_apart(void **state)
{
    csvc_arena *a = csvc_arena_new(0);
    uint8_t *blocks[200];

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        blocks[i] = csvc_arena_alloc(a, i);
        assert_non_null(blocks[i]);
        assert_int_equal(0, (uintptr_t)blocks[i] % 16);
        memset(blocks[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(i, blocks[i][k]);
        }
    }
    assert_null(csvc_arena_free(a));
    assert_null(csvc_arena_free(NULL));
}

static void the_first_chunk_needs_no_malloc(void **state)
{
    _Alignas(16) uint8_t first[256];
    csvc_arena a;

    (void)state;
    failing_alloc_begin(0);
    csvc__arena_init(&a, first, sizeof(first), 0);
    assert_ptr_equal(first, csvc_arena_alloc(&a, 100));
    assert_int_equal(0, failing_alloc_end());
    csvc__arena_release(&a);

    failing_alloc_begin(0);
    assert_ptr_equal(first, csvc_arena_alloc(&a, 100));
    assert_non_null(csvc_arena_alloc(&a, 1000));
    assert_int_equal(1, failing_alloc_live());
    csvc__arena_release(&a);
    assert_int_equal(0, failing_alloc_live());
    assert_int_equal(1, failing_alloc_end());
    memset(first, 1, sizeof(first)); /* the caller's again */
}

static void the_limit_is_kept(void **state)
{
    (void)state;
    for (size_t max = 1; max < 20000; max += 997) {
        csvc_arena *a = csvc_arena_new(max);
        size_t given = 0;

        assert_non_null(a);
        while (csvc_arena_alloc(a, 48) != NULL) {
            given += 48;
            assert_true(given <= max);
        }
        assert_true(csvc_arena_size(a) <= max);
        assert_null(csvc_arena_alloc(a, max));
        /* nearly all of it was to be had, too: a header a chunk, alignment, the ASan gap */
        assert_true(given + 200 + max / (CSVC__ARENA_GAP ? 3 : 8) >= max);
        csvc_arena_free(a);
    }
}

static void sizes_that_overflow_are_refused(void **state)
{
    csvc_arena *a = csvc_arena_new(0);

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        assert_null(csvc_arena_alloc(a, SIZE_MAX - i));
        assert_null(csvc_arena_strndup(a, "", SIZE_MAX - i));
    }
    assert_null(csvc_arena_calloc(a, SIZE_MAX / 2, 3));
    csvc_arena_free(a);
}

static void reset_forgets_and_keeps_the_first_chunk(void **state)
{
    csvc_arena *a = csvc_arena_new(0);
    void *first = csvc_arena_alloc(a, 10);

    (void)state;
    assert_non_null(csvc_arena_alloc(a, 100000));
    assert_true(csvc_arena_size(a) >= 100000);
    csvc_arena_reset(a);
    assert_true(csvc_arena_size(a) <= 1024);
    assert_ptr_equal(first, csvc_arena_alloc(a, 10));
    csvc_arena_free(a);
}

static void resize_grows_the_newest_in_place(void **state)
{
    csvc_arena *a = csvc_arena_new(0);
    char *block = csvc_arena_alloc(a, 10);
    char *larger;

    (void)state;
    memcpy(block, "123456789", 10);
    larger = csvc__arena_resize(a, block, 10, 200);
    assert_ptr_equal(block, larger);
    assert_string_equal("123456789", larger);
    memset(larger, 'x', 200);
    assert_non_null(csvc_arena_alloc(a, 1));
    block = csvc__arena_resize(a, larger, 200, 300);
    assert_ptr_not_equal(block, larger);
    assert_int_equal('x', block[199]);
    larger = csvc__arena_resize(a, block, 300, 100000);
    assert_ptr_not_equal(block, larger);
    assert_int_equal('x', larger[199]);
    larger = csvc__arena_resize(a, NULL, 0, 40);
    assert_non_null(larger);
    assert_null(csvc__arena_resize(a, larger, 40, SIZE_MAX - 3));
    /* given back: the next one starts there */
    larger = csvc__arena_resize(a, larger, 40, 16);
    block = csvc_arena_alloc(a, 16);
    assert_int_equal(16 + CSVC__ARENA_GAP, block - larger);
    csvc_arena_free(a);
}

static void text_is_copied_and_printed(void **state)
{
    csvc_arena *a = csvc_arena_new(0);
    char *text;

    (void)state;
    assert_string_equal("ada", csvc_arena_strdup(a, "ada"));
    assert_string_equal("ad", csvc_arena_strndup(a, "ada", 2));
    assert_string_equal("", csvc_arena_strndup(a, NULL, 0));
    assert_string_equal("a-7", csvc_arena_printf(a, "%s-%d", "a", 7));
    for (int width = 250; width < 260; width++) {
        text = csvc_arena_printf(a, "%*d", width, 5);
        assert_int_equal(width, strlen(text));
    }
    text = csvc_arena_printf(a, "%5000s|", "x");
    assert_int_equal(5001, strlen(text));
    assert_string_equal("x|", text + 4999);
    text = csvc_arena_calloc(a, 10, 10);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(0, text[i]);
    }
    csvc_arena_free(a);
}

static void a_failed_malloc_is_null(void **state)
{
    (void)state;
    failing_alloc_begin(1);
    assert_null(csvc_arena_new(0));
    failing_alloc_begin(2);
    {
        csvc_arena *a = csvc_arena_new(0);
        void *block;

        assert_non_null(a);
        assert_null(csvc_arena_alloc(a, 5000));
        block = csvc_arena_alloc(a, 5000);
        assert_non_null(block);
        csvc_arena_free(a);
    }
    assert_int_equal(0, failing_alloc_live());
    failing_alloc_end();
}

static void chunks_double_up_to_a_cap(void **state)
{
    csvc_arena *a;

    (void)state;
    failing_alloc_begin(0);
    a = csvc_arena_new(0);
    for (size_t i = 0; i < 16 * 1024 * 1024 / 64; i++) {
        assert_non_null(csvc_arena_alloc(a, 64 - CSVC__ARENA_GAP));
    }
    csvc_arena_free(a);
    assert_in_range(failing_alloc_end(), 64, 90);
}

static void the_allocator_minds_overflow_and_errno(void **state)
{
    uint8_t *zeroed = csvc__calloc(3, 5);

    (void)state;
    assert_null(csvc__calloc(SIZE_MAX / 2, 3));
    for (int i = 0; i < 15; i++) {
        assert_int_equal(0, zeroed[i]);
    }
    zeroed = csvc__realloc(zeroed, 100);
    errno = 77;
    csvc__free(zeroed);
    csvc__free(NULL);
    assert_int_equal(77, errno);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_is_aligned_and_apart),
        cmocka_unit_test(the_first_chunk_needs_no_malloc),
        cmocka_unit_test(the_limit_is_kept),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(reset_forgets_and_keeps_the_first_chunk),
        cmocka_unit_test(resize_grows_the_newest_in_place),
        cmocka_unit_test(text_is_copied_and_printed),
        cmocka_unit_test(a_failed_malloc_is_null),
        cmocka_unit_test(chunks_double_up_to_a_cap),
        cmocka_unit_test(the_allocator_minds_overflow_and_errno),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
