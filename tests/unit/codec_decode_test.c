#include "codec_helpers.h"

static void every_scalar(void **state)
{
    Codec3__All *m = decoded(&codec3__all__type, BYTES(NUMBERS "\x7a\x03"
                                                               "ada"
                                                               "\x82\x01\x02"
                                                               "\x00\xff"
                                                               "\x8a\x01\x02\x08\x07"));

    (void)state;
    assert_int_equal(-1, m->i32);
    assert_true(m->i64 == INT64_MIN);
    assert_int_equal(UINT32_MAX, m->u32);
    assert_true(m->u64 == UINT64_MAX);
    assert_int_equal(-2, m->s32);
    assert_true(m->s64 == INT64_MIN);
    assert_int_equal(0x04030201, m->f32);
    assert_true(m->f64 == UINT64_C(0x0807060504030201));
    assert_int_equal(-1, m->sf32);
    assert_true(m->sf64 == -2);
    assert_true(m->flt == 1.5f);
    assert_true(m->dbl == -2.5);
    assert_int_equal(1, m->flag);
    assert_int_equal(CODEC3__COLOR__BELOW, m->color);
    assert_string_equal("ada", m->text);
    assert_int_equal(2, m->data.len);
    assert_memory_equal("\x00\xff", m->data.data, 2);
    assert_int_equal(7, m->inner->id);
    assert_ptr_equal(&codec3__all__descriptor, m->base.descriptor);
}

static void scalars_are_cut_to_size(void **state)
{
    /* an int64's varint in an int32, uint32, sint32, enum and bool */
    Codec3__All *m = decoded(&codec3__all__type, BYTES("\x08\x81\x80\x80\x80\x70"
                                                       "\x18\x82\x80\x80\x80\x70"
                                                       "\x28\x83\x80\x80\x80\x70"
                                                       "\x70\x85\x80\x80\x80\x70"
                                                       "\x68\x80\x80\x80\x80\x80\x01"));

    (void)state;
    assert_int_equal(1, m->i32);
    assert_int_equal(2, m->u32);
    assert_int_equal(-2, m->s32);
    assert_int_equal(5, m->color);
    assert_int_equal(1, m->flag);
}

static void the_last_one_wins(void **state)
{
    Codec3__All *m = decoded(&codec3__all__type, BYTES("\x08\x01\x7a\x01"
                                                       "a\x08\x02\x7a\x01"
                                                       "b\x82\x01\x01x\x82\x01\x00"));

    (void)state;
    assert_int_equal(2, m->i32);
    assert_string_equal("b", m->text);
    assert_int_equal(0, m->data.len);
}

static void an_empty_message_has_defaults(void **state)
{
    Codec3__All *m = decoded(&codec3__all__type, BYTES(""));
    Codec2__All *m2 = decoded(&codec2__all__type, BYTES(""));
    void *message = NULL;

    (void)state;
    assert_string_equal("", m->text);
    assert_null(m->inner);
    assert_int_equal(0, m->choice_case);
    assert_int_equal(-7, m2->d_i32);
    assert_int_equal(0, m2->has_d_i32);
    assert_ptr_equal(codec2__all__d_text__default_value, m2->d_text);
    assert_null(m2->text);
    assert_int_equal(5, m2->d_data.len);
    assert_int_equal(CODEC2__COLOR__BLUE, m2->d_color);
    assert_int_equal(CSVC_OK, csvc_decode(helper_arena, &codec3__empty__type, (csvc_bytes){0, NULL},
                                          NULL, &message, NULL));
    assert_non_null(message);
}

