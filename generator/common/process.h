/*
 * common/process.h: running another program, feeding it and taking what it prints.
 *
 * Found in PATH when its name holds no '/', no shell. Input and both outputs flow at once, so
 * neither side waits for the other; outputs are kept in memory up to a maximum. Blocks until it has
 * ended.
 */
#ifndef GEN_PROCESS_H
#define GEN_PROCESS_H

#include <csvc/arena.h>
#include <csvc/code.h>
#include "base/buffer.h"

enum {
    GEN_PROCESS_MAX_OUTPUT = 1 << 30 /* of each output */
};

typedef struct gen_process {
    const char *const *argv; /* NULL-terminated */
    csvc_bytes input;        /* its stdin; empty: nothing to read */
    bool (*stop)(void);      /* asked after every event and signal: end it now? NULL: never */
} gen_process;

/* How it ended and what it said; in the arena, with a NUL behind each output. */
typedef struct gen_process_result {
    int exit_code; /* 128 + N when signal N ended it */
    csvc_bytes out;
    csvc_bytes err;
} gen_process_result;

/*
 * Runs it. NOT_FOUND: there is no such program. CANCELLED: `stop` said so; it has been ended.
 * RESOURCE_EXHAUSTED: memory, or it printed more than the maximum. UNAVAILABLE: it cannot be run.
 * A program that fails is no failure: see exit_code.
 */
csvc_code gen_process_run(csvc_arena *a, const gen_process *process, gen_process_result *ret_result,
                          csvc_error *err);

/* One that runs. */
typedef struct gen_running gen_running;

/*
 * Runs `program` without arguments as a filter, which begins now: this returns when it has taken
 * its input, or does not want it. It must be ended or dropped. Codes as above.
 */
csvc_code gen_filter_start(csvc_arena *a, const char *program, csvc_bytes input,
                           gen_running **ret_running, csvc_error *err);

/* Waits for what it prints, which the caller releases. Codes as above, and INTERNAL when it failed:
 * err ends with what it said on stderr. */
csvc_code gen_filter_end(gen_running *running, csvc__buffer *ret_output, csvc_error *err);

/* Ends it and waits until it has. */
void gen_process_drop(gen_running *running);

#endif /* GEN_PROCESS_H */
