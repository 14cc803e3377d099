/*
 * csvc/interceptor.h: code around every call that a server serves.
 *
 * An interceptor sees each call begin and end: exactly one end for every begin, whatever happened
 * between them, after the transport knows what was really sent. Phases fix the order between
 * interceptors; within a phase the order of registration holds. Phases up to CSVC_PHASE_LIMITS
 * begin on the loop when the call arrives and may not block; the later ones begin where the handler
 * runs. Every end runs on the loop, in reverse order.
 *
 *     static csvc_code tenant_begin(void *self, csvc_ctx *ctx, void *state)
 *     {
 *         struct tenant *t = state;
 *
 *         t->name = csvc_metadata(ctx, "x-tenant");
 *         return t->name != NULL ? CSVC_OK
 *                                : csvc_fail(ctx, CSVC_UNAUTHENTICATED, "x-tenant is missing");
 *     }
 *     const csvc_interceptor tenant = {CSVC_INTERCEPTOR_INIT, .name = "tenant",
 *                                      .phase = CSVC_PHASE_USER,
 *                                      .state_size = sizeof(struct tenant), .begin = tenant_begin};
 */
#ifndef CSVC_INTERCEPTOR_H
#define CSVC_INTERCEPTOR_H

#include <csvc/ctx.h>
#include <csvc/metrics.h>
#include <csvc/service.h>

CSVC_BEGIN_DECLS

typedef enum csvc_phase {
    CSVC_PHASE_TRACING = 0,
    CSVC_PHASE_METRICS = 1,
    CSVC_PHASE_LOGGING = 2,
    CSVC_PHASE_LIMITS = 3, /* the last that runs on the loop */
    CSVC_PHASE_AUTH = 4,
    CSVC_PHASE_VALIDATION = 5,
    CSVC_PHASE_USER = 6,
} csvc_phase;

/* How a call ended, as far as the transport knows. */
typedef struct csvc_outcome {
    csvc_code code;         /* what the caller was told, or CANCELLED when it had gone */
    const char *text;       /* the status text; "" when there is none */
    bool delivered;         /* the status was handed to the network */
    bool slow;              /* a unary call that took slow_call_ms of the server or longer */
    int64_t duration_nanos; /* since the call arrived */
} csvc_outcome;

typedef struct csvc_interceptor {
    size_t struct_size;
    const char *name;
    csvc_phase phase;
    size_t state_size; /* bytes of state for each call, zeroed, aligned for any type */

    /* Anything but OK ends the call with that code; interceptors behind it and the handler do not
     * run. May be NULL. */
    csvc_code (*begin)(void *self, csvc_ctx *ctx, void *state);

    /* Runs for every begin that ran, also one that refused. May not block. May be NULL. */
    void (*end)(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome);

    /*
     * Each message of a call. `received`: before the handler gets it, on the thread that receives;
     * anything but OK ends the call with that code. `sent`: a stream's, once it was queued to be
     * sent, on the thread that sends; `message` is NULL for a csvc_frame, which is packed already.
     * The one reply of other calls: after it was handed to the network, on the loop.
     * The hooks of one call never run at the same time, and none runs after the first end. They may
     * not block, nor receive or send on their call; a sender may hold locks of its own. In a
     * detached call csvc_fail belongs to the keeper: the caller hears the code alone. May be NULL.
     */
    csvc_code (*received)(void *self, csvc_ctx *ctx, void *state, const void *message);
    void (*sent)(void *self, csvc_ctx *ctx, void *state, const void *message);

    /* Each service of the server, once, when it begins to listen: time to prepare for its rpcs.
     * Anything but OK is why it does not listen. May be NULL. */
    csvc_code (*serves)(void *self, const csvc_service *service);
} csvc_interceptor;

#define CSVC_INTERCEPTOR_INIT .struct_size = sizeof(csvc_interceptor)

/* The rpc that a ctx serves, as it was registered; NULL for a path nobody registered, and when the
 * ctx is no rpc. */
