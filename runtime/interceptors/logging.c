/* interceptors/logging.c: a line for each call. */
#include <csvc/interceptor.h>
#include <csvc/log.h>

#include <inttypes.h>
#include <stdio.h>

#include <base/banned.h>

static void logging_end(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    const bool failed = outcome->code != CSVC_OK;
    const csvc_log_level level = failed || outcome->slow ? CSVC_LOG_INFO : CSVC_LOG_DEBUG;
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
             "method", csvc_method_path(ctx), "code", csvc_code_name(outcome->code), "ms", ms,
             "peer", csvc_peer(ctx), "text", outcome->text[0] != '\0' ? outcome->text : NULL, NULL);
}

const csvc_interceptor csvc_logging = {
    CSVC_INTERCEPTOR_INIT,
    .name = "logging",
    .phase = CSVC_PHASE_LOGGING,
    .end = logging_end,
};
