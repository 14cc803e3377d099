/*
 * e2e/support/kill_at.c: preloaded into c-svc, kills it at the n-th call that changes anything on
 * disk (KILL_AT, from 0); what it runs (protoc) is left alone. KILL_COUNT names a file that gets
 * the number of such calls, when it came to its end.
 */
#define _GNU_SOURCE /* RTLD_NEXT, program_invocation_short_name */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long at = -1;
static long calls;

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("KILL_AT");

    if (text != NULL && strcmp(program_invocation_short_name, "c-svc") == 0) {
        at = strtol(text, NULL, 10);
    }
}

static void count(void)
{
    if (at >= 0 && calls++ == at) {
        (void)kill(getpid(), SIGKILL);
    }
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to)
{
    count();
    return REAL(rename)(from, to);
}

int link(const char *from, const char *to)
{
    count();
    return REAL(link)(from, to);
}

int unlink(const char *path)
{
    count();
    return REAL(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags)
{
    count();
    return REAL(unlinkat)(folder, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
    count();
    return REAL(mkdir)(path, mode);
}

int rmdir(const char *path)
{
    count();
    return REAL(rmdir)(path);
}

/* Counted, and not done: a power cut is not what is tried here, and a disk takes its time. */
int fsync(int fd)
{
    (void)fd;
    count();
    return 0;
}

int fchmod(int fd, mode_t mode)
{
    count();
    return REAL(fchmod)(fd, mode);
}

ssize_t write(int fd, const void *data, size_t len)
{
    if (fd > 2) {
        count();
    }
    return REAL(write)(fd, data, len);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list args;

    if ((flags & O_CREAT) != 0) {
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
        count();
    }
    return REAL(open)(path, flags, mode);
}
