/*
 * csvc/log.h: one sink for everything c-svc has to say while it runs.
 *
 * The library never prints. Each record (level, short event text, key-value pairs) goes to the
 * sink, at first one that writes a line to standard error, as text or as JSON. Any thread may log;
 * a sink is called from any thread, must not block for long and must not call back into libcsvc.
 *
 *     csvc_log(CSVC_LOG_INFO, "listening", "grpc", "127.0.0.1:50051", "storage", url, NULL);
 */
#ifndef CSVC_LOG_H
#define CSVC_LOG_H

#include <csvc/common.h>

CSVC_BEGIN_DECLS

typedef enum csvc_log_level {
    CSVC_LOG_DEBUG = 0,
    CSVC_LOG_INFO = 1,
    CSVC_LOG_WARN = 2,
    CSVC_LOG_ERROR = 3,
    CSVC_LOG_OFF = 4,
} csvc_log_level;

typedef enum csvc_log_format {
    CSVC_LOG_TEXT = 0,
    CSVC_LOG_JSON = 1,
} csvc_log_format;

/* One record as a sink gets it; everything it points to lives until the sink returns. */
typedef struct csvc_log_record {
    csvc_log_level level;
    int64_t unix_nanos;
    const char *event;
    size_t n_pairs;
    const char *const *pairs; /* 2 * n_pairs texts: key, value, key, value... */
    uint32_t numbers;         /* bit i: the value of pair i is a number as JSON writes it */
} csvc_log_record;

typedef void csvc_log_sink(void *self, const csvc_log_record *record);

/* Puts a sink in place for the whole process; NULL puts the built-in one back. Before threads
 * start. */
CSVC_API void csvc_log_set_sink(csvc_log_sink *sink, void *self);

/* Records below `level` are dropped before anything is formatted. Any thread. */
CSVC_API void csvc_log_set_level(csvc_log_level level);

/* How the built-in sink writes. Any thread. */
CSVC_API void csvc_log_set_format(csvc_log_format format);

/* Whether a record of this level would be kept; one relaxed load. */
CSVC_API bool csvc_log_enabled(csvc_log_level level);

/*
 * One record: `event`, then key and value texts in turn (a NULL value is left out), then NULL. At
 * most 32 pairs. A key with a # in front ("#ms", "12.500") says that its value is a number, which
 * JSON gets without quotes; the # is not part of the key, and what is no number stays a text.
 */
CSVC_API void csvc_log(csvc_log_level level, const char *event, ...)
#if defined(__GNUC__)
    __attribute__((sentinel))
#endif
    ;

/* "debug", "info", "warn", "error", "off"; false for anything else. */
CSVC_API bool csvc_log_level_parse(const char *text, csvc_log_level *ret_level) CSVC_MUST_CHECK;

/* "text" or "json"; false for anything else. */
CSVC_API bool csvc_log_format_parse(const char *text, csvc_log_format *ret_format) CSVC_MUST_CHECK;

CSVC_END_DECLS

#endif /* CSVC_LOG_H */
