/* infer_oom_test.c: handlers, their tests and migrations made while the n-th allocation fails. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "failing_alloc.h"
#include "infer/infer.h"
#include "model/build.h"
#include "output/output.h"
#include "scope/scope.h"
#include "proto_helpers.h"

enum {
    MAX_TEXT = 1 << 20
};

/* One template with one scope. A scope in which something is missing must not render. */
static bool render(const char *template, const gen_value *scope)
{
    const gen_templates templates = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc__buffer out;
    csvc_code code;

    if (scope == NULL) {
        return false;
    }
    csvc__buffer_init(&out, MAX_TEXT);
    code = gen_render(&templates, template, scope, &out, &err);
    if (code != CSVC_OK && code != CSVC_RESOURCE_EXHAUSTED) {
        fail_msg("%s: %s", template, err.text);
    }
    csvc__buffer_release(&out);
    return code == CSVC_OK;
}

static bool render_all(const gen_model *model)
{
    csvc_arena *a = model->arena;
    bool ok = true;

    for (size_t i = 0; i < model->n_files; i++) {
        for (size_t j = 0; model->files[i]->generate && j < model->files[i]->n_services; j++) {
            const gen_service *service = &model->files[i]->services[j];

            for (size_t k = 0; k < service->n_rpcs; k++) {
                gen_value *scope;

                if (service->rpcs[k].kind != CSVC_RPC_UNARY) {
                    continue;
                }
                scope = gen_scope_handler(a, model, &service->rpcs[k]);
                ok = render("project/server/PREFIX/RPC.c.tmpl", scope) && ok;
                ok = render("project/tests/PREFIX/RPC_test.c.tmpl", scope) && ok;
            }
        }
    }
    return ok;
}

static bool run(csvc_bytes set, const char *proto)
{
    gen_parameters parameters = gen_parameters_default();
    csvc_arena *a = csvc_arena_new(0);
    csvc_error err = {CSVC_ERROR_INIT};
    gen_model *model = NULL;
    gen_request request;
    gen_diag diag;
    bool ok = false;

    if (a == NULL) {
        return false;
    }
    gen_diag_init(&diag, a);
    if (gen_request_from_set(&request, a, set, &proto, 1, &parameters, &err) == CSVC_OK) {
        model = gen_model_build(&request, &diag);
    }
    if (model != NULL && diag.n_errors == 0 && gen_infer(model, &diag)) {
        ok = render_all(model);
    }
    csvc_arena_free(a);
    return ok;
}

static void every_allocation(const char *proto)
{
    csvc_arena *a = csvc_arena_new(0);
    csvc_bytes set = proto_set(a, "tests/protos/crud", proto, true);
    bool told = true;

    for (size_t n = 1; told; n++) {
        bool ok;

        failing_alloc_begin(n);
        ok = run(set, proto);
        assert_int_equal(failing_alloc_live(), 0);
        told = failing_alloc_end() >= n; /* the n-th one was asked for */
        assert_true(ok == !told);
    }
    csvc_arena_free(a);
}

static void devices(void **state)
{
    (void)state;
    every_allocation("devices.proto");
}

static void library(void **state)
{
    (void)state;
    every_allocation("library.proto");
}

static void stock(void **state)
{
    (void)state;
    every_allocation("stock.proto");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices),
        cmocka_unit_test(library),
        cmocka_unit_test(stock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
