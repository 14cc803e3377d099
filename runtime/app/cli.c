/* app/cli.c: a command-line client: which rpc, with what, and what came of it. */
#include <app/cli.h>
#include <app/settings.h>
#include <base/clock.h>
#include <csvc/alloc.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <base/banned.h>

enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_STATUS = 64,
    MAX_METADATA = 64,
    DEFAULT_TIMEOUT_MS = 5000,
};
#define MAX_MEMORY ((size_t)256 << 20)

typedef struct cli {
    const csvc_cli_info *info;
    csvc_arena *a;
    const char *addr;
    csvc_channel_options channel;
    int64_t timeout_ms;
    csvc_metadata_pair metadata[MAX_METADATA];
    size_t n_metadata;
    const csvc_service *service; /* once the command is known */
    const csvc_method *method;
    char command[CSVC__CLI_NAME];
    void *request;
    bool help, version;
} cli;

/* ---- commands ---- */

void csvc__cli_kebab(const char *name, char ret_text[CSVC__CLI_NAME])
{
    size_t at = 0;

    for (size_t i = 0; name[i] != '\0' && at < CSVC__CLI_NAME - 2; i++) {
        const unsigned char c = (unsigned char)name[i];

        if (c == '_') {
            ret_text[at++] = '-';
            continue;
        }
        /* a word begins at aB and, after capitals in a row, at the last one of them: HTTPServer */
        if (isupper(c) && i > 0 && name[i - 1] != '_' &&
            (!isupper((unsigned char)name[i - 1]) || islower((unsigned char)name[i + 1]))) {
            ret_text[at++] = '-';
        }
        ret_text[at++] = (char)tolower(c);
    }
    ret_text[at] = '\0';
}

static const char *short_name(const csvc_service *service)
{
    const char *dot = strrchr(service->name, '.');

    return dot != NULL ? dot + 1 : service->name;
}

/* "user-service.create-user", or with the package, too: "user.UserService.create-user". */
static void long_command(const csvc_service *service, const csvc_method *method, bool whole,
                         char ret_text[CSVC__CLI_NAME])
{
    char rpc[CSVC__CLI_NAME], name[CSVC__CLI_NAME];

    csvc__cli_kebab(method->name, rpc);
    csvc__cli_kebab(short_name(service), name);
    /* names of this length are cut, and cannot be typed then */
    (void)!snprintf(ret_text, CSVC__CLI_NAME, "%.120s.%.120s", whole ? service->name : name, rpc);
}

/* How many rpcs of the client this command could mean. */
static size_t count_commands(const csvc_cli_info *info, const char *command, int form)
{
    size_t n = 0;

    for (size_t i = 0; info->services[i] != NULL; i++) {
        const csvc_service *service = info->services[i];

        for (uint32_t m = 0; m < service->n_methods; m++) {
            char text[CSVC__CLI_NAME];

            if (form == 0) {
                csvc__cli_kebab(service->methods[m].name, text);
            } else {
                long_command(service, &service->methods[m], form == 2, text);
            }
            n += strcmp(text, command) == 0;
        }
    }
    return n;
}

void csvc__cli_command(const csvc_cli_info *info, const csvc_service *service,
                       const csvc_method *method, char ret_text[CSVC__CLI_NAME])
{
    csvc__cli_kebab(method->name, ret_text);
    for (int form = 1; form <= 2 && count_commands(info, ret_text, form - 1) > 1; form++) {
        long_command(service, method, form == 2, ret_text);
    }
}

/* The same but for case, dashes and underscores: CreateUser, create_user. */
static bool same_command(const char *x, const char *y)
{
    for (;;) {
        while (*x == '-' || *x == '_') {
            x++;
        }
        while (*y == '-' || *y == '_') {
            y++;
        }
        if (tolower((unsigned char)*x) != tolower((unsigned char)*y)) {
            return false;
        }
        if (*x == '\0') {
            return true;
        }
        x++;
        y++;
    }
}

