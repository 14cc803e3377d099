/* How a server answers unary calls, over a transport whose events the test fires. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <rpc/ctx.h>

#include <string.h>

#include "failing_alloc.h"
#include "log_catcher.h"
#include "server_scene.h"

/* ---- unary calls ---- */

static void an_inline_call_is_answered_at_once(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    call = scene_arrive(&sc, "/test.Echo/Inline");
    assert_true(call->finished);
    assert_false(call->watched);
    assert_int_equal(sizeof(seven_ada), call->len);
    assert_memory_equal(seven_ada, call->message, call->len);
    assert_answer(call, CSVC_OK, "");
    scene_end(&sc);
}

static void an_inline_call_allocates_nothing(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    failing_alloc_begin(0);
    call = scene_finished(scene_arrive(&sc, "/test.Echo/Inline"));
    assert_int_equal(0, failing_alloc_end());
    assert_answer(call, CSVC_OK, "");
    scene_end(&sc);
}

static void a_pool_call_is_answered_from_a_worker(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    call = scene_arrive(&sc, "/test.Echo/Pool");
    assert_true(call->watched);
    fake_wait_finish(call);
    assert_int_equal(sizeof(seven_ada), call->len);
    assert_memory_equal(seven_ada, call->message, call->len);
    assert_answer(call, CSVC_OK, "");
    for (int i = 0; i < 200; i++) {
        assert_answer(scene_arrive(&sc, "/test.Echo/Pool"), CSVC_OK, "");
    }
    scene_end(&sc);
}

static void a_message_may_come_in_pieces_or_be_empty(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    call = scene_arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.in_pieces = true});
    assert_memory_equal(seven_ada, call->message, sizeof(seven_ada));
    assert_answer(call, CSVC_OK, "");
    call = scene_arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.bytes = "", .len = 0});
    assert_int_equal(0, call->len);
    assert_answer(call, CSVC_OK, "");
    scene_end(&sc);
}

static csvc_code long_reply(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                            Codec3__Inner *rsp)
{
    (void)peer;
    (void)req;
    rsp->name = csvc_alloc(ctx, 3001);
    memset(rsp->name, 'x', 3000);
    rsp->name[3000] = '\0';
    return CSVC_OK;
}

static void a_reply_may_be_longer_than_any_scratch(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    sc.peer.handle = long_reply;
    call = scene_arrive(&sc, "/test.Echo/Inline");
    assert_int_equal(3003, call->len);
    assert_answer(call, CSVC_OK, "");
    assert_answer(scene_arrive(&sc, "/test.Echo/Pool"), CSVC_OK, "");
    scene_end(&sc);
}

/* ---- what keeps a call from its handler ---- */

static void bytes_that_are_no_request(void **state)
{
    static const uint8_t bad[][4] = {{0xff, 0xff, 0xff, 0xff},
                                     {0x12, 0x7f, 'a', 'b'}, /* longer than there is */
                                     {0x12, 2, 0xff, 0xfe},  /* no UTF-8 */
                                     {0x12, 2, 'a', '\0'}};  /* a NUL within */
    scene sc;

    (void)state;
    scene_start(&sc);
    for (size_t i = 0; i < 4; i++) {
        for (int pool = 0; pool < 2; pool++) {
            fake_call *call = scene_finished(
                scene_arrive_with(&sc, pool ? "/test.Echo/Pool" : "/test.Echo/Inline",
                                  (fake_arrival){.bytes = bad[i], .len = 4}));

            assert_int_equal(CSVC_INTERNAL, call->code);
            assert_memory_equal("the request does not parse: ", call->text, 28);
            fake_call_free(call);
        }
    }
    assert_int_equal(0, sc.peer.calls);
    assert_answer(scene_arrive(&sc, "/test.Echo/Inline"), CSVC_OK, "");
    scene_end(&sc);
}

static void no_message_or_one_badly_packed(void **state)
{
    const fake_arrival none = {.path = "/test.Echo/Pool"};
    scene sc;

    (void)state;
    scene_start(&sc);
    assert_answer(fake_arrive(sc.ts, &none), CSVC_UNIMPLEMENTED,
                  "the call carries one message, not none");
    assert_answer(scene_arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.compressed = true}),
                  CSVC_INTERNAL, "a compressed message is no gzip, or is cut short");
    assert_int_equal(0, sc.peer.calls);
    scene_end(&sc);
}

