/* Unary calls, seen from the seam: what comes through, both ways; the C core calls. */
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

static csvc_tchannel *open_channel(int port, uint32_t max_message)
{
    char target[64];
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_tchannel_config config = {.target = target, .max_message_bytes = max_message};
    csvc_tchannel *tch = NULL;

    snprintf(target, sizeof(target), "127.0.0.1:%d", port);
    tch = csvc_grpc_core.channel_new(&config, &err);
    if (tch == NULL) {
        fail_msg("%s", err.text);
    }
    return tch;
}

static int set_up(void **state)
{
    scene *sc = calloc(1, sizeof(*sc));

    peer_server_start(&sc->srv, test_transport(), 2, 0);
    sc->tch = open_channel(sc->srv.port, 8 << 20);
    *state = sc;
    return 0;
}

static int set_up_many_methods(void **state)
{
    scene *sc = calloc(1, sizeof(*sc));

    peer_server_start(&sc->srv, test_transport(), 1, 100);
    sc->tch = open_channel(sc->srv.port, 8 << 20);
    *state = sc;
    return 0;
}

static int tear_down(void **state)
{
    scene *sc = *state;

    csvc_grpc_core.channel_free(sc->tch);
    peer_server_stop(&sc->srv);
    free(sc);
    return 0;
}

static void call(scene *sc, const char *path, csvc_bytes request, const peer_options *options,
                 peer_result *ret_result)
{
    peer_call_unary(&csvc_grpc_core, sc->tch, path, request, options, ret_result);
}

static void check_echo(scene *sc, const char *path, size_t len, const peer_options *options)
{
    peer_result result;
    uint8_t *bytes = malloc(len + 1);

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 31 + len);
    }
    call(sc, path, (csvc_bytes){.len = len, .data = bytes}, options, &result);
    assert_string_equal("", result.text);
    assert_int_equal(CSVC_OK, result.code);
    assert_true(result.has_message);
    assert_int_equal(len, result.len);
    assert_memory_equal(bytes, result.message, len);
    peer_result_release(&result);
    free(bytes);
}

static void echo_of_every_size(void **state)
{
    static const size_t sizes[] = {0,    1,     22,    23,    24,     255,    256,
                                   8191, 16384, 65535, 65536, 100000, 1 << 20};
    peer_options counted = {.counted = true};
    peer_options on_loop = {.start_on_loop = true, .timeout_ns = 60 * CSVC__SECOND};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        check_echo(*state, "/t.T/Echo", sizes[i], NULL);
        check_echo(*state, "/t.T/Pool", sizes[i], &counted);
        check_echo(*state, "/t.T/Echo", sizes[i], &on_loop);
    }
}

static void reply_without_message_and_with_none(void **state)
{
    peer_result result;

    call(*state, "/t.T/Void", peer_text("x"), NULL, &result);
    assert_int_equal(CSVC_OK, result.code);
    assert_false(result.has_message);
    call(*state, "/t.T/Empty", peer_text("x"), NULL, &result);
    assert_int_equal(CSVC_OK, result.code);
    assert_true(result.has_message);
    assert_int_equal(0, result.len);
    peer_result_release(&result);
}

static void check_status(scene *sc, csvc_code code, const char *text)
{
    char request[600];
    peer_result result;

    request[0] = (char)code;
    snprintf(request + 1, sizeof(request) - 1, "%s", text);
    call(sc, "/t.T/Status", (csvc_bytes){.len = strlen(text) + 1, .data = (uint8_t *)request}, NULL,
         &result);
    assert_int_equal(code, result.code);
    assert_string_equal(text, result.text);
    assert_false(result.has_message);
}

static void every_status_with_any_text(void **state)
{
    static const char *const texts[] = {
        "",
        "plain",
        "\t\ntest with whitespace\r\nand Unicode BMP \xE2\x98\xBA and non-BMP \xF0\x9F\x98\x88\t\n",
        "100% \\ \"quoted\" %41",
        "a text that is longer than what fits into a slice without memory of its own",
    };

    for (int code = 1; code <= 16; code++) {
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
            check_status(*state, (csvc_code)code, texts[i]);
        }
    }
}

