/* config.c: reads c-svc.yaml with libyaml. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "features.h"
#include "nodes.h"

#include "base/banned.h"

typedef struct reader {
    csvc_arena *a;
    const char *path;
    yaml_document_t *document;
    config config;
    csvc_error *err;
} reader;

static const char *const keys[] = {"name",     "protos",    "include",  "storage",
                                   "features", "inference", "templates"};
static const char *const storages[] = {"none", "sqlite"};

const char *config_storage_name(config_storage storage)
{
    return storages[storage];
}

bool config_has(const config *c, const char *name)
{
    return cli_list_has(&c->features, name);
}

static csvc_code refuse(const reader *r, yaml_mark_t mark, const char *format, ...)
    CSVC_PRINTF(3, 4);
static csvc_code refuse(const reader *r, yaml_mark_t mark, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return csvc_error_set(r->err, CSVC_INVALID_ARGUMENT, "%s:%zu:%zu: error: %s", r->path,
                          mark.line + 1, mark.column + 1, text);
}

static const char *or_meant(csvc_arena *a, const char *word, const char *const *names, size_t n)
{
    const char *nearest = cli_nearest(word, names, n);

    return nearest != NULL ? cli_printf(a, "; did you mean \"%s\"?", nearest) : "";
}

static const char *one_of(csvc_arena *a, const char *const *names, size_t n)
{
    cli_list list = {0};

    for (size_t i = 0; i < n; i++) {
        cli_list_add(a, &list, names[i]);
    }
    return cli_list_join(a, &list, ", ");
}

static csvc_code read_name(reader *r, const yaml_node_t *node)
{
    const char *better = NULL;
    const char *problem;

    r->config.name = nodes_text(r->a, node);
    if (r->config.name == NULL) {
        return refuse(r, node->start_mark, "name is to be a text: name: user-service");
    }
    problem = config_name_problem(r->a, r->config.name, &better);
    if (problem != NULL) {
        return refuse(r, node->start_mark, "the name \"%s\" %s%s%s", r->config.name, problem,
                      better != NULL ? "; try " : "", better != NULL ? better : "");
    }
    return CSVC_OK;
}

static config_place place_of(const yaml_node_t *node)
{
    return (config_place){.line = node->start_mark.line + 1, .column = node->start_mark.column + 1};
}

/* ./proto/ is proto: a folder has one name. */
static const char *without_dots(const reader *r, const char *path)
{
    size_t len;

    while (path[0] == '.' && path[1] == '/' && path[2] != '\0') {
        path += 2;
    }
    len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return cli_must(csvc_arena_strndup(r->a, path, len));
}

/* A list of paths below the project, or one alone. */
static csvc_code read_paths(reader *r, const char *key, yaml_node_t *node, cli_list *list,
                            const config_place **ret_at)
{
    config_place *at;
    yaml_node_item_t single = 0;
    const yaml_node_item_t *item = &single;
    const yaml_node_item_t *end = &single + 1;

    if (node->type == YAML_SEQUENCE_NODE) {
        item = node->data.sequence.items.start;
        end = node->data.sequence.items.top;
    }
    at = cli_must(csvc_arena_calloc(r->a, (size_t)(end - item) + 1, sizeof(*at)));
    for (; item < end; item++) {
        const yaml_node_t *entry =
            item == &single ? node : yaml_document_get_node(r->document, *item);
        const char *path = nodes_text(r->a, entry);

        if (path == NULL || path[0] == '\0') {
            return refuse(r, entry != NULL ? entry->start_mark : node->start_mark,
                          "%s is to be a list of paths: %s: [proto%s]", key, key,
                          strcmp(key, "protos") == 0 ? "/user.proto" : "");
        }
        if (!config_path_is_plain(path)) {
            return refuse(r, entry->start_mark,
                          "\"%s\": only letters, digits and _ . / + - may stand in a path", path);
        }
        path = without_dots(r, path);
        if (cli_list_has(list, path)) {
            return refuse(r, entry->start_mark, "%s is listed twice", path);
        }
        if (list->len >= CONFIG_MAX_PROTOS) {
            return refuse(r, entry->start_mark, "%s lists more than %d paths", key,
                          CONFIG_MAX_PROTOS);
        }
        at[list->len] = place_of(entry);
        cli_list_add(r->a, list, path);
    }
    *ret_at = list->len > 0 ? at : NULL;
    return CSVC_OK;
}

