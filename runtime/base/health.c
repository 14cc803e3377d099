/* base/health.c: statuses of services, and who watches them. */
#include <base/health.h>
#include <base/map.h>
#include <base/utf8.h>
#include <csvc/alloc.h>

#include <pthread.h>
#include <string.h>

#include <base/banned.h>

enum {
    MAX_SERVICES = 1000,
    MAX_NAME = 1024
};

typedef struct service {
    csvc_health_status status;
    csvc_health_status before; /* it was drained */
    csvc__health_watch *watches;
} service;

struct csvc_health {
    pthread_mutex_t lock; /* of all below */
    csvc__map services;
    csvc__health_watch *strays; /* they watch what is not there: callers may not fill the map */
    bool drained;
};

csvc_health *csvc_health_new(void)
{
    csvc_health *h = csvc__calloc(1, sizeof(*h));

    if (h == NULL) {
        return NULL;
    }
    (void)pthread_mutex_init(&h->lock, NULL);
    csvc__map_init(&h->services);
    return csvc_health_set(h, "", CSVC_HEALTH_SERVING) == CSVC_OK ? h : csvc_health_free(h);
}

csvc_health *csvc_health_free(csvc_health *h)
{
    if (h != NULL) {
        for (size_t i = 0; i < h->services.n_entries; i++) {
            csvc__free(h->services.entries[i].value);
        }
        csvc__map_release(&h->services);
        (void)pthread_mutex_destroy(&h->lock);
        csvc__free(h);
    }
    return NULL;
}

/* ---- watches; with the lock ---- */

static void link_in(csvc__health_watch **list, csvc__health_watch *watch)
{
    watch->next = *list;
    watch->at = list;
    if (watch->next != NULL) {
        watch->next->at = &watch->next;
    }
    *list = watch;
}

static void link_out(csvc__health_watch *watch)
{
    *watch->at = watch->next;
    if (watch->next != NULL) {
        watch->next->at = watch->at;
    }
    watch->next = NULL;
    watch->at = NULL;
}

/* Only changes are told. */
static void tell(csvc__health_watch *watch, csvc_health_status status)
{
    if (watch->status != status) {
        watch->status = status;
        watch->changed(watch);
    }
}

static void change(service *s, csvc_health_status status)
{
    s->status = status;
    for (csvc__health_watch *watch = s->watches; watch != NULL; watch = watch->next) {
        tell(watch, status);
    }
}

/* ---- setting; with the lock ---- */

static csvc_code make(csvc_health *h, const char *name, csvc_health_status status)
{
    service *s;

    if (h->services.n_entries >= MAX_SERVICES) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    s = csvc__calloc(1, sizeof(*s));
    if (s == NULL || !csvc__map_put(&h->services, name, s)) {
        csvc__free(s);
        return CSVC_RESOURCE_EXHAUSTED;
    }
    for (csvc__health_watch *watch = h->strays, *next; watch != NULL; watch = next) {
        next = watch->next;
        if (strcmp(watch->service, name) == 0) {
            link_out(watch);
            link_in(&s->watches, watch);
        }
    }
    s->before = status;
    change(s, h->drained ? CSVC_HEALTH_NOT_SERVING : status);
    return CSVC_OK;
}

static bool is_name(const char *name)
{
    const size_t len = name != NULL ? strlen(name) : SIZE_MAX;

    return len <= MAX_NAME && csvc__utf8_text((const uint8_t *)name, len);
}

csvc_code csvc_health_set(csvc_health *h, const char *name, csvc_health_status status)
{
    csvc_code code = CSVC_OK;
    service *s;

    if (h == NULL) {
        return CSVC_OK;
    }
    if (!is_name(name) || (unsigned)status > CSVC_HEALTH_NOT_SERVING) {
        return CSVC_INVALID_ARGUMENT;
    }
    (void)pthread_mutex_lock(&h->lock);
    s = csvc__map_get(&h->services, name);
    if (!h->drained) {
        if (s == NULL) {
            code = make(h, name, status);
        } else {
            change(s, status);
        }
    }
    (void)pthread_mutex_unlock(&h->lock);
    return code;
}

