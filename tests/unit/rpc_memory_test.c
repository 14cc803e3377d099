/* Memory of streams, over the gRPC C core: it does not grow with the messages that have gone
 * through one, nor with a reader that does not read, and is small for one that waits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/testing.h>
#include <rpc/served.h>

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "await.h"
#include "stream_service.h"
#include "transports.h"

#if defined(CSVC__ARENA_ASAN) || defined(__SANITIZE_THREAD__) || defined(CSVC_DEBUG)
#define WATCHED 1 /* memory is a sanitizer's: fewer messages, and no bounds */
#else
#define WATCHED 0
#endif

enum {
    MANY = WATCHED ? 20000 : 1000000,
    OPEN = WATCHED ? 200 : 10000,
    /* Bytes in use with nothing under way: a leak of the smallest kind is 32 bytes for each
     * message. What threads keep of freed blocks counts as in use, too: seen were 2.4 MiB. */
    GROWTH = 1 << 20,
    GROWTH_EACH = 8,
    /* Bytes resident: what was under way at the worst moment stays the allocator's, and the slower
     * the machine, the larger the core makes its windows. */
    RESIDENT_GROWTH = 32 << 20,
};

typedef struct scene {
    csvc_server *srv;
    csvc_channel *ch;
    stream_peer peer;
    csvc_ctx **kept; /* detached calls */
    csvc_stream *out;
    atomic_int n_kept, n_done;
    atomic_int came; /* messages that a handler has taken */
    atomic_int go;   /* a handler that waits may go on */
    int sent;
} scene;

static void scene_start(scene *sc, uint32_t max_streams)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = test_transport(),
                                         .loops = 1, .max_streams = max_streams};
    const csvc_channel_options ch_options = {CSVC_CHANNEL_OPTIONS_INIT,
                                             .transport = &csvc_grpc_core};
    csvc_error err = {CSVC_ERROR_INIT};
    char target[64];
    int port;

    sc->peer.data = sc;
    sc->srv = csvc_server_new(&options, &err);
    assert_non_null(sc->srv);
    assert_int_equal(CSVC_OK, stream_register(sc->srv, &sc->peer));
    assert_int_equal(CSVC_OK, csvc_server_listen(sc->srv, "127.0.0.1:0", &port, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(sc->srv, &err));
    (void)snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d", port);
    sc->ch = csvc_channel_new(target, &ch_options, &err);
    assert_non_null(sc->ch);
}

static void scene_end(scene *sc)
{
    csvc_channel_free(sc->ch);
    csvc_server_free(sc->srv);
}

/* A number of /proc/self/status. */
static long status_of(const char *key)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    long value = -1;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            value = strtol(line + strlen(key) + 1, NULL, 10);
        }
    }
    (void)fclose(f);
    return value;
}

static size_t resident(void)
{
    return (size_t)status_of("VmRSS") * 1024;
}

/* What the allocator has given out and not got back, of all threads. */
static size_t in_use(void)
{
    const struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

typedef struct memory {
    size_t in_use, resident;
} memory;

static memory memory_now(void)
{
    return (memory){.in_use = in_use(), .resident = resident()};
}

/* To be asked, as memory_now() before it, while no message is under way. */
static void assert_flat(const char *what, int n, memory before)
{
    const memory after = memory_now();

    print_message("%s: %d messages, in use %zu KiB before, %zu KiB after; resident %zu KiB, %zu "
                  "KiB\n",
                  what, n, before.in_use / 1024, after.in_use / 1024, before.resident / 1024,
                  after.resident / 1024);
    if (WATCHED) {
        return;
    }
    if (after.in_use > before.in_use + GROWTH + (size_t)n * GROWTH_EACH) {
        fail_msg("%s: %zu KiB more are in use", what, (after.in_use - before.in_use) / 1024);
    }
    if (after.resident > before.resident + RESIDENT_GROWTH) {
        fail_msg("%s: memory has grown by %zu KiB", what,
                 (after.resident - before.resident) / 1024);
    }
}

/* ---- a million messages ---- */

#define SMALL "a small message"

/* The first twentieth makes caches and queues as large as they get; then it waits. */
static csvc_code down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    scene *sc = peer->data;
    csvc_code code = CSVC_OK;

    (void)ctx;
    for (int i = 0; i < req->id && code == CSVC_OK; i++) {
        const Codec3__Inner message = stream_message(i, SMALL);

        if (i == req->id / 20) {
            await_value(&sc->go, 1);
        }
        code = csvc_stream_send(out, &message);
    }
    return code;
}

