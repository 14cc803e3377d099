/* Lists, page tokens, keywords, matches and scans. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "store_types.h"

static csvc_db *db;
static csvc_ctx *ctx;
static char folder[256];

static int open_disk(void **state)
{
    (void)state;
    db = store_open(store_new_url(folder), NULL);
    ctx = csvc_ctx_new(NULL);
    return ctx == NULL;
}

static int close_disk(void **state)
{
    (void)state;
    ctx = csvc_ctx_unref(ctx);
    db = csvc_db_close(db);
    store_remove(folder);
    return 0;
}

static void put(const char *username, const char *full_name, int age)
{
    char email[300] = "";
    User user = user_of(username, email);
    void *row;

    snprintf(email, sizeof(email), "%s@example.org", username);
    user.full_name = (char *)full_name;
    user.age_case = age >= 0 ? USER_AGE : 0;
    user.age = age;
    if (csvc_store_create(db, ctx, &user_entity, &user, &row) != CSVC_OK) {
        fail_msg("%s", csvc_fail_text(ctx, CSVC_ALREADY_EXISTS));
    }
}

static void put_many(int n)
{
    char name[16];

    for (int i = 1; i <= n; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        put(name, "", i % 2 == 0 ? i % 10 : -1);
    }
}

static csvc_store_rows list(const csvc_store_page *page)
{
    csvc_store_rows rows;
    csvc_code code = csvc_store_list(db, ctx, &user_entity, page, &rows);

    if (code != CSVC_OK) {
        fail_msg("%s: %s", csvc_code_name(code), csvc_fail_text(ctx, code));
    }
    return rows;
}

static int64_t id_of(const csvc_store_rows *rows, size_t i)
{
    return ((const User *)rows->rows[i])->id;
}

static void an_empty_list_is_no_failure(void **state)
{
    csvc_store_rows rows;
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .want_total = true};

    (void)state;
    rows = list(NULL);
    assert_int_equal(0, rows.n_rows);
    assert_int_equal(-1, rows.total);
    assert_string_equal("", rows.next_page_token);
    rows = list(&page);
    assert_int_equal(0, rows.total);
}

static void pages_begin_at_one_and_have_bounds(void **state)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .want_total = true};
    csvc_store_rows rows;

    (void)state;
    put_many(130);
    rows = list(&page);
    assert_int_equal(20, rows.n_rows);
    assert_int_equal(130, rows.total);
    assert_int_equal(1, id_of(&rows, 0));
    assert_int_equal(20, id_of(&rows, 19));
    page.page = 1;
    assert_int_equal(1, id_of(&(csvc_store_rows){.rows = list(&page).rows}, 0));
    page.page = -5;
    page.page_size = -5;
    assert_int_equal(20, list(&page).n_rows);
    page.page = 2;
    page.page_size = 1000;
    rows = list(&page);
    assert_int_equal(30, rows.n_rows);
    assert_int_equal(101, id_of(&rows, 0));
    assert_string_equal("", rows.next_page_token);
    page.page = 3;
    rows = list(&page);
    assert_int_equal(0, rows.n_rows);
    assert_int_equal(130, rows.total);
    page.page = INT64_MAX;
    rows = list(&page);
    assert_int_equal(0, rows.n_rows);
    assert_int_equal(130, rows.total);
    page.page = INT64_MAX / 100 + 2; /* where the product overflows */
    assert_int_equal(0, list(&page).n_rows);
    page.page = 1;
    page.page_size = 130;
    assert_int_equal(100, list(&page).n_rows);
}

static void tokens_go_on_behind_the_last_row(void **state)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .page_size = 7, .want_total = true};
    int64_t next = 1;

    (void)state;
    put_many(23);
    do {
        csvc_store_rows rows = list(&page);

        assert_int_equal(23, rows.total);
        for (size_t i = 0; i < rows.n_rows; i++) {
            assert_int_equal(next++, id_of(&rows, i));
        }
        page.page_token = rows.next_page_token;
        page.page_size = 5; /* may change */
    } while (page.page_token[0] != '\0');
    assert_int_equal(24, next);
    page.page_size = 23;
    page.page_token = "";
    assert_string_equal("", list(&page).next_page_token);
}

static void a_row_that_went_disturbs_no_token(void **state)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .page_size = 5};
    csvc_store_rows rows;
    User user = user_init();

    (void)state;
    put_many(12);
    rows = list(&page);
    page.page_token = rows.next_page_token;
    for (user.id = 3; user.id <= 6; user.id++) {
        assert_int_equal(CSVC_OK, csvc_store_delete(db, ctx, &user_entity, &user));
    }
    rows = list(&page);
    assert_int_equal(7, id_of(&rows, 0));
}

