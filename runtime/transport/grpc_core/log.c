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

static void take_line(gpr_log_func_args *args)
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

void csvc__gc_log_attach(void)
{
    gpr_set_log_function(take_line);
}

#else

void csvc__gc_log_attach(void)
{
}

#endif
