/* base/metrics.c: a registry of series, and writing to them. */
#include <base/metrics.h>
#include <base/utf8.h>
#include <csvc/alloc.h>

#include <math.h>
#include <string.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    DEFAULT_SERIES = 20000,
    CACHE_LINE = 64,
    MAX_KEY = 64 << 10,
};

static const double seconds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

/* ---- writing ---- */

static atomic_uint next_shard = 1;

/* 0: not chosen yet. The model spares a call per use; four bytes always fit. */
static _Thread_local uint32_t my_shard
#if defined(__GNUC__)
    __attribute__((tls_model("initial-exec")))
#endif
    ;

static inline csvc__cell *cells_of(const csvc__metric *m)
{
    if (my_shard == 0) {
        my_shard = atomic_fetch_add_explicit(&next_shard, 1, memory_order_relaxed) | 1U << 31;
    }
    return m->cells + (size_t)(my_shard & m->shard_mask) * CSVC__SHARD_CELLS;
}

/* Release: who reads a later count sees the earlier ones of the same thread. */
static inline void add(csvc__cell *cell, uint64_t n)
{
    (void)atomic_fetch_add_explicit(cell, n, memory_order_release);
}

static inline void add_double(csvc__cell *cell, double delta)
{
    uint64_t old = atomic_load_explicit(cell, memory_order_relaxed), wanted;
    double value;

    do {
        memcpy(&value, &old, sizeof(value));
        value += delta;
        memcpy(&wanted, &value, sizeof(wanted));
    } while (!atomic_compare_exchange_weak_explicit(cell, &old, wanted, memory_order_release,
                                                    memory_order_relaxed));
}

void csvc_counter_add(csvc_counter *c, uint64_t n)
{
    if (c != NULL) {
        add(cells_of((csvc__metric *)(void *)c), n);
    }
}

/* A gauge lives in the first shard: it has one value. */
void csvc_gauge_set(csvc_gauge *g, double value)
{
    uint64_t bits;

    if (g != NULL) {
        memcpy(&bits, &value, sizeof(bits));
        atomic_store_explicit(((csvc__metric *)(void *)g)->cells, bits, memory_order_release);
    }
}

void csvc_gauge_add(csvc_gauge *g, double delta)
{
    if (g != NULL) {
        add_double(((csvc__metric *)(void *)g)->cells, delta);
    }
}

void csvc_histogram_observe(csvc_histogram *h, double value)
{
    const csvc__metric *m = (const csvc__metric *)(void *)h;
    const csvc__metric_family *f;
    csvc__cell *cells;
    size_t i = 0;

    if (m == NULL) {
        return;
    }
    f = m->family;
    cells = cells_of(m);
    /* from the small end: most calls are fast; not a number is above all bounds */
    while (i < f->n_bounds && !(value <= f->bounds[i])) {
        i++;
    }
    add_double(&cells[f->n_bounds + 1], value);
    add(&cells[i], 1);
}

/* ---- a registry ---- */

static uint32_t count_shards(void)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t n = 1;

    while (n < CSVC__MAX_SHARDS && (long)n < cpus) {
        n *= 2;
    }
    return n;
}

csvc_metrics *csvc_metrics_new(const csvc_metrics_options *options)
{
    csvc_metrics *m = csvc__calloc(1, sizeof(*m));

    if (m == NULL) {
        return NULL;
    }
    m->n_shards = count_shards();
    m->max_series = DEFAULT_SERIES;
    if (options != NULL &&
        options->struct_size >=
            offsetof(csvc_metrics_options, max_series) + sizeof(options->max_series) &&
        options->max_series != 0) {
        m->max_series = options->max_series;
    }
    (void)pthread_mutex_init(&m->lock, NULL);
    csvc__map_init(&m->families);
    csvc__map_init(&m->taken);
    csvc__map_init(&m->series);
    m->n_used = CSVC__SHARD_CELLS;
    return m;
}

