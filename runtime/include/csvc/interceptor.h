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
    bool slow;              /* it took longer than the server's slow_call_ms */
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

    /* Each message of a call, before the handler gets it (where the handler runs; anything but OK
     * ends the call) and after it was sent (on the loop, before the ends). May be NULL. */
    csvc_code (*received)(void *self, csvc_ctx *ctx, void *state, const void *message);
    void (*sent)(void *self, csvc_ctx *ctx, void *state, const void *message);
} csvc_interceptor;

#define CSVC_INTERCEPTOR_INIT .struct_size = sizeof(csvc_interceptor)

/* Logs each call: INTERNAL, UNKNOWN and DATA_LOSS at error, other failures at info, calls slower
 * than the server's limit at info, the rest at debug; method, code, duration, peer and the status
 * text. No self. A csvc_app has it built in. */
extern CSVC_API const csvc_interceptor csvc_logging;

#ifdef __cplusplus
static inline csvc_interceptor csvc_interceptor_init(void)
{
    csvc_interceptor it = csvc_interceptor();
    it.struct_size = sizeof(it);
    return it;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_INTERCEPTOR_H */