static void paths_nobody_serves(void **state)
{
    scene sc;
    char path[2000] = "/x.Y/";

    (void)state;
    scene_start(&sc);
    assert_answer(scene_arrive(&sc, "/test.Echo/Nothing"), CSVC_UNIMPLEMENTED,
                  "unknown method /test.Echo/Nothing");
    assert_answer(scene_arrive(&sc, "/x.Y/Z"), CSVC_UNIMPLEMENTED, "unknown service /x.Y/Z");
    assert_answer(scene_arrive(&sc, ""), CSVC_UNIMPLEMENTED, "unknown service ");
    assert_answer(scene_arrive(&sc, "/"), CSVC_UNIMPLEMENTED, "unknown service /");
    assert_answer(scene_arrive(&sc, "test.Echo/Pool"), CSVC_UNIMPLEMENTED,
                  "unknown service test.Echo/Pool");
    assert_answer(scene_arrive(&sc, "/\xff\xfe/Z"), CSVC_UNIMPLEMENTED,
                  "unknown service (unreadable)");
    memset(path + 5, 'z', sizeof(path) - 6);
    path[sizeof(path) - 1] = '\0';
    {
        fake_call *call = scene_finished(scene_arrive(&sc, path));

        assert_int_equal(CSVC_UNIMPLEMENTED, call->code);
        assert_int_equal(495, strlen(call->text));
        fake_call_free(call);
    }
    scene_end(&sc);
}

static void slots_that_are_empty_and_streams(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc);
    assert_answer(scene_arrive(&sc, "/test.Echo/Missing"), CSVC_UNIMPLEMENTED,
                  "/test.Echo/Missing is not implemented");
    assert_answer(scene_arrive(&sc, "/test.Echo/Stream"), CSVC_UNIMPLEMENTED,
                  "/test.Echo/Stream is not implemented");
    scene_end(&sc);
}

static void a_call_that_is_over_before_it_begins(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc);
    assert_answer(scene_arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.deadline = 1}),
                  CSVC_DEADLINE_EXCEEDED, "deadline exceeded");
    assert_answer(scene_arrive_with(&sc, "/test.Echo/Pool", (fake_arrival){.deadline = 1}),
                  CSVC_DEADLINE_EXCEEDED, "deadline exceeded");
    assert_answer(scene_arrive_with(&sc, "/test.Echo/Pool", (fake_arrival){.ended = true}),
                  CSVC_CANCELLED, "cancelled");
    assert_int_equal(0, sc.peer.calls);
    assert_answer(scene_arrive_with(&sc, "/test.Echo/Inline",
                                    (fake_arrival){.deadline = csvc__now() + 60 * CSVC__SECOND}),
                  CSVC_OK, "");
    scene_end(&sc);
}

/* ---- what a handler says ---- */

static csvc_code fails_with_text(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                                 Codec3__Inner *rsp)
{
    (void)peer;
    (void)rsp;
    return csvc_fail(ctx, CSVC_NOT_FOUND, "user %d not found", req->id);
}

static csvc_code deals_with_it(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                               Codec3__Inner *rsp)
{
    csvc_fail(ctx, CSVC_NOT_FOUND, "secret");
    return echo_back(peer, ctx, req, rsp);
}

static csvc_code other_code(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                            Codec3__Inner *rsp)
{
    (void)peer;
    (void)req;
    (void)rsp;
    csvc_fail(ctx, CSVC_NOT_FOUND, "secret");
    return CSVC_ABORTED;
}

static void failures_and_their_text(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc);
    sc.peer.handle = fails_with_text;
    assert_answer(scene_arrive(&sc, "/test.Echo/Inline"), CSVC_NOT_FOUND, "user 7 not found");
    assert_answer(scene_arrive(&sc, "/test.Echo/Pool"), CSVC_NOT_FOUND, "user 7 not found");
    sc.peer.handle = deals_with_it;
    assert_answer(scene_arrive(&sc, "/test.Echo/Inline"), CSVC_OK, "");
    sc.peer.handle = other_code;
    assert_answer(scene_arrive(&sc, "/test.Echo/Inline"), CSVC_ABORTED, "");
    scene_end(&sc);
}

static csvc_code code_77(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                         Codec3__Inner *rsp)
{
    (void)peer;
    (void)ctx;
    (void)req;
    (void)rsp;
    return (csvc_code)77;
}

static csvc_code bad_utf8(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                          Codec3__Inner *rsp)
{
    static char name[] = "\xff";

    (void)peer;
    (void)ctx;
    (void)req;
    rsp->name = name;
    return CSVC_OK;
}

static void a_handler_that_misbehaves(void **state)
{
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    log_catch(CSVC_LOG_INFO);
    sc.peer.handle = code_77;
    assert_answer(scene_arrive(&sc, "/test.Echo/Inline"), CSVC_INTERNAL,
                  "the handler returned 77, which is no status code");
    assert_string_equal("error no such status code method=/test.Echo/Inline from=the handler "
                        "code=77\n",
                        log_caught());
    log_catch(CSVC_LOG_INFO);
    sc.peer.handle = bad_utf8;
    call = scene_finished(scene_arrive(&sc, "/test.Echo/Pool"));
    assert_int_equal(CSVC_INTERNAL, call->code);
    assert_memory_equal("the reply cannot be encoded: ", call->text, 29);
    assert_false(call->has_message);
    assert_non_null(strstr(log_caught(), "error a reply cannot be encoded method=/test.Echo/Pool"));
    fake_call_free(call);
    log_let_go();
    scene_end(&sc);
}

static csvc_code takes_memory(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                              Codec3__Inner *rsp)
{
    (void)req;
    (void)rsp;
    peer->data = csvc_alloc(ctx, 100000);
    return peer->data == NULL ? csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "too much") : CSVC_OK;
}

