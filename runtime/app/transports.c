/* app/transports.c: the transports that a program was linked with. */
#include <app/transports.h>
#include <transport/seam.h>

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* "grpc-core, nghttp2" */
static void list_names(const csvc__transports *transports, char *ret_text, size_t size)
{
    size_t len = 0;

    ret_text[0] = '\0';
    for (size_t i = 0; transports->all[i] != NULL && len < size; i++) {
        len += (size_t)snprintf(ret_text + len, size - len, "%s%s", i > 0 ? ", " : "",
                                transports->all[i]->name);
    }
}

void csvc__transports_init(csvc__transports *transports, const csvc_app_info *info,
                           csvc__setting *setting)
{
    char names[100];

    /* a program made by an older generator has no list */
    transports->all =
        info->struct_size > offsetof(csvc_app_info, transports) ? info->transports : NULL;
    if (transports->all == NULL) {
        transports->only[0] = info->transport;
        transports->all = transports->only;
    }
    list_names(transports, names, sizeof(names));
    (void)snprintf(transports->help, sizeof(transports->help), "%s: %s", setting->help, names);
    setting->help = transports->help;
    setting->absent = transports->all[0] == NULL;
    setting->fallback = setting->absent ? "" : transports->all[0]->name;
}

csvc_code csvc__transports_find(const csvc__transports *transports, const char *name,
                                const csvc_transport **ret_transport, csvc_error *err)
{
    char names[100];

    for (size_t i = 0; transports->all[i] != NULL; i++) {
        if (strcmp(transports->all[i]->name, name) == 0) {
            *ret_transport = transports->all[i];
            return CSVC_OK;
        }
    }
    list_names(transports, names, sizeof(names));
    return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                          "'%s' is not one that this program was linked with: %s", name, names);
}

csvc_code csvc__transports_caller(const csvc__transports *transports,
                                  const csvc_transport **ret_transport, csvc_error *err)
{
    char names[100];

    for (size_t i = 0; transports->all[i] != NULL; i++) {
        if (transports->all[i]->channel_new != NULL) {
            *ret_transport = transports->all[i];
            return CSVC_OK;
        }
    }
    list_names(transports, names, sizeof(names));
    return csvc_error_set(err, CSVC_UNIMPLEMENTED,
                          "none of the transports that this program was linked with can call (%s); "
                          "libcsvc-grpc-core has one that can",
                          names);
}
