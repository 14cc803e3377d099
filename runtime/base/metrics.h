/* base/metrics.h: the inside of a registry, shared by metrics.c (series) and metrics_text.c. */
#ifndef CSVC_BASE_METRICS_H
#define CSVC_BASE_METRICS_H

#include <base/buffer.h>
#include <base/map.h>
#include <csvc/metrics.h>

#include <pthread.h>
#include <stdatomic.h>

/*
 * A series is some cells. Each cell is there once for every shard, CSVC__SHARD_CELLS apart, and
 * each thread writes to one shard: threads on different CPUs share no cache line.
 */
enum {
    CSVC__SHARD_CELLS = 512, /* of a chunk */
    CSVC__MAX_SHARDS = 16,
    CSVC__MAX_BOUNDS = 64,
    CSVC__MAX_LABELS = 16,
    CSVC__MAX_COLLECTORS = 16,
};

typedef _Atomic(uint64_t) csvc__cell;

typedef enum csvc__metric_kind {
    CSVC__METRIC_COUNTER,
    CSVC__METRIC_GAUGE,
    CSVC__METRIC_HISTOGRAM,
} csvc__metric_kind;

typedef struct csvc__metric_family csvc__metric_family;

/* What the public handles are. */
typedef struct csvc__metric {
    csvc__cell *cells; /* counter: count; gauge: bits of a double; histogram: see below */
    uint32_t shard_mask;
    const csvc__metric_family *family;
    struct csvc__metric *next; /* of its family */
    char labels[];             /* `a="x",b="y"` */
} csvc__metric;

/* A histogram's cells: each bucket's count, not cumulative, +Inf last; then the sum, as a double.
 */
struct csvc__metric_family {
    char *name;
    char *help;
    char *label_names; /* "a,b," */
    csvc__metric_kind kind;
    size_t n_bounds;
    double bounds[CSVC__MAX_BOUNDS];
    csvc__metric *first, *last;
    csvc__buffer text; /* of the rendering under way */
};

typedef struct csvc__metrics_chunk {
    struct csvc__metrics_chunk *next;
    csvc__cell *cells; /* aligned to a cache line */
} csvc__metrics_chunk;

struct csvc_metrics {
    uint32_t n_shards; /* a power of two */
    uint32_t max_series, n_series;

    pthread_mutex_t lock; /* of all below */
    csvc__map families;   /* to csvc__metric_family; in order */
    csvc__map taken;      /* names of samples that are no family's name: x_count... */
    csvc__map series;     /* `name{labels}` to csvc__metric */
    csvc__metrics_chunk *chunks;
    uint32_t n_used; /* cells of the newest chunk */
    struct {
        csvc_metrics_collect_fn *fn;
        void *self;
    } collectors[CSVC__MAX_COLLECTORS];
    size_t n_collectors;
};

/* Adds `text` to the buffer as a label's value (with quotes) or a help stands in the format. */
void csvc__metrics_escape(csvc__buffer *b, const char *text, bool quotes);

#endif /* CSVC_BASE_METRICS_H */
