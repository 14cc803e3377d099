/* The whole way of a call over the gRPC C core: through csvc_server and csvc_channel, and with
 * bytes that no client of ours would send. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/client.h>
#include <csvc/testing.h>
#include <rpc/ctx.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "echo_service.h"
#include "log_catcher.h"
#include "seam_peer.h"
#include "transports.h"

/* ---- a server and a channel to it ---- */

typedef struct scene {
    csvc_testing *t;
    csvc_server *srv;
    csvc_channel *ch;
    echo_peer peer;
} scene;

static void scene_start(scene *sc)
{
    memset(sc, 0, sizeof(*sc));
    sc->t = test_new();
    sc->srv = csvc_testing_server(sc->t);
    assert_int_equal(CSVC_OK, echo_register(sc->srv, &sc->peer));
    sc->ch = csvc_testing_channel(sc->t);
    assert_true(csvc_testing_port(sc->t) > 0);
    assert_ptr_equal(sc->ch, csvc_testing_channel(sc->t));
}

static void scene_end(scene *sc)
{
    assert_null(csvc_testing_free(sc->t));
}

static csvc_code call(csvc_channel *ch, int which, csvc_rpc *rpc, int id, const char *name,
                      const Codec3__Inner **ret_rsp)
{
    Codec3__Inner req = CODEC3__INNER__INIT;

    req.id = id;
    req.name = (char *)(uintptr_t)name;
    return csvc_call_unary(ch, &echo_methods[which], rpc, &req, (const void **)ret_rsp);
}

static void assert_works(scene *sc)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    const Codec3__Inner *rsp;

    for (int which = ECHO_INLINE; which <= ECHO_POOL; which++) {
        assert_int_equal(CSVC_OK, call(sc->ch, which, &rpc, 7, "ada", &rsp));
        assert_int_equal(7, rsp->id);
        assert_string_equal("ada", rsp->name);
    }
    csvc_rpc_clear(&rpc);
}

/* ---- what goes over and back ---- */

static csvc_code mirrors(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                         Codec3__Inner *rsp)
{
    csvc_bytes raw;
    const char *text = csvc_metadata(ctx, "x-text");

    if (text == NULL || !csvc_metadata_value(ctx, "x-raw-bin", 0, &raw)) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "metadata is missing");
    }
    if (strncmp(csvc_peer(ctx), "ipv4:127.0.0.1:", 15) != 0) {
        return csvc_fail(ctx, CSVC_INTERNAL, "peer %s", csvc_peer(ctx));
    }
    if (csvc_set_header(ctx, "x-text", text) != CSVC_OK ||
        csvc_set_trailer_bytes(ctx, "x-raw-bin", raw) != CSVC_OK) {
        return CSVC_INTERNAL;
    }
    if (req->id < 0) {
        return csvc_fail(ctx, CSVC_ABORTED,
                         "\t\r\ntest with whitespace\r\nand Unicode BMP "
                         "\xe2\x98\xba and non-BMP \xf0\x9f\x98\x88\t\n");
    }
    return echo_back(peer, ctx, req, rsp);
}

static void metadata_and_text_go_both_ways(void **state)
{
    static const uint8_t raw[] = {0, 0xff, 0xab, 10};
    const csvc_metadata_pair pairs[] = {{"x-text", {11, (const uint8_t *)"some  text,"}},
                                        {"x-raw-bin", {sizeof(raw), raw}}};
    scene sc;
    const Codec3__Inner *rsp;

    (void)state;
    scene_start(&sc);
    sc.peer.handle = mirrors;
    for (int which = ECHO_INLINE; which <= ECHO_POOL; which++) {
        for (int id = 1; id >= -1; id -= 2) { /* with a reply, and with a failure */
            csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000, .metadata = pairs, .n_metadata = 2};
            csvc_bytes value;
            const csvc_code code = call(sc.ch, which, &rpc, id, "ada", &rsp);

            assert_int_equal(id > 0 ? CSVC_OK : CSVC_ABORTED, code);
            assert_string_equal(id > 0 ? ""
                                       : "\t\r\ntest with whitespace\r\nand Unicode BMP "
                                         "\xe2\x98\xba and non-BMP \xf0\x9f\x98\x88\t\n",
                                rpc.message);
            assert_true(csvc_rpc_header(&rpc, "x-text", 0, &value));
            assert_int_equal(11, value.len);
            assert_memory_equal("some  text,", value.data, value.len);
            assert_true(csvc_rpc_trailer(&rpc, "x-raw-bin", 0, &value));
            assert_int_equal(sizeof(raw), value.len);
            assert_memory_equal(raw, value.data, value.len);
            csvc_rpc_clear(&rpc);
        }
    }
    scene_end(&sc);
}