static void repeated_both_ways(void **state)
{
    static const char *const wires[] = {
        "\x9a\x01\x00\xa2\x01\x03\x01\x02\x03",                         /* packed */
        "\xa0\x01\x01\xa0\x01\x02\xa0\x01\x03",                         /* one by one */
        "\xa0\x01\x01\xa2\x01\x02\x02\x03",                             /* mixed */
        "\xa2\x01\x01\x01\xa2\x01\x00\xa0\x01\x02\xa2\x01\x02\x83\x00", /* and overlong */
    };
    static const size_t lens[] = {9, 9, 8, 15};
    Codec2__All *m2;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        Codec3__All *m =
            decoded(&codec3__all__type, (csvc_bytes){lens[i], (const uint8_t *)wires[i]});

        assert_int_equal(3, m->n_r_i32);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(k + 1, m->r_i32[k]);
        }
    }
    m2 = decoded(&codec2__all__type, BYTES("\xba\x01\x08\x01\x00\x00\x00\x02\x00\x00\x00"
                                           "\xbd\x01\x03\x00\x00\x00"
                                           "\xb2\x01\x02\x01\x02"
                                           "\xaa\x01\x02\x05\x06"));
    assert_int_equal(3, m2->n_r_f32);
    assert_int_equal(3, m2->r_f32[2]);
    assert_int_equal(2, m2->n_r_s64);
    assert_true(m2->r_s64[0] == -1 && m2->r_s64[1] == 1);
    assert_int_equal(2, m2->n_r_i32);
}

static void many_values_in_turn(void **state)
{
    csvc_arena *a = csvc_arena_new(0);
    size_t n = 100000;
    uint8_t *wire = malloc(n * 7);
    size_t len = 0;
    void *message = NULL;
    Codec3__All *m;

    (void)state;
    /* two repeated fields that take turns: neither can grow in place */
    for (size_t i = 0; i < n; i++) {
        memcpy(wire + len, "\xa0\x01\x05\xa8\x01\x07", 6);
        len += 6;
    }
    assert_int_equal(CSVC_OK, csvc_decode(a, &codec3__all__type, (csvc_bytes){len, wire}, NULL,
                                          &message, &helper_error));
    m = message;
    assert_int_equal(n, m->n_r_i32);
    assert_int_equal(n, m->n_r_i64);
    for (size_t i = 0; i < n; i++) {
        assert_true(m->r_i32[i] == 5 && m->r_i64[i] == 7);
    }
    /* at most four times the values, however they come */
    assert_true(csvc_arena_size(a) < 4 * 12 * n + 100000);
    csvc_arena_free(a);
    free(wire);
}

static void counts_and_lengths_are_not_believed(void **state)
{
    csvc_arena *a = csvc_arena_new(64 * 1024);
    void *message = NULL;

    (void)state;
    assert_refused(&codec3__all__type, BYTES("\xa2\x01\xff\xff\xff\xff\x07\x01"), CSVC_INTERNAL,
                   "codec3.All.r_i32: a length past the end");
    assert_refused(&codec3__all__type, BYTES("\x7a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                   CSVC_INTERNAL, "a length past the end");
    assert_refused(&codec3__all__type,
                   BYTES("\x7a\x04"
                         "ada"),
                   CSVC_INTERNAL, "codec3.All.text: a length past the end");
    assert_int_equal(CSVC_INTERNAL, csvc_decode(a, &codec3__all__type,
                                                BYTES("\xba\x02\xff\xff\xff\x7f\x00\x00\x00\x00"),
                                                NULL, &message, NULL));
    assert_true(csvc_arena_size(a) < 8192);
    csvc_arena_free(a);
}

static void broken_input_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *why;
    } cases[] = {
        {"\x00\x01", 2, "a broken tag"},                     /* field 0 */
        {"\x07\x01", 2, "a broken tag"},                     /* field 0, wire type 7 */
        {"\x80", 1, "a broken tag"},                         /* half a tag */
        {"\x88\x80\x80\x80\x80\x00\x01", 7, "a broken tag"}, /* a tag of six bytes */
        {"\xff\xff\xff\xff\x1f\x01", 6, "a broken tag"},     /* more than 32 bits */
        {"\x08", 1, "a broken varint"},                      /* nothing behind the tag */
        {"\x08\x80", 2, "a broken varint"},                  /* half a varint */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, "a broken varint"}, /* eleven */
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12, "a broken varint"},
        {"\xc2\x3e\x02\x80\x80", 5, ""}, /* fine for an unknown field: see below */
        {"\x3d\x01\x02\x03", 4, "middle of a number"},
        {"\x41\x01\x02\x03\x04\x05\x06\x07", 8, "middle of a number"},
        {"\x0c", 1, "the end of a group that never began"},
        {"\x0e\x01", 2, "a tag of no known wire type"},
        {"\x0f\x01", 2, "a tag of no known wire type"},
        {"\x8a\x01\x03\x08\x07", 5, "codec3.All.inner: a length past the end"},
        {"\x8a\x01\x01\x08\x07", 5, "codec3.Inner.id: a broken varint"},
        {"\xa2\x01\x01\x80", 4, "codec3.All.r_i32: a broken varint"},
        {"\xd2\x01\x03\x01\x02\x03", 6, "half a value"},
        {"\xfa\x01\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09", 12, "half a value"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        csvc_bytes bytes = {cases[i].len, (const uint8_t *)cases[i].bytes};

        if (cases[i].why[0] == '\0') {
            assert_kept(&codec3__all__type, bytes);
        } else {
            assert_refused(&codec3__all__type, bytes, CSVC_INTERNAL, cases[i].why);
        }
    }
    /* ten bytes are fine, whatever the last one says */
    assert_true(((Codec3__All *)decoded(&codec3__all__type,
                                        BYTES("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")))
                    ->u64 == UINT64_MAX);
    assert_true(((Codec3__All *)decoded(&codec3__all__type,
                                        BYTES("\x20\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00")))
                    ->u64 == 1);
    /* and so is a tag longer than it need be */
    assert_int_equal(
        1, ((Codec3__All *)decoded(&codec3__all__type, BYTES("\x88\x80\x80\x80\x00\x01")))->i32);
}

