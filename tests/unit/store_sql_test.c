/* Plain SQL and transactions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "log_catcher.h"
#include "store_types.h"

static csvc_db *db;
static csvc_ctx *ctx;
static char folder[256];
static bool on_disk;

static int open_memory(void **state)
{
    (void)state;
    on_disk = false;
    db = store_open_memory();
    ctx = csvc_ctx_new(NULL);
    return ctx == NULL;
}

static int open_disk(void **state)
{
    (void)state;
    on_disk = true;
    db = store_open(store_new_url(folder), NULL);
    ctx = csvc_ctx_new(NULL);
    return ctx == NULL;
}

static int close_all(void **state)
{
    (void)state;
    ctx = csvc_ctx_unref(ctx);
    db = csvc_db_close(db);
    if (on_disk) {
        store_remove(folder);
    }
    return 0;
}

static csvc_value text(const char *t)
{
    return (csvc_value){.type = CSVC_VALUE_TEXT,
                        .bytes = {.len = strlen(t), .data = (const uint8_t *)t}};
}

static void exec_ok(const char *sql)
{
    csvc_code code = csvc_db_exec(db, ctx, sql, NULL, 0, NULL);

    if (code != CSVC_OK) {
        fail_msg("%s: %s: %s", sql, csvc_code_name(code), csvc_fail_text(ctx, code));
    }
}

static void exec_fails(csvc_code expected, const char *what, const char *sql)
{
    csvc_code code = csvc_db_exec(db, ctx, sql, NULL, 0, NULL);

    if (code != expected || strstr(csvc_fail_text(ctx, code), what) == NULL) {
        fail_msg("%s: %s: %s", sql, csvc_code_name(code), csvc_fail_text(ctx, code));
    }
}

static int64_t number(const char *sql)
{
    csvc_db_rows rows;
    csvc_code code = csvc_db_query(db, ctx, sql, NULL, 0, 1, &rows);

    if (code != CSVC_OK) {
        fail_msg("%s: %s: %s", sql, csvc_code_name(code), csvc_fail_text(ctx, code));
    }
    return rows.n_rows == 1 ? rows.values[0].i : -1;
}

static void every_value_comes_back(void **state)
{
    uint8_t bytes[] = {0, 255, 0};
    csvc_value params[] = {
        {.type = CSVC_VALUE_NULL},
        {.type = CSVC_VALUE_INT, .i = INT64_MIN},
        {.type = CSVC_VALUE_DOUBLE, .d = -0.5},
        {.type = CSVC_VALUE_TEXT},
        {.type = CSVC_VALUE_BYTES},
        {.type = CSVC_VALUE_BYTES, .bytes = {.len = 3, .data = bytes}},
    };
    csvc_db_rows rows;

    (void)state;
    assert_int_equal(CSVC_OK,
                     csvc_db_query(db, ctx, "SELECT ?1, ?2, ?3, ?4, ?5, ?6", params, 6, 1, &rows));
    assert_int_equal(1, rows.n_rows);
    assert_int_equal(6, rows.n_columns);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(params[i].type, rows.values[i].type);
    }
    assert_int_equal(INT64_MIN, rows.values[1].i);
    assert_true(rows.values[2].d == -0.5);
    assert_int_equal(0, rows.values[3].bytes.len);
    assert_string_equal("", (const char *)rows.values[3].bytes.data);
    assert_int_equal(3, rows.values[5].bytes.len);
    assert_memory_equal(bytes, rows.values[5].bytes.data, 3);
}

static void values_are_never_sql(void **state)
{
    static char large[1 << 20];
    csvc_value params[2];
    csvc_db_rows rows;

    (void)state;
    exec_ok("CREATE TABLE t (a TEXT, b TEXT)");
    memset(large, '\'', sizeof(large));
    params[0] = text("x'); DROP TABLE t; --");
    params[1] = (csvc_value){.type = CSVC_VALUE_TEXT,
                             .bytes = {.len = sizeof(large), .data = (const uint8_t *)large}};
    assert_int_equal(CSVC_OK,
                     csvc_db_exec(db, ctx, "INSERT INTO t VALUES (?1, ?2)", params, 2, NULL));
    assert_int_equal(CSVC_OK, csvc_db_query(db, ctx, "SELECT a, b FROM t WHERE a = ?1 AND b = ?2",
                                            params, 2, 10, &rows));
    assert_int_equal(1, rows.n_rows);
    assert_int_equal(sizeof(large), rows.values[1].bytes.len);
}

static void rows_are_counted_and_bounded(void **state)
{
    csvc_db_rows rows;
    int64_t changed = -1;

    (void)state;
    exec_ok("CREATE TABLE t (a INTEGER)");
    assert_int_equal(CSVC_OK, csvc_db_exec(db, ctx,
                                           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 "
                                           "FROM n WHERE i < 1000) INSERT INTO t SELECT i FROM n",
                                           NULL, 0, &changed));
    assert_int_equal(1000, changed);
    assert_int_equal(CSVC_OK,
                     csvc_db_exec(db, ctx, "DELETE FROM t WHERE a > 5000", NULL, 0, &changed));
    assert_int_equal(0, changed);
    assert_int_equal(CSVC_OK, csvc_db_exec(db, ctx, "CREATE TABLE u (a)", NULL, 0, &changed));
    assert_int_equal(0, changed);
    assert_int_equal(
        CSVC_OK, csvc_db_query(db, ctx, "SELECT a, -a FROM t ORDER BY a", NULL, 0, 1000, &rows));
    assert_int_equal(1000, rows.n_rows);
    assert_int_equal(-1000, rows.values[999 * 2 + 1].i);
    assert_int_equal(CSVC_OUT_OF_RANGE,
                     csvc_db_query(db, ctx, "SELECT a FROM t", NULL, 0, 999, &rows));
    assert_int_equal(1000, number("SELECT count(*) FROM t"));
}

static void a_statement_has_a_longest(void **state)
{
    static const char head[] = "DELETE FROM users --";
    static char sql[(1 << 20) + 2];

    (void)state;
    memset(sql, 'x', sizeof(sql) - 1);
    memcpy(sql, head, sizeof(head) - 1);
    sql[1 << 20] = '\0';
    exec_ok(sql);
    sql[1 << 20] = 'x';
    exec_fails(CSVC_INVALID_ARGUMENT, "the SQL is longer than 1048576 bytes", sql);
}

/* The caller learns nothing of tables and SQL; the log has all of it. */
static void what_sql_says_is_for_the_log(void **state)
{
    csvc_db_rows rows;
    const char *text;

    (void)state;
    log_catch(CSVC_LOG_ERROR);
    exec_fails(CSVC_INTERNAL, "storage failure", "SELEC 1");
    exec_fails(CSVC_INTERNAL, "storage failure", "DELETE FROM nowhere");
    exec_fails(CSVC_INTERNAL, "storage failure", "DELETE FROM users WHERE username = \"ada\"");
    assert_int_equal(CSVC_INTERNAL,
                     csvc_db_query(db, ctx, "SELECT colour FROM users", NULL, 0, 1, &rows));
    text = csvc_fail_text(ctx, CSVC_INTERNAL);
    assert_string_equal("storage failure", text);
    text = log_caught();
    assert_non_null(strstr(text, "error storage failed code=INTERNAL text=near \"SELEC\": syntax "
                                 "error\n"));
    assert_non_null(
        strstr(text, "error storage failed code=INTERNAL text=no such table: nowhere\n"));
    assert_non_null(strstr(text, "text=no such column: ada\n"));
    assert_non_null(strstr(text, "text=no such column: colour\n"));
    /* what a caller did wrong is no line of ours */
    log_catch(CSVC_LOG_DEBUG);
    exec_fails(CSVC_INVALID_ARGUMENT, "holds no statement", "  -- nothing");
    assert_string_equal("", log_caught());
    log_let_go();
}

