/* template.c: c-svc template: the templates that projects are made of, and making one's own of
 * them. */
#include "cli.h"
#include "project/files.h"
#include "project/open.h"
#include "update/transaction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define OWN_FOLDER "templates" /* in a project that has none yet */

typedef struct request {
    csvc_arena *a;
    const cli_args *args;
    const char *const *names;
    size_t n_names;
    const char *folder; /* --templates; NULL: the project's */
    const char *root;   /* of the project; NULL: in none */
    project project;
    pipeline pipeline;
} request;

/* ---- which templates there are ---- */

static const gen_embedded *find_embedded(const char *name)
{
    for (size_t i = 0; i < gen_n_embedded_templates; i++) {
        if (strcmp(gen_embedded_templates[i].name, name) == 0) {
            return &gen_embedded_templates[i];
        }
    }
    return NULL;
}

/* server/main.c of project/server/main.c.tmpl, as find_named takes it, too. */
static const char *short_name(csvc_arena *a, const char *name)
{
    const char *from = strncmp(name, "project/", 8) == 0 ? name + 8 : name;
    const size_t len = strlen(from);
    const bool ends = len > 5 && strcmp(from + len - 5, ".tmpl") == 0;

    return cli_must(csvc_arena_strndup(a, from, ends ? len - 5 : len));
}

/* gen/csvc.h.tmpl as it is, and server/main.c or server/main.c.tmpl below project/. Says which was
 * meant when there is none. */
static const gen_embedded *find_named(const request *r, const char *word)
{
    const char *const tries[] = {word, cli_printf(r->a, "%s.tmpl", word),
                                 cli_printf(r->a, "project/%s", word),
                                 cli_printf(r->a, "project/%s.tmpl", word)};
    cli_list names = {0};
    const char *nearest;

    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        const gen_embedded *found = find_embedded(tries[i]);

        if (found != NULL) {
            return found;
        }
    }
    for (size_t i = 0; i < gen_n_embedded_templates; i++) {
        cli_list_add(r->a, &names, gen_embedded_templates[i].name);
        cli_list_add(r->a, &names, short_name(r->a, gen_embedded_templates[i].name));
    }
    nearest = cli_nearest(word, names.items, names.len);
    cli_error("there is no template %s%s%s%s", word, nearest != NULL ? "; did you mean " : "",
              nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
    cli_hint("`c-svc template list` names them all");
    return NULL;
}

/* The folder whose template wins over the built-in one; NULL: none. */
static const char *winner(const request *r, const char *name)
{
    const char *const *folder = r->project.templates.folders;

    for (; folder != NULL && *folder != NULL; folder++) {
        if (files_exists(files_join(r->a, *folder, name))) {
            return *folder;
        }
    }
    return NULL;
}

/* ---- list ---- */

/* Files below a folder of templates that no built-in one is called as. */
static csvc_code list_strangers(const request *r, const char *folder, const char *below,
                                csvc_error *err)
{
    cli_list names = {0};
    csvc_code code = files_list(r->a, files_join(r->a, folder, below), &names, err);

    for (size_t i = 0; code == CSVC_OK && i < names.len; i++) {
        const char *name = files_join(r->a, below, names.items[i]);
        const char *path = files_join(r->a, folder, name);

        if (files_is_folder(path)) {
            code = list_strangers(r, folder, name, err);
        } else if (find_embedded(name) == NULL) {
            printf("%-48s  %s  (c-svc has none of this name: only templates of yours can include "
                   "it)\n",
                   name, path);
        }
    }
    return code;
}

static csvc_code list(const request *r, csvc_error *err)
{
    const char *const *folder = r->project.templates.folders;
    csvc_code code = CSVC_OK;

    for (size_t i = 0; i < gen_n_embedded_templates; i++) {
        const char *name = gen_embedded_templates[i].name;
        const char *own = winner(r, name);

        printf(own != NULL ? "%-48s  %s\n" : "%s\n", name,
               own != NULL ? files_join(r->a, own, name) : "");
    }
    for (; code == CSVC_OK && folder != NULL && *folder != NULL; folder++) {
        code = list_strangers(r, *folder, "", err);
    }
    return code;
}

/* ---- show ---- */

