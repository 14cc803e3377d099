/*
 * grpc_core/resting.h: numbers of descriptors that were a connection's just now.
 *
 * Calls of that one may be on their way to a loop, which knows connections by number, so such a
 * number is not another connection's yet: something else holds it meanwhile. The acceptor's thread.
 */
#ifndef CSVC_GRPC_CORE_RESTING_H
#define CSVC_GRPC_CORE_RESTING_H

#include <transport/grpc_core/names.h>

typedef struct gc_placeholder gc_placeholder;

typedef struct gc_resting {
    int filler;                   /* a descriptor whose duplicates hold the numbers */
    gc_placeholder *first, *last; /* by when they may be used again */
    size_t n;                     /* at most an eighth of the descriptors there may be */
} gc_resting;

/* Takes a connection's descriptor, returns it under a number that may be used. When there are too
 * many that rest, it is the one that has rested longest; where memory or descriptors are short, fd
 * as it is. */
int csvc__gc_rested(gc_resting *resting, gc_names *names, int fd);

/* Lets go of those that have rested by then; all with INT64_MAX. */
void csvc__gc_resting_clear(gc_resting *resting, int64_t now);

/* When the next one will have; INT64_MAX: there is none. */
int64_t csvc__gc_resting_due(const gc_resting *resting);

#endif /* CSVC_GRPC_CORE_RESTING_H */
