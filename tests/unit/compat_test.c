/*
 * compat_test.c: what becomes of services and rpcs between two versions of a proto. The rules for
 * incompatible changes are held against buf's in tests/e2e/compat_buf.py.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "compat/compat.h"
#include "model/build.h"
#include "proto_helpers.h"
#include "request/request.h"

#define HEAD "syntax = \"proto3\"; package shop; message A { int64 id = 1; } message B {} "

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

static const gen_model *model_of(csvc_arena *a, const char *text)
{
    static const char *const files[] = {"test.proto"};
    gen_request *request = csvc_arena_calloc(a, 1, sizeof(*request));
    csvc_bytes set = proto_set_of_text(a, text, true);
    csvc_error err = {CSVC_ERROR_INIT};
    gen_model *model;
    gen_diag diag;

    assert_non_null(request);
    assert_int_equal(gen_request_from_set(request, a, set, files, 1, NULL, &err), CSVC_OK);
    gen_diag_init(&diag, a);
    model = gen_model_build(request, &diag);
    assert_non_null(model);
    assert_int_equal(diag.n_errors, 0);
    return model;
}

/* All of it as one line: `Service: Rpc same, -Gone?Likely; ` */
static const char *told(csvc_arena *a, const compat_services *all)
{
    static const char *const fates[] = {"same", "retyped", "added", "removed", "renamed"};
    const char *line = "";

    for (size_t i = 0; i < all->n_services; i++) {
        const compat_service *s = &all->services[i];

        line = csvc_arena_printf(
            a, "%s%s%s>%s%s%s:", line, i > 0 ? "; " : "",
            s->before != NULL ? s->before->full_name : "", s->now != NULL ? s->now->full_name : "",
            s->likely != NULL ? "?" : "", s->likely != NULL ? s->likely->full_name : "");
        assert_int_equal(s->renamed, s->before != NULL && s->now != NULL &&
                                         strcmp(s->before->full_name, s->now->full_name) != 0);
        for (size_t k = 0; k < s->n_rpcs; k++) {
            const compat_rpc *r = &s->rpcs[k];

            line = csvc_arena_printf(
                a, "%s %s %s%s%s", line, fates[r->fate], r->before != NULL ? r->before->name : "",
                r->fate == COMPAT_RENAMED || r->before == NULL ? "=" : "",
                r->fate == COMPAT_RENAMED || r->before == NULL ? r->now->name
                : r->likely != NULL ? (const char *)csvc_arena_printf(a, "?%s", r->likely->name)
                                    : "");
        }
    }
    return line;
}

static csvc_code match(csvc_arena *a, const char *before, const char *now, compat_rename *renames,
                       size_t n, const char **ret_told, csvc_error *err)
{
    compat_services all;
    csvc_code code = compat_match(a, model_of(a, before), model_of(a, now), renames, n, &all, err);

    if (code == CSVC_OK) {
        *ret_told = told(a, &all);
    }
    return code;
}

static void assert_told(csvc_arena *a, const char *before, const char *now, compat_rename *renames,
                        size_t n, const char *wanted)
{
    csvc_error err = {CSVC_ERROR_INIT};
    const char *line = NULL;

    assert_int_equal(match(a, before, now, renames, n, &line, &err), CSVC_OK);
    assert_string_equal(line, wanted);
}

static void fates(void **state)
{
    static const char before[] = HEAD "service S { rpc Get(A) returns (B); rpc Put(A) returns (B);"
                                      " rpc Old(B) returns (B); }";

    assert_told(*state, before, before, NULL, 0, "shop.S>shop.S: same Get same Put same Old");
    assert_told(*state, before,
                HEAD "service S { rpc New(A) returns (A); rpc Put(A) returns (stream B);"
                     " rpc Get(B) returns (B); }",
                NULL, 0, "shop.S>shop.S: added =New retyped Put retyped Get removed Old");
    assert_told(*state, before, HEAD "service T { rpc Other(A) returns (B); }", NULL, 0,
                ">shop.T: added =Other; shop.S>: removed Get removed Put removed Old");
    assert_told(*state, HEAD, before, NULL, 0, ">shop.S: added =Get added =Put added =Old");
}

