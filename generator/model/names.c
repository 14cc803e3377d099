/*
 * model/names.c: naming a model.
 *
 * The first half follows protobuf-c to the letter: types are each part of the full name in camel
 * case, joined by "__"; functions and constants split it before capitals (each capital that does
 * not follow one); fields are lower-cased whole, and keywords get a '_'. tests/unit/names_test.c
 * holds it against the installed protoc-gen-c.
 */
#include "model/parts.h"

#include <string.h>

#include "common/concat.h"
#include "names/names.h"
#include "names/words.h"

#include "base/arena.h"

#include "base/banned.h"

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

typedef enum style {
    CAMEL, /* foo_bar -> FooBar */
    LOWER, /* FooBar -> foo_bar */
    UPPER, /* FooBar -> FOO_BAR */
} style;

/* One part of a name; writes at most twice its length. Returns the end. */
static char *fold(char *at, const char *part, size_t len, style how)
{
    bool next_is_upper = true;
    bool was_upper = true;

    for (size_t i = 0; i < len; i++) {
        char c = part[i];

        if (how == CAMEL) {
            if (c == '_') {
                next_is_upper = true;
            } else {
                *at++ = next_is_upper ? upper(c) : c;
                next_is_upper = false;
            }
            continue;
        }
        if (is_upper(c) && !was_upper) {
            *at++ = '_';
        }
        was_upper = is_upper(c);
        *at++ = how == LOWER ? lower(c) : upper(c);
    }
    return at;
}

/* All parts of package.name, with "__" between them and `end` behind. */
static const char *full(csvc_arena *a, const char *package, const char *name, style how,
                        const char *end)
{
    const char *const halves[] = {package, name};
    char *text = csvc_arena_alloc(a, (strlen(package) + strlen(name)) * 2 + strlen(end) + 3);
    char *at = text;

    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < 2; i++) {
        for (const char *part = halves[i]; *part != '\0';) {
            size_t len = strcspn(part, ".");

            if (len > 0) {
                /* As protobuf-c does: what is still empty (of a part `_`) gets no "__". */
                if (at > text) {
                    *at++ = '_';
                    *at++ = '_';
                }
                at = fold(at, part, len, how);
            }
            part += len;
            part += *part == '.';
        }
    }
    memcpy(at, end, strlen(end) + 1);
    return text;
}

static const char *part(csvc_arena *a, const char *before, const char *name, style how)
{
    size_t len = strlen(before);
    char *text = csvc_arena_alloc(a, len + strlen(name) * 2 + 1);

    if (text == NULL) {
        return NULL;
    }
    memcpy(text, before, len);
    *fold(text + len, name, strlen(name), how) = '\0';
    return text;
}

/* The package that stands before the C names of a file, and the full name without it. */
static const char *package_of(const gen_file *file)
{
    return file->c_package != NULL ? file->c_package : file->package;
}

static const char *within(const gen_file *file, const char *full_name)
{
    size_t len = strlen(file->package);

    return full_name + len + (len > 0);
}

/* ---- protobuf-c's ---- */

static bool name_enum(csvc_arena *a, gen_enum *e)
{
    const char *package = package_of(e->file);
    const char *name = within(e->file, e->full_name);

    e->c_type = full(a, package, name, CAMEL, "");
    e->c_lower = full(a, package, name, LOWER, "");
    e->c_upper = full(a, package, name, UPPER, "");
    for (size_t i = 0; i < e->n_values && e->c_upper != NULL; i++) {
        e->values[i].c_name = gen_concat(a, e->c_upper, "__", e->values[i].name);
        if (e->values[i].c_name == NULL) {
            return false;
        }
    }
    return e->c_type != NULL && e->c_lower != NULL && e->c_upper != NULL;
}

