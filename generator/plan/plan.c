/* plan/plan.c: the set of each file to generate. */
#include "plan/plan.h"

#include <csvc/alloc.h>

#include "base/arena.h"
#include "messages/messages.h"
#include "scope/scope.h"

#include "base/banned.h"

enum {
    SCRATCH_SIZE = 4 << 20 /* most scopes fit in */
};

/*
 * A scope is many times as large as the text that comes out of it, so it is gone before the next
 * one is made, and the next one gets the same memory.
 */
typedef struct renderer {
    csvc_arena *a; /* of what stays: paths and contents */
    const gen_templates *templates;
    gen_plan *plan;
    csvc_arena scratch;
    csvc__buffer text;
    csvc_error *err;
} renderer;

static csvc_code render_one(renderer *r, const gen_file *file, const char *ending,
                            const char *template, gen_value *scope)
{
    gen_output output = {.path = csvc_arena_printf(r->a, "%s%s", file->base, ending),
                         .template = template,
                         .scope = scope};
    csvc_code code;

    if (output.path == NULL || scope == NULL) {
        return csvc_error_set(r->err, CSVC_RESOURCE_EXHAUSTED, "%s: out of memory", file->name);
    }
    code = gen_output_render(r->a, &output, r->templates, &r->text, r->err);
    output.template = NULL;
    output.scope = NULL;
    if (code == CSVC_OK && !gen_plan_add(r->a, r->plan, output)) {
        code = csvc_error_set(r->err, CSVC_RESOURCE_EXHAUSTED, "%s: out of memory", file->name);
    }
    return code;
}

static csvc_code render_pair(renderer *r, const gen_file *file, const char *const endings[2],
                             const char *const templates[2], gen_value *scope)
{
    csvc_code code = render_one(r, file, endings[0], templates[0], scope);

    if (code == CSVC_OK) {
        code = render_one(r, file, endings[1], templates[1], scope);
    }
    csvc_arena_reset(&r->scratch);
    return code;
}

static bool has_entities(const gen_file *file)
{
    for (size_t i = 0; i < file->n_all_messages; i++) {
        if (file->all_messages[i]->entity != NULL) {
            return true;
        }
    }
    return false;
}

static csvc_code render_set(renderer *r, const gen_model *model, const gen_file *file)
{
    static const char *const endings[] = {".csvc.h", ".csvc.c", ".store.h", ".store.c"};
    static const char *const templates[] = {"gen/csvc.h.tmpl", "gen/csvc.c.tmpl",
                                            "gen/store.h.tmpl", "gen/store.c.tmpl"};
    csvc_code code = render_pair(r, file, endings, templates, gen_scope_file(&r->scratch, file));

    if (code == CSVC_OK && has_entities(file)) {
        code = render_pair(r, file, endings + 2, templates + 2,
                           gen_scope_store(&r->scratch, model, file));
    }
    return code;
}

static csvc_code render_sets(gen_plan *plan, const gen_model *model, const gen_templates *templates,
                             csvc_error *err)
{
    renderer r = {.a = model->arena, .templates = templates, .plan = plan, .err = err};
    uint8_t *scratch = csvc__malloc(SCRATCH_SIZE);
    csvc_code code = CSVC_OK;

    if (scratch == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    csvc__arena_init(&r.scratch, scratch, SCRATCH_SIZE, 0);
    csvc__buffer_init(&r.text, GEN_MAX_OUTPUT);
    for (size_t i = 0; i < model->n_files && code == CSVC_OK; i++) {
        if (model->files[i]->generate && !model->files[i]->no_code) {
            code = render_set(&r, model, model->files[i]);
        }
    }
    csvc__buffer_release(&r.text);
    csvc__arena_release(&r.scratch);
    csvc__free(scratch);
    return code;
}

csvc_code gen_plan_sets(gen_plan *plan, const gen_model *model, const gen_request *request,
                        const gen_templates *templates, csvc_error *err)
{
    gen_messages *messages = NULL;
    csvc_code code = CSVC_OK;

    /* protoc-gen-c works while our own files are made. */
    if (request->parameters.messages) {
        code = gen_messages_start(model, request, &messages, err);
    }
    if (code == CSVC_OK) {
        code = render_sets(plan, model, templates, err);
    }
    if (code == CSVC_OK) {
        code = gen_messages_end(messages, plan, err);
    } else {
        gen_messages_drop(messages);
    }
    if (code == CSVC_OK) {
        gen_plan_sort(plan);
        code = gen_plan_check(model->arena, plan, err);
    }
    return code;
}