static void large_messages(void **state)
{
    const size_t large = 3 << 20, too_large = 10 << 20;
    scene sc;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    char *name = malloc(too_large + 1);
    const Codec3__Inner *rsp;

    (void)state;
    scene_start(&sc);
    memset(name, 'x', too_large);
    name[large] = '\0';
    assert_int_equal(CSVC_OK, call(sc.ch, ECHO_POOL, &rpc, 1, name, &rsp));
    assert_string_equal(name, rsp->name);
    name[large] = 'x';
    name[too_large] = '\0';
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, call(sc.ch, ECHO_POOL, &rpc, 1, name, &rsp));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, call(sc.ch, ECHO_INLINE, &rpc, 1, name, &rsp));
    assert_works(&sc);
    csvc_rpc_clear(&rpc);
    free(name);
    scene_end(&sc);
}

/* ---- deadlines and cancellation ---- */

typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside, told;
    bool open;
    csvc_code why;
    int64_t left_ms;
} gate;

static void gate_told(void *self)
{
    gate *g = self;

    pthread_mutex_lock(&g->lock);
    g->told++;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static csvc_code waits(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp)
{
    gate *g = peer->data;
    csvc_code why;

    if (csvc_on_cancel(ctx, gate_told, g) != CSVC_OK) {
        return CSVC_INTERNAL;
    }
    pthread_mutex_lock(&g->lock);
    g->inside++;
    g->left_ms = csvc_time_left_ms(ctx);
    pthread_cond_broadcast(&g->changed);
    while (!g->open && !csvc_cancelled(ctx)) {
        pthread_cond_wait(&g->changed, &g->lock);
    }
    why = g->why = csvc_check_cancelled(ctx);
    pthread_mutex_unlock(&g->lock);
    return why != CSVC_OK ? why : echo_back(peer, ctx, req, rsp);
}

static void gate_init(gate *g)
{
    memset(g, 0, sizeof(*g));
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
}

static void gate_wait(gate *g, const int *what)
{
    pthread_mutex_lock(&g->lock);
    while (*what == 0) {
        pthread_cond_wait(&g->changed, &g->lock);
    }
    pthread_mutex_unlock(&g->lock);
}

static void gate_open(gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static void a_deadline_reaches_the_handler(void **state)
{
    scene sc;
    gate g;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 100};
    const Codec3__Inner *rsp;

    (void)state;
    scene_start(&sc);
    gate_init(&g);
    sc.peer.handle = waits;
    sc.peer.data = &g;
    /* on a busy machine the call may not even get there in time: then with more of it */
    for (; sc.peer.calls == 0; rpc.timeout_ms *= 2) {
        assert_int_equal(CSVC_DEADLINE_EXCEEDED, call(sc.ch, ECHO_POOL, &rpc, 1, "x", &rsp));
    }
    gate_wait(&g, &g.told);
    pthread_mutex_lock(&g.lock);
    assert_true(g.left_ms >= 0 && g.left_ms <= rpc.timeout_ms);
    pthread_mutex_unlock(&g.lock);
    csvc_rpc_clear(&rpc);
    sc.peer.handle = echo_back;
    assert_works(&sc);
    scene_end(&sc);
    /* the caller's clock may be the first to say so, and all it tells the server is: cancelled */
    assert_true(g.why == CSVC_DEADLINE_EXCEEDED || g.why == CSVC_CANCELLED);
}

typedef struct caller {
    scene *sc;
    csvc_rpc rpc;
    pthread_t thread;
} caller;

static void *caller_main(void *arg)
{
    caller *c = arg;
    const Codec3__Inner *rsp;

    (void)!call(c->sc->ch, ECHO_POOL, &c->rpc, 7, "ada", &rsp);
    return NULL;
}

static void caller_start(caller *c, scene *sc, csvc_ctx *parent)
{
    *c = (caller){.sc = sc, .rpc = {CSVC_RPC_INIT, .parent = parent, .timeout_ms = 60000}};
    assert_int_equal(0, pthread_create(&c->thread, NULL, caller_main, c));
}

static csvc_code caller_join(caller *c)
{
    assert_int_equal(0, pthread_join(c->thread, NULL));
    csvc_rpc_clear(&c->rpc);
    return c->rpc.code;
}

static void cancellation_reaches_the_handler(void **state)
{
    scene sc;
    gate g;
    caller c;
    csvc_ctx *parent = csvc_ctx_new(NULL);

    (void)state;
    scene_start(&sc);
    gate_init(&g);
    sc.peer.handle = waits;
    sc.peer.data = &g;
    caller_start(&c, &sc, parent);
    gate_wait(&g, &g.inside);
    csvc_ctx_cancel(parent);
    assert_int_equal(CSVC_CANCELLED, caller_join(&c));
    gate_wait(&g, &g.told);
    csvc_ctx_unref(parent);
    sc.peer.handle = echo_back;
    assert_works(&sc);
    scene_end(&sc);
    assert_int_equal(CSVC_CANCELLED, g.why);
}

/* A handler that calls on: its caller's deadline and cancellation hold for the next server, too. */
static csvc_code calls_on(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                          Codec3__Inner *rsp)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .parent = ctx};
    const Codec3__Inner *inner;
    const csvc_code code = call(peer->data, ECHO_POOL, &rpc, req->id, req->name, &inner);

    if (code == CSVC_OK) {
        rsp->id = inner->id;
        rsp->name = csvc_strdup(ctx, inner->name);
    }
    csvc_rpc_clear(&rpc);
    return code; /* with the text it came with */
}

