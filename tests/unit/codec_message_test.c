#include "codec_helpers.h"

#include <codec/codec.h>

/* Much of everything, to be copied and compared. */
static const char rich[] = "\x08\x05\x7a\x03"
                           "ada\x82\x01\x02\x00\xff\x8a\x01\x07\x08\x07\x1a\x03\x12\x01n"
                           "\xa2\x01\x03\x01\x02\x03\x92\x02\x01x\x92\x02\x00\x9a\x02\x01\xff"
                           "\xa2\x02\x02\x08\x01\xa2\x02\x00\xc8\x02\x00\xd2\x02\x00"
                           "\xb2\x03\x02\x08\x09\xea\x03\x06\x0a\x01"
                           "a\x12\x01x\xea\x03\x06\x0a\x01"
                           "b\x12\x01y\xc0\x3e\x01";

static void a_copy_shares_nothing(void **state)
{
    csvc_arena *a = csvc_arena_new(0);
    csvc_arena *b = csvc_arena_new(0);
    csvc_bytes bytes = BYTES(rich);
    csvc_bytes before;
    csvc_bytes after;
    void *message = NULL;
    void *copy;

    (void)state;
    assert_int_equal(CSVC_OK, csvc_decode(a, &codec3__all__type, bytes, NULL, &message, NULL));
    assert_int_equal(CSVC_OK, csvc_encode(b, &codec3__all__type, message, &before, NULL));
    copy = csvc_message_copy(b, &codec3__all__type, message);
    assert_non_null(copy);
    assert_true(csvc_message_equal(&codec3__all__type, message, copy));
    csvc_arena_free(a); /* under ASan a pointer into it would show now */
    assert_int_equal(CSVC_OK, csvc_encode(b, &codec3__all__type, copy, &after, NULL));
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    csvc_arena_free(b);
}

static void a_copy_keeps_presence_and_defaults(void **state)
{
    Codec2__All *m = decoded(&codec2__all__type, BYTES("\x08\x00\x7a\x00\x82\x01\x00"));
    Codec2__All *copy = csvc_message_copy(helper_arena, &codec2__all__type, m);

    (void)state;
    assert_encodes(&codec2__all__type, copy, BYTES("\x08\x00\x7a\x00\x82\x01\x00"));
    assert_ptr_equal(codec2__all__d_text__default_value, copy->d_text);
    assert_int_equal(-7, copy->d_i32);
    copy = csvc_message_new(helper_arena, &codec2__all__type);
    assert_encodes(&codec2__all__type, copy, BYTES(""));
    assert_ptr_equal(&codec2__all__descriptor, copy->base.descriptor);
    assert_int_equal(CODEC2__COLOR__BLUE, copy->d_color);
}

static void too_deep_is_not_copied(void **state)
{
    Codec3__Deep deep[102];

    (void)state;
    for (int i = 0; i < 102; i++) {
        deep[i] = (Codec3__Deep)CODEC3__DEEP__INIT;
        deep[i].deep = i > 0 ? &deep[i - 1] : NULL;
    }
    assert_non_null(csvc_message_copy(helper_arena, &codec3__deep__type, &deep[100]));
    assert_true(
        csvc_message_equal(&codec3__deep__type, &deep[100],
                           csvc_message_copy(helper_arena, &codec3__deep__type, &deep[100])));
    assert_false(csvc_message_equal(&codec3__deep__type, &deep[100], &deep[99]));
    assert_null(csvc_message_copy(helper_arena, &codec3__deep__type, &deep[101]));
}

/* A change of any byte of the wire that still decodes is seen, unless it encodes the same. */
static void every_difference_is_seen(void **state)
{
    csvc_bytes bytes = BYTES(rich);
    uint8_t changed[sizeof(rich)];
    void *x = decoded(&codec3__all__type, bytes);
    size_t n_different = 0;

    (void)state;
    assert_true(csvc_message_equal(&codec3__all__type, x, decoded(&codec3__all__type, bytes)));
    for (size_t i = 0; i < bytes.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            void *y = NULL;
            csvc_bytes a;
            csvc_bytes b;
            bool same;

            memcpy(changed, rich, bytes.len);
            changed[i] ^= (uint8_t)(1u << bit);
            if (csvc_decode(helper_arena, &codec3__all__type, (csvc_bytes){bytes.len, changed},
                            NULL, &y, NULL) != CSVC_OK) {
                continue;
            }
            assert_int_equal(CSVC_OK, csvc_encode(helper_arena, &codec3__all__type, x, &a, NULL));
            assert_int_equal(CSVC_OK, csvc_encode(helper_arena, &codec3__all__type, y, &b, NULL));
            same = a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
            n_different += !same;
            assert_int_equal(same, csvc_message_equal(&codec3__all__type, x, y));
            assert_int_equal(same, csvc_message_equal(&codec3__all__type, y, x));
            assert_true(csvc_message_equal(&codec3__all__type, y,
                                           csvc_message_copy(helper_arena, &codec3__all__type, y)));
        }
    }
    assert_true(n_different > 200);
}

