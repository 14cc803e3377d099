/* app/notify.c: the protocol of sd_notify: one datagram to a unix socket, no library. */
#include <app/notify.h>
#include <csvc/log.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <base/banned.h>

void csvc__notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const size_t len = path != NULL ? strlen(path) : 0;
    const char *problem = NULL;
    int fd;

    if (len == 0) {
        return;
    }
    if ((path[0] != '/' && path[0] != '@') || len >= sizeof(to.sun_path)) {
        csvc_log(CSVC_LOG_WARN, "NOTIFY_SOCKET names no unix socket", "value", path, NULL);
        return;
    }
    memcpy(to.sun_path, path, len);
    if (path[0] == '@') {
        to.sun_path[0] = '\0'; /* of the abstract name space, which has no file */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        problem = strerror(errno);
    } else if (sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                      (const struct sockaddr *)&to,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
        problem = strerror(errno);
    }
    if (problem != NULL) {
        csvc_log(CSVC_LOG_WARN, "NOTIFY_SOCKET does not take what it is told", "state", state,
                 "error", problem, NULL);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}
