/* store/plan.c: an entity made ready for one driver: its columns resolved, its statements written.
 * Made once and kept; nothing here runs in the steady state but a walk along two short lists. */
#include <base/arena.h>
#include <base/map.h>
#include <csvc/alloc.h>
#include <store/plan.h>

#include <string.h>

#include <base/banned.h>

/* ---- columns ---- */

static bool is_int_kind(uint8_t kind)
{
    return kind <= CSVC_KIND_SFIXED64 || kind == CSVC_KIND_BOOL || kind == CSVC_KIND_ENUM;
}

static bool is_int64_kind(uint8_t kind)
{
    return kind == CSVC_KIND_INT64 || kind == CSVC_KIND_UINT64 || kind == CSVC_KIND_SINT64 ||
           kind == CSVC_KIND_FIXED64 || kind == CSVC_KIND_SFIXED64;
}

static csvc__cell scalar_cell(uint8_t kind)
{
    if (is_int_kind(kind)) {
        return CSVC__CELL_INT;
    }
    return kind == CSVC_KIND_STRING  ? CSVC__CELL_TEXT
           : kind == CSVC_KIND_BYTES ? CSVC__CELL_BYTES
                                     : CSVC__CELL_REAL;
}

/* The entity's type with one field, so that the codec writes and reads nothing else of it. */
static csvc_message_type *type_of_one(const csvc_message_type *type, uint32_t field)
{
    struct {
        csvc_message_type type;
        ProtobufCMessageDescriptor descriptor;
    } *made = csvc__malloc(sizeof(*made));

    if (made == NULL) {
        return NULL;
    }
    made->descriptor = *type->descriptor;
    made->descriptor.n_fields = 1;
    made->descriptor.fields = &type->descriptor->fields[field];
    made->type = *type;
    made->type.n_fields = 1;
    made->type.n_dense = type->fields[field].number == 1;
    made->type.fields = &type->fields[field];
    made->type.json_names = type->json_names != NULL ? &type->json_names[field] : NULL;
    made->type.descriptor = &made->descriptor;
    return &made->type;
}

static bool resolve_column(csvc__column *c, const csvc_message_type *type, const csvc_column *def)
{
    const csvc_field *f = &type->fields[def->field];
    const csvc_message_type *sub = f->sub;

    *c = (csvc__column){.def = def, .field = f, .type = type, .nullable = true};
    if (f->label == CSVC_LABEL_REPEATED) {
        c->cell = CSVC__CELL_FIELD;
        c->only = type_of_one(type, def->field);
        return c->only != NULL;
    }
    if (f->kind != CSVC_KIND_MESSAGE) {
        c->cell = scalar_cell(f->kind);
        c->nullable = f->label != CSVC_LABEL_IMPLICIT && f->label != CSVC_LABEL_REQUIRED;
    } else if (sub->well_known == CSVC_WKT_WRAPPER) {
        c->inner = &sub->fields[0];
        c->cell = scalar_cell(c->inner->kind);
    } else if (sub->well_known == CSVC_WKT_TIMESTAMP) {
        c->cell = CSVC__CELL_TIME;
    } else if (sub->well_known == CSVC_WKT_DURATION) {
        c->cell = CSVC__CELL_DURATION;
    } else {
        c->cell = CSVC__CELL_MESSAGE;
    }
    return true;
}

static bool is_time_column(const csvc__column *c)
{
    return c->inner == NULL && (c->cell == CSVC__CELL_TIME || c->cell == CSVC__CELL_TEXT ||
                                (c->cell == CSVC__CELL_INT && is_int64_kind(c->field->kind)));
}

static bool is_key_column(const csvc__column *c)
{
    return c->inner == NULL && (c->cell == CSVC__CELL_TEXT || c->cell == CSVC__CELL_INT) &&
           c->field->kind != CSVC_KIND_BOOL && c->field->kind != CSVC_KIND_ENUM &&
           c->field->label != CSVC_LABEL_ONEOF;
}

