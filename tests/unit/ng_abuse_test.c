/*
 * Who costs the server on nghttp2 more than he may: his connection ends, with the reason, and
 * nobody else notices.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/transport.h>
#include <fcntl.h>
#include <poll.h>
#include <seam_peer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wire_answer.h>

#define BYTES(text) ((csvc_bytes){.len = sizeof(text) - 1, .data = (const uint8_t *)(text)})
#define MESSAGE     BYTES("\0\0\0\0\3abc")
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef struct scene {
    peer_server srv;
    wire bystander;
    uint32_t next; /* stream of his */
} scene;

static int set_up(void **state)
{
    scene *sc = calloc(1, sizeof(*sc));

    peer_server_start(&sc->srv, &csvc_nghttp2, 1, 0);
    sc->bystander = wire_open(sc->srv.port);
    sc->next = 1;
    *state = sc;
    return 0;
}

static int tear_down(void **state)
{
    scene *sc = *state;

    close(sc->bystander.fd);
    peer_server_wait_all_closed(&sc->srv);
    peer_server_stop(&sc->srv);
    free(sc);
    return 0;
}

static void check_others_go_on(scene *sc)
{
    wire_answer a;

    wire_send_request(&sc->bystander, sc->next,
                      &(wire_request){.path = "/t.T/Echo", .data = MESSAGE});
    wire_await(&sc->bystander, sc->next, &a);
    assert_int_equal(0, a.status);
    sc->next += 2;
}

/* Bytes that one connection sends until it is sent away. */
typedef struct flood {
    uint8_t *bytes;
    size_t len, size;
} flood;

static void add_frame(flood *f, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                      size_t len)
{
    uint8_t *at;

    if (f->size < f->len + 9 + len) {
        f->size = 2 * (f->len + 9 + len);
        f->bytes = realloc(f->bytes, f->size);
        assert_non_null(f->bytes);
    }
    at = f->bytes + f->len;
    at[0] = (uint8_t)(len >> 16);
    at[1] = (uint8_t)(len >> 8);
    at[2] = (uint8_t)len;
    at[3] = type;
    at[4] = flags;
    at[5] = (uint8_t)(stream >> 24);
    at[6] = (uint8_t)(stream >> 16);
    at[7] = (uint8_t)(stream >> 8);
    at[8] = (uint8_t)stream;
    if (len > 0) {
        memcpy(at + 9, payload, len);
    }
    f->len += 9 + len;
}

static void open_call(flood *f, uint32_t stream, const char *path)
{
    uint8_t block[1024];

    add_frame(f, H2_HEADERS, H2_END_HEADERS, stream, block, wire_put_request(block, path, NULL));
}

/* Sends it all, while it reads what comes; then waits for the end. */
static void send_flood(wire *w, flood *f, wire_answer *ret_answer)
{
    size_t at = 0;

    (void)fcntl(w->fd, F_SETFL, fcntl(w->fd, F_GETFL) | O_NONBLOCK);
    while (at < f->len) {
        struct pollfd p = {.fd = w->fd, .events = POLLOUT};
        ssize_t n;

        assert_int_equal(1, poll(&p, 1, 60000));
        n = send(w->fd, f->bytes + at, f->len - at, MSG_NOSIGNAL);
        if (n < 0) {
            break; /* the server has closed it */
        }
        at += (size_t)n;
    }
    (void)fcntl(w->fd, F_SETFL, fcntl(w->fd, F_GETFL) & ~O_NONBLOCK);
    wire_await(w, 0, ret_answer);
    free(f->bytes);
    *f = (flood){0};
}

/* It ends with ENHANCE_YOUR_CALM and this reason; NULL: nghttp2 gives none. */
static void check_sent_away(scene *sc, flood *f, const char *why)
{
    wire w = wire_open(sc->srv.port);
    wire_answer a;

    send_flood(&w, f, &a);
    if (a.goaway != H2_ENHANCE_YOUR_CALM || (why != NULL && strcmp(why, a.why) != 0)) {
        fail_msg("GOAWAY %d %s instead of %s", a.goaway, a.why, why != NULL ? why : "any");
    }
    assert_true(a.closed);
    close(w.fd);
    check_others_go_on(sc);
}

/* ---- floods ---- */

