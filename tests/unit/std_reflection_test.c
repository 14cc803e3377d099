/* grpc.reflection.v1 and v1alpha over the gRPC C core: every question, several on one stream,
 * broken descriptors, memory that is short. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/std.h>
#include <csvc/testing.h>
#include <std/symbols.h>

#include <stdlib.h>
#include <string.h>

#include "c_svc/options.csvc.h"
#include "failing_alloc.h"
#include "grpc/health/v1/health.csvc.h"
#include "grpc/reflection/v1/reflection.csvc.h"
#include "stream_service.h"
#include "transports.h"

typedef CsvcPb__ServerReflectionRequest request;
typedef CsvcPb__ServerReflectionResponse response;

#define REQUEST(name)  CSVC_PB__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define RESPONSE(name) CSVC_PB__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

/* A service whose file has extensions and an import. */
static const csvc_service optional_service = {
    .struct_size = sizeof(csvc_service),
    .ops_size = sizeof(size_t),
    .name = "test.Optional",
    .file = &csvc_pb__c_svc__options__file,
};

typedef struct scene {
    csvc_testing *t;
    csvc_health *h;
    csvc_rpc rpc;
    csvc_method method; /* of the version that is asked */
    csvc_call *call;
    const response *rsp;
    stream_peer peer;
} scene;

static void scene_start(scene *sc, bool alpha)
{
    static const size_t ops = sizeof(ops);
    csvc_server *srv;

    memset(sc, 0, sizeof(*sc));
    sc->t = test_new();
    sc->h = csvc_health_new();
    srv = csvc_testing_server(sc->t);
    assert_int_equal(CSVC_OK, csvc_reflection_register(srv));
    assert_int_equal(CSVC_ALREADY_EXISTS, csvc_reflection_register(srv));
    assert_int_equal(CSVC_OK, csvc_health_register(srv, sc->h));
    assert_int_equal(CSVC_OK, csvc_server_register(srv, &optional_service, &ops, NULL));
    assert_int_equal(CSVC_OK, stream_register(srv, &sc->peer)); /* has no descriptor */
    sc->method = csvc_pb_server_reflection_service.methods[0];
    if (alpha) {
        sc->method.path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
    }
    sc->rpc = (csvc_rpc){CSVC_RPC_INIT, .timeout_ms = 30000};
    sc->call = csvc_call_start(csvc_testing_channel(sc->t), &sc->method, &sc->rpc, NULL, NULL);
    assert_non_null(sc->call);
}

static void scene_end(scene *sc)
{
    const void *message;

    csvc_call_close_send(sc->call);
    assert_false(csvc_call_recv(sc->call, &message));
    assert_int_equal(CSVC_OK, csvc_call_finish(sc->call, &sc->rpc, NULL));
    csvc_rpc_clear(&sc->rpc);
    assert_null(csvc_testing_free(sc->t));
    csvc_health_free(sc->h);
}

static void ask(scene *sc, const request *req, int kind)
{
    const void *message;

    assert_int_equal(CSVC_OK, csvc_call_send(sc->call, req));
    assert_true(csvc_call_recv(sc->call, &message));
    sc->rsp = message;
    assert_int_equal(kind, sc->rsp->message_response_case);
    assert_string_equal(req->host, sc->rsp->valid_host);
    assert_true(csvc_message_equal(&csvc_pb__server_reflection_request__type, req,
                                   sc->rsp->original_request));
}

/* One of the questions that are a text. */
static void ask_text(scene *sc, int question, const char *text, int kind)
{
    request req = CSVC_PB__SERVER_REFLECTION_REQUEST__INIT;

    req.host = (char *)(uintptr_t) "example.org";
    req.message_request_case = (CsvcPb__ServerReflectionRequest__MessageRequestCase)question;
    req.file_by_filename = (char *)(uintptr_t)text; /* the same member for all of them */
    ask(sc, &req, kind);
}

static void ask_extension(scene *sc, const char *type, int number, int kind)
{
    request req = CSVC_PB__SERVER_REFLECTION_REQUEST__INIT;
    CsvcPb__ExtensionRequest ext = CSVC_PB__EXTENSION_REQUEST__INIT;

    ext.containing_type = (char *)(uintptr_t)type;
    ext.extension_number = number;
    req.message_request_case = REQUEST(FILE_CONTAINING_EXTENSION);
    req.file_containing_extension = &ext;
    ask(sc, &req, kind);
}

