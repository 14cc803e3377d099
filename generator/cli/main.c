/* main.c: c-svc finds the subcommand and runs it. */
#include "cli.h"
#include "files.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

const cli_command *const cli_commands[] = {
    &cli_new_service, &cli_generate, &cli_explain, &cli_doctor, &cli_help, NULL,
};

const cli_command *cli_find_command(const char *name)
{
    for (const cli_command *const *c = cli_commands; *c != NULL; c++) {
        if (strcmp((*c)->name, name) == 0) {
            return *c;
        }
    }
    return NULL;
}

static int unknown_command(const char *word)
{
    const char *names[sizeof(cli_commands) / sizeof(cli_commands[0])];
    size_t n = 0;
    const char *nearest;

    for (const cli_command *const *c = cli_commands; *c != NULL; c++) {
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

static int run(csvc_arena *a, int argc, char **argv)
{
    const cli_command *command;
    cli_args args;
    int rc;

    if (argc < 2) {
        cli_print_help(NULL);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_print_help(NULL);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("c-svc %s\n", CSVC_VERSION);
        return CLI_OK;
    }
    command = cli_find_command(argv[1]);
    if (command == NULL) {
        return unknown_command(argv[1]);
    }
    rc = cli_args_parse(a, command, argc - 2, argv + 2, &args);
    if (rc != CLI_OK) {
        return rc;
    }
    if (args.help) {
        cli_print_help(command);
        return CLI_OK;
    }
    return command->run(a, &args);
}

int main(int argc, char **argv)
{
    csvc_arena *a;
    int rc;

    files_watch_signals();
    a = cli_must(csvc_arena_new(0));
    rc = run(a, argc, argv);
    csvc_arena_free(a);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_error("writing to standard output failed");
        rc = rc == CLI_OK ? CLI_FAILED : rc;
    }
    return files_signalled(rc);
}