static csvc_code read_storage(reader *r, const yaml_node_t *node)
{
    const char *word = nodes_text(r->a, node);
    size_t n = sizeof(storages) / sizeof(storages[0]);

    for (size_t i = 0; word != NULL && i < n; i++) {
        if (strcmp(word, storages[i]) == 0) {
            r->config.storage = (config_storage)i;
            return CSVC_OK;
        }
    }
    return refuse(r, node->start_mark, "storage is %s, not \"%s\"%s", one_of(r->a, storages, n),
                  word != NULL ? word : "a list",
                  word != NULL ? or_meant(r->a, word, storages, n) : "");
}

/* A feature whose files speak of another's. */
static csvc_code check_needs(const reader *r, const yaml_node_t *node)
{
    for (size_t i = 0; i < r->config.features.len; i++) {
        const feature *f = features_find(r->config.features.items[i]);

        if (f->needs != NULL && !config_has(&r->config, f->needs)) {
            const yaml_node_t *entry =
                yaml_document_get_node(r->document, node->data.sequence.items.start[i]);

            return refuse(r, entry->start_mark, "%s needs the feature %s, too", f->name, f->needs);
        }
    }
    return CSVC_OK;
}

static csvc_code read_features(reader *r, yaml_node_t *node)
{
    const yaml_node_item_t *item;

    if (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0) {
        return CSVC_OK; /* `features:` and nothing behind it */
    }
    if (node->type != YAML_SEQUENCE_NODE) {
        return refuse(r, node->start_mark, "features is to be a list: features: [docker]");
    }
    for (item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
        const yaml_node_t *entry = yaml_document_get_node(r->document, *item);
        const char *word = nodes_text(r->a, entry);

        if (word == NULL) {
            return refuse(r, entry != NULL ? entry->start_mark : node->start_mark,
                          "features is to be a list of words: features: [docker]");
        }
        if (features_find(word) == NULL) {
            const char *nearest = features_nearest(word);

            return refuse(
                r, entry->start_mark, "no feature is called \"%s\"%s (there are %s)", word,
                nearest != NULL ? cli_printf(r->a, "; did you mean \"%s\"?", nearest) : "",
                features_names(r->a, ", "));
        }
        if (config_has(&r->config, word)) {
            return refuse(r, entry->start_mark, "%s is listed twice", word);
        }
        cli_list_add(r->a, &r->config.features, word);
    }
    return check_needs(r, node);
}

static csvc_code read_inference(reader *r, const yaml_node_t *node)
{
    const char *word = nodes_text(r->a, node);

    if (word == NULL || strcmp(word, "1") != 0) {
        return refuse(r, node->start_mark,
                      "inference is the number of a rule set; this release knows 1");
    }
    r->config.inference = 1;
    return CSVC_OK;
}

static csvc_code read_templates(reader *r, const yaml_node_t *node)
{
    const char *path = nodes_text(r->a, node);

    if (path == NULL || !config_path_is_plain(path)) {
        return refuse(r, node->start_mark,
                      "templates is a folder: letters, digits and _ . / + - may stand in its path");
    }
    r->config.templates = path;
    r->config.templates_at = place_of(node);
    return CSVC_OK;
}

static csvc_code read_pair(reader *r, const char *key, yaml_mark_t mark, yaml_node_t *value)
{
    if (strcmp(key, "name") == 0) {
        return read_name(r, value);
    }
    if (strcmp(key, "protos") == 0) {
        return read_paths(r, key, value, &r->config.protos, &r->config.protos_at);
    }
    if (strcmp(key, "include") == 0) {
        return read_paths(r, key, value, &r->config.include, &r->config.include_at);
    }
    if (strcmp(key, "storage") == 0) {
        return read_storage(r, value);
    }
    if (strcmp(key, "features") == 0) {
        return read_features(r, value);
    }
    if (strcmp(key, "inference") == 0) {
        return read_inference(r, value);
    }
    if (strcmp(key, "templates") == 0) {
        return read_templates(r, value);
    }
    return refuse(r, mark, "unknown key \"%s\"%s (known: %s)", key,
                  or_meant(r->a, key, keys, sizeof(keys) / sizeof(keys[0])),
                  one_of(r->a, keys, sizeof(keys) / sizeof(keys[0])));
}

