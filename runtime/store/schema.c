/*
 * store/schema.c: whether the tables are as the entities need them.
 *
 * Asked once, when a program starts: a table that does not fit would otherwise be found by the
 * first caller, as INTERNAL.
 */
#include <base/map.h>
#include <base/utf8.h>
#include <store/db.h>

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

struct check_call {
    const csvc_db_driver *driver;
    const csvc_entity *const *entities;
    const csvc_entity *entity; /* whose table is looked at */
    size_t n_seen;             /* columns of the table */
    bool found[CSVC__STORE_MAX_COLUMNS];
    char demanded[64]; /* a column that no field fills and that may not be left out; "" */
    csvc_code code;
    csvc_error *err;
};

/* A column of the table: its name, and whether a new row must bring a value for it. */
static csvc_code see_column(void *self, const csvc_value *values, size_t n_values)
{
    struct check_call *call = self;
    const char *name;
    bool known = false;

    if (n_values != 2 || values[0].type != CSVC_VALUE_TEXT || values[1].type != CSVC_VALUE_INT) {
        return csvc_error_set(call->err, CSVC_INTERNAL,
                              "the driver does not tell the columns of a table");
    }
    name = (const char *)values[0].bytes.data;
    for (uint32_t i = 0; i < call->entity->n_columns; i++) {
        if (csvc__ascii_same(name, call->entity->columns[i].name)) { /* as SQL takes names */
            call->found[i] = known = true;
        }
    }
    if (!known && values[1].i != 0 && call->demanded[0] == '\0') {
        (void)snprintf(call->demanded, sizeof(call->demanded), "%s", name);
    }
    call->n_seen++;
    return CSVC_OK;
}

/* What was seen, against what the entity needs. */
static csvc_code judge(struct check_call *call)
{
    const csvc_entity *e = call->entity;
    char lacking[200] = "";
    size_t len = 0;
    unsigned n = 0;

    if (call->n_seen == 0) {
        return csvc_error_set(
            call->err, CSVC_FAILED_PRECONDITION,
            "there is no table %.60s, where each %.60s is kept; write a migration "
            "that makes it (c-svc update does)",
            e->table, e->name);
    }
    for (uint32_t i = 0; i < e->n_columns; i++) {
        if (!call->found[i]) {
            const int added = snprintf(lacking + len, sizeof(lacking) - len, "%s%s",
                                       n > 0 ? ", " : "", e->columns[i].name);

            len = added > 0 && (size_t)added < sizeof(lacking) - len ? len + (size_t)added : len;
            n++;
        }
    }
    lacking[len] = '\0'; /* one name less rather than half a name */
    if (n > 0) {
        return csvc_error_set(call->err, CSVC_FAILED_PRECONDITION,
                              "table %.60s lacks the column%s %s; write a migration that adds %s "
                              "(c-svc update does), or start the program that the database "
                              "is for",
                              e->table, n > 1 ? "s" : "", lacking, n > 1 ? "them" : "it");
    }
    if (call->demanded[0] != '\0') {
        return csvc_error_set(call->err, CSVC_FAILED_PRECONDITION,
                              "table %.60s has a column %s, NOT NULL and without a default, that "
                              "no field of %.60s fills, so no row could be added; write a "
                              "migration that drops it (c-svc update does)",
                              e->table, call->demanded, e->name);
    }
    return CSVC_OK;
}

static csvc_code check_entity(csvc__conn *conn, struct check_call *call)
{
    const char *text = call->driver->columns;
    const csvc__sql sql = {
        .text = text, .len = strlen(text), .hash = csvc__hash(text, strlen(text))};
    const csvc_value table = csvc_text(call->entity->table);
    csvc__problem problem;
    csvc_code code;

    if (call->entity->n_columns > CSVC__STORE_MAX_COLUMNS) {
        return csvc_error_set(call->err, CSVC_INTERNAL, "entity %.60s: it has not 1 to %d columns",
                              call->entity->name, CSVC__STORE_MAX_COLUMNS);
    }
    call->n_seen = 0;
    call->demanded[0] = '\0';
    memset(call->found, 0, sizeof(call->found));
    code = conn->driver->run(conn, NULL, CSVC__RUN_READS, &sql, &table, 1, see_column, call, NULL,
                             &problem);
    if (code != CSVC_OK) {
        return problem.code == CSVC_OK
                   ? code
                   : csvc_error_set(call->err, code, "table %.60s: %.300s", call->entity->table,
                                    csvc__problem_said(&problem));
    }
    return judge(call);
}

static csvc_code check_all(csvc__conn *conn, csvc_ctx *ctx, void *self)
{
    struct check_call *call = self;

    (void)ctx;
    call->code = CSVC_OK;
    for (const csvc_entity *const *e = call->entities; call->code == CSVC_OK && *e != NULL; e++) {
        call->entity = *e;
        call->code = check_entity(conn, call);
    }
    return call->code;
}

csvc_code csvc_db_check(csvc_db *db, const csvc_entity *const *entities, csvc_error *err)
{
    csvc_error own = {CSVC_ERROR_INIT};
    csvc_error failed = {CSVC_ERROR_INIT};
    struct check_call call = {.entities = entities, .err = err != NULL ? err : &own};
    csvc_code code;

    if (db == NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "there is no database to check");
    }
    if (entities == NULL) {
        return CSVC_OK;
    }
    call.driver = db->driver;
    code = db->driver->read(db->backend, NULL, 0, check_all, &call, &failed);
    if (failed.code != CSVC_OK) { /* the driver's: no connection */
        code = csvc_error_set(call.err, code, "%s", failed.text);
    }
    return code;
}
