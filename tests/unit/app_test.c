/* A server program from its flags to its exit code, each in a process of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/app.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_types.h"
#include "child.h"
#include "echo_service.h"
#include "transports.h"

#include <transport/seam.h>

static const csvc_service *const services[] = {&echo_service, NULL};
static const csvc_db_driver *const drivers[] = {&csvc_sqlite, NULL};

static const csvc_transport *const transports[] = {
    &csvc_grpc_core,
    &csvc_nghttp2,
    NULL,
};

static const csvc_app_info info = {
    CSVC_APP_INFO_INIT,
    .name = "echo-server",
    .services = services,
    .transports = transports,
};

static const csvc_app_info stored_info = {
    CSVC_APP_INFO_INIT,   .name = "echo-server",
    .drivers = drivers,   .database_url = "sqlite:echo-server.db",
    .services = services, .transports = transports,
};

static const csvc_migration broken_steps[] = {{1, "0001_broken", "CREATE TABEL x", UINT64_C(0)}};
static const csvc_migrations good_set = {"sqlite", NULL, 0};
static const csvc_migrations broken_set = {"sqlite", broken_steps, 1};
static const csvc_migrations *const good_sets[] = {&good_set, NULL};
static const csvc_migrations *const broken_sets[] = {&broken_set, NULL};

/* Keeps users, though no step makes their table. */
static const csvc_entity *const entities[] = {&user_entity, NULL};
static const csvc_app_info users_info = {
    CSVC_APP_INFO_INIT,   .name = "echo-server",
    .drivers = drivers,   .database_url = "sqlite:echo-server.db",
    .services = services, .transports = transports,
    .entities = entities,
};

/* ---- a program ---- */

typedef struct program {
    const csvc_app_info *info;
    const csvc_migrations *const *sets;
    echo_handler *handle;
    bool twice;
    const char *calls; /* makes a channel to there */
    const char *env[8][2];
    char *argv[12];
} program;

static csvc_code run_handler(void *self, csvc_ctx *ctx, const Codec3__Inner *req,
                             Codec3__Inner *rsp)
{
    const program *p = self;

    return (p->handle != NULL ? p->handle : echo_back)(NULL, ctx, req, rsp);
}

static csvc_app *running; /* the app of a child */

/* What a generated main does. */
static int program_main(void *arg)
{
    const program *p = arg;
    static const echo_ops ops = {sizeof(ops), run_handler, run_handler, NULL};
    int argc = 0;
    csvc_app *app;

    while (p->argv[argc] != NULL) {
        argc++;
    }
    for (size_t i = 0; i < 8 && p->env[i][0] != NULL; i++) {
        setenv(p->env[i][0], p->env[i][1], 1);
    }
    app = csvc_app_new(p->info, argc, (char **)(uintptr_t)p->argv);
    if (p->sets != NULL) {
        (void)csvc_app_database(app, p->sets);
    }
    if (p->calls != NULL) {
        (void)csvc_app_channel(app, p->calls);
    }
    running = app;
    csvc_app_register(app, &echo_service, &ops, arg);
    if (p->twice) {
        csvc_app_register(app, &echo_service, &ops, arg);
    }
    return csvc_app_run(app);
}

#define ARGV(...)                                                                                  \
    {                                                                                              \
        (char *)(uintptr_t) "echo-server", __VA_ARGS__                                             \
    }
#define A(text) (char *)(uintptr_t)(text)

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        assert_string_equal(part, text);
    }
}

/* Runs a program that ends by itself. */
static void assert_run(program p, int exit_code, const char *err)
{
    child c;
    const int got = child_run(&c, program_main, &p);

    assert_has(c.err, err);
    assert_int_equal(exit_code, got);
}

/* Starts one on a free port and says which. */
static int serve(child *c, program *p)
{
    int port = 0;
    const char *at;

    child_start(c, program_main, p);
    child_await_err(c, "listening");
    child_await_err(c, "\n");
    at = strstr(c->err, "grpc=127.0.0.1:");
    assert_non_null(at);
    assert_int_equal(1, sscanf(at, "grpc=127.0.0.1:%d", &port));
    assert_true(port > 0);
    return port;
}

/* ---- flags and variables ---- */

