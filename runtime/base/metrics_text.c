/* base/metrics_text.c: a registry as Prometheus' text format 0.0.4. */
#include <base/metrics.h>
#include <csvc/alloc.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

void csvc__metrics_escape(csvc__buffer *b, const char *text, bool quotes)
{
    for (;;) {
        const size_t plain = strcspn(text, quotes ? "\\\n\"" : "\\\n");

        csvc__buffer_add(b, text, plain);
        text += plain;
        if (*text == '\0') {
            return;
        }
        csvc__buffer_putc(b, '\\');
        csvc__buffer_putc(b, *text == '\n' ? 'n' : *text);
        text++;
    }
}

/* The shortest that reads back as the same; with a point in every locale. */
static void put_double(csvc__buffer *b, double value)
{
    char text[40];
    char *comma;

    if (isnan(value)) {
        csvc__buffer_puts(b, "NaN");
    } else if (isinf(value)) {
        csvc__buffer_puts(b, value > 0 ? "+Inf" : "-Inf");
    } else {
        for (int digits = 15; digits <= 17; digits++) {
            (void)snprintf(text, sizeof(text), "%.*g", digits, value);
            if (strtod(text, NULL) == value) {
                break;
            }
        }
        comma = strpbrk(text, ",");
        if (comma != NULL) {
            *comma = '.';
        }
        csvc__buffer_puts(b, text);
    }
}

static uint64_t load(const csvc__cell *cell)
{
    return atomic_load_explicit(cell, memory_order_acquire);
}

static double load_double(const csvc__cell *cell)
{
    const uint64_t bits = load(cell);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t total(const csvc__metric *s, size_t cell)
{
    uint64_t sum = 0;

    for (size_t shard = 0; shard <= s->shard_mask; shard++) {
        sum += load(&s->cells[shard * CSVC__SHARD_CELLS + cell]);
    }
    return sum;
}

static double total_double(const csvc__metric *s, size_t cell)
{
    double sum = 0;

    for (size_t shard = 0; shard <= s->shard_mask; shard++) {
        sum += load_double(&s->cells[shard * CSVC__SHARD_CELLS + cell]);
    }
    return sum;
}

/* `name{labels} ` up to the value. */
static void put_name(csvc__buffer *b, const csvc__metric *s, const char *end)
{
    csvc__buffer_puts(b, s->family->name);
    csvc__buffer_puts(b, end);
    if (s->labels[0] != '\0') {
        csvc__buffer_putc(b, '{');
        csvc__buffer_puts(b, s->labels);
        csvc__buffer_putc(b, '}');
    }
    csvc__buffer_putc(b, ' ');
}

/* Counts are summed up here, so +Inf and _count are the same however late a thread is. */
static void put_histogram(csvc__buffer *b, const csvc__metric *s)
{
    const csvc__metric_family *f = s->family;
    uint64_t count = 0;

    for (size_t i = 0; i <= f->n_bounds; i++) {
        count += total(s, i);
        csvc__buffer_puts(b, f->name);
        csvc__buffer_puts(b, "_bucket{");
        csvc__buffer_puts(b, s->labels);
        csvc__buffer_puts(b, s->labels[0] != '\0' ? ",le=\"" : "le=\"");
        put_double(b, i < f->n_bounds ? f->bounds[i] : (double)INFINITY);
        csvc__buffer_printf(b, "\"} %" PRIu64 "\n", count);
    }
    put_name(b, s, "_sum");
    put_double(b, total_double(s, f->n_bounds + 1));
    csvc__buffer_putc(b, '\n');
    put_name(b, s, "_count");
    csvc__buffer_printf(b, "%" PRIu64 "\n", count);
}

static void put_family(csvc__metric_family *f)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    csvc__buffer *b = &f->text;

    csvc__buffer_clear(b);
    csvc__buffer_printf(b, "# HELP %s ", f->name);
    csvc__metrics_escape(b, f->help, false);
    csvc__buffer_printf(b, "\n# TYPE %s %s\n", f->name, kinds[f->kind]);
    for (const csvc__metric *s = f->first; s != NULL; s = s->next) {
        switch (f->kind) {
        case CSVC__METRIC_COUNTER:
            put_name(b, s, "");
            csvc__buffer_printf(b, "%" PRIu64 "\n", total(s, 0));
            break;
        case CSVC__METRIC_GAUGE:
            put_name(b, s, "");
            put_double(b, load_double(s->cells));
            csvc__buffer_putc(b, '\n');
            break;
        case CSVC__METRIC_HISTOGRAM:
            put_histogram(b, s);
            break;
        }
    }
}

char *csvc_metrics_text(csvc_metrics *m, size_t *ret_len)
{
    csvc__buffer all;
    size_t len;
    char *text;

    /* without the lock: a collector may make series; none is ever taken away */
    for (size_t i = 0;; i++) {
        csvc_metrics_collect_fn *fn = NULL;
        void *self = NULL;

        (void)pthread_mutex_lock(&m->lock);
        if (i < m->n_collectors) {
            fn = m->collectors[i].fn;
            self = m->collectors[i].self;
        }
        (void)pthread_mutex_unlock(&m->lock);
        if (fn == NULL) {
            break;
        }
        fn(self);
    }

    csvc__buffer_init(&all, (size_t)256 << 20);
    csvc__buffer_puts(&all, "");
    (void)pthread_mutex_lock(&m->lock);
    /* the last one first: a call is started before it is handled, so started is read after */
    for (size_t i = m->families.n_entries; i > 0; i--) {
        put_family(m->families.entries[i - 1].value);
    }
    for (size_t i = 0; i < m->families.n_entries; i++) {
        const csvc__metric_family *f = m->families.entries[i].value;

        all.failed |= f->text.failed;
        if (f->first != NULL) {
            csvc__buffer_add(&all, f->text.data, f->text.len);
        }
    }
    (void)pthread_mutex_unlock(&m->lock);
    len = all.len;
    text = csvc__buffer_take(&all);
    if (text != NULL) {
        *ret_len = len;
    }
    return text;
}

void csvc_metrics_text_free(char *text)
{
    csvc__free(text);
}
