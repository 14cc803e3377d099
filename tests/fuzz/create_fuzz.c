/*
 * A CREATE TABLE that SQLite takes: what was taken apart and put together again is taken, too, and
 * comes apart in the same pieces; each column can become another. Any other text is only read.
 */
#include <assert.h>
#include <sqlite3.h>
#include <string.h>

#include "base/buffer.h"
#include "schema/create.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *put_together(csvc_arena *a, const schema_create *create)
{
    csvc__buffer text;
    const char *whole;

    csvc__buffer_init(&text, 1 << 24);
    csvc__buffer_puts(&text, "CREATE TABLE \"t\" (");
    for (size_t i = 0; i < create->n_definitions; i++) {
        csvc__buffer_printf(&text, "%s%s", i > 0 ? ", " : "", create->definitions[i].text);
    }
    csvc__buffer_printf(&text, ") %s", create->tail);
    assert(csvc__buffer_ok(&text));
    whole = cli_printf(a, "%s", text.data);
    csvc__buffer_release(&text);
    return whole;
}

/* One whole statement. */
static bool is_taken(const char *sql)
{
    static sqlite3 *db;
    sqlite3_stmt *statement = NULL;
    const char *rest = NULL;
    bool taken;

    if (db == NULL) {
        assert(sqlite3_open(":memory:", &db) == SQLITE_OK);
    }
    taken = sqlite3_prepare_v2(db, sql, -1, &statement, &rest) == SQLITE_OK && statement != NULL &&
            rest[0] == '\0';
    (void)sqlite3_finalize(statement);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const schema_redefinition to = {
        .type = "INTEGER", .set_nullable = true, .set_key = true, .key = "", .default_ = "0"};
    csvc_arena *a = csvc_arena_new(0);
    schema_create once = {0};
    schema_create again = {0};
    char *sql;

    assert(a != NULL);
    sql = csvc_arena_calloc(a, len + 1, 1);
    assert(sql != NULL);
    if (len > 0) {
        memcpy(sql, data, len);
    }
    if (schema_create_read(a, sql, &once) && is_taken(sql)) {
        const char *whole = put_together(a, &once);

        assert(is_taken(whole) && schema_create_read(a, whole, &again));
        assert(again.n_definitions == once.n_definitions);
        for (size_t i = 0; i < once.n_definitions; i++) {
            assert(strcmp(again.definitions[i].text, once.definitions[i].text) == 0);
            assert((again.definitions[i].name == NULL) == (once.definitions[i].name == NULL));
            if (once.definitions[i].name != NULL) {
                assert(strcmp(again.definitions[i].name, once.definitions[i].name) == 0);
                assert(schema_create_redefine(a, once.definitions[i].text, &to) != NULL);
            }
        }
    }
    (void)csvc_arena_free(a);
    return 0;
}
