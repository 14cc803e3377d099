/* store/text.c: failures in words a caller can use. */
#include <base/utf8.h>
#include <csvc/log.h>
#include <store/plan.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

enum {
    SHOWN = 64 /* bytes of a value that a text shows */
};

/* A value as people read it, quoted where it is text; false for what has no short form. */
static bool show(const csvc_value *v, char out[SHOWN + 16])
{
    const size_t size = SHOWN + 16;
    char cut[SHOWN + 1];
    size_t len;

    if (v->type == CSVC_VALUE_INT) {
        (void)snprintf(out, size, "%" PRId64, v->i);
        return true;
    }
    if (v->type == CSVC_VALUE_DOUBLE) {
        (void)snprintf(out, size, "%g", v->d);
        return true;
    }
    if (v->type != CSVC_VALUE_TEXT) {
        return false;
    }
    len = v->bytes.len < SHOWN ? v->bytes.len : SHOWN;
    memcpy(cut, v->bytes.data, len);
    /* never half a character, never what a terminal would obey */
    len = csvc__utf8_valid(cut, len);
    cut[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)cut[i] < 0x20 || cut[i] == 0x7f || cut[i] == '"') {
            cut[i] = cut[i] == '"' ? '\'' : '?';
        }
    }
    (void)snprintf(out, size, "\"%s%s\"", cut, len < v->bytes.len ? "..." : "");
    return true;
}

csvc_code csvc__fail_not_found(csvc_ctx *ctx, const csvc__plan *plan, const csvc_value *key)
{
    char shown[SHOWN + 16];

    if (!show(key, shown)) {
        shown[0] = '\0';
    }
    return csvc_fail(ctx, CSVC_NOT_FOUND, "%s %s not found", plan->entity->name, shown);
}

/* The one column that `names` means: by its own name or by that of its unique index. */
static const csvc__column *find_column(const csvc__plan *plan, const char *names)
{
    const char *table = plan->entity->table;
    const size_t table_len = strlen(table);

    for (uint32_t i = 0; i < plan->entity->n_columns; i++) {
        const csvc__column *c = &plan->columns[i];
        const size_t len = strlen(c->def->name);

        if (strcmp(names, c->def->name) == 0) {
            return c;
        }
        if (strncmp(names, table, table_len) == 0 && names[table_len] == '_' &&
            strncmp(names + table_len + 1, c->def->name, len) == 0 &&
            strcmp(names + table_len + 1 + len, "_key") == 0) {
            return c;
        }
    }
    return NULL;
}

static csvc_code fail_unique(csvc_ctx *ctx, const csvc__plan *plan, const void *message,
                             const csvc__problem *problem)
{
    const csvc__column *c = find_column(plan, problem->names);
    char shown[SHOWN + 16];
    csvc_value v;

    if (c == NULL) {
        return csvc_fail(ctx, problem->code, "%s is already taken",
                         problem->names[0] != '\0' ? problem->names : "a value");
    }
    if (message == NULL || csvc__value_get(c, ctx, message, &v) != CSVC_OK || !show(&v, shown)) {
        return csvc_fail(ctx, problem->code, "%s is already taken", c->def->name);
    }
    return csvc_fail(ctx, problem->code, "%s %s is already taken", c->def->name, shown);
}

csvc_code csvc__fail_problem(csvc_ctx *ctx, const csvc__plan *plan, const void *message,
                             const csvc__problem *problem)
{
    if (plan != NULL && problem->kind == CSVC__PROBLEM_UNIQUE) {
        return fail_unique(ctx, plan, message, problem);
    }
    if (plan != NULL && problem->kind == CSVC__PROBLEM_NOT_NULL && problem->names[0] != '\0') {
        return csvc_fail(ctx, problem->code, "%s is required", problem->names);
    }
    if (problem->detail[0] != '\0') { /* whoever runs the program is told all of it */
        csvc_log(CSVC_LOG_ERROR, "storage failed", "method", csvc_method_path(ctx), "code",
                 csvc_code_name(problem->code), "entity", plan != NULL ? plan->entity->name : NULL,
                 "peer", csvc_peer(ctx), "text", problem->detail, NULL);
    }
    return csvc_fail(ctx, problem->code, "%s", problem->text);
}
