/* stop.c: signals, and what is removed when the program does not come to its end. */
#include "stop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

static stop_abandon_fn *unfinished_abandon;
static void *unfinished_self;
static volatile sig_atomic_t signal_seen;

static void note_signal(int number)
{
    signal_seen = number;
}

static void clean_up(void)
{
    stop_abandon_fn *abandon = unfinished_abandon;

    if (abandon != NULL) {
        unfinished_abandon = NULL;
        abandon(unfinished_self);
    }
}

void stop_watch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = note_signal}; /* no SA_RESTART: waiting ends */
    struct sigaction before;

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        /* nohup and shells that run jobs in the background have it ignored; so it stays */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            (void)sigaction(numbers[i], &action, NULL);
        }
    }
    (void)atexit(clean_up);
}

bool stop_asked(void)
{
    return signal_seen != 0;
}

int stop_end(int rc)
{
    int number = signal_seen;

    if (number != 0) {
        clean_up();
        (void)fflush(stdout);
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
    return rc;
}

void stop_unfinished(stop_abandon_fn *abandon, void *self)
{
    unfinished_abandon = abandon;
    unfinished_self = self;
}
