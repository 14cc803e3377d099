/* birth.c: what a new project is to be: the questions, and the plan of its files. */
#include "birth.h"

#include "first_proto.h"
#include "project/files.h"
#include "project/compose.h"
#include "project/example.h"
#include "project/features.h"
#include "protos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* ---- what was asked for ---- */

static int check_name(const birth *r)
{
    const char *better = NULL;
    const char *problem = config_name_problem(r->a, r->name, &better);

    if (problem == NULL) {
        return CLI_OK;
    }
    if (better != NULL) {
        return cli_usage(r->args->command, "the name '%s' %s; try %s", r->name, problem, better);
    }
    return cli_usage(r->args->command, "the name '%s' %s", r->name, problem);
}

static int check_storage(birth *r)
{
    const char *word = cli_args_option(r->args, "storage", 0);

    r->has_storage = word != NULL;
    if (word == NULL || strcmp(word, "sqlite") == 0) {
        r->storage = CONFIG_SQLITE;
    } else if (strcmp(word, "none") == 0) {
        r->storage = CONFIG_NONE;
    } else {
        return cli_usage(r->args->command, "--storage is sqlite or none, not '%s'", word);
    }
    return CLI_OK;
}

/* Takes a name, or `all`, into or out of the list; what it needs comes with it, what needs it goes
 * with it. */
static void choose(birth *r, const char *word, bool with)
{
    const feature *asked = features_find(word); /* NULL: all */
    cli_list left = {0};

    for (const feature *f = features_all; f->name != NULL; f++) {
        bool changes = asked == NULL || features_follow(f, asked, with);

        if (changes ? with : cli_list_has(&r->features, f->name)) {
            cli_list_add(r->a, &left, f->name);
        }
    }
    r->features = left;
}

static int choose_word(birth *r, const char *word, bool with)
{
    int rc = strcmp(word, "all") == 0 ? CLI_OK : cli_check_feature(r->a, r->args->command, word);

    if (rc == CLI_OK) {
        choose(r, word, with);
    }
    return rc;
}

/* --with and --without, in the order given: --without all --with docker,ci. */
static int choose_features(birth *r)
{
    int rc = CLI_OK;

    features_default(r->a, &r->features);
    if (r->in_place) {
        choose(r, "buf", false); /* its modules lie within the project */
    }
    for (size_t i = 0; rc == CLI_OK && i < r->args->n_options; i++) {
        const bool with = strcmp(r->args->names[i], "with") == 0;
        const char *words = r->args->values[i];

        while (rc == CLI_OK && (with || strcmp(r->args->names[i], "without") == 0) &&
               *words != '\0') {
            const size_t len = strcspn(words, ",");

            rc = choose_word(r, cli_must(csvc_arena_strndup(r->a, words, len)), with);
            words += words[len] == ',' ? len + 1 : len;
        }
    }
    return rc;
}

int birth_read(csvc_arena *a, const cli_args *args, const char *name, const char *target, birth *r)
{
    int rc;

    *r = (birth){.a = a, .args = args, .name = name};
    r->n_protos = cli_args_options(a, args, "proto", &r->protos);
    r->n_folders = cli_args_options(a, args, "I", &r->folders);
    r->dry_run = cli_args_option(args, "dry-run", 0) != NULL;
    r->in_place = cli_args_option(args, "in-place", 0) != NULL;
    if (r->in_place && r->n_protos == 0) {
        return cli_usage(args->command, "--in-place is about protos that are there: name them with "
                                        "--proto");
    }
    rc = check_name(r);
    rc = rc == CLI_OK ? check_storage(r) : rc;
    rc = rc == CLI_OK ? choose_features(r) : rc;
    if (rc == CLI_OK) {
        char *folder = cli_must(csvc_arena_strdup(a, target));

        for (size_t len = strlen(folder); len > 1 && folder[len - 1] == '/'; len--) {
            folder[len - 1] = '\0';
        }
        r->target = folder;
        rc = protos_check(a, args, r->protos, r->n_protos, r->folders, r->n_folders);
    }
    return rc;
}

/* ---- names of files ---- */

static csvc_code check_import_names(const pipeline *p, csvc_error *err)
{
    for (size_t i = 0; i < p->n_files; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(p->files[i].name, p->files[k].name) == 0) {
                return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                      "%s and %s would both be proto/%s; tell them apart with -I, "
                                      "the folder their import paths start from",
                                      p->files[k].path, p->files[i].path, p->files[i].name);
            }
        }
    }
    for (size_t i = 0; i < p->model->n_files; i++) {
        const char *name = p->model->files[i]->name;

        if (!config_path_is_plain(name)) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "the import path \"%s\" holds a character that make cannot "
                                  "stand; letters, digits and _ . / + - may be in it",
                                  name);
        }
    }
    return CSVC_OK;
}

