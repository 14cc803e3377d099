/* codec/json_scan.c: the words of a JSON text, and what is said of a wrong one. */
#include <base/buffer.h>
#include <base/utf8.h>
#include <codec/json_reader.h>

#include <stdarg.h>
#include <stdio.h>

#include <base/banned.h>

enum {
    SHOWN_PATH = 200, /* bytes of a path in an error; of a longer one its end */
    SHOWN_KEY = 60
};

/* ---- errors ---- */

static bool is_plain_key(const char *key, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char c = key[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
              (c >= '0' && c <= '9' && i > 0))) {
            return false;
        }
    }
    return n > 0;
}

/* ".name", "[3]", "[\"a key\"]"; what would break a line of text is shown as '?'. */
static size_t print_step(const struct csvc__json_step *step, char ret_text[SHOWN_KEY + 32])
{
    const bool plain = step->key != NULL && is_plain_key(step->key, step->n);
    size_t n = step->n < SHOWN_KEY ? step->n : SHOWN_KEY;
    size_t at = 0;

    if (step->key == NULL) {
        return (size_t)snprintf(ret_text, SHOWN_KEY + 32, "[%zu]", step->n);
    }
    while (n < step->n && n > 0 && ((unsigned char)step->key[n] & 0xC0) == 0x80) {
        n--; /* not within a character */
    }
    at += (size_t)snprintf(ret_text, 3, "%s", plain ? "." : "[\"");
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)step->key[i];

        ret_text[at++] = (char)(c < 0x20 || c == 0x7F ? '?' : c);
    }
    at += (size_t)snprintf(ret_text + at, 8, "%s%s", n < step->n ? "..." : "", plain ? "" : "\"]");
    return at;
}

/* Written from its end to its start, as that is how the steps are linked. */
static const char *print_path(const struct csvc__json_step *step, char ret_text[SHOWN_PATH + 8])
{
    char piece[SHOWN_KEY + 32];
    char *at = ret_text + SHOWN_PATH + 7;

    *at = '\0';
    for (; step != NULL; step = step->up) {
        size_t len = print_step(step, piece);

        if (len > (size_t)(at - ret_text) - 4) {
            at -= 3;
            memcpy(at, "...", 3);
            break;
        }
        at -= len;
        memcpy(at, piece, len);
    }
    *--at = '$';
    return at;
}

CSVC__COLD bool csvc__read_refuse(struct csvc__reader *r, const char *at, const char *format, ...)
{
    char path[SHOWN_PATH + 8];
    csvc_error why;
    uint64_t line = r->options.first_line > 0 ? r->options.first_line : 1;
    uint64_t column = 1;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why.text, sizeof(why.text), format, args);
    va_end(args);
    for (char *p = why.text; *p != '\0'; p++) {
        *p = (char)((unsigned char)*p < 0x20 || *p == 0x7F ? '?' : *p); /* quoted from the text */
    }
    for (const char *p = r->start; p < at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else {
            column += ((unsigned char)*p & 0xC0) != 0x80;
        }
    }
    r->code = csvc_error_set(r->err, CSVC_INVALID_ARGUMENT, "%s, %llu:%llu: %s",
                             print_path(r->step, path), (unsigned long long)line,
                             (unsigned long long)column, why.text);
    return false;
}