/* The variable of each flag stands below the heading of its column. */
static void assert_columns(const char *text)
{
    const char *line = strstr(text, "  flag ");
    const size_t column = (size_t)(strstr(line, "variable") - line);
    int flags = 0;

    for (line = strchr(line, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
        if (strncmp(line + 1, "  --", 4) == 0 && strcspn(line + 1, "\n") > column) {
            assert_int_equal(' ', line[column]);
            assert_in_range(line[1 + column], 'A', 'Z');
            flags++;
        }
    }
    assert_true(flags > 30);
}

static void help_and_version(void **state)
{
    program p = {.info = &stored_info, .sets = good_sets, .argv = ARGV(A("--help"))};
    child c;

    (void)state;
    assert_int_equal(0, child_run(&c, program_main, &p));
    assert_has(c.out, "usage: echo-server");
    assert_has(c.out, "test.Echo");
    assert_has(c.out, "--grpc-addr");
    assert_has(c.out, "GRPC_ADDR");
    assert_has(c.out, "127.0.0.1:50051");
    assert_has(c.out, "--database-url");
    assert_has(c.out, "sqlite:echo-server.db");
    assert_has(c.out, "--shutdown-grace");
    assert_columns(c.out);
    assert_string_equal("", c.err);
    assert_int_equal(-1, access("echo-server.db", F_OK)); /* it only asked */

    p.info = &info;
    p.sets = NULL;
    assert_int_equal(0, child_run(&c, program_main, &p));
    assert_null(strstr(c.out, "DATABASE_URL"));
    p.argv[1] = A("--version");
    assert_int_equal(0, child_run(&c, program_main, &p));
    assert_memory_equal("echo-server, c-svc ", c.out, 19);
}

static void wrong_usage(void **state)
{
    (void)state;
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-adr"), A("x"))}, 2,
               "echo-server: unknown flag --grpc-adr; did you mean --grpc-addr?\n"
               "Try 'echo-server --help'.\n");
    assert_run((program){.info = &info, .argv = ARGV(A("--quux=1"))}, 2,
               "echo-server: unknown flag --quux\n");
    assert_run((program){.info = &info, .argv = ARGV(A("--database-url=sqlite:x"))}, 2,
               "unknown flag --database-url");
    assert_run((program){.info = &info, .argv = ARGV(A("serve"))}, 2,
               "unexpected argument 'serve'; there are only flags");
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-addr"))}, 2,
               "--grpc-addr needs a value");
    assert_run((program){.info = &info, .argv = ARGV(A("--shutdown-grace"), A("soon"))}, 2,
               "--shutdown-grace: 'soon' is not a duration such as 30s, 1m30s or 200ms");
    assert_run((program){.info = &info, .env = {{"SHUTDOWN_GRACE", "-1s"}}, .argv = ARGV(NULL)}, 2,
               "SHUTDOWN_GRACE: '-1s' is not a duration");
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-keepalive=0s"))}, 2,
               "--grpc-keepalive: '0s' is not a duration above zero, such as 30s");
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-min-ping-interval=0"))}, 2,
               "--grpc-min-ping-interval: '0' is not a duration above zero");
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-handshake-timeout=0ms"))}, 2,
               "--grpc-handshake-timeout: '0ms' is not a duration above zero");
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-max-age-grace=0s"))}, 2,
               "--grpc-max-age-grace: '0s' is not a duration above zero");
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-keepalive-timeout=0s"))}, 2,
               "--grpc-keepalive-timeout: '0s' is not a duration above zero");
    assert_run((program){.info = &info, .env = {{"LOG_LEVEL", "loud"}}, .argv = ARGV(NULL)}, 2,
               "LOG_LEVEL: 'loud' is not a level: debug, info, warn, error or off");
    assert_run((program){.info = &info, .argv = ARGV(A("--log-format=xml"))}, 2,
               "--log-format: 'xml' is not a format: text or json");
    assert_run((program){.info = &info, .argv = ARGV(A("--max-workers=0"))}, 2,
               "--max-workers: '0' is not a number from 1 to 65536");
    assert_run((program){.info = &info, .argv = ARGV(A("--max-workers=65537"))}, 2,
               "--max-workers: '65537' is not a number from 1 to 65536");
    /* with less no call could work */
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-max-metadata-bytes=255"))}, 2,
               "--grpc-max-metadata-bytes: '255' is not a number from 256 to 2147483647");
    assert_run((program){.info = &info, .argv = ARGV(A("--max-call-memory=4095"))}, 2,
               "--max-call-memory: '4095' is not a number from 4096 to 1099511627776");
    assert_run((program){.info = &info, .argv = ARGV(A("--max-queued=12x"))}, 2,
               "--max-queued: '12x' is not a number");
    assert_run((program){.info = &info, .argv = ARGV(A("--max-call-memory="))}, 2,
               "--max-call-memory: '' is not a number");
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-addr=nonsense"))}, 2,
               "echo-server: --grpc-addr: ");
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-addr=127.0.0.1:0,"))}, 2,
               "echo-server: --grpc-addr: no address to listen on");
    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-addr=127.0.0.1:0, nonsense"))}, 2,
               "echo-server: --grpc-addr: \"nonsense\" is not an address");
    assert_run((program){.info = &info, .env = {{"GRPC_ADDR", "host:99999"}}, .argv = ARGV(NULL)},
               2, "echo-server: GRPC_ADDR: ");
    assert_run((program){.info = &stored_info,
                         .sets = good_sets,
                         .env = {{"DATABASE_URL", "oracle:x"}},
                         .argv = ARGV(NULL)},
               2, "echo-server: DATABASE_URL: ");
}

