/* Channels to several servers, and to servers that go and come back, over the gRPC C core. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <rpc/resolve.h>

#include <base/arena.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "stream_service.h"
#include "transports.h"

/* A server at a port that may be known before. */
typedef struct node {
    csvc_server *srv;
    stream_peer peer;
    atomic_int calls;
    int port;
} node;

static csvc_code answers(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                         Codec3__Inner *rsp)
{
    (void)ctx;
    rsp->id = req->id + 1;
    atomic_fetch_add((atomic_int *)peer->data, 1);
    return CSVC_OK;
}

static void node_start(node *n, int port)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = test_transport()};
    csvc_error err = {CSVC_ERROR_INIT};
    char address[32];

    *n = (node){.peer = {.keep = answers, .both = stream_echoes, .data = &n->calls}};
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    n->srv = csvc_server_new(&options, &err);
    assert_non_null(n->srv);
    assert_int_equal(CSVC_OK, stream_register(n->srv, &n->peer));
    assert_int_equal(CSVC_OK, csvc_server_listen(n->srv, address, &n->port, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(n->srv, &err));
}

static void node_stop(node *n)
{
    n->srv = csvc_server_free(n->srv);
}

static csvc_channel *open_channel(const char *target, bool round_robin)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core,
                                          .round_robin = round_robin};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = csvc_channel_new(target, &options, &err);

    assert_non_null(ch);
    return ch;
}

static csvc_code call(csvc_channel *ch, bool patient)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000, .wait_for_ready = patient};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *rsp;
    const csvc_code code = csvc_call_unary(ch, &stream_methods[STREAM_KEEP], &rpc, &req, &rsp);

    csvc_rpc_clear(&rpc);
    return code;
}

/* ---- several servers ---- */

enum {
    NODES = 3,
    LAP = 30
};

static void zero(node *nodes)
{
    for (int i = 0; i < NODES; i++) {
        atomic_store(&nodes[i].calls, 0);
    }
}

/* Calls until each server that is there had one: now all connections stand. */
static void call_until_all(csvc_channel *ch, node *nodes, int n)
{
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;
    int reached = 0;

    zero(nodes);
    while (reached < n) {
        assert_true(csvc__now() < until);
        (void)call(ch, true);
        reached = 0;
        for (int i = 0; i < NODES; i++) {
            reached += atomic_load(&nodes[i].calls) > 0;
        }
    }
    zero(nodes);
}

static void servers_are_called_in_turn(void **state)
{
    /* by address, and by names of which some have an address where nobody listens */
    static const char *const lists[] = {"static:127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d",
                                        "static:127.0.0.1:%d,no..host:1,[::1]:1,"
                                        "127.0.0.1:%d,localhost:%d"};
    node nodes[NODES];

    (void)state;
    for (int i = 0; i < NODES; i++) {
        node_start(&nodes[i], 0);
    }
    for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
        char target[160];
        csvc_channel *ch;
        int port;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(target, sizeof(target), lists[l], nodes[0].port, nodes[1].port,
                       nodes[2].port);
#pragma GCC diagnostic pop
        ch = open_channel(target, false);
        call_until_all(ch, nodes, NODES);
        for (int i = 0; i < LAP; i++) {
            assert_int_equal(CSVC_OK, call(ch, false));
        }
        for (int i = 0; i < NODES; i++) {
            assert_in_range(atomic_load(&nodes[i].calls), LAP / NODES - 1, LAP / NODES + 1);
        }

        /* one goes: the others serve on; it comes back: it is called again */
        port = nodes[1].port;
        node_stop(&nodes[1]);
        call_until_all(ch, nodes, NODES - 1);
        for (int i = 0; i < LAP; i++) {
            assert_int_equal(CSVC_OK, call(ch, false));
        }
        assert_int_equal(LAP, atomic_load(&nodes[0].calls) + atomic_load(&nodes[2].calls));
        node_start(&nodes[1], port);
        call_until_all(ch, nodes, NODES);
        assert_null(csvc_channel_free(ch));
    }
    for (int i = 0; i < NODES; i++) {
        node_stop(&nodes[i]);
    }
}

static void lists_that_cannot_be_meant(void **state)
{
    static const char *const wrong[] = {
        "static:",        "static:host",     "static:host:0",   "static:host:65536",
        "static:a:1,",    "static:,a:1",     "static:a:1,,b:2", "static:::1:80",
        "static:host:1x", "static::80",      "static:host:",    "static:1.2.3.4:99999999999",
        "static://a:1",   "static:a:1,b:-2",
    };
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core};
    csvc_error err = {CSVC_ERROR_INIT};
    char many[2048] = "static:";
    size_t len = strlen(many);

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(csvc_channel_new(wrong[i], &options, &err));
        if (err.code != CSVC_INVALID_ARGUMENT) {
            print_error("%s: %s\n", wrong[i], err.text);
        }
        assert_int_equal(CSVC_INVALID_ARGUMENT, err.code);
    }
    assert_null(csvc_channel_new("static:no..host:1", &options, &err));
    assert_int_equal(CSVC_UNAVAILABLE, err.code);
    for (int i = 0; i < CSVC__MAX_ENDPOINTS; i++) {
        len += (size_t)snprintf(many + len, sizeof(many) - len, "%s127.0.0.1:%d", i > 0 ? "," : "",
                                i + 1);
    }
    assert_null(csvc_channel_free(open_channel(many, false)));
    (void)snprintf(many + len, sizeof(many) - len, ",127.0.0.1:%d", 100);
    assert_null(csvc_channel_new(many, &options, &err));
    assert_int_equal(CSVC_INVALID_ARGUMENT, err.code);
}

