/* handlers_test.c: telling the definition of a function from everything else that names it;
 * versions of c-svc. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "project/handlers.h"
#include "project/lock.h"

static void definitions_are_found(void **state)
{
    static const char *const sources[] = {
        "int f(void) {}",
        "int f(int a, int b)\n{\n}\n",
        "int\nf (void)\n/* why */ {",
        "int f(int (*g)(int), int h) // and\n{",
        "int f(int);\nint g(void) { return f(1); }\nint f(int a)\n{ return a; }",
        "CSVC_API int *f(void){",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (handlers_line(sources[i], "f") == 0) {
            fail_msg("not found in: %s", sources[i]);
        }
    }
}

static void the_line_is_that_of_its_name(void **state)
{
    (void)state;
    assert_int_equal(1, handlers_line("int f(void) {}", "f"));
    assert_int_equal(3, handlers_line("int f(void);\n\nint f(void)\n{\n}\n", "f"));
}

static void anything_else_is_none(void **state)
{
    static const char *const sources[] = {
        "",
        "int f(void);",
        "int ff(void) {}",
        "int f2(void) {}",
        "int a_f(void) {}",
        "int g(void) { return f(1); }",
        "struct f { int a; };",
        "int (*p)(void) = f;",
        "int f(int a", /* it does not end */
        "int f(void) /* it does not end",
        "f",
        "#define CALL f(1)\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (handlers_line(sources[i], "f") != 0) {
            fail_msg("found in: %s", sources[i]);
        }
    }
}

static void versions_have_an_order(void **state)
{
    static const char *const ordered[] = {"0.1.0-rc1", "0.1.0", "0.1.1", "0.2.0",
                                          "0.10.0",    "1.0.0", "99.0.0"};

    (void)state;
    for (size_t i = 0; i < sizeof(ordered) / sizeof(ordered[0]); i++) {
        for (size_t k = 0; k < sizeof(ordered) / sizeof(ordered[0]); k++) {
            if (lock_is_later(ordered[i], ordered[k]) != (k > i)) {
                fail_msg("%s and %s", ordered[i], ordered[k]);
            }
        }
    }
    assert_false(lock_is_later("0.1.0", "0.1.0+local"));
    assert_false(lock_is_later("0.1.0", "banana"));
}

static void records_are_sorted(void **state)
{
    csvc_arena *a = csvc_arena_new(0);
    lock l = {0};

    (void)state;
    assert_non_null(a);
    assert_null(lock_find(&l, "a"));
    lock_put(a, &l, (lock_record){.path = "c", .hash = "1"});
    lock_put(a, &l, (lock_record){.path = "a", .hash = "2"});
    lock_put(a, &l, (lock_record){.path = "b", .hash = "3"});
    lock_put(a, &l, (lock_record){.path = "a", .hash = "4"});
    assert_int_equal(3, l.n_files);
    assert_string_equal("a", l.files[0].path);
    assert_string_equal("4", lock_find(&l, "a")->hash);
    assert_string_equal("c", l.files[2].path);
    lock_drop(&l, "b");
    lock_drop(&l, "b");
    assert_int_equal(2, l.n_files);
    assert_null(lock_find(&l, "b"));
    assert_string_equal("1", lock_find(&l, "c")->hash);
    csvc_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions_are_found), cmocka_unit_test(the_line_is_that_of_its_name),
        cmocka_unit_test(anything_else_is_none), cmocka_unit_test(versions_have_an_order),
        cmocka_unit_test(records_are_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
