/* interceptors/metrics.c: counts calls, by rpc and by outcome. */
#include <csvc/alloc.h>
#include <csvc/interceptor.h>

#include <string.h>

#include <base/banned.h>

enum {
    N_CODES = CSVC_UNAUTHENTICATED + 1,
    FIRST_SLOTS = 64,
};

/* What is counted of one rpc. */
typedef struct series {
    const csvc_method *method; /* NULL: of all that nobody serves */
    csvc_counter *started, *received, *sent;
    csvc_counter *handled[N_CODES];
    csvc_histogram *seconds;
} series;

/* The rpcs by the address of their table: filled before the first call, then only read. */
struct csvc_call_metrics {
    csvc_metrics *m;
    series unknown;
    series **slots; /* open addressing; NULL: free */
    size_t n_slots; /* a power of two */
    size_t n_series;
};

/* ---- making series ---- */

/* Families in this order: a call counts as started before it counts as handled, and they are read
 * from the last to the first. */
static csvc_code make_series(csvc_metrics *m, const char *type, const char *service,
                             const char *name, series *ret_series, csvc_error *err)
{
    const char *const labels[] = {"grpc_type", type, "grpc_service", service, "grpc_method",
                                  name,        NULL};
    bool complete = true;
    series s = {0};

    s.started = csvc_metrics_counter(m, "grpc_server_started_total",
                                     "Total number of RPCs started on the server.", labels, err);
    for (int code = 0; code < N_CODES; code++) {
        const char *const with_code[] = {
            "grpc_type",   type, "grpc_service", service,
            "grpc_method", name, "grpc_code",    csvc_code_metric_name((csvc_code)code),
            NULL};

        s.handled[code] = csvc_metrics_counter(
            m, "grpc_server_handled_total",
            "Total number of RPCs completed on the server, regardless of success or failure.",
            with_code, err);
        complete &= s.handled[code] != NULL;
    }
    s.received =
        csvc_metrics_counter(m, "grpc_server_msg_received_total",
                             "Total number of RPC messages received on the server.", labels, err);
    s.sent = csvc_metrics_counter(m, "grpc_server_msg_sent_total",
                                  "Total number of RPC messages sent by the server.", labels, err);
    s.seconds = csvc_metrics_histogram(
        m, "grpc_server_handling_seconds",
        "Histogram of response latency (seconds) of RPCs that had been handled by the server.",
        labels, NULL, 0, err);
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

    while (cm->slots[at] != NULL) {
        at = (at + 1) & (cm->n_slots - 1);
    }
    cm->slots[at] = s;
}

/* Room for one more; at most half of the slots are taken. */
static bool grow(csvc_call_metrics *cm)
{
    series **old = cm->slots;
    const size_t n_old = cm->n_slots;

    if (2 * (cm->n_series + 1) <= n_old) {
        return true;
    }
    cm->slots = csvc__calloc(2 * n_old, sizeof(series *));
    if (cm->slots == NULL) {
        cm->slots = old;
        return false;
    }
    cm->n_slots = 2 * n_old;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i] != NULL) {
            put(cm, old[i]);
        }
    }
    csvc__free(old);
    return true;
}

csvc_call_metrics *csvc_call_metrics_new(csvc_metrics *m, csvc_error *err)
{
    csvc_call_metrics *cm = csvc__calloc(1, sizeof(*cm));

    if (cm != NULL) {
        cm->m = m;
        cm->n_slots = FIRST_SLOTS;
        cm->slots = csvc__calloc(cm->n_slots, sizeof(series *));
    }
    if (cm == NULL || cm->slots == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return csvc_call_metrics_free(cm);
    }
    if (make_series(m, "unary", "unknown", "unknown", &cm->unknown, err) != CSVC_OK) {
        return csvc_call_metrics_free(cm);
    }
    return cm;
}

csvc_call_metrics *csvc_call_metrics_free(csvc_call_metrics *cm)
{
    if (cm != NULL) {
        for (size_t i = 0; cm->slots != NULL && i < cm->n_slots; i++) {
            csvc__free(cm->slots[i]);
        }
        csvc__free(cm->slots);
        csvc__free(cm);
    }
    return NULL;
}

/* ---- the interceptor ---- */

static csvc_code measuring_serves(void *self, const csvc_service *service)
{
    static const char *const kinds[] = {"unary", "server_stream", "client_stream", "bidi_stream"};
    csvc_call_metrics *cm = self;
    csvc_error err = {CSVC_ERROR_INIT};

    for (uint32_t i = 0; i < service->n_methods; i++) {
        const csvc_method *method = &service->methods[i];
        series *s = grow(cm) ? csvc__malloc(sizeof(*s)) : NULL;
        csvc_code code;

        if (s == NULL) {
            return CSVC_RESOURCE_EXHAUSTED;
        }
        code = make_series(cm->m, kinds[method->kind & 3], service->name, method->name, s, &err);
        if (code != CSVC_OK) {
            csvc__free(s);
            return code;
        }
        s->method = method;
        put(cm, s);
        cm->n_series++;
    }
    return CSVC_OK;
}

static inline const series *find(const csvc_call_metrics *cm, const csvc_method *method)
{
    if (method == NULL) {
        return &cm->unknown;
    }
    for (size_t at = slot_of(cm, method);; at = (at + 1) & (cm->n_slots - 1)) {
        const series *s = cm->slots[at];

        if (s == NULL) {
            return &cm->unknown;
        }
        if (s->method == method) {
            return s;
        }
    }
}

/* A call's state is the address of its series. */
static csvc_code measuring_begin(void *self, csvc_ctx *ctx, void *state)
{
    const series *s = find(self, csvc_method_of(ctx));

    *(const series **)state = s;
    csvc_counter_add(s->started, 1);
    return CSVC_OK;
}

static csvc_code measuring_received(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    (void)self;
    (void)ctx;
    (void)message;
    csvc_counter_add((*(const series **)state)->received, 1);
    return CSVC_OK;
}

static void measuring_sent(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    (void)self;
    (void)ctx;
    (void)message;
    csvc_counter_add((*(const series **)state)->sent, 1);
}

static void measuring_end(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    const series *s = *(const series **)state;

    (void)self;
    (void)ctx;
    csvc_counter_add(s->handled[outcome->code], 1);
    csvc_histogram_observe(s->seconds, (double)outcome->duration_nanos * 1e-9);
}

const csvc_interceptor csvc_measuring = {
    CSVC_INTERCEPTOR_INIT,          .name = "metrics",
    .phase = CSVC_PHASE_METRICS,    .state_size = sizeof(const series *),
    .begin = measuring_begin,       .end = measuring_end,
    .received = measuring_received, .sent = measuring_sent,
    .serves = measuring_serves,
};
