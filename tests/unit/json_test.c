#include "codec_helpers.h"

#include <locale.h>
#include <math.h>

#define NAN64  "\x00\x00\x00\x00\x00\x00\xf8\x7f"
#define INF64  "\x00\x00\x00\x00\x00\x00\xf0\x7f"
#define INF64N "\x00\x00\x00\x00\x00\x00\xf0\xff"

static const csvc_message_type *resolve(void *self, const char *full_name)
{
    assert_string_equal("me", self);
    if (strcmp(full_name, "codec3.Inner") == 0) {
        return &codec3__inner__type;
    }
    if (strcmp(full_name, "google.protobuf.Duration") == 0) {
        return &google__protobuf__duration__type;
    }
    if (strcmp(full_name, "google.protobuf.Any") == 0) {
        return &google__protobuf__any__type;
    }
    return NULL;
}

static void assert_json_with(const csvc_json_options *options, const csvc_message_type *type,
                             csvc_bytes bytes, const char *json)
{
    char *text = csvc_json_print(helper_arena, type, decoded(type, bytes), options, &helper_error);

    if (text == NULL) {
        fail_msg("refused: %s", helper_error.text);
    }
    assert_string_equal(json, text);
}

static void assert_no_json(const csvc_message_type *type, csvc_bytes bytes, const char *why)
{
    csvc_json_options options = {CSVC_JSON_OPTIONS_INIT, .resolve = resolve,
                                 .resolve_self = (char *)"me"};

    assert_null(csvc_json_print(helper_arena, type, decoded(type, bytes), &options, &helper_error));
    assert_int_equal(CSVC_INTERNAL, helper_error.code);
    if (strstr(helper_error.text, why) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", why, helper_error.text);
    }
}

static void every_scalar(void **state)
{
    (void)state;
    assert_bytes_json(&codec3__all__type, BYTES(""), "{}");
    assert_bytes_json(
        &codec3__all__type,
        BYTES(NUMBERS "\x7a\x05"
                      "a\"d\na\x82\x01\x02"
                      "\x00\xff"
                      "\x8a\x01\x02\x08\x07"),
        "{\"i32\": -1, \"i64\": \"-9223372036854775808\", \"u32\": 4294967295, "
        "\"u64\": \"18446744073709551615\", \"s32\": -2, \"s64\": \"-9223372036854775808\", "
        "\"f32\": 67305985, \"f64\": \"578437695752307201\", \"sf32\": -1, \"sf64\": \"-2\", "
        "\"flt\": 1.5, \"dbl\": -2.5, \"flag\": true, \"color\": \"BELOW\", "
        "\"text\": \"a\\\"d\\na\", \"data\": \"AP8=\", \"inner\": {\"id\": 7}}");
}

static void lists_and_names(void **state)
{
    (void)state;
    assert_bytes_json(&codec3__all__type,
                      BYTES("\xa2\x01\x02\x01\x02\xaa\x01\x01\x05\x82\x02\x02\x00\x01"
                            "\x8a\x02\x02\x05\x04\x92\x02\x00\x9a\x02\x01x\xa2\x02\x00"
                            "\xa2\x06\x01r\xc2\xb8\x02\x01s"),
                      "{\"rI32\": [1, 2], \"rI64\": [\"5\"], \"rFlag\": [false, true], "
                      "\"rColor\": [\"BLUE\", 4], \"rText\": [\"\"], \"rData\": [\"eA==\"], "
                      "\"rInner\": [{}], \"odd-name\": \"r\", \"snakeCase2x\": \"s\"}");
    assert_bytes_json(
        &codec3__all__type,
        BYTES("\xc8\x02\x00\xd2\x02\x00\xda\x02\x00\xe2\x02\x00\xe8\x02\x00\xf0\x02\x00"
              "\xa2\x03\x00"),
        "{\"oI32\": 0, \"oText\": \"\", \"oData\": \"\", \"oInner\": {}, "
        "\"oColor\": \"RED\", \"oFlag\": false, \"cText\": \"\"}");
    assert_bytes_json(&codec2__all__type, BYTES("\x08\x00\x7a\x00\xc0\x3e\x01"),
                      "{\"i32\": 0, \"text\": \"\"}");
}

