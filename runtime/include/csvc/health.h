/*
 * csvc/health.h: whether a server takes calls, and each of its services.
 *
 * A registry of statuses that anybody sets and that load balancers, Kubernetes and /readyz read: by
 * grpc.health.v1 (csvc/std.h) and by the admin address (csvc/http.h). The service "" is the server
 * as a whole; it is there from the start, SERVING. A program of csvc/app.h has one
 * (csvc_app_health), with every registered service in it, and drains it when it stops.
 *
 *     csvc_health_set(health, "user.UserService", CSVC_HEALTH_NOT_SERVING);   its store has gone
 *     ...
 *     csvc_health_set(health, "user.UserService", CSVC_HEALTH_SERVING);
 *
 * Setting waits for nobody: whoever watches is told by its own loop, and one that reads slowly
 * hears of the latest status alone. All functions are for any thread; in place of the registry they
 * take NULL, and do nothing then. What a status depends on is the program's to decide: a database
 * that is away is a reason to be NOT_SERVING, never one to be killed and started again.
 */
#ifndef CSVC_HEALTH_H
#define CSVC_HEALTH_H

#include <csvc/code.h>

CSVC_BEGIN_DECLS

typedef struct csvc_health csvc_health;

/* Numbered as on the wire. */
typedef enum csvc_health_status {
    CSVC_HEALTH_UNKNOWN = 0,
    CSVC_HEALTH_SERVING = 1,
    CSVC_HEALTH_NOT_SERVING = 2,
    CSVC_HEALTH_SERVICE_UNKNOWN = 3, /* nobody has set this one */
} csvc_health_status;

/* A registry that knows "" alone. NULL when memory is short. */
CSVC_API csvc_health *csvc_health_new(void) CSVC_MUST_CHECK;

/* Frees it; servers that it was registered with are freed before. Takes NULL; returns NULL. */
CSVC_API csvc_health *csvc_health_free(csvc_health *h);

/*
 * Sets the status of a service, which need not be one that is served, and tells who watches it; the
 * name is copied. While the registry is drained it changes nothing, and is OK. INVALID_ARGUMENT for
 * a name that is no UTF-8 or longer than 1,024 bytes, and for SERVICE_UNKNOWN; RESOURCE_EXHAUSTED
 * for more than 1,000 services, or when memory is short.
 */
CSVC_API csvc_code csvc_health_set(csvc_health *h, const char *service, csvc_health_status status);

/* The status of a service; SERVICE_UNKNOWN when it was never set. */
CSVC_API csvc_health_status csvc_health_get(csvc_health *h, const char *service);

/* Makes every service NOT_SERVING, for whoever watches a name nobody has set, too, and ignores what
 * is set from then on: the first step of stopping. */
CSVC_API void csvc_health_drain(csvc_health *h);

/* Takes that back: every service is again what it was before. */
CSVC_API void csvc_health_resume(csvc_health *h);

/* "SERVING" for CSVC_HEALTH_SERVING; static text. */
CSVC_API const char *csvc_health_status_name(csvc_health_status status);

CSVC_END_DECLS

#endif /* CSVC_HEALTH_H */
