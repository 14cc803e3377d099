/* support/failing_alloc.h: an allocator that counts, and fails the n-th call. */
#ifndef TESTS_FAILING_ALLOC_H
#define TESTS_FAILING_ALLOC_H

#include <stddef.h>

/*
 * Puts the allocator in place: allocation number `n` (from 1) fails, all others work; 0 fails
 * none. Put it in place before the code under test has allocated anything.
 */
void failing_alloc_begin(size_t n);

/* The same from now on, with the allocator in place; n 0: all work. Nobody is at it meanwhile. */
void failing_alloc_next(size_t n);

/* From now on all work; returns how many were asked for until now. Any number of threads may be at
 * it. */
size_t failing_alloc_pass(void);

/* Puts the C library's back; returns how many allocations were asked for since. */
size_t failing_alloc_end(void);

/* Blocks handed out and not yet given back. */
long failing_alloc_live(void);

#endif /* TESTS_FAILING_ALLOC_H */
