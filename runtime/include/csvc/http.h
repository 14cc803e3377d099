/*
 * csvc/http.h: serving HTTP, on libwebsockets.
 *
 * A library of its own, libcsvc-http. A program that names its driver in its csvc_app_info has an
 * admin address (ADMIN_ADDR) beside the one of its rpcs:
 *
 *     /metrics        all series of csvc_app_metrics, for Prometheus
 *     /healthz        200 while the process runs
 *     /readyz         200 while it serves ("" of csvc_app_health); 503 before, and from the signal
 * to stop on /debug/config   the settings, where each came from; passwords are hidden /debug/calls
 * the calls in flight: method, peer, age, deadline
 *
 * It has no password: it belongs on loopback or a network of operators.
 */
#ifndef CSVC_HTTP_H
#define CSVC_HTTP_H

#include <csvc/common.h>

CSVC_BEGIN_DECLS

typedef struct csvc_http_driver csvc_http_driver;

extern CSVC_API const csvc_http_driver csvc_http;

CSVC_END_DECLS

#endif /* CSVC_HTTP_H */
