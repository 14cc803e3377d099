/* base/clock.h: the two clocks, and time as people write it. */
#ifndef CSVC_BASE_CLOCK_H
#define CSVC_BASE_CLOCK_H

#include <csvc/common.h>

#define CSVC__SECOND INT64_C(1000000000)
#define CSVC__MS     INT64_C(1000000)

/* Nanoseconds that only go forward; deadlines and durations. */
CSVC_API int64_t csvc__now(void);

/* Nanoseconds since 1970, UTC. */
CSVC_API int64_t csvc__unix_now(void);

/* "2026-11-21T09:00:00Z", or with 3, 6 or 9 digits of a second where needed; years 1 to 9999. */
enum {
    CSVC__RFC3339_SIZE = 36
};
CSVC_API bool csvc__rfc3339_print(int64_t seconds, int32_t nanos,
                                  char ret_text[CSVC__RFC3339_SIZE]);

/* Reads it, with any offset; false when it is none. */
CSVC_API bool csvc__rfc3339_parse(const char *text, int64_t *ret_seconds, int32_t *ret_nanos);

/* "30s", "1m30s", "200ms", "1.5s", "2h": nanoseconds; false when it is none or out of range. */
CSVC_API bool csvc__duration_parse(const char *text, int64_t *ret_nanos);

#endif /* CSVC_BASE_CLOCK_H */