static csvc_code up(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    scene *sc = peer->data;
    const void *message;

    (void)ctx;
    while (csvc_stream_recv(in, &message)) {
        rsp->id++;
        atomic_fetch_add(&sc->came, 1);
    }
    return csvc_stream_code(in);
}

static void receive(csvc_call *call, int n)
{
    const void *message;

    for (int i = 0; i < n; i++) {
        assert_true(csvc_call_recv(call, &message));
    }
}

static void send_to(csvc_call *call, int n)
{
    for (int i = 0; i < n; i++) {
        const Codec3__Inner message = stream_message(i, SMALL);

        assert_int_equal(CSVC_OK, csvc_call_send(call, &message));
    }
}

static void server_streaming(void **state)
{
    scene sc = {.peer = {.down = down}};
    csvc_rpc rpc = {CSVC_RPC_INIT};
    Codec3__Inner req = stream_message(MANY, SMALL);
    csvc_call *call;
    memory before;

    (void)state;
    scene_start(&sc, 0);
    call = csvc_call_start(sc.ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
    receive(call, MANY / 20);
    before = memory_now();
    atomic_store(&sc.go, 1);
    receive(call, MANY - MANY / 20);
    assert_flat("server streaming", MANY, before);
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

static void client_streaming(void **state)
{
    scene sc = {.peer = {.up = up}};
    csvc_rpc rpc = {CSVC_RPC_INIT};
    const void *reply;
    csvc_call *call;
    memory before;

    (void)state;
    scene_start(&sc, 0);
    call = csvc_call_start(sc.ch, &stream_methods[STREAM_UP], &rpc, NULL, NULL);
    send_to(call, MANY / 20);
    await_value(&sc.came, MANY / 20);
    before = memory_now();
    send_to(call, MANY - MANY / 20);
    await_value(&sc.came, MANY);
    assert_flat("client streaming", MANY, before);
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, &reply));
    assert_int_equal(MANY, ((const Codec3__Inner *)reply)->id);
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

/* ---- detached ---- */

static void kept_done(void *self, csvc_code code)
{
    (void)code;
    atomic_fetch_add(&((scene *)self)->n_done, 1);
}

/* Echoes on the loop; when the queue is full, on_writable asks for the next. */
static void echo_message(void *self, const void *message)
{
    scene *sc = self;

    if (message == NULL) {
        (void)csvc_finish(sc->kept[0], CSVC_OK);
        csvc_ctx_unref(sc->kept[0]);
        return;
    }
    sc->sent += csvc_stream_send(sc->out, message) == CSVC_OK;
    csvc_more(sc->out);
}

static csvc_code keeps_both(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    scene *sc = peer->data;

    sc->out = out;
    csvc_more(in);
    sc->kept[0] =
        csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = sc, .on_message = echo_message,
                                        .on_done = kept_done});
    atomic_fetch_add(&sc->n_kept, 1);
    return CSVC_OK;
}

/* In bursts, so that no echo finds its queue full. Returns how many: a tenth, since each takes a
 * round trip, unless there is time (CSVC_LONG=1). */
static int bidirectional_of(scene *sc, const char *what)
{
    enum {
        BURST = 100
    };
    const int n = getenv("CSVC_LONG") != NULL ? MANY : MANY / 10;
    csvc_rpc rpc = {CSVC_RPC_INIT};
    memory before = {0};
    csvc_call *call;

    scene_start(sc, 0);
    call = csvc_call_start(sc->ch, &stream_methods[STREAM_BOTH], &rpc, NULL, NULL);
    for (int i = 0; i < n / BURST; i++) {
        if (i == n / BURST / 20) {
            before = memory_now();
        }
        send_to(call, BURST);
        receive(call, BURST);
    }
    assert_flat(what, n, before);
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    csvc_rpc_clear(&rpc);
    scene_end(sc);
    return n;
}

static void bidirectional(void **state)
{
    scene sc = {.peer = {.both = stream_echoes}};

    (void)state;
    (void)bidirectional_of(&sc, "bidirectional");
}

static void bidirectional_detached(void **state)
{
    csvc_ctx *kept = NULL;
    scene sc = {.peer = {.both = keeps_both}, .kept = &kept};
    int n;

    (void)state;
    n = bidirectional_of(&sc, "bidirectional, detached");
    assert_int_equal(n, sc.sent);
}

