/* Scopes: text laid out, and what the model's nodes turn into. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "failing_alloc.h"
#include "scope/scope.h"

static int set_up(void **state)
{
    *state = csvc_arena_new(0);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)csvc_arena_free(*state);
    return 0;
}

/* ---- brackets ---- */

static void brackets_fill_lines(void **state)
{
    static const char *const items[] = {"int a", "int bb", "int ccc"};

    assert_string_equal("f();", gen_layout(*state, 0, "f(", items, 0, ");"));
    assert_string_equal("f(int a);", gen_layout(*state, 0, "f(", items, 1, ");"));
    assert_string_equal("f(int a, int bb, int ccc);", gen_layout(*state, 0, "f(", items, 3, ");"));
}

/* Exactly as wide as a line is one line; one more is two. */
static void lines_break_at_their_width(void **state)
{
    char wide[81];
    const char *items[] = {"int a", wide};

    memset(wide, 'x', 80);
    wide[80] = '\0'; /* 10 + "int a, " 7 + 80 + ");" is 99 */
    assert_null(strchr(gen_layout(*state, 0, "csvc_code(", items, 2, ");"), '\n'));
    assert_null(strchr(gen_layout(*state, 1, "csvc_code(", items, 2, ");"), '\n'));
    assert_string_equal(
        "csvc_code(int a,\n          xxxxxxxxxx",
        csvc_arena_strndup(*state, gen_layout(*state, 2, "csvc_code(", items, 2, ");"), 37));
    assert_non_null(strchr(gen_layout(*state, 0, "csvc_code(", items, 2, ") xx"), '\n'));
}

static void items_without_room_go_below(void **state)
{
    char prefix[92];
    const char *items[] = {"void *self", "csvc_ctx *ctx"};
    char *text;

    memset(prefix, 'p', 90);
    memcpy(prefix + 90, "(", 2);
    text = gen_layout(*state, 0, prefix, items, 2, ")");
    assert_string_equal("(\n    void *self, csvc_ctx *ctx)", text + 90);
    prefix[90] = '{'; /* a row of a table stays below its brace */
    text = gen_layout(*state, 0, prefix, items, 2, "}");
    assert_memory_equal("{void *self,\n      ", text + 90, 18);
}

/* ---- comments ---- */

static void comments_on_one_line(void **state)
{
    char wide[95];

    assert_string_equal("", gen_layout_comment(*state, 0, ""));
    assert_null(gen_layout_comment(*state, 0, NULL));
    assert_string_equal("/* One. */", gen_layout_comment(*state, 4, "One."));
    memset(wide, 'x', 94);
    wide[94] = '\0';
    wide[50] = ' ';
    assert_null(strchr(gen_layout_comment(*state, 0, wide), '\n'));
    assert_non_null(strchr(gen_layout_comment(*state, 1, wide), '\n'));
}

static void comments_in_blocks(void **state)
{
    assert_string_equal("/*\n * One.\n *\n *   two\n */",
                        gen_layout_comment(*state, 0, "One.\n\n  two"));
}