static void family_free(csvc__metric_family *f)
{
    csvc__free(f->name);
    csvc__free(f->help);
    csvc__free(f->label_names);
    csvc__buffer_release(&f->text);
    csvc__free(f);
}

csvc_metrics *csvc_metrics_free(csvc_metrics *m)
{
    if (m == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < m->series.n_entries; i++) {
        csvc__free(m->series.entries[i].value);
    }
    for (size_t i = 0; i < m->families.n_entries; i++) {
        family_free(m->families.entries[i].value);
    }
    while (m->chunks != NULL) {
        csvc__metrics_chunk *chunk = m->chunks;

        m->chunks = chunk->next;
        csvc__free(chunk);
    }
    csvc__map_release(&m->families);
    csvc__map_release(&m->taken);
    csvc__map_release(&m->series);
    (void)pthread_mutex_destroy(&m->lock);
    csvc__free(m);
    return NULL;
}

csvc_code csvc_metrics_on_collect(csvc_metrics *m, csvc_metrics_collect_fn *fn, void *self)
{
    csvc_code code = CSVC_RESOURCE_EXHAUSTED;

    if (m == NULL || fn == NULL) {
        return CSVC_FAILED_PRECONDITION;
    }
    (void)pthread_mutex_lock(&m->lock);
    if (m->n_collectors < CSVC__MAX_COLLECTORS) {
        m->collectors[m->n_collectors].fn = fn;
        m->collectors[m->n_collectors++].self = self;
        code = CSVC_OK;
    }
    (void)pthread_mutex_unlock(&m->lock);
    return code;
}

/* ---- what somebody asks for ---- */

typedef struct wish {
    csvc__metric_kind kind;
    const char *name, *help;
    const double *bounds;
    size_t n_bounds;
    csvc__buffer key; /* `name{labels}` */
    size_t labels_at; /* in key */
    csvc__buffer label_names;
} wish;

static bool is_name(const char *text, bool colons)
{
    if (text == NULL || text[0] == '\0' || (text[0] >= '0' && text[0] <= '9')) {
        return false;
    }
    for (; *text != '\0'; text++) {
        const char c = *text;

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || (colons && c == ':'))) {
            return false;
        }
    }
    return true;
}

static csvc_code check_label(const wish *w, const char *const *labels, size_t i, csvc_error *err)
{
    const char *name = labels[i], *value = labels[i + 1];

    if (i >= (size_t)2 * CSVC__MAX_LABELS) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s has more than %d labels", w->name,
                              (int)CSVC__MAX_LABELS);
    }
    if (!is_name(name, false) || strncmp(name, "__", 2) == 0 ||
        (w->kind == CSVC__METRIC_HISTOGRAM && strcmp(name, "le") == 0)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: '%s' is no name for a label",
                              w->name, name);
    }
    for (size_t earlier = 0; earlier < i; earlier += 2) {
        if (strcmp(labels[earlier], name) == 0) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: label '%s' is there twice",
                                  w->name, name);
        }
    }
    if (value == NULL || !csvc__utf8_text(value, strlen(value))) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: label '%s' has no value in UTF-8",
                              w->name, name);
    }
    return CSVC_OK;
}

static csvc_code read_labels(wish *w, const char *const *labels, csvc_error *err)
{
    csvc__buffer_printf(&w->key, "%s{", w->name);
    w->labels_at = w->key.len;
    for (size_t i = 0; labels != NULL && labels[i] != NULL; i += 2) {
        csvc_code code = check_label(w, labels, i, err);

        if (code != CSVC_OK) {
            return code;
        }
        csvc__buffer_printf(&w->label_names, "%s,", labels[i]);
        csvc__buffer_printf(&w->key, "%s%s=\"", i > 0 ? "," : "", labels[i]);
        csvc__metrics_escape(&w->key, labels[i + 1], true);
        csvc__buffer_putc(&w->key, '"');
    }
    csvc__buffer_puts(&w->label_names, ""); /* data is not NULL then */
    csvc__buffer_add(&w->key, "", 0);
    return csvc__buffer_ok(&w->key) && csvc__buffer_ok(&w->label_names)
               ? CSVC_OK
               : csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                                "%s: its labels are too long, or out of memory", w->name);
}

