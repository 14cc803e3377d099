/* std/health.c: grpc.health.v1 over a registry of statuses. */
#include <base/health.h>
#include <csvc/std.h>
#include <rpc/server.h>
#include <rpc/stream.h>

#include "grpc/health/v1/health.csvc.h"

#include <base/banned.h>

enum {
    MAX_LISTED = 100,
};

typedef CsvcPb__HealthCheckResponse response;

static response response_of(csvc_health_status status)
{
    response rsp = CSVC_PB__HEALTH_CHECK_RESPONSE__INIT;

    rsp.status = (CsvcPb__HealthCheckResponse__ServingStatus)status;
    return rsp;
}

/* ---- Check, List ---- */

static csvc_code check(void *self, csvc_ctx *ctx, const CsvcPb__HealthCheckRequest *req,
                       response *rsp)
{
    const csvc_health_status status = csvc_health_get(self, req->service);

    if (status == CSVC_HEALTH_SERVICE_UNKNOWN) {
        return csvc_fail(ctx, CSVC_NOT_FOUND, "no status is known of service \"%s\"", req->service);
    }
    *rsp = response_of(status);
    return CSVC_OK;
}

static csvc_code list(void *self, csvc_ctx *ctx, const CsvcPb__HealthListRequest *req,
                      CsvcPb__HealthListResponse *rsp)
{
    csvc__health_item items[MAX_LISTED];
    const size_t n = csvc__health_list(self, items, MAX_LISTED);
    CsvcPb__HealthListResponse__StatusesEntry *entries;
    response *values;

    (void)req;
    if (n > MAX_LISTED) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED,
                         "there are %zu services, no more than %d are listed", n, (int)MAX_LISTED);
    }
    rsp->statuses = csvc_calloc(ctx, n, sizeof(rsp->statuses[0]));
    entries = csvc_calloc(ctx, n, sizeof(*entries));
    values = csvc_calloc(ctx, n, sizeof(*values));
    if (rsp->statuses == NULL || entries == NULL || values == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        const CsvcPb__HealthListResponse__StatusesEntry empty =
            CSVC_PB__HEALTH_LIST_RESPONSE__STATUSES_ENTRY__INIT;

        values[i] = response_of(items[i].status);
        entries[i] = empty;
        entries[i].key = (char *)(uintptr_t)items[i].service;
        entries[i].value = &values[i];
        rsp->statuses[i] = &entries[i];
    }
    rsp->n_statuses = n;
    return CSVC_OK;
}

/* ---- Watch ---- */

/* In the arena of its call, which is detached: it needs no thread, and no sender waits for it. */
typedef struct watcher {
    csvc__health_watch watch; /* first */
    csvc_health *h;
    csvc_ctx *ctx;
    csvc_stream *out;
    csvc_health_status sent; /* under the registry's lock */
} watcher;

/* One that is refused for a full queue is made up for by on_writable, with what is true then. */
static void status_changed(csvc__health_watch *watch)
{
    watcher *w = (watcher *)(void *)watch;
    const response rsp = response_of(w->watch.status);

    if (w->watch.status != w->sent && csvc_pb_health_watch_send(w->out, &rsp) == CSVC_OK) {
        w->sent = w->watch.status;
    }
}

static void has_room(void *self)
{
    watcher *w = self;

    csvc__health_watch_again(w->h, &w->watch);
}

static bool stops(void *self)
{
    watcher *w = self;

    csvc__health_watch_remove(w->h, &w->watch);
    if (w->watch.status != CSVC_HEALTH_NOT_SERVING) { /* the registry was not drained */
        w->watch.status = CSVC_HEALTH_NOT_SERVING;
        status_changed(&w->watch);
    }
    return false;
}

static void gone(void *self, csvc_code code)
{
    watcher *w = self;

    (void)code;
    csvc__health_watch_remove(w->h, &w->watch);
    (void)csvc_ctx_unref(w->ctx);
}

static csvc_code watch(void *self, csvc_ctx *ctx, const CsvcPb__HealthCheckRequest *req,
                       csvc_stream *out)
{
    watcher *w = csvc_calloc(ctx, 1, sizeof(*w));

    if (w == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    w->watch.service = req->service;
    w->watch.changed = status_changed;
    w->h = self;
    w->out = out;
    w->sent = (csvc_health_status)-1;
    out->max_queued = 1; /* who reads slowly is to get the latest, not all there were */
    w->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = w, .on_writable = has_room,
                                             .on_stop = stops, .on_done = gone});
    csvc__health_watch_add(w->h, &w->watch);
    return CSVC_OK;
}

csvc_code csvc_health_register(csvc_server *srv, csvc_health *h)
{
    const csvc_pb_health_ops ops = {CSVC_PB_HEALTH_OPS_INIT, .check = check, .list = list,
                                    .watch = watch};

    return h != NULL ? csvc__server_register_inline(srv, &csvc_pb_health_service, &ops, h)
                     : CSVC_INVALID_ARGUMENT;
}
