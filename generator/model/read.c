/*
 * model/read.c: the nodes of a file.
 *
 * protoc and buf have checked what they send, but a request may come from anywhere, and its names
 * end up in C: whatever is not as descriptors must be is refused here.
 */
#include "model/parts.h"

#include <string.h>

#include "names/names.h"

#include "base/banned.h"

static void enter(gen_builder *b, int32_t field, size_t index)
{
    if (b->path.n + 2 < GEN_MAX_PATH) {
        b->path.at[b->path.n] = field;
        b->path.at[b->path.n + 1] = (int32_t)index;
    }
    b->path.n += 2;
}

static void leave(gen_builder *b)
{
    b->path.n -= 2;
}

/* A node's name, or NULL after a report. */
static const char *read_name(gen_builder *b, const char *what, const char *name)
{
    if (name == NULL || !gen_name_identifier(name)) {
        gen_report(b->diag, GEN_ERROR, gen_place_here(b), "%s has %s%.100s%s", what,
                   name == NULL ? "no name" : "the name \"", name == NULL ? "" : name,
                   name == NULL ? "" : "\", which is none");
        return NULL;
    }
    return name;
}

/* Makes a node known under its kind's letter, a dot and its full name; a second one is refused. */
static void enter_name(gen_builder *b, const char *key, void *node)
{
    void *old = NULL;

    if (!gen_index_put(b->model->index, key, node, &old)) {
        b->no_memory = true;
    } else if (old != NULL) {
        gen_report(b->diag, GEN_ERROR, gen_place_here(b), "%s is defined twice", key + 2);
    }
}

static void read_enum(gen_builder *b, gen_enum *e, const CsvcPb__EnumDescriptorProto *proto,
                      const char *scope, gen_message *parent)
{
    const char *key;

    *e = (gen_enum){
        .file = b->file,
        .parent = parent,
        .closed = b->file->syntax != 3,
        .proto = proto,
        .place = gen_place_here(b),
        .comments = gen_comments_here(b, false),
    };
    e->name = read_name(b, "an enum", proto->name);
    if (e->name == NULL) {
        return;
    }
    e->full_name = gen_join(b, scope, e->name);
    if (proto->n_value == 0) {
        gen_report(b->diag, GEN_ERROR, e->place, "enum %s has no values", e->name);
    }
    e->values = gen_take(b, proto->n_value, sizeof(*e->values));
    key = gen_join(b, "e", e->full_name != NULL ? e->full_name : "");
    if (b->no_memory) {
        return;
    }
    enter_name(b, key, e);
    for (size_t i = 0; i < proto->n_value; i++) {
        enter(b, 2, i);
        e->values[i] = (gen_enum_value){
            .name = read_name(b, "an enum value", proto->value[i]->name),
            .number = proto->value[i]->number,
            .place = gen_place_here(b),
            .comments = gen_comments_here(b, true),
        };
        leave(b);
    }
    e->n_values = proto->n_value;
}

static gen_enum **read_enums(gen_builder *b, CsvcPb__EnumDescriptorProto **protos, size_t n,
                             int32_t field, const char *scope, gen_message *parent)
{
    gen_enum **enums = gen_take(b, n, sizeof(gen_enum *));
    gen_enum *all = gen_take(b, n, sizeof(*all));

    for (size_t i = 0; i < n && !b->no_memory; i++) {
        enums[i] = &all[i];
        b->file->all_enums[b->file->n_all_enums++] = &all[i];
        enter(b, field, i);
        read_enum(b, &all[i], protos[i], scope, parent);
        leave(b);
    }
    return enums;
}

static csvc_kind kind_of(CsvcPb__FieldDescriptorProto__Type type)
{
    static const uint8_t kinds[] = {
        0,
        CSVC_KIND_DOUBLE,
        CSVC_KIND_FLOAT,
        CSVC_KIND_INT64,
        CSVC_KIND_UINT64,
        CSVC_KIND_INT32,
        CSVC_KIND_FIXED64,
        CSVC_KIND_FIXED32,
        CSVC_KIND_BOOL,
        CSVC_KIND_STRING,
        CSVC_KIND_MESSAGE, /* a group */
        CSVC_KIND_MESSAGE,
        CSVC_KIND_BYTES,
        CSVC_KIND_UINT32,
        CSVC_KIND_ENUM,
        CSVC_KIND_SFIXED32,
        CSVC_KIND_SFIXED64,
        CSVC_KIND_SINT32,
        CSVC_KIND_SINT64,
    };

    return (size_t)type < sizeof(kinds) ? (csvc_kind)kinds[type] : (csvc_kind)0;
}

