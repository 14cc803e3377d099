/* template/parse.c: the text of a template to a flat list of ops; blocks become jumps. */
#include "template/parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

#include "base/banned.h"

enum {
    FIRST_OPS = 64
};

/* A block that is still open. */
typedef struct open_block {
    bool is_each;
    bool has_else;
    uint32_t line;
    size_t op; /* whose target is not known yet: the @each, the @if, or the jump of its @else */
} open_block;

typedef struct parser {
    csvc_arena *a;
    gen_parsed *template;
    const char *at;   /* the line being read */
    const char *end;  /* of the template */
    const char *text; /* read and not yet an op, up to where the parser is */
    uint32_t line;
    open_block blocks[GEN_TEMPLATE_MAX_BLOCKS];
    size_t n_blocks;
    csvc_error *err;
    csvc_code code;
} parser;

/* ---- words ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool starts_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c)
{
    return starts_name(c) || (c >= '0' && c <= '9');
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && is_blank(*p)) {
        p++;
    }
    return p;
}

/* The end of the name that starts at p; p when none does. */
static const char *skip_name(const char *p, const char *end)
{
    if (p < end && starts_name(*p)) {
        do {
            p++;
        } while (p < end && is_name(*p));
    }
    return p;
}

/* The end of the dotted name that starts at p; p when none does. */
static const char *skip_path(const char *p, const char *end)
{
    const char *at = p;

    for (;;) {
        const char *stop = skip_name(at, end);

        if (stop == at) {
            return p;
        }
        if (stop == end || *stop != '.') {
            return stop;
        }
        at = stop + 1;
    }
}

static int shown(const char *p, const char *end)
{
    enum {
        LONGEST = 80
    };

    return end - p > LONGEST ? LONGEST : (int)(end - p);
}

/* ---- ops ---- */

static void bad(parser *p, uint32_t line, const char *format, ...) CSVC_PRINTF(3, 4);

static void bad(parser *p, uint32_t line, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    p->code = csvc_error_set(p->err, CSVC_INVALID_ARGUMENT, "%s:%u: %s", p->template->shown,
                             (unsigned)line, text);
}

static void no_memory(parser *p)
{
    p->code =
        csvc_error_set(p->err, CSVC_RESOURCE_EXHAUSTED, "%s: out of memory", p->template->shown);
}

static gen_op *add_op(parser *p, gen_op_kind kind)
{
    gen_parsed *template = p->template;

    if (template->n_ops == template->max_ops) {
        size_t max = template->max_ops > 0 ? template->max_ops * 2 : FIRST_OPS;
        gen_op *ops = csvc__arena_resize(p->a, template->ops, template->max_ops * sizeof(*ops),
                                         max * sizeof(*ops));

        if (ops == NULL) {
            no_memory(p);
            return NULL;
        }
        template->ops = ops;
        template->max_ops = max;
    }
    template->ops[template->n_ops] = (gen_op){.kind = (uint8_t)kind, .line = p->line};
    return &template->ops[template->n_ops++];
}

/* What has been read since the last op becomes one, up to `stop`. */
static void flush(parser *p, const char *stop)
{
    if (stop > p->text) {
        gen_op *op = add_op(p, GEN_OP_TEXT);

        if (op != NULL) {
            op->text = p->text;
            op->text_len = (uint32_t)(stop - p->text);
        }
    }
}

static const gen_path *new_path(parser *p, const char *text, const char *end)
{
    gen_path *path = csvc__arena_take(p->a, sizeof(*path));
    const char *at = text;

    if (path == NULL) {
        no_memory(p);
        return NULL;
    }
    path->text = text;
    path->len = (uint32_t)(end - text);
    path->n_segments = 0;
    for (;;) {
        const char *stop = skip_name(at, end);

        if (path->n_segments == GEN_TEMPLATE_MAX_SEGMENTS) {
            bad(p, p->line, "'%.*s' has more than %d parts", shown(text, end), text,
                GEN_TEMPLATE_MAX_SEGMENTS);
            return NULL;
        }
        path->segments[path->n_segments++] =
            (gen_segment){.name = at,
                          .len = (uint32_t)(stop - at),
                          .hash = gen_name_hash(at, (size_t)(stop - at))};
        if (stop == end) {
            return path;
        }
        at = stop + 1;
    }
}

