/* update.c: c-svc update: the project as it is asked for today, and every edit kept. */
#include "answers.h"
#include "cli.h"
#include "project/files.h"
#include "project/open.h"
#include "update/report.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

typedef struct request {
    bool dry_run, check, every, json;
} request;

/* Without "." and "..": "/a/./b/../c" is "/a/c". */
static const char *plain_path(csvc_arena *a, const char *path)
{
    char *plain = cli_must(csvc_arena_strdup(a, path));
    size_t at = 0;

    while (*path != '\0') {
        const size_t len = strcspn(path, "/");

        if (len == 2 && strncmp(path, "..", 2) == 0) {
            while (at > 0 && plain[--at] != '/') {
            }
        } else if (len > 0 && !(len == 1 && *path == '.')) {
            plain[at++] = '/';
            memmove(plain + at, path, len);
            at += len;
        }
        path += len + (path[len] == '/' ? 1 : 0);
    }
    plain[at] = '\0';
    return plain;
}

/* A file as it is named where one stands: "../Makefile" in server/ is the project's Makefile. What
 * leads elsewhere is taken as it is. */
static const char *in_project(csvc_arena *a, const char *path)
{
    const char *root = project_find(a);
    const char *here = files_real_path(a, ".");
    const char *top = root == NULL ? NULL : files_real_path(a, root[0] != '\0' ? root : ".");
    const char *full = path[0] == '/' || here == NULL ? path : cli_printf(a, "%s/%s", here, path);
    const size_t len = top != NULL && strcmp(top, "/") != 0 ? strlen(top) : 0;

    full = plain_path(a, full);
    return top != NULL && strncmp(full, top, len) == 0 && full[len] == '/' ? full + len + 1 : path;
}

static int read_request(csvc_arena *a, const cli_args *args, request *r, update *u)
{
    const char *output = cli_args_option(args, "output", 0);
    const char *const *restore;
    size_t n = cli_args_options(a, args, "restore", &restore);

    r->dry_run = cli_args_option(args, "dry-run", 0) != NULL;
    r->check = cli_args_option(args, "check", 0) != NULL;
    r->every = cli_args_option(args, "verbose", 0) != NULL;
    r->json = output != NULL && strcmp(output, "json") == 0;
    u->allow_breaking = cli_args_option(args, "allow-breaking", 0) != NULL;
    u->how.prune = cli_args_option(args, "prune", 0) != NULL;
    u->how.rebase = cli_args_option(args, "rebase-from-current", 0) != NULL;
    for (size_t i = 0; i < n; i++) {
        cli_list_add(a, &u->restore, in_project(a, restore[i]));
    }
    if (output != NULL && !r->json && strcmp(output, "text") != 0) {
        return cli_usage(args->command, "--output is text or json, not '%s'", output);
    }
    return CLI_OK;
}

static void tell(const update *u, const request *r)
{
    const update_report how = {.every = r->every, .dry_run = r->dry_run || r->check, .width = 8};

    if (r->json) {
        update_print_json(u, &how);
        return;
    }
    update_print(u, &how, NULL);
}

static int run_update(csvc_arena *a, const cli_args *args)
{
    csvc_error err = {CSVC_ERROR_INIT};
    request r = {0};
    update u = {0};
    bool looking;
    csvc_code code;
    int rc = read_request(a, args, &r, &u);

    if (rc != CLI_OK) {
        return rc;
    }
    looking = r.dry_run || r.check;
    code = update_open(a, looking, &u, &err);
    cli_read_answers(a, args, &u.project.answers);
    code = code == CSVC_OK ? update_plan(&u, &err) : code;
    if (code == CSVC_OK) {
        pipeline_print_problems(&u.pipeline);
    }
    if (code == CSVC_OK && !looking && u.changes > 0) {
        update_warn_of_git(&u);
        code = update_commit(&u, &err);
    }
    update_close(&u);
    if (code != CSVC_OK) {
        project_print_error(&err);
        return r.check ? CLI_USAGE : CLI_FAILED;
    }
    tell(&u, &r);
    if (update_say_conflicts(&u)) {
        return CLI_FAILED;
    }
    return r.check && u.changes > 0 ? CLI_FAILED : CLI_OK;
}

static const cli_option options[] = {
    {.name = "dry-run"},
    {.name = "check"},
    {.name = "verbose"},
    {.name = "prune"},
    {.name = "allow-breaking"},
    CLI_ANSWER_OPTIONS,
    {.name = "restore", .value = "FILE", .many = true},
    {.name = "rebase-from-current"},
    {.name = "output", .value = "text|json"},
    {0},
};

const cli_command cli_update = {
    .name = "update",
    .operands = "",
    .summary = "brings the whole project up to date, and keeps what you changed",
    .text =
        "In a project or below it: makes it what this c-svc would make of its protos and its\n"
        "c-svc.yaml today. What you wrote stays:\n"
        "\n"
        "  gen/                         is written anew\n"
        "  handlers, tests, migrations  are yours once they are there; new ones are added, a\n"
        "                               step of migrations/ for every table that has to change\n"
        "  Makefile, main.c, README...  are merged: your changes and c-svc's, as git does\n"
        "\n"
        "A file that you deleted stays away, one that you moved is found again. Where both\n"
        "changed the same lines, the file gets git's markers, everything else is updated, and\n"
        "the exit code is 1. All is written, or nothing.\n"
        "\n"
        "  --dry-run        says what would be done, and does nothing (c-svc diff: line by line)\n"
        "  --check          the same for scripts: 0 when nothing is to be done, 1 when something\n"
        "                   is, 2 when that cannot be told\n"
        "  --verbose        a line for every file\n"
        "  --restore FILE   brings back a file that was deleted; again for more\n"
        "  --prune          removes handlers and other files that nothing asks for any more, when\n"
        "                   they are as c-svc wrote them; the others are listed\n"
        "  --allow-breaking takes protos that callers built before would not understand\n"
        "  --rename OLD=NEW the same by a new name; again for more: a column (OLD=NEW or\n"
        "                   TABLE.OLD=NEW), a table, an rpc (GetUser=FetchUser), a service\n"
        "                   (user.UserService=acme.user.UserService). The handlers and tests of\n"
        "                   rpcs go along, with the names in them that generated code changed;\n"
        "                   also later, while nobody has written to the new ones\n"
        "  --keep OLD       it has no new name: a column or a table stays as it is though no "
        "field\n"
        "                   fills it any more, the handler of an rpc is stale, and a new one is\n"
        "                   written\n"
        "  --allow-data-loss\n"
        "                   drops columns and tables that no field and no message has any more\n"
        "  --output text|json\n"
        "                   for people or for programs\n"
        "  --rebase-from-current\n"
        "                   when .c-svc/ is damaged: makes its records anew, takes your files as\n"
        "                   they are\n"
        "\n"
        "  create     there is a new file          update     as you had it, and ours is newer\n"
        "  merge      yours and ours together      conflict   both changed the same lines\n"
        "  moved      found where you put it       deleted    by you; stays away\n"
        "  stale      nothing asks for it          remove     ours, and no longer made\n"
        "  kept       yours                        identical  as it would be written\n"
        "  rename     yours, by a new name\n",
    .options = options,
    .run = run_update,
};
