/* app/cli.c: a command-line client: which rpc, with what, and what came of it. */
#include <app/addresses.h>
#include <app/cli.h>
#include <app/settings.h>
#include <base/clock.h>
#include <codec/codec.h>
#include <rpc/ctx.h>
#include <csvc/alloc.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <base/banned.h>

enum {
    MAX_METADATA = 64,
    DEFAULT_TIMEOUT_MS = 5000, /* of a unary rpc; streams have none */
    DEFAULT_LINE = 32 << 20,
    MAX_LINE = 1 << 30,
};
#define MAX_MEMORY ((size_t)256 << 20)

typedef struct cli {
    const csvc_cli_info *info;
    csvc_arena *a;
    const char *addr;
    csvc_channel_options channel;
    int64_t timeout_ms; /* 0: not given */
    size_t max_line;
    csvc_metadata_pair metadata[MAX_METADATA];
    size_t n_metadata;
    const csvc_service *service; /* once the command is known */
    const csvc_method *method;
    char command[CSVC__CLI_NAME];
    void *request;
    const char *json; /* of --json, not read yet: it stood before the rpc, or gives a stream */
    bool has_json;    /* it was given */
    bool has_fields;  /* a flag of a field was */
    bool help, version;
} cli;

/* ---- commands ---- */

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
        csvc__cli_long_command(service, method, form == 2, text);
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

/* The whole request, from JSON, from @FILE, or from standard input for "-". */
static csvc_code read_json(cli *c, const char *text, csvc_error *err)
{
    csvc_error why = {CSVC_ERROR_INIT};
    const csvc_code code = csvc__cli_json(c->a, c->method->request,
                                          strcmp(text, "-") == 0 ? "@-" : text, &c->request, &why);

    if (code == CSVC_INVALID_ARGUMENT) {
        return csvc_error_set(err, code, "--json: not %s", why.text);
    }
    return code != CSVC_OK ? csvc_error_set(err, code, "out of memory") : CSVC_OK;
}

static bool client_streams(const csvc_method *method)
{
    return (method->kind & CSVC_RPC_CLIENT_STREAM) != 0;
}

static csvc_code set_json(cli *c, const char *text, csvc_error *err)
{
    if (c->has_json) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--json may be given once");
    }
    if (c->has_fields) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "--json is the whole request; it stands before the flags of fields");
    }
    c->has_json = true;
    c->json = text;
    return c->method != NULL && !client_streams(c->method) ? read_json(c, text, err) : CSVC_OK;
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
    if (c->json != NULL && !client_streams(c->method)) {
        return read_json(c, c->json, err);
    }
    c->request = csvc_message_new(c->a, c->method->request);
    return c->request != NULL ? CSVC_OK
                              : csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
}

/* ---- flags ---- */

/* "KEY: VALUE" or "KEY=VALUE". Keys are lower case on the wire, whatever was typed. */
static csvc_code add_metadata(cli *c, const char *text, csvc_error *err)
{
    const size_t len = strcspn(text, ":=");
    csvc_metadata_pair *pair = &c->metadata[c->n_metadata];
    const char *value = text + len + 1;
    const char *refused;
    char *key;

    if (text[len] == '\0' || len == 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "--metadata: '%.100s' is not 'KEY: VALUE'", text);
    }
    if (c->n_metadata == MAX_METADATA) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--metadata: more than %d of them",
                              (int)MAX_METADATA);
    }
    key = csvc_arena_strndup(c->a, text, len);
    if (key == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < len; i++) {
        key[i] = (char)tolower((unsigned char)key[i]);
    }
    pair->key = key;
    value += strspn(value, " ");
    pair->value = (csvc_bytes){strlen(value), (const uint8_t *)value};
    if (csvc__md_is_binary(key, len) &&
        csvc__base64_read(c->a, value, strlen(value), &pair->value) != CSVC_OK) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "--metadata: %.100s: '%.100s' is not "
                              "base64",
                              key, value);
    }
    refused = csvc__metadata_refuse(key, pair->value);
    if (refused != NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--metadata: '%.100s': %s", key, refused);
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

static csvc_code set_max_line(cli *c, const char *text, csvc_error *err)
{
    size_t number = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9' && number <= MAX_LINE; p++) {
        number = 10 * number + (size_t)(*p - '0');
    }
    if (*p != '\0' || number == 0 || number > MAX_LINE) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "--max-line-bytes: '%.100s' is not a whole number from 1 to %d", text,
                              (int)MAX_LINE);
    }
    c->max_line = number;
    return CSVC_OK;
}