static void metadata_both_ways(void **state)
{
    scene *sc = *state;
    static const uint8_t raw[] = {0xab, 0x00, 0xff, 0x0a};
    char long_value[2001];
    csvc_md md[40] = {
        {peer_text("x-one"), peer_text("1")},
        {peer_text("x-two"), peer_text("first")},
        {peer_text("x-two"), peer_text("second")},
        {peer_text("x-raw-bin"), {.len = sizeof(raw), .data = raw}},
        {peer_text("x-long"), {.len = 2000, .data = (const uint8_t *)long_value}},
        {peer_text("not-echoed"), peer_text("0")},
    };
    peer_options options = {.metadata = {.entries = md, .n_entries = 6}};
    char wanted[4096];
    char peer[128];
    peer_result result;

    memset(long_value, 'v', 2000);
    long_value[2000] = '\0';
    snprintf(wanted, sizeof(wanted),
             "x-one=1;x-two=first;x-two=second;x-raw-bin=ab00ff0a;x-long=%s;", long_value);
    call(sc, "/t.T/Meta", peer_text("x"), &options, &result);
    assert_int_equal(CSVC_OK, result.code);
    assert_string_equal(wanted, result.headers);
    assert_string_equal(wanted, result.trailers);
    peer_server_peer(&sc->srv, peer, sizeof(peer));
    assert_int_equal(0, strncmp(peer, "ipv4:127.0.0.1:", 15));

    /* more than a call keeps room for at first */
    for (size_t i = 0; i < 40; i++) {
        md[i] = (csvc_md){peer_text("x-many"), peer_text("yes")};
    }
    options.metadata.n_entries = 40;
    call(sc, "/t.T/Meta", peer_text("x"), &options, &result);
    assert_int_equal(CSVC_OK, result.code);
    assert_int_equal(40 * strlen("x-many=yes;"), strlen(result.trailers));
}

static void bad_metadata_is_a_status(void **state)
{
    csvc_md md = {peer_text("X-Upper"), peer_text("1")};
    peer_options options = {.metadata = {.entries = &md, .n_entries = 1}};
    peer_result result;

    call(*state, "/t.T/Echo", peer_text("x"), &options, &result);
    assert_int_equal(CSVC_INTERNAL, result.code);
    assert_non_null(strstr(result.text, "metadata"));
}

static void unknown_methods(void **state)
{
    peer_result result;

    call(*state, "/t.T/Nobody", peer_text("x"), NULL, &result);
    assert_int_equal(CSVC_UNIMPLEMENTED, result.code);
    assert_string_equal("unknown /t.T/Nobody", result.text);
    check_echo(*state, "/t.T/Echo", 9, NULL);
}

static void deadline_arrives_and_passes(void **state)
{
    scene *sc = *state;
    peer_options options = {.timeout_ns = 50 * CSVC__SECOND};
    int64_t left = 0;
    peer_result result;

    check_echo(sc, "/t.T/Echo", 5, NULL);
    assert_true(peer_server_deadline(&sc->srv) == INT64_MAX);
    check_echo(sc, "/t.T/Echo", 5, &options);
    left = peer_server_deadline(&sc->srv) - csvc__now();
    /* the core rounds a timeout up on the wire, by a hundredth at most */
    assert_in_range(left, 40 * CSVC__SECOND, 51 * CSVC__SECOND);

    options.timeout_ns = 50 * CSVC__MS;
    call(sc, "/t.T/Hold", peer_text("x"), &options, &result);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, result.code);
    peer_server_wait(&sc->srv, &sc->srv.cancelled, 1);
    peer_server_wait_all_closed(&sc->srv);
}

static void cancelled_by_the_caller(void **state)
{
    scene *sc = *state;
    peer_pending *pending =
        peer_call_begin(&csvc_grpc_core, sc->tch, "/t.T/Hold", peer_text("x"), NULL);
    peer_result result;

    peer_server_wait(&sc->srv, &sc->srv.n_held, 1);
    peer_call_cancel(pending, CSVC_CANCELLED, "never mind");
    peer_call_end(pending, &result);
    assert_int_equal(CSVC_CANCELLED, result.code);
    assert_string_equal("never mind", result.text);
    peer_server_wait(&sc->srv, &sc->srv.cancelled, 1);
    peer_server_wait(&sc->srv, &sc->srv.closed, 1);
    assert_int_equal(0, peer_server_count(&sc->srv, &sc->srv.delivered));
}

