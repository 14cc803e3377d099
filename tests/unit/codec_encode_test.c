#include "codec_helpers.h"

#include <codec/codec.h>

static void assert_not_encoded(const csvc_message_type *type, const void *message, const char *why)
{
    csvc_bytes bytes = {99, NULL};

    assert_int_equal(CSVC_INTERNAL,
                     csvc_encode(helper_arena, type, message, &bytes, &helper_error));
    assert_int_equal(99, bytes.len);
    if (strstr(helper_error.text, why) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", why, helper_error.text);
    }
}

static void zero_is_left_out(void **state)
{
    Codec3__All m = CODEC3__ALL__INIT;

    (void)state;
    assert_encodes(&codec3__all__type, &m, BYTES(""));
    m.text = NULL;
    assert_encodes(&codec3__all__type, &m, BYTES(""));
    m.dbl = -0.0;
    m.flt = -0.0f;
    assert_encodes(&codec3__all__type, &m,
                   BYTES("\x5d\x00\x00\x00\x80\x61\x00\x00\x00\x00\x00\x00\x00\x80"));
}

static void every_scalar(void **state)
{
    csvc_bytes wire = BYTES(NUMBERS "\x7a\x03"
                                    "ada"
                                    "\x82\x01\x02"
                                    "\x00\xff"
                                    "\x8a\x01\x02\x08\x07");

    (void)state;
    assert_kept(&codec3__all__type, wire);
    assert_kept(&codec2__all__type, BYTES("\x08\x00\x10\x00\x68\x00\x7a\x00\x82\x01\x00"));
}

static void what_is_true_is_one(void **state)
{
    Codec3__All m = CODEC3__ALL__INIT;
    protobuf_c_boolean flags[] = {0, 2, -1};

    (void)state;
    m.flag = 77;
    m.n_r_flag = 3;
    m.r_flag = flags;
    assert_encodes(&codec3__all__type, &m, BYTES("\x68\x01\x82\x02\x03\x00\x01\x01"));
}

static void packed_and_not(void **state)
{
    (void)state;
    assert_kept(&codec3__all__type,
                BYTES("\xa2\x01\x0c\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05"
                      "\xc2\x01\x02\x01\x02"
                      "\xd2\x01\x08\x01\x00\x00\x00\x02\x00\x00\x00"
                      "\xfa\x01\x08\x00\x00\x00\x00\x00\x00\x04\xc0"
                      "\x8a\x02\x02\x01\x05"
                      "\x92\x02\x01x\x92\x02\x00"
                      "\x9a\x02\x02\x00\x01\x9a\x02\x00"
                      "\xa2\x02\x02\x08\x01\xa2\x02\x00"
                      "\xa8\x02\x01\xa8\x02\x00"));
    assert_becomes(&codec3__all__type, BYTES("\xa0\x01\x00"), BYTES("\xa2\x01\x01\x00"));
    assert_becomes(&codec2__all__type, BYTES("\xaa\x01\x02\x05\x06"),
                   BYTES("\xa8\x01\x05\xa8\x01\x06"));
}

static void oneofs_and_optionals(void **state)
{
    Codec3__All m = CODEC3__ALL__INIT;
    Codec3__Inner inner = CODEC3__INNER__INIT;

    (void)state;
    m.choice_case = CODEC3__ALL__CHOICE_C_TEXT;
    m.c_text = NULL; /* a NULL string is an empty one, and chosen */
    assert_encodes(&codec3__all__type, &m, BYTES("\xa2\x03\x00"));
    m.choice_case = CODEC3__ALL__CHOICE_C_DBL;
    m.c_dbl = 0;
    assert_encodes(&codec3__all__type, &m, BYTES("\xc1\x03\0\0\0\0\0\0\0\0"));
    m.choice_case = CODEC3__ALL__CHOICE_C_INNER;
    m.c_inner = &inner;
    assert_encodes(&codec3__all__type, &m, BYTES("\xb2\x03\x00"));
    m.c_inner = NULL;
    assert_not_encoded(&codec3__all__type, &m, "codec3.All.c_inner: a message that is NULL");
    m.choice_case = (Codec3__All__ChoiceCase)12345; /* none of ours */
    assert_encodes(&codec3__all__type, &m, BYTES(""));
    m.choice_case = CODEC3__ALL__CHOICE__NOT_SET;
    m._o_i32_case = CODEC3__ALL___O_I32_O_I32;
    assert_encodes(&codec3__all__type, &m, BYTES("\xc8\x02\x00"));
}

