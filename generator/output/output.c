/* output/output.c: which files come out of which templates, and their text. */
#include "output/output.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#include "base/banned.h"

enum {
    FIRST_OUTPUTS = 16
};

csvc_bytes gen_output_content(const gen_output *output)
{
    return (csvc_bytes){.len = output->len, .data = (const uint8_t *)output->content};
}

bool gen_plan_add(csvc_arena *a, gen_plan *plan, gen_output output)
{
    if (plan->n_outputs == plan->max_outputs) {
        size_t max = plan->max_outputs > 0 ? plan->max_outputs * 2 : FIRST_OUTPUTS;
        gen_output *outputs = csvc__arena_resize(
            a, plan->outputs, plan->max_outputs * sizeof(*outputs), max * sizeof(*outputs));

        if (outputs == NULL) {
            return false;
        }
        plan->outputs = outputs;
        plan->max_outputs = max;
    }
    plan->outputs[plan->n_outputs++] = output;
    return true;
}

static int by_path(const void *x, const void *y)
{
    return strcmp(((const gen_output *)x)->path, ((const gen_output *)y)->path);
}

void gen_plan_sort(gen_plan *plan)
{
    if (plan->n_outputs > 1) {
        qsort(plan->outputs, plan->n_outputs, sizeof(plan->outputs[0]), by_path);
    }
}

/* ---- rendering ---- */

csvc_code gen_plan_check(csvc_arena *a, const gen_plan *plan, csvc_error *err)
{
    gen_plan sorted = *plan;

    sorted.outputs = csvc_arena_calloc(a, plan->n_outputs, sizeof(*sorted.outputs));
    if (sorted.outputs == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (plan->n_outputs > 0) {
        memcpy(sorted.outputs, plan->outputs, plan->n_outputs * sizeof(*sorted.outputs));
    }
    gen_plan_sort(&sorted);
    for (size_t i = 1; i < sorted.n_outputs; i++) {
        if (strcmp(sorted.outputs[i - 1].path, sorted.outputs[i].path) == 0) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s would be generated twice",
                                  sorted.outputs[i].path);
        }
    }
    return CSVC_OK;
}

csvc_code gen_output_render(csvc_arena *a, gen_output *output, const gen_templates *templates,
                            csvc__buffer *text, csvc_error *err)
{
    csvc_code code;

    csvc__buffer_clear(text);
    code = gen_render(templates, output->template, output->scope, text, err);
    if (code != CSVC_OK) {
        return code;
    }
    output->content = csvc_arena_strndup(a, text->len > 0 ? text->data : "", text->len);
    output->len = text->len;
    return output->content != NULL
               ? CSVC_OK
               : csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "%s: out of memory", output->path);
}