static void refuse_token(const char *token, const char *keyword)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .page_token = token, .keyword = keyword};
    csvc_store_rows rows;

    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_store_list(db, ctx, &user_entity, &page, &rows));
    assert_string_equal("the page_token is not one of this list",
                        csvc_fail_text(ctx, CSVC_INVALID_ARGUMENT));
}

static void a_token_that_is_not_ours_is_refused(void **state)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .page_size = 5};
    char token[64];
    size_t len;

    (void)state;
    put_many(12);
    snprintf(token, sizeof(token), "%s", list(&page).next_page_token);
    len = strlen(token);
    assert_int_equal(len, strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-_"));
    refuse_token("x", NULL);
    refuse_token("AAAA", NULL);
    refuse_token("AA=A", NULL);
    refuse_token("%00%00", NULL);
    refuse_token(token, "another list");
    for (size_t i = 0; i < len; i++) {
        char broken[64];

        memcpy(broken, token, len + 1);
        broken[i] = broken[i] == 'A' ? 'B' : 'A';
        refuse_token(broken, NULL);
        memcpy(broken, token, len + 1);
        broken[i] = '\0';
        if (i != 0) {
            refuse_token(broken, NULL);
        }
    }
    snprintf(token + len, sizeof(token) - len, "AAAA");
    refuse_token(token, NULL);
}

static void tokens_of_text_keys(void **state)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .page_size = 3};
    csvc_store_rows rows;
    const char *ids[] = {"", "a", "ab", "b'c", "c\"", "d", "ä", "日本"};
    size_t n = 1;
    void *row;

    (void)state;
    for (size_t i = 1; i < 8; i++) {
        Event event = event_init();

        event.id = (char *)ids[i];
        assert_int_equal(CSVC_OK, csvc_store_create(db, ctx, &event_entity, &event, &row));
    }
    do {
        assert_int_equal(CSVC_OK, csvc_store_list(db, ctx, &event_entity, &page, &rows));
        for (size_t i = 0; i < rows.n_rows; i++) {
            assert_string_equal(ids[n++], ((Event *)rows.rows[i])->id);
        }
        page.page_token = rows.next_page_token;
    } while (page.page_token[0] != '\0');
    assert_int_equal(8, n);
}

static size_t found(const char *keyword)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .keyword = keyword, .want_total = true};
    csvc_store_rows rows = list(&page);

    assert_int_equal(rows.n_rows, rows.total);
    return rows.n_rows;
}

static void a_keyword_is_only_text(void **state)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT};
    csvc_store_rows rows;
    char big[1100];

    (void)state;
    put("ada", "Ada Lovelace", -1);
    put("bob", "100% Bob", -1);
    put("eve_x", "C:\\temp", -1);
    put("evelyn", "o'neill \"x\"", -1);
    assert_int_equal(4, found(""));
    assert_int_equal(1, found("LOVE"));
    assert_int_equal(1, found("ada"));
    assert_int_equal(1, found("%"));
    assert_int_equal(1, found("_"));
    assert_int_equal(1, found("\\"));
    assert_int_equal(1, found("'"));
    assert_int_equal(1, found("\"x\""));
    assert_int_equal(2, found("eve"));
    assert_int_equal(0, found("example.org")); /* email is no column to search */
    assert_int_equal(0, found("' OR 1=1 --"));
    memset(big, 'x', sizeof(big));
    big[1000] = '\0';
    assert_int_equal(0, found(big));
    big[1000] = 'x';
    big[1001] = '\0';
    page.keyword = big;
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_store_list(db, ctx, &user_entity, &page, &rows));
    page.keyword = "a\xc3";
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_store_list(db, ctx, &user_entity, &page, &rows));
    assert_string_equal("the keyword is not UTF-8", csvc_fail_text(ctx, CSVC_INVALID_ARGUMENT));
}

static void rows_are_matched_by_columns(void **state)
{
    User match = user_init();
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .match = &match, .want_total = true};
    csvc_store_rows rows;

    (void)state;
    put_many(30);
    match.username = (char *)"user7";
    page.match_set = USER_USERNAME;
    assert_int_equal(1, list(&page).n_rows);
    page.match_set = USER_AGE_COLUMN; /* absent matches absent */
    assert_int_equal(15, list(&page).total);
    match.age_case = USER_AGE;
    match.age = 4;
    assert_int_equal(3, list(&page).total);
    page.match_set = USER_AGE_COLUMN | USER_USERNAME;
    assert_int_equal(0, list(&page).total);
    match.username = (char *)"user14";
    page.keyword = "user1";
    rows = list(&page);
    assert_int_equal(1, rows.n_rows);
    assert_int_equal(14, id_of(&rows, 0));
    page.match = NULL;
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_store_list(db, ctx, &user_entity, &page, &rows));
}

static void more_shapes_than_are_kept_still_work(void **state)
{
    User match = user_init();
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .match = &match};

    (void)state;
    put_many(3);
    for (unsigned set = 0; set < 128; set++) {
        page.match_set = set;
        (void)list(&page);
    }
    match.username = (char *)"user2";
    page.match_set = USER_USERNAME;
    assert_int_equal(1, list(&page).n_rows);
}

