/* Proto3 JSON to messages: what is accepted, as the printer says it, and what is refused, where. */
#include "codec_helpers.h"

#include <locale.h>

static const csvc_message_type *resolve(void *self, const char *full_name)
{
    (void)self;
    if (strcmp(full_name, "codec3.Inner") == 0) {
        return &codec3__inner__type;
    }
    if (strcmp(full_name, "google.protobuf.Duration") == 0) {
        return &google__protobuf__duration__type;
    }
    return strcmp(full_name, "google.protobuf.Any") == 0 ? &google__protobuf__any__type : NULL;
}

/* The text lies in a block of its own size, so that AddressSanitizer sees a byte read too far. */
static void *read_with(const csvc_json_read_options *options, const csvc_message_type *type,
                       csvc_bytes json)
{
    char *copy = malloc(json.len > 0 ? json.len : 1);
    void *message = NULL;
    csvc_code code;

    assert_non_null(copy);
    memcpy(copy, json.data, json.len);
    helper_error = (csvc_error){CSVC_ERROR_INIT};
    code = csvc_json_read(helper_arena, type, copy, json.len, options, &message, &helper_error);
    free(copy);
    assert_int_equal(code, helper_error.code);
    assert_true((code == CSVC_OK) == (message != NULL));
    return message;
}

static csvc_bytes text_bytes(const char *text)
{
    return (csvc_bytes){strlen(text), (const uint8_t *)text};
}

/* Reads, and prints as `printed`; what is printed reads as the same message. */
static void assert_reads(const csvc_message_type *type, const char *json, const char *printed)
{
    csvc_json_read_options options = {CSVC_JSON_READ_OPTIONS_INIT, .resolve = resolve};
    csvc_json_options print = {CSVC_JSON_OPTIONS_INIT, .resolve = resolve};
    void *message = read_with(&options, type, text_bytes(json));
    void *again;
    csvc_bytes wire;
    char *text;

    if (message == NULL) {
        fail_msg("%s: %s", json, helper_error.text);
    }
    text = csvc_json_print(helper_arena, type, message, &print, &helper_error);
    if (text == NULL) {
        fail_msg("%s cannot be printed: %s", json, helper_error.text);
    }
    assert_string_equal(printed, text);
    again = read_with(&options, type, text_bytes(text));
    assert_non_null(again);
    assert_true(csvc_message_equal(type, message, again));
    /* what was read can be sent, and arrives */
    assert_int_equal(CSVC_OK, csvc_encode(helper_arena, type, message, &wire, &helper_error));
    assert_true(wire.len == 0 || csvc_message_equal(type, message, decoded(type, wire)));
}

static void assert_same(const csvc_message_type *type, const char *json)
{
    assert_reads(type, json, json);
}

static void assert_wrong_bytes(const csvc_message_type *type, csvc_bytes json, const char *why)
{
    csvc_json_read_options options = {CSVC_JSON_READ_OPTIONS_INIT, .resolve = resolve};

    if (read_with(&options, type, json) != NULL) {
        fail_msg("accepted: %.*s", (int)json.len, (const char *)json.data);
    }
    assert_int_equal(CSVC_INVALID_ARGUMENT, helper_error.code);
    if (strncmp(why, helper_error.text, strlen(why)) != 0) {
        assert_string_equal(why, helper_error.text);
    }
}

/* `why` is how the error begins. */
static void assert_wrong(const csvc_message_type *type, const char *json, const char *why)
{
    assert_wrong_bytes(type, text_bytes(json), why);
}

#define ALL   (&codec3__all__type)
#define KNOWN (&codec_wkt__known__type)

static void scalars(void **state)
{
    (void)state;
    assert_same(ALL,
                "{\"i32\": -2147483648, \"i64\": \"-9223372036854775808\", \"u32\": 4294967295, "
                "\"u64\": \"18446744073709551615\", \"s32\": 2147483647, "
                "\"s64\": \"9223372036854775807\", \"f32\": 1, \"f64\": \"2\", \"sf32\": -3, "
                "\"sf64\": \"-4\", \"flt\": 1.5, \"dbl\": -2.5e-10, \"flag\": true, "
                "\"color\": \"BLUE\", \"text\": \"h\xc3\xa9\\\"llo\", \"data\": \"AP8=\", "
                "\"inner\": {\"id\": 1, \"name\": \"x\", \"inner\": {}, \"list\": [1, 2], "
                "\"left\": \"l\"}}");
    assert_reads(ALL, " \t\r\n{ } \n", "{}");
    assert_reads(ALL, "{\"i32\":0,\"flag\":false,\"text\":\"\",\"color\":0,\"rI32\":[]}", "{}");
    /* both names; any order */
    assert_reads(ALL, "{\"u_i32\": [1], \"r_i32\": [1]}", "{\"rI32\": [1], \"uI32\": [1]}");
    assert_reads(ALL, "{\"renamed_field\": \"x\", \"snakeCase2x\": \"y\", \"far\": 1}",
                 "{\"odd-name\": \"x\", \"snakeCase2x\": \"y\", \"far\": 1}");
    assert_reads(ALL, "{\"odd-name\": \"x\"}", "{\"odd-name\": \"x\"}");
    assert_reads(ALL, "{\"\\u0069\\u00332\": 1}", "{\"i32\": 1}");
}

