/*
 * buf.c: modules and dependencies of a buf.yaml.
 *
 * buf keeps the files of a dependency, unpacked, in
 * CACHE/v3/modules/DIGEST_TYPE/REGISTRY/OWNER/NAME/COMMIT/files; buf.lock has all but the first
 * words of that.
 */
#include "buf.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "files.h"
#include "nodes.h"

#include "base/banned.h"

enum {
    MAX_BYTES = 1 << 20
};

typedef struct document {
    bool there;
    yaml_document_t yaml;
} document;

static csvc_code open_document(csvc_arena *a, const char *path, document *d, csvc_error *err)
{
    yaml_parser_t parser;
    csvc_bytes text;
    csvc_code code;

    d->there = false;
    if (!files_exists(path)) {
        return CSVC_OK;
    }
    code = files_read(a, path, MAX_BYTES, &text, err);
    if (code != CSVC_OK) {
        return code;
    }
    (void)cli_must(yaml_parser_initialize(&parser) ? a : NULL);
    yaml_parser_set_input_string(&parser, text.data, text.len);
    d->there = yaml_parser_load(&parser, &d->yaml) != 0;
    if (!d->there) {
        code = csvc_error_set(err, CSVC_FAILED_PRECONDITION, "%s:%zu:%zu: error: %s", path,
                              parser.problem_mark.line + 1, parser.problem_mark.column + 1,
                              parser.problem != NULL ? parser.problem : "cannot be read");
    }
    yaml_parser_delete(&parser);
    return code;
}

static void close_document(document *d)
{
    if (d->there) {
        yaml_document_delete(&d->yaml);
    }
}

/* The text of a node that may stand in a path; NULL: it is none. */
static const char *plain(csvc_arena *a, const yaml_node_t *node)
{
    const char *text = nodes_text(a, node);

    return text != NULL && text[0] != '\0' && config_path_is_plain(text) &&
                   strstr(text, "..") == NULL
               ? text
               : NULL;
}

static const char *word(csvc_arena *a, document *d, const yaml_node_t *node, const char *name)
{
    return plain(a, nodes_member(&d->yaml, node, name));
}

static void add(csvc_arena *a, cli_list *folders, const char *folder)
{
    if (files_is_folder(folder) && !cli_list_has(folders, folder)) {
        cli_list_add(a, folders, folder);
    }
}

/* ---- buf.yaml ---- */

/* v2 has modules, each in a folder; before, the folder of the buf.yaml was the module. */
static void add_modules(csvc_arena *a, document *d, const char *folder, cli_list *folders)
{
    const yaml_node_t *modules =
        nodes_member(&d->yaml, yaml_document_get_root_node(&d->yaml), "modules");

    if (modules == NULL || modules->type != YAML_SEQUENCE_NODE) {
        add(a, folders, folder[0] != '\0' ? folder : ".");
        return;
    }
    for (const yaml_node_item_t *item = modules->data.sequence.items.start;
         item < modules->data.sequence.items.top; item++) {
        const char *path = word(a, d, yaml_document_get_node(&d->yaml, *item), "path");

        if (path != NULL) {
            add(a, folders, files_join(a, folder, path));
        }
    }
}

/* ---- buf.lock ---- */

static const char *cache_folder(csvc_arena *a)
{
    const char *own = getenv("BUF_CACHE_DIR");
    const char *all = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");

    return own != NULL && own[0] != '\0' ? own
           : all != NULL && all[0] != '\0'
               ? cli_printf(a, "%s/buf", all)
               : cli_printf(a, "%s/.cache/buf", home != NULL ? home : "");
}

/* REGISTRY/OWNER/NAME, which v1 has in three members. */
static const char *name_of(csvc_arena *a, document *d, const yaml_node_t *dep)
{
    const char *remote = word(a, d, dep, "remote");
    const char *owner = word(a, d, dep, "owner");
    const char *repository = word(a, d, dep, "repository");

    return remote != NULL && owner != NULL && repository != NULL
               ? cli_printf(a, "%s/%s/%s", remote, owner, repository)
               : word(a, d, dep, "name");
}

