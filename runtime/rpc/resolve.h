/* rpc/resolve.h: from "static:HOST:PORT,HOST:PORT" to the addresses that a channel calls in turn.
 * Other schemes are the transport's. */
#ifndef CSVC_RPC_RESOLVE_H
#define CSVC_RPC_RESOLVE_H

#include <csvc/arena.h>
#include <csvc/code.h>

enum {
    CSVC__MAX_ENDPOINTS = 64
};

typedef struct csvc__endpoints {
    const char *authority; /* the first as it was written; NULL: the target is of another scheme */
    const char *const *addresses; /* "1.2.3.4:5", "[::1]:5" */
    size_t n_addresses;
} csvc__endpoints;

/*
 * Looks up what is a name, which blocks; names without an address are left out. What it gives is in
 * the arena. INVALID_ARGUMENT for a list that cannot be meant, UNAVAILABLE when no name has an
 * address, RESOURCE_EXHAUSTED.
 */
csvc_code csvc__resolve(csvc_arena *a, const char *target, csvc__endpoints *ret_endpoints,
                        csvc_error *err) CSVC_MUST_CHECK;

#endif /* CSVC_RPC_RESOLVE_H */
