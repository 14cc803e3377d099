/* base/health.h: the inside of the registry of statuses, for who tells others of them. */
#ifndef CSVC_BASE_HEALTH_H
#define CSVC_BASE_HEALTH_H

#include <csvc/health.h>

/* One who watches a service; lives in its own memory from add to remove. */
typedef struct csvc__health_watch {
    struct csvc__health_watch *next, **at; /* NULL while not in a list */
    const char *service;                   /* as long as it watches */
    csvc_health_status status;             /* now; the registry's */

    /* The status has changed. Under the registry's lock, on the thread that sets: may neither block
     * nor ask the registry. */
    void (*changed)(struct csvc__health_watch *watch);
} csvc__health_watch;

/* From here on `changed` comes; it is called for the present status before this returns. */
CSVC_API void csvc__health_watch_add(csvc_health *h, csvc__health_watch *watch);

/* When it returns `changed` is not running and will not. */
CSVC_API void csvc__health_watch_remove(csvc_health *h, csvc__health_watch *watch);

/* Calls `changed` once more, as if it had: for who could not take the last change. */
CSVC_API void csvc__health_watch_again(csvc_health *h, csvc__health_watch *watch);

/* Adds a service as SERVING unless it is there; the codes of csvc_health_set. */
CSVC_API csvc_code csvc__health_add(csvc_health *h, const char *service);

typedef struct csvc__health_item {
    const char *service; /* the registry's */
    csvc_health_status status;
} csvc__health_item;

/* The first `max` services in the order they came; how many there are. */
CSVC_API size_t csvc__health_list(csvc_health *h, csvc__health_item *ret_items, size_t max);

#endif /* CSVC_BASE_HEALTH_H */