static void add_dependency(csvc_arena *a, document *d, const yaml_node_t *dep, cli_list *folders,
                           cli_list *missing)
{
    static const char *const digests[] = {"b5", "b4"};
    const char *name = name_of(a, d, dep);
    const char *commit = word(a, d, dep, "commit");

    for (size_t i = 0; name != NULL && commit != NULL && i < 2; i++) {
        const char *folder = cli_printf(a, "%s/v3/modules/%s/%s/%s/files", cache_folder(a),
                                        digests[i], name, commit);

        if (files_is_folder(folder)) {
            add(a, folders, folder);
            return;
        }
    }
    if (name != NULL && !cli_list_has(missing, name)) {
        cli_list_add(a, missing, name);
    }
}

static csvc_code add_dependencies(csvc_arena *a, const char *folder, cli_list *folders,
                                  cli_list *missing, csvc_error *err)
{
    const yaml_node_t *deps;
    document d;
    csvc_code code = open_document(a, files_join(a, folder, BUF_LOCK), &d, err);

    deps = d.there ? nodes_member(&d.yaml, yaml_document_get_root_node(&d.yaml), "deps") : NULL;
    if (deps != NULL && deps->type == YAML_SEQUENCE_NODE) {
        for (const yaml_node_item_t *item = deps->data.sequence.items.start;
             item < deps->data.sequence.items.top; item++) {
            add_dependency(a, &d, yaml_document_get_node(&d.yaml, *item), folders, missing);
        }
    }
    close_document(&d);
    return code;
}

/* ---- both ---- */

static csvc_code add_folder(csvc_arena *a, const char *folder, cli_list *folders, cli_list *missing,
                            csvc_error *err)
{
    document d;
    csvc_code code = open_document(a, files_join(a, folder, BUF_FILE), &d, err);

    if (code == CSVC_OK && d.there) {
        add_modules(a, &d, folder, folders);
        code = add_dependencies(a, folder, folders, missing, err);
    }
    close_document(&d);
    return code;
}

/* ---- buf.work.yaml ---- */

/* Modules of version 1, side by side; each may have a buf.yaml and a buf.lock of its own. */
static csvc_code add_workspace(csvc_arena *a, const char *folder, cli_list *folders,
                               cli_list *missing, csvc_error *err)
{
    const yaml_node_t *list;
    document d;
    csvc_code code = open_document(a, files_join(a, folder, BUF_WORKSPACE), &d, err);

    list =
        d.there ? nodes_member(&d.yaml, yaml_document_get_root_node(&d.yaml), "directories") : NULL;
    if (list != NULL && list->type == YAML_SEQUENCE_NODE) {
        for (const yaml_node_item_t *item = list->data.sequence.items.start;
             code == CSVC_OK && item < list->data.sequence.items.top; item++) {
            const char *path = plain(a, yaml_document_get_node(&d.yaml, *item));

            if (path != NULL) {
                add(a, folders, files_join(a, folder, path));
                code = add_folder(a, files_join(a, folder, path), folders, missing, err);
            }
        }
    }
    close_document(&d);
    return code;
}

csvc_code buf_folders(csvc_arena *a, const char *folder, cli_list *folders, cli_list *missing,
                      csvc_error *err)
{
    csvc_code code = add_folder(a, folder, folders, missing, err);

    return code == CSVC_OK ? add_workspace(a, folder, folders, missing, err) : code;
}

csvc_code buf_folders_of_import(csvc_arena *a, const char *folder, cli_list *folders,
                                cli_list *missing, csvc_error *err)
{
    const char *above = files_folder(a, folder);
    csvc_code code = buf_folders(a, folder, folders, missing, err);

    return code == CSVC_OK && strcmp(above, folder) != 0
               ? buf_folders(a, strcmp(above, ".") == 0 ? "" : above, folders, missing, err)
               : code;
}