static csvc_code show(const request *r, csvc_error *err)
{
    for (size_t i = 0; i < r->n_names; i++) {
        const gen_embedded *found = find_named(r, r->names[i]);
        csvc_bytes text = {0};
        csvc_code code;

        if (found == NULL) {
            return csvc_error_set(err, CSVC_NOT_FOUND, "%s", "");
        }
        code = gen_template_load(r->a, &r->project.templates, found->name, &text, err);
        if (code != CSVC_OK) {
            return code;
        }
        (void)fwrite(text.data, 1, text.len, stdout);
    }
    return CSVC_OK;
}

/* ---- eject ---- */

/* c-svc.yaml with the folder; its own text stays as it is. */
static csvc_code plan_folder(const request *r, update_txn *txn, csvc_error *err)
{
    const char *path = files_join(r->a, r->root, CONFIG_FILE);
    csvc_bytes text;
    config now;
    const char *with;
    csvc_code code = files_read(r->a, path, CONFIG_MAX_BYTES, &text, err);

    if (code != CSVC_OK) {
        return code;
    }
    with = cli_printf(r->a, "%s%stemplates: " OWN_FOLDER "\n", (const char *)text.data,
                      text.len > 0 && text.data[text.len - 1] != '\n' ? "\n" : "");
    code = config_parse(
        r->a, path, (csvc_bytes){.len = strlen(with), .data = (const uint8_t *)with}, &now, err);
    if (code != CSVC_OK || now.templates == NULL) { /* one in braces, for example */
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "%s: add this line to it first: templates: " OWN_FOLDER, path);
    }
    update_txn_saw(txn, CONFIG_FILE, text);
    update_txn_write(txn, CONFIG_FILE,
                     (csvc_bytes){.len = strlen(with), .data = (const uint8_t *)with}, 0);
    return CSVC_OK;
}

typedef struct templates {
    const gen_embedded **items;
    size_t len;
} templates;

static csvc_bytes bytes_of(const gen_embedded *template)
{
    return (csvc_bytes){.len = template->len, .data = (const uint8_t *)template->text};
}

/* All that are named, or none; each once. */
static csvc_code find_all(const request *r, const char *folder, templates *found, csvc_error *err)
{
    found->items = cli_must(csvc_arena_calloc(r->a, r->n_names, sizeof(gen_embedded *)));
    for (size_t i = 0; i < r->n_names; i++) {
        const gen_embedded *one = find_named(r, r->names[i]);
        bool again = false;

        if (one == NULL) {
            return csvc_error_set(err, CSVC_NOT_FOUND, "%s", "");
        }
        if (files_exists(files_join(r->a, folder, one->name))) {
            return csvc_error_set(err, CSVC_ALREADY_EXISTS, "%s: is there already",
                                  files_join(r->a, folder, one->name));
        }
        for (size_t k = 0; k < found->len; k++) {
            again = again || found->items[k] == one;
        }
        if (!again) {
            found->items[found->len++] = one;
        }
    }
    return CSVC_OK;
}

/* Below `root`, in its folder `own`; a project remembers the folder. All of them or none. */
static csvc_code eject_below(const request *r, const char *root, const char *own, templates *found,
                             csvc_error *err)
{
    bool remembers = r->folder == NULL && r->project.config.templates == NULL;
    update_txn *txn = NULL;
    csvc_code code = update_start(r->a, root, &txn, err);

    code = code == CSVC_OK ? find_all(r, files_join(r->a, root, own), found, err) : code;
    if (code == CSVC_OK && remembers) {
        code = plan_folder(r, txn, err);
    }
    for (size_t i = 0; code == CSVC_OK && i < found->len; i++) {
        const char *path = files_join(r->a, own, found->items[i]->name);

        update_txn_saw(txn, path, (csvc_bytes){0});
        update_txn_write(txn, path, bytes_of(found->items[i]), 0);
    }
    code = code == CSVC_OK ? update_txn_commit(txn, err) : code;
    update_txn_end(txn);
    if (code != CSVC_OK) {
        return code;
    }
    if (remembers) {
        cli_status("update", files_join(r->a, root, CONFIG_FILE));
    }
    for (size_t i = 0; i < found->len; i++) {
        cli_status("create", files_join(r->a, files_join(r->a, root, own), found->items[i]->name));
    }
    return CSVC_OK;
}

