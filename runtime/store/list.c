/* store/list.c: rows by key, in pages or one by one. */
#include <base/arena.h>
#include <base/map.h>
#include <base/utf8.h>
#include <csvc/alloc.h>
#include <rpc/ctx.h>
#include <store/db.h>
#include <store/token.h>

#include <string.h>

#include <base/banned.h>

/* Which rows, as parameters: the columns to match, then the keyword, then the key to go on from. */
struct filter {
    unsigned shape; /* CSVC__SHAPE_KEYWORD, CSVC__SHAPE_AFTER, CSVC__SHAPE_FILLED */
    csvc_column_set set;
    csvc_value params[CSVC__STORE_MAX_COLUMNS + 4]; /* and limit, offset */
    size_t n_params;                                /* without the key to go on from */
    csvc_value after;
    uint64_t hash; /* of all but `after` */
};

/* ---- filters ---- */

/* %keyword% with what LIKE would take for itself escaped. */
static csvc_code keyword_pattern(csvc_ctx *ctx, const char *keyword, csvc_value *ret_value)
{
    const size_t len = strlen(keyword);
    char *text, *at;

    if (len > CSVC__STORE_MAX_KEYWORD) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "the keyword is longer than %d bytes",
                         CSVC__STORE_MAX_KEYWORD);
    }
    if (csvc__utf8_valid(keyword, len) != len) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "the keyword is not UTF-8");
    }
    text = csvc_alloc(ctx, 2 * len + 3);
    if (text == NULL) {
        return csvc__fail_memory(ctx);
    }
    at = text;
    *at++ = '%';
    for (size_t i = 0; i < len; i++) {
        if (keyword[i] == '%' || keyword[i] == '_' || keyword[i] == '\\') {
            *at++ = '\\';
        }
        *at++ = keyword[i];
    }
    *at++ = '%';
    *at = '\0';
    *ret_value = (csvc_value){
        .type = CSVC_VALUE_TEXT,
        .bytes = {.len = (size_t)(at - text), .data = (const uint8_t *)text},
    };
    return CSVC_OK;
}

static csvc_code match_params(const csvc__plan *plan, csvc_ctx *ctx, const csvc_store_page *page,
                              struct filter *filter)
{
    bool filled = true;
    csvc_code code = CSVC_OK;

    filter->set = page->match_set & plan->all;
    if (filter->set != 0 && page->match == NULL) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "there is no message to match");
    }
    for (uint32_t i = 0; i < plan->entity->n_columns && code == CSVC_OK; i++) {
        const csvc__column *c = &plan->columns[i];

        if ((filter->set >> i & 1) == 0) {
            continue;
        }
        if (c->cell == CSVC__CELL_MESSAGE || c->cell == CSVC__CELL_FIELD) {
            return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "rows cannot be matched by %s",
                             c->def->name);
        }
        if ((plan->sparse >> i & 1) != 0 && csvc__value_is_zero(c, page->match)) {
            filled = false;
        }
        code = csvc__value_get(c, ctx, page->match, &filter->params[filter->n_params++]);
    }
    if (filled && (filter->set & plan->sparse) != 0) {
        filter->shape |= CSVC__SHAPE_FILLED;
    }
    return code;
}

/* What two pages of one list have in common, so that a token of another list is refused. */
static uint64_t hash_filter(const csvc__plan *plan, const struct filter *filter)
{
    uint64_t parts[CSVC__STORE_MAX_COLUMNS + 4];
    size_t n = 0;

    parts[n++] = csvc__hash(plan->entity->table, strlen(plan->entity->table));
    parts[n++] = filter->set;
    for (size_t i = 0; i < filter->n_params; i++) {
        const csvc_value *v = &filter->params[i];
        uint64_t h = (uint64_t)v->type;

        if (v->type == CSVC_VALUE_INT) {
            h = csvc__hash(&v->i, sizeof(v->i));
        } else if (v->type == CSVC_VALUE_DOUBLE) {
            h = csvc__hash(&v->d, sizeof(v->d));
        } else if (v->type != CSVC_VALUE_NULL) {
            h = csvc__hash(v->bytes.data, v->bytes.len);
        }
        parts[n++] = h;
    }
    return csvc__hash(parts, n * sizeof(parts[0]));
}

