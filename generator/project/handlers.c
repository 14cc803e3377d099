/* handlers.c: handlers that do not lie where c-svc would put them. */
#include "handlers.h"

#include <ctype.h>
#include <string.h>

#include "files.h"

#include "base/banned.h"

enum {
    MAX_SOURCES = 10000,
    MAX_DEPTH = 8
};

typedef struct sources {
    bool read;
    cli_list paths;
    cli_list texts;
    cli_list odd; /* those whose names make does not take; not in the other two */
    cli_list odd_texts;
} sources;

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Behind blanks and comments. */
static const char *skip_blanks(const char *c)
{
    for (;;) {
        if (isspace((unsigned char)*c)) {
            c++;
        } else if (c[0] == '/' && c[1] == '*') {
            const char *end = strstr(c + 2, "*/");

            c = end != NULL ? end + 2 : c + strlen(c);
        } else if (c[0] == '/' && c[1] == '/') {
            c += strcspn(c, "\n");
        } else {
            return c;
        }
    }
}

/* Behind the bracket that closes the one here; NULL when none does. */
static const char *behind_brackets(const char *c)
{
    int depth = 0;

    for (; *c != '\0'; c++) {
        depth += *c == '(' ? 1 : *c == ')' ? -1 : 0;
        if (depth == 0) {
            return c + 1;
        }
    }
    return NULL;
}

static size_t line_of(const char *source, const char *at)
{
    size_t line = 1;

    for (; source < at; source++) {
        line += *source == '\n' ? 1 : 0;
    }
    return line;
}

size_t handlers_line(const char *source, const char *function)
{
    size_t len = strlen(function);

    for (const char *c = strstr(source, function); c != NULL; c = strstr(c + len, function)) {
        const char *next = skip_blanks(c + len);

        if (*next != '(' || is_word(c[len]) || (c > source && is_word(c[-1]))) {
            continue;
        }
        next = behind_brackets(next);
        if (next != NULL && *skip_blanks(next) == '{') {
            return line_of(source, c);
        }
    }
    return 0;
}

const char *handlers_function(csvc_arena *a, const gen_rpc *rpc)
{
    return cli_printf(a, "%s_%s", rpc->service->prefix, rpc->c_name);
}

/* All .c below the folder. main.c holds no handlers: the tests do not link it. */
static csvc_code read_sources(project *p, const char *folder, int depth, sources *s,
                              csvc_error *err)
{
    csvc_arena *a = p->a;
    cli_list names = {0};
    csvc_code code = files_list(a, files_join(a, p->root, folder), &names, err);

    for (size_t i = 0; code == CSVC_OK && i < names.len; i++) {
        const char *path = cli_printf(a, "%s/%s", folder, names.items[i]);
        const char *there = files_join(a, p->root, path);
        size_t len = strlen(path);
        csvc_error skipped = {CSVC_ERROR_INIT};
        csvc_bytes text;

        if (files_is_folder(there)) {
            code = depth < MAX_DEPTH ? read_sources(p, path, depth + 1, s, err) : CSVC_OK;
        } else if (len > 2 && strcmp(path + len - 2, ".c") == 0 &&
                   strcmp(path, "server/main.c") != 0 && s->paths.len + s->odd.len < MAX_SOURCES &&
                   files_read(a, there, PROJECT_MAX_SOURCE, &text, &skipped) == CSVC_OK) {
            bool plain = config_path_is_plain(path);

            cli_list_add(a, plain ? &s->paths : &s->odd, path);
            cli_list_add(a, plain ? &s->texts : &s->odd_texts, (const char *)text.data);
        }
    }
    return code;
}

/* The source that defines the function; of several the one at `known` (NULL: none), else the first.
 */
static const char *find_function(const sources *s, const char *function, const char *known)
{
    const char *found = NULL;

    for (size_t i = 0; i < s->paths.len; i++) {
        bool is_known = known != NULL && strcmp(s->paths.items[i], known) == 0;

        if ((found == NULL || is_known) && handlers_line(s->texts.items[i], function) > 0) {
            found = s->paths.items[i];
        }
    }
    return found;
}

/* It was not deleted, and without it the rpc would be UNIMPLEMENTED. */
static csvc_code refuse_odd(const project *p, const sources *s, const char *function,
                            csvc_error *err)
{
    for (size_t i = 0; i < s->odd.len; i++) {
        size_t line = handlers_line(s->odd_texts.items[i], function);

        if (line > 0) {
            return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                  "%s:%zu: error: %s is here, and make takes no file of that name: "
                                  "only letters, digits and _ . + - may stand in it; rename it",
                                  files_join(p->a, p->root, s->odd.items[i]), line, function);
        }
    }
    return CSVC_OK;
}

static csvc_code find_one(project *p, sources *s, const gen_rpc *rpc, csvc_error *err)
{
    const char *path = project_handler_path(p->a, rpc);
    csvc_code code = CSVC_OK;

    if (files_exists(files_join(p->a, p->root, path))) {
        return CSVC_OK;
    }
    if (!s->read) {
        code = read_sources(p, "server", 0, s, err);
        s->read = true;
    }
    if (code == CSVC_OK) {
        const lock_record *record = lock_find(&p->lock, path);
        const char *function = handlers_function(p->a, rpc);
        const char *at = find_function(s, function, record != NULL ? record->at : NULL);

        if (at != NULL) {
            project_moved(p, path, at);
        } else {
            code = refuse_odd(p, s, function, err);
        }
    }
    return code;
}

csvc_code handlers_where(project *p, const char *function, const char **ret_path, csvc_error *err)
{
    sources s = {0};
    csvc_code code = read_sources(p, "server", 0, &s, err);

    if (code == CSVC_OK) {
        *ret_path = find_function(&s, function, NULL);
    }
    return code;
}

csvc_code handlers_find(project *p, csvc_error *err)
{
    sources s = {0};
    csvc_code code = CSVC_OK;

    if (p->root == NULL) {
        return CSVC_OK;
    }
    for (const gen_rpc *const *rpc = project_rpcs(p); code == CSVC_OK && *rpc != NULL; rpc++) {
        code = find_one(p, &s, *rpc, err);
    }
    return code;
}
