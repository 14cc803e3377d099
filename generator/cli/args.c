/* args.c: options and operands of a subcommand, and what a mistyped one was meant to be. */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

int cli_usage(const cli_command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "c-svc%s%s: ", command != NULL ? " " : "",
            command != NULL ? command->name : "");
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n       `c-svc help%s%s` says how it is used\n", command != NULL ? " " : "",
            command != NULL ? command->name : "");
    return CLI_USAGE;
}

static const cli_option *find_option(const cli_command *command, const char *name, size_t len)
{
    for (const cli_option *o = command->options; o != NULL && o->name != NULL; o++) {
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0) {
            return o;
        }
    }
    return NULL;
}

static int unknown_option(csvc_arena *a, const cli_command *command, const char *word)
{
    const char *name = word + strspn(word, "-");
    cli_list names = {0};
    const char *nearest;

    for (const cli_option *o = command->options; o != NULL && o->name != NULL; o++) {
        cli_list_add(a, &names, o->name);
    }
    cli_list_add(a, &names, "help");
    nearest = cli_nearest(csvc_arena_strndup(a, name, strcspn(name, "=")), names.items, names.len);
    if (nearest != NULL) {
        return cli_usage(command, "unknown option %s; did you mean %s%s?", word,
                         strlen(nearest) == 1 ? "-" : "--", nearest);
    }
    return cli_usage(command, "unknown option %s", word);
}

static int add_option(csvc_arena *a, const cli_option *option, const char *value, cli_list *names,
                      cli_list *values, const cli_command *command)
{
    const char *dashes = strlen(option->name) == 1 ? "-" : "--";

    if (!option->many && cli_list_has(names, option->name)) {
        return cli_usage(command, "%s%s is given twice", dashes, option->name);
    }
    if (value[0] == '\0' && option->value != NULL) {
        return cli_usage(command, "%s%s wants a value: %s%s %s", dashes, option->name, dashes,
                         option->name, option->value);
    }
    cli_list_add(a, names, option->name);
    cli_list_add(a, values, value);
    return CLI_OK;
}

/* --option, --option=VALUE, -I, -IDIR; NULL when there is none of that name. */
static const cli_option *named_option(const cli_command *command, const char *word,
                                      const char **ret_value)
{
    const cli_option *option;
    size_t len;

    if (word[1] != '-') {
        *ret_value = word[2] != '\0' ? word + 2 : NULL;
        return find_option(command, word + 1, 1);
    }
    len = strcspn(word + 2, "=");
    *ret_value = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;
    option = find_option(command, word + 2, len);
    return option != NULL && strlen(option->name) > 1 ? option : NULL;
}

int cli_args_parse(csvc_arena *a, const cli_command *command, int argc, char **argv,
                   cli_args *ret_args)
{
    cli_list operands = {0};
    cli_list names = {0};
    cli_list values = {0};
    cli_args args = {.command = command};
    bool only_operands = false;

    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        const cli_option *option;
        const char *value = NULL;
        int rc;

        if (only_operands || word[0] != '-' || word[1] == '\0') {
            cli_list_add(a, &operands, word);
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_operands = true;
            continue;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            args.help = true;
            continue;
        }
        option = named_option(command, word, &value);
        if (option == NULL) {
            return unknown_option(a, command, word);
        }
        if (option->value == NULL && value != NULL) {
            return cli_usage(command, "--%s takes no value", option->name);
        }
        if (option->value != NULL && value == NULL) {
            value = i + 1 < argc ? argv[++i] : "";
        }
        rc = add_option(a, option, value != NULL ? value : "", &names, &values, command);
        if (rc != CLI_OK) {
            return rc;
        }
    }
    if (!args.help && operands.len > (size_t)command->max_operands) {
        return cli_usage(command, "'%s' is one argument too many",
                         operands.items[command->max_operands]);
    }
    if (!args.help && operands.len < (size_t)command->min_operands) {
        return cli_usage(command, "%s is missing", command->operands);
    }
    args.operands = operands.items;
    args.n_operands = operands.len;
    args.names = names.items;
    args.values = values.items;
    args.n_options = names.len;
    *ret_args = args;
    return CLI_OK;
}

const char *cli_args_option(const cli_args *args, const char *name, size_t n)
{
    for (size_t i = 0; i < args->n_options; i++) {
        if (strcmp(args->names[i], name) == 0 && n-- == 0) {
            return args->values[i];
        }
    }
    return NULL;
}

size_t cli_args_options(csvc_arena *a, const cli_args *args, const char *name,
                        const char *const **ret_values)
{
    cli_list values = {0};

    for (size_t i = 0; i < args->n_options; i++) {
        if (strcmp(args->names[i], name) == 0) {
            cli_list_add(a, &values, args->values[i]);
        }
    }
    *ret_values = values.items;
    return values.len;
}