static csvc_code read_mapping(reader *r, const yaml_node_t *root)
{
    yaml_mark_t protos = root->start_mark;
    cli_list seen = {0};
    csvc_code code = CSVC_OK;

    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         code == CSVC_OK && pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key_node = yaml_document_get_node(r->document, pair->key);
        yaml_node_t *value = yaml_document_get_node(r->document, pair->value);
        const char *key = nodes_text(r->a, key_node);

        if (key == NULL || value == NULL) {
            return refuse(r, root->start_mark, "a key is to be a word");
        }
        if (cli_list_has(&seen, key)) {
            return refuse(r, key_node->start_mark, "\"%s\" is given twice", key);
        }
        cli_list_add(r->a, &seen, key);
        protos = strcmp(key, "protos") == 0 ? value->start_mark : protos;
        code = read_pair(r, key, key_node->start_mark, value);
    }
    if (code != CSVC_OK) {
        return code;
    }
    if (r->config.name == NULL) {
        return refuse(r, root->start_mark, "\"name\" is missing: name: user-service");
    }
    if (r->config.protos.len == 0) {
        return refuse(r, protos, "\"protos\" is %s: protos: [proto/user.proto]",
                      cli_list_has(&seen, "protos") ? "empty" : "missing");
    }
    return CSVC_OK;
}

/* What follows the first document (`---`, text behind a {...}) would be ignored. */
static csvc_code check_end(const reader *r, yaml_parser_t *parser)
{
    yaml_document_t more;
    const yaml_node_t *root;
    csvc_code code;

    if (!yaml_parser_load(parser, &more)) {
        return refuse(r, parser->problem_mark, "%s",
                      parser->problem != NULL ? parser->problem : "is no YAML");
    }
    root = yaml_document_get_root_node(&more);
    code = root == NULL ? CSVC_OK
                        : refuse(r, root->start_mark, "is behind the end of the configuration");
    yaml_document_delete(&more);
    return code;
}

/* YAML has none there, and its parser does not say that this is what it stumbled over. */
static bool is_indented_by_tab(csvc_bytes text, size_t line)
{
    size_t i = 0;

    for (; i < text.len && line > 0; i++) {
        line -= text.data[i] == '\n' ? 1 : 0;
    }
    while (i < text.len && text.data[i] == ' ') {
        i++;
    }
    return i < text.len && text.data[i] == '\t';
}

csvc_code config_parse(csvc_arena *a, const char *path, csvc_bytes text, config *ret_config,
                       csvc_error *err)
{
    reader r = {.a = a, .path = path, .err = err, .config = {.inference = CONFIG_INFERENCE}};
    yaml_parser_t parser;
    yaml_document_t document;
    const yaml_node_t *root;
    csvc_code code;

    r.document = &document;
    if (!yaml_parser_initialize(&parser)) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "%s: out of memory", path);
    }
    yaml_parser_set_input_string(&parser, text.data, text.len);
    if (!yaml_parser_load(&parser, &document)) {
        yaml_mark_t mark = parser.problem_mark;

        code = is_indented_by_tab(text, mark.line)
                   ? refuse(&r, mark, "the line begins with a tab; write spaces")
                   : refuse(&r, mark, "%s%s%s", parser.context != NULL ? parser.context : "",
                            parser.context != NULL ? ": " : "",
                            parser.problem != NULL ? parser.problem : "is no YAML");
        yaml_parser_delete(&parser);
        return code;
    }
    root = yaml_document_get_root_node(&document);
    if (root == NULL || root->type != YAML_MAPPING_NODE) {
        code = refuse(&r, root != NULL ? root->start_mark : (yaml_mark_t){0},
                      "is to have a key and a value on each line: name: user-service");
    } else {
        code = read_mapping(&r, root);
    }
    yaml_document_delete(&document);
    if (code == CSVC_OK) {
        code = check_end(&r, &parser);
    }
    yaml_parser_delete(&parser);
    if (code == CSVC_OK) {
        if (r.config.include.len == 0) {
            cli_list_add(a, &r.config.include, "proto");
        }
        *ret_config = r.config;
    }
    return code;
}
