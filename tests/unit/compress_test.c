/* What packs messages, and who is told that they came packed: what rpc/ asks of a transport, and
 * what the gRPC C core makes of it on the way there and back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/testing.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <zlib.h>

#include "server_scene.h"
#include "stream_service.h"
#include "transports.h"

enum {
    PATIENCE_MS = 60000,
    NOTHING_SAID = -1
};

/* ---- asked of a transport, by a server ---- */

/* What a handler says of its reply: some calls of csvc_compress. */
typedef struct words {
    int n;
    bool on[2];
    atomic_int came_packed; /* noted by the handler */
} words;

static csvc_code says(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, Codec3__Inner *rsp)
{
    words *s = atomic_load(&peer->data);

    for (int i = 0; i < s->n; i++) {
        csvc_compress(ctx, s->on[i]);
    }
    atomic_store(&s->came_packed, csvc_was_compressed(ctx));
    return echo_back(peer, ctx, req, rsp);
}

static void assert_reply_is_packed(uint32_t compress_bytes, words s, bool packed)
{
    scene sc;

    scene_start_with(&sc, (csvc_server_options){.compress_bytes = compress_bytes});
    atomic_store(&sc.peer.handle, says);
    atomic_store(&sc.peer.data, &s);
    for (int pool = 0; pool < 2; pool++) {
        fake_call *call =
            scene_finished(scene_arrive(&sc, pool ? "/test.Echo/Pool" : "/test.Echo/Inline"));

        assert_int_equal(packed, call->compress);
        assert_answer(call, CSVC_OK, "");
        assert_false(atomic_load(&s.came_packed));
    }
    scene_end(&sc);
}

static void a_reply_is_packed_as_its_handler_says(void **state)
{
    (void)state;
    /* the reply has seven bytes */
    assert_reply_is_packed(0, (words){.n = 0}, false);
    assert_reply_is_packed(7, (words){.n = 0}, true);
    assert_reply_is_packed(8, (words){.n = 0}, false);
    assert_reply_is_packed(0, (words){.n = 1, .on = {true}}, true);
    assert_reply_is_packed(8, (words){.n = 1, .on = {true}}, true);
    assert_reply_is_packed(7, (words){.n = 1, .on = {false}}, false);
    /* the last word counts */
    assert_reply_is_packed(0, (words){.n = 2, .on = {true, false}}, false);
    assert_reply_is_packed(0, (words){.n = 2, .on = {false, true}}, true);
}

static void a_call_does_not_take_over_what_another_said(void **state)
{
    words s = {.n = 1, .on = {true}};
    scene sc;
    fake_call *call;

    (void)state;
    scene_start(&sc);
    atomic_store(&sc.peer.handle, says);
    atomic_store(&sc.peer.data, &s);
    assert_answer(scene_arrive(&sc, "/test.Echo/Inline"), CSVC_OK, "");
    s.n = 0; /* the next one uses its memory */
    call = scene_finished(scene_arrive(&sc, "/test.Echo/Inline"));
    assert_false(call->compress);
    assert_answer(call, CSVC_OK, "");
    scene_end(&sc);
}

static void a_handler_knows_that_its_request_came_packed(void **state)
{
    uint8_t packed[100];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)seven_ada,
                  .avail_in = sizeof(seven_ada),
                  .next_out = packed,
                  .avail_out = sizeof(packed)};
    words s = {.n = 0};
    scene sc;

    (void)state;
    assert_int_equal(Z_OK, deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY));
    assert_int_equal(Z_STREAM_END, deflate(&z, Z_FINISH));
    scene_start(&sc);
    atomic_store(&sc.peer.handle, says);
    atomic_store(&sc.peer.data, &s);
    for (int i = 0; i < 4; i++) {
        const char *path = i < 2 ? "/test.Echo/Pool" : "/test.Echo/Inline";
        fake_arrival arrival = {0};

        if (i % 2 == 0) {
            arrival = (fake_arrival){.bytes = packed, .len = z.total_out, .compressed = true};
        }
        assert_answer(scene_arrive_with(&sc, path, arrival), CSVC_OK, "");
        assert_int_equal(i % 2 == 0, atomic_load(&s.came_packed));
    }
    assert_int_equal(Z_OK, deflateEnd(&z));
    scene_end(&sc);
}

