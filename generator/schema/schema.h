/*
 * schema/schema.h: tables as data: what entities want, what the steps so far come to, what lies
 * between the two, and the SQL that leads from one to the other.
 *
 *     wanted.c    entities -> tables
 *     compare.c   two schemas and the user's answers -> changes, refusals, notes
 *     sql.c       a table, a column, an index in SQL; also of the very first step
 *     sqlite.c, postgres.c    changes -> statements; create.c: CREATE TABLE taken apart
 *
 * There is one model of a table, SQLite's, because its steps are the ones that c-svc can run; what
 * PostgreSQL has follows from it: docs/internals/store.md has both.
 */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include "console/say.h"
#include "infer/infer.h"

typedef enum schema_dialect {
    SCHEMA_SQLITE = 0,
    SCHEMA_POSTGRES,
    SCHEMA_DIALECTS,
} schema_dialect;

typedef struct schema_column {
    const char *name;
    /* INTEGER, REAL, TEXT, BLOB; in tables that users made, whatever they wrote. */
    const char *type;
    bool nullable;
    bool key;
    bool numbered; /* by the database, no number twice */

    /* Of what is there: as it was when the project was last updated, or NULL. */
    const gen_column *of;

    /* Of what is wanted. */
    bool required;
    const char *empty; /* the value of a field that nobody set, in SQLite's words */

    /* Of what is there. */
    bool has_default;
    bool ours; /* a step of c-svc's made it */
} schema_column;

/* Over one column. Indexes that users made of others are kept as they are: schema_object. */
typedef struct schema_index {
    const char *name; /* TABLE_COLUMN_key, TABLE_COLUMN_idx */
    const char *column;
    bool unique;
    bool sparse; /* leaves out the rows where the column is empty */
} schema_index;

typedef struct schema_table {
    const char *name;
    schema_column *columns;
    size_t n_columns;
    schema_index *indexes;
    size_t n_indexes;

    /* Of what is wanted. */
    const gen_entity *of;

    /* Of what is there. */
    const char *sql; /* its CREATE TABLE, as SQLite keeps it */
    bool strict;
    bool ours;
} schema_table;

/* What else stands in a database, made by users' steps or not. */
typedef struct schema_object {
    const char *kind; /* "index", "trigger", "view" */
    const char *name;
    const char *table; /* that it is on; of a view: its own name */
    const char *sql;
} schema_object;

typedef struct schema {
    schema_table *tables;
    size_t n_tables;
    schema_object *objects;
    size_t n_objects;
} schema;

/* ---- wanted.c ---- */

void schema_wanted(csvc_arena *a, const gen_model *model, schema *ret_schema);

/* By name, as SQL takes names; NULL. */
schema_table *schema_find_table(const schema *s, const char *name);
schema_column *schema_find_column(const schema_table *table, const char *name);

/*
 * Columns of `there` remember what they were in `before`, the protos that the project was last
 * updated to: of two fields that are kept in the same type one may be a time, one any text.
 */
void schema_remember(schema *there, const gen_model *before);

/* What stands in a column, as words: "text", "a time"; the same words, the same form. */
const char *schema_form(csvc_arena *a, const gen_column *column);

/* Of two kinds of numbers: "was int64 and is to be int32", where not each of the former is one of
 * the latter; else NULL. */
const char *schema_narrowed(csvc_arena *a, const gen_column *was, const gen_column *is);

/* ---- sql.c: words of either dialect ---- */

/* `TEXT`, `text`. */
const char *schema_sql_type(schema_dialect dialect, const char *type);

/* `''`, `0`, `x''`; of a wanted column. */
const char *schema_sql_empty(schema_dialect dialect, const schema_column *column);

/* The same of a column that is there. */
const char *schema_sql_empty_of(schema_dialect dialect, const char *type);

/* "name", with quotes. */
const char *schema_sql_name(csvc_arena *a, const char *name);

/* `"name" TEXT NOT NULL` */
const char *schema_sql_column(csvc_arena *a, schema_dialect dialect, const schema_column *column);

/* PostgreSQL takes 63 bytes; longer ones end in a hash there. */
const char *schema_sql_index_name(csvc_arena *a, schema_dialect dialect, const char *name);

/* `CREATE UNIQUE INDEX "users_badge_key" ON "users" ("badge") WHERE "badge" <> '';` */
const char *schema_sql_index(csvc_arena *a, schema_dialect dialect, const schema_table *table,
                             const schema_index *index);