/* What is wrong with an entity, as a text; NULL when nothing is. */
static const char *sort_columns(csvc__plan *plan)
{
    const csvc_entity *e = plan->entity;
    unsigned n_keys = 0;

    for (uint32_t i = 0; i < e->n_columns; i++) {
        const csvc__column *c = &plan->columns[i];
        const csvc_column_set bit = (csvc_column_set)1 << i;
        const uint32_t flags = c->def->flags;

        plan->all |= bit;
        if ((flags & CSVC_COLUMN_KEY) != 0) {
            if (!is_key_column(c)) {
                return "its key is neither a whole number nor a string";
            }
            n_keys++;
            plan->key = i;
            plan->fixed |= bit;
        }
        if ((flags & (CSVC_COLUMN_CREATED_AT | CSVC_COLUMN_UPDATED_AT)) != 0) {
            if (!is_time_column(c)) {
                return "a time is neither a string, a Timestamp nor a 64-bit number";
            }
            plan->fixed |= bit;
        }
        if ((flags & CSVC_COLUMN_UPDATED_AT) != 0) {
            plan->touched |= bit;
        }
        if ((flags & CSVC_COLUMN_UNIQUE) != 0 && (flags & CSVC_COLUMN_KEY) == 0) {
            plan->unique |= bit;
            if ((flags & CSVC_COLUMN_REQUIRED) == 0 && !c->nullable) {
                plan->sparse |= bit;
            }
        }
        if ((flags & CSVC_COLUMN_TEXT_SEARCH) != 0) {
            if (c->cell != CSVC__CELL_TEXT) {
                return "a column to search is not a string";
            }
            plan->searched |= bit;
        }
    }
    return n_keys == 1 ? NULL : "it has not exactly one key";
}

/* ---- statements ---- */

static void put_name(csvc__buffer *b, const char *name)
{
    csvc__buffer_putc(b, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"') {
            csvc__buffer_putc(b, '"');
        }
        csvc__buffer_putc(b, *name);
    }
    csvc__buffer_putc(b, '"');
}

static const char *column_name(const csvc__plan *plan, uint32_t i)
{
    return plan->columns[i].def->name;
}

static void put_columns(csvc__buffer *b, const csvc__plan *plan, csvc_column_set set)
{
    const char *between = "";

    for (uint32_t i = 0; i < plan->entity->n_columns; i++) {
        if ((set >> i & 1) != 0) {
            csvc__buffer_puts(b, between);
            put_name(b, column_name(plan, i));
            between = ", ";
        }
    }
}

static void put_param(csvc__buffer *b, const csvc__plan *plan, size_t *index, csvc__cell cell)
{
    plan->driver->param(b, ++*index, cell);
}

static void put_equals(csvc__buffer *b, const csvc__plan *plan, uint32_t i, size_t *index,
                       const char *equals)
{
    put_name(b, column_name(plan, i));
    csvc__buffer_printf(b, " %s ", equals);
    put_param(b, plan, index, plan->columns[i].cell);
}

/* Said beside an equality, so that the database may use an index without the empty value. */
static void put_filled(csvc__buffer *b, const csvc__plan *plan, uint32_t i)
{
    const csvc__cell cell = plan->columns[i].cell;

    if ((plan->sparse >> i & 1) != 0 && (cell == CSVC__CELL_INT || cell == CSVC__CELL_TEXT)) {
        csvc__buffer_puts(b, " AND ");
        put_name(b, column_name(plan, i));
        csvc__buffer_puts(b, cell == CSVC__CELL_INT ? " <> 0" : " <> ''");
    }
}

static void put_create(csvc__buffer *b, const csvc__plan *plan)
{
    const csvc_column_set key = (csvc_column_set)1 << plan->key;
    const csvc_column_set set = csvc__plan_numbered(plan) ? plan->all & ~key : plan->all;
    size_t index = 0;

    csvc__buffer_puts(b, "INSERT INTO ");
    put_name(b, plan->entity->table);
    if (set == 0) {
        csvc__buffer_puts(b, " DEFAULT VALUES");
    } else {
        csvc__buffer_puts(b, " (");
        put_columns(b, plan, set);
        csvc__buffer_puts(b, ") VALUES (");
        for (uint32_t i = 0; i < plan->entity->n_columns; i++) {
            if ((set >> i & 1) != 0) {
                csvc__buffer_puts(b, index == 0 ? "" : ", ");
                put_param(b, plan, &index, plan->columns[i].cell);
            }
        }
        csvc__buffer_putc(b, ')');
    }
    csvc__buffer_puts(b, " RETURNING ");
    put_columns(b, plan, plan->all);
}

