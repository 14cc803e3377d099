/* common/index.c: open addressing, at most half full. */
#include "common/index.h"

#include <string.h>

#include "base/map.h"

#include "base/banned.h"

void gen_index_init(gen_index *index, csvc_arena *a)
{
    *index = (gen_index){.arena = a};
}

void gen_index_clear(gen_index *index)
{
    if (index->n_used > 0) {
        memset(index->slots, 0, index->n_slots * sizeof(*index->slots));
        index->n_used = 0;
    }
}

/* The slot that holds the key, or the free one where it would go. */
static gen_index_slot *find(const gen_index *index, const char *key, uint64_t hash)
{
    size_t mask = index->n_slots - 1;
    size_t i = (size_t)hash & mask;

    while (index->slots[i].key != NULL &&
           (index->slots[i].hash != hash || strcmp(index->slots[i].key, key) != 0)) {
        i = (i + 1) & mask;
    }
    return &index->slots[i];
}

static bool grow(gen_index *index)
{
    gen_index bigger = *index;

    bigger.n_slots = index->n_slots == 0 ? 64 : index->n_slots * 2;
    bigger.slots = csvc_arena_calloc(index->arena, bigger.n_slots, sizeof(*bigger.slots));
    if (bigger.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < index->n_slots; i++) {
        const gen_index_slot *slot = &index->slots[i];

        if (slot->key != NULL) {
            *find(&bigger, slot->key, slot->hash) = *slot;
        }
    }
    *index = bigger;
    return true;
}

void *gen_index_get(const gen_index *index, const char *key)
{
    if (index->n_slots == 0) {
        return NULL;
    }
    return find(index, key, csvc__hash(key, strlen(key)))->value;
}

bool gen_index_put(gen_index *index, const char *key, void *value, void **ret_old)
{
    uint64_t hash = csvc__hash(key, strlen(key));
    gen_index_slot *slot;

    if ((index->n_used + 1) * 2 > index->n_slots && !grow(index)) {
        return false;
    }
    slot = find(index, key, hash);
    if (slot->key != NULL) {
        *ret_old = slot->value;
        return true;
    }
    *slot = (gen_index_slot){key, hash, value};
    index->n_used++;
    *ret_old = NULL;
    return true;
}
