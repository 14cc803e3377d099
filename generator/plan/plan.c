/* plan/plan.c: the set of each file to generate. */
#include "plan/plan.h"

#include "messages/messages.h"
#include "scope/scope.h"

#include "base/banned.h"

static bool add_one(csvc_arena *a, gen_plan *plan, const gen_file *file, const char *ending,
                    const char *template, gen_value *scope)
{
    const char *path = csvc_arena_printf(a, "%s%s", file->base, ending);

    return path != NULL && scope != NULL &&
           gen_plan_add(a, plan, (gen_output){.path = path, .template = template, .scope = scope});
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

static bool add_set(csvc_arena *a, gen_plan *plan, const gen_model *model, const gen_file *file)
{
    gen_value *scope = gen_scope_file(a, file);

    if (!add_one(a, plan, file, ".csvc.h", "gen/csvc.h.tmpl", scope) ||
        !add_one(a, plan, file, ".csvc.c", "gen/csvc.c.tmpl", scope)) {
        return false;
    }
    if (!has_entities(file)) {
        return true;
    }
    scope = gen_scope_store(a, model, file);
    return add_one(a, plan, file, ".store.h", "gen/store.h.tmpl", scope) &&
           add_one(a, plan, file, ".store.c", "gen/store.c.tmpl", scope);
}

csvc_code gen_plan_sets(gen_plan *plan, const gen_model *model, const gen_request *request,
                        csvc_error *err)
{
    csvc_code code = CSVC_OK;

    for (size_t i = 0; i < model->n_files; i++) {
        const gen_file *file = model->files[i];

        if (file->generate && !file->no_code && !add_set(model->arena, plan, model, file)) {
            return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "%s: out of memory", file->name);
        }
    }
    if (request->parameters.messages) {
        code = gen_messages(plan, model, request, err);
    }
    gen_plan_sort(plan);
    return code;
}
