/* app/bench_report.c: what the calls of a load test came to. */
#include <app/bench.h>
#include <base/clock.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* ---- buckets ---- */

/* 0 to 127 ns have a bucket each; from there on 128 for each doubling. */
static size_t bucket_of(int64_t nanos)
{
    uint64_t n = nanos > 0 ? (uint64_t)nanos : 0;
    size_t doublings = 0;
    size_t bucket;

    while (n >= 2 * CSVC__BENCH_STEPS) {
        n >>= 1;
        doublings++;
    }
    bucket = n < CSVC__BENCH_STEPS ? (size_t)n : doublings * CSVC__BENCH_STEPS + (size_t)n;
    return bucket < CSVC__BENCH_BUCKETS ? bucket : CSVC__BENCH_BUCKETS - 1;
}

/* The largest duration in it. */
static int64_t bucket_end(size_t bucket)
{
    const size_t doublings = bucket < CSVC__BENCH_STEPS ? 0 : bucket / CSVC__BENCH_STEPS - 1;
    const uint64_t n = bucket - doublings * CSVC__BENCH_STEPS;

    return (int64_t)(((n + 1) << doublings) - 1);
}

void csvc__bench_count(csvc__bench_counts *counts, csvc_code code, const char *why, int64_t nanos)
{
    const size_t i = (unsigned)code < CSVC__BENCH_CODES ? (size_t)code : (size_t)CSVC_UNKNOWN;

    if (counts->by_code[i] == 0) {
        (void)snprintf(counts->why[i], CSVC__BENCH_TEXT, "%s", why);
    }
    if (counts->calls == 0 || nanos < counts->fastest) {
        counts->fastest = nanos;
    }
    if (nanos > counts->slowest) {
        counts->slowest = nanos;
    }
    counts->calls++;
    counts->by_code[i]++;
    counts->sum += nanos;
    counts->buckets[bucket_of(nanos)]++;
}

void csvc__bench_add(csvc__bench_counts *to, const csvc__bench_counts *from)
{
    if (from->calls == 0) {
        return;
    }
    for (size_t i = 0; i < CSVC__BENCH_CODES; i++) {
        if (to->by_code[i] == 0) {
            memcpy(to->why[i], from->why[i], sizeof(to->why[i]));
        }
        to->by_code[i] += from->by_code[i];
    }
    for (size_t i = 0; i < CSVC__BENCH_BUCKETS; i++) {
        to->buckets[i] += from->buckets[i];
    }
    to->fastest = to->calls == 0 || from->fastest < to->fastest ? from->fastest : to->fastest;
    to->slowest = from->slowest > to->slowest ? from->slowest : to->slowest;
    to->calls += from->calls;
    to->messages += from->messages;
    to->sum += from->sum;
}

int64_t csvc__bench_quantile(const csvc__bench_counts *counts, double part)
{
    const double wanted = part * (double)counts->calls;
    uint64_t seen = 0;

    for (size_t i = 0; i < CSVC__BENCH_BUCKETS; i++) {
        seen += counts->buckets[i];
        if (counts->buckets[i] > 0 && (double)seen >= wanted) {
            const int64_t end = bucket_end(i);

            return end < counts->slowest ? end : counts->slowest;
        }
    }
    return counts->slowest;
}

/* ---- printing ---- */

enum {
    ROWS = 10,
    BAR = 40,
    TIME_SIZE = 32
};

/* "1.27 ms": three digits that say something. */
static const char *in_words(int64_t nanos, char ret_text[TIME_SIZE])
{
    static const struct {
        int64_t one;
        const char *name;
    } units[] = {{CSVC__SECOND, "s"}, {CSVC__MS, "ms"}, {1000, "us"}, {1, "ns"}};
    size_t u = 0;
    double n;

    while (u < 3 && nanos < units[u].one) {
        u++;
    }
    n = (double)nanos / (double)units[u].one;
    (void)snprintf(ret_text, TIME_SIZE, "%.*f %s",
                   u == 3 || n >= 100 ? 0
                   : n >= 10          ? 1
                                      : 2,
                   n, units[u].name);
    return ret_text;
}

/* Rows of the same width from the fastest to the slowest. */
static void print_histogram(const csvc__bench_counts *counts)
{
    const int64_t width = (counts->slowest - counts->fastest) / ROWS + 1;
    uint64_t rows[ROWS] = {0};
    uint64_t most = 1;
    char text[TIME_SIZE];

    for (size_t i = 0; i < CSVC__BENCH_BUCKETS; i++) {
        if (counts->buckets[i] > 0) {
            int64_t row = (bucket_end(i) - counts->fastest) / width;

            row = row < 0 ? 0 : row >= ROWS ? ROWS - 1 : row;
            rows[row] += counts->buckets[i];
            most = rows[row] > most ? rows[row] : most;
        }
    }
    (void)printf("\nHistogram of durations\n");
    for (int i = 0; i < ROWS; i++) {
        const int len = (int)(rows[i] * BAR / most);

        (void)printf("  up to %8s %10" PRIu64 " |%.*s\n",
                     in_words(counts->fastest + (i + 1) * width - 1, text), rows[i], len,
                     "****************************************");
    }
}

static void print_latencies(const csvc__bench_counts *counts)
{
    static const double parts[] = {0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999};
    char text[TIME_SIZE];

    (void)printf("\nDurations\n");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "p%g", parts[i] * 100);
        (void)printf("  %-6s %10s\n", name, in_words(csvc__bench_quantile(counts, parts[i]), text));
    }
}

void csvc__bench_print(const csvc__bench_counts *counts, int64_t total)
{
    const double seconds = (double)(total > 0 ? total : 1) / (double)CSVC__SECOND;
    char text[TIME_SIZE];

    (void)printf("Calls\n");
    (void)printf("  count       %" PRIu64 "\n", counts->calls);
    (void)printf("  total       %s\n", in_words(total, text));
    (void)printf("  rps         %.0f\n", (double)counts->calls / seconds);
    if (counts->messages > counts->calls) {
        (void)printf("  messages/s  %.0f\n", (double)counts->messages / seconds);
    }
    if (counts->calls > 0) {
        (void)printf("  fastest     %s\n", in_words(counts->fastest, text));
        (void)printf("  average     %s\n", in_words(counts->sum / (int64_t)counts->calls, text));
        (void)printf("  slowest     %s\n", in_words(counts->slowest, text));
        print_histogram(counts);
        print_latencies(counts);
    }
    (void)printf("\nCodes\n");
    for (size_t i = 0; i < CSVC__BENCH_CODES; i++) {
        if (counts->by_code[i] > 0) {
            (void)printf("  %-20s %10" PRIu64 "%s%s\n", csvc_code_name((csvc_code)i),
                         counts->by_code[i], counts->why[i][0] != '\0' ? "  " : "", counts->why[i]);
        }
    }
}