static bool packable(csvc_kind kind)
{
    return kind != CSVC_KIND_STRING && kind != CSVC_KIND_BYTES && kind != CSVC_KIND_MESSAGE;
}

static void read_label(gen_builder *b, gen_field *field, const CsvcPb__FieldDescriptorProto *proto)
{
    gen_message *message = field->parent;
    bool proto3 = b->file->syntax == 3;

    if (proto->has_oneof_index) {
        if (proto->oneof_index < 0 || (size_t)proto->oneof_index >= message->n_oneofs ||
            (proto->has_label &&
             proto->label != CSVC_PB__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL)) {
            gen_report(b->diag, GEN_ERROR, field->place, "field %s is in a oneof that is not there",
                       field->name);
            return;
        }
        field->oneof = &message->oneofs[proto->oneof_index];
        field->oneof->n_fields++;
        field->oneof->synthetic |= proto->proto3_optional;
        field->label = CSVC_LABEL_ONEOF;
        field->flags |= proto->proto3_optional ? CSVC_FIELD_PRESENCE : 0;
    } else if (proto->label == CSVC_PB__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED) {
        const CsvcPb__FieldOptions *options = proto->options;

        field->label = CSVC_LABEL_REPEATED;
        if (packable(field->kind) &&
            (options != NULL && options->has_packed ? options->packed : proto3)) {
            field->flags |= CSVC_FIELD_PACKED;
        }
    } else if (proto->label == CSVC_PB__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED) {
        field->label = CSVC_LABEL_REQUIRED;
    } else {
        field->label =
            proto3 && field->kind != CSVC_KIND_MESSAGE ? CSVC_LABEL_IMPLICIT : CSVC_LABEL_OPTIONAL;
    }
}

/* fullName of full_name, as protoc makes it. */
static const char *lower_camel(gen_builder *b, const char *name)
{
    char *camel = csvc_arena_strdup(b->a, name);
    size_t at = 0;
    bool upper = false;

    if (camel == NULL) {
        b->no_memory = true;
        return NULL;
    }
    for (; *name != '\0'; name++) {
        if (*name == '_') {
            upper = true;
        } else {
            camel[at++] = upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
            upper = false;
        }
    }
    camel[at] = '\0';
    return camel;
}

static void read_field(gen_builder *b, gen_field *field, gen_message *message,
                       const CsvcPb__FieldDescriptorProto *proto)
{
    field->parent = message;
    field->place = gen_place_here(b);
    field->comments = gen_comments_here(b, true);
    field->name = read_name(b, "a field", proto->name);
    if (field->name == NULL) {
        return;
    }
    field->kind = kind_of(proto->has_type ? proto->type : (CsvcPb__FieldDescriptorProto__Type)0);
    if (field->kind == 0) {
        gen_report(b->diag, GEN_ERROR, field->place, "field %s has no type", field->name);
        return;
    }
    if (proto->number < 1 || proto->number > 536870911) {
        gen_report(b->diag, GEN_ERROR, field->place,
                   "field %s has the number %d, not 1 to 536870911", field->name,
                   (int)proto->number);
        return;
    }
    field->number = (uint32_t)proto->number;
    field->group = proto->type == CSVC_PB__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP;
    field->json_name = proto->json_name != NULL ? proto->json_name : lower_camel(b, field->name);
    if (field->kind == CSVC_KIND_STRING && b->file->syntax == 3) {
        field->flags |= CSVC_FIELD_UTF8;
    }
    if (proto->default_value != NULL) {
        field->default_text = proto->default_value;
        field->default_len = strlen(proto->default_value);
        if (field->kind == CSVC_KIND_STRING) {
            field->flags |= CSVC_FIELD_PTR_DEFAULT;
        }
    }
    read_label(b, field, proto);
    gen_read_field_options(b, field, proto);
}

