/*
 * output/output.h: which files come out, and bringing them out: plan -> render -> write.
 *
 * A plan lists outputs, sorted by path, each with template, scope and owner. Rendering gives texts.
 * Writing makes a CodeGeneratorResponse of them (the plugin) or files (c-svc), the latter only
 * where the content differs.
 */
#ifndef GEN_OUTPUT_H
#define GEN_OUTPUT_H

#include "template/template.h"

/* Who owns a file afterwards; design.md's words are in docs/internals/generator.md. */
typedef enum gen_owner {
    GEN_MACHINE = 0,   /* ours: rewritten at every run, under gen/ or .c-svc/ */
    GEN_BORN_ONCE = 1, /* written when absent, never again */
    GEN_MERGED = 2,    /* written when absent; later merged by `c-svc update` */
    GEN_YOURS = 3,     /* what was asked for: c-svc.yaml, the protos; never looked at again */
} gen_owner;

typedef struct gen_output {
    const char *path;     /* relative, '/' */
    const char *template; /* NULL: `content` is ready-made */
    gen_value *scope;
    gen_owner owner;
    const char *content; /* after rendering */
    size_t len;
} gen_output;

typedef struct gen_plan {
    gen_output *outputs;
    size_t n_outputs, max_outputs;
} gen_plan;

/* What it holds; after rendering. */
csvc_bytes gen_output_content(const gen_output *output);

/* Adds one output; path, template and content are borrowed. False: no memory. */
bool gen_plan_add(csvc_arena *a, gen_plan *plan, gen_output output);

/* By path, byte by byte. */
void gen_plan_sort(gen_plan *plan);

/* INVALID_ARGUMENT when two outputs have one path: whoever writes them must not depend on an order
 * among equals. */
csvc_code gen_plan_check(csvc_arena *a, const gen_plan *plan, csvc_error *err);

/*
 * Fills `content` of one output, in memory of the arena; its scope is not needed afterwards. `text`
 * is used on the way and may be used again. INVALID_ARGUMENT with `template:line: ...` for a wrong
 * template.
 */
csvc_code gen_output_render(csvc_arena *a, gen_output *output, const gen_templates *templates,
                            csvc__buffer *text, csvc_error *err);

enum {
    GEN_MAX_OUTPUT = 256 << 20 /* bytes of one output */
};

#endif /* GEN_OUTPUT_H */
