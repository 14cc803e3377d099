/* Which columns an update is about, lists without pages, map entries of another type. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "codec_field_mask.pb-c.h"
#include "store_types.h"

enum {
    ANY = USER_USERNAME | USER_EMAIL | USER_FULL_NAME | USER_AGE_COLUMN
};

struct fixture {
    csvc_db *db;
    csvc_ctx *ctx;
};

static int start(void **state)
{
    static struct fixture f;

    f.db = store_open_memory();
    f.ctx = csvc_ctx_new(NULL);
    *state = &f;
    return f.ctx == NULL;
}

static int stop(void **state)
{
    struct fixture *f = *state;

    f->ctx = csvc_ctx_unref(f->ctx);
    f->db = csvc_db_close(f->db);
    return 0;
}

/* ---- given ---- */

static void plain_fields_are_always_given(void **state)
{
    User user = user_init();

    (void)state;
    assert_int_equal(USER_USERNAME | USER_EMAIL | USER_FULL_NAME,
                     csvc_store_given(&user_entity, &user));
}

static void optional_fields_are_given_when_there(void **state)
{
    User user = user_init();

    (void)state;
    user.age_case = USER_AGE;
    assert_int_equal(ANY, csvc_store_given(&user_entity, &user));
}

static void messages_are_given_when_there(void **state)
{
    Google__Protobuf__Duration took = GOOGLE__PROTOBUF__DURATION__INIT;
    Event event = event_init();

    (void)state;
    assert_int_equal(2, csvc_store_given(&event_entity, &event)); /* the name */
    event.took = &took;
    assert_int_equal(2 | 32, csvc_store_given(&event_entity, &event));
}

/* ---- masks ---- */

static csvc_code masked(struct fixture *f, const User *user, csvc_column_set allowed,
                        const char *const *paths, size_t n_paths, csvc_column_set *ret_set)
{
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;

    mask.n_paths = n_paths;
    mask.paths = (char **)paths;
    return csvc_store_mask(f->ctx, &user_entity, user, allowed, &mask, ret_set);
}

static void a_mask_names_columns(void **state)
{
    static const char *const paths[] = {"email", "age"};
    struct fixture *f = *state;
    User user = user_init();
    csvc_column_set set = 0;

    assert_int_equal(CSVC_OK, masked(f, &user, CSVC_ALL_COLUMNS, paths, 2, &set));
    assert_int_equal(USER_EMAIL | USER_AGE_COLUMN, set);
}

static void key_and_times_may_be_named_and_never_change(void **state)
{
    static const char *const paths[] = {"id", "created_at", "updated_at", "email"};
    struct fixture *f = *state;
    User user = user_init();
    csvc_column_set set = 0;

    assert_int_equal(CSVC_OK, masked(f, &user, CSVC_ALL_COLUMNS, paths, 4, &set));
    assert_int_equal(USER_EMAIL, set);
}

static void a_star_is_all(void **state)
{
    static const char *const paths[] = {"*"};
    struct fixture *f = *state;
    User user = user_init();
    csvc_column_set set = 0;

    assert_int_equal(CSVC_OK, masked(f, &user, CSVC_ALL_COLUMNS, paths, 1, &set));
    assert_int_equal(ANY, set);
    assert_int_equal(CSVC_OK, masked(f, &user, USER_EMAIL, paths, 1, &set));
    assert_int_equal(USER_EMAIL, set);
}

static void without_a_mask_what_is_populated(void **state)
{
    struct fixture *f = *state;
    User user = user_init();
    csvc_column_set set = 77;

    assert_int_equal(CSVC_OK,
                     csvc_store_mask(f->ctx, &user_entity, &user, CSVC_ALL_COLUMNS, NULL, &set));
    assert_int_equal(0, set);
    user.id = 3;
    user.email = (char *)"a";
    user.created_at = (char *)"b";
    user.age_case = USER_AGE; /* there, though zero */
    assert_int_equal(CSVC_OK, masked(f, &user, CSVC_ALL_COLUMNS, NULL, 0, &set));
    assert_int_equal(USER_EMAIL | USER_AGE_COLUMN, set);
    assert_int_equal(CSVC_OK, masked(f, &user, USER_EMAIL, NULL, 0, &set));
    assert_int_equal(USER_EMAIL, set);
}

static void paths_that_are_refused(void **state)
{
    static const struct {
        const char *path, *text;
    } wrong[] = {
        {"nope", "update_mask: nope is no field of user that can change"},
        {"", "update_mask:  is no field of user that can change"},
        {"emai", "update_mask: emai is no field of user that can change"},
        {"emails", "update_mask: emails is no field of user that can change"},
        {"password", "update_mask: password is no field of user that can change"}, /* no column */
        {"full_name",
         "update_mask: full_name is no field of user that can change"}, /* not allowed */
        {"email.host",
         "update_mask: email.host reaches into email, which can only change as a whole"},
    };
    struct fixture *f = *state;
    User user = user_init();

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *const paths[] = {"username", wrong[i].path};
        csvc_column_set set = 77;

        assert_int_equal(CSVC_INVALID_ARGUMENT,
                         masked(f, &user, ANY & ~USER_FULL_NAME, paths, 2, &set));
        assert_string_equal(wrong[i].text, csvc_fail_text(f->ctx, CSVC_INVALID_ARGUMENT));
        assert_int_equal(77, set);
    }
}