static void text_is_utf8_without_nul(void **state)
{
    (void)state;
    assert_refused(&codec3__all__type, BYTES("\x7a\x02\xc3\x28"), CSVC_INTERNAL,
                   "codec3.All.text: not UTF-8");
    assert_refused(&codec3__all__type, BYTES("\x7a\x03\xed\xa0\x80"), CSVC_INTERNAL, "not UTF-8");
    assert_refused(&codec3__all__type,
                   BYTES("\x7a\x03"
                         "a\0x"),
                   CSVC_INTERNAL, "a NUL within a string");
    assert_refused(&codec3__all__type, BYTES("\x7a\x01\0"), CSVC_INTERNAL, "a NUL within a string");
    assert_refused(&codec3__all__type, BYTES("\x92\x02\x01\xff"), CSVC_INTERNAL,
                   "codec3.All.r_text: not UTF-8");
    assert_refused(&codec3__all__type, BYTES("\xa2\x03\x01\xff"), CSVC_INTERNAL,
                   "codec3.All.c_text: not UTF-8");
    assert_refused(&codec3__all__type, BYTES("\xea\x03\x03\x0a\x01\xff"), CSVC_INTERNAL,
                   "codec3.All.MTextEntry.key: not UTF-8");
    assert_kept(&codec3__all__type, BYTES("\x7a\x04\xf0\x9f\x98\x80"));
    /* proto2 does not promise UTF-8, but C's strings end at a NUL */
    assert_kept(&codec2__all__type, BYTES("\x7a\x02\xc3\x28"));
    assert_refused(&codec2__all__type,
                   BYTES("\x7a\x03"
                         "a\0x"),
                   CSVC_INTERNAL, "codec2.All.text: a NUL within a string");
    assert_kept(&codec3__all__type, BYTES("\x82\x01\x03\xff\x00\xfe")); /* bytes may be any */
}