static void put_select(csvc__buffer *b, const csvc__plan *plan)
{
    csvc__buffer_puts(b, "SELECT ");
    put_columns(b, plan, plan->all);
    csvc__buffer_puts(b, " FROM ");
    put_name(b, plan->entity->table);
}

static void put_get(csvc__buffer *b, const csvc__plan *plan)
{
    size_t index = 0;

    put_select(b, plan);
    csvc__buffer_puts(b, " WHERE ");
    put_equals(b, plan, plan->key, &index, "=");
}

static void put_remove(csvc__buffer *b, const csvc__plan *plan)
{
    size_t index = 0;

    csvc__buffer_puts(b, "DELETE FROM ");
    put_name(b, plan->entity->table);
    csvc__buffer_puts(b, " WHERE ");
    put_equals(b, plan, plan->key, &index, "=");
}

static void put_update(csvc__buffer *b, const csvc__plan *plan, csvc_column_set set)
{
    size_t index = 0;

    csvc__buffer_puts(b, "UPDATE ");
    put_name(b, plan->entity->table);
    csvc__buffer_puts(b, " SET ");
    for (uint32_t i = 0; i < plan->entity->n_columns; i++) {
        if ((set >> i & 1) != 0) {
            csvc__buffer_puts(b, index == 0 ? "" : ", ");
            put_equals(b, plan, i, &index, "=");
        }
    }
    csvc__buffer_puts(b, " WHERE ");
    put_equals(b, plan, plan->key, &index, "=");
    csvc__buffer_puts(b, " RETURNING ");
    put_columns(b, plan, plan->all);
}

static void put_taken(csvc__buffer *b, const csvc__plan *plan, csvc_column_set set)
{
    size_t index = 0;

    csvc__buffer_puts(b, "SELECT 1 FROM ");
    put_name(b, plan->entity->table);
    for (uint32_t i = 0; i < plan->entity->n_columns; i++) {
        if ((set >> i & 1) != 0) {
            csvc__buffer_puts(b, " WHERE ");
            put_equals(b, plan, i, &index, "=");
            put_filled(b, plan, i);
        }
    }
    csvc__buffer_puts(b, " AND ");
    put_equals(b, plan, plan->key, &index, "<>");
}

static void put_keyword(csvc__buffer *b, const csvc__plan *plan, size_t *index)
{
    size_t at = ++*index; /* one parameter, named in each column's condition */
    const char *between = "(";

    for (uint32_t i = 0; i < plan->entity->n_columns; i++) {
        if ((plan->searched >> i & 1) != 0) {
            csvc__buffer_puts(b, between);
            put_name(b, column_name(plan, i));
            csvc__buffer_printf(b, " %s ", plan->driver->like);
            plan->driver->param(b, at, CSVC__CELL_TEXT);
            csvc__buffer_puts(b, " ESCAPE '\\'");
            between = " OR ";
        }
    }
    csvc__buffer_putc(b, ')');
}