/* ---- directives ---- */

static void open_one(parser *p, bool is_each)
{
    if (p->n_blocks == GEN_TEMPLATE_MAX_BLOCKS) {
        bad(p, p->line, "more than %d blocks within each other", GEN_TEMPLATE_MAX_BLOCKS);
        return;
    }
    p->blocks[p->n_blocks++] =
        (open_block){.is_each = is_each, .line = p->line, .op = p->template->n_ops - 1};
}

/* @each x in list */
static void read_each(parser *p, const char *at, const char *end)
{
    const char *name = at;
    const char *name_end = skip_name(at, end);
    const char *list;
    const char *list_end;
    const gen_path *path;
    gen_op *op;

    at = skip_blanks(name_end, end);
    if (name_end == name || at == name_end || end - at < 3 || memcmp(at, "in", 2) != 0 ||
        !is_blank(at[2])) {
        bad(p, p->line, "write '@each x in list'");
        return;
    }
    list = skip_blanks(at + 2, end);
    list_end = skip_path(list, end);
    if (list_end == list || list_end != end) {
        bad(p, p->line, "'%.*s' is no name of a list", shown(list, end), list);
        return;
    }
    path = new_path(p, list, list_end);
    op = path != NULL ? add_op(p, GEN_OP_EACH) : NULL;
    if (op != NULL) {
        op->path = path;
        op->variable = (gen_segment){.name = name,
                                     .len = (uint32_t)(name_end - name),
                                     .hash = gen_name_hash(name, (size_t)(name_end - name))};
        open_one(p, true);
    }
}

/* @if name, @if not name */
static void read_if(parser *p, const char *at, const char *end)
{
    const char *stop = skip_path(at, end);
    bool negated = false;
    const gen_path *path;
    gen_op *op;

    if (stop - at == 3 && memcmp(at, "not", 3) == 0 && stop != end) {
        negated = true;
        at = skip_blanks(stop, end);
        stop = skip_path(at, end);
    }
    if (stop == at || stop != end) {
        bad(p, p->line, "a condition is a name, or 'not' and a name; this is '%.*s'",
            shown(at, end), at);
        return;
    }
    path = new_path(p, at, stop);
    op = path != NULL ? add_op(p, GEN_OP_IF) : NULL;
    if (op != NULL) {
        op->path = path;
        op->negated = negated;
        open_one(p, false);
    }
}

static void read_else(parser *p)
{
    open_block *block = p->n_blocks > 0 ? &p->blocks[p->n_blocks - 1] : NULL;

    if (block == NULL || block->is_each) {
        bad(p, p->line, "@else without an @if");
    } else if (block->has_else) {
        bad(p, p->line, "a second @else for the @if of line %u", (unsigned)block->line);
    } else if (add_op(p, GEN_OP_JUMP) != NULL) {
        p->template->ops[block->op].target = (uint32_t)p->template->n_ops;
        block->op = p->template->n_ops - 1;
        block->has_else = true;
    }
}

static void read_end(parser *p)
{
    if (p->n_blocks == 0) {
        bad(p, p->line, "@end without an @each or @if");
    } else {
        p->n_blocks--;
        p->template->ops[p->blocks[p->n_blocks].op].target = (uint32_t)p->template->n_ops;
    }
}

/* @include file */
static void read_include(parser *p, const char *at, const char *end)
{
    gen_op *op;
    char *name;

    for (const char *c = at; c < end; c++) {
        if (is_blank(*c) || *c == '\0') {
            at = end; /* no name with blanks */
        }
    }
    if (at == end) {
        bad(p, p->line, "write '@include folder/file'");
        return;
    }
    name = csvc_arena_strndup(p->a, at, (size_t)(end - at));
    if (name == NULL) {
        no_memory(p);
        return;
    }
    op = add_op(p, GEN_OP_INCLUDE);
    if (op != NULL) {
        op->text = name;
    }
}