/* ---- the project ---- */

/* Where a folder is, seen from the project, which is yet to be made. */
static const char *seen_from(csvc_arena *a, const char *target, const char *folder)
{
    const char *from = files_exists(target) ? files_real_path(a, target) : NULL;
    const char *real = files_real_path(a, folder);
    const char *name = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : target;
    const char *up = "";
    size_t same = 0; /* how much of both is the same, up to a '/' or an end */

    if (from == NULL) {
        from = files_real_path(a, files_folder(a, target));
        from =
            from != NULL ? cli_printf(a, "%s/%s", strcmp(from, "/") == 0 ? "" : from, name) : NULL;
    }
    if (from == NULL || real == NULL) {
        return real; /* the folders above are yet to be made, too: in full */
    }
    for (size_t i = 0;; i++) {
        if ((from[i] == '/' || from[i] == '\0') && (real[i] == '/' || real[i] == '\0')) {
            same = i;
        }
        if (from[i] != real[i] || from[i] == '\0') {
            break;
        }
    }
    for (const char *c = from + same; *c != '\0'; c++) {
        up = *c == '/' ? cli_printf(a, "%s../", up) : up;
    }
    return cli_printf(a, "%s%s", up, real[same] == '/' ? real + same + 1 : real + same);
}

static csvc_code use_templates(const birth *r, project *pr, csvc_error *err)
{
    const char *folder = cli_args_option(r->args, "templates", 0);
    csvc_code code = project_use_templates(pr, folder, err);

    if (folder != NULL && code == CSVC_OK) {
        pr->config.templates = seen_from(r->a, r->target, folder);
        if (pr->config.templates == NULL || !config_path_is_plain(pr->config.templates)) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "%s: only letters, digits and _ . / + - may stand in the path of "
                                  "the templates",
                                  folder);
        }
    }
    return code;
}

/* Where the project has its protos: in proto/, or where they are. */
static csvc_code name_protos(const birth *r, const pipeline *p, project *pr, csvc_error *err)
{
    csvc_arena *a = r->a;

    if (!r->in_place) {
        cli_list_add(a, &pr->config.include, "proto");
    }
    for (size_t i = 0; r->in_place && i < p->folders.len; i++) {
        const char *folder = seen_from(a, r->target, p->folders.items[i]);

        folder = folder != NULL && folder[0] == '\0' ? "." : folder; /* the project's own */
        if (folder == NULL || !config_path_is_plain(folder)) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "%s: only letters, digits and _ . / + - may stand in the path of "
                                  "protos that stay where they are",
                                  p->folders.items[i]);
        }
        cli_list_add(a, &pr->config.include, folder);
    }
    for (size_t i = 0; i < p->n_files; i++) {
        const char *name = p->files[i].name;
        size_t k = 0;

        while (r->in_place && k + 1 < p->folders.len &&
               !files_exists(files_join(a, p->folders.items[k], name))) {
            k++;
        }
        cli_list_add(a, &pr->config.protos, files_join(a, pr->config.include.items[k], name));
    }
    return CSVC_OK;
}

csvc_code birth_plan_own(const birth *r, pipeline *p, project *pr, csvc_error *err)
{
    csvc_arena *a = r->a;
    csvc_bytes first_proto = {0};
    protoc_file *copies;
    size_t n_copies = 0;
    csvc_code code = use_templates(r, pr, err);

    if (code != CSVC_OK) {
        return code;
    }
    code = r->n_protos > 0
               ? protos_compile(p, r->protos, r->n_protos, r->folders, r->n_folders, err)
               : first_proto_compile(r->name, p, &pr->templates, &first_proto, err);
    code = code == CSVC_OK ? pipeline_build(p, err) : code;
    code = code == CSVC_OK ? check_import_names(p, err) : code;
    if (code != CSVC_OK) {
        return code;
    }
    pr->config.name = r->name;
    pr->config.inference = CONFIG_INFERENCE;
    pr->config.storage = r->storage;
    pr->config.features = r->features;
    if (!r->has_storage && p->model->n_entities == 0) {
        pr->config.storage = CONFIG_NONE;
    }
    code = name_protos(r, p, pr, err);
    if (code != CSVC_OK) {
        return code;
    }
    copies = cli_must(csvc_arena_calloc(a, p->model->n_files + 1, sizeof(*copies)));
    for (size_t i = 0; i < p->model->n_files && r->n_protos > 0 && !r->in_place; i++) {
        const char *name = p->model->files[i]->name;

        if (!pipeline_is_provided(name)) {
            copies[n_copies++] = (protoc_file){.name = cli_printf(a, "proto/%s", name),
                                               .path = protoc_find(a, &p->all, name)};
            (void)cli_must(copies[n_copies - 1].path);
        }
    }
    code = compose_sources(pr, copies, n_copies, err);
    if (code == CSVC_OK && r->n_protos == 0) {
        project_add(pr, pr->config.protos.items[0], GEN_YOURS, first_proto);
    }
    return code == CSVC_OK ? compose_own(pr, err) : code;
}

