/* Each allocation of ours fails in turn, through one unary call of each kind and through a server's
 * and a channel's life: an error comes back, nothing crashes, nothing is left. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/client.h>
#include <csvc/server.h>
#include <rpc/ctx.h>

#include <stdatomic.h>
#include <string.h>

#include "echo_service.h"
#include "failing_alloc.h"
#include "fake_transport.h"
#include "log_catcher.h"
#include "stream_service.h"

static const uint8_t seven_ada[] = {0x08, 7, 0x12, 3, 'a', 'd', 'a'};

/* Takes memory in every way a handler can. */
static csvc_code hungry(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                        Codec3__Inner *rsp)
{
    void *large = csvc_alloc(ctx, 5000);

    (void)peer;
    rsp->name = csvc_printf(ctx, "%s-%d", req->name, req->id);
    if (rsp->name == NULL || large == NULL || csvc_peer(ctx) == NULL ||
        csvc_set_header(ctx, "x-a", "b") != CSVC_OK ||
        csvc_set_trailer(ctx, "x-a", "b") != CSVC_OK) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    rsp->name = csvc_alloc(ctx, 9001);
    if (rsp->name == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    memset(rsp->name, 'x', 9000);
    rsp->name[9000] = '\0';
    return CSVC_OK;
}

static csvc_code begin(void *self, csvc_ctx *ctx, void *state)
{
    (void)self;
    (void)state;
    return csvc_alloc(ctx, 3000) != NULL ? CSVC_OK
                                         : csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "no memory");
}

/* A server's whole life with one call of the path; true when the call went well. */
static bool serve_one(const char *path)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &fake_transport};
    const csvc_interceptor it = {CSVC_INTERCEPTOR_INIT, .name = "hungry", .phase = CSVC_PHASE_AUTH,
                                 .state_size = 2000, .begin = begin};
    csvc_error err = {CSVC_ERROR_INIT};
    echo_peer peer = {.handle = hungry};
    csvc_server *srv = csvc_server_new(&options, &err);
    fake_call *call;
    bool fine;

    if (srv == NULL) {
        assert_int_equal(CSVC_RESOURCE_EXHAUSTED, err.code);
        return false;
    }
    if (csvc_server_intercept(srv, &csvc_logging, NULL) != CSVC_OK ||
        csvc_server_intercept(srv, &it, NULL) != CSVC_OK || echo_register(srv, &peer) != CSVC_OK ||
        csvc_server_listen(srv, "fake:0", NULL, &err) != CSVC_OK ||
        csvc_server_start(srv, &err) != CSVC_OK) {
        csvc_server_free(srv);
        return false;
    }
    call = fake_arrive(fake_last_server(),
                       &(fake_arrival){.path = path, .bytes = seven_ada, .len = sizeof(seven_ada)});
    fake_wait_finish(call);
    fake_wait_release(call);
    fine = call->code == CSVC_OK || call->code == CSVC_UNIMPLEMENTED;
    if (!fine) {
        assert_int_equal(CSVC_RESOURCE_EXHAUSTED, call->code);
        assert_false(call->has_message);
    }
    fake_call_free(call);
    csvc_server_free(srv);
    return fine;
}

static void served_calls(void **state)
{
    static const char *const paths[] = {"/test.Echo/Inline", "/test.Echo/Pool", "/x.Y/Z"};

    (void)state;
    log_catch(CSVC_LOG_ERROR);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        size_t n = 0, asked;
        bool fine;

        do {
            failing_alloc_begin(++n);
            fine = serve_one(paths[i]);
            asked = failing_alloc_end();
            assert_int_equal(0, failing_alloc_live());
        } while (asked >= n);
        assert_true(fine); /* the round in which nothing failed */
        assert_true(n > 10);
    }
    log_let_go();
}

/* ---- streams and detached calls ---- */

typedef struct kept {
    stream_peer peer; /* first */
    bool detach;
    _Atomic(csvc_ctx *) ctx; /* a handler's, looked for by the test */
    csvc_stream *in, *out;
    Codec3__Inner *rsp;
    int done;
} kept;