static csvc_code not_today(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                           Codec3__Inner *rsp)
{
    (void)peer;
    (void)req;
    (void)rsp;
    return csvc_fail(ctx, CSVC_NOT_FOUND, "not today");
}

static void a_chain_of_servers(void **state)
{
    scene front, back;
    gate g;
    caller c;
    csvc_ctx *parent = csvc_ctx_new(NULL);
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    const Codec3__Inner *rsp;

    (void)state;
    scene_start(&back);
    scene_start(&front);
    front.peer.handle = calls_on;
    front.peer.data = back.ch;
    assert_int_equal(CSVC_OK, call(front.ch, ECHO_POOL, &rpc, 7, "ada", &rsp));
    assert_string_equal("ada", rsp->name);
    /* an inline handler may not wait */
    assert_int_equal(CSVC_FAILED_PRECONDITION, call(front.ch, ECHO_INLINE, &rpc, 7, "ada", &rsp));
    assert_string_equal("an inline handler may not wait for a call", rpc.message);
    back.peer.handle = not_today;
    assert_int_equal(CSVC_NOT_FOUND, call(front.ch, ECHO_POOL, &rpc, 7, "ada", &rsp));
    assert_string_equal("not today", rpc.message);
    csvc_rpc_clear(&rpc);

    gate_init(&g);
    back.peer.handle = waits;
    back.peer.data = &g;
    caller_start(&c, &front, parent);
    gate_wait(&g, &g.inside);
    assert_true(g.left_ms > 0); /* the caller's minute, passed on */
    csvc_ctx_cancel(parent);
    assert_int_equal(CSVC_CANCELLED, caller_join(&c));
    gate_wait(&g, &g.told);
    csvc_ctx_unref(parent);
    scene_end(&front);
    scene_end(&back);
    assert_int_equal(CSVC_CANCELLED, g.why);
}