static void whole_numbers(void **state)
{
    static const char *const fine[][2] = {
        {"1e3", "1000"},
        {"10.0", "10"},
        {"1.5e1", "15"},
        {"\"7\"", "7"},
        {"\"1E2\"", "100"},
        {"-0", "0"},
        {"0e999999999999999999999", "0"},
        {"0.001e3", "1"},
        {"100e-2", "1"},
        {"-2.147483648E+9", "-2147483648"},
        {"2147483647.000000000000000000000000000000", "2147483647"},
        {"0.00000000000000000000000000000000000000001e41", "1"},
    };
    static const char *const wrong[] = {
        "0.5",
        "1e-1",
        "2147483648",
        "-2147483649",
        "1e10",
        "\"\"",
        "\" 1\"",
        "\"1 \"",
        "\"0x1\"",
        "\"+1\"",
        "\"01\"",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "\"1\\u0000\"",
        "\"one\"",
        "99999999999999999999999",
        "\"NaN\"",
    };
    char json[128], printed[128];

    (void)state;
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        snprintf(json, sizeof(json), "{\"rI32\": [%s]}", fine[i][0]);
        snprintf(printed, sizeof(printed), "{\"rI32\": [%s]}", fine[i][1]);
        assert_reads(ALL, json, printed);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(json, sizeof(json), "{\"i32\": %s}", wrong[i]);
        assert_wrong(ALL, json,
                     "$.i32, 1:9: a whole number from -2147483648 to 2147483647 is wanted");
    }
    assert_reads(ALL, "{\"u64\": 18446744073709551615, \"i64\": -9223372036854775808}",
                 "{\"i64\": \"-9223372036854775808\", \"u64\": \"18446744073709551615\"}");
    assert_reads(ALL, "{\"u64\": 1.8446744073709551615e19}", "{\"u64\": \"18446744073709551615\"}");
    assert_wrong(ALL, "{\"u64\": 18446744073709551616}", "$.u64, 1:9: a whole number from 0 to 18");
    assert_wrong(ALL, "{\"u64\": -1}", "$.u64, 1:9: a whole number from 0 to 18");
    assert_wrong(ALL, "{\"i64\": 9223372036854775808}", "$.i64, 1:9: a whole number from -92");
    assert_wrong(ALL, "{\"u32\": \"-1\"}", "$.u32, 1:9: a whole number from 0 to 4294967295");
    assert_wrong(ALL, "{\"i32\": true}",
                 "$.i32, 1:9: a whole number from -2147483648 to 2147483647"
                 " is wanted, not true or false");
    /* no JSON at all */
    assert_wrong(ALL, "{\"i32\": 01}", "$.i32, 1:9: a number may not begin with a needless 0");
    assert_wrong(ALL, "{\"i32\": -}", "$.i32, 1:9: a number such as -1.5e3 is wanted");
    assert_wrong(ALL, "{\"i32\": 1.}", "$.i32, 1:9: a number such as");
    assert_wrong(ALL, "{\"i32\": 1e}", "$.i32, 1:9: a number such as");
    assert_wrong(ALL, "{\"i32\": +1}", "$.i32, 1:9: a whole number");
    assert_wrong(ALL, "{\"i32\": .5}", "$.i32, 1:9: a whole number");
    assert_wrong(ALL, "{\"i32\": 0x10}", "$, 1:10: ',' or '}' is wanted, not 'x'");
}