static void what_would_break_the_store_is_refused(void **state)
{
    csvc_db_rows rows;
    csvc_value one = {.type = CSVC_VALUE_INT, .i = 1};

    (void)state;
    exec_fails(CSVC_INVALID_ARGUMENT, "belong to the store", "COMMIT");
    exec_fails(CSVC_INVALID_ARGUMENT, "belong to the store", "BEGIN");
    exec_fails(CSVC_INVALID_ARGUMENT, "belong to the store", "ROLLBACK");
    exec_fails(CSVC_INVALID_ARGUMENT, "belong to the store", "SAVEPOINT x");
    exec_fails(CSVC_INVALID_ARGUMENT, "belong to the store", "RELEASE one_write");
    exec_fails(CSVC_INVALID_ARGUMENT, "belong to the store", "ATTACH 'x.db' AS x");
    exec_fails(CSVC_INVALID_ARGUMENT, "belong to the store", "PRAGMA synchronous = OFF");
    exec_fails(CSVC_INVALID_ARGUMENT, "belong to the store", "PRAGMA journal_mode = DELETE");
    exec_fails(CSVC_INVALID_ARGUMENT, "belong to the store", "PRAGMA wal_checkpoint");
    exec_fails(CSVC_INVALID_ARGUMENT, "holds no statement", "  -- nothing");
    exec_fails(CSVC_INVALID_ARGUMENT, "more than one statement",
               "DELETE FROM users; DELETE FROM users");
    exec_ok("DELETE FROM users; -- and a comment\n /* another */ ;");
    assert_int_equal(CSVC_INVALID_ARGUMENT,
                     csvc_db_query(db, ctx, "DELETE FROM users", NULL, 0, 1, &rows));
    assert_int_equal(CSVC_INVALID_ARGUMENT,
                     csvc_db_query(db, ctx, "SELECT ?1, ?2", &one, 1, 1, &rows));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_db_query(db, ctx, NULL, NULL, 0, 1, &rows));
    assert_int_equal(2, number("PRAGMA synchronous"));
    assert_int_equal(1, number("PRAGMA foreign_keys"));
}

