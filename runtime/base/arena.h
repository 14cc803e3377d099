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
    size_t next_size;           /* of the next chunk; doubles */
    size_t max;                 /* 0: no limit */
    uint8_t *first;             /* the caller's own first chunk, or NULL */
    size_t first_size;
};

/*
 * Under AddressSanitizer what is not handed out may not be touched, and a gap stays between
 * two allocations.
 */
#if defined(__SANITIZE_ADDRESS__)
#define CSVC__ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CSVC__ARENA_ASAN 1
#endif
#endif
#if defined(CSVC__ARENA_ASAN)
#include <sanitizer/asan_interface.h>
#define CSVC__ARENA_GAP         16
#define CSVC__ARENA_SHUT(at, n) __asan_poison_memory_region(at, n)
#define CSVC__ARENA_OPEN(at, n) __asan_unpoison_memory_region(at, n)
#else
#define CSVC__ARENA_GAP         0
#define CSVC__ARENA_SHUT(at, n) ((void)0)
#define CSVC__ARENA_OPEN(at, n) ((void)0)
#endif

/* An arena whose first bytes are the caller's (may be NULL, 0); they must outlive it, aligned
 * to 16. They count against `max`. */
CSVC_API void csvc__arena_init(csvc_arena *a, void *first, size_t first_size, size_t max);

/* Frees every chunk of malloc's; the arena may be used again from its first chunk. */
CSVC_API void csvc__arena_release(csvc_arena *a);

CSVC_API void *csvc__arena_grow(csvc_arena *a, size_t size);

/* How much of an arena an allocation of `size` bytes uses up; less than `size` on overflow. */
static inline size_t csvc__arena_room(size_t size)
{
    return (size + 15 + CSVC__ARENA_GAP) & ~(size_t)15;
}

/* csvc_arena_alloc for hot paths. */
static inline void *csvc__arena_take(csvc_arena *a, size_t size)
{
    size_t need = csvc__arena_room(size);

    if (need >= size && (size_t)(a->end - a->at) >= need) {
        void *memory = a->at;

        a->at += need;
        CSVC__ARENA_OPEN(memory, size);
        return memory;
    }
    return csvc__arena_grow(a, size);
}

/*
 * Makes an allocation larger (or smaller): in place when it is the newest one and there is room,
 * else as a copy. NULL when memory is short; the old one is untouched then.
 */
CSVC_API void *csvc__arena_resize(csvc_arena *a, void *memory, size_t size, size_t new_size);

#endif /* CSVC_BASE_ARENA_H */
