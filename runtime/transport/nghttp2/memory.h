/* nghttp2/memory.h: what nghttp2 allocates for the sessions of a loop. One thread. */
#ifndef CSVC_NGHTTP2_MEMORY_H
#define CSVC_NGHTTP2_MEMORY_H

#include <nghttp2/nghttp2.h>

enum {
    NG_MEMORY_CLASSES = 32 /* of 16 bytes each */
};

typedef struct ng_memory {
    nghttp2_mem functions;
    struct ng_block *spare[NG_MEMORY_CLASSES];
    size_t n_spare[NG_MEMORY_CLASSES];
} ng_memory;

void csvc__ng_memory_init(ng_memory *memory);
void csvc__ng_memory_release(ng_memory *memory); /* every session has gone */

#endif /* CSVC_NGHTTP2_MEMORY_H */
