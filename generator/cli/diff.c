/* diff.c: c-svc diff: what c-svc update would do, line by line. */
#include "answers.h"
#include "cli.h"
#include "update/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

enum {
    TROUBLE = 2 /* as diff(1) says */
};

static int read_colour(const cli_args *args, bool *ret_colour)
{
    const char *word = cli_args_option(args, "color", 0);
    const char *none = getenv("NO_COLOR");

    if (word == NULL || strcmp(word, "auto") == 0) {
        *ret_colour = isatty(STDOUT_FILENO) && (none == NULL || none[0] == '\0');
    } else if (strcmp(word, "always") == 0 || strcmp(word, "never") == 0) {
        *ret_colour = word[0] == 'a';
    } else {
        return cli_usage(args->command, "--color is auto, always or never, not '%s'", word);
    }
    return CLI_OK;
}

static int run_diff(csvc_arena *a, const cli_args *args)
{
    csvc_error err = {CSVC_ERROR_INIT};
    update_diff how = {.stat = cli_args_option(args, "stat", 0) != NULL};
    update u = {0};
    bool differs = false;
    csvc_code code;
    int rc = read_colour(args, &how.colour);

    if (rc != CLI_OK) {
        return rc;
    }
    u.only_shows = true; /* the warnings say what update would say */
    u.how.prune = cli_args_option(args, "prune", 0) != NULL;
    code = update_open(a, true, &u, &err);
    cli_read_answers(a, args, &u.project.answers);
    code = code == CSVC_OK ? update_plan(&u, &err) : code;
    code = code == CSVC_OK ? update_print_diff(&u, &how, &differs, &err) : code;
    update_close(&u);
    if (code != CSVC_OK) {
        project_print_error(&err);
        return TROUBLE;
    }
    return differs && cli_args_option(args, "exit-code", 0) != NULL ? CLI_FAILED : CLI_OK;
}

static const cli_option options[] = {
    {.name = "exit-code"},
    {.name = "stat"},
    {.name = "prune"},
    CLI_ANSWER_OPTIONS,
    {.name = "color", .value = "auto|always|never"},
    {0},
};

const cli_command cli_diff = {
    .name = "diff",
    .operands = "",
    .summary = "shows what c-svc update would change, line by line",
    .text = "In a project or below it: a unified diff of what `c-svc update` would do, markers of\n"
            "conflicts included. Nothing is written. `git apply` takes it.\n"
            "\n"
            "  --exit-code      1 when there is a difference\n"
            "  --stat           a line a file instead\n"
            "  --prune, --rename, --keep, --allow-data-loss\n"
            "                   as of `c-svc update`\n"
            "  --color auto|always|never\n"
            "                   without it, on a terminal, unless NO_COLOR is set\n"
            "\n"
            "When it cannot be told the exit code is 2.\n",
    .options = options,
    .run = run_diff,
};
