/* model/parts.c: memory for the nodes of a model. */
#include "model/parts.h"

#include "common/concat.h"

#include "base/banned.h"

void *gen_take(gen_builder *b, size_t count, size_t size)
{
    void *memory;

    if (count == 0) {
        return NULL;
    }
    memory = csvc_arena_calloc(b->a, count, size);
    b->no_memory |= memory == NULL;
    return memory;
}

char *gen_join(gen_builder *b, const char *scope, const char *name)
{
    char *joined =
        *scope == '\0' ? csvc_arena_strdup(b->a, name) : gen_concat(b->a, scope, ".", name);

    b->no_memory |= joined == NULL;
    return joined;
}