static void what_a_list_stands_for(void **state)
{
    csvc__endpoints endpoints;
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_arena a;

    (void)state;
    csvc__arena_init(&a, NULL, 0, 1 << 20);
    assert_int_equal(CSVC_OK, csvc__resolve(&a, "dns:///a:1", &endpoints, &err));
    assert_int_equal(0, endpoints.n_addresses);
    assert_null(endpoints.authority);
    assert_int_equal(CSVC_OK, csvc__resolve(&a, "static:///1.2.3.4:5,[::1]:6", &endpoints, &err));
    assert_int_equal(2, endpoints.n_addresses);
    assert_string_equal("1.2.3.4:5", endpoints.addresses[0]);
    assert_string_equal("[::1]:6", endpoints.addresses[1]);
    assert_string_equal("1.2.3.4:5", endpoints.authority);
    csvc__arena_release(&a);
}

/* ---- a server that comes back ---- */

typedef struct counted {
    atomic_int messages, done;
} counted;

static void count_message(void *self, const void *message)
{
    atomic_fetch_add(&((counted *)self)->messages, message != NULL);
}

static void count_done(void *self, csvc_code code)
{
    assert_int_equal(CSVC_OK, code);
    atomic_fetch_add(&((counted *)self)->done, 1);
}

static void count_relay(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply)
{
    (void)done;
    assert_int_equal(CSVC_OK, rpc->code);
    assert_non_null(reply);
    atomic_fetch_add(&((counted *)self)->done, 1);
}

/* Found within two seconds by calls of all kinds that began while it was away. */
static void found_again(const char *scheme)
{
    const int64_t seconds = CSVC__SECOND;
    counted c = {0};
    const csvc_events events = {CSVC_EVENTS_INIT, .self = &c, .on_message = count_message,
                                .on_done = count_done, .auto_more = true};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 30000, .wait_for_ready = true};
    Codec3__Inner req = CODEC3__INNER__INIT;
    char target[64];
    csvc_channel *ch;
    csvc_call *told, *waited, *unary;
    const void *message;
    int64_t away, back;
    node n;

    node_start(&n, 0);
    (void)snprintf(target, sizeof(target), "%s127.0.0.1:%d", scheme, n.port);
    ch = open_channel(target, false);
    assert_int_equal(CSVC_OK, call(ch, true));
    node_stop(&n);
    away = csvc__now();
    do { /* meanwhile the channel tries, and waits longer each time */
        assert_int_equal(CSVC_UNAVAILABLE, call(ch, false));
    } while (csvc__now() < away + 3 * seconds / 2);
    told = csvc_call_start(ch, &stream_methods[STREAM_BOTH], &rpc, NULL, &events);
    waited = csvc_call_start(ch, &stream_methods[STREAM_BOTH], &rpc, NULL, NULL);
    unary = csvc_call_async(ch, &stream_methods[STREAM_KEEP], &rpc, &req, count_relay, NULL, &c);
    assert_non_null(told);
    assert_non_null(waited);
    assert_non_null(unary);
    assert_int_equal(CSVC_OK, csvc_call_send(told, &req)); /* wait with it */
    assert_int_equal(CSVC_OK, csvc_call_send(waited, &req));
    csvc_call_close_send(told);

    node_start(&n, n.port);
    back = csvc__now();
    assert_int_equal(CSVC_OK, call(ch, true));
    assert_true(csvc_call_recv(waited, &message));
    await_at_least(&c.done, 2);
    assert_in_range(csvc__now() - back, 0, 2 * seconds);
    assert_int_equal(1, atomic_load(&c.messages));
    assert_int_equal(CSVC_OK, csvc_call_finish(waited, &rpc, NULL));
    csvc_call_unref(told);
    csvc_call_unref(unary);
    csvc_rpc_clear(&rpc);
    assert_null(csvc_channel_free(ch));
    node_stop(&n);
}

static void a_server_that_comes_back_is_found(void **state)
{
    (void)state;
    found_again("dns:///");
    found_again("static:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_are_called_in_turn),
        cmocka_unit_test(lists_that_cannot_be_meant),
        cmocka_unit_test(what_a_list_stands_for),
        cmocka_unit_test(a_server_that_comes_back_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
