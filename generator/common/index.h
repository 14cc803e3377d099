/*
 * common/index.h: a hash table from text to pointer, in an arena.
 *
 * As base/map.h, but nothing has to be released, and keys are borrowed: they live as long as the
 * arena.
 */
#ifndef GEN_INDEX_H
#define GEN_INDEX_H

#include <csvc/arena.h>

typedef struct gen_index_slot {
    const char *key; /* NULL: free */
    uint64_t hash;
    void *value;
} gen_index_slot;

typedef struct gen_index {
    csvc_arena *arena;
    gen_index_slot *slots;
    size_t n_slots; /* a power of two, or 0 */
    size_t n_used;
} gen_index;

void gen_index_init(gen_index *index, csvc_arena *a);

/* Empty again; keeps its memory. */
void gen_index_clear(gen_index *index);

/* The value of a key, or NULL. */
void *gen_index_get(const gen_index *index, const char *key);

/* Puts a value (not NULL) under a key, unless there is one already, which is then given in
 * *ret_old, else NULL. False when memory is short. */
bool gen_index_put(gen_index *index, const char *key, void *value, void **ret_old) CSVC_MUST_CHECK;

#endif /* GEN_INDEX_H */
