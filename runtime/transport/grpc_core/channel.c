/*
 * grpc_core/channel.c: channels, and the one loop of the process that their calls live on.
 *
 * The loop starts with the first channel and ends with the last: a thread and a queue of its own,
 * apart from those of the servers, so a handler that waits for a call it made never waits for
 * itself.
 */
#include <base/thread.h>
#include <csvc/alloc.h>
#include <transport/grpc_core/channel.h>

#include <grpc/grpc_security.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* ---- the loop ---- */

typedef struct client_loop {
    gc_loop loop;
    csvc_task end_task;
} client_loop;

/* The loop of the channels that exist now. */
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static client_loop *shared_loop;
static unsigned shared_users;

static void *run_loop(void *arg)
{
    csvc__thread_name("csvc-calls");
    csvc__gc_loop_run(&((client_loop *)arg)->loop);
    return NULL;
}

static void end(csvc_task *task)
{
    GC_CONTAINER(task, client_loop, end_task)->loop.ending = true;
}

static client_loop *client_loop_new(void)
{
    client_loop *cl = csvc__calloc(1, sizeof(*cl));

    if (cl == NULL) {
        return NULL;
    }
    if (!csvc__gc_loop_init(&cl->loop)) {
        csvc__free(cl);
        return NULL;
    }
    cl->end_task.run = end;
    if (csvc__thread_start(&cl->loop.thread, NULL, run_loop, cl) != 0) {
        csvc__gc_loop_release(&cl->loop);
        csvc__free(cl);
        return NULL;
    }
    return cl;
}

static void client_loop_free(client_loop *cl)
{
    csvc__loop_post(&cl->loop.base, &cl->end_task);
    pthread_join(cl->loop.thread, NULL);
    csvc__gc_loop_release(&cl->loop);
    csvc__free(cl);
}

static gc_loop *share_loop(void)
{
    gc_loop *loop = NULL;

    pthread_mutex_lock(&shared_lock);
    if (shared_loop == NULL) {
        shared_loop = client_loop_new();
    }
    if (shared_loop != NULL) {
        shared_users++;
        loop = &shared_loop->loop;
    }
    pthread_mutex_unlock(&shared_lock);
    return loop;
}

static void unshare_loop(void)
{
    client_loop *last = NULL;

    pthread_mutex_lock(&shared_lock);
    shared_users--;
    if (shared_users == 0) {
        last = shared_loop;
        shared_loop = NULL;
    }
    pthread_mutex_unlock(&shared_lock);
    if (last != NULL) {
        client_loop_free(last);
    }
}

/* ---- channels ---- */

enum {
    CONFIG_BYTES = 640,   /* with all codes: 560 */
    THROTTLE_TOKENS = 100 /* a failure takes one, a success gives a tenth, half of them: no retry */
};

static grpc_arg int_arg(const char *key, int value)
{
    return (grpc_arg){
        .type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = value};
}

static grpc_arg text_arg(const char *key, const char *value)
{
    return (grpc_arg){.type = GRPC_ARG_STRING,
                      .key = (char *)(uintptr_t)key,
                      .value.string = (char *)(uintptr_t)value};
}

static int at_most_int(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : (int)value;
}

