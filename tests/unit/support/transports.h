/*
 * support/transports.h: the transport that a test's servers run on.
 *
 * CSVC_TEST_TRANSPORT names it: grpc-core (where it names none) or nghttp2. Callers are always on
 * the C core, which alone can call.
 */
#ifndef TESTS_TRANSPORTS_H
#define TESTS_TRANSPORTS_H

#include <csvc/testing.h>
#include <csvc/transport.h>
#include <stdbool.h>

/* Ends the program when the variable names none that there is. */
const csvc_transport *test_transport(void);

/* A server on it, and channels from the C core. */
csvc_testing *test_new(void);

/* Whether docs/deviations.md lists this for the transport under test: `core-...` is the C core's,
 * `nghttp2-...` the other's. A test that meets one expects what the page says is done instead. */
bool test_deviates(const char *id);

#endif /* TESTS_TRANSPORTS_H */