static void depth_is_limited(void **state)
{
    csvc_decode_options options = {CSVC_DECODE_OPTIONS_INIT, .max_depth = 3};
    static const size_t bombs[] = {101, 10000, 1000000};
    uint8_t *groups = malloc(1000000);
    void *message = NULL;

    (void)state;
    assert_kept(&codec3__deep__type, nested(1, 100));
    for (size_t i = 0; i < 3; i++) {
        assert_refused(&codec3__deep__type, nested(1, bombs[i]), CSVC_INTERNAL, "nested too deep");
    }
    assert_int_equal(CSVC_OK, csvc_decode(helper_arena, &codec3__deep__type, nested(1, 3), &options,
                                          &message, NULL));
    assert_int_equal(CSVC_INTERNAL, csvc_decode(helper_arena, &codec3__deep__type, nested(1, 4),
                                                &options, &message, NULL));
    options.max_depth = 5000; /* more than the largest: the largest */
    assert_int_equal(CSVC_OK, csvc_decode(helper_arena, &codec3__deep__type, nested(1, 100),
                                          &options, &message, NULL));
    assert_int_equal(CSVC_INTERNAL, csvc_decode(helper_arena, &codec3__deep__type, nested(1, 101),
                                                &options, &message, NULL));
    /* groups count as well, with and without an end */
    memset(groups, 0x13, 100);
    memset(groups + 100, 0x14, 100);
    assert_kept(&codec3__deep__type, (csvc_bytes){200, groups});
    memset(groups, 0x13, 101);
    memset(groups + 101, 0x14, 101);
    assert_refused(&codec3__deep__type, (csvc_bytes){202, groups}, CSVC_INTERNAL,
                   "groups are nested too deep");
    memset(groups, 0x13, 1000000);
    assert_refused(&codec3__deep__type, (csvc_bytes){1000000, groups}, CSVC_INTERNAL,
                   "groups are nested too deep");
    free(groups);
}

static void pieces_may_be_cut_anywhere(void **state)
{
    csvc_bytes whole = BYTES("\x08\x96\x01\x7a\x03"
                             "ada\x8a\x01\x08\x08\x07\x12\x04"
                             "name\xa2\x01\x03\x01\x02\x03");
    void *expected = decoded(&codec3__all__type, whole);

    (void)state;
    for (size_t i = 0; i <= whole.len; i++) {
        for (size_t k = i; k <= whole.len; k++) {
            csvc_bytes pieces[3] = {
                {i, whole.data}, {k - i, whole.data + i}, {whole.len - k, whole.data + k}};
            void *message = NULL;

            if (k == i) {
                pieces[1].data = NULL;
            }
            assert_int_equal(CSVC_OK, csvc_decode_pieces(helper_arena, &codec3__all__type, pieces,
                                                         3, NULL, &message, NULL));
            assert_true(csvc_message_equal(&codec3__all__type, expected, message));
        }
    }
    {
        void *message = NULL;
        csvc_bytes huge[2] = {{INT32_MAX, whole.data}, {1, whole.data}};

        assert_int_equal(CSVC_OK, csvc_decode_pieces(helper_arena, &codec3__all__type, NULL, 0,
                                                     NULL, &message, NULL));
        assert_int_equal(CSVC_INTERNAL, csvc_decode_pieces(helper_arena, &codec3__all__type, huge,
                                                           2, NULL, &message, &helper_error));
    }
}

static void a_message_in_two_pieces_is_one(void **state)
{
    Codec3__All *m = decoded(&codec3__all__type,
                             BYTES("\x8a\x01\x04\x08\x07\x20\x01" /* inner {id 7, list 1} */
                                   "\x08\x01"
                                   "\x8a\x01\x07\x12\x01n\x20\x02\x1a\x00" /* name, list 2, inner */
                                   "\x8a\x01\x04\x1a\x02\x08\x09"));       /* inner {id 9} */

    (void)state;
    assert_int_equal(7, m->inner->id);
    assert_string_equal("n", m->inner->name);
    assert_int_equal(2, m->inner->n_list);
    assert_int_equal(2, m->inner->list[1]);
    assert_int_equal(9, m->inner->inner->id);

    /* in a oneof: as long as no other member comes in between */
    m = decoded(&codec3__all__type, BYTES("\xb2\x03\x02\x08\x07\xb2\x03\x03\x12\x01n"));
    assert_int_equal(CODEC3__ALL__CHOICE_C_INNER, m->choice_case);
    assert_int_equal(7, m->c_inner->id);
    assert_string_equal("n", m->c_inner->name);
    m = decoded(&codec3__all__type, BYTES("\xb2\x03\x02\x08\x07\x98\x03\x05\xb2\x03\x03\x12\x01n"));
    assert_int_equal(0, m->c_inner->id);
    assert_string_equal("n", m->c_inner->name);

    /* the unset oneof of the message in it does no harm, a later one is taken over */
    m = decoded(&codec3__all__type,
                BYTES("\x8a\x01\x03\x2a\x01l\x8a\x01\x02\x08\x01\x8a\x01\x04\x32\x02\x08\x03"));
    assert_int_equal(1, m->inner->id);
    assert_int_equal(CODEC3__INNER__CHOICE_RIGHT, m->inner->choice_case);
    assert_int_equal(3, m->inner->right->id);
}