static void cancelled_by_the_server(void **state)
{
    scene *sc = *state;
    peer_result result;

    call(sc, "/t.T/Cancel", peer_text("lost it"), NULL, &result);
    assert_int_equal(CSVC_DATA_LOSS, result.code);
    assert_string_equal("lost it", result.text);
    peer_server_wait(&sc->srv, &sc->srv.closed, 1);
}

static void too_long_messages(void **state)
{
    scene *sc = *state;
    csvc_tchannel *small = open_channel(sc->srv.port, 1000);
    uint8_t *bytes = calloc(1, (1 << 20) + 1);
    peer_result result;

    call(sc, "/t.T/Echo", (csvc_bytes){.len = (1 << 20) + 1, .data = bytes}, NULL, &result);
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, result.code);
    free(bytes);
    check_echo(sc, "/t.T/Echo", 1 << 20, NULL);

    peer_call_unary(&csvc_grpc_core, small, "/t.T/Big", peer_text("1001"), NULL, &result);
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, result.code);
    assert_false(result.has_message);
    peer_call_unary(&csvc_grpc_core, small, "/t.T/Big", peer_text("1000"), NULL, &result);
    assert_int_equal(CSVC_OK, result.code);
    assert_int_equal(1000, result.len);
    peer_result_release(&result);
    csvc_grpc_core.channel_free(small);
}

static void check_metadata_of(scene *sc, size_t len, csvc_code code)
{
    char *value = malloc(len);
    csvc_md md = {peer_text("x-long"), {.len = len, .data = (const uint8_t *)value}};
    peer_options options = {.metadata = {.entries = &md, .n_entries = 1}};
    peer_result result;

    memset(value, 'v', len);
    call(sc, "/t.T/Void", peer_text("x"), &options, &result);
    if (code != result.code) {
        fail_msg("%zu bytes: %s: %s", len, csvc_code_name(result.code), result.text);
    }
    free(value);
}

static void too_much_metadata(void **state)
{
    static const size_t good[] = {1000, 8000, 16000};
    static const size_t bad[] = {16400, 20000, 30000, 60000};
    peer_options patient = {.wait_for_ready = true};
    peer_result result;
    int tries = 0;

    for (int i = 0; i < 10; i++) {
        for (size_t j = 0; j < sizeof(good) / sizeof(good[0]); j++) {
            check_metadata_of(*state, good[j], CSVC_OK);
        }
        for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
            check_metadata_of(*state, bad[j], CSVC_RESOURCE_EXHAUSTED);
            check_echo(*state, "/t.T/Echo", 9, NULL);
        }
    }
    /* Far too much may end the connection, too: docs/deviations.md, and nghttp2 takes no field of
     * more than 64 KiB. */
    check_metadata_of(*state, 300000,
                      test_transport() == &csvc_grpc_core ? CSVC_RESOURCE_EXHAUSTED
                                                          : CSVC_UNAVAILABLE);
    do {
        call(*state, "/t.T/Echo", peer_text("x"), &patient, &result);
        peer_result_release(&result);
        tries++;
    } while (result.code == CSVC_UNAVAILABLE && tries < 5);
    assert_int_equal(CSVC_OK, result.code);
}

static void large_replies_keep_their_bytes(void **state)
{
    peer_result result;

    call(*state, "/t.T/Big", peer_text("5000000"), NULL, &result);
    assert_int_equal(CSVC_OK, result.code);
    assert_int_equal(5000000, result.len);
    for (size_t i = 0; i < result.len; i++) {
        if (result.message[i] != (uint8_t)(i * 7)) {
            fail_msg("byte %zu is %d", i, result.message[i]);
        }
    }
    peer_result_release(&result);
}

static void everything_through_the_catch_all(void **state)
{
    peer_result result;

    echo_of_every_size(state);
    unknown_methods(state);
    call(*state, "/extra.77/M", peer_text("x"), NULL, &result);
    assert_int_equal(CSVC_UNIMPLEMENTED, result.code);
    assert_string_equal("extra", result.text);
    metadata_both_ways(state);
    deadline_arrives_and_passes(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(echo_of_every_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reply_without_message_and_with_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_status_with_any_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metadata_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_metadata_is_a_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_methods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deadline_arrives_and_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled_by_the_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled_by_the_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_long_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_much_metadata, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_replies_keep_their_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(everything_through_the_catch_all, set_up_many_methods,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
