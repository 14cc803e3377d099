/* plugin_oom_test.c: a small plugin run in which the n-th allocation fails, for every n. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "failing_alloc.h"
#include "proto_helpers.h"
#include "plugin/plugin.h"
#include "request/request.h"

static const char protos[] =
    "syntax = \"proto3\";\n"
    "package shop;\n"
    "import \"c_svc/options.proto\";\n"
    "// Kept.\n"
    "message User {\n"
    "  option (c_svc.message).table = \"people\";\n"
    "  int64 id = 1;\n"
    "  string username = 2 [(c_svc.field).max_len = 9, (c_svc.field).unique = true];\n"
    "  optional int32 errno = 3;\n"
    "  int32 base = 4;\n"
    "  oneof kind { string a = 5; int32 b = 6; }\n"
    "  map<string, int32> counts = 7;\n"
    "  enum Kind { NONE = 0; }\n"
    "}\n"
    "message GetUserRequest { int64 id = 1; }\n"
    "service UserService {\n"
    "  rpc GetUser(GetUserRequest) returns (User);\n"
    "  rpc CreateUser(User) returns (User);\n"
    "}\n";

/* The same without what messages=off cannot have. */
static const char protos_off[] =
    "syntax = \"proto3\";\n"
    "package shop;\n"
    "import \"c_svc/options.proto\";\n"
    "message User {\n"
    "  int64 id = 1;\n"
    "  string username = 2 [(c_svc.field).max_len = 9, (c_svc.field).unique = true];\n"
    "  oneof kind { string a = 5; int32 b = 6; }\n"
    "  map<string, int32> counts = 7;\n"
    "}\n"
    "message GetUserRequest { int64 id = 1; }\n"
    "service UserService {\n"
    "  rpc GetUser(GetUserRequest) returns (User);\n"
    "  rpc CreateUser(User) returns (User);\n"
    "}\n";

static void judge(csvc_code code, const csvc_error *err, gen_response response, bool want_error)
{
    if (code == CSVC_OK) {
        /* A response after all: right, or it would be a failure that nobody was told of. */
        bool is_error = response.n_pieces > 0 && response.pieces[0].data[0] == (1 << 3 | 2);

        assert_true(is_error == want_error);
    } else {
        assert_int_equal(code, CSVC_RESOURCE_EXHAUSTED);
        assert_true(err->text[0] != '\0');
    }
}

/* Runs once with the n-th allocation failing; true when the run no longer noticed. */
static bool run(csvc_bytes request, size_t n, bool want_error)
{
    csvc_error err = {CSVC_ERROR_INIT};
    gen_response response = {0};
    csvc_code code = CSVC_RESOURCE_EXHAUSTED;
    csvc_arena *a;
    size_t asked;

    failing_alloc_begin(n);
    a = csvc_arena_new(0);
    if (a != NULL) {
        code = gen_plugin_run(a, request, &response, &err);
        judge(code, &err, response, want_error);
    }
    (void)csvc_arena_free(a);
    assert_int_equal(failing_alloc_live(), 0);
    asked = failing_alloc_end();
    if (n == 0 || asked < n) {
        assert_int_equal(code, CSVC_OK);
        return true;
    }
    return false;
}

static void all_allocations(csvc_bytes request, bool want_error)
{
    size_t n = 1;

    assert_true(run(request, 0, want_error));
    while (!run(request, n, want_error)) {
        n++;
    }
    assert_true(n > 5);
}

/* An arena asks for memory in chunks; one with a limit fails at any of its own allocations. */
static void all_limits(csvc_bytes request, bool want_error)
{
    csvc_code code = CSVC_RESOURCE_EXHAUSTED;
    size_t n_failed = 0;

    for (size_t max = 1024; code != CSVC_OK; max += 512) {
        csvc_error err = {CSVC_ERROR_INIT};
        gen_response response = {0};
        csvc_arena *a = csvc_arena_new(max);

        assert_non_null(a);
        code = gen_plugin_run(a, request, &response, &err);
        judge(code, &err, response, want_error);
        n_failed += code != CSVC_OK;
        (void)csvc_arena_free(a);
    }
    assert_true(n_failed > 20);
}

static csvc_bytes request_of(csvc_arena *a, const char *text, const char *parameter)
{
    const char *file = "test.proto";

    return proto_request(a, proto_set_of_text(a, text, true), &file, 1, parameter);
}

static void a_good_proto(void **state)
{
    csvc_arena *a = csvc_arena_new(0);

    (void)state;
    assert_non_null(a);
    all_allocations(request_of(a, protos, NULL), false);
    (void)csvc_arena_free(a);
}

static void a_bad_proto(void **state)
{
    csvc_arena *a = csvc_arena_new(0);

    (void)state;
    assert_non_null(a);
    all_allocations(request_of(a,
                               "syntax = \"proto2\"; package p; message A_B {} message AB {}\n"
                               "message D { optional string s = 1 [default = \"a\\0b\"]; }\n"
                               "message F { optional int32 aB = 1; optional int32 ab = 2; }",
                               "messages=off"),
                    true);
    (void)csvc_arena_free(a);
}

static void a_good_proto_and_little_memory(void **state)
{
    csvc_arena *a = csvc_arena_new(0);

    (void)state;
    assert_non_null(a);
    all_limits(request_of(a, protos_off, "messages=off"), false);
    (void)csvc_arena_free(a);
}

static void a_bad_proto_and_little_memory(void **state)
{
    csvc_arena *a = csvc_arena_new(0);

    (void)state;
    assert_non_null(a);
    all_limits(request_of(a, protos, "messages=off"), true); /* for its errno and base */
    (void)csvc_arena_free(a);
}

static void a_wrong_parameter(void **state)
{
    csvc_arena *a = csvc_arena_new(0);

    (void)state;
    assert_non_null(a);
    assert_true(run(request_of(a, protos, "colour=red"), 0, true));
    (void)csvc_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_proto),
        cmocka_unit_test(a_bad_proto),
        cmocka_unit_test(a_good_proto_and_little_memory),
        cmocka_unit_test(a_bad_proto_and_little_memory),
        cmocka_unit_test(a_wrong_parameter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
