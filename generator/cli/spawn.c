/* spawn.c: another program with its outputs in pipes. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "files.h"

#include "base/banned.h"

extern char **environ;

static void close_both(int fds[2])
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
}

/* posix_spawnp with stdin from /dev/null and the two pipes; returns an errno. */
static int start(const char *const *argv, int out[2], int err[2], pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0) {
        return rc;
    }
    rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    rc = rc == 0 ? posix_spawn_file_actions_adddup2(&actions, out[1], 1) : rc;
    rc = rc == 0 ? posix_spawn_file_actions_adddup2(&actions, err[1], 2) : rc;
    if (rc == 0) {
        rc =
            posix_spawnp(ret_pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* Reads both pipes to their ends; false when told to stop or a maximum is reached. */
static bool collect(int out_fd, int err_fd, csvc__buffer *out, csvc__buffer *err)
{
    struct pollfd fds[2] = {{.fd = out_fd, .events = POLLIN}, {.fd = err_fd, .events = POLLIN}};
    csvc__buffer *buffers[2] = {out, err};
    char chunk[16384];

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (files_told_to_stop()) {
            return false;
        }
        if (poll(fds, 2, -1) < 0) {
            continue; /* a signal */
        }
        for (int i = 0; i < 2; i++) {
            ssize_t n;

            if (fds[i].fd < 0 || fds[i].revents == 0) {
                continue;
            }
            n = read(fds[i].fd, chunk, sizeof(chunk));
            if (n > 0) {
                csvc__buffer_add(buffers[i], chunk, (size_t)n);
            } else if (n == 0 || errno != EINTR) {
                fds[i].fd = -1;
            }
            if (!csvc__buffer_ok(buffers[i])) {
                return false;
            }
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

static csvc_bytes keep(csvc_arena *a, const csvc__buffer *b)
{
    const char *text = cli_must(csvc_arena_strndup(a, b->data != NULL ? b->data : "", b->len));

    return (csvc_bytes){.len = b->len, .data = (const uint8_t *)text};
}

csvc_code spawn_run(csvc_arena *a, const char *const *argv, spawn_result *ret_result,
                    csvc_error *err)
{
    int out_pipe[2] = {-1, -1};
    int err_pipe[2] = {-1, -1};
    csvc__buffer out_text;
    csvc__buffer err_text;
    csvc_code code = CSVC_OK;
    pid_t pid = -1;
    bool whole;
    int rc;

    /* Not O_CLOEXEC on the ends it gets; the other ends are closed below, in the child by exec. */
    if (pipe(out_pipe) != 0 || pipe(err_pipe) != 0) {
        close_both(out_pipe);
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "pipe: %s", strerror(errno));
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(out_pipe[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(err_pipe[i], F_SETFD, FD_CLOEXEC);
    }
    rc = start(argv, out_pipe, err_pipe, &pid);
    close(out_pipe[1]);
    close(err_pipe[1]);
    out_pipe[1] = err_pipe[1] = -1;
    if (rc != 0) {
        close_both(out_pipe);
        close_both(err_pipe);
        return rc == ENOENT ? csvc_error_set(err, CSVC_NOT_FOUND, "%s is not in PATH", argv[0])
                            : csvc_error_set(err, CSVC_UNAVAILABLE, "%s cannot be run: %s", argv[0],
                                             strerror(rc));
    }
    csvc__buffer_init(&out_text, SPAWN_MAX_OUTPUT);
    csvc__buffer_init(&err_text, SPAWN_MAX_OUTPUT);
    whole = collect(out_pipe[0], err_pipe[0], &out_text, &err_text);
    if (!whole) {
        (void)kill(pid, SIGTERM);
    }
    close_both(out_pipe);
    close_both(err_pipe);
    rc = wait_for(pid);
    if (files_told_to_stop()) {
        code = csvc_error_set(err, CSVC_CANCELLED, "told to stop while %s ran", argv[0]);
    } else if (!whole) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "%s printed too much", argv[0]);
    } else {
        *ret_result =
            (spawn_result){.exit_code = rc, .out = keep(a, &out_text), .err = keep(a, &err_text)};
    }
    csvc__buffer_release(&out_text);
    csvc__buffer_release(&err_text);
    return code;
}
