/* model_test.c: what the model says of a .proto. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/pb.h"
#include "model/build.h"
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

static gen_model *build(csvc_arena *a, csvc_bytes set, const char *file)
{
    csvc_error err = {CSVC_ERROR_INIT};
    gen_request request;
    gen_diag diag;
    gen_model *model;

    gen_diag_init(&diag, a);
    assert_int_equal(gen_request_from_set(&request, a, set, &file, 1, NULL, &err), CSVC_OK);
    model = gen_model_build(&request, &diag);
    assert_non_null(model);
    assert_int_equal(diag.n_errors, 0);
    return model;
}

static const gen_file *build_text(csvc_arena *a, const char *text, bool places)
{
    gen_model *model = build(a, proto_set_of_text(a, text, places), "test.proto");

    return gen_model_file(model, "test.proto");
}

static void assert_place(gen_place place, uint32_t line, uint32_t column)
{
    assert_string_equal(place.file, "test.proto");
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static const char proto3[] = "// Of the file.\n"
                             "syntax = \"proto3\";\n"
                             "package shop;\n"
                             "// Of the message.\n"
                             "message Item {\n"
                             "  // Before.\n"
                             "  string a_name = 3; // Behind.\n"
                             "  repeated int32 list = 1;\n"
                             "  optional bool maybe = 2;\n"
                             "  Item sub = 7;\n"
                             "  oneof pick { bytes raw = 5; Kind kind = 4; }\n"
                             "  map<string, Item> table = 6;\n"
                             "  enum Kind { NONE = 0; }\n"
                             "  string other = 8 [json_name = \"Different\"];\n"
                             "}\n"
                             "service Items {\n"
                             "  // Taken for the service's trailing comment.\n"
                             "\n"
                             "  // Of the rpc.\n"
                             "  rpc Watch(stream Item) returns (stream Item);\n"
                             "  rpc Up(stream Item) returns (Item);\n"
                             "  rpc Down(Item) returns (stream Item);\n"
                             "  rpc Get(Item) returns (Item) { option deprecated = true; }\n"
                             "}\n";

static void fields_of_proto3(void **state)
{
    const gen_file *file = build_text(*state, proto3, true);
    const gen_message *item = file->messages[0];
    static const struct {
        const char *name, *c_type, *json;
        csvc_kind kind;
        csvc_label label;
        uint32_t number, index, flags;
    } wanted[] = {
        {"a_name", "char *", "aName", CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, 3, 2, CSVC_FIELD_UTF8},
        {"list", "int32_t", "list", CSVC_KIND_INT32, CSVC_LABEL_REPEATED, 1, 0, CSVC_FIELD_PACKED},
        {"maybe", "protobuf_c_boolean", "maybe", CSVC_KIND_BOOL, CSVC_LABEL_ONEOF, 2, 1,
         CSVC_FIELD_PRESENCE},
        {"sub", "Shop__Item *", "sub", CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 7, 6, 0},
        {"raw", "ProtobufCBinaryData", "raw", CSVC_KIND_BYTES, CSVC_LABEL_ONEOF, 5, 4, 0},
        {"kind", "Shop__Item__Kind", "kind", CSVC_KIND_ENUM, CSVC_LABEL_ONEOF, 4, 3, 0},
        {"table", "Shop__Item__TableEntry *", "table", CSVC_KIND_MESSAGE, CSVC_LABEL_REPEATED, 6, 5,
         CSVC_FIELD_MAP},
        {"other", "char *", "Different", CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, 8, 7,
         CSVC_FIELD_UTF8},
    };

    assert_int_equal(file->syntax, 3);
    assert_int_equal(item->n_fields, sizeof(wanted) / sizeof(wanted[0]));
    for (size_t i = 0; i < item->n_fields; i++) {
        const gen_field *field = item->fields[i];

        assert_string_equal(field->name, wanted[i].name);
        assert_string_equal(field->c_type, wanted[i].c_type);
        assert_string_equal(field->json_name, wanted[i].json);
        assert_int_equal(field->kind, wanted[i].kind);
        assert_int_equal(field->label, wanted[i].label);
        assert_int_equal(field->number, wanted[i].number);
        assert_int_equal(field->index, wanted[i].index);
        assert_int_equal(field->position, i);
        assert_int_equal(field->flags, wanted[i].flags);
        assert_ptr_equal(item->by_number[field->index], field);
        assert_ptr_equal(field->parent, item);
    }
    assert_int_equal(item->n_oneofs, 2);
    assert_false(item->oneofs[0].synthetic);
    assert_int_equal(item->oneofs[0].n_fields, 2);
    assert_true(item->oneofs[1].synthetic);
    assert_string_equal(item->oneofs[1].c_name, "_maybe");
    assert_true(item->messages[0]->map_entry);
    assert_int_equal(file->n_all_messages, 2);
    assert_false(item->has_required);
    assert_false(item->enums[0]->closed);
    assert_ptr_equal(item->fields[5]->enumeration, item->enums[0]);
}

static void places_and_comments(void **state)
{
    const gen_file *file = build_text(*state, proto3, true);
    const gen_message *item = file->messages[0];
    const gen_service *service = file->services;

    assert_place(item->place, 5, 9);
    assert_place(item->fields[0]->place, 7, 10);
    assert_place(item->fields[5]->place, 11, 36);
    assert_place(item->oneofs[0].place, 11, 9);
    assert_place(item->enums[0]->place, 13, 8);
    assert_place(item->enums[0]->values[0].place, 13, 15);
    assert_place(service->place, 16, 9);
    assert_place(service->rpcs[3].place, 23, 7);
    assert_place(file->package_place, 3, 1);
    assert_place(file->syntax_place, 2, 1);
    assert_string_equal(file->comments.leading, " Of the file.\n");
    assert_string_equal(item->comments.leading, " Of the message.\n");
    assert_string_equal(item->fields[0]->comments.leading, " Before.\n");
    assert_string_equal(item->fields[0]->comments.trailing, " Behind.\n");
    assert_null(service->comments.trailing);
    assert_string_equal(service->rpcs[0].comments.leading, " Of the rpc.\n");
}

static void no_source_info(void **state)
{
    const gen_file *file = build_text(*state, proto3, false);
    const gen_message *item = file->messages[0];

    assert_place(item->place, 0, 0);
    assert_place(file->services[0].rpcs[0].place, 0, 0);
    assert_null(item->comments.leading);
    assert_null(item->fields[0]->comments.trailing);
}

static void rpcs(void **state)
{
    const gen_service *service = build_text(*state, proto3, true)->services;

    assert_string_equal(service->full_name, "shop.Items");
    assert_int_equal(service->n_rpcs, 4);
    assert_int_equal(service->rpcs[0].kind, CSVC_RPC_BIDI_STREAM);
    assert_int_equal(service->rpcs[1].kind, CSVC_RPC_CLIENT_STREAM);
    assert_int_equal(service->rpcs[2].kind, CSVC_RPC_SERVER_STREAM);
    assert_int_equal(service->rpcs[3].kind, CSVC_RPC_UNARY);
    assert_true(service->rpcs[3].deprecated);
    assert_string_equal(service->rpcs[3].request->full_name, "shop.Item");
}

static void proto2(void **state)
{
    const gen_file *file = build_text(
        *state,
        "syntax = \"proto2\";\n"
        "message Leaf { required int32 id = 1; }\n"
        "message Holds { repeated Leaf leaves = 1; }\n"
        "message Cycle { optional Cycle self = 1; optional Far far = 2; }\n"
        "message Far { optional Cycle cycle = 1; }\n"
        "message Plain { optional string s = 1 [default = \"x\"]; optional bytes b = 2;\n"
        "  repeated int32 u = 3; repeated int32 p = 4 [packed = true]; optional E e = 5; }\n"
        "enum E { A = 1; }\n",
        true);
    const gen_message *plain = file->messages[4];

    assert_int_equal(file->syntax, 2);
    assert_string_equal(file->package, "");
    assert_true(file->messages[0]->has_required);
    assert_true(file->messages[1]->has_required);
    assert_false(file->messages[2]->has_required);
    assert_false(file->messages[3]->has_required);
    assert_int_equal(plain->fields[0]->label, CSVC_LABEL_OPTIONAL);
    assert_int_equal(plain->fields[0]->flags, CSVC_FIELD_PTR_DEFAULT); /* no UTF-8 check */
    assert_string_equal(plain->fields[0]->default_text, "x");
    assert_int_equal(plain->fields[2]->flags, 0);
    assert_int_equal(plain->fields[3]->flags, CSVC_FIELD_PACKED);
    assert_int_equal(plain->fields[4]->flags, CSVC_FIELD_CLOSED_ENUM);
    assert_true(file->enums[0]->closed);
}