static const char *const code_names[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

#define THOUSANDTHS "%" PRIu32 ".%03" PRIu32
#define SPLIT(n)    (n) / 1000, (n) % 1000

/* The policy as the core reads it. No floating point: its decimal sign is the locale's. */
static void write_config(const csvc_tretry *retry, char *json, size_t size)
{
    size_t len = (size_t)snprintf(
        json, size,
        "{\"retryThrottling\":{\"maxTokens\":%d,\"tokenRatio\":0.1},"
        "\"methodConfig\":[{\"name\":[{}],\"retryPolicy\":{\"maxAttempts\":%" PRIu32
        ",\"initialBackoff\":\"" THOUSANDTHS "s\",\"maxBackoff\":\"" THOUSANDTHS
        "s\",\"backoffMultiplier\":" THOUSANDTHS ",\"retryableStatusCodes\":[",
        THROTTLE_TOKENS, retry->max_attempts, SPLIT(retry->initial_backoff_ms),
        SPLIT(retry->max_backoff_ms), SPLIT(retry->multiplier_thousandths));
    const char *comma = "";

    for (unsigned code = 1; code < sizeof(code_names) / sizeof(code_names[0]); code++) {
        if ((retry->codes >> code & 1) != 0) {
            len += (size_t)snprintf(json + len, size - len, "%s\"%s\"", comma, code_names[code]);
            comma = ",";
        }
    }
    (void)snprintf(json + len, size - len, "]}}]}");
}

/* `retry` NULL: without retries. */
static grpc_channel *make_channel(const csvc_tchannel *tch, const csvc_tretry *retry)
{
    char config[CONFIG_BYTES];
    uint32_t max = tch->max_message_bytes;
    grpc_channel_credentials *credentials = tch->tls != NULL
                                                ? csvc__gc_tls_channel_credentials(tch->tls)
                                                : grpc_insecure_credentials_create();
    grpc_channel *channel = NULL;
    grpc_arg args[20];
    grpc_channel_args all = {.args = args};

    args[all.num_args++] = int_arg("grpc.max_receive_message_length", at_most_int(max));
    args[all.num_args++] = int_arg("grpc.enable_retries", retry != NULL); /* costs 10 % */
    if (retry != NULL && retry->codes != 0) {
        write_config(retry, config, sizeof(config));
        args[all.num_args++] = text_arg("grpc.service_config", config);
    }
    args[all.num_args++] = int_arg("grpc.enable_channelz", 0);
    /* See the server's. */
    args[all.num_args++] = int_arg("grpc.compression_enabled_algorithms_bitset", GC_ENCODINGS);
    args[all.num_args++] = int_arg("grpc.per_message_decompression", 0);
    /* A server that has come back is found within two seconds (the core's own: two minutes). */
    args[all.num_args++] = int_arg("grpc.initial_reconnect_backoff_ms", 100);
    args[all.num_args++] = int_arg("grpc.max_reconnect_backoff_ms", 1000);
    args[all.num_args++] = int_arg("grpc.min_reconnect_backoff_ms", 5000); /* for one attempt */
    args[all.num_args++] = int_arg("grpc.dns_min_time_between_resolutions_ms", 2000);
    args[all.num_args++] = text_arg("grpc.primary_user_agent", "c-svc/" CSVC_VERSION);
    if (tch->max_metadata_bytes > 0) {
        args[all.num_args++] =
            int_arg("grpc.max_metadata_size", at_most_int(tch->max_metadata_bytes));
    }
    if (tch->authority != NULL) {
        args[all.num_args++] = text_arg("grpc.default_authority", tch->authority);
    }
    if (tch->keepalive_ms > 0) {
        args[all.num_args++] = int_arg("grpc.keepalive_time_ms", at_most_int(tch->keepalive_ms));
        args[all.num_args++] =
            int_arg("grpc.keepalive_timeout_ms", at_most_int(tch->keepalive_timeout_ms));
        /* The core's own limit would end it after two pings without data. */
        args[all.num_args++] = int_arg("grpc.http2.max_pings_without_data", 0);
    }
    if (tch->server_name != NULL) {
        args[all.num_args++] = text_arg("grpc.ssl_target_name_override", tch->server_name);
    }
    if (tch->round_robin) {
        args[all.num_args++] = text_arg("grpc.lb_policy_name", "round_robin");
    }
    if (strchr(tch->target, ',') != NULL || csvc__gc_target_is_local(tch->target)) {
        args[all.num_args++] = int_arg("grpc.enable_http_proxy", 0);
    }
    channel = grpc_channel_create(tch->target, credentials, &all);
    grpc_channel_credentials_release(credentials);
    return channel;
}

static gc_core_channel *core_new(const csvc_tchannel *tch, const csvc_tretry *retry)
{
    gc_core_channel *core = csvc__malloc(sizeof(*core));

    if (core != NULL) {
        core->channel = make_channel(tch, retry);
        atomic_init(&core->refs, 1);
    }
    return core;
}

void csvc__gc_core_give(gc_core_channel *core)
{
    if (core != NULL && atomic_fetch_sub(&core->refs, 1) == 1) {
        grpc_channel_destroy(core->channel);
        csvc__free(core);
    }
}

/* They are of what no longer holds, or the channel goes. With the lock, or alone. */
static void drop_retrying(csvc_tchannel *tch)
{
    while (tch->n_retrying > 0) {
        csvc__gc_core_give(tch->retrying[--tch->n_retrying].core);
    }
}

gc_core_channel *csvc__gc_core_take(csvc_tchannel *tch)
{
    gc_core_channel *fresh = NULL;
    gc_core_channel *old = NULL;
    gc_core_channel *core = NULL;

    if (tch->tls == NULL) {
        atomic_fetch_add_explicit(&tch->core->refs, 1, memory_order_relaxed);
        return tch->core;
    }
    if (csvc__gc_tls_reload(tch->tls)) {
        fresh = core_new(tch, NULL); /* no memory: the old certificates serve on */
    }
    pthread_mutex_lock(&tch->lock);
    if (fresh != NULL) {
        old = tch->core;
        tch->core = fresh;
        drop_retrying(tch);
    }
    core = tch->core;
    atomic_fetch_add_explicit(&core->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&tch->lock);
    csvc__gc_core_give(old);
    return core;
}

csvc_code csvc__gc_core_take_retrying(csvc_tchannel *tch, const csvc_tretry *retry,
                                      gc_core_channel **ret_core, const char **ret_text)
{
    gc_core_channel *core = NULL;
    size_t i = 0;

    if (tch->tls != NULL) {
        csvc__gc_core_give(csvc__gc_core_take(tch)); /* looks whether certificates have changed */
    }
    pthread_mutex_lock(&tch->lock);
    while (i < tch->n_retrying && memcmp(&tch->retrying[i].retry, retry, sizeof(*retry)) != 0) {
        i++;
    }
    if (i == tch->n_retrying && i < GC_MAX_POLICIES) {
        core = core_new(tch, retry);
        if (core != NULL) {
            tch->retrying[tch->n_retrying++] = (gc_retrying){*retry, core};
        }
    } else if (i < tch->n_retrying) {
        core = tch->retrying[i].core;
    }
    if (core != NULL) {
        atomic_fetch_add_explicit(&core->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&tch->lock);
    if (core == NULL) {
        *ret_text =
            i == GC_MAX_POLICIES ? "more than 16 retry policies on one channel" : "out of memory";
        return CSVC_RESOURCE_EXHAUSTED;
    }
    *ret_core = core;
    return CSVC_OK;
}

static bool copy_text(const char *text, char **ret_text)
{
    *ret_text = text != NULL ? csvc__strdup(text) : NULL;
    return text == NULL || *ret_text != NULL;
}

static void release(csvc_tchannel *tch)
{
    csvc__gc_tls_free(tch->tls);
    csvc__free(tch->target);
    csvc__free(tch->authority);
    csvc__free(tch->server_name);
    pthread_mutex_destroy(&tch->lock);
    csvc__free(tch);
}

/* All of it but what needs the core. NULL with err set. */
static csvc_tchannel *prepare(const csvc_tchannel_config *config, csvc_error *err)
{
    csvc_tchannel *tch = csvc__calloc(1, sizeof(*tch));

    if (tch == NULL || pthread_mutex_init(&tch->lock, NULL) != 0) {
        csvc__free(tch);
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    tch->max_message_bytes = config->max_message_bytes;
    tch->max_metadata_bytes = config->max_metadata_bytes;
    tch->keepalive_ms = config->keepalive_ms;
    tch->keepalive_timeout_ms = config->keepalive_timeout_ms;
    tch->round_robin = config->round_robin || config->n_addresses > 0;
    if (config->n_addresses > 0) {
        tch->target = csvc__gc_target_join(config->addresses, config->n_addresses);
    } else {
        (void)copy_text(config->target, &tch->target);
    }
    if (tch->target == NULL || !copy_text(config->authority, &tch->authority) ||
        !copy_text(config->tls != NULL ? config->tls->server_name : NULL, &tch->server_name)) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        release(tch);
        return NULL;
    }
    if (config->tls != NULL) {
        tch->tls = csvc__gc_tls_new(config->tls, err);
        if (tch->tls == NULL) {
            release(tch);
            return NULL;
        }
    }
    return tch;
}

csvc_tchannel *csvc__gc_channel_new(const csvc_tchannel_config *config, csvc_error *err)
{
    csvc_tchannel *tch = NULL;

    if (config->n_addresses == 0 && csvc__gc_target_check(config->target, err) != CSVC_OK) {
        return NULL;
    }
    tch = prepare(config, err);
    if (tch == NULL) {
        return NULL;
    }
    csvc__gc_init();
    tch->loop = share_loop();
    if (tch->loop == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                             "no memory or no thread for the loop that calls live on");
        csvc__gc_shutdown();
        release(tch);
        return NULL;
    }
    tch->core = core_new(tch, NULL);
    if (tch->core == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        unshare_loop();
        csvc__gc_shutdown();
        release(tch);
        return NULL;
    }
    return tch;
}

void csvc__gc_channel_free(csvc_tchannel *tch)
{
    csvc__gc_core_give(tch->core);
    drop_retrying(tch);
    unshare_loop();
    csvc__gc_shutdown();
    release(tch);
}

csvc_loop *csvc__gc_channel_loop(csvc_tchannel *tch)
{
    return &tch->loop->base;
}
