/* The template engine: every rule of docs/internals/templates.md, and every error with its line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "failing_alloc.h"
#include "template/template.h"

/* ---- a folder of templates, a scope, one render ---- */

struct fixture {
    csvc_arena *a;
    char folder[64];
    const char *folders[3];
    gen_templates templates;
    gen_value *scope;
    csvc__buffer out;
    csvc_error err;
};

static void write_file(struct fixture *t, const char *name, const char *text, size_t len)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", t->folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(len, fwrite(text, 1, len, file));
    assert_int_equal(0, fclose(file));
}

static void template(struct fixture *t, const char *name, const char *text)
{
    write_file(t, name, text, strlen(text));
}

/*
 * name: ada, empty: "", lines: three, yes, no, zero: 0, seven: 7, none: [], words: [a b c],
 * user: {name, address: {city}}, groups: [{name, members: [{name} ...]} ...]
 */
static gen_value *sample_scope(csvc_arena *a)
{
    gen_value *scope = gen_object(a);
    gen_value *words = gen_list(a);
    gen_value *user = gen_object(a);
    gen_value *address = gen_object(a);
    gen_value *groups = gen_list(a);

    gen_set_text(a, scope, "name", "ada");
    gen_set_text(a, scope, "empty", "");
    gen_set_text(a, scope, "lines", "one\n\nthree");
    gen_set_text(a, scope, "ended", "one\n");
    gen_set_text(a, scope, "with_signs", "@name@ @if x");
    gen_set_truth(a, scope, "yes", true);
    gen_set_truth(a, scope, "no", false);
    gen_set_number(a, scope, "zero", 0);
    gen_set_number(a, scope, "seven", -7);
    gen_set(a, scope, "none", gen_list(a));
    gen_push(a, words, gen_text(a, "a"));
    gen_push(a, words, gen_text(a, "b"));
    gen_push(a, words, gen_text(a, "c"));
    gen_set(a, scope, "words", words);
    gen_set_text(a, address, "city", "London");
    gen_set_text(a, user, "name", "countess");
    gen_set(a, user, "address", address);
    gen_set(a, scope, "user", user);
    for (int i = 0; i < 2; i++) {
        gen_value *group = gen_object(a);
        gen_value *members = gen_list(a);

        for (int k = 0; k < 2; k++) {
            gen_value *member = gen_object(a);

            gen_set_text(a, member, "name", k == 0 ? "x" : "y");
            gen_push(a, members, member);
        }
        gen_set_text(a, group, "name", i == 0 ? "G" : "H");
        gen_set(a, group, "members", members);
        gen_push(a, groups, group);
    }
    gen_set(a, scope, "groups", groups);
    return scope;
}

static int set_up(void **state)
{
    struct fixture *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return -1;
    }
    t->a = csvc_arena_new(0);
    (void)snprintf(t->folder, sizeof(t->folder), "/tmp/csvc-template-XXXXXX");
    if (t->a == NULL || mkdtemp(t->folder) == NULL) {
        return -1;
    }
    t->folders[0] = t->folder;
    t->templates.folders = t->folders;
    t->scope = sample_scope(t->a);
    csvc__buffer_init(&t->out, SIZE_MAX);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *t = *state;
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", t->folder);
    if (system(command) != 0) {
        return -1;
    }
    csvc__buffer_release(&t->out);
    (void)csvc_arena_free(t->a);
    free(t);
    return 0;
}

static void expect(struct fixture *t, const char *text, const char *expected)
{
    csvc_code code;

    template(t, "t", text);
    csvc__buffer_clear(&t->out);
    code = gen_render(&t->templates, "t", t->scope, &t->out, &t->err);
    if (code != CSVC_OK) {
        fail_msg("%s\nfrom:\n%s", t->err.text, text);
    }
    assert_string_equal(expected, t->out.len > 0 ? t->out.data : "");
}