/* A removed rpc may be an added one with its types and streaming: the one in its place, or the only
 * one. */
static void likely_names(void **state)
{
    static const char before[] = HEAD "service S { rpc Get(A) returns (B); rpc Put(A) returns (B);"
                                      " rpc Keep(B) returns (B); rpc Drop(A) returns (B); }";

    assert_told(*state, before,
                HEAD "service S { rpc Fetch(A) returns (B); rpc Set(A) returns (B);"
                     " rpc Keep(B) returns (B); rpc Remove(A) returns (B); }",
                NULL, 0,
                "shop.S>shop.S: added =Fetch added =Set same Keep added =Remove removed Get?Fetch "
                "removed Put?Set removed Drop?Remove");
    assert_told(*state, before,
                HEAD "service S { rpc Get(A) returns (B); rpc Put(A) returns (B);"
                     " rpc Remove(A) returns (B); rpc Keep(B) returns (B); }",
                NULL, 0,
                "shop.S>shop.S: same Get same Put added =Remove same Keep removed Drop?Remove");
    assert_told(*state, before,
                HEAD "service S { rpc Get(A) returns (B); rpc Put(A) returns (B);"
                     " rpc X(A) returns (B); rpc Y(A) returns (B); rpc Keep(B) returns (B); }",
                NULL, 0,
                "shop.S>shop.S: same Get same Put added =X added =Y same Keep removed Drop");
    assert_told(*state, before,
                HEAD "service S { rpc Get(A) returns (B); rpc Put(A) returns (B);"
                     " rpc Keep(B) returns (B); rpc Drip(A) returns (stream B); }",
                NULL, 0, "shop.S>shop.S: same Get same Put same Keep added =Drip removed Drop");
}

static void likely_services(void **state)
{
    static const char before[] =
        HEAD "service S { rpc Get(A) returns (B); rpc Put(A) returns (B); }";

    assert_told(*state, before,
                "syntax = \"proto3\"; package shop.v2; message A { int64 id = 1; } message B {} "
                "service S { rpc Get(A) returns (B); rpc Put(A) returns (B); }",
                NULL, 0,
                ">shop.v2.S: added =Get added =Put; shop.S>?shop.v2.S: removed Get removed Put");
    assert_told(*state, before, HEAD "service T { rpc Get(A) returns (B); }", NULL, 0,
                ">shop.T: added =Get; shop.S>?shop.T: removed Get removed Put");
}

static void renames(void **state)
{
    static const char before[] =
        HEAD "service S { rpc Get(A) returns (B); rpc Put(A) returns (B); }"
             "service T { rpc Get(A) returns (B); }";
    static const char now[] = HEAD "service S { rpc Fetch(B) returns (B); rpc Put(A) returns (B); }"
                                   "service U { rpc Get(A) returns (B); }";
    compat_rename some[] = {{.before = "S.Get", .now = "Fetch"}, {.before = "T", .now = "shop.U"}};
    compat_rename column[] = {{.before = "nick", .now = "alias"}};

    assert_told(*state, before, now, some, 2,
                "shop.S>shop.S: renamed Get=Fetch same Put; shop.T>shop.U: same Get");
    assert_true(some[0].used);
    assert_true(some[1].used);
    assert_told(*state, before, before, column, 1,
                "shop.S>shop.S: same Get same Put; "
                "shop.T>shop.T: same Get");
    assert_false(column[0].used);
}

