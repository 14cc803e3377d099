/* How calls are made, over a transport whose events the test fires. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/client.h>
#include <rpc/ctx.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "echo_service.h"
#include "fake_transport.h"

static const uint8_t seven_ada[] = {0x08, 7, 0x12, 3, 'a', 'd', 'a'};
static const csvc_method *const method = &echo_methods[ECHO_POOL];

/* ---- a channel to try ---- */

static csvc_channel *channel(fake_script *script, void *self)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &fake_transport};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = csvc_channel_new("fake", &options, &err);

    fake_set_script(script, self);
    assert_non_null(ch);
    return ch;
}

static Codec3__Inner request(void)
{
    Codec3__Inner req = CODEC3__INNER__INIT;

    req.id = 7;
    req.name = (char *)(uintptr_t) "ada";
    return req;
}

static void echoes(void *self, fake_out *out)
{
    (void)self;
    assert_string_equal("/test.Echo/Pool", out->path);
    fake_out_headers(out, "x-head", "first");
    fake_out_message(out, out->message, out->len, false);
    fake_out_status(out, CSVC_OK, "", "x-tail", "last");
}

static void a_reply_comes_back(void **state)
{
    csvc_channel *ch = channel(echoes, NULL);
    csvc_rpc rpc = {CSVC_RPC_INIT};
    const Codec3__Inner req = request();
    const Codec3__Inner *rsp = NULL;
    csvc_bytes value;

    (void)state;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(CSVC_OK, csvc_call_unary(ch, method, &rpc, &req, (const void **)&rsp));
        assert_int_equal(CSVC_OK, rpc.code);
        assert_string_equal("", rpc.message);
        assert_int_equal(7, rsp->id);
        assert_string_equal("ada", rsp->name);
        assert_true(csvc_rpc_header(&rpc, "x-head", 0, &value));
        assert_memory_equal("first", value.data, value.len);
        assert_true(csvc_rpc_trailer(&rpc, "x-tail", 0, &value));
        assert_memory_equal("last", value.data, value.len);
        assert_false(csvc_rpc_trailer(&rpc, "x-tail", 1, &value));
        assert_false(csvc_rpc_trailer(&rpc, "x-head", 0, &value));
    }
    csvc_rpc_clear(&rpc);
    assert_false(csvc_rpc_header(&rpc, "x-head", 0, &value));
    csvc_rpc_clear(&rpc);
    csvc_rpc_clear(NULL);
    csvc_channel_free(ch);
}

/* ---- what a server may do wrong ---- */

typedef struct answer {
    const uint8_t *bytes;
    size_t len;
    int n_messages;
    bool compressed;
    int code;
    const char *text;
} answer;

static void answers(void *self, fake_out *out)
{
    const answer *a = self;

    for (int i = 0; i < a->n_messages; i++) {
        fake_out_message(out, a->bytes, a->len, a->compressed);
    }
    fake_out_status(out, (csvc_code)a->code, a->text, NULL, NULL);
}

