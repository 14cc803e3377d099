/* Migrations: order, refusals, failures, two starters at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/map.h>

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_types.h"

static char folder[256];
static const char *url;
static csvc_db *db;
static csvc_error err;

static csvc_db *open_bare(void)
{
    static const csvc_db_driver *const drivers[] = {&csvc_sqlite, NULL};
    csvc_db_options options = {CSVC_DB_OPTIONS_INIT, .drivers = drivers};
    csvc_db *opened = csvc_db_open(url, &options, &err);

    if (opened == NULL) {
        fail_msg("%s", err.text);
    }
    return opened;
}

static int set_up(void **state)
{
    (void)state;
    url = store_new_url(folder);
    err = (csvc_error){CSVC_ERROR_INIT};
    db = open_bare();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    db = csvc_db_close(db);
    store_remove(folder);
    return 0;
}

static csvc_code migrate(const csvc_migration *steps, size_t n)
{
    const csvc_migrations set = {.driver = "sqlite", .steps = steps, .n_steps = n};
    const csvc_migrations other = {.driver = "other"};
    const csvc_migrations *const sets[] = {&other, &set, NULL};

    err = (csvc_error){CSVC_ERROR_INIT};
    return csvc_db_migrate(db, sets, &err);
}

static void migrate_ok(const csvc_migration *steps, size_t n)
{
    if (migrate(steps, n) != CSVC_OK) {
        fail_msg("%s: %s", csvc_code_name(err.code), err.text);
    }
    assert_int_equal(CSVC_OK, err.code);
}

static void migrate_fails(csvc_code code, const char *text, const csvc_migration *steps, size_t n)
{
    assert_int_equal(code, migrate(steps, n));
    assert_int_equal(code, err.code);
    assert_string_equal(text, err.text);
}

static int64_t number(const char *sql)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);
    csvc_db_rows rows;
    int64_t n = -1;

    if (csvc_db_query(db, ctx, sql, NULL, 0, 1, &rows) == CSVC_OK && rows.n_rows == 1) {
        n = rows.values[0].i;
    }
    csvc_ctx_unref(ctx);
    return n;
}

static const csvc_migration good[] = {
    {1, "0001_a", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);\n-- the end\n", 0},
    {2, "0002_b", "CREATE TABLE b (x INTEGER); INSERT INTO a VALUES (2); /* ; */", 0},
    {3, "0003_c", "PRAGMA defer_foreign_keys = ON;\nINSERT INTO a VALUES (3)", 0},
};

static void steps_run_once_and_in_order(void **state)
{
    (void)state;
    migrate_ok(good, 1);
    assert_int_equal(1, number("SELECT count(*) FROM a"));
    migrate_ok(good, 1);
    assert_int_equal(1, number("SELECT count(*) FROM a"));
    migrate_ok(good, 3);
    assert_int_equal(3, number("SELECT count(*) FROM a"));
    assert_int_equal(3, number("SELECT count(*) FROM csvc_migrations WHERE name LIKE '000%' AND "
                               "length(checksum) = 16 AND applied_at LIKE '2%Z'"));
    db = csvc_db_close(db);
    db = open_bare();
    migrate_ok(good, 3);
    assert_int_equal(3, number("SELECT count(*) FROM a"));
}

static void the_checksum_may_be_given(void **state)
{
    csvc_migration step = good[0];

    (void)state;
    step.checksum = csvc__hash(step.sql, strlen(step.sql));
    migrate_ok(&step, 1);
    migrate_ok(good, 1); /* 0: computed, the same */
}

static void no_steps_are_no_failure(void **state)
{
    (void)state;
    migrate_ok(NULL, 0);
    migrate_ok(good, 2);
}

static void what_ran_may_not_change(void **state)
{
    csvc_migration changed[] = {good[0], good[1]};

    (void)state;
    migrate_ok(good, 2);
    changed[1].sql = "CREATE TABLE b (x TEXT)";
    migrate_fails(CSVC_FAILED_PRECONDITION,
                  "migration 0002_b was changed after it ran here; put it back as it was and write "
                  "the change as a new migration",
                  changed, 2);
}

