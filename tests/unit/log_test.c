#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/code.h>
#include <csvc/log.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failing_alloc.h"

/* What the built-in sink writes for one record. */
static char line[200000];

#define LOGGED(...)                                                                                \
    do {                                                                                           \
        FILE *file = tmpfile();                                                                    \
        int saved_fd = dup(2);                                                                     \
        size_t n;                                                                                  \
                                                                                                   \
        assert_non_null(file);                                                                     \
        dup2(fileno(file), 2);                                                                     \
        csvc_log(__VA_ARGS__);                                                                     \
        dup2(saved_fd, 2);                                                                         \
        close(saved_fd);                                                                           \
        rewind(file);                                                                              \
        n = fread(line, 1, sizeof(line) - 1, file);                                                \
        line[n] = '\0';                                                                            \
        fclose(file);                                                                              \
    } while (0)

static void text_lines(void **state)
{
    (void)state;
    csvc_log_set_format(CSVC_LOG_TEXT);
    LOGGED(CSVC_LOG_INFO, "listening", "grpc", "127.0.0.1:50051", "storage", "sqlite:a.db", NULL);
    assert_string_equal("INFO  listening grpc=127.0.0.1:50051 storage=sqlite:a.db\n", line);
    LOGGED(CSVC_LOG_ERROR, "stopped", "why", NULL, "code", "7", NULL);
    assert_string_equal("ERROR stopped code=7\n", line);
    LOGGED(CSVC_LOG_WARN, "odd", "a", "", "b", "two words", "c", "q\"q", "d", "x=y", "e", "b\\s",
           NULL);
    assert_string_equal("WARN  odd a=\"\" b=\"two words\" c=\"q\\\"q\" d=\"x=y\" e=\"b\\\\s\"\n",
                        line);
    LOGGED(CSVC_LOG_INFO, "two\nlines", "a", "x\ny\r\t\x1b[0m\x7f", "b", "\xC3\xA9", "c",
           "\xFF\xC2\x9B\xE2\x80\xA8", NULL);
    assert_string_equal("INFO  two\\nlines a=\"x\\ny\\r\\t\\x1b[0m\\x7f\" b=\xC3\xA9 "
                        "c=\"\\xff\\xc2\\x9b\\xe2\\x80\\xa8\"\n",
                        line);
}

static void json_lines(void **state)
{
    char *rest;

    (void)state;
    csvc_log_set_format(CSVC_LOG_JSON);
    LOGGED(CSVC_LOG_INFO, "listening", "grpc", "a\"\n", NULL);
    csvc_log_set_format(CSVC_LOG_TEXT);
    assert_memory_equal("{\"time\": \"20", line, 12);
    rest = strstr(line, "Z\", ");
    assert_non_null(rest);
    assert_string_equal(
        "Z\", \"level\": \"info\", \"event\": \"listening\", \"grpc\": \"a\\\"\\n\"}\n", rest);
}

/* What a reader of the JSON may count with; text lines are as ever. */
static void numbers_are_numbers(void **state)
{
    static const char *const texts[] = {"",    "-",  ".5", "1.",  "007", "1e",   "1e+",
                                        "nan", "1 ", " 1", "0x1", "1,5", "12ms", "1.5.5"};
    static const char *const numbers[] = {"0", "-7", "12.500", "1e9", "1.5E-3", "-0.0"};
    char wanted[100];
    char digits[200] = "";

    (void)state;
    csvc_log_set_format(CSVC_LOG_JSON);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        LOGGED(CSVC_LOG_INFO, "x", "none", NULL, "n", "1", "#ms", numbers[i], "m", "2", NULL);
        snprintf(wanted, sizeof(wanted), ", \"n\": \"1\", \"ms\": %s, \"m\": \"2\"}\n", numbers[i]);
        assert_non_null(strstr(line, wanted));
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        LOGGED(CSVC_LOG_INFO, "x", "#ms", texts[i], NULL);
        snprintf(wanted, sizeof(wanted), ", \"ms\": \"%s\"}\n", texts[i]);
        assert_non_null(strstr(line, wanted));
    }
    memset(digits, '1', sizeof(digits) - 1);
    LOGGED(CSVC_LOG_INFO, "x", "#ms", digits, NULL);
    assert_non_null(strstr(line, "\"ms\": \"111"));
    csvc_log_set_format(CSVC_LOG_TEXT);
    LOGGED(CSVC_LOG_INFO, "x", "#ms", "12.500", "#why", "two words", NULL);
    assert_string_equal("INFO  x ms=12.500 why=\"two words\"\n", line);
}

static void levels_drop(void **state)
{
    csvc_log_level level = CSVC_LOG_OFF;

    (void)state;
    assert_false(csvc_log_enabled(CSVC_LOG_DEBUG));
    LOGGED(CSVC_LOG_DEBUG, "quiet", NULL);
    assert_string_equal("", line);
    csvc_log_set_level(CSVC_LOG_DEBUG);
    assert_true(csvc_log_enabled(CSVC_LOG_DEBUG));
    csvc_log_set_level(CSVC_LOG_OFF);
    LOGGED(CSVC_LOG_ERROR, "quiet", NULL);
    assert_string_equal("", line);
    csvc_log_set_level(CSVC_LOG_INFO);
    assert_true(csvc_log_level_parse("warn", &level));
    assert_int_equal(CSVC_LOG_WARN, level);
    assert_false(csvc_log_level_parse("WARN", &level));
    assert_false(csvc_log_level_parse("", &level));
}