/* ---- packed before it comes to the transport ---- */

enum {
    LONG = 2000,
    LONG_LEN = 2 + 3 + LONG /* of {id: 7, name: LONG of x} */
};

static char long_name[LONG + 1];

static csvc_code says_much(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                           Codec3__Inner *rsp)
{
    memset(long_name, 'x', LONG);
    rsp->id = req->id;
    rsp->name = long_name;
    return says(peer, ctx, req, &(Codec3__Inner){.base = rsp->base});
}

/* A reply or a message of LONG_LEN bytes, the last that was sent. */
static void assert_sent(const fake_call *call, bool packed, bool compress)
{
    uint8_t bytes[2 * LONG_LEN];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)call->message,
                  .avail_in = (uInt)call->len,
                  .next_out = bytes,
                  .avail_out = sizeof(bytes)};

    assert_int_equal(packed, call->packed);
    assert_int_equal(compress, call->compress);
    if (!packed) {
        assert_int_equal(LONG_LEN, call->len);
        return;
    }
    assert_true(call->announce);
    assert_in_range(call->len, 1, LONG / 10);
    assert_int_equal(Z_OK, inflateInit2(&z, 15 + 16));
    assert_int_equal(Z_STREAM_END, inflate(&z, Z_FINISH));
    assert_int_equal(LONG_LEN, z.total_out);
    assert_memory_equal(((uint8_t[]){0x08, 7, 0x12, 0xd0, 0x0f, 'x'}), bytes, 6);
    assert_int_equal(Z_OK, inflateEnd(&z));
}

static csvc_code says_much_and_detaches(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                                        Codec3__Inner *rsp)
{
    const csvc_code code = says_much(peer, ctx, req, rsp);
    csvc_ctx *kept = csvc_detach(ctx, NULL);

    (void)csvc_finish(kept, code);
    (void)csvc_ctx_unref(kept);
    return CSVC_OK;
}

/* Where its handler runs, or where a detached call is finished, for a transport that sends it so.
 */
static void a_reply_is_packed_before_the_transport(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++) {
        const bool takes = i % 2 == 1, by_size = i / 2 % 2 == 1, pool = i / 4 % 2 == 1;
        words s = {.n = !by_size, .on = {true}};
        scene sc;
        fake_call *call;

        scene_start_with(&sc, (csvc_server_options){.compress_bytes = by_size ? LONG : 0});
        atomic_store(&sc.peer.handle, i < 8 ? says_much : says_much_and_detaches);
        atomic_store(&sc.peer.data, &s);
        call = scene_finished(scene_arrive_with(&sc, pool ? "/test.Echo/Pool" : "/test.Echo/Inline",
                                                (fake_arrival){.takes_packed = takes}));
        assert_sent(call, takes, !takes);
        assert_answer(call, CSVC_OK, "");
        scene_end(&sc);
    }
}

static csvc_code sends_much(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                            csvc_stream *out)
{
    const Codec3__Inner message = stream_message(req->id, long_name);

    (void)peer;
    csvc_compress(ctx, true);
    return csvc_stream_send(out, &message);
}

/* The same, where it is sure that the headers say so: that is up to the server's option. */
static void a_message_is_packed_before_the_transport(void **state)
{
    stream_peer peer = {.down = sends_much};

    (void)state;
    memset(long_name, 'x', LONG);
    for (int i = 0; i < 4; i++) {
        const bool takes = i % 2 == 1, by_size = i / 2 == 1;
        const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &fake_transport,
                                             .compress_bytes = by_size ? LONG : 0};
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_server *srv = csvc_server_new(&options, &err);
        fake_call *call;

        assert_non_null(srv);
        assert_int_equal(CSVC_OK, stream_register(srv, &peer));
        assert_int_equal(CSVC_OK, csvc_server_listen(srv, "fake:0", NULL, &err));
        assert_int_equal(CSVC_OK, csvc_server_start(srv, &err));
        call = fake_arrive(fake_last_server(), &(fake_arrival){.path = "/test.Streams/Down",
                                                               .bytes = seven_ada,
                                                               .len = sizeof(seven_ada),
                                                               .takes_packed = takes});
        while (call->n_sent == 0 && !call->finished) {
            fake_turn(fake_last_server(), csvc__now() + 20 * CSVC__SECOND);
        }
        assert_sent(call, takes && by_size, !(takes && by_size));
        if (call->sending) {
            fake_writable(call);
        }
        fake_wait_finish(call);
        assert_int_equal(CSVC_OK, call->code);
        fake_wait_release(call);
        fake_call_free(call);
        csvc_server_free(srv);
    }
}

