/*
 * grpc_core/channel.c: channels, and the one loop of the process that their calls live on.
 *
 * The loop starts with the first channel and ends with the last: a thread and a queue of its own,
 * apart from those of the servers, so a handler that waits for a call it made never waits for
 * itself.
 */
#include <csvc/alloc.h>
#include <transport/grpc_core/channel.h>

#include <grpc/grpc_security.h>
#include <stdio.h>
#include <string.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

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
#if defined(__linux__)
    (void)prctl(PR_SET_NAME, "csvc-calls", 0, 0, 0);
#endif
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
    if (csvc__gc_thread_start(&cl->loop.thread, run_loop, cl) != 0) {
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

static grpc_channel *core_new(const csvc_tchannel_config *config)
{
    uint32_t max = config->max_message_bytes;
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    grpc_channel *core = NULL;
    grpc_arg args[12];
    grpc_channel_args all = {.args = args};

    args[all.num_args++] =
        int_arg("grpc.max_receive_message_length", max > INT32_MAX ? INT32_MAX : (int)max);
    args[all.num_args++] = int_arg("grpc.enable_retries", 0); /* costs 10 % when on and not used */
    args[all.num_args++] = int_arg("grpc.enable_channelz", 0);
    /* Identity alone, see the server's. */
    args[all.num_args++] = int_arg("grpc.compression_enabled_algorithms_bitset", 1);
    /* A server that has come back is found within two seconds (the core's own: two minutes). */
    args[all.num_args++] = int_arg("grpc.initial_reconnect_backoff_ms", 100);
    args[all.num_args++] = int_arg("grpc.max_reconnect_backoff_ms", 1000);
    args[all.num_args++] = int_arg("grpc.min_reconnect_backoff_ms", 5000); /* for one attempt */
    args[all.num_args++] = int_arg("grpc.dns_min_time_between_resolutions_ms", 2000);
    args[all.num_args++] = text_arg("grpc.primary_user_agent", "c-svc/" CSVC_VERSION);
    if (config->authority != NULL) {
        args[all.num_args++] = text_arg("grpc.default_authority", config->authority);
    }
    if (csvc__gc_target_is_local(config->target)) {
        args[all.num_args++] = int_arg("grpc.enable_http_proxy", 0);
    }
    core = grpc_channel_create(config->target, credentials, &all);
    grpc_channel_credentials_release(credentials);
    return core;
}

csvc_tchannel *csvc__gc_channel_new(const csvc_tchannel_config *config, csvc_error *err)
{
    csvc_tchannel *tch = NULL;

    if (csvc__gc_target_check(config->target, err) != CSVC_OK) {
        return NULL;
    }
    tch = csvc__calloc(1, sizeof(*tch));
    if (tch == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    csvc__gc_init();
    tch->loop = share_loop();
    if (tch->loop == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                             "no memory or no thread for the loop that calls live on");
        csvc__gc_shutdown();
        csvc__free(tch);
        return NULL;
    }
    tch->core = core_new(config);
    return tch;
}

void csvc__gc_channel_free(csvc_tchannel *tch)
{
    grpc_channel_destroy(tch->core);
    unshare_loop();
    csvc__gc_shutdown();
    csvc__free(tch);
}

csvc_loop *csvc__gc_channel_loop(csvc_tchannel *tch)
{
    return &tch->loop->base;
}
