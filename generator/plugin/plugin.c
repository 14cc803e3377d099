/* plugin/plugin.c: the plugin as a function of its request. */
#include <string.h>

#include "check/check.h"
#include "infer/infer.h"
#include "model/build.h"
#include "plan/plan.h"
#include "plugin/plugin.h"

#include "base/banned.h"

enum {
    MAX_ERROR = 4 << 20
};

static csvc_code out_of_memory(csvc_error *err)
{
    return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
}

/*
 * The problems as a response. protoc prints "--c-svc_out: " before the text, so the first line is a
 * summary, and each `file:line:col:` starts a line of its own, where editors look for it.
 */
static csvc_code refuse(csvc_arena *a, const gen_diag *diag, gen_response *ret_response,
                        csvc_error *err)
{
    csvc__buffer text;
    csvc_code code;

    csvc__buffer_init(&text, MAX_ERROR);
    csvc__buffer_printf(&text, "%zu error%s, nothing was generated\n", diag->n_errors,
                        diag->n_errors == 1 ? "" : "s");
    gen_diag_print(diag, GEN_ERROR, &text);
    if (!csvc__buffer_ok(&text)) {
        csvc__buffer_release(&text);
        return out_of_memory(err);
    }
    text.data[--text.len] = '\0'; /* protoc ends the line itself */
    code = gen_response_write(a, NULL, text.data, ret_response, err);
    csvc__buffer_release(&text);
    return code;
}

static csvc_code generate(const gen_model *model, const gen_request *request, gen_plan *plan,
                          csvc_error *err)
{
    const char *folders[] = {request->parameters.templates, NULL};
    const gen_templates templates = {.folders = folders[0] != NULL ? folders : NULL};

    return gen_plan_sets(plan, model, request, &templates, err);
}

csvc_code gen_plugin_run(csvc_arena *a, csvc_bytes bytes, gen_response *ret_response,
                         csvc_error *err)
{
    csvc_error why = {CSVC_ERROR_INIT};
    gen_request request;
    gen_diag diag;
    gen_model *model;
    gen_plan plan = {0};
    csvc_code code = gen_request_read(&request, a, bytes, &why);

    if (code == CSVC_INVALID_ARGUMENT) { /* a parameter: somebody's typing, not a broken caller */
        return gen_response_write(a, NULL, why.text, ret_response, err);
    }
    if (code != CSVC_OK) {
        return csvc_error_set(err, code, "%s", why.text);
    }
    gen_diag_init(&diag, a);
    model = gen_model_build(&request, &diag);
    if (model == NULL || diag.failed) {
        return out_of_memory(err);
    }
    if (diag.n_errors == 0) {
        if (!gen_infer(model, &diag)) {
            return out_of_memory(err);
        }
        gen_check(model, &request.parameters, &diag);
    }
    if (diag.failed) {
        return out_of_memory(err);
    }
    if (diag.n_errors > 0) {
        return refuse(a, &diag, ret_response, err);
    }
    code = generate(model, &request, &plan, &why);
    if (code == CSVC_RESOURCE_EXHAUSTED) {
        return csvc_error_set(err, code, "%s", why.text);
    }
    return gen_response_write(a, &plan, code == CSVC_OK ? NULL : why.text, ret_response, err);
}