static void rapid_resets(void **state)
{
    static const uint8_t cancel[4] = {0, 0, 0, H2_CANCEL};
    static const uint8_t nothing[4] = {0, 0, 0, H2_NO_ERROR};
    scene *sc = *state;
    flood f = {0};

    for (uint32_t i = 0; i < 20000; i++) {
        open_call(&f, 2 * i + 1, "/t.T/Hold");
        add_frame(&f, H2_DATA, H2_END_STREAM, 2 * i + 1, MESSAGE.data, MESSAGE.len);
        add_frame(&f, H2_RST_STREAM, 0, 2 * i + 1, i % 2 == 0 ? cancel : nothing, 4);
    }
    check_sent_away(sc, &f, "too_many_resets");
    /* before anything has come of them */
    for (uint32_t i = 0; i < 20000; i++) {
        open_call(&f, 2 * i + 1, "/t.T/Echo");
        add_frame(&f, H2_RST_STREAM, 0, 2 * i + 1, cancel, sizeof(cancel));
    }
    check_sent_away(sc, &f, "too_many_resets");
}

/* The server is brought to reset them itself. */
static void resets_that_are_ours(void **state)
{
    static const uint8_t wide[4] = {0x7f, 0xff, 0xff, 0xff};
    scene *sc = *state;
    flood f = {0};

    for (uint32_t i = 0; i < 20000; i++) {
        open_call(&f, 2 * i + 1, "/t.T/Bidi");
        add_frame(&f, H2_WINDOW_UPDATE, 0, 2 * i + 1, wide, sizeof(wide));
    }
    check_sent_away(sc, &f, "too_many_resets");
}

/* More streams than there may be, again and again. */
static void refused_streams(void **state)
{
    scene *sc = *state;
    flood f = {0};

    for (uint32_t i = 0; i < 20000; i++) {
        open_call(&f, 2 * i + 1, "/t.T/Bidi");
    }
    check_sent_away(sc, &f, NULL);
}

static void control_frames(void **state)
{
    static const uint8_t setting[6] = {0, 3, 0, 0, 0, 100};
    static const uint8_t ping[8] = "floods";
    static const uint8_t one[4] = {0, 0, 0, 1};
    static const uint8_t priority[5] = {0, 0, 0, 0, 16};
    static const uint8_t padding[2] = {1, 0};
    scene *sc = *state;
    flood f = {0};
    const struct {
        uint8_t type, flags;
        uint32_t stream;
        const void *payload;
        size_t len;
        size_t n;
        const char *why;
    } cases[] = {
        {H2_SETTINGS, 0, 0, setting, sizeof(setting), 20000, NULL},
        {H2_SETTINGS, 0, 0, NULL, 0, 20000, NULL},
        {H2_PING, 0, 0, ping, sizeof(ping), 20000, "too_many_pings"},
        {H2_PING, H2_ACK, 0, ping, sizeof(ping), 500000, "too_many_control_frames"},
        {H2_DATA, 0, 1, NULL, 0, 20000, "too_many_empty_frames"},
        {H2_DATA, H2_PADDED, 1, padding, sizeof(padding), 20000, "too_many_empty_frames"},
        {H2_WINDOW_UPDATE, 0, 0, one, sizeof(one), 500000, "too_many_control_frames"},
        {H2_WINDOW_UPDATE, 0, 1, one, sizeof(one), 500000, "too_many_control_frames"},
        {H2_PRIORITY, 0, 1, priority, sizeof(priority), 500000, "too_many_control_frames"},
        {0xbe, 0, 0, priority, sizeof(priority), 500000, "too_many_control_frames"},
    };

    for (size_t i = 0; i < N_OF(cases); i++) {
        open_call(&f, 1, "/t.T/Bidi");
        for (size_t j = 0; j < cases[i].n; j++) {
            add_frame(&f, cases[i].type, cases[i].flags, cases[i].stream, cases[i].payload,
                      cases[i].len);
        }
        check_sent_away(sc, &f, cases[i].why);
    }
}

/* A ping between calls that are answered asks for nothing that is not its due. */
static void pings_between_calls(void **state)
{
    static const uint8_t ping[8] = "how fast";
    scene *sc = *state;

    for (int i = 0; i < 200; i++) {
        wire_send_frame(&sc->bystander, H2_PING, 0, 0, ping, sizeof(ping));
        check_others_go_on(sc);
    }
}