CSVC__COLD bool csvc__read_no_memory(struct csvc__reader *r)
{
    r->code = csvc_error_set(r->err, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
    return false;
}

CSVC__COLD bool csvc__read_wanted(struct csvc__reader *r, const char *what)
{
    const char c = csvc__read_peek(r);
    const char *found = NULL;

    switch (c) {
    case '{':
        found = "an object";
        break;
    case '[':
        found = "a list";
        break;
    case '"':
        found = "a string";
        break;
    case '0':
        found = "a number";
        break;
    case 't':
    case 'f':
        found = "true or false";
        break;
    case 'n':
        found = "null";
        break;
    case '\0':
        found = r->at == r->end ? "the end of the text" : "a NUL";
        break;
    default:
        break;
    }
    if (found != NULL) {
        return csvc__read_refuse(r, r->at, "%s is wanted, not %s", what, found);
    }
    if (c > 0x20 && c < 0x7F) {
        return csvc__read_refuse(r, r->at, "%s is wanted, not '%c'", what, c);
    }
    return csvc__read_refuse(r, r->at, "%s is wanted, not a byte 0x%02x", what, (unsigned char)c);
}

/* ---- what comes ---- */

char csvc__read_peek(struct csvc__reader *r)
{
    while (r->at < r->end &&
           (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) {
        r->at++;
    }
    if (r->at == r->end) {
        return '\0';
    }
    return *r->at == '-' || (*r->at >= '0' && *r->at <= '9') ? '0' : *r->at;
}

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

size_t csvc__number_len(const char *p, const char *end)
{
    const char *start = p;

    p += p < end && *p == '-';
    if (!is_digit(p, end)) {
        return 0;
    }
    if (*p++ != '0') {
        while (is_digit(p, end)) {
            p++;
        }
    }
    if (p < end && *p == '.') {
        if (!is_digit(++p, end)) {
            return 0;
        }
        while (is_digit(p, end)) {
            p++;
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        if (!is_digit(p, end)) {
            return 0;
        }
        while (is_digit(p, end)) {
            p++;
        }
    }
    return (size_t)(p - start);
}

bool csvc__read_number(struct csvc__reader *r, struct csvc__json_text *ret_text)
{
    const size_t len = csvc__number_len(r->at, r->end);

    if (len == 0) {
        return csvc__read_refuse(r, r->at, "a number such as -1.5e3 is wanted");
    }
    if (is_digit(r->at + len, r->end)) {
        return csvc__read_refuse(r, r->at, "a number may not begin with a needless 0");
    }
    *ret_text = (struct csvc__json_text){.data = r->at, .len = len, .at = r->at};
    r->at += len;
    return true;
}

bool csvc__read_word(struct csvc__reader *r, const char *word)
{
    const size_t len = strlen(word);

    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0) {
        return csvc__read_refuse(r, r->at, "only true, false and null are words without quotes");
    }
    r->at += len;
    return true;
}

/* ---- strings ---- */

static int hex4(const char *p, const char *end)
{
    int value = 0;

    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        const char c = p[i];

        value <<= 4;
        if (c >= '0' && c <= '9') {
            value |= c - '0';
        } else if (c >= 'a' && c <= 'f') {
            value |= c - 'a' + 10;
        } else if (c >= 'A' && c <= 'F') {
            value |= c - 'A' + 10;
        } else {
            return -1;
        }
    }
    return value;
}

static size_t put_utf8(char *to, uint32_t c)
{
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (len == 1) {
        to[0] = (char)c;
        return 1;
    }
    for (size_t i = len - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    to[0] = (char)((0xF00U >> len & 0xFF) | c);
    return len;
}

/* What stands behind "\u", at `*p`; two of them for a character beyond U+FFFF. */
static bool unescape_unicode(struct csvc__reader *r, const char **p, const char *end, char **to)
{
    const char *escape = *p - 2;
    int c = hex4(*p, end);
    int low;

    if (c < 0) {
        return csvc__read_refuse(r, escape, "four hexadecimal digits are wanted behind \\u");
    }
    *p += 4;
    if (c >= 0xD800 && c <= 0xDFFF) {
        low = c < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' ? hex4(*p + 2, end)
                                                                               : -1;
        if (low < 0xDC00 || low > 0xDFFF) {
            return csvc__read_refuse(r, escape, "half of a surrogate pair");
        }
        *p += 6;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    *to += put_utf8(*to, (uint32_t)c);
    return true;
}

/* An escape is never shorter than what it stands for. */
static bool unescape(struct csvc__reader *r, const char *p, const char *end,
                     struct csvc__json_text *ret_text)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    char *copy = csvc__arena_take(r->a, (size_t)(end - p) + 1);
    char *to = copy;

    if (copy == NULL) {
        return csvc__read_no_memory(r);
    }
    while (p < end) {
        const char *letter;

        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        letter = memchr(letters, p[1], sizeof(letters) - 1);
        p += 2;
        if (letter != NULL) {
            *to++ = meant[letter - letters];
        } else if (p[-1] != 'u') {
            return csvc__read_refuse(r, p - 2, "no such escape in JSON");
        } else if (!unescape_unicode(r, &p, end, &to)) {
            return false;
        }
    }
    *to = '\0';
    ret_text->data = copy;
    ret_text->len = (size_t)(to - copy);
    ret_text->owned = true;
    return true;
}

bool csvc__read_string(struct csvc__reader *r, struct csvc__json_text *ret_text)
{
    const char *start = r->at + 1;
    const char *p = start;
    bool escapes = false;
    size_t valid;

    for (; p < r->end && *p != '"'; p++) {
        if ((unsigned char)*p < 0x20) {
            return csvc__read_refuse(r, p, "a control character in a string must be escaped");
        }
        if (*p == '\\') {
            escapes = true;
            p += p + 1 < r->end;
        }
    }
    if (p >= r->end) {
        return csvc__read_refuse(r, r->at, "a string that does not end");
    }
    valid = csvc__utf8_valid(start, (size_t)(p - start));
    if (valid != (size_t)(p - start)) {
        return csvc__read_refuse(r, start + valid, "not UTF-8");
    }
    *ret_text = (struct csvc__json_text){.data = start, .len = valid, .at = r->at};
    if (escapes && !unescape(r, start, p, ret_text)) {
        return false;
    }
    r->at = p + 1;
    return true;
}

const char *csvc__read_terminated(struct csvc__reader *r, const struct csvc__json_text *text,
                                  char *buffer, size_t size)
{
    char *copy = buffer;

    if (text->owned) {
        return text->data;
    }
    if (text->len >= size) {
        copy = csvc__arena_take(r->a, text->len + 1);
        if (copy == NULL) {
            (void)csvc__read_no_memory(r);
            return NULL;
        }
    }
    memcpy(copy, text->data, text->len);
    copy[text->len] = '\0';
    return copy;
}

/* ---- objects and lists ---- */

bool csvc__read_first(struct csvc__reader *r, char close, bool *ret_more)
{
    r->at++;
    *ret_more = csvc__read_peek(r) != close;
    r->at += !*ret_more;
    return true;
}

bool csvc__read_next(struct csvc__reader *r, char close, bool *ret_more)
{
    const char c = csvc__read_peek(r);

    if (c != ',' && c != close) {
        return csvc__read_wanted(r, close == '}' ? "',' or '}'" : "',' or ']'");
    }
    r->at++;
    *ret_more = c == ',';
    return true;
}

bool csvc__read_key(struct csvc__reader *r, struct csvc__json_text *ret_text)
{
    if (csvc__read_peek(r) != '"') {
        return csvc__read_wanted(r, "a key in quotes");
    }
    if (!csvc__read_string(r, ret_text)) {
        return false;
    }
    if (csvc__read_peek(r) != ':') {
        return csvc__read_wanted(r, "':'");
    }
    r->at++;
    return true;
}

bool csvc__read_skip(struct csvc__reader *r, uint32_t depth)
{
    const char c = csvc__read_peek(r);
    const char close = c == '{' ? '}' : ']';
    struct csvc__json_text text;
    bool more;

    switch (c) {
    case '"':
        return csvc__read_string(r, &text);
    case '0':
        return csvc__read_number(r, &text);
    case 't':
        return csvc__read_word(r, "true");
    case 'f':
        return csvc__read_word(r, "false");
    case 'n':
        return csvc__read_word(r, "null");
    case '{':
    case '[':
        break;
    default:
        return csvc__read_wanted(r, "a value");
    }
    if (depth == 0) {
        return csvc__read_refuse(r, r->at, "nested too deep");
    }
    if (!csvc__read_first(r, close, &more)) {
        return false;
    }
    while (more) {
        if ((c == '{' && !csvc__read_key(r, &text)) || !csvc__read_skip(r, depth - 1) ||
            !csvc__read_next(r, close, &more)) {
            return false;
        }
    }
    return true;
}
