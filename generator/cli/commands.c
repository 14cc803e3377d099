/* commands.c: the subcommands, and finding one by the word that was typed. */
#include "cli.h"

#include "project/features.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static int run_help(csvc_arena *a, const cli_args *args);

static const cli_command help = {
    .name = "help",
    .operands = "[COMMAND|features]",
    .max_operands = 1,
    .summary = "what the commands do",
    .text = "Without COMMAND it lists the commands, with one it says what it does. `features` are\n"
            "what a project may have around its service.\n",
    .run = run_help,
};

const cli_command *const cli_commands[] = {
    &cli_new_service, &cli_init,   &cli_generate, &cli_update,  &cli_diff,
    &cli_add,         &cli_remove, &cli_template, &cli_explain, &cli_doctor,
    &cli_completion,  &help,       NULL,
};

int cli_find_command(const char *word, const cli_command **ret_command)
{
    const char *names[sizeof(cli_commands) / sizeof(cli_commands[0])];
    size_t n = 0;
    const char *nearest;

    for (const cli_command *const *c = cli_commands; *c != NULL; c++) {
        if (strcmp((*c)->name, word) == 0) {
            *ret_command = *c;
            return CLI_OK;
        }
        names[n++] = (*c)->name;
    }
    nearest = cli_nearest(word, names, n);
    if (word[0] == '-') {
        static const char *const options[] = {"--help", "--version"};

        nearest = cli_nearest(word, options, 2);
        return cli_usage(NULL, "unknown option %s%s%s%s", word,
                         nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                         nearest != NULL ? "?" : "");
    }
    if (nearest == NULL && strcmp(word, "new") == 0) {
        nearest = cli_new_service.name;
    }
    if (nearest != NULL) {
        return cli_usage(NULL, "unknown command '%s'; did you mean %s?", word, nearest);
    }
    return cli_usage(NULL, "unknown command '%s'", word);
}

int cli_check_feature(csvc_arena *a, const cli_command *command, const char *word)
{
    const char *nearest = features_nearest(word);

    if (features_find(word) != NULL) {
        return CLI_OK;
    }
    return nearest != NULL
               ? cli_usage(command, "no feature is called '%s'; did you mean %s?", word, nearest)
               : cli_usage(command, "no feature is called '%s'; there are %s", word,
                           features_names(a, ", "));
}

static void print_features(void)
{
    printf("What a project may have around its service; those with a * every new one has, unless\n"
           "`new-service --without FEATURE` says otherwise.\n\n");
    for (const feature *f = features_all; f->name != NULL; f++) {
        printf("  %c %-12s %s\n", f->by_default ? '*' : ' ', f->name, f->summary);
        if (f->needs != NULL) {
            printf("    %-12s (with %s)\n", "", f->needs);
        }
    }
    printf("\nThe files are yours to change: `c-svc update` merges what changes in c-svc.\n");
}

static int run_help(csvc_arena *a, const cli_args *args)
{
    const cli_command *command;
    int rc = CLI_OK;

    (void)a;
    if (args->n_operands == 0) {
        cli_print_commands(cli_commands);
        return CLI_OK;
    }
    if (strcmp(args->operands[0], "features") == 0) {
        print_features();
        return CLI_OK;
    }
    rc = cli_find_command(args->operands[0], &command);
    if (rc == CLI_OK) {
        cli_print_usage(command);
    }
    return rc;
}
