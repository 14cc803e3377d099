/* lock_folder.c: one c-svc at a time in a project. */
#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console/stop.h"
#include "project/files.h"

#include "base/banned.h"

/* File systems that know no flock of a folder (some of the network) go without. */
static bool knows_no_locks(int number)
{
    return number == ENOLCK || number == EOPNOTSUPP || number == EBADF || number == EINVAL ||
           number == ENOSYS;
}

static csvc_code wait_for(int fd, const char *root, csvc_error *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || knows_no_locks(errno)) {
        return CSVC_OK;
    }
    if (errno == EWOULDBLOCK) {
        cli_error("waiting for another c-svc that is at work in %s",
                  root[0] != '\0' ? root : "this project");
    }
    while (flock(fd, LOCK_EX) != 0) {
        if (stop_asked()) {
            return csvc_error_set(err, CSVC_CANCELLED, "told to stop");
        }
        if (errno != EINTR) {
            return files_failed(err, "lock", root);
        }
    }
    return CSVC_OK;
}

csvc_code update__lock(csvc_arena *a, const char *root, int *ret_fd, csvc_error *err)
{
    const char *home = files_join(a, root, UPDATE_HOME);

    for (;;) {
        int number = mkdir(home, 0777) == 0 ? 0 : errno;
        bool was_there = number == EEXIST;
        int fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat locked;
        struct stat there;
        csvc_code code;

        if (fd < 0) {
            if (errno == ENOENT && was_there && !files_exists(home)) {
                continue; /* the other one's, gone this moment */
            }
            if (errno == ENOENT && !was_there) {
                errno = number;
                return files_failed(err, "make", home);
            }
            return errno == ENOTDIR
                       ? csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                        "%s: is a file, and a folder has to be there", home)
                       : files_failed(err, "open", home);
        }
        code = wait_for(fd, root, err);
        if (code != CSVC_OK) {
            close(fd);
            return code;
        }
        /* Whoever leaves it empty removes it: then it is another one by now. */
        if (fstat(fd, &locked) == 0 && stat(home, &there) == 0 && locked.st_ino == there.st_ino &&
            locked.st_dev == there.st_dev) {
            *ret_fd = fd;
            return CSVC_OK;
        }
        close(fd);
    }
}