static void assert_files(const scene *sc, size_t n, const csvc_file *first)
{
    const CsvcPb__FileDescriptorResponse *files = sc->rsp->file_descriptor_response;

    assert_int_equal(n, files->n_file_descriptor_proto);
    assert_int_equal(first->bytes.len, files->file_descriptor_proto[0].len);
    assert_memory_equal(first->bytes.data, files->file_descriptor_proto[0].data, first->bytes.len);
}

static void assert_error(const scene *sc, csvc_code code, const char *text)
{
    assert_int_equal(code, sc->rsp->error_response->error_code);
    assert_string_equal(text, sc->rsp->error_response->error_message);
}

/* ---- tests ---- */

static void services_are_listed_in_order(void **state)
{
    static const char *const names[] = {
        "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection", "test.Optional", "test.Streams"};
    scene sc;

    (void)state;
    scene_start(&sc, false);
    ask_text(&sc, REQUEST(LIST_SERVICES), "*", RESPONSE(LIST_SERVICES_RESPONSE));
    assert_int_equal(5, sc.rsp->list_services_response->n_service);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(names[i], sc.rsp->list_services_response->service[i]->name);
    }
    scene_end(&sc);
}

static void files_come_by_name_with_what_they_import(void **state)
{
    (void)state;
    for (int alpha = 0; alpha < 2; alpha++) {
        const csvc_file *options = &csvc_pb__c_svc__options__file;
        scene sc;

        scene_start(&sc, alpha != 0);
        ask_text(&sc, REQUEST(FILE_BY_FILENAME), "c_svc/options.proto",
                 RESPONSE(FILE_DESCRIPTOR_RESPONSE));
        assert_files(&sc, 2, options);
        assert_memory_equal(options->imports[0]->bytes.data,
                            sc.rsp->file_descriptor_response->file_descriptor_proto[1].data,
                            options->imports[0]->bytes.len);
        /* what was sent is not sent again, but what was asked for */
        ask_text(&sc, REQUEST(FILE_BY_FILENAME), "c_svc/options.proto",
                 RESPONSE(FILE_DESCRIPTOR_RESPONSE));
        assert_files(&sc, 1, options);
        ask_text(&sc, REQUEST(FILE_BY_FILENAME), "google/protobuf/descriptor.proto",
                 RESPONSE(FILE_DESCRIPTOR_RESPONSE));
        assert_files(&sc, 1, options->imports[0]);
        ask_text(&sc, REQUEST(FILE_BY_FILENAME), "grpc/health/v1/health.proto",
                 RESPONSE(FILE_DESCRIPTOR_RESPONSE));
        assert_files(&sc, 1, &csvc_pb__grpc__health__v1__health__file);
        ask_text(&sc, REQUEST(FILE_BY_FILENAME), "options.proto", RESPONSE(ERROR_RESPONSE));
        assert_error(&sc, CSVC_NOT_FOUND, "there is no file options.proto");
        scene_end(&sc);
    }
}

