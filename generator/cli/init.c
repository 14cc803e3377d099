/* init.c: c-svc init: a project among files that are there. */
#include "birth.h"
#include "project/files.h"
#include "project/lock.h"
#include "update/transaction.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

typedef struct init {
    birth birth;
    pipeline pipeline;
    project project;
    bool keep;
    cli_list in_the_way; /* differ from what would be written */
    cli_list same;       /* do not */
    cli_list kept;       /* left to the user, paths in the project */
    cli_list protos;     /* that lie there, and that nobody named */
} init;

static const char *shown(const init *in, const char *path)
{
    return files_join(in->birth.a, in->birth.target, path);
}

/* ---- what is asked for ---- */

/* The folder's own name. */
static const char *name_of(csvc_arena *a, const char *target)
{
    const char *real = files_real_path(a, target);
    const char *slash = real != NULL ? strrchr(real, '/') : NULL;

    return slash != NULL && slash[1] != '\0' ? slash + 1 : target;
}

/* Whether all protos lie in the folder: they are the project's already, and stay where they are. */
static bool protos_are_inside(const birth *r)
{
    const char *top = files_real_path(r->a, r->target);
    size_t len = top != NULL ? strlen(top) : 0;
    bool inside = r->n_protos > 0 && top != NULL;

    for (size_t i = 0; inside && i < r->n_protos; i++) {
        const char *real = files_real_path(r->a, r->protos[i]);

        inside = real != NULL && strncmp(real, top, len) == 0 && real[len] == '/';
    }
    for (size_t i = 0; inside && i < r->n_folders; i++) {
        const char *real = files_real_path(r->a, r->folders[i]);

        inside =
            real != NULL && strncmp(real, top, len) == 0 && (real[len] == '/' || real[len] == '\0');
    }
    return inside;
}

/* ---- what is there ---- */

/* Notes a planned file that is there already; whether it differs from what would be written. */
static csvc_code look_at(init *in, const gen_output *output, bool *ret_differs, csvc_error *err)
{
    const char *path = shown(in, output->path);
    files_change change = FILES_CREATED;
    csvc_code code = CSVC_OK;

    *ret_differs = false;
    if (!files_exists(path)) {
        return CSVC_OK;
    }
    if (files_is_folder(path)) {
        *ret_differs = true;
        return CSVC_OK;
    }
    code = files_compare(path, gen_output_content(output), &change, err);
    *ret_differs = change == FILES_UPDATED;
    if (code == CSVC_OK && change == FILES_SAME) {
        cli_list_add(in->birth.a, &in->same, output->path);
    }
    return code;
}

/* Without --proto a new one is written; whoever has some may have meant those. */
static csvc_code find_protos(init *in, csvc_error *err)
{
    static const char *const folders[] = {".", "proto", "protos", "api"};
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < sizeof(folders) / sizeof(folders[0]); i++) {
        cli_list names = {0};

        code = files_list(in->birth.a, shown(in, folders[i]), &names, err);
        for (size_t k = 0; k < names.len; k++) {
            const size_t len = strlen(names.items[k]);

            if (len > 6 && strcmp(names.items[k] + len - 6, ".proto") == 0) {
                cli_list_add(in->birth.a, &in->protos,
                             files_join(in->birth.a, folders[i], names.items[k]));
            }
        }
    }
    return code;
}

/* Takes out of the plan what is to stay theirs; what may not is in the way. */
static csvc_code leave_theirs(init *in, csvc_error *err)
{
    project *pr = &in->project;
    gen_plan plan = {0};
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < pr->plan.n_outputs; i++) {
        const gen_output *output = &pr->plan.outputs[i];
        bool ours = output->owner == GEN_MACHINE || output->owner == GEN_YOURS;
        bool differs = false;

        code = look_at(in, output, &differs, err);
        if (differs && in->keep && !ours && !files_is_folder(shown(in, output->path))) {
            cli_list_add(in->birth.a, &in->kept, output->path);
            /* a merged file without a base is never merged, one that is born once never written */
            lock_put(in->birth.a, &pr->lock,
                     (lock_record){.path = output->path,
                                   .owner = output->owner,
                                   .state = output->owner == GEN_MERGED ? LOCK_FOREIGN : LOCK_THERE,
                                   .hash = ""});
            continue;
        }
        if (differs) {
            cli_list_add(in->birth.a, &in->in_the_way, output->path);
        }
        (void)cli_must(gen_plan_add(in->birth.a, &plan, *output) ? pr : NULL);
    }
    pr->plan = plan;
    return code;
}

/* The same for gen/ and .c-svc/, which nobody else may have. */
static csvc_code look_at_ours(init *in, csvc_error *err)
{
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < in->project.plan.n_outputs; i++) {
        const gen_output *output = &in->project.plan.outputs[i];
        bool differs = false;

        if (output->owner == GEN_MACHINE) {
            code = look_at(in, output, &differs, err);
        }
        if (differs) {
            cli_list_add(in->birth.a, &in->in_the_way, output->path);
        }
    }
    return code;
}

static csvc_code refuse_in_the_way(const init *in, csvc_error *err)
{
    if (in->in_the_way.len == 0) {
        return CSVC_OK;
    }
    for (size_t i = 0; i < in->in_the_way.len; i++) {
        fprintf(stderr, "%s: error: is there already, and is not what c-svc would write\n",
                shown(in, in->in_the_way.items[i]));
    }
    return csvc_error_set(err, CSVC_ALREADY_EXISTS, "%zu file%s in the way", in->in_the_way.len,
                          in->in_the_way.len == 1 ? " is" : "s are");
}

