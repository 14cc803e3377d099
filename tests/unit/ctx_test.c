#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/service.h>
#include <rpc/ctx.h>

#include <stdio.h>
#include <string.h>

#include "failing_alloc.h"

static void memory_lives_as_long_as_the_ctx(void **state)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);
    char *text = csvc_strdup(ctx, "ada");
    char *printed = csvc_printf(ctx, "%s-%d", text, 7);
    char *large = csvc_alloc(ctx, 100000);
    int *zeros = csvc_calloc(ctx, 10, sizeof(int));

    (void)state;
    assert_string_equal("ada", text);
    assert_string_equal("ada-7", printed);
    assert_non_null(large);
    memset(large, 1, 100000);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(0, zeros[i]);
    }
    assert_true(csvc_arena_size(csvc_ctx_arena(ctx)) >= 100000);
    assert_null(csvc_ctx_unref(ctx));
    assert_null(csvc_ctx_unref(NULL));
}

static void memory_has_a_limit(void **state)
{
    const csvc_ctx_options options = {CSVC_CTX_OPTIONS_INIT, .max_memory = 4096};
    csvc_ctx *ctx = csvc_ctx_new(&options);

    (void)state;
    assert_null(csvc_alloc(ctx, 5000));
    assert_non_null(csvc_alloc(ctx, 100));
    csvc_ctx_unref(ctx);

    ctx = csvc_ctx_new(NULL); /* the default: 64 MiB */
    assert_null(csvc_alloc(ctx, (size_t)64 << 20));
    assert_non_null(csvc_alloc(ctx, (size_t)60 << 20));
    csvc_ctx_unref(ctx);
}

static void a_failure_goes_with_its_own_code_only(void **state)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);

    (void)state;
    assert_string_equal("", csvc_fail_text(ctx, CSVC_NOT_FOUND));
    assert_int_equal(CSVC_NOT_FOUND, csvc_fail(ctx, CSVC_NOT_FOUND, "user %d not found", 42));
    assert_string_equal("user 42 not found", csvc_fail_text(ctx, CSVC_NOT_FOUND));
    assert_string_equal("", csvc_fail_text(ctx, CSVC_INTERNAL));
    assert_string_equal("", csvc_fail_text(ctx, CSVC_OK));
    assert_int_equal(CSVC_ABORTED, csvc_fail(ctx, CSVC_ABORTED, "again"));
    assert_string_equal("", csvc_fail_text(ctx, CSVC_NOT_FOUND));
    assert_int_equal(CSVC_UNIMPLEMENTED, csvc_unimplemented(ctx));
    assert_string_equal("this is not implemented", csvc_fail_text(ctx, CSVC_UNIMPLEMENTED));
    csvc_ctx_unref(ctx);
}

/* 495 bytes, and never half a character. */
static void a_long_text_is_cut_between_characters(void **state)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);
    char text[2000];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    csvc_fail(ctx, CSVC_INTERNAL, "%s", text);
    assert_int_equal(495, strlen(csvc_fail_text(ctx, CSVC_INTERNAL)));
    for (size_t at = 488; at < 496; at++) {
        const char *cut;

        memset(text, 'x', sizeof(text));
        memcpy(text + at, "\xf0\x9f\x8c\x8d", 4);
        text[1000] = '\0';
        csvc_fail(ctx, CSVC_INTERNAL, "%s", text);
        cut = csvc_fail_text(ctx, CSVC_INTERNAL);
        assert_int_equal(at <= 491 ? 495 : at < 495 ? at : 495, strlen(cut));
    }
    csvc_ctx_unref(ctx);
}

static void time_runs_out(void **state)
{
    csvc_ctx_options options = {CSVC_CTX_OPTIONS_INIT, .timeout_ms = 60000};
    csvc_ctx *ctx = csvc_ctx_new(&options);
    int64_t left = csvc_time_left_ms(ctx);

    (void)state;
    assert_true(left > 50000 && left <= 60000);
    assert_false(csvc_cancelled(ctx));
    assert_int_equal(CSVC_OK, csvc_check_cancelled(ctx));
    ctx->deadline = csvc__now() - 1; /* rather than waiting for it */
    assert_int_equal(0, csvc_time_left_ms(ctx));
    assert_true(csvc_cancelled(ctx));
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, csvc_check_cancelled(ctx));
    assert_string_equal("deadline exceeded", csvc_fail_text(ctx, CSVC_DEADLINE_EXCEEDED));
    csvc_ctx_unref(ctx);

    options.timeout_ms = INT64_MAX; /* no overflow: that is forever */
    ctx = csvc_ctx_new(&options);
    assert_int_equal(-1, csvc_time_left_ms(ctx));
    csvc_ctx_unref(ctx);
    ctx = csvc_ctx_new(NULL);
    assert_int_equal(-1, csvc_time_left_ms(ctx));
    csvc_ctx_unref(ctx);
}