static void real_numbers(void **state)
{
    static const char comma[] = "de_DE.UTF-8";

    (void)state;
    assert_same(ALL, "{\"flt\": \"NaN\", \"dbl\": \"-Infinity\", \"rDbl\": [\"Infinity\", -0.0]}");
    assert_reads(ALL, "{\"dbl\": \"1.25e1\", \"flt\": \"-3\"}", "{\"flt\": -3, \"dbl\": 12.5}");
    assert_reads(ALL, "{\"rDbl\": [1e-400, 1.7976931348623157e308, 5e-324]}",
                 "{\"rDbl\": [0, 1.7976931348623157e+308, 5e-324]}");
    assert_reads(ALL, "{\"dbl\": 0.1000000000000000055511151231257827021181583404541015625}",
                 "{\"dbl\": 0.1}");
    /* rounded once: by way of a double it would be 16777218 */
    assert_reads(ALL, "{\"flt\": 16777217.0000000001}", "{\"flt\": 16777218}");
    assert_reads(ALL, "{\"flt\": 16777216.9999999999}", "{\"flt\": 16777216}");
    assert_reads(ALL, "{\"flt\": 16777217.00000000000000000001}", "{\"flt\": 16777218}");
    assert_wrong(ALL, "{\"dbl\": 1e309}", "$.dbl, 1:9: beyond the range of a double");
    assert_wrong(ALL, "{\"flt\": -3.5e38}", "$.flt, 1:9: beyond the range of a float");
    assert_wrong(ALL, "{\"flt\": \"inf\"}", "$.flt, 1:9: a number is wanted, or \"NaN\"");
    assert_wrong(ALL, "{\"flt\": \"nan\"}", "$.flt, 1:9: a number is wanted, or \"NaN\"");
    assert_wrong(ALL, "{\"flt\": NaN}", "$.flt, 1:9: a number is wanted, not 'N'");
    assert_wrong(ALL, "{\"flt\": -Infinity}", "$.flt, 1:9: a number such as");
    assert_wrong(ALL, "{\"flt\": \"\"}", "$.flt, 1:9: a number is wanted, or \"NaN\"");
    /* a locale with a comma changes nothing */
    if (setlocale(LC_ALL, comma) == NULL) {
        fail_msg("no locale %s: `make unit` makes one", comma);
    }
    assert_reads(ALL, "{\"dbl\": 12.5, \"flt\": \"0.25\"}", "{\"flt\": 0.25, \"dbl\": 12.5}");
    assert_non_null(setlocale(LC_ALL, "C"));
}

static void text_and_bytes(void **state)
{
    (void)state;
    assert_reads(ALL,
                 "{\"text\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"}",
                 "{\"text\": \"\\\"\\\\/\\b\\f\\n\\r\\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}");
    assert_wrong(ALL, "{\"text\": \"ab\\ud83d\"}", "$.text, 1:13: half of a surrogate pair");
    assert_wrong(ALL, "{\"text\": \"\\ud83dx\"}", "$.text, 1:11: half of a surrogate pair");
    assert_wrong(ALL, "{\"text\": \"\\ud83d\\u0041\"}", "$.text, 1:11: half of a surrogate pair");
    assert_wrong(ALL, "{\"text\": \"\\ude00\\ud83d\"}", "$.text, 1:11: half of a surrogate pair");
    assert_wrong(ALL, "{\"text\": \"\\u12g4\"}", "$.text, 1:11: four hexadecimal digits");
    assert_wrong(ALL, "{\"text\": \"\\u12\"}", "$.text, 1:11: four hexadecimal digits");
    assert_wrong(ALL, "{\"text\": \"\\x41\"}", "$.text, 1:11: no such escape in JSON");
    assert_wrong(ALL, "{\"text\": \"a\\u0000b\"}", "$.text, 1:10: a NUL within a string");
    assert_wrong(ALL, "{\"text\": \"a\nb\"}", "$.text, 1:12: a control character in a string must");
    assert_wrong(ALL, "{\"text\": \"\xc3\xa9\xff\"}", "$.text, 1:12: not UTF-8");
    assert_wrong(ALL, "{\"text\": \"\xed\xa0\x80\"}", "$.text, 1:11: not UTF-8");
    assert_wrong(ALL, "{\"text\": \"abc", "$.text, 1:10: a string that does not end");
    assert_wrong(ALL, "{\"text\": \"abc\\", "$.text, 1:10: a string that does not end");
    assert_wrong(ALL, "{\"text\": \"abc\\\"", "$.text, 1:10: a string that does not end");
    assert_wrong(ALL, "{\"text\": 3}", "$.text, 1:10: a string is wanted, not a number");
    assert_wrong_bytes(ALL, BYTES("{\"text\": \"a\0b\"}"), "$.text, 1:12: a control character");
    assert_wrong_bytes(ALL, BYTES("{}\0"), "$, 1:3: the end of the text is wanted, not a NUL");

    assert_reads(ALL, "{\"rData\": [\"\", \"AA\", \"AA==\", \"AP8\", \"-_8\", \"+/8=\"]}",
                 "{\"rData\": [\"\", \"AA==\", \"AA==\", \"AP8=\", \"+/8=\", \"+/8=\"]}");
    assert_wrong(ALL, "{\"data\": \"A\"}", "$.data, 1:10: not base64");
    assert_wrong(ALL, "{\"data\": \"AA=\"}", "$.data, 1:10: not base64");
    assert_wrong(ALL, "{\"data\": \"AA=A\"}", "$.data, 1:10: not base64");
    assert_wrong(ALL, "{\"data\": \"A A=\"}", "$.data, 1:10: not base64");
    assert_wrong(ALL, "{\"data\": [1]}", "$.data, 1:10: base64 in quotes is wanted, not a list");
}