/* ---- header blocks ---- */

static void header_blocks_without_end(void **state)
{
    uint8_t block[16384];
    char value[127];
    const wire_header more[] = {{"x-many", value}, {NULL, NULL}};
    scene *sc = *state;
    flood f = {0};
    size_t len;

    memset(value, 'v', 126);
    value[126] = '\0';
    /* empty ones */
    add_frame(&f, H2_HEADERS, 0, 1, block, wire_put_request(block, "/t.T/Echo", NULL));
    for (int i = 0; i < 20000; i++) {
        add_frame(&f, H2_CONTINUATION, 0, 1, NULL, 0);
    }
    check_sent_away(sc, &f, NULL);
    /* and full ones */
    add_frame(&f, H2_HEADERS, 0, 1, block, wire_put_request(block, "/t.T/Echo", NULL));
    for (len = 0; len + 200 < sizeof(block);) {
        len += wire_put_headers(block + len, more);
    }
    for (int i = 0; i < 1000; i++) {
        add_frame(&f, H2_CONTINUATION, 0, 1, block, len);
    }
    check_sent_away(sc, &f, NULL);
}

/* One field of 4 KiB in the table, and a byte for each time that it is meant: 64 MiB in a frame. */
static void a_bomb_of_references(void **state)
{
    static uint8_t block[16384];
    scene *sc = *state;
    flood f = {0};
    size_t len = wire_put_request(block, "/t.T/Echo", NULL);

    block[len++] = 0x40; /* literal, to be indexed */
    block[len++] = 1;
    block[len++] = 'x';
    block[len++] = 0x7f; /* 127 + 3873 = 4000 */
    block[len++] = 0xa1;
    block[len++] = 0x1e;
    memset(block + len, 'v', 4000);
    len += 4000;
    memset(block + len, 0x80 | 62, sizeof(block) - len);
    add_frame(&f, H2_HEADERS, H2_END_HEADERS, 1, block, sizeof(block));
    check_sent_away(sc, &f, "too_much_metadata");
}

/* ---- windows ---- */

static void windows(void **state)
{
    static const uint8_t none[6] = {0, 4, 0, 0, 0, 0};
    static const uint8_t one[4] = {0, 0, 0, 1};
    static const uint8_t rest[4] = {0x7f, 0, 0, 0};
    static const uint8_t back[6] = {0, 4, 0x7f, 0xff, 0xff, 0xff};
    scene *sc = *state;
    wire w = wire_open(sc->srv.port);
    wire_answer a;

    /* no room at all: nothing comes, then a byte at a time */
    wire_send_frame(&w, H2_SETTINGS, 0, 0, none, sizeof(none));
    wire_send_request(&w, 1, &(wire_request){.path = "/t.T/Echo", .data = MESSAGE});
    for (size_t i = 0; i < 8; i++) {
        wire_send_frame(&w, H2_WINDOW_UPDATE, 0, 1, one, sizeof(one));
        wire_await_bytes(&w, 1, 1, &a);
        assert_int_equal(1, a.n_bytes);
        assert_int_equal(i < 5 ? (i == 4 ? 3 : 0) : "abc"[i - 5], a.bytes[0]);
    }
    wire_await(&w, 1, &a);
    assert_int_equal(0, a.status);
    /* all the room there may be, then more than that: of the stream, of all of them */
    wire_send_request(&w, 3, &(wire_request){.path = "/t.T/Hold", .data = MESSAGE});
    wire_send_frame(&w, H2_WINDOW_UPDATE, 0, 3, rest, sizeof(rest));
    wire_send_frame(&w, H2_WINDOW_UPDATE, 0, 3, rest, sizeof(rest));
    wire_await(&w, 3, &a);
    assert_int_equal(H2_FLOW_CONTROL_ERROR, a.reset);
    check_others_go_on(sc);
    wire_send_request(&w, 5, &(wire_request){.path = "/t.T/Hold", .data = MESSAGE});
    wire_send_frame(&w, H2_WINDOW_UPDATE, 0, 5, rest, sizeof(rest));
    wire_send_frame(&w, H2_SETTINGS, 0, 0, back, sizeof(back));
    wire_await(&w, 5, &a);
    assert_int_equal(H2_FLOW_CONTROL_ERROR, a.reset);
    close(w.fd);
    check_others_go_on(sc);
}

