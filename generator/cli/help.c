/* help.c: what `--help` and `c-svc help` print. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

void cli_print_usage(const cli_command *command)
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

void cli_print_commands(const cli_command *const *commands)
{
    printf("c-svc makes gRPC services in C from .proto files, and keeps them current.\n\n"
           "usage: c-svc COMMAND [ARGUMENT]...\n\n");
    for (const cli_command *const *c = commands; *c != NULL; c++) {
        printf("  %-12s %s\n", (*c)->name, (*c)->summary);
    }
    printf("  %-12s %s\n\n", "--version", "the version of c-svc");
    printf("`c-svc help COMMAND` or `c-svc COMMAND --help` says more. Start with\n"
           "    c-svc new-service my-service && cd my-service && make run\n");
}