/* ---- starting ---- */

static void a_start_that_fails(void **state)
{
    char flag[64];
    program holder = {.info = &info, .argv = ARGV(A("--grpc-addr=127.0.0.1:0"))};
    child c;

    (void)state;
    snprintf(flag, sizeof(flag), "--grpc-addr=127.0.0.1:%d", serve(&c, &holder));
    assert_run((program){.info = &info, .argv = ARGV(flag)}, 1, "echo-server: cannot listen: ");
    kill(c.pid, SIGTERM);
    assert_int_equal(0, child_end(&c));

    assert_run((program){.info = &info, .twice = true, .argv = ARGV(NULL)}, 1,
               "echo-server: cannot serve test.Echo: it is registered twice\n");
    assert_run((program){.info = &stored_info,
                         .sets = good_sets,
                         .argv = ARGV(A("--database-url=sqlite:/no/such/folder/x.db"))},
               1, "echo-server: cannot open the database: ");
    assert_run((program){.info = &stored_info,
                         .sets = broken_sets,
                         .argv = ARGV(A("--database-url=sqlite::memory:"))},
               1, "echo-server: cannot migrate the database: ");
    assert_run((program){.info = &users_info,
                         .sets = good_sets,
                         .argv = ARGV(A("--database-url=sqlite::memory:"))},
               1, "echo-server: the database does not fit this program: there is no table users");
    assert_run((program){.info = &info, .sets = good_sets, .argv = ARGV(NULL)}, 1,
               "cannot open the database: this program was made without storage");
}

static void several_addresses(void **state)
{
    char flag[160];
    program p = {.info = &info, .argv = ARGV(A("--grpc-addr"), flag)};
    child c;
    int one = 0, other = 0;
    const char *at;

    (void)state;
    (void)snprintf(flag, sizeof(flag), "127.0.0.1:0, 127.0.0.1:0 ,unix-abstract:csvc-app-test-%d",
                   (int)getpid());
    (void)serve(&c, &p);
    at = strstr(c.err, "grpc=");
    assert_int_equal(
        2, sscanf(at, "grpc=127.0.0.1:%d,127.0.0.1:%d,unix-abstract:csvc-", &one, &other));
    assert_true(one > 0 && other > 0 && one != other);
    kill(c.pid, SIGTERM);
    assert_int_equal(0, child_end(&c));

    assert_run((program){.info = &info, .argv = ARGV(A("--grpc-addr=systemd:"))}, 1,
               "echo-server: cannot listen: nobody has passed sockets to this program");
}

/* Each limit has a flag, and its smallest value starts. */
/* ---- transports ---- */

/* The transport under test by another name, which serves and does not call. */
static csvc_transport other;
static const csvc_transport *const two[] = {&other, &csvc_grpc_core, NULL};
static const csvc_transport *const one[] = {&other, NULL};
static const csvc_app_info two_info = {CSVC_APP_INFO_INIT, .name = "echo-server",
                                       .services = services, .transports = two};
static const csvc_app_info one_info = {CSVC_APP_INFO_INIT, .name = "echo-server",
                                       .services = services, .transports = one};
/* As older generators made them. */
static const csvc_app_info old_info = {.struct_size = offsetof(csvc_app_info, transports),
                                       .name = "echo-server",
                                       .transport = &csvc_grpc_core,
                                       .services = services,
                                       .transports = one};

