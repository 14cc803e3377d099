/* features_edit.c: one name into or out of `features:`, by its place in the text. */
#include "features_edit.h"

#include <string.h>
#include <yaml.h>

#include "config.h"

#include "base/banned.h"

/* What libyaml says of the list; offsets in the text. */
typedef struct list {
    bool there;         /* the key is */
    bool empty_value;   /* `features:` and nothing behind it */
    bool flow;          /* [a, b]; else a line each */
    size_t key_end;     /* behind the key, which a colon follows */
    size_t start, end;  /* of the value */
    size_t n;           /* items */
    size_t first, last; /* begin of the first item, end of the last */
    size_t storage_end; /* behind the value of `storage:`; 0: no such key */

    /* the item of the name, when it is there */
    bool found;
    size_t item, item_end;
    size_t before_end; /* of the item before it; 0: it is the first */
    size_t after;      /* begin of the item behind it; 0: it is the last */
} list;

/* libyaml counts lines and characters; this, bytes. */
static size_t offset(csvc_bytes text, yaml_mark_t mark)
{
    const char *data = (const char *)text.data;
    size_t at = 0;

    for (size_t line = 0; line < mark.line && at < text.len; at++) {
        line += data[at] == '\n' ? 1 : 0;
    }
    for (size_t column = 0; column < mark.column && at < text.len; column++) {
        at++;
        while (at < text.len && ((unsigned char)data[at] & 0xc0) == 0x80) {
            at++;
        }
    }
    return at;
}

static bool is_text(const yaml_node_t *node, const char *text)
{
    return node != NULL && node->type == YAML_SCALAR_NODE &&
           strcmp((const char *)node->data.scalar.value, text) == 0;
}

static void read_items(yaml_document_t *document, csvc_bytes text, const yaml_node_t *value,
                       const char *name, list *l)
{
    size_t before = 0;

    l->flow = value->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE;
    for (const yaml_node_item_t *item = value->data.sequence.items.start;
         item < value->data.sequence.items.top; item++) {
        const yaml_node_t *node = yaml_document_get_node(document, *item);
        const size_t start = offset(text, node->start_mark);

        if (l->n++ == 0) {
            l->first = start;
        }
        if (l->found && l->after == 0) {
            l->after = start;
        }
        l->last = offset(text, node->end_mark);
        if (is_text(node, name)) {
            l->found = true;
            l->item = start;
            l->item_end = l->last;
            l->before_end = before;
        }
        before = l->last;
    }
}