static void note(void *self)
{
    char **at = self;

    *(*at)++ = 'n';
}

static void note_other(void *self)
{
    char **at = self;

    *(*at)++ = 'o';
}

static void hooks_run_once_in_order(void **state)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);
    char seen[8] = "";
    char *at = seen;

    (void)state;
    assert_int_equal(CSVC_OK, csvc_on_cancel(ctx, note, &at));
    assert_int_equal(CSVC_OK, csvc_on_cancel(ctx, note_other, &at));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_on_cancel(ctx, NULL, NULL));
    assert_string_equal("", seen);
    csvc_ctx_cancel(ctx);
    assert_string_equal("no", seen);
    csvc_ctx_cancel(ctx);
    assert_string_equal("no", seen);
    assert_int_equal(CSVC_OK, csvc_on_cancel(ctx, note, &at)); /* at once */
    assert_string_equal("non", seen);
    assert_true(csvc_cancelled(ctx));
    assert_int_equal(CSVC_CANCELLED, csvc_check_cancelled(ctx));
    csvc_ctx_unref(ctx);
}

static void a_hook_taken_away_does_not_run(void **state)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);
    char seen[8] = "";
    char *at = seen;
    csvc__hook hooks[4] = {{.fn = note, .self = &at},
                           {.fn = note_other, .self = &at},
                           {.fn = note, .self = &at},
                           {.fn = note_other, .self = &at}};

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_true(csvc__ctx_hook_add(ctx, &hooks[i]));
    }
    csvc__ctx_hook_remove(ctx, &hooks[1]); /* in the middle, first, last, and once more */
    csvc__ctx_hook_remove(ctx, &hooks[0]);
    csvc__ctx_hook_remove(ctx, &hooks[3]);
    csvc__ctx_hook_remove(ctx, &hooks[3]);
    assert_true(csvc__ctx_hook_add(ctx, &hooks[1]));
    csvc__ctx_cancel(ctx, CSVC_UNAVAILABLE);
    assert_string_equal("no", seen);
    assert_int_equal(CSVC_UNAVAILABLE, csvc_check_cancelled(ctx));
    assert_string_equal("the server is stopping", csvc_fail_text(ctx, CSVC_UNAVAILABLE));
    assert_false(csvc__ctx_hook_add(ctx, &hooks[0]));
    assert_string_equal("non", seen);
    csvc__ctx_hook_remove(ctx, &hooks[0]);
    csvc_ctx_unref(ctx);
}

/* A hook may take itself or another one away, ask about the ctx, and put a new one in place. */
typedef struct tangle {
    csvc_ctx *ctx;
    csvc__hook *self_hook, *other;
    char seen[8];
    char *at;
} tangle;

static void entangled(void *self)
{
    tangle *t = self;

    *t->at++ = 'e';
    csvc__ctx_hook_remove(t->ctx, t->self_hook);
    csvc__ctx_hook_remove(t->ctx, t->other);
    assert_true(csvc_cancelled(t->ctx));
    assert_int_equal(CSVC_OK, csvc_on_cancel(t->ctx, note, &t->at));
}

static void a_hook_may_use_its_ctx(void **state)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);
    tangle t = {.ctx = ctx};
    csvc__hook first = {.fn = entangled, .self = &t};
    csvc__hook second = {.fn = note_other, .self = &t.at};

    (void)state;
    t.at = t.seen;
    t.self_hook = &first;
    t.other = &second;
    assert_true(csvc__ctx_hook_add(ctx, &first));
    assert_true(csvc__ctx_hook_add(ctx, &second));
    csvc_ctx_cancel(ctx);
    assert_string_equal("en", t.seen);
    csvc_ctx_unref(ctx);
}