static void kept_done(void *self, csvc_code code)
{
    (void)code;
    ((kept *)self)->done++;
}

static void kept_message(void *self, const void *message)
{
    kept *k = self;

    if (message != NULL && k->out != NULL) {
        (void)!csvc_stream_send(k->out, message);
    }
}

/* A handler of any kind: keeps the call, or works as long as memory lasts. */
static csvc_code work(kept *k, csvc_ctx *ctx)
{
    const csvc_events events = {CSVC_EVENTS_INIT, .self = k, .on_message = kept_message,
                                .on_done = kept_done, .auto_more = true};
    Codec3__Inner message = CODEC3__INNER__INIT;
    csvc_code code = CSVC_OK;
    const void *received;

    if (csvc_set_header(ctx, "x-a", "b") != CSVC_OK) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (k->detach) {
        k->ctx = csvc_detach(ctx, &events);
        return CSVC_OK;
    }
    message.id = 1;
    for (int i = 0; k->out != NULL && i < 3 && code == CSVC_OK; i++) {
        code = csvc_stream_send(k->out, &message);
    }
    while (k->in != NULL && code == CSVC_OK && csvc_stream_recv(k->in, &received)) {
    }
    return code != CSVC_OK ? code : k->in != NULL ? csvc_stream_code(k->in) : CSVC_OK;
}

static csvc_code down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    (void)req;
    ((kept *)(void *)peer)->out = out;
    return work((kept *)(void *)peer, ctx);
}

static csvc_code up(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    (void)rsp;
    ((kept *)(void *)peer)->in = in;
    return work((kept *)(void *)peer, ctx);
}

static csvc_code both(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    ((kept *)(void *)peer)->in = in;
    ((kept *)(void *)peer)->out = out;
    return work((kept *)(void *)peer, ctx);
}

static csvc_code unary(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                       Codec3__Inner *rsp)
{
    (void)req;
    (void)rsp;
    return work((kept *)(void *)peer, ctx);
}

static void drive(kept *k, fake_server *ts, fake_call *call)
{
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;
    csvc_ctx *mine;
    int n = 0;

    while (!call->finished) {
        if (call->sending) {
            fake_writable(call);
        } else if (call->reading && n < 3) {
            fake_message(call, seven_ada, ++n < 3 ? sizeof(seven_ada) : 0);
        } else if (call->reading) {
            fake_message(call, NULL, 0);
        } else if (k->ctx != NULL) {
            mine = k->ctx;
            k->ctx = NULL;
            (void)csvc_finish(mine, CSVC_OK);
            csvc_ctx_unref(mine);
        } else {
            fake_turn(ts, until);
        }
    }
    if (k->ctx != NULL) {
        csvc_ctx_unref(k->ctx);
        k->ctx = NULL;
    }
}

/* True when the call went well. */
static bool stream_one(int which, bool detach)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &fake_transport};
    kept k = {.peer = {.down = down, .up = up, .both = both, .keep = unary}, .detach = detach};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_server *srv = csvc_server_new(&options, &err);
    fake_call *call;
    bool fine;

    if (srv == NULL) {
        return false;
    }
    if (csvc_server_intercept(srv, &csvc_logging, NULL) != CSVC_OK ||
        stream_register(srv, &k.peer) != CSVC_OK ||
        csvc_server_listen(srv, "fake:0", NULL, &err) != CSVC_OK ||
        csvc_server_start(srv, &err) != CSVC_OK) {
        csvc_server_free(srv);
        return false;
    }
    call = fake_arrive(fake_last_server(), &(fake_arrival){.path = stream_methods[which].path,
                                                           .bytes = seven_ada,
                                                           .len = sizeof(seven_ada)});
    drive(&k, fake_last_server(), call);
    fake_wait_release(call);
    fine = call->code == CSVC_OK;
    if (!fine) {
        assert_int_equal(CSVC_RESOURCE_EXHAUSTED, call->code);
    }
    assert_true(k.done <= 1);
    fake_call_free(call);
    csvc_server_free(srv);
    return fine;
}

