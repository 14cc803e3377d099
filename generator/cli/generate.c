/* generate.c: c-svc generate: brings gen/ up to date, and touches nothing else. */
#include "cli.h"
#include "project/files.h"
#include "project/strays.h"
#include "update/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

static void tell_of_handlers(project *pr)
{
    cli_list strays = {0};

    for (const gen_rpc *const *rpc = project_rpcs(pr); *rpc != NULL; rpc++) {
        const char *path = project_handler_path(pr->a, *rpc);

        if (project_place(pr, path) == NULL) {
            printf("todo: %s: write it; until then %s answers UNIMPLEMENTED "
                   "(its prototype is in gen/services.h)\n",
                   files_join(pr->a, pr->root, path), (*rpc)->name);
        }
    }
    project_strays(pr, &strays);
    for (size_t i = 0; i < strays.len; i++) {
        printf("todo: %s: belongs to no rpc any more, and is not compiled; remove it\n",
               files_join(pr->a, pr->root, strays.items[i]));
    }
}

static int run_generate(csvc_arena *a, const cli_args *args)
{
    static const update_report how = {.width = 6};
    csvc_error err = {CSVC_ERROR_INIT};
    bool under_make = getenv("MAKELEVEL") != NULL; /* which tells of handlers and tables itself */
    update u = {.gen_only = true};
    csvc_code code = update_open(a, false, &u, &err);
    size_t written;

    (void)args;
    code = code == CSVC_OK ? update_plan(&u, &err) : code;
    if (code == CSVC_OK && !under_make) {
        pipeline_print_problems(&u.pipeline);
    }
    code = code == CSVC_OK ? update_commit(&u, &err) : code;
    update_close(&u);
    if (code != CSVC_OK) {
        project_print_error(&err);
        return CLI_FAILED;
    }
    update_print_files(&u, &how);
    if (!under_make) {
        tell_of_handlers(&u.project);
    }
    written = u.counts[UPDATE_CREATE] + u.counts[UPDATE_CHANGE] + u.counts[UPDATE_REMOVE];
    if (written == 0) {
        printf("%s: gen/ is up to date.\n", u.project.config.name);
    } else {
        printf("%s: %zu file%s changed.\n", u.project.config.name, written,
               written == 1 ? "" : "s");
    }
    return CLI_OK;
}

const cli_command cli_generate = {
    .name = "generate",
    .operands = "",
    .summary = "brings gen/ up to date with the protos",
    .text =
        "In a project or below it: reads c-svc.yaml, the protos and the migrations, and writes\n"
        "what changed in gen/ and .c-svc/, nothing else. Files that are as they should be keep\n"
        "their dates. `make` runs it by itself when the content of one of them has changed.\n"
        "\n"
        "Handlers, tests and migrations are yours: for an rpc that has no handler yet there is\n"
        "a `todo:` line, for a table that has to change a warning. `c-svc update` brings the\n"
        "whole project up to date, new handlers included.\n",
    .run = run_generate,
};