/* One thread cancels while another takes its hook away: that one waits for the hook to end. */
typedef struct race {
    csvc_ctx *ctx;
    atomic_bool entered, removing, left;
} race;

static void takes_its_time(void *self)
{
    race *r = self;
    int64_t until;

    atomic_store(&r->entered, true);
    while (!atomic_load(&r->removing)) {
    }
    until = csvc__now() + 2 * CSVC__MS; /* time enough for a remove that does not wait */
    while (csvc__now() < until) {
    }
    atomic_store(&r->left, true);
}

static void *cancel_it(void *arg)
{
    csvc_ctx *ctx = arg;

    csvc_ctx_cancel(ctx);
    csvc_ctx_unref(ctx);
    return NULL;
}

static void removing_waits_for_a_hook_that_runs(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        race r = {.ctx = csvc_ctx_new(NULL)};
        csvc__hook hook = {.fn = takes_its_time, .self = &r};
        pthread_t thread;

        assert_true(csvc__ctx_hook_add(r.ctx, &hook));
        assert_int_equal(0, pthread_create(&thread, NULL, cancel_it, csvc_ctx_ref(r.ctx)));
        while (!atomic_load(&r.entered)) {
        }
        atomic_store(&r.removing, true);
        csvc__ctx_hook_remove(r.ctx, &hook);
        assert_true(atomic_load(&r.left));
        csvc_ctx_unref(r.ctx);
        assert_int_equal(0, pthread_join(thread, NULL));
    }
}

static void what_only_an_rpc_has_is_null(void **state)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);
    csvc_bytes value;

    (void)state;
    assert_null(csvc_metadata(ctx, "x-tenant"));
    assert_false(csvc_metadata_value(ctx, "x-tenant", 0, &value));
    assert_null(csvc_peer(ctx));
    assert_null(csvc_method_path(ctx));
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_set_header(ctx, "x-a", "b"));
    assert_true(csvc__ctx_may_block(ctx));
    csvc_ctx_unref(ctx);
}

static void metadata_that_may_not_be_sent(void **state)
{
    static const char *const bad_keys[] = {
        "",   "X-Up",         "a b",       ":path", "grpc-status",
        "te", "content-type", "h\xc3\xa9", "a:b",   "user-agent"};
    static const char *const bad_values[] = {"a\nb", "\xc3\xa9", "\x7f", "tab\t"};
    const csvc_bytes fine = {1, (const uint8_t *)"v"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad_keys) / sizeof(bad_keys[0]); i++) {
        assert_non_null(csvc__metadata_refuse(bad_keys[i], fine));
    }
    assert_non_null(csvc__metadata_refuse(NULL, fine));
    for (size_t i = 0; i < sizeof(bad_values) / sizeof(bad_values[0]); i++) {
        const csvc_bytes value = {strlen(bad_values[i]), (const uint8_t *)bad_values[i]};

        assert_non_null(csvc__metadata_refuse("x-key", value));
        assert_null(csvc__metadata_refuse("x-key-bin", value));
    }
    assert_null(csvc__metadata_refuse("x-key.0_1", fine));
    assert_null(csvc__metadata_refuse("x-key", (csvc_bytes){0}));
}

static void every_allocation_may_fail(void **state)
{
    size_t n = 0, asked;

    (void)state;
    do {
        csvc_ctx *ctx;

        failing_alloc_begin(++n);
        ctx = csvc_ctx_new(NULL);
        if (ctx != NULL) {
            char *at = (char[4]){0};

            (void)!csvc_alloc(ctx, 3000);
            (void)!csvc_strdup(ctx, "text");
            (void)!csvc_on_cancel(ctx, note, &at);
            csvc_ctx_unref(ctx);
        }
        asked = failing_alloc_end();
        assert_int_equal(0, failing_alloc_live());
    } while (asked >= n);
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_lives_as_long_as_the_ctx),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(a_failure_goes_with_its_own_code_only),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(hooks_run_once_in_order),
        cmocka_unit_test(a_hook_taken_away_does_not_run),
        cmocka_unit_test(a_hook_may_use_its_ctx),
        cmocka_unit_test(removing_waits_for_a_hook_that_runs),
        cmocka_unit_test(what_only_an_rpc_has_is_null),
        cmocka_unit_test(metadata_that_may_not_be_sent),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
