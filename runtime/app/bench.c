/*
 * app/bench.c: calls one rpc from many threads for a while, and reports how it went.
 *
 * Each thread makes one call after the other with blocking calls, the way most programs do; what it
 * sees it counts for itself, so threads share nothing but the number of the next call.
 */
#include <app/bench.h>
#include <app/cli.h>
#include <base/buffer.h>
#include <base/clock.h>
#include <base/thread.h>
#include <csvc/alloc.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

enum {
    USUAL_CALLS = 10000,
    USUAL_THREADS = 50,
    MAX_THREADS = 1000,
    MAX_CALLS = 1000000000,
    STACK_BYTES = 256 << 10,
    MEMORY = 64 << 20 /* of a thread's request */
};

typedef struct bench {
    int64_t calls;    /* wanted; 0: by time */
    int64_t nanos;    /* wanted; 0: by number */
    uint32_t threads; /* at the same time */
    const csvc__cli_call *call;
    csvc_channel *ch;
    const char *text; /* the request as JSON, where it has {n}; else NULL */
    int64_t until;
    atomic_llong next; /* number of the next call, from 1 */
} bench;

typedef struct worker {
    bench *b;
    pthread_t thread;
    csvc_arena *a; /* of a request with {n} */
    csvc__bench_counts counts;
} worker;

/* Set by the first SIGINT or SIGTERM; the second ends the process. */
static atomic_bool told_to_stop;

static void on_signal(int signal)
{
    (void)signal;
    atomic_store(&told_to_stop, true);
}

/* ---- one call ---- */

/* The request with {n} replaced by the number of the call; NULL with err. */
static const void *numbered(worker *w, long long number, csvc_error *err)
{
    csvc__buffer text;
    void *message = NULL;

    csvc_arena_reset(w->a);
    csvc__buffer_init(&text, MEMORY);
    for (const char *c = w->b->text; *c != '\0'; c++) {
        if (strncmp(c, "{n}", 3) == 0) {
            csvc__buffer_printf(&text, "%lld", number);
            c += 2;
        } else {
            csvc__buffer_putc(&text, *c);
        }
    }
    if (!csvc__buffer_ok(&text)) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    } else if (csvc_json_read(w->a, w->b->call->method->request, text.data, text.len, NULL,
                              &message, err) != CSVC_OK) {
        message = NULL;
    }
    csvc__buffer_release(&text);
    return message;
}

/* With streams: the request, or nothing for none, then all that comes back. */
static csvc_code call_stream(worker *w, csvc_rpc *rpc, const void *request)
{
    const csvc_method *method = w->b->call->method;
    const bool sends = (method->kind & CSVC_RPC_CLIENT_STREAM) != 0;
    csvc_call *call = csvc_call_start(w->b->ch, method, rpc, sends ? NULL : request, NULL);
    const void *reply;

    if (sends && request != NULL && csvc_call_send(call, request) != CSVC_OK) {
        csvc_call_cancel(call); /* unless it has ended; finish says how */
    }
    csvc_call_close_send(call);
    while (csvc_call_recv(call, &reply)) {
        w->counts.messages++;
    }
    return csvc_call_finish(call, rpc, NULL);
}

static void call_once(worker *w, csvc_rpc *rpc, long long number)
{
    const csvc__cli_call *wanted = w->b->call;
    csvc_error err = {CSVC_ERROR_INIT};
    const void *request = w->b->text != NULL ? numbered(w, number, &err) : wanted->request;
    const int64_t began = csvc__now();
    const void *reply;
    csvc_code code;

    if (w->b->text != NULL && request == NULL) {
        csvc__bench_count(&w->counts, err.code, err.text, 0);
        return;
    }
    if (wanted->method->kind == CSVC_RPC_UNARY) {
        code = csvc_call_unary(w->b->ch, wanted->method, rpc, request, &reply);
        w->counts.messages += code == CSVC_OK ? 1 : 0;
    } else {
        code = call_stream(w, rpc, request);
    }
    csvc__bench_count(&w->counts, code, rpc->message != NULL ? rpc->message : "",
                      csvc__now() - began);
}