static void expect_error(struct fixture *t, const char *text, const char *message)
{
    template(t, "t", text);
    csvc__buffer_clear(&t->out);
    csvc__buffer_puts(&t->out, "kept");
    t->err = (csvc_error){CSVC_ERROR_INIT};
    if (gen_render(&t->templates, "t", t->scope, &t->out, &t->err) != CSVC_INVALID_ARGUMENT) {
        fail_msg("accepted:\n%s", text);
    }
    assert_string_equal(message, t->err.text);
    assert_int_equal(CSVC_INVALID_ARGUMENT, t->err.code);
    assert_string_equal("kept", t->out.data);
    assert_int_equal(4, t->out.len);
}

/* ---- text and inserts ---- */

static void plain_text_stays(void **state)
{
    expect(*state, "", "");
    expect(*state, "\n", "\n");
    expect(*state, "a\nb\n", "a\nb\n");
    expect(*state, "no newline at the end", "no newline at the end");
    expect(*state, "a\n\n\nb", "a\n\n\nb");
}

static void inserts(void **state)
{
    expect(*state, "@name@", "ada");
    expect(*state, "@name@\n", "ada\n");
    expect(*state, "hello @name@!\n", "hello ada!\n");
    expect(*state, "@name@@name@\n", "adaada\n");
    expect(*state, "@user.name@ of @user.address.city@\n", "countess of London\n");
    expect(*state, "<@empty@>\n", "<>\n");
    expect(*state, "@yes@ @no@ @zero@ @seven@\n", "true false 0 -7\n");
    expect(*state, "a value is not read again: @with_signs@\n",
           "a value is not read again: @name@ @if x\n");
}

static void other_signs_are_literal(void **state)
{
    expect(*state, "@", "@");
    expect(*state, "@\n", "@\n");
    expect(*state, "ada@example.org\n", "ada@example.org\n");
    expect(*state, "ada@example.org, bob@example.org\n", "ada@example.org, bob@example.org\n");
    expect(*state, "\t@echo $@ $(@D) $@.d\n", "\t@echo $@ $(@D) $@.d\n");
    expect(*state, "a @ b @ c\n", "a @ b @ c\n");
    expect(*state, "x@1@ @-@ @.name@ @name.@ @name..x@\n", "x@1@ @-@ @.name@ @name.@ @name..x@\n");
    expect(*state, "@ name@\n", "@ name@\n");
    expect(*state, " @if x\n", " @if x\n"); /* a directive stands in column 0 */
    expect(*state, "@1 @( @\"\n", "@1 @( @\"\n");
    expect(*state, "a@@name@\n", "a@ada\n"); /* the first is no insert, the second is one */
}

static void doubled_at_line_start_is_one(void **state)
{
    expect(*state, "@@\n", "@\n");
    expect(*state, "@@", "@");
    expect(*state, "@@if x\n", "@if x\n");
    expect(*state, "@@name@\n", "@name@\n");
    expect(*state, "@@name@ @name@\n", "@name@ ada\n");
    expect(*state, "@@@name@\n", "@ada\n");
    expect(*state, " @@if\na@@b\n", " @@if\na@@b\n");
}

static void lines_keep_their_indentation(void **state)
{
    expect(*state, "    @lines@;\n", "    one\n\n    three;\n");
    expect(*state, "\t  x = @lines@\n", "\t  x = one\n\n\t  three\n");
    expect(*state, "@lines@\n", "one\n\nthree\n");
    expect(*state, "x @lines@\n", "x one\n\nthree\n");
    expect(*state, "  @ended@\n", "  one\n\n"); /* no blanks on the line behind the last newline */
}

static void carriage_returns_of_line_ends_go(void **state)
{
    expect(*state, "a @name@\r\n@if yes\r\nb\r\n@end\r\n\r\nc\r\n", "a ada\nb\n\nc\n");
    expect(*state, "a\rb\r\n", "a\rb\n");
    expect(*state, "@name@\r\n@name@\r\n", "ada\nada\n");
    expect(*state, "a\r", "a\r");
}