/* The fields each oneof holds, once they are counted. */
static void fill_oneofs(gen_builder *b, gen_message *message)
{
    for (size_t i = 0; i < message->n_oneofs; i++) {
        gen_oneof *oneof = &message->oneofs[i];

        if (oneof->n_fields == 0) {
            gen_report(b->diag, GEN_ERROR, oneof->place, "oneof %s has no fields",
                       oneof->name != NULL ? oneof->name : "");
        }
        oneof->fields = gen_take(b, oneof->n_fields, sizeof(gen_field *));
        oneof->n_fields = 0;
    }
    for (size_t i = 0; i < message->n_fields && !b->no_memory; i++) {
        gen_field *field = message->fields[i];

        if (field->oneof != NULL) {
            field->oneof->fields[field->oneof->n_fields++] = field;
        }
    }
}

static void read_fields(gen_builder *b, gen_message *message)
{
    const CsvcPb__DescriptorProto *proto = message->proto;
    gen_field *fields = gen_take(b, proto->n_field, sizeof(*fields));

    message->fields = gen_take(b, proto->n_field, sizeof(gen_field *));
    message->by_number = gen_take(b, proto->n_field, sizeof(gen_field *));
    message->oneofs = gen_take(b, proto->n_oneof_decl, sizeof(gen_oneof));
    if (b->no_memory) {
        return;
    }
    message->n_fields = proto->n_field;
    message->n_oneofs = proto->n_oneof_decl;
    for (size_t i = 0; i < proto->n_oneof_decl; i++) {
        enter(b, 8, i);
        message->oneofs[i].parent = message;
        message->oneofs[i].name = read_name(b, "a oneof", proto->oneof_decl[i]->name);
        message->oneofs[i].place = gen_place_here(b);
        message->oneofs[i].comments = gen_comments_here(b, true);
        leave(b);
    }
    for (size_t i = 0; i < proto->n_field; i++) {
        message->fields[i] = &fields[i];
        message->by_number[i] = &fields[i];
        fields[i].position = (uint32_t)i;
        enter(b, 2, i);
        read_field(b, &fields[i], message, proto->field[i]);
        leave(b);
    }
    fill_oneofs(b, message);
}

static csvc_well_known well_known(const char *full_name)
{
    static const struct {
        const char *name;
        csvc_well_known kind;
    } names[] = {
        {"Any", CSVC_WKT_ANY},
        {"Timestamp", CSVC_WKT_TIMESTAMP},
        {"Duration", CSVC_WKT_DURATION},
        {"Empty", CSVC_WKT_EMPTY},
        {"Struct", CSVC_WKT_STRUCT},
        {"Value", CSVC_WKT_VALUE},
        {"ListValue", CSVC_WKT_LIST_VALUE},
        {"FieldMask", CSVC_WKT_FIELD_MASK},
        {"DoubleValue", CSVC_WKT_WRAPPER},
        {"FloatValue", CSVC_WKT_WRAPPER},
        {"Int64Value", CSVC_WKT_WRAPPER},
        {"UInt64Value", CSVC_WKT_WRAPPER},
        {"Int32Value", CSVC_WKT_WRAPPER},
        {"UInt32Value", CSVC_WKT_WRAPPER},
        {"BoolValue", CSVC_WKT_WRAPPER},
        {"StringValue", CSVC_WKT_WRAPPER},
        {"BytesValue", CSVC_WKT_WRAPPER},
    };
    static const char package[] = "google.protobuf.";

    if (strncmp(full_name, package, sizeof(package) - 1) != 0) {
        return CSVC_WKT_NONE;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(full_name + sizeof(package) - 1, names[i].name) == 0) {
            return names[i].kind;
        }
    }
    return CSVC_WKT_NONE;
}

/* protoc names the entry of a map field `_1st` 1stEntry, which is a fine end of a longer name. */
static bool is_entry_name(const char *name)
{
    return name != NULL && *name >= '0' && *name <= '9' &&
           gen_name_identifier(name + strspn(name, "0123456789"));
}

static gen_message **read_messages(gen_builder *b, CsvcPb__DescriptorProto **protos, size_t n,
                                   int32_t field, const char *scope, gen_message *parent);