static void put_list(csvc__buffer *b, const csvc__plan *plan, unsigned shape, csvc_column_set set)
{
    const char *between = " WHERE ";
    size_t index = 0;

    if ((shape & CSVC__SHAPE_COUNT) != 0) {
        csvc__buffer_puts(b, "SELECT count(*) FROM ");
        put_name(b, plan->entity->table);
    } else {
        put_select(b, plan);
    }
    for (uint32_t i = 0; i < plan->entity->n_columns; i++) {
        if ((set >> i & 1) != 0) {
            csvc__buffer_puts(b, between);
            put_equals(b, plan, i, &index, plan->columns[i].nullable ? plan->driver->same : "=");
            if ((shape & CSVC__SHAPE_FILLED) != 0) {
                put_filled(b, plan, i);
            }
            between = " AND ";
        }
    }
    if ((shape & CSVC__SHAPE_KEYWORD) != 0) {
        csvc__buffer_puts(b, between);
        put_keyword(b, plan, &index);
        between = " AND ";
    }
    if ((shape & CSVC__SHAPE_AFTER) != 0) {
        csvc__buffer_puts(b, between);
        put_equals(b, plan, plan->key, &index, ">");
    }
    if ((shape & CSVC__SHAPE_LIST) != 0) {
        csvc__buffer_puts(b, " ORDER BY ");
        put_name(b, column_name(plan, plan->key));
        csvc__buffer_puts(b, " LIMIT ");
        put_param(b, plan, &index, CSVC__CELL_INT);
        csvc__buffer_puts(b, " OFFSET ");
        put_param(b, plan, &index, CSVC__CELL_INT);
    }
}

/* Takes the buffer's text over, into `ret_sql`. */
static bool take_sql(csvc__buffer *b, csvc__sql *ret_sql)
{
    const size_t len = b->len;
    char *text = csvc__buffer_take(b);

    if (text == NULL) {
        return false;
    }
    *ret_sql = (csvc__sql){.text = text, .len = len, .hash = csvc__hash(text, len)};
    return true;
}

static bool write_fixed(csvc__plan *plan)
{
    csvc__buffer b;
    bool ok;

    csvc__buffer_init(&b, CSVC__STORE_MAX_SQL);
    put_get(&b, plan);
    ok = take_sql(&b, &plan->get);
    put_create(&b, plan);
    ok = ok && take_sql(&b, &plan->create);
    put_remove(&b, plan);
    ok = ok && take_sql(&b, &plan->remove);
    csvc__buffer_release(&b);
    return ok;
}

