/* Rules of values, each kept and broken, on values of every shape. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <codec/codec.h>

#include <stdio.h>
#include <string.h>

#include "codec_types.h"

/* `type` with rules for some of its fields, by name. */
typedef struct ruled {
    csvc_message_type type;
    csvc_rule rules[8];
} ruled;

static void rule(ruled *r, const char *field, csvc_rule rule)
{
    const int index = csvc_field_find(&r->type, field);

    assert_true(index >= 0 && r->type.n_rules < 8);
    rule.field = (uint32_t)index;
    r->rules[r->type.n_rules++] = rule;
    r->type.rules = r->rules;
    r->type.flags |= CSVC_MESSAGE_RULES;
}

/* What is said of the message; "" when nothing is. */
static const char *said(const ruled *r, const csvc_message_type *read_as, const char *json)
{
    static char text[600];
    csvc_arena *a = csvc_arena_new(0);
    csvc_error err = {CSVC_ERROR_INIT};
    void *message = NULL;

    if (csvc_json_read(a, read_as, json, strlen(json), NULL, &message, &err) != CSVC_OK) {
        fail_msg("%s: %s", json, err.text);
    }
    (void)snprintf(text, sizeof(text), "%s",
                   csvc_validate(&r->type, message, &err) == CSVC_OK ? "" : err.text);
    assert_true(text[0] == '\0' || err.code == CSVC_INVALID_ARGUMENT);
    csvc_arena_free(a);
    return text;
}

typedef struct each {
    const char *field;
    csvc_rule rule;
    const char *json;
    const char *wanted; /* "": it is kept */
} each;

static void assert_each(const csvc_message_type *type, const each *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ruled r = {.type = *type};

        rule(&r, cases[i].field, cases[i].rule);
        assert_string_equal(cases[i].wanted, said(&r, type, cases[i].json));
    }
}

static void each_rule_kept_and_broken(void **state)
{
    static const csvc_rule required = {.checks = CSVC_RULE_REQUIRED};
    static const csvc_rule length = {
        .checks = CSVC_RULE_MIN_LEN | CSVC_RULE_MAX_LEN, .min_len = 2, .max_len = 3};
    static const csvc_rule bounds = {
        .checks = CSVC_RULE_MIN | CSVC_RULE_MAX, .min = 2, .max = 9007199254740992.0};
    static const csvc_rule small = {
        .checks = CSVC_RULE_MIN | CSVC_RULE_MAX, .min = -1.5, .max = 2.25};
    static const csvc_rule items = {.checks =
                                        CSVC_RULE_MIN_ITEMS | CSVC_RULE_MAX_ITEMS | CSVC_RULE_MAX,
                                    .min_items = 1,
                                    .max_items = 2,
                                    .max = 7};
    static const csvc_rule defined = {.checks = CSVC_RULE_DEFINED};
    static const each cases[] = {
        {"text", required, "{}", "text is required"},
        {"text", required, "{\"text\": \"x\"}", ""},
        {"i32", required, "{\"i32\": 0}", "i32 is required"},
        {"data", required, "{}", "data is required"},
        {"inner", required, "{}", "inner is required"},
        {"inner", required, "{\"inner\": {}}", ""},
        {"r_i32", required, "{}", "r_i32 is required"},
        {"m_text", required, "{}", "m_text is required"},
        {"o_i32", required, "{\"oI32\": 0}", "o_i32 is required"},
        {"o_i32", required, "{\"oI32\": 1}", ""},
        {"dbl", required, "{}", "dbl is required"},

        {"text", length, "{\"text\": \"x\"}", "text is shorter than 2 characters"},
        {"text", length, "{\"text\": \"\xc3\xa9\xc3\xa9\xc3\xa9\"}", ""},
        {"text", length, "{\"text\": \"abcd\"}", "text is longer than 3 characters"},
        {"text", length, "{}", "text is shorter than 2 characters"},
        {"data", length, "{\"data\": \"AAAAAA==\"}", "data is longer than 3 bytes"},
        {"data", length, "{\"data\": \"AAA=\"}", ""},
        {"o_text", length, "{}", ""}, /* absent breaks nothing else */
        {"o_text", length, "{\"oText\": \"\"}", "o_text is shorter than 2 characters"},
        {"c_text", length, "{\"cI32\": 1}", ""}, /* another member is there */
        {"c_text", length, "{\"cText\": \"long one\"}", "c_text is longer than 3 characters"},

        {"i32", bounds, "{\"i32\": 1}", "i32 is less than 2"},
        {"i64", bounds, "{\"i64\": \"9007199254740993\"}", "i64 is more than 9007199254740992"},
        {"i64", bounds, "{\"i64\": \"9007199254740992\"}", ""},
        {"i64", bounds, "{\"i64\": \"-9223372036854775808\"}", "i64 is less than 2"},
        {"u64", bounds, "{\"u64\": \"18446744073709551615\"}", "u64 is more than 9007199254740992"},
        {"u64", bounds, "{\"u64\": \"1\"}", "u64 is less than 2"},
        {"u32", bounds, "{\"u32\": 4294967295}", ""},
        {"f32", bounds, "{\"f32\": 1}", "f32 is less than 2"},
        {"sf64", bounds, "{\"sf64\": \"-3\"}", "sf64 is less than 2"},
        {"s32", bounds, "{\"s32\": -3}", "s32 is less than 2"},
        {"flt", small, "{\"flt\": 2.5}", "flt is more than 2.25"},
        {"dbl", small, "{\"dbl\": -1.6}", "dbl is less than -1.5"},
        {"dbl", small, "{\"dbl\": -1.5}", ""},
        {"dbl", small, "{\"dbl\": \"NaN\"}", "dbl is not a number"},
        {"flt", small, "{\"flt\": \"Infinity\"}", "flt is more than 2.25"},

        {"r_i32", items, "{}", "r_i32 has fewer than 1 items"},
        {"r_i32", items, "{\"rI32\": [1, 2, 3]}", "r_i32 has more than 2 items"},
        {"r_i32", items, "{\"rI32\": [1, 8]}", "r_i32[1] is more than 7"},
        {"r_i64", items, "{\"rI64\": [8, 1]}", "r_i64[0] is more than 7"},
        {"r_text", length, "{\"rText\": [\"ab\", \"abcd\"]}",
         "r_text[1] is longer than 3 characters"},
        {"r_data", length, "{\"rData\": [\"AAA=\", \"AA==\"]}",
         "r_data[1] is shorter than 2 bytes"},
        {"m_text", length, "{\"mText\": {\"k\": \"abcd\"}}",
         "m_text[\"k\"] is longer than 3 characters"},
        /* a key is cut, though not in the middle of a character */
        {"m_text", length,
         "{\"mText\": {\"0123456789012345678901234567890123456789012345678901234567\xe2\x82\xac\": "
         "\"abcd\"}}",
         "m_text[\"0123456789012345678901234567890123456789012345678901234567\"] is longer than 3 "
         "characters"},

        {"color", defined, "{\"color\": 77}", "color is 77, which is no value of codec3.Color"},
        {"color", defined, "{\"color\": -3}", ""},
        {"r_color", defined, "{\"rColor\": [\"RED\", 9]}",
         "r_color[1] is 9, which is no value of codec3.Color"},
    };
    static const each wrapped[] = {
        {"w_i32", small, "{\"wI32\": 3}", "w_i32 is more than 2.25"},
        {"w_i32", small, "{\"wI32\": 2}", ""},
        {"w_i32", small, "{}", ""},
        {"w_text", length, "{\"wText\": \"abcd\"}", "w_text is longer than 3 characters"},
    };

    (void)state;
    assert_each(&codec3__all__type, cases, sizeof(cases) / sizeof(cases[0]));
    assert_each(&codec_wkt__known__type, wrapped, sizeof(wrapped) / sizeof(wrapped[0]));
}