static void bytes_of_any_kind(void **state)
{
    struct fixture *t = *state;

    write_file(t, "nul", "a\0@name@\n", 9);
    csvc__buffer_clear(&t->out);
    assert_int_equal(CSVC_OK, gen_render(&t->templates, "nul", t->scope, &t->out, &t->err));
    assert_int_equal(6, t->out.len);
    assert_memory_equal("a\0ada\n", t->out.data, 6);
    expect(t, "\xc3\xa9\xff @name@\n", "\xc3\xa9\xff ada\n");
}

/* ---- conditions ---- */

static void conditions(void **state)
{
    expect(*state, "@if yes\na\n@end\n", "a\n");
    expect(*state, "@if no\na\n@end\n", "");
    expect(*state, "@if not no\na\n@end\n", "a\n");
    expect(*state, "@if not yes\na\n@end\n", "");
    expect(*state, "@if yes\na\n@else\nb\n@end\nc\n", "a\nc\n");
    expect(*state, "@if no\na\n@else\nb\n@end\nc\n", "b\nc\n");
    expect(*state, "@if not yes\na\n@else\nb\n@end\n", "b\n");
    expect(*state, "@if yes\n@else\nb\n@end\n", "");
    expect(*state, "@if yes\n@end", "");
    expect(*state, "@if \t yes \t \na\n@end \n", "a\n");
    expect(*state, "@if not\tno\na\n@end\t\n", "a\n");
}

static void what_is_true(void **state)
{
    expect(*state, "@if name\na\n@end\n", "a\n");
    expect(*state, "@if empty\na\n@end\n", "");
    expect(*state, "@if zero\na\n@end\n", "");
    expect(*state, "@if seven\na\n@end\n", "a\n");
    expect(*state, "@if none\na\n@end\n", "");
    expect(*state, "@if words\na\n@end\n", "a\n");
    expect(*state, "@if user\na\n@end\n", "a\n");
    expect(*state, "@if user.address.city\na\n@end\n", "a\n");
}

static void nested_conditions(void **state)
{
    static const char text[] = "@if yes\n1\n@if no\n2\n@else\n3\n@if yes\n4\n@end\n@end\n"
                               "@else\n5\n@if yes\n6\n@end\n@end\n7\n";

    expect(*state, text, "1\n3\n4\n7\n");
}

/* ---- loops ---- */

static void loops(void **state)
{
    expect(*state, "@each w in words\n<@w@>\n@end\n", "<a>\n<b>\n<c>\n");
    expect(*state, "@each w in none\n<@w@>\n@end\nx\n", "x\n");
    expect(*state, "@each w in words\n@end\n", "");
    expect(*state, "@each  w\tin  words  \n@w@\n@end", "a\nb\nc\n");
    expect(*state,
           "@each g in groups\n@g.name@:\n@each m in g.members\n  @g.name@@m.name@ @name@\n@end\n"
           "@end\n",
           "G:\n  Gx ada\n  Gy ada\nH:\n  Hx ada\n  Hy ada\n");
}

static void first_and_last(void **state)
{
    expect(*state,
           "@each w in words\n@if w.first\n[\n@end\n@if not w.last\n@w@,\n@else\n@w@\n]\n@end\n"
           "@end\n",
           "[\na,\nb,\nc\n]\n");
    expect(*state,
           "@each g in groups\n@each m in g.members\n@g.first@ @m.first@ @m.last@\n@end\n@end\n",
           "true true false\ntrue false true\nfalse true false\nfalse false true\n");
}

static void inner_names_win(void **state)
{
    expect(*state, "@each name in words\n@name@\n@end\n@name@\n", "a\nb\nc\nada\n");
    expect(*state, "@each g in groups\n@each g in g.members\n@g.name@\n@end\n@g.name@\n@end\n",
           "x\ny\nG\nx\ny\nH\n");
}

