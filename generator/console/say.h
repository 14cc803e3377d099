/*
 * say.h: what every part of c-svc shares: exit codes, saying things, lists of text, running
 * programs.
 *
 * c-svc is a short-lived program: what it allocates goes with the arena of its command, and when
 * memory is short it says so and exits with 1, leaving nothing half-made. Results go to standard
 * output; whatever is wrong goes to standard error, in the form `file:line:col: error: text` where
 * it has a place.
 */
#ifndef CONSOLE_SAY_H
#define CONSOLE_SAY_H

#include <csvc/arena.h>
#include <csvc/code.h>
#include "base/buffer.h"
#include "common/process.h"

enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* it could not be done */
    CLI_USAGE = 2,  /* it was not asked for rightly */
};

/* `c-svc: text` on standard error. */
void cli_error(const char *format, ...) CSVC_PRINTF(1, 2);

/* A second line below it: `       text`, saying how to mend it. */
void cli_hint(const char *format, ...) CSVC_PRINTF(1, 2);

/* `  create  PATH` on standard output. */
void cli_status(const char *word, const char *path);

/* What is returned must be there: says `out of memory` and exits with 1 when it is NULL. Only for
 * places where nothing has to be undone: files_tree.c registers its own clean-up. */
void *cli_must(const void *memory);

/* printf into the arena, never NULL. */
char *cli_printf(csvc_arena *a, const char *format, ...) CSVC_PRINTF(2, 3);

/* Runs a program, ended when c-svc is told to stop meanwhile: gen_process_run. */
csvc_code cli_run(csvc_arena *a, const char *const *argv, gen_process_result *ret_result,
                  csvc_error *err);

/* Room for one item more behind `len` of them: `items`, or a larger copy. Zeroes are a list. */
void *cli_grown(csvc_arena *a, void *items, size_t len, size_t *max, size_t size);

/* A list of text in an arena that grows. */
typedef struct cli_list {
    const char **items;
    size_t len, max;
} cli_list;

void cli_list_add(csvc_arena *a, cli_list *list, const char *item);
bool cli_list_has(const cli_list *list, const char *item);
void cli_list_sort(cli_list *list);
/* The items with a blank between them. */
const char *cli_list_join(csvc_arena *a, const cli_list *list, const char *between);

/* The one of `names` that `word` was probably meant to be; NULL when none is near. */
const char *cli_nearest(const char *word, const char *const *names, size_t n_names);

#endif /* CONSOLE_SAY_H */