/* `UPDATE "items" SET "at" = "at";`, for somebody to change. */
const char *schema_sql_reform(csvc_arena *a, const schema_table *table,
                              const schema_column *column);

/* ---- compare.c: what lies between ---- */

/* What the user said on the command line. */
typedef struct schema_answers {
    cli_list renames;     /* "users.phone=cell", "phone=cell", "users=accounts" */
    cli_list keeps;       /* "users.phone", "orders": stays, and is no other by a new name */
    bool allow_data_loss; /* what no field or entity has any more is dropped */
} schema_answers;

typedef enum schema_kind {
    SCHEMA_CREATE_TABLE = 1,
    SCHEMA_DROP_TABLE,
    SCHEMA_RENAME_TABLE,  /* was -> table */
    SCHEMA_DROP_INDEX,    /* index */
    SCHEMA_RENAME_COLUMN, /* was -> column */
    SCHEMA_DROP_COLUMN,   /* was */
    SCHEMA_ADD_COLUMN,    /* column */
    SCHEMA_RETYPE,        /* column; there */
    SCHEMA_NULLABLE,      /* column: may be NULL now, or may not any more; there */
    SCHEMA_DEFAULT,       /* there: nothing fills it any more, so it gets a default */
    SCHEMA_REFORM,        /* column: of the same type, but what stands in it is another */
    SCHEMA_NARROW,        /* column: the same, but of a kind that holds less */
    SCHEMA_KEY,           /* column: is the key now; there: was it, or NULL */
    SCHEMA_NUMBERED,      /* column: numbered by the database now, or not any more */
    SCHEMA_ADD_INDEX,     /* index */
} schema_kind;

typedef struct schema_change {
    schema_kind kind;
    const schema_column *column;
    const schema_column *there; /* as it is now */
    const schema_index *index;
    const char *was;  /* a former name; of indexes: that of one that only gets another */
    const char *what; /* "adds phone" */
    const char *todo; /* what SQL cannot decide, as a sentence; NULL: nothing */
} schema_change;

/* All that happens to one table: one step. */
typedef struct schema_step {
    const schema_table *table; /* wanted; of a drop, the one that goes */
    const schema_table *there; /* NULL: there is none */
    schema_change *changes;    /* in the order they are made in */
    size_t n_changes, max_changes;
    const char *name; /* "add_phone_to_users" */
    const char *what; /* "users: adds phone", for the first line */
} schema_step;

/* What has to be answered first. */
typedef struct schema_refusal {
    gen_place place;  /* of what is new */
    const char *text; /* what it looks like */
    const char *hint; /* the answers there are */
    const char *ask;  /* the one that fits what it looks like: "--rename users.phone=cell" */
} schema_refusal;

typedef struct schema_difference {
    schema_step *steps; /* as if nothing had been refused */
    size_t n_steps, max_steps;
    schema_refusal *refusals;
    size_t n_refusals, max_refusals;
    cli_list notes;   /* what was left as it is */
    cli_list useless; /* answers that fit nothing, each with the reason */
} schema_difference;

/* What has to be done for `there` to be as `wanted`. Arena memory, refers to both. */
void schema_compare(csvc_arena *a, const schema *there, const schema *wanted,
                    const schema_answers *answers, schema_difference *ret_difference);

/* ---- sqlite.c ---- */

/*
 * What ALTER TABLE can do, a statement a line. Where it cannot do all (`ret_rebuild`), the table is
 * made anew afterwards, by schema_sqlite_rebuild, from what is there after these.
 */
void schema_sqlite_alter(csvc_arena *a, const schema_step *step, cli_list *ret_lines,
                         bool *ret_rebuild);

/*
 * Makes the table anew with its rows. `now`: what stands in the database after
 * schema_sqlite_alter. INVALID_ARGUMENT where its CREATE TABLE is not understood.
 */
csvc_code schema_sqlite_rebuild(csvc_arena *a, const schema_step *step, const schema *now,
                                cli_list *ret_lines, csvc_error *err);

/* The first statement of a step that makes a table anew: SQLite checks foreign keys when it is
 * over. */
#define SCHEMA_SQLITE_UNTIED "PRAGMA foreign_keys = OFF;"

/* ---- postgres.c ---- */

void schema_postgres(csvc_arena *a, const schema_step *step, cli_list *ret_lines);

/* ---- both ---- */

/* Lines that keep a step from running until somebody has decided; `TODO: ...;` is no SQL. */
void schema_todos(csvc_arena *a, const schema_step *step, schema_dialect dialect,
                  cli_list *ret_lines);

#endif /* SCHEMA_SCHEMA_H */
