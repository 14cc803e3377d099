/* contract.c: the protos that a project was last brought up to. */
#include "contract.h"

#include <string.h>

#include "codec/wire.h"
#include "common/pb.h"
#include "files.h"
#include "infer/infer.h"

#include "base/banned.h"

enum {
    MAX_DESCRIPTORS = 1 << 30 /* what protoc may print */
};

/* ---- reading ---- */

static csvc_code read_recorded(project *p, csvc_bytes *ret_set, csvc_error *err)
{
    const char *path;

    *ret_set = (csvc_bytes){0};
    if (p->root == NULL) {
        return CSVC_OK;
    }
    path = files_join(p->a, p->root, CONTRACT_FILE);
    return files_exists(path) ? files_read(p->a, path, MAX_DESCRIPTORS, ret_set, err) : CSVC_OK;
}

static csvc_code damaged(const project *p, const char *why, csvc_error *err)
{
    return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                          "%s" CONTRACT_FILE ": error: %s; it should hold the protos that the "
                          "project was last updated to. Take it from the repository again (git "
                          "checkout HEAD -- " CONTRACT_FILE
                          "), or start from those of now: c-svc update "
                          "--rebase-from-current",
                          p->root != NULL ? p->root : "", why);
}

/* Its entities, as those of now are found: of all files that may be the project's. */
static void infer(const project *p, gen_model *model, gen_diag *diag)
{
    for (size_t i = 0; i < model->n_files; i++) {
        model->files[i]->generate = !pipeline_is_provided(model->files[i]->name);
        model->files[i]->served = model->files[i]->generate;
    }
    if (!p->pipeline->no_storage) {
        (void)cli_must(gen_infer(model, diag) ? p : NULL);
    }
}

csvc_code contract_recorded(project *p, const gen_model **ret_before, csvc_error *err)
{
    gen_parameters parameters = gen_parameters_default();
    csvc_error why = {CSVC_ERROR_INIT};
    gen_request *request;
    gen_model *model;
    gen_diag diag;
    csvc_bytes set;
    csvc_code code = CSVC_OK;

    if (!p->has_recorded) {
        code = read_recorded(p, &set, err);
    }
    if (code != CSVC_OK) {
        return code;
    }
    if (!p->has_recorded && set.data == NULL && p->lock.has_contract) {
        return damaged(p, "is gone", err);
    }
    if (p->has_recorded || set.data == NULL) {
        *ret_before = p->recorded;
        return CSVC_OK;
    }
    request = cli_must(csvc_arena_calloc(p->a, 1, sizeof(*request)));
    parameters.inference = p->config.inference;
    code = gen_request_from_set(request, p->a, set, NULL, 0, &parameters, &why);
    if (code == CSVC_RESOURCE_EXHAUSTED) {
        return csvc_error_set(err, code, "%s" CONTRACT_FILE ": %s", p->root, why.text);
    }
    if (code != CSVC_OK || request->proto->n_proto_file == 0) {
        return damaged(p, code != CSVC_OK ? why.text : "there is nothing in it", err);
    }
    gen_diag_init(&diag, p->a);
    model = cli_must(gen_model_build(request, &diag));
    if (diag.n_errors > 0) {
        return damaged(p, diag.problems[0].text, err);
    }
    infer(p, model, &diag);
    p->recorded = model;
    p->has_recorded = true;
    *ret_before = model;
    return CSVC_OK;
}

/* ---- writing ---- */

static bool has_own(const gen_model *model, const gen_file *file)
{
    const gen_file *other = gen_model_file(model, file->name);

    return pipeline_is_provided(file->name) ||
           (other != NULL && other->descriptor.len == file->descriptor.len &&
            (file->descriptor.len == 0 ||
             memcmp(other->descriptor.data, file->descriptor.data, file->descriptor.len) == 0));
}

