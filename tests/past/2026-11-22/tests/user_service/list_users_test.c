/* ListUsers, called as a client calls it. Yours: c-svc wrote this file once. */
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

static void lists_all(void **state)
{
    struct service_testing *t = *state;
    User__ListUsersRequest req = USER__LIST_USERS_REQUEST__INIT;
    const User__ListUsersResponse *rsp;

    (void)put_row(t, 1);
    (void)put_row(t, 2);
    (void)put_row(t, 3);
    assert_code(CSVC_OK, user_service_client_list_users(t->channel, &t->rpc, &req, &rsp));
    assert_int_equal(rsp->n_users, 3);
    assert_int_equal(rsp->total, 3);
}

static void pages(void **state)
{
    struct service_testing *t = *state;
    User__ListUsersRequest req = USER__LIST_USERS_REQUEST__INIT;
    const User__ListUsersResponse *rsp;

    (void)put_row(t, 1);
    (void)put_row(t, 2);
    (void)put_row(t, 3);
    req.page_size = 2;
    assert_code(CSVC_OK, user_service_client_list_users(t->channel, &t->rpc, &req, &rsp));
    assert_int_equal(rsp->n_users, 2);
    assert_int_equal(rsp->total, 3);
    req.page = 2;
    assert_code(CSVC_OK, user_service_client_list_users(t->channel, &t->rpc, &req, &rsp));
    assert_int_equal(rsp->n_users, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_all, service_testing_start, service_testing_stop),
        cmocka_unit_test_setup_teardown(pages, service_testing_start, service_testing_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
