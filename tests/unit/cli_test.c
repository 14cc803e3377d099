/* A command-line client: commands, flags to fields, replies and exit codes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <app/cli.h>
#include <base/clock.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "codec_types.h"
#include "fake_transport.h"

/* ---- names ---- */

static void commands_are_kebab_case(void **state)
{
    static const char *const names[][2] = {
        {"CreateUser", "create-user"},     {"Get", "get"},
        {"HTTPServer", "http-server"},     {"ListHTTP", "list-http"},
        {"GetV2User", "get-v2-user"},      {"get_user", "get-user"},
        {"Get_User", "get-user"},          {"A", "a"},
        {"getURLForID", "get-url-for-id"}, {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[CSVC__CLI_NAME];

        csvc__cli_kebab(names[i][0], text);
        assert_string_equal(names[i][1], text);
    }
}

/* ---- values: flag, value, and what the request prints as ---- */

/* Sets flags "NAME=VALUE" in turn; the request as JSON, or the first error. */
static const char *set_all(const csvc_message_type *type, const char *const *flags)
{
    static char text[4096];
    csvc_arena *a = csvc_arena_new(0);
    void *message = csvc_message_new(a, type);
    csvc_error err = {CSVC_ERROR_INIT};
    const char *json;

    for (; *flags != NULL; flags++) {
        const size_t len = strcspn(*flags, "=");
        char name[128];

        snprintf(name, sizeof(name), "%.*s", (int)len, *flags);
        if (csvc__cli_set(a, type, message, name, *flags + len + 1, &err) != CSVC_OK) {
            snprintf(text, sizeof(text), "%s", err.text);
            csvc_arena_free(a);
            return text;
        }
    }
    json = csvc_json_print(a, type, message, NULL, &err);
    snprintf(text, sizeof(text), "%s", json != NULL ? json : err.text);
    csvc_arena_free(a);
    return text;
}

#define SET(type, ...) set_all(&type, (const char *const[]){__VA_ARGS__, NULL})

static void scalars_of_every_kind(void **state)
{
    (void)state;
    assert_string_equal(
        "{\"i32\": -5, \"i64\": \"-9223372036854775808\", \"u32\": 4294967295, "
        "\"u64\": \"18446744073709551615\", \"s32\": 16, \"s64\": \"-1\", \"f32\": 7, "
        "\"f64\": \"8\", \"sf32\": -9, \"sf64\": \"-10\", \"flt\": 1.5, \"dbl\": -1e+100, "
        "\"flag\": true, \"color\": \"BLUE\", \"text\": \"h\xc3\xa9llo\", \"data\": \"AP8=\"}",
        SET(codec3__all__type, "i32=-5", "i64=-9223372036854775808", "u32=4294967295",
            "u64=18446744073709551615", "s32=0x10", "s64=-1", "f32=7", "f64=8", "sf32=-9",
            "sf64=-10", "flt=1.5", "dbl=-1e100", "flag=TRUE", "color=blue", "text=h\xc3\xa9llo",
            "data=AP8"));
    assert_string_equal("{\"flt\": \"-Infinity\", \"dbl\": \"NaN\"}",
                        SET(codec3__all__type, "flt=-inf", "dbl=nan"));
    assert_string_equal("{}", SET(codec3__all__type, "flag=false", "color=RED", "i32=0"));
    /* the last one counts */
    assert_string_equal("{\"i32\": 2}", SET(codec3__all__type, "i32=1", "i32=2"));
}

static void values_that_are_none(void **state)
{
    static const char *const bad[][2] = {
        {"i32=2147483648", "--i32: '2147483648' is not a whole number from -2147483648 to "},
        {"i32=12x", "--i32: '12x' is not a whole number"},
        {"i32=", "--i32: '' is not a whole number"},
        {"i32= 1", "--i32: ' 1' is not a whole number"},
        {"i64=9223372036854775808", "--i64: '9223372036854775808' is not a whole number of 64"},
        {"u32=-1", "--u32: '-1' is not a whole number from 0 to 4294967295"},
        {"u64=18446744073709551616", "--u64: '18446744073709551616' is not a whole number of 64"},
        {"f64=-1", "--f64: '-1' is not a whole number of 64 bits, not negative"},
        {"flt=1e39", "--flt: '1e39' is not a number"},
        {"dbl=1e999", "--dbl: '1e999' is not a number"},
        {"dbl=one", "--dbl: 'one' is not a number"},
        {"flag=yes", "--flag: 'yes' is not true or false"},
        {"color=purple", "--color: 'purple' is not "},
        {"text=\xff", "--text: '\xff' is not text in UTF-8"},
        {"data=A", "--data: 'A' is not base64, or @FILE"},
        {"data=AP8==", "--data: 'AP8==' is not base64"},
        {"data=@/no/such", "--data: '@/no/such' is not a file that can be read: /no/such: "},
        {"m-text=novalue", "--m-text: 'novalue' is not KEY=VALUE"},
        {"m-dbl=-1=2", "--m-dbl: '-1' is not a whole number"},
        {"m-dbl=1=x", "--m-dbl: 'x' is not a number"},
        {"inner=x", "--inner: not JSON for codec3.Inner: $, 1:1: an object is wanted, not 'x'"},
        {"inner={\"id\": \"x\"}", "--inner: not JSON for codec3.Inner: $.id, 1:8: a whole number"},
        {"inner=@/no/such", "--inner: '@/no/such' is not a file that can be read: /no/such: "},
        {"m-text={\"a\": 1}", "--m-text: not a map as JSON: $.a, 1:7: a string is wanted"},
        {"m-inner=1={\"a\": 1}", "--m-inner: not JSON for codec3.Inner: $.a, 1:2: "},
        {"inner.id.x=1", "--inner.id.x: id is no message, so nothing is within it"},
        {"r-inner.id=1", "--r-inner.id: say which one, from 0: --r-inner.0.FIELD"},
        {"r-inner.1.id=1", "--r-inner.1.id: 0 comes before 1"},
        {"r-inner.0=1", "--r-inner.0: say which one, from 0"},
        {"i23=1", "unknown flag --i23; did you mean --i32?"},
        {"inner.nmae=x", "unknown flag --inner.nmae; did you mean --inner.name?"},
        {"quite-another=1", "unknown flag --quite-another"},
        {"inner..id=1", "unknown flag --inner..id"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *got = SET(codec3__all__type, bad[i][0]);

        if (strncmp(bad[i][1], got, strlen(bad[i][1])) != 0) {
            assert_string_equal(bad[i][1], got);
        }
    }
}

static void names_have_three_spellings(void **state)
{
    (void)state;
    assert_string_equal("{\"odd-name\": \"x\"}", SET(codec3__all__type, "renamed_field=x"));
    assert_string_equal("{\"odd-name\": \"x\"}", SET(codec3__all__type, "renamed-field=x"));
    assert_string_equal("{\"odd-name\": \"x\"}", SET(codec3__all__type, "odd-name=x"));
    assert_string_equal("{\"rText\": [\"a\", \"b\", \"c\"]}",
                        SET(codec3__all__type, "rText=a", "r_text=b", "r-text=c"));
}

static void repeated_nested_maps(void **state)
{
    (void)state;
    assert_string_equal("{\"rI32\": [1, 2, 3, 4, 5], \"rFlag\": [true, false]}",
                        SET(codec3__all__type, "r-i32=1", "r-i32=2", "r-i32=3", "r-i32=4",
                            "r-i32=5", "r-flag=true", "r-flag=false"));
    assert_string_equal("{\"inner\": {\"id\": 1, \"inner\": {\"name\": \"x\", \"list\": [3, 4]}}}",
                        SET(codec3__all__type, "inner.id=1", "inner.inner.name=x",
                            "inner.inner.list=3", "inner.inner.list=4"));
    assert_string_equal("{\"inner\": {}}", SET(codec3__all__type, "inner={}"));
    assert_string_equal(
        "{\"rInner\": [{\"id\": 1, \"name\": \"a\"}, {\"id\": 2}]}",
        SET(codec3__all__type, "r-inner.0.id=1", "r-inner.0.name=a", "r-inner.1.id=2"));
    assert_string_equal(
        "{\"mText\": {\"k\": \"v=w\", \"l\": \"\"}, \"mColor\": {\"true\": \"GREEN\"}}",
        SET(codec3__all__type, "m-text=k=v=w", "m-text=l=", "m-color=true=green"));
}

static void presence_and_oneofs(void **state)
{
    (void)state;
    /* proto3 optional: given is there, zero or not */
    assert_string_equal("{\"oI32\": 0, \"oText\": \"\", \"oFlag\": false}",
                        SET(codec3__all__type, "o-i32=0", "o-text=", "o-flag=false"));
    assert_string_equal("{\"oInner\": {\"id\": 3}}", SET(codec3__all__type, "o-inner.id=3"));
    assert_string_equal("{\"cText\": \"x\"}", SET(codec3__all__type, "c-text=x"));
    assert_string_equal("{\"cI32\": 2}", SET(codec3__all__type, "c-i32=1", "c-i32=2"));
    assert_string_equal("{\"cInner\": {\"id\": 1, \"name\": \"x\"}}",
                        SET(codec3__all__type, "c-inner.id=1", "c-inner.name=x"));
    assert_string_equal("--c-text: only one of it and c-i32 may be given",
                        SET(codec3__all__type, "c-i32=1", "c-text=x"));
    assert_string_equal("--c-inner.id: only one of it and c-i32 may be given",
                        SET(codec3__all__type, "c-i32=1", "c-inner.id=1"));
    /* proto2: has_x */
    assert_string_equal("{\"i32\": 0, \"color\": \"GREEN\"}",
                        SET(codec2__all__type, "i32=0", "color=GREEN"));
}

static void well_known_types_are_one_text(void **state)
{
    (void)state;
    assert_string_equal(
        "{\"duration\": \"1.500s\", \"time\": \"2026-11-21T08:00:00Z\"}",
        SET(codec_wkt__known__type, "duration=1.5s", "time=2026-11-21T09:00:00+01:00"));
    assert_string_equal("{\"duration\": \"-0.200s\"}",
                        SET(codec_wkt__known__type, "duration=-200ms"));
    assert_string_equal("{\"mask\": \"a,b.c\"}", SET(codec_wkt__known__type, "mask=a,b.c"));
    assert_string_equal("{\"mask\": \"fullName,a.bC\"}",
                        SET(codec_wkt__known__type, "mask=full_name,a.bC"));
    assert_string_equal("{\"wI32\": 0, \"wText\": \"x\"}",
                        SET(codec_wkt__known__type, "w-i32=0", "w-text=x"));
    assert_string_equal(
        "{\"times\": [\"2026-01-01T00:00:00Z\", \"2027-01-01T00:00:00Z\"]}",
        SET(codec_wkt__known__type, "times=2026-01-01T00:00:00Z", "times=2027-01-01T00:00:00Z"));
    assert_string_equal("{\"empty\": {}}", SET(codec_wkt__known__type, "empty={}"));
    assert_string_equal("--time: 'yesterday' is not a time such as 2026-11-21T09:00:00Z",
                        SET(codec_wkt__known__type, "time=yesterday"));
    assert_string_equal("--duration: '5' is not a duration such as 1.5s",
                        SET(codec_wkt__known__type, "duration=5"));
    assert_string_equal("--w-i32: 'x' is not a whole number from -2147483648 to 2147483647",
                        SET(codec_wkt__known__type, "w-i32=x"));
}

static void messages_as_json(void **state)
{
    (void)state;
    assert_string_equal("{\"inner\": {\"id\": 3, \"list\": [1]}}",
                        SET(codec3__all__type, "inner={\"id\": 2, \"list\": [1]}", "inner.id=3"));
    assert_string_equal("{\"rInner\": [{\"id\": 1}, {\"name\": \"x\"}]}",
                        SET(codec3__all__type, "r-inner={\"id\": 1}", "r-inner={\"name\": \"x\"}"));
    assert_string_equal("{\"mText\": {\"a\": \"3\", \"b\": \"2\", \"c\": \"4\", \"d\": \"5\"}}",
                        SET(codec3__all__type, "m-text={\"a\": \"1\", \"b\": \"2\", \"c\": \"4\"}",
                            "m-text=a=3", "m-text={\"d\": \"5\"}"));
    assert_string_equal(
        "{\"mInner\": {\"1\": {\"id\": 5}, \"2\": {}}}",
        SET(codec3__all__type, "m-inner=1={\"id\": 4}", "m-inner=2={}", "m-inner=1={\"id\": 5}"));
    assert_string_equal(
        "{\"struct\": {\"a\": [1, null]}, \"value\": \"text\", \"list\": [true]}",
        SET(codec_wkt__known__type, "struct={\"a\": [1, null]}", "value=\"text\"", "list=[true]"));
    assert_string_equal("{\"value\": null}", SET(codec_wkt__known__type, "value=null"));
    assert_string_equal("{\"any\": {\"@type\": \"t/x\", \"value\": \"AA==\"}}",
                        SET(codec_wkt__known__type, "any={\"@type\": \"t/x\", \"value\": \"AA\"}"));
    assert_string_equal("{\"values\": {\"a\": 1, \"b\": [2]}}",
                        SET(codec_wkt__known__type, "values=a=1", "values={\"b\": [2]}"));
    assert_string_equal(
        "--value: not JSON for google.protobuf.Value: $, 1:1: only true, false and null "
        "are words without quotes",
        SET(codec_wkt__known__type, "value=text"));
}

static void bytes_from_a_file(void **state)
{
    char path[] = "/tmp/cli_test.XXXXXX", flag[64];
    const int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(3, write(fd, "\0\xff\n", 3));
    close(fd);
    snprintf(flag, sizeof(flag), "data=@%s", path);
    assert_string_equal("{\"data\": \"AP8K\"}", SET(codec3__all__type, flag));
    unlink(path);
}

/* ---- a whole client ---- */

static const csvc_method user_methods[] = {
    {"GetUser", "/test.Users/GetUser", CSVC_RPC_UNARY, 0, &codec3__inner__type,
     &codec3__inner__type, NULL},
    {"ListAll", "/test.Users/ListAll", CSVC_RPC_UNARY, 0, &codec3__all__type, &codec3__all__type,
     NULL},
    {"WatchUsers", "/test.Users/WatchUsers", CSVC_RPC_SERVER_STREAM, 0, &codec3__inner__type,
     &codec3__inner__type, NULL},
    {"AddUsers", "/test.Users/AddUsers", CSVC_RPC_CLIENT_STREAM, 0, &codec3__inner__type,
     &codec3__inner__type, NULL},
    {"Ping", "/test.Users/Ping", CSVC_RPC_UNARY, 0, &codec3__empty__type, &codec3__empty__type,
     NULL},
};
static const csvc_method room_methods[] = {
    {"Ping", "/test.Rooms/Ping", CSVC_RPC_UNARY, 0, &codec3__empty__type, &codec3__empty__type,
     NULL},
};
static const csvc_service users = {sizeof(csvc_service), 0, "test.Users", NULL, user_methods, 5};
static const csvc_service rooms = {sizeof(csvc_service), 0, "test.Rooms", NULL, room_methods, 1};
static const csvc_service *const services[] = {&users, &rooms, NULL};
static const csvc_cli_info info = {CSVC_CLI_INFO_INIT, .name = "users-client",
                                   .transport = &fake_transport, .services = services};

typedef struct session {
    char *argv[12];
    csvc_code code;
    const char *env_addr;
    const char *input; /* what is on standard input */
} session;

/* Tells on standard error what arrived, and answers with it or with a failure. */
static void tells(void *self, fake_out *out)
{
    const session *s = self;

    fprintf(stderr, "<%s %zu %d%s%s>", out->path, out->len, out->deadline != INT64_MAX,
            out->n_metadata > 0 ? " " : "", out->first_metadata);
    if (s->code == CSVC_OK) {
        fake_out_message(out, out->message, out->len, false);
    }
    fake_out_status(out, s->code, s->code == CSVC_OK ? "" : "user 42 not found", NULL, NULL);
}

static int session_main(void *arg)
{
    session *s = arg;
    int argc = 0;

    while (s->argv[argc] != NULL) {
        argc++;
    }
    if (s->env_addr != NULL) {
        setenv("GRPC_ADDR", s->env_addr, 1);
    }
    if (s->input != NULL) {
        int ends[2];

        if (pipe(ends) != 0 || dup2(ends[0], STDIN_FILENO) < 0 ||
            write(ends[1], s->input, strlen(s->input)) != (ssize_t)strlen(s->input)) {
            return 99;
        }
        close(ends[1]);
    }
    fake_set_script(tells, s);
    return csvc_cli_run(&info, argc, s->argv);
}

#define A(text) (char *)(uintptr_t)(text)
#define ARGV(...)                                                                                  \
    {                                                                                              \
        A("users-client"), __VA_ARGS__                                                             \
    }

static void assert_session(session s, int exit_code, const char *out, const char *err)
{
    child c;
    const int got = child_run(&c, session_main, &s);

    assert_string_equal(err, c.err);
    assert_string_equal(out, c.out);
    assert_int_equal(exit_code, got);
}

static void replies_are_json(void **state)
{
    (void)state;
    assert_session((session){.argv = ARGV(A("get-user"), A("--id"), A("42"), A("--name=ada"))}, 0,
                   "{\"id\": 42, \"name\": \"ada\"}\n", "</test.Users/GetUser 7 1>");
    /* a bool needs no value; other spellings of the rpc */
    assert_session((session){.argv = ARGV(A("ListAll"), A("--flag"), A("--i32"), A("-1"))}, 0,
                   "{\"i32\": -1, \"flag\": true}\n", "</test.Users/ListAll 13 1>");
    assert_session((session){.argv = ARGV(A("list_all"), A("--flag=false"))}, 0, "{}\n",
                   "</test.Users/ListAll 0 1>");
    assert_session((session){.argv = ARGV(A("test.Users/GetUser"))}, 0, "{}\n",
                   "</test.Users/GetUser 0 1>");
    assert_session((session){.argv = ARGV(A("--metadata"), A("x-tenant: acme"), A("get-user"),
                                          A("--timeout=1s"))},
                   0, "{}\n", "</test.Users/GetUser 0 1 x-tenant=acme>");
    /* keys are lower case on the wire; both ways to write a pair */
    assert_session((session){.argv = ARGV(A("--metadata=X-Tenant: a=b"), A("get-user"))}, 0, "{}\n",
                   "</test.Users/GetUser 0 1 x-tenant=a=b>");
    assert_session((session){.argv = ARGV(A("--metadata"), A("x-tenant=a:b"), A("get-user"))}, 0,
                   "{}\n", "</test.Users/GetUser 0 1 x-tenant=a:b>");
    assert_session((session){.argv = ARGV(A("users.ping"))}, 0, "{}\n", "</test.Users/Ping 0 1>");
    assert_session((session){.argv = ARGV(A("test.Rooms.ping"))}, 0, "{}\n",
                   "</test.Rooms/Ping 0 1>");
}

static void a_whole_request_as_json(void **state)
{
    char path[] = "/tmp/cli_test.XXXXXX", at_path[64];
    const int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(10, write(fd, "{\"id\": 7}\n", 10));
    close(fd);
    snprintf(at_path, sizeof(at_path), "@%s", path);
    assert_session((session){.argv = ARGV(A("get-user"), A("--json"), A(at_path))}, 0,
                   "{\"id\": 7}\n", "</test.Users/GetUser 2 1>");
    unlink(path);
    assert_session((session){.argv = ARGV(A("get-user"), A("--json=-")), .input = "{\"id\": 8}\n"},
                   0, "{\"id\": 8}\n", "</test.Users/GetUser 2 1>");
    /* before the rpc, too; flags go on top: a value replaces, a list gets more */
    assert_session(
        (session){.argv = ARGV(A("--json"), A("{\"id\": 1, \"list\": [1, 2, 3]}"), A("get-user"),
                               A("--id=2"), A("--list=4"), A("--list=5"))},
        0, "{\"id\": 2, \"list\": [1, 2, 3, 4, 5]}\n", "</test.Users/GetUser 9 1>");
    assert_session((session){.argv = ARGV(A("list-all"), A("--json={\"mText\": {\"a\": \"1\"}}"),
                                          A("--m-text=a=2"), A("--m-text=b=3"))},
                   0, "{\"mText\": {\"a\": \"2\", \"b\": \"3\"}}\n", "</test.Users/ListAll 18 1>");
}

static void bools_have_a_no(void **state)
{
    (void)state;
    assert_session((session){.argv = ARGV(A("list-all"), A("--no-o-flag"), A("--flag=true"))}, 0,
                   "{\"flag\": true, \"oFlag\": false}\n", "</test.Users/ListAll 5 1>");
    assert_session((session){.argv = ARGV(A("list-all"), A("--flag"), A("--no-flag"))}, 0, "{}\n",
                   "</test.Users/ListAll 0 1>");
}

static void failures_are_one_line_and_a_code(void **state)
{
    (void)state;
    assert_session((session){.code = CSVC_NOT_FOUND, .argv = ARGV(A("get-user"), A("--id=42"))},
                   64 + CSVC_NOT_FOUND, "",
                   "</test.Users/GetUser 2 1>get-user: NOT_FOUND: user 42 not found\n");
    assert_session((session){.code = CSVC_UNAUTHENTICATED, .argv = ARGV(A("get-user"))},
                   64 + CSVC_UNAUTHENTICATED, "",
                   "</test.Users/GetUser 0 1>get-user: UNAUTHENTICATED: user 42 not found\n");
}

static void wrong_usage_is_2(void **state)
{
    static const struct {
        session s;
        const char *err;
    } wrong[] = {
        {{.argv = ARGV(NULL)}, "users-client: which rpc?\nTry 'users-client --help'.\n"},
        {{.argv = ARGV(A("get-usr"))},
         "users-client: unknown rpc 'get-usr'; did you mean "
         "get-user?\nTry 'users-client --help'.\n"},
        {{.argv = ARGV(A("something-else"))},
         "users-client: unknown rpc 'something-else'\nTry 'users-client --help'.\n"},
        {{.argv = ARGV(A("ping"))},
         "users-client: several services have a ping; say which, such as users.ping\nTry "
         "'users-client --help'.\n"},
        {{.argv = ARGV(A("get-user"), A("--idd"), A("1"))},
         "get-user: unknown flag --idd; did you mean --id?\nTry 'users-client get-user --help'.\n"},
        {{.argv = ARGV(A("get-user"), A("--id"))},
         "get-user: --id needs a value\nTry 'users-client get-user --help'.\n"},
        {{.argv = ARGV(A("get-user"), A("--id"), A("x"))},
         "get-user: --id: 'x' is not a whole number from -2147483648 to 2147483647\nTry "
         "'users-client get-user --help'.\n"},
        {{.argv = ARGV(A("get-user"), A("42"))},
         "get-user: unexpected argument '42'\nTry 'users-client get-user --help'.\n"},
        {{.argv = ARGV(A("list-all"), A("--flag"), A("false"))},
         "list-all: unexpected argument 'false'; write it with an equals sign: --FIELD=false, or "
         "--no-FIELD\nTry "
         "'users-client list-all --help'.\n"},
        {{.argv = ARGV(A("watch-users"), A("--json={\"idd\": 1}"))},
         "watch-users: --json: not JSON for codec3.Inner: $.idd, 1:2: codec3.Inner "
         "has no such field\nTry "
         "'users-client watch-users --help'.\n"},
        {{.argv = ARGV(A("add-users"), A("--json={}"), A("--id=1"))},
         "add-users: --json gives all messages of the stream; flags of fields, its one\nTry "
         "'users-client add-users --help'.\n"},
        {{.argv = ARGV(A("add-users"), A("--max-line-bytes=1k"))},
         "add-users: --max-line-bytes: '1k' is not a whole number from 1 to 1073741824\nTry "
         "'users-client add-users --help'.\n"},
        {{.argv = ARGV(A("--adr"), A("x"), A("get-user"))},
         "users-client: unknown flag --adr; did you mean --addr?\nTry 'users-client --help'.\n"},
        {{.argv = ARGV(A("--id"), A("1"), A("get-user"))},
         "users-client: unknown flag --id; those of a field stand behind the rpc\nTry "
         "'users-client --help'.\n"},
        {{.argv = ARGV(A("get-user"), A("-x"))},
         "get-user: unknown flag -x\nTry 'users-client get-user --help'.\n"},
        {{.argv = ARGV(A("--timeout=soon"), A("get-user"))},
         "users-client: --timeout: 'soon' is not a duration such as 5s or 200ms\nTry "
         "'users-client --help'.\n"},
        {{.argv = ARGV(A("--metadata=novalue"), A("get-user"))},
         "users-client: --metadata: 'novalue' is not 'KEY: VALUE'\nTry 'users-client --help'.\n"},
        {{.argv = ARGV(A("--metadata=x-bin: ?"), A("get-user"))},
         "users-client: --metadata: x-bin: '?' is not base64\nTry 'users-client --help'.\n"},
        {{.argv = ARGV(A("--metadata=X y: z"), A("get-user"))},
         "users-client: --metadata: 'x y': a metadata key may have lower-case letters, digits, "
         "'_', "
         "'.' and '-' only\nTry 'users-client --help'.\n"},
        {{.argv = ARGV(A("--metadata=x: \x01"), A("get-user"))},
         "users-client: --metadata: 'x': a metadata value is not printable ASCII; such values need "
         "a key in \"-bin\"\nTry 'users-client --help'.\n"},
        {{.argv = ARGV(A("--metadata=Grpc-Timeout: 1S"), A("get-user"))},
         "users-client: --metadata: 'grpc-timeout': this metadata key belongs to the protocol\nTry "
         "'users-client --help'.\n"},
        {{.argv = ARGV(A("get-user"), A("--id=1"), A("--json={}"))},
         "get-user: --json is the whole request; it stands before the flags of fields\nTry "
         "'users-client get-user --help'.\n"},
        {{.argv = ARGV(A("--json={}"), A("get-user"), A("--json={}"))},
         "get-user: --json may be given once\nTry 'users-client get-user --help'.\n"},
        {{.argv = ARGV(A("get-user"), A("--json={\"idd\": 1}"))},
         "get-user: --json: not JSON for codec3.Inner: $.idd, 1:2: codec3.Inner "
         "has no such field\nTry 'users-client get-user --help'.\n"},
        {{.argv = ARGV(A("list-all"), A("--no-flag=true"))},
         "list-all: --no-flag takes no value\nTry 'users-client list-all --help'.\n"},
        {{.argv = ARGV(A("list-all"), A("--no-i32"))},
         "list-all: unknown flag --no-i32; did you mean --o-i32?\nTry 'users-client list-all "
         "--help'.\n"},
        {{.argv = ARGV(A("--addr"), A("bad"), A("get-user"))},
         "users-client: bad: no such target\n"},
        {{.env_addr = "bad", .argv = ARGV(A("get-user"))}, "users-client: bad: no such target\n"},
        /* a server's: the first that can be called */
        {{.env_addr = "systemd:, bad ,good:1", .argv = ARGV(A("get-user"))},
         "users-client: bad: no such target\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_session(wrong[i].s, 2, "", wrong[i].err);
    }
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        assert_string_equal(part, text);
    }
}

/* An enum with an alias, as protoc-gen-c writes it down; and fields that are called like flags. */
static const ProtobufCEnumValue level_values[] = {{"LEVEL_LOW", "LOW", 0},
                                                  {"LEVEL_HIGH", "HIGH", 1}};
static const ProtobufCEnumValueIndex level_names[] = {
    {"LEVEL_HIGH", 1}, {"LEVEL_LOW", 0}, {"LEVEL_TOP", 1}, {"PEAK", 1}};
static const ProtobufCEnumDescriptor level = {.magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC,
                                              .name = "test.Level",
                                              .n_values = 2,
                                              .values = level_values,
                                              .n_value_names = 4,
                                              .values_by_name = level_names};
typedef struct rival {
    ProtobufCMessage base;
    protobuf_c_boolean help, no_x, x;
    int32_t level;
    char *timeout;
} rival;
static const ProtobufCFieldDescriptor rival_descriptors[] = {{.name = "timeout", .id = 1},
                                                             {.name = "help", .id = 2},
                                                             {.name = "level", .id = 3},
                                                             {.name = "no_x", .id = 4},
                                                             {.name = "x", .id = 5}};
static const ProtobufCMessageDescriptor rival_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "test.Rival",
    .n_fields = 5,
    .fields = rival_descriptors,
    .sizeof_message = sizeof(rival)};
static const rival rival_initial = {.base = {.descriptor = &rival_descriptor}};
static const csvc_field rival_fields[] = {
    {1, offsetof(rival, timeout), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, CSVC_FIELD_UTF8, NULL},
    {2, offsetof(rival, help), 0, CSVC_KIND_BOOL, CSVC_LABEL_IMPLICIT, 0, NULL},
    {3, offsetof(rival, level), 0, CSVC_KIND_ENUM, CSVC_LABEL_IMPLICIT, 0, &level},
    {4, offsetof(rival, no_x), 0, CSVC_KIND_BOOL, CSVC_LABEL_IMPLICIT, 0, NULL},
    {5, offsetof(rival, x), 0, CSVC_KIND_BOOL, CSVC_LABEL_IMPLICIT, 0, NULL},
};
static const csvc_message_type rival_type = {.struct_size = sizeof(csvc_message_type),
                                             .size = sizeof(rival),
                                             .n_fields = 5,
                                             .n_dense = 5,
                                             .syntax = 3,
                                             .descriptor = &rival_descriptor,
                                             .initial = &rival_initial,
                                             .fields = rival_fields};
static const csvc_method rival_methods[] = {
    {"Fight", "/test.Rivals/Fight", CSVC_RPC_UNARY, 0, &rival_type, &rival_type, NULL}};
static const csvc_service rivals = {sizeof(csvc_service), 0, "test.Rivals", NULL, rival_methods, 1};
static const csvc_service *const rival_services[] = {&rivals, NULL};
static const csvc_cli_info rival_info = {CSVC_CLI_INFO_INIT, .name = "rivals-client",
                                         .transport = &fake_transport, .services = rival_services};

static int rival_main(void *arg)
{
    session *s = arg;
    int argc = 0;

    while (s->argv[argc] != NULL) {
        argc++;
    }
    fake_set_script(tells, s);
    return csvc_cli_run(&rival_info, argc, s->argv);
}

static void aliases_and_rivals(void **state)
{
    session s = {.argv = ARGV(A("fight"), A("--help"))};
    child c;

    (void)state;
    assert_string_equal("{\"level\": \"LEVEL_HIGH\"}", SET(rival_type, "level=LEVEL_TOP"));
    assert_string_equal("{\"level\": \"LEVEL_HIGH\"}", SET(rival_type, "level=top"));
    assert_string_equal("{\"level\": \"LEVEL_HIGH\"}", SET(rival_type, "level=peak"));
    assert_string_equal("{\"level\": \"LEVEL_HIGH\"}", SET(rival_type, "level=high"));
    assert_int_equal(0, child_run(&c, rival_main, &s));
    assert_has(c.out, "\nFields here: --timeout; the flag of that name stands before fight.\n");
    assert_has(c.out, "The field help is given with an equals sign: --help=VALUE.\n");
    s = (session){.argv = ARGV(A("fight"), A("--json={\"level\": \"LEVEL_TOP\"}"))};
    assert_int_equal(0, child_run(&c, rival_main, &s));
    assert_string_equal("{\"level\": \"LEVEL_HIGH\"}\n", c.out);
    /* a field that is called no-x is itself */
    s = (session){.argv = ARGV(A("--timeout=2s"), A("fight"), A("--timeout=field"), A("--no-x"),
                               A("--help=true"), A("--json={}"))};
    assert_int_equal(2, child_run(&c, rival_main, &s));
    s.argv[6] = NULL;
    assert_int_equal(0, child_run(&c, rival_main, &s));
    assert_string_equal("{\"timeout\": \"field\", \"help\": true, \"noX\": true}\n", c.out);
}

/* ---- lines ---- */

static void assert_line(csvc__cli_lines *l, uint32_t number, const char *expected)
{
    const char *text;
    size_t len;

    assert_int_equal(CSVC__CLI_LINE, csvc__cli_lines_next(l, &text, &len));
    assert_int_equal(number, l->number);
    assert_int_equal(strlen(expected), len);
    assert_memory_equal(expected, text, len);
}

static void lines_come_as_they_are_there(void **state)
{
    csvc__cli_lines l;
    csvc_error err = {CSVC_ERROR_INIT};
    const char *text;
    size_t len;
    int data[2], stop[2];

    (void)state;
    assert_int_equal(CSVC_OK, csvc__cli_lines_text(&l, "a\n\nlast", 4, &err));
    assert_line(&l, 1, "a");
    assert_line(&l, 2, "");
    assert_line(&l, 3, "last"); /* as long as is allowed, and without an end */
    assert_int_equal(CSVC__CLI_NO_MORE, csvc__cli_lines_next(&l, &text, &len));
    csvc__cli_lines_release(&l);

    assert_int_equal(0, pipe(data) | pipe(stop));
    csvc__cli_lines_init(&l, data[0], stop[0], 10);
    assert_int_equal(14, write(data[1], "one\ntwo\n012345", 14));
    assert_line(&l, 1, "one");
    assert_line(&l, 2, "two");
    assert_int_equal(5, write(data[1], "6789\n", 5)); /* exactly the limit */
    assert_line(&l, 3, "0123456789");
    assert_int_equal(12, write(data[1], "x\n0123456789", 12));
    assert_line(&l, 4, "x");
    assert_int_equal(1, write(data[1], "0", 1));
    assert_int_equal(CSVC__CLI_TOO_LONG, csvc__cli_lines_next(&l, &text, &len));
    assert_int_equal(5, l.number);
    csvc__cli_lines_release(&l);
    close(data[1]);

    /* asked to stop while there is nothing to read */
    assert_int_equal(0, pipe(data));
    csvc__cli_lines_init(&l, data[0], stop[0], 10);
    close(stop[1]);
    assert_int_equal(CSVC__CLI_STOPPED, csvc__cli_lines_next(&l, &text, &len));
    csvc__cli_lines_release(&l);
    close(data[1]);
    csvc__cli_lines_init(&l, data[0], -1, 10); /* closed */
    assert_int_equal(CSVC__CLI_UNREADABLE, csvc__cli_lines_next(&l, &text, &len));
    l.fd = -1;
    csvc__cli_lines_release(&l);
    close(stop[0]);
}

static void help_lists_commands_and_fields(void **state)
{
    session s = {.argv = ARGV(A("--help"))};
    child c;

    (void)state;
    assert_int_equal(0, child_run(&c, session_main, &s));
    assert_string_equal("", c.err);
    assert_has(c.out, "usage: users-client [FLAG]... RPC [--FIELD VALUE]...");
    assert_has(c.out, "\ntest.Users\n  get-user ");
    assert_has(c.out, "  users.ping ");
    assert_has(c.out, "  rooms.ping ");
    assert_has(c.out, "watch-users                WatchUsers, answers with a stream\n");
    assert_has(c.out, "add-users                  AddUsers, takes a stream\n");
    assert_has(c.out, "--addr HOST:PORT");

    s.argv[1] = A("list-all");
    s.argv[2] = A("--help");
    assert_int_equal(0, child_run(&c, session_main, &s));
    assert_has(c.out, "usage: users-client [FLAG]... list-all [--FIELD VALUE]...");
    assert_has(c.out, "  --i32                      int32\n");
    assert_has(c.out, "  --color                    enum: ");
    assert_has(c.out, "  --r-text                   string, may be repeated\n");
    assert_has(c.out, "  --inner.name               string\n");
    assert_has(c.out, "  --r-inner.0.id             int32\n");
    assert_has(c.out,
               "  --m-text KEY=VALUE         map of string to string; or '{...}', JSON; may ");
    assert_has(c.out, "  --flag                     bool; --no-flag for false\n");
    assert_has(c.out, "  --data                     bytes: base64, or @FILE\n");
    assert_has(c.out, "  --inner                    message: JSON, or @FILE\n");
    assert_has(c.out, "  --json JSON|@FILE|-        the whole request");
    assert_null(strstr(c.out, "Fields here"));
    assert_has(c.out, "  --c-i32                    int32; not with --c-text ");
    assert_null(strstr(c.out, "--o-i32                    int32; not with"));

    s.argv[1] = A("add-users");
    assert_int_equal(0, child_run(&c, session_main, &s));
    assert_has(c.out, "usage: printf '{...}\\n{...}\\n' | users-client [FLAG]... add-users\n");
    assert_has(c.out, "\nFields of a message\n  --id ");
    s.argv[1] = A("users.ping");
    assert_int_equal(0, child_run(&c, session_main, &s));
    assert_has(c.out, "Fields\n  none\n");
    s.argv[1] = A("--version");
    s.argv[2] = NULL;
    assert_int_equal(0, child_run(&c, session_main, &s));
    assert_memory_equal("users-client, c-svc ", c.out, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_kebab_case),
        cmocka_unit_test(scalars_of_every_kind),
        cmocka_unit_test(values_that_are_none),
        cmocka_unit_test(names_have_three_spellings),
        cmocka_unit_test(repeated_nested_maps),
        cmocka_unit_test(presence_and_oneofs),
        cmocka_unit_test(well_known_types_are_one_text),
        cmocka_unit_test(messages_as_json),
        cmocka_unit_test(bytes_from_a_file),
        cmocka_unit_test(replies_are_json),
        cmocka_unit_test(a_whole_request_as_json),
        cmocka_unit_test(bools_have_a_no),
        cmocka_unit_test(failures_are_one_line_and_a_code),
        cmocka_unit_test(wrong_usage_is_2),
        cmocka_unit_test(help_lists_commands_and_fields),
        cmocka_unit_test(aliases_and_rivals),
        cmocka_unit_test(lines_come_as_they_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
