/* check.c: what can refuse the input. */
#include "request.h"

#include "base/banned.h"

void gen_check(const gen_model *model, const gen_parameters *parameters, gen_diag *diag)
{
    (void)model;
    (void)parameters;
    (void)diag;
}