/* The order a reader wants: what was asked for, what came of it, the rest. */
static int rank(const char *path)
{
    static const char *const tops[] = {CONFIG_FILE,   "proto/",   "gen/",     "server/", "client/",
                                       "migrations/", "tests/",   "bench/",   "deploy/", "Makefile",
                                       "README.md",   "buf.yaml", ".github/", ".git",    ".clang",
                                       ".docker",     LOCK_HOME};
    const int n_tops = sizeof(tops) / sizeof(tops[0]);
    int n = 0;

    while (n < n_tops && strncmp(path, tops[n], strlen(tops[n])) != 0) {
        n++;
    }
    return n;
}

static int by_rank(const void *x, const void *y)
{
    const char *a = ((const gen_output *)x)->path;
    const char *b = ((const gen_output *)y)->path;

    return rank(a) != rank(b) ? rank(a) - rank(b) : strcmp(a, b);
}

csvc_code birth_plan_gen(project *pr, csvc_error *err)
{
    csvc_code code;

    lock_born(pr);
    code = compose_gen(pr, err);
    if (code == CSVC_OK) {
        qsort(pr->plan.outputs, pr->plan.n_outputs, sizeof(gen_output), by_rank);
    }
    return code;
}

void birth_print_files(const birth *r, const project *pr, const cli_list *same)
{
    bool bases = false;

    for (size_t i = 0; i < pr->plan.n_outputs; i++) {
        const char *path = pr->plan.outputs[i].path;

        if (strncmp(path, LOCK_BASE, sizeof(LOCK_BASE) - 1) == 0) {
            if (bases) {
                continue; /* copies of what stands above */
            }
            bases = true;
            path = LOCK_BASE;
        }
        cli_status(cli_list_has(same, path) ? "identical" : "create",
                   files_join(r->a, r->target, path));
    }
}

/* pkg-config has to find libcsvc for what `Next:` says. */
static const char *missing_path(csvc_arena *a)
{
    const char *const argv[] = {"pkg-config", "--exists", "libcsvc", NULL};
    csvc_error err = {CSVC_ERROR_INIT};
    const char *own = protoc_own_folder(a);
    const char *before = getenv("PKG_CONFIG_PATH");
    gen_process_result result;

    if (own == NULL || cli_run(a, argv, &result, &err) != CSVC_OK || result.exit_code == 0) {
        return NULL;
    }
    own = files_folder(a, files_folder(a, files_folder(a, own)));
    if (!files_exists(cli_printf(a, "%s/lib/pkgconfig/libcsvc.pc", own))) {
        return NULL;
    }
    return cli_printf(a, "export PKG_CONFIG_PATH=%s/lib/pkgconfig%s", own,
                      before != NULL && before[0] != '\0' ? ":$PKG_CONFIG_PATH" : "");
}

void birth_print_summary(const birth *r, project *pr)
{
    csvc_arena *a = r->a;
    project_counts counts;
    size_t stubs = 0;
    const char *example = project_example(pr);
    const char *export = missing_path(a);
    const char *run =
        strcmp(r->target, ".") == 0 ? "make run" : cli_printf(a, "cd %s && make run", r->target);

    project_count(pr, &counts);
    stubs = counts.stubs;
    printf("%s: %zu service%s, %zu rpc%s, ", r->name, counts.services,
           counts.services == 1 ? "" : "s", counts.rpcs, counts.rpcs == 1 ? "" : "s");
    if (pr->config.storage == CONFIG_NONE) {
        printf("no storage.\n");
    } else if (counts.entities.len == 0) {
        printf("no entities, SQLite.\n");
    } else {
        printf("%s %s on SQLite.\n", counts.entities.len == 1 ? "entity" : "entities",
               cli_list_join(a, &counts.entities, ", "));
    }
    if (stubs > 0) {
        printf("%zu handler%s to write; make lists %s as `todo:`.\n", stubs,
               stubs == 1 ? " is yours" : "s are yours", stubs == 1 ? "it" : "them");
    }
    if (r->no_next) {
        return;
    }
    printf("Next:  ");
    if (export != NULL) {
        printf("%s\n       ", export);
    }
    if (example != NULL) {
        printf("%-34s then, in another terminal:\n", run);
        printf("       %s\n", example);
    } else {
        printf("%s\n", run);
    }
}
