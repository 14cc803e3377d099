/*
 * lock.c: .c-svc/lock.json: which c-svc wrote gen/, from what, and what it wrote.
 *
 *     {
 *       "c-svc": "0.1.0",
 *       "inference": 1,
 *       "inputs": {"c-svc.yaml": "SHA-256", ...},
 *       "generated": {"gen/user.csvc.c": "SHA-256", ...}
 *     }
 *
 * Sorted, so that two people's runs give the same bytes. JSON is YAML, so libyaml reads it.
 */
#include "lock.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buffer.h"
#include "files.h"
#include "sha256.h"

#include "base/banned.h"

#define LOCK_FILE ".c-svc/lock.json"

static csvc_code hash_of(project *p, const char *path, char ret_hex[SHA256_HEX], csvc_error *err)
{
    csvc_bytes content;
    csvc_code code = project_read(p, path, &content, err);

    if (code == CSVC_OK) {
        sha256_hex(content, ret_hex);
    }
    return code;
}

csvc_code lock_sum(project *p, const char **ret_hex, csvc_error *err)
{
    char hex[SHA256_HEX];
    csvc__buffer lines;
    csvc_code code = CSVC_OK;

    csvc__buffer_init(&lines, 16 << 20);
    for (size_t i = 0; code == CSVC_OK && i < p->inputs.len; i++) {
        code = hash_of(p, p->inputs.items[i], hex, err);
        csvc__buffer_printf(&lines, "%s  %s\n", hex, p->inputs.items[i]);
    }
    if (code == CSVC_OK && !csvc__buffer_ok(&lines)) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (code == CSVC_OK) {
        sha256_hex((csvc_bytes){.len = lines.len, .data = (const uint8_t *)lines.data}, hex);
        *ret_hex = cli_must(csvc_arena_strdup(p->a, hex));
    }
    csvc__buffer_release(&lines);
    return code;
}

/* ---- reading ---- */

typedef struct lock {
    bool there;
    yaml_document_t document;
} lock;

/* A lock that is not there or cannot be read is none: it is ours, and only makes things quicker to
 * tell. */
static void lock_open(project *p, lock *l)
{
    csvc_error err = {CSVC_ERROR_INIT};
    yaml_parser_t parser;
    csvc_bytes text;

    l->there = false;
    if (p->root == NULL ||
        files_read(p->a, files_join(p->a, p->root, LOCK_FILE), PROJECT_MAX_FILE, &text, &err) !=
            CSVC_OK ||
        !yaml_parser_initialize(&parser)) {
        return;
    }
    yaml_parser_set_input_string(&parser, text.data, text.len);
    l->there = yaml_parser_load(&parser, &l->document) != 0;
    yaml_parser_delete(&parser);
}

static void lock_close(lock *l)
{
    if (l->there) {
        yaml_document_delete(&l->document);
    }
}

/* The member `name` of a mapping; NULL when there is none. */
static yaml_node_t *member(lock *l, const yaml_node_t *node, const char *name)
{
    if (node == NULL || node->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&l->document, pair->key);

        if (key != NULL && key->type == YAML_SCALAR_NODE &&
            strcmp((const char *)key->data.scalar.value, name) == 0) {
            return yaml_document_get_node(&l->document, pair->value);
        }
    }
    return NULL;
}

static const char *text_of(const yaml_node_t *node)
{
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
                                                          : "";
}

static yaml_node_t *section(lock *l, const char *name)
{
    return l->there ? member(l, yaml_document_get_root_node(&l->document), name) : NULL;
}

csvc_code lock_stale(project *p, cli_list *ret_paths, csvc_error *err)
{
    csvc_code code = CSVC_OK;
    const yaml_node_t *made;
    lock l;

    lock_open(p, &l);
    made = section(&l, "generated");
    for (const yaml_node_pair_t *pair = made != NULL && made->type == YAML_MAPPING_NODE
                                            ? made->data.mapping.pairs.start
                                            : NULL;
         pair != NULL && pair < made->data.mapping.pairs.top && code == CSVC_OK; pair++) {
        const char *path = text_of(yaml_document_get_node(&l.document, pair->key));
        const char *hash = text_of(yaml_document_get_node(&l.document, pair->value));
        bool planned = false;
        char hex[SHA256_HEX];

        for (size_t i = 0; i < p->plan.n_outputs && !planned; i++) {
            planned = strcmp(p->plan.outputs[i].path, path) == 0;
        }
        if (planned || strncmp(path, "gen/", 4) != 0 || strstr(path, "..") != NULL ||
            !project_has(p, path)) {
            continue;
        }
        code = hash_of(p, path, hex, err);
        if (code == CSVC_OK && strcmp(hex, hash) == 0) {
            cli_list_add(p->a, ret_paths, cli_must(csvc_arena_strdup(p->a, path)));
        }
    }
    lock_close(&l);
    return code;
}

/* ---- writing ---- */

static void put_pair(csvc__buffer *b, const char *key, const char *value, bool first)
{
    csvc__buffer_puts(b, first ? "\n    " : ",\n    ");
    csvc__buffer_json(b, key, strlen(key));
    csvc__buffer_puts(b, ": ");
    csvc__buffer_json(b, value, strlen(value));
}

csvc_code lock_text(project *p, csvc_bytes *ret_text, csvc_error *err)
{
    cli_list made = {0};
    char hex[SHA256_HEX];
    csvc_code code = CSVC_OK;
    csvc__buffer b;

    csvc__buffer_init(&b, PROJECT_MAX_FILE);
    csvc__buffer_printf(&b,
                        "{\n  \"c-svc\": \"%s\",\n  \"inference\": %u,\n"
                        "  \"inputs\": {",
                        CSVC_VERSION, (unsigned)p->config.inference);
    for (size_t i = 0; code == CSVC_OK && i < p->inputs.len; i++) {
        code = hash_of(p, p->inputs.items[i], hex, err);
        put_pair(&b, p->inputs.items[i], hex, i == 0);
    }
    csvc__buffer_puts(&b, "\n  },\n  \"generated\": {");
    for (size_t i = 0; i < p->plan.n_outputs; i++) {
        if (strncmp(p->plan.outputs[i].path, "gen/", 4) == 0) {
            cli_list_add(p->a, &made, p->plan.outputs[i].path);
        }
    }
    cli_list_sort(&made);
    for (size_t i = 0; code == CSVC_OK && i < made.len; i++) {
        code = hash_of(p, made.items[i], hex, err);
        put_pair(&b, made.items[i], hex, i == 0);
    }
    csvc__buffer_puts(&b, "\n  }\n}\n");
    if (code == CSVC_OK && !csvc__buffer_ok(&b)) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (code == CSVC_OK) {
        *ret_text =
            (csvc_bytes){.len = b.len, .data = cli_must(csvc_arena_strndup(p->a, b.data, b.len))};
    }
    csvc__buffer_release(&b);
    return code;
}
