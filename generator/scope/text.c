/* scope/text.c: laying text out: brackets, comments, literals. */
#include "scope/scope.h"

#include <string.h>

#include "base/arena.h"

#include "base/banned.h"

enum {
    MAX_TEXT = 64 << 20,
    BYTES_A_ROW = 16
};

/* The buffer's text in the arena; the buffer is released. */
static char *finish(csvc_arena *a, csvc__buffer *b)
{
    char *text = NULL;

    csvc__buffer_add(b, "", 0);
    if (csvc__buffer_ok(b)) {
        text = csvc_arena_strndup(a, b->data, b->len);
    }
    csvc__buffer_release(b);
    return text;
}

static void add_blanks(csvc__buffer *b, size_t n)
{
    while (n-- > 0) {
        csvc__buffer_putc(b, ' ');
    }
}

/* ---- brackets ---- */

static char *put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

char *gen_layout(csvc_arena *a, size_t column, const char *prefix, const char *const *items,
                 size_t n_items, const char *suffix)
{
    const size_t prefix_len = strlen(prefix);
    const size_t suffix_len = strlen(suffix);
    size_t indent = prefix_len;
    size_t column_now = column + indent; /* where the line ends so far */
    bool is_call = indent > 0 && prefix[indent - 1] == '(';
    bool aligned = true;
    size_t most = prefix_len + suffix_len + 1;
    char *text;
    char *at;

    for (size_t i = 0; i < n_items; i++) {
        const size_t len = strlen(items[i]);
        const size_t behind = i + 1 < n_items ? 1 : suffix_len;

        aligned = aligned && (!is_call || column + indent + len + behind <= GEN_COLUMNS);
        most += len + 2 + (indent > 4 ? indent : 4); /* a comma, and a new line with its blanks */
    }
    text = csvc_arena_alloc(a, most);
    if (text == NULL) {
        return NULL;
    }
    at = put(text, prefix, prefix_len);
    if (!aligned) {
        indent = 4;
        column_now = GEN_COLUMNS; /* the first item goes to a line of its own, too */
    }
    for (size_t i = 0; i < n_items; i++) {
        const size_t len = strlen(items[i]);
        const size_t behind = i + 1 < n_items ? 1 : suffix_len;
        const bool same_line = i == 0 ? aligned : column_now + 1 + len + behind <= GEN_COLUMNS;

        if (!same_line) {
            *at++ = '\n';
            memset(at, ' ', indent);
            at += indent;
            column_now = column + indent;
        } else if (i > 0) {
            *at++ = ' ';
            column_now++;
        }
        at = put(at, items[i], len);
        column_now += len;
        if (i + 1 < n_items) {
            *at++ = ',';
            column_now++;
        }
    }
    at = put(at, suffix, suffix_len);
    *at = '\0';
    return csvc__arena_resize(a, text, most, (size_t)(at - text) + 1);
}

/* ---- comments ---- */

/* How many columns the UTF-8 text takes, about: a character each. */
static size_t width(const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n += ((uint8_t)text[i] & 0xC0) != 0x80;
    }
    return n;
}

/* How many bytes of a line go on this one: up to the last blank before `room` columns are used up,
 * or the first blank when there is none before. */
static size_t fitting(const char *line, size_t len, size_t indent, size_t room)
{
    size_t best = 0;

    if (width(line, len) <= room) {
        return len;
    }
    for (size_t i = indent + 1; i < len; i++) {
        if (line[i] == ' ' && line[i - 1] != ' ') {
            if (best > 0 && width(line, i) > room) {
                break;
            }
            best = i;
        }
    }
    return best > 0 ? best : len;
}

/* One line of a comment block, in as many as it takes. */
static void add_line(csvc__buffer *b, const char *line, size_t len, size_t room)
{
    size_t indent = 0;
    size_t hanging = 0; /* what goes on behind a list's dash stands below the text */
    size_t deeper = 0;

    while (indent < len && line[indent] == ' ') {
        indent++;
    }
    if (len - indent > 2 && strchr("-*+", line[indent]) != NULL && line[indent + 1] == ' ') {
        hanging = 2;
    }
    if (indent > room / 2) {
        line += indent; /* no room for it */
        len -= indent;
        indent = 0;
    }
    if (len == 0) {
        csvc__buffer_puts(b, " *\n");
    }
    while (len > 0) {
        size_t n = fitting(line, len, deeper > 0 ? 0 : indent, room - deeper);

        csvc__buffer_puts(b, " * ");
        add_blanks(b, deeper);
        csvc__buffer_add(b, line, n);
        csvc__buffer_putc(b, '\n');
        line += n;
        len -= n;
        while (len > 0 && *line == ' ') {
            line++;
            len--;
        }
        deeper = indent + hanging;
    }
}

char *gen_layout_comment(csvc_arena *a, size_t column, const char *text)
{
    size_t room = GEN_COLUMNS - column;
    csvc__buffer b;

    if (text == NULL || *text == '\0') {
        return text != NULL ? csvc_arena_strdup(a, "") : NULL;
    }
    csvc__buffer_init(&b, MAX_TEXT);
    if (strchr(text, '\n') == NULL && width(text, strlen(text)) + 6 <= room) {
        csvc__buffer_printf(&b, "/* %s */", text);
        return finish(a, &b);
    }
    csvc__buffer_puts(&b, "/*\n");
    for (;;) {
        size_t len = strcspn(text, "\n");

        add_line(&b, text, len, room - 3);
        if (text[len] == '\0') {
            break;
        }
        text += len + 1;
    }
    csvc__buffer_puts(&b, " */");
    return finish(a, &b);
}

/* ---- literals ---- */

char *gen_c_string(csvc_arena *a, const char *text)
{
    char before = '\0';
    csvc__buffer b;

    csvc__buffer_init(&b, MAX_TEXT);
    csvc__buffer_putc(&b, '"');
    for (; *text != '\0'; before = *text++) {
        uint8_t byte = (uint8_t)*text;

        if (byte == '"' || byte == '\\' || (byte == '?' && before == '?')) {
            csvc__buffer_putc(&b, '\\'); /* ? too: no trigraphs */
            csvc__buffer_putc(&b, *text);
        } else if (byte < 0x20 || byte == 0x7F) {
            csvc__buffer_printf(&b, "\\%03o", byte);
        } else {
            csvc__buffer_putc(&b, *text);
        }
    }
    csvc__buffer_putc(&b, '"');
    return finish(a, &b);
}

char *gen_c_bytes(csvc_arena *a, csvc_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    enum {
        ONE = 6 /* "0x0a, " */
    };
    char *text;
    char *at;

    if (bytes.len > MAX_TEXT) {
        return NULL;
    }
    text = csvc_arena_alloc(a, bytes.len * ONE + 1);
    at = text;
    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        bool ends_row = i % BYTES_A_ROW == BYTES_A_ROW - 1;

        *at++ = '0';
        *at++ = 'x';
        *at++ = digits[bytes.data[i] >> 4];
        *at++ = digits[bytes.data[i] & 15];
        *at++ = ',';
        *at++ = ends_row ? '\n' : ' ';
    }
    if (at > text) {
        at--; /* neither blank nor newline at the very end */
    }
    *at = '\0';
    return text;
}
