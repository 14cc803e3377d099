/* names_test.c: C names, by rule and against what protoc-gen-c really emits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "messages/messages.h"
#include "model/build.h"
#include "names/names.h"
#include "names/words.h"
#include "output/output.h"
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

static void snake_splits_where_people_do(void **state)
{
    static const char *const pairs[][2] = {
        {"GetUser", "get_user"},
        {"getUser", "get_user"},
        {"get_user", "get_user"},
        {"HTTPServer", "http_server"},
        {"ServeHTTP", "serve_http"},
        {"GetUserV2", "get_user_v2"},
        {"getUser2", "get_user2"},
        {"userID", "user_id"},
        {"userIDs", "user_ids"},
        {"GetIDsOf", "get_ids_of"},
        {"URLs", "urls"},
        {"AsIs", "as_is"},
        {"ListURLsByIDs", "list_urls_by_ids"},
        {"IsOk", "is_ok"},
        {"Sha256Sum", "sha256_sum"},
        {"A", "a"},
        {"AB", "ab"},
        {"ABc", "a_bc"},
        {"X509Cert", "x509_cert"},
        {"shop.v1", "shop_v1"},
        {"Foo_Bar", "foo_bar"},
        {"foo__bar", "foo_bar"},
        {"_leading", "leading"},
        {"trailing_", "trailing"},
        {"__", ""},
        {"", ""},
        {"a-b c", "a_b_c"},
        {"ALLCAPS", "allcaps"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_string_equal(gen_snake(*state, pairs[i][0]), pairs[i][1]);
    }
    assert_string_equal(gen_kebab(*state, "get_user_v2"), "get-user-v2");
    assert_string_equal(gen_upper(*state, "get_user_v2"), "GET_USER_V2");
    assert_string_equal(gen_camel(*state, "get_user_v2"), "GetUserV2");
    assert_string_equal(gen_camel(*state, "-user--x-service"), "UserXService");
}

static void plurals(void **state)
{
    static const char *const pairs[][2] = {
        {"user", "users"},
        {"category", "categories"},
        {"box", "boxes"},
        {"person", "people"},
        {"key", "keys"},
        {"day", "days"},
        {"bus", "buses"},
        {"status", "statuses"},
        {"address", "addresses"},
        {"branch", "branches"},
        {"dish", "dishes"},
        {"quiz", "quizzes"},
        {"settings", "settings"},
        {"data", "data"},
        {"user_person", "user_people"},
        {"order_item", "order_items"},
        {"analysis", "analyses"},
        {"y", "ys"},
        {"news", "news"},
        {"shelf", "shelves"},
        {"child", "children"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_string_equal(gen_plural(*state, pairs[i][0]), pairs[i][1]);
    }
}

static void words(void **state)
{
    static const char *const reserved[] = {"int",     "class",  "restrict", "co_await", "xor_eq",
                                           "alignas", "typeof", "_X",       "__x",      "_Bool"};
    static const char *const fine[] = {"user", "_x", "x_", "override", "final", "module", "a"};
    static const char *const macros[] = {"linux", "unix",       "errno",   "stdin",   "st_mtime",
                                         "i386",  "sa_handler", "h_errno", "ifr_name"};

    (void)state;
    assert_true(gen_name_lists_sorted());
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        assert_true(gen_name_reserved(reserved[i]));
    }
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        assert_false(gen_name_reserved(fine[i]));
        assert_false(gen_name_macro(fine[i]));
    }
    for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
        assert_true(gen_name_macro(macros[i]));
    }
    assert_true(gen_name_capitals("FILE") && gen_name_capitals("EOF") &&
                gen_name_capitals("EINTR"));
    assert_false(gen_name_capitals("User"));
    assert_true(gen_name_function("timer_create"));
    assert_true(gen_name_identifier("a_1") && gen_name_identifier("_"));
    assert_false(gen_name_identifier("") || gen_name_identifier("1a") ||
                 gen_name_identifier("a-b") || gen_name_identifier("a b") ||
                 gen_name_identifier("\303\244"));
    assert_true(gen_name_package("a.b_c.D1"));
    assert_false(gen_name_package("") || gen_name_package(".a") || gen_name_package("a.") ||
                 gen_name_package("a..b") || gen_name_package("a.1") || gen_name_package("a;b"));
}

/* ---- services and files ---- */

static gen_model *model_of(csvc_arena *a, csvc_bytes set, const char *const *files, size_t n,
                           gen_request *ret_request)
{
    csvc_error err = {CSVC_ERROR_INIT};
    gen_diag diag;
    gen_model *model;

    gen_diag_init(&diag, a);
    assert_int_equal(gen_request_from_set(ret_request, a, set, files, n, NULL, &err), CSVC_OK);
    model = gen_model_build(ret_request, &diag);
    assert_non_null(model);
    assert_int_equal(diag.n_errors, 0);
    return model;
}

