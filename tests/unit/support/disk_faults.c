/* disk_faults.c: in place of the C library's, calls that do what theirs do until it is time. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "disk_faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct disk_faults disk_faults;

/* Whether this call fails, with errno; does not return where the process is killed. */
static bool strikes(void)
{
    if (!disk_faults.on) {
        return false;
    }
    disk_faults.seen++;
    if (disk_faults.left-- > 0) {
        return false;
    }
    if (disk_faults.number == 0) {
        (void)kill(getpid(), SIGKILL);
    }
    disk_faults.on = disk_faults.always;
    errno = disk_faults.number;
    return true;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to)
{
    return strikes() ? -1 : REAL(rename)(from, to);
}

int link(const char *from, const char *to)
{
    return strikes() ? -1 : REAL(link)(from, to);
}

int unlink(const char *path)
{
    return strikes() ? -1 : REAL(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags)
{
    return strikes() ? -1 : REAL(unlinkat)(folder, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
    return strikes() ? -1 : REAL(mkdir)(path, mode);
}

int rmdir(const char *path)
{
    return strikes() ? -1 : REAL(rmdir)(path);
}

/* Costs a disk its time, and nothing here is about power. */
int fsync(int fd)
{
    (void)fd;
    return strikes() ? -1 : 0;
}

int fchmod(int fd, mode_t mode)
{
    return strikes() ? -1 : REAL(fchmod)(fd, mode);
}

ssize_t write(int fd, const void *data, size_t len)
{
    return fd > 2 && strikes() ? -1 : REAL(write)(fd, data, len);
}
