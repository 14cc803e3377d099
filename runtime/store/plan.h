/*
 * store/plan.h: an entity made ready for one driver; its fields as values of columns; what went
 * wrong with its rows, in words.
 */
#ifndef CSVC_STORE_PLAN_H
#define CSVC_STORE_PLAN_H

#include <store/driver.h>

#include <pthread.h>
#include <stdatomic.h>

enum {
    CSVC__STORE_MAX_COLUMNS = 64,
    CSVC__STORE_MAX_KEYWORD = 1000, /* bytes */
    CSVC__STORE_MAX_VARIANTS = 64,  /* statements kept per entity beyond the fixed ones */
    CSVC__STORE_MAX_SQL = 1 << 20,  /* bytes of one */
    CSVC__STORE_DEFAULT_PAGE = 20,
    CSVC__STORE_MAX_PAGE = 100,
    CSVC__STORE_SCAN_BYTES = 1 << 20, /* a scan's page ends early at this */
};

/* ---- plan.c: an entity, made ready for one driver ---- */

/* One column, resolved. */
typedef struct csvc__column {
    const csvc_column *def;
    const csvc_field *field;
    const csvc_message_type *type; /* that has the field */
    const csvc_field *inner;       /* of a wrapper: its `value`; else NULL */
    csvc__cell cell;
    bool nullable;
    csvc_message_type *only; /* FIELD: the entity's type with just this field */
} csvc__column;

/* A statement that depends on more than the entity: which columns, which filters. */
typedef struct csvc__variant {
    struct csvc__variant *next;
    unsigned shape;
    csvc_column_set set;
    csvc__sql sql;
} csvc__variant;

typedef struct csvc__plan {
    struct csvc__plan *next;
    const csvc_entity *entity;
    const csvc_db_driver *driver;
    csvc__column *columns;
    uint32_t key;             /* index of the key's column */
    csvc_column_set all;      /* every column */
    csvc_column_set fixed;    /* the key and the times: not for `update` */
    csvc_column_set touched;  /* set by every update */
    csvc_column_set searched; /* where keyword looks */
    csvc_column_set unique;   /* but for the key */
    csvc_column_set sparse;   /* of those, where the empty value counts as none: any number of rows
                                 may have it, and the index leaves it out */
    csvc__sql get, create, remove;
    _Atomic(csvc__variant *) variants;
    atomic_uint n_variants;
} csvc__plan;

/* The key of a new row is the database's to choose. */
static inline bool csvc__plan_numbered(const csvc__plan *plan)
{
    return (plan->columns[plan->key].def->flags & CSVC_COLUMN_GENERATED) != 0 &&
           plan->columns[plan->key].cell == CSVC__CELL_INT;
}

/* The plans of a database. */
typedef struct csvc__plans {
    const csvc_db_driver *driver;
    _Atomic(csvc__plan *) first;
    pthread_mutex_t lock; /* of making one */
} csvc__plans;

void csvc__plans_init(csvc__plans *plans, const csvc_db_driver *driver);
void csvc__plans_release(csvc__plans *plans);

/* Kept with the others. INTERNAL for an entity that is none, RESOURCE_EXHAUSTED; text set. */
csvc_code csvc__plan_of(csvc__plans *plans, csvc_ctx *ctx, const csvc_entity *entity,
                        csvc__plan **ret_plan);

/* What a variant is. */
enum {
    CSVC__SHAPE_UPDATE = 1, /* set: the columns; parameters in their order, then the key */
    CSVC__SHAPE_LIST = 2,   /* set: those to match; parameters: CSVC__SHAPE_* in the order below,
                               then limit and offset */
    CSVC__SHAPE_COUNT = 4,
    CSVC__SHAPE_KEYWORD = 8,
    CSVC__SHAPE_AFTER = 16,
    CSVC__SHAPE_TAKEN = 32, /* set: one column; its value, then the key of a row that may have it */
    CSVC__SHAPE_FILLED = 64, /* with LIST, COUNT: no sparse column is matched by its empty value */
};

/* Its statement: the kept one, or, when too many are kept, one that lives in the arena. */
csvc_code csvc__plan_variant(csvc__plan *plan, csvc_ctx *ctx, unsigned shape, csvc_column_set set,
                             csvc__sql *ret_sql);

/* ---- value.c: a field of a message and a value of a column ---- */

/* Whether the field holds its zero value, or is absent. */
bool csvc__value_is_zero(const csvc__column *c, const void *message);

/* Reads the field as the column keeps it; INVALID_ARGUMENT for what the column refuses. */
csvc_code csvc__value_get(const csvc__column *c, csvc_ctx *ctx, const void *message,
                          csvc_value *ret_value);

/* Sets the field from what the column holds; DATA_LOSS when it cannot be the field's value. */
csvc_code csvc__value_set(const csvc__column *c, csvc_ctx *ctx, csvc_arena *a,
                          const csvc_value *value, void *message);

/* A moment, as a column of created_at or updated_at keeps it; memory from the arena. */
csvc_code csvc__value_time(const csvc__column *c, csvc_ctx *ctx, int64_t unix_nanos,
                           csvc_value *ret_value);

/* A message from a row: every column, in the plan's order. */
csvc_code csvc__value_row(const csvc__plan *plan, csvc_ctx *ctx, csvc_arena *a,
                          const csvc_value *values, void **ret_row);

/* ---- text.c: failures in words ---- */

/* Sets the text for what a statement on this entity ran into; returns the code. `message` (may be
 * NULL) has the values that were refused. */
csvc_code csvc__fail_problem(csvc_ctx *ctx, const csvc__plan *plan, const void *message,
                             const csvc__problem *problem);

/* `user 42 not found`. */
csvc_code csvc__fail_not_found(csvc_ctx *ctx, const csvc__plan *plan, const csvc_value *key);

static inline csvc_code csvc__fail_memory(csvc_ctx *ctx)
{
    return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
}

#endif /* CSVC_STORE_PLAN_H */