/* ---- memory ---- */

static size_t resident(void)
{
    char line[256];
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    fclose(f);
    assert_int_equal(1, sscanf(line, "%*u %zu", &pages));
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Under a sanitizer memory is not what it costs. */
static void check_each(const char *what, size_t before, size_t n, size_t bound)
{
    const size_t now = resident();
    const size_t each = now > before ? (now - before) / n : 0;

    print_message("%s: %zu.%zu KiB each\n", what, each / 1024, each % 1024 * 10 / 1024);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_in_range(each, 0, bound);
#else
    (void)bound;
#endif
}

static void idle_ones_are_small(void **state)
{
    enum {
        CONNECTIONS = 8000,
        STREAMS = 1000
    };
    static wire idle[CONNECTIONS];
    scene *sc = *state;
    struct rlimit limit;
    size_t n = CONNECTIONS;
    size_t before;
    wire w;

    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &limit));
    if (limit.rlim_cur < 2 * CONNECTIONS + 100) {
        n = (size_t)(limit.rlim_cur - 100) / 2;
        print_message("NOT TRIED: %d connections: %zu descriptors\n", CONNECTIONS,
                      (size_t)limit.rlim_cur);
    }
    w = wire_open(sc->srv.port);
    check_others_go_on(sc);
    before = resident();
    for (uint32_t i = 0; i < STREAMS; i++) {
        wire_send_request(&w, 2 * i + 1, &(wire_request){.path = "/t.T/Hold", .data = MESSAGE});
    }
    peer_server_wait(&sc->srv, &sc->srv.n_held, STREAMS);
    check_each("idle streams", before, STREAMS, 8 << 10);
    close(w.fd);
    check_others_go_on(sc);
    before = resident();
    for (size_t i = 0; i < n; i++) {
        idle[i] = wire_open(sc->srv.port);
        wire_settle(&idle[i]);
    }
    check_others_go_on(sc);
    check_each("idle connections", before, n, 40 << 10);
    for (size_t i = 0; i < n; i++) {
        close(idle[i].fd);
    }
    check_others_go_on(sc);
}

/* What is announced takes no memory before it comes, from nobody. */
static void announced_only(void **state)
{
    static const uint8_t prefix[5] = {0, 0, 0x10, 0, 0};
    enum {
        CONNECTIONS = 20,
        STREAMS = 1000
    };
    wire w[CONNECTIONS];
    scene *sc = *state;
    const size_t before = resident();

    for (int i = 0; i < CONNECTIONS; i++) {
        w[i] = wire_open(sc->srv.port);
        for (uint32_t j = 0; j < STREAMS; j++) {
            wire_send_request(&w[i], 2 * j + 1,
                              &(wire_request){.path = "/t.T/Echo",
                                              .data = {sizeof(prefix), prefix},
                                              .open = true});
        }
    }
    check_others_go_on(sc);
    check_each("messages announced", before, (size_t)CONNECTIONS * STREAMS, 8 << 10);
    for (int i = 0; i < CONNECTIONS; i++) {
        close(w[i].fd);
    }
    check_others_go_on(sc);
}

/* Replies that nobody takes: the one who asked is held by his own windows. */
static void replies_that_are_not_read(void **state)
{
    enum {
        STREAMS = 200
    };
    scene *sc = *state;
    wire w = wire_open(sc->srv.port);
    const size_t before = resident();

    for (uint32_t i = 0; i < STREAMS; i++) {
        wire_send_request(
            &w, 2 * i + 1,
            &(wire_request){.path = "/t.T/Source", .data = BYTES("\0\0\0\0\0079000000")});
    }
    peer_server_wait(&sc->srv, &sc->srv.started, STREAMS);
    for (int i = 0; i < 20; i++) {
        check_others_go_on(sc);
    }
    check_each("streams that are not read", before, STREAMS, 256 << 10);
    close(w.fd);
    peer_server_wait(&sc->srv, &sc->srv.cancelled, STREAMS);
    check_others_go_on(sc);
}

/* ---- who says nothing that is meant ---- */

static void garbage(void **state)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a hello of TLS",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    };
    scene *sc = *state;

    for (size_t i = 0; i < N_OF(texts); i++) {
        wire w = wire_connect(sc->srv.port);
        wire_answer a;

        wire_send(&w, texts[i], strlen(texts[i]));
        wire_await(&w, 0, &a);
        assert_true(a.closed);
        assert_true(a.goaway != NONE && a.goaway != H2_NO_ERROR);
        close(w.fd);
        check_others_go_on(sc);
    }
}