static void a_newer_database_is_refused(void **state)
{
    (void)state;
    migrate_ok(good, 3);
    migrate_fails(CSVC_FAILED_PRECONDITION,
                  "the database has migration 0003_c, this program knows only 2; start the newer "
                  "program, or restore the database from before",
                  good, 2);
}

static void gaps_are_refused(void **state)
{
    csvc_migration gap[] = {good[0], good[2]};
    csvc_ctx *ctx = csvc_ctx_new(NULL);

    (void)state;
    migrate_fails(CSVC_FAILED_PRECONDITION,
                  "the program's migrations are not numbered 1, 2, 3...: at place 2 stands 0003_c",
                  gap, 2);
    migrate_ok(good, 3);
    assert_int_equal(CSVC_OK, csvc_db_exec(db, ctx, "DELETE FROM csvc_migrations WHERE version = 2",
                                           NULL, 0, NULL));
    migrate_fails(CSVC_FAILED_PRECONDITION,
                  "the database lacks migration 2 although it has 0003_c; restore its table "
                  "csvc_migrations",
                  good, 3);
    csvc_ctx_unref(ctx);
}

static void a_set_for_the_driver_is_needed(void **state)
{
    const csvc_migrations other = {.driver = "other"};
    const csvc_migrations *const sets[] = {&other, NULL};

    (void)state;
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_db_migrate(db, sets, &err));
    assert_string_equal("the program has no migrations for sqlite; add migrations/sqlite",
                        err.text);
    assert_int_equal(CSVC_FAILED_PRECONDITION, csvc_db_migrate(db, NULL, NULL));
}

static void a_failed_step_names_its_line_and_leaves_nothing(void **state)
{
    csvc_migration steps[] = {
        good[0],
        {2, "0002_bad",
         "CREATE TABLE b (x INTEGER);\n\n-- a comment; with one\nINSERT INTO a\n"
         "    VALUES (nonsense);\nCREATE TABLE c (x);\n",
         0},
    };

    (void)state;
    migrate_fails(CSVC_INTERNAL,
                  "migration 0002_bad failed at line 5: no "
                  "such column: nonsense; nothing of it was kept, mend it and start again",
                  steps, 2);
    assert_int_equal(1, number("SELECT count(*) FROM a"));
    assert_int_equal(1, number("SELECT count(*) FROM csvc_migrations"));
    assert_int_equal(0, number("SELECT count(*) FROM sqlite_schema WHERE name IN ('b', 'c')"));
    steps[1].sql = "INSERT INTO a VALUES (2);\nSELECT 1;\nCREATE UNIQUE INDEX i ON a (1);\n"
                   "INSERT INTO a VALUES (3);";
    migrate_fails(CSVC_INTERNAL,
                  "migration 0002_bad failed at line 3: i is already taken; nothing of it "
                  "was kept, mend it and start again",
                  steps, 2);
    steps[1].sql = good[1].sql;
    migrate_ok(steps, 2);
    assert_int_equal(2, number("SELECT count(*) FROM a"));
}

static void a_step_may_not_end_its_transaction(void **state)
{
    const csvc_migration commit = {1, "0001_x", "CREATE TABLE x (a);\nCOMMIT;\nBEGIN;", 0};
    const csvc_migration rollback = {1, "0001_x", "CREATE TABLE x (a); ROLLBACK", 0};
    const csvc_migration cut = {1, "0001_x", "CREATE TABLE x (a); CREATE TABLE y (", 0};

    (void)state;
    assert_int_equal(CSVC_INTERNAL, migrate(&commit, 1));
    assert_non_null(strstr(err.text, "line 2: transactions, ATTACH and settings belong to"));
    assert_int_equal(CSVC_INTERNAL, migrate(&rollback, 1));
    assert_int_equal(CSVC_INTERNAL, migrate(&cut, 1));
    assert_non_null(strstr(err.text, "incomplete input"));
    assert_int_equal(0, number("SELECT count(*) FROM sqlite_schema WHERE name IN ('x', 'y')"));
}