/* Whether both have the same protos, those aside that come with protoc. */
static bool same_own(const gen_model *x, const gen_model *y)
{
    for (size_t i = 0; i < x->n_files; i++) {
        if (!has_own(y, x->files[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < y->n_files; i++) {
        if (!has_own(x, y->files[i])) {
            return false;
        }
    }
    return true;
}

/* FileDescriptorSet.file, each as the model has it: without places. */
static csvc_bytes make_set(project *p, const gen_model *model)
{
    csvc__buffer b;
    uint8_t *copy;
    csvc_bytes set;

    csvc__buffer_init(&b, MAX_DESCRIPTORS);
    for (size_t i = 0; i < model->n_files; i++) {
        const csvc_bytes file = model->files[i]->descriptor;
        uint8_t head[1 + CSVC__VARINT_MAX] = {1 << 3 | CSVC__WIRE_LEN};
        const uint8_t *end = csvc__varint_write(head + 1, file.len);

        csvc__buffer_add(&b, (const char *)head, (size_t)(end - head));
        csvc__buffer_add(&b, (const char *)file.data, file.len);
    }
    copy = cli_must(csvc__buffer_ok(&b) ? csvc_arena_alloc(p->a, b.len + 1) : NULL);
    memcpy(copy, b.data != NULL ? b.data : "", b.len);
    set = (csvc_bytes){.len = b.len, .data = copy};
    csvc__buffer_release(&b);
    return set;
}

csvc_code contract_plan(project *p, csvc_error *err)
{
    const gen_model *before = NULL;
    csvc_bytes set;
    csvc_code code = contract_recorded(p, &before, err);

    if (code != CSVC_OK) {
        return code;
    }
    if (before != NULL && same_own(before, p->pipeline->model)) {
        code = read_recorded(p, &set, err);
    } else {
        set = make_set(p, p->pipeline->model);
    }
    if (code == CSVC_OK) {
        project_add(p, CONTRACT_FILE, GEN_MACHINE, set);
    }
    return code;
}

/* ---- comparing ---- */

static void add_lines(project *p, const char *text, cli_list *lines)
{
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");

        cli_list_add(p->a, lines, cli_must(csvc_arena_strndup(p->a, line, len)));
        line += len + (line[len] == '\n' ? 1 : 0);
    }
}

/* What others serve has no handlers here that could go along with a new name. */
static void forget_unserved(compat_services *matched)
{
    for (size_t i = 0; i < matched->n_services; i++) {
        compat_service *service = &matched->services[i];

        if (service->likely != NULL && !service->likely->file->served) {
            service->likely = NULL;
        }
        for (size_t k = 0; k < service->n_rpcs; k++) {
            compat_rpc *rpc = &service->rpcs[k];

            if (rpc->likely != NULL && !rpc->likely->service->file->served) {
                rpc->likely = NULL;
            }
        }
    }
}

csvc_code contract_match(project *p, compat_rename *renames, size_t n_renames,
                         compat_services *ret_matched, csvc_error *err)
{
    const gen_model *before = NULL;
    csvc_code code = contract_recorded(p, &before, err);

    *ret_matched = (compat_services){0};
    if (code == CSVC_OK && before != NULL) {
        code = compat_match(p->a, before, p->pipeline->model, renames, n_renames, ret_matched, err);
        forget_unserved(ret_matched);
    }
    return code;
}

csvc_code contract_check(project *p, const compat_services *matched, gen_severity wire,
                         cli_list *ret_lines, size_t *ret_wire, csvc_error *err)
{
    const gen_model *before = NULL;
    csvc__buffer text;
    gen_diag diag;
    csvc_code code = contract_recorded(p, &before, err);

    *ret_wire = 0;
    if (code != CSVC_OK || before == NULL) {
        return code;
    }
    gen_diag_init(&diag, p->a);
    *ret_wire = compat_check(before, p->pipeline->model, matched, wire, &diag);
    for (size_t i = 0; i < diag.n_problems; i++) {
        gen_problem *problem = &diag.problems[i];

        gen_report(&p->pipeline->diag, problem->severity, problem->place, "%s", problem->text);
        problem->place.file = project_proto_path(p, problem->place.file);
    }
    csvc__buffer_init(&text, 16 << 20);
    gen_diag_print(&diag, GEN_NOTE, &text);
    (void)cli_must(csvc__buffer_ok(&text) && !diag.failed ? p : NULL);
    add_lines(p, text.data != NULL ? text.data : "", ret_lines);
    csvc__buffer_release(&text);
    return CSVC_OK;
}
