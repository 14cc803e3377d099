/*
 * grpc_core/log.c: the core's own log lines, led into the program's log.
 *
 * The one file that includes grpc/support/log.h. Later cores emptied that header and log through
 * abseil, which has no C interface; there the lines go where abseil sends them.
 */
#include <base/clock.h>
#include <csvc/log.h>
#include <transport/grpc_core/core.h>

#if defined(__has_include)
#if __has_include(<grpc/support/log.h>)
#include <grpc/support/log.h>
#endif
#endif

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* A macro of the header as it was; the emptied one has none. */
#if defined(GPR_ERROR)

enum {
    WARNINGS_A_SECOND = 10
};

/* A caller can make the core complain with each request, so only so many a second are shown. */
static bool may_warn(void)
{
    static _Atomic int64_t second;
    static atomic_int shown;
    int64_t now = csvc__now() / CSVC__SECOND;

    if (atomic_exchange(&second, now) != now) {
        atomic_store(&shown, 0);
    }
    return atomic_fetch_add(&shown, 1) < WARNINGS_A_SECOND;
}

static void pass_on(const gpr_log_func_args *args)
{
    /* What the core calls an error it has dealt with; what concerns a call is in its status. */
    csvc_log_level level =
        args->severity == GPR_LOG_SEVERITY_ERROR && may_warn() ? CSVC_LOG_WARN : CSVC_LOG_DEBUG;
    const char *slash = strrchr(args->file, '/');
    char place[128];

    if (!csvc_log_enabled(level)) {
        return;
    }
    (void)snprintf(place, sizeof(place), "%s:%d", slash != NULL ? slash + 1 : args->file,
                   args->line);
    csvc_log(level, "grpc core", "text", args->message, "at", place, NULL);
}

/*
 * What OpenSSL says of a handshake that failed, as the core passes it on, and what that means to
 * who runs the program. The first that is found; our own failures before the peer's alerts.
 */
static const struct {
    const char *said;
    const char *means;
} reasons[] = {
    {"did not return a certificate", "no certificate came from the peer"},
    {"certificate verify failed", "the peer's certificate could not be verified"},
    {"No match found for server name", "the server's certificate is for another name"},
    {"alert unknown ca", "the peer could not verify our certificate: it does not know its CA"},
    {"alert certificate expired", "the peer holds our certificate for expired"},
    {"alert certificate required", "the peer wants a certificate, and we have none for it"},
    {"alert bad certificate", "the peer does not take our certificate"},
    {"alert certificate unknown", "the peer does not take our certificate"},
    {"alert handshake failure", "the peer wants what we have not: a certificate, or a cipher"},
    {"wrong version number", "the peer does not speak TLS"},
    {"http request", "the peer does not speak TLS"},
    {"no shared cipher", "no cipher in common"},
    {"unsupported protocol", "the peer's version of TLS is too old"},
};

/* A line about a handshake, said in our words. True: it was one. */
static bool take_handshake(const gpr_log_func_args *args)
{
    const char *why = "see the text";

    if (strstr(args->message, "Handshake failed") == NULL &&
        strstr(args->message, "No match found for server name") == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strstr(args->message, reasons[i].said) != NULL) {
            why = reasons[i].means;
            break;
        }
    }
    csvc_log(may_warn() ? CSVC_LOG_WARN : CSVC_LOG_DEBUG, "TLS handshake failed", "why", why,
             "text", args->message, NULL);
    return true;
}

static void take_line(gpr_log_func_args *args)
{
    if (args->severity == GPR_LOG_SEVERITY_ERROR && take_handshake(args)) {
        return;
    }
    pass_on(args);
}

void csvc__gc_log_attach(void)
{
    gpr_set_log_function(take_line);
}

#else

void csvc__gc_log_attach(void)
{
}

#endif
