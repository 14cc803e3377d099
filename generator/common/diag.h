/*
 * common/diag.h: what is wrong with the input, collected.
 *
 * Each problem is one line `file:line:col: error: text`, in the order of files and lines, with an
 * optional second line `file:line:col: note: how to mend it`. Nothing is printed here; whoever
 * asked for the run prints or hands it on.
 */
#ifndef GEN_DIAG_H
#define GEN_DIAG_H

#include <csvc/arena.h>
#include "base/buffer.h"

/* Where something stands in a .proto; line and column count from 1, 0: not known. */
typedef struct gen_place {
    const char *file;
    uint32_t line;
    uint32_t column;
} gen_place;

typedef enum gen_severity {
    GEN_ERROR = 0,
    GEN_WARNING = 1,
    GEN_NOTE = 2, /* belongs to the problem reported before it */
} gen_severity;

typedef struct gen_problem {
    gen_severity severity;
    gen_place place;
    const char *text;
} gen_problem;

/* At most this many are kept, with their notes; how many more there were is said at the end. */
enum {
    GEN_MAX_PROBLEMS = 1000
};

typedef struct gen_diag {
    csvc_arena *arena;
    gen_problem *problems;
    size_t n_problems, max_problems;
    size_t n_errors, n_warnings; /* those not kept too */
    size_t n_dropped;
    bool failed; /* memory was short: something is missing, and the run must fail */
} gen_diag;

void gen_diag_init(gen_diag *diag, csvc_arena *arena);

/* A NOTE belongs to the problem reported last. A place without a file or a line leaves them out. */
void gen_report(gen_diag *diag, gen_severity severity, gen_place place, const char *format, ...)
    CSVC_PRINTF(4, 5);

/* All of them, sorted by file and line (notes stay with their problem), one a line. */
void gen_diag_print(const gen_diag *diag, gen_severity worst_to_print, csvc__buffer *out);

#endif /* GEN_DIAG_H */
