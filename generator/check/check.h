/*
 * check/check.h: every rule that can refuse the input.
 */
#ifndef GEN_CHECK_H
#define GEN_CHECK_H

#include "model/model.h"
#include "request/request.h"

/* Looks at all files together and reports all problems. After gen_infer, for it compares the names
 * of stores too. */
void gen_check(const gen_model *model, const gen_parameters *parameters, gen_diag *diag);

#endif /* GEN_CHECK_H */
