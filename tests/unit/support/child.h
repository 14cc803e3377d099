/*
 * support/child.h: a function run in a process of its own, its output caught.
 *
 * For what prints, handles signals and ends the process. The parent must not have started threads.
 */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <stddef.h>
#include <sys/types.h>

typedef struct child {
    pid_t pid;
    int out_fd, err_fd;
    char out[65536], err[65536]; /* what was read so far, NUL-terminated */
    size_t out_len, err_len;
} child;

typedef int child_main(void *arg);

/* Runs it; its result is the exit code. */
void child_start(child *c, child_main *fn, void *arg);

/* Reads until `text` has come on standard error (out: on standard output); fails the test when the
 * child ends before, or after 60 seconds. */
void child_await_err(child *c, const char *text);
void child_await_out(child *c, const char *text);

/* Reads the rest and waits for the end: the exit code, or 1000 and the signal that ended it. */
int child_end(child *c);

/* Start and end in one. */
int child_run(child *c, child_main *fn, void *arg);

#endif /* TESTS_CHILD_H */
