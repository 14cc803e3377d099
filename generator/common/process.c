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

/*
 * A program that runs: what it was told to, what it has printed.
 */
struct gen_running {
    child c;
    const char *name;
    bool (*stop)(void);
    csvc_bytes input; /* what it has not taken */
    csvc__buffer out;
    csvc__buffer said;
};

/* Until it has taken its input (`all`: until all streams have ended); false when told to stop or an
 * output is too long. */
static bool serve(gen_running *r, bool all)
{
    int *ours = r->c.ours;

    while (ours[0] >= 0 || (all && (ours[1] >= 0 || ours[2] >= 0))) {
        struct pollfd fds[3];

        if (r->stop != NULL && r->stop()) {
            return false;
        }
        for (int i = 0; i < 3; i++) {
            fds[i] = (struct pollfd){.fd = ours[i], .events = i == 0 ? POLLOUT : POLLIN};
        }
        if (poll(fds, 3, -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return false;
        }
        if (fds[0].revents != 0) {
            feed(&r->c, &r->input);
        }
        if (fds[1].revents != 0) {
            take(&ours[1], &r->out);
        }
        if (fds[2].revents != 0) {
            take(&ours[2], &r->said);
        }
        if (!csvc__buffer_ok(&r->out) || !csvc__buffer_ok(&r->said)) {
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

static csvc_code begin(gen_running *r, const gen_process *process, csvc_error *err)
{
    csvc_code code = CSVC_OK;

    *r = (gen_running){.c = {.ours = {-1, -1, -1}, .theirs = {-1, -1, -1}},
                       .name = process->argv[0],
                       .stop = process->stop,
                       .input = process->input};
    csvc__buffer_init(&r->out, GEN_PROCESS_MAX_OUTPUT);
    csvc__buffer_init(&r->said, GEN_PROCESS_MAX_OUTPUT);
    if (!open_streams(&r->c)) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "no sockets to run %.100s: %s", r->name,
                              strerror(errno));
    } else {
        const int rc = start(&r->c, process->argv);

        if (rc != 0) {
            code = csvc_error_set(err, rc == ENOENT ? CSVC_NOT_FOUND : CSVC_UNAVAILABLE,
                                  "%.200s cannot be run: %s", r->name, strerror(rc));
        }
    }
    shut_all(r->c.theirs);
    if (code != CSVC_OK) {
        shut_all(r->c.ours);
    }
    return code;
}

/* Sees it end, once served; its outputs are the caller's to release. */
static csvc_code end(gen_running *r, bool whole, int *ret_exit_code, csvc_error *err)
{
    if (!whole) {
        (void)kill(r->c.pid, SIGTERM);
    }
    shut_all(r->c.ours);
    *ret_exit_code = wait_for(r->c.pid);
    if (r->stop != NULL && r->stop()) {
        return csvc_error_set(err, CSVC_CANCELLED, "told to stop while %.100s ran", r->name);
    }
    return whole ? CSVC_OK
                 : csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                                  "out of memory for what %.100s prints, or it prints too much",
                                  r->name);
}

static void release(gen_running *r)
{
    csvc__buffer_release(&r->out);
    csvc__buffer_release(&r->said);
}

static bool keep(csvc_arena *a, const csvc__buffer *b, csvc_bytes *ret_bytes)
{
    const char *text = csvc_arena_strndup(a, b->data != NULL ? b->data : "", b->len);

    *ret_bytes = (csvc_bytes){b->len, (const uint8_t *)text};
    return text != NULL;
}

csvc_code gen_process_run(csvc_arena *a, const gen_process *process, gen_process_result *ret_result,
                          csvc_error *err)
{
    gen_process_result result = {0};
    gen_running r;
    csvc_code code = begin(&r, process, err);

    if (code != CSVC_OK) {
        return code;
    }
    code = end(&r, serve(&r, true), &result.exit_code, err);
    if (code == CSVC_OK && (!keep(a, &r.out, &result.out) || !keep(a, &r.said, &result.err))) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (code == CSVC_OK) {
        *ret_result = result;
    }
    release(&r);
    return code;
}

csvc_code gen_filter_start(csvc_arena *a, const char *program, csvc_bytes input,
                           gen_running **ret_running, csvc_error *err)
{
    const char *const argv[] = {program, NULL};
    const gen_process process = {.argv = argv, .input = input};
    gen_running *r = csvc_arena_alloc(a, sizeof(*r));
    csvc_code code;

    if (r == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    code = begin(r, &process, err);
    if (code != CSVC_OK) {
        return code;
    }
    if (!serve(r, false)) {
        int exit_code;

        code = end(r, false, &exit_code, err);
        release(r);
        return code;
    }
    *ret_running = r;
    return CSVC_OK;
}

void gen_process_drop(gen_running *running)
{
    csvc_error ignored = {CSVC_ERROR_INIT};
    int exit_code;

    (void)end(running, false, &exit_code, &ignored);
    release(running);
}

/* What a program that failed said, as an error. */
static csvc_code failed(const gen_running *r, int exit_code, csvc_error *err)
{
    const bool killed = exit_code > 128;
    const char *said = r->said.data;
    size_t len = r->said.len;

    while (len > 0 && strchr("\r\n ", said[len - 1]) != NULL) {
        len--;
    }
    return csvc_error_set(
        err, CSVC_INTERNAL, "%.100s %s %d: %.*s", r->name,
        killed ? "was killed by signal" : "ended with status", killed ? exit_code - 128 : exit_code,
        len > 0 ? (int)(len > 300 ? 300 : len) : 100, len > 0 ? said : "it said nothing");
}

csvc_code gen_filter_end(gen_running *running, csvc__buffer *ret_output, csvc_error *err)
{
    int exit_code;
    csvc_code code = end(running, serve(running, true), &exit_code, err);

    if (code == CSVC_OK && exit_code != 0) {
        code = failed(running, exit_code, err);
    }
    if (code == CSVC_OK) {
        *ret_output = running->out;
        csvc__buffer_init(&running->out, GEN_PROCESS_MAX_OUTPUT);
    }
    release(running);
    return code;
}