/* ---- who does not go ---- */

static int64_t ms_since(int64_t began)
{
    return (csvc__now() - began) / CSVC__MS;
}

/* Sent away, he may read why; then there is nobody any more, whatever he still says. */
static void check_goes_away(int port)
{
    wire w = wire_open(port);
    const int64_t began = csvc__now();
    flood f = {0};
    wire_answer a;

    for (int i = 0; i < 1000; i++) {
        add_frame(&f, H2_SETTINGS, 0, 0, NULL, 0);
    }
    send_flood(&w, &f, &a);
    assert_int_equal(H2_ENHANCE_YOUR_CALM, a.goaway);
    while (send(w.fd, "x", 1, MSG_NOSIGNAL) == 1) {
        assert_in_range(ms_since(began), 0, 20000);
        (void)poll(NULL, 0, 20);
    }
    close(w.fd);
}

static void who_is_sent_away_and_stays(void **state)
{
    scene *sc = *state;

    check_goes_away(sc->srv.port);
    check_others_go_on(sc);
}

/* Nor does it help him to become too old meanwhile: the grace of old ones is not his. */
static void who_is_sent_away_and_grows_old(void **state)
{
    const peer_server_options options = {.times = {.max_age = 100, .max_age_grace = 60000}};
    peer_server srv;

    (void)state;
    peer_server_start_with(&srv, &csvc_nghttp2, 1, &options);
    check_goes_away(srv.port);
    peer_server_stop(&srv);
}

/* Replies are written, he has no calls any more, and he does not read: a stop waits two seconds
 * for him, not a minute. */
static void who_does_not_read_does_not_hold_a_stop(void **state)
{
    static const uint8_t wide[6] = {0,    4,    /* SETTINGS_INITIAL_WINDOW_SIZE */ 0x7f,
                                    0xff, 0xff, 0xff};
    static const uint8_t wider[4] = {0x7f, 0xff, 0, 0};
    scene *sc = *state;
    peer_server *srv = &sc->srv;
    wire w = wire_open(srv->port);
    const int before = peer_server_count(srv, &srv->closed);
    int64_t began = 0;
    int asked = 0;

    wire_send_frame(&w, H2_SETTINGS, 0, 0, wide, sizeof(wide));
    wire_send_frame(&w, H2_WINDOW_UPDATE, 0, 0, wider, sizeof(wider));
    /* one reply behind the other, each short enough for one write, until one stays with the server
     */
    for (bool stuck = false; !stuck;) {
        wire_send_request(&w, 2 * (uint32_t)asked + 1,
                          &(wire_request){.path = "/t.T/Big", .data = BYTES("\0\0\0\0\00560000")});
        asked++;
        peer_server_wait(srv, &srv->started, before + asked);
        began = csvc__now();
        do {
            (void)poll(NULL, 0, 5);
            stuck = ms_since(began) > 300;
        } while (!stuck && peer_server_count(srv, &srv->closed) < before + asked);
        assert_in_range(asked, 0, 1000);
    }
    close(sc->bystander.fd);
    began = csvc__now();
    csvc_nghttp2.server_drain(srv->ts);
    assert_true(csvc_nghttp2.server_join(srv->ts, csvc__now() + 60 * CSVC__SECOND));
    assert_in_range(ms_since(began), 1000, 20000);
    close(w.fd);
    peer_server_release(srv);
    peer_server_start(srv, &csvc_nghttp2, 1, 0); /* for the tear-down */
    sc->bystander = wire_open(srv->port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* those that weigh memory first: what others gave back would be taken for nothing */
        cmocka_unit_test_setup_teardown(idle_ones_are_small, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replies_that_are_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(announced_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rapid_resets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(resets_that_are_ours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(control_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pings_between_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(header_blocks_without_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bomb_of_references, set_up, tear_down),
        cmocka_unit_test_setup_teardown(windows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(garbage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_sent_away_and_stays, set_up, tear_down),
        cmocka_unit_test(who_is_sent_away_and_grows_old),
        cmocka_unit_test_setup_teardown(who_does_not_read_does_not_hold_a_stop, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
