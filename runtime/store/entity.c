/* store/entity.c: create, get, update, delete: one statement each. */
#include <base/arena.h>
#include <base/clock.h>
#include <codec/codec.h>
#include <store/db.h>
#include <store/uuid.h>

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* One call; what the session needs, and what it gives. */
struct entity_call {
    csvc__plan *plan;
    csvc_ctx *ctx;
    const void *message;     /* for texts */
    csvc_column_set written; /* columns it sets */
    csvc__sql sql;
    csvc_value *params;
    size_t n_params;
    unsigned flags;
    bool wants_row;
    void *row; /* NULL: there was none */
    int64_t changed;
};

static csvc_code take_row(void *self, const csvc_value *values, size_t n_values)
{
    struct entity_call *call = self;

    if (n_values != call->plan->entity->n_columns) {
        return csvc_fail(call->ctx, CSVC_INTERNAL, "the row has %zu columns", n_values);
    }
    return csvc__value_row(call->plan, call->ctx, csvc_ctx_arena(call->ctx), values, &call->row);
}

static csvc_code saw_row(void *self, const csvc_value *values, size_t n_values)
{
    (void)values;
    (void)n_values;
    *(bool *)self = true;
    return CSVC_OK;
}

/* The key of the row that is written; what a new row says of a key the database makes means
 * nothing. */
static csvc_code own_key(const struct entity_call *call, csvc_ctx *ctx, csvc_value *ret_key)
{
    const csvc__plan *plan = call->plan;

    if ((call->written >> plan->key & 1) != 0 && csvc__plan_numbered(plan)) {
        *ret_key = (csvc_value){.type = CSVC_VALUE_INT, .i = 0};
        return CSVC_OK;
    }
    return csvc__value_get(&plan->columns[plan->key], ctx, call->message, ret_key);
}

/*
 * When several values are taken, a database names one of its own choice; the caller is told the
 * first in the order of the columns.
 */
static void name_first_taken(csvc__conn *conn, csvc_ctx *ctx, struct entity_call *call,
                             csvc__problem *problem)
{
    const csvc__plan *plan = call->plan;
    const csvc_column_set unique = plan->unique & call->written;
    csvc_value params[2];

    if ((unique & (unique - 1)) == 0 || own_key(call, ctx, &params[1]) != CSVC_OK) {
        return;
    }
    for (uint32_t i = 0; i < plan->entity->n_columns; i++) {
        const csvc_column_set bit = (csvc_column_set)1 << i;
        const char *name = plan->columns[i].def->name;
        csvc__problem own;
        csvc__sql sql;
        bool taken = false;

        if ((unique & bit) == 0) {
            continue;
        }
        if (strcmp(problem->names, name) == 0) {
            return;
        }
        if ((plan->sparse & bit) != 0 && csvc__value_is_zero(&plan->columns[i], call->message)) {
            continue; /* never taken */
        }
        if (csvc__value_get(&plan->columns[i], ctx, call->message, &params[0]) != CSVC_OK ||
            csvc__plan_variant(call->plan, ctx, CSVC__SHAPE_TAKEN, bit, &sql) != CSVC_OK ||
            conn->driver->run(conn, ctx, CSVC__RUN_READS | CSVC__RUN_SHORT, &sql, params, 2,
                              saw_row, &taken, NULL, &own) != CSVC_OK) {
            return;
        }
        if (taken) {
            (void)snprintf(problem->names, sizeof(problem->names), "%s", name);
            return;
        }
    }
}

static csvc_code run_call(csvc__conn *conn, csvc_ctx *ctx, void *self)
{
    struct entity_call *call = self;
    csvc__problem problem;
    csvc_code code;

    call->row = NULL; /* a driver may run it again */
    code = conn->driver->run(conn, ctx, call->flags, &call->sql, call->params, call->n_params,
                             call->wants_row ? take_row : NULL, call, &call->changed, &problem);
    if (code != CSVC_OK && problem.code != CSVC_OK) {
        if (problem.kind == CSVC__PROBLEM_UNIQUE) {
            name_first_taken(conn, ctx, call, &problem);
        }
        return csvc__fail_problem(ctx, call->plan, call->message, &problem);
    }
    return code;
}

static csvc_code start(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity, const void *message,
                       csvc__plan **ret_plan)
{
    if (db == NULL || entity == NULL || message == NULL) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "the %s is missing",
                         db == NULL       ? "database"
                         : entity == NULL ? "entity"
                                          : "message");
    }
    return csvc__plan_of(&db->plans, ctx, entity, ret_plan);
}