static void enums_and_bools(void **state)
{
    (void)state;
    assert_reads(ALL, "{\"rColor\": [\"GREEN\", 5, -3, 77, 1e0]}",
                 "{\"rColor\": [\"GREEN\", \"BLUE\", \"BELOW\", 77, \"GREEN\"]}");
    assert_wrong(ALL, "{\"color\": \"green\"}",
                 "$.color, 1:11: codec3.Color has no value \"green\"");
    assert_wrong(ALL, "{\"color\": \"GREE\"}", "$.color, 1:11: codec3.Color has no value \"GREE\"");
    assert_wrong(ALL, "{\"color\": \"GREENS\"}", "$.color, 1:11: codec3.Color has no value");
    assert_wrong(ALL, "{\"color\": \"A\\nB\"}", "$.color, 1:11: codec3.Color has no value \"A?B\"");
    assert_wrong(ALL, "{\"color\": \"\"}", "$.color, 1:11: codec3.Color has no value \"\"");
    assert_wrong(ALL, "{\"color\": 2147483648}", "$.color, 1:11: a whole number");
    assert_wrong(ALL, "{\"color\": true}", "$.color, 1:11: the name or the number of an enum's");
    assert_wrong(&codec2__all__type, "{\"color\": 77}",
                 "$.color, 1:11: codec2.Color has no value 7");
    assert_wrong(ALL, "{\"flag\": \"true\"}",
                 "$.flag, 1:10: true or false is wanted, not a string");
    assert_wrong(ALL, "{\"flag\": 1}", "$.flag, 1:10: true or false is wanted, not a number");
    assert_wrong(ALL, "{\"flag\": tru}", "$.flag, 1:10: only true, false and null are words");
    assert_wrong(ALL, "{\"flag\": truely}", "$, 1:14: ',' or '}' is wanted, not 'l'");
}

static void null_presence_oneofs(void **state)
{
    (void)state;
    assert_reads(ALL,
                 "{\"i32\": null, \"rI32\": null, \"mText\": null, \"inner\": null, "
                 "\"oI32\": null, \"cI32\": null, \"cText\": \"x\", \"cDbl\": null}",
                 "{\"cText\": \"x\"}");
    assert_reads(ALL, "{\"oI32\": 0, \"oText\": \"\", \"oFlag\": false, \"oInner\": {}}",
                 "{\"oI32\": 0, \"oText\": \"\", \"oInner\": {}, \"oFlag\": false}");
    assert_same(&codec2__all__type, "{\"i32\": 0, \"text\": \"\", \"dText\": \"\"}");
    assert_same(ALL, "{\"cU64\": \"0\"}");
    assert_wrong(ALL, "{\"cI32\": 1, \"cText\": \"x\"}",
                 "$.cText, 1:13: of a oneof one member may be given; c_i32 was there before");
    assert_wrong(ALL, "{\"rI32\": [1, null]}", "$.rI32[1], 1:14: null may not be in a list");
    assert_wrong(ALL, "{\"mText\": {\"a\": null}}", "$.mText.a, 1:17: null may not be in a map");
    assert_wrong(ALL, "null", "$, 1:1: an object is wanted, not null");
    assert_wrong(ALL, "{\"i32\": nul}", "$.i32, 1:9: only true, false and null are words");
    assert_wrong(ALL, "{\"i32\": 1, \"i32\": 1}", "$.i32, 1:12: a field that was there before");
    assert_wrong(ALL, "{\"rI32\": [], \"r_i32\": []}", "$.r_i32, 1:14: a field that was there");
    assert_wrong(ALL, "{\"i32\": null, \"i32\": 1}", "$.i32, 1:15: a field that was there before");
}