/* Inner, which holds itself, with a rule for its name. */
static void messages_within_messages(void **state)
{
    ruled inner = {.type = codec3__inner__type};
    csvc_field fields[6];
    char deep[2000] = "{\"name\": \"ok\"}";

    (void)state;
    memcpy(fields, codec3__inner__type.fields, sizeof(fields));
    for (uint32_t i = 0; i < codec3__inner__type.n_fields; i++) {
        if (fields[i].kind == CSVC_KIND_MESSAGE) {
            fields[i].sub = &inner.type;
        }
    }
    inner.type.fields = fields;
    rule(&inner, "name", (csvc_rule){.checks = CSVC_RULE_REQUIRED});
    assert_string_equal("", said(&inner, &codec3__inner__type, deep));
    assert_string_equal("inner.inner.name is required",
                        said(&inner, &codec3__inner__type,
                             "{\"name\": \"a\", \"inner\": {\"name\": \"b\", \"inner\": {}}}"));
    assert_string_equal("right.name is required",
                        said(&inner, &codec3__inner__type, "{\"name\": \"a\", \"right\": {}}"));
    for (int i = 0; i < 60; i++) { /* a path longer than an error */
        char next[2000];

        (void)snprintf(next, sizeof(next), "{\"name\": \"a\", \"inner\": %.1900s}",
                       i == 0 ? "{}" : deep);
        memcpy(deep, next, sizeof(deep));
    }
    assert_non_null(strstr(said(&inner, &codec3__inner__type, deep), "inner.inner.inner."));
}

static void nothing_is_asked_where_there_are_no_rules(void **state)
{
    ruled r = {.type = codec3__all__type};
    csvc_error err = {CSVC_ERROR_INIT};
    const Codec3__All message = CODEC3__ALL__INIT;

    (void)state;
    assert_string_equal("", said(&r, &codec3__all__type, "{}"));
    /* of an entity the flag is not set: only its store asks, field by field */
    rule(&r, "text", (csvc_rule){.checks = CSVC_RULE_REQUIRED});
    r.type.flags = 0;
    assert_string_equal("", said(&r, &codec3__all__type, "{}"));
    assert_int_equal(CSVC_INVALID_ARGUMENT,
                     csvc__validate_field(&r.type, r.rules[0].field, &message, &err));
    assert_string_equal("text is required", err.text);
    assert_int_equal(CSVC_OK, csvc__validate_field(&r.type, 0, &message, &err));
    r.type.struct_size = offsetof(csvc_message_type, rules); /* of an older generator */
    assert_int_equal(CSVC_OK, csvc__validate_field(&r.type, r.rules[0].field, &message, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_kept_and_broken),
        cmocka_unit_test(messages_within_messages),
        cmocka_unit_test(nothing_is_asked_where_there_are_no_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
