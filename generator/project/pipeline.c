/* pipeline.c: protoc, request, model, inference, check. */
#include "pipeline.h"

#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "check/check.h"
#include "infer/infer.h"

#include "base/banned.h"

bool pipeline_is_well_known(const char *name)
{
    static const char *const names[] = {"any",        "api",           "duration",  "empty",
                                        "field_mask", "struct",        "timestamp", "type",
                                        "wrappers",   "source_context"};
    static const char folder[] = "google/protobuf/";
    size_t len = sizeof(folder) - 1;

    if (strncmp(name, folder, len) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t word = strlen(names[i]);

        if (strncmp(name + len, names[i], word) == 0 && strcmp(name + len + word, ".proto") == 0) {
            return true;
        }
    }
    return false;
}

bool pipeline_is_provided(const char *name)
{
    return strncmp(name, "google/protobuf/", 16) == 0 || strcmp(name, PIPELINE_OPTIONS) == 0;
}

/* Problems know files by the names they are imported by; a reader wants their paths. */
const char *pipeline_shown(const pipeline *p, const char *name)
{
    const char *path;

    if (name == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < p->n_files; i++) {
        if (strcmp(p->files[i].name, name) == 0) {
            return p->files[i].path;
        }
    }
    path = protoc_find(p->a, &p->all, name);
    return path != NULL ? path : name;
}

void pipeline_print_problems(pipeline *p)
{
    csvc__buffer text;

    for (size_t i = 0; i < p->diag.n_problems; i++) {
        p->diag.problems[i].place.file = pipeline_shown(p, p->diag.problems[i].place.file);
    }
    csvc__buffer_init(&text, 16 << 20);
    gen_diag_print(&p->diag, GEN_NOTE, &text);
    if (text.data != NULL) {
        fputs(text.data, stderr);
    }
    csvc__buffer_release(&text);
    p->diag.n_problems = 0; /* printed once */
}

csvc_code pipeline_compile(pipeline *p, bool quiet, csvc_error *err)
{
    const char *said = "";
    cli_list missing = {0};
    csvc_code code = CSVC_OK;

    p->all.len = 0;
    p->lost_import = false;
    for (size_t i = 0; i < p->folders.len; i++) {
        cli_list_add(p->a, &p->all, p->folders.items[i]);
    }
    for (size_t i = 0; code == CSVC_OK && i < p->folders.len; i++) {
        code = buf_folders_of_import(p->a, p->folders.items[i], &p->all, &missing, err);
    }
    if (code != CSVC_OK) {
        return code;
    }
    code = protoc_compile(p->a, &p->all, p->files, p->n_files, &p->set, &said, err);
    p->lost_import = code != CSVC_OK && strstr(said, "File not found.") != NULL;
    if (!quiet || code == CSVC_OK) {
        fputs(said, stderr);
    }
    if (p->lost_import && !quiet && missing.len > 0) {
        cli_hint("%s is in " BUF_LOCK ", but not on this machine: `buf build` fetches it",
                 cli_list_join(p->a, &missing, ", "));
    }
    if (code == CSVC_NOT_FOUND) {
        csvc_error_set(err, code, "protoc is not in PATH; `c-svc doctor` says how to install it");
    }
    return code;
}

static void add_used(csvc_arena *a, const gen_file *file, cli_list *names)
{
    if (pipeline_is_well_known(file->name) || cli_list_has(names, file->name)) {
        return;
    }
    cli_list_add(a, names, file->name);
    for (size_t i = 0; i < file->n_uses; i++) {
        add_used(a, file->uses[i], names);
    }
}

/* Reads the descriptors and builds the model, code to be made for these files. */
static csvc_code build(pipeline *p, const cli_list *names, csvc_error *err)
{
    const gen_parameters parameters = {.messages = true, .inference = p->inference};
    csvc_code code =
        gen_request_from_set(&p->request, p->a, p->set, names->items, names->len, &parameters, err);

    if (code != CSVC_OK) {
        return code;
    }
    gen_diag_init(&p->diag, p->a);
    p->model = cli_must(gen_model_build(&p->request, &p->diag));
    return CSVC_OK;
}

/* Files that there is nothing to serve in. */
static void warn(pipeline *p)
{
    size_t n_services = 0;

    for (size_t i = 0; i < p->model->n_files; i++) {
        const gen_file *file = p->model->files[i];

        n_services += file->served ? file->n_services : 0;
    }
    if (n_services == 0) {
        gen_place place = {.file = p->files[0].name};

        gen_report(&p->diag, p->needs_services ? GEN_ERROR : GEN_WARNING, place,
                   "there is no service in it%s, so nothing to serve",
                   p->n_files > 1 ? ", nor in the others" : "");
        if (p->needs_services) {
            gen_report(&p->diag, GEN_NOTE, place,
                       "write a service with an rpc into it, or name a proto that has one, too");
        }
    }
}

csvc_code pipeline_build(pipeline *p, csvc_error *err)
{
    cli_list names = {0};
    cli_list used = {0};
    csvc_code code;

    for (size_t i = 0; i < p->n_files; i++) {
        cli_list_add(p->a, &names, p->files[i].name);
    }
    code = build(p, &names, err);
    /* A project has the C of every message its protos use, imported ones too; it serves what is
     * in those that it names. */
    for (size_t i = 0; code == CSVC_OK && i < p->model->n_files; i++) {
        if (p->model->files[i]->generate) {
            add_used(p->a, p->model->files[i], &used);
        }
    }
    if (code == CSVC_OK && used.len > names.len) {
        code = build(p, &used, err);
        for (size_t i = 0; code == CSVC_OK && i < p->model->n_files; i++) {
            gen_file *file = p->model->files[i];

            file->served = file->served && cli_list_has(&names, file->name);
        }
    }
    if (code != CSVC_OK) {
        return code;
    }
    if (!p->no_storage) {
        (void)cli_must(gen_infer(p->model, &p->diag) ? p->model : NULL);
    }
    gen_check(p->model, &p->request.parameters, &p->diag);
    warn(p);
    (void)cli_must(p->diag.failed ? NULL : p->model);
    pipeline_print_problems(p);
    if (p->diag.n_errors > 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%zu %s in the protos", p->diag.n_errors,
                              p->diag.n_errors == 1 ? "error" : "errors");
    }
    return CSVC_OK;
}

csvc_code pipeline_run(pipeline *p, csvc_error *err)
{
    csvc_code code = pipeline_compile(p, false, err);

    return code == CSVC_OK ? pipeline_build(p, err) : code;
}