static void *work(void *arg)
{
    worker *w = arg;
    bench *b = w->b;
    csvc_rpc rpc = *b->call->rpc;

    while (!atomic_load(&told_to_stop)) {
        const long long number = atomic_fetch_add(&b->next, 1);

        if (b->calls > 0 ? number > b->calls : csvc__now() >= b->until) {
            break;
        }
        call_once(w, &rpc, number);
    }
    csvc_rpc_clear(&rpc);
    return NULL;
}

/* ---- all of them ---- */

/* Starts the threads, waits for them, adds up what they saw; how many could be started. */
static uint32_t run_threads(bench *b, worker *workers, csvc__bench_counts *total)
{
    pthread_attr_t attr;
    uint32_t n = 0;

    if (pthread_attr_init(&attr) != 0) {
        return 0;
    }
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    while (n < b->threads) {
        worker *w = &workers[n];

        w->b = b;
        w->a = b->text != NULL ? csvc_arena_new(MEMORY) : NULL;
        if ((b->text != NULL && w->a == NULL) ||
            csvc__thread_start(&w->thread, &attr, work, w) != 0) {
            csvc_arena_free(w->a);
            break;
        }
        n++;
    }
    (void)pthread_attr_destroy(&attr);
    for (uint32_t i = 0; i < n; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        csvc_arena_free(workers[i].a);
        csvc__bench_add(total, &workers[i].counts);
    }
    return n;
}

static int measure(bench *b, worker *workers, csvc__bench_counts *total)
{
    const struct sigaction stop = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before[2];
    const int64_t began = csvc__now();
    uint32_t n;

    b->until = began + b->nanos;
    atomic_store(&told_to_stop, false);
    (void)sigaction(SIGINT, &stop, &before[0]);
    (void)sigaction(SIGTERM, &stop, &before[1]);
    n = run_threads(b, workers, total);
    (void)sigaction(SIGINT, &before[0], NULL);
    (void)sigaction(SIGTERM, &before[1], NULL);
    if (n < b->threads) {
        (void)fprintf(stderr, "%s: only %u of %u threads could be started\n", b->call->program,
                      (unsigned)n, (unsigned)b->threads);
        return CSVC__CLI_EXIT_FAILED;
    }
    (void)printf("%s%s, %u at a time\n\n", b->call->command,
                 atomic_load(&told_to_stop) ? ", stopped early" : "", (unsigned)b->threads);
    csvc__bench_print(total, csvc__now() - began);
    if (fflush(stdout) != 0) {
        (void)fprintf(stderr, "%s: cannot write to standard output\n", b->call->program);
        return CSVC__CLI_EXIT_FAILED;
    }
    return total->by_code[CSVC_OK] > 0 ? 0 : CSVC__CLI_EXIT_FAILED;
}

/* The request as text where it has a {n} to fill in. False: memory is short. */
static bool find_number(bench *b)
{
    csvc_error err = {CSVC_ERROR_INIT};
    const csvc__cli_call *c = b->call;
    const char *text =
        c->request != NULL ? csvc_json_print(c->a, c->method->request, c->request, NULL, &err) : "";

    b->text = text != NULL && strstr(text, "{n}") != NULL ? text : NULL;
    return text != NULL || err.code != CSVC_RESOURCE_EXHAUSTED;
}

static int run(void *self, const csvc__cli_call *c, int *ret_signal)
{
    bench *b = self;
    csvc_error err = {CSVC_ERROR_INIT};
    csvc__bench_counts *total = csvc__calloc(1, sizeof(*total));
    worker *workers = csvc__calloc(b->threads, sizeof(*workers));
    int exit_code = CSVC__CLI_EXIT_FAILED;

    *ret_signal = 0;
    b->call = c;
    atomic_init(&b->next, 1);
    if (total == NULL || workers == NULL || !find_number(b)) {
        (void)fprintf(stderr, "%s: out of memory\n", c->program);
        goto out;
    }
    if (c->lines != NULL && (c->method->kind & CSVC_RPC_CLIENT_STREAM) != 0) {
        (void)fprintf(stderr,
                      "%s: --json gives one request; of an rpc that takes a stream, its one "
                      "message is given by flags\n",
                      c->program);
        exit_code = CSVC__CLI_EXIT_USAGE;
        goto out;
    }
    b->ch = csvc_channel_new(c->addr, c->channel, &err);
    if (b->ch == NULL) {
        (void)fprintf(stderr, "%s: %s: %s\n", c->program, c->addr, err.text);
        exit_code = err.code == CSVC_INVALID_ARGUMENT ? CSVC__CLI_EXIT_USAGE : exit_code;
        goto out;
    }
    exit_code = measure(b, workers, total);
    (void)csvc_channel_free(b->ch);
out:
    csvc__free(workers);
    csvc__free(total);
    return exit_code;
}

