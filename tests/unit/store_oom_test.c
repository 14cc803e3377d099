/* Fails each allocation of ours in turn through every store call: refused or done, never broken. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "failing_alloc.h"
#include "store_types.h"

/* A failure that memory explains. */
static bool is_short(csvc_code code)
{
    return code == CSVC_RESOURCE_EXHAUSTED;
}

/* Everything once; the first failure ends it. */
static csvc_code everything(const char *url)
{
    static const csvc_db_driver *const drivers[] = {&csvc_sqlite, NULL};
    csvc_db_options options = {CSVC_DB_OPTIONS_INIT, .drivers = drivers};
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .page_size = 1, .keyword = "a",
                            .want_total = true};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_db *db = csvc_db_open(url, &options, &err);
    csvc_ctx *ctx = NULL;
    csvc_store_scan *scan;
    csvc_store_rows rows;
    csvc_db_rows values;
    const void *seen;
    User user = user_of("ada", "a");
    Event event = event_init();
    void *row;
    csvc_code code = db != NULL ? CSVC_OK : err.code;

    code = code == CSVC_OK ? csvc_db_migrate(db, store_migrations, &err) : code;
    if (code == CSVC_OK) {
        ctx = csvc_ctx_new(NULL);
        code = ctx != NULL ? CSVC_OK : CSVC_RESOURCE_EXHAUSTED;
    }
    code = code == CSVC_OK ? csvc_store_create(db, ctx, &user_entity, &user, &row) : code;
    user = user_of("eva", "e");
    code = code == CSVC_OK ? csvc_store_create(db, ctx, &user_entity, &user, &row) : code;
    code = code == CSVC_OK ? csvc_store_create(db, ctx, &event_entity, &event, &row) : code;
    user.id = 1;
    code = code == CSVC_OK ? csvc_store_get(db, ctx, &user_entity, &user, &row) : code;
    user.username = (char *)"ada 2";
    code = code == CSVC_OK ? csvc_store_update(db, ctx, &user_entity, &user, USER_USERNAME, &row)
                           : code;
    if (code == CSVC_OK) {
        csvc_code taken = csvc_store_create(db, ctx, &user_entity, &user, &row);

        code = taken == CSVC_ALREADY_EXISTS ? CSVC_OK : taken;
    }
    code = code == CSVC_OK ? csvc_store_list(db, ctx, &user_entity, &page, &rows) : code;
    if (code == CSVC_OK) {
        assert_int_equal(2, rows.total);
        page.page_token = rows.next_page_token;
        code = csvc_store_list(db, ctx, &user_entity, &page, &rows);
    }
    if (code == CSVC_OK) {
        int n = 0;

        assert_int_equal(1, rows.n_rows);
        scan = csvc_store_scan_start(db, ctx, &event_entity, NULL);
        while (csvc_store_scan_next(scan, &seen)) {
            n++;
        }
        code = csvc_store_scan_end(scan, CSVC_OK);
        assert_true(code != CSVC_OK || n == 1);
    }
    code =
        code == CSVC_OK ? csvc_db_exec(db, ctx, "UPDATE users SET age = 3", NULL, 0, NULL) : code;
    code =
        code == CSVC_OK ? csvc_db_query(db, ctx, "SELECT * FROM users", NULL, 0, 9, &values) : code;
    code = code == CSVC_OK ? csvc_store_delete(db, ctx, &user_entity, &user) : code;
    csvc_ctx_unref(ctx);
    csvc_db_close(db);
    return code;
}

static void every_allocation_may_fail(void **state)
{
    size_t n, total;

    (void)state;
    failing_alloc_begin(0);
    assert_int_equal(CSVC_OK, everything("sqlite::memory:"));
    total = failing_alloc_end();
    assert_int_equal(0, failing_alloc_live());
    assert_true(total > 10);
    for (n = 1; n <= total; n++) {
        csvc_code code;

        failing_alloc_begin(n);
        code = everything("sqlite::memory:");
        (void)failing_alloc_end();
        /* OK: what failed was a second look that nothing hangs on */
        if (code != CSVC_OK && !is_short(code)) {
            fail_msg("allocation %zu of %zu: %s", n, total, csvc_code_name(code));
        }
        assert_int_equal(0, failing_alloc_live());
    }
}

static void on_a_file_too(void **state)
{
    char folder[256];
    const char *url;
    size_t n, total;
    csvc_code code;

    (void)state;
    url = store_new_url(folder);
    failing_alloc_begin(0);
    assert_int_equal(CSVC_OK, everything(url));
    total = failing_alloc_end();
    store_remove(folder);
    for (n = 1; n <= total; n++) {
        url = store_new_url(folder);
        failing_alloc_begin(n);
        code = everything(url);
        /* a look that failed is looked again */
        assert_true(code == CSVC_OK || is_short(code));
        (void)failing_alloc_end();
        assert_int_equal(0, failing_alloc_live());
        store_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(on_a_file_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