/* ---- includes ---- */

static void includes(void **state)
{
    struct fixture *t = *state;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/sub", t->folder);
    assert_int_equal(0, mkdir(path, 0700));
    template(t, "sub/part", "<@name@>\n");
    template(t, "open", "no newline");
    template(t, "member", "@m.name@ of @g.name@\n");
    expect(t, "a\n@include sub/part\nb\n@include sub/part\n", "a\n<ada>\nb\n<ada>\n");
    expect(t, "@include open\n|\n", "no newline|\n");
    expect(t, "@each g in groups\n@each m in g.members\n@include member\n@end\n@end\n",
           "x of G\ny of G\nx of H\ny of H\n");
    expect(t, "@if no\n@include absent\n@end\n", "");
}

static void includes_have_limits(void **state)
{
    struct fixture *t = *state;
    char name[16];
    char text[32];

    template(t, "a", "@include b\n");
    template(t, "b", "x\n@include a\n");
    expect_error(t, "@include a\n", "b:2: 'a' includes itself");
    expect_error(t, "\n@include t\n", "t:2: 't' includes itself");
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "d%d", i);
        (void)snprintf(text, sizeof(text), "@include d%d\n", i + 1);
        template(t, name, text);
    }
    expect_error(t, "@include d0\n", "d14:1: more than 16 templates within each other");
    template(t, "d14", "deep\n");
    expect(t, "@include d0\n", "deep\n");
}

static void mistakes_in_includes_name_them(void **state)
{
    struct fixture *t = *state;

    template(t, "bad", "ok\n@oops\n");
    template(t, "unknown", "\n\n@nothing@\n");
    expect_error(t, "@include bad\n",
                 "bad:2: no directive is called '@oops' (as plain text it is '@@oops')");
    expect_error(t, "@include unknown\n", "unknown:3: unknown name 'nothing'");
    expect_error(t, "x\n@include absent\n", "t:2: there is no template 'absent'");
    expect_error(t, "@include ../secret\n",
                 "../secret: a template is named by its path below templates/");
    expect_error(t, "@include /etc/passwd\n",
                 "/etc/passwd: a template is named by its path below templates/");
    expect_error(t, "@include\n", "t:1: write '@include folder/file'");
    expect_error(t, "@include a b\n", "t:1: write '@include folder/file'");
}

/* ---- mistakes ---- */

static void unknown_names(void **state)
{
    expect_error(*state, "a\nb @nothing@\n", "t:2: unknown name 'nothing'");
    expect_error(*state, "@user.nothing.more@\n", "t:1: unknown name 'user.nothing'");
    expect_error(*state, "@name.more@\n", "t:1: 'name' has no parts, so there is no 'name.more'");
    expect_error(*state, "@words.first@\n",
                 "t:1: 'words' has no parts, so there is no 'words.first'");
    expect_error(*state, "\n\n@if nothing\n@end\n", "t:3: unknown name 'nothing'");
    expect_error(*state, "@if not nothing\n@end\n", "t:1: unknown name 'nothing'");
    expect_error(*state, "@each x in nothing\n@end\n", "t:1: unknown name 'nothing'");
    expect_error(*state, "@each x in words\n@end\n@x@\n", "t:3: unknown name 'x'");
    expect_error(*state, "@each x in words\n@x.middle@\n@end\n",
                 "t:2: 'x' has no parts, so there is no 'x.middle'");
    expect_error(*state, "@each x in words\n@x.first.y@\n@end\n",
                 "t:2: 'x' has no parts, so there is no 'x.first.y'");
    expect_error(*state, "ada@example.org@\n", "t:1: unknown name 'example'");
}