static void a_oneof_holds_the_last(void **state)
{
    Codec3__All *m = decoded(&codec3__all__type, BYTES("\x98\x03\x05\xa2\x03\x01x"));

    (void)state;
    assert_int_equal(CODEC3__ALL__CHOICE_C_TEXT, m->choice_case);
    assert_string_equal("x", m->c_text);
    m = decoded(&codec3__all__type, BYTES("\xa2\x03\x01x\xb8\x03\x03\xaa\x03\x00"));
    assert_int_equal(CODEC3__ALL__CHOICE_C_DATA, m->choice_case);
    assert_int_equal(0, m->c_data.len);
    /* zero is a choice, too */
    m = decoded(&codec3__all__type, BYTES("\x98\x03\x00"));
    assert_int_equal(CODEC3__ALL__CHOICE_C_I32, m->choice_case);
    assert_int_equal(0, m->c_i32);
}

static void presence_is_noted(void **state)
{
    Codec3__All *m = decoded(&codec3__all__type, BYTES("\xc8\x02\x00\xd2\x02\x00\xe2\x02\x00"));
    Codec2__All *m2 = decoded(&codec2__all__type, BYTES("\x08\x00\x7a\x00\x82\x01\x00\x68\x00"));

    (void)state;
    assert_int_equal(41, m->_o_i32_case);
    assert_int_equal(42, m->_o_text_case);
    assert_string_equal("", m->o_text);
    assert_int_equal(0, m->_o_data_case);
    assert_int_equal(44, m->_o_inner_case);
    assert_int_equal(0, m->o_inner->id);

    assert_int_equal(1, m2->has_i32);
    assert_int_equal(0, m2->has_i64);
    assert_string_equal("", m2->text);
    assert_int_equal(1, m2->has_data);
    assert_int_equal(1, m2->has_flag);
    /* a default that is sent is there all the same, an empty string for it, too */
    m2 = decoded(&codec2__all__type, BYTES("\xd2\x02\x05hello\xc8\x02\xf9\xff\xff\xff\xff\xff\xff"
                                           "\xff\xff\x01"));
    assert_ptr_not_equal(codec2__all__d_text__default_value, m2->d_text);
    assert_string_equal("hello", m2->d_text);
    assert_int_equal(1, m2->has_d_i32);
    assert_kept(&codec2__all__type, BYTES("\xd2\x02\x00"));
    assert_kept(&codec2__all__type, BYTES("\xd2\x02\x05hello"));
}

static void unknown_fields_are_kept(void **state)
{
    Codec3__Empty *m;

    (void)state;
    /* all wire types, groups in groups, in order; a field of 29 bits */
    assert_kept(&codec3__empty__type, BYTES("\x08\x96\x01"
                                            "\x11\x01\x02\x03\x04\x05\x06\x07\x08"
                                            "\x1a\x03xyz"
                                            "\x08\x01"
                                            "\x23\x08\x01\x2b\x12\x01q\x2c\x35\x01\x02\x03\x04\x24"
                                            "\x3d\x01\x02\x03\x04"
                                            "\xf8\xff\xff\xff\x0f\x80\x80\x00"));
    m = decoded(&codec3__empty__type, BYTES("\x1a\x03xyz\x08\x01"));
    assert_int_equal(2, m->base.n_unknown_fields);
    assert_int_equal(3, m->base.unknown_fields[0].tag);
    /* as protobuf-c keeps it: with its length in front */
    assert_int_equal(4, m->base.unknown_fields[0].len);
    assert_memory_equal("\x03xyz", m->base.unknown_fields[0].data, 4);
    /* within a message within, behind what is known */
    assert_becomes(&codec3__all__type,
                   BYTES("\x8a\x01\x05\xc0\x3e\x01\x08\x01\xc0\x3e\x02\x08\x03"),
                   BYTES("\x08\x03\x8a\x01\x05\x08\x01\xc0\x3e\x01\xc0\x3e\x02"));
    /* broken ones are refused */
    assert_refused(&codec3__empty__type, BYTES("\x23\x2b\x24\x2c"), CSVC_INTERNAL,
                   "another one's number");
    assert_refused(&codec3__empty__type, BYTES("\x23\x08\x01"), CSVC_INTERNAL, "without an end");
    assert_refused(&codec3__empty__type, BYTES("\x23\x0a\x05xx\x24"), CSVC_INTERNAL,
                   "cut off within a group");
    assert_refused(&codec3__empty__type, BYTES("\x23\x0f\x24"), CSVC_INTERNAL,
                   "a tag of no known wire type");
    assert_refused(&codec3__empty__type, BYTES("\x23\x00\x24"), CSVC_INTERNAL, "a broken tag");
    assert_refused(&codec3__empty__type, BYTES("\x23\x09\x24"), CSVC_INTERNAL, "cut off");
}

