/* Messages that a handler uses after the next one has come: what CSVC_DEBUG finds. It is this part
 * of the library alone that knows of it, so it is compiled here with it, whatever the rest is. */
#ifndef CSVC_DEBUG
#define CSVC_DEBUG 1
#endif
#define CSVC__STREAM_KEEP_STALE 1 /* under AddressSanitizer, which would end the process */
#include <rpc/stream.c>           /* NOLINT: see above */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/testing.h>

#include "log_catcher.h"
#include "stream_service.h"
#include "transports.h"

typedef enum misuse {
    NONE,
    WRITES,  /* to a message, and goes on as if nothing were */
    SENDS,   /* it */
    REPLIES, /* with a string of it */
} misuse;

static csvc_code both(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    const misuse how = *(const misuse *)peer->data;
    const void *first = NULL;
    const void *message;
    csvc_code code = CSVC_OK;

    (void)ctx;
    while (code == CSVC_OK && csvc_stream_recv(in, &message)) {
        if (first == NULL) {
            first = message;
        } else if (how == WRITES) {
            ((Codec3__Inner *)(uintptr_t)first)->id++;
        } else if (how == SENDS) {
            code = csvc_stream_send(out, first);
        }
    }
    return code != CSVC_OK ? code : csvc_stream_code(in);
}

static csvc_code up(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    const misuse how = *(const misuse *)peer->data;
    const void *message;

    (void)ctx;
    while (csvc_stream_recv(in, &message)) {
        const Codec3__Inner *inner = message;

        if (how == REPLIES && rsp->id == 0) {
            rsp->name = inner->name;
        }
        rsp->id += inner->id;
    }
    return csvc_stream_code(in);
}

/* The code of a call with some messages to a handler that misuses the first: what it sends is found
 * for as long as one message more, what it writes also when it goes on. */
static csvc_code call(int which, misuse how)
{
    stream_peer peer = {.both = both, .up = up, .data = &how};
    csvc_testing *t = test_new();
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    Codec3__Inner message = CODEC3__INNER__INIT;
    csvc_channel *ch;
    csvc_call *c;
    const void *reply;
    csvc_code code;

    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(t), &peer));
    ch = csvc_testing_channel(t);
    c = csvc_call_start(ch, &stream_methods[which], &rpc, NULL, NULL);
    assert_non_null(c);
    message.id = 1;
    message.name = (char *)(uintptr_t) "a name";
    for (int i = 0; i < (how == WRITES ? 3 : 2); i++) {
        (void)!csvc_call_send(c, &message);
    }
    code = csvc_call_finish(c, &rpc, which == STREAM_UP ? &reply : NULL);
    csvc_rpc_clear(&rpc);
    (void)csvc_testing_free(t);
    return code;
}

/* And told once. */
static void assert_found(int which, misuse how, const char *line)
{
    const char *at;

    log_catch(CSVC_LOG_ERROR);
    assert_int_equal(CSVC_INTERNAL, call(which, how));
    at = strstr(log_caught(), line);
    if (at == NULL || strstr(at + 1, line) != NULL) {
        fail_msg("not once \"%s\" in: %s", line, log_caught());
    }
    log_let_go();
}

static void who_keeps_nothing_is_not_accused(void **state)
{
    (void)state;
    log_catch(CSVC_LOG_WARN);
    assert_int_equal(CSVC_OK, call(STREAM_BOTH, NONE));
    assert_int_equal(CSVC_OK, call(STREAM_UP, NONE));
    assert_string_equal("", log_caught());
    log_let_go();
}

static void writing_is_found(void **state)
{
    (void)state;
    assert_found(STREAM_BOTH, WRITES, "after the next one had come");
}

static void sending_is_found(void **state)
{
    (void)state;
    assert_found(STREAM_BOTH, SENDS, "cannot be encoded");
    assert_found(STREAM_UP, REPLIES, "cannot be encoded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_keeps_nothing_is_not_accused),
        cmocka_unit_test(writing_is_found),
        cmocka_unit_test(sending_is_found),
    };

    return cmocka_run_group_tests_name("rpc_kept_too_long", tests, NULL, NULL);
}