/* ---- bytes that no client of ours would send ---- */

typedef struct raw_client {
    csvc_tchannel *tch;
} raw_client;

static void raw_open(raw_client *raw, scene *sc)
{
    char target[64];
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_tchannel_config config = {.target = target, .max_message_bytes = 4 << 20};

    snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d", csvc_testing_port(sc->t));
    raw->tch = csvc_grpc_core.channel_new(&config, &err);
    assert_non_null(raw->tch);
}

static void raw_close(raw_client *raw)
{
    csvc_grpc_core.channel_free(raw->tch);
}

/* Sends the bytes to both rpcs; the answer is this code, and the next good call is fine. */
static void assert_raw(scene *sc, raw_client *raw, const void *bytes, size_t len, csvc_code code,
                       const char *text)
{
    static const char *const paths[] = {"/test.Echo/Inline", "/test.Echo/Pool"};

    for (int i = 0; i < 2; i++) {
        const peer_options options = {.timeout_ns = 60 * CSVC__SECOND};
        peer_result result;

        peer_call_unary(&csvc_grpc_core, raw->tch, paths[i], (csvc_bytes){len, bytes}, &options,
                        &result);
        assert_int_equal(code, result.code);
        if (strncmp(text, result.text, strlen(text)) != 0) {
            assert_string_equal(text, result.text);
        }
        peer_result_release(&result);
        assert_works(sc);
    }
}

/* `depth` messages within messages: field 3 of Inner is an Inner. */
static uint8_t *nested(size_t depth, size_t *ret_len)
{
    const size_t size = 6 * depth + 16;
    uint8_t *bytes = malloc(size);
    size_t at = size;
    size_t len = 0;

    for (size_t i = 0; i < depth; i++) {
        uint8_t head[8];
        size_t n = 0;
        size_t value = len;

        head[n++] = 0x1a;
        while (value >= 0x80) {
            head[n++] = (uint8_t)(value | 0x80);
            value >>= 7;
        }
        head[n++] = (uint8_t)value;
        at -= n;
        memcpy(bytes + at, head, n);
        len += n;
    }
    memmove(bytes, bytes + at, len);
    *ret_len = len;
    return bytes;
}

static void requests_that_do_not_parse(void **state)
{
    static const uint8_t garbage[] = {0xde, 0xad, 0xbe, 0xef, 0xff, 0xff};
    static const uint8_t surrogate[] = {0x12, 3, 0xed, 0xa0, 0x80};
    static const uint8_t nul[] = {0x12, 7, 'a', 'd', 'm', 'i', 'n', 0, 'x'};
    static const uint8_t truncated[] = {0x12, 100, 'a'};
    static const size_t depths[] = {99, 100, 101, 10000, 100000};
    scene sc;
    raw_client raw;

    (void)state;
    scene_start(&sc);
    raw_open(&raw, &sc);
    assert_raw(&sc, &raw, garbage, sizeof(garbage), CSVC_INTERNAL, "the request does not parse: ");
    assert_raw(&sc, &raw, surrogate, sizeof(surrogate), CSVC_INTERNAL,
               "the request does not parse: ");
    assert_raw(&sc, &raw, nul, sizeof(nul), CSVC_INTERNAL, "the request does not parse: ");
    assert_raw(&sc, &raw, truncated, sizeof(truncated), CSVC_INTERNAL,
               "the request does not parse: ");
    assert_raw(&sc, &raw, "", 0, CSVC_OK, "");
    for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        size_t len;
        uint8_t *bytes = nested(depths[i], &len);
        const bool fine = depths[i] <= 100;

        assert_raw(&sc, &raw, bytes, len, fine ? CSVC_OK : CSVC_INTERNAL,
                   fine ? "" : "the request does not parse: ");
        free(bytes);
    }
    {
        uint8_t *bytes = calloc(1, 10 << 20);

        assert_raw(&sc, &raw, bytes, 10 << 20, CSVC_RESOURCE_EXHAUSTED, "");
        free(bytes);
    }
    raw_close(&raw);
    scene_end(&sc);
}

