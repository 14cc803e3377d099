#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/buffer.h>
#include <csvc/alloc.h>

#include <stdbool.h>
#include <string.h>

#include "failing_alloc.h"

static void text_is_put_together(void **state)
{
    csvc__buffer b;
    char *text;

    (void)state;
    csvc__buffer_init(&b, 1000);
    csvc__buffer_puts(&b, "a");
    csvc__buffer_putc(&b, 'b');
    csvc__buffer_add(&b, "c\0d", 3);
    csvc__buffer_printf(&b, "%d", 12);
    csvc__buffer_printf(&b, "%100s", "x");
    assert_true(csvc__buffer_ok(&b));
    assert_int_equal(107, b.len);
    assert_memory_equal("abc\0d12  ", b.data, 9);
    csvc__buffer_clear(&b);
    assert_int_equal(0, b.len);
    csvc__buffer_puts(&b, "again");
    text = csvc__buffer_take(&b);
    assert_string_equal("again", text);
    assert_null(b.data);
    csvc__free(text);
    text = csvc__buffer_take(&b);
    assert_string_equal("", text);
    csvc__free(text);
}

static void past_the_maximum_nothing_is_added(void **state)
{
    csvc__buffer b;

    (void)state;
    for (size_t max = 0; max < 200; max++) {
        csvc__buffer_init(&b, max);
        for (size_t i = 0; i < max; i++) {
            csvc__buffer_putc(&b, 'x');
        }
        assert_true(csvc__buffer_ok(&b));
        csvc__buffer_printf(&b, "%d", 1);
        assert_false(csvc__buffer_ok(&b));
        assert_int_equal(max, b.len);
        if (b.data != NULL) {
            assert_int_equal(max, strlen(b.data));
        }
        csvc__buffer_puts(&b, ""); /* stays failed */
        assert_false(csvc__buffer_ok(&b));
        assert_null(csvc__buffer_take(&b));
        csvc__buffer_release(&b);
    }
}

static void json_strings_are_escaped(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *json;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\b\f\n\r\t\x01\x1f\x7f", 8, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\""},
        {"\0", 1, "\"\\u0000\""},
        {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9, "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"a\xFF\xC3z", 4, "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\""},
        {"\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\n\xC3\xA9\"\xC3", 5, "\"\\n\xC3\xA9\\\"\xEF\xBF\xBD\""},
    };
    csvc__buffer b;

    (void)state;
    csvc__buffer_init(&b, 1000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        csvc__buffer_clear(&b);
        csvc__buffer_json(&b, cases[i].text, cases[i].len);
        assert_string_equal(cases[i].json, b.data);
    }
    csvc__buffer_release(&b);
}

static void a_failed_malloc_marks_it(void **state)
{
    csvc__buffer b;

    (void)state;
    for (size_t n = 1; n <= 3; n++) {
        failing_alloc_begin(n);
        csvc__buffer_init(&b, 1000);
        csvc__buffer_printf(&b, "%50s", "");
        csvc__buffer_printf(&b, "%50s", "");
        csvc__buffer_printf(&b, "%50s", "");
        assert_false(csvc__buffer_ok(&b));
        assert_int_equal(n == 1 ? 0 : (n - 1) * 50, b.len);
        assert_null(csvc__buffer_take(&b));
        assert_int_equal(0, failing_alloc_live());
        failing_alloc_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_put_together),
        cmocka_unit_test(past_the_maximum_nothing_is_added),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(a_failed_malloc_marks_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
