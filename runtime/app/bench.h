/* app/bench.h: the inside of a load test: bench.c calls, bench_report.c counts and prints. */
#ifndef CSVC_APP_BENCH_H
#define CSVC_APP_BENCH_H

#include <csvc/code.h>

enum {
    CSVC__BENCH_CODES = 17,
    /* Durations are kept in buckets a 128th apart: percentiles are right within 0.8 %, whatever
     * their number. Nanoseconds up to 2^42, 73 minutes. */
    CSVC__BENCH_STEPS = 128,
    CSVC__BENCH_BUCKETS = 36 * CSVC__BENCH_STEPS,
    CSVC__BENCH_TEXT = 120,
};

/* What one thread saw; those of all are added up. */
typedef struct csvc__bench_counts {
    uint64_t calls, messages; /* messages received */
    uint64_t by_code[CSVC__BENCH_CODES];
    uint64_t buckets[CSVC__BENCH_BUCKETS];
    int64_t sum, fastest, slowest;                 /* nanoseconds */
    char why[CSVC__BENCH_CODES][CSVC__BENCH_TEXT]; /* the first text of each code */
} csvc__bench_counts;

void csvc__bench_count(csvc__bench_counts *counts, csvc_code code, const char *why, int64_t nanos);
void csvc__bench_add(csvc__bench_counts *to, const csvc__bench_counts *from);

/* A duration that no more than this part of the calls (0.99) exceeded. */
int64_t csvc__bench_quantile(const csvc__bench_counts *counts, double part);

/* Prints the report to standard output. */
void csvc__bench_print(const csvc__bench_counts *counts, int64_t total);

#endif /* CSVC_APP_BENCH_H */
