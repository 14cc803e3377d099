/*
 * template/template.h: the template engine. Knows nothing of protobuf.
 *
 * Line-oriented: a directive is `@word` in column 0 (`@each x in list`, `@if a.b`, `@if not a.b`,
 * `@else`, `@end`, `@include file`), an insert is `@dotted.name@`; every other @ stands for itself,
 * `@@` at the start of a line is one. Loops offer x.first and x.last. Unknown names, unbalanced
 * blocks and bad directives are errors `template:line: text`. A directive line leaves no line
 * behind; a value of several lines keeps the indentation of its line. The whole language is in
 * docs/internals/templates.md.
 *
 * Values are a tree: text, truth, number, list, object. Lists are lists of objects (or of text).
 *
 *     gen_value *scope = gen_object(a);
 *     gen_value *names = gen_list(a);
 *
 *     gen_push(a, names, gen_text(a, "ada"));
 *     gen_set(a, scope, "names", names);
 *     code = gen_render(&templates, "gen/greet.tmpl", scope, &out, &err);
 */
#ifndef GEN_TEMPLATE_H
#define GEN_TEMPLATE_H

#include <csvc/arena.h>
#include <csvc/code.h>
#include "base/buffer.h"

typedef struct gen_value gen_value;

/*
 * Making values; the nodes live in the arena. Text and member names are not copied: they must live
 * as long (literals, text of an arena). NULL, returned or passed in, means that memory was short:
 * a list or object that was to hold it remembers, and rendering it is RESOURCE_EXHAUSTED. So a tree
 * is built without a check in between; gen_value_ok asks for one container at a time.
 */
gen_value *gen_text(csvc_arena *a, const char *text);
gen_value *gen_text_n(csvc_arena *a, const char *text, size_t len);
gen_value *gen_truth(csvc_arena *a, bool truth);      /* inserted: true, false */
gen_value *gen_number(csvc_arena *a, int64_t number); /* in conditions true when not zero */
gen_value *gen_list(csvc_arena *a);
gen_value *gen_object(csvc_arena *a);
void gen_push(csvc_arena *a, gen_value *list, gen_value *item);

/* Sets a member; a name set twice has the later value. */
void gen_set(csvc_arena *a, gen_value *object, const char *name, gen_value *value);
void gen_set_text(csvc_arena *a, gen_value *object, const char *name, const char *text);
void gen_set_truth(csvc_arena *a, gen_value *object, const char *name, bool truth);
void gen_set_number(csvc_arena *a, gen_value *object, const char *name, int64_t number);

/* Whether the value is there and, for a list or object, nothing is missing in it. */
bool gen_value_ok(const gen_value *value);

/* The member of an object, NULL when it has none of that name. For tests and other scopes. */
const gen_value *gen_get(const gen_value *object, const char *name);
size_t gen_length(const gen_value *list); /* items; bytes of a text */
const gen_value *gen_item(const gen_value *list, size_t index);
const char *gen_value_text(const gen_value *text); /* NUL-terminated unless made by gen_text_n */

/* A name that templates saw once, and what it is called now. */
typedef struct gen_renamed {
    const char *was; /* one part: "prefix" of service.prefix */
    const char *now;
} gen_renamed;
extern const gen_renamed gen_renamed_names[]; /* renamed.c; ends with NULL */

/* Where templates come from: the embedded ones, and folders whose files win over them. */
typedef struct gen_templates {
    const char *const *folders; /* NULL-terminated, first wins; NULL: none */
    bool shows_files;           /* errors in a folder's template begin with the file's path */
    const gen_renamed *renamed; /* NULL: gen_renamed_names */
} gen_templates;

/*
 * The text of a template ("gen/csvc.h.tmpl"), from a folder or embedded; names are relative to
 * templates/, without "." and "..". NOT_FOUND when there is none; a file that is there and cannot
 * be read is an error, too.
 */
csvc_code gen_template_load(csvc_arena *a, const gen_templates *templates, const char *name,
                            csvc_bytes *ret_text, csvc_error *err);

/*
 * Renders one template onto the end of `out`, which stays as it was on failure. INVALID_ARGUMENT
 * with `template:line: ...` in err for a wrong one, NOT_FOUND for a missing one,
 * RESOURCE_EXHAUSTED. Lines end in LF, also where the template's end in CRLF.
 */
csvc_code gen_render(const gen_templates *templates, const char *name, const gen_value *scope,
                     csvc__buffer *out, csvc_error *err);

/* Limits of the engine; each is an error with its place. */
enum {
    GEN_TEMPLATE_MAX_BLOCKS = 32,     /* @each and @if within each other, in one template */
    GEN_TEMPLATE_MAX_INCLUDES = 16,   /* templates within each other */
    GEN_TEMPLATE_MAX_BYTES = 4 << 20, /* of one template */
    GEN_TEMPLATE_MAX_SEGMENTS = 8,    /* a.b.c has three */
};

/* The embedded templates, sorted by name; made by generator/tools/embed.c. */
typedef struct gen_embedded {
    const char *name; /* path below templates/ */
    const char *text; /* NUL-terminated */
    size_t len;
} gen_embedded;
extern const gen_embedded gen_embedded_templates[];
extern const size_t gen_n_embedded_templates;

#endif /* GEN_TEMPLATE_H */
