/*
 * spawn.h: running another program and taking what it prints.
 *
 * Found in PATH, no shell. Both outputs are kept in memory up to a maximum; the program is ended
 * when it prints more, or when c-svc is told to stop meanwhile.
 */
#ifndef CLI_SPAWN_H
#define CLI_SPAWN_H

#include <csvc/arena.h>
#include <csvc/code.h>

typedef struct spawn_result {
    int exit_code;  /* 128 + N when signal N ended it */
    csvc_bytes out; /* with a NUL behind it */
    csvc_bytes err;
} spawn_result;

enum {
    SPAWN_MAX_OUTPUT = 256 << 20
};

/* NOT_FOUND when there is no such program; CANCELLED; RESOURCE_EXHAUSTED; UNAVAILABLE. A program
 * that fails is no failure: see exit_code. */
csvc_code spawn_run(csvc_arena *a, const char *const *argv, spawn_result *ret_result,
                    csvc_error *err);

#endif /* CLI_SPAWN_H */
