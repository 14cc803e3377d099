/* app/admin.c: the pages of a server's admin address. */
#include <app/admin.h>
#include <rpc/server.h>

#include <string.h>

#include <base/banned.h>

static const char text_type[] = "text/plain; charset=utf-8";
static const char json_type[] = "application/json";

enum {
    OK = 200,
    UNAVAILABLE = 503,
};

static int metrics_page(void *self, csvc__buffer *body)
{
    const csvc__admin *admin = self;
    size_t len = 0;
    char *text = csvc_metrics_text(admin->metrics, &len);

    if (text == NULL) {
        body->failed = true;
        return OK;
    }
    csvc__buffer_add(body, text, len);
    csvc_metrics_text_free(text);
    return OK;
}

static int health_page(void *self, csvc__buffer *body)
{
    (void)self;
    csvc__buffer_puts(body, "ok\n");
    return OK;
}

static int ready_page(void *self, csvc__buffer *body)
{
    const csvc__admin *admin = self;
    const bool ready =
        atomic_load(&admin->ready) && csvc_health_get(admin->health, "") == CSVC_HEALTH_SERVING;

    csvc__buffer_puts(body, ready ? "ready\n" : "not ready\n");
    return ready ? OK : UNAVAILABLE;
}

static int config_page(void *self, csvc__buffer *body)
{
    const csvc__admin *admin = self;
    char value[1024];
    bool first = true;

    csvc__buffer_puts(body, "{");
    for (size_t i = 0; i < admin->n_settings; i++) {
        const csvc__setting *s = &admin->settings[i];

        if (s->absent) {
            continue;
        }
        csvc__setting_show(s, value, sizeof(value));
        csvc__buffer_printf(body, "%s\n  \"%s\": {\"value\": ", first ? "" : ",", s->variable);
        csvc__buffer_json(body, value, strlen(value));
        csvc__buffer_printf(body, ", \"from\": \"%s\"}",
                            s->by_flag       ? "flag"
                            : s->by_variable ? "variable"
                                             : "default");
        first = false;
    }
    csvc__buffer_puts(body, "\n}\n");
    return OK;
}

static int calls_page(void *self, csvc__buffer *body)
{
    const csvc__admin *admin = self;

    csvc__inflight_json(&admin->srv->inflight, body);
    return OK;
}

csvc_code csvc__admin_start(csvc__admin *admin, const char *address, int *ret_port, csvc_error *err)
{
    const csvc__page pages[CSVC__ADMIN_PAGES] = {
        {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_page, admin},
        {"/healthz", text_type, health_page, admin},
        {"/readyz", text_type, ready_page, admin},
        {"/debug/config", json_type, config_page, admin},
        {"/debug/calls", json_type, calls_page, admin},
    };
    csvc_error why = {CSVC_ERROR_INIT};

    memcpy(admin->pages, pages, sizeof(pages));
    admin->http = admin->driver->start(address, admin->pages, CSVC__ADMIN_PAGES, ret_port, &why);
    return admin->http != NULL ? CSVC_OK : csvc_error_set(err, why.code, "%s", why.text);
}

void csvc__admin_stop(csvc__admin *admin)
{
    if (admin->http != NULL) {
        admin->driver->stop(admin->http);
        admin->http = NULL;
    }
}