/* ---- lists without pages ---- */

static void put_users(struct fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        User user;
        void *row;

        (void)snprintf(name, sizeof(name), "user%u", i);
        user = user_of(name, name);
        assert_int_equal(CSVC_OK, csvc_store_create(f->db, f->ctx, &user_entity, &user, &row));
    }
}

static void all_rows_over_many_pages(void **state)
{
    struct fixture *f = *state;
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .page = 3, .page_size = 7};
    csvc_store_rows rows;

    put_users(f, 250);
    assert_int_equal(CSVC_OK, csvc_store_list_all(f->db, f->ctx, &user_entity, &page, 250, &rows));
    assert_int_equal(250, rows.n_rows);
    assert_int_equal(250, rows.total);
    assert_string_equal("", rows.next_page_token);
    for (size_t i = 0; i < rows.n_rows; i++) {
        assert_int_equal(i + 1, ((const User *)rows.rows[i])->id);
    }
    page.keyword = "user11";
    assert_int_equal(CSVC_OK, csvc_store_list_all(f->db, f->ctx, &user_entity, &page, 250, &rows));
    assert_int_equal(11, rows.n_rows); /* user11, user110 to user119 */
}

static void more_rows_than_allowed(void **state)
{
    struct fixture *f = *state;
    csvc_store_page page = {CSVC_STORE_PAGE_INIT};
    csvc_store_rows rows = {.n_rows = 77};

    put_users(f, 101);
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED,
                     csvc_store_list_all(f->db, f->ctx, &user_entity, &page, 100, &rows));
    assert_int_equal(77, rows.n_rows);
    assert_string_equal("more than 100 rows of user match, too many for one reply",
                        csvc_fail_text(f->ctx, CSVC_RESOURCE_EXHAUSTED));
}

static void no_rows_at_all(void **state)
{
    struct fixture *f = *state;
    csvc_store_page page = {CSVC_STORE_PAGE_INIT};
    csvc_store_rows rows;

    assert_int_equal(CSVC_OK, csvc_store_list_all(f->db, f->ctx, &user_entity, &page, 1, &rows));
    assert_int_equal(0, rows.n_rows);
}

/* ---- made keys ---- */

static void a_made_key_begins_with_the_prefix(void **state)
{
    struct fixture *f = *state;
    static csvc_entity named; /* outlives the database */
    Event event = event_init();
    void *row, *again;

    named = event_entity;
    named.key_prefix = "events/";
    assert_int_equal(CSVC_OK, csvc_store_create(f->db, f->ctx, &named, &event, &row));
    assert_int_equal(strlen("events/") + 36, strlen(((Event *)row)->id));
    assert_memory_equal("events/", ((Event *)row)->id, strlen("events/"));
    assert_int_equal(CSVC_OK, csvc_store_get(f->db, f->ctx, &named, row, &again));
    event.id = (char *)"mine";
    assert_int_equal(CSVC_OK, csvc_store_create(f->db, f->ctx, &named, &event, &row));
    assert_string_equal("mine", ((Event *)row)->id);
}

/* ---- maps ---- */

static void entries_become_the_other_type(void **state)
{
    struct fixture *f = *state;
    User one = user_of("k", "v"), other = user_of("l", "w");
    const User *const from[] = {&one, &other};
    User **to = csvc_store_map(f->ctx, &event_type, from, 2);

    /* event_type stands in for a message with the same layout in its first bytes */
    assert_non_null(to);
    assert_ptr_equal(event_type.descriptor, to[0]->base.descriptor);
    assert_ptr_not_equal(event_type.descriptor, one.base.descriptor);
    assert_ptr_equal(one.username, to[0]->username);
    assert_ptr_equal(other.username, to[1]->username);
    assert_non_null(csvc_store_map(f->ctx, &event_type, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_fields_are_always_given),
        cmocka_unit_test(optional_fields_are_given_when_there),
        cmocka_unit_test(messages_are_given_when_there),
        cmocka_unit_test_setup_teardown(a_mask_names_columns, start, stop),
        cmocka_unit_test_setup_teardown(key_and_times_may_be_named_and_never_change, start, stop),
        cmocka_unit_test_setup_teardown(a_star_is_all, start, stop),
        cmocka_unit_test_setup_teardown(without_a_mask_what_is_populated, start, stop),
        cmocka_unit_test_setup_teardown(paths_that_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(all_rows_over_many_pages, start, stop),
        cmocka_unit_test_setup_teardown(more_rows_than_allowed, start, stop),
        cmocka_unit_test_setup_teardown(no_rows_at_all, start, stop),
        cmocka_unit_test_setup_teardown(a_made_key_begins_with_the_prefix, start, stop),
        cmocka_unit_test_setup_teardown(entries_become_the_other_type, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