static bool name_oneof(csvc_arena *a, gen_oneof *oneof)
{
    const gen_message *message = oneof->parent;
    const char *before = csvc_arena_printf(a, "%s__", message->c_upper);

    if (before == NULL) {
        return false;
    }
    oneof->c_name = part(a, "", oneof->name, LOWER);
    oneof->c_prefix = part(a, before, oneof->name, UPPER);
    before = csvc_arena_printf(a, "%s.%s", within(message->file, message->full_name), oneof->name);
    if (before == NULL || oneof->c_name == NULL || oneof->c_prefix == NULL) {
        return false;
    }
    oneof->c_type = full(a, package_of(message->file), before, CAMEL, "Case");
    before = csvc_arena_printf(a, "%s_", oneof->c_prefix);
    if (before == NULL || oneof->c_type == NULL) {
        return false;
    }
    for (size_t i = 0; i < oneof->n_fields; i++) {
        gen_field *field = oneof->fields[i];

        field->case_constant = part(a, before, field->name, UPPER);
        if (field->case_constant != NULL && field->renamed) {
            field->case_constant = csvc_arena_printf(a, "%s_", field->case_constant);
        }
        if (field->case_constant == NULL) {
            return false;
        }
    }
    return true;
}

static bool name_field(csvc_arena *a, gen_field *field)
{
    size_t len = strlen(field->name);
    char *name = csvc_arena_alloc(a, len + 2);

    if (name == NULL) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        name[i] = lower(field->name[i]);
    }
    name[len] = '\0';
    field->renamed = false;
    if (gen_name_escaped(name)) {
        memcpy(name + len, "_", 2);
    } else if ((gen_name_reserved(name) && name[0] != '_') || gen_name_macro(name) ||
               gen_name_of_struct(name)) {
        /* As protobuf-c would, did it know the word; messages.c has it believe so. */
        memcpy(name + len, "_", 2);
        field->renamed = true;
    }
    field->c_name = name;
    return true;
}

static bool is_taken(const gen_message *message, const char *name)
{
    for (size_t i = 0; i < message->n_fields; i++) {
        const gen_field *field = message->fields[i];

        if (strcmp(field->c_name, name) == 0 ||
            /* whether it has a quantifier of that name or not */
            (strncmp(name, "has_", 4) == 0 && strcmp(field->c_name, name + 4) == 0) ||
            (strncmp(name, "n_", 2) == 0 && strcmp(field->c_name, name + 2) == 0)) {
            return true;
        }
    }
    for (size_t i = 0; i < message->n_oneofs; i++) {
        size_t len = strlen(message->oneofs[i].c_name);

        if (strncmp(name, message->oneofs[i].c_name, len) == 0 &&
            strcmp(name + len, "_case") == 0) {
            return true;
        }
    }
    return false;
}

/* `base`, or base_message, base_message_... when a field is called so. */
static bool name_base(csvc_arena *a, gen_message *message)
{
    message->c_base = message->base_option != NULL ? message->base_option : "base";
    if (message->base_option != NULL) {
        return true;
    }
    for (const char *add = "_message";
         message->c_base != NULL && is_taken(message, message->c_base); add = "_") {
        message->c_base = csvc_arena_printf(a, "%s%s", message->c_base, add);
    }
    return message->c_base != NULL;
}