static void maps_are_objects(void **state)
{
    (void)state;
    assert_bytes_json(
        &codec3__all__type,
        BYTES("\xea\x03\x07\x0a\x02"
              "a\"\x12\x01x\xea\x03\x00"
              "\xf2\x03\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xf2\x03\x04\x12\x02\x08\x05"
              "\xfa\x03\x04\x08\x01\x10\x05\x82\x04\x02\x08\x07"
              "\x8a\x04\x09\x09\x01\x00\x00\x00\x00\x00\x00\x00\x92\x04\x04\x08\x01\x10\x01"),
        "{\"mText\": {\"a\\\"\": \"x\", \"\": \"\"}, \"mInner\": {\"-1\": {}, \"0\": {\"id\": 5}}, "
        "\"mColor\": {\"true\": \"BLUE\"}, \"mDbl\": {\"7\": 0}, \"mData\": {\"1\": \"\"}, "
        "\"mFlag\": {\"-1\": true}}");
}

static void numbers_are_short_and_exact(void **state)
{
    static const struct {
        double number;
        const char *json;
    } cases[] = {{0.1, "0.1"},
                 {1.0, "1"},
                 {-1.5, "-1.5"},
                 {1e100, "1e+100"},
                 {1.0 / 3.0, "0.3333333333333333"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {9007199254740993.0, "9007199254740992"},
                 {123456789012345680.0, "1.2345678901234568e+17"},
                 {-0.0, "-0.0"},
                 {(double)NAN, "\"NaN\""},
                 {(double)INFINITY, "\"Infinity\""},
                 {-(double)INFINITY, "\"-Infinity\""}};
    static const struct {
        float number;
        const char *json;
    } floats[] = {{0.1f, "0.1"},     {16777216.0f, "16777216"},   {3.4028235e38f, "3.4028235e+38"},
                  {1e-45f, "1e-45"}, {1.0f / 3.0f, "0.33333334"}, {INFINITY, "\"Infinity\""}};
    static const char *const locales[] = {"C", "de_DE.UTF-8"};
    char json[100];

    (void)state;
    for (size_t l = 0; l < sizeof(locales) / sizeof(locales[0]); l++) {
        if (setlocale(LC_NUMERIC, locales[l]) == NULL) {
            fail_msg("no locale %s; make unit makes it and sets LOCPATH", locales[l]);
        }
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            Codec3__All m = CODEC3__ALL__INIT;

            m._o_dbl_case = CODEC3__ALL___O_DBL_O_DBL;
            m.o_dbl = cases[i].number;
            snprintf(json, sizeof(json), "{\"oDbl\": %s}", cases[i].json);
            assert_json(&codec3__all__type, &m, json);
        }
        for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
            Codec3__All m = CODEC3__ALL__INIT;

            m.flt = floats[i].number;
            snprintf(json, sizeof(json), "{\"flt\": %s}", floats[i].json);
            assert_json(&codec3__all__type, &m, json);
        }
    }
    setlocale(LC_NUMERIC, "C");
}

