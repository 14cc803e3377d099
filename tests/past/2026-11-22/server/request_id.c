/*
 * request_id.c: an id for every call: the caller's x-request-id, or one made here.
 *
 * It goes back in the trailers and into the log, so that a caller who reports a failure can be
 * helped. It is also an example of an interceptor of your own: what runs before and after a call.
 */
#include "request_id.h"

#include <csvc/log.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    LONGEST = 128 /* of an id that is taken from a caller */
};

/* What is kept of each call; csvc gives the memory, zeroed. */
struct request {
    const char *id;
};

/* The time and a number: not the same twice. */
static const char *new_id(csvc_ctx *ctx)
{
    static atomic_uint_least64_t calls;
    uint64_t number = atomic_fetch_add(&calls, 1);
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    return csvc_printf(ctx, "%" PRIx64 "-%" PRIx64,
                       (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec, number);
}

/* Before the handler. Anything but CSVC_OK would end the call right here. */
static csvc_code begin(void *self, csvc_ctx *ctx, void *state)
{
    struct request *request = state;
    const char *given = csvc_metadata(ctx, "x-request-id");

    (void)self;
    request->id = given != NULL && strlen(given) <= LONGEST ? given : new_id(ctx);
    if (request->id != NULL) {
        (void)csvc_set_trailer(ctx, "x-request-id", request->id);
    }
    return CSVC_OK;
}

/* After everything, once for each begin, whatever happened. What is our fault stands out. */
static void end(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    const struct request *request = state;
    bool ours = outcome->code == CSVC_INTERNAL || outcome->code == CSVC_UNKNOWN ||
                outcome->code == CSVC_DATA_LOSS;

    (void)self;
    csvc_log(ours ? CSVC_LOG_WARN : CSVC_LOG_DEBUG, "request", "id", request->id, "method",
             csvc_method_path(ctx), "code", csvc_code_name(outcome->code), NULL);
}

const csvc_interceptor request_id = {CSVC_INTERCEPTOR_INIT,    .name = "request-id",
                                     .phase = CSVC_PHASE_USER, .state_size = sizeof(struct request),
                                     .begin = begin,           .end = end};
