/* app/transports.h: the transports that a program was linked with. */
#ifndef CSVC_APP_TRANSPORTS_H
#define CSVC_APP_TRANSPORTS_H

#include <app/settings.h>
#include <csvc/app.h>

typedef struct csvc__transports {
    const csvc_transport *const *all; /* NULL-terminated; the first is the default */
    const csvc_transport *only[2];    /* `all` of a program that names one */
    char help[160];
} csvc__transports;

/* Also makes a setting of them: its default, its help; absent when there are none. */
void csvc__transports_init(csvc__transports *transports, const csvc_app_info *info,
                           csvc__setting *setting);

/* INVALID_ARGUMENT, listing those there are, when none has that name. */
csvc_code csvc__transports_find(const csvc__transports *transports, const char *name,
                                const csvc_transport **ret_transport, csvc_error *err);

/* The first that can call. UNIMPLEMENTED when none can. */
csvc_code csvc__transports_caller(const csvc__transports *transports,
                                  const csvc_transport **ret_transport, csvc_error *err);

#endif /* CSVC_APP_TRANSPORTS_H */