static csvc_code keeps_down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                            csvc_stream *out)
{
    scene *sc = peer->data;

    (void)req;
    sc->out = out;
    /* one loop: the handlers run one after the other */
    sc->kept[atomic_load(&sc->n_kept)] =
        csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = sc, .on_done = kept_done});
    atomic_fetch_add(&sc->n_kept, 1);
    return CSVC_OK;
}

/* A million messages for one who does not read: all but those that fit are refused. */
static void who_does_not_read_costs_a_queue(void **state)
{
    csvc_ctx *kept = NULL;
    scene sc = {.peer = {.down = keeps_down}, .kept = &kept};
    const csvc_events never = {CSVC_EVENTS_INIT};
    csvc_rpc rpc = {CSVC_RPC_INIT};
    Codec3__Inner req = stream_message(0, SMALL);
    Codec3__Inner message = stream_message(1, SMALL);
    csvc_call *call;
    size_t before;
    int accepted = 0;
    char text[1001];

    (void)state;
    memset(text, 'x', 1000);
    text[1000] = '\0';
    message.name = text;
    scene_start(&sc, 0);
    call = csvc_call_start(sc.ch, &stream_methods[STREAM_INLINE], &rpc, &req, &never);
    assert_non_null(call);
    await_value(&sc.n_kept, 1);
    before = resident();
    for (int i = 0; i < MANY; i++) {
        const csvc_code code = csvc_stream_send(sc.out, &message);

        assert_true(code == CSVC_OK || code == CSVC_RESOURCE_EXHAUSTED);
        accepted += code == CSVC_OK;
    }
    print_message("one who does not read: %d of %d messages of 1 KB accepted\n", accepted,
                  (int)MANY);
    /* 256 KiB of ours, the windows of HTTP/2 and the socket's buffers */
    assert_true(WATCHED || accepted < MANY / 20);
    assert_true(WATCHED || resident() < before + (32 << 20));
    csvc_call_cancel(call);
    await_value(&sc.n_done, 1);
    csvc_ctx_unref(kept);
    csvc_call_unref(call);
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
}

/* Ten thousand wait: no thread each, and little memory. Both ends are in this process; what of it
 * is the C core's own, tests/e2e/stream_memory.py says. */
static void ten_thousand_wait(void **state)
{
    scene sc = {.peer = {.down = keeps_down}, .kept = calloc(OPEN, sizeof(csvc_ctx *))};
    csvc_call **calls = calloc(OPEN, sizeof(csvc_call *));
    const csvc_events never = {CSVC_EVENTS_INIT};
    csvc_rpc rpc = {CSVC_RPC_INIT};
    Codec3__Inner req = stream_message(0, SMALL);
    size_t before = 0;
    long threads = 0;

    (void)state;
    scene_start(&sc, OPEN);
    for (int i = 0; i < OPEN; i++) {
        if (i == OPEN / 10) {
            before = resident();
            threads = status_of("Threads");
        }
        calls[i] = csvc_call_start(sc.ch, &stream_methods[STREAM_INLINE], &rpc, &req, &never);
        assert_non_null(calls[i]);
        await_value(&sc.n_kept, i + 1);
    }
    assert_true(status_of("Threads") <= threads + 2); /* the core's for its timers come and go */
    print_message("%d open streams, both ends here: %zu bytes each; of these our served call %zu "
                  "bytes\n",
                  (int)OPEN, (resident() - before) / (OPEN - OPEN / 10), csvc__served_size());
    if (!WATCHED) {
        assert_true(csvc__served_size() <= 4096);
        assert_true((resident() - before) / (OPEN - OPEN / 10) <= 48 * 1024);
    }
    for (int i = 0; i < OPEN; i++) {
        csvc_call_cancel(calls[i]);
        csvc_call_unref(calls[i]);
    }
    await_value(&sc.n_done, OPEN);
    for (int i = 0; i < OPEN; i++) {
        csvc_ctx_unref(sc.kept[i]);
    }
    csvc_rpc_clear(&rpc);
    scene_end(&sc);
    free(sc.kept);
    free(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_streaming),
        cmocka_unit_test(client_streaming),
        cmocka_unit_test(bidirectional),
        cmocka_unit_test(bidirectional_detached),
        cmocka_unit_test(who_does_not_read_costs_a_queue),
        cmocka_unit_test(ten_thousand_wait),
    };

    return cmocka_run_group_tests_name("rpc_memory", tests, NULL, NULL);
}