static void a_ctx_without_a_call_packs_nothing(void **state)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);

    (void)state;
    assert_non_null(ctx);
    csvc_compress(ctx, true);
    assert_false(csvc_was_compressed(ctx));
    csvc_ctx_unref(ctx);
}

/* ---- asked of a transport, by a client ---- */

static void answers(void *self, fake_out *out)
{
    *(fake_out *)self = *out;
    fake_out_message(out, out->message, out->len, false);
    fake_out_status(out, CSVC_OK, "", NULL, NULL);
}

static void assert_request_is_packed(uint32_t compress_bytes, csvc_compression said, bool packed,
                                     bool announced)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &fake_transport,
                                          .compress_bytes = compress_bytes};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = csvc_channel_new("fake", &options, &err);
    csvc_rpc rpc = {CSVC_RPC_INIT, .compress = said};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *rsp;
    fake_out out;

    assert_non_null(ch);
    req.id = 7;
    req.name = (char *)(uintptr_t) "ada";
    fake_set_script(answers, &out);
    assert_int_equal(CSVC_OK, csvc_call_unary(ch, &echo_methods[ECHO_POOL], &rpc, &req, &rsp));
    assert_int_equal(packed, out.compress);
    assert_int_equal(announced, out.compress || out.announce);
    assert_false(csvc_rpc_was_compressed(&rpc));
    csvc_rpc_clear(&rpc);
    csvc_channel_free(ch);
}

static void a_request_is_packed_as_its_rpc_says(void **state)
{
    (void)state;
    assert_request_is_packed(0, CSVC_COMPRESS_BY_SIZE, false, false);
    assert_request_is_packed(7, CSVC_COMPRESS_BY_SIZE, true, true);
    assert_request_is_packed(8, CSVC_COMPRESS_BY_SIZE, false, false);
    assert_request_is_packed(0, CSVC_COMPRESS_ON, true, true);
    assert_request_is_packed(7, CSVC_COMPRESS_OFF, false, true);
    /* what nobody defined packs nothing, and does no harm */
    assert_request_is_packed(7, (csvc_compression)77, false, true);
}

/* ---- over the gRPC C core ---- */

typedef struct net {
    csvc_testing *t;
    csvc_channel *ch;
    stream_peer peer;
    atomic_int came_packed; /* a bit for each message that came to a handler, the first lowest */
} net;

static void net_start(net *n)
{
    memset(n, 0, sizeof(*n));
    n->t = test_new();
    n->peer.data = n;
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(n->t), &n->peer));
    n->ch = csvc_testing_channel(n->t);
    assert_non_null(n->ch);
}

static void net_end(net *n)
{
    assert_null(csvc_testing_free(n->t));
}

/* {id, name: 200 letters}: long enough to become shorter */
static Codec3__Inner message_of(int id)
{
    static char letters[201];
    Codec3__Inner message = CODEC3__INNER__INIT;

    (void)memset(letters, 'x', sizeof(letters) - 1);
    message.id = id;
    message.name = letters;
    return message;
}

/* The request's id says what to do: bits, pack the n-th reply or not, and how many. */
enum {
    REPLIES = 8
};

