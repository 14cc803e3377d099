/* name.c: what a service may be called. */
#include "config.h"

#include <string.h>

#include "names/names.h"

#include "base/banned.h"

enum {
    MAX_NAME = 63 /* a label of DNS, which it is in compose.yaml and in Kubernetes */
};

/* Names that are free in C, and would mean something else in a file of the project. */
static const struct {
    const char *name, *problem;
} taken[] = {
    {"asan", "is a folder of the project's own build"},
    {"c-svc", "is the name of this program"},
    {"kubernetes", "is a Service that every cluster of Kubernetes has"},
    {"localhost", "means the very machine, everywhere"},
    {"n", "is a truth in YAML"},
    {"no", "is a truth in YAML"},
    {"null", "is nothing in YAML"},
    {"obj", "is a folder of the project's own build"},
    {"off", "is a truth in YAML"},
    {"on", "is a truth in YAML"},
    {"protoc-gen-c-svc", "is the name of the plugin"},
    {"scratch", "is the empty image"},
    {"tests", "is a folder of the project's own build"},
    {"y", "is a truth in YAML"},
    {"yes", "is a truth in YAML"},
};

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* UserService, user_service, "user service" -> user-service; NULL when nothing is left. */
static const char *mend(csvc_arena *a, const char *name)
{
    csvc__buffer b;
    char *text;

    csvc__buffer_init(&b, MAX_NAME * 4);
    for (const char *c = name; *c != '\0'; c++) {
        bool dash_before = b.len > 0 && b.data[b.len - 1] == '-';

        if (is_upper(*c)) {
            if (c > name && (is_lower(c[-1]) || is_digit(c[-1])) && !dash_before) {
                csvc__buffer_putc(&b, '-');
            }
            csvc__buffer_putc(&b, (char)(*c - 'A' + 'a'));
        } else if (is_lower(*c) || (is_digit(*c) && b.len > 0)) {
            csvc__buffer_putc(&b, *c);
        } else if (b.len > 0 && !dash_before && !is_digit(*c)) {
            csvc__buffer_putc(&b, '-');
        }
    }
    text = cli_must(csvc_arena_strndup(a, b.data != NULL ? b.data : "", b.len));
    if (!csvc__buffer_ok(&b) || b.len > MAX_NAME) {
        text[MAX_NAME < b.len ? MAX_NAME : b.len] = '\0';
    }
    csvc__buffer_release(&b);
    while (text[0] != '\0' && text[strlen(text) - 1] == '-') {
        text[strlen(text) - 1] = '\0';
    }
    return text[0] != '\0' && strcmp(text, name) != 0 ? text : NULL;
}

const char *config_c_name(csvc_arena *a, const char *name)
{
    char *c_name = cli_must(csvc_arena_strdup(a, name));

    for (char *c = c_name; *c != '\0'; c++) {
        *c = *c == '-' ? '_' : *c;
    }
    return c_name;
}

static const char *problem_of(csvc_arena *a, const char *name)
{
    size_t len = strlen(name);

    if (len == 0) {
        return "is empty";
    }
    if (strchr(name, '/') != NULL) {
        return "has a slash; --dir says where the project goes";
    }
    if (!is_lower(name[0])) {
        return "does not begin with a small letter";
    }
    for (const char *c = name; *c != '\0'; c++) {
        if (!is_lower(*c) && !is_digit(*c) && *c != '-') {
            return "has other characters than small letters, digits and dashes";
        }
        if (c[0] == '-' && c[1] == '-') {
            return "has two dashes in a row";
        }
    }
    if (name[len - 1] == '-') {
        return "ends with a dash";
    }
    if (len > MAX_NAME) {
        return "is longer than 63 characters";
    }
    if (gen_name_reserved(config_c_name(a, name))) {
        return "is a word of the C or C++ language";
    }
    /* csvc_... is the library's, and these would be symbols or folders that are taken. */
    if (strcmp(name, "csvc") == 0 || strncmp(name, "csvc-", 5) == 0) {
        return "begins with csvc, as the names of the library do";
    }
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (strcmp(name, taken[i].name) == 0) {
            return taken[i].problem;
        }
    }
    return NULL;
}

const char *config_name_problem(csvc_arena *a, const char *name, const char **ret_better)
{
    const char *problem = problem_of(a, name);
    const char *better = NULL;

    if (problem != NULL) {
        better = strchr(name, '/') == NULL ? mend(a, name) : NULL;
        if (better != NULL && problem_of(a, better) != NULL) {
            name = better;
            better = NULL;
        }
        if (better == NULL && problem_of(a, cli_printf(a, "%s-service", name)) == NULL) {
            better = cli_printf(a, "%s-service", name);
        }
        *ret_better = better;
    }
    return problem;
}

bool config_path_is_plain(const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        if (!is_lower(*c) && !is_upper(*c) && !is_digit(*c) && strchr("_./+-", *c) == NULL) {
            return false;
        }
    }
    return path[0] != '\0' && path[0] != '-';
}