static void paths_nobody_serves(void **state)
{
    static const char *const paths[] = {"/test.Echo/Nothing", "/x.Y/Z", "/"};
    static const char *const texts[] = {"unknown method /test.Echo/Nothing",
                                        "unknown service /x.Y/Z", "unknown service /"};
    const peer_options options = {.timeout_ns = 60 * CSVC__SECOND};
    scene sc;
    raw_client raw;

    (void)state;
    scene_start(&sc);
    raw_open(&raw, &sc);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        peer_result result;

        peer_call_unary(&csvc_grpc_core, raw.tch, paths[i], (csvc_bytes){0}, &options, &result);
        assert_int_equal(CSVC_UNIMPLEMENTED, result.code);
        assert_string_equal(texts[i], result.text);
        peer_result_release(&result);
        assert_works(&sc);
    }
    raw_close(&raw);
    scene_end(&sc);
}

static void nobody_there(void **state)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = csvc_channel_new("ipv4:127.0.0.1:1", &options, &err);
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    const Codec3__Inner *rsp;

    (void)state;
    assert_non_null(ch);
    assert_int_equal(CSVC_UNAVAILABLE, call(ch, ECHO_POOL, &rpc, 1, "x", &rsp));
    assert_true(rpc.message[0] != '\0');
    rpc.wait_for_ready = true; /* it waits for a server that never comes */
    rpc.timeout_ms = 100;
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, call(ch, ECHO_POOL, &rpc, 1, "x", &rsp));
    csvc_rpc_clear(&rpc);
    csvc_channel_free(ch);
}

/* ---- stopping ---- */

static void *shut_down_patiently(void *arg)
{
    return (void *)(uintptr_t)csvc_server_shutdown(arg, 60000);
}

static csvc_code join_shutdown(pthread_t thread)
{
    void *code;

    assert_int_equal(0, pthread_join(thread, &code));
    return (csvc_code)(uintptr_t)code;
}

static void calls_in_flight_finish(void **state)
{
    scene sc;
    gate g;
    caller c;
    pthread_t thread;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    const Codec3__Inner *rsp;
    csvc_code code;

    (void)state;
    scene_start(&sc);
    gate_init(&g);
    sc.peer.handle = waits;
    sc.peer.data = &g;
    caller_start(&c, &sc, NULL);
    gate_wait(&g, &g.inside);
    assert_int_equal(0, pthread_create(&thread, NULL, shut_down_patiently, sc.srv));
    /* From some moment on it takes no new calls. Those before that moment wait, too; those that
     * arrive just when the core shuts down are cancelled by it. */
    do {
        rpc.timeout_ms = 200;
        code = call(sc.ch, ECHO_POOL, &rpc, 1, "x", &rsp);
    } while (code == CSVC_DEADLINE_EXCEEDED || code == CSVC_CANCELLED);
    assert_int_equal(CSVC_UNAVAILABLE, code);
    gate_open(&g);
    assert_int_equal(CSVC_OK, caller_join(&c));
    assert_int_equal(CSVC_OK, join_shutdown(thread));
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static void a_second_shutdown_cuts_the_first_short(void **state)
{
    scene sc;
    gate g;
    caller c;
    pthread_t thread;

    (void)state;
    scene_start(&sc);
    gate_init(&g);
    sc.peer.handle = waits;
    sc.peer.data = &g;
    caller_start(&c, &sc, NULL);
    gate_wait(&g, &g.inside);
    assert_int_equal(0, pthread_create(&thread, NULL, shut_down_patiently, sc.srv));
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, csvc_server_shutdown(sc.srv, 10));
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, join_shutdown(thread));
    assert_int_equal(CSVC_UNAVAILABLE, caller_join(&c));
    scene_end(&sc);
    assert_int_equal(CSVC_UNAVAILABLE, g.why);
}