static csvc_code check_bounds(const wish *w, csvc_error *err)
{
    if (w->n_bounds > CSVC__MAX_BOUNDS) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s has more than %d buckets", w->name,
                              (int)CSVC__MAX_BOUNDS);
    }
    for (size_t i = 0; i < w->n_bounds; i++) {
        if (!isfinite(w->bounds[i]) || (i > 0 && w->bounds[i] <= w->bounds[i - 1])) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: its buckets do not go up",
                                  w->name);
        }
    }
    return CSVC_OK;
}

/* ---- making one ---- */

/* The names of a histogram's samples: whether no family has one of them, or, to `take`, keeps
 * others from having one (false: no memory). */
static bool sample_names(csvc_metrics *m, const wish *w, bool take)
{
    static const char *const ends[] = {"_bucket", "_sum", "_count"};
    csvc__buffer name;
    bool ok = true;

    csvc__buffer_init(&name, MAX_KEY);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && ok; i++) {
        csvc__buffer_clear(&name);
        csvc__buffer_printf(&name, "%s%s", w->name, ends[i]);
        if (take) {
            ok = csvc__buffer_ok(&name) && csvc__map_put(&m->taken, name.data, m);
        } else if (csvc__buffer_ok(&name)) {
            ok = csvc__map_get(&m->families, name.data) == NULL;
        }
    }
    csvc__buffer_release(&name);
    return ok;
}

static csvc__metric_family *family_new(csvc_metrics *m, const wish *w)
{
    csvc__metric_family *f = csvc__calloc(1, sizeof(*f));

    if (f == NULL) {
        return NULL;
    }
    csvc__buffer_init(&f->text, (size_t)64 << 20);
    f->kind = w->kind;
    f->name = csvc__strdup(w->name);
    f->help = csvc__strdup(w->help != NULL ? w->help : "");
    f->label_names = csvc__strdup(w->label_names.data);
    f->n_bounds = w->n_bounds;
    if (w->n_bounds > 0) {
        memcpy(f->bounds, w->bounds, w->n_bounds * sizeof(*w->bounds));
    }
    if (f->name == NULL || f->help == NULL || f->label_names == NULL ||
        (w->kind == CSVC__METRIC_HISTOGRAM && !sample_names(m, w, true)) ||
        !csvc__map_put(&m->families, w->name, f)) {
        family_free(f);
        return NULL;
    }
    return f;
}

static csvc__cell *take_cells(csvc_metrics *m, size_t n)
{
    if (m->n_used + n > CSVC__SHARD_CELLS) {
        csvc__metrics_chunk *chunk =
            csvc__calloc(1, sizeof(*chunk) + CACHE_LINE +
                                (size_t)m->n_shards * CSVC__SHARD_CELLS * sizeof(csvc__cell));

        if (chunk == NULL) {
            return NULL;
        }
        chunk->cells = (csvc__cell *)(((uintptr_t)(chunk + 1) + CACHE_LINE - 1) &
                                      ~(uintptr_t)(CACHE_LINE - 1));
        chunk->next = m->chunks;
        m->chunks = chunk;
        m->n_used = 0;
    }
    m->n_used += (uint32_t)n;
    return m->chunks->cells + m->n_used - n;
}