static void wrong_renames(void **state)
{
    static const char before[] =
        HEAD "service S { rpc Get(A) returns (B); rpc Put(A) returns (B); }"
             "service T { rpc Get(A) returns (B); }";
    static const char now[] = HEAD "service S { rpc Fetch(A) returns (B); rpc Put(A) returns (B); }"
                                   "service T { rpc Other(A) returns (B); }";
    static const struct {
        const char *before, *now, *text;
    } cases[] = {
        {"Get", "Fetch", "Get may be shop.S.Get or shop.T.Get; give the full name"},
        {"S.Get", "Other",
         "S.Get=Other: no rpc Other came to shop.S with this change of the protos"},
        {"S.Get", "Put", "S.Get=Put: no rpc Put came to shop.S with this change of the protos"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        compat_rename one = {.before = cases[i].before, .now = cases[i].now};
        csvc_error err = {CSVC_ERROR_INIT};
        const char *line = NULL;

        assert_int_equal(match(*state, before, now, &one, 1, &line, &err), CSVC_INVALID_ARGUMENT);
        assert_string_equal(err.text, cases[i].text);
    }
}

/* Offers carry no more of a name than is needed; what is kept is offered no more. */
static void offers(void **state)
{
    static const char before[] =
        HEAD "service S { rpc Get(A) returns (B); rpc Old(A) returns (A); }"
             "service T { rpc Get(A) returns (B); } service U { rpc Own(B) returns (A); }";
    static const char now[] = HEAD "service S { rpc Fetch(A) returns (B); rpc New(A) returns (A); }"
                                   "service T { rpc Fetch(A) returns (B); }"
                                   "service V { rpc Own(B) returns (A); }";
    csvc_error err = {CSVC_ERROR_INIT};
    compat_services all;

    assert_int_equal(
        compat_match(*state, model_of(*state, before), model_of(*state, now), NULL, 0, &all, &err),
        CSVC_OK);
    assert_string_equal(all.services[0].rpcs[2].offer, "shop.S.Get=Fetch");
    assert_string_equal(all.services[0].rpcs[3].offer, "Old=New");
    assert_string_equal(all.services[1].rpcs[1].offer, "shop.T.Get=Fetch");
    assert_string_equal(all.services[3].offer, "shop.U=shop.V");
    assert_false(compat_keep(&all, "Nothing"));
    assert_false(compat_keep(&all, "V"));
    assert_false(compat_keep(&all, "op.S.Get"));
    assert_false(compat_keep(&all, "et"));
    assert_true(compat_keep(&all, "S.Get"));
    assert_null(all.services[0].rpcs[2].likely);
    assert_non_null(all.services[0].rpcs[3].likely);
    assert_non_null(all.services[1].rpcs[1].likely);
    assert_true(compat_keep(&all, "Get")); /* those of both */
    assert_null(all.services[1].rpcs[1].likely);
    assert_true(compat_keep(&all, "shop.U"));
    assert_null(all.services[3].likely);
}

/* The note names the very command. */
static void a_rename_is_offered(void **state)
{
    const gen_model *before = model_of(*state, HEAD "service S { rpc Get(A) returns (B); }");
    const gen_model *now = model_of(*state, HEAD "service S { rpc Fetch(A) returns (B); }");
    csvc_error err = {CSVC_ERROR_INIT};
    compat_services matched;
    csvc__buffer text;
    gen_diag diag;

    assert_int_equal(compat_match(*state, before, now, NULL, 0, &matched, &err), CSVC_OK);
    gen_diag_init(&diag, *state);
    assert_int_equal(compat_check(before, now, &matched, GEN_ERROR, &diag), 0);
    csvc__buffer_init(&text, 1 << 16);
    gen_diag_print(&diag, GEN_NOTE, &text);
    assert_non_null(strstr(text.data, "c-svc update --rename Get=Fetch"));
    csvc__buffer_release(&text);
    assert_int_equal(diag.n_errors, 0);

    now = model_of(*state, HEAD "service S { rpc Get(B) returns (B); }");
    assert_int_equal(compat_match(*state, before, now, NULL, 0, &matched, &err), CSVC_OK);
    gen_diag_init(&diag, *state);
    assert_int_equal(compat_check(before, now, &matched, GEN_ERROR, &diag), 1);
    assert_int_equal(diag.n_errors, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fates, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(likely_names, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(likely_services, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(renames, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(wrong_renames, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(offers, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(a_rename_is_offered, arena_setup, arena_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