static void options(void **state)
{
    const gen_file *file =
        build_text(*state,
                   "syntax = \"proto3\";\n"
                   "package shop;\n"
                   "import \"c_svc/options.proto\";\n"
                   "message Item {\n"
                   "  option (c_svc.message).entity = true;\n"
                   "  option (c_svc.message).table = \"things\";\n"
                   "  option (c_svc.message).name = \"thing\";\n"
                   "  int64 id = 1 [(c_svc.field).key = true];\n"
                   "  string a = 2 [(c_svc.field) = {unique: true, required: false, max_len: 9, "
                   "column: \"c\"}];\n"
                   "  string b = 3 [(c_svc.field).search = true, (c_svc.field).stored = false,\n"
                   "                (c_svc.field).index = true];\n"
                   "  string d = 4;\n"
                   "}\n"
                   "message Other { option (c_svc.message).entity = false; }\n"
                   "service S {\n"
                   "  option (c_svc.c_prefix) = \"mine\";\n"
                   "  rpc Get(Item) returns (Item) { option (c_svc.rpc).inline = true; }\n"
                   "  rpc Put(Item) returns (Item);\n"
                   "}\n",
                   true);
    const gen_message *item = file->messages[0];

    assert_true(item->has_entity_option && item->entity_option);
    assert_string_equal(item->table, "things");
    assert_string_equal(item->entity_name, "thing");
    assert_true(item->fields[0]->options.has_key && item->fields[0]->options.key);
    assert_true(item->fields[1]->options.unique);
    assert_true(item->fields[1]->options.has_required);
    assert_false(item->fields[1]->options.required);
    assert_int_equal(item->fields[1]->options.max_len, 9);
    assert_string_equal(item->fields[1]->options.column, "c");
    assert_true(item->fields[2]->options.search && item->fields[2]->options.index);
    assert_true(item->fields[2]->options.has_stored && !item->fields[2]->options.stored);
    assert_false(item->fields[3]->options.has_key || item->fields[3]->options.has_unique);
    assert_true(file->messages[1]->has_entity_option && !file->messages[1]->entity_option);
    assert_string_equal(file->services[0].prefix, "mine");
    assert_string_equal(file->services[0].upper, "MINE");
    assert_true(file->services[0].rpcs[0].is_inline);
    assert_false(file->services[0].rpcs[1].is_inline);
    /* c_svc/options.proto is imported, and nothing of it is used */
    assert_int_equal(file->n_imports, 1);
    assert_int_equal(file->n_uses, 0);
}