static void proto2_presence(void **state)
{
    Codec2__All m = CODEC2__ALL__INIT;
    Codec2__Required r = CODEC2__REQUIRED__INIT;
    Codec2__Inner inner = CODEC2__INNER__INIT;

    (void)state;
    assert_encodes(&codec2__all__type, &m, BYTES(""));
    m.has_i32 = 1;
    m.text = (char *)"";
    m.d_text = (char *)"";
    m.i64 = 7; /* without its has_ */
    assert_encodes(&codec2__all__type, &m, BYTES("\x08\x00\x7a\x00\xd2\x02\x00"));

    assert_not_encoded(&codec2__required__type, &r,
                       "codec2.Required.inner: a message that is NULL");
    r.inner = &inner;
    assert_encodes(
        &codec2__required__type, &r,
        BYTES("\x08\x00\x12\x00\x1a\x00\x22\x04\x08\x00\x22\x00\x29\0\0\0\0\0\0\0\0\x30\x00"));
}

static void map_entries_have_both(void **state)
{
    Codec3__All m = CODEC3__ALL__INIT;
    Codec3__All__MTextEntry text = CODEC3__ALL__MTEXT_ENTRY__INIT;
    Codec3__All__MInnerEntry inner = CODEC3__ALL__MINNER_ENTRY__INIT;
    Codec3__All__MTextEntry *texts[] = {&text};
    Codec3__All__MInnerEntry *inners[] = {&inner};
    Codec2__All m2 = CODEC2__ALL__INIT;
    Codec2__All__MColorEntry color = CODEC2__ALL__MCOLOR_ENTRY__INIT;
    Codec2__All__MColorEntry *colors[] = {&color};

    (void)state;
    m.n_m_text = 1;
    m.m_text = texts;
    m.n_m_inner = 1;
    m.m_inner = inners;
    assert_encodes(&codec3__all__type, &m,
                   BYTES("\xea\x03\x04\x0a\x00\x12\x00\xf2\x03\x04\x08\x00\x12\x00"));
    m2.n_m_color = 1;
    m2.m_color = colors;
    assert_encodes(&codec2__all__type, &m2, BYTES("\xfa\x03\x04\x08\x00\x10\x00"));
}

static void what_cannot_be_written(void **state)
{
    Codec3__All m = CODEC3__ALL__INIT;
    Codec3__Inner inner = CODEC3__INNER__INIT;
    Codec3__Inner *inners[] = {&inner, NULL};
    Codec3__All raw = {0};
    Codec2__All m2 = CODEC2__ALL__INIT;
    char *texts[] = {(char *)"x", NULL};

    (void)state;
    m.text = (char *)"\xff";
    assert_not_encoded(&codec3__all__type, &m, "codec3.All.text: not UTF-8");
    m2.text = (char *)"\xff"; /* proto2 has no such rule */
    assert_encodes(&codec2__all__type, &m2, BYTES("\x7a\x01\xff"));
    m.text = (char *)"";
    m.n_r_text = 2;
    m.r_text = texts;
    assert_not_encoded(&codec3__all__type, &m, "codec3.All.r_text: a string that is NULL");
    m.r_text = NULL;
    assert_not_encoded(&codec3__all__type, &m, "codec3.All.r_text: a count without values");
    m.n_r_text = 0;
    m.n_r_inner = 2;
    m.r_inner = inners;
    assert_not_encoded(&codec3__all__type, &m, "codec3.All.r_inner: a message that is NULL");
    m.n_r_inner = 0;
    m.data.len = 5;
    assert_not_encoded(&codec3__all__type, &m, "codec3.All.data: a length without data");
    m.data.len = 0;
    m.inner = (Codec3__Inner *)(void *)&m; /* a struct of another type */
    assert_not_encoded(&codec3__all__type, &m, "codec3.Inner: the struct is of another type");
    assert_not_encoded(&codec3__all__type, &raw, "never initialised");
}

