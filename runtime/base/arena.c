/* base/arena.c: chunks that double, a pointer that moves. */
#include <base/arena.h>
#include <csvc/alloc.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

enum {
    ALIGNMENT = 16,
    FIRST_SIZE = 1024,         /* of csvc_arena_new, the arena itself included */
    NEXT_SIZE = 4096,          /* of the first chunk that malloc gives */
    LARGEST_SIZE = 256 * 1024, /* of a chunk that is not one huge allocation */
    HEADER_SIZE = (sizeof(struct csvc__chunk) + ALIGNMENT - 1) & ~(ALIGNMENT - 1),
    ARENA_SIZE = (sizeof(struct csvc_arena) + ALIGNMENT - 1) & ~(ALIGNMENT - 1),
};

void csvc__arena_init(csvc_arena *a, void *first, size_t first_size, size_t max)
{
    first_size &= ~(size_t)(ALIGNMENT - 1);
    *a = (csvc_arena){
        .at = first,
        .end = first_size > 0 ? (uint8_t *)first + first_size : first,
        .next_size = NEXT_SIZE,
        .max = max,
        .first = first,
        .first_size = first_size,
    };
    if (first_size > 0) {
        CSVC__ARENA_SHUT(first, first_size);
    }
}

void csvc__arena_release(csvc_arena *a)
{
    struct csvc__chunk *chunk = a->chunks;

    while (chunk != NULL) {
        struct csvc__chunk *next = chunk->next;

        CSVC__ARENA_OPEN(chunk, HEADER_SIZE + chunk->size);
        csvc__free(chunk);
        chunk = next;
    }
    a->chunks = NULL;
    a->held = 0;
    a->next_size = NEXT_SIZE;
    a->at = a->first;
    a->end = a->first;
    if (a->first_size > 0) {
        a->end = a->first + a->first_size;
        /* the bytes are the caller's again */
        CSVC__ARENA_OPEN(a->first, a->first_size);
    }
}

/* How many bytes, header included, may still be asked of malloc. */
static size_t allowance(const csvc_arena *a)
{
    size_t used = a->first_size + a->held;

    if (a->max == 0) {
        return SIZE_MAX;
    }
    return used < a->max ? a->max - used : 0;
}

void *csvc__arena_grow(csvc_arena *a, size_t size)
{
    size_t need = csvc__arena_room(size);
    size_t left = allowance(a);
    size_t chunk_size;
    struct csvc__chunk *chunk;
    uint8_t *memory;

    /* no object is larger than PTRDIFF_MAX */
    if (size > PTRDIFF_MAX - HEADER_SIZE - 64 || need + HEADER_SIZE > left) {
        return NULL;
    }
    if (need == 0) {
        need = ALIGNMENT;
    }
    chunk_size = a->next_size - HEADER_SIZE;
    if (chunk_size > left - HEADER_SIZE) {
        chunk_size = (left - HEADER_SIZE) & ~(size_t)(ALIGNMENT - 1);
    }
    if (need > chunk_size / 2) {
        chunk_size = need; /* large: a chunk of its own, what is left of the newest stays in use */
    }
    chunk = csvc__malloc(HEADER_SIZE + chunk_size);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->size = chunk_size;
    chunk->next = a->chunks;
    a->chunks = chunk;
    a->held += HEADER_SIZE + chunk_size;
    memory = (uint8_t *)chunk + HEADER_SIZE;
    CSVC__ARENA_SHUT(memory, chunk_size);
    CSVC__ARENA_OPEN(memory, size);
    if (chunk_size > need) {
        a->at = memory + need;
        a->end = memory + chunk_size;
    }
    if (a->next_size < LARGEST_SIZE) {
        a->next_size *= 2;
    }
    return memory;
}

void *csvc__arena_resize(csvc_arena *a, void *memory, size_t size, size_t new_size)
{
    size_t room = csvc__arena_room(size);
    size_t need = csvc__arena_room(new_size);
    void *copy;

    if (need < new_size) {
        return NULL;
    }
    /* a == b + n says that b is the newest, or that a chunk ends where another begins: then there
     * is a header between the two */
    if (memory != NULL && room > 0 && (uint8_t *)memory + room == a->at &&
        (need <= room || (size_t)(a->end - a->at) >= need - room)) {
        a->at = (uint8_t *)memory + need;
        CSVC__ARENA_SHUT(memory, need > room ? need : room);
        CSVC__ARENA_OPEN(memory, new_size);
        return memory;
    }
    if (new_size <= size) {
        return memory;
    }
    copy = csvc__arena_take(a, new_size);
    if (copy != NULL && size > 0) {
        memcpy(copy, memory, size);
    }
    return copy;
}

csvc_arena *csvc_arena_new(size_t max)
{
    size_t size = FIRST_SIZE;
    csvc_arena *a;

    if (max > 0 && max < size - ARENA_SIZE) {
        size = ARENA_SIZE + max;
    }
    a = csvc__malloc(size);
    if (a != NULL) {
        csvc__arena_init(a, (uint8_t *)a + ARENA_SIZE, size - ARENA_SIZE, max);
    }
    return a;
}

csvc_arena *csvc_arena_free(csvc_arena *a)
{
    if (a != NULL) {
        csvc__arena_release(a);
        csvc__free(a);
    }
    return NULL;
}

void csvc_arena_reset(csvc_arena *a)
{
    csvc__arena_release(a);
    if (a->first_size > 0) {
        CSVC__ARENA_SHUT(a->first, a->first_size);
    }
}

void *csvc_arena_alloc(csvc_arena *a, size_t size)
{
    return csvc__arena_take(a, size);
}

void *csvc_arena_calloc(csvc_arena *a, size_t count, size_t size)
{
    void *memory;

    if (size > 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    memory = csvc__arena_take(a, count * size);
    if (memory != NULL) {
        memset(memory, 0, count * size);
    }
    return memory;
}

char *csvc_arena_strndup(csvc_arena *a, const char *text, size_t len)
{
    char *copy = len < SIZE_MAX ? csvc__arena_take(a, len + 1) : NULL;

    if (copy != NULL) {
        if (len > 0) {
            memcpy(copy, text, len);
        }
        copy[len] = '\0';
    }
    return copy;
}

char *csvc_arena_strdup(csvc_arena *a, const char *text)
{
    return csvc_arena_strndup(a, text, strlen(text));
}

char *csvc_arena_printf(csvc_arena *a, const char *format, ...)
{
    char text[256];
    char *copy;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0) {
        return NULL;
    }
    if ((size_t)len < sizeof(text)) {
        return csvc_arena_strndup(a, text, (size_t)len);
    }
    copy = csvc__arena_take(a, (size_t)len + 1);
    if (copy != NULL) {
        va_start(args, format);
        (void)vsnprintf(copy, (size_t)len + 1, format, args);
        va_end(args);
    }
    return copy;
}

size_t csvc_arena_size(const csvc_arena *a)
{
    return a->first_size + a->held;
}
