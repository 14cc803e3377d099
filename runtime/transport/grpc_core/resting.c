/* grpc_core/resting.c: numbers of descriptors that were a connection's just now. */
#define _GNU_SOURCE /* dup3 */
#include <base/clock.h>
#include <csvc/alloc.h>
#include <transport/grpc_core/resting.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <base/banned.h>

#define REST (1 * CSVC__SECOND)

enum {
    SHARE = 8 /* of all descriptors one in so many */
};

struct gc_placeholder {
    gc_placeholder *next;
    int fd;
    int64_t until;
};

static void link_last(gc_resting *resting, gc_placeholder *p)
{
    p->next = NULL;
    p->until = csvc__now() + REST;
    if (resting->last != NULL) {
        resting->last->next = p;
    } else {
        resting->first = p;
    }
    resting->last = p;
    resting->n++;
}

static gc_placeholder *unlink_first(gc_resting *resting)
{
    gc_placeholder *p = resting->first;

    resting->first = p->next;
    resting->last = p->next != NULL ? resting->last : NULL;
    resting->n--;
    return p;
}

/* The program needs descriptors for other things. */
static bool are_enough(const gc_resting *resting)
{
    struct rlimit all;

    return resting->n > 0 &&
           (getrlimit(RLIMIT_NOFILE, &all) != 0 || resting->n >= all.rlim_cur / SHARE);
}

/* The number that has rested longest is the connection's, and the connection's rests. */
static int change_places(gc_resting *resting, int fd)
{
    gc_placeholder *p = unlink_first(resting);
    const int number = p->fd;

    if (dup3(fd, number, O_CLOEXEC) < 0) {
        link_last(resting, p);
        return fd;
    }
    if (dup3(resting->filler, fd, O_CLOEXEC) < 0) {
        (void)close(fd);
        csvc__free(p);
    } else {
        p->fd = fd;
        link_last(resting, p);
    }
    return number;
}

int csvc__gc_rested(gc_resting *resting, gc_names *names, int fd)
{
    while (!csvc__gc_names_rested(names, fd, csvc__now() - REST)) {
        gc_placeholder *p = NULL;
        int other = -1;

        if (are_enough(resting)) {
            return change_places(resting, fd);
        }
        p = csvc__malloc(sizeof(*p));
        other = p != NULL ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
        if (other < 0 || dup3(resting->filler, fd, O_CLOEXEC) < 0) {
            csvc__free(p);
            if (other >= 0) {
                (void)close(other);
            }
            return fd;
        }
        p->fd = fd;
        link_last(resting, p);
        fd = other;
    }
    return fd;
}

void csvc__gc_resting_clear(gc_resting *resting, int64_t now)
{
    while (resting->first != NULL && resting->first->until <= now) {
        gc_placeholder *p = unlink_first(resting);

        (void)close(p->fd);
        csvc__free(p);
    }
}

int64_t csvc__gc_resting_due(const gc_resting *resting)
{
    return resting->first != NULL ? resting->first->until : INT64_MAX;
}
