/* Streams, seen from the seam: a transport's server, called by the C core. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <seam_peer.h>
#include <transports.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct scene {
    peer_server srv;
    csvc_tchannel *tch;
} scene;

static int set_up_with(void **state, size_t extra)
{
    scene *sc = calloc(1, sizeof(*sc));
    char target[64];
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_tchannel_config config = {.target = target, .max_message_bytes = 8 << 20};

    peer_server_start(&sc->srv, test_transport(), 2, extra);
    snprintf(target, sizeof(target), "127.0.0.1:%d", sc->srv.port);
    sc->tch = csvc_grpc_core.channel_new(&config, &err);
    assert_non_null(sc->tch);
    *state = sc;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, 0);
}

static int set_up_many_methods(void **state)
{
    return set_up_with(state, 100);
}

static int tear_down(void **state)
{
    scene *sc = *state;

    csvc_grpc_core.channel_free(sc->tch);
    peer_server_stop(&sc->srv);
    free(sc);
    return 0;
}

static void call(scene *sc, const char *path, const peer_stream_options *options,
                 peer_stream_result *ret_result)
{
    peer_call_stream(&csvc_grpc_core, sc->tch, path, options, ret_result);
}

static void bidi_keeps_order(void **state)
{
    static const int counts[] = {0, 1, 2, 500};
    static const size_t lens[] = {0, 300, 20000};
    peer_stream_result result;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        for (size_t j = 0; j < sizeof(lens) / sizeof(lens[0]); j++) {
            peer_stream_options options = {.n_send = counts[i], .message_len = lens[j]};

            call(*state, "/t.T/Bidi", &options, &result);
            assert_int_equal(CSVC_OK, result.code);
            assert_int_equal(counts[i], result.n_received);
            assert_true(result.in_order);
            assert_int_equal(counts[i], result.n_writable);
        }
    }
}

static void source_sends_all_then_its_status(void **state)
{
    static const char *const counts[] = {"0", "1", "1000"};
    peer_stream_result result;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        csvc_bytes request = peer_text(counts[i]);
        peer_stream_options options = {.request = &request};

        call(*state, "/t.T/Source", &options, &result);
        assert_int_equal(CSVC_OK, result.code);
        assert_string_equal("that was all", result.text);
        assert_int_equal(strtol(counts[i], NULL, 10), result.n_received);
        assert_true(result.in_order);
    }
}

static void sink_answers_at_half_close(void **state)
{
    peer_stream_options options = {.n_send = 300, .message_len = 1000};
    peer_stream_result result;

    call(*state, "/t.T/Sink", &options, &result);
    assert_int_equal(CSVC_OK, result.code);
    assert_int_equal(1, result.n_received);
    assert_string_equal("300000", result.first);
}

static void server_ends_before_the_caller(void **state)
{
    peer_stream_options options = {.n_send = 1000000, .message_len = 100};
    peer_stream_result result;

    call(*state, "/t.T/Early", &options, &result);
    assert_int_equal(CSVC_ABORTED, result.code);
    assert_string_equal("enough", result.text);
    assert_int_equal(0, result.n_received);
}

static void caller_cancels_midway(void **state)
{
    scene *sc = *state;
    peer_stream_options bidi = {.n_send = 1000000, .cancel_after = 50, .message_len = 10};
    peer_stream_result result;

    call(sc, "/t.T/Bidi", &bidi, &result);
    assert_int_equal(CSVC_CANCELLED, result.code);
    assert_string_equal("had enough", result.text);
    assert_int_equal(50, result.n_received);
    peer_server_wait_all_closed(&sc->srv);
    assert_int_equal(0, peer_server_count(&sc->srv, &sc->srv.delivered));
}

static void server_stops_at_cancellation(void **state)
{
    scene *sc = *state;
    csvc_bytes request = peer_text("100000000");
    peer_stream_options source = {.request = &request, .cancel_after = 50};
    peer_stream_result result;

    call(sc, "/t.T/Source", &source, &result);
    assert_int_equal(CSVC_CANCELLED, result.code);
    peer_server_wait(&sc->srv, &sc->srv.cancelled, 1);
    peer_server_wait(&sc->srv, &sc->srv.closed, 1);
}

static void deadline_ends_a_stream(void **state)
{
    scene *sc = *state;
    csvc_bytes request = peer_text("100000000");
    peer_stream_options options = {.request = &request, .timeout_ns = 100 * CSVC__MS};
    peer_stream_result result;

    call(sc, "/t.T/Source", &options, &result);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, result.code);
    assert_true(result.in_order);
    peer_server_wait(&sc->srv, &sc->srv.closed, 1);
}

static void unknown_stream(void **state)
{
    peer_stream_options options = {.n_send = 3};
    peer_stream_result result;

    call(*state, "/t.T/Nobody", &options, &result);
    assert_int_equal(CSVC_UNIMPLEMENTED, result.code);
}

static void everything_through_the_catch_all(void **state)
{
    bidi_keeps_order(state);
    source_sends_all_then_its_status(state);
    sink_answers_at_half_close(state);
    server_ends_before_the_caller(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bidi_keeps_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(source_sends_all_then_its_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sink_answers_at_half_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(server_ends_before_the_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(caller_cancels_midway, set_up, tear_down),
        cmocka_unit_test_setup_teardown(server_stops_at_cancellation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deadline_ends_a_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(everything_through_the_catch_all, set_up_many_methods,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