static void memory_of_a_call_is_limited(void **state)
{
    scene sc;

    (void)state;
    scene_start_with(&sc, (csvc_server_options){.max_call_memory = 50000});
    sc.peer.handle = takes_memory;
    assert_answer(scene_arrive(&sc, "/test.Echo/Inline"), CSVC_RESOURCE_EXHAUSTED, "too much");
    sc.peer.handle = echo_back;
    assert_answer(scene_arrive_with(&sc, "/test.Echo/Inline", (fake_arrival){.fail_reserve = true}),
                  CSVC_RESOURCE_EXHAUSTED, "out of memory");
    scene_end(&sc);

    scene_start(&sc);
    sc.peer.handle = takes_memory;
    assert_answer(scene_arrive(&sc, "/test.Echo/Inline"), CSVC_OK, "");
    scene_end(&sc);
}

/* ---- the ctx of a call ---- */

static csvc_code looks_around(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                              Codec3__Inner *rsp)
{
    csvc_bytes value;

    (void)req;
    (void)rsp;
    assert_string_equal("acme", csvc_metadata(ctx, "x-tenant"));
    assert_ptr_equal(csvc_metadata(ctx, "x-tenant"), csvc_metadata(ctx, "x-tenant"));
    assert_string_equal("", csvc_metadata(ctx, "x-empty"));
    assert_null(csvc_metadata(ctx, "x-other"));
    assert_null(csvc_metadata(ctx, NULL));
    assert_true(csvc_metadata_value(ctx, "x-tenant", 1, &value));
    assert_int_equal(5, value.len);
    assert_memory_equal("other", value.data, 5);
    assert_false(csvc_metadata_value(ctx, "x-tenant", 2, &value));
    assert_string_equal("fake:1", csvc_peer(ctx));
    assert_string_equal(peer->data, csvc_method_path(ctx));
    assert_false(csvc_cancelled(ctx));
    assert_true(csvc_time_left_ms(ctx) > 50000);
    assert_int_equal(strcmp(peer->data, "/test.Echo/Pool") == 0, csvc__ctx_may_block(ctx));

    assert_int_equal(CSVC_OK, csvc_set_header(ctx, "x-h", "1"));
    assert_int_equal(CSVC_OK, csvc_set_trailer(ctx, "x-t", "2"));
    for (int i = 1; i < 64; i++) {
        assert_int_equal(CSVC_OK, csvc_set_trailer_bytes(ctx, "x-t-bin",
                                                         (csvc_bytes){2, (const uint8_t *)"\0"}));
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc_set_trailer(ctx, "x-t", "65th"));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_set_header(ctx, "X-H", "1"));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_set_header(ctx, NULL, "1"));
    assert_int_equal(CSVC_OK, csvc_set_header(ctx, "x-h", NULL));
    return CSVC_OK;
}

static void what_a_handler_sees_and_sets(void **state)
{
    static const csvc_md md[] = {
        {{8, (const uint8_t *)"x-tenant"}, {4, (const uint8_t *)"acme"}},
        {{7, (const uint8_t *)"x-empty"}, {0, NULL}},
        {{8, (const uint8_t *)"x-tenant"}, {5, (const uint8_t *)"other"}},
    };
    static const char *const paths[] = {"/test.Echo/Inline", "/test.Echo/Pool"};
    scene sc;

    (void)state;
    scene_start(&sc);
    sc.peer.handle = looks_around;
    for (int i = 0; i < 2; i++) {
        fake_call *call;

        sc.peer.data = (void *)(uintptr_t)paths[i];
        call = scene_finished(scene_arrive_with(
            &sc, paths[i],
            (fake_arrival){.metadata = {md, 3}, .deadline = csvc__now() + 60 * CSVC__SECOND}));
        assert_int_equal(2, call->n_headers);
        assert_string_equal("x-h=1", call->first_header);
        assert_int_equal(64, call->n_trailers);
        assert_string_equal("x-t=2", call->first_trailer);
        assert_answer(call, CSVC_OK, "");
    }
    scene_end(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inline_call_is_answered_at_once),
        cmocka_unit_test(an_inline_call_allocates_nothing),
        cmocka_unit_test(a_pool_call_is_answered_from_a_worker),
        cmocka_unit_test(a_message_may_come_in_pieces_or_be_empty),
        cmocka_unit_test(a_reply_may_be_longer_than_any_scratch),
        cmocka_unit_test(bytes_that_are_no_request),
        cmocka_unit_test(no_message_or_one_badly_packed),
        cmocka_unit_test(paths_nobody_serves),
        cmocka_unit_test(slots_that_are_empty_and_streams),
        cmocka_unit_test(a_call_that_is_over_before_it_begins),
        cmocka_unit_test(failures_and_their_text),
        cmocka_unit_test(a_handler_that_misbehaves),
        cmocka_unit_test(memory_of_a_call_is_limited),
        cmocka_unit_test(what_a_handler_sees_and_sets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
