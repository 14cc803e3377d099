/*
 * grpc_core/log.c: the core's own log lines, led into the program's log.
 *
 * The one file that includes grpc/support/log.h. Later cores emptied that header and log through
 * abseil, which has no C interface; there the lines go where abseil sends them.
 */
#include <csvc/log.h>
#include <transport/grpc_core/core.h>
#include <transport/tls/refusal.h>

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

static void pass_on(const gpr_log_func_args *args)
{
    /* What the core calls an error it has dealt with; what concerns a call is in its status. A
     * caller can make it complain with each request, so only so many a second are shown. */
    csvc_log_level level = args->severity == GPR_LOG_SEVERITY_ERROR && csvc__tls_may_warn()
                               ? CSVC_LOG_WARN
                               : CSVC_LOG_DEBUG;
    const char *slash = strrchr(args->file, '/');
    char place[128];

    if (!csvc_log_enabled(level)) {
        return;
    }
    (void)snprintf(place, sizeof(place), "%s:%d", slash != NULL ? slash + 1 : args->file,
                   args->line);
    csvc_log(level, "grpc core", "text", args->message, "at", place, NULL);
}

static void take_line(gpr_log_func_args *args)
{
    if (args->severity == GPR_LOG_SEVERITY_ERROR &&
        (strstr(args->message, "Handshake failed") != NULL ||
         strstr(args->message, "No match found for server name") != NULL)) {
        csvc__tls_log_refusal(args->message, NULL);
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