static void options(void **state)
{
    csvc_json_options proto_names = {CSVC_JSON_OPTIONS_INIT, .proto_names = true};
    csvc_json_options numbers = {CSVC_JSON_OPTIONS_INIT, .enum_numbers = true};
    csvc_json_options defaults = {CSVC_JSON_OPTIONS_INIT, .defaults = true};
    csvc_json_options indent = {CSVC_JSON_OPTIONS_INIT, .indent = 2};

    (void)state;
    assert_json_with(&proto_names, &codec3__all__type, BYTES("\xa2\x06\x01r\xa2\x01\x01\x02"),
                     "{\"r_i32\": [2], \"renamed_field\": \"r\"}");
    assert_json_with(&numbers, &codec3__all__type, BYTES("\x70\x05"), "{\"color\": 5}");
    assert_json_with(&defaults, &codec3__inner__type, BYTES(""),
                     "{\"id\": 0, \"name\": \"\", \"list\": []}");
    assert_json_with(&defaults, &codec2__inner__type, BYTES("\x08\x00\x22\x00"),
                     "{\"id\": 0, \"label\": \"\"}");
    assert_json_with(&indent, &codec3__inner__type, BYTES("\x08\x01\x1a\x00\x22\x02\x01\x02"),
                     "{\n  \"id\": 1,\n  \"inner\": {},\n  \"list\": [\n    1,\n    2\n  ]\n}");
    assert_json_with(&indent, &codec3__all__type, BYTES("\xfa\x03\x04\x08\x01\x10\x05"),
                     "{\n  \"mColor\": {\n    \"true\": \"BLUE\"\n  }\n}");
}

