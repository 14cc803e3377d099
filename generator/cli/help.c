/* help.c: `c-svc help [COMMAND]`. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static void print_usage(const cli_command *command)
{
    int at = printf("usage: c-svc %s", command->name);

    if (command->operands[0] != '\0') {
        at += printf(" %s", command->operands);
    }
    for (const cli_option *o = command->options; o != NULL && o->name != NULL; o++) {
        char word[64];
        int len = snprintf(word, sizeof(word), "[%s%s%s%s]%s", strlen(o->name) == 1 ? "-" : "--",
                           o->name, o->value != NULL ? " " : "", o->value != NULL ? o->value : "",
                           o->many ? "..." : "");

        if (at + 1 + len > 96) {
            at = printf("\n            ") - 1;
        }
        at += printf(" %s", word);
    }
    printf("\n\n%s", command->text);
}

void cli_print_help(const cli_command *command)
{
    if (command != NULL) {
        print_usage(command);
        return;
    }
    printf("c-svc makes gRPC services in C from .proto files, and keeps them current.\n\n"
           "usage: c-svc COMMAND [ARGUMENT]...\n\n");
    for (const cli_command *const *c = cli_commands; *c != NULL; c++) {
        printf("  %-12s %s\n", (*c)->name, (*c)->summary);
    }
    printf("  %-12s %s\n\n", "--version", "the version of c-svc");
    printf("`c-svc help COMMAND` or `c-svc COMMAND --help` says more. Start with\n"
           "    c-svc new-service my-service && cd my-service && make run\n");
}

static int run_help(csvc_arena *a, const cli_args *args)
{
    const cli_command *command;

    (void)a;
    if (args->n_operands == 0) {
        cli_print_help(NULL);
        return CLI_OK;
    }
    command = cli_find_command(args->operands[0]);
    if (command == NULL) {
        const char *names[16];
        size_t n = 0;
        const char *nearest;

        for (const cli_command *const *c = cli_commands; *c != NULL && n < 16; c++) {
            names[n++] = (*c)->name;
        }
        nearest = cli_nearest(args->operands[0], names, n);
        return nearest != NULL ? cli_usage(NULL, "unknown command '%s'; did you mean %s?",
                                           args->operands[0], nearest)
                               : cli_usage(NULL, "unknown command '%s'", args->operands[0]);
    }
    cli_print_help(command);
    return CLI_OK;
}

const cli_command cli_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .max_operands = 1,
    .summary = "what the commands do",
    .text = "Without COMMAND it lists the commands, with one it says what it does.\n",
    .run = run_help,
};
