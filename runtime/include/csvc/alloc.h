/*
 * csvc/alloc.h: where libcsvc gets its memory.
 *
 * Everything that libcsvc and generated code allocate comes through here: from malloc, unless a
 * program puts its own functions in place before its first use of the library. A failed
 * allocation is always returned to the caller (as RESOURCE_EXHAUSTED or NULL), never fatal; a test
 * fails each of them in turn. What the gRPC C core allocates for itself does not come through here.
 */
#ifndef CSVC_ALLOC_H
#define CSVC_ALLOC_H

#include <csvc/common.h>

CSVC_BEGIN_DECLS

typedef struct csvc_allocator {
    void *(*malloc)(size_t size);
    void *(*realloc)(void *memory, size_t size);
    void (*free)(void *memory);
} csvc_allocator;

/*
 * Replaces the three functions for the whole process; NULL goes back to the C library's. Call it
 * before anything else of libcsvc, from one thread: memory from one set is never given to another.
 */
CSVC_API void csvc_set_allocator(const csvc_allocator *allocator);

/* The library's own calls, for code that must hand memory to it or take memory over. */
CSVC_API void *csvc__malloc(size_t size) CSVC_MUST_CHECK;
CSVC_API void *csvc__calloc(size_t count, size_t size) CSVC_MUST_CHECK; /* NULL on overflow too */
CSVC_API void *csvc__realloc(void *memory, size_t size) CSVC_MUST_CHECK;
CSVC_API char *csvc__strdup(const char *text) CSVC_MUST_CHECK;
CSVC_API void csvc__free(void *memory);

CSVC_END_DECLS

#endif /* CSVC_ALLOC_H */