/* Of templates that somebody keeps for himself: what they used may have got another name since. */
static void names_that_were_renamed(void **state)
{
    static const gen_renamed renamed[] = {{"town", "city"}, {"title", "name"}, {NULL, NULL}};
    struct fixture *t = *state;
    char message[160];

    t->templates.renamed = renamed;
    expect_error(t, "\n@user.address.town@\n",
                 "t:2: unknown name 'user.address.town'; it is called 'city' now");
    expect_error(t, "@each g in groups\n@if g.title\n@end\n@end\n",
                 "t:2: unknown name 'g.title'; it is called 'name' now");
    expect_error(t, "@user.nmae@\n", "t:1: unknown name 'user.nmae'; did you mean 'name'?");
    t->templates.shows_files = true;
    (void)snprintf(message, sizeof(message),
                   "%s/t:1: unknown name 'title'; it is called 'name' now", t->folder);
    expect_error(t, "@title@\n", message);
}

static void wrong_kinds(void **state)
{
    expect_error(*state, "@words@\n", "t:1: 'words' is a list, only text can be inserted");
    expect_error(*state, "\n@user.address@\n",
                 "t:2: 'user.address' is an object, only text can be inserted");
    expect_error(*state, "@each x in name\n@end\n", "t:1: 'name' is no list");
    expect_error(*state, "@each x in user\n@end\n", "t:1: 'user' is no list");
    expect_error(*state, "@each g in groups\n@g@\n@end\n",
                 "t:2: 'g' is an object, only text can be inserted");
}

static void unbalanced_blocks(void **state)
{
    expect_error(*state, "x\n@end\n", "t:2: @end without an @each or @if");
    expect_error(*state, "@else\n", "t:1: @else without an @if");
    expect_error(*state, "@each x in words\n@else\n@end\n", "t:2: @else without an @if");
    expect_error(*state, "@if yes\n@else\n@else\n@end\n",
                 "t:3: a second @else for the @if of line 1");
    expect_error(*state, "\n@if yes\n", "t:2: this @if has no @end");
    expect_error(*state, "@if yes\n@end\n\n@each x in words\n@if yes\n@end\n",
                 "t:4: this @each has no @end");
    expect_error(*state, "@if yes\n@else\n", "t:1: this @if has no @end");
    expect_error(*state, "@if yes\n@end\n@end\n", "t:3: @end without an @each or @if");
}

static void bad_directives(void **state)
{
    expect_error(*state, "@foo\n",
                 "t:1: no directive is called '@foo' (as plain text it is '@@foo')");
    expect_error(*state, "x\n@foo bar\n",
                 "t:2: no directive is called '@foo' (as plain text it is '@@foo')");
    expect_error(*state, "@iff yes\n@end\n",
                 "t:1: no directive is called '@iff' (as plain text it is '@@iff')");
    expect_error(*state, "@if(yes)\n@end\n",
                 "t:1: no directive is called '@if' (as plain text it is '@@if')");
    expect_error(*state, "@if\n@end\n",
                 "t:1: a condition is a name, or 'not' and a name; this is ''");
    expect_error(*state, "@if not \n@end\n", "t:1: unknown name 'not'; did you mean 'no'?");
    expect_error(*state, "@if yes no\n@end\n",
                 "t:1: a condition is a name, or 'not' and a name; this is 'yes no'");
    expect_error(*state, "@if not yes no\n@end\n",
                 "t:1: a condition is a name, or 'not' and a name; this is 'yes no'");
    expect_error(*state, "@if a == b\n@end\n",
                 "t:1: a condition is a name, or 'not' and a name; this is 'a == b'");
    expect_error(*state, "@if a.\n@end\n",
                 "t:1: a condition is a name, or 'not' and a name; this is 'a.'");
    expect_error(*state, "@each\n@end\n", "t:1: write '@each x in list'");
    expect_error(*state, "@each x\n@end\n", "t:1: write '@each x in list'");
    expect_error(*state, "@each x in\n@end\n", "t:1: write '@each x in list'");
    expect_error(*state, "@each x of words\n@end\n", "t:1: write '@each x in list'");
    expect_error(*state, "@each x.y in words\n@end\n", "t:1: write '@each x in list'");
    expect_error(*state, "@each 1 in words\n@end\n", "t:1: write '@each x in list'");
    expect_error(*state, "@each x in a b\n@end\n", "t:1: 'a b' is no name of a list");
    expect_error(*state, "@each x in 7\n@end\n", "t:1: '7' is no name of a list");
    expect_error(*state, "@if yes\n@end if\n", "t:2: nothing goes behind @end");
    expect_error(*state, "@if yes\n@else if no\n@end\n", "t:2: nothing goes behind @else");
}

