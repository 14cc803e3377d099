/* add.c: c-svc add, c-svc remove: features of a project, by the list in its c-svc.yaml. */
#include "cli.h"
#include "project/features.h"
#include "project/features_edit.h"
#include "project/files.h"
#include "update/report.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

/* Which change: those named; what they need comes along, what needs them goes along. */
static void choose(csvc_arena *a, const cli_args *args, const config *c, bool with,
                   cli_list *ret_names)
{
    for (const feature *f = features_all; f->name != NULL; f++) {
        bool asked = false;

        for (size_t i = 0; i < args->n_operands; i++) {
            asked = asked || features_follow(f, features_find(args->operands[i]), with);
        }
        if (asked && config_has(c, f->name) != with) {
            cli_list_add(a, ret_names, f->name);
        }
    }
}

/* c-svc.yaml with the names in or out, in the project and in its plan. */
static csvc_code change_config(update *u, const cli_list *names, bool with, csvc_error *err)
{
    csvc_arena *a = u->a;
    const char *path = update_shown(u, CONFIG_FILE);
    csvc_bytes text;
    csvc_code code = files_read(a, path, CONFIG_MAX_BYTES, &text, err);

    for (size_t i = 0; code == CSVC_OK && i < names->len; i++) {
        const feature *f = features_find(names->items[i]);

        code = features_edit(a, path, text, f->name, with, &text, err);
        for (const char *const *file = f->files; !with && *file != NULL; file++) {
            cli_list_add(a, &u->prune, features_path(a, *file, u->project.config.name));
        }
    }
    code = code == CSVC_OK ? config_parse(a, path, text, &u->project.config, err) : code;
    if (code == CSVC_OK) {
        project_add(&u->project, CONFIG_FILE, GEN_YOURS, text);
    }
    return code;
}

static csvc_code change(update *u, const cli_args *args, bool with, bool looking,
                        cli_list *ret_names, csvc_error *err)
{
    csvc_code code = update_open(u->a, looking, u, err);

    if (code == CSVC_OK) {
        choose(u->a, args, &u->project.config, with, ret_names);
    }
    if (code != CSVC_OK || ret_names->len == 0) {
        return code;
    }
    code = change_config(u, ret_names, with, err);
    code = code == CSVC_OK ? update_plan(u, err) : code;
    if (code == CSVC_OK) {
        pipeline_print_problems(&u->pipeline);
    }
    if (code == CSVC_OK && !looking) {
        update_warn_of_git(u);
        code = update_commit(u, err);
    }
    return code;
}

static int run_change(csvc_arena *a, const cli_args *args, bool with)
{
    update_report how = {.width = 8, .dry_run = cli_args_option(args, "dry-run", 0) != NULL};
    csvc_error err = {CSVC_ERROR_INIT};
    update u = {.a = a};
    cli_list names = {0};
    csvc_code code;
    int rc = CLI_OK;

    for (size_t i = 0; rc == CLI_OK && i < args->n_operands; i++) {
        rc = cli_check_feature(a, args->command, args->operands[i]);
    }
    if (rc != CLI_OK) {
        return rc;
    }
    code = change(&u, args, with, how.dry_run, &names, &err);
    update_close(&u);
    if (code != CSVC_OK) {
        project_print_error(&err);
        return CLI_FAILED;
    }
    if (names.len == 0) {
        printf("%s: %s; nothing was changed.\n", u.project.config.name,
               with ? "that is there already" : "there is no such thing");
        return CLI_OK;
    }
    update_print(&u, &how,
                 cli_printf(a, "%s: %s %s.", u.project.config.name, with ? "with" : "without",
                            cli_list_join(a, &names, ", ")));
    return update_say_conflicts(&u) ? CLI_FAILED : CLI_OK;
}

static int run_add(csvc_arena *a, const cli_args *args)
{
    return run_change(a, args, true);
}

static int run_remove(csvc_arena *a, const cli_args *args)
{
    return run_change(a, args, false);
}

enum {
    MANY = 64
};

static const cli_option options[] = {
    {.name = "dry-run"},
    {0},
};

const cli_command cli_add = {
    .name = "add",
    .operands = "FEATURE...",
    .min_operands = 1,
    .max_operands = MANY,
    .summary = "adds a feature: what stands around the service",
    .text = "In a project or below it: puts the FEATUREs (and what they need) into the list in\n"
            "c-svc.yaml, whose comments and order stay, and does what `c-svc update` does: new\n"
            "files appear, those that speak of the feature are merged. `c-svc help features`\n"
            "lists them.\n"
            "\n"
            "  --dry-run        says what would be done, and does nothing\n",
    .options = options,
    .run = run_add,
};

const cli_command cli_remove = {
    .name = "remove",
    .operands = "FEATURE...",
    .min_operands = 1,
    .max_operands = MANY,
    .summary = "removes a feature, but no file that you changed",
    .text =
        "In a project or below it: takes the FEATUREs (and what needs them) out of the list in\n"
        "c-svc.yaml, and does what `c-svc update` does. Files of the feature that are as c-svc\n"
        "wrote them go; those that you changed stay, and are named as stale.\n"
        "\n"
        "  --dry-run        says what would be done, and does nothing\n",
    .options = options,
    .run = run_remove,
};