static void a_foreign_table_of_that_name_is_refused(void **state)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);

    (void)state;
    assert_int_equal(CSVC_OK, csvc_db_exec(db, ctx,
                                           "CREATE TABLE csvc_migrations AS SELECT 'x' AS version, "
                                           "2 AS name, 3 AS checksum",
                                           NULL, 0, NULL));
    migrate_fails(CSVC_FAILED_PRECONDITION, "the table csvc_migrations is not one that c-svc made",
                  good, 1);
    csvc_ctx_unref(ctx);
}

/* Some with foreign keys, some without: who comes second has to change its mind. */
static const csvc_migration mixed[] = {
    {1, "0001_a", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);", 0},
    {2, "0002_b", "PRAGMA foreign_keys = OFF; INSERT INTO a VALUES (2);", 0},
    {3, "0003_c", "INSERT INTO a VALUES (3);", 0},
    {4, "0004_d", "PRAGMA foreign_keys = OFF; INSERT INTO a VALUES (4);", 0},
};

static void *starter(void *self)
{
    const csvc_migrations set = {.driver = "sqlite", .steps = mixed, .n_steps = 4};
    const csvc_migrations *const sets[] = {&set, NULL};
    csvc_error own = {CSVC_ERROR_INIT};
    csvc_db *mine = open_bare();

    if (csvc_db_migrate(mine, sets, &own) != CSVC_OK) {
        fprintf(stderr, "starter: %s\n", own.text);
        *(int *)self = 1;
    }
    csvc_db_close(mine);
    return NULL;
}

static void starters_at_once_take_turns(void **state)
{
    pthread_t threads[8];
    int failed[8] = {0};

    (void)state;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(0, pthread_create(&threads[i], NULL, starter, &failed[i]));
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 8; i++) {
        assert_int_equal(0, failed[i]);
    }
    assert_int_equal(4, number("SELECT count(*) FROM a"));
}

/* ---- steps that wait, tables made anew ---- */

static void a_todo_keeps_a_step_from_running(void **state)
{
    const csvc_migration waits = {
        1, "0001_x", "CREATE TABLE x (a);\nTODO: say what becomes of it, then delete this line;\n",
        0};
    const csvc_migration decided = {1, "0001_x", "CREATE TABLE x (a); -- TODO: nothing\n", 0};

    (void)state;
    migrate_fails(CSVC_FAILED_PRECONDITION,
                  "migration 0001_x waits for a decision: line 2 says TODO; do what it says, build "
                  "again and start",
                  &waits, 1);
    assert_int_equal(0, number("SELECT count(*) FROM sqlite_schema WHERE name = 'x'"));
    migrate_ok(&decided, 1);
}