static void maps(void **state)
{
    (void)state;
    assert_same(ALL,
                "{\"mText\": {\"b\": \"1\", \"\": \"2\", \"a\": \"3\"}, "
                "\"mInner\": {\"-1\": {\"id\": 5}, \"0\": {}}, \"mColor\": {\"true\": \"BLUE\","
                " \"false\": \"RED\"}, \"mDbl\": {\"7\": 0.5}, \"mData\": {\"1\": \"AA==\"}, "
                "\"mFlag\": {\"-1\": true, \"1\": false, \"2\": true, \"3\": true, "
                "\"4\": true}}");
    assert_same(&codec2__all__type, "{\"mText\": {\"a\": 1}, \"mInner\": {\"1\": {\"id\": 1, "
                                    "\"label\": \"l\"}}}");
    assert_wrong(ALL, "{\"mText\": {\"a\": \"1\", \"b\": \"2\", \"a\": \"3\"}}",
                 "$.mText, 1:32: a key that was there before");
    assert_wrong(ALL, "{\"mInner\": {\"1\": {}, \"1e0\": {}}}",
                 "$.mInner, 1:22: a key that was there before");
    assert_wrong(ALL, "{\"mColor\": {\"True\": 1}}", "$.mColor.True, 1:13: the key \"true\" or");
    assert_wrong(ALL, "{\"mFlag\": {\"x\": true}}", "$.mFlag.x, 1:12: a whole number from");
    assert_wrong(ALL, "{\"mText\": {\"a\\u0000\": \"\"}}", "$.mText[\"a?\"], 1:12: a NUL within");
    assert_wrong(ALL, "{\"mText\": []}", "$.mText, 1:11: an object is wanted, not a list");
    assert_wrong(ALL, "{\"rText\": {}}", "$.rText, 1:11: a list is wanted, not an object");
    assert_wrong(ALL, "{\"rText\": \"a\"}", "$.rText, 1:11: a list is wanted, not a string");
    assert_wrong(ALL, "{\"mText\": {a: 1}}", "$.mText, 1:12: a key in quotes is wanted, not 'a'");
}

static void well_known_types(void **state)
{
    (void)state;
    assert_same(
        KNOWN, "{\"duration\": \"-1.500s\", \"empty\": {}, \"mask\": \"userId,profile.firstName\", "
               "\"struct\": {\"a\": [1, {\"b\": null}], \"c\": true}, \"value\": null, "
               "\"list\": [\"x\", -2.5, [], {}], \"time\": \"2026-11-21T09:00:00.500Z\", "
               "\"wDbl\": 0, \"wFlt\": 1.5, \"wI64\": \"-1\", \"wU64\": \"1\", \"wI32\": 0, "
               "\"wU32\": 3, \"wFlag\": false, \"wText\": \"\", \"wData\": \"AA==\", "
               "\"times\": [\"0001-01-01T00:00:00Z\", \"9999-12-31T23:59:59.999999999Z\"], "
               "\"values\": {\"n\": null, \"o\": {}}, \"cNull\": null}");
    assert_reads(KNOWN, "{\"cValue\": null}", "{\"cValue\": null}");
    assert_reads(KNOWN, "{\"cNull\": \"NULL_VALUE\"}", "{\"cNull\": null}");
    assert_same(KNOWN, "{\"null\": -7, \"cNull\": 75808}");
    assert_reads(KNOWN, "{\"wI32\": null, \"time\": null, \"any\": null, \"struct\": null}", "{}");
    assert_reads(KNOWN, "{\"wI64\": 5, \"wU64\": \"7\"}", "{\"wI64\": \"5\", \"wU64\": \"7\"}");
    assert_reads(KNOWN, "{\"time\": \"2026-11-21T09:00:00.5+01:00\"}",
                 "{\"time\": \"2026-11-21T08:00:00.500Z\"}");
    assert_reads(KNOWN, "{\"duration\": \"315576000000.0s\", \"mask\": \"\"}",
                 "{\"duration\": \"315576000000s\", \"mask\": \"\"}");
    assert_same(KNOWN, "{\"duration\": \"-0.000000001s\"}");
    assert_wrong(KNOWN, "{\"time\": \"yesterday\"}", "$.time, 1:10: a time such as \"2026-");
    assert_wrong(KNOWN, "{\"time\": \"0000-01-01T00:00:00Z\"}", "$.time, 1:10: a time such as");
    assert_wrong(KNOWN, "{\"time\": \"2026-11-21T09:00:00Z\\u0000\"}", "$.time, 1:10: a time such");
    assert_wrong(KNOWN, "{\"time\": 5}",
                 "$.time, 1:10: a time such as \"2026-11-21T09:00:00Z\" is"
                 " wanted, not a number");
    assert_wrong(KNOWN, "{\"duration\": \"315576000001s\"}", "$.duration, 1:14: a duration such");
    assert_wrong(KNOWN, "{\"duration\": \"1\"}", "$.duration, 1:14: a duration such");
    assert_wrong(KNOWN, "{\"duration\": \"1m\"}", "$.duration, 1:14: a duration such");
    assert_wrong(KNOWN, "{\"duration\": \".5s\"}", "$.duration, 1:14: a duration such");
    assert_wrong(KNOWN, "{\"duration\": \"1.s\"}", "$.duration, 1:14: a duration such");
    assert_wrong(KNOWN, "{\"duration\": \"1.0000000001s\"}", "$.duration, 1:14: a duration such");
    assert_wrong(KNOWN, "{\"mask\": \"user_id\"}", "$.mask, 1:10: names of fields in lowerCamel");
    assert_wrong(KNOWN, "{\"mask\": \"a,,b\"}", "$.mask, 1:10: the name of a field is missing");
    assert_wrong(KNOWN, "{\"mask\": \"a,\"}", "$.mask, 1:10: the name of a field is missing");
    assert_wrong(KNOWN, "{\"struct\": {\"a\": 1, \"a\": 2}}", "$.struct, 1:21: a key that was");
    assert_wrong(KNOWN, "{\"struct\": {\"a\": 1e999}}", "$.struct.a, 1:18: beyond the range of a");
    assert_wrong(KNOWN, "{\"struct\": []}", "$.struct, 1:12: an object is wanted, not a list");
    assert_wrong(KNOWN, "{\"list\": {}}", "$.list, 1:10: a list is wanted, not an object");
    assert_wrong(KNOWN, "{\"value\": x}", "$.value, 1:11: a value is wanted, not 'x'");
    assert_wrong(KNOWN, "{\"empty\": {\"a\": 1}}", "$.empty.a, 1:12: google.protobuf.Empty has no");
    assert_wrong(KNOWN, "{\"wText\": 1}", "$.wText, 1:11: a string is wanted, not a number");
    /* a type with its own form as the whole text */
    assert_same(&google__protobuf__value__type, "null");
    assert_same(&google__protobuf__value__type, "[1, \"a\", {\"b\": [true]}]");
    assert_same(&google__protobuf__duration__type, "\"3s\"");
}

