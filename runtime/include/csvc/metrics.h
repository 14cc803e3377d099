/*
 * csvc/metrics.h: numbers that operators look at.
 *
 * A registry holds series: a counter, a gauge or a histogram, each known by its name and its
 * labels. Asking for one makes it or gives the one that is there; a program asks once, at its
 * start, and keeps the pointer. Writing takes no lock and no memory and is for any thread; counters
 * and histograms are spread over cache lines, so threads do not disturb each other.
 *
 *     csvc_counter *orders = csvc_metrics_counter(m, "shop_orders_total", "Orders taken.",
 *                                                 (const char *[]){"region", "eu", NULL}, NULL);
 *     csvc_counter_add(orders, 1);
 *
 * Where one cannot be had (a bad name, too many series) the result is NULL with the reason in
 * `err`, and writing to NULL does nothing: metrics never make a program fail. A label's value must
 * come from a small set; what a caller may choose (a user, an address) is no label. A program of
 * csvc/app.h has a registry (csvc_app_metrics) and serves it at /metrics of its admin address.
 */
#ifndef CSVC_METRICS_H
#define CSVC_METRICS_H

#include <csvc/code.h>

CSVC_BEGIN_DECLS

typedef struct csvc_metrics csvc_metrics;
typedef struct csvc_counter csvc_counter;     /* only goes up */
typedef struct csvc_gauge csvc_gauge;         /* goes up and down */
typedef struct csvc_histogram csvc_histogram; /* counts by size */

typedef struct csvc_metrics_options {
    size_t struct_size;
    uint32_t max_series; /* a histogram is one; 0: 20,000 */
} csvc_metrics_options;

#define CSVC_METRICS_OPTIONS_INIT .struct_size = sizeof(csvc_metrics_options)

/* An empty registry. Options may be NULL. NULL when memory is short. */
CSVC_API csvc_metrics *csvc_metrics_new(const csvc_metrics_options *options) CSVC_MUST_CHECK;

/* Frees it with all its series; nobody may write to them any more. Takes NULL; returns NULL. */
CSVC_API csvc_metrics *csvc_metrics_free(csvc_metrics *m);

/*
 * A series. `labels` are names and values in turn, then NULL; NULL for none. All series of one name
 * are of one kind, with the same label names in the same order; the help of the first stands.
 * Everything is copied. Any thread; takes a lock, so not for the hot path. NULL with err set (err
 * may be NULL): INVALID_ARGUMENT for a name that is not [a-zA-Z_:][a-zA-Z0-9_:]*, a label's that is
 * not [a-zA-Z_][a-zA-Z0-9_]* or is given twice or begins with "__", a value that is no UTF-8, more
 * than 16 labels, or buckets that do not go up; FAILED_PRECONDITION when the name is another
 * kind's or has other labels, or the registry is NULL; RESOURCE_EXHAUSTED when there are too many
 * or memory is short.
 */
CSVC_API csvc_counter *csvc_metrics_counter(csvc_metrics *m, const char *name, const char *help,
                                            const char *const *labels, csvc_error *err);
CSVC_API csvc_gauge *csvc_metrics_gauge(csvc_metrics *m, const char *name, const char *help,
                                        const char *const *labels, csvc_error *err);

/* `bounds`: the upper ends of the buckets, up to 64, without +Inf; NULL: Prometheus' own for
 * seconds, 0.005 to 10. */
CSVC_API csvc_histogram *csvc_metrics_histogram(csvc_metrics *m, const char *name, const char *help,
                                                const char *const *labels, const double *bounds,
                                                size_t n_bounds, csvc_error *err);

/* Any thread, no lock. NULL is ignored. */
CSVC_API void csvc_counter_add(csvc_counter *c, uint64_t n);
CSVC_API void csvc_gauge_set(csvc_gauge *g, double value);
CSVC_API void csvc_gauge_add(csvc_gauge *g, double delta);
CSVC_API void csvc_histogram_observe(csvc_histogram *h, double value);

/* Runs before each rendering, on the thread that asked for it, to bring gauges up to date; may make
 * series. RESOURCE_EXHAUSTED for more than 16, FAILED_PRECONDITION for a NULL. */
typedef void csvc_metrics_collect_fn(void *self);
CSVC_API csvc_code csvc_metrics_on_collect(csvc_metrics *m, csvc_metrics_collect_fn *fn,
                                           void *self) CSVC_MUST_CHECK;

/*
 * All series in Prometheus' text format 0.0.4, families in the order they were made. What one call
 * counted in several counters shows in the order it was counted: a scrape never sees the later
 * family's without the earlier's. The text is the caller's, to be given to csvc_metrics_text_free;
 * NULL when memory is short.
 */
CSVC_API char *csvc_metrics_text(csvc_metrics *m, size_t *ret_len) CSVC_MUST_CHECK;
CSVC_API void csvc_metrics_text_free(char *text);

#ifdef __cplusplus
static inline csvc_metrics_options csvc_metrics_options_init(void)
{
    csvc_metrics_options options = csvc_metrics_options();
    options.struct_size = sizeof(options);
    return options;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_METRICS_H */