/* Serves until it is told to end, over this. */
static void assert_serves(program p, const char *transport)
{
    char said[64];
    child c;

    (void)serve(&c, &p);
    (void)snprintf(said, sizeof(said), " transport=%s ", transport);
    assert_has(c.err, said);
    kill(c.pid, SIGTERM);
    assert_int_equal(0, child_end(&c));
}

static void a_transport_is_chosen(void **state)
{
    child c;

    (void)state;
    other = *test_transport();
    other.name = "other";
    other.channel_new = NULL;
    assert_serves((program){.info = &two_info,
                            .env = {{"TRANSPORT", ""}},
                            .argv = ARGV(A("--grpc-addr=127.0.0.1:0"))},
                  "other"); /* the first */
    assert_serves((program){.info = &two_info,
                            .env = {{"TRANSPORT", "grpc-core"}},
                            .argv = ARGV(A("--grpc-addr=127.0.0.1:0"))},
                  "grpc-core");
    assert_serves(
        (program){.info = &two_info,
                  .calls = "127.0.0.1:1", /* on the one that can */
                  .env = {{"TRANSPORT", "grpc-core"}},
                  .argv = ARGV(A("--grpc-addr=127.0.0.1:0"), A("--transport"), A("other"))},
        "other");
    assert_serves((program){.info = &old_info,
                            .env = {{"TRANSPORT", ""}},
                            .argv = ARGV(A("--grpc-addr=127.0.0.1:0"))},
                  "grpc-core");
    assert_run((program){.info = &two_info, .argv = ARGV(A("--transport=grpc"))}, 2,
               "echo-server: --transport: 'grpc' is not one that this program was linked with: "
               "other, grpc-core\nTry 'echo-server --help'.\n");
    assert_run((program){.info = &old_info, .env = {{"TRANSPORT", "other"}}, .argv = ARGV(NULL)}, 2,
               "echo-server: TRANSPORT: 'other' is not one that this program was linked with: "
               "grpc-core\n");
    assert_run((program){.info = &one_info,
                         .calls = "127.0.0.1:1",
                         .env = {{"TRANSPORT", ""}},
                         .argv = ARGV(NULL)},
               1,
               "echo-server: cannot call 127.0.0.1:1: none of the transports that this program was "
               "linked with can call (other); libcsvc-grpc-core has one that can\n");
    assert_int_equal(
        0, child_run(&c, program_main, &(program){.info = &two_info, .argv = ARGV(A("--help"))}));
    assert_has(c.out, "--transport                  TRANSPORT                  other\n"
                      "      what carries the calls: other, grpc-core\n");
}

/* A program that was linked with none has no such flag, and cannot serve. */
static void without_a_transport(void **state)
{
    static const csvc_app_info none = {CSVC_APP_INFO_INIT, .name = "echo-server",
                                       .services = services};

    (void)state;
    assert_run((program){.info = &none, .argv = ARGV(NULL)}, 1,
               "echo-server: cannot make the server: a server needs a transport");
    assert_run((program){.info = &none, .argv = ARGV(A("--transport=x"))}, 2,
               "unknown flag --transport");
}

static void every_limit_has_a_flag(void **state)
{
    program p = {.info = &info,
                 .env = {{"GRPC_MAX_BUFFERED_BYTES", "1000000"},
                         {"MAX_WORKERS", "1"},
                         {"MAX_QUEUED", "1"},
                         {"GRPC_MAX_SEND_QUEUE", "1"},
                         {"GRPC_MAX_SEND_QUEUE_BYTES", "1"},
                         {"SLOW_CALL", "0s"}},
                 .argv = ARGV(A("--grpc-addr=127.0.0.1:0"), A("--grpc-loops=1"),
                              A("--grpc-max-streams=1"), A("--grpc-max-message-bytes=1"),
                              A("--grpc-max-metadata-bytes=256"), A("--max-call-memory=4096"),
                              A("--grpc-max-connections=1"))};
    child c;

    (void)state;
    (void)serve(&c, &p);
    kill(c.pid, SIGTERM);
    assert_int_equal(0, child_end(&c));
}

