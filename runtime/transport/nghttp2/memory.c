/*
 * nghttp2/memory.c: memory for the sessions of one loop.
 *
 * nghttp2 takes and gives some eight small blocks a call: its stream, the frames that are to be
 * sent, names and values. All of it happens on the loop's thread, so blocks that were given back
 * wait in a list for each size, and taking one is a few instructions. A word before each block says
 * which list is its own.
 */
#include <base/arena.h>
#include <csvc/alloc.h>
#include <transport/nghttp2/memory.h>

#include <string.h>

#include <base/banned.h>

enum {
    STEP = 16,
    HEAD = 8, /* keeps what follows aligned for all that nghttp2 has: pointers and int64_t */
    LONG = NG_MEMORY_CLASSES
};

#define KEPT_BYTES ((size_t)64 * 1024) /* of one size, for later */

typedef struct ng_block {
    union {
        size_t class; /* while it is taken */
        struct ng_block *next;
    } of;
} ng_block;

_Static_assert(sizeof(ng_block) <= HEAD, "a block's head has room for both");

/* Under AddressSanitizer nothing is reused, so that who touches what was given back is found. */
static size_t kept_bytes(void)
{
#if defined(CSVC__ARENA_ASAN)
    return 0;
#else
    return KEPT_BYTES;
#endif
}

static size_t class_of(size_t size)
{
    return size == 0 ? 0 : (size - 1) / STEP;
}

static size_t size_of(size_t class)
{
    return (class + 1) * STEP;
}

static void *body(ng_block *block)
{
    return (uint8_t *)block + HEAD;
}

static void *take(size_t size, void *self)
{
    ng_memory *memory = self;
    const size_t class = class_of(size);
    ng_block *block = NULL;

    if (class >= LONG) {
        block = size <= SIZE_MAX - HEAD ? csvc__malloc(HEAD + size) : NULL;
        if (block == NULL) {
            return NULL;
        }
        block->of.class = LONG;
        return body(block);
    }
    block = memory->spare[class];
    if (block != NULL) {
        memory->spare[class] = block->of.next;
        memory->n_spare[class]--;
    } else {
        block = csvc__malloc(HEAD + size_of(class));
        if (block == NULL) {
            return NULL;
        }
    }
    block->of.class = class;
    return body(block);
}

static void give(void *at, void *self)
{
    ng_memory *memory = self;
    ng_block *block = NULL;
    size_t class = 0;

    if (at == NULL) {
        return;
    }
    block = (ng_block *)(void *)((uint8_t *)at - HEAD);
    class = block->of.class;
    if (class == LONG || memory->n_spare[class] * size_of(class) >= kept_bytes()) {
        csvc__free(block);
        return;
    }
    block->of.next = memory->spare[class];
    memory->spare[class] = block;
    memory->n_spare[class]++;
}

static void *take_zeroed(size_t n, size_t size, void *self)
{
    void *at = n == 0 || size <= SIZE_MAX / n ? take(n * size, self) : NULL;

    return at != NULL ? memset(at, 0, n * size) : NULL;
}

static void *take_more(void *at, size_t size, void *self)
{
    ng_block *block = NULL;
    void *more = NULL;

    if (at == NULL) {
        return take(size, self);
    }
    block = (ng_block *)(void *)((uint8_t *)at - HEAD);
    if (block->of.class == LONG) { /* and stays so: that it has shrunk is no matter */
        block = size <= SIZE_MAX - HEAD ? csvc__realloc(block, HEAD + size) : NULL;
        return block != NULL ? body(block) : NULL;
    }
    if (class_of(size) <= block->of.class) {
        return at;
    }
    more = take(size, self);
    if (more != NULL) {
        memcpy(more, at, size_of(block->of.class));
        give(at, self);
    }
    return more;
}

void csvc__ng_memory_init(ng_memory *memory)
{
    *memory = (ng_memory){.functions = {.mem_user_data = memory,
                                        .malloc = take,
                                        .free = give,
                                        .calloc = take_zeroed,
                                        .realloc = take_more}};
}

void csvc__ng_memory_release(ng_memory *memory)
{
    for (size_t i = 0; i < NG_MEMORY_CLASSES; i++) {
        while (memory->spare[i] != NULL) {
            ng_block *block = memory->spare[i];

            memory->spare[i] = block->of.next;
            csvc__free(block);
        }
    }
}
