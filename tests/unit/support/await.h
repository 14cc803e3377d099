/* support/await.h: waiting for what other threads count; a minute is for a machine under a
 * sanitizer. */
#ifndef TESTS_AWAIT_H
#define TESTS_AWAIT_H

#include <stdatomic.h>

/* Fails the test when it does not become so. */
void await_value(atomic_int *value, int wanted);
void await_at_least(atomic_int *value, int wanted);

#endif /* TESTS_AWAIT_H */
