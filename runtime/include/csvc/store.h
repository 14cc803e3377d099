/*
 * csvc/store.h: rows of a SQL database, one API over several drivers.
 *
 * A csvc_db is a database with its connections. Two layers use it: the store of an entity (a
 * message kept in a table), whose typed wrappers the plugin emits as PREFIX_store_..., and plain
 * SQL for what those do not cover. Values are only ever parameters, never part of the text.
 *
 * Threads: a csvc_db serves any number of threads; each call waits for its connection and blocks.
 * In an inline handler, which may not block, every call returns FAILED_PRECONDITION. A call ends
 * early, with CANCELLED or DEADLINE_EXCEEDED, when its ctx does; a write that had run by then may
 * have been made, and the text says so. What is returned lives in the ctx's arena.
 *
 * Codes: NOT_FOUND and ALREADY_EXISTS as the text says; INVALID_ARGUMENT for a value a column
 * refuses; FAILED_PRECONDITION for a row that others refer to, or that refers to none; UNAVAILABLE
 * when the database is locked for too long or gone, or a write was undone with another's;
 * PERMISSION_DENIED when it may not be written; RESOURCE_EXHAUSTED when its disk is full or memory
 * is short; DATA_LOSS when the file is damaged or a stored value cannot be the field's; INTERNAL
 * for SQL the database does not understand. What the database itself said of INTERNAL and DATA_LOSS
 * names tables and SQL: it goes to the log, at error, and the text says `storage failure` or that
 * the file is damaged.
 *
 * A write returns, its refusal too, only when all it saw is durable: writers share one connection
 * in turn and one commit in groups (internals/store.md).
 */
#ifndef CSVC_STORE_H
#define CSVC_STORE_H

#include <csvc/ctx.h>
#include <csvc/message.h>
#include <string.h>

CSVC_BEGIN_DECLS

typedef struct csvc_db csvc_db;
typedef struct csvc_db_driver csvc_db_driver;

/* SQLite, in libcsvc-sqlite: "sqlite:PATH" or "sqlite::memory:". */
extern CSVC_API const csvc_db_driver csvc_sqlite;

/* ---- opening ---- */

typedef struct csvc_db_options {
    size_t struct_size;
    const csvc_db_driver *const *drivers; /* NULL-terminated: those that the program links */
    uint32_t max_readers;                 /* connections that read; default 8 */
    uint32_t busy_timeout_ms;             /* wait for another process's lock; default 5000 */
    bool commit_each;                     /* one commit for each write, no groups (for measuring) */
} csvc_db_options;

#define CSVC_DB_OPTIONS_INIT .struct_size = sizeof(csvc_db_options)

/*
 * Opens the database a URL names; a SQLite file is made when absent. NULL with err set, which says
 * what is wrong and what to do: INVALID_ARGUMENT for the URL, FAILED_PRECONDITION,
 * PERMISSION_DENIED, UNAVAILABLE, RESOURCE_EXHAUSTED, DATA_LOSS.
 */
CSVC_API csvc_db *csvc_db_open(const char *url, const csvc_db_options *options,
                               csvc_error *err) CSVC_MUST_CHECK;

/* Closes it; no call may be under way. Takes NULL; returns NULL. */
CSVC_API csvc_db *csvc_db_close(csvc_db *db);

/* ---- migrations ---- */

/* One step of the schema, embedded by the generator from migrations/DRIVER/VERSION_NAME.sql. */
typedef struct csvc_migration {
    uint32_t version; /* 1, 2, 3...: without gaps */
    const char *name; /* "0001_users" */
    const char *sql;
    uint64_t checksum; /* FNV-1a 64 of sql */
} csvc_migration;

typedef struct csvc_migrations {
    const char *driver; /* "sqlite" */
    const csvc_migration *steps;
    size_t n_steps;
} csvc_migrations;

/*
 * Brings the schema up to date: each step not yet recorded in the table `csvc_migrations` runs in a
 * transaction of its own, two starters at once take turns. `sets` ends with a NULL pointer; the one
 * of the database's driver is used. FAILED_PRECONDITION when a step that ran has since changed,
 * when the database is newer than the program or when there is no set for the driver; INTERNAL,
 * with the step's name and line, when its SQL fails (that step leaves nothing behind).
 */