/* Into a folder that is somebody's own, and need not be there yet. */
static csvc_code eject_to(const request *r, templates *found, csvc_error *err)
{
    cli_list made = {0};
    csvc_code code = files_make_folders(r->a, r->folder, &made, err);

    code = code == CSVC_OK ? eject_below(r, r->folder, "", found, err) : code;
    for (size_t i = made.len; code != CSVC_OK && i-- > 0;) {
        (void)rmdir(made.items[i]);
    }
    return code;
}

static bool is_within(const char *path)
{
    return path[0] != '/' && strncmp(path, "../", 3) != 0 && strcmp(path, "..") != 0 &&
           strstr(path, "/..") == NULL;
}

static csvc_code eject(request *r, csvc_error *err)
{
    templates found = {0};
    const char *own =
        r->project.config.templates != NULL ? r->project.config.templates : OWN_FOLDER;
    csvc_code code;

    if (r->folder == NULL && r->root == NULL) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "there is no project here or above; name a folder: --templates DIR");
    }
    if (r->folder == NULL && !is_within(own)) {
        r->folder = files_join(r->a, r->root, own);
    }
    code = r->folder != NULL ? eject_to(r, &found, err) : eject_below(r, r->root, own, &found, err);
    if (code == CSVC_OK) {
        printf("%s from now on; `c-svc update` takes %s.\n",
               found.len == 1 ? "It is yours" : "They are yours", found.len == 1 ? "it" : "them");
    }
    return code;
}

/* ---- the command ---- */

/* Which templates are in force: those of the project one stands in, if any. */
static csvc_code open_templates(request *r, csvc_error *err)
{
    r->root = project_find(r->a);
    r->project.a = r->a;
    if (r->root != NULL && r->folder == NULL) {
        return project_open(r->a, &r->project, &r->pipeline, err);
    }
    return project_use_templates(
        &r->project, r->folder != NULL && files_is_folder(r->folder) ? r->folder : NULL, err);
}

static int run_template(csvc_arena *a, const cli_args *args)
{
    static const char *const words[] = {"list", "show", "eject"};
    const char *word = args->operands[0];
    request r = {.a = a,
                 .args = args,
                 .names = args->operands + 1,
                 .n_names = args->n_operands - 1,
                 .folder = cli_args_option(args, "templates", 0)};
    csvc_error err = {CSVC_ERROR_INIT};
    bool lists = strcmp(word, "list") == 0;
    bool shows = strcmp(word, "show") == 0;
    csvc_code code;

    if (!lists && !shows && strcmp(word, "eject") != 0) {
        const char *nearest = cli_nearest(word, words, 3);

        return cli_usage(args->command, "list, show or eject, not '%s'%s%s", word,
                         nearest != NULL ? "; did you mean " : "",
                         nearest != NULL ? cli_printf(a, "%s?", nearest) : "");
    }
    if (lists ? r.n_names > 0 : r.n_names == 0) {
        return cli_usage(
            args->command,
            lists ? "list takes no names" : "%s which? `c-svc template list` names them all", word);
    }
    code = open_templates(&r, &err);
    if (code == CSVC_OK) {
        code = lists ? list(&r, &err) : shows ? show(&r, &err) : eject(&r, &err);
    }
    if (code != CSVC_OK && err.text[0] != '\0') {
        project_print_error(&err);
    }
    return code == CSVC_OK ? CLI_OK : CLI_FAILED;
}

static const cli_option options[] = {
    {.name = "templates", .value = "DIR"},
    {0},
};

const cli_command cli_template = {
    .name = "template",
    .operands = "list|show|eject [NAME]...",
    .min_operands = 1,
    .max_operands = 100,
    .summary = "the templates that files are made of, and having your own",
    .text =
        "  list             all templates; behind those that a folder of yours has, the file\n"
        "  show NAME...     the template in force, on standard output\n"
        "  eject NAME...    copies c-svc's template to where it is yours: in a project to the\n"
        "                   folder that `templates:` in c-svc.yaml names (templates/, which is\n"
        "                   written there, when none is), else to --templates DIR\n"
        "\n"
        "NAME is as `list` prints it, or a file of a project: server/main.c.\n"
        "\n"
        "  --templates DIR  a folder of templates, a team's for example\n"
        "\n"
        "A template of a project wins over one in the folder that the variable C_SVC_TEMPLATES\n"
        "names, and that over the built-in one. Their language is in docs/internals/templates.md.\n"
        "One that uses what c-svc does not have any more is an error with its file, line and "
        "name.\n",
    .options = options,
    .run = run_template,
};
