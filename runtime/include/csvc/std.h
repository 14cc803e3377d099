/*
 * csvc/std.h: the services that every gRPC server is expected to have.
 *
 * Health (grpc.health.v1): what load balancers and Kubernetes' probes ask. Reflection
 * (grpc.reflection.v1 and v1alpha): what a server serves, for grpcurl, buf curl and their like.
 * A program of csvc/app.h has both; servers of csvc/server.h take each by a call, before they
 * listen. Handlers of both run on the loops and need no worker; a stream of theirs needs no thread.
 *
 *     csvc_health *health = csvc_health_new();
 *
 *     if (csvc_health_register(srv, health) != CSVC_OK ||
 *         csvc_reflection_register(srv) != CSVC_OK) { ... }
 *     ...
 *     csvc_health_drain(health);
 *     csvc_server_shutdown(srv, 30000);
 *     csvc_server_free(srv);
 *     csvc_health_free(health);
 */
#ifndef CSVC_STD_H
#define CSVC_STD_H

#include <csvc/health.h>
#include <csvc/server.h>

CSVC_BEGIN_DECLS

/*
 * Serves the registry: Check, List (of 100 services at most) and Watch, whose streams end with
 * UNAVAILABLE when the server stops. The registry must outlive the server. The codes of
 * csvc_server_register; ALREADY_EXISTS when the program serves grpc.health.v1.Health itself.
 */
CSVC_API csvc_code csvc_health_register(csvc_server *srv, csvc_health *h) CSVC_MUST_CHECK;

/*
 * Serves descriptors of all that the server serves, services registered later among them. The codes
 * of csvc_server_register; ALREADY_EXISTS when the program serves grpc.reflection.v1 itself.
 */
CSVC_API csvc_code csvc_reflection_register(csvc_server *srv) CSVC_MUST_CHECK;

CSVC_END_DECLS

#endif /* CSVC_STD_H */