csvc_code csvc__plan_variant(csvc__plan *plan, csvc_ctx *ctx, unsigned shape, csvc_column_set set,
                             csvc__sql *ret_sql)
{
    csvc__variant *made;
    csvc__buffer b;
    csvc__variant *v = atomic_load_explicit(&plan->variants, memory_order_acquire);

    for (; v != NULL; v = v->next) {
        if (v->shape == shape && v->set == set) {
            *ret_sql = v->sql;
            return CSVC_OK;
        }
    }
    csvc__buffer_init(&b, CSVC__STORE_MAX_SQL);
    if ((shape & CSVC__SHAPE_UPDATE) != 0) {
        put_update(&b, plan, set);
    } else if ((shape & CSVC__SHAPE_TAKEN) != 0) {
        put_taken(&b, plan, set);
    } else {
        put_list(&b, plan, shape, set);
    }
    if (atomic_load_explicit(&plan->n_variants, memory_order_relaxed) >= CSVC__STORE_MAX_VARIANTS) {
        const char *text = csvc__buffer_ok(&b) ? csvc_strdup(ctx, b.data) : NULL;

        if (text != NULL) {
            *ret_sql = (csvc__sql){.text = text, .len = b.len, .hash = csvc__hash(text, b.len)};
        }
        csvc__buffer_release(&b);
        return text != NULL ? CSVC_OK : csvc__fail_memory(ctx);
    }
    made = csvc__malloc(sizeof(*made));
    if (made == NULL || !take_sql(&b, &made->sql)) {
        csvc__free(made);
        csvc__buffer_release(&b);
        return csvc__fail_memory(ctx);
    }
    made->shape = shape;
    made->set = set;
    *ret_sql = made->sql;
    /* two threads may both put in the same one; harmless, and bounded by the threads */
    (void)atomic_fetch_add_explicit(&plan->n_variants, 1, memory_order_relaxed);
    made->next = atomic_load_explicit(&plan->variants, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&plan->variants, &made->next, made,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    return CSVC_OK;
}

/* ---- life ---- */

static csvc__plan *plan_free(csvc__plan *plan)
{
    csvc__variant *v;

    if (plan == NULL) {
        return NULL;
    }
    v = atomic_load_explicit(&plan->variants, memory_order_acquire);
    while (v != NULL) {
        csvc__variant *next = v->next;

        csvc__free((char *)v->sql.text);
        csvc__free(v);
        v = next;
    }
    for (uint32_t i = 0; plan->columns != NULL && i < plan->entity->n_columns; i++) {
        csvc__free(plan->columns[i].only);
    }
    csvc__free(plan->columns);
    csvc__free((char *)plan->get.text);
    csvc__free((char *)plan->create.text);
    csvc__free((char *)plan->remove.text);
    csvc__free(plan);
    return NULL;
}

static csvc_code make_plan(const csvc_db_driver *driver, csvc_ctx *ctx, const csvc_entity *entity,
                           csvc__plan **ret_plan)
{
    csvc__plan *plan;
    const char *wrong = NULL;

    if (entity->struct_size < offsetof(csvc_entity, key_prefix) || entity->n_columns == 0 ||
        entity->n_columns > CSVC__STORE_MAX_COLUMNS) {
        return csvc_fail(ctx, CSVC_INTERNAL, "entity %s: it has not 1 to %d columns", entity->name,
                         CSVC__STORE_MAX_COLUMNS);
    }
    for (uint32_t i = 0; i < entity->n_columns; i++) {
        if (entity->columns[i].field >= entity->type->n_fields) {
            return csvc_fail(ctx, CSVC_INTERNAL, "entity %s: column %s names no field",
                             entity->name, entity->columns[i].name);
        }
    }
    plan = csvc__calloc(1, sizeof(*plan));
    if (plan == NULL) {
        return csvc__fail_memory(ctx);
    }
    plan->entity = entity;
    plan->driver = driver;
    plan->columns = csvc__calloc(entity->n_columns, sizeof(*plan->columns));
    for (uint32_t i = 0; plan->columns != NULL && i < entity->n_columns; i++) {
        if (!resolve_column(&plan->columns[i], entity->type, &entity->columns[i])) {
            (void)plan_free(plan);
            return csvc__fail_memory(ctx);
        }
    }
    wrong = plan->columns != NULL ? sort_columns(plan) : NULL;
    if (wrong != NULL) {
        (void)plan_free(plan);
        return csvc_fail(ctx, CSVC_INTERNAL, "entity %s: %s", entity->name, wrong);
    }
    if (plan->columns == NULL || !write_fixed(plan)) {
        (void)plan_free(plan);
        return csvc__fail_memory(ctx);
    }
    *ret_plan = plan;
    return CSVC_OK;
}

void csvc__plans_init(csvc__plans *plans, const csvc_db_driver *driver)
{
    plans->driver = driver;
    atomic_init(&plans->first, NULL);
    (void)pthread_mutex_init(&plans->lock, NULL);
}

void csvc__plans_release(csvc__plans *plans)
{
    csvc__plan *plan = atomic_load_explicit(&plans->first, memory_order_acquire);

    while (plan != NULL) {
        csvc__plan *next = plan->next;

        (void)plan_free(plan);
        plan = next;
    }
    (void)pthread_mutex_destroy(&plans->lock);
}

static csvc__plan *find_plan(csvc__plans *plans, const csvc_entity *entity)
{
    csvc__plan *plan = atomic_load_explicit(&plans->first, memory_order_acquire);

    while (plan != NULL && plan->entity != entity) {
        plan = plan->next;
    }
    return plan;
}

csvc_code csvc__plan_of(csvc__plans *plans, csvc_ctx *ctx, const csvc_entity *entity,
                        csvc__plan **ret_plan)
{
    csvc__plan *plan = find_plan(plans, entity);
    csvc_code code = CSVC_OK;

    if (plan == NULL) {
        (void)pthread_mutex_lock(&plans->lock);
        plan = find_plan(plans, entity);
        if (plan == NULL) {
            code = make_plan(plans->driver, ctx, entity, &plan);
            if (code == CSVC_OK) {
                plan->next = atomic_load_explicit(&plans->first, memory_order_relaxed);
                atomic_store_explicit(&plans->first, plan, memory_order_release);
            }
        }
        (void)pthread_mutex_unlock(&plans->lock);
    }
    if (code == CSVC_OK) {
        *ret_plan = plan;
    }
    return code;
}