CSVC_API csvc_code csvc_db_migrate(csvc_db *db, const csvc_migrations *const *sets,
                                   csvc_error *err) CSVC_MUST_CHECK;

/* ---- entities ---- */

enum {
    CSVC_COLUMN_KEY = 1, /* the primary key */
    CSVC_COLUMN_GENERATED =
        2, /* the database numbers it (an integer key) or we make it (a string key: a UUID v7) */
    CSVC_COLUMN_REQUIRED = 4,     /* the zero value is INVALID_ARGUMENT */
    CSVC_COLUMN_UNIQUE = 8,       /* twice is ALREADY_EXISTS */
    CSVC_COLUMN_CREATED_AT = 16,  /* set when the row is created, never changed */
    CSVC_COLUMN_UPDATED_AT = 32,  /* set when the row is created or updated */
    CSVC_COLUMN_TEXT_SEARCH = 64, /* `keyword` looks here */
};

/* One column: which field of the message it keeps. */
typedef struct csvc_column {
    const char *name;
    uint32_t field;   /* index into type->fields */
    uint32_t flags;   /* CSVC_COLUMN_... */
    uint32_t max_len; /* characters of a string, bytes of bytes; 0: no limit but the message's */
} csvc_column;

/* A message kept in a table. Emitted by protoc-gen-c-svc as a constant: every csvc_db that has met
 * it keeps what it made of it, by its address, so it must outlive them. */
typedef struct csvc_entity {
    uint32_t struct_size;
    const char *name;  /* "user", for texts: `user 42 not found` */
    const char *table; /* "users" */
    const csvc_message_type *type;
    const csvc_column *columns; /* the key is among them, once */
    uint32_t n_columns;
    const char *key_prefix; /* before a string key that we make: "books/"; NULL: nothing */
} csvc_entity;

/*
 * Whether the tables fit: each entity's table has its columns, and none besides that a new row
 * would have to fill. `entities` ends with a NULL pointer (NULL: none). FAILED_PRECONDITION, naming
 * table and column and saying what to do. For the start of a program, after csvc_db_migrate.
 */
CSVC_API csvc_code csvc_db_check(csvc_db *db, const csvc_entity *const *entities,
                                 csvc_error *err) CSVC_MUST_CHECK;

/* Which columns a call is about: bit i for columns[i]; entities have at most 64 columns. */
typedef uint64_t csvc_column_set;

#define CSVC_ALL_COLUMNS (~(csvc_column_set)0)

/*
 * Stores a row and gives it back as stored, key and times filled in; a key that the database
 * numbers is its choice, whatever the message says. INVALID_ARGUMENT naming the field for a
 * required one that is empty or one that is too long; ALREADY_EXISTS naming the field that is taken
 * and its value: `username "ada" is already taken`, the first in the order of columns. Here and
 * below, ret_row may be NULL.
 */
CSVC_API csvc_code csvc_store_create(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                                     const void *message, void **ret_row) CSVC_MUST_CHECK;

/* The row with the key that `message` carries. INVALID_ARGUMENT for a key below 1 or empty;
 * NOT_FOUND. */
CSVC_API csvc_code csvc_store_get(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                                  const void *message, void **ret_row) CSVC_MUST_CHECK;

/*
 * Changes the columns of `set` (never the key nor the times) in the row with the key of `message`,
 * and gives the whole row back; updated_at is set, unless there is nothing to change. Codes as for
 * create and get.
 */
CSVC_API csvc_code csvc_store_update(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                                     const void *message, csvc_column_set set,
                                     void **ret_row) CSVC_MUST_CHECK;

/* Removes the row with the key of `message`. INVALID_ARGUMENT, NOT_FOUND. */
CSVC_API csvc_code csvc_store_delete(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                                     const void *message) CSVC_MUST_CHECK;