static void what_it_says_when_it_listens(void **state)
{
    program p = {.info = &stored_info,
                 .sets = good_sets,
                 .env = {{"GRPC_ADDR", "127.0.0.1:1"}, {"LOG_LEVEL", ""}},
                 /* the flag wins, an empty variable is none */
                 .argv =
                     ARGV(A("--grpc-addr"), A("localhost:0"), A("--database-url=sqlite::memory:"))};
    child c;

    (void)state;
    child_start(&c, program_main, &p);
    child_await_err(&c, "listening grpc=localhost:");
    child_await_err(&c, "storage=sqlite::memory:\n");
    kill(c.pid, SIGTERM);
    assert_int_equal(0, child_end(&c));

    p.argv[2] = A("127.0.0.1:0");
    p.env[2][0] = "LOG_FORMAT";
    p.env[2][1] = "json";
    child_start(&c, program_main, &p);
    child_await_err(&c, "\"listening\"");
    child_await_err(&c, "\n");
    assert_int_equal('{', c.err[0]);
    kill(c.pid, SIGTERM);
    assert_int_equal(0, child_end(&c));
}

/* ---- channels ---- */

static int channels_main(void *arg)
{
    const int n = *(const int *)arg;
    char *argv[] = {A("echo-server"), A("--grpc-addr=127.0.0.1:0"), NULL};
    csvc_app *app = csvc_app_new(&info, 2, argv);

    for (int i = 0; i < n; i++) {
        if ((csvc_app_channel(app, n == 1 ? "dns:" : "ipv4:127.0.0.1:1") == NULL) !=
            (n == 1 || i == 64)) {
            return 99;
        }
    }
    return csvc_app_run(app);
}

static void an_app_has_so_many_channels(void **state)
{
    child c;
    int n = 64;

    (void)state;
    child_start(&c, channels_main, &n);
    child_await_err(&c, "listening");
    kill(c.pid, SIGTERM);
    assert_int_equal(0, child_end(&c));
    n = 65;
    assert_int_equal(1, child_run(&c, channels_main, &n));
    assert_has(c.err, "echo-server: cannot call ipv4:127.0.0.1:1: more than 64 channels\n");
    n = 1;
    assert_int_equal(1, child_run(&c, channels_main, &n));
    assert_has(c.err, "echo-server: cannot call dns:: ");
}

/* ---- stopping ---- */

static void a_signal_stops_it(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT};
    static const char *const names[] = {"stopping signal=SIGTERM grace=30s",
                                        "stopping signal=SIGINT grace=30s"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        program p = {.info = &info, .argv = ARGV(A("--grpc-addr=127.0.0.1:0"))};
        child c;

        (void)serve(&c, &p);
        kill(c.pid, signals[i]);
        assert_int_equal(0, child_end(&c));
        assert_has(c.err, names[i]);
        assert_has(c.err, "stopped");
    }
}

/* A client in another process: this one must stay without threads. */
typedef struct client {
    int port;
    csvc_code expected;
} client;

static int client_main(void *arg)
{
    const client *cl = arg;
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *rsp;
    char target[64];
    csvc_channel *ch;
    csvc_code code;

    snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d", cl->port);
    ch = csvc_channel_new(target, &options, &err);
    code = csvc_call_unary(ch, &echo_methods[ECHO_POOL], &rpc, &req, &rsp);
    printf("%s: %s\n", csvc_code_name(code), rpc.message);
    csvc_rpc_clear(&rpc);
    csvc_channel_free(ch);
    return code == cl->expected ? 0 : 1;
}

/* Says that it runs, then waits for a line on a pipe that the test holds. */
static int gate_fds[2];

static csvc_code waits_for_pipe(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                                Codec3__Inner *rsp)
{
    char byte;

    (void)!write(STDERR_FILENO, "inside\n", 7);
    return read(gate_fds[0], &byte, 1) == 1 ? echo_back(peer, ctx, req, rsp) : CSVC_INTERNAL;
}

static void calls_in_flight_finish_before_it_ends(void **state)
{
    program p = {
        .info = &info, .handle = waits_for_pipe, .argv = ARGV(A("--grpc-addr=127.0.0.1:0"))};
    child server, caller;
    client cl = {.expected = CSVC_OK};

    (void)state;
    assert_int_equal(0, pipe(gate_fds));
    cl.port = serve(&server, &p);
    child_start(&caller, client_main, &cl);
    child_await_err(&server, "inside");
    kill(server.pid, SIGTERM);
    child_await_err(&server, "stopping");
    assert_int_equal(1, write(gate_fds[1], "x", 1));
    assert_int_equal(0, child_end(&caller));
    assert_int_equal(0, child_end(&server));
    close(gate_fds[0]);
    close(gate_fds[1]);
}