static void prefixes(void **state)
{
    static const char *const cases[][3] = {
        {"user", "UserService", "user_service"},
        {"shop.v1", "OrderService", "shop_v1_order_service"},
        {"shop.order", "OrderService", "shop_order_service"},
        {"user", "User", "user"},
        {"user", "Users", "user_users"}, /* the word must end there */
        {"user.v1", "UserV1", "user_v1_user_v1"},
        {"a.b.c", "CService", "a_b_c_service"},
        {"", "UserService", "user_service"},
        {"Mixed.CasePkg", "HTTPApi", "mixed_case_pkg_http_api"},
    };
    const char *file = "test.proto";

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gen_request request;
        gen_model *model;
        char *text = csvc_arena_printf(
            *state,
            "syntax = \"proto3\";\n%s%s%s message M {} service %s { rpc Get(M) returns (M); }",
            *cases[i][0] != '\0' ? "package " : "", cases[i][0], *cases[i][0] != '\0' ? ";" : "",
            cases[i][1]);

        model = model_of(*state, proto_set_of_text(*state, text, false), &file, 1, &request);
        assert_string_equal(model->files[0]->services[0].prefix, cases[i][2]);
    }
}

static void rpcs(void **state)
{
    static const char *const cases[][3] = {
        {"GetUser", "get_user", "get_user"},
        {"Delete", "delete", "delete_"},
        {"Export", "export", "export_"},
        {"linux", "linux", "linux_"},
        {"StructSize", "struct_size", "struct_size_"},
        {"Ops", "ops_rpc", "ops_rpc"},
        {"Service", "service_rpc", "service_rpc"},
        {"Assert", "assert", "assert_"},
    };
    const char *file = "test.proto";
    const gen_service *service;
    gen_request request;
    char *text =
        csvc_arena_strdup(*state, "syntax = \"proto3\"; package p; message M {} service S {");

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text = csvc_arena_printf(*state, "%s rpc %s(M) returns (M);", text, cases[i][0]);
    }
    text = csvc_arena_printf(*state, "%s }", text);
    service = model_of(*state, proto_set_of_text(*state, text, false), &file, 1, &request)
                  ->files[0]
                  ->services;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(service->rpcs[i].c_name, cases[i][1]);
        assert_string_equal(service->rpcs[i].member, cases[i][2]);
        assert_string_equal(service->rpcs[i].path,
                            csvc_arena_printf(*state, "/p.S/%s", cases[i][0]));
    }
}

/* ---- against protoc-gen-c ---- */

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* Refers to every name of a message as the thing it must be. */
static void refer_to_message(csvc__buffer *b, const gen_message *m)
{
    csvc__buffer_printf(b, "static const %s value_%u = %s__INIT;\n", m->c_type, (unsigned)m->order,
                        m->c_upper);
    csvc__buffer_printf(
        b, "static const ProtobufCMessageDescriptor *descriptor_%u = &%s__descriptor;\n",
        (unsigned)m->order, m->c_lower);
    csvc__buffer_printf(b, "static void f_%u(%s *m)\n{\n    ProtobufCMessage *base = &m->%s;\n",
                        (unsigned)m->order, m->c_type, m->c_base);
    csvc__buffer_printf(b, "    (void)base; (void)value_%u; (void)descriptor_%u; (void)m;\n",
                        (unsigned)m->order, (unsigned)m->order);
    for (size_t i = 0; i < m->n_fields; i++) {
        const gen_field *f = m->fields[i];
        const char *star = f->label == CSVC_LABEL_REPEATED ? "*" : "";

        csvc__buffer_printf(b, "    { %s %s*p = &m->%s; (void)p; }\n", f->c_type, star, f->c_name);
        /* by number, as the descriptor has them; under the name of the .proto */
        csvc__buffer_printf(b, "    check(&%s__descriptor, %u, %u, \"%s\", offsetof(%s, %s));\n",
                            m->c_lower, (unsigned)f->index, (unsigned)f->number, f->name, m->c_type,
                            f->c_name);
        if (f->label == CSVC_LABEL_REPEATED) {
            csvc__buffer_printf(b, "    { size_t *n = &m->n_%s; (void)n; }\n", f->c_name);
        } else if (f->label == CSVC_LABEL_OPTIONAL && f->kind != CSVC_KIND_STRING &&
                   f->kind != CSVC_KIND_MESSAGE) {
            csvc__buffer_printf(b, "    { protobuf_c_boolean *h = &m->has_%s; (void)h; }\n",
                                f->c_name);
        } else if (f->label == CSVC_LABEL_ONEOF) {
            csvc__buffer_printf(
                b, "    { %s *c = &m->%s_case; same(%s, %u); same(%s__NOT_SET, 0); (void)c; }\n",
                f->oneof->c_type, f->oneof->c_name, f->case_constant, (unsigned)f->number,
                f->oneof->c_prefix);
        }
    }
    csvc__buffer_puts(b, "}\n");
}

