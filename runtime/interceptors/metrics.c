/* interceptors/metrics.c: counts calls, served or made, by rpc and by outcome. */
#include <csvc/alloc.h>
#include <csvc/interceptor.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <base/banned.h>

enum {
    N_CODES = CSVC_UNAUTHENTICATED + 1,
    FIRST_SLOTS = 64,
    CLIENT_SLOTS = 1024, /* half of them are used: so many rpcs a client is counted by */
};

/* How the series of a side are called. */
typedef struct side_names {
    const char *started, *started_help;
    const char *handled, *handled_help;
    const char *received, *received_help;
    const char *sent, *sent_help;
    const char *seconds, *seconds_help;
} side_names;

static const side_names server_side = {
    "grpc_server_started_total",
    "Total number of RPCs started on the server.",
    "grpc_server_handled_total",
    "Total number of RPCs completed on the server, regardless of success or failure.",
    "grpc_server_msg_received_total",
    "Total number of RPC messages received on the server.",
    "grpc_server_msg_sent_total",
    "Total number of RPC messages sent by the server.",
    "grpc_server_handling_seconds",
    "Histogram of response latency (seconds) of RPCs that had been handled by the server.",
};

static const side_names client_side = {
    "grpc_client_started_total",
    "Total number of RPCs started by the client.",
    "grpc_client_handled_total",
    "Total number of RPCs completed by the client, regardless of success or failure.",
    "grpc_client_msg_received_total",
    "Total number of RPC messages received by the client.",
    "grpc_client_msg_sent_total",
    "Total number of RPC messages sent by the client.",
    "grpc_client_handling_seconds",
    "Histogram of the time (seconds) from an RPC's start to its end as the client sees it.",
};

/* What is counted of one rpc. */
typedef struct series {
    const csvc_method *method; /* NULL: of all that nobody serves */
    csvc_counter *started, *received, *sent;
    csvc_counter *handled[N_CODES];
    csvc_histogram *seconds;
} series;

typedef _Atomic(series *) slot;

/* The rpcs by the address of their table. A server's are filled in before the first call, then only
 * read; a client's come with the first call of each, under the lock, and never go or move. */
struct csvc_call_metrics {
    csvc_metrics *m;
    const side_names *side;
    pthread_mutex_t lock;
    series unknown;
    slot *slots;    /* open addressing; NULL: free */
    size_t n_slots; /* a power of two */
    size_t n_series;
};

/* ---- making series ---- */

/* Families in this order: a call counts as started before it counts as handled, and they are read
 * from the last to the first. */
static csvc_code make_series(const csvc_call_metrics *cm, const char *type, const char *service,
                             const char *name, series *ret_series, csvc_error *err)
{
    const char *const labels[] = {"grpc_type", type, "grpc_service", service, "grpc_method",
                                  name,        NULL};
    const side_names *side = cm->side;
    bool complete = true;
    series s = {0};

    s.started = csvc_metrics_counter(cm->m, side->started, side->started_help, labels, err);
    for (int code = 0; code < N_CODES; code++) {
        const char *const with_code[] = {
            "grpc_type",   type, "grpc_service", service,
            "grpc_method", name, "grpc_code",    csvc_code_metric_name((csvc_code)code),
            NULL};

        s.handled[code] =
            csvc_metrics_counter(cm->m, side->handled, side->handled_help, with_code, err);
        complete &= s.handled[code] != NULL;
    }
    s.received = csvc_metrics_counter(cm->m, side->received, side->received_help, labels, err);
    s.sent = csvc_metrics_counter(cm->m, side->sent, side->sent_help, labels, err);
    s.seconds =
        csvc_metrics_histogram(cm->m, side->seconds, side->seconds_help, labels, NULL, 0, err);
    if (!complete || s.started == NULL || s.received == NULL || s.sent == NULL ||
        s.seconds == NULL) {
        return err != NULL ? err->code : CSVC_RESOURCE_EXHAUSTED;
    }
    *ret_series = s;
    return CSVC_OK;
}

static inline size_t slot_of(const csvc_call_metrics *cm, const csvc_method *method)
{
    return (size_t)(((uint64_t)(uintptr_t)method * UINT64_C(0x9e3779b97f4a7c15)) >> 32) &
           (cm->n_slots - 1);
}

static void put(csvc_call_metrics *cm, series *s)
{
    size_t at = slot_of(cm, s->method);

    while (atomic_load_explicit(&cm->slots[at], memory_order_relaxed) != NULL) {
        at = (at + 1) & (cm->n_slots - 1);
    }
    atomic_store_explicit(&cm->slots[at], s, memory_order_release);
}

/* Room for one more; at most half of the slots are taken. */
static bool grow(csvc_call_metrics *cm)
{
    slot *old = cm->slots;
    const size_t n_old = cm->n_slots;

    if (2 * (cm->n_series + 1) <= n_old) {
        return true;
    }
    if (cm->side == &client_side) {
        return false; /* others look into it */
    }
    cm->slots = csvc__calloc(2 * n_old, sizeof(slot));
    if (cm->slots == NULL) {
        cm->slots = old;
        return false;
    }
    cm->n_slots = 2 * n_old;
    for (size_t i = 0; i < n_old; i++) {
        series *s = atomic_load_explicit(&old[i], memory_order_relaxed);

        if (s != NULL) {
            put(cm, s);
        }
    }
    csvc__free(old);
    return true;
}

