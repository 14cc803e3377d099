/* rpc/retry.c: which policy of trying again holds for a call. The trying is the transport's. */
#include <rpc/channel.h>

#include <string.h>

#include <base/banned.h>

enum {
    DEFAULT_ATTEMPTS = 3,
    MAX_ATTEMPTS = 5,
    DEFAULT_INITIAL_MS = 100,
    DEFAULT_MAX_MS = 1000,
    MAX_BACKOFF_MS = 3600 * 1000,
    MAX_MULTIPLIER = 1000,
};

/* Milliseconds that were asked for, or else the default. */
static csvc_code read_ms(int64_t ms, uint32_t otherwise, const char *what, uint32_t *ret_ms,
                         csvc_error *err)
{
    if (ms < 0 || ms > MAX_BACKOFF_MS) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "retry: %s is not from 1 ms to 1 h",
                              what);
    }
    *ret_ms = ms > 0 ? (uint32_t)ms : otherwise;
    return CSVC_OK;
}

csvc_code csvc__retry_read(const csvc_retry *retry, csvc_tretry *ret_retry, csvc_error *err)
{
    csvc_retry r = {CSVC_RETRY_INIT};
    csvc_tretry t;
    csvc_code code;

    memset(&t, 0, sizeof(t));
    memcpy(&r, retry, retry->struct_size < sizeof(r) ? retry->struct_size : sizeof(r));
    if (r.max_attempts > MAX_ATTEMPTS) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "retry: more than %d attempts",
                              (int)MAX_ATTEMPTS);
    }
    if (r.codes != CSVC_RETRY_UNSEEN &&
        ((r.codes & CSVC_RETRY_ON(CSVC_OK)) != 0 || r.codes >> (CSVC_UNAUTHENTICATED + 1) != 0)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "retry: codes are CSVC_RETRY_ON() of those from 1 to 16, or "
                              "CSVC_RETRY_UNSEEN alone");
    }
    if (!(r.multiplier >= 0 && r.multiplier <= MAX_MULTIPLIER)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "retry: the multiplier is not from 0.001 to %d", (int)MAX_MULTIPLIER);
    }
    code = read_ms(r.initial_backoff_ms, DEFAULT_INITIAL_MS, "initial_backoff_ms",
                   &t.initial_backoff_ms, err);
    if (code == CSVC_OK) {
        code = read_ms(r.max_backoff_ms, DEFAULT_MAX_MS, "max_backoff_ms", &t.max_backoff_ms, err);
    }
    if (code != CSVC_OK) {
        return code;
    }
    t.max_attempts = r.max_attempts != 0 ? r.max_attempts : DEFAULT_ATTEMPTS;
    t.codes = r.codes != 0 ? r.codes & ~CSVC_RETRY_UNSEEN : CSVC_RETRY_ON(CSVC_UNAVAILABLE);
    t.multiplier_thousandths = (uint32_t)(r.multiplier * 1000 + 0.5);
    if (t.multiplier_thousandths == 0) {
        t.multiplier_thousandths = 2000;
    }
    *ret_retry = t;
    return CSVC_OK;
}

const csvc_tretry *csvc__retry_for(const csvc_channel *ch, const csvc_method *method,
                                   csvc_tretry *memory)
{
    const csvc_tretry *retry = &ch->retry;

    if (ch->retry.max_attempts != 1 && method->retry != NULL &&
        csvc__retry_read(method->retry, memory, NULL) == CSVC_OK) {
        retry = memory; /* the generator has checked it */
    }
    return retry->max_attempts > 1 ? retry : NULL;
}