static void maps_have_no_order(void **state)
{
    csvc_bytes xy =
        BYTES("\xf2\x03\x06\x08\x01\x12\x02\x08\x05\xf2\x03\x06\x08\x02\x12\x02\x08\x06");
    csvc_bytes yx =
        BYTES("\xf2\x03\x06\x08\x02\x12\x02\x08\x06\xf2\x03\x06\x08\x01\x12\x02\x08\x05");
    csvc_bytes other =
        BYTES("\xf2\x03\x06\x08\x02\x12\x02\x08\x05\xf2\x03\x06\x08\x01\x12\x02\x08\x06");

    (void)state;
    assert_true(csvc_message_equal(&codec3__all__type, decoded(&codec3__all__type, xy),
                                   decoded(&codec3__all__type, yx)));
    assert_false(csvc_message_equal(&codec3__all__type, decoded(&codec3__all__type, xy),
                                    decoded(&codec3__all__type, other)));
}

static void floating_point_is_compared_by_sense(void **state)
{
    Codec3__All x = CODEC3__ALL__INIT;
    Codec3__All y = CODEC3__ALL__INIT;
    uint64_t quiet = UINT64_C(0x7ff8000000000000);
    uint64_t other = UINT64_C(0xfff8000000000001);

    (void)state;
    memcpy(&x.dbl, &quiet, 8);
    memcpy(&y.dbl, &other, 8);
    assert_true(csvc_message_equal(&codec3__all__type, &x, &y));
    x.dbl = 0.0;
    y.dbl = -0.0;
    assert_false(csvc_message_equal(&codec3__all__type, &x, &y));
    y.dbl = 0.0;
    x.text = NULL; /* as empty as "" */
    assert_true(csvc_message_equal(&codec3__all__type, &x, &y));
    x.flag = 2;
    y.flag = 1;
    assert_true(csvc_message_equal(&codec3__all__type, &x, &y));
}

static void fields_are_found(void **state)
{
    (void)state;
    assert_int_equal(0, csvc_field_find(&codec3__all__type, "i32"));
    assert_int_equal(14, csvc_field_find(&codec3__all__type, "text"));
    assert_true(csvc_field_find(&codec3__all__type, "o_i32") > 0);
    assert_int_equal(csvc_field_find(&codec3__all__type, "o_i32"),
                     csvc_field_find(&codec3__all__type, "oI32"));
    assert_int_equal(csvc_field_find(&codec3__all__type, "snake_case_2x"),
                     csvc_field_find(&codec3__all__type, "snakeCase2x"));
    assert_int_equal(csvc_field_find(&codec3__all__type, "renamed_field"),
                     csvc_field_find(&codec3__all__type, "odd-name"));
    assert_int_equal(-1, csvc_field_find(&codec3__all__type, "renamedField"));
    assert_int_equal(-1, csvc_field_find(&codec3__all__type, ""));
    assert_int_equal(-1, csvc_field_find(&codec3__all__type, "i3"));
    assert_int_equal(-1, csvc_field_find(&codec3__empty__type, "x"));
    for (uint32_t i = 0; i < codec3__all__type.n_fields; i++) {
        const char *json = csvc_field_json_name(helper_arena, &codec3__all__type, i);

        assert_int_equal(i, csvc_field_find(&codec3__all__type, json));
        assert_int_equal(
            i, csvc_field_find(&codec3__all__type, codec3__all__descriptor.fields[i].name));
        assert_ptr_equal(
            &codec3__all__type.fields[i],
            csvc__field_by_number(&codec3__all__type, codec3__all__type.fields[i].number));
    }
    assert_string_equal(
        "snakeCase2x",
        csvc_field_json_name(helper_arena, &codec3__all__type,
                             (uint32_t)csvc_field_find(&codec3__all__type, "snake_case_2x")));
    assert_null(csvc__field_by_number(&codec3__all__type, 0));
    assert_null(csvc__field_by_number(&codec3__all__type, 18));
    assert_null(csvc__field_by_number(&codec3__all__type, UINT32_MAX));
    assert_string_equal("BELOW", csvc__enum_value(&codec3__color__descriptor, -3)->name);
    assert_string_equal("BLUE", csvc__enum_value(&codec3__color__descriptor, 5)->name);
    assert_null(csvc__enum_value(&codec3__color__descriptor, 4));
    assert_null(csvc__enum_value(&codec3__color__descriptor, INT32_MAX));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_copy_shares_nothing),  TEST(a_copy_keeps_presence_and_defaults),
        TEST(too_deep_is_not_copied), TEST(every_difference_is_seen),
        TEST(maps_have_no_order),     TEST(floating_point_is_compared_by_sense),
        TEST(fields_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