static void streams(void **state)
{
    (void)state;
    log_catch(CSVC_LOG_OFF);
    for (int which = STREAM_DOWN; which <= STREAM_INLINE_KEEP; which++) {
        for (int detach = 0; detach < 2; detach++) {
            size_t n = 0, asked;
            bool fine;

            if (detach == 0 && (stream_methods[which].flags & CSVC_METHOD_INLINE) != 0) {
                continue; /* may not wait */
            }
            do {
                failing_alloc_begin(++n);
                fine = stream_one(which, detach == 1);
                asked = failing_alloc_end();
                assert_int_equal(0, failing_alloc_live());
            } while (asked >= n);
            assert_true(fine);
            assert_true(n > 10);
        }
    }
    log_let_go();
}

static void echoes_long(void *self, fake_out *out)
{
    static uint8_t reply[4004] = {0x12, 0xa0, 0x1f}; /* name: 4000 bytes */

    (void)self;
    memset(reply + 3, 'x', 4000);
    fake_out_headers(out, "x-head", "first");
    fake_out_message(out, reply, 4003, false);
    fake_out_status(out, CSVC_OK, "", "x-tail", "last");
}

static void refuses_at_length(void *self, fake_out *out)
{
    static char text[3000];

    (void)self;
    memset(text, 'x', sizeof(text) - 1);
    fake_out_status(out, CSVC_ABORTED, text, "x-tail", "last");
}

static csvc_code adding_begin(void *self, csvc_ctx *ctx, void *state)
{
    (void)self;
    (void)state;
    return csvc_set_header(ctx, "x-added", "1");
}

static const csvc_interceptor adding = {CSVC_INTERCEPTOR_INIT, .name = "adding",
                                        .phase = CSVC_PHASE_USER, .state_size = 16,
                                        .begin = adding_begin};

/* A channel's life with two calls, one of them large both ways. */
static bool call_one(fake_script *script, csvc_code expected)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &fake_transport};
    const csvc_metadata_pair pair = {"x-key", {1, (const uint8_t *)"x"}};
    csvc_error err = {CSVC_ERROR_INIT};
    Codec3__Inner req = CODEC3__INNER__INIT;
    csvc_rpc rpc = {CSVC_RPC_INIT, .metadata = &pair, .n_metadata = 1};
    csvc_channel *ch;
    char name[2001];
    const void *rsp;
    bool fine = true;

    fake_set_script(script, NULL);
    ch = csvc_channel_new("fake", &options, &err);
    if (ch == NULL) {
        assert_int_equal(CSVC_RESOURCE_EXHAUSTED, err.code);
        return false;
    }
    /* its state, its ctx, a header of its own */
    if (csvc_channel_intercept(ch, &adding, NULL) != CSVC_OK) {
        csvc_channel_free(ch);
        return false;
    }
    memset(name, 'x', 2000);
    name[2000] = '\0';
    req.name = name;
    for (int i = 0; i < 2; i++) {
        const csvc_code code = csvc_call_unary(ch, &echo_methods[ECHO_POOL], &rpc, &req, &rsp);

        assert_true(code == expected || code == CSVC_RESOURCE_EXHAUSTED);
        assert_non_null(rpc.message);
        fine = fine && code == expected;
    }
    csvc_rpc_clear(&rpc);
    csvc_channel_free(ch);
    return fine;
}

static void outgoing_calls(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        size_t n = 0, asked;
        bool fine;

        do {
            failing_alloc_begin(++n);
            fine =
                i == 0 ? call_one(echoes_long, CSVC_OK) : call_one(refuses_at_length, CSVC_ABORTED);
            asked = failing_alloc_end();
            assert_int_equal(0, failing_alloc_live());
        } while (asked >= n);
        assert_true(fine);
        assert_true(n > 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(served_calls),
        cmocka_unit_test(streams),
        cmocka_unit_test(outgoing_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
