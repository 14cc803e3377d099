/* migrations.c: the steps of the schema, from migrations/sqlite/ into gen/migrations.c. */
#include "migrations.h"

#include <string.h>

#include "base/map.h"
#include "files.h"
#include "scope/scope.h"

#include "base/banned.h"

#define FOLDER "migrations/"
#define SQLITE FOLDER "sqlite"

enum {
    MAX_LITERAL = 4095 /* what C promises of a string */
};

/* "0001_users.sql": its number, or 0. */
static uint32_t step_number(const char *name)
{
    uint32_t number = 0;
    size_t len = strlen(name);

    if (strspn(name, "0123456789") != 4 || name[4] != '_' || len < 10 ||
        strcmp(name + len - 4, ".sql") != 0 || !config_path_is_plain(name)) {
        return 0;
    }
    for (size_t i = 0; i < 4; i++) {
        number = number * 10 + (uint32_t)(name[i] - '0');
    }
    return number;
}

static csvc_code check_steps(const char *folder, const cli_list *names, csvc_error *err)
{
    for (size_t i = 0; i < names->len; i++) {
        uint32_t number = step_number(names->items[i]);

        if (number == 0) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "%s%s: error: a step is called NNNN_WORD.sql, as in "
                                  "0002_add_phone.sql",
                                  folder, names->items[i]);
        }
        if (number <= i) {
            return csvc_error_set(
                err, CSVC_INVALID_ARGUMENT,
                "%s%s: error: step %u is there twice: see %s. Where two branches made "
                "one each, the one that has run nowhere yet gets the next number",
                folder, names->items[i], (unsigned)number, names->items[i - 1]);
        }
        if (number > i + 1) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "%s%s: error: step %zu is missing before it", folder,
                                  names->items[i], i + 1);
        }
    }
    return CSVC_OK;
}

csvc_code migrations_list(project *p, const char *dialect, cli_list *ret_paths, csvc_error *err)
{
    const char *folder = cli_printf(p->a, FOLDER "%s/", dialect);
    const size_t len = strlen(folder);
    cli_list names = {0}, there = {0};
    csvc_code code = CSVC_OK;

    if (p->config.storage != CONFIG_SQLITE) {
        return CSVC_OK;
    }
    for (size_t i = 0; i < p->plan.n_outputs; i++) {
        const char *path = p->plan.outputs[i].path;

        if (strncmp(path, folder, len) == 0 && !cli_list_has(&names, path + len)) {
            cli_list_add(p->a, &names, path + len);
        }
    }
    if (p->root != NULL) {
        code = files_list(p->a, files_join(p->a, p->root, folder), &there, err);
    }
    for (size_t i = 0; i < there.len; i++) {
        if (!cli_list_has(&names, there.items[i])) {
            cli_list_add(p->a, &names, there.items[i]);
        }
    }
    cli_list_sort(&names);
    if (code == CSVC_OK) {
        code = check_steps(folder, &names, err);
    }
    for (size_t i = 0; code == CSVC_OK && i < names.len; i++) {
        cli_list_add(p->a, ret_paths, cli_printf(p->a, "%s%s", folder, names.items[i]));
    }
    return code;
}

bool migrations_is_step(const char *path)
{
    return strncmp(path, FOLDER, sizeof(FOLDER) - 1) == 0;
}

/* Each line of SQL as a C string of its own; bytes where that would be longer than C promises. */
static void set_text(csvc_arena *a, gen_value *scope, csvc_bytes sql)
{
    const char *at = (const char *)sql.data;
    gen_value *lines = gen_list(a);
    bool is_short = sql.len <= MAX_LITERAL;

    do {
        size_t len = strcspn(at, "\n");
        bool ends = at[len] == '\n';
        const char *text = cli_must(csvc_arena_strndup(a, at, len));
        const char *quoted = cli_must(gen_c_string(a, text));

        if (ends) { /* "text" to "text\n" */
            quoted = cli_printf(a, "%.*s\\n\"", (int)strlen(quoted) - 1, quoted);
        }
        gen_push(a, lines, gen_text(a, quoted));
        at += len + (ends ? 1 : 0);
    } while (is_short && *at != '\0');
    gen_set(a, scope, "lines", lines);
    gen_set_truth(a, scope, "short", is_short);
    gen_set_text(a, scope, "bytes", is_short ? "" : gen_c_bytes(a, sql));
}

csvc_code migrations_scope(project *p, gen_value *scope, csvc_error *err)
{
    gen_value *steps = gen_list(p->a);
    cli_list paths = {0};
    csvc_code code = migrations_list(p, "sqlite", &paths, err);

    for (size_t i = 0; code == CSVC_OK && i < paths.len; i++) {
        const char *name = paths.items[i] + sizeof(SQLITE);
        gen_value *step = gen_object(p->a);
        csvc_bytes sql;
        char *word;

        code = project_read(p, paths.items[i], &sql, err);
        if (code == CSVC_OK && memchr(sql.data, '\0', sql.len) != NULL) {
            code = csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: error: holds a NUL byte",
                                  paths.items[i]);
        }
        if (code != CSVC_OK) {
            break;
        }
        word = cli_must(csvc_arena_strndup(p->a, name, strlen(name) - 4));
        gen_set_text(p->a, step, "path", paths.items[i]);
        gen_set_text(p->a, step, "name", word);
        gen_set_text(p->a, step, "symbol", cli_printf(p->a, "step_%u", step_number(name)));
        gen_set_number(p->a, step, "version", step_number(name));
        gen_set_text(
            p->a, step, "checksum",
            cli_printf(p->a, "0x%016llx", (unsigned long long)csvc__hash(sql.data, sql.len)));
        set_text(p->a, step, sql);
        gen_push(p->a, steps, step);
    }
    gen_set(p->a, scope, "steps", steps);
    return code;
}
