/*
 * stop.h: being told to stop, and leaving nothing half-made behind. One thread.
 */
#ifndef CONSOLE_STOP_H
#define CONSOLE_STOP_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP are only noted. Registers the clean-up at exit, too. */
void stop_watch(void);

/* True once one came: whoever is busy stops and returns. */
bool stop_asked(void);

/* At the end of main: dies of the signal that came, if one did; else returns rc. */
int stop_end(int rc);

/* What is to be removed when the program ends meanwhile; NULL: nothing is. One thing at a time. */
typedef void stop_abandon_fn(void *self);
void stop_unfinished(stop_abandon_fn *abandon, void *self);

#endif /* CONSOLE_STOP_H */