static void read_message(gen_builder *b, gen_message *message, const CsvcPb__DescriptorProto *proto,
                         const char *scope, gen_message *parent)
{
    const char *key;

    message->file = b->file;
    message->parent = parent;
    message->proto = proto;
    message->place = gen_place_here(b);
    message->comments = gen_comments_here(b, false);
    if (parent != NULL && proto->options != NULL && proto->options->map_entry &&
        is_entry_name(proto->name)) {
        message->name = proto->name;
    } else {
        message->name = read_name(b, "a message", proto->name);
    }
    if (message->name == NULL) {
        return;
    }
    message->full_name = gen_join(b, scope, message->name);
    key = gen_join(b, "m", message->full_name != NULL ? message->full_name : "");
    if (b->no_memory) {
        return;
    }
    enter_name(b, key, message);
    message->well_known = well_known(message->full_name);
    gen_read_message_options(b, message);
    read_fields(b, message);
    message->messages =
        read_messages(b, proto->nested_type, proto->n_nested_type, 3, message->full_name, message);
    message->n_messages = proto->n_nested_type;
    message->enums =
        read_enums(b, proto->enum_type, proto->n_enum_type, 4, message->full_name, message);
    message->n_enums = proto->n_enum_type;
}

static gen_message **read_messages(gen_builder *b, CsvcPb__DescriptorProto **protos, size_t n,
                                   int32_t field, const char *scope, gen_message *parent)
{
    gen_message **messages = gen_take(b, n, sizeof(gen_message *));
    gen_message *all = gen_take(b, n, sizeof(*all));

    if (n > 0 && b->path.n + 8 > GEN_MAX_PATH) {
        gen_report(b->diag, GEN_ERROR, parent->place, "messages are nested too deep in %s",
                   parent->full_name);
        b->no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        messages[i] = &all[i];
        b->file->all_messages[b->file->n_all_messages++] = &all[i];
        enter(b, field, i);
        read_message(b, &all[i], protos[i], scope, parent);
        leave(b);
    }
    return messages;
}

static void read_service(gen_builder *b, gen_service *service,
                         const CsvcPb__ServiceDescriptorProto *proto)
{
    service->file = b->file;
    service->place = gen_place_here(b);
    service->comments = gen_comments_here(b, false);
    service->name = read_name(b, "a service", proto->name);
    service->rpcs = gen_take(b, proto->n_method, sizeof(*service->rpcs));
    if (service->name == NULL || b->no_memory) {
        return;
    }
    service->full_name = gen_join(b, b->file->package, service->name);
    gen_read_service_options(b, service, proto);
    for (size_t i = 0; i < proto->n_method && !b->no_memory; i++) {
        const CsvcPb__MethodDescriptorProto *method = proto->method[i];
        gen_rpc *rpc = &service->rpcs[i];

        enter(b, 2, i);
        rpc->service = service;
        rpc->index = (uint32_t)i;
        rpc->proto = method;
        rpc->place = gen_place_here(b);
        rpc->comments = gen_comments_here(b, true);
        rpc->name = read_name(b, "an rpc", method->name);
        rpc->kind = method->client_streaming
                        ? (method->server_streaming ? CSVC_RPC_BIDI_STREAM : CSVC_RPC_CLIENT_STREAM)
                        : (method->server_streaming ? CSVC_RPC_SERVER_STREAM : CSVC_RPC_UNARY);
        gen_read_rpc_options(b, rpc, method);
        leave(b);
    }
    service->n_rpcs = proto->n_method;
}

/* Nothing is made of an extension, so what is odd about one is nobody's trouble: it is left out.
 * All types it may have are known when they are read. */
static void read_extension(gen_builder *b, const CsvcPb__FieldDescriptorProto *proto,
                           const char *scope)
{
    bool known = proto->name != NULL && proto->extendee != NULL && *proto->extendee == '.' &&
                 proto->has_type && kind_of(proto->type) != 0 && proto->number >= 1;
    gen_field *field = known ? gen_take(b, 1, sizeof(*field)) : NULL;
    const char *type = known && proto->type_name != NULL ? proto->type_name : ".";

    if (field == NULL) {
        return;
    }
    *field = (gen_field){
        .name = gen_join(b, scope, proto->name),
        .extendee = proto->extendee + 1,
        .number = (uint32_t)proto->number,
        .kind = kind_of(proto->type),
        .label = proto->label == CSVC_PB__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED
                     ? CSVC_LABEL_REPEATED
                     : CSVC_LABEL_OPTIONAL,
        .group = proto->type == CSVC_PB__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP,
        .default_text = proto->default_value,
        .default_len = proto->default_value != NULL ? strlen(proto->default_value) : 0,
        .place = gen_place_here(b),
    };
    if (field->kind == CSVC_KIND_MESSAGE) {
        field->message = gen_model_message(b->model, type + 1);
    } else if (field->kind == CSVC_KIND_ENUM) {
        field->enumeration = gen_model_enum(b->model, type + 1);
    }
    if ((field->kind == CSVC_KIND_MESSAGE) == (field->message != NULL) &&
        (field->kind == CSVC_KIND_ENUM) == (field->enumeration != NULL)) {
        b->file->extensions[b->file->n_extensions++] = field;
    }
}