static csvc_code keeps(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                       Codec3__Inner *rsp)
{
    net *n = peer->data;

    atomic_store(&n->came_packed, csvc_was_compressed(ctx));
    if (req->id != NOTHING_SAID) {
        csvc_compress(ctx, req->id & 1);
    }
    rsp->name = csvc_printf(ctx, "%s", req->name);
    return rsp->name != NULL ? CSVC_OK : CSVC_RESOURCE_EXHAUSTED;
}

static csvc_code sends(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    csvc_code code = CSVC_OK;

    (void)peer;
    for (int i = 0; code == CSVC_OK && i < REPLIES; i++) {
        const Codec3__Inner message = message_of(i);

        if (req->id != NOTHING_SAID) {
            csvc_compress(ctx, req->id >> i & 1);
        }
        code = csvc_stream_send(out, &message);
    }
    return code;
}

/* Notes how each came, sends back each as it came. */
static csvc_code mirrors(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    net *n = peer->data;
    const void *message;
    csvc_code code = CSVC_OK;
    int bit = 1;

    csvc_compress(ctx, true);
    while (code == CSVC_OK && csvc_stream_recv(in, &message)) {
        atomic_fetch_or(&n->came_packed, csvc_was_compressed(ctx) ? bit : 0);
        bit = bit << 1 & 0xffff;
        csvc_compress(ctx, csvc_was_compressed(ctx));
        code = csvc_stream_send(out, message);
    }
    return code != CSVC_OK ? code : csvc_stream_code(in);
}

static void a_unary_call_says_both_ways(void **state)
{
    static const csvc_compression said[] = {CSVC_COMPRESS_BY_SIZE, CSVC_COMPRESS_ON,
                                            CSVC_COMPRESS_OFF};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    net n;

    (void)state;
    assert_false(csvc_rpc_was_compressed(&rpc)); /* before any call */
    net_start(&n);
    n.peer.keep = keeps;
    for (int which = STREAM_KEEP; which <= STREAM_INLINE_KEEP;
         which += STREAM_INLINE_KEEP - STREAM_KEEP) {
        for (int i = 0; i < 9; i++) {
            const int reply = i % 3 - 1; /* nothing said, as it is, packed */
            Codec3__Inner req = message_of(reply);
            const void *rsp;

            rpc.compress = said[i / 3];
            atomic_store(&n.peer.told, 1);
            assert_int_equal(CSVC_OK,
                             csvc_call_unary(n.ch, &stream_methods[which], &rpc, &req, &rsp));
            assert_string_equal(req.name, ((const Codec3__Inner *)rsp)->name);
            assert_int_equal(said[i / 3] == CSVC_COMPRESS_ON, atomic_load(&n.came_packed));
            assert_int_equal(reply == 1, csvc_rpc_was_compressed(&rpc));
        }
    }
    /* what the last call said does not outlive the next, nor the clearing */
    assert_true(csvc_rpc_was_compressed(&rpc));
    assert_int_equal(CSVC_UNIMPLEMENTED,
                     csvc_call_unary(n.ch, &echo_methods[ECHO_POOL], &rpc,
                                     &(Codec3__Inner)CODEC3__INNER__INIT, &(const void *){NULL}));
    assert_false(csvc_rpc_was_compressed(&rpc));
    csvc_rpc_clear(&rpc);
    assert_false(csvc_rpc_was_compressed(&rpc));
    net_end(&n);
}

/* How the replies of a call came, a bit each. */
static int received(csvc_call *call, int *ret_n)
{
    const void *message;
    int bits = 0;
    int n = 0;

    for (; csvc_call_recv(call, &message); n++) {
        bits |= csvc_call_was_compressed(call) << n;
    }
    *ret_n = n;
    return bits;
}

