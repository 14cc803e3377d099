#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/utf8.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The definition, written the long way: decode, then ask. */
static bool reference(const uint8_t *p, size_t len)
{
    while (len > 0) {
        uint32_t c = p[0];
        size_t n = c < 0x80 ? 1 : c < 0xC0 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF8 ? 4 : 0;
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

        if (n == 0 || n > len) {
            return false;
        }
        if (n > 1) {
            c &= 0x7Fu >> n;
        }
        for (size_t i = 1; i < n; i++) {
            if ((p[i] & 0xC0) != 0x80) {
                return false;
            }
            c = c << 6 | (p[i] & 0x3F);
        }
        if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
            return false;
        }
        p += n;
        len -= n;
    }
    return true;
}

static void check(const uint8_t *p, size_t len)
{
    bool expected = reference(p, len);
    size_t valid = csvc__utf8_valid(p, len);

    assert_int_equal(expected, valid == len);
    assert_true(reference(p, valid));
    assert_int_equal(expected && memchr(p, 0, len) == NULL, csvc__utf8_text(p, len));
}

static void all_of_up_to_three_bytes(void **state)
{
    uint8_t p[3] = {0};

    (void)state;
    check(p, 0);
    for (uint32_t word = 0; word < 1u << 24; word++) {
        p[0] = (uint8_t)word;
        p[1] = (uint8_t)(word >> 8);
        p[2] = (uint8_t)(word >> 16);
        if (word < 1u << 8) {
            check(p, 1);
        }
        if (word < 1u << 16) {
            check(p, 2);
        }
        /* cmocka's asserts take time: one in eleven of the plain ones is enough */
        if (p[0] >= 0xC0 ? word % 3 == 0 : word % 11 == 0) {
            check(p, 3);
        }
    }
}

static void all_four_byte_beginnings(void **state)
{
    static const uint8_t tails[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0xA0, 0xBF, 0xC0, 0xFF};
    uint8_t p[5] = {0, 0, 0, 0, 'x'};

    (void)state;
    for (int first = 0xE0; first < 0x100; first++) {
        for (int second = 0; second < 0x100; second++) {
            for (size_t i = 0; i < sizeof(tails); i++) {
                for (size_t k = 0; k < sizeof(tails); k++) {
                    p[0] = (uint8_t)first;
                    p[1] = (uint8_t)second;
                    p[2] = tails[i];
                    p[3] = tails[k];
                    check(p, 4);
                    check(p, 5);
                }
            }
        }
    }
}

/* One byte that is not like the others, at every place of a short text. */
static void one_byte_of_a_short_text(void **state)
{
    (void)state;
    for (size_t len = 1; len < 20; len++) {
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 0x100; byte++) {
                uint8_t *text = malloc(len);

                memset(text, 'a', len);
                text[at] = (uint8_t)byte;
                assert_int_equal(byte < 0x80, csvc__utf8_plain(text, len, false));
                assert_int_equal(byte < 0x80 && byte > 0, csvc__utf8_plain(text, len, true));
                check(text, len);
                free(text);
            }
        }
    }
}

/* A character at every place of a longer text, so that the steps of eight meet it everywhere. */
static void at_every_place(void **state)
{
    static const char *const inserts[] = {"",     "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                          "\xC3", "\x80",     "\xED\xA0\x80", "\xF0\x9F\x98"};
    uint8_t *text;

    (void)state;
    for (size_t len = 0; len < 40; len++) {
        for (size_t at = 0; at <= len; at++) {
            for (size_t i = 0; i < sizeof(inserts) / sizeof(inserts[0]); i++) {
                size_t n = strlen(inserts[i]);

                text = malloc(len + n + 1); /* its own block, so that ASan sees a byte too far */
                memset(text, 'a', at);
                memcpy(text + at, inserts[i], n);
                memset(text + at + n, 'b', len - at);
                check(text, len + n);
                if (len > 0) {
                    text[len - 1] = 0;
                    check(text, len + n);
                }
                free(text);
            }
        }
    }
}

static void cut_between_characters(void **state)
{
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
    static const int wanted[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10, 10};

    (void)state;
    for (int max = 0; max < (int)(sizeof(wanted) / sizeof(wanted[0])); max++) {
        assert_int_equal(wanted[max], csvc__utf8_cut(text, max));
    }
    assert_int_equal(0, csvc__utf8_cut("", 5));
}

static void same_but_for_case(void **state)
{
    (void)state;
    assert_true(csvc__ascii_same("", ""));
    assert_true(csvc__ascii_same("User_Id[@`{", "uSER_iD[@`{"));
    assert_false(csvc__ascii_same("user", "user_id"));
    assert_false(csvc__ascii_same("user_id", "user"));
    assert_false(csvc__ascii_same("@[", "`{")); /* apart by what a letter's cases are */
    assert_false(csvc__ascii_same("\xC3\x84", "\xC3\xA4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_up_to_three_bytes), cmocka_unit_test(all_four_byte_beginnings),
        cmocka_unit_test(one_byte_of_a_short_text), cmocka_unit_test(at_every_place),
        cmocka_unit_test(cut_between_characters),   cmocka_unit_test(same_but_for_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
