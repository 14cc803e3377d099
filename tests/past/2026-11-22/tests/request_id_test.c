/* Every call has an id: the caller's own, or one that nobody else has. */
#include "service_testing.h"

#include <string.h>

/* Calls the first rpc there is, whatever it answers; the id that came back, in `t->ctx`. */
static const char *call(struct service_testing *t)
{
    const csvc_service *const *service = user_service_app.services;
    const csvc_method *method;
    csvc_bytes id = {0, NULL};
    const void *rsp;
    void *req;

    while (*service != NULL && (*service)->n_methods == 0) {
        service++;
    }
    if (*service == NULL) {
        skip();
        return NULL;
    }
    method = &(*service)->methods[0];
    req = csvc_message_new(csvc_ctx_arena(t->ctx), method->request);
    assert_non_null(req);
    if (method->kind == CSVC_RPC_UNARY) {
        (void)!csvc_call_unary(t->channel, method, &t->rpc, req, &rsp);
    } else {
        bool many = method->kind != CSVC_RPC_SERVER_STREAM;
        csvc_call *open = csvc_call_start(t->channel, method, &t->rpc, many ? NULL : req, NULL);

        (void)csvc_call_finish(open, &t->rpc, NULL);
    }
    assert_true(csvc_rpc_trailer(&t->rpc, "x-request-id", 0, &id));
    return csvc_printf(t->ctx, "%.*s", (int)id.len, (const char *)id.data);
}

static void callers_may_bring_their_own(void **state)
{
    struct service_testing *t = *state;
    const csvc_metadata_pair pair = {"x-request-id", {6, (const uint8_t *)"abc-17"}};

    t->rpc.metadata = &pair;
    t->rpc.n_metadata = 1;
    assert_string_equal("abc-17", call(t));
}

static void each_is_another(void **state)
{
    struct service_testing *t = *state;
    const char *first = call(t);

    assert_true(strlen(first) > 0);
    assert_string_not_equal(first, call(t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(callers_may_bring_their_own, service_testing_start,
                                        service_testing_stop),
        cmocka_unit_test_setup_teardown(each_is_another, service_testing_start,
                                        service_testing_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