static void refer_to_enum(csvc__buffer *b, const gen_enum *e, unsigned n)
{
    csvc__buffer_printf(b, "static void e_%u(void)\n{\n    %s e = %s; (void)e;\n", n, e->c_type,
                        e->values[0].c_name);
    for (size_t i = 0; i < e->n_values; i++) {
        csvc__buffer_printf(b, "    same(%s, %d);\n", e->values[i].c_name,
                            (int)e->values[i].number);
    }
    csvc__buffer_printf(
        b, "    same(%s__descriptor.magic, PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC);\n}\n", e->c_lower);
}

/* Every odd proto: the names we computed, compiled against the .pb-c.h and run against the .pb-c.c.
 */
static void names_are_protobuf_cs(void **state)
{
    static const char *const files[] = {"names.proto", "no_package.proto", "words.proto",
                                        "options.proto", "comments.proto"};
    static const char head[] =
        "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
        "static void same(long x, long y) { if (x != y) { printf(\"%ld, not %ld\\n\", x, y); "
        "exit(1); } }\n"
        "static void check(const ProtobufCMessageDescriptor *d, unsigned i, unsigned number, const "
        "char *name,\n"
        "                  size_t offset)\n{\n"
        "    const ProtobufCFieldDescriptor *f = &d->fields[i];\n"
        "    if (f->id != number || strcmp(f->name, name) != 0 || f->offset != offset ||\n"
        "        protobuf_c_message_descriptor_get_field_by_name(d, name) != f) {\n"
        "        printf(\"%s: field %u is %s, not %s\\n\", d->name, number, f->name, name);\n"
        "        exit(1);\n    }\n}\n";
    gen_request request;
    gen_plan plan = {0};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc__buffer b;
    csvc_bytes set = proto_set(*state, "tests/protos/accepted",
                               "names.proto no_package.proto words.proto options.proto "
                               "comments.proto google/protobuf/timestamp.proto",
                               true);
    gen_model *model;
    unsigned n_enums = 0;
    gen_messages *messages;
    const char *with_wkt[6];

    memcpy(with_wkt, files, sizeof(files));
    with_wkt[5] = "google/protobuf/timestamp.proto";
    model = model_of(*state, set, with_wkt, 6, &request);
    assert_int_equal(gen_messages_start(model, &request, &messages, &err), CSVC_OK);
    assert_int_equal(gen_messages_end(messages, &plan, &err), CSVC_OK);
    assert_int_equal(plan.n_outputs, 12);
    assert_int_equal(system("rm -rf names && mkdir -p names/google/protobuf"), 0);
    for (size_t i = 0; i < plan.n_outputs; i++) {
        write_file(csvc_arena_printf(*state, "names/%s", plan.outputs[i].path),
                   plan.outputs[i].content, plan.outputs[i].len);
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        const gen_file *file = gen_model_file(model, files[i]);

        csvc__buffer_init(&b, 1 << 20);
        csvc__buffer_printf(&b, "#include \"%s.pb-c.h\"\n%s", file->base, head);
        for (size_t k = 0; k < file->n_all_messages; k++) {
            refer_to_message(&b, file->all_messages[k]);
        }
        for (size_t k = 0; k < file->n_all_enums; k++) {
            refer_to_enum(&b, file->all_enums[k], n_enums++);
        }
        csvc__buffer_puts(&b, "int main(void)\n{\n");
        for (size_t k = 0; k < file->n_all_messages; k++) {
            const gen_message *m = file->all_messages[k];

            csvc__buffer_printf(&b, "    { %s m = %s__INIT; f_%u(&m); }\n", m->c_type, m->c_upper,
                                (unsigned)m->order);
        }
        for (size_t k = n_enums - (unsigned)file->n_all_enums; k < n_enums; k++) {
            csvc__buffer_printf(&b, "    e_%u();\n", (unsigned)k);
        }
        csvc__buffer_puts(&b, "    return 0;\n}\n");
        assert_true(csvc__buffer_ok(&b));
        write_file("names/main.c", b.data, b.len);
        csvc__buffer_release(&b);
        assert_int_equal(
            system(csvc_arena_printf(
                *state,
                "cc -std=gnu11 -Wall -Wextra -Werror -Wno-unused-function -Wno-overlength-strings "
                "-DPROTOBUF_C__NO_DEPRECATED "
                "-Inames -o names/main names/main.c names/*.pb-c.c "
                "names/google/protobuf/*.pb-c.c -lprotobuf-c && names/main")),
            0);
    }
    assert_int_equal(system("rm -rf names"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(snake_splits_where_people_do, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(plurals, arena_setup, arena_teardown),
        cmocka_unit_test(words),
        cmocka_unit_test_setup_teardown(prefixes, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(rpcs, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(names_are_protobuf_cs, arena_setup, arena_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