/* The key of a row that is to be there. */
static csvc_code get_key(const csvc__plan *plan, csvc_ctx *ctx, const void *message,
                         csvc_value *ret_key)
{
    const csvc__column *c = &plan->columns[plan->key];
    const bool is_unsigned =
        c->field->kind == CSVC_KIND_UINT64 || c->field->kind == CSVC_KIND_FIXED64;
    csvc_code code;

    if (c->cell == CSVC__CELL_TEXT && csvc__value_is_zero(c, message)) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is required", c->def->name);
    }
    code = csvc__value_get(c, ctx, message, ret_key);
    if (code != CSVC_OK) {
        return code;
    }
    if (c->cell == CSVC__CELL_INT &&
        (ret_key->type != CSVC_VALUE_INT || ret_key->i == 0 || (ret_key->i < 0 && !is_unsigned))) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s must be positive", c->def->name);
    }
    return CSVC_OK;
}

/* A field's value, unless it is required and empty. */
static csvc_code get_checked(const csvc__column *c, csvc_ctx *ctx, const void *message,
                             csvc_value *ret_value)
{
    csvc_error err = {CSVC_ERROR_INIT};

    if ((c->def->flags & CSVC_COLUMN_REQUIRED) != 0 && csvc__value_is_zero(c, message)) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is required", c->def->name);
    }
    if (csvc__validate_field(c->type, c->def->field, message, &err) != CSVC_OK) {
        return csvc_fail(ctx, err.code, "%s", err.text);
    }
    return csvc__value_get(c, ctx, message, ret_value);
}

/* ---- create ---- */

static csvc_code create_key(const csvc__plan *plan, csvc_ctx *ctx, const void *message,
                            csvc_value *ret_value)
{
    const csvc__column *c = &plan->columns[plan->key];
    const csvc_entity *entity = plan->entity;
    /* tables of an older generator end before it */
    const char *prefix =
        entity->struct_size > offsetof(csvc_entity, key_prefix) ? entity->key_prefix : NULL;
    char uuid[CSVC__UUID_SIZE];
    const char *text;

    if ((c->def->flags & CSVC_COLUMN_GENERATED) == 0 || !csvc__value_is_zero(c, message)) {
        return get_key(plan, ctx, message, ret_value);
    }
    if (!csvc__uuid_v7(uuid)) {
        return csvc_fail(ctx, CSVC_UNAVAILABLE, "the system has no random numbers for a key");
    }
    text = csvc_printf(ctx, "%s%s", prefix != NULL ? prefix : "", uuid);
    if (text == NULL) {
        return csvc__fail_memory(ctx);
    }
    *ret_value = (csvc_value){
        .type = CSVC_VALUE_TEXT,
        .bytes = {.len = strlen(text), .data = (const uint8_t *)text},
    };
    return CSVC_OK;
}

/* Every column's value for a new row, in the order of plan->create. */
static csvc_code create_params(const csvc__plan *plan, csvc_ctx *ctx, const void *message,
                               csvc_value *params, size_t *ret_n)
{
    const int64_t now = csvc__unix_now();
    size_t n = 0;
    csvc_code code = CSVC_OK;

    for (uint32_t i = 0; i < plan->entity->n_columns && code == CSVC_OK; i++) {
        const csvc__column *c = &plan->columns[i];

        if (i == plan->key) {
            if (csvc__plan_numbered(plan)) {
                continue;
            }
            code = create_key(plan, ctx, message, &params[n]);
        } else if ((c->def->flags & (CSVC_COLUMN_CREATED_AT | CSVC_COLUMN_UPDATED_AT)) != 0) {
            code = csvc__value_time(c, ctx, now, &params[n]);
        } else {
            code = get_checked(c, ctx, message, &params[n]);
        }
        n++;
    }
    *ret_n = n;
    return code;
}

csvc_code csvc_store_create(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                            const void *message, void **ret_row)
{
    csvc__plan *plan;
    csvc_value params[CSVC__STORE_MAX_COLUMNS];
    struct entity_call call = {.ctx = ctx, .message = message, .params = params};
    csvc_code code = start(db, ctx, entity, message, &plan);

    if (code != CSVC_OK) {
        return code;
    }
    code = create_params(plan, ctx, message, params, &call.n_params);
    if (code != CSVC_OK) {
        return code;
    }
    call.plan = plan;
    call.written = plan->all;
    call.sql = plan->create;
    call.flags = CSVC__RUN_SHORT;
    call.wants_row = true;
    code = csvc__db_write(db, ctx, CSVC__WRITE_ATOMIC, run_call, &call);
    if (code == CSVC_OK && call.row == NULL) {
        return csvc_fail(ctx, CSVC_INTERNAL, "the database gave no row back");
    }
    if (code == CSVC_OK && ret_row != NULL) {
        *ret_row = call.row;
    }
    return code;
}