static csvc_call_metrics *call_metrics_new(csvc_metrics *m, const side_names *side, size_t n_slots,
                                           csvc_error *err)
{
    csvc_call_metrics *cm = csvc__calloc(1, sizeof(*cm));

    if (cm != NULL) {
        (void)pthread_mutex_init(&cm->lock, NULL);
        cm->m = m;
        cm->side = side;
        cm->n_slots = n_slots;
        cm->slots = csvc__calloc(n_slots, sizeof(slot));
    }
    if (cm == NULL || cm->slots == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return csvc_call_metrics_free(cm);
    }
    return cm;
}

csvc_call_metrics *csvc_call_metrics_new(csvc_metrics *m, csvc_error *err)
{
    csvc_call_metrics *cm = call_metrics_new(m, &server_side, FIRST_SLOTS, err);

    if (cm != NULL &&
        make_series(cm, "unary", "unknown", "unknown", &cm->unknown, err) != CSVC_OK) {
        return csvc_call_metrics_free(cm);
    }
    return cm;
}

csvc_call_metrics *csvc_call_metrics_new_client(csvc_metrics *m, csvc_error *err)
{
    return call_metrics_new(m, &client_side, CLIENT_SLOTS, err);
}

csvc_call_metrics *csvc_call_metrics_free(csvc_call_metrics *cm)
{
    if (cm != NULL) {
        for (size_t i = 0; cm->slots != NULL && i < cm->n_slots; i++) {
            csvc__free(atomic_load_explicit(&cm->slots[i], memory_order_relaxed));
        }
        csvc__free(cm->slots);
        (void)pthread_mutex_destroy(&cm->lock);
        csvc__free(cm);
    }
    return NULL;
}

/* ---- the interceptor ---- */

/* Series of one more rpc. */
static csvc_code add(csvc_call_metrics *cm, const csvc_method *method, const char *service)
{
    static const char *const kinds[] = {"unary", "server_stream", "client_stream", "bidi_stream"};
    csvc_error err = {CSVC_ERROR_INIT};
    series *s = grow(cm) ? csvc__malloc(sizeof(*s)) : NULL;
    csvc_code code;

    if (s == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    code = make_series(cm, kinds[method->kind & 3], service, method->name, s, &err);
    if (code != CSVC_OK) {
        csvc__free(s);
        return code;
    }
    s->method = method;
    put(cm, s);
    cm->n_series++;
    return CSVC_OK;
}

static csvc_code measuring_serves(void *self, const csvc_service *service)
{
    csvc_code code = CSVC_OK;

    for (uint32_t i = 0; i < service->n_methods && code == CSVC_OK; i++) {
        code = add(self, &service->methods[i], service->name);
    }
    return code;
}

/* NULL: there is none yet. */
static inline const series *find(const csvc_call_metrics *cm, const csvc_method *method)
{
    for (size_t at = slot_of(cm, method);; at = (at + 1) & (cm->n_slots - 1)) {
        const series *s = atomic_load_explicit(&cm->slots[at], memory_order_acquire);

        if (s == NULL || s->method == method) {
            return s;
        }
    }
}

/* The first call of an rpc that a client makes. NULL: there are too many, or no memory; such are
 * not counted. */
static const series *add_called(csvc_call_metrics *cm, const csvc_method *method)
{
    const char *end = strrchr(method->path, '/');
    const size_t len = end != NULL && end > method->path ? (size_t)(end - method->path) - 1 : 0;
    const series *s;

    (void)pthread_mutex_lock(&cm->lock);
    s = find(cm, method);
    if (s == NULL) {
        char *service = csvc__malloc(len + 1);

        if (service != NULL) {
            memcpy(service, method->path + 1, len);
            service[len] = '\0';
            if (add(cm, method, service) == CSVC_OK) {
                s = find(cm, method);
            }
            csvc__free(service);
        }
    }
    (void)pthread_mutex_unlock(&cm->lock);
    return s;
}

static inline const series *series_of(csvc_call_metrics *cm, const csvc_method *method)
{
    const series *s = method != NULL ? find(cm, method) : NULL;

    if (s != NULL) {
        return s;
    }
    return cm->side == &server_side ? &cm->unknown : add_called(cm, method);
}

/* A call's state is the address of its series; NULL: it is not counted. */
static csvc_code measuring_begin(void *self, csvc_ctx *ctx, void *state)
{
    const series *s = series_of(self, csvc_method_of(ctx));

    *(const series **)state = s;
    if (s != NULL) {
        csvc_counter_add(s->started, 1);
    }
    return CSVC_OK;
}

static csvc_code measuring_received(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    (void)self;
    (void)ctx;
    (void)message;
    if (*(const series **)state != NULL) {
        csvc_counter_add((*(const series **)state)->received, 1);
    }
    return CSVC_OK;
}

static void measuring_sent(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    (void)self;
    (void)ctx;
    (void)message;
    if (*(const series **)state != NULL) {
        csvc_counter_add((*(const series **)state)->sent, 1);
    }
}

static void measuring_end(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    const series *s = *(const series **)state;

    (void)self;
    (void)ctx;
    if (s != NULL) {
        csvc_counter_add(s->handled[outcome->code], 1);
        csvc_histogram_observe(s->seconds, (double)outcome->duration_nanos * 1e-9);
    }
}

const csvc_interceptor csvc_measuring = {
    CSVC_INTERCEPTOR_INIT,          .name = "metrics",
    .phase = CSVC_PHASE_METRICS,    .state_size = sizeof(const series *),
    .begin = measuring_begin,       .end = measuring_end,
    .received = measuring_received, .sent = measuring_sent,
    .serves = measuring_serves,
};
