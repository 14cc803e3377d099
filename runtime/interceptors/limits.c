/* interceptors/limits.c: how many calls at a time, and how many a second. */
#include <base/clock.h>
#include <csvc/alloc.h>
#include <csvc/interceptor.h>

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <base/banned.h>

struct csvc_limits {
    atomic_uint max_calls; /* 0: no limit */
    atomic_uint calls;     /* at this time */

    atomic_bool has_rate; /* without the lock: calls that have no rate need not take it */
    pthread_mutex_t lock; /* of the bucket */
    double per_second;    /* 0: no limit */
    double burst;
    double tokens;
    int64_t filled; /* csvc__now() time of the last filling */
};

typedef struct taken {
    bool counted; /* among calls */
} taken;

static csvc_code read_options(const csvc_limits_options *options, csvc_limits_options *ret_o,
                              csvc_error *err)
{
    csvc_limits_options o = {0};

    if (options != NULL) {
        memcpy(&o, options, options->struct_size < sizeof(o) ? options->struct_size : sizeof(o));
    }
    if (isnan(o.per_second) || o.per_second < 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "a rate is a number above 0");
    }
    *ret_o = o;
    return CSVC_OK;
}

/* What has come into the bucket since it was looked at. Under the lock. */
static void fill(csvc_limits *l)
{
    const int64_t now = csvc__now();

    if (now > l->filled) {
        l->tokens += (double)(now - l->filled) * 1e-9 * l->per_second;
        l->filled = now;
    }
    l->tokens = l->tokens < l->burst ? l->tokens : l->burst;
}

/* Under the lock, or before anybody knows of it. */
static void set(csvc_limits *l, const csvc_limits_options *o)
{
    const bool had_rate = l->per_second > 0;

    fill(l);
    l->per_second = isinf(o->per_second) ? 0 : o->per_second;
    l->burst = o->burst > 0 ? o->burst : ceil(l->per_second);
    l->tokens = had_rate && l->tokens < l->burst ? l->tokens : l->burst;
    atomic_store_explicit(&l->has_rate, l->per_second > 0, memory_order_relaxed);
    atomic_store_explicit(&l->max_calls, o->max_calls, memory_order_relaxed);
}

csvc_limits *csvc_limits_new(const csvc_limits_options *options, csvc_error *err)
{
    csvc_limits_options o;
    csvc_limits *l;

    if (read_options(options, &o, err) != CSVC_OK) {
        return NULL;
    }
    l = csvc__calloc(1, sizeof(*l));
    if (l == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    atomic_init(&l->calls, 0);
    (void)pthread_mutex_init(&l->lock, NULL);
    set(l, &o);
    return l;
}

csvc_code csvc_limits_set(csvc_limits *limits, const csvc_limits_options *options, csvc_error *err)
{
    csvc_limits_options o;
    csvc_code code = read_options(options, &o, err);

    if (code == CSVC_OK && limits == NULL) {
        code = csvc_error_set(err, CSVC_FAILED_PRECONDITION, "there are no limits to change");
    }
    if (code == CSVC_OK) {
        (void)pthread_mutex_lock(&limits->lock);
        set(limits, &o);
        (void)pthread_mutex_unlock(&limits->lock);
    }
    return code;
}

csvc_limits *csvc_limits_free(csvc_limits *limits)
{
    if (limits != NULL) {
        (void)pthread_mutex_destroy(&limits->lock);
        csvc__free(limits);
    }
    return NULL;
}

/* Takes a token; false, with the rate and the time until there is one, when there is none. */
static bool take_token(csvc_limits *l, double *ret_per_second, int64_t *ret_wait_ms)
{
    double missing = 0;
    double per_second;

    (void)pthread_mutex_lock(&l->lock);
    per_second = l->per_second;
    fill(l);
    if (l->tokens >= 1) {
        l->tokens -= 1;
    } else {
        missing = 1 - l->tokens;
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (missing <= 0 || per_second <= 0) {
        return true; /* there is a token, or no rate any more */
    }
    missing = ceil(missing * 1e3 / per_second);
    *ret_per_second = per_second;
    *ret_wait_ms = missing < 1e15 ? (int64_t)missing : INT64_C(1000000000000000);
    return false;
}

/* What an orchestrator asks a busy server is answered, or it makes things worse. */
static bool is_health(const csvc_ctx *ctx)
{
    static const char health[] = "/grpc.health.v1.Health/";

    return strncmp(csvc_method_path(ctx), health, sizeof(health) - 1) == 0;
}

static csvc_code limiting_begin(void *self, csvc_ctx *ctx, void *state)
{
    csvc_limits *l = self;
    taken *t = state;
    const uint32_t max_calls = atomic_load_explicit(&l->max_calls, memory_order_relaxed);
    const bool has_rate = atomic_load_explicit(&l->has_rate, memory_order_relaxed);
    double per_second;
    int64_t wait_ms;

    if ((max_calls == 0 && !has_rate) || is_health(ctx)) {
        return CSVC_OK;
    }
    if (max_calls > 0) {
        if (atomic_fetch_add_explicit(&l->calls, 1, memory_order_relaxed) >= max_calls) {
            (void)atomic_fetch_sub_explicit(&l->calls, 1, memory_order_relaxed);
            return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED,
                             "the server has %u calls in flight and takes no more; try again later",
                             (unsigned)max_calls);
        }
        t->counted = true;
    }
    if (has_rate && !take_token(l, &per_second, &wait_ms)) {
        (void)csvc_retry_after(ctx, wait_ms); /* without memory there is still the text */
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED,
                         "more than %g calls a second; try again in %" PRId64 " ms", per_second,
                         wait_ms);
    }
    return CSVC_OK;
}

static void limiting_end(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    csvc_limits *l = self;

    (void)ctx;
    (void)outcome;
    if (((taken *)state)->counted) {
        (void)atomic_fetch_sub_explicit(&l->calls, 1, memory_order_relaxed);
    }
}

const csvc_interceptor csvc_limiting = {
    CSVC_INTERCEPTOR_INIT,       .name = "limits",        .phase = CSVC_PHASE_LIMITS,
    .state_size = sizeof(taken), .begin = limiting_begin, .end = limiting_end,
};