/* From the end of this call on there is one more, and then none for a long time. */
static csvc_code tightens(echo_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                          Codec3__Inner *rsp)
{
    const csvc_limits_options tight = {CSVC_LIMITS_OPTIONS_INIT, .per_second = 0.001, .burst = 1};
    static atomic_bool done;

    if (!atomic_exchange(&done, true) &&
        csvc_limits_set(csvc_app_limits(running), &tight, NULL) != CSVC_OK) {
        return CSVC_INTERNAL;
    }
    return echo_back(peer, ctx, req, rsp);
}

static void limits_change_while_it_runs(void **state)
{
    program p = {.info = &info, .handle = tightens, .argv = ARGV(A("--grpc-addr=127.0.0.1:0"))};
    const csvc_code expected[] = {CSVC_OK, CSVC_OK, CSVC_RESOURCE_EXHAUSTED};
    child server, caller;
    client cl = {0};

    (void)state;
    cl.port = serve(&server, &p);
    for (int i = 0; i < 3; i++) {
        cl.expected = expected[i];
        child_start(&caller, client_main, &cl);
        assert_int_equal(0, child_end(&caller));
    }
    kill(server.pid, SIGTERM);
    assert_int_equal(0, child_end(&server));
}

static void a_stuck_handler_does_not_keep_it(void **state)
{
    program p = {.info = &info,
                 .handle = waits_for_pipe,
                 .argv = ARGV(A("--grpc-addr=127.0.0.1:0"), A("--shutdown-grace=50ms"))};
    child server, caller;
    client cl = {.expected = CSVC_UNAVAILABLE};

    (void)state;
    assert_int_equal(0, pipe(gate_fds));
    cl.port = serve(&server, &p);
    child_start(&caller, client_main, &cl);
    child_await_err(&server, "inside");
    kill(server.pid, SIGTERM);
    assert_int_equal(1, child_end(&server));
    assert_has(server.err, "the grace ran out, calls were cancelled");
    assert_has(server.err, "a handler still runs method=/");
    assert_has(server.err, "handlers still run; leaving without them");
    assert_int_equal(0, child_end(&caller));
    close(gate_fds[0]);
    close(gate_fds[1]);
}

static void a_second_signal_ends_it_at_once(void **state)
{
    program p = {.info = &info,
                 .handle = waits_for_pipe,
                 .argv = ARGV(A("--grpc-addr=127.0.0.1:0"), A("--shutdown-grace=1h"))};
    child server, caller;
    client cl = {.expected = CSVC_UNAVAILABLE};

    (void)state;
    assert_int_equal(0, pipe(gate_fds));
    cl.port = serve(&server, &p);
    child_start(&caller, client_main, &cl);
    child_await_err(&server, "inside");
    kill(server.pid, SIGTERM);
    child_await_err(&server, "stopping");
    kill(server.pid, SIGINT); /* the other one counts, too */
    assert_int_equal(1000 + SIGINT, child_end(&server));
    (void)child_end(&caller);
    close(gate_fds[0]);
    close(gate_fds[1]);
}

/* ---- secrets ---- */

static void passwords_are_not_logged(void **state)
{
    /* no driver takes such a URL yet: it is refused, and its password not repeated */
    program p = {.info = &stored_info,
                 .sets = good_sets,
                 .argv = ARGV(A("--database-url=postgres://ada:hunter2@db/x?password=hunter2"))};
    child c;

    (void)state;
    assert_int_equal(2, child_run(&c, program_main, &p));
    assert_null(strstr(c.err, "hunter2"));
    assert_null(strstr(c.out, "hunter2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_and_version),
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(a_start_that_fails),
        cmocka_unit_test(several_addresses),
        cmocka_unit_test(a_transport_is_chosen),
        cmocka_unit_test(without_a_transport),
        cmocka_unit_test(every_limit_has_a_flag),
        cmocka_unit_test(what_it_says_when_it_listens),
        cmocka_unit_test(an_app_has_so_many_channels),
        cmocka_unit_test(a_signal_stops_it),
        cmocka_unit_test(calls_in_flight_finish_before_it_ends),
        cmocka_unit_test(limits_change_while_it_runs),
        cmocka_unit_test(a_stuck_handler_does_not_keep_it),
        cmocka_unit_test(a_second_signal_ends_it_at_once),
        cmocka_unit_test(passwords_are_not_logged),
    };

    setenv("TRANSPORT", test_transport()->name, 1); /* unless a program says otherwise */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