static bool is_command(cli *c, const csvc_service *service, const csvc_method *method,
                       const char *typed)
{
    char text[CSVC__CLI_NAME];

    csvc__cli_command(c->info, service, method, text);
    if (same_command(text, typed)) {
        return true;
    }
    for (int form = 1; form <= 2; form++) {
        long_command(service, method, form == 2, text);
        if (same_command(text, typed)) {
            return true;
        }
    }
    return strcmp(typed, method->path) == 0 || strcmp(typed, method->path + 1) == 0;
}

static csvc_code unknown_command(cli *c, const char *typed, csvc_error *err)
{
    char text[CSVC__CLI_NAME], best[CSVC__CLI_NAME];
    csvc__nearest nearest = {.typed = typed};

    for (size_t i = 0; c->info->services[i] != NULL; i++) {
        const csvc_service *service = c->info->services[i];

        for (uint32_t m = 0; m < service->n_methods; m++) {
            csvc__cli_kebab(service->methods[m].name, text);
            csvc__cli_command(c->info, service, &service->methods[m], best);
            if (strcmp(text, typed) == 0 && strcmp(text, best) != 0) {
                return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                      "several services have a %s; say which, such as %s", typed,
                                      best);
            }
        }
    }
    for (size_t i = 0; c->info->services[i] != NULL; i++) {
        const csvc_service *service = c->info->services[i];

        for (uint32_t m = 0; m < service->n_methods; m++) {
            csvc__cli_command(c->info, service, &service->methods[m], text);
            csvc__nearest_try(&nearest, text);
            if (nearest.word == text) {
                memcpy(best, text, sizeof(best));
                nearest.word = best;
            }
        }
    }
    return nearest.word != NULL
               ? csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                "unknown rpc '%.100s'; did you mean %s?", typed, nearest.word)
               : csvc_error_set(err, CSVC_INVALID_ARGUMENT, "unknown rpc '%.100s'", typed);
}

static csvc_code choose(cli *c, const char *typed, csvc_error *err)
{
    for (size_t i = 0; c->info->services[i] != NULL && c->method == NULL; i++) {
        const csvc_service *service = c->info->services[i];

        for (uint32_t m = 0; m < service->n_methods && c->method == NULL; m++) {
            if (is_command(c, service, &service->methods[m], typed)) {
                c->service = service;
                c->method = &service->methods[m];
            }
        }
    }
    if (c->method == NULL) {
        return unknown_command(c, typed, err);
    }
    csvc__cli_command(c->info, c->service, c->method, c->command);
    c->request = csvc_message_new(c->a, c->method->request);
    return c->request != NULL ? CSVC_OK
                              : csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
}

/* ---- flags ---- */

/* "key: value" or "key=value". */
static csvc_code add_metadata(cli *c, const char *text, csvc_error *err)
{
    const size_t len = strcspn(text, ":=");
    csvc_metadata_pair *pair = &c->metadata[c->n_metadata];
    const char *value = text + len + 1;

    if (text[len] == '\0' || len == 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "--metadata: '%.100s' is not 'KEY: VALUE'", text);
    }
    if (c->n_metadata == MAX_METADATA) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--metadata: more than %d of them",
                              (int)MAX_METADATA);
    }
    pair->key = csvc_arena_strndup(c->a, text, len);
    if (pair->key == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    value += strspn(value, " ");
    if (len > 4 && strcmp(pair->key + len - 4, "-bin") == 0) {
        if (!csvc__cli_base64(c->a, value, &pair->value)) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--metadata: '%.100s' is not base64",
                                  value);
        }
    } else {
        pair->value = (csvc_bytes){strlen(value), (const uint8_t *)value};
    }
    c->n_metadata++;
    return CSVC_OK;
}

static csvc_code set_timeout(cli *c, const char *text, csvc_error *err)
{
    int64_t nanos;

    if (!csvc__duration_parse(text, &nanos) || nanos <= 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "--timeout: '%.100s' is not a duration such as 5s or 200ms", text);
    }
    c->timeout_ms = (nanos + CSVC__MS - 1) / CSVC__MS;
    return CSVC_OK;
}

