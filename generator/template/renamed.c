/* renamed.c: names that templates saw once, for those who keep templates of their own. */
#include "template/template.h"

#include "base/banned.h"

/*
 * Whoever renames what templates see (docs/internals/templates.md) adds the old name here, for
 * good: an ejected template that still has it then fails with the new one.
 */
const gen_renamed gen_renamed_names[] = {
    {NULL, NULL},
};
