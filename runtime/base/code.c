/* base/code.c: names of codes, and the error text. */
#include <base/utf8.h>
#include <csvc/code.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

static const struct {
    const char *name;
    const char *metric;
} codes[] = {
#define ROW(constant, number, name, metric) [number] = {name, metric},
    CSVC_CODES(ROW)
#undef ROW
};

enum {
    N_CODES = sizeof(codes) / sizeof(codes[0])
};

static size_t code_index(csvc_code code)
{
    return (unsigned)code < N_CODES ? (size_t)code : (size_t)CSVC_UNKNOWN;
}

const char *csvc_code_name(csvc_code code)
{
    return codes[code_index(code)].name;
}

const char *csvc_code_metric_name(csvc_code code)
{
    return codes[code_index(code)].metric;
}

/* "0" to "16", without sign, blank or leading zero; -1 when it is none. */
static int code_number(const char *text)
{
    int number = 0;
    size_t len = strlen(text);

    if (len == 0 || len > 2 || (len == 2 && text[0] == '0')) {
        return -1;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        number = number * 10 + (*text - '0');
    }
    return number < N_CODES ? number : -1;
}

bool csvc_code_parse(const char *text, csvc_code *ret_code)
{
    int number = code_number(text);

    for (int i = 0; number < 0 && i < N_CODES; i++) {
        if (strcmp(text, codes[i].name) == 0 || strcmp(text, codes[i].metric) == 0) {
            number = i;
        }
    }
    if (number < 0) {
        return false;
    }
    *ret_code = (csvc_code)number;
    return true;
}

csvc_code csvc_error_set(csvc_error *err, csvc_code code, const char *format, ...)
{
    va_list args;
    int len;

    if (err == NULL) {
        return code;
    }
    err->code = code;
    err->retriable = code == CSVC_UNAVAILABLE;
    va_start(args, format);
    len = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    if (len < 0) {
        err->text[0] = '\0';
    } else if ((size_t)len >= sizeof(err->text)) {
        /* cut, but not in the middle of a character */
        size_t last = sizeof(err->text) - 1;
        size_t from = last;

        while (from > last - 3 && (err->text[from - 1] & 0xC0) == 0x80) {
            from--;
        }
        if (from > 0 && (err->text[from - 1] & 0x80) != 0) {
            from--;
        }
        err->text[from + csvc__utf8_valid(err->text + from, last - from)] = '\0';
    }
    return code;
}
