/* store/sql.c: statements that the program wrote itself. */
#include <base/arena.h>
#include <base/map.h>
#include <store/db.h>

#include <string.h>

#include <base/banned.h>

/* One csvc_db_exec or csvc_db_query. */
struct sql_call {
    csvc__sql sql;
    const csvc_value *params;
    size_t n_params;
    int64_t changed;

    csvc_ctx *ctx;
    size_t max_rows;
    csvc_db_rows rows;
    csvc_value *values;
    size_t max_values; /* room in values */
    size_t n_values;
};

static csvc_code check(csvc_db *db, csvc_ctx *ctx, const char *sql, const csvc_value *params,
                       size_t n_params, struct sql_call *call)
{
    size_t len;

    if (db == NULL || sql == NULL || (params == NULL && n_params != 0)) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT,
                         "the database, the SQL or its parameters are "
                         "missing");
    }
    len = strlen(sql);
    if (len > CSVC__STORE_MAX_SQL) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "the SQL is longer than %d bytes",
                         CSVC__STORE_MAX_SQL);
    }
    *call = (struct sql_call){
        .sql = {.text = sql, .len = len, .hash = csvc__hash(sql, len)},
        .params = params,
        .n_params = n_params,
        .ctx = ctx,
    };
    return CSVC_OK;
}

static csvc_code run_exec(csvc__conn *conn, csvc_ctx *ctx, void *self)
{
    struct sql_call *call = self;
    csvc__problem problem;
    csvc_code code = conn->driver->run(conn, ctx, 0, &call->sql, call->params, call->n_params, NULL,
                                       NULL, &call->changed, &problem);

    return code != CSVC_OK ? csvc__fail_problem(ctx, NULL, NULL, &problem) : CSVC_OK;
}

/* Room for one row more in the arena; rows lie one behind the other. */
static csvc_code reserve_row(struct sql_call *call, size_t n_values)
{
    const size_t need = call->n_values + n_values;
    size_t room = call->max_values * 2;
    csvc_value *values;

    if (need <= call->max_values) {
        return CSVC_OK;
    }
    room = room < need ? need * 4 : room;
    if (room > SIZE_MAX / sizeof(*values)) {
        return csvc__fail_memory(call->ctx);
    }
    values = csvc__arena_resize(csvc_ctx_arena(call->ctx), call->values,
                                call->max_values * sizeof(*values), room * sizeof(*values));
    if (values == NULL) {
        return csvc__fail_memory(call->ctx);
    }
    call->values = values;
    call->max_values = room;
    return CSVC_OK;
}

static csvc_code take_row(void *self, const csvc_value *values, size_t n_values)
{
    struct sql_call *call = self;
    csvc_code code;

    if (call->rows.n_rows == call->max_rows) {
        return csvc_fail(call->ctx, CSVC_OUT_OF_RANGE, "the query has more than %zu rows",
                         call->max_rows);
    }
    code = reserve_row(call, n_values);
    for (size_t i = 0; i < n_values && code == CSVC_OK; i++) {
        csvc_value v = values[i];

        if (v.type == CSVC_VALUE_TEXT || v.type == CSVC_VALUE_BYTES) {
            v.bytes.data = (const uint8_t *)csvc_arena_strndup(
                csvc_ctx_arena(call->ctx), (const char *)v.bytes.data, v.bytes.len);
            code = v.bytes.data != NULL ? CSVC_OK : csvc__fail_memory(call->ctx);
        }
        call->values[call->n_values++] = v;
    }
    call->rows.n_rows++;
    call->rows.n_columns = n_values;
    return code;
}

static csvc_code run_query(csvc__conn *conn, csvc_ctx *ctx, void *self)
{
    struct sql_call *call = self;
    csvc__problem problem;
    csvc_code code = conn->driver->run(conn, ctx, CSVC__RUN_READS, &call->sql, call->params,
                                       call->n_params, take_row, call, NULL, &problem);

    if (code != CSVC_OK && problem.code != CSVC_OK) {
        return csvc__fail_problem(ctx, NULL, NULL, &problem);
    }
    return code;
}

csvc_code csvc_db_exec(csvc_db *db, csvc_ctx *ctx, const char *sql, const csvc_value *params,
                       size_t n_params, int64_t *ret_changed)
{
    struct sql_call call;
    csvc_code code = check(db, ctx, sql, params, n_params, &call);

    if (code == CSVC_OK) {
        code = csvc__db_write(db, ctx, 0, run_exec, &call);
    }
    if (code == CSVC_OK && ret_changed != NULL) {
        *ret_changed = call.changed;
    }
    return code;
}

csvc_code csvc_db_query(csvc_db *db, csvc_ctx *ctx, const char *sql, const csvc_value *params,
                        size_t n_params, size_t max_rows, csvc_db_rows *ret_rows)
{
    struct sql_call call;
    csvc_code code = check(db, ctx, sql, params, n_params, &call);

    if (code == CSVC_OK) {
        call.max_rows = max_rows;
        code = csvc__db_read(db, ctx, 0, run_query, &call);
    }
    if (code == CSVC_OK) {
        call.rows.values = call.values;
        *ret_rows = call.rows;
    }
    return code;
}

csvc_code csvc_db_columns(csvc_db *db, csvc_ctx *ctx, const char *table, size_t max_columns,
                          csvc_db_rows *ret_rows)
{
    const csvc_value name = csvc_text(table);

    return csvc_db_query(db, ctx, db != NULL ? db->driver->columns : NULL, &name, 1, max_columns,
                         ret_rows);
}