static csvc_code make_filter(const csvc__plan *plan, csvc_ctx *ctx, const csvc_store_page *page,
                             struct filter *filter)
{
    csvc_code code;

    *filter = (struct filter){0};
    code = match_params(plan, ctx, page, filter);
    if (code == CSVC_OK && page->keyword != NULL && page->keyword[0] != '\0') {
        if (plan->searched == 0) {
            return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s has no column to search",
                             plan->entity->name);
        }
        filter->shape |= CSVC__SHAPE_KEYWORD;
        code = keyword_pattern(ctx, page->keyword, &filter->params[filter->n_params++]);
    }
    if (code != CSVC_OK) {
        return code;
    }
    filter->hash = hash_filter(plan, filter);
    if (page->page_token != NULL && page->page_token[0] != '\0') {
        filter->shape |= CSVC__SHAPE_AFTER;
        if (!csvc__token_read(csvc_ctx_arena(ctx), page->page_token, filter->hash,
                              &filter->after) ||
            filter->after.type != (plan->columns[plan->key].cell == CSVC__CELL_INT
                                       ? CSVC_VALUE_INT
                                       : CSVC_VALUE_TEXT)) {
            return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "the page_token is not one of this list");
        }
    }
    return CSVC_OK;
}

/* ---- one read ---- */

struct list_call {
    csvc__plan *plan;
    csvc_ctx *ctx;
    csvc_arena *arena; /* of the rows */
    struct filter *filter;
    csvc__sql list, count;
    bool wants_total;
    int64_t offset;
    size_t limit;
    size_t max_bytes; /* stop early when the arena holds more; 0: never */

    void **rows;
    size_t n_rows;
    bool more; /* rows behind the last one */
    bool cut;  /* stopped for max_bytes */
    int64_t total;
};

static csvc_code take_row(void *self, const csvc_value *values, size_t n_values)
{
    struct list_call *call = self;
    csvc_code code;

    (void)n_values;
    if (call->n_rows == call->limit) {
        call->more = true;
        return CSVC_OK;
    }
    if (call->max_bytes != 0 && call->n_rows != 0 &&
        csvc_arena_size(call->arena) > call->max_bytes) {
        call->more = call->cut = true;
        return CSVC_ABORTED; /* ends the statement; run_list knows */
    }
    code = csvc__value_row(call->plan, call->ctx, call->arena, values, &call->rows[call->n_rows]);
    if (code == CSVC_OK) {
        call->n_rows++;
    }
    return code;
}

static csvc_code take_count(void *self, const csvc_value *values, size_t n_values)
{
    struct list_call *call = self;

    call->total = n_values == 1 && values[0].type == CSVC_VALUE_INT ? values[0].i : 0;
    return CSVC_OK;
}

static csvc_code run_list(csvc__conn *conn, csvc_ctx *ctx, void *self)
{
    struct list_call *call = self;
    struct filter *filter = call->filter;
    csvc__problem problem;
    size_t n = filter->n_params;
    csvc_code code = CSVC_OK;

    call->n_rows = 0;
    call->more = call->cut = false;
    if (call->wants_total) {
        code = conn->driver->run(conn, ctx, CSVC__RUN_READS, &call->count, filter->params, n,
                                 take_count, call, NULL, &problem);
    }
    if (code == CSVC_OK) {
        if ((filter->shape & CSVC__SHAPE_AFTER) != 0) {
            filter->params[n++] = filter->after;
        }
        filter->params[n++] = (csvc_value){.type = CSVC_VALUE_INT, .i = (int64_t)call->limit + 1};
        filter->params[n++] = (csvc_value){.type = CSVC_VALUE_INT, .i = call->offset};
        code = conn->driver->run(conn, ctx, CSVC__RUN_READS, &call->list, filter->params, n,
                                 take_row, call, NULL, &problem);
        if (call->cut) {
            return CSVC_OK;
        }
    }
    if (code != CSVC_OK && problem.code != CSVC_OK) {
        return csvc__fail_problem(ctx, call->plan, NULL, &problem);
    }
    return code;
}