static void uses(void **state)
{
    csvc_bytes set = proto_set(*state, "tests/protos/accepted",
                               "through.proto options.proto google/protobuf/wrappers.proto", true);
    const gen_model *model = build(*state, set, "through.proto");
    const gen_file *file = gen_model_file(model, "through.proto");
    const gen_file *facade = gen_model_file(model, "deep/facade.proto");

    assert_int_equal(file->n_field_uses, 1);
    assert_string_equal(file->field_uses[0]->name, "deep/types.proto");
    assert_int_equal(file->n_uses, 2);         /* an rpc's reply is in the facade */
    assert_int_equal(facade->n_field_uses, 1); /* by `import public` */
    assert_true(file->generate);
    assert_false(facade->generate);
    assert_string_equal(facade->c_lower, "deep__facade");
    assert_int_equal(gen_model_file(model, "options.proto")->n_uses, 0);
    assert_string_equal(gen_model_file(model, "options.proto")->c_package, "renamed.pkg");
    assert_true(gen_model_file(model, "options.proto")->const_strings);
    assert_int_equal(gen_model_message(model, "google.protobuf.Int64Value")->well_known,
                     CSVC_WKT_WRAPPER);
    assert_non_null(gen_model_enum(model, "deep.types.E"));
    assert_null(gen_model_message(model, "deep.types.E"));
    assert_null(gen_model_message(model, "nothing"));
}

/* What reflection serves is the file without its source info. */
static void descriptor(void **state)
{
    csvc_error err = {CSVC_ERROR_INIT};
    const gen_file *file = build_text(*state, proto3, true);
    csvc_bytes bare = proto_set_of_text(*state, proto3, false);
    CsvcPb__FileDescriptorSet *set;
    void *message;
    csvc_bytes wanted;

    assert_int_equal(csvc_decode(*state, GEN_PB(file_descriptor_set), bare, NULL, &message, &err),
                     CSVC_OK);
    set = message;
    assert_int_equal(
        csvc_encode(*state, GEN_PB(file_descriptor_proto), set->file[0], &wanted, &err), CSVC_OK);
    assert_int_equal(file->descriptor.len, wanted.len);
    assert_memory_equal(file->descriptor.data, wanted.data, wanted.len);
}

static void comments_are_made_safe(void **state)
{
    static const char *const pairs[][2] = {
        {" a ?\?/ is ?\?=, ?\?\?! and ?? a", "a ?? / is ?? =, ??? ! and ?? a"},
        {" Plain.\n", "Plain."},
        {" Two\n lines.\n", "Two\nlines."},
        {"\n\n In the middle.\n\n", "In the middle."},
        {" First.\n\n Third.\n", "First.\n\nThird."},
        {" end */ here\n", "end * / here"},
        {" **/ and /* and */*/*\n", "** / and / * and * / * / *"},
        {" backslash \\\n next\n", "backslash\nnext"},
        {" many \\\\\\\n", "many"},
        {" trigraph ?\?/\n next\n", "trigraph\nnext"},
        {" bell \a and\ttab\r\n", "bell   and tab"},
        {"  indented\n", " indented"},
        {"*\n/\n", "*\n/"},
        {"", ""},
        {"\n", ""},
        {" gr\303\266\303\237er\n", "gr\303\266\303\237er"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_string_equal(gen_comment_escape(*state, pairs[i][0]), pairs[i][1]);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, arena_setup, arena_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_of_proto3),
        TEST(places_and_comments),
        TEST(no_source_info),
        TEST(rpcs),
        TEST(proto2),
        TEST(options),
        TEST(uses),
        TEST(descriptor),
        TEST(comments_are_made_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
