/* support/failing_alloc.c: see the header. Any thread may allocate in between. */
#include "failing_alloc.h"

#include <csvc/alloc.h>

#include <stdatomic.h>
#include <stdlib.h>

static atomic_size_t calls;
static atomic_size_t fail_at;
static atomic_long live;

static int fails(void)
{
    return atomic_fetch_add(&calls, 1) + 1 == atomic_load(&fail_at);
}

static void *counted_malloc(size_t size)
{
    void *memory = fails() ? NULL : malloc(size);

    live += memory != NULL;
    return memory;
}

static void *counted_realloc(void *memory, size_t size)
{
    void *moved = fails() ? NULL : realloc(memory, size);

    live += moved != NULL && memory == NULL;
    return moved;
}

static void counted_free(void *memory)
{
    live -= memory != NULL;
    free(memory);
}

void failing_alloc_begin(size_t n)
{
    const csvc_allocator counted = {counted_malloc, counted_realloc, counted_free};

    failing_alloc_next(n);
    csvc_set_allocator(&counted);
}

void failing_alloc_next(size_t n)
{
    atomic_store(&calls, 0);
    atomic_store(&fail_at, n);
}

size_t failing_alloc_pass(void)
{
    atomic_store(&fail_at, 0);
    return atomic_load(&calls);
}

size_t failing_alloc_end(void)
{
    csvc_set_allocator(NULL);
    return atomic_load(&calls);
}

long failing_alloc_live(void)
{
    return atomic_load(&live);
}
