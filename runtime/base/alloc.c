/* base/alloc.c: the three functions all memory comes from. The only file that may name malloc. */
#include <csvc/alloc.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Written once, before threads: see csvc_set_allocator. */
static csvc_allocator allocator = {.malloc = malloc, .realloc = realloc, .free = free};

void csvc_set_allocator(const csvc_allocator *replacement)
{
    if (replacement != NULL) {
        allocator = *replacement;
    } else {
        allocator = (csvc_allocator){.malloc = malloc, .realloc = realloc, .free = free};
    }
}

void *csvc__malloc(size_t size)
{
    return allocator.malloc(size > 0 ? size : 1);
}

void *csvc__calloc(size_t count, size_t size)
{
    void *memory;

    if (size > 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    memory = csvc__malloc(count * size);
    if (memory != NULL) {
        memset(memory, 0, count * size);
    }
    return memory;
}

void *csvc__realloc(void *memory, size_t size)
{
    return allocator.realloc(memory, size > 0 ? size : 1);
}

char *csvc__strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = csvc__malloc(size);

    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void csvc__free(void *memory)
{
    int saved = errno;

    /* an allocator of the program's need not know that NULL is fine */
    if (memory != NULL) {
        allocator.free(memory);
    }
    errno = saved;
}