static void read_extensions(gen_builder *b, CsvcPb__FieldDescriptorProto **protos, size_t n,
                            int32_t field, const char *scope)
{
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        enter(b, field, i);
        read_extension(b, protos[i], scope);
        leave(b);
    }
}

static void read_extensions_within(gen_builder *b, CsvcPb__DescriptorProto **messages, size_t n,
                                   int32_t field, const char *scope)
{
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        const CsvcPb__DescriptorProto *proto = messages[i];
        const char *inner = proto->name != NULL ? gen_join(b, scope, proto->name) : NULL;

        if (inner != NULL) {
            enter(b, field, i);
            read_extensions(b, proto->extension, proto->n_extension, 6, inner);
            read_extensions_within(b, proto->nested_type, proto->n_nested_type, 3, inner);
            leave(b);
        }
    }
}

typedef struct counts {
    size_t messages, enums, extensions;
} counts;

/* How many there are, at any depth. */
static void count(CsvcPb__DescriptorProto **messages, size_t n, counts *all)
{
    all->messages += n;
    for (size_t i = 0; i < n; i++) {
        all->enums += messages[i]->n_enum_type;
        all->extensions += messages[i]->n_extension;
        count(messages[i]->nested_type, messages[i]->n_nested_type, all);
    }
}

void gen_read_file(gen_builder *b, gen_file *file)
{
    const CsvcPb__FileDescriptorProto *proto = file->proto;
    counts all = {.enums = proto->n_enum_type, .extensions = proto->n_extension};

    b->file = file;
    b->path.n = 0;
    file->place = (gen_place){.file = file->name};
    if (!gen_places_read(b, proto)) {
        return;
    }
    file->package_place = gen_place_of(b, 2);
    file->syntax_place = gen_place_of(b, 12);
    b->path.at[0] = 12;
    b->path.n = 1;
    file->comments = gen_comments_here(b, false);
    b->path.n = 0;
    if (proto->syntax == NULL || strcmp(proto->syntax, "proto2") == 0) {
        file->syntax = 2;
    } else if (strcmp(proto->syntax, "proto3") == 0) {
        file->syntax = 3;
    }
    file->package = proto->package != NULL ? proto->package : "";
    if (*file->package != '\0' && !gen_name_package(file->package)) {
        gen_report(b->diag, GEN_ERROR, file->package_place, "\"%.100s\" is no package name",
                   file->package);
        return;
    }
    gen_read_file_options(b, file);
    count(proto->message_type, proto->n_message_type, &all);
    file->all_messages = gen_take(b, all.messages, sizeof(gen_message *));
    file->all_enums = gen_take(b, all.enums, sizeof(gen_enum *));
    file->extensions = gen_take(b, all.extensions, sizeof(gen_field *));
    file->services = gen_take(b, proto->n_service, sizeof(*file->services));
    if (b->no_memory) {
        return;
    }
    file->messages =
        read_messages(b, proto->message_type, proto->n_message_type, 4, file->package, NULL);
    file->n_messages = proto->n_message_type;
    file->enums = read_enums(b, proto->enum_type, proto->n_enum_type, 5, file->package, NULL);
    file->n_enums = proto->n_enum_type;
    for (size_t i = 0; i < proto->n_service && !b->no_memory; i++) {
        enter(b, 6, i);
        file->services[i].index = (uint32_t)i;
        read_service(b, &file->services[i], proto->service[i]);
        leave(b);
    }
    file->n_services = proto->n_service;
    if (all.extensions > 0 && !b->no_memory) {
        read_extensions(b, proto->extension, proto->n_extension, 7, file->package);
        read_extensions_within(b, proto->message_type, proto->n_message_type, 4, file->package);
    }
}