static bool is_global(const char *name, bool *ret_switch)
{
    return csvc__cli_tls_is(name, ret_switch) || strcmp(name, "addr") == 0 ||
           strcmp(name, "timeout") == 0 || strcmp(name, "metadata") == 0;
}

static csvc_code set_global(cli *c, const char *name, const char *value, csvc_error *err)
{
    bool is_switch;

    if (csvc__cli_tls_is(name, &is_switch)) {
        return csvc__cli_tls_set(&c->channel, name, value, err);
    }
    if (strcmp(name, "addr") == 0) {
        c->addr = value;
        return CSVC_OK;
    }
    return strcmp(name, "timeout") == 0 ? set_timeout(c, value, err) : add_metadata(c, value, err);
}

/* Finds out what `--name` is. Before the rpc it is ours; behind it, a field comes first. */
static csvc_code classify(cli *c, const char *name, bool *ret_global, bool *ret_switch,
                          csvc_error *err)
{
    csvc__cli_leaf leaf;
    csvc__nearest nearest = {.typed = name};
    csvc_code code;

    *ret_global = true;
    *ret_switch = false;
    if (c->method != NULL) {
        code = csvc__cli_find(c->method->request, name, &leaf, err);
        if (code == CSVC_OK) {
            *ret_global = false;
            *ret_switch = csvc__cli_is_switch(&leaf);
            return CSVC_OK;
        }
        return code == CSVC_NOT_FOUND && is_global(name, ret_switch) ? CSVC_OK : code;
    }
    if (is_global(name, ret_switch)) {
        return CSVC_OK;
    }
    csvc__nearest_try(&nearest, "addr");
    csvc__nearest_try(&nearest, "timeout");
    csvc__nearest_try(&nearest, "metadata");
    csvc__nearest_try(&nearest, "tls");
    csvc__nearest_try(&nearest, "tls-ca-file");
    csvc__nearest_try(&nearest, "help");
    csvc__nearest_try(&nearest, "version");
    return nearest.word != NULL
               ? csvc_error_set(err, CSVC_INVALID_ARGUMENT, "unknown flag --%s; did you mean --%s?",
                                name, nearest.word)
               : csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                "unknown flag --%s; those of a field stand behind the rpc", name);
}

static csvc_code read_flag(cli *c, const char *arg, const char *next, bool *ret_took_next,
                           csvc_error *err)
{
    const char *equals = strchr(arg, '=');
    const size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
    const char *value = equals != NULL ? equals + 1 : NULL;
    char name[CSVC__CLI_NAME];
    bool global, is_switch;
    csvc_code code;

    if (len <= 2 || len - 2 >= sizeof(name) || strncmp(arg, "--", 2) != 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "unknown flag %.100s", arg);
    }
    memcpy(name, arg + 2, len - 2);
    name[len - 2] = '\0';
    code = classify(c, name, &global, &is_switch, err);
    if (code != CSVC_OK) {
        return code;
    }
    *ret_took_next = value == NULL && !is_switch;
    if (value == NULL) {
        value = is_switch ? "true" : next;
    }
    if (value == NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--%s needs a value", name);
    }
    return global ? set_global(c, name, value, err)
                  : csvc__cli_set(c->a, c->method->request, c->request, name, value, err);
}

static csvc_code read_args(cli *c, int argc, char **argv, csvc_error *err)
{
    csvc_code code = CSVC_OK;

    for (int i = 1; i < argc && code == CSVC_OK; i++) {
        bool took_next = false;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            c->help = true;
            return CSVC_OK;
        }
        if (strcmp(argv[i], "--version") == 0 && c->method == NULL) {
            c->version = true;
            return CSVC_OK;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            code = read_flag(c, argv[i], argv[i + 1], &took_next, err);
            i += took_next;
        } else if (c->method == NULL) {
            code = choose(c, argv[i], err);
        } else {
            const bool is_bool = strcmp(argv[i], "true") == 0 || strcmp(argv[i], "false") == 0;

            code = csvc_error_set(err, CSVC_INVALID_ARGUMENT, "unexpected argument '%.100s'%s%s",
                                  argv[i], is_bool ? "; write " : "",
                                  is_bool ? "it with an equals sign: --FIELD=false" : "");
        }
    }
    if (code == CSVC_OK && c->method == NULL) {
        code = csvc_error_set(err, CSVC_INVALID_ARGUMENT, "which rpc?");
    }
    if (code == CSVC_OK && c->method->kind != CSVC_RPC_UNARY) {
        code = csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "%s has a stream; this release calls unary rpcs only", c->command);
    }
    return code;
}