/* Which rows a list wants. Zero means: no filter, first page, default size. */
typedef struct csvc_store_page {
    size_t struct_size;
    int64_t page;           /* from 1; below 1 is 1 */
    int64_t page_size;      /* below 1: 20; above 100: 100 */
    const char *page_token; /* "" or NULL: from the start; else what the last page gave: goes on
                               behind its last row */
    const char
        *keyword; /* rows with it in one of their TEXT_SEARCH columns, case ignored for ASCII */
    const void *match; /* a message: rows equal to it in the columns of match_set */
    csvc_column_set match_set;
    bool want_total;
} csvc_store_page;

#define CSVC_STORE_PAGE_INIT .struct_size = sizeof(csvc_store_page)

typedef struct csvc_store_rows {
    size_t n_rows;
    void **rows;                 /* messages, by key */
    int64_t total;               /* rows that match, over all pages; -1 when not wanted */
    const char *next_page_token; /* "" when this is the last page; never NULL */
} csvc_store_rows;

/*
 * One page of rows, by key, with the total of the same moment. A page_token overrules `page`; it
 * holds for the keyword and the match it was given for, with any page_size. INVALID_ARGUMENT for
 * one that is not of this list, for a keyword over 1,000 bytes or where no column is searched, and
 * for a match by a column that keeps a repeated field or a message. A page behind the last one is
 * empty, and OK.
 */
CSVC_API csvc_code csvc_store_list(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                                   const csvc_store_page *page,
                                   csvc_store_rows *ret_rows) CSVC_MUST_CHECK;

/*
 * All rows that a list wants, page after page, for callers that know no pages: page and page_size
 * are not looked at. RESOURCE_EXHAUSTED when there are more than `max_rows`. Each page is of its
 * own moment; `next_page_token` is "", `total` is how many there are.
 */
CSVC_API csvc_code csvc_store_list_all(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                                       const csvc_store_page *page, size_t max_rows,
                                       csvc_store_rows *ret_rows) CSVC_MUST_CHECK;

/*
 * What an update with this message is about: the columns of fields that are there, and of those
 * that cannot be absent (proto3 without `optional`, repeated ones). Never the key nor the times.
 */
CSVC_API csvc_column_set csvc_store_given(const csvc_entity *entity, const void *message);

/*
 * What an update with a google.protobuf.FieldMask is about, as https://google.aip.dev/134 has it:
 * the columns its paths name, all of them for "*"; without a mask (NULL, or one without paths)
 * those whose field in `message` is not at its default. Never the key nor the times, which a mask
 * may name. INVALID_ARGUMENT for a path that is no field with a column in `allowed`, or that
 * reaches into one.
 */
CSVC_API csvc_code csvc_store_mask(csvc_ctx *ctx, const csvc_entity *entity, const void *message,
                                   csvc_column_set allowed, const void *field_mask,
                                   csvc_column_set *ret_set) CSVC_MUST_CHECK;

/*
 * The entries of one map field as those of another with the same key and value: each map has an
 * entry message of its own, and `type` is that of the wanted one. Keys and values are shared, not
 * copied. NULL when memory is short, else an array in the ctx's arena.
 */
CSVC_API void *csvc_store_map(csvc_ctx *ctx, const csvc_message_type *type, const void *entries,
                              size_t n_entries) CSVC_MUST_CHECK;

/*
 * Reads rows by key, a page at a time; nothing (no transaction, no connection) is held between
 * pages, so the caller may dawdle. What the page points to must live as long as the scan; its page,
 * page_size and want_total are not looked at. `next` gives the next row, living until the next one,
 * false at the end or after a failure; `end` frees the scan and returns the first failure: the
 * scan's own or `code`. start gives NULL when memory is short, which next and end take.
 */
typedef struct csvc_store_scan csvc_store_scan;
CSVC_API csvc_store_scan *csvc_store_scan_start(csvc_db *db, csvc_ctx *ctx,
                                                const csvc_entity *entity,
                                                const csvc_store_page *page);
CSVC_API bool csvc_store_scan_next(csvc_store_scan *scan, const void **ret_row);
CSVC_API csvc_code csvc_store_scan_end(csvc_store_scan *scan, csvc_code code);

/* ---- plain SQL ---- */

typedef enum csvc_value_type {
    CSVC_VALUE_NULL = 0,
    CSVC_VALUE_INT,
    CSVC_VALUE_DOUBLE,
    CSVC_VALUE_TEXT,
    CSVC_VALUE_BYTES,
} csvc_value_type;