static csvc_code read_rows(csvc_db *db, struct list_call *call)
{
    struct filter *filter = call->filter;
    csvc_code code = csvc__plan_variant(call->plan, call->ctx, CSVC__SHAPE_LIST | filter->shape,
                                        filter->set, &call->list);

    if (code == CSVC_OK && call->wants_total) {
        code =
            csvc__plan_variant(call->plan, call->ctx,
                               CSVC__SHAPE_COUNT | (filter->shape & (unsigned)~CSVC__SHAPE_AFTER),
                               filter->set, &call->count);
    }
    if (code != CSVC_OK) {
        return code;
    }
    call->rows = csvc_arena_alloc(call->arena, call->limit * sizeof(*call->rows));
    if (call->rows == NULL) {
        return csvc__fail_memory(call->ctx);
    }
    return csvc__db_read(db, call->ctx, call->wants_total ? CSVC__READ_SNAPSHOT : 0, run_list,
                         call);
}

static csvc_code start(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                       const csvc_store_page *given, csvc_store_page *page, struct filter *filter,
                       csvc__plan **ret_plan)
{
    csvc_code code;

    if (db == NULL || entity == NULL) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "the %s is missing",
                         db == NULL ? "database" : "entity");
    }
    *page = (csvc_store_page){CSVC_STORE_PAGE_INIT};
    if (given != NULL) {
        memcpy(page, given,
               given->struct_size < sizeof(*page) ? given->struct_size : sizeof(*page));
    }
    code = csvc__plan_of(&db->plans, ctx, entity, ret_plan);
    return code == CSVC_OK ? make_filter(*ret_plan, ctx, page, filter) : code;
}

/* ---- pages ---- */

static csvc_code next_token(const struct list_call *call, const char **ret_token)
{
    csvc_value key;
    csvc_code code = csvc__value_get(&call->plan->columns[call->plan->key], call->ctx,
                                     call->rows[call->n_rows - 1], &key);

    if (code != CSVC_OK) {
        return code;
    }
    *ret_token = csvc__token_write(csvc_ctx_arena(call->ctx), call->filter->hash, &key);
    return *ret_token != NULL ? CSVC_OK : csvc__fail_memory(call->ctx);
}

csvc_code csvc_store_list(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                          const csvc_store_page *page, csvc_store_rows *ret_rows)
{
    csvc_store_page p;
    struct filter filter;
    struct list_call call = {.ctx = ctx, .arena = csvc_ctx_arena(ctx), .filter = &filter};
    const char *token = "";
    csvc_code code = start(db, ctx, entity, page, &p, &filter, &call.plan);

    if (code != CSVC_OK) {
        return code;
    }
    call.limit = p.page_size < 1                      ? CSVC__STORE_DEFAULT_PAGE
                 : p.page_size > CSVC__STORE_MAX_PAGE ? CSVC__STORE_MAX_PAGE
                                                      : (size_t)p.page_size;
    if (p.page > 1 && (filter.shape & CSVC__SHAPE_AFTER) == 0) {
        const int64_t before = p.page - 1;

        call.offset =
            before <= INT64_MAX / (int64_t)call.limit ? before * (int64_t)call.limit : INT64_MAX;
    }
    call.wants_total = p.want_total;
    call.total = -1;
    code = read_rows(db, &call);
    if (code == CSVC_OK && call.more) {
        code = next_token(&call, &token);
    }
    if (code == CSVC_OK) {
        *ret_rows = (csvc_store_rows){
            .n_rows = call.n_rows,
            .rows = call.rows,
            .total = call.total,
            .next_page_token = token,
        };
    }
    return code;
}