static bool is_global(const char *name, bool *ret_switch)
{
    return csvc__cli_tls_is(name, ret_switch) || strcmp(name, "addr") == 0 ||
           strcmp(name, "timeout") == 0 || strcmp(name, "metadata") == 0 ||
           strcmp(name, "json") == 0 || strcmp(name, "max-line-bytes") == 0;
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
    if (strcmp(name, "json") == 0) {
        return set_json(c, value, err);
    }
    if (strcmp(name, "max-line-bytes") == 0) {
        return set_max_line(c, value, err);
    }
    return strcmp(name, "timeout") == 0 ? set_timeout(c, value, err) : add_metadata(c, value, err);
}

/* What a flag is. */
typedef struct flag {
    const char *field; /* NULL: one of ours */
    bool is_switch;    /* needs no value */
    bool is_no;        /* --no-x: false for the bool x */
} flag;

/* Before the rpc a flag is ours; behind it, a field comes first. */
static csvc_code classify(cli *c, const char *name, flag *ret_flag, csvc_error *err)
{
    static const char *const globals[] = {"addr",        "timeout",        "metadata",
                                          "json",        "max-line-bytes", "tls",
                                          "tls-ca-file", "help",           "version"};
    csvc__cli_leaf leaf;
    csvc__nearest nearest = {.typed = name};
    csvc_error why = {CSVC_ERROR_INIT};
    csvc_code code;

    *ret_flag = (flag){NULL, false, false};
    if (c->method != NULL) {
        code = csvc__cli_find(c->method->request, name, &leaf, err);
        if (code == CSVC_OK) {
            *ret_flag = (flag){name, csvc__cli_is_switch(&leaf), false};
            return CSVC_OK;
        }
        if (strncmp(name, "no-", 3) == 0 &&
            csvc__cli_find(c->method->request, name + 3, &leaf, &why) == CSVC_OK &&
            csvc__cli_is_switch(&leaf)) {
            *ret_flag = (flag){name + 3, true, true};
            return CSVC_OK;
        }
        return code == CSVC_NOT_FOUND && is_global(name, &ret_flag->is_switch) ? CSVC_OK : code;
    }
    if (is_global(name, &ret_flag->is_switch)) {
        return CSVC_OK;
    }
    for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
        csvc__nearest_try(&nearest, globals[i]);
    }
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
    flag f;
    csvc_code code;

    if (len <= 2 || len - 2 >= sizeof(name) || strncmp(arg, "--", 2) != 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "unknown flag %.100s", arg);
    }
    memcpy(name, arg + 2, len - 2);
    name[len - 2] = '\0';
    code = classify(c, name, &f, err);
    if (code != CSVC_OK) {
        return code;
    }
    if (f.is_no && value != NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--%s takes no value", name);
    }
    *ret_took_next = value == NULL && !f.is_switch;
    if (value == NULL) {
        value = !f.is_switch ? next : f.is_no ? "false" : "true";
    }
    if (value == NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--%s needs a value", name);
    }
    if (f.field == NULL) {
        return set_global(c, name, value, err);
    }
    if (c->json != NULL && client_streams(c->method)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "--json gives all messages of the stream; flags of fields, its one");
    }
    c->has_fields = true;
    return csvc__cli_set(c->a, c->method->request, c->request, f.field, value, err);
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
                                  is_bool ? "it with an equals sign: --FIELD=false, or --no-FIELD"
                                          : "");
        }
    }
    if (code == CSVC_OK && c->method == NULL) {
        code = csvc_error_set(err, CSVC_INVALID_ARGUMENT, "which rpc?");
    }
    return code;
}

