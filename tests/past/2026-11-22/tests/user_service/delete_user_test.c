/* DeleteUser, called as a client calls it. Yours: c-svc wrote this file once. */
#include "service_testing.h"

/* Values for a row; `n` tells it from others. */
static void fill_row(struct service_testing *t, User__User *user, unsigned n)
{
    user->username = csvc_printf(t->ctx, "username %u", n);
    user->email = csvc_printf(t->ctx, "email %u", n);
    user->full_name = csvc_printf(t->ctx, "full_name %u", n);
}

/* Stores a row, which then lives as long as the test. */
static const User__User *put_row(struct service_testing *t, unsigned n)
{
    User__User user = USER__USER__INIT;
    User__User *stored = NULL;

    fill_row(t, &user, n);
    assert_code(CSVC_OK, user_store_create(t->svc.db, t->ctx, &user, &stored));
    return stored;
}

static void removes_one(void **state)
{
    struct service_testing *t = *state;
    User__DeleteUserRequest req = USER__DELETE_USER_REQUEST__INIT;
    const User__DeleteUserResponse *rsp;
    const User__User *stored = put_row(t, 1);
    User__User *again;

    req.id = stored->id;
    assert_code(CSVC_OK, user_service_client_delete_user(t->channel, &t->rpc, &req, &rsp));
    assert_true(rsp->success);
    assert_code(CSVC_NOT_FOUND, user_store_get(t->svc.db, t->ctx, stored->id, &again));
    assert_code(CSVC_NOT_FOUND, user_service_client_delete_user(t->channel, &t->rpc, &req, &rsp));
}

static void does_not_find_one_that_is_not_there(void **state)
{
    struct service_testing *t = *state;
    User__DeleteUserRequest req = USER__DELETE_USER_REQUEST__INIT;
    const User__DeleteUserResponse *rsp;

    req.id = 42;
    assert_code(CSVC_NOT_FOUND, user_service_client_delete_user(t->channel, &t->rpc, &req, &rsp));
}

static void refuses_a_bad_key(void **state)
{
    struct service_testing *t = *state;
    User__DeleteUserRequest req = USER__DELETE_USER_REQUEST__INIT;
    const User__DeleteUserResponse *rsp;

    req.id = 0;
    assert_code(CSVC_INVALID_ARGUMENT,
                user_service_client_delete_user(t->channel, &t->rpc, &req, &rsp));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(removes_one, service_testing_start, service_testing_stop),
        cmocka_unit_test_setup_teardown(does_not_find_one_that_is_not_there, service_testing_start,
                                        service_testing_stop),
        cmocka_unit_test_setup_teardown(refuses_a_bad_key, service_testing_start,
                                        service_testing_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
