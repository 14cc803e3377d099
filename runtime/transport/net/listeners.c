/* net/listeners.c: the sockets that a server listens on. */
#include <csvc/alloc.h>
#include <transport/net/listeners.h>

#include <unistd.h>

#include <base/banned.h>

csvc_code csvc__net_listeners_add(csvc__net_listeners *set, const char *address, int *ret_port,
                                  csvc_error *err)
{
    int fds[CSVC__NET_SOCKETS];
    size_t n = 0;
    csvc_code code;

    if (set->n + CSVC__NET_SOCKETS > CSVC__NET_LISTENERS) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "too many addresses to listen on");
    }
    code = csvc__net_listen(address, fds, &n, ret_port, err);
    if (code != CSVC_OK) {
        return code;
    }
    for (size_t i = 0; i < n; i++) {
        set->paths[set->n] = NULL;
        set->fds[set->n++] = fds[i];
    }
    if (csvc__net_path(address) != NULL) { /* of one socket; without memory the file stays */
        set->paths[set->n - 1] = csvc__strdup(csvc__net_path(address));
    }
    return CSVC_OK;
}

void csvc__net_listeners_close(csvc__net_listeners *set)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->paths[i] != NULL) {
            (void)unlink(set->paths[i]);
            csvc__free(set->paths[i]);
        }
        (void)close(set->fds[i]);
    }
    set->n = 0;
}
