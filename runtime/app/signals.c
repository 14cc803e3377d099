/* app/signals.c: SIGTERM and SIGINT, for the one program that runs. */
#include <app/signals.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <base/banned.h>

static const int caught[] = {SIGTERM, SIGINT};
enum {
    N_CAUGHT = sizeof(caught) / sizeof(caught[0])
};

/* Signals belong to the process, so this does, too. */
static struct {
    atomic_bool taken;
    int pipe[2];
    struct sigaction before[N_CAUGHT];
    struct sigaction pipe_before;
} state = {.pipe = {-1, -1}};

static void on_signal(int number)
{
    const int saved = errno;
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    const unsigned char byte = (unsigned char)number;
    ssize_t written;

    for (size_t i = 0; i < N_CAUGHT; i++) {
        (void)sigaction(caught[i], &plain, NULL);
    }
    do {
        written = write(state.pipe[1], &byte, 1);
    } while (written < 0 && errno == EINTR);
    errno = saved;
}

csvc_code csvc__signals_take(csvc_error *err)
{
    struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (atomic_exchange(&state.taken, true)) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "another csvc_app of this process runs already");
    }
    if (pipe(state.pipe) != 0) {
        const int error = errno;

        atomic_store(&state.taken, false);
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "cannot make a pipe: %s",
                              strerror(error));
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(state.pipe[i], F_SETFD, FD_CLOEXEC);
    }
    (void)sigemptyset(&ours.sa_mask);
    for (size_t i = 0; i < N_CAUGHT; i++) {
        (void)sigaction(caught[i], NULL, &state.before[i]);
        if (caught[i] == SIGTERM || state.before[i].sa_handler != SIG_IGN) {
            (void)sigaction(caught[i], &ours, NULL);
        }
    }
    (void)sigaction(SIGPIPE, NULL, &state.pipe_before);
    if (state.pipe_before.sa_handler == SIG_DFL) {
        (void)sigaction(SIGPIPE, &ignore, NULL);
    }
    return CSVC_OK;
}

const char *csvc__signals_wait(void)
{
    struct pollfd fd = {.fd = state.pipe[0], .events = POLLIN};
    unsigned char byte = 0;

    /* not a bare read: ThreadSanitizer lets no handler run during one */
    while (poll(&fd, 1, -1) != 1 || read(state.pipe[0], &byte, 1) != 1) {
    }
    return byte == SIGINT ? "SIGINT" : "SIGTERM";
}

void csvc__signals_give_back(void)
{
    for (size_t i = 0; i < N_CAUGHT; i++) {
        (void)sigaction(caught[i], &state.before[i], NULL);
    }
    (void)sigaction(SIGPIPE, &state.pipe_before, NULL);
    (void)close(state.pipe[0]);
    (void)close(state.pipe[1]);
    state.pipe[0] = state.pipe[1] = -1;
    atomic_store(&state.taken, false);
}
