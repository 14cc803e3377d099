/*
 * cli.h: what the subcommands of c-svc share: which there are, and their arguments.
 */
#ifndef CLI_H
#define CLI_H

#include "console/say.h"

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

extern const cli_command cli_new_service;
extern const cli_command cli_init;
extern const cli_command cli_generate;
extern const cli_command cli_update;
extern const cli_command cli_add;
extern const cli_command cli_remove;
extern const cli_command cli_diff;
extern const cli_command cli_template;
extern const cli_command cli_explain;
extern const cli_command cli_doctor;
extern const cli_command cli_completion;

/* All of them, in the order of the help; ends with NULL. */
extern const cli_command *const cli_commands[];

/* The command of this name. Says what is wrong with the word, and which was probably meant, and
 * returns CLI_USAGE. */
int cli_find_command(const char *word, const cli_command **ret_command);

/* Whether there is a feature of this name: else says so, and which was probably meant, and returns
 * CLI_USAGE. */
int cli_check_feature(csvc_arena *a, const cli_command *command, const char *word);

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

/* Wrong usage: an error and `try c-svc help COMMAND`; returns CLI_USAGE. */
int cli_usage(const cli_command *command, const char *format, ...) CSVC_PRINTF(2, 3);

#endif /* CLI_H */
