/* process.c: a child with three streams, served by one poll loop. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"

#include "base/banned.h"

extern char **environ;

enum {
    MAX_OUTPUT = 1 << 30,
    MAX_COMPLAINT = 64 << 10
};

/*
 * Its streams. Sockets, because a write to one can be told not to raise SIGPIPE when the child
 * has gone: this code changes no signal of the process it runs in.
 */
typedef struct child {
    pid_t pid;
    int ours[3]; /* our ends, -1 when closed: its stdin, stdout, stderr */
    int theirs[3];
} child;

static void shut(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

static void shut_all(int fds[3])
{
    for (int i = 0; i < 3; i++) {
        shut(&fds[i]);
    }
}

static bool open_streams(child *c)
{
    for (int i = 0; i < 3; i++) {
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
            return false;
        }
        c->ours[i] = pair[0];
        c->theirs[i] = pair[1];
        if (pair[1] < 3) { /* dup2 onto itself would keep it close-on-exec */
            int moved = fcntl(pair[1], F_DUPFD_CLOEXEC, 3);

            if (moved < 0) {
                return false;
            }
            (void)close(pair[1]);
            c->theirs[i] = moved;
        }
        if (fcntl(c->ours[i], F_SETFL, O_NONBLOCK) != 0) {
            return false;
        }
    }
    return true;
}

static int start(child *c, const char *program)
{
    char *const argv[] = {(char *)(uintptr_t)program, NULL};
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0) {
        return rc;
    }
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = posix_spawn_file_actions_adddup2(&actions, c->theirs[i], i);
    }
    if (rc == 0) {
        rc = posix_spawnp(&c->pid, program, &actions, NULL, argv, environ);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static void feed(child *c, csvc_bytes *input)
{
    ssize_t n = input->len > 0 ? send(c->ours[0], input->data, input->len, MSG_NOSIGNAL) : 0;

    if (n > 0) {
        input->data += n;
        input->len -= (size_t)n;
    } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    /* All said, or it does not listen: its exit status and output tell whether that matters. */
    if (n < 0 || input->len == 0) {
        shut(&c->ours[0]);
    }
}

static void take(int *fd, csvc__buffer *out)
{
    char bytes[16384];
    ssize_t n = read(*fd, bytes, sizeof(bytes));

    if (n > 0) {
        csvc__buffer_add(out, bytes, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        shut(fd);
    }
}

static void serve(child *c, csvc_bytes input, csvc__buffer *output, csvc__buffer *complaint)
{
    while (c->ours[0] >= 0 || c->ours[1] >= 0 || c->ours[2] >= 0) {
        struct pollfd fds[3];

        for (int i = 0; i < 3; i++) {
            fds[i] = (struct pollfd){.fd = c->ours[i], .events = i == 0 ? POLLOUT : POLLIN};
        }
        if (poll(fds, 3, -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            break;
        }
        if (fds[0].revents != 0) {
            feed(c, &input);
        }
        if (fds[1].revents != 0) {
            take(&c->ours[1], output);
        }
        if (fds[2].revents != 0) {
            take(&c->ours[2], complaint);
        }
    }
}

/* The first lines of what it said, for an error's text. */
static void trim(csvc__buffer *complaint)
{
    while (complaint->len > 0 && strchr("\r\n ", complaint->data[complaint->len - 1]) != NULL) {
        complaint->data[--complaint->len] = '\0';
    }
}

static csvc_code verdict(const char *program, int status, csvc__buffer *complaint, csvc_error *err)
{
    const char *said;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return CSVC_OK;
    }
    trim(complaint);
    said = complaint->len > 0 ? complaint->data : "it said nothing";
    if (WIFSIGNALED(status)) {
        return csvc_error_set(err, CSVC_INTERNAL, "%.100s was killed by signal %d: %.300s", program,
                              WTERMSIG(status), said);
    }
    return csvc_error_set(err, CSVC_INTERNAL, "%.100s ended with status %d: %.300s", program,
                          WEXITSTATUS(status), said);
}

csvc_code gen_filter(csvc_arena *a, const char *program, csvc_bytes input, csvc_bytes *ret_output,
                     csvc_error *err)
{
    child c = {.ours = {-1, -1, -1}, .theirs = {-1, -1, -1}};
    csvc__buffer output;
    csvc__buffer complaint;
    csvc_code code = CSVC_OK;
    int status = 0;
    int rc = 0;

    csvc__buffer_init(&output, MAX_OUTPUT);
    csvc__buffer_init(&complaint, MAX_COMPLAINT);
    if (!open_streams(&c)) {
        rc = errno;
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "no sockets to run %.100s: %s", program,
                              strerror(rc));
    } else {
        rc = start(&c, program);
        if (rc != 0) {
            code = csvc_error_set(err, rc == ENOENT ? CSVC_NOT_FOUND : CSVC_INTERNAL,
                                  "%.200s cannot be run: %s", program, strerror(rc));
        }
    }
    shut_all(c.theirs);
    if (code == CSVC_OK) {
        serve(&c, input, &output, &complaint);
        while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR) {
        }
        code = verdict(program, status, &complaint, err);
    }
    if (code == CSVC_OK) {
        uint8_t *copy = csvc_arena_alloc(a, output.len);

        if (copy == NULL || !csvc__buffer_ok(&output)) {
            code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        } else {
            if (output.len > 0) {
                memcpy(copy, output.data, output.len);
            }
            *ret_output = (csvc_bytes){output.len, copy};
        }
    }
    shut_all(c.ours);
    csvc__buffer_release(&output);
    csvc__buffer_release(&complaint);
    return code;
}