static void anys(void **state)
{
    csvc_json_read_options unknown = {CSVC_JSON_READ_OPTIONS_INIT, .ignore_unknown = true};

    (void)state;
    assert_same(KNOWN, "{\"any\": {}}");
    assert_same(KNOWN, "{\"any\": {\"@type\": \"t/codec3.Inner\", \"id\": 5, \"list\": [1]}}");
    assert_reads(KNOWN, "{\"any\": {\"list\": [1], \"@type\": \"t/codec3.Inner\"}}",
                 "{\"any\": {\"@type\": \"t/codec3.Inner\", \"list\": [1]}}");
    assert_same(KNOWN,
                "{\"any\": {\"@type\": \"t/google.protobuf.Duration\", \"value\": \"1.500s\"}}");
    assert_same(KNOWN, "{\"any\": {\"@type\": \"t/google.protobuf.Any\", \"value\": "
                       "{\"@type\": \"t/codec3.Inner\", \"name\": \"in\"}}}");
    assert_same(KNOWN, "{\"any\": {\"@type\": \"t/not.Known\", \"value\": \"AP8=\"}}");
    assert_wrong(KNOWN, "{\"any\": {\"@type\": \"t/codec3.Inner\", \"nmae\": 1}}",
                 "$.any.nmae, 1:37: codec3.Inner has no such field");
    assert_wrong(KNOWN, "{\"any\": {\"@type\": \"t/not.Known\", \"id\": 1}}",
                 "$.any.id, 1:34: beside \"@type\" of a type that is not known only \"value\"");
    assert_wrong(KNOWN, "{\"any\": {\"@type\": \"t/google.protobuf.Duration\"}}",
                 "$.any, 1:9: \"value\" is missing beside \"@type\"");
    assert_wrong(KNOWN, "{\"any\": {\"value\": \"AA==\"}}", "$.any, 1:9: \"@type\" is missing");
    assert_wrong(KNOWN, "{\"any\": {\"@type\": \"a/b\", \"@type\": \"a/b\"}}",
                 "$.any, 1:26: a field that was there before");
    assert_wrong(KNOWN, "{\"any\": {\"@type\": 3}}", "$.any, 1:19: a type such as");
    assert_wrong(KNOWN, "{\"any\": {\"@type\": \"t/a\", \"value\": \"\", \"value\": \"\"}}",
                 "$.any.value, 1:39: a field that was there before");
    assert_non_null(read_with(
        &unknown, KNOWN, BYTES("{\"any\": {\"@type\": \"t/a\", \"x\": [{}], \"value\": \"\"}}")));
}

