/* template/template.c: running a parsed template over a tree of values. */
#include "template/parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/edits.h"

#include "base/banned.h"

/* One @each under way. */
typedef struct frame {
    const struct frame *outer;
    const gen_segment *variable;
    const gen_value *item;
    bool first;
    bool last;
} frame;

typedef struct render {
    csvc_arena *a; /* parsed templates; gone when the render is over */
    const gen_templates *templates;
    const gen_value *scope;
    csvc__buffer *out;
    csvc_error *err;
    gen_parsed *parsed;                             /* each template once */
    gen_parsed *running[GEN_TEMPLATE_MAX_INCLUDES]; /* outermost first */
    size_t n_running;
} render;

static csvc_code bad(const render *r, const gen_op *op, const char *format, ...) CSVC_PRINTF(3, 4);

static csvc_code bad(const render *r, const gen_op *op, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return csvc_error_set(r->err, CSVC_INVALID_ARGUMENT, "%s:%u: %s",
                          r->running[r->n_running - 1]->shown, (unsigned)op->line, text);
}

static csvc_code no_memory(const render *r, const char *name)
{
    return csvc_error_set(r->err, CSVC_RESOURCE_EXHAUSTED, "%s: out of memory", name);
}

/* ---- names ---- */

static bool is_word(const gen_segment *segment, const char *word, size_t len)
{
    return segment->len == len && memcmp(segment->name, word, len) == 0;
}

/* x.first and x.last; false when the name is neither. */
static bool find_position(const frame *loop, const gen_path *path, bool *ret_truth)
{
    if (loop == NULL || path->n_segments != 2) {
        return false;
    }
    if (is_word(&path->segments[1], "first", 5)) {
        *ret_truth = loop->first;
        return true;
    }
    if (is_word(&path->segments[1], "last", 4)) {
        *ret_truth = loop->last;
        return true;
    }
    return false;
}

/* What a name that is not there is called now, or was meant to be; "" when neither is known. */
static const char *advice(const render *r, const gen_value *object, const gen_segment *segment)
{
    const gen_renamed *renamed = r->templates != NULL && r->templates->renamed != NULL
                                     ? r->templates->renamed
                                     : gen_renamed_names;
    const char *word = csvc_arena_strndup(r->a, segment->name, segment->len);
    const char *text = NULL;
    const gen_member *nearest = NULL;
    size_t least = segment->len / 3 + 2; /* a third of it may be wrong */

    if (word == NULL) {
        return "";
    }
    for (; renamed->was != NULL; renamed++) {
        if (strcmp(renamed->was, word) == 0) {
            text = csvc_arena_printf(r->a, "; it is called '%s' now", renamed->now);
            return text != NULL ? text : "";
        }
    }
    for (size_t i = 0; i < object->len; i++) {
        const gen_member *member = &object->as.members[i];
        size_t edits = csvc__edits(word, member->name);

        if (edits < least && edits < member->name_len) {
            least = edits;
            nearest = member;
        }
    }
    text = nearest != NULL ? csvc_arena_printf(r->a, "; did you mean '%.*s'?",
                                               (int)nearest->name_len, nearest->name)
                           : NULL;
    return text != NULL ? text : "";
}

/* The value of a name: a loop's variable, innermost first, or a member of the scope. */
static csvc_code find(const render *r, const frame *loop, const gen_op *op,
                      const gen_value **ret_value)
{
    static const gen_value truths[2] = {
        {.type = GEN_VALUE_TRUTH, .truth = false, .len = 5, .as = {.text = "false"}},
        {.type = GEN_VALUE_TRUTH, .truth = true, .len = 4, .as = {.text = "true"}}};
    const gen_path *path = op->path;
    const gen_segment *first = &path->segments[0];
    const gen_value *object;
    const gen_value *value;
    bool truth;
    uint32_t i = 0;

    while (loop != NULL && (loop->variable->hash != first->hash ||
                            !is_word(loop->variable, first->name, first->len))) {
        loop = loop->outer;
    }
    if (find_position(loop, path, &truth)) {
        *ret_value = &truths[truth];
        return CSVC_OK;
    }
    value = loop != NULL ? loop->item : r->scope;
    for (i = loop != NULL ? 1 : 0; i < path->n_segments; i++) {
        const gen_segment *segment = &path->segments[i];

        if (value->type != GEN_VALUE_OBJECT) {
            return bad(r, op, "'%.*s' has no parts, so there is no '%.*s'",
                       (int)(segment->name - path->text) - 1, path->text, (int)path->len,
                       path->text);
        }
        if (value->failed) {
            return no_memory(r, r->running[r->n_running - 1]->name);
        }
        object = value;
        value = gen_object_find(object, segment->hash, segment->name, segment->len);
        if (value == NULL) {
            return bad(r, op, "unknown name '%.*s'%s",
                       (int)(segment->name - path->text) + (int)segment->len, path->text,
                       advice(r, object, segment));
        }
    }
    if (value->failed) {
        return no_memory(r, r->running[r->n_running - 1]->name);
    }
    *ret_value = value;
    return CSVC_OK;
}

/* ---- ops ---- */

/* A value of several lines: each but the first, unless empty, starts with the line's blanks. */
static void insert_lines(csvc__buffer *out, const gen_op *op, const gen_value *value)
{
    const char *at = value->as.text;
    const char *end = at + value->len;

    for (;;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        if (newline == NULL) {
            csvc__buffer_add(out, at, (size_t)(end - at));
            return;
        }
        csvc__buffer_add(out, at, (size_t)(newline + 1 - at));
        at = newline + 1;
        if (at < end && *at != '\n') {
            csvc__buffer_add(out, op->text, op->text_len);
        }
    }
}

