/*
 * csvc/testing.h: a server in the process of a test.
 *
 * Starts a server on a free port of the loopback and a channel to it, over the real transport. What
 * a project's tests/service_testing.c is built on.
 *
 *     csvc_testing *t = csvc_testing_new(&csvc_grpc_core);
 *
 *     (void)user_service_ops_register(csvc_testing_server(t), &ops, &svc);
 *     csvc_channel *ch = csvc_testing_channel(t);       (starts it)
 *     ...
 *     csvc_testing_free(t);
 *
 * One thread; blocks while starting and stopping. A failure of the set-up is written to standard
 * error and ends the process with exit code 1: a test has nothing better to do.
 */
#ifndef CSVC_TESTING_H
#define CSVC_TESTING_H

#include <csvc/client.h>
#include <csvc/server.h>
#include <csvc/store.h>

CSVC_BEGIN_DECLS

typedef struct csvc_testing csvc_testing;

/* A server that is not started yet, and what calls it, both on this transport. */
CSVC_API csvc_testing *csvc_testing_new(const csvc_transport *transport);

/* The same on two: csvc_nghttp2 serves and does not call. */
CSVC_API csvc_testing *csvc_testing_new_with(const csvc_transport *server,
                                             const csvc_transport *client);

/* The server, to register services and interceptors with. */
CSVC_API csvc_server *csvc_testing_server(csvc_testing *t);

/* Starts the server when it has not been, and gives a channel to it, which belongs to t. */
CSVC_API csvc_channel *csvc_testing_channel(csvc_testing *t);

/* The port it listens on, once started. */
CSVC_API int csvc_testing_port(const csvc_testing *t);

/* An empty database in memory of this driver, migrated; it belongs to t. */
CSVC_API csvc_db *csvc_testing_database(csvc_testing *t, const csvc_db_driver *driver,
                                        const csvc_migrations *const *sets);

/* Stops and frees all. Takes NULL; returns NULL. */
CSVC_API csvc_testing *csvc_testing_free(csvc_testing *t);

CSVC_END_DECLS

#endif /* CSVC_TESTING_H */
