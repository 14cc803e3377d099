/* config_test.c: c-svc.yaml, names of services, and what a mistyped word was meant to be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/cli.h"
#include "project/config.h"

static int setup(void **state)
{
    *state = csvc_arena_new(0);
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    csvc_arena_free(*state);
    return 0;
}

static csvc_code parse(csvc_arena *a, const char *text, config *ret_config, csvc_error *err)
{
    csvc_bytes bytes = {.len = strlen(text), .data = (const uint8_t *)text};

    return config_parse(a, "c-svc.yaml", bytes, ret_config, err);
}

static void reads_all_keys(void **state)
{
    csvc_error err = {CSVC_ERROR_INIT};
    config c;

    assert_int_equal(CSVC_OK, parse(*state,
                                    "# comment\nname: user-service\n"
                                    "protos: [proto/user.proto, proto/a/b.proto]\n"
                                    "include:\n  - proto\n  - more\n"
                                    "storage: sqlite\nfeatures: [docker, compose]\ninference: 1\n",
                                    &c, &err));
    assert_string_equal("user-service", c.name);
    assert_int_equal(2, c.protos.len);
    assert_string_equal("proto/a/b.proto", c.protos.items[1]);
    assert_int_equal(2, c.include.len);
    assert_string_equal("more", c.include.items[1]);
    assert_int_equal(3, c.protos_at[1].line);
    assert_int_equal(28, c.protos_at[1].column);
    assert_int_equal(6, c.include_at[1].line);
    assert_int_equal(5, c.include_at[1].column);
    assert_int_equal(CONFIG_SQLITE, c.storage);
    assert_int_equal(1, c.inference);
    assert_true(config_has(&c, "docker"));
    assert_true(config_has(&c, "compose"));
    assert_false(config_has(&c, "kong"));
}

static void fills_in_what_is_absent(void **state)
{
    csvc_error err = {CSVC_ERROR_INIT};
    config c;

    assert_int_equal(CSVC_OK, parse(*state, "name: a\nprotos: proto/a.proto\n", &c, &err));
    assert_int_equal(1, c.protos.len);
    assert_string_equal("proto", c.include.items[0]);
    assert_int_equal(CONFIG_NONE, c.storage);
    assert_int_equal(0, c.features.len);
    assert_int_equal(1, c.inference);
}

static void refuses_with_the_place(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"name: a\nproto: [x.proto]\n",
         "c-svc.yaml:2:1: error: unknown key \"proto\"; did you mean \"protos\"? (known: name, "
         "protos, include, storage, features, inference, templates)"},
        {"name: a\nprotos: [a.proto]\nzzz: 1\n",
         "c-svc.yaml:3:1: error: unknown key \"zzz\" (known: name, protos, include, storage, "
         "features, inference, templates)"},
        {"name: a\nprotos: [a.proto]\nstorage: sqlit\n",
         "c-svc.yaml:3:10: error: storage is none, sqlite, not \"sqlit\"; did you mean "
         "\"sqlite\"?"},
        {"name: a\nprotos: [a.proto]\nname: b\n", "c-svc.yaml:3:1: error: \"name\" is given twice"},
        {"name: a\nprotos:\n  - a.proto\n  - a.proto\n",
         "c-svc.yaml:4:5: error: a.proto is listed twice"},
        {"name: a\nprotos: ['my file.proto']\n",
         "c-svc.yaml:2:10: error: \"my file.proto\": only letters, digits and _ . / + - may stand "
         "in a path"},
        {"name: a\nprotos: [a.proto]\nfeatures: [dokcer]\n",
         "c-svc.yaml:3:12: error: no feature is called \"dokcer\"; did you mean \"docker\"? (there "
         "are bench, buf, ci, compose, docker, grafana, kong, kubernetes, prometheus, systemd)"},
        {"name: a\nprotos: [a.proto]\nfeatures: docker\n",
         "c-svc.yaml:3:11: error: features is to be a list: features: [docker]"},
        {"name: a\nprotos: [a.proto]\nfeatures: [[docker]]\n",
         "c-svc.yaml:3:12: error: features is to be a list of words: features: [docker]"},
        {"name: a\nprotos: [a.proto]\nfeatures: [ci, ci]\n",
         "c-svc.yaml:3:16: error: ci is listed twice"},
        {"name: a\nprotos: [a.proto]\nfeatures: [ci, grafana]\n",
         "c-svc.yaml:3:16: error: grafana needs the feature prometheus, too"},
        {"name: a\nprotos: [a.proto, ./a.proto]\n",
         "c-svc.yaml:2:19: error: a.proto is listed twice"},
        {"name: a\nprotos: [a.proto]\ninclude:\n  - proto\n  - ./proto/\n",
         "c-svc.yaml:5:5: error: proto is listed twice"},
        {"name: a\nprotos: [a.proto]\ninference: 2\n",
         "c-svc.yaml:3:12: error: inference is the number of a rule set; this release knows 1"},
        {"name: [a]\nprotos: [a.proto]\n",
         "c-svc.yaml:1:7: error: name is to be a text: name: user-service"},
        {"name: User\nprotos: [a.proto]\n",
         "c-svc.yaml:1:7: error: the name \"User\" does not begin with a small letter; try user"},
        {"protos: [a.proto]\n", "c-svc.yaml:1:1: error: \"name\" is missing: name: user-service"},
        {"name: a\n", "c-svc.yaml:1:1: error: \"protos\" is missing: protos: [proto/user.proto]"},
        {"name: a\nprotos: []\n",
         "c-svc.yaml:2:9: error: \"protos\" is empty: protos: [proto/user.proto]"},
        {"name: a\nprotos:\n\t- b.proto\n",
         "c-svc.yaml:3:1: error: the line begins with a tab; write spaces"},
        {"name: a\nprotos: {}\n",
         "c-svc.yaml:2:9: error: protos is to be a list of paths: protos: [proto/user.proto]"},
        {"- a\n",
         "c-svc.yaml:1:1: error: is to have a key and a value on each line: name: user-service"},
        {"", "c-svc.yaml:1:1: error: is to have a key and a value on each line: name: "
             "user-service"},
        {"name: a\nprotos: [a.proto]\n---\nstorage: sqlite\n",
         "c-svc.yaml:4:1: error: is behind the end of the configuration"},
        {"name: \"a\\0b\"\nprotos: [a.proto]\n",
         "c-svc.yaml:1:7: error: name is to be a text: name: user-service"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        csvc_error err = {CSVC_ERROR_INIT};
        config c = {0};

        assert_int_equal(CSVC_INVALID_ARGUMENT, parse(*state, cases[i].text, &c, &err));
        assert_string_equal(cases[i].error, err.text);
    }
}

static void broken_yaml_has_a_place(void **state)
{
    csvc_error err = {CSVC_ERROR_INIT};
    config c;

    assert_int_equal(CSVC_INVALID_ARGUMENT,
                     parse(*state, "name: a\nprotos: [a.proto\nstorage: none\n", &c, &err));
    assert_non_null(strstr(err.text, "c-svc.yaml:3:"));
    assert_non_null(strstr(err.text, ": error: "));
}

static void names_are_refused_with_a_better_one(void **state)
{
    static const struct {
        const char *name, *problem, *better;
    } cases[] = {
        {"user-service", NULL, NULL},
        {"a", NULL, NULL},
        {"a1-b2", NULL, NULL},
        {"", "is empty", NULL},
        {"UserService", "does not begin with a small letter", "user-service"},
        {"user_service", "has other characters than small letters, digits and dashes",
         "user-service"},
        {"user service", "has other characters than small letters, digits and dashes",
         "user-service"},
        {"user-", "ends with a dash", "user"},
        {"user--x", "has two dashes in a row", "user-x"},
        {"1st", "does not begin with a small letter", "st"},
        {"int", "is a word of the C or C++ language", "int-service"},
        {"class", "is a word of the C or C++ language", "class-service"},
        {"csvc-x", "begins with csvc, as the names of the library do", NULL},
        {"tests", "is a folder of the project's own build", "tests-service"},
        {"asan", "is a folder of the project's own build", "asan-service"},
        {"c-svc", "is the name of this program", "c-svc-service"},
        {"kubernetes", "is a Service that every cluster of Kubernetes has", "kubernetes-service"},
        {"localhost", "means the very machine, everywhere", "localhost-service"},
        {"no", "is a truth in YAML", "no-service"},
        {"No", "does not begin with a small letter", "no-service"},
        {"null", "is nothing in YAML", "null-service"},
        {"scratch", "is the empty image", "scratch-service"},
        {"prometheus", NULL, NULL},
        {"image", NULL, NULL},
        {"../x", "has a slash; --dir says where the project goes", NULL},
        {"-x", "does not begin with a small letter", "x"},
        {"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij12345",
         "is longer than 63 characters",
         "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij123"},
        {"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij123", NULL, NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *better = NULL;
        const char *problem = config_name_problem(*state, cases[i].name, &better);

        if (cases[i].problem == NULL) {
            assert_null(problem);
            continue;
        }
        assert_non_null(problem);
        assert_string_equal(cases[i].problem, problem);
        if (cases[i].better == NULL) {
            assert_null(better);
        } else {
            assert_non_null(better);
            assert_string_equal(cases[i].better, better);
        }
    }
}

static void the_nearest_word_is_found(void **state)
{
    static const char *const words[] = {"new-service", "generate", "explain", "doctor", "help"};
    size_t n = sizeof(words) / sizeof(words[0]);

    (void)state;
    assert_string_equal("new-service", cli_nearest("newservice", words, n));
    assert_string_equal("new-service", cli_nearest("new", words, n));
    assert_string_equal("generate", cli_nearest("genrate", words, n));
    assert_string_equal("generate", cli_nearest("gen", words, n));
    assert_string_equal("explain", cli_nearest("explian", words, n));
    assert_string_equal("help", cli_nearest("hlep", words, n));
    assert_null(cli_nearest("frobnicate", words, n));
    assert_null(cli_nearest("", words, n));
}

static const cli_option options[] = {
    {.name = "proto", .value = "FILE", .many = true},
    {.name = "I", .value = "DIR", .many = true},
    {.name = "dir", .value = "DIR"},
    {.name = "dry-run"},
    {0},
};
static const cli_command command = {
    .name = "x", .operands = "NAME", .min_operands = 1, .max_operands = 1, .options = options};

static int parse_args(csvc_arena *a, cli_args *ret_args, const char *line)
{
    char *argv[16];
    int argc = 0;
    char *at = csvc_arena_strdup(a, line);

    for (char *word = strsep(&at, " "); word != NULL && argc < 16; word = strsep(&at, " ")) {
        argv[argc++] = word;
    }
    return cli_args_parse(a, &command, argc, argv, ret_args);
}

static void options_stand_anywhere(void **state)
{
    const char *const *values;
    cli_args args;

    assert_int_equal(CLI_OK, parse_args(*state, &args, "--proto a --proto=b n -Ic -I d --dry-run"));
    assert_int_equal(1, args.n_operands);
    assert_string_equal("n", args.operands[0]);
    assert_int_equal(2, cli_args_options(*state, &args, "proto", &values));
    assert_string_equal("b", values[1]);
    assert_int_equal(2, cli_args_options(*state, &args, "I", &values));
    assert_string_equal("c", values[0]);
    assert_string_equal("d", values[1]);
    assert_non_null(cli_args_option(&args, "dry-run", 0));
    assert_null(cli_args_option(&args, "dir", 0));
    assert_int_equal(CLI_OK, parse_args(*state, &args, "-- --proto"));
    assert_string_equal("--proto", args.operands[0]);
    assert_int_equal(CLI_OK, parse_args(*state, &args, "--help"));
    assert_true(args.help);
}

static void wrong_options_are_usage(void **state)
{
    static const char *const lines[] = {"n --prto a", "n --proto", "n --dir a --dir b",
                                        "n m",        "--dry-run", "n --dry-run=1",
                                        "n -x",       "n --I a"};
    cli_args args;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(CLI_USAGE, parse_args(*state, &args, lines[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_all_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(fills_in_what_is_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_with_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_yaml_has_a_place, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_refused_with_a_better_one, setup, teardown),
        cmocka_unit_test(the_nearest_word_is_found),
        cmocka_unit_test_setup_teardown(options_stand_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_options_are_usage, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