static csvc_code insert(const render *r, const frame *loop, const gen_op *op)
{
    const gen_value *value;
    csvc_code code = find(r, loop, op, &value);

    if (code != CSVC_OK) {
        return code;
    }
    if (value->type == GEN_VALUE_LIST || value->type == GEN_VALUE_OBJECT) {
        return bad(r, op, "'%.*s' is %s, only text can be inserted", (int)op->path->len,
                   op->path->text, value->type == GEN_VALUE_LIST ? "a list" : "an object");
    }
    if (op->text_len > 0) {
        insert_lines(r->out, op, value);
    } else {
        csvc__buffer_add(r->out, value->as.text, value->len);
    }
    return CSVC_OK;
}

static csvc_code run(render *r, const frame *loop, size_t at, size_t end);

static csvc_code each(render *r, const frame *loop, const gen_op *op, size_t body)
{
    frame inner = {.outer = loop, .variable = &op->variable};
    const gen_value *list;
    csvc_code code = find(r, loop, op, &list);

    if (code != CSVC_OK) {
        return code;
    }
    if (list->type != GEN_VALUE_LIST) {
        return bad(r, op, "'%.*s' is no list", (int)op->path->len, op->path->text);
    }
    /* a full output ends the render; there is no sense in going on */
    for (size_t i = 0; i < list->len && code == CSVC_OK && csvc__buffer_ok(r->out); i++) {
        inner.item = list->as.items[i];
        inner.first = i == 0;
        inner.last = i + 1 == list->len;
        code = run(r, &inner, body, op->target);
    }
    return code;
}

/* The template with this name, parsed; each is read once a render. */
static csvc_code get_parsed(render *r, const char *name, gen_parsed **ret_parsed, csvc_error *err)
{
    gen_parsed *parsed = r->parsed;
    const char *path = NULL;
    csvc_bytes text;
    csvc_code code;

    while (parsed != NULL && strcmp(parsed->name, name) != 0) {
        parsed = parsed->next;
    }
    if (parsed == NULL) {
        code = gen_template_find(r->a, r->templates, name, &text, &path, err);
        if (code != CSVC_OK) {
            return code;
        }
        parsed = csvc_arena_calloc(r->a, 1, sizeof(*parsed));
        if (parsed == NULL) {
            return no_memory(r, name);
        }
        parsed->name = name;
        parsed->shown = path != NULL && r->templates->shows_files ? path : name;
        code = gen_template_parse(r->a, parsed, text, err);
        if (code != CSVC_OK) {
            return code;
        }
        parsed->next = r->parsed;
        r->parsed = parsed;
    }
    *ret_parsed = parsed;
    return CSVC_OK;
}

static csvc_code include(render *r, const frame *loop, gen_op *op)
{
    csvc_error inner = {CSVC_ERROR_INIT};
    csvc_code code;

    for (size_t i = 0; i < r->n_running; i++) {
        if (strcmp(r->running[i]->name, op->text) == 0) {
            return bad(r, op, "'%s' includes itself", op->text);
        }
    }
    if (r->n_running == GEN_TEMPLATE_MAX_INCLUDES) {
        return bad(r, op, "more than %d templates within each other", GEN_TEMPLATE_MAX_INCLUDES);
    }
    if (op->to == NULL) {
        code = get_parsed(r, op->text, &op->to, &inner);
        if (code == CSVC_NOT_FOUND) {
            return bad(r, op, "there is no template '%s'", op->text);
        }
        if (code != CSVC_OK) {
            return csvc_error_set(r->err, code, "%s", inner.text);
        }
    }
    r->running[r->n_running++] = op->to;
    code = run(r, loop, 0, op->to->n_ops);
    r->n_running--;
    return code;
}

/* The ops from `at` up to `end` of the running template. */
static csvc_code run(render *r, const frame *loop, size_t at, size_t end)
{
    gen_op *ops = r->running[r->n_running - 1]->ops;
    csvc_code code = CSVC_OK;

    while (at < end && code == CSVC_OK) {
        gen_op *op = &ops[at++];
        const gen_value *value;

        switch ((gen_op_kind)op->kind) {
        case GEN_OP_TEXT:
            csvc__buffer_add(r->out, op->text, op->text_len);
            break;
        case GEN_OP_INSERT:
            code = insert(r, loop, op);
            break;
        case GEN_OP_EACH:
            code = each(r, loop, op, at);
            at = op->target;
            break;
        case GEN_OP_IF:
            code = find(r, loop, op, &value);
            if (code == CSVC_OK && value->truth == op->negated) {
                at = op->target;
            }
            break;
        case GEN_OP_JUMP:
            at = op->target;
            break;
        case GEN_OP_INCLUDE:
            code = include(r, loop, op);
            break;
        }
    }
    return code;
}

csvc_code gen_render(const gen_templates *templates, const char *name, const gen_value *scope,
                     csvc__buffer *out, csvc_error *err)
{
    size_t len = out->len;
    render r = {.templates = templates, .scope = scope, .out = out, .err = err};
    csvc_code code;

    r.a = csvc_arena_new(0);
    if (r.a == NULL || !gen_value_ok(scope)) {
        code = no_memory(&r, name);
    } else {
        code = get_parsed(&r, name, &r.running[0], err);
    }
    if (code == CSVC_OK) {
        r.n_running = 1;
        code = run(&r, NULL, 0, r.running[0]->n_ops);
    }
    if (code == CSVC_OK && !csvc__buffer_ok(out)) {
        code = no_memory(&r, name);
    }
    if (code != CSVC_OK && out->len > len) {
        out->len = len;
        out->data[len] = '\0';
    }
    (void)csvc_arena_free(r.a);
    return code;
}