static void every_kind_of_symbol_is_found(void **state)
{
    static const struct {
        const char *symbol;
        const char *file;
    } cases[] = {
        {"grpc.health.v1.Health", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.Health.Check", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.HealthCheckRequest", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.HealthCheckRequest.service", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.HealthListResponse.StatusesEntry", "grpc/health/v1/health.proto"},
        {"grpc.reflection.v1.ServerReflectionRequest.message_request",
         "grpc/reflection/v1/reflection.proto"},
        {"grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo",
         "grpc/reflection/v1alpha/reflection.proto"},
        {"c_svc.field", "c_svc/options.proto"},
        {"google.protobuf.FieldDescriptorProto.Type", "google/protobuf/descriptor.proto"},
        {"google.protobuf.FieldDescriptorProto.TYPE_INT32", "google/protobuf/descriptor.proto"},
        {"google.protobuf.DescriptorProto.ExtensionRange.start",
         "google/protobuf/descriptor.proto"},
    };
    static const char *const none[] = {"",
                                       ".",
                                       "grpc",
                                       "grpc.health.v1",
                                       "Health",
                                       "grpc.health.v1.Health.",
                                       "grpc.health.v1.Health.check",
                                       "google.protobuf.FieldDescriptorProto.Type.TYPE_INT32"};
    scene sc;

    (void)state;
    scene_start(&sc, false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const ProtobufCBinaryData *file;

        ask_text(&sc, REQUEST(FILE_CONTAINING_SYMBOL), cases[i].symbol,
                 RESPONSE(FILE_DESCRIPTOR_RESPONSE));
        file = &sc.rsp->file_descriptor_response->file_descriptor_proto[0];
        /* its name is its first field */
        assert_int_equal(strlen(cases[i].file), file->data[1]);
        assert_memory_equal(cases[i].file, file->data + 2, file->data[1]);
    }
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        ask_text(&sc, REQUEST(FILE_CONTAINING_SYMBOL), none[i], RESPONSE(ERROR_RESPONSE));
        assert_int_equal(CSVC_NOT_FOUND, sc.rsp->error_response->error_code);
    }
    scene_end(&sc);
}

static void extensions_are_found(void **state)
{
    scene sc;

    (void)state;
    scene_start(&sc, false);
    ask_extension(&sc, "google.protobuf.FieldOptions", 57302, RESPONSE(FILE_DESCRIPTOR_RESPONSE));
    assert_files(&sc, 2, &csvc_pb__c_svc__options__file);
    ask_extension(&sc, "google.protobuf.FieldOptions", 57303, RESPONSE(ERROR_RESPONSE));
    assert_error(&sc, CSVC_NOT_FOUND,
                 "there is no extension of that number of type google.protobuf.FieldOptions");
    ask_extension(&sc, "google.protobuf.Nothing", 57302, RESPONSE(ERROR_RESPONSE));
    assert_error(&sc, CSVC_NOT_FOUND, "there is no type google.protobuf.Nothing");

    ask_text(&sc, REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE), "google.protobuf.MethodOptions",
             RESPONSE(ALL_EXTENSION_NUMBERS_RESPONSE));
    assert_string_equal("google.protobuf.MethodOptions",
                        sc.rsp->all_extension_numbers_response->base_type_name);
    assert_int_equal(1, sc.rsp->all_extension_numbers_response->n_extension_number);
    assert_int_equal(57303, sc.rsp->all_extension_numbers_response->extension_number[0]);
    ask_text(&sc, REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE), "google.protobuf.FileOptions",
             RESPONSE(ALL_EXTENSION_NUMBERS_RESPONSE));
    assert_int_equal(0, sc.rsp->all_extension_numbers_response->n_extension_number);
    ask_text(&sc, REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE), "c_svc.field", RESPONSE(ERROR_RESPONSE));
    assert_error(&sc, CSVC_NOT_FOUND, "there is no type c_svc.field");
    scene_end(&sc);
}

static void a_question_that_asks_nothing_is_an_answer_too(void **state)
{
    const request req = CSVC_PB__SERVER_REFLECTION_REQUEST__INIT;
    scene sc;

    (void)state;
    scene_start(&sc, true);
    ask(&sc, &req, RESPONSE(ERROR_RESPONSE));
    assert_error(&sc, CSVC_INVALID_ARGUMENT, "the request asks for nothing");
    ask_text(&sc, REQUEST(LIST_SERVICES), "", RESPONSE(LIST_SERVICES_RESPONSE));
    scene_end(&sc);
}

/* What a caller sends comes back in the answer, cut, and is text wherever it is cut. */
static void a_long_name_is_cut_between_characters(void **state)
{
    static const char octopus[] = "\xf0\x9f\x90\x99";
    char name[420];
    scene sc;

    (void)state;
    scene_start(&sc, false);
    for (size_t lead = 0; lead < 4; lead++) {
        memset(name, 'x', lead);
        for (size_t i = 0; i < 100; i++) {
            memcpy(name + lead + 4 * i, octopus, sizeof(octopus));
        }
        ask_text(&sc, REQUEST(FILE_CONTAINING_SYMBOL), name, RESPONSE(ERROR_RESPONSE));
        ask_text(&sc, REQUEST(FILE_BY_FILENAME), name, RESPONSE(ERROR_RESPONSE));
        ask_text(&sc, REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE), name, RESPONSE(ERROR_RESPONSE));
        ask_extension(&sc, name, 7, RESPONSE(ERROR_RESPONSE));
        assert_int_equal(CSVC_NOT_FOUND, sc.rsp->error_response->error_code);
        assert_int_equal(strlen("there is no type ") + 200 - (200 - lead) % 4,
                         strlen(sc.rsp->error_response->error_message));
    }
    scene_end(&sc);
}