static void unknown_fields(void **state)
{
    csvc_json_read_options options = {CSVC_JSON_READ_OPTIONS_INIT, .ignore_unknown = true};
    static const char json[] =
        "{\"nope\": {\"a\": [1, \"\\u0000\", null, {\"b\": [true, false]}]}, "
        "\"i32\": 1, \"color\": \"PINK\", \"rColor\": [\"PINK\", \"BLUE\"], "
        "\"mColor\": {\"true\": \"PINK\", \"false\": \"BLUE\"}, "
        "\"oColor\": \"PINK\", \"cColor\": \"PINK\", \"cI32\": 3}";
    void *message = read_with(&options, ALL, BYTES(json));

    (void)state;
    if (message == NULL) {
        fail_msg("%s", helper_error.text);
    }
    assert_json(ALL, message,
                "{\"i32\": 1, \"rColor\": [\"BLUE\"], \"cI32\": 3, "
                "\"mColor\": {\"false\": \"BLUE\"}}");
    assert_wrong(ALL, "{\"nope\": 1}", "$.nope, 1:2: codec3.All has no such field");
    assert_wrong(ALL, "{\"i32\\u0000\": 1}", "$[\"i32?\"], 1:2: codec3.All has no such field");
    assert_wrong(ALL, "{\"I32\": 1}", "$.I32, 1:2: codec3.All has no such field");
    /* what is ignored is JSON all the same */
    assert_null(read_with(&options, ALL, BYTES("{\"nope\": {\"a\": 1,}}")));
    assert_null(read_with(&options, ALL, BYTES("{\"nope\": [1 2]}")));
    assert_null(read_with(&options, ALL, BYTES("{\"nope\": \"\\ud800\"}")));
}

static void punctuation(void **state)
{
    static const char *const wrong[][2] = {
        {"", "$, 1:1: an object is wanted, not the end of the text"},
        {"{", "$, 1:2: a key in quotes is wanted, not the end of the text"},
        {"{\"i32\"", "$, 1:7: ':' is wanted, not the end of the text"},
        {"{\"i32\" 1}", "$, 1:8: ':' is wanted, not a number"},
        {"{\"i32\": 1", "$, 1:10: ',' or '}' is wanted, not the end of the text"},
        {"{\"i32\": 1,}", "$, 1:11: a key in quotes is wanted, not '}'"},
        {"{,}", "$, 1:2: a key in quotes is wanted, not ','"},
        {"{\"rI32\": [1,]}", "$.rI32[1], 1:13: a whole number from -2147483648 to 2147483647 is "
                             "wanted, not ']'"},
        {"{\"rI32\": [1 2]}", "$.rI32[1], 1:13: ',' or ']' is wanted, not a number"},
        {"{\"rI32\": [1}", "$.rI32[1], 1:12: ',' or ']' is wanted, not '}'"},
        {"{} {}", "$, 1:4: the end of the text is wanted, not an object"},
        {"{}x", "$, 1:3: the end of the text is wanted, not 'x'"},
        {"{/**/}", "$, 1:2: a key in quotes is wanted, not '/'"},
        {"\xef\xbb\xbf{}", "$, 1:1: an object is wanted, not a byte 0xef"},
        {"[]", "$, 1:1: an object is wanted, not a list"},
        {"{\"inner\": {\"inner\": {\n  \"l\xc3\xa9\": 1, \"list\":\n [7,\n\t\"x\"]}}}",
         "$.inner.inner[\"l\xc3\xa9\"], 2:3: codec3.Inner has no such field"},
        {"{\"rInner\": [{}, {\"inner\": {\n  \"name\": \"\xc3\xa9\", \"list\": [7, \"x\"]}}]}",
         "$.rInner[1].inner.list[1], 2:28: a whole number"},
    };
    csvc_json_read_options line = {CSVC_JSON_READ_OPTIONS_INIT, .first_line = 41};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_wrong(ALL, wrong[i][0], wrong[i][1]);
    }
    /* lines of a stream */
    assert_null(read_with(&line, ALL, BYTES("\n {\"i32\": \"x\"}")));
    assert_memory_equal("$.i32, 42:10: ", helper_error.text, 14);
}

/* {"deep": {"deep": ... {} ...}} */
static char *deep_text(const char *open, const char *core, const char *close, size_t n)
{
    const size_t size = n * (strlen(open) + strlen(close)) + strlen(core) + 1;
    char *text = csvc_arena_alloc(helper_arena, size);
    size_t at = 0;

    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s", open);
    }
    at += (size_t)snprintf(text + at, size - at, "%s", core);
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s", close);
    }
    return text;
}

