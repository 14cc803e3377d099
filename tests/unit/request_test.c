/* request_test.c: from bytes to a request, parameters, and the plugin as a function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/pb.h"
#include "common/process.h"
#include "plugin/plugin.h"
#include "request/request.h"
#include "proto_helpers.h"

static int arena_setup(void **state)
{
    *state = csvc_arena_new(0);
    return *state == NULL ? -1 : 0;
}

static int arena_teardown(void **state)
{
    *state = csvc_arena_free(*state);
    return 0;
}

static const char one_message[] = "syntax = \"proto3\"; package p; message M { int32 x = 1; }";

static void parameters(void **state)
{
    csvc_error err = {CSVC_ERROR_INIT};
    gen_parameters p = gen_parameters_default();

    assert_true(p.messages);
    assert_int_equal(p.inference, 1);
    assert_null(p.protoc_gen_c);
    assert_int_equal(gen_parameters_read(&p, *state, NULL, &err), CSVC_OK);
    assert_int_equal(gen_parameters_read(&p, *state, "", &err), CSVC_OK);
    assert_int_equal(gen_parameters_read(&p, *state,
                                         "messages=off,,protoc_gen_c=/a=b,c_package=x.y,"
                                         "templates=t,paths=source_relative,inference=1,",
                                         &err),
                     CSVC_OK);
    assert_false(p.messages);
    assert_string_equal(p.protoc_gen_c, "/a=b"); /* split at the first = */
    assert_string_equal(p.c_package, "x.y");
    assert_string_equal(p.templates, "t");
    /* the later one wins; what failed changes nothing */
    assert_int_equal(gen_parameters_read(&p, *state, "messages=off,messages=on", &err), CSVC_OK);
    assert_true(p.messages);
    assert_int_equal(gen_parameters_read(&p, *state, "messages=off,colour", &err),
                     CSVC_INVALID_ARGUMENT);
    assert_true(p.messages);
    assert_non_null(strstr(err.text, "\"colour\""));
    assert_non_null(strstr(err.text, "protoc_gen_c=PATH"));
    assert_int_equal(gen_parameters_read(&p, *state, "Messages=on", &err), CSVC_INVALID_ARGUMENT);
    assert_int_equal(gen_parameters_read(&p, *state, "=", &err), CSVC_INVALID_ARGUMENT);
}

static void reads_what_protoc_sends(void **state)
{
    const char *file = "test.proto";
    csvc_error err = {CSVC_ERROR_INIT};
    gen_request request;
    csvc_bytes bytes = proto_request(*state, proto_set_of_text(*state, one_message, true), &file, 1,
                                     "messages=off");

    assert_int_equal(gen_request_read(&request, *state, bytes, &err), CSVC_OK);
    assert_false(request.parameters.messages);
    assert_int_equal(request.proto->n_proto_file, 1);
    assert_string_equal(request.proto->file_to_generate[0], "test.proto");
    assert_string_equal(request.proto->proto_file[0]->message_type[0]->name, "M");
    /* Every cut: refused, or a request with less in it; never more. */
    for (size_t n = 0; n < bytes.len; n++) {
        csvc_arena *a = csvc_arena_new(0);
        csvc_code code;

        assert_non_null(a);
        code = gen_request_read(&request, a, (csvc_bytes){n, bytes.data}, &err);
        assert_true(code == CSVC_OK || code == CSVC_INTERNAL);
        (void)csvc_arena_free(a);
    }
}

/* One NUL in a default refuses its field, not the request. */
static void nul_in_a_default(void **state)
{
    const char *file = "test.proto";
    csvc_error err = {CSVC_ERROR_INIT};
    gen_request request;
    csvc_bytes set = proto_set_of_text(*state,
                                       "syntax = \"proto2\"; package p;\n"
                                       "message M { optional string s = 1 [default = \"a\\0b\"]; }",
                                       true);

    assert_int_equal(gen_request_from_set(&request, *state, set, &file, 1, NULL, &err), CSVC_OK);
    assert_string_equal(request.proto->proto_file[0]->message_type[0]->field[0]->default_value,
                        "a\377b");
    set = proto_request(*state, set, &file, 1, NULL);
    assert_int_equal(gen_request_read(&request, *state, set, &err), CSVC_OK);
    assert_string_equal(request.proto->proto_file[0]->message_type[0]->field[0]->default_value,
                        "a\377b");
}