static void a_scan_reads_all_rows_once(void **state)
{
    csvc_store_scan *scan = NULL;
    const void *row;
    int64_t next = 1;

    (void)state;
    put_many(250);
    scan = csvc_store_scan_start(db, ctx, &user_entity, NULL);
    while (csvc_store_scan_next(scan, &row)) {
        User gone = user_init();

        assert_int_equal(next, ((const User *)row)->id);
        gone.id = next++;
        /* nothing is held open: a write between two rows is nothing special */
        assert_int_equal(CSVC_OK, csvc_store_delete(db, ctx, &user_entity, &gone));
    }
    assert_int_equal(251, next);
    assert_false(csvc_store_scan_next(scan, &row));
    assert_int_equal(CSVC_OK, csvc_store_scan_end(scan, CSVC_OK));
    scan = csvc_store_scan_start(db, ctx, &user_entity, NULL);
    assert_false(csvc_store_scan_next(scan, &row));
    assert_int_equal(CSVC_UNAVAILABLE, csvc_store_scan_end(scan, CSVC_UNAVAILABLE));
}

static void a_scan_of_large_rows_holds_few(void **state)
{
    static char large[300000];
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .keyword = "xxx"};
    csvc_ctx_options small = {CSVC_CTX_OPTIONS_INIT, .max_memory = 2 << 20};
    csvc_ctx *scanner = csvc_ctx_new(&small);
    csvc_store_scan *scan;
    const void *row;
    char name[16];
    int n = 0;

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    for (int i = 0; i < 40; i++) {
        csvc_ctx *one = csvc_ctx_new(NULL);
        csvc_ctx *kept = ctx;

        ctx = one;
        snprintf(name, sizeof(name), "user%d", i);
        put(name, large, -1);
        ctx = kept;
        csvc_ctx_unref(one);
    }
    scan = csvc_store_scan_start(db, scanner, &user_entity, &page);
    while (csvc_store_scan_next(scan, &row)) {
        assert_int_equal(sizeof(large) - 1, strlen(((const User *)row)->full_name));
        n++;
    }
    assert_int_equal(CSVC_OK, csvc_store_scan_end(scan, CSVC_OK));
    assert_int_equal(40, n);
    /* a list of them does not fit, and says so */
    {
        csvc_store_rows rows;

        assert_int_equal(CSVC_RESOURCE_EXHAUSTED,
                         csvc_store_list(db, scanner, &user_entity, NULL, &rows));
    }
    csvc_ctx_unref(scanner);
}

static void a_scan_fails_where_it_ends(void **state)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .page_token = "nonsense"};
    csvc_store_scan *scan = csvc_store_scan_start(db, ctx, &user_entity, &page);
    const void *row;

    (void)state;
    assert_false(csvc_store_scan_next(scan, &row));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_store_scan_end(scan, CSVC_OK));
    assert_false(csvc_store_scan_next(NULL, &row));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, csvc_store_scan_end(NULL, CSVC_OK));
    put_many(150);
    scan = csvc_store_scan_start(db, ctx, &user_entity, NULL);
    for (int i = 0; i < 100; i++) {
        assert_true(csvc_store_scan_next(scan, &row));
    }
    assert_int_equal(CSVC_OK, csvc_db_exec(db, ctx, "DROP TABLE users", NULL, 0, NULL));
    assert_false(csvc_store_scan_next(scan, &row));
    assert_int_equal(CSVC_INTERNAL, csvc_store_scan_end(scan, CSVC_UNAVAILABLE));
}

static void all_of_them_in_one_go(void **state)
{
    csvc_store_page page = {CSVC_STORE_PAGE_INIT};
    csvc_store_rows rows;

    (void)state;
    put_many(230);
    assert_int_equal(CSVC_OK, csvc_store_list_all(db, ctx, &user_entity, &page, 230, &rows));
    assert_int_equal(230, rows.n_rows);
    assert_int_equal(230, id_of(&rows, 229));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED,
                     csvc_store_list_all(db, ctx, &user_entity, &page, 229, &rows));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_disk, close_disk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_list_is_no_failure),
        TEST(pages_begin_at_one_and_have_bounds),
        TEST(tokens_go_on_behind_the_last_row),
        TEST(a_row_that_went_disturbs_no_token),
        TEST(a_token_that_is_not_ours_is_refused),
        TEST(tokens_of_text_keys),
        TEST(a_keyword_is_only_text),
        TEST(rows_are_matched_by_columns),
        TEST(more_shapes_than_are_kept_still_work),
        TEST(a_scan_reads_all_rows_once),
        TEST(a_scan_of_large_rows_holds_few),
        TEST(a_scan_fails_where_it_ends),
        TEST(all_of_them_in_one_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
