/*
 * plan/plan.h: which files come out of a request.
 */
#ifndef GEN_PLAN_H
#define GEN_PLAN_H

#include "model/model.h"
#include "output/output.h"
#include "request/request.h"

/*
 * Adds the set of each file to generate, rendered, sorted: csvc.[ch], store.[ch] where it has
 * entities, pb-c.[ch] unless messages=off. Fails as gen_plan_check, gen_output_render and
 * gen_messages_end do.
 */
csvc_code gen_plan_sets(gen_plan *plan, const gen_model *model, const gen_request *request,
                        const gen_templates *templates, csvc_error *err);

#endif /* GEN_PLAN_H */
