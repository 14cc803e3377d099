/* app/cli_help.c: what a command-line client says about itself. */
#include <app/cli.h>

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

enum {
    SHOWN_DEPTH = 4 /* of messages within messages in a help */
};

/* "takes a stream" and its kin; NULL for a unary rpc. */
static const char *streams(const csvc_method *method)
{
    switch (method->kind) {
    case CSVC_RPC_SERVER_STREAM:
        return "answers with a stream";
    case CSVC_RPC_CLIENT_STREAM:
        return "takes a stream";
    case CSVC_RPC_BIDI_STREAM:
        return "a stream both ways";
    default:
        return NULL;
    }
}

static void global_flags(void)
{
    (void)printf("  %-26s %s\n", "--addr HOST:PORT",
                 "the server (variable GRPC_ADDR; default 127.0.0.1:50051)");
    (void)printf("  %-26s %s\n", "--timeout DURATION",
                 "of the call; default 5s, none for one with a stream");
    (void)printf("  %-26s %s\n", "--metadata 'KEY: VALUE'",
                 "or KEY=VALUE, to send along; may be repeated; keys in -bin take base64");
    (void)printf("  %-26s %s\n", "--json JSON|@FILE|-",
                 "the whole request, from a file, from standard input; the flags of fields");
    (void)printf("  %-26s %s\n", "",
                 "stand behind it: a value replaces, a list and a map get more;");
    (void)printf("  %-26s %s\n", "", "of a stream: its messages, one a line");
    (void)printf("  %-26s %s\n", "--max-line-bytes N",
                 "longest line that is read as a message; default 33554432");
    (void)printf("  %-26s %s\n", "--help", "what you are reading; behind a RPC, its flags");
    (void)printf("  %-26s %s\n", "--version", "the release of c-svc it was built with");
    csvc__cli_tls_help();
}

void csvc__cli_help(const csvc_cli_info *info, const char *about)
{
    char command[CSVC__CLI_NAME];

    (void)printf("usage: %s [FLAG]... RPC [--FIELD VALUE]...\n\n", info->name);
    (void)printf("%s", about);
    for (size_t i = 0; info->services[i] != NULL; i++) {
        const csvc_service *service = info->services[i];

        (void)printf("\n%s\n", service->name);
        for (uint32_t m = 0; m < service->n_methods; m++) {
            const csvc_method *method = &service->methods[m];

            csvc__cli_command(info, service, method, command);
            (void)printf("  %-26s %s%s%s%s\n", command, method->name,
                         streams(method) != NULL ? ", " : "",
                         streams(method) != NULL ? streams(method) : "",
                         (method->flags & CSVC_METHOD_DEPRECATED) != 0 ? ", deprecated" : "");
        }
    }
    (void)printf("\nFlags\n");
    global_flags();
    (void)printf("\n`%s RPC --help` lists the fields of a request. Exit codes: 0, 2 for wrong "
                 "usage,\n1 when output or input failed, else 64 and the number of the status. A "
                 "signal\n(Ctrl-C) cancels a call with a stream first.\n",
                 info->name);
}

/* ---- the fields of a request ---- */

static const char *type_name(const csvc_field *field)
{
    switch ((csvc_kind)field->kind) {
    case CSVC_KIND_INT32:
    case CSVC_KIND_SINT32:
    case CSVC_KIND_SFIXED32:
        return "int32";
    case CSVC_KIND_INT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_SFIXED64:
        return "int64";
    case CSVC_KIND_UINT32:
    case CSVC_KIND_FIXED32:
        return "uint32";
    case CSVC_KIND_UINT64:
    case CSVC_KIND_FIXED64:
        return "uint64";
    case CSVC_KIND_FLOAT:
        return "float";
    case CSVC_KIND_DOUBLE:
        return "double";
    case CSVC_KIND_BOOL:
        return "bool";
    case CSVC_KIND_ENUM:
        return "enum";
    case CSVC_KIND_STRING:
        return "string";
    case CSVC_KIND_BYTES:
        return "bytes";
    case CSVC_KIND_MESSAGE:
        switch ((csvc_well_known)((const csvc_message_type *)field->sub)->well_known) {
        case CSVC_WKT_TIMESTAMP:
            return "time";
        case CSVC_WKT_DURATION:
            return "duration";
        case CSVC_WKT_FIELD_MASK:
            return "field mask";
        case CSVC_WKT_WRAPPER:
            return type_name(&((const csvc_message_type *)field->sub)->fields[0]);
        default:
            return "message";
        }
    }
    return "?";
}

/* Whether a flag takes it as one text; else its fields have flags of their own, too. */
static bool is_one_text(const csvc_field *field)
{
    const csvc_message_type *sub;

    if (field->kind != CSVC_KIND_MESSAGE) {
        return true;
    }
    sub = field->sub;
    return sub->well_known != CSVC_WKT_NONE && sub->well_known != CSVC_WKT_EMPTY;
}

