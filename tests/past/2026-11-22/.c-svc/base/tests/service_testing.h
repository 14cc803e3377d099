/*
 * service_testing.h: the project's own server in the process of a test.
 *
 * Tests are cmocka programs, one for each handler: tests/PREFIX/RPC_test.c. Every test gets a
 * server of its own on a free port of the loopback, with an empty database in memory,
 * and a channel to it:
 *
 *     static void answers(void **state)
 *     {
 *         struct service_testing *t = *state;
 *
 *         assert_code(CSVC_OK, PREFIX_client_RPC(t->channel, &t->rpc, &req, &rsp));
 *     }
 *
 *     const struct CMUnitTest tests[] = {
 *         cmocka_unit_test_setup_teardown(answers, service_testing_start, service_testing_stop),
 *     };
 */
#ifndef SERVICE_TESTING_H
#define SERVICE_TESTING_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/testing.h>
#include "services.h"

struct service_testing {
    csvc_testing *testing; /* server, channel and database belong to it */
    struct service svc;    /* what the handlers get */
    csvc_channel *channel;
    csvc_rpc rpc;  /* options and outcome of the calls a test makes */
    csvc_ctx *ctx; /* what a test stores or allocates by itself lives here */
};

/* Setup and teardown for cmocka. */
int service_testing_start(void **state);
int service_testing_stop(void **state);

/* Fails the test unless a call ended with this code; says what the call answered instead. */
#define assert_code(expected, call) service_assert_code(expected, call, #call, __FILE__, __LINE__)
void service_assert_code(csvc_code expected, csvc_code code, const char *call, const char *file,
                         int line);

#endif /* SERVICE_TESTING_H */