/* ---- all of it ---- */

static int call(const cli *c, const csvc__cli_use *use, int *ret_signal)
{
    const bool by_line = client_streams(c->method) && !c->has_fields;
    const int64_t usual_ms = c->method->kind == CSVC_RPC_UNARY ? DEFAULT_TIMEOUT_MS : 0;
    const csvc_rpc rpc = {
        CSVC_RPC_INIT,
        .timeout_ms = c->timeout_ms > 0 ? c->timeout_ms : usual_ms,
        .metadata = c->metadata,
        .n_metadata = c->n_metadata,
    };
    const csvc__cli_call wanted = {
        .program = c->info->name,
        .command = c->command,
        .addr = c->addr,
        .channel = &c->channel,
        .method = c->method,
        .rpc = &rpc,
        .a = c->a,
        .request = by_line ? NULL : c->request,
        .lines = c->json,
        .max_line = c->max_line,
    };

    return use->run(use->self, &wanted, ret_signal);
}

static int usage_error(const cli *c, const csvc_error *err)
{
    (void)fprintf(stderr, "%s: %s\n", c->method != NULL ? c->command : c->info->name, err->text);
    if (err->code == CSVC_RESOURCE_EXHAUSTED) {
        return CSVC__CLI_EXIT_FAILED;
    }
    (void)fprintf(stderr, "Try '%s%s%s --help'.\n", c->info->name, c->method != NULL ? " " : "",
                  c->method != NULL ? c->command : "");
    return CSVC__CLI_EXIT_USAGE;
}

int csvc__cli_main(const csvc_cli_info *info, int argc, char **argv, const csvc__cli_use *use)
{
    const char *addr = getenv("GRPC_ADDR");
    char target[CSVC__ADDRESS_SIZE];
    cli c = {
        .info = info,
        .a = csvc_arena_new(MAX_MEMORY),
        /* a server's, which may be several */
        .addr = csvc__addresses_target(addr, target) ? target : "127.0.0.1:50051",
        .channel = {CSVC_CHANNEL_OPTIONS_INIT, .transport = info->transport},
        .max_line = DEFAULT_LINE,
    };
    csvc_error err = {CSVC_ERROR_INIT};
    int exit_code = 0;
    int signal = 0;

    if (c.a == NULL) {
        (void)fprintf(stderr, "%s: out of memory\n", info->name);
        return CSVC__CLI_EXIT_FAILED;
    }
    csvc__cli_tls_environment(&c.channel);
    if (read_args(&c, argc, argv, &err) != CSVC_OK) {
        exit_code = usage_error(&c, &err);
    } else if (c.version) {
        (void)printf("%s, c-svc %s\n", info->name, CSVC_VERSION);
    } else if (c.help && c.method == NULL) {
        csvc__cli_help(info, use->about);
    } else if (c.help) {
        csvc__cli_help_command(info, c.service, c.method);
    } else {
        exit_code = call(&c, use, &signal);
    }
    (void)csvc_arena_free(c.a);
    if (signal != 0) {
        (void)raise(signal); /* who started us sees what ended us */
        exit_code = 128 + signal;
    }
    return exit_code;
}

int csvc_cli_run(const csvc_cli_info *info, int argc, char **argv)
{
    static const csvc__cli_use use = {
        .about =
            "Calls an rpc and prints its reply as a line of JSON; of a stream, a line for each\n"
            "message as it comes. An rpc that takes a stream reads its messages from standard\n"
            "input, a line of JSON each, or sends the one that the flags of fields make.\n",
        .run = csvc__cli_call_run,
    };

    return csvc__cli_main(info, argc, argv, &use);
}