static void depth_is_limited(void **state)
{
    Codec3__Deep deep[102];

    (void)state;
    for (int i = 0; i < 102; i++) {
        deep[i] = (Codec3__Deep)CODEC3__DEEP__INIT;
        deep[i].deep = i > 0 ? &deep[i - 1] : NULL;
    }
    assert_encodes(&codec3__deep__type, &deep[100], nested(1, 100));
    assert_not_encoded(&codec3__deep__type, &deep[101], "nested too deep");
    deep[0].deep = &deep[0];
    assert_not_encoded(&codec3__deep__type, &deep[0], "nested too deep");
}

static void more_than_two_gigabytes(void **state)
{
    Codec3__All m = CODEC3__ALL__INIT;
    static uint8_t byte;

    (void)state;
    m.data.len = (size_t)INT32_MAX + 1; /* refused before a byte is looked at */
    m.data.data = &byte;
    assert_not_encoded(&codec3__all__type, &m, "2 GiB");
    m.data.len = 0;
    m.n_r_f64 = (size_t)1 << 60;
    m.r_f64 = (uint64_t *)(void *)&m;
    assert_not_encoded(&codec3__all__type, &m, "2 GiB");
}

/* The plain way to write a varint, for comparison. */
static size_t plain_varint(uint8_t *to, uint64_t value)
{
    size_t n = 0;

    do {
        to[n++] = (uint8_t)(value % 128 + (value >= 128 ? 128 : 0));
        value /= 128;
    } while (value > 0);
    return n;
}

/*
 * Numbers of every length, with all bits and with one, alone and packed in any number, in memory
 * of every size that is just too small or just enough: in blocks of their own, so that ASan sees a
 * byte too far.
 */
static void varints_of_every_length(void **state)
{
    enum {
        N = 192,
        LARGEST = 2 + 3 + N * 10
    };
    uint64_t *values = malloc(N * sizeof(*values));
    uint8_t *packed = malloc(LARGEST);
    csvc_bytes bytes;

    (void)state;
    for (size_t i = 0; i < N / 3; i++) {
        values[3 * i] = UINT64_C(1) << i;
        values[3 * i + 1] = (UINT64_C(1) << i) - 1;
        values[3 * i + 2] = UINT64_MAX >> i;
    }
    for (size_t n = 1; n <= N; n++) {
        Codec3__All m = CODEC3__ALL__INIT;
        uint8_t number[11] = {0x20};
        size_t len = 0;
        size_t header = 2; /* its tag, and its length */

        m.u64 = values[n - 1];
        assert_encodes(&codec3__all__type, &m,
                       (csvc_bytes){m.u64 != 0 ? 1 + plain_varint(number + 1, m.u64) : 0, number});
        m.u64 = 0;
        m.n_r_u64 = n;
        m.r_u64 = values;
        for (size_t i = 0; i < n; i++) {
            len += plain_varint(packed + len, values[i]);
        }
        header += len < 128 ? 1 : 2;
        for (size_t size = len > 20 ? len - 20 : 0; size < len + 30; size++) {
            csvc_arena *a = csvc_arena_new(0);
            uint8_t *scratch = malloc(size > 0 ? size : 1);

            assert_int_equal(
                CSVC_OK, csvc__encode_into(&codec3__all__type, &m, scratch, size, a, &bytes, NULL));
            assert_int_equal(header + len, bytes.len);
            assert_memory_equal("\xba\x01", bytes.data, 2);
            assert_memory_equal(packed, bytes.data + header, len);
            free(scratch);
            csvc_arena_free(a);
        }
    }
    free(values);
    free(packed);
}