static void too_deep(void **state)
{
    struct fixture *t = *state;
    csvc__buffer text;

    csvc__buffer_init(&text, SIZE_MAX);
    for (int i = 0; i < GEN_TEMPLATE_MAX_BLOCKS; i++) {
        csvc__buffer_puts(&text, "@if yes\n");
    }
    csvc__buffer_puts(&text, "x\n");
    for (int i = 0; i < GEN_TEMPLATE_MAX_BLOCKS; i++) {
        csvc__buffer_puts(&text, "@end\n");
    }
    expect(t, text.data, "x\n");
    csvc__buffer_clear(&text);
    for (int i = 0; i <= GEN_TEMPLATE_MAX_BLOCKS; i++) {
        csvc__buffer_puts(&text, "@if yes\n");
    }
    expect_error(t, text.data, "t:33: more than 32 blocks within each other");
    csvc__buffer_release(&text);
    expect_error(t, "@a.b.c.d.e.f.g.h.i@\n", "t:1: 'a.b.c.d.e.f.g.h.i' has more than 8 parts");
}

/* ---- finding ---- */

static void missing_templates(void **state)
{
    struct fixture *t = *state;

    assert_int_equal(CSVC_NOT_FOUND,
                     gen_render(&t->templates, "absent", t->scope, &t->out, &t->err));
    assert_string_equal("absent: there is no such template", t->err.text);
    assert_int_equal(CSVC_NOT_FOUND, gen_render(NULL, "absent", t->scope, &t->out, NULL));
}

static void names_stay_below_the_folder(void **state)
{
    static const char *const bad[] = {"",    "/",    "/t", "..",  "../t", "a/../t",
                                      "./t", "a//t", "t/", "a/.", ".",    "a/.."};
    struct fixture *t = *state;
    csvc_bytes text;

    template(t, "t", "x");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(CSVC_INVALID_ARGUMENT,
                         gen_template_load(t->a, &t->templates, bad[i], &text, &t->err));
    }
    assert_int_equal(CSVC_OK, gen_template_load(t->a, &t->templates, "t", &text, &t->err));
    assert_int_equal(1, text.len);
}

static void unreadable_templates_are_errors(void **state)
{
    struct fixture *t = *state;
    char path[128];
    csvc_bytes text;

    (void)snprintf(path, sizeof(path), "%s/dir", t->folder);
    assert_int_equal(0, mkdir(path, 0700));
    assert_int_equal(CSVC_UNAVAILABLE,
                     gen_template_load(t->a, &t->templates, "dir", &text, &t->err));
    assert_non_null(strstr(t->err.text, strerror(EISDIR)));
}

static void folders_win_in_their_order(void **state)
{
    struct fixture *t = *state;
    char second[80];
    csvc_bytes text;

    (void)snprintf(second, sizeof(second), "%s/second", t->folder);
    assert_int_equal(0, mkdir(second, 0700));
    t->folders[1] = second;
    template(t, "second/t", "from the second");
    assert_int_equal(CSVC_OK, gen_template_load(t->a, &t->templates, "t", &text, &t->err));
    assert_string_equal("from the second", (const char *)text.data);
    template(t, "t", "from the first");
    assert_int_equal(CSVC_OK, gen_template_load(t->a, &t->templates, "t", &text, &t->err));
    assert_string_equal("from the first", (const char *)text.data);
    t->folders[0] = "/nonexistent";
    assert_int_equal(CSVC_OK, gen_template_load(t->a, &t->templates, "t", &text, &t->err));
    assert_string_equal("from the second", (const char *)text.data);
}

