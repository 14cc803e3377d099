/* schema_test.c: CREATE TABLE as users write it, names in SQL, and answers that fit nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "schema/create.h"
#include "schema/schema.h"

static int setup(void **state)
{
    *state = csvc_arena_new(0);
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    csvc_arena_free(*state);
    return 0;
}

/* Definitions are kept as they are written, without comments; commas and brackets count only where
 * they are SQL's. */
static void a_create_table_is_taken_apart(void **state)
{
    static const char sql[] = "CREATE TABLE \"it(\"\"ems\" (\n"
                              "  id INTEGER PRIMARY KEY, -- the key, (numbered\n"
                              "  \"na,me\" TEXT NOT NULL DEFAULT 'a,b)''(' /* , */,\n"
                              "  [odd )] DECIMAL(10, 2) CHECK (\"odd )\" > 0 OR (1, 2) = (1, 2)),\n"
                              "  `tick` BLOB,\n"
                              "  sum INTEGER GENERATED ALWAYS AS (id + 1) STORED,\n"
                              "  CONSTRAINT once UNIQUE (id, tick),\n"
                              "  FOREIGN KEY (tick) REFERENCES x (y)\n"
                              ") STRICT, WITHOUT ROWID";
    static const char *const expected[][2] = {
        {"id", "id INTEGER PRIMARY KEY"},
        {"na,me", "\"na,me\" TEXT NOT NULL DEFAULT 'a,b)''('"},
        {"odd )", "[odd )] DECIMAL(10, 2) CHECK (\"odd )\" > 0 OR (1, 2) = (1, 2))"},
        {"tick", "`tick` BLOB"},
        {"sum", "sum INTEGER GENERATED ALWAYS AS (id + 1) STORED"},
        {NULL, "CONSTRAINT once UNIQUE (id, tick)"},
        {NULL, "FOREIGN KEY (tick) REFERENCES x (y)"},
    };
    schema_create c;

    assert_true(schema_create_read(*state, sql, &c));
    assert_int_equal(sizeof(expected) / sizeof(expected[0]), c.n_definitions);
    for (size_t i = 0; i < c.n_definitions; i++) {
        assert_string_equal(expected[i][1], c.definitions[i].text);
        if (expected[i][0] == NULL) {
            assert_null(c.definitions[i].name);
        } else {
            assert_string_equal(expected[i][0], c.definitions[i].name);
        }
    }
    assert_string_equal("STRICT, WITHOUT ROWID", c.tail);
}

static void what_is_none_is_not_understood(void **state)
{
    static const char *const wrong[] = {"",
                                        "CREATE TABLE x",
                                        "CREATE TABLE x (a",
                                        "CREATE TABLE x (a, 'b)",
                                        "CREATE TABLE x (a,)",
                                        "CREATE VIRTUAL TABLE x USING fts5()"};
    schema_create c;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (schema_create_read(*state, wrong[i], &c)) {
            fail_msg("understood: %s", wrong[i]);
        }
    }
    assert_false(schema_create_read(*state, NULL, &c));
}

