/* app/probe.h: `NAME --health`: asks the program that runs, as a container's health check does. */
#ifndef CSVC_APP_PROBE_H
#define CSVC_APP_PROBE_H

#include <csvc/code.h>

/*
 * GET /readyz at an admin address, in 3 seconds at most. OK when it is ready; UNAVAILABLE when it
 * says that it is not, or nobody answers there; INVALID_ARGUMENT for an address that is none.
 */
csvc_code csvc__probe(const char *address, csvc_error *err) CSVC_MUST_CHECK;

#endif /* CSVC_APP_PROBE_H */