static void embedded_templates_are_found(void **state)
{
    struct fixture *t = *state;

    for (size_t i = 0; i < gen_n_embedded_templates; i++) {
        const gen_embedded *one = &gen_embedded_templates[i];
        csvc_bytes text;

        assert_true(i == 0 || strcmp(gen_embedded_templates[i - 1].name, one->name) < 0);
        assert_int_equal(CSVC_OK, gen_template_load(t->a, NULL, one->name, &text, &t->err));
        assert_ptr_equal(one->text, text.data);
        assert_int_equal(one->len, text.len);
        assert_int_equal('\0', one->text[one->len]);
    }
    assert_null(gen_embedded_templates[gen_n_embedded_templates].name);
}

static void large_files_are_read_whole(void **state)
{
    struct fixture *t = *state;
    size_t len = 100000;
    char *text = malloc(len);

    assert_non_null(text);
    memset(text, 'x', len);
    write_file(t, "large", text, len);
    csvc__buffer_clear(&t->out);
    assert_int_equal(CSVC_OK, gen_render(&t->templates, "large", t->scope, &t->out, &t->err));
    assert_int_equal(len, t->out.len);
    free(text);
    len = (size_t)GEN_TEMPLATE_MAX_BYTES + 1;
    text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    write_file(t, "large", text, len);
    assert_int_equal(CSVC_INVALID_ARGUMENT,
                     gen_render(&t->templates, "large", t->scope, &t->out, &t->err));
    free(text);
}

/* ---- values ---- */

static void later_members_win(void **state)
{
    struct fixture *t = *state;

    gen_set_text(t->a, t->scope, "name", "grace");
    expect(t, "@name@\n", "grace\n");
}

static void values_can_be_read_back(void **state)
{
    struct fixture *t = *state;
    const gen_value *words = gen_get(t->scope, "words");

    assert_int_equal(3, gen_length(words));
    assert_string_equal("b", gen_value_text(gen_item(words, 1)));
    assert_null(gen_item(words, 3));
    assert_null(gen_get(t->scope, "nothing"));
    assert_null(gen_get(words, "name"));
    assert_null(gen_value_text(words));
    assert_true(gen_value_ok(words));
    assert_false(gen_value_ok(NULL));
}

static void missing_memory_is_remembered(void **state)
{
    struct fixture *t = *state;
    gen_value *list = gen_list(t->a);

    gen_push(t->a, list, gen_text(t->a, NULL));
    assert_false(gen_value_ok(list));
    gen_set(t->a, t->scope, "list", list);
    template(t, "t", "@each x in list\n@x@\n@end\n");
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED,
                     gen_render(&t->templates, "t", t->scope, &t->out, &t->err));
    template(t, "t", "@if list\n@end\n");
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED,
                     gen_render(&t->templates, "t", t->scope, &t->out, &t->err));
    gen_set_text(t->a, t->scope, "x", NULL);
    template(t, "t", "x\n");
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED,
                     gen_render(&t->templates, "t", t->scope, &t->out, &t->err));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, gen_render(&t->templates, "t", NULL, &t->out, NULL));
}

/* ---- limits, failures, speed ---- */

static const char everything[] =
    "@each g in groups\n@g.name@ @lines@\n@each m in g.members\n@include part\n@end\n@end\n"
    "@if yes\n@name@\n@else\n@user.name@\n@end\n";

