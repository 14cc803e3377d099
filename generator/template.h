/*
 * template.h: the template engine. Knows nothing of protobuf.
 *
 * Line-oriented: a directive is `@word` in column 0 (`@each x in list`, `@if a.b`, `@if not a.b`,
 * `@else`, `@end`, `@include file`), an insert is `@dotted.name@`; every other @ stands for itself,
 * `@@` at the start of a line is one. Loops offer x.first and x.last. Unknown names, unbalanced
 * blocks and bad directives are errors `template:line: text`. A directive line leaves no line
 * behind; a value of several lines keeps the indentation of its place.
 *
 * Values are a tree: text, truth, list, object. Lists are lists of objects (or of text).
 */
#ifndef GEN_TEMPLATE_H
#define GEN_TEMPLATE_H

#include <csvc/arena.h>
#include <csvc/code.h>
#include "base/buffer.h"

typedef struct gen_value gen_value;

/* Making values; all in the arena. NULL from any of them means no memory, and may be passed on to
 * the others. */
gen_value *gen_text(csvc_arena *a, const char *text);
gen_value *gen_truth(csvc_arena *a, bool truth);
gen_value *gen_number(csvc_arena *a, int64_t number); /* text, in conditions true when not zero */
gen_value *gen_list(csvc_arena *a);
gen_value *gen_object(csvc_arena *a);
void gen_push(csvc_arena *a, gen_value *list, gen_value *item);
void gen_set(csvc_arena *a, gen_value *object, const char *name, gen_value *value);

/* Where templates come from: the embedded ones, and folders whose files win over them. */
typedef struct gen_templates {
    const char *const *folders; /* NULL-terminated, first wins; NULL: none */
} gen_templates;

/* The text of a template ("gen/csvc.h.tmpl"), embedded or from a folder; NULL when there is none.
 */
const char *gen_template_find(csvc_arena *a, const gen_templates *templates, const char *name,
                              size_t *ret_len);

/*
 * Renders one template. INVALID_ARGUMENT with `template:line: ...` in err for a wrong one,
 * NOT_FOUND for a missing one, RESOURCE_EXHAUSTED.
 */
csvc_code gen_render(csvc_arena *a, const gen_templates *templates, const char *name,
                     const gen_value *scope, csvc__buffer *out, csvc_error *err);

/* The embedded templates, sorted by name; made by generator/tools/embed.c. */
typedef struct gen_embedded {
    const char *name; /* path below templates/ */
    const char *text;
    size_t len;
} gen_embedded;
extern const gen_embedded gen_embedded_templates[];
extern const size_t gen_n_embedded_templates;

#endif /* GEN_TEMPLATE_H */