static void constraints_have_their_codes(void **state)
{
    (void)state;
    exec_ok("CREATE TABLE p (id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 10)) STRICT");
    exec_ok("CREATE TABLE c (p INTEGER REFERENCES p (id), a TEXT, b TEXT, UNIQUE (a, b)) STRICT");
    exec_ok("CREATE TRIGGER no BEFORE DELETE ON c BEGIN SELECT RAISE(ABORT, 'never'); END");
    exec_ok("INSERT INTO p VALUES (1, 1)");
    exec_ok("INSERT INTO c VALUES (1, 'x', 'y')");
    exec_fails(CSVC_ALREADY_EXISTS, "id is already taken", "INSERT INTO p VALUES (1, 1)");
    exec_fails(CSVC_ALREADY_EXISTS, "a, b is already taken", "INSERT INTO c VALUES (1, 'x', 'y')");
    exec_fails(CSVC_INVALID_ARGUMENT, "n is required", "INSERT INTO p VALUES (2, NULL)");
    exec_fails(CSVC_INVALID_ARGUMENT, "a value is refused", "INSERT INTO p VALUES (2, 10)");
    exec_fails(CSVC_INVALID_ARGUMENT, "a value is refused", "INSERT INTO p VALUES (2, 'x')");
    exec_fails(CSVC_FAILED_PRECONDITION, "refers to", "INSERT INTO c VALUES (2, 'z', 'z')");
    exec_fails(CSVC_FAILED_PRECONDITION, "refers to", "DELETE FROM p");
    exec_fails(CSVC_FAILED_PRECONDITION, "never", "DELETE FROM c");
    assert_int_equal(1, number("SELECT count(*) FROM p"));
}

static void a_key_left_open_fails_only_its_own(void **state)
{
    (void)state;
    exec_ok("CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT");
    exec_ok("CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED) STRICT");
    for (int i = 0; i < 3; i++) {
        exec_fails(CSVC_FAILED_PRECONDITION, "refers to", "INSERT INTO c VALUES (7)");
        exec_ok("INSERT INTO p (id) VALUES (NULL)");
    }
    assert_int_equal(3, number("SELECT count(*) FROM p"));
    assert_int_equal(0, number("SELECT count(*) FROM c"));
}

/* ---- transactions ---- */

struct job {
    csvc_code end;
    csvc_ctx *other;
};

static csvc_code two_users(csvc_db *with, csvc_ctx *in, void *self)
{
    struct job *job = self;
    User user = user_of("ada", "a");
    void *row;
    csvc_store_rows rows;
    csvc_store_page page = {CSVC_STORE_PAGE_INIT, .want_total = true};

    assert_int_equal(CSVC_OK, csvc_store_create(with, in, &user_entity, &user, &row));
    /* its own writes are seen within */
    assert_int_equal(CSVC_OK, csvc_store_get(with, in, &user_entity, row, &row));
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc_store_create(with, in, &user_entity, &user, &row));
    /* a refusal that was dealt with leaves nothing behind */
    user = user_of("bob", "b");
    assert_int_equal(CSVC_OK, csvc_store_create(with, in, &user_entity, &user, &row));
    assert_int_equal(CSVC_OK, csvc_store_list(with, in, &user_entity, &page, &rows));
    assert_int_equal(2, rows.total);
    return job->end == CSVC_OK ? CSVC_OK : csvc_fail(in, job->end, "as asked");
}