/* A parameter or a column. Text and bytes are borrowed when given, in the ctx's arena when
 * returned. */
typedef struct csvc_value {
    csvc_value_type type;
    int64_t i;
    double d;
    csvc_bytes bytes; /* TEXT: UTF-8; a NUL behind it that len does not count */
} csvc_value;

/* Parameters, made of what they hold; text and bytes are borrowed. NULL text is SQL's NULL. */
static inline csvc_value csvc_int(int64_t i)
{
    csvc_value value = {CSVC_VALUE_INT, 0, 0, {0, NULL}};
    value.i = i;
    return value;
}
static inline csvc_value csvc_double(double d)
{
    csvc_value value = {CSVC_VALUE_DOUBLE, 0, 0, {0, NULL}};
    value.d = d;
    return value;
}
static inline csvc_value csvc_text(const char *text)
{
    csvc_value value = {CSVC_VALUE_NULL, 0, 0, {0, NULL}};
    if (text != NULL) {
        value.type = CSVC_VALUE_TEXT;
        value.bytes.len = strlen(text);
        value.bytes.data = (const uint8_t *)text;
    }
    return value;
}
static inline csvc_value csvc_blob(csvc_bytes bytes)
{
    csvc_value value = {CSVC_VALUE_BYTES, 0, 0, {0, NULL}};
    value.bytes = bytes;
    return value;
}

/*
 * Runs one statement that changes something; parameters are ?1, ?2... on SQLite. *ret_changed, when
 * not NULL, is how many rows. Inside csvc_db_transaction it is part of it. INVALID_ARGUMENT for
 * what would take the connection out of our hands (BEGIN, COMMIT, SAVEPOINT, ATTACH, PRAGMA x = y),
 * for several statements, or another number of parameters than the statement has.
 */
CSVC_API csvc_code csvc_db_exec(csvc_db *db, csvc_ctx *ctx, const char *sql,
                                const csvc_value *params, size_t n_params,
                                int64_t *ret_changed) CSVC_MUST_CHECK;

typedef struct csvc_db_rows {
    size_t n_rows;
    size_t n_columns;
    const csvc_value *values; /* n_rows * n_columns */
} csvc_db_rows;

/* Runs one statement that reads and gives all rows, at most `max_rows` (OUT_OF_RANGE when there are
 * more). INVALID_ARGUMENT when it would change anything. */
CSVC_API csvc_code csvc_db_query(csvc_db *db, csvc_ctx *ctx, const char *sql,
                                 const csvc_value *params, size_t n_params, size_t max_rows,
                                 csvc_db_rows *ret_rows) CSVC_MUST_CHECK;

/*
 * The columns of a table, in its order, a row each: the name, and 1 when a new row must bring a
 * value for it (NOT NULL, without a default), else 0. No rows: there is no such table. Names of
 * more than `max_columns` are OUT_OF_RANGE.
 */
CSVC_API csvc_code csvc_db_columns(csvc_db *db, csvc_ctx *ctx, const char *table,
                                   size_t max_columns, csvc_db_rows *ret_rows) CSVC_MUST_CHECK;

/*
 * Runs `work` with every write and read it makes through `db` and `ctx` in one transaction: kept
 * when it returns OK, undone otherwise. Other writers wait meanwhile, so do nothing slow in it. A
 * call that failed within it has changed nothing, and the work may go on. Transactions do not nest,
 * and the thread may not come with another ctx: FAILED_PRECONDITION.
 */
typedef csvc_code csvc_db_work(csvc_db *db, csvc_ctx *ctx, void *self);
CSVC_API csvc_code csvc_db_transaction(csvc_db *db, csvc_ctx *ctx, csvc_db_work *work,
                                       void *self) CSVC_MUST_CHECK;

#ifdef __cplusplus
static inline csvc_db_options csvc_db_options_init(void)
{
    csvc_db_options options = csvc_db_options();
    options.struct_size = sizeof(options);
    return options;
}
static inline csvc_store_page csvc_store_page_init(void)
{
    csvc_store_page page = csvc_store_page();
    page.struct_size = sizeof(page);
    return page;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_STORE_H */
