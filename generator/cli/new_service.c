/* new_service.c: c-svc new-service: a project from nothing, or nothing. */
#include "birth.h"
#include "project/files.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static csvc_code write_tree(const project *pr, files_tree *tree, csvc_error *err)
{
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < pr->plan.n_outputs; i++) {
        const gen_output *output = &pr->plan.outputs[i];

        code = files_tree_add(tree, output->path, gen_output_content(output), err);
    }
    return code == CSVC_OK ? files_tree_commit(tree, err) : code;
}

static int run_new_service(csvc_arena *a, const cli_args *args)
{
    csvc_error err = {CSVC_ERROR_INIT};
    files_tree *tree = NULL;
    pipeline p = {.a = a, .inference = CONFIG_INFERENCE};
    project pr = {.a = a, .pipeline = &p, .records_protos = true};
    cli_list none = {0};
    csvc_code code;
    birth r;
    const char *dir = cli_args_option(args, "dir", 0);
    const char *name = args->operands[0];
    int rc = birth_read(a, args, name, dir != NULL ? dir : name, &r);

    if (rc != CLI_OK) {
        return rc;
    }
    p.no_storage = r.has_storage && r.storage == CONFIG_NONE;
    p.needs_services = true;
    code = files_tree_check(r.target, &err);
    code = code == CSVC_OK ? birth_plan_own(&r, &p, &pr, &err) : code;
    code = code == CSVC_OK ? birth_plan_gen(&pr, &err) : code;
    if (code == CSVC_OK && !r.dry_run) {
        code = files_tree_begin(a, r.target, &tree, &err);
        code = code == CSVC_OK ? write_tree(&pr, tree, &err) : code;
        if (code != CSVC_OK) {
            files_tree_abandon(tree);
        }
    }
    if (code != CSVC_OK) {
        project_print_error(&err);
        if (code == CSVC_ALREADY_EXISTS && tree == NULL) {
            cli_hint("choose another name, or another folder with --dir");
        }
        cli_hint("nothing was written");
        return CLI_FAILED;
    }
    birth_print_files(&r, &pr, &none);
    if (r.dry_run) {
        printf("%s: %zu files would be written; --dry-run writes nothing.\n", r.name,
               pr.plan.n_outputs);
    } else {
        birth_print_summary(&r, &pr);
    }
    return CLI_OK;
}

static const cli_option options[] = {
    BIRTH_OPTIONS,
    {0},
};

const cli_command cli_new_service = {
    .name = "new-service",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "makes a project that builds and runs at once",
    .text =
        "Makes a project in the folder NAME: contract, server, client, tests, Makefile, and for\n"
        "every message that is created, read, updated, deleted and listed a table with handlers\n"
        "that work. NAME is small letters, digits and dashes: user-service.\n"
        "\n"
        "  --proto FILE     the contract; again for more. Without it, c-svc writes a small one.\n"
        "                   It is copied to proto/ with what it imports.\n"
        "  -I DIR           where import paths start from; again for more. Without it, the\n"
        "                   folder of each FILE or one above it.\n"
        "  --in-place       the protos stay where they are, and nothing is copied: for services\n"
        "                   that share a tree of protos. c-svc.yaml says where that is.\n"
        "  --storage sqlite|none\n"
        "                   where rows are kept. Without it, sqlite when there is anything to\n"
        "                   keep; with none all handlers are yours to write.\n"
        "  --with FEATURE, --without FEATURE\n"
        "                   what there is to be around the service; several by commas;\n"
        "                   `all` for all. `c-svc help features` lists them, and which are there\n"
        "                   without being asked for. They can be added and removed later.\n"
        "  --dir DIR        the project's folder, when it is not to be NAME\n"
        "  --templates DIR  templates of your own, each instead of the one of that name\n"
        "  --dry-run        says what would be written, and writes nothing\n"
        "\n"
        "The folder may not be there yet, or has to be empty. When anything fails, nothing is\n"
        "left behind.\n",
    .options = options,
    .run = run_new_service,
};