/* Each kind has a loop of its own for packed numbers, and a path for one: they agree. */
static void packed_is_as_alone(void **state)
{
    static const int64_t numbers[] = {0,
                                      1,
                                      -1,
                                      127,
                                      128,
                                      16383,
                                      16384,
                                      -64,
                                      -65,
                                      2097151,
                                      268435456,
                                      INT32_MAX,
                                      -100000,
                                      INT32_MIN,
                                      INT64_MAX,
                                      INT64_MIN,
                                      INT64_C(1) << 56,
                                      (INT64_C(1) << 56) - 1};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int64_t wide = numbers[i];
        int32_t narrow = (int32_t)(uint32_t)(uint64_t)wide;
        uint64_t u64 = (uint64_t)wide;
        uint32_t u32 = (uint32_t)u64;
        Codec3__Color color = (Codec3__Color)narrow;
        uint8_t wire[100];
        size_t n = 0;
        Codec3__All m = CODEC3__ALL__INIT;
        uint64_t of[7] = {(uint64_t)(int64_t)narrow,
                          u64,
                          u32,
                          u64,
                          ((uint32_t)narrow * 2u) ^ (narrow < 0 ? UINT32_MAX : 0),
                          (u64 * 2u) ^ (wide < 0 ? UINT64_MAX : 0),
                          (uint64_t)(int64_t)narrow};

        m.n_r_i32 = m.n_r_i64 = m.n_r_u32 = m.n_r_u64 = m.n_r_s32 = m.n_r_s64 = m.n_r_color = 1;
        m.r_i32 = m.r_s32 = &narrow;
        m.r_i64 = m.r_s64 = &wide;
        m.r_u32 = &u32;
        m.r_u64 = &u64;
        m.r_color = &color;
        for (unsigned k = 0; k < 7; k++) {
            uint64_t tag = (k < 6 ? 20 + k : 33) << 3 | 2;
            uint8_t number[10];
            size_t len = plain_varint(number, of[k]);

            n += plain_varint(wire + n, tag);
            wire[n++] = (uint8_t)len;
            memcpy(wire + n, number, len);
            n += len;
        }
        assert_encodes(&codec3__all__type, &m, (csvc_bytes){n, wire});
    }
}

/* Every size around the scratch memory's and the blocks' that follow it. */
static void any_size_lands_somewhere(void **state)
{
    uint8_t scratch[64];
    char *text = malloc(20001);

    (void)state;
    memset(text, 't', 20000);
    for (size_t len = 1; len <= 20000; len += len < 200 ? 1 : 997) {
        csvc_arena *a = csvc_arena_new(0);
        Codec3__All m = CODEC3__ALL__INIT;
        csvc_bytes bytes;
        csvc_bytes again;
        uint8_t header = (uint8_t)(len < 128 ? 2 : len < 16384 ? 3 : 4);

        text[len] = '\0';
        m.text = text;
        assert_int_equal(CSVC_OK, csvc__encode_into(&codec3__all__type, &m, scratch,
                                                    sizeof(scratch), a, &bytes, NULL));
        assert_int_equal(len + header, bytes.len);
        assert_int_equal(0x7a, bytes.data[0]);
        assert_memory_equal(text, bytes.data + header, len);
        if (bytes.data < scratch || bytes.data >= scratch + 64) {
            assert_true(bytes.len > 40); /* else it had fitted */
        } else {
            assert_ptr_equal(scratch + 64, bytes.data + bytes.len);
        }
        assert_int_equal(CSVC_OK, csvc_encode(a, &codec3__all__type, &m, &again, NULL));
        assert_int_equal(bytes.len, again.len);
        assert_memory_equal(bytes.data, again.data, bytes.len);
        assert_int_equal(CSVC_OK,
                         csvc__encode_into(&codec3__all__type, &m, NULL, 0, a, &again, NULL));
        assert_int_equal(bytes.len, again.len);
        assert_memory_equal(bytes.data, again.data, bytes.len);
        csvc_arena_free(a);
        text[len] = 't';
    }
    free(text);
}

/* Ten megabytes, made of small parts: the blocks must not add up to many times as much. */
static void large_is_not_quadratic(void **state)
{
    enum {
        N = 500000
    };
    csvc_arena *a = csvc_arena_new(0);
    Codec3__All m = CODEC3__ALL__INIT;
    char **texts = malloc(N * sizeof(*texts));
    csvc_bytes bytes;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        texts[i] = (char *)"a text of 17 byte";
    }
    m.n_r_text = N;
    m.r_text = texts;
    assert_int_equal(CSVC_OK, csvc_encode(a, &codec3__all__type, &m, &bytes, NULL));
    assert_int_equal(N * 20, bytes.len);
    assert_true(csvc_arena_size(a) < N * 20 + 10000);
    csvc_arena_free(a);
    free(texts);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)
    const struct CMUnitTest tests[] = {
        TEST(zero_is_left_out),         TEST(every_scalar),
        TEST(what_is_true_is_one),      TEST(packed_and_not),
        TEST(oneofs_and_optionals),     TEST(proto2_presence),
        TEST(map_entries_have_both),    TEST(what_cannot_be_written),
        TEST(depth_is_limited),         TEST(more_than_two_gigabytes),
        TEST(any_size_lands_somewhere), TEST(large_is_not_quadratic),
        TEST(varints_of_every_length),  TEST(packed_is_as_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
