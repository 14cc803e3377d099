/* features_test.c: the table of features; names into and out of the text of a c-svc.yaml. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "project/config.h"
#include "project/features.h"
#include "project/features_edit.h"

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

#define HEAD "# mine\nname: a\nprotos: [a.proto]\n"

static void changes_the_list_and_nothing_else(void **state)
{
    static const struct {
        const char *before, *name, *after;
        bool with;
    } cases[] = {
        /* [a, b] */
        {"features: []\nstorage: none\n", "ci", "features: [ci]\nstorage: none\n", true},
        {"features: [ ] # none yet\n", "ci", "features: [ci ] # none yet\n", true},
        {"features: [docker] # why\n", "ci", "features: [docker, ci] # why\n", true},
        {"features: [ docker ,\n  buf, # of the team\n]\n", "ci",
         "features: [ docker ,\n  buf, ci, # of the team\n]\n", true},
        {"features: [ci]\n", "ci", "features: []\n", false},
        {"features: [ci, docker, buf] # x\n", "ci", "features: [docker, buf] # x\n", false},
        {"features: [ci, docker, buf]\n", "docker", "features: [ci, buf]\n", false},
        {"features: [ci, docker, buf]\n", "buf", "features: [ci, docker]\n", false},
        {"features: ['ci', \"docker\"]\n", "docker", "features: ['ci']\n", false},
        /* a line each */
        {"features:\n  - docker # image\n  - buf\n\n# end\n", "ci",
         "features:\n  - docker # image\n  - buf\n  - ci\n\n# end\n", true},
        {"features:\n- docker\ninference: 1\n", "ci", "features:\n- docker\n- ci\ninference: 1\n",
         true},
        {"features:\n  - docker # image\n  - buf\n", "docker", "features:\n  - buf\n", false},
        {"features:\n  - docker\n  - buf # last\ninference: 1\n", "buf",
         "features:\n  - docker\ninference: 1\n", false},
        {"features:\n  - docker\ninference: 1\n", "docker", "features: []\ninference: 1\n", false},
        {"inference: 1\nfeatures:\n  - docker", "ci",
         "inference: 1\nfeatures:\n  - docker\n  - ci\n", true},
        /* none */
        {"features:\ninference: 1\n", "ci", "features: [ci]\ninference: 1\n", true},
        {"storage: none # no rows\ninference: 1\n", "ci",
         "storage: none # no rows\nfeatures: [ci]\ninference: 1\n", true},
        {"inference: 1", "ci", "inference: 1\nfeatures: [ci]\n", true},
        /* characters of several bytes */
        {"# \xc3\xa4\xe2\x82\xac\nfeatures: [docker] # \xc3\xa4\n", "ci",
         "# \xc3\xa4\xe2\x82\xac\nfeatures: [docker, ci] # \xc3\xa4\n", true},
        {"inference: 1 # \xc3\xa4\r\nfeatures: [docker]\r\n", "ci",
         "inference: 1 # \xc3\xa4\r\nfeatures: [docker, ci]\r\n", true},
        /* as it is */
        {"features: [ci]\n", "ci", "features: [ci]\n", true},
        {"features: [ci]\n", "buf", "features: [ci]\n", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = cli_printf(*state, HEAD "%s", cases[i].before);
        csvc_bytes before = {.len = strlen(text), .data = (const uint8_t *)text};
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_bytes after;
        config c;

        assert_int_equal(CSVC_OK, features_edit(*state, "c-svc.yaml", before, cases[i].name,
                                                cases[i].with, &after, &err));
        assert_string_equal(cli_printf(*state, HEAD "%s", cases[i].after),
                            (const char *)after.data);
        assert_int_equal(strlen((const char *)after.data), after.len);
        assert_int_equal(CSVC_OK, config_parse(*state, "c-svc.yaml", after, &c, &err));
        assert_true(config_has(&c, cases[i].name) == cases[i].with);
    }
}

static void refuses_what_it_cannot_change(void **state)
{
    static const char *const texts[] = {
        "{name: a, protos: [a.proto], features: [ci]}\n", /* all in one */
        "name: a\nprotos: [a.proto]\nfeatures: &x [ci]\nother: *y\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        csvc_bytes before = {.len = strlen(texts[i]), .data = (const uint8_t *)texts[i]};
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_bytes after = {0};

        assert_int_equal(CSVC_FAILED_PRECONDITION,
                         features_edit(*state, "c-svc.yaml", before, "buf", true, &after, &err));
        assert_non_null(strstr(err.text, "c-svc.yaml: "));
        assert_non_null(strstr(err.text, "c-svc update"));
        assert_null(after.data);
    }
}

static void the_table_holds_together(void **state)
{
    cli_list usual = {0};

    features_default(*state, &usual);
    for (const feature *f = features_all; f->name != NULL; f++) {
        assert_true(features_find(f->name) == f);
        assert_true(f == features_all || strcmp(f[-1].name, f->name) < 0);
        assert_non_null(f->files[0]);
        assert_true(cli_list_has(&usual, f->name) == f->by_default);
        if (f->needs != NULL) {
            const feature *needed = features_find(f->needs);

            assert_non_null(needed);
            assert_null(needed->needs); /* one step is all that is followed */
            assert_true(needed->by_default || !f->by_default);
        }
    }
    assert_null(features_find("gateway-drug"));
    assert_string_equal("kubernetes", features_nearest("kubernets"));
    assert_string_equal("deploy/x.service", features_path(*state, "deploy/NAME.service", "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_the_list_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_it_cannot_change, setup, teardown),
        cmocka_unit_test_setup_teardown(the_table_holds_together, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
