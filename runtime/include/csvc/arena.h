/*
 * csvc/arena.h: memory that goes all at once.
 *
 * An arena hands out memory by moving a pointer and takes it back only as a whole. Each unit of
 * work (csvc_ctx) has one; a program may make more. An arena belongs to one thread at a time, has
 * no lock, never blocks, and stops growing at the limit it was made with.
 *
 *     csvc_arena *a = csvc_arena_new(1 << 20);
 *     char *name = csvc_arena_strdup(a, "ada");
 *
 *     csvc_arena_free(a);
 */
#ifndef CSVC_ARENA_H
#define CSVC_ARENA_H

#include <csvc/common.h>

CSVC_BEGIN_DECLS

typedef struct csvc_arena csvc_arena;

/* A new arena that never holds more than `max` bytes (0: no limit). NULL when memory is short. */
CSVC_API csvc_arena *csvc_arena_new(size_t max) CSVC_MUST_CHECK;

/* Gives everything back. Takes NULL; returns NULL. */
CSVC_API csvc_arena *csvc_arena_free(csvc_arena *a);

/* Forgets all that was handed out and keeps the first chunk for what comes next. */
CSVC_API void csvc_arena_reset(csvc_arena *a);

/*
 * `size` bytes, not zeroed, aligned for any type; a size of 0 gives a pointer that may not be read.
 * NULL when memory is short or the limit is reached. Valid until the arena is reset or freed.
 */
CSVC_API void *csvc_arena_alloc(csvc_arena *a, size_t size) CSVC_MUST_CHECK;

/* The same, zeroed; NULL as well when count * size overflows. */
CSVC_API void *csvc_arena_calloc(csvc_arena *a, size_t count, size_t size) CSVC_MUST_CHECK;

/* A copy of `len` bytes with a NUL behind them. */
CSVC_API char *csvc_arena_strndup(csvc_arena *a, const char *text, size_t len) CSVC_MUST_CHECK;
CSVC_API char *csvc_arena_strdup(csvc_arena *a, const char *text) CSVC_MUST_CHECK;

/* printf into the arena. NULL when memory is short. */
CSVC_API char *csvc_arena_printf(csvc_arena *a, const char *format, ...)
    CSVC_PRINTF(2, 3) CSVC_MUST_CHECK;

/* Bytes the arena holds from the system, handed out or not. */
CSVC_API size_t csvc_arena_size(const csvc_arena *a);

CSVC_END_DECLS

#endif /* CSVC_ARENA_H */