/* A parent that is made anew keeps its children, also where a foreign key would take them along. */
static void foreign_keys_wait_for_the_end_of_a_step_that_says_so(void **state)
{
    static const char made[] =
        "CREATE TABLE p (id INTEGER PRIMARY KEY, x TEXT);\n"
        "CREATE TABLE c (p INTEGER REFERENCES p (id) ON DELETE CASCADE);\n"
        "INSERT INTO p VALUES (1, 'a'), (2, 'b'); INSERT INTO c VALUES (1), (2);";
    static const char again[] = "-- a comment\npragma foreign_keys = off;\n"
                                "CREATE TABLE n (id INTEGER PRIMARY KEY, x TEXT NOT NULL);\n"
                                "INSERT INTO n SELECT id, x FROM p;\nDROP TABLE p;\n"
                                "ALTER TABLE n RENAME TO p;\n";
    csvc_migration steps[] = {
        {1, "0001_a", made, 0},
        {2, "0002_b", again, 0},
        {3, "0003_c", "PRAGMA foreign_keys = OFF;\nDELETE FROM p WHERE id = 2;", 0},
        {4, "0004_d", "DELETE FROM p WHERE id = 1", 0}};
    csvc_ctx *ctx = csvc_ctx_new(NULL);

    (void)state;
    migrate_ok(steps, 2);
    assert_int_equal(2, number("SELECT count(*) FROM c"));
    migrate_fails(
        CSVC_FAILED_PRECONDITION,
        "migration 0003_c: rows are left that refer to rows that are not there: see PRAGMA "
        "foreign_key_check",
        steps, 3);
    assert_int_equal(2, number("SELECT count(*) FROM p"));
    steps[2].sql = "SELECT 1;\nPRAGMA foreign_keys = OFF;"; /* not at the beginning: too late */
    assert_int_equal(CSVC_INTERNAL, migrate(steps, 3));
    steps[2].sql = "SELECT 1;";
    migrate_ok(steps, 4);
    assert_int_equal(1, number("SELECT count(*) FROM c")); /* looked at again */
    assert_int_equal(CSVC_FAILED_PRECONDITION,
                     csvc_db_exec(db, ctx, "INSERT INTO c VALUES (7)", NULL, 0, NULL));
    csvc_ctx_unref(ctx);
}

/* What was broken before, by a program that did not look, is not the step's fault. */
static void keys_that_were_broken_before_do_not_stop_a_step(void **state)
{
    const csvc_migration steps[] = {
        {1, "0001_a",
         "CREATE TABLE p (id INTEGER PRIMARY KEY);"
         "CREATE TABLE c (p INTEGER REFERENCES p (id));",
         0},
        {2, "0002_b", "PRAGMA foreign_keys = 0; CREATE TABLE c2 AS SELECT * FROM c;", 0},
        {3, "0003_c", "PRAGMA foreign_keys = OFF; INSERT INTO c VALUES (6);", 0},
    };
    sqlite3 *raw = NULL;

    (void)state;
    migrate_ok(steps, 1);
    assert_int_equal(SQLITE_OK, sqlite3_open(url + strlen("sqlite:"), &raw));
    assert_int_equal(SQLITE_OK, sqlite3_exec(raw, "INSERT INTO c VALUES (5)", NULL, NULL, NULL));
    assert_int_equal(SQLITE_OK, sqlite3_close(raw));
    migrate_ok(steps, 2);
    assert_int_equal(1, number("SELECT count(*) FROM c2"));
    assert_int_equal(CSVC_FAILED_PRECONDITION, migrate(steps, 3));
    assert_int_equal(1, number("SELECT count(*) FROM c"));
}

/* A key that refers to columns without a unique index makes SQLite refuse to look at any. */
static void keys_that_cannot_be_looked_at(void **state)
{
    const csvc_migration steps[] = {
        {1, "0001_a", "CREATE TABLE p (x TEXT); CREATE TABLE c (p TEXT REFERENCES p (x));", 0},
        {2, "0002_b", "PRAGMA foreign_keys = OFF; CREATE TABLE d (x TEXT);", 0},
        {3, "0003_c", "PRAGMA foreign_keys = OFF; CREATE UNIQUE INDEX p_x ON p (x);", 0},
        {4, "0004_d", "PRAGMA foreign_keys = OFF; DROP INDEX p_x;", 0},
    };

    (void)state;
    migrate_ok(steps, 3);
    assert_int_equal(CSVC_FAILED_PRECONDITION, migrate(steps, 4));
    assert_int_equal(1, number("SELECT count(*) FROM sqlite_schema WHERE name = 'p_x'"));
}

/* ---- tables that fit ---- */

static void run_sql(const char *sql)
{
    csvc_ctx *ctx = csvc_ctx_new(NULL);

    if (csvc_db_exec(db, ctx, sql, NULL, 0, NULL) != CSVC_OK) {
        fail_msg("%s: %s", sql, csvc_fail_text(ctx, CSVC_INTERNAL));
    }
    csvc_ctx_unref(ctx);
}

