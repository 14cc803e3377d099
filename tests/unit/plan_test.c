/* Plans: what is in them, in which order, and what rendering makes of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/output.h"
#include "plan/plan.h"

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

static void outputs_are_sorted_by_path(void **state)
{
    static const char *const paths[] = {"b.csvc.c", "a/z.h", "b.csvc.h", "a.h", "B.h", "a-b.h"};
    static const char *const sorted[] = {"B.h", "a-b.h", "a.h", "a/z.h", "b.csvc.c", "b.csvc.h"};
    gen_plan plan = {0};

    gen_plan_sort(&plan);
    for (size_t i = 0; i < 6; i++) {
        assert_true(gen_plan_add(*state, &plan, (gen_output){.path = paths[i]}));
    }
    gen_plan_sort(&plan);
    assert_int_equal(6, plan.n_outputs);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(sorted[i], plan.outputs[i].path);
    }
}

static void plans_grow(void **state)
{
    gen_plan plan = {0};

    for (size_t i = 0; i < 1000; i++) {
        const char *path = csvc_arena_printf(*state, "%03zu", 999 - i);

        assert_true(gen_plan_add(*state, &plan, (gen_output){.path = path, .len = i}));
    }
    gen_plan_sort(&plan);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(999 - i, plan.outputs[i].len);
    }
}

/* ---- a folder with two templates ---- */

static char folder[64];
static const char *folders[] = {folder, NULL};
static const gen_templates templates = {.folders = folders};

static void write_template(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(0, fputs(text, file) < 0);
    assert_int_equal(0, fclose(file));
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/csvc-plan-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static gen_value *named(csvc_arena *a, const char *name)
{
    gen_value *scope = gen_object(a);

    gen_set_text(a, scope, "name", name);
    return scope;
}

/* As plan.c does with a set at a time. */
static csvc_code render_all(csvc_arena *a, gen_plan *plan, csvc_error *err)
{
    csvc_code code = gen_plan_check(a, plan, err);
    csvc__buffer text;

    csvc__buffer_init(&text, GEN_MAX_OUTPUT);
    for (size_t i = 0; i < plan->n_outputs && code == CSVC_OK; i++) {
        if (plan->outputs[i].template != NULL) {
            code = gen_output_render(a, &plan->outputs[i], &templates, &text, err);
        }
    }
    csvc__buffer_release(&text);
    return code;
}

static void every_output_is_rendered(void **state)
{
    gen_plan plan = {0};
    csvc_error err = {CSVC_ERROR_INIT};

    write_template("hello", "hello @name@\n");
    write_template("nothing", "");
    assert_true(gen_plan_add(
        *state, &plan,
        (gen_output){.path = "a", .template = "hello", .scope = named(*state, "ada")}));
    assert_true(
        gen_plan_add(*state, &plan,
                     (gen_output){.path = "b", .template = "nothing", .scope = named(*state, "")}));
    assert_true(
        gen_plan_add(*state, &plan, (gen_output){.path = "c", .content = "ready", .len = 5}));
    assert_true(gen_plan_add(
        *state, &plan,
        (gen_output){.path = "d", .template = "hello", .scope = named(*state, "grace")}));
    assert_int_equal(CSVC_OK, render_all(*state, &plan, &err));
    assert_string_equal("hello ada\n", plan.outputs[0].content);
    assert_int_equal(10, plan.outputs[0].len);
    assert_string_equal("", plan.outputs[1].content);
    assert_int_equal(0, plan.outputs[1].len);
    assert_string_equal("ready", plan.outputs[2].content);
    assert_string_equal("hello grace\n", plan.outputs[3].content);
}

static void mistakes_of_templates_come_back(void **state)
{
    gen_plan plan = {0};
    csvc_error err = {CSVC_ERROR_INIT};

    write_template("bad", "\n@nothing@\n");
    assert_true(gen_plan_add(
        *state, &plan, (gen_output){.path = "a", .template = "bad", .scope = named(*state, "")}));
    assert_int_equal(CSVC_INVALID_ARGUMENT, render_all(*state, &plan, &err));
    assert_string_equal("bad:2: unknown name 'nothing'", err.text);
    plan.outputs[0].template = "absent";
    assert_int_equal(CSVC_NOT_FOUND, render_all(*state, &plan, &err));
}

static void one_path_twice_is_refused(void **state)
{
    gen_plan plan = {0};
    csvc_error err = {CSVC_ERROR_INIT};

    assert_int_equal(CSVC_OK, render_all(*state, &plan, &err));
    for (int i = 0; i < 3; i++) {
        assert_true(
            gen_plan_add(*state, &plan, (gen_output){.path = i == 1 ? "b" : "a/c", .content = ""}));
    }
    assert_int_equal(CSVC_INVALID_ARGUMENT, render_all(*state, &plan, &err));
    assert_string_equal("a/c would be generated twice", err.text);
}

/* ---- sets ---- */

static gen_file empty_file(const char *name, const char *base, bool generate)
{
    return (gen_file){.name = name,
                      .base = base,
                      .package = "",
                      .c_lower = "x",
                      .syntax = 3,
                      .generate = generate,
                      .descriptor = {1, (const uint8_t *)"x"}};
}

static void each_file_to_generate_has_its_set(void **state)
{
    gen_file z = empty_file("z.proto", "z", true);
    gen_file a = empty_file("d/a.proto", "d/a", true);
    gen_file imported = empty_file("i.proto", "i", false);
    gen_file not_in_c = empty_file("n.proto", "n", true);
    gen_file *files[] = {&z, &imported, &a, &not_in_c};
    gen_model model = {.arena = *state, .files = files, .n_files = 4};
    gen_request request = {.arena = *state}; /* messages=off */
    gen_plan plans[2] = {{0}, {0}};
    csvc_error err = {CSVC_ERROR_INIT};
    static const char *const paths[] = {"d/a.csvc.c", "d/a.csvc.h", "z.csvc.c", "z.csvc.h"};

    not_in_c.no_code = true;
    for (size_t p = 0; p < 2; p++) {
        assert_int_equal(CSVC_OK, gen_plan_sets(&plans[p], &model, &request, NULL, &err));
        assert_int_equal(4, plans[p].n_outputs);
        for (size_t i = 0; i < 4; i++) {
            assert_string_equal(paths[i], plans[p].outputs[i].path);
            assert_int_equal(GEN_MACHINE, plans[p].outputs[i].owner);
            assert_string_equal(plans[0].outputs[i].content, plans[p].outputs[i].content);
        }
    }
    assert_non_null(strstr(plans[0].outputs[0].content, "#include \"d/a.csvc.h\""));
    assert_memory_equal("/* Generated by c-svc from z.proto; do not edit. */\n",
                        plans[0].outputs[3].content, 52);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(outputs_are_sorted_by_path), T(plans_grow),
        T(every_output_is_rendered),   T(mistakes_of_templates_come_back),
        T(one_path_twice_is_refused),  T(each_file_to_generate_has_its_set),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