/* Only what is said anew changes. */
static void a_column_becomes_another(void **state)
{
    static const struct {
        const char *was;
        schema_redefinition to;
        const char *is;
    } cases[] = {
        {"\"a\" TEXT NOT NULL DEFAULT 'x' COLLATE NOCASE",
         {.type = "INTEGER"},
         "\"a\" INTEGER NOT NULL COLLATE NOCASE"},
        {"a INTEGER", {.set_nullable = true}, "a INTEGER NOT NULL"},
        {"a VARCHAR(10, 2) NULL UNIQUE",
         {.set_nullable = true},
         "a VARCHAR(10, 2) NOT NULL UNIQUE"},
        {"a TEXT CONSTRAINT must NOT NULL ON CONFLICT FAIL CHECK (a NOT NULL)",
         {.set_nullable = true, .nullable = true},
         "a TEXT CHECK (a NOT NULL)"},
        {"a INTEGER REFERENCES p (id) ON DELETE SET NULL ON UPDATE SET DEFAULT NOT DEFERRABLE",
         {.set_nullable = true},
         "a INTEGER NOT NULL REFERENCES p (id) ON DELETE SET NULL ON UPDATE SET DEFAULT NOT "
         "DEFERRABLE"},
        {"a INTEGER DEFAULT NULL CHECK (a > 0)",
         {.default_ = "0"},
         "a INTEGER DEFAULT 0 CHECK (a > 0)"},
        {"a INTEGER PRIMARY KEY AUTOINCREMENT CHECK (a > 0)",
         {.set_key = true, .key = ""},
         "a INTEGER CHECK (a > 0)"},
        {"a INTEGER PRIMARY KEY DESC ON CONFLICT ABORT",
         {.set_key = true, .key = "PRIMARY KEY AUTOINCREMENT"},
         "a INTEGER PRIMARY KEY AUTOINCREMENT"},
        {"a TEXT NOT NULL",
         {.set_key = true, .key = "NOT NULL PRIMARY KEY"},
         "a TEXT NOT NULL PRIMARY KEY"},
        {"a", {.type = "TEXT"}, "a TEXT"},
        {"a AS (b) STORED", {.set_nullable = true}, "a  NOT NULL AS (b) STORED"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(cases[i].is,
                            schema_create_redefine(*state, cases[i].was, &cases[i].to));
    }
}

static void names_are_quoted_and_cut(void **state)
{
    const char *longest = "a23456789b23456789c23456789d23456789e23456789f23456789g23456789";
    const char *name;

    assert_string_equal("\"a\"", schema_sql_name(*state, "a"));
    assert_string_equal("\"\"\"a\"\"b\"", schema_sql_name(*state, "\"a\"b"));
    assert_ptr_equal(longest, schema_sql_index_name(*state, SCHEMA_POSTGRES, longest) + 0);
    name = schema_sql_index_name(*state, SCHEMA_POSTGRES, cli_printf(*state, "%s_key", longest));
    assert_int_equal(63, strlen(name));
    assert_int_equal(0, strncmp(name, longest, 54));
    assert_string_not_equal(name, schema_sql_index_name(*state, SCHEMA_POSTGRES,
                                                        cli_printf(*state, "%s_idx", longest)));
    assert_int_equal(67, strlen(schema_sql_index_name(*state, SCHEMA_SQLITE,
                                                      cli_printf(*state, "%s_key", longest))));
}

/* Between nothing and nothing there is nothing; and every answer is one too many. */
static void answers_that_fit_nothing_are_told(void **state)
{
    static const char *const expected[] = {
        "--rename a: write TABLE.OLD=NEW for a column, OLD=NEW for a table, an rpc or a service",
        "--rename =b: write TABLE.OLD=NEW for a column, OLD=NEW for a table, an rpc or a service",
        "--rename a.=b: write TABLE.OLD=NEW for a column, OLD=NEW for a table, an rpc or a service",
        "--rename a.b=c.d.e: no field, entity, rpc or service lost the name a.b while c.d.e came "
        "to "
        "be",
        "--rename a.b=c: no field, entity, rpc or service lost the name a.b while c came to be",
        "--keep z: nothing of that name has lost its field",
    };
    schema_answers answers = {0};
    schema none = {0};
    schema_difference d;

    cli_list_add(*state, &answers.renames, "a");
    cli_list_add(*state, &answers.renames, "=b");
    cli_list_add(*state, &answers.renames, "a.=b");
    cli_list_add(*state, &answers.renames, "a.b=c.d.e");
    cli_list_add(*state, &answers.renames, "a.b=c");
    cli_list_add(*state, &answers.keeps, "z");
    schema_compare(*state, &none, &none, &answers, &d);
    assert_int_equal(0, d.n_steps + d.n_refusals + d.notes.len);
    assert_int_equal(sizeof(expected) / sizeof(expected[0]), d.useless.len);
    for (size_t i = 0; i < d.useless.len; i++) {
        assert_string_equal(expected[i], d.useless.items[i]);
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_create_table_is_taken_apart),     TEST(what_is_none_is_not_understood),
        TEST(a_column_becomes_another),          TEST(names_are_quoted_and_cut),
        TEST(answers_that_fit_nothing_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