static void each_message_of_a_stream_as_its_sender_says(void **state)
{
    static const int patterns[] = {0, 1, 0x55, 0xaa, 0x7f, 0xfe, 0xff};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    net n;

    (void)state;
    net_start(&n);
    n.peer.down = sends;
    n.peer.both = mirrors;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        const Codec3__Inner req = message_of(patterns[i]);
        csvc_call *call;
        int count, bits;

        atomic_store(&n.peer.told, 1);
        rpc.compress = CSVC_COMPRESS_BY_SIZE;
        call = csvc_call_start(n.ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
        assert_non_null(call);
        assert_false(csvc_call_was_compressed(call)); /* nothing came yet */
        bits = received(call, &count);
        assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
        assert_int_equal(REPLIES, count);
        assert_int_equal(patterns[i], bits);
        assert_int_equal(patterns[i] >> (REPLIES - 1), csvc_rpc_was_compressed(&rpc));

        /* up and back */
        atomic_store(&n.came_packed, 0);
        rpc.compress = CSVC_COMPRESS_OFF;
        call = csvc_call_start(n.ch, &stream_methods[STREAM_BOTH], &rpc, NULL, NULL);
        assert_non_null(call);
        for (int k = 0; k < REPLIES; k++) {
            const Codec3__Inner message = message_of(k);

            csvc_call_compress(call, patterns[i] >> k & 1);
            assert_int_equal(CSVC_OK, csvc_call_send(call, &message));
        }
        csvc_call_close_send(call);
        bits = received(call, &count);
        assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
        assert_int_equal(REPLIES, count);
        assert_int_equal(patterns[i], atomic_load(&n.came_packed));
        assert_int_equal(patterns[i], bits);
    }
    csvc_rpc_clear(&rpc);
    net_end(&n);
}

/* ---- what is no use ---- */

/* Its headers have gone, and said nothing of gzip. */
static csvc_code says_it_late(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                              csvc_stream *out)
{
    const Codec3__Inner message = message_of(0);
    csvc_code code = csvc_stream_send(out, &message);

    (void)peer;
    (void)req;
    if (code == CSVC_OK) {
        csvc_compress(ctx, true);
        code = csvc_stream_send(out, &message);
    }
    return code;
}

static void saying_it_too_late_packs_nothing(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    const Codec3__Inner message = message_of(0);
    csvc_call *call;
    net n;
    int count;

    (void)state;
    net_start(&n);
    n.peer.down = says_it_late;
    n.peer.both = mirrors;
    atomic_store(&n.peer.told, 1);
    call = csvc_call_start(n.ch, &stream_methods[STREAM_DOWN], &rpc, &message, NULL);
    assert_int_equal(0, received(call, &count) & 1);
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    assert_int_equal(2, count);

    /* a call that has not announced it */
    call = csvc_call_start(n.ch, &stream_methods[STREAM_BOTH], &rpc, NULL, NULL);
    assert_non_null(call);
    assert_int_equal(CSVC_OK, csvc_call_send(call, &message));
    csvc_call_compress(call, true);
    assert_int_equal(CSVC_OK, csvc_call_send(call, &message));
    csvc_call_close_send(call);
    csvc_call_compress(call, false); /* when nothing is sent any more */
    assert_int_equal(0, received(call, &count));
    csvc_call_compress(call, true); /* and when all is over */
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    assert_int_equal(2, count);
    assert_int_equal(0, atomic_load(&n.came_packed));
    csvc_rpc_clear(&rpc);
    net_end(&n);
}

static void no_call_takes_it_as_well(void **state)
{
    (void)state;
    csvc_call_compress(NULL, true);
    assert_false(csvc_call_was_compressed(NULL));
}

/* ---- from several threads ---- */

static void *switches(void *arg)
{
    csvc_call *call = arg;
    const Codec3__Inner message = message_of(1);

    for (int i = 0; i < 500; i++) {
        csvc_call_compress(call, i % 3 == 0);
        if (csvc_call_send(call, &message) != CSVC_OK) {
            return arg;
        }
    }
    csvc_call_close_send(call);
    return NULL;
}

static void one_thread_sends_and_one_receives(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS, .compress = CSVC_COMPRESS_ON};
    const void *message;
    csvc_call *call;
    pthread_t sender;
    void *wrong;
    net n;
    int count = 0;

    (void)state;
    net_start(&n);
    n.peer.both = mirrors;
    atomic_store(&n.peer.told, 1);
    call = csvc_call_start(n.ch, &stream_methods[STREAM_BOTH], &rpc, NULL, NULL);
    assert_non_null(call);
    assert_int_equal(0, pthread_create(&sender, NULL, switches, call));
    for (; csvc_call_recv(call, &message); count++) {
        assert_int_equal(count % 3 == 0, csvc_call_was_compressed(call));
        assert_int_equal(200, strlen(((const Codec3__Inner *)message)->name));
    }
    assert_int_equal(0, pthread_join(sender, &wrong));
    assert_null(wrong);
    assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
    assert_int_equal(500, count);
    csvc_rpc_clear(&rpc);
    net_end(&n);
}