static bool read_list(csvc_bytes text, const char *name, list *l)
{
    yaml_parser_t parser;
    yaml_document_t document;
    const yaml_node_t *root;
    bool ok = false;

    *l = (list){.there = false};
    if (!yaml_parser_initialize(&parser)) {
        return false;
    }
    yaml_parser_set_input_string(&parser, text.data, text.len);
    if (yaml_parser_load(&parser, &document)) {
        root = yaml_document_get_root_node(&document);
        ok = root != NULL && root->type == YAML_MAPPING_NODE &&
             root->data.mapping.style != YAML_FLOW_MAPPING_STYLE;
        for (const yaml_node_pair_t *pair = ok ? root->data.mapping.pairs.start : NULL;
             pair != NULL && pair < root->data.mapping.pairs.top; pair++) {
            const yaml_node_t *key = yaml_document_get_node(&document, pair->key);
            const yaml_node_t *value = yaml_document_get_node(&document, pair->value);

            if (is_text(key, "storage")) {
                l->storage_end = offset(text, value->end_mark);
            }
            if (is_text(key, "features")) {
                l->there = true;
                l->key_end = offset(text, key->end_mark);
                l->start = offset(text, value->start_mark);
                l->end = offset(text, value->end_mark);
                l->empty_value = value->type == YAML_SCALAR_NODE;
                if (value->type == YAML_SEQUENCE_NODE) {
                    read_items(&document, text, value, name, l);
                }
            }
        }
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return ok;
}

/* ---- the change: what stands between `from` and `to` gives way to `by` ---- */

typedef struct change {
    size_t from, to;
    const char *by;
} change;

/* Behind the end of the line that holds `at`. */
static size_t line_end(csvc_bytes text, size_t at)
{
    while (at < text.len && text.data[at] != '\n') {
        at++;
    }
    return at < text.len ? at + 1 : at;
}

static size_t line_start(csvc_bytes text, size_t at)
{
    while (at > 0 && text.data[at - 1] != '\n') {
        at--;
    }
    return at;
}

static change insertion(size_t at, const char *text)
{
    return (change){.from = at, .to = at, .by = text};
}

static change add_name(csvc_arena *a, csvc_bytes text, const list *l, const char *name)
{
    if (!l->there) {
        const size_t at = l->storage_end > 0 ? line_end(text, l->storage_end) : text.len;
        const bool ends = at == 0 || text.data[at - 1] == '\n';

        return insertion(at, cli_printf(a, "%sfeatures: [%s]\n", ends ? "" : "\n", name));
    }
    if (l->empty_value) {
        return insertion(l->key_end + 1, cli_printf(a, " [%s]", name));
    }
    if (l->n == 0) {
        return insertion(l->start + 1, name);
    }
    if (l->flow) {
        return insertion(l->last, cli_printf(a, ", %s", name));
    }
    { /* as the line of the first item begins: indentation and dash */
        const size_t start = line_start(text, l->first);
        const size_t at = line_end(text, l->last);
        const bool ends = text.data[at - 1] == '\n';

        return insertion(at, cli_printf(a, "%s%.*s%s\n", ends ? "" : "\n", (int)(l->first - start),
                                        (const char *)text.data + start, name));
    }
}

static change remove_name(csvc_bytes text, const list *l)
{
    if (!l->flow && l->n == 1) { /* the list itself has to go */
        return (change){.from = l->key_end + 1, .to = line_end(text, l->item_end), .by = " []\n"};
    }
    if (!l->flow) {
        return (change){
            .from = line_start(text, l->item), .to = line_end(text, l->item_end), .by = ""};
    }
    if (l->after > 0) {
        return (change){.from = l->item, .to = l->after, .by = ""};
    }
    return (change){
        .from = l->before_end > 0 ? l->before_end : l->item, .to = l->item_end, .by = ""};
}

/* Whether the list is now what it was, but for the name. */
static bool says(csvc_bytes text, const char *name, bool with, size_t n_before)
{
    list l;

    return read_list(text, name, &l) && l.found == with &&
           l.n == (with ? n_before + 1 : n_before - 1);
}

csvc_code features_edit(csvc_arena *a, const char *path, csvc_bytes text, const char *name,
                        bool with, csvc_bytes *ret_text, csvc_error *err)
{
    csvc_bytes result;
    csvc__buffer b;
    change c;
    list l;

    if (!read_list(text, name, &l)) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "%s: the list of features is not in a form that c-svc can change; "
                              "change it yourself, then: c-svc update",
                              path);
    }
    if (l.found == with) {
        *ret_text = text;
        return CSVC_OK;
    }
    c = with ? add_name(a, text, &l, name) : remove_name(text, &l);
    csvc__buffer_init(&b, 2 * CONFIG_MAX_BYTES);
    csvc__buffer_add(&b, (const char *)text.data, c.from);
    csvc__buffer_puts(&b, c.by);
    csvc__buffer_add(&b, (const char *)text.data + c.to, text.len - c.to);
    (void)cli_must(csvc__buffer_ok(&b) ? &b : NULL);
    result = (csvc_bytes){.len = b.len, .data = cli_must(csvc_arena_strndup(a, b.data, b.len))};
    csvc__buffer_release(&b);
    if (!says(result, name, with, l.n)) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "%s: the list of features is not in a form that c-svc can change; "
                              "%s %s yourself, then: c-svc update",
                              path, with ? "add" : "remove", name);
    }
    *ret_text = result;
    return CSVC_OK;
}