/* ---- scans ---- */

struct csvc_store_scan {
    csvc_db *db;
    csvc_arena *arena; /* the rows of one page */
    struct filter filter;
    struct list_call call;
    char *key; /* the last one's text, outliving its page */
    size_t at; /* next row to give */
    bool over; /* no page behind this one */
    csvc_code code;
};

csvc_store_scan *csvc_store_scan_start(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                                       const csvc_store_page *page)
{
    csvc_store_scan *scan = csvc__calloc(1, sizeof(*scan));
    csvc_store_page p;

    if (scan == NULL) {
        (void)csvc__fail_memory(ctx);
        return NULL;
    }
    scan->db = db;
    scan->call.ctx = ctx;
    scan->call.filter = &scan->filter;
    scan->call.limit = CSVC__STORE_MAX_PAGE;
    scan->call.max_bytes = CSVC__STORE_SCAN_BYTES;
    scan->code = start(db, ctx, entity, page, &p, &scan->filter, &scan->call.plan);
    if (scan->code == CSVC_OK) {
        /* as much as the ctx may hold itself: a row is no larger than a message */
        scan->arena = csvc_arena_new(CSVC__CTX_MAX_MEMORY);
        scan->call.arena = scan->arena;
        if (scan->arena == NULL) {
            scan->code = csvc__fail_memory(ctx);
        }
    }
    return scan;
}

/* Goes on behind the last row of the page that ends. */
static csvc_code remember_key(csvc_store_scan *scan)
{
    struct list_call *call = &scan->call;
    csvc_value key;
    csvc_code code = csvc__value_get(&call->plan->columns[call->plan->key], call->ctx,
                                     call->rows[call->n_rows - 1], &key);
    char *copy;

    if (code != CSVC_OK) {
        return code;
    }
    if (key.type == CSVC_VALUE_TEXT) {
        copy = csvc__strdup((const char *)key.bytes.data);
        if (copy == NULL) {
            return csvc__fail_memory(call->ctx);
        }
        csvc__free(scan->key);
        scan->key = copy;
        key.bytes.data = (const uint8_t *)copy;
    }
    scan->filter.after = key;
    scan->filter.shape |= CSVC__SHAPE_AFTER;
    return CSVC_OK;
}

static csvc_code next_page(csvc_store_scan *scan)
{
    csvc_code code = CSVC_OK;

    if (scan->call.n_rows != 0) {
        code = remember_key(scan);
        csvc_arena_reset(scan->arena);
    }
    if (code == CSVC_OK) {
        scan->at = 0;
        scan->call.n_rows = 0;
        code = read_rows(scan->db, &scan->call);
        scan->over = !scan->call.more;
    }
    return code;
}

bool csvc_store_scan_next(csvc_store_scan *scan, const void **ret_row)
{
    if (scan == NULL || scan->code != CSVC_OK) {
        return false;
    }
    if (scan->at == scan->call.n_rows) {
        scan->code = scan->over ? CSVC_OK : next_page(scan);
        if (scan->code != CSVC_OK || scan->at == scan->call.n_rows) {
            return false;
        }
    }
    *ret_row = scan->call.rows[scan->at++];
    return true;
}

csvc_code csvc_store_scan_end(csvc_store_scan *scan, csvc_code code)
{
    csvc_code own = CSVC_RESOURCE_EXHAUSTED; /* it could not be started */

    if (scan != NULL) {
        own = scan->code;
        (void)csvc_arena_free(scan->arena);
        csvc__free(scan->key);
        csvc__free(scan);
    }
    return own != CSVC_OK ? own : code;
}