static void depth_is_the_decoders(void **state)
{
    csvc_json_read_options options = {CSVC_JSON_READ_OPTIONS_INIT, .ignore_unknown = true};
    const csvc_message_type *deep = &codec3__deep__type;
    const csvc_message_type *value = &google__protobuf__value__type;
    char *text;

    (void)state;
    text = deep_text("{\"deep\": ", "{}", "}", CSVC_MAX_DEPTH);
    assert_same(deep, text);
    text = deep_text("{\"deep\": ", "{}", "}", CSVC_MAX_DEPTH + 1);
    assert_wrong(deep, text, "$");
    assert_non_null(strstr(helper_error.text, ".deep, 1:910: messages are nested too deep"));
    assert_memory_equal("$...", helper_error.text, 4);
    options.max_depth = 2;
    assert_non_null(read_with(&options, deep, BYTES("{\"deep\": {\"deep\": {}}}")));
    assert_null(read_with(&options, deep, BYTES("{\"deep\": {\"deep\": {\"deep\": {}}}}")));
    options.max_depth = 0;
    /* Value, ListValue, Value, ... */
    assert_same(value, deep_text("[", "1", "]", CSVC_MAX_DEPTH / 2));
    assert_wrong(value, deep_text("[", "1", "]", CSVC_MAX_DEPTH / 2 + 1), "$");
    /* what nobody would read is no way around */
    text = deep_text("[", "", "]", 1000000);
    text = csvc_arena_printf(helper_arena, "{\"nope\": %s}", text);
    assert_null(read_with(&options, deep, text_bytes(text)));
    assert_non_null(strstr(helper_error.text, "nested too deep"));
    assert_wrong(value, deep_text("{\"a\":", "", "", 1000000), "$");
    assert_wrong(&google__protobuf__any__type, deep_text("{\"a\":", "", "", 1000000), "$");
}

static void required_fields(void **state)
{
    (void)state;
    assert_same(&codec2__inner__type, "{\"id\": 0, \"label\": \"\"}");
    assert_wrong(&codec2__inner__type, "{\"id\": 0}",
                 "$, 1:10: the required field label is missing");
    assert_wrong(&codec2__inner__type, "{\"id\": 0, \"label\": null}",
                 "$, 1:25: the required field label is missing");
    assert_wrong(&codec2__all__type, "{\"rInner\": [{\"id\": 1}]}",
                 "$.rInner[0], 1:22: the required field label is missing");
}

/* Long keys and paths are cut, whole characters at a time. */
static void errors_stay_short(void **state)
{
    char json[4096];
    size_t at = (size_t)snprintf(json, sizeof(json), "{\"mInner\": {\"1\": {\"");

    (void)state;
    for (int i = 0; i < 500; i++) {
        at += (size_t)snprintf(json + at, sizeof(json) - at, "%s", "\xe2\x82\xac");
    }
    snprintf(json + at, sizeof(json) - at, "\": 1}}}");
    assert_wrong(ALL, json, "$.mInner[\"1\"][\"\xe2\x82\xac");
    assert_non_null(
        strstr(helper_error.text, "\xe2\x82\xac...\"], 1:19: codec3.Inner has no such"));
    assert_true(strlen(helper_error.text) < 200);
}

/* A large text is read in a time that grows as it does; quadratic would be minutes. */
static void large_texts(void **state)
{
    const size_t n = 200000;
    const size_t size = n * 24 + 64;
    char *json = malloc(size);
    csvc_json_read_options options = {CSVC_JSON_READ_OPTIONS_INIT, .ignore_unknown = true};
    size_t at = (size_t)snprintf(json, size, "{\"mText\": {\"x\": \"\"");

    (void)state;
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(json + at, size - at, ", \"k%zu\": \"v\"", i);
    }
    snprintf(json + at, size - at, "}}");
    assert_non_null(read_with(&options, ALL, text_bytes(json)));
    snprintf(json + at, size - at, ", \"k0\": \"\"}}");
    assert_null(read_with(&options, ALL, text_bytes(json)));
    at = (size_t)snprintf(json, size, "{\"rI32\": [1");
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(json + at, size - at, ", 1e00000000");
    }
    snprintf(json + at, size - at, "]}");
    assert_non_null(read_with(&options, ALL, text_bytes(json)));
    /* one number, 4 MB long */
    at = (size_t)snprintf(json, size, "{\"i32\": 1");
    memset(json + at, '0', size - at);
    snprintf(json + size - 16, 16, "e-%zu}", size - at - 16);
    assert_non_null(read_with(&options, ALL, text_bytes(json)));
    memcpy(json + 2, "dbl", 3);
    assert_non_null(read_with(&options, ALL, text_bytes(json)));
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scalars, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(whole_numbers, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(real_numbers, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(text_and_bytes, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(enums_and_bools, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(null_presence_oneofs, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(maps, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(well_known_types, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(anys, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(unknown_fields, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(punctuation, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(depth_is_the_decoders, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(required_fields, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(errors_stay_short, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(large_texts, helper_setup, helper_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