/* The n-th allocation fails, for all n: the answer is RESOURCE_EXHAUSTED or the whole text. */
static void failing_allocations_are_returned(void **state)
{
    struct fixture *t = *state;
    csvc_code code = CSVC_RESOURCE_EXHAUSTED;
    size_t n = 0;

    template(t, "part", "<@m.name@>\n");
    template(t, "t", everything);
    while (code == CSVC_RESOURCE_EXHAUSTED) {
        csvc_arena *a;
        csvc__buffer out;

        failing_alloc_begin(++n);
        a = csvc_arena_new(0);
        if (a != NULL) {
            csvc__buffer_init(&out, SIZE_MAX);
            code = gen_render(&t->templates, "t", sample_scope(a), &out, &t->err);
            if (code == CSVC_OK) {
                assert_string_equal("G one\n\nthree\n<x>\n<y>\nH one\n\nthree\n<x>\n<y>\nada\n",
                                    out.data);
            } else {
                assert_int_equal(0, out.len);
            }
            csvc__buffer_release(&out);
            (void)csvc_arena_free(a);
        }
        assert_int_equal(0, failing_alloc_live());
        (void)failing_alloc_end();
    }
    assert_int_equal(CSVC_OK, code);
    assert_true(n > 8);
}

static void full_output_is_an_error(void **state)
{
    struct fixture *t = *state;

    csvc__buffer_release(&t->out);
    csvc__buffer_init(&t->out, 5);
    template(t, "t", "123@name@\n");
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED,
                     gen_render(&t->templates, "t", t->scope, &t->out, &t->err));
    assert_int_equal(0, t->out.len);
}

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Ten times the rows take ten times as long, give or take; a quadratic engine takes a hundred. */
static double time_of_rows(struct fixture *t, int n)
{
    csvc_arena *a = csvc_arena_new(0);
    gen_value *scope = gen_object(a);
    gen_value *rows = gen_list(a);
    double start;

    for (int i = 0; i < n; i++) {
        gen_value *row = gen_object(a);

        gen_set_number(a, row, "number", i);
        gen_set_text(a, row, "type", "Shop__Order");
        gen_set_text(a, row, "member", "customer_address");
        gen_push(a, rows, row);
    }
    gen_set(a, scope, "rows", rows);
    start = seconds();
    csvc__buffer_clear(&t->out);
    assert_int_equal(CSVC_OK, gen_render(&t->templates, "t", scope, &t->out, &t->err));
    start = seconds() - start;
    (void)csvc_arena_free(a);
    return start;
}

static void time_is_linear(void **state)
{
    struct fixture *t = *state;
    double small = 1e9;
    double large = 1e9;

    template(t, "t",
             "@each r in rows\n    {@r.number@, offsetof(@r.type@, @r.member@), 0, 0},\n"
             "@end\n");
    for (int i = 0; i < 3; i++) {
        double one = time_of_rows(t, 20000);
        double ten = time_of_rows(t, 200000);

        small = one < small ? one : small;
        large = ten < large ? ten : large;
    }
    print_message("rendering: %.0f MB/s\n", (double)t->out.len / large / 1e6);
    assert_true(large < small * 40);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(plain_text_stays),
        T(inserts),
        T(other_signs_are_literal),
        T(doubled_at_line_start_is_one),
        T(lines_keep_their_indentation),
        T(carriage_returns_of_line_ends_go),
        T(bytes_of_any_kind),
        T(conditions),
        T(what_is_true),
        T(nested_conditions),
        T(loops),
        T(first_and_last),
        T(inner_names_win),
        T(includes),
        T(includes_have_limits),
        T(mistakes_in_includes_name_them),
        T(unknown_names),
        T(names_that_were_renamed),
        T(wrong_kinds),
        T(unbalanced_blocks),
        T(bad_directives),
        T(too_deep),
        T(missing_templates),
        T(names_stay_below_the_folder),
        T(unreadable_templates_are_errors),
        T(folders_win_in_their_order),
        T(embedded_templates_are_found),
        T(large_files_are_read_whole),
        T(later_members_win),
        T(values_can_be_read_back),
        T(missing_memory_is_remembered),
        T(failing_allocations_are_returned),
        T(full_output_is_an_error),
        T(time_is_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
