/* app/admin.h: the pages of a server's admin address. */
#ifndef CSVC_APP_ADMIN_H
#define CSVC_APP_ADMIN_H

#include <app/settings.h>
#include <csvc/health.h>
#include <csvc/metrics.h>
#include <csvc/server.h>
#include <http/driver.h>

#include <stdatomic.h>

enum {
    CSVC__ADMIN_PAGES = 5
};

typedef struct csvc__admin {
    const csvc_http_driver *driver;
    csvc_http_server *http; /* NULL: there is none */
    csvc__page pages[CSVC__ADMIN_PAGES];
    csvc_health *health;
    csvc_metrics *metrics;
    csvc_server *srv;
    const csvc__setting *settings;
    size_t n_settings;
    atomic_bool ready; /* the server has started; any thread */
} csvc__admin;

/* Serves the pages at the address; `admin` has driver, health, metrics, srv and settings, which
 * outlive the stop. The codes of csvc_http_driver. */
csvc_code csvc__admin_start(csvc__admin *admin, const char *address, int *ret_port,
                            csvc_error *err);
void csvc__admin_stop(csvc__admin *admin);

#endif /* CSVC_APP_ADMIN_H */