/* A line that starts with @word, up to its end without the blanks there. */
static void read_directive(parser *p, const char *end)
{
    const char *word = p->at + 1;
    const char *stop = skip_name(word, end);
    size_t len = (size_t)(stop - word);
    const char *rest = skip_blanks(stop, end);
    bool spaced = rest == end || rest > stop;

#define IS(name) (spaced && len == sizeof(name) - 1 && memcmp(word, name, len) == 0)
    if (IS("each")) {
        read_each(p, rest, end);
    } else if (IS("if")) {
        read_if(p, rest, end);
    } else if (IS("include")) {
        read_include(p, rest, end);
    } else if ((IS("else") || IS("end")) && rest < end) {
        bad(p, p->line, "nothing goes behind @%.*s", (int)len, word);
    } else if (IS("else")) {
        read_else(p);
    } else if (IS("end")) {
        read_end(p);
    } else {
        bad(p, p->line, "no directive is called '@%.*s' (as plain text it is '@@%.*s')",
            shown(word, stop), word, shown(word, stop), word);
    }
#undef IS
}

/* ---- lines ---- */

/* The end of the insert that starts at the @ p points to: behind its second @; p when it is none.
 */
static const char *skip_insert(const char *p, const char *end)
{
    const char *stop = skip_path(p + 1, end);

    return stop > p + 1 && stop < end && *stop == '@' ? stop + 1 : p;
}

/* The inserts of a line of text; what is between them stays to be flushed. */
static void read_inserts(parser *p, const char *at, const char *end)
{
    const char *line = p->at;
    const char *indented = skip_blanks(line, end);

    while (p->code == CSVC_OK && at < end) {
        const char *stop;
        const gen_path *path;
        gen_op *op;

        at = memchr(at, '@', (size_t)(end - at));
        if (at == NULL) {
            return;
        }
        stop = skip_insert(at, end);
        if (stop == at) {
            at++;
            continue;
        }
        flush(p, at);
        path = new_path(p, at + 1, stop - 1);
        op = path != NULL && p->code == CSVC_OK ? add_op(p, GEN_OP_INSERT) : NULL;
        if (op != NULL) {
            op->path = path;
            op->text = line;
            op->text_len = (uint32_t)(indented - line);
        }
        p->text = stop;
        at = stop;
    }
}

/* One line, from p->at to `end`; the next one starts at `next`. */
static void read_line(parser *p, const char *end, const char *next)
{
    const char *at = p->at;
    bool at_sign = at < end && *at == '@';

    if (at_sign && end - at > 1 && starts_name(at[1]) && skip_insert(at, end) == at) {
        flush(p, at);
        while (is_blank(end[-1])) {
            end--;
        }
        if (p->code == CSVC_OK) {
            read_directive(p, end);
        }
        p->text = next;
        return;
    }
    if (at_sign && end - at > 1 && at[1] == '@') {
        flush(p, at);
        p->text = at + 1;
        at += 2; /* the second @ is text, whatever follows it */
    }
    read_inserts(p, at, end);
    if (end < next && *end == '\r') {
        flush(p, end);
        p->text = next - 1;
    }
}

csvc_code gen_template_parse(csvc_arena *a, gen_parsed *template, csvc_bytes text, csvc_error *err)
{
    const char *start = (const char *)text.data;
    parser p = {.a = a,
                .template = template,
                .at = start,
                .end = start + text.len,
                .text = start,
                .line = 1,
                .err = err,
                .code = CSVC_OK};

    if (text.len > GEN_TEMPLATE_MAX_BYTES) {
        bad(&p, 1, "larger than %d bytes", GEN_TEMPLATE_MAX_BYTES);
    }
    while (p.code == CSVC_OK && p.at < p.end) {
        const char *newline = memchr(p.at, '\n', (size_t)(p.end - p.at));
        const char *next = newline != NULL ? newline + 1 : p.end;
        const char *end = newline != NULL ? newline : p.end;

        if (newline != NULL && end > p.at && end[-1] == '\r') {
            end--;
        }
        read_line(&p, end, next);
        p.at = next;
        p.line++;
    }
    if (p.code == CSVC_OK) {
        flush(&p, p.end);
    }
    if (p.code == CSVC_OK && p.n_blocks > 0) {
        const open_block *block = &p.blocks[p.n_blocks - 1];

        bad(&p, block->line, "this @%s has no @end", block->is_each ? "each" : "if");
    }
    return p.code;
}
