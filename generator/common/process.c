/* common/process.c: a child with three streams, served by one poll loop. */
#include "common/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"

#include "base/banned.h"

extern char **environ;

/*
 * Its streams. Its stdin is a socket, because a write to one can be told not to raise SIGPIPE when
 * the child has gone: this code changes no signal of the process it runs in. Its outputs are
 * pipes, because a program may open /dev/stdout.
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

        if (i == 0 ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0
                   : pipe(pair) != 0 || fcntl(pair[0], F_SETFD, FD_CLOEXEC) != 0 ||
                         fcntl(pair[1], F_SETFD, FD_CLOEXEC) != 0) {
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

static int start(child *c, const char *const *argv)
{
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0) {
        return rc;
    }
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = posix_spawn_file_actions_adddup2(&actions, c->theirs[i], i);
    }
    if (rc == 0) {
        rc =
            posix_spawnp(&c->pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
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

/* Until all streams have ended; false when told to stop or an output is too long. */
static bool serve(child *c, const gen_process *process, csvc__buffer *out, csvc__buffer *said)
{
    csvc_bytes input = process->input;

    while (c->ours[0] >= 0 || c->ours[1] >= 0 || c->ours[2] >= 0) {
        struct pollfd fds[3];

        if (process->stop != NULL && process->stop()) {
            return false;
        }
        for (int i = 0; i < 3; i++) {
            fds[i] = (struct pollfd){.fd = c->ours[i], .events = i == 0 ? POLLOUT : POLLIN};
        }
        if (poll(fds, 3, -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return false;
        }
        if (fds[0].revents != 0) {
            feed(c, &input);
        }
        if (fds[1].revents != 0) {
            take(&c->ours[1], out);
        }
        if (fds[2].revents != 0) {
            take(&c->ours[2], said);
        }
        if (!csvc__buffer_ok(out) || !csvc__buffer_ok(said)) {
            return false;
        }
    }
    return true;
}

static int wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 127;
        }
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool keep(csvc_arena *a, const csvc__buffer *b, csvc_bytes *ret_bytes)
{
    const char *text = csvc_arena_strndup(a, b->data != NULL ? b->data : "", b->len);

    *ret_bytes = (csvc_bytes){b->len, (const uint8_t *)text};
    return text != NULL;
}

/* Feeds and drains a child that runs, and sees it end. */
static csvc_code attend(csvc_arena *a, child *c, const gen_process *process,
                        gen_process_result *ret_result, csvc_error *err)
{
    const char *name = process->argv[0];
    gen_process_result result = {0};
    csvc__buffer out;
    csvc__buffer said;
    csvc_code code = CSVC_OK;
    bool whole;

    csvc__buffer_init(&out, GEN_PROCESS_MAX_OUTPUT);
    csvc__buffer_init(&said, GEN_PROCESS_MAX_OUTPUT);
    whole = serve(c, process, &out, &said);
    if (!whole) {
        (void)kill(c->pid, SIGTERM);
    }
    shut_all(c->ours);
    result.exit_code = wait_for(c->pid);
    if (process->stop != NULL && process->stop()) {
        code = csvc_error_set(err, CSVC_CANCELLED, "told to stop while %.100s ran", name);
    } else if (!whole) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                              "out of memory for what %.100s prints, or it prints too much", name);
    } else if (!keep(a, &out, &result.out) || !keep(a, &said, &result.err)) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        *ret_result = result;
    }
    csvc__buffer_release(&out);
    csvc__buffer_release(&said);
    return code;
}

csvc_code gen_process_run(csvc_arena *a, const gen_process *process, gen_process_result *ret_result,
                          csvc_error *err)
{
    child c = {.ours = {-1, -1, -1}, .theirs = {-1, -1, -1}};
    csvc_code code = CSVC_OK;

    if (!open_streams(&c)) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "no sockets to run %.100s: %s",
                              process->argv[0], strerror(errno));
    } else {
        const int rc = start(&c, process->argv);

        if (rc == ENOENT) {
            code = csvc_error_set(err, CSVC_NOT_FOUND, "%.200s cannot be run: %s", process->argv[0],
                                  strerror(rc));
        } else if (rc != 0) {
            code = csvc_error_set(err, CSVC_UNAVAILABLE, "%.200s cannot be run: %s",
                                  process->argv[0], strerror(rc));
        }
    }
    shut_all(c.theirs);
    if (code == CSVC_OK) {
        code = attend(a, &c, process, ret_result, err);
    }
    shut_all(c.ours);
    return code;
}

csvc_code gen_filter(csvc_arena *a, const char *program, csvc_bytes input, csvc_bytes *ret_output,
                     csvc_error *err)
{
    const char *const argv[] = {program, NULL};
    const gen_process process = {.argv = argv, .input = input};
    gen_process_result result;
    csvc_code code = gen_process_run(a, &process, &result, err);

    if (code != CSVC_OK) {
        return code;
    }
    if (result.exit_code != 0) {
        const bool killed = result.exit_code > 128;
        const char *said = (const char *)result.err.data;
        size_t len = result.err.len;

        while (len > 0 && strchr("\r\n ", said[len - 1]) != NULL) {
            len--;
        }
        return csvc_error_set(err, CSVC_INTERNAL, "%.100s %s %d: %.*s", program,
                              killed ? "was killed by signal" : "ended with status",
                              killed ? result.exit_code - 128 : result.exit_code,
                              len > 0 ? (int)(len > 300 ? 300 : len) : 100,
                              len > 0 ? said : "it said nothing");
    }
    *ret_output = result.out;
    return CSVC_OK;
}