/* A handler that does not care: shutdown gives up on it, free waits for it. */
static csvc_code does_not_care(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                               Codec3__Inner *rsp)
{
    gate *g = peer->data;

    pthread_mutex_lock(&g->lock);
    g->inside++;
    pthread_cond_broadcast(&g->changed);
    while (!g->open) {
        pthread_cond_wait(&g->changed, &g->lock);
    }
    pthread_mutex_unlock(&g->lock);
    return echo_back(peer, ctx, req, rsp);
}

static void a_stuck_handler_is_waited_for_by_free(void **state)
{
    scene sc;
    gate g;
    caller c;

    (void)state;
    scene_start(&sc);
    gate_init(&g);
    sc.peer.handle = does_not_care;
    sc.peer.data = &g;
    caller_start(&c, &sc, NULL);
    gate_wait(&g, &g.inside);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, csvc_server_shutdown(sc.srv, 1));
    assert_int_equal(CSVC_UNAVAILABLE, caller_join(&c));
    gate_open(&g);
    scene_end(&sc);
}

static void an_idle_server_stops_at_once(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc);
    assert_works(&sc);
    assert_int_equal(CSVC_OK, csvc_server_shutdown(sc.srv, 0));
    scene_end(&sc);
    /* one that was never started, never listened */
    csvc_testing_free(test_new());
}

/* ---- many at once ---- */

enum {
    THREADS = 8,
    ROUNDS = 150
};

static void *call_many(void *arg)
{
    scene *sc = arg;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    const Codec3__Inner *rsp;
    char name[32];

    for (int i = 0; i < ROUNDS; i++) {
        snprintf(name, sizeof(name), "caller %d", i);
        if (call(sc->ch, i % 2, &rpc, i, name, &rsp) != CSVC_OK || rsp->id != i ||
            strcmp(rsp->name, name) != 0) {
            return sc;
        }
    }
    csvc_rpc_clear(&rpc);
    return NULL;
}

/* Deadlines so short that some calls make it and some do not, with a parent that ends meanwhile. */
static void *call_in_haste(void *arg)
{
    scene *sc = arg;
    const Codec3__Inner *rsp;

    for (int i = 0; i < ROUNDS; i++) {
        csvc_ctx *parent = csvc_ctx_new(NULL);
        csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 1 + i % 3, .parent = parent};
        const csvc_code code = call(sc->ch, i % 2, &rpc, i, "x", &rsp);

        if (code != CSVC_OK && code != CSVC_DEADLINE_EXCEEDED && code != CSVC_CANCELLED) {
            fprintf(stderr, "%s: %s\n", csvc_code_name(code), rpc.message);
            return sc;
        }
        csvc_rpc_clear(&rpc);
        csvc_ctx_unref(parent);
    }
    return NULL;
}

static void many_callers(void **state)
{
    scene sc;
    pthread_t threads[THREADS];

    (void)state;
    scene_start(&sc);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(
            0, pthread_create(&threads[i], NULL, i % 4 == 3 ? call_in_haste : call_many, &sc));
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed;

        assert_int_equal(0, pthread_join(threads[i], &failed));
        assert_null(failed);
    }
    assert_works(&sc);
    scene_end(&sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_and_text_go_both_ways),
        cmocka_unit_test(large_messages),
        cmocka_unit_test(a_deadline_reaches_the_handler),
        cmocka_unit_test(cancellation_reaches_the_handler),
        cmocka_unit_test(a_chain_of_servers),
        cmocka_unit_test(requests_that_do_not_parse),
        cmocka_unit_test(paths_nobody_serves),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(calls_in_flight_finish),
        cmocka_unit_test(a_second_shutdown_cuts_the_first_short),
        cmocka_unit_test(a_stuck_handler_is_waited_for_by_free),
        cmocka_unit_test(an_idle_server_stops_at_once),
        cmocka_unit_test(many_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
