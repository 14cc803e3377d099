/* process.h: running another program as a filter. */
#ifndef GEN_PROCESS_H
#define GEN_PROCESS_H

#include <csvc/arena.h>
#include <csvc/code.h>

/*
 * Runs `program` (found in PATH when it holds no '/') without arguments, feeds it `input` and takes
 * what it writes, both at once, so neither side waits for the other. Blocks until it has ended.
 * NOT_FOUND: there is no such program. INTERNAL: it failed; err ends with what it said on stderr.
 */
csvc_code gen_filter(csvc_arena *a, const char *program, csvc_bytes input, csvc_bytes *ret_output,
                     csvc_error *err);

#endif /* GEN_PROCESS_H */