/* ---- flags ---- */

static bool read_number(const char *text, int64_t max, int64_t *ret_number)
{
    int64_t number = 0;

    for (; *text >= '0' && *text <= '9' && number <= max; text++) {
        number = 10 * number + (*text - '0');
    }
    *ret_number = number;
    return *text == '\0' && number >= 1 && number <= max;
}

static bool set(bench *b, char flag, const char *value, csvc_error *err)
{
    int64_t number = 0;

    if (value == NULL) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT, "-%c needs a value", flag);
        return false;
    }
    if (flag == 'd') {
        if (!csvc__duration_parse(value, &b->nanos) || b->nanos <= 0) {
            (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                 "-d: '%.100s' is not a duration such as 10s or 200ms", value);
            return false;
        }
        return true;
    }
    if (!read_number(value, flag == 'c' ? MAX_THREADS : MAX_CALLS, &number)) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                             "-%c: '%.100s' is not a whole number from 1 to %d", flag, value,
                             flag == 'c' ? MAX_THREADS : MAX_CALLS);
        return false;
    }
    if (flag == 'c') {
        b->threads = (uint32_t)number;
    } else {
        b->calls = number;
    }
    return true;
}

/* Takes -c, -n and -d out of the arguments; false with err. */
static bool take_flags(bench *b, int *argc, char **argv, csvc_error *err)
{
    int kept = 0;

    for (int i = 0; i < *argc; i++) {
        char *arg = argv[i];

        if (i == 0 || arg[0] != '-' || arg[1] == '\0' || strchr("cnd", arg[1]) == NULL) {
            argv[kept++] = arg;
            continue;
        }
        if (!set(b, arg[1], arg[2] != '\0' ? arg + 2 : i + 1 < *argc ? argv[++i] : NULL, err)) {
            return false;
        }
    }
    *argc = kept;
    argv[kept] = NULL;
    if (b->calls > 0 && b->nanos > 0) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT, "-n and -d say different ends");
        return false;
    }
    b->calls = b->calls > 0 || b->nanos > 0 ? b->calls : USUAL_CALLS;
    return true;
}

/* "user-service-bench" beside "user-service-client". */
static void name_of(const char *client, char *ret_name, size_t size)
{
    const size_t len = strlen(client);
    const bool ends = len > 7 && strcmp(client + len - 7, "-client") == 0;

    (void)snprintf(ret_name, size, "%.*s-bench", (int)(ends ? len - 7 : len), client);
}

int csvc_bench_run(const csvc_cli_info *info, int argc, char **argv)
{
    static const char about[] =
        "Calls an rpc again and again and says how long that took: count, calls a second,\n"
        "a histogram, percentiles, what came of them.\n"
        "\n"
        "  -c N                       calls at the same time; default 50\n"
        "  -n N                       calls in all; default 10000\n"
        "  -d DURATION                how long, instead of -n\n"
        "\n"
        "{n} in a text of the request is the number of the call: --name item-{n}. Of an rpc\n"
        "that takes a stream, the one message that the flags make is sent in each call.\n";
    char name[CSVC__CLI_NAME];
    csvc_cli_info own = *info;
    bench b = {.threads = USUAL_THREADS};
    const csvc__cli_use use = {.about = about, .run = run, .self = &b};
    csvc_error err = {CSVC_ERROR_INIT};
    char **args = csvc__calloc((size_t)argc + 1, sizeof(*args));
    int exit_code = CSVC__CLI_EXIT_USAGE;

    name_of(info->name, name, sizeof(name));
    own.name = name;
    if (args == NULL) {
        (void)fprintf(stderr, "%s: out of memory\n", name);
        return CSVC__CLI_EXIT_FAILED;
    }
    memcpy(args, argv, (size_t)argc * sizeof(*args));
    if (take_flags(&b, &argc, args, &err)) {
        exit_code = csvc__cli_main(&own, argc, args, &use);
    } else {
        (void)fprintf(stderr, "%s: %s\nTry '%s --help'.\n", name, err.text, name);
    }
    csvc__free(args);
    return exit_code;
}