static void times_and_durations(void **state)
{
    const csvc_message_type *known = &codec_wkt__known__type;

    (void)state;
    assert_bytes_json(known, BYTES("\x4a\x00\x12\x00"),
                      "{\"duration\": \"0s\", \"time\": \"1970-01-01T00:00:00Z\"}");
    assert_bytes_json(known, BYTES("\x4a\x06\x08\x01\x10\xc0\x84\x3d\x12\x02\x08\x03"),
                      "{\"duration\": \"3s\", \"time\": \"1970-01-01T00:00:01.001Z\"}");
    assert_bytes_json(known, BYTES("\x12\x0b\x10\x80\xb6\xca\x91\xfe\xff\xff\xff\xff\x01"),
                      "{\"duration\": \"-0.500s\"}");
    assert_bytes_json(known, BYTES("\x12\x02\x10\x01"), "{\"duration\": \"0.000000001s\"}");
    assert_bytes_json(known, BYTES("\x12\x05\x08\x01\x10\xe8\x07"),
                      "{\"duration\": \"1.000001s\"}");
    assert_bytes_json(known,
                      BYTES("\x12\x16\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                            "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                      "{\"duration\": \"-1.000000001s\"}");
    assert_bytes_json(known, BYTES("\xa2\x01\x00\xa2\x01\x02\x08\x01"),
                      "{\"times\": [\"1970-01-01T00:00:00Z\", \"1970-01-01T00:00:01Z\"]}");
    assert_no_json(known, BYTES("\x4a\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                   "google.protobuf.Timestamp as JSON: not a time");
    assert_no_json(known, BYTES("\x4a\x06\x10\x80\x94\xeb\xdc\x03"), "not a time");
    assert_no_json(known, BYTES("\x4a\x07\x08\x80\x83\xd1\xff\xaf\x07"), "not a time");
    assert_no_json(known, BYTES("\x12\x07\x08\x81\xbc\xae\xce\x97\x09"), "range of a duration");
    assert_bytes_json(known, BYTES("\x12\x07\x08\x80\xbc\xae\xce\x97\x09"),
                      "{\"duration\": \"315576000000s\"}");
    assert_no_json(known, BYTES("\x12\x0d\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                   "range of a duration");
}

static void masks_wrappers_empty(void **state)
{
    const csvc_message_type *known = &codec_wkt__known__type;

    (void)state;
    assert_bytes_json(known, BYTES("\x22\x16\x0a\x07user_id\x0a\x0bname.a_b_c2"),
                      "{\"mask\": \"userId,name.aBC2\"}");
    assert_bytes_json(known, BYTES("\x22\x00\x1a\x00"), "{\"empty\": {}, \"mask\": \"\"}");
    assert_no_json(known,
                   BYTES("\x22\x04\x0a\x02"
                         "aB"),
                   "not snake_case");
    assert_no_json(known,
                   BYTES("\x22\x04\x0a\x02"
                         "a_"),
                   "not snake_case");
    assert_no_json(known,
                   BYTES("\x22\x05\x0a\x03"
                         "a_1"),
                   "not snake_case");
    assert_no_json(known,
                   BYTES("\x22\x06\x0a\x04"
                         "a__b"),
                   "not snake_case");
    assert_bytes_json(known,
                      BYTES("\x5a\x00\x62\x05\x0d\x00\x00\xc0\x3f\x6a\x02\x08\x05\x72\x00\x7a\x00"
                            "\x82\x01\x02\x08\x07\x8a\x01\x02\x08\x01\x92\x01\x03\x0a\x01x\x9a\x01"
                            "\x03\x0a\x01x"),
                      "{\"wDbl\": 0, \"wFlt\": 1.5, \"wI64\": \"5\", \"wU64\": \"0\", \"wI32\": 0, "
                      "\"wU32\": 7, \"wFlag\": true, \"wText\": \"x\", \"wData\": \"eA==\"}");
}

static void struct_and_value(void **state)
{
    const csvc_message_type *known = &codec_wkt__known__type;

    (void)state;
    assert_bytes_json(known,
                      BYTES("\x2a\x2c\x0a\x0e\x0a\x01"
                            "a\x12\x09\x11\x00\x00\x00\x00\x00\x00\xf8\x3f"
                            "\x0a\x0b\x0a\x01l\x12\x06\x32\x04\x0a\x02\x20\x01"
                            "\x0a\x07\x0a\x01n\x12\x02\x08\x00\x0a\x04\x0a\x02s2"),
                      "{\"struct\": {\"a\": 1.5, \"l\": [true], \"n\": null, \"s2\": null}}");
    assert_bytes_json(known, BYTES("\x32\x00"), "{\"value\": null}");
    assert_bytes_json(known, BYTES("\x32\x03\x1a\x01x\x3a\x00\x2a\x00"),
                      "{\"struct\": {}, \"value\": \"x\", \"list\": []}");
    assert_bytes_json(known, BYTES("\x3a\x08\x0a\x02\x20\x00\x0a\x02\x2a\x00"),
                      "{\"list\": [false, {}]}");
    assert_bytes_json(known, BYTES("\xaa\x01\x07\x0a\x01k\x12\x02\x20\x01"),
                      "{\"values\": {\"k\": true}}");
    assert_bytes_json(known, BYTES("\x40\x00"), "{}");
    assert_bytes_json(known, BYTES("\xb0\x01\x00"), "{\"cNull\": null}");
    assert_bytes_json(known, BYTES("\xba\x01\x00"), "{\"cValue\": null}");
    assert_no_json(known, BYTES("\x32\x09\x11" NAN64), "not finite");
    assert_no_json(known, BYTES("\x32\x09\x11" INF64), "not finite");
    assert_no_json(known, BYTES("\x32\x09\x11" INF64N), "not finite");
}

static void any_by_its_type(void **state)
{
    const csvc_message_type *known = &codec_wkt__known__type;
    csvc_json_options with = {CSVC_JSON_OPTIONS_INIT, .resolve = resolve,
                              .resolve_self = (char *)"me"};
    csvc_bytes inner = BYTES("\x0a\x18\x0a\x12type.x/codec3.Inner\x12\x02\x08\x07");
    csvc_bytes empty_inner = BYTES("\x0a\x15\x0a\x13type.x/codec3.Inner");
    csvc_bytes duration = BYTES("\x0a\x20\x0a\x1ax/google.protobuf.Duration\x12\x02\x08\x07");
    uint8_t fixed[64];

    (void)state;
    memcpy(fixed, inner.data, inner.len);
    fixed[1] = 0x19;
    fixed[3] = 0x13;
    inner.data = fixed;
    assert_bytes_json(known, inner,
                      "{\"any\": {\"@type\": \"type.x/codec3.Inner\", \"value\": \"CAc=\"}}");
    assert_json_with(&with, known, inner,
                     "{\"any\": {\"@type\": \"type.x/codec3.Inner\", \"id\": 7}}");
    assert_json_with(&with, known, empty_inner, "{\"any\": {\"@type\": \"type.x/codec3.Inner\"}}");
    assert_json_with(&with, known, duration,
                     "{\"any\": {\"@type\": \"x/google.protobuf.Duration\", \"value\": \"7s\"}}");
    assert_json_with(&with, known, BYTES("\x0a\x00"), "{\"any\": {}}");
    assert_json_with(&with, known, BYTES("\x0a\x07\x0a\x01q\x12\x02\x08\x07"),
                     "{\"any\": {\"@type\": \"q\", \"value\": \"CAc=\"}}");
    assert_no_json(known, BYTES("\x0a\x18\x0a\x13type.x/codec3.Inner\x12\x01\x08"),
                   "codec3.Inner.id: a broken varint");
}

static void an_any_in_an_any_ends(void **state)
{
    csvc_json_options with = {CSVC_JSON_OPTIONS_INIT, .resolve = resolve,
                              .resolve_self = (char *)"me"};
    static const char url[] = "x/google.protobuf.Any";
    ProtobufCBinaryData data = {0, NULL};
    csvc_error err = {CSVC_ERROR_INIT};
    char *text = NULL;

    (void)state;
    for (int depth = 0; depth < 110; depth++) {
        Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
        csvc_bytes bytes;

        any.type_url = (char *)url;
        any.value = data;
        text = csvc_json_print(helper_arena, &google__protobuf__any__type, &any, &with, &err);
        /* the innermost is an empty Any that takes a level as well */
        assert_int_equal(depth < 100, text != NULL);
        assert_int_equal(
            CSVC_OK, csvc_encode(helper_arena, &google__protobuf__any__type, &any, &bytes, NULL));
        data.len = bytes.len;
        data.data = (uint8_t *)(uintptr_t)bytes.data;
    }
    assert_non_null(strstr(err.text, "nested too deep"));
}

static void what_cannot_be_printed(void **state)
{
    Codec3__All m = CODEC3__ALL__INIT;
    Codec3__All raw = {0};
    Codec3__Deep deep[102];
    Codec3__Deep loop = CODEC3__DEEP__INIT;

    (void)state;
    m.text = (char *)"\xff";
    assert_null(csvc_json_print(helper_arena, &codec3__all__type, &m, NULL, &helper_error));
    assert_non_null(strstr(helper_error.text, "codec3.All as JSON: a string that is not UTF-8"));
    m.text = NULL;
    m.n_r_i32 = 3;
    assert_null(csvc_json_print(helper_arena, &codec3__all__type, &m, NULL, &helper_error));
    assert_null(csvc_json_print(helper_arena, &codec3__all__type, &raw, NULL, NULL));
    for (int i = 0; i < 102; i++) {
        deep[i] = (Codec3__Deep)CODEC3__DEEP__INIT;
        deep[i].deep = i > 0 ? &deep[i - 1] : NULL;
    }
    assert_non_null(csvc_json_print(helper_arena, &codec3__deep__type, &deep[100], NULL, NULL));
    assert_null(
        csvc_json_print(helper_arena, &codec3__deep__type, &deep[101], NULL, &helper_error));
    assert_non_null(strstr(helper_error.text, "nested too deep"));
    loop.deep = &loop;
    assert_null(csvc_json_print(helper_arena, &codec3__deep__type, &loop, NULL, NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_scalar),
        TEST(lists_and_names),
        TEST(maps_are_objects),
        TEST(numbers_are_short_and_exact),
        TEST(options),
        TEST(times_and_durations),
        TEST(masks_wrappers_empty),
        TEST(struct_and_value),
        TEST(any_by_its_type),
        TEST(an_any_in_an_any_ends),
        TEST(what_cannot_be_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
