/*
 * app/cli_watch.c: what ends a call from outside: a signal, or that nobody reads our output.
 *
 * The handler only writes to a pipe; a thread waits for that and for the end of standard output,
 * and cancels the call. A second signal has its default action.
 */
#include <app/cli.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <base/banned.h>

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
#define N_CAUGHT (sizeof(caught) / sizeof(caught[0]))

/* Signals belong to the process, so this does, too. */
static int signal_fd = -1;

static void on_signal(int number)
{
    const int saved = errno;
    const unsigned char byte = (unsigned char)number;
    ssize_t written;

    do {
        written = write(signal_fd, &byte, 1);
    } while (written < 0 && errno == EINTR);
    errno = saved;
}

static void *watch(void *self)
{
    csvc__cli_watch *w = self;
    /* of a pipe, POLLERR comes when its reader has gone, unasked */
    struct pollfd fds[2] = {{.fd = w->pipe[0], .events = POLLIN}, {.fd = STDOUT_FILENO}};
    unsigned char byte = 0;

    for (;;) {
        if (poll(fds, 2, -1) < 0) {
            if (errno != EINTR) {
                return NULL;
            }
            continue;
        }
        if ((fds[0].revents & POLLIN) != 0) {
            if (read(w->pipe[0], &byte, 1) != 1 || byte == 0) {
                return NULL; /* of csvc__cli_watch_end */
            }
            w->signal = byte;
        } else if ((fds[1].revents & (POLLERR | POLLHUP)) != 0) {
            w->signal = SIGPIPE;
            fds[1].fd = -1;
        } else {
            fds[1].fd = -1; /* closed from the start: writing says so */
            continue;
        }
        csvc_call_cancel(w->call);
    }
}

csvc_code csvc__cli_watch_start(csvc__cli_watch *w, csvc_call *call, csvc_error *err)
{
    struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    int error;

    memset(w, 0, sizeof(*w));
    w->call = call;
    if (pipe(w->pipe) != 0) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "cannot make a pipe: %s",
                              strerror(errno));
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(w->pipe[i], F_SETFD, FD_CLOEXEC);
    }
    error = pthread_create(&w->thread, NULL, watch, w);
    if (error != 0) {
        (void)close(w->pipe[0]);
        (void)close(w->pipe[1]);
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "cannot start a thread: %s",
                              strerror(error));
    }
    signal_fd = w->pipe[1];
    (void)sigemptyset(&ours.sa_mask);
    for (size_t i = 0; i < N_CAUGHT; i++) {
        (void)sigaction(caught[i], NULL, &w->before[i]);
        if (w->before[i].sa_handler != SIG_IGN) {
            (void)sigaction(caught[i], &ours, NULL);
        }
    }
    (void)sigaction(SIGPIPE, NULL, &w->pipe_before);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    return CSVC_OK;
}

int csvc__cli_watch_end(csvc__cli_watch *w)
{
    const unsigned char byte = 0;
    ssize_t written;

    for (size_t i = 0; i < N_CAUGHT; i++) {
        (void)sigaction(caught[i], &w->before[i], NULL);
    }
    (void)sigaction(SIGPIPE, &w->pipe_before, NULL);
    do {
        written = write(w->pipe[1], &byte, 1);
    } while (written < 0 && errno == EINTR);
    (void)pthread_join(w->thread, NULL);
    (void)close(w->pipe[0]);
    (void)close(w->pipe[1]);
    return w->signal;
}
