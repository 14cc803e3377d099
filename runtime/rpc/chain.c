/* rpc/chain.c: the interceptors of a server or a channel, in the order they run. */
#include <rpc/chain.h>
#include <rpc/ctx.h>

#include <string.h>

#include <base/banned.h>

/* Sums and sorts anew: offsets follow the order. */
static void settle(csvc__chain *chain)
{
    chain->n_on_loop = 0;
    chain->states_size = 0;
    for (uint32_t i = 0; i < chain->n_links; i++) {
        csvc__link *l = &chain->links[i];

        l->offset = chain->states_size;
        chain->states_size += (l->it.state_size + 15) & ~(size_t)15;
        chain->n_on_loop += l->it.phase <= CSVC_PHASE_LIMITS;
    }
}

csvc_code csvc__chain_add(csvc__chain *chain, const csvc_interceptor *it, void *self)
{
    csvc__link l = {.self = self};
    uint32_t at;

    if (it == NULL || it->struct_size < offsetof(csvc_interceptor, begin) ||
        it->phase > CSVC_PHASE_USER || it->state_size > (size_t)1 << 20) {
        return CSVC_INVALID_ARGUMENT;
    }
    if (chain->n_links == CSVC__MAX_INTERCEPTORS) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    memcpy(&l.it, it, it->struct_size < sizeof(l.it) ? it->struct_size : sizeof(l.it));
    for (at = chain->n_links; at > 0 && chain->links[at - 1].it.phase > it->phase; at--) {
        chain->links[at] = chain->links[at - 1];
    }
    chain->links[at] = l;
    chain->n_links++;
    chain->timed |= l.it.end != NULL;
    chain->hears_received |= l.it.received != NULL;
    chain->hears_sent |= l.it.sent != NULL;
    settle(chain);
    return CSVC_OK;
}

csvc_code csvc__chain_serves(const csvc__chain *chain, const csvc_service *service)
{
    csvc_code code = CSVC_OK;

    for (uint32_t i = 0; i < chain->n_links && code == CSVC_OK; i++) {
        const csvc__link *l = &chain->links[i];

        if (l->it.serves != NULL) {
            code = l->it.serves(l->self, service);
        }
    }
    return code;
}

const csvc_method *csvc_method_of(const csvc_ctx *ctx)
{
    return ctx->method;
}

static void *state_of(const csvc__link *l, void *states)
{
    return (uint8_t *)states + l->offset;
}

csvc_code csvc__chain_begin(const csvc__chain *chain, csvc_ctx *ctx, void *states, uint32_t upto,
                            uint32_t *begun)
{
    csvc_code code = CSVC_OK;

    while (*begun < upto && code == CSVC_OK) {
        const csvc__link *l = &chain->links[(*begun)++];

        if (l->it.begin != NULL) {
            code = l->it.begin(l->self, ctx, state_of(l, states));
        }
    }
    return code;
}

csvc_code csvc__chain_received(const csvc__chain *chain, csvc_ctx *ctx, void *states,
                               const void *message)
{
    csvc_code code = CSVC_OK;

    for (uint32_t i = 0; i < chain->n_links && code == CSVC_OK; i++) {
        const csvc__link *l = &chain->links[i];

        if (l->it.received != NULL) {
            code = l->it.received(l->self, ctx, state_of(l, states), message);
        }
    }
    return code;
}

void csvc__chain_sent(const csvc__chain *chain, csvc_ctx *ctx, void *states, const void *message)
{
    for (uint32_t i = chain->n_links; i > 0; i--) {
        const csvc__link *l = &chain->links[i - 1];

        if (l->it.sent != NULL) {
            l->it.sent(l->self, ctx, state_of(l, states), message);
        }
    }
}

void csvc__chain_end(const csvc__chain *chain, csvc_ctx *ctx, void *states, uint32_t begun,
                     const csvc_outcome *outcome)
{
    for (uint32_t i = begun; i > 0; i--) {
        const csvc__link *l = &chain->links[i - 1];

        if (l->it.end != NULL) {
            l->it.end(l->self, ctx, state_of(l, states), outcome);
        }
    }
}