/* ---- by key ---- */

/* A call about the row that has the key of `message`; what it runs is still to be said. */
static csvc_code start_by_key(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                              const void *message, csvc_value *ret_key,
                              struct entity_call *ret_call)
{
    csvc__plan *plan;
    csvc_code code = start(db, ctx, entity, message, &plan);

    if (code == CSVC_OK) {
        code = get_key(plan, ctx, message, ret_key);
    }
    if (code == CSVC_OK) {
        *ret_call = (struct entity_call){
            .plan = plan, .ctx = ctx, .message = message, .params = ret_key, .n_params = 1};
    }
    return code;
}

csvc_code csvc_store_get(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity, const void *message,
                         void **ret_row)
{
    csvc_value key;
    struct entity_call call;
    csvc_code code = start_by_key(db, ctx, entity, message, &key, &call);

    if (code != CSVC_OK) {
        return code;
    }
    call.sql = call.plan->get;
    call.flags = CSVC__RUN_READS | CSVC__RUN_SHORT;
    call.wants_row = true;
    code = csvc__db_read(db, ctx, 0, run_call, &call);
    if (code == CSVC_OK && call.row == NULL) {
        return csvc__fail_not_found(ctx, call.plan, &key);
    }
    if (code == CSVC_OK && ret_row != NULL) {
        *ret_row = call.row;
    }
    return code;
}

/* The set's values and the times, in column order, then the key. */
static csvc_code update_params(const csvc__plan *plan, csvc_ctx *ctx, const void *message,
                               csvc_column_set set, const csvc_value *key, csvc_value *params,
                               size_t *ret_n)
{
    const int64_t now = csvc__unix_now();
    size_t n = 0;
    csvc_code code = CSVC_OK;

    for (uint32_t i = 0; i < plan->entity->n_columns && code == CSVC_OK; i++) {
        if ((set >> i & 1) != 0) {
            const csvc__column *c = &plan->columns[i];

            code = (plan->touched >> i & 1) != 0 ? csvc__value_time(c, ctx, now, &params[n])
                                                 : get_checked(c, ctx, message, &params[n]);
            n++;
        }
    }
    params[n] = *key;
    *ret_n = n + 1;
    return code;
}

csvc_code csvc_store_update(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                            const void *message, csvc_column_set set, void **ret_row)
{
    csvc__plan *plan;
    csvc_value key;
    csvc_value params[CSVC__STORE_MAX_COLUMNS + 1];
    struct entity_call call = {.ctx = ctx, .message = message, .params = params};
    csvc_code code = start(db, ctx, entity, message, &plan);

    if (code != CSVC_OK) {
        return code;
    }
    set &= plan->all & ~plan->fixed;
    if (set == 0) { /* nothing to change is no change: the times stay */
        return csvc_store_get(db, ctx, entity, message, ret_row);
    }
    set |= plan->touched;
    code = get_key(plan, ctx, message, &key);
    if (code == CSVC_OK) {
        code = update_params(plan, ctx, message, set, &key, params, &call.n_params);
    }
    if (code == CSVC_OK) {
        code = csvc__plan_variant(plan, ctx, CSVC__SHAPE_UPDATE, set, &call.sql);
    }
    if (code != CSVC_OK) {
        return code;
    }
    call.plan = plan;
    call.written = set;
    call.flags = CSVC__RUN_SHORT;
    call.wants_row = true;
    code = csvc__db_write(db, ctx, CSVC__WRITE_ATOMIC, run_call, &call);
    if (code == CSVC_OK && call.row == NULL) {
        return csvc__fail_not_found(ctx, plan, &key);
    }
    if (code == CSVC_OK && ret_row != NULL) {
        *ret_row = call.row;
    }
    return code;
}

csvc_code csvc_store_delete(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                            const void *message)
{
    csvc_value key;
    struct entity_call call;
    csvc_code code = start_by_key(db, ctx, entity, message, &key, &call);

    if (code != CSVC_OK) {
        return code;
    }
    call.sql = call.plan->remove;
    call.flags = CSVC__RUN_SHORT;
    code = csvc__db_write(db, ctx, CSVC__WRITE_ATOMIC, run_call, &call);
    if (code == CSVC_OK && call.changed == 0) {
        return csvc__fail_not_found(ctx, call.plan, &key);
    }
    return code;
}