csvc_code csvc__health_add(csvc_health *h, const char *name)
{
    csvc_code code = CSVC_OK;

    if (h == NULL) {
        return CSVC_OK;
    }
    if (!is_name(name)) {
        return CSVC_INVALID_ARGUMENT;
    }
    (void)pthread_mutex_lock(&h->lock);
    if (csvc__map_get(&h->services, name) == NULL) {
        code = make(h, name, CSVC_HEALTH_SERVING);
    }
    (void)pthread_mutex_unlock(&h->lock);
    return code;
}

void csvc_health_drain(csvc_health *h)
{
    if (h == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&h->lock);
    if (!h->drained) {
        h->drained = true;
        for (size_t i = 0; i < h->services.n_entries; i++) {
            service *s = h->services.entries[i].value;

            s->before = s->status;
            change(s, CSVC_HEALTH_NOT_SERVING);
        }
        for (csvc__health_watch *watch = h->strays; watch != NULL; watch = watch->next) {
            tell(watch, CSVC_HEALTH_NOT_SERVING);
        }
    }
    (void)pthread_mutex_unlock(&h->lock);
}

void csvc_health_resume(csvc_health *h)
{
    if (h == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&h->lock);
    if (h->drained) {
        h->drained = false;
        for (size_t i = 0; i < h->services.n_entries; i++) {
            service *s = h->services.entries[i].value;

            change(s, s->before);
        }
        for (csvc__health_watch *watch = h->strays; watch != NULL; watch = watch->next) {
            tell(watch, CSVC_HEALTH_SERVICE_UNKNOWN);
        }
    }
    (void)pthread_mutex_unlock(&h->lock);
}

/* ---- reading ---- */

csvc_health_status csvc_health_get(csvc_health *h, const char *name)
{
    csvc_health_status status = CSVC_HEALTH_SERVICE_UNKNOWN;
    const service *s;

    if (h == NULL || name == NULL) {
        return status;
    }
    (void)pthread_mutex_lock(&h->lock);
    s = csvc__map_get(&h->services, name);
    if (s != NULL) {
        status = s->status;
    }
    (void)pthread_mutex_unlock(&h->lock);
    return status;
}

size_t csvc__health_list(csvc_health *h, csvc__health_item *ret_items, size_t max)
{
    size_t n;

    (void)pthread_mutex_lock(&h->lock);
    n = h->services.n_entries;
    for (size_t i = 0; i < n && i < max; i++) {
        const csvc__map_entry *entry = &h->services.entries[i];

        ret_items[i] = (csvc__health_item){entry->key, ((const service *)entry->value)->status};
    }
    (void)pthread_mutex_unlock(&h->lock);
    return n;
}

void csvc__health_watch_add(csvc_health *h, csvc__health_watch *watch)
{
    service *s;

    (void)pthread_mutex_lock(&h->lock);
    s = csvc__map_get(&h->services, watch->service);
    watch->status = s != NULL    ? s->status
                    : h->drained ? CSVC_HEALTH_NOT_SERVING
                                 : CSVC_HEALTH_SERVICE_UNKNOWN;
    link_in(s != NULL ? &s->watches : &h->strays, watch);
    watch->changed(watch);
    (void)pthread_mutex_unlock(&h->lock);
}

void csvc__health_watch_remove(csvc_health *h, csvc__health_watch *watch)
{
    (void)pthread_mutex_lock(&h->lock);
    if (watch->at != NULL) {
        link_out(watch);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

void csvc__health_watch_again(csvc_health *h, csvc__health_watch *watch)
{
    (void)pthread_mutex_lock(&h->lock);
    watch->changed(watch);
    (void)pthread_mutex_unlock(&h->lock);
}

const char *csvc_health_status_name(csvc_health_status status)
{
    static const char *const names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};

    return (unsigned)status < sizeof(names) / sizeof(names[0]) ? names[status] : names[0];
}
