/*
 * model/build.h: a request's descriptors to a model: read, resolved, named.
 */
#ifndef GEN_BUILD_H
#define GEN_BUILD_H

#include "model/model.h"
#include "request/request.h"

/* Structural impossibilities (a type that is nowhere) go to diag; with errors there the model is
 * not to be used. NULL: no memory. */
gen_model *gen_model_build(const gen_request *request, gen_diag *diag);

#endif /* GEN_BUILD_H */
