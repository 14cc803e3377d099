/*
 * check.c: emitted tables against protobuf-c's own, and a round through what is emitted for a
 * service. Compiled and run by tests/e2e/golden_san.sh, which also writes types.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/notes.csvc.h"
#include "kinds.csvc.h"
#include "legacy.csvc.h"
#include "shop.csvc.h"
#include "user.csvc.h"

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                                 \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* ---- tables ---- */

static const csvc_message_type *const types[] = {
#include "types.h"
};

static int kind_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
        return CSVC_KIND_INT32;
    case PROTOBUF_C_TYPE_SINT32:
        return CSVC_KIND_SINT32;
    case PROTOBUF_C_TYPE_SFIXED32:
        return CSVC_KIND_SFIXED32;
    case PROTOBUF_C_TYPE_INT64:
        return CSVC_KIND_INT64;
    case PROTOBUF_C_TYPE_SINT64:
        return CSVC_KIND_SINT64;
    case PROTOBUF_C_TYPE_SFIXED64:
        return CSVC_KIND_SFIXED64;
    case PROTOBUF_C_TYPE_UINT32:
        return CSVC_KIND_UINT32;
    case PROTOBUF_C_TYPE_FIXED32:
        return CSVC_KIND_FIXED32;
    case PROTOBUF_C_TYPE_UINT64:
        return CSVC_KIND_UINT64;
    case PROTOBUF_C_TYPE_FIXED64:
        return CSVC_KIND_FIXED64;
    case PROTOBUF_C_TYPE_FLOAT:
        return CSVC_KIND_FLOAT;
    case PROTOBUF_C_TYPE_DOUBLE:
        return CSVC_KIND_DOUBLE;
    case PROTOBUF_C_TYPE_BOOL:
        return CSVC_KIND_BOOL;
    case PROTOBUF_C_TYPE_ENUM:
        return CSVC_KIND_ENUM;
    case PROTOBUF_C_TYPE_STRING:
        return CSVC_KIND_STRING;
    case PROTOBUF_C_TYPE_BYTES:
        return CSVC_KIND_BYTES;
    case PROTOBUF_C_TYPE_MESSAGE:
        return CSVC_KIND_MESSAGE;
    }
    return 0;
}