/* What the name of a type does not say: how values of it are written. */
static void print_form(const csvc_field *field)
{
    char text[400];

    if (field->kind == CSVC_KIND_MESSAGE &&
        ((const csvc_message_type *)field->sub)->well_known == CSVC_WKT_WRAPPER) {
        field = &((const csvc_message_type *)field->sub)->fields[0];
    }
    if (field->kind == CSVC_KIND_ENUM || field->kind == CSVC_KIND_BYTES ||
        field->kind == CSVC_KIND_MESSAGE) {
        csvc__cli_wanted(field, text, sizeof(text));
        (void)printf(": %s", text);
    }
}

/* ", not with --b --c" for the members of a oneof. */
static void print_rivals(const csvc_message_type *type, const csvc_field *field, const char *prefix)
{
    bool first = true;

    if (field->label != CSVC_LABEL_ONEOF || (field->flags & CSVC_FIELD_PRESENCE) != 0) {
        return;
    }
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const csvc_field *other = &type->fields[i];
        char name[CSVC__CLI_NAME];

        if (other != field && other->label == CSVC_LABEL_ONEOF &&
            other->quantifier == field->quantifier) {
            csvc__cli_flag_name(type, i, name);
            (void)printf("%s --%s%s", first ? "; not with" : "", prefix, name);
            first = false;
        }
    }
}

static void print_field(const csvc_message_type *type, uint32_t index, const char *prefix,
                        const char *name)
{
    const csvc_field *field = &type->fields[index];
    char flag[2 * CSVC__CLI_NAME];

    (void)snprintf(flag, sizeof(flag), "--%s%s", prefix, name);
    if ((field->flags & CSVC_FIELD_MAP) != 0) {
        const csvc_message_type *entry = field->sub;

        (void)snprintf(flag, sizeof(flag), "--%s%s KEY=VALUE", prefix, name);
        (void)printf("  %-26s map of %s to %s", flag, type_name(&entry->fields[0]),
                     type_name(&entry->fields[1]));
        print_form(&entry->fields[1]);
        (void)printf("; or '{...}', JSON; may be repeated\n");
        return;
    }
    (void)printf("  %-26s %s", flag, type_name(field));
    print_form(field);
    (void)printf("%s", field->label == CSVC_LABEL_REPEATED ? ", may be repeated" : "");
    if (field->kind == CSVC_KIND_BOOL && field->label != CSVC_LABEL_REPEATED) {
        (void)printf("; --no-%s%s for false", prefix, name);
    }
    print_rivals(type, field, prefix);
    (void)printf("\n");
}

static void print_fields(const csvc_message_type *type, const char *prefix, int depth)
{
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const csvc_field *field = &type->fields[i];
        char name[CSVC__CLI_NAME], inner[2 * CSVC__CLI_NAME];

        csvc__cli_flag_name(type, i, name);
        print_field(type, i, prefix, name);
        if (is_one_text(field) || (field->flags & CSVC_FIELD_MAP) != 0 || depth == SHOWN_DEPTH) {
            continue;
        }
        (void)snprintf(inner, sizeof(inner), "%s%s.%s", prefix, name,
                       field->label == CSVC_LABEL_REPEATED ? "0." : "");
        print_fields(field->sub, inner, depth + 1);
    }
}

/* Fields that are called like a flag of ours. */
static void print_collisions(const csvc_message_type *type, const char *command)
{
    static const char *const ours[] = {"addr", "timeout",        "metadata",
                                       "json", "max-line-bytes", "version"};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc__cli_leaf leaf;
    bool any = false;

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (csvc__cli_find(type, ours[i], &leaf, &err) == CSVC_OK) {
            (void)printf("%s--%s", any ? ", " : "\nFields here: ", ours[i]);
            any = true;
        }
    }
    if (any) {
        (void)printf("; the flag of that name stands before %s.\n", command);
    }
    if (csvc__cli_find(type, "help", &leaf, &err) == CSVC_OK) {
        (void)printf("The field help is given with an equals sign: --help=VALUE.\n");
    }
}

void csvc__cli_help_command(const csvc_cli_info *info, const csvc_service *service,
                            const csvc_method *method)
{
    char command[CSVC__CLI_NAME];

    csvc__cli_command(info, service, method, command);
    if ((method->kind & CSVC_RPC_CLIENT_STREAM) == 0) {
        (void)printf("usage: %s [FLAG]... %s [--FIELD VALUE]...\n\nCalls %s%s%s.\n\nFields\n",
                     info->name, command, method->path, streams(method) != NULL ? ", which " : "",
                     streams(method) != NULL ? streams(method) : "");
    } else {
        (void)printf("usage: printf '{...}\\n{...}\\n' | %s [FLAG]... %s\n"
                     "       %s [FLAG]... %s --FIELD VALUE...\n\n"
                     "Calls %s, %s%s. A line of standard input (or of\n--json @FILE) is a "
                     "message; blank ones are skipped, and a line that is wrong\ncancels the "
                     "call. With flags of fields, the one message that they make is sent.\n\n"
                     "Fields of a message\n",
                     info->name, command, info->name, command, method->path,
                     (method->kind & CSVC_RPC_SERVER_STREAM) != 0 ? "" : "which ", streams(method));
    }
    print_fields(method->request, "", 0);
    if (method->request->n_fields == 0) {
        (void)printf("  none\n");
    }
    (void)printf("\nFlags\n");
    global_flags();
    print_collisions(method->request, command);
}
