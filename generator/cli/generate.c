/* generate.c: c-svc generate: brings gen/ up to date, and touches nothing else. */
#include "cli.h"
#include "project/compose.h"
#include "project/files.h"
#include "project/lock.h"
#include "project/open.h"
#include "project/strays.h"
#include "update/transaction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* gen/project.mk last: make trusts it, so a run cut short is run again. */
static int by_write_order(const void *x, const void *y)
{
    const gen_output *a = x;
    const gen_output *b = y;
    int last_a = strcmp(a->path, "gen/project.mk") == 0;
    int last_b = strcmp(b->path, "gen/project.mk") == 0;

    return last_a != last_b ? last_a - last_b : strcmp(a->path, b->path);
}

/* What is done to a file, told once it is done. */
typedef struct deed {
    const char *word;
    const char *path;
} deed;

static csvc_code plan_files(project *pr, update_txn *txn, deed *told, size_t *n_told,
                            csvc_error *err)
{
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < pr->plan.n_outputs; i++) {
        const gen_output *output = &pr->plan.outputs[i];
        const char *path = files_join(pr->a, pr->root, output->path);
        csvc_bytes content = {.len = output->len, .data = (const uint8_t *)output->content};
        files_change change = FILES_SAME;

        update_txn_write(txn, output->path, content, 0);
        if (!files_is_folder(path)) { /* which the transaction refuses, in better words */
            code = files_compare(path, content, &change, err);
        }
        if (change != FILES_SAME) {
            told[*n_told].word = change == FILES_CREATED ? "create" : "update";
            told[(*n_told)++].path = path;
        }
    }
    return code;
}

/* All of it, or nothing; what an earlier run made and this one does not goes. */
static csvc_code write_all(project *pr, update_txn *txn, const cli_list *stale, size_t *ret_written,
                           csvc_error *err)
{
    size_t n_told = 0;
    deed *told =
        cli_must(csvc_arena_calloc(pr->a, pr->plan.n_outputs + stale->len + 1, sizeof(*told)));
    csvc_code code = plan_files(pr, txn, told, &n_told, err);

    for (size_t i = 0; i < stale->len; i++) {
        update_txn_remove(txn, stale->items[i]);
        told[n_told].word = "remove";
        told[n_told++].path = files_join(pr->a, pr->root, stale->items[i]);
    }
    code = code == CSVC_OK ? update_txn_commit(txn, err) : code;
    for (size_t i = 0; code == CSVC_OK && i < n_told; i++) {
        cli_status(told[i].word, told[i].path);
    }
    *ret_written = n_told;
    return code;
}

static void tell_of_handlers(project *pr)
{
    const gen_model *model = pr->pipeline->model;
    bool under_make = getenv("MAKELEVEL") != NULL; /* which says so itself */
    cli_list strays = {0};

    for (size_t i = 0; i < model->n_files && !under_make; i++) {
        const gen_file *file = model->files[i];

        for (size_t k = 0; file->generate && k < file->n_services; k++) {
            for (size_t n = 0; n < file->services[k].n_rpcs; n++) {
                const gen_rpc *rpc = &file->services[k].rpcs[n];
                const char *path = project_handler_path(pr->a, rpc);

                if (!project_has(pr, path)) {
                    printf("todo: %s: write it; until then %s answers UNIMPLEMENTED "
                           "(its prototype is in gen/services.h)\n",
                           files_join(pr->a, pr->root, path), rpc->name);
                }
            }
        }
    }
    project_strays(pr, &strays);
    for (size_t i = 0; i < strays.len && !under_make; i++) {
        printf("todo: %s: belongs to no rpc any more, and is not compiled; remove it\n",
               files_join(pr->a, pr->root, strays.items[i]));
    }
}

static int run_generate(csvc_arena *a, const cli_args *args)
{
    csvc_error err = {CSVC_ERROR_INIT};
    pipeline p = {.a = a};
    project pr = {.a = a};
    cli_list stale = {0};
    size_t written = 0;
    const char *root = project_find(a);
    update_txn *txn = NULL;
    csvc_code code = root != NULL ? update_start(a, root, &txn, &err) : CSVC_OK;

    (void)args;
    code = code == CSVC_OK ? project_open(a, &pr, &p, &err) : code;
    code = code == CSVC_OK ? project_name_protos(&pr, &err) : code;
    code = code == CSVC_OK ? pipeline_run(&p, &err) : code;
    code = code == CSVC_OK ? compose_gen(&pr, &err) : code;
    code = code == CSVC_OK ? lock_stale(&pr, &stale, &err) : code;
    if (code == CSVC_OK) {
        if (getenv("MAKELEVEL") == NULL) { /* make says so itself, at each run */
            pipeline_print_problems(&p);
        }
        qsort(pr.plan.outputs, pr.plan.n_outputs, sizeof(gen_output), by_write_order);
        code = write_all(&pr, txn, &stale, &written, &err);
    }
    update_txn_end(txn);
    if (code != CSVC_OK) {
        project_print_error(&err);
        return CLI_FAILED;
    }
    tell_of_handlers(&pr);
    if (written == 0) {
        printf("%s: gen/ is up to date.\n", pr.config.name);
    } else {
        printf("%s: %zu file%s changed.\n", pr.config.name, written, written == 1 ? "" : "s");
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
        "a `todo:` line, for a table that has to change a warning.\n",
    .run = run_generate,
};
