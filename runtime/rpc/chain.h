/* rpc/chain.h: the interceptors of a server or a channel, in the order they run. */
#ifndef CSVC_RPC_CHAIN_H
#define CSVC_RPC_CHAIN_H

#include <csvc/interceptor.h>

enum {
    CSVC__MAX_INTERCEPTORS = 64
};

typedef struct csvc__link {
    csvc_interceptor it; /* a copy, as large as ours */
    void *self;
    size_t offset; /* of its state among the states of a call */
} csvc__link;

typedef struct csvc__chain {
    csvc__link links[CSVC__MAX_INTERCEPTORS]; /* by phase */
    uint32_t n_links;
    uint32_t n_on_loop;  /* the first ones, whose begin runs on the loop */
    size_t states_size;  /* of a call's states together */
    bool timed;          /* somebody asks for an end, so for a duration */
    bool hears_received; /* somebody asks for messages that come */
    bool hears_sent;     /* and for those that go */
} csvc__chain;

/* Puts one in its place. INVALID_ARGUMENT, RESOURCE_EXHAUSTED when there are too many. */
csvc_code csvc__chain_add(csvc__chain *chain, const csvc_interceptor *it,
                          void *self) CSVC_MUST_CHECK;

/* Tells all of a service; the first that refuses stops it. */
csvc_code csvc__chain_serves(const csvc__chain *chain, const csvc_service *service) CSVC_MUST_CHECK;

/*
 * Runs the begins from *begun up to `upto`, counting *begun up; stops at the first that refuses and
 * returns its code.
 */
csvc_code csvc__chain_begin(const csvc__chain *chain, csvc_ctx *ctx, void *states, uint32_t upto,
                            uint32_t *begun) CSVC_MUST_CHECK;

/* A message, before the handler gets it; the first that refuses stops it. */
csvc_code csvc__chain_received(const csvc__chain *chain, csvc_ctx *ctx, void *states,
                               const void *message) CSVC_MUST_CHECK;

/* A message that goes; NULL for a frame. */
void csvc__chain_sent(const csvc__chain *chain, csvc_ctx *ctx, void *states, const void *message);

/* The ends of those that have begun, the last one first. */
void csvc__chain_end(const csvc__chain *chain, csvc_ctx *ctx, void *states, uint32_t begun,
                     const csvc_outcome *outcome);

#endif /* CSVC_RPC_CHAIN_H */
