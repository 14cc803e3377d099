/* update/steps.c: the list of them. */
#include "steps.h"

#include "base/banned.h"

void update__add_step(csvc_arena *a, update_steps *steps, update_step step)
{
    steps->items = cli_grown(a, steps->items, steps->len, &steps->max, sizeof(*steps->items));
    steps->items[steps->len++] = step;
}
