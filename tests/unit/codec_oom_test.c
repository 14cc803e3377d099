/* Fails the n-th allocation, for every n, through everything that the codec offers. */
#include "codec_helpers.h"

#include "failing_alloc.h"

static const csvc_message_type *resolve(void *self, const char *full_name)
{
    (void)self;
    return strcmp(full_name, "codec3.All") == 0 ? &codec3__all__type : NULL;
}

/* A message with some of everything and enough of it to need many chunks. */
static csvc_bytes large_input(void)
{
    static uint8_t wire[200000];
    size_t len = 0;

#define ADD(literal)                                                                               \
    (memcpy(wire + len, "" literal, sizeof(literal) - 1), len += sizeof(literal) - 1)
    for (int i = 0; i < 900; i++) {
        ADD("\x92\x02\x10"
            "sixteen and more");
        ADD("\xa2\x02\x04\x08\x01\x12\x00");
        ADD("\x9a\x02\x03\x01\x02\x03");
        ADD("\xa0\x01\x07\xc0\x3e\x01");
        ADD("\xf2\x03\x06\x08\x01\x12\x02\x08\x05");
        wire[len - 5] = (uint8_t)(i & 0x7F);
    }
    ADD("\x8a\x01\x07\x08\x07\x1a\x03\x12\x01n");
#undef ADD
    return (csvc_bytes){len, wire};
}

/* All of it, once. The first code that is not OK. */
static csvc_code round_trip(const csvc_message_type *type, csvc_bytes input)
{
    csvc_json_options options = {CSVC_JSON_OPTIONS_INIT, .defaults = true, .indent = 2,
                                 .resolve = resolve};
    csvc_bytes halves[2] = {{input.len / 2, input.data},
                            {input.len - input.len / 2, input.data + input.len / 2}};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_code code = CSVC_RESOURCE_EXHAUSTED;
    csvc_arena *a = csvc_arena_new(0);
    csvc_json_read_options read = {CSVC_JSON_READ_OPTIONS_INIT, .resolve = resolve};
    void *message = NULL;
    const char *text = NULL;
    void *copy;
    csvc_bytes encoded = {0, NULL};

    if (a == NULL) {
        return code;
    }
    code = csvc_decode_pieces(a, type, halves, 2, NULL, &message, &err);
    if (code == CSVC_OK) {
        code = csvc_encode(a, type, message, &encoded, &err);
    }
    if (code == CSVC_OK) {
        copy = csvc_message_copy(a, type, message);
        if (copy == NULL) {
            err.code = code = CSVC_RESOURCE_EXHAUSTED;
        } else {
            /* has a way to do without memory */
            assert_true(csvc_message_equal(type, message, copy));
        }
    }
    if (code == CSVC_OK) {
        text = csvc_json_print(a, type, message, &options, &err);
        code = text != NULL ? CSVC_OK : err.code;
    }
    if (code == CSVC_OK) {
        code = csvc_json_read(a, type, text, strlen(text), &read, &copy, &err);
    }
    if (code == CSVC_OK && csvc_message_new(a, type) == NULL) {
        err.code = code = CSVC_RESOURCE_EXHAUSTED;
    }
    assert_int_equal(code, err.code);
    csvc_arena_free(a);
    return code;
}

static void fail_each(const csvc_message_type *type, csvc_bytes input, size_t at_least)
{
    size_t n_allocations;

    failing_alloc_begin(0);
    assert_int_equal(CSVC_OK, round_trip(type, input));
    n_allocations = failing_alloc_end();
    assert_true(n_allocations >= at_least);
    for (size_t n = 1; n <= n_allocations; n++) {
        csvc_code code;

        failing_alloc_begin(n);
        code = round_trip(type, input);
        assert_int_equal(0, failing_alloc_live());
        failing_alloc_end();
        /* comparing goes on without */
        if (code != CSVC_OK) {
            assert_int_equal(CSVC_RESOURCE_EXHAUSTED, code);
        }
    }
}

static void a_large_message(void **state)
{
    (void)state;
    fail_each(&codec3__all__type, large_input(), 20);
}

static void well_known_types(void **state)
{
    static const char any[] = "\x0a\x2c\x0a\x1etype.googleapis.com/codec3.All\x12\x0a\x8a\x01\x07"
                              "\x08\x07\x1a\x03\x12\x01n"
                              "\x22\x06\x0a\x04path\x4a\x02\x08\x01"
                              "\x2a\x09\x0a\x07\x0a\x01k\x12\x02\x20\x01";

    (void)state;
    fail_each(&codec_wkt__known__type, BYTES(any), 4);
}

static void required_fields(void **state)
{
    (void)state;
    fail_each(&codec2__all__type, BYTES("\x8a\x01\x05\x08\x05\x22\x01l\xea\x03\x00\xea\x03\x00"),
              3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_message),
        cmocka_unit_test(well_known_types),
        cmocka_unit_test(required_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
