/*
 * csvc/code.h: the one error space of c-svc.
 *
 * Every fallible function of every module returns a csvc_code: gRPC's status codes 0 to 16
 * (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md), so a handler can return what it
 * got straight to its caller. A function that has more to say takes a csvc_error, which lives
 * on the caller's stack and is written only on failure.
 *
 *     csvc_error err = {CSVC_ERROR_INIT};
 *     csvc_channel *ch = csvc_channel_new("dns:///localhost:50051", &options, &err);
 *
 *     if (ch == NULL) {
 *         fprintf(stderr, "%s: %s\n", csvc_code_name(err.code), err.text);
 *     }
 */
#ifndef CSVC_CODE_H
#define CSVC_CODE_H

#include <csvc/common.h>

CSVC_BEGIN_DECLS

/* X(constant, number, name on the wire, name in metrics): the table all else is made from. */
#define CSVC_CODES(X)                                                                              \
    X(CSVC_OK, 0, "OK", "OK")                                                                      \
    X(CSVC_CANCELLED, 1, "CANCELLED", "Canceled")                                                  \
    X(CSVC_UNKNOWN, 2, "UNKNOWN", "Unknown")                                                       \
    X(CSVC_INVALID_ARGUMENT, 3, "INVALID_ARGUMENT", "InvalidArgument")                             \
    X(CSVC_DEADLINE_EXCEEDED, 4, "DEADLINE_EXCEEDED", "DeadlineExceeded")                          \
    X(CSVC_NOT_FOUND, 5, "NOT_FOUND", "NotFound")                                                  \
    X(CSVC_ALREADY_EXISTS, 6, "ALREADY_EXISTS", "AlreadyExists")                                   \
    X(CSVC_PERMISSION_DENIED, 7, "PERMISSION_DENIED", "PermissionDenied")                          \
    X(CSVC_RESOURCE_EXHAUSTED, 8, "RESOURCE_EXHAUSTED", "ResourceExhausted")                       \
    X(CSVC_FAILED_PRECONDITION, 9, "FAILED_PRECONDITION", "FailedPrecondition")                    \
    X(CSVC_ABORTED, 10, "ABORTED", "Aborted")                                                      \
    X(CSVC_OUT_OF_RANGE, 11, "OUT_OF_RANGE", "OutOfRange")                                         \
    X(CSVC_UNIMPLEMENTED, 12, "UNIMPLEMENTED", "Unimplemented")                                    \
    X(CSVC_INTERNAL, 13, "INTERNAL", "Internal")                                                   \
    X(CSVC_UNAVAILABLE, 14, "UNAVAILABLE", "Unavailable")                                          \
    X(CSVC_DATA_LOSS, 15, "DATA_LOSS", "DataLoss")                                                 \
    X(CSVC_UNAUTHENTICATED, 16, "UNAUTHENTICATED", "Unauthenticated")

typedef enum csvc_code {
#define CSVC_CODE_CONSTANT(constant, number, name, metric) constant = number,
    CSVC_CODES(CSVC_CODE_CONSTANT)
#undef CSVC_CODE_CONSTANT
} csvc_code;

/* "NOT_FOUND" for CSVC_NOT_FOUND; "UNKNOWN" for a number outside 0 to 16. Static text, any thread.
 */
CSVC_API const char *csvc_code_name(csvc_code code);

/* The spelling metrics use: "NotFound" for CSVC_NOT_FOUND. Static text, any thread. */
CSVC_API const char *csvc_code_metric_name(csvc_code code);

/* Reads either spelling of a code's name or its number. False, and nothing written, when it is
 * none. */
CSVC_API bool csvc_code_parse(const char *text, csvc_code *ret_code) CSVC_MUST_CHECK;

/* What went wrong, in a complete sentence without a newline. Lives on the caller's stack. */
typedef struct csvc_error {
    csvc_code code;
    bool retriable; /* the same call may succeed later, unchanged */
    char text[496];
} csvc_error;

#define CSVC_ERROR_INIT .code = CSVC_OK

/* Fills err, when there is one, and returns code. The text is cut at the size of err->text. */
CSVC_API csvc_code csvc_error_set(csvc_error *err, csvc_code code, const char *format, ...)
    CSVC_PRINTF(3, 4);

#ifdef __cplusplus
static inline csvc_error csvc_error_init(void)
{
    csvc_error err = csvc_error();
    return err;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_CODE_H */
