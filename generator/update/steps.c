/* update/steps.c: the list of them. */
#include "steps.h"

#include "base/arena.h"

#include "base/banned.h"

void *update__grown(csvc_arena *a, void *items, size_t len, size_t *max, size_t size)
{
    size_t before = *max;

    if (len < before) {
        return items;
    }
    *max = before > 0 ? 2 * before : 64;
    return cli_must(csvc__arena_resize(a, items, before * size, *max * size));
}

void update__add_step(csvc_arena *a, update_steps *steps, update_step step)
{
    steps->items = update__grown(a, steps->items, steps->len, &steps->max, sizeof(*steps->items));
    steps->items[steps->len++] = step;
}