static void assert_call(answer a, csvc_code code, const char *text)
{
    csvc_channel *ch = channel(answers, &a);
    csvc_ctx *parent = csvc_ctx_new(NULL);
    csvc_rpc rpc = {CSVC_RPC_INIT, .parent = parent};
    const Codec3__Inner req = request();
    const void *rsp = &a;

    assert_int_equal(code, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    assert_int_equal(code, rpc.code);
    assert_memory_equal(text, rpc.message, strlen(text));
    assert_ptr_equal(code == CSVC_OK, rsp != &a); /* written on success only */
    if (code != CSVC_OK) {
        /* a handler that calls may return the code as it is */
        assert_string_equal(rpc.message, csvc_fail_text(parent, code));
    }
    csvc_rpc_clear(&rpc);
    csvc_ctx_unref(parent);
    csvc_channel_free(ch);
}

static void statuses_and_strange_servers(void **state)
{
    static const uint8_t garbage[] = {0xff, 0xff};
    const answer fine = {.bytes = seven_ada, .len = sizeof(seven_ada), .n_messages = 1, .text = ""};
    answer a;

    (void)state;
    assert_call(fine, CSVC_OK, "");
    assert_call((answer){.code = CSVC_NOT_FOUND, .text = "user 42 not found \xe2\x82\xac"},
                CSVC_NOT_FOUND, "user 42 not found \xe2\x82\xac");
    assert_call((answer){.code = CSVC_ABORTED, .text = ""}, CSVC_ABORTED, "");
    assert_call((answer){.code = 99, .text = "what"}, CSVC_UNKNOWN, "what");
    assert_call((answer){.text = ""}, CSVC_UNIMPLEMENTED, "the server sent no reply");
    a = fine;
    a.code = CSVC_DATA_LOSS; /* a status beats a reply */
    a.text = "lost";
    assert_call(a, CSVC_DATA_LOSS, "lost");
    a = fine;
    a.n_messages = 2;
    assert_call(a, CSVC_UNIMPLEMENTED, "the server sent more than one reply");
    a = fine;
    a.compressed = true;
    assert_call(a, CSVC_INTERNAL, "a compressed message is no gzip, or is cut short");
    a = fine;
    a.bytes = garbage;
    a.len = sizeof(garbage);
    assert_call(a, CSVC_INTERNAL, "the reply does not parse: ");
    a.len = 0; /* an empty message is one */
    assert_call(a, CSVC_OK, "");
}

/* ---- what is sent ---- */

static void remembers(void *self, fake_out *out)
{
    memcpy(self, out, sizeof(*out));
    echoes(NULL, out);
}

static void options_reach_the_transport(void **state)
{
    static fake_out seen;
    csvc_channel *ch = channel(remembers, &seen);
    csvc_ctx_options parent_options = {CSVC_CTX_OPTIONS_INIT, .timeout_ms = 60000};
    csvc_ctx *parent = csvc_ctx_new(&parent_options);
    const csvc_metadata_pair pairs[] = {{"x-tenant", {4, (const uint8_t *)"acme"}},
                                        {"x-raw-bin", {3, (const uint8_t *)"\0\1\2"}}};
    csvc_rpc rpc = {CSVC_RPC_INIT, .metadata = pairs, .n_metadata = 2, .wait_for_ready = true};
    const Codec3__Inner req = request();
    const void *rsp;
    int64_t before = csvc__now();

    (void)state;
    assert_int_equal(CSVC_OK, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    assert_int_equal(INT64_MAX, seen.deadline);
    assert_true(seen.wait_for_ready);
    assert_int_equal(2, seen.n_metadata);
    assert_string_equal("x-tenant=acme", seen.first_metadata);
    assert_int_equal(sizeof(seven_ada), seen.len);
    assert_memory_equal(seven_ada, seen.message, seen.len);

    rpc.timeout_ms = 5000;
    rpc.wait_for_ready = false;
    rpc.n_metadata = 0;
    assert_int_equal(CSVC_OK, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    assert_true(seen.deadline >= before + 5 * CSVC__SECOND);
    assert_true(seen.deadline <= csvc__now() + 5 * CSVC__SECOND);
    assert_false(seen.wait_for_ready);
    assert_int_equal(0, seen.n_metadata);

    /* whichever is earlier, the parent's deadline or our own */
    rpc.parent = parent;
    assert_int_equal(CSVC_OK, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    assert_true(seen.deadline < parent->deadline);
    rpc.timeout_ms = 3600 * 1000;
    assert_int_equal(CSVC_OK, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    assert_int_equal(parent->deadline, seen.deadline);
    rpc.timeout_ms = INT64_MAX; /* no overflow */
    assert_int_equal(CSVC_OK, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    assert_int_equal(parent->deadline, seen.deadline);
    csvc_rpc_clear(&rpc);
    csvc_ctx_unref(parent);
    csvc_channel_free(ch);
}

static void long_requests_are_sent_whole(void **state)
{
    static fake_out seen;
    csvc_channel *ch = channel(remembers, &seen);
    csvc_rpc rpc = {CSVC_RPC_INIT};
    Codec3__Inner req = request();
    char name[3001];
    const Codec3__Inner *rsp;

    (void)state;
    memset(name, 'x', 3000);
    name[3000] = '\0';
    req.name = name;
    assert_int_equal(CSVC_OK, csvc_call_unary(ch, method, &rpc, &req, (const void **)&rsp));
    assert_string_equal(name, rsp->name);
    csvc_rpc_clear(&rpc);
    csvc_channel_free(ch);
}

static void answers_hugely(void *self, fake_out *out)
{
    const size_t len = (size_t)65 << 20;
    uint8_t *reply = malloc(len + 5);

    (void)self;
    memcpy(reply, "\x12\x80\x80\xc0\x20", 5); /* name: 65 MiB */
    memset(reply + 5, 'x', len);
    fake_out_message(out, reply, len + 5, false);
    fake_out_status(out, CSVC_OK, "", NULL, NULL);
    free(reply);
}

static void a_result_has_a_limit(void **state)
{
    csvc_channel *ch = channel(answers_hugely, NULL);
    csvc_rpc rpc = {CSVC_RPC_INIT};
    const Codec3__Inner req = request();
    const void *rsp;

    (void)state;
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    fake_set_script(echoes, NULL); /* and the next one is fine */
    assert_int_equal(CSVC_OK, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    csvc_rpc_clear(&rpc);
    csvc_channel_free(ch);
}

/* ---- what is not even tried ---- */

static void must_not_run(void *self, fake_out *out)
{
    (void)self;
    (void)out;
    abort();
}

static void calls_that_cannot_be_made(void **state)
{
    csvc_channel *ch = channel(must_not_run, NULL);
    csvc_ctx *parent = csvc_ctx_new(NULL);
    csvc_metadata_pair pairs[65] = {{"Bad-Key", {1, (const uint8_t *)"x"}}};
    csvc_rpc rpc = {CSVC_RPC_INIT};
    Codec3__Inner req = request();
    const void *rsp;
    csvc_loop loop;

    (void)state;
    assert_int_equal(CSVC_INTERNAL, csvc_call_unary(ch, method, NULL, &req, &rsp));
    assert_int_equal(CSVC_INTERNAL, csvc_call_unary(NULL, method, &rpc, &req, &rsp));
    assert_string_equal("a call was made without a channel", rpc.message);
    assert_int_equal(CSVC_INTERNAL, csvc_call_unary(ch, NULL, &rpc, &req, &rsp));
    assert_int_equal(CSVC_INTERNAL, csvc_call_unary(ch, method, &rpc, NULL, &rsp));
    assert_int_equal(CSVC_INTERNAL, csvc_call_unary(ch, method, &rpc, &req, NULL));
    assert_non_null(rpc.message);
    assert_int_equal(CSVC_INVALID_ARGUMENT,
                     csvc_call_unary(ch, &echo_methods[ECHO_STREAM], &rpc, &req, &rsp));

    rpc.metadata = pairs;
    rpc.n_metadata = 1;
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    for (int i = 0; i < 65; i++) {
        pairs[i] = (csvc_metadata_pair){"x-key", {1, (const uint8_t *)"x"}};
    }
    rpc.n_metadata = 65;
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    assert_string_equal("more than 64 entries of metadata", rpc.message);
    rpc.n_metadata = 0;

    req.name = (char *)(uintptr_t) "\xff";
    assert_int_equal(CSVC_INTERNAL, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    assert_memory_equal("the request cannot be encoded: ", rpc.message, 31);
    req = request();

    /* on a loop's thread, or in an inline handler */
    csvc__loop_init(&loop, &fake_transport);
    csvc__loop_enter(&loop);
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    csvc__loop_enter(NULL);
    rpc.parent = parent;
    parent->may_block = false;
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    assert_string_equal("an inline handler may not wait for a call",
                        csvc_fail_text(parent, CSVC_FAILED_PRECONDITION));
    parent->may_block = true;
    parent->deadline = 1;
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    csvc_ctx_cancel(parent);
    assert_int_equal(CSVC_CANCELLED, csvc_call_unary(ch, method, &rpc, &req, &rsp));
    assert_string_equal("the parent was cancelled", rpc.message);
    csvc_rpc_clear(&rpc);
    csvc_ctx_unref(parent);
    csvc_channel_free(ch);
}

static void channels_that_cannot_be_made(void **state)
{
    csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT};
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    assert_null(csvc_channel_new("fake", NULL, &err));
    assert_null(csvc_channel_new("fake", &options, &err));
    assert_int_equal(CSVC_INVALID_ARGUMENT, err.code);
    options.transport = &fake_transport;
    assert_null(csvc_channel_new(NULL, &options, &err));
    assert_null(csvc_channel_new("", &options, &err));
    assert_null(csvc_channel_new("bad", &options, &err));
    assert_string_equal("no such target", err.text);
    assert_null(csvc_channel_free(NULL));
}

/* ---- cancellation ---- */

/* A server that never answers, and the moment at which it got the call. */
typedef struct silence {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int n;
    bool silent_cancel;
    fake_out *out;
} silence;

static void stays_silent(void *self, fake_out *out)
{
    silence *s = self;

    out->silent_cancel = s->silent_cancel;
    pthread_mutex_lock(&s->lock);
    s->n++;
    s->out = out;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void silence_init(silence *s)
{
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
}

static void silence_wait(silence *s, int n)
{
    pthread_mutex_lock(&s->lock);
    while (s->n < n) {
        pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

typedef struct caller {
    csvc_channel *ch;
    csvc_rpc rpc;
    pthread_t thread;
} caller;

static void *call(void *arg)
{
    caller *c = arg;
    const Codec3__Inner req = request();
    const void *rsp;

    (void)!csvc_call_unary(c->ch, method, &c->rpc, &req, &rsp);
    return NULL;
}

static void caller_start(caller *c, csvc_channel *ch, csvc_ctx *parent)
{
    *c = (caller){.ch = ch, .rpc = {CSVC_RPC_INIT, .parent = parent}};
    assert_int_equal(0, pthread_create(&c->thread, NULL, call, c));
}

static void caller_join(caller *c, csvc_code code)
{
    assert_int_equal(0, pthread_join(c->thread, NULL));
    assert_int_equal(code, c->rpc.code);
    csvc_rpc_clear(&c->rpc);
}

static void a_cancelled_parent_ends_the_call(void **state)
{
    silence s;
    csvc_channel *ch;
    csvc_ctx *parent = csvc_ctx_new(NULL);
    caller c;

    (void)state;
    silence_init(&s);
    ch = channel(stays_silent, &s);
    caller_start(&c, ch, parent);
    silence_wait(&s, 1);
    csvc_ctx_cancel(parent);
    caller_join(&c, CSVC_CANCELLED);
    csvc_ctx_unref(parent);
    csvc_channel_free(ch);
}

static void a_freed_channel_ends_its_calls(void **state)
{
    silence s;
    csvc_channel *ch;
    caller callers[8];

    (void)state;
    silence_init(&s);
    ch = channel(stays_silent, &s);
    for (int i = 0; i < 8; i++) {
        caller_start(&callers[i], ch, NULL);
    }
    silence_wait(&s, 8);
    csvc_channel_free(ch);
    for (int i = 0; i < 8; i++) {
        caller_join(&callers[i], CSVC_CANCELLED);
    }
}

/* The status arrives while the cancel is on its way, in either order, many times. */
static void answers_at_once(void *self, fake_out *out)
{
    (void)self;
    out->silent_cancel = true;
    fake_out_message(out, seven_ada, sizeof(seven_ada), false);
    fake_out_status(out, CSVC_OK, "", NULL, NULL);
}

static void *cancel(void *arg)
{
    csvc_ctx_cancel(arg);
    csvc_ctx_unref(arg);
    return NULL;
}

static void cancel_races_with_status(void **state)
{
    csvc_channel *ch = channel(answers_at_once, NULL);
    const Codec3__Inner req = request();

    (void)state;
    for (int i = 0; i < 300; i++) {
        csvc_ctx *parent = csvc_ctx_new(NULL);
        csvc_rpc rpc = {CSVC_RPC_INIT, .parent = parent};
        pthread_t thread;
        const void *rsp;
        csvc_code code;

        assert_int_equal(0, pthread_create(&thread, NULL, cancel, csvc_ctx_ref(parent)));
        code = csvc_call_unary(ch, method, &rpc, &req, &rsp);
        assert_true(code == CSVC_OK || code == CSVC_CANCELLED);
        csvc_rpc_clear(&rpc);
        csvc_ctx_unref(parent);
        assert_int_equal(0, pthread_join(thread, NULL));
    }
    csvc_channel_free(ch);
}

static void *call_many(void *arg)
{
    csvc_rpc rpc = {CSVC_RPC_INIT};
    const Codec3__Inner req = request();
    const void *rsp;

    for (int i = 0; i < 300; i++) {
        if (csvc_call_unary(arg, method, &rpc, &req, &rsp) != CSVC_OK) {
            return arg;
        }
    }
    csvc_rpc_clear(&rpc);
    return NULL;
}

static void threads_share_a_channel(void **state)
{
    csvc_channel *ch = channel(echoes, NULL);
    pthread_t threads[6];

    (void)state;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(0, pthread_create(&threads[i], NULL, call_many, ch));
    }
    for (int i = 0; i < 6; i++) {
        void *failed;

        assert_int_equal(0, pthread_join(threads[i], &failed));
        assert_null(failed);
    }
    csvc_channel_free(ch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_comes_back),
        cmocka_unit_test(statuses_and_strange_servers),
        cmocka_unit_test(options_reach_the_transport),
        cmocka_unit_test(long_requests_are_sent_whole),
        cmocka_unit_test(a_result_has_a_limit),
        cmocka_unit_test(calls_that_cannot_be_made),
        cmocka_unit_test(channels_that_cannot_be_made),
        cmocka_unit_test(a_cancelled_parent_ends_the_call),
        cmocka_unit_test(a_freed_channel_ends_its_calls),
        cmocka_unit_test(cancel_races_with_status),
        cmocka_unit_test(threads_share_a_channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