/* With the lock. */
static csvc__metric *make(csvc_metrics *m, const wish *w, csvc_error *err)
{
    csvc__metric_family *f = csvc__map_get(&m->families, w->name);
    const size_t n_cells = w->kind == CSVC__METRIC_HISTOGRAM ? w->n_bounds + 2 : 1;
    const size_t size = w->key.len - w->labels_at + 1;
    csvc__metric *s = csvc__map_get(&m->series, w->key.data);

    if (f != NULL ? f->kind != w->kind || f->n_bounds != w->n_bounds ||
                        strcmp(f->label_names, w->label_names.data) != 0
                  : csvc__map_get(&m->taken, w->name) != NULL ||
                        (w->kind == CSVC__METRIC_HISTOGRAM && !sample_names(m, w, false))) {
        (void)csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                             "%s is there already, as another kind or with other labels", w->name);
        return NULL;
    }
    if (s != NULL) {
        return s;
    }
    if (m->n_series >= m->max_series) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "%s: there are %u series already",
                             w->name, (unsigned)m->max_series);
        return NULL;
    }
    f = f != NULL ? f : family_new(m, w);
    s = f != NULL ? csvc__malloc(sizeof(*s) + size) : NULL;
    if (s == NULL) {
        goto no_memory;
    }
    *s =
        (csvc__metric){.cells = take_cells(m, n_cells), .shard_mask = m->n_shards - 1, .family = f};
    memcpy(s->labels, w->key.data + w->labels_at, size);
    if (s->cells == NULL || !csvc__map_put(&m->series, w->key.data, s)) {
        csvc__free(s);
        goto no_memory;
    }
    if (f->last != NULL) {
        f->last->next = s;
    } else {
        f->first = s;
    }
    f->last = s;
    m->n_series++;
    return s;

no_memory:
    (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "%s: out of memory", w->name);
    return NULL;
}

static csvc__metric *find(csvc_metrics *m, wish *w, const char *const *labels, csvc_error *err)
{
    csvc__metric *s = NULL;

    if (m == NULL) {
        (void)csvc_error_set(err, CSVC_FAILED_PRECONDITION, "there is no registry");
        return NULL;
    }
    if (!is_name(w->name, true)) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT, "'%s' is no name for a metric",
                             w->name != NULL ? w->name : "");
        return NULL;
    }
    if (w->help != NULL && !csvc__utf8_text(w->help, strlen(w->help))) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT, "the help of %s is no UTF-8", w->name);
        return NULL;
    }
    csvc__buffer_init(&w->key, MAX_KEY);
    csvc__buffer_init(&w->label_names, MAX_KEY);
    if (check_bounds(w, err) == CSVC_OK && read_labels(w, labels, err) == CSVC_OK) {
        (void)pthread_mutex_lock(&m->lock);
        s = make(m, w, err);
        (void)pthread_mutex_unlock(&m->lock);
    }
    csvc__buffer_release(&w->key);
    csvc__buffer_release(&w->label_names);
    return s;
}

csvc_counter *csvc_metrics_counter(csvc_metrics *m, const char *name, const char *help,
                                   const char *const *labels, csvc_error *err)
{
    wish w = {.kind = CSVC__METRIC_COUNTER, .name = name, .help = help};

    return (csvc_counter *)(void *)find(m, &w, labels, err);
}

csvc_gauge *csvc_metrics_gauge(csvc_metrics *m, const char *name, const char *help,
                               const char *const *labels, csvc_error *err)
{
    wish w = {.kind = CSVC__METRIC_GAUGE, .name = name, .help = help};

    return (csvc_gauge *)(void *)find(m, &w, labels, err);
}

csvc_histogram *csvc_metrics_histogram(csvc_metrics *m, const char *name, const char *help,
                                       const char *const *labels, const double *bounds,
                                       size_t n_bounds, csvc_error *err)
{
    wish w = {.kind = CSVC__METRIC_HISTOGRAM,
              .name = name,
              .help = help,
              .bounds = bounds != NULL ? bounds : seconds,
              .n_bounds = bounds != NULL ? n_bounds : sizeof(seconds) / sizeof(seconds[0])};

    return (csvc_histogram *)(void *)find(m, &w, labels, err);
}
