/* net/listeners.c: the sockets that a server listens on. */
#include <csvc/alloc.h>
#include <transport/net/bind.h>
#include <transport/net/listeners.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/banned.h>

/* Where memory is short, the file stays when its listener goes; the next one replaces it. */
static csvc__net_file file_of(const char *address)
{
    const char *path = csvc__net_path(address);
    csvc__net_file file = {NULL, 0, 0};
    struct stat st;

    if (path != NULL && stat(path, &st) == 0) {
        file = (csvc__net_file){csvc__strdup(path), st.st_dev, st.st_ino};
    }
    return file;
}

/* Unless another server has put its own there meanwhile. */
static void remove_file(csvc__net_file *file)
{
    struct stat st;

    if (file->path != NULL && stat(file->path, &st) == 0 && st.st_dev == file->device &&
        st.st_ino == file->inode) {
        (void)unlink(file->path);
    }
    csvc__free(file->path);
    file->path = NULL;
}

/* Whether one of the set is what is in the way of another address: its path, or its port. */
static bool is_own(const csvc__net_listeners *set, const char *address)
{
    const char *path = csvc__net_path(address);
    const char *colon = strrchr(address, ':');
    const long port = path == NULL && colon != NULL ? strtol(colon + 1, NULL, 10) : 0;

    for (size_t i = 0; i < set->n; i++) {
        if (path != NULL) {
            if (set->files[i].path != NULL && strcmp(set->files[i].path, path) == 0) {
                return true;
            }
        } else if (port > 0 && csvc__net_port(set->fds[i]) == port) {
            return true;
        }
    }
    return false;
}

csvc_code csvc__net_listeners_add(csvc__net_listeners *set, const char *address, int *ret_port,
                                  csvc_error *err)
{
    const size_t before = set->n;
    size_t n = 0;
    const csvc_code code = csvc__net_listen(address, set->fds + before,
                                            CSVC__NET_LISTENERS - before, &n, ret_port, err);

    if (code == CSVC_ALREADY_EXISTS && is_own(set, address)) {
        return csvc_error_set(err, code, "%s is in use by another address of this server%s",
                              address,
                              csvc__net_path(address) != NULL ? "" : "; [::] is for both families");
    }
    if (code != CSVC_OK) {
        return code;
    }
    set->n += n;
    for (size_t i = before; i < set->n; i++) {
        set->files[i] = file_of(address);
    }
    return CSVC_OK;
}

void csvc__net_listeners_close(csvc__net_listeners *set)
{
    for (size_t i = 0; i < set->n; i++) {
        remove_file(&set->files[i]);
        (void)close(set->fds[i]);
    }
    set->n = 0;
}