/* ---- the command ---- */

static csvc_code check_target(const init *in, csvc_error *err)
{
    if (files_exists(shown(in, CONFIG_FILE))) {
        return csvc_error_set(err, CSVC_ALREADY_EXISTS,
                              "%s: is there: this is a project of c-svc already; c-svc update "
                              "brings it up to date",
                              shown(in, CONFIG_FILE));
    }
    return CSVC_OK;
}

static csvc_code plan(init *in, csvc_error *err)
{
    csvc_code code = in->birth.n_protos == 0 ? find_protos(in, err) : CSVC_OK;

    code = code == CSVC_OK ? birth_plan_own(&in->birth, &in->pipeline, &in->project, err) : code;
    code = code == CSVC_OK ? leave_theirs(in, err) : code;
    code = code == CSVC_OK && in->in_the_way.len == 0 ? birth_plan_gen(&in->project, err) : code;
    code = code == CSVC_OK ? look_at_ours(in, err) : code;
    return code == CSVC_OK ? refuse_in_the_way(in, err) : code;
}

static csvc_code write_all(const init *in, update_txn *txn, csvc_error *err)
{
    for (size_t i = 0; i < in->project.plan.n_outputs; i++) {
        const gen_output *output = &in->project.plan.outputs[i];

        if (!cli_list_has(&in->same, output->path)) {
            update_txn_saw(txn, output->path, (csvc_bytes){0}); /* never over anything */
        }
        update_txn_write(txn, output->path, gen_output_content(output), 0);
    }
    return update_txn_commit(txn, err);
}

static void tell(init *in)
{
    in->birth.no_next = cli_list_has(&in->kept, "Makefile");
    birth_print_files(&in->birth, &in->project, &in->same);
    for (size_t i = 0; i < in->kept.len; i++) {
        cli_status("kept", shown(in, in->kept.items[i]));
    }
    if (in->birth.dry_run) {
        printf("%s: %zu files would be written; --dry-run writes nothing.\n", in->birth.name,
               in->project.plan.n_outputs - in->same.len);
    } else {
        birth_print_summary(&in->birth, &in->project);
        if (in->birth.no_next) {
            printf(
                "The Makefile is yours: gen/project.mk lists what to compile. Or move yours away:\n"
                "`c-svc update` then writes the one that has `make run` and `make test`.\n");
        }
    }
    if (in->protos.len > 0) {
        printf("No part of it %s %s: --proto would have named %s, protos: in %s still can.\n",
               in->protos.len == 1 ? "is" : "are", cli_list_join(in->birth.a, &in->protos, ", "),
               in->protos.len == 1 ? "it" : "them", shown(in, CONFIG_FILE));
    }
}

static int run_init(csvc_arena *a, const cli_args *args)
{
    csvc_error err = {CSVC_ERROR_INIT};
    const char *dir = cli_args_option(args, "dir", 0);
    const char *target = dir != NULL ? dir : ".";
    init in = {.pipeline = {.a = a, .inference = CONFIG_INFERENCE, .needs_services = true},
               .keep = cli_args_option(args, "keep", 0) != NULL};
    update_txn *txn = NULL;
    csvc_code code;
    int rc;

    if (!files_is_folder(target)) {
        cli_error("%s: there is no such folder; c-svc new-service makes one", target);
        return CLI_FAILED;
    }
    rc = birth_read(a, args, args->n_operands > 0 ? args->operands[0] : name_of(a, target), target,
                    &in.birth);
    if (rc != CLI_OK) {
        return rc;
    }
    in.birth.in_place = in.birth.in_place || protos_are_inside(&in.birth);
    in.project = (project){
        .a = a, .pipeline = &in.pipeline, .root = in.birth.target, .records_protos = true};
    in.pipeline.no_storage = in.birth.has_storage && in.birth.storage == CONFIG_NONE;
    code = in.birth.dry_run ? CSVC_OK : update_start(a, in.birth.target, &txn, &err);
    code = code == CSVC_OK ? check_target(&in, &err) : code;
    code = code == CSVC_OK ? plan(&in, &err) : code;
    code = code == CSVC_OK && txn != NULL ? write_all(&in, txn, &err) : code;
    update_txn_end(txn);
    if (code != CSVC_OK) {
        project_print_error(&err);
        if (in.in_the_way.len > 0) {
            cli_hint("move %s away%s", in.in_the_way.len == 1 ? "it" : "them",
                     in.keep ? "" : ", or leave what is yours as it is: --keep");
        }
        cli_hint("nothing was written");
        return CLI_FAILED;
    }
    tell(&in);
    return CLI_OK;
}

static const cli_option options[] = {
    {.name = "keep"},
    BIRTH_OPTIONS,
    {0},
};

const cli_command cli_init = {
    .name = "init",
    .operands = "[NAME]",
    .max_operands = 1,
    .summary = "makes a project in a folder that has files already",
    .text =
        "Makes the project that new-service makes, but in this folder, among the files that are\n"
        "there. NAME is the folder's own unless it is given. Nothing is ever overwritten: a file\n"
        "that is in the way, and is not what c-svc would write, is named, and nothing is done.\n"
        "\n"
        "  --keep           leaves such files as they are, for good: a Makefile, README.md or\n"
        "                   .gitignore of your own stays yours, and no update touches it. Files\n"
        "                   in gen/ and .c-svc/ cannot be kept.\n"
        "  --dir DIR        the folder, when it is not the one you are in\n"
        "\n"
        "Protos in the folder stay where they are. The other options are new-service's.\n",
    .options = options,
    .run = run_init,
};