static bool name_message(csvc_arena *a, gen_message *message)
{
    const char *package = package_of(message->file);
    const char *name = within(message->file, message->full_name);

    message->c_type = full(a, package, name, CAMEL, "");
    message->c_lower = full(a, package, name, LOWER, "");
    message->c_upper = full(a, package, name, UPPER, "");
    if (message->c_type == NULL || message->c_lower == NULL || message->c_upper == NULL) {
        return false;
    }
    for (size_t i = 0; i < message->n_fields; i++) {
        if (!name_field(a, message->fields[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < message->n_oneofs; i++) {
        if (!name_oneof(a, &message->oneofs[i])) {
            return false;
        }
    }
    return name_base(a, message);
}

/* The C type of one value, once all types have names. */
static bool name_type(csvc_arena *a, gen_field *field)
{
    switch (field->kind) {
    case CSVC_KIND_INT32:
    case CSVC_KIND_SINT32:
    case CSVC_KIND_SFIXED32:
        field->c_type = "int32_t";
        break;
    case CSVC_KIND_INT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_SFIXED64:
        field->c_type = "int64_t";
        break;
    case CSVC_KIND_UINT32:
    case CSVC_KIND_FIXED32:
        field->c_type = "uint32_t";
        break;
    case CSVC_KIND_UINT64:
    case CSVC_KIND_FIXED64:
        field->c_type = "uint64_t";
        break;
    case CSVC_KIND_FLOAT:
        field->c_type = "float";
        break;
    case CSVC_KIND_DOUBLE:
        field->c_type = "double";
        break;
    case CSVC_KIND_BOOL:
        field->c_type = "protobuf_c_boolean";
        break;
    case CSVC_KIND_ENUM:
        field->c_type = field->enumeration->c_type;
        break;
    case CSVC_KIND_STRING:
        field->c_type = field->parent->file->const_strings ? "const char *" : "char *";
        break;
    case CSVC_KIND_BYTES:
        field->c_type = "ProtobufCBinaryData";
        break;
    case CSVC_KIND_MESSAGE:
        field->c_type = gen_concat(a, field->message->c_type, " *");
        break;
    }
    return field->c_type != NULL;
}

/* ---- ours ---- */

/* user.UserService -> user_service; shop.v1.OrderService -> shop_v1_order_service. */
static const char *service_prefix(csvc_arena *a, const gen_service *service)
{
    const char *package = package_of(service->file);
    const char *last = strrchr(package, '.');
    const char *name = gen_snake(a, service->name);
    const char *word = gen_snake(a, last != NULL ? last + 1 : package);
    size_t len;

    if (name == NULL || word == NULL) {
        return NULL;
    }
    len = strlen(word);
    if (len > 0 && strncmp(name, word, len) == 0 && (name[len] == '_' || name[len] == '\0')) {
        char *rest = csvc_arena_strndup(a, package, last != NULL ? (size_t)(last - package) : 0);

        if (rest == NULL) {
            return NULL;
        }
        package = rest;
    }
    package = gen_snake(a, package);
    if (package == NULL || *package == '\0') {
        return package == NULL ? NULL : name;
    }
    return csvc_arena_printf(a, "%s_%s", package, name);
}

/*
 * The rpc's name within longer ones. An rpc may be called as what stands behind the service's own
 * prefix: its handler would be PREFIX_ops.
 */
static const char *rpc_name(csvc_arena *a, const gen_rpc *rpc)
{
    static const char *const taken[] = {"ops", "ops_init", "ops_register", "service"};
    const char *name = gen_snake(a, rpc->name);

    for (size_t i = 0; name != NULL && i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (strcmp(name, taken[i]) == 0) {
            return csvc_arena_printf(a, "%s_rpc", name);
        }
    }
    return name;
}

static bool is_member(const char *name)
{
    /* <assert.h> comes with protobuf-c, and a slot is called; types that slots name */
    static const char *const taken[] = {"assert",   "offsetof",    "struct_size", "csvc_code",
                                        "csvc_ctx", "csvc_stream", "size_t"};

    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (strcmp(name, taken[i]) == 0) {
            return false;
        }
    }
    return !gen_name_reserved(name) && !gen_name_macro(name);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t n = strlen(end);

    return len >= n && strcmp(text + len - n, end) == 0;
}

/* Clients of GetFoo are called get_foo and get_foo_async: GetFooAsync beside it, as some APIs have
 * it, becomes get_foo_async_rpc. */
static bool clear_async(csvc_arena *a, gen_service *service)
{
    static const char end[] = "_async";
    gen_index names;
    void *old;

    gen_index_init(&names, a);
    for (size_t i = 0; i < service->n_rpcs; i++) {
        if (!gen_index_put(&names, service->rpcs[i].c_name, &service->rpcs[i], &old)) {
            return false;
        }
    }
    for (size_t i = 0; i < service->n_rpcs; i++) {
        gen_rpc *rpc = &service->rpcs[i];
        char *stem;

        if (!ends_with(rpc->c_name, end)) {
            continue;
        }
        stem = csvc_arena_strndup(a, rpc->c_name, strlen(rpc->c_name) - (sizeof(end) - 1));
        if (stem == NULL) {
            return false;
        }
        if (gen_index_get(&names, stem) != NULL) {
            rpc->c_name = csvc_arena_printf(a, "%s_rpc", rpc->c_name);
            if (rpc->c_name == NULL) {
                return false;
            }
        }
    }
    return true;
}

bool gen_model_name_service(csvc_arena *a, gen_service *service)
{
    service->prefix =
        service->prefix_option != NULL ? service->prefix_option : service_prefix(a, service);
    if (service->prefix == NULL) {
        return false;
    }
    service->upper = gen_upper(a, service->prefix);
    for (size_t i = 0; i < service->n_rpcs; i++) {
        gen_rpc *rpc = &service->rpcs[i];

        rpc->c_name = rpc_name(a, rpc);
        rpc->path = csvc_arena_printf(a, "/%s/%s", service->full_name, rpc->name);
        if (rpc->c_name == NULL || rpc->path == NULL) {
            return false;
        }
    }
    if (!clear_async(a, service)) {
        return false;
    }
    for (size_t i = 0; i < service->n_rpcs; i++) {
        gen_rpc *rpc = &service->rpcs[i];

        rpc->member = rpc->c_name;
        if (*rpc->c_name >= '0' && *rpc->c_name <= '9') { /* rpc _1st */
            rpc->member = csvc_arena_printf(a, "_%s", rpc->c_name);
        } else if (!is_member(rpc->c_name)) {
            rpc->member = csvc_arena_printf(a, "%s_", rpc->c_name);
        }
        if (rpc->member == NULL) {
            return false;
        }
    }
    return service->upper != NULL;
}

static bool name_file(csvc_arena *a, gen_file *file)
{
    size_t len = strlen(file->name);
    const char *from;
    char *name;
    char *at;

    /* protobuf-c takes either ending off */
    if (ends_with(file->name, ".protodevel")) {
        len -= strlen(".protodevel");
    } else if (ends_with(file->name, ".proto")) {
        len -= strlen(".proto");
    }
    file->base = csvc_arena_strndup(a, file->name, len);
    name = csvc_arena_alloc(a, len * 2 + 5);
    if (file->base == NULL || name == NULL) {
        return false;
    }
    at = name;
    if (len == 0 || !(is_upper(upper(file->base[0])))) {
        memcpy(at, "file", 4);
        at += 4;
    }
    for (from = file->base; *from != '\0'; from++) {
        char c = lower(*from);

        if (*from == '/') {
            *at++ = '_';
        }
        *at++ = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    }
    *at = '\0';
    file->c_lower = name;
    return true;
}

static bool name_in_file(csvc_arena *a, gen_file *file)
{
    if (!name_file(a, file)) {
        return false;
    }
    for (size_t i = 0; i < file->n_all_enums; i++) {
        if (!name_enum(a, file->all_enums[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < file->n_all_messages; i++) {
        if (!name_message(a, file->all_messages[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < file->n_services; i++) {
        if (!gen_model_name_service(a, &file->services[i])) {
            return false;
        }
    }
    return true;
}

bool gen_name_model(gen_model *model, const char *c_package)
{
    csvc_arena *a = model->arena;

    for (size_t i = 0; i < model->n_files; i++) {
        gen_file *file = model->files[i];

        if (c_package != NULL && file->generate) {
            file->c_package = c_package;
        }
        if (!name_in_file(a, file)) {
            return false;
        }
        if (c_package != NULL && file->generate) {
            /* somebody else's copy of the file may be in the same program */
            file->c_lower = full(a, c_package, file->c_lower, LOWER, "");
            if (file->c_lower == NULL) {
                return false;
            }
        }
    }
    for (size_t i = 0; i < model->n_files; i++) {
        const gen_file *file = model->files[i];

        for (size_t k = 0; k < file->n_all_messages; k++) {
            const gen_message *message = file->all_messages[k];

            for (size_t f = 0; f < message->n_fields; f++) {
                if (!name_type(a, message->fields[f])) {
                    return false;
                }
            }
        }
    }
    return true;
}
