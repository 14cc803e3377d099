/* support/child.c: see the header. */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    TIMEOUT_SECONDS = 60
};

static void die(const child *c, const char *what)
{
    fprintf(stderr, "child: %s\n--- its output:\n%s--- its errors:\n%s---\n", what, c->out, c->err);
    if (c->pid > 0) {
        kill(c->pid, SIGKILL);
    }
    abort();
}

void child_start(child *c, child_main *fn, void *arg)
{
    int out[2], err[2];

    memset(c, 0, sizeof(*c));
    fflush(NULL);
    if (pipe(out) != 0 || pipe(err) != 0) {
        die(c, "no pipe");
    }
    c->pid = fork();
    if (c->pid < 0) {
        die(c, "no fork");
    }
    if (c->pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        close(out[0]);
        close(out[1]);
        close(err[0]);
        close(err[1]);
        exit(fn(arg));
    }
    close(out[1]);
    close(err[1]);
    c->out_fd = out[0];
    c->err_fd = err[0];
}

static void read_some(child *c, int *fd, char *text, size_t *len)
{
    ssize_t got = read(*fd, text + *len, sizeof(c->out) - 1 - *len);

    if (got < 0 && errno == EINTR) {
        return;
    }
    if (got <= 0) {
        close(*fd);
        *fd = -1;
        return;
    }
    *len += (size_t)got;
    text[*len] = '\0';
}

/* Waits for more; false when both have ended. */
static bool more(child *c, time_t until)
{
    struct pollfd fds[] = {{.fd = c->out_fd, .events = POLLIN},
                           {.fd = c->err_fd, .events = POLLIN}};

    if (c->out_fd < 0 && c->err_fd < 0) {
        return false;
    }
    if (time(NULL) >= until) {
        die(c, "took too long");
    }
    if (poll(fds, 2, 1000) > 0) {
        if (fds[0].revents != 0) {
            read_some(c, &c->out_fd, c->out, &c->out_len);
        }
        if (fds[1].revents != 0) {
            read_some(c, &c->err_fd, c->err, &c->err_len);
        }
    }
    return true;
}

static void await(child *c, const char *text, const char *where)
{
    const time_t until = time(NULL) + TIMEOUT_SECONDS;

    while (strstr(where, text) == NULL) {
        if (!more(c, until)) {
            die(c, text);
        }
    }
}

void child_await_err(child *c, const char *text)
{
    await(c, text, c->err);
}

void child_await_out(child *c, const char *text)
{
    await(c, text, c->out);
}

int child_end(child *c)
{
    const time_t until = time(NULL) + TIMEOUT_SECONDS;
    int status;

    while (more(c, until)) {
    }
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (strstr(c->err, "Sanitizer") != NULL) {
        fprintf(stderr, "child: a sanitizer says:\n%s---\n", c->err);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int child_run(child *c, child_main *fn, void *arg)
{
    child_start(c, fn, arg);
    return child_end(c);
}
