/*
 * cli.h: what the subcommands of c-svc share: exit codes, arguments, saying things.
 *
 * c-svc is a short-lived program: what it allocates goes with the arena of its command, and when
 * memory is short it says so and exits with 1, leaving nothing half-made. Results go to standard
 * output; whatever is wrong goes to standard error, in the form `file:line:col: error: text` where
 * it has a place.
 */
#ifndef CLI_H
#define CLI_H

#include <csvc/arena.h>
#include <csvc/code.h>
#include "base/buffer.h"
#include "common/process.h"

enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* it could not be done */
    CLI_USAGE = 2,  /* it was not asked for rightly */
};

/* ---- commands (main.c) ---- */

typedef struct cli_args cli_args;

typedef struct cli_option {
    const char *name;  /* "proto", as --proto; "-I" as "I" */
    const char *value; /* "FILE" in the help; NULL: a switch */
    bool many;         /* may be given more than once */
} cli_option;

typedef struct cli_command {
    const char *name;
    const char *operands; /* "NAME", "[PROTO]..."; "" for none */
    int min_operands, max_operands;
    const char *summary;       /* a line of `c-svc help` */
    const char *text;          /* what `c-svc help COMMAND` says below the usage */
    const cli_option *options; /* ends with a NULL name; --help is everywhere */
    int (*run)(csvc_arena *a, const cli_args *args);
} cli_command;

extern const cli_command cli_new_service, cli_generate, cli_explain, cli_doctor;

/* All of them, in the order of the help; ends with NULL. */
extern const cli_command *const cli_commands[];

/* The command of this name. Says what is wrong with the word, and which was probably meant, and
 * returns CLI_USAGE. */
int cli_find_command(const char *word, const cli_command **ret_command);

/* Prints what `c-svc help` does, and `c-svc help COMMAND`. */
void cli_print_commands(const cli_command *const *commands);
void cli_print_usage(const cli_command *command);

/* ---- arguments (args.c) ---- */

struct cli_args {
    const cli_command *command;
    const char **operands;
    size_t n_operands;
    const char **names; /* of the options given, one entry for each time */
    const char **values;
    size_t n_options;
    bool help;
};

/*
 * Sorts out what stands behind the command's name: --option VALUE, --option=VALUE, -I DIR, -IDIR,
 * `--` before operands that begin with a dash. Says what is wrong, and the option that was probably
 * meant, and returns CLI_USAGE.
 */
int cli_args_parse(csvc_arena *a, const cli_command *command, int argc, char **argv,
                   cli_args *ret_args);

/* The n-th value of an option (for a switch ""); NULL when it was not given so often. */
const char *cli_args_option(const cli_args *args, const char *name, size_t n);

/* The values of an option that may be repeated. */
size_t cli_args_options(csvc_arena *a, const cli_args *args, const char *name,
                        const char *const **ret_values);

/* The one of `names` that `word` was probably meant to be; NULL when none is near. */
const char *cli_nearest(const char *word, const char *const *names, size_t n_names);

/* ---- saying things (say.c) ---- */

/* `c-svc: text` on standard error. */
void cli_error(const char *format, ...) CSVC_PRINTF(1, 2);

/* A second line below it: `       text`, saying how to mend it. */
void cli_hint(const char *format, ...) CSVC_PRINTF(1, 2);

/* Wrong usage: an error and `try c-svc help COMMAND`; returns CLI_USAGE. */
int cli_usage(const cli_command *command, const char *format, ...) CSVC_PRINTF(2, 3);

/* `  create  PATH` on standard output. */
void cli_status(const char *word, const char *path);

/* What is returned must be there: says `out of memory` and exits with 1 when it is NULL. Only for
 * places where nothing has to be undone: files.c registers its own clean-up. */
void *cli_must(const void *memory);

/* printf into the arena, never NULL. */
char *cli_printf(csvc_arena *a, const char *format, ...) CSVC_PRINTF(2, 3);

/* Runs a program, ended when c-svc is told to stop meanwhile: gen_process_run. */
csvc_code cli_run(csvc_arena *a, const char *const *argv, gen_process_result *ret_result,
                  csvc_error *err);

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

#endif /* CLI_H */