static void check_field(const csvc_message_type *type, const csvc_field *ours,
                        const ProtobufCFieldDescriptor *theirs)
{
    int before = failures;

    CHECK(ours->number == theirs->id);
    CHECK(ours->offset == theirs->offset);
    CHECK(ours->quantifier == theirs->quantifier_offset);
    CHECK(ours->kind == kind_of(theirs->type));
    CHECK((ours->label == CSVC_LABEL_REPEATED) == (theirs->label == PROTOBUF_C_LABEL_REPEATED));
    CHECK((ours->label == CSVC_LABEL_REQUIRED) == (theirs->label == PROTOBUF_C_LABEL_REQUIRED));
    CHECK((ours->label == CSVC_LABEL_ONEOF) ==
          ((theirs->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0));
    CHECK((ours->sub != NULL) == (theirs->descriptor != NULL));
    if (ours->kind == CSVC_KIND_MESSAGE) {
        CHECK(((const csvc_message_type *)ours->sub)->descriptor == theirs->descriptor);
    } else {
        CHECK(ours->sub == theirs->descriptor);
    }
    if (failures > before) {
        printf("    in %s.%s\n", type->descriptor->name, theirs->name);
    }
}

static void check_type(const csvc_message_type *type)
{
    const ProtobufCMessageDescriptor *descriptor = type->descriptor;
    void *theirs = calloc(1, type->size);
    uint32_t dense = 0;

    CHECK(type->struct_size == sizeof(*type));
    CHECK(type->size == descriptor->sizeof_message);
    CHECK(type->n_fields == descriptor->n_fields);
    for (uint32_t i = 0; i < type->n_fields; i++) {
        check_field(type, &type->fields[i], &descriptor->fields[i]);
        dense += dense == i && type->fields[i].number == i + 1;
    }
    CHECK(type->n_dense == dense);
    CHECK(theirs != NULL);
    if (theirs != NULL) {
        descriptor->message_init(theirs);
        CHECK(memcmp(theirs, type->initial, type->size) == 0);
    }
    free(theirs);
}

/* Every file by way of its imports; each is a descriptor that begins with its own name. */
static void check_file(const csvc_file *file, int depth)
{
    size_t len = strlen(file->name);

    CHECK(depth < 10);
    CHECK(file->bytes.len > len + 2);
    CHECK(file->bytes.data[0] == 0x0a && file->bytes.data[1] == len);
    CHECK(memcmp(file->bytes.data + 2, file->name, len) == 0);
    for (const csvc_file *const *import = file->imports; *import != NULL; import++) {
        check_file(*import, depth + 1);
    }
}

/* ---- what is emitted for a service ---- */

static csvc_code get_user(void *self, csvc_ctx *ctx, const User__GetUserRequest *req,
                          User__GetUserResponse *rsp)
{
    CHECK(self == &failures);
    rsp->user = csvc_alloc(ctx, sizeof(*rsp->user));
    if (rsp->user == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    user__user__init(rsp->user);
    rsp->user->id = req->id;
    return CSVC_OK;
}

static const csvc_method *method(const csvc_service *service, const char *name)
{
    for (uint32_t i = 0; i < service->n_methods; i++) {
        if (strcmp(service->methods[i].name, name) == 0) {
            return &service->methods[i];
        }
    }
    printf("%s has no %s\n", service->name, name);
    exit(1);
}

static void check_service(void)
{
    static const user_service_ops ops = {USER_SERVICE_OPS_INIT, .get_user = get_user};
    const csvc_method *get = method(&user_service_service, "GetUser");
    const csvc_method *create = method(&user_service_service, "CreateUser");
    User__GetUserRequest req = USER__GET_USER_REQUEST__INIT;
    csvc_ctx *ctx = csvc_ctx_new(NULL);
    User__GetUserResponse *rsp;

    CHECK(ctx != NULL);
    CHECK(ops.struct_size == sizeof(ops) && user_service_service.ops_size == sizeof(ops));
    CHECK(strcmp(user_service_service.name, "user.UserService") == 0);
    CHECK(user_service_service.file == &user__file);
    CHECK(user_service_service.n_methods == 5);
    CHECK(strcmp(get->path, "/user.UserService/GetUser") == 0);
    CHECK(get->kind == CSVC_RPC_UNARY && get->flags == 0);
    rsp = csvc_message_new(csvc_ctx_arena(ctx), get->reply);
    CHECK(rsp != NULL);
    req.id = 42;
    CHECK(get->invoke(&ops, &failures, ctx, &req, rsp) == CSVC_OK);
    CHECK(rsp->user != NULL && rsp->user->id == 42);
    CHECK(create->invoke(&ops, &failures, ctx, &req, rsp) == CSVC_UNIMPLEMENTED);
    (void)csvc_ctx_unref(ctx);
}

static void check_kinds_of_rpcs(void)
{
    const csvc_service *shop = &golden_shop_v1_shop_service_service;

    CHECK(shop->n_methods == 8);
    CHECK(method(shop, "WatchItems")->kind == CSVC_RPC_SERVER_STREAM);
    CHECK(method(shop, "ImportItems")->kind == CSVC_RPC_CLIENT_STREAM);
    CHECK(method(shop, "Haggle")->kind == CSVC_RPC_BIDI_STREAM);
    CHECK(method(shop, "Haggle")->flags == CSVC_METHOD_DEPRECATED);
    CHECK(method(shop, "Price")->reply == &acme__types__money__type);
    CHECK(golden_shop_v1_nothing_service.n_methods == 0);
    CHECK(golden_shop_v1_nothing_service.ops_size == sizeof(size_t));
}

/* ---- a message on the wire ---- */

static void check_wire(void)
{
    static const uint8_t wire[] = {0x08, 0x2a, 0x12, 0x03, 'a', 'd', 'a'};
    csvc_arena *a = csvc_arena_new(0);
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes bytes = {sizeof(wire), wire};
    void *user = NULL;

    CHECK(csvc_decode(a, &user__user__type, bytes, NULL, &user, &err) == CSVC_OK);
    if (user != NULL) {
        CHECK(((User__User *)user)->id == 42);
        CHECK(strcmp(((User__User *)user)->username, "ada") == 0);
        CHECK(strcmp(((User__User *)user)->email, "") == 0);
        CHECK(csvc_encode(a, &user__user__type, user, &bytes, &err) == CSVC_OK);
        CHECK(bytes.len == sizeof(wire) && memcmp(bytes.data, wire, sizeof(wire)) == 0);
    }
    (void)csvc_arena_free(a);
}

static void check_names(void)
{
    const csvc_message_type *odd = &golden__kinds__odd__type;

    CHECK(odd->json_names != NULL && user__user__type.json_names == NULL);
    CHECK(csvc_field_find(odd, "the \"int\"?\?=") == 2);
    CHECK(csvc_field_find(odd, "int") == 2);
    CHECK(csvc_field_find(&user__user__type, "fullName") == 3);
}

int main(void)
{
    size_t n_types = sizeof(types) / sizeof(types[0]);

    for (size_t i = 0; i < n_types; i++) {
        check_type(types[i]);
    }
    check_file(&user__file, 0);
    check_file(&kinds__file, 0);
    check_file(&legacy__file, 0);
    check_file(&shop__file, 0);
    check_service();
    check_kinds_of_rpcs();
    check_wire();
    check_names();
    /* clients and registration must link; the addresses are all we need here */
    CHECK((uintptr_t)user_service_client_get_user != (uintptr_t)user_service_ops_register);
    printf("%zu message types\n", n_types);
    return failures == 0 && n_types > 20 ? 0 : 1;
}
