/* rpc/validate.c: requests are held to the rules of their .proto, where it has any. */
#include <rpc/chain.h>
#include <rpc/validate.h>

#include <base/banned.h>

static csvc_code received(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    const csvc_method *method = csvc_method_of(ctx);
    csvc_error err = {CSVC_ERROR_INIT};

    (void)self;
    (void)state;
    if (method == NULL || (method->request->flags & CSVC_MESSAGE_RULES) == 0 ||
        csvc_validate(method->request, message, &err) == CSVC_OK) {
        return CSVC_OK;
    }
    return csvc_fail(ctx, err.code, "%s", err.text);
}

static const csvc_interceptor validating = {CSVC_INTERCEPTOR_INIT, .name = "validation",
                                            .phase = CSVC_PHASE_VALIDATION, .received = received};

static bool has_rules(const csvc_service *service)
{
    for (uint32_t i = 0; i < service->n_methods; i++) {
        if ((service->methods[i].request->flags & CSVC_MESSAGE_RULES) != 0) {
            return true;
        }
    }
    return false;
}

csvc_code csvc__validate_where_asked(csvc__chain *chain, const csvc_service *service)
{
    if (!has_rules(service)) {
        return CSVC_OK;
    }
    for (uint32_t i = 0; i < chain->n_links; i++) {
        if (chain->links[i].it.received == received) {
            return CSVC_OK; /* for another service, or an earlier attempt to listen */
        }
    }
    return csvc__chain_add(chain, &validating, NULL);
}
