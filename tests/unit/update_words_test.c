/* update_words_test.c: names exchanged in C sources, and nowhere but in code. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "update/words.h"

static int arena_setup(void **state)
{
    *state = csvc_arena_new(0);
    return *state == NULL ? -1 : 0;
}

static int arena_teardown(void **state)
{
    *state = csvc_arena_free(*state);
    return 0;
}

static update_words some_words(csvc_arena *a)
{
    update_words words = update_words_none(a);

    update_words_add(&words, "s_get", "s_fetch", NULL);
    update_words_add(&words, "s_get_send", "s_fetch_send", NULL);
    update_words_add(&words, "User__User", "Acme__User__User", "__");
    update_words_add(&words, "user_store", "acme_user_store", "_");
    update_words_add(&words, "same", "same", "_");
    return words;
}

static csvc_bytes bytes_of(const char *text)
{
    return (csvc_bytes){.len = strlen(text), .data = (const uint8_t *)text};
}

static void exchanges_whole_names_in_code(void **state)
{
    static const struct {
        const char *text, *wanted;
        size_t n;
    } cases[] = {
        {"", "", 0},
        {"csvc_code s_get(struct service *svc)", "csvc_code s_fetch(struct service *svc)", 1},
        {"s_get s_get_send s_get_user xs_get s_get2",
         "s_fetch s_fetch_send s_get_user xs_get s_get2", 2},
        {"/* s_get */ s_get // s_get\ns_get", "/* s_get */ s_fetch // s_get\ns_fetch", 2},
        {"// s_get \\\n s_get\ns_get", "// s_get \\\n s_get\ns_fetch", 1},
        {"\"s_get \\\" s_get\" s_get 's_get' s_get", "\"s_get \\\" s_get\" s_fetch 's_get' s_fetch",
         2},
        {"\"no end s_get\ns_get", "\"no end s_get\ns_fetch", 1},
        {"/* no end s_get", "/* no end s_get", 0},
        {"0xs_get 1.s_get 12s_get", "0xs_get 1.s_get 12s_get", 0},
        {"User__User u; User__User__Kind k; User__Users n;",
         "Acme__User__User u; Acme__User__User__Kind k; User__Users n;", 2},
        {"user_store_get(user_stored, user_store)",
         "acme_user_store_get(user_stored, acme_user_store)", 2},
        {"#define X s_get(\\\n s_get)", "#define X s_fetch(\\\n s_fetch)", 2},
        {"a/b s_get", "a/b s_fetch", 1},
        {"same same_x", "same same_x", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        update_words words = some_words(*state);
        size_t n = 99;
        csvc_bytes text = update_words_replace(&words, bytes_of(cases[i].text), &n);

        assert_string_equal(text.data, cases[i].wanted);
        assert_int_equal(text.len, strlen(cases[i].wanted));
        assert_int_equal(n, cases[i].n);
    }
}

static void finds_the_first_and_its_line(void **state)
{
    update_words words = some_words(*state);
    const char *from = NULL;
    const char *to = NULL;

    assert_int_equal(update_words_find(&words,
                                       bytes_of("a\n/* s_get\n */\n\"s_get\"\n user_store_x"),
                                       &from, &to),
                     5);
    assert_string_equal(from, "user_store_x");
    assert_string_equal(to, "acme_user_store_x");
    assert_int_equal(update_words_find(&words, bytes_of("nothing"), &from, &to), 0);
}

/* The first use of a member in code, where one of the types is named and the other member is not.
 */
static void members(void **state)
{
    static const struct {
        const char *text;
        size_t line;
    } cases[] = {
        {"T *t;\nt->name = 1;\nt.name", 2},
        {"f(t.name);\nT x;", 1},
        {"T x = {\n    .name = 1};", 2},
        {"T *t; /* t->name */ \"t->name\"", 0},
        {"T *t; t->names; t->a_name; name; name.t;", 0},
        {"U *t; t->name = 1;", 0},
        {"T *t;\nt->name = 1; t->name_case = 2;", 0},
        {"T *t; name_case();\nt->name = 1;", 0},
        {"", 0},
        {"name", 0},
        {"T\n>name", 0},
    };
    gen_index types;
    void *old;

    gen_index_init(&types, *state);
    assert_true(gen_index_put(&types, "T", &types, &old));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(update_words_member(bytes_of(cases[i].text), &types, "name", "name_case"),
                         cases[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(exchanges_whole_names_in_code, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(finds_the_first_and_its_line, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(members, arena_setup, arena_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
