/* main.c: c-svc finds the subcommand and runs it. */
#include "cli.h"
#include "console/stop.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static int run(csvc_arena *a, int argc, char **argv)
{
    const cli_command *command;
    cli_args args;
    int rc;

    if (argc < 2) {
        cli_print_commands(cli_commands);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_print_commands(cli_commands);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("c-svc %s\n", CSVC_VERSION);
        return CLI_OK;
    }
    rc = cli_find_command(argv[1], &command);
    if (rc == CLI_OK) {
        rc = cli_args_parse(a, command, argc - 2, argv + 2, &args);
    }
    if (rc != CLI_OK) {
        return rc;
    }
    if (args.help) {
        cli_print_usage(command);
        return CLI_OK;
    }
    return command->run(a, &args);
}

int main(int argc, char **argv)
{
    csvc_arena *a;
    int rc;

    stop_watch();
    a = cli_must(csvc_arena_new(0));
    rc = run(a, argc, argv);
    csvc_arena_free(a);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_error("writing to standard output failed");
        rc = rc == CLI_OK ? CLI_FAILED : rc;
    }
    return stop_end(rc);
}