/* Extensions given in several pieces follow each other; other wire types do not count. */
static void extensions(void **state)
{
    CsvcPb__FileOptions options = CSVC_PB__FILE_OPTIONS__INIT;
    static const uint8_t x[] = {1, 2, 3};
    csvc_code code = CSVC_OK;
    csvc_bytes bytes;
    uint8_t varint[] = {5};
    ProtobufCMessageUnknownField odd = {1019, PROTOBUF_C_WIRE_TYPE_VARINT, 1, varint};

    assert_false(gen_pb_extension(*state, NULL, 1019, &bytes, &code));
    assert_false(gen_pb_extension(*state, &options, 1019, &bytes, &code));
    options.base.unknown_fields = &odd;
    options.base.n_unknown_fields = 1;
    assert_false(gen_pb_extension(*state, &options, 1019, &bytes, &code));
    assert_true(gen_pb_add_extension(*state, &options, 1019, (csvc_bytes){2, x}));
    assert_true(gen_pb_add_extension(*state, &options, 1020, (csvc_bytes){1, x}));
    assert_true(gen_pb_add_extension(*state, &options, 1019, (csvc_bytes){1, x + 2}));
    assert_true(gen_pb_extension(*state, &options, 1019, &bytes, &code));
    assert_int_equal(bytes.len, 3);
    assert_memory_equal(bytes.data, x, 3);
    assert_int_equal(code, CSVC_OK);
}

static CsvcPb__CodeGeneratorResponse *run(csvc_arena *a, csvc_bytes request)
{
    csvc_error err = {CSVC_ERROR_INIT};
    gen_response pieces;
    csvc_bytes bytes;
    void *response;

    assert_int_equal(gen_plugin_run(a, request, &pieces, &err), CSVC_OK);
    bytes = response_bytes(a, &pieces);
    assert_int_equal(csvc_decode(a, GEN_PB(code_generator_response), bytes, NULL, &response, &err),
                     CSVC_OK);
    return response;
}

static void the_plugin_answers(void **state)
{
    const char *file = "test.proto";
    csvc_bytes set = proto_set_of_text(*state, one_message, true);
    const CsvcPb__CodeGeneratorResponse *response =
        run(*state, proto_request(*state, set, &file, 1, NULL));

    assert_null(response->error);
    assert_int_equal(response->supported_features, 1);
    assert_int_equal(response->n_file, 4);
    assert_string_equal(response->file[0]->name, "test.csvc.c");
    assert_string_equal(response->file[3]->name, "test.pb-c.h");
    response = run(*state, proto_request(*state, set, &file, 1, "nonsense=1"));
    assert_int_equal(response->n_file, 0);
    assert_non_null(strstr(response->error, "nonsense"));
    assert_int_equal(response->supported_features, 1);
    set = proto_set_of_text(*state, "syntax = \"proto3\"; message FILE {}", true);
    response = run(*state, proto_request(*state, set, &file, 1, NULL));
    assert_int_equal(response->n_file, 0);
    assert_string_equal(response->error,
                        "1 error, nothing was generated\n"
                        "test.proto:1:28: error: message FILE gets the C type \"FILE\", which "
                        "belongs to the C library\n"
                        "test.proto:1:28: note: rename it, or give its file a package");
}

static csvc_code filter(csvc_arena *a, const char *program, csvc_bytes input,
                        csvc__buffer *ret_output, csvc_error *err)
{
    gen_running *running;
    csvc_code code = gen_filter_start(a, program, input, &running, err);

    return code == CSVC_OK ? gen_filter_end(running, ret_output, err) : code;
}

/* More than fits between the two, both ways. */
static void filters_take_and_give(void **state)
{
    enum {
        SIZE = 3 << 20
    };
    csvc_error err = {CSVC_ERROR_INIT};
    uint8_t *data = csvc_arena_alloc(*state, SIZE);
    gen_running *running;
    csvc__buffer out;

    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
    assert_int_equal(filter(*state, "cat", (csvc_bytes){SIZE, data}, &out, &err), CSVC_OK);
    assert_int_equal(out.len, SIZE);
    assert_memory_equal(out.data, data, SIZE);
    csvc__buffer_release(&out);
    assert_int_equal(filter(*state, "true", (csvc_bytes){SIZE, data}, &out, &err), CSVC_OK);
    assert_int_equal(out.len, 0);
    csvc__buffer_release(&out);
    assert_int_equal(filter(*state, "cat", (csvc_bytes){0, NULL}, &out, &err), CSVC_OK);
    assert_int_equal(out.len, 0);
    csvc__buffer_release(&out);
    assert_int_equal(filter(*state, "false", (csvc_bytes){SIZE, data}, &out, &err), CSVC_INTERNAL);
    assert_string_equal(err.text, "false ended with status 1: it said nothing");
    assert_int_equal(filter(*state, "no-such-program", (csvc_bytes){0, NULL}, &out, &err),
                     CSVC_NOT_FOUND);
    /* One that is not waited for goes; the runner of the tests looks for children. */
    assert_int_equal(gen_filter_start(*state, "cat", (csvc_bytes){SIZE, data}, &running, &err),
                     CSVC_OK);
    gen_process_drop(running);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, arena_setup, arena_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parameters), TEST(reads_what_protoc_sends), TEST(nul_in_a_default),
        TEST(extensions), TEST(the_plugin_answers),      TEST(filters_take_and_give),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
