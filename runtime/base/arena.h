/* base/arena.h: the inside of an arena, for code that embeds one or reuses its first chunk. */
#ifndef CSVC_BASE_ARENA_H
#define CSVC_BASE_ARENA_H

#include <csvc/arena.h>

struct csvc__chunk {
    struct csvc__chunk *next;
    size_t size; /* of the bytes behind this header */
};

struct csvc_arena {
    uint8_t *at; /* next free byte, always aligned */
    uint8_t *end;
    struct csvc__chunk *chunks; /* newest first; those from malloc */
    size_t held;                /* bytes from malloc */
    size_t max;                 /* 0: no limit */
    uint8_t *first;             /* the caller's own first chunk, or NULL */
    size_t first_size;
};

/* An arena whose first bytes are the caller's (may be NULL, 0); they must outlive it, aligned
 * to 16. */
CSVC_API void csvc__arena_init(csvc_arena *a, void *first, size_t first_size, size_t max);

/* Frees every chunk of malloc's; the arena may be used again from its first chunk. */
CSVC_API void csvc__arena_release(csvc_arena *a);

CSVC_API void *csvc__arena_grow(csvc_arena *a, size_t size);

/* csvc_arena_alloc for hot paths. */
static inline void *csvc__arena_take(csvc_arena *a, size_t size)
{
    size_t need = (size + 15) & ~(size_t)15;

    if (need >= size && (size_t)(a->end - a->at) >= need) {
        void *memory = a->at;

        a->at += need;
        return memory;
    }
    return csvc__arena_grow(a, size);
}

#endif /* CSVC_BASE_ARENA_H */
