/* CreateUser, called as a client calls it. Yours: c-svc wrote this file once. */
#include "service_testing.h"

#include <string.h>

/* A good request; `n` tells it from others. */
static void fill_request(struct service_testing *t, User__CreateUserRequest *req, unsigned n)
{
    req->username = csvc_printf(t->ctx, "username %u", n);
    req->email = csvc_printf(t->ctx, "email %u", n);
    req->full_name = csvc_printf(t->ctx, "full_name %u", n);
}

static void stores_one(void **state)
{
    struct service_testing *t = *state;
    User__CreateUserRequest req = USER__CREATE_USER_REQUEST__INIT;
    const User__CreateUserResponse *rsp;

    fill_request(t, &req, 1);
    assert_code(CSVC_OK, user_service_client_create_user(t->channel, &t->rpc, &req, &rsp));
    assert_non_null(rsp->user);
    assert_string_equal(rsp->user->username, req.username);
    assert_string_equal(rsp->user->email, req.email);
    assert_string_equal(rsp->user->full_name, req.full_name);
    assert_true(rsp->user->id > 0);
    assert_string_not_equal(rsp->user->created_at, "");
    assert_string_not_equal(rsp->user->updated_at, "");
}

static void needs_what_is_required(void **state)
{
    struct service_testing *t = *state;
    User__CreateUserRequest req = USER__CREATE_USER_REQUEST__INIT;
    const User__CreateUserResponse *rsp;

    fill_request(t, &req, 1);
    req.username = "";
    assert_code(CSVC_INVALID_ARGUMENT,
                user_service_client_create_user(t->channel, &t->rpc, &req, &rsp));
    assert_non_null(strstr(t->rpc.message, "username"));

    fill_request(t, &req, 1);
    req.email = "";
    assert_code(CSVC_INVALID_ARGUMENT,
                user_service_client_create_user(t->channel, &t->rpc, &req, &rsp));
    assert_non_null(strstr(t->rpc.message, "email"));
}

static void refuses_what_is_taken(void **state)
{
    struct service_testing *t = *state;
    User__CreateUserRequest req = USER__CREATE_USER_REQUEST__INIT;
    const User__CreateUserResponse *rsp;

    fill_request(t, &req, 1);
    assert_code(CSVC_OK, user_service_client_create_user(t->channel, &t->rpc, &req, &rsp));

    fill_request(t, &req, 2);
    req.username = csvc_printf(t->ctx, "username %u", 1);
    assert_code(CSVC_ALREADY_EXISTS,
                user_service_client_create_user(t->channel, &t->rpc, &req, &rsp));
    assert_non_null(strstr(t->rpc.message, "username"));

    fill_request(t, &req, 2);
    req.email = csvc_printf(t->ctx, "email %u", 1);
    assert_code(CSVC_ALREADY_EXISTS,
                user_service_client_create_user(t->channel, &t->rpc, &req, &rsp));
    assert_non_null(strstr(t->rpc.message, "email"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stores_one, service_testing_start, service_testing_stop),
        cmocka_unit_test_setup_teardown(needs_what_is_required, service_testing_start,
                                        service_testing_stop),
        cmocka_unit_test_setup_teardown(refuses_what_is_taken, service_testing_start,
                                        service_testing_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