/* "" when the tables fit, else what is said. */
static const char *checked(void)
{
    static const csvc_entity *const entities[] = {&user_entity, NULL};

    err = (csvc_error){CSVC_ERROR_INIT};
    if (csvc_db_check(db, entities, &err) != err.code) {
        fail_msg("the code is not that of the error: %s", err.text);
    }
    assert_true(err.code == CSVC_OK || err.code == CSVC_FAILED_PRECONDITION);
    return err.code == CSVC_OK ? "" : err.text;
}

static void tables_are_compared_with_the_entities(void **state)
{
    (void)state;
    assert_int_equal(CSVC_OK, csvc_db_check(db, NULL, &err));
    assert_non_null(strstr(checked(), "there is no table users, where each user is kept; write"));
    run_sql("CREATE TABLE \"users\" (\"id\" INTEGER NOT NULL PRIMARY KEY, \"USERNAME\" TEXT NOT "
            "NULL, \"email\" TEXT NOT NULL, \"created_at\" TEXT NOT NULL, \"age\" INTEGER)");
    assert_non_null(strstr(
        checked(), "table users lacks the columns full_name, updated_at; write a migration "));
    run_sql("ALTER TABLE \"users\" ADD COLUMN \"full_name\" TEXT NOT NULL DEFAULT ''");
    assert_non_null(
        strstr(checked(), "table users lacks the column updated_at; write a migration "));
    run_sql("ALTER TABLE \"users\" ADD COLUMN \"updated_at\" TEXT NOT NULL DEFAULT ''");
    assert_string_equal("", checked());
    /* more columns than fields: as long as a new row need not bring them */
    run_sql("ALTER TABLE \"users\" ADD COLUMN \"note\" TEXT");
    run_sql("ALTER TABLE \"users\" ADD COLUMN \"colour\" TEXT NOT NULL DEFAULT 'red'");
    assert_string_equal("", checked());
    run_sql("DROP TABLE \"users\"");
    run_sql("CREATE TABLE \"users\" (\"n\" INTEGER PRIMARY KEY, \"id\" INTEGER, \"username\" TEXT, "
            "\"email\" TEXT, \"full_name\" TEXT, \"created_at\" TEXT, \"updated_at\" TEXT, "
            "\"age\" INTEGER)"); /* n: SQLite numbers it */
    assert_string_equal("", checked());
    run_sql("DROP TABLE \"users\"");
    run_sql("CREATE TABLE \"users\" (\"id\" INTEGER PRIMARY KEY, \"username\" TEXT, "
            "\"email\" TEXT, \"full_name\" TEXT, \"created_at\" TEXT, \"updated_at\" TEXT, "
            "\"age\" INTEGER, \"size\" INTEGER NOT NULL)");
    assert_non_null(strstr(checked(), "table users has a column size, NOT NULL and without a "
                                      "default, that no field of user fills"));
    assert_int_equal(CSVC_INVALID_ARGUMENT, csvc_db_check(NULL, NULL, &err));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(steps_run_once_and_in_order),
        TEST(the_checksum_may_be_given),
        TEST(no_steps_are_no_failure),
        TEST(what_ran_may_not_change),
        TEST(a_newer_database_is_refused),
        TEST(gaps_are_refused),
        TEST(a_set_for_the_driver_is_needed),
        TEST(a_failed_step_names_its_line_and_leaves_nothing),
        TEST(a_step_may_not_end_its_transaction),
        TEST(a_foreign_table_of_that_name_is_refused),
        TEST(starters_at_once_take_turns),
        TEST(a_todo_keeps_a_step_from_running),
        TEST(foreign_keys_wait_for_the_end_of_a_step_that_says_so),
        TEST(keys_that_were_broken_before_do_not_stop_a_step),
        TEST(keys_that_cannot_be_looked_at),
        TEST(tables_are_compared_with_the_entities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