static void formats_are_read(void **state)
{
    csvc_log_format format = CSVC_LOG_TEXT;

    (void)state;
    assert_true(csvc_log_format_parse("json", &format));
    assert_int_equal(CSVC_LOG_JSON, format);
    assert_false(csvc_log_format_parse("xml", &format));
}

static void long_lines_end(void **state)
{
    char *value = malloc(100001);
    size_t len;

    (void)state;
    memset(value, 'v', 100000);
    value[100000] = '\0';
    for (int json = 0; json < 2; json++) {
        csvc_log_set_format(json ? CSVC_LOG_JSON : CSVC_LOG_TEXT);
        LOGGED(CSVC_LOG_INFO, "long", "a", value, "b", value, "c", value, "d", value, "e", value,
               "f", value, NULL);
        len = strlen(line);
        assert_in_range(len, 30000, 66000);
        assert_int_equal('\n', line[len - 1]);
        if (json) {
            assert_int_equal('}', line[len - 2]);
        }
    }
    csvc_log_set_format(CSVC_LOG_TEXT);
    free(value);
}

static void without_memory_a_line_says_so(void **state)
{
    (void)state;
    failing_alloc_begin(1);
    errno = 55;
    LOGGED(CSVC_LOG_INFO, "x", NULL);
    assert_int_equal(1, failing_alloc_end());
    assert_string_equal("ERROR no memory for a log line\n", line);
}

static void keep(void *self, const csvc_log_record *record)
{
    char *text = self;

    snprintf(text, 100, "%d %s %zu %s %s", record->level, record->event, record->n_pairs,
             record->pairs[0], record->pairs[1]);
}

static void a_sink_gets_the_record(void **state)
{
    char text[100] = "";

    (void)state;
    csvc_log_set_sink(keep, text);
    csvc_log(CSVC_LOG_WARN, "event", "none", NULL, "key", "value", NULL);
    csvc_log_set_sink(NULL, NULL);
    assert_string_equal("2 event 1 key value", text);
}

static void codes_have_names(void **state)
{
    csvc_code code = CSVC_OK;

    (void)state;
    assert_string_equal("NOT_FOUND", csvc_code_name(CSVC_NOT_FOUND));
    assert_string_equal("NotFound", csvc_code_metric_name(CSVC_NOT_FOUND));
    assert_string_equal("UNKNOWN", csvc_code_name((csvc_code)17));
    assert_string_equal("UNKNOWN", csvc_code_name((csvc_code)-1));
    for (int i = 0; i <= 16; i++) {
        char number[8];

        assert_true(csvc_code_parse(csvc_code_name((csvc_code)i), &code));
        assert_int_equal(i, code);
        assert_true(csvc_code_parse(csvc_code_metric_name((csvc_code)i), &code));
        assert_int_equal(i, code);
        snprintf(number, sizeof(number), "%d", i);
        assert_true(csvc_code_parse(number, &code));
        assert_int_equal(i, code);
    }
    assert_false(csvc_code_parse("17", &code));
    assert_false(csvc_code_parse("", &code));
    assert_false(csvc_code_parse("-1", &code));
    assert_false(csvc_code_parse("07", &code));
    assert_false(csvc_code_parse("nope", &code));
    assert_int_equal(16, code);
}

static void error_text_is_cut_between_characters(void **state)
{
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    assert_int_equal(CSVC_ABORTED, csvc_error_set(NULL, CSVC_ABORTED, "x"));
    assert_int_equal(CSVC_UNAVAILABLE, csvc_error_set(&err, CSVC_UNAVAILABLE, "%s", "gone"));
    assert_string_equal("gone", err.text);
    assert_true(err.retriable);
    for (int blanks = 480; blanks < 500; blanks++) {
        csvc_error_set(&err, CSVC_INTERNAL, "%*s%s%s%s", blanks, "", "\xE2\x82\xAC",
                       "\xF0\x9F\x98\x80", "\xC3\xA9 and more that does not fit");
        assert_in_range(strlen(err.text), 492, 495);
        assert_int_not_equal(0xE2, (uint8_t)err.text[strlen(err.text) - 1]);
        assert_int_not_equal(0x9F, (uint8_t)err.text[strlen(err.text) - 1]);
        assert_int_not_equal(0x98, (uint8_t)err.text[strlen(err.text) - 1]);
        assert_int_not_equal(0xC3, (uint8_t)err.text[strlen(err.text) - 1]);
        assert_int_not_equal(0xF0, (uint8_t)err.text[strlen(err.text) - 1]);
    }
    assert_false(err.retriable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(numbers_are_numbers),
        cmocka_unit_test(levels_drop),
        cmocka_unit_test(formats_are_read),
        cmocka_unit_test(long_lines_end),
        cmocka_unit_test(without_memory_a_line_says_so),
        cmocka_unit_test(a_sink_gets_the_record),
        cmocka_unit_test(codes_have_names),
        cmocka_unit_test(error_text_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