static void long_lines_break_at_blanks(void **state)
{
    const char *text = "  - aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee";

    assert_string_equal("/*\n *   - aaaaaaaaa bbbbbbbbb ccccccccc\n"
                        " *     ddddddddd eeeeeeeee\n */",
                        gen_layout_comment(*state, 60, text));
    /* a word too long for any line stays whole */
    assert_string_equal("/*\n * aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n * b\n */",
                        gen_layout_comment(*state, 80, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b"));
    assert_string_equal("/*\n * aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n */",
                        gen_layout_comment(*state, 80, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    /* deeper indented than there is room */
    assert_string_equal("/*\n * a\n */", gen_layout_comment(*state, 80, "                  a"));
}

static void width_is_counted_in_characters(void **state)
{
    const char *text = "\xe7\x94\xa8\xe4\xb8\xad\xe6\x96\x87"; /* three characters, nine bytes */

    assert_string_equal("/* \xe7\x94\xa8\xe4\xb8\xad\xe6\x96\x87 */",
                        gen_layout_comment(*state, 91, text));
    assert_non_null(strchr(gen_layout_comment(*state, 92, text), '\n'));
}

/* ---- literals ---- */

static void strings_are_escaped(void **state)
{
    assert_string_equal("\"\"", gen_c_string(*state, ""));
    assert_string_equal("\"a\\\"b\\\\c\"", gen_c_string(*state, "a\"b\\c"));
    assert_string_equal("\"\\0121\\011\\177\"", gen_c_string(*state, "\n1\t\x7f"));
    assert_string_equal("\"?\\?=?\"", gen_c_string(*state, "?"
                                                           "?=?"));
    assert_string_equal("\"?\\?\\?/\"", gen_c_string(*state, "??"
                                                             "?/"));
    assert_string_equal("\"\xc3\xa9\"", gen_c_string(*state, "\xc3\xa9"));
}

static void bytes_come_in_rows(void **state)
{
    uint8_t bytes[17] = {0, 1, 0xff};

    assert_string_equal("", gen_c_bytes(*state, (csvc_bytes){0, bytes}));
    assert_string_equal("0x00, 0x01, 0xff,", gen_c_bytes(*state, (csvc_bytes){3, bytes}));
    assert_string_equal("0x00, 0x01, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, "
                        "0x00, 0x00, 0x00, 0x00,\n0x00,",
                        gen_c_bytes(*state, (csvc_bytes){17, bytes}));
    assert_string_equal("0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, "
                        "0x00, 0x00, 0x00, 0x00,",
                        gen_c_bytes(*state, (csvc_bytes){16, (const uint8_t[16]){0}}));
}

/* ---- a small model, made by hand: what comes of it ---- */

struct small {
    gen_file file;
    gen_message message;
    gen_message *messages[1];
    gen_field fields[3];
    gen_field *by_number[3];
    gen_oneof oneof;
    gen_enum enumeration;
    gen_service service;
    gen_rpc rpcs[2];
};

static struct small *make_small(void)
{
    static struct small s;

    s = (struct small){0};
    s.file = (gen_file){.name = "a/b.proto",
                        .base = "a/b",
                        .package = "p",
                        .c_lower = "a__b",
                        .syntax = 3,
                        .generate = true,
                        .all_messages = s.messages,
                        .n_all_messages = 1,
                        .services = &s.service,
                        .n_services = 1,
                        .descriptor = {2, (const uint8_t *)"\n"}};
    s.messages[0] = &s.message;
    s.message = (gen_message){.name = "M",
                              .full_name = "p.M",
                              .c_type = "P__M",
                              .c_lower = "p__m",
                              .c_upper = "P__M",
                              .c_base = "base",
                              .file = &s.file,
                              .fields = s.by_number,
                              .by_number = s.by_number,
                              .n_fields = 3};
    s.oneof = (gen_oneof){.name = "_o", .c_name = "_o", .synthetic = true, .parent = &s.message};
    s.enumeration = (gen_enum){.c_lower = "p__e", .closed = true};
    s.fields[0] = (gen_field){.name = "page_size",
                              .c_name = "page_size",
                              .json_name = "pageSize",
                              .c_type = "int32_t",
                              .number = 1,
                              .kind = CSVC_KIND_INT32,
                              .label = CSVC_LABEL_REPEATED,
                              .flags = CSVC_FIELD_PACKED,
                              .parent = &s.message};
    s.fields[1] = (gen_field){.name = "o",
                              .c_name = "o",
                              .json_name = "o",
                              .c_type = "P__E",
                              .number = 2,
                              .kind = CSVC_KIND_ENUM,
                              .label = CSVC_LABEL_ONEOF,
                              .flags = CSVC_FIELD_PRESENCE | CSVC_FIELD_CLOSED_ENUM,
                              .enumeration = &s.enumeration,
                              .oneof = &s.oneof,
                              .parent = &s.message};
    s.fields[2] = (gen_field){.name = "self_",
                              .c_name = "self_",
                              .json_name = "self",
                              .c_type = "P__M *",
                              .number = 4,
                              .kind = CSVC_KIND_MESSAGE,
                              .label = CSVC_LABEL_OPTIONAL,
                              .message = &s.message,
                              .parent = &s.message};
    for (size_t i = 0; i < 3; i++) {
        s.by_number[i] = &s.fields[i];
    }
    s.service = (gen_service){.name = "S",
                              .full_name = "p.S",
                              .prefix = "p_s",
                              .upper = "P_S",
                              .file = &s.file,
                              .rpcs = s.rpcs,
                              .n_rpcs = 2};
    s.rpcs[0] = (gen_rpc){.name = "Delete",
                          .c_name = "delete",
                          .member = "delete_",
                          .path = "/p.S/Delete",
                          .service = &s.service,
                          .request = &s.message,
                          .reply = &s.message,
                          .is_inline = true,
                          .comments = {.trailing = " Behind it.\n"}};
    s.rpcs[1] = (gen_rpc){.name = "Watch",
                          .c_name = "watch",
                          .member = "watch",
                          .path = "/p.S/Watch",
                          .index = 1,
                          .service = &s.service,
                          .kind = CSVC_RPC_BIDI_STREAM,
                          .request = &s.message,
                          .reply = &s.message,
                          .deprecated = true,
                          .comments = {.leading = " Before it.\n", .trailing = " Not this.\n"}};
    return &s;
}

static const char *text_of(const gen_value *object, const char *name)
{
    const char *text = gen_value_text(gen_get(object, name));

    if (text == NULL) {
        fail_msg("no text %s", name);
    }
    return text;
}

static void fields_become_rows(void **state)
{
    const gen_value *message = gen_scope_message(*state, &make_small()->message);
    const gen_value *fields = gen_get(message, "fields");

    assert_int_equal(3, gen_length(fields));
    assert_string_equal("{1, offsetof(P__M, page_size), offsetof(P__M, n_page_size), "
                        "CSVC_KIND_INT32,\n CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},",
                        text_of(gen_item(fields, 0), "row"));
    assert_string_equal("{2, offsetof(P__M, o), offsetof(P__M, _o_case), CSVC_KIND_ENUM, "
                        "CSVC_LABEL_ONEOF,\n CSVC_FIELD_CLOSED_ENUM | CSVC_FIELD_PRESENCE, "
                        "&p__e__descriptor},",
                        text_of(gen_item(fields, 1), "row"));
    assert_string_equal("{4, offsetof(P__M, self_), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0, "
                        "&p__m__type},",
                        text_of(gen_item(fields, 2), "row"));
    assert_string_equal("3", text_of(message, "n_fields"));
    assert_string_equal("2", text_of(message, "n_dense"));
    assert_string_equal("p__m__type", text_of(message, "table"));
}

static void json_names_are_given_when_unusual(void **state)
{
    struct small *s = make_small();
    const gen_value *message = gen_scope_message(*state, &s->message);
    static const struct {
        const char *name, *json, *string;
    } cases[] = {
        {"a", "a", "NULL"},     {"a_b", "aB", "NULL"},     {"a_b", "a_b", "\"a_b\""},
        {"a__b", "aB", "NULL"}, {"_a", "A", "NULL"},       {"a_", "a", "NULL"},
        {"aB", "aB", "NULL"},   {"a_1", "a1", "NULL"},     {"A_B", "AB", "NULL"},
        {"a", "", "\"\""},      {"a_b", "aBc", "\"aBc\""}, {"a_b_c", "aB", "\"aB\""},
        {"", "", "NULL"},
    };

    assert_string_equal("false", text_of(message, "has_json_names")); /* self_ is usual */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s->fields[1].name = cases[i].name;
        s->fields[1].json_name = cases[i].json;
        message = gen_scope_message(*state, &s->message);
        assert_string_equal(strcmp(cases[i].string, "NULL") == 0 ? "false" : "true",
                            text_of(message, "has_json_names"));
        assert_string_equal(cases[i].string,
                            text_of(gen_item(gen_get(message, "fields"), 1), "json_string"));
    }
}

static void rpcs_have_their_shapes(void **state)
{
    const gen_value *service = gen_scope_service(*state, &make_small()->service);
    const gen_value *unary = gen_item(gen_get(service, "rpcs"), 0);
    const gen_value *bidi = gen_item(gen_get(service, "rpcs"), 1);

    assert_string_equal("csvc_code (*delete_)(void *self, csvc_ctx *ctx, const P__M *req, "
                        "P__M *rsp);",
                        text_of(unary, "slot"));
    assert_string_equal("/* Behind it. */", text_of(unary, "comment"));
    assert_string_equal("CSVC_METHOD_INLINE", text_of(unary, "flags"));
    assert_string_equal("csvc_code p_s_client_delete(csvc_channel *ch, csvc_rpc *rpc, "
                        "const P__M *req, const P__M **ret_rsp);",
                        text_of(unary, "client_prototype"));
    assert_string_equal("csvc_code p_s_delete(struct service *svc, csvc_ctx *ctx, const P__M *req, "
                        "P__M *rsp)",
                        text_of(unary, "handler_definition"));
    assert_string_equal("csvc_code (*watch)(void *self, csvc_ctx *ctx, csvc_stream *in, "
                        "csvc_stream *out);",
                        text_of(bidi, "slot"));
    assert_string_equal("/*\n * Before it.\n * Bidirectional streaming: p_s_watch_recv() and "
                        "p_s_watch_send().\n * Deprecated.\n */",
                        text_of(bidi, "comment"));
    assert_string_equal("return slots->watch(self, ctx, (csvc_stream *)in, out);",
                        text_of(bidi, "slot_call"));
    assert_string_equal("CSVC_RPC_BIDI_STREAM", text_of(bidi, "kind"));
    assert_string_equal("true", text_of(bidi, "client_streaming"));
    assert_string_equal("true", text_of(bidi, "server_streaming"));
    assert_string_equal("true", text_of(service, "has_unary"));
}

/* ---- imports ---- */

static gen_file imported(const char *name, const char *lower, gen_file **imports, size_t n)
{
    return (gen_file){.name = name,
                      .base = name,
                      .c_lower = lower,
                      .imports = imports,
                      .n_imports = n,
                      .descriptor = {1, (const uint8_t *)"x"}};
}

static const char *symbol_at(const gen_value *list, size_t i)
{
    return gen_value_text(gen_item(list, i));
}

/* used.proto is linked; options.proto (used by nobody) is embedded, and so is what only it needs.
 */
static void unused_imports_are_embedded(void **state)
{
    struct small *s = make_small();
    gen_file base = imported("base.proto", "base", NULL, 0);
    gen_file used = imported("used.proto", "used", NULL, 0);
    gen_file *imports_of_options[] = {&base, &used};
    gen_file options = imported("options.proto", "options", imports_of_options, 2);
    gen_file *imports[] = {&options, &used, &base};
    gen_file *uses[] = {&used};
    const gen_value *file;
    const gen_value *embedded;

    s->file.imports = imports;
    s->file.n_imports = 3;
    s->file.uses = uses;
    s->file.n_uses = 1;
    file = gen_scope_file(*state, &s->file);
    assert_int_equal(3, gen_length(gen_get(file, "imports")));
    assert_string_equal("options__embedded", symbol_at(gen_get(file, "imports"), 0));
    assert_string_equal("used__file", symbol_at(gen_get(file, "imports"), 1));
    assert_string_equal("base__embedded", symbol_at(gen_get(file, "imports"), 2));
    embedded = gen_get(file, "embedded");
    assert_int_equal(2, gen_length(embedded)); /* each once, imports first */
    assert_string_equal("base__embedded", text_of(gen_item(embedded, 0), "symbol"));
    assert_string_equal("options__embedded", text_of(gen_item(embedded, 1), "symbol"));
    assert_string_equal("used__file", symbol_at(gen_get(gen_item(embedded, 1), "imports"), 1));
    assert_int_equal(1, gen_length(gen_get(file, "uses")));
}

/* ---- memory ---- */

/* The n-th allocation fails: the scope or its render says so, or all is there. */
static void failing_allocations_are_returned(void **state)
{
    struct small *s = make_small();
    gen_file other = imported("other.proto", "other", NULL, 0);
    gen_file *imports[] = {&other};
    static const char *const templates[] = {"gen/csvc.h.tmpl", "gen/csvc.c.tmpl"};
    bool done = false;

    (void)state;
    s->file.imports = imports;
    s->file.n_imports = 1;
    for (size_t n = 1; !done; n++) {
        csvc_arena *a;
        csvc__buffer out;
        csvc_code code = CSVC_RESOURCE_EXHAUSTED;

        failing_alloc_begin(n);
        a = csvc_arena_new(0);
        csvc__buffer_init(&out, SIZE_MAX);
        if (a != NULL) {
            const gen_value *file = gen_scope_file(a, &s->file);

            code = CSVC_OK;
            for (size_t i = 0; i < 2 && code == CSVC_OK; i++) {
                code = gen_render(NULL, templates[i], file, &out, NULL);
            }
            (void)csvc_arena_free(a);
        }
        assert_true(code == CSVC_OK || code == CSVC_RESOURCE_EXHAUSTED);
        done = code == CSVC_OK;
        if (done) {
            assert_non_null(strstr(out.data, "const csvc_file a__b__file"));
            assert_true(n > 20);
        }
        csvc__buffer_release(&out);
        assert_int_equal(0, failing_alloc_live());
        (void)failing_alloc_end();
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(brackets_fill_lines),
        T(lines_break_at_their_width),
        T(items_without_room_go_below),
        T(comments_on_one_line),
        T(comments_in_blocks),
        T(long_lines_break_at_blanks),
        T(width_is_counted_in_characters),
        T(strings_are_escaped),
        T(bytes_come_in_rows),
        T(fields_become_rows),
        T(json_names_are_given_when_unusual),
        T(rpcs_have_their_shapes),
        T(unused_imports_are_embedded),
        T(failing_allocations_are_returned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