/* A call that its handler has left to the test. */
typedef struct left {
    sem_t there;
    csvc_ctx *ctx;
    csvc_stream *out;
} left;

static csvc_code leaves(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                        csvc_stream *out)
{
    const csvc_events events = {CSVC_EVENTS_INIT};
    left *l = peer->data;

    (void)req;
    l->out = out;
    l->ctx = csvc_detach(ctx, &events);
    (void)sem_post(&l->there);
    return CSVC_OK;
}

/* What came, on the call's loop. */
typedef struct heard {
    sem_t over;
    csvc_call *call;
    int n, bits;
    csvc_code code;
} heard;

static void on_message(void *self, const void *message)
{
    heard *h = self;

    if (message != NULL) {
        h->bits |= csvc_call_was_compressed(h->call) << h->n++;
    }
}

static void on_done(void *self, csvc_code code)
{
    heard *h = self;

    h->code = code;
    (void)sem_post(&h->over);
}

static void a_detached_call_to_one_that_waits_for_nothing(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    const Codec3__Inner message = message_of(0);
    heard h = {.call = NULL};
    const csvc_events events = {CSVC_EVENTS_INIT, .self = &h, .on_message = on_message,
                                .on_done = on_done};
    left l;
    net n;

    (void)state;
    net_start(&n);
    assert_int_equal(0, sem_init(&l.there, 0, 0));
    assert_int_equal(0, sem_init(&h.over, 0, 0));
    n.peer.down = leaves;
    n.peer.data = &l;
    atomic_store(&n.peer.told, 1);
    h.call = csvc_call_start(n.ch, &stream_methods[STREAM_DOWN], &rpc, &message, &events);
    assert_non_null(h.call);
    assert_int_equal(0, sem_wait(&l.there));
    for (int i = 0; i < REPLIES; i++) {
        csvc_compress(l.ctx, 0x35 >> i & 1);
        assert_int_equal(CSVC_OK, csvc_stream_send(l.out, &message));
        csvc_call_more(h.call);
    }
    csvc_call_more(h.call); /* the end */
    assert_int_equal(CSVC_OK, csvc_finish(l.ctx, CSVC_OK));
    csvc_compress(l.ctx, true); /* no use, no harm */
    (void)csvc_ctx_unref(l.ctx);
    assert_int_equal(0, sem_wait(&h.over));
    assert_int_equal(CSVC_OK, h.code);
    assert_int_equal(REPLIES, h.n);
    assert_int_equal(0x35, h.bits);
    (void)csvc_call_unref(h.call);
    csvc_rpc_clear(&rpc);
    net_end(&n);
    (void)sem_destroy(&l.there);
    (void)sem_destroy(&h.over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_packed_as_its_handler_says),
        cmocka_unit_test(a_call_does_not_take_over_what_another_said),
        cmocka_unit_test(a_handler_knows_that_its_request_came_packed),
        cmocka_unit_test(a_reply_is_packed_before_the_transport),
        cmocka_unit_test(a_message_is_packed_before_the_transport),
        cmocka_unit_test(a_ctx_without_a_call_packs_nothing),
        cmocka_unit_test(a_request_is_packed_as_its_rpc_says),
        cmocka_unit_test(a_unary_call_says_both_ways),
        cmocka_unit_test(each_message_of_a_stream_as_its_sender_says),
        cmocka_unit_test(saying_it_too_late_packs_nothing),
        cmocka_unit_test(no_call_takes_it_as_well),
        cmocka_unit_test(one_thread_sends_and_one_receives),
        cmocka_unit_test(a_detached_call_to_one_that_waits_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