static void a_transaction_is_kept_or_not(void **state)
{
    struct job job = {.end = CSVC_ABORTED};

    (void)state;
    assert_int_equal(CSVC_ABORTED, csvc_db_transaction(db, ctx, two_users, &job));
    assert_string_equal("as asked", csvc_fail_text(ctx, CSVC_ABORTED));
    assert_int_equal(0, number("SELECT count(*) FROM users"));
    job.end = CSVC_OK;
    assert_int_equal(CSVC_OK, csvc_db_transaction(db, ctx, two_users, &job));
    assert_int_equal(2, number("SELECT count(*) FROM users"));
}

static csvc_code nested(csvc_db *with, csvc_ctx *in, void *self)
{
    struct job *job = self;
    User user = user_of("ada", "a");
    void *row;

    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_db_transaction(with, in, two_users, job));
    assert_string_equal("transactions do not nest", csvc_fail_text(in, CSVC_FAILED_PRECONDITION));
    /* another ctx would wait for this very transaction */
    assert_int_equal(CSVC_FAILED_PRECONDITION,
                     csvc_store_create(with, job->other, &user_entity, &user, &row));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_db_exec(with, in, "COMMIT", NULL, 0, NULL));
    return CSVC_OK;
}

static void transactions_do_not_nest(void **state)
{
    struct job job = {.other = csvc_ctx_new(NULL)};

    (void)state;
    assert_int_equal(CSVC_OK, csvc_db_transaction(db, ctx, nested, &job));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_db_transaction(db, ctx, NULL, &job));
    csvc_ctx_unref(job.other);
}

static csvc_code ignores_its_end(csvc_db *with, csvc_ctx *in, void *self)
{
    (void)self;
    assert_int_equal(CSVC_OK, csvc_db_exec(with, in, "CREATE TABLE t (a)", NULL, 0, NULL));
    csvc_ctx_cancel(in);
    assert_int_equal(CSVC_CANCELLED,
                     csvc_db_exec(with, in, "INSERT INTO t VALUES (1)", NULL, 0, NULL));
    return CSVC_OK;
}

static void what_a_transaction_did_stays_when_it_says_so(void **state)
{
    csvc_ctx *in = csvc_ctx_new(NULL);

    (void)state;
    assert_int_equal(CSVC_OK, csvc_db_transaction(db, in, ignores_its_end, NULL));
    assert_int_equal(0, number("SELECT count(*) FROM t"));
    csvc_ctx_unref(in);
}

static void a_table_tells_its_columns(void **state)
{
    csvc_ctx *in = csvc_ctx_new(NULL);
    csvc_db_rows rows;

    (void)state;
    assert_int_equal(CSVC_OK, csvc_db_exec(db, in,
                                           "CREATE TABLE c (id INTEGER PRIMARY KEY, a TEXT, b TEXT "
                                           "NOT NULL, d TEXT NOT NULL DEFAULT 'x')",
                                           NULL, 0, NULL));
    assert_int_equal(CSVC_OK, csvc_db_columns(db, in, "c", 4, &rows));
    assert_int_equal(4, rows.n_rows);
    for (size_t i = 0; i < rows.n_rows; i++) {
        static const char *const names[] = {"id", "a", "b", "d"};

        assert_string_equal(names[i], (const char *)rows.values[2 * i].bytes.data);
        assert_int_equal(i == 2, rows.values[2 * i + 1].i); /* b alone has to be brought */
    }
    assert_int_equal(CSVC_OUT_OF_RANGE, csvc_db_columns(db, in, "c", 3, &rows));
    assert_int_equal(CSVC_OK, csvc_db_columns(db, in, "'; DROP TABLE c", 4, &rows));
    assert_int_equal(0, rows.n_rows);
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_db_columns(NULL, in, "c", 4, &rows));
    csvc_ctx_unref(in);
}

#define BOTH(test)                                                                                 \
    {#test " (memory)", test, open_memory, close_all, NULL},                                       \
    {                                                                                              \
#test " (file)", test, open_disk, close_all, NULL                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(every_value_comes_back),
        BOTH(values_are_never_sql),
        BOTH(rows_are_counted_and_bounded),
        BOTH(a_statement_has_a_longest),
        BOTH(what_sql_says_is_for_the_log),
        {"what_would_break_the_store_is_refused", what_would_break_the_store_is_refused, open_disk,
         close_all, NULL},
        BOTH(constraints_have_their_codes),
        BOTH(a_key_left_open_fails_only_its_own),
        BOTH(a_transaction_is_kept_or_not),
        BOTH(transactions_do_not_nest),
        BOTH(a_table_tells_its_columns),
        BOTH(what_a_transaction_did_stays_when_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