static void another_wire_type_is_unknown(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\x0a\x01\x05", 3},                              /* i32 as bytes: it is not repeated */
        {"\x0d\x01\x02\x03\x04", 5},                      /* i32 as fixed32 */
        {"\x38\x01", 2},                                  /* f32 as varint */
        {"\x39\x01\x02\x03\x04\x05\x06\x07\x08", 9},      /* f32 as 64 bits */
        {"\x78\x01", 2},                                  /* text as varint */
        {"\x7b\x08\x01\x7c", 4},                          /* text as a group */
        {"\x8b\x01\x08\x01\x8c\x01", 6},                  /* a message as a group */
        {"\x88\x01\x01", 3},                              /* a message as varint */
        {"\xa1\x01\x01\x02\x03\x04\x05\x06\x07\x08", 10}, /* repeated varint as 64 bits */
        {"\xd0\x01\x01", 3},                              /* repeated fixed32 as varint */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        csvc_bytes bytes = {cases[i].len, (const uint8_t *)cases[i].bytes};
        Codec3__All *m = decoded(&codec3__all__type, bytes);

        assert_int_equal(1, m->base.n_unknown_fields);
        assert_kept(&codec3__all__type, bytes);
    }
}

static void closed_enums_know_their_numbers(void **state)
{
    Codec2__All *m = decoded(&codec2__all__type, BYTES("\x70\x05\x70\x04"));
    Codec3__All *m3;

    (void)state;
    assert_int_equal(CODEC2__COLOR__BLUE, m->color);
    assert_int_equal(1, m->base.n_unknown_fields);
    assert_int_equal(14, m->base.unknown_fields[0].tag);
    m = decoded(&codec2__all__type, BYTES("\x70\x02"));
    assert_int_equal(0, m->has_color);
    assert_kept(&codec2__all__type, BYTES("\x70\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    /* repeated, packed or not: the strange ones go, one by one */
    m = decoded(&codec2__all__type, BYTES("\xd0\x01\x01\xd0\x01\x07\xd2\x01\x03\x05\x08\x00"));
    assert_int_equal(3, m->n_r_color);
    assert_int_equal(CODEC2__COLOR__BLUE, m->r_color[1]);
    assert_int_equal(CODEC2__COLOR__RED, m->r_color[2]);
    assert_int_equal(2, m->base.n_unknown_fields);
    assert_becomes(&codec2__all__type, BYTES("\xda\x01\x03\x05\x08\x00"),
                   BYTES("\xda\x01\x02\x05\x00\xd8\x01\x08"));
    m = decoded(&codec2__all__type, BYTES("\xb8\x03\x09"));
    assert_int_equal(CODEC2__ALL__CHOICE__NOT_SET, m->choice_case);
    /* an entry of a map goes whole */
    m = decoded(&codec2__all__type,
                BYTES("\xfa\x03\x04\x08\x01\x10\x05\xfa\x03\x04\x08\x00\x10\x09"));
    assert_int_equal(1, m->n_m_color);
    assert_int_equal(CODEC2__COLOR__BLUE, m->m_color[0]->value);
    assert_int_equal(1, m->base.n_unknown_fields);
    assert_kept(&codec2__all__type,
                BYTES("\xfa\x03\x04\x08\x01\x10\x05\xfa\x03\x04\x08\x00\x10\x09"));
    /* proto3's are open */
    m3 = decoded(&codec3__all__type, BYTES("\x70\x04\x8a\x02\x02\x07\x05"));
    assert_int_equal(4, m3->color);
    assert_int_equal(2, m3->n_r_color);
    assert_int_equal(0, m3->base.n_unknown_fields);
}

static void maps(void **state)
{
    Codec3__All *m =
        decoded(&codec3__all__type, BYTES("\xea\x03\x06\x0a\x01"
                                          "a\x12\x01x" /* a: x */
                                          "\xea\x03\x06\x12\x01"
                                          "y\x0a\x01"
                                          "b"            /* the value first */
                                          "\xea\x03\x00" /* neither */
                                          "\xea\x03\x06\x0a\x01"
                                          "a\x12\x01z"           /* a again */
                                          "\xf2\x03\x02\x08\x07" /* no value */
                                          "\xf2\x03\x0a\x08\x08\x12\x02\x08\x01\x12\x02\x12\x00"));
    Codec2__All *m2;

    (void)state;
    assert_int_equal(3, m->n_m_text);
    assert_string_equal("a", m->m_text[0]->key);
    assert_string_equal("z", m->m_text[0]->value);
    assert_string_equal("b", m->m_text[1]->key);
    assert_string_equal("y", m->m_text[1]->value);
    assert_string_equal("", m->m_text[2]->key);
    assert_string_equal("", m->m_text[2]->value);
    assert_int_equal(2, m->n_m_inner);
    assert_true(m->m_inner[0]->key == 7);
    assert_non_null(m->m_inner[0]->value);
    assert_int_equal(1, m->m_inner[1]->value->id);

    m2 = decoded(&codec2__all__type, BYTES("\xea\x03\x00\xfa\x03\x00"));
    assert_string_equal("", m2->m_text[0]->key);
    assert_int_equal(1, m2->m_text[0]->has_value);
    assert_int_equal(1, m2->m_color[0]->has_key);
    assert_int_equal(1, m2->m_color[0]->has_value);
    /* proto2: a default value that lacks required fields */
    assert_refused(&codec2__all__type, BYTES("\xf2\x03\x02\x08\x01"), CSVC_INTERNAL,
                   "codec2.Inner.id: a required field is missing");
}

/* An enemy sends a map of one key, many keys, or in many pieces of its message: none is slow. */
static void doubles_are_found_in_good_time(void **state)
{
    size_t n = 200000;
    uint8_t *wire = malloc(n * 20);

    (void)state;
    for (int round = 0; round < 2; round++) {
        size_t len = 0;
        Codec3__All *m;

        for (size_t i = 0; i < n; i++) {
            uint32_t key = round == 0 ? 5 : (uint32_t)((n - i) / 2);

            memcpy(wire + len, "\x82\x04\x0e\x08\x00\x00\x00\x11\x00\x00\x00\x00\x00\x00\x00\x00",
                   16);
            wire[len + 4] = (uint8_t)(key | 0x80);
            wire[len + 5] = (uint8_t)(key >> 7 | 0x80);
            wire[len + 6] = (uint8_t)(key >> 14);
            wire[len + 2] = 13;
            len += 16;
        }
        m = decoded(&codec3__all__type, (csvc_bytes){len, wire});
        assert_int_equal(round == 0 ? 1 : n / 2 + 1, m->n_m_dbl);
    }
    free(wire);
}

static void required_fields_must_come(void **state)
{
    (void)state;
    assert_refused(&codec2__inner__type, BYTES(""), CSVC_INTERNAL,
                   "codec2.Inner.id: a required field is missing");
    assert_refused(&codec2__inner__type, BYTES("\x08\x00"), CSVC_INTERNAL, "codec2.Inner.label");
    assert_kept(&codec2__inner__type, BYTES("\x08\x00\x22\x00"));
    /* deeper, in a list, in a oneof, in a map */
    assert_refused(&codec2__inner__type, BYTES("\x08\x00\x1a\x02\x08\x01\x22\x00"), CSVC_INTERNAL,
                   "codec2.Inner.label");
    assert_refused(&codec2__all__type, BYTES("\xf2\x01\x04\x08\x00\x22\x00\xf2\x01\x02\x08\x00"),
                   CSVC_INTERNAL, "codec2.Inner.label");
    assert_refused(&codec2__all__type, BYTES("\xb2\x03\x02\x08\x00"), CSVC_INTERNAL,
                   "codec2.Inner.label");
    /* what a oneof dropped is not missed */
    assert_becomes(&codec2__all__type, BYTES("\xb2\x03\x02\x08\x00\x98\x03\x01"),
                   BYTES("\x98\x03\x01"));
    /* two halves make a whole */
    assert_becomes(&codec2__all__type, BYTES("\x8a\x01\x02\x08\x05\x8a\x01\x03\x22\x01l"),
                   BYTES("\x8a\x01\x05\x08\x05\x22\x01l"));
    assert_refused(&codec2__required__type,
                   BYTES("\x08\x01\x12\x00\x1a\x00\x22\x04\x08\x00\x22\x00\x29\0\0\0\0\0\0\0\0"),
                   CSVC_INTERNAL, "codec2.Required.color");
    assert_kept(
        &codec2__required__type,
        BYTES("\x08\x01\x12\x00\x1a\x00\x22\x04\x08\x00\x22\x00\x29\0\0\0\0\0\0\0\0\x30\x05"));
    /* a closed enum's strange number does not count */
    assert_refused(
        &codec2__required__type,
        BYTES("\x08\x01\x12\x00\x1a\x00\x22\x04\x08\x00\x22\x00\x29\0\0\0\0\0\0\0\0\x30\x09"),
        CSVC_INTERNAL, "codec2.Required.color");
}

static void far_fields_are_found(void **state)
{
    Codec3__All *m = decoded(&codec3__all__type, BYTES("\xf8\xff\xff\xff\x0f\x07\xc2\xb8\x02\x01s"
                                                       "\xa2\x06\x01r"));

    (void)state;
    assert_int_equal(7, m->far);
    assert_string_equal("s", m->snake_case_2x);
    assert_string_equal("r", m->renamed_field);
}

static void the_arena_limits_a_message(void **state)
{
    csvc_arena *a = csvc_arena_new(100000);
    uint8_t *wire = calloc(1, 200000);
    csvc_error err = {CSVC_ERROR_INIT};
    void *message = NULL;

    (void)state;
    memcpy(wire, "\x82\x01\xc0\x9a\x0c", 5); /* 200,000 bytes... */
    assert_int_equal(CSVC_INTERNAL, csvc_decode(a, &codec3__all__type, (csvc_bytes){200000, wire},
                                                NULL, &message, &err));
    memcpy(wire, "\x82\x01\xa0\x8d\x0c", 5); /* 198,304 fit the input, not the arena */
    assert_int_equal(
        CSVC_RESOURCE_EXHAUSTED,
        csvc_decode(a, &codec3__all__type, (csvc_bytes){198309, wire}, NULL, &message, &err));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, err.code);
    assert_null(message);
    free(wire);
    csvc_arena_free(a);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_scalar),
        TEST(scalars_are_cut_to_size),
        TEST(the_last_one_wins),
        TEST(an_empty_message_has_defaults),
        TEST(repeated_both_ways),
        TEST(many_values_in_turn),
        TEST(counts_and_lengths_are_not_believed),
        TEST(broken_input_is_refused),
        TEST(text_is_utf8_without_nul),
        TEST(depth_is_limited),
        TEST(pieces_may_be_cut_anywhere),
        TEST(a_message_in_two_pieces_is_one),
        TEST(a_oneof_holds_the_last),
        TEST(presence_is_noted),
        TEST(unknown_fields_are_kept),
        TEST(another_wire_type_is_unknown),
        TEST(closed_enums_know_their_numbers),
        TEST(maps),
        TEST(doubles_are_found_in_good_time),
        TEST(required_fields_must_come),
        TEST(far_fields_are_found),
        TEST(the_arena_limits_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