/* Who asks much before reading gets every answer, in order. */
static void many_questions_before_the_first_answer_is_read(void **state)
{
    enum {
        MANY = 300
    };
    scene sc;
    request req = CSVC_PB__SERVER_REFLECTION_REQUEST__INIT;
    const void *message;

    (void)state;
    scene_start(&sc, false);
    req.message_request_case = REQUEST(FILE_BY_FILENAME);
    req.file_by_filename = (char *)(uintptr_t) "google/protobuf/descriptor.proto"; /* 7 KiB */
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(CSVC_OK, csvc_call_send(sc.call, &req));
    }
    csvc_call_close_send(sc.call);
    for (int i = 0; i < MANY; i++) {
        assert_true(csvc_call_recv(sc.call, &message));
    }
    scene_end(&sc);
}

/* ---- the index ---- */

static void memory_may_be_short(void **state)
{
    size_t n = 0;
    size_t asked;

    (void)state;
    do {
        csvc__symbols sy = {0};
        csvc_code code;

        failing_alloc_begin(++n);
        code = csvc__symbols_add(&sy, &csvc_pb__c_svc__options__file);
        csvc__symbols_release(&sy);
        asked = failing_alloc_end();
        assert_int_equal(asked >= n ? CSVC_RESOURCE_EXHAUSTED : CSVC_OK, code);
        assert_int_equal(0, failing_alloc_live());
    } while (asked >= n);
}

static void a_server_may_lack_memory_for_them(void **state)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = test_transport()};
    size_t n = 0;
    size_t asked;

    (void)state;
    do {
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_code code = CSVC_RESOURCE_EXHAUSTED;
        csvc_server *srv;
        csvc_health *h;

        failing_alloc_begin(++n);
        h = csvc_health_new();
        srv = csvc_server_new(&options, &err);
        if (srv != NULL && h != NULL) {
            code = csvc_health_register(srv, h);
        }
        if (code == CSVC_OK) {
            code = csvc_reflection_register(srv);
        }
        csvc_server_free(srv);
        csvc_health_free(h);
        asked = failing_alloc_end();
        assert_int_equal(asked >= n ? CSVC_RESOURCE_EXHAUSTED : CSVC_OK, code);
        assert_int_equal(0, failing_alloc_live());
    } while (asked >= n);
}

static void broken_descriptors_are_noticed_or_harmless(void **state)
{
    static const csvc_file *const no_imports[] = {NULL};
    const csvc_bytes whole = csvc_pb__grpc__health__v1__health__file.bytes;
    uint8_t *copy;

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        csvc_file file = {.name = "cut.proto", .imports = no_imports};
        csvc__symbols sy = {0};
        csvc_code code;

        copy = malloc(len + 1); /* of this very size, for AddressSanitizer */
        memcpy(copy, whole.data, len);
        file.bytes = (csvc_bytes){len, copy};
        code = csvc__symbols_add(&sy, &file);
        assert_true(code == CSVC_OK || code == CSVC_INTERNAL);
        csvc__symbols_release(&sy);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_are_listed_in_order),
        cmocka_unit_test(files_come_by_name_with_what_they_import),
        cmocka_unit_test(every_kind_of_symbol_is_found),
        cmocka_unit_test(extensions_are_found),
        cmocka_unit_test(a_question_that_asks_nothing_is_an_answer_too),
        cmocka_unit_test(a_long_name_is_cut_between_characters),
        cmocka_unit_test(many_questions_before_the_first_answer_is_read),
        cmocka_unit_test(memory_may_be_short),
        cmocka_unit_test(a_server_may_lack_memory_for_them),
        cmocka_unit_test(broken_descriptors_are_noticed_or_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
