/* interceptors/logging.c: a line for each call. */
#include <csvc/interceptor.h>
#include <csvc/log.h>

#include <inttypes.h>
#include <stdio.h>

#include <base/banned.h>

/* What is the server's own fault is an error; what a caller did wrong is for information. That all
 * streams end when the server stops is neither. */
static csvc_log_level level_of(const csvc_ctx *ctx, const csvc_outcome *outcome)
{
    if (outcome->code == CSVC_UNAVAILABLE && csvc_stopping(ctx)) {
        return CSVC_LOG_DEBUG;
    }
    switch (outcome->code) {
    case CSVC_OK:
        return outcome->slow ? CSVC_LOG_INFO : CSVC_LOG_DEBUG;
    case CSVC_UNKNOWN:
    case CSVC_INTERNAL:
    case CSVC_DATA_LOSS:
        return CSVC_LOG_ERROR;
    default:
        return CSVC_LOG_INFO;
    }
}

static void logging_end(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    const bool failed = outcome->code != CSVC_OK;
    const csvc_log_level level = level_of(ctx, outcome);
    const int64_t micros = outcome->duration_nanos / 1000;
    char ms[32];

    (void)self;
    (void)state;
    if (!csvc_log_enabled(level)) {
        return;
    }
    (void)snprintf(ms, sizeof(ms), "%" PRId64 ".%03d", micros / 1000, (int)(micros % 1000));
    csvc_log(level,
             failed          ? "call failed"
             : outcome->slow ? "slow call"
                             : "call", /* */
             "method", csvc_method_path(ctx), "code", csvc_code_name(outcome->code), "#ms", ms,
             "peer", csvc_peer(ctx), "text", outcome->text[0] != '\0' ? outcome->text : NULL, NULL);
}

const csvc_interceptor csvc_logging = {
    CSVC_INTERCEPTOR_INIT,
    .name = "logging",
    .phase = CSVC_PHASE_LOGGING,
    .end = logging_end,
};