CSVC_API const csvc_method *csvc_method_of(const csvc_ctx *ctx);

/* ---- built in ---- */

/* Logs each call: INTERNAL, UNKNOWN and DATA_LOSS at error, other failures at info, unary calls
 * slower than the server's limit at info, the rest at debug; method, code, duration, peer and the
 * status text. No self. A csvc_app has it built in. */
extern CSVC_API const csvc_interceptor csvc_logging;

/*
 * Counts each call, under the names that go-grpc-prometheus has: grpc_server_started_total,
 * grpc_server_handled_total, grpc_server_msg_received_total, grpc_server_msg_sent_total and the
 * histogram grpc_server_handling_seconds, by grpc_type, grpc_service and grpc_method; handled also
 * by grpc_code. Every rpc of the server is there from the start, with zeros; calls of what nobody
 * serves are counted together, as "unknown". Takes no lock and no memory. `self` is a
 * csvc_call_metrics, made for one server and freed after it. A csvc_app has it built in.
 */
typedef struct csvc_call_metrics csvc_call_metrics;
extern CSVC_API const csvc_interceptor csvc_measuring;

/* Its series live in `m`, which must outlive it. NULL with err set. */
CSVC_API csvc_call_metrics *csvc_call_metrics_new(csvc_metrics *m, csvc_error *err) CSVC_MUST_CHECK;
/* For channels (csvc_channel_intercept), any number of them: the same series with grpc_client_ in
 * place of grpc_server_, each rpc's from its first call on, up to 512 rpcs. */
CSVC_API csvc_call_metrics *csvc_call_metrics_new_client(csvc_metrics *m,
                                                         csvc_error *err) CSVC_MUST_CHECK;
CSVC_API csvc_call_metrics *csvc_call_metrics_free(csvc_call_metrics *cm); /* takes NULL */

/*
 * Refuses calls with RESOURCE_EXHAUSTED and a text that says when to come again: those over a
 * number of calls at a time, and those over a rate, whose callers are told in the retry policy's
 * language as well (csvc_retry_after). The rate is a bucket of `burst` tokens, full at
 * the start, that fills by `per_second`; each call takes one. The standard health service is let
 * through, so that a busy server is not taken for a dead one. `self` is a csvc_limits, freed after
 * the server. A csvc_app has it built in.
 */
typedef struct csvc_limits csvc_limits;
extern CSVC_API const csvc_interceptor csvc_limiting;

typedef struct csvc_limits_options {
    size_t struct_size;
    uint32_t max_calls; /* at a time; 0: any number */
    double per_second;  /* calls; 0: any number */
    uint32_t burst;     /* 0: what comes in a second, at least 1 */
} csvc_limits_options;

#define CSVC_LIMITS_OPTIONS_INIT .struct_size = sizeof(csvc_limits_options)

/* NULL with err set: INVALID_ARGUMENT for a rate that is negative or no number,
 * RESOURCE_EXHAUSTED. */
CSVC_API csvc_limits *csvc_limits_new(const csvc_limits_options *options,
                                      csvc_error *err) CSVC_MUST_CHECK;
/* Other limits from now on; any thread, while calls are served. A bucket keeps its tokens, as many
 * as the new one holds, and a new one is full. Calls that began when there was no max_calls are not
 * counted. Codes as above, FAILED_PRECONDITION for NULL; what is refused changes nothing. */
CSVC_API csvc_code csvc_limits_set(csvc_limits *limits, const csvc_limits_options *options,
                                   csvc_error *err);
CSVC_API csvc_limits *csvc_limits_free(csvc_limits *limits); /* takes NULL */

#ifdef __cplusplus
static inline csvc_interceptor csvc_interceptor_init(void)
{
    csvc_interceptor it = csvc_interceptor();
    it.struct_size = sizeof(it);
    return it;
}
static inline csvc_limits_options csvc_limits_options_init(void)
{
    csvc_limits_options options = csvc_limits_options();
    options.struct_size = sizeof(options);
    return options;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_INTERCEPTOR_H */