/* ---- calling ---- */

static int print_reply(const cli *c, const void *reply)
{
    csvc_error err = {CSVC_ERROR_INIT};
    const char *json = csvc_json_print(c->a, c->method->reply, reply, NULL, &err);

    if (json == NULL) {
        (void)fprintf(stderr, "%s: the reply cannot be printed: %s\n", c->command, err.text);
        return EXIT_FAILED;
    }
    if (printf("%s\n", json) < 0 || fflush(stdout) != 0) {
        (void)fprintf(stderr, "%s: cannot write to standard output\n", c->command);
        return EXIT_FAILED;
    }
    return 0;
}

static int call(const cli *c)
{
    csvc_rpc rpc = {
        CSVC_RPC_INIT,
        .timeout_ms = c->timeout_ms,
        .metadata = c->metadata,
        .n_metadata = c->n_metadata,
    };
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = csvc_channel_new(c->addr, &c->channel, &err);
    const void *reply;
    int exit_code;

    if (ch == NULL) {
        (void)fprintf(stderr, "%s: %s: %s\n", c->info->name, c->addr, err.text);
        return err.code == CSVC_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILED;
    }
    if (csvc_call_unary(ch, c->method, &rpc, c->request, &reply) == CSVC_OK) {
        exit_code = print_reply(c, reply);
    } else {
        (void)fprintf(stderr, "%s: %s%s%s\n", c->command, csvc_code_name(rpc.code),
                      rpc.message[0] != '\0' ? ": " : "", rpc.message);
        exit_code = EXIT_STATUS + (int)rpc.code;
    }
    csvc_rpc_clear(&rpc);
    (void)csvc_channel_free(ch);
    return exit_code;
}

static int usage_error(const cli *c, const csvc_error *err)
{
    (void)fprintf(stderr, "%s: %s\n", c->method != NULL ? c->command : c->info->name, err->text);
    if (err->code == CSVC_RESOURCE_EXHAUSTED) {
        return EXIT_FAILED;
    }
    (void)fprintf(stderr, "Try '%s%s%s --help'.\n", c->info->name, c->method != NULL ? " " : "",
                  c->method != NULL ? c->command : "");
    return EXIT_USAGE;
}

int csvc_cli_run(const csvc_cli_info *info, int argc, char **argv)
{
    const char *addr = getenv("GRPC_ADDR");
    cli c = {
        .info = info,
        .a = csvc_arena_new(MAX_MEMORY),
        .addr = addr != NULL && addr[0] != '\0' ? addr : "127.0.0.1:50051",
        .channel = {CSVC_CHANNEL_OPTIONS_INIT, .transport = info->transport},
        .timeout_ms = DEFAULT_TIMEOUT_MS,
    };
    csvc_error err = {CSVC_ERROR_INIT};
    int exit_code = 0;

    if (c.a == NULL) {
        (void)fprintf(stderr, "%s: out of memory\n", info->name);
        return EXIT_FAILED;
    }
    csvc__cli_tls_environment(&c.channel);
    if (read_args(&c, argc, argv, &err) != CSVC_OK) {
        exit_code = usage_error(&c, &err);
    } else if (c.version) {
        (void)printf("%s, c-svc %s\n", info->name, CSVC_VERSION);
    } else if (c.help && c.method == NULL) {
        csvc__cli_help(info);
    } else if (c.help) {
        csvc__cli_help_command(info, c.service, c.method);
    } else {
        exit_code = call(&c);
    }
    (void)csvc_arena_free(c.a);
    return exit_code;
}
