/*
 * check_test.c: diagnostics, and those rules that a .proto on disk cannot show: what protoc 3.21
 * refuses itself, and input without places. All other rules: tests/e2e/plugin_refusals.py.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "check/check.h"
#include "common/pb.h"
#include "infer/infer.h"
#include "model/build.h"
#include "request/request.h"
#include "proto_helpers.h"

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

static void assert_printed(const gen_diag *diag, gen_severity worst, const char *wanted)
{
    csvc__buffer b;

    csvc__buffer_init(&b, 1 << 20);
    gen_diag_print(diag, worst, &b);
    assert_true(csvc__buffer_ok(&b));
    assert_string_equal(b.data != NULL ? b.data : "", wanted);
    csvc__buffer_release(&b);
}

static void problems_are_sorted(void **state)
{
    gen_diag diag;

    gen_diag_init(&diag, *state);
    assert_printed(&diag, GEN_WARNING, "");
    gen_report(&diag, GEN_ERROR, (gen_place){"b.proto", 2, 1}, "third");
    gen_report(&diag, GEN_NOTE, (gen_place){"a.proto", 1, 1}, "of the third");
    gen_report(&diag, GEN_ERROR, (gen_place){"a.proto", 10, 1}, "second");
    gen_report(&diag, GEN_WARNING, (gen_place){"a.proto", 9, 30}, "first, %d", 42);
    gen_report(&diag, GEN_NOTE, (gen_place){"a.proto", 0, 0}, "of the warning");
    gen_report(&diag, GEN_ERROR, (gen_place){0}, "no place");
    assert_int_equal(diag.n_errors, 3);
    assert_int_equal(diag.n_warnings, 1);
    assert_printed(&diag, GEN_WARNING,
                   "error: no place\n"
                   "a.proto:9:30: warning: first, 42\n"
                   "a.proto: note: of the warning\n"
                   "a.proto:10:1: error: second\n"
                   "b.proto:2:1: error: third\n"
                   "a.proto:1:1: note: of the third\n");
    assert_printed(&diag, GEN_ERROR,
                   "error: no place\n"
                   "a.proto:10:1: error: second\n"
                   "b.proto:2:1: error: third\n"
                   "a.proto:1:1: note: of the third\n");
}

static void problems_have_a_maximum(void **state)
{
    gen_diag diag;
    csvc__buffer b;

    gen_diag_init(&diag, *state);
    for (unsigned i = 0; i < GEN_MAX_PROBLEMS + 7; i++) {
        gen_report(&diag, GEN_ERROR, (gen_place){"a.proto", i + 1, 1}, "one");
        gen_report(&diag, GEN_NOTE, (gen_place){"a.proto", i + 1, 1}, "its note");
    }
    assert_int_equal(diag.n_errors, GEN_MAX_PROBLEMS + 7);
    assert_int_equal(diag.n_problems, 2 * GEN_MAX_PROBLEMS);
    csvc__buffer_init(&b, 1 << 20);
    gen_diag_print(&diag, GEN_ERROR, &b);
    assert_non_null(strstr(b.data, "and 7 more\n"));
    csvc__buffer_release(&b);
}

/* The errors of a request, printed. */
static char *check(csvc_arena *a, gen_request *request)
{
    gen_diag diag;
    gen_model *model;
    csvc__buffer b;
    char *text;

    gen_diag_init(&diag, a);
    model = gen_model_build(request, &diag);
    assert_non_null(model);
    if (diag.n_errors == 0) {
        assert_true(gen_infer(model, &diag));
        gen_check(model, &request->parameters, &diag);
    }
    csvc__buffer_init(&b, 1 << 20);
    gen_diag_print(&diag, GEN_ERROR, &b);
    text = csvc_arena_strndup(a, b.data != NULL ? b.data : "", b.len);
    csvc__buffer_release(&b);
    return text;
}

static gen_request request_of(csvc_arena *a, const char *text, bool places)
{
    const char *file = "test.proto";
    csvc_error err = {CSVC_ERROR_INIT};
    gen_request request;

    assert_int_equal(
        gen_request_from_set(&request, a, proto_set_of_text(a, text, places), &file, 1, NULL, &err),
        CSVC_OK);
    return request;
}

static void editions_have_words_of_their_own(void **state)
{
    gen_request request =
        request_of(*state, "syntax = \"proto3\"; message A { string errno = 1; }", true);
    char edition[] = "editions";

    request.proto->proto_file[0]->syntax = edition;
    assert_string_equal(
        check(*state, &request),
        "test.proto:1:1: error: is written in an edition of protobuf (syntax \"editions\"); only "
        "proto2 and proto3 can be generated\n"
        "test.proto: note: protoc-gen-c knows no editions; write syntax = \"proto3\"; at its "
        "top\n");
}

static void without_places(void **state)
{
    gen_request request =
        request_of(*state, "syntax = \"proto3\"; package p; message A_B {} message AB {}", false);

    assert_string_equal(
        check(*state, &request),
        "test.proto: error: message p.AB and message p.A_B both make the C name P__AB\n"
        "test.proto: note: here is the other; rename one of the two, or give their files packages "
        "that differ\n");
}

/* Clashes among files that are only imported are not ours to refuse; nor are unused imports. */
static void only_what_is_generated(void **state)
{
    const char *files[] = {"files/a.proto"};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes set = proto_set(*state, "tests/protos/refused",
                               "files/a.proto files/b.proto files/c.proto", true);
    gen_request request;

    assert_int_equal(gen_request_from_set(&request, *state, set, files, 1, NULL, &err), CSVC_OK);
    assert_string_equal(check(*state, &request), "");
}

static void fine_things_are_fine(void **state)
{
    static const char *const files[] = {"names.proto",   "no_package.proto", "words.proto",
                                        "options.proto", "comments.proto",   "through.proto",
                                        "empty.proto"};
    csvc_error err = {CSVC_ERROR_INIT};
    gen_request request;
    csvc_bytes set = proto_set(*state, "tests/protos/accepted",
                               "names.proto no_package.proto words.proto options.proto "
                               "comments.proto through.proto empty.proto",
                               true);

    assert_int_equal(gen_request_from_set(&request, *state, set, files,
                                          sizeof(files) / sizeof(files[0]), NULL, &err),
                     CSVC_OK);
    assert_string_equal(check(*state, &request), "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, arena_setup, arena_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(problems_are_sorted),
        TEST(problems_have_a_maximum),
        TEST(editions_have_words_of_their_own),
        TEST(without_places),
        TEST(only_what_is_generated),
        TEST(fine_things_are_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
