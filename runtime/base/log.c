/* base/log.c: records to the sink; the built-in one writes a line with a single write(2). */
#include <base/buffer.h>
#include <base/clock.h>
#include <base/utf8.h>
#include <csvc/log.h>

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    MAX_PAIRS = 32, /* a bit each in csvc_log_record.numbers */
    MAX_LINE = 64 * 1024,
    MAX_VALUE = 16 * 1024, /* a longer text is cut, so the line stays whole */
    MAX_NUMBER = 64,       /* a longer one is a text: readers of JSON would round it anyway */
};

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};
static const char *const level_labels[] = {"DEBUG", "INFO ", "WARN ", "ERROR", "OFF  "};
static const char *const format_names[] = {"text", "json"};

static csvc_log_sink write_line;

static struct {
    atomic_int level;
    atomic_int format;
    csvc_log_sink *sink; /* set before threads */
    void *self;
} state = {CSVC_LOG_INFO, CSVC_LOG_TEXT, write_line, NULL};

void csvc_log_set_sink(csvc_log_sink *sink, void *self)
{
    state.sink = sink != NULL ? sink : write_line;
    state.self = sink != NULL ? self : NULL;
}

void csvc_log_set_level(csvc_log_level level)
{
    atomic_store_explicit(&state.level, (int)level, memory_order_relaxed);
}

void csvc_log_set_format(csvc_log_format format)
{
    atomic_store_explicit(&state.format, (int)format, memory_order_relaxed);
}

bool csvc_log_enabled(csvc_log_level level)
{
    return (int)level >= atomic_load_explicit(&state.level, memory_order_relaxed) &&
           level < CSVC_LOG_OFF;
}

static size_t cut(const char *text)
{
    size_t len = strnlen(text, MAX_VALUE + 1);

    /* a character that the cut would halve goes, too */
    return len <= MAX_VALUE ? len : csvc__utf8_valid(text, MAX_VALUE);
}

/*
 * The length of the character at `text` when a terminal may see it: no control character (C1
 * among them, and the two line separators), no stray byte. Else 0.
 */
static size_t printable(const char *text, size_t left)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t n = 1;

    if (p[0] < 0x80) {
        return p[0] >= 0x20 && p[0] != 0x7F ? 1 : 0;
    }
    while (n < left && n < 4 && (p[n] & 0xC0) == 0x80) {
        n++;
    }
    if (csvc__utf8_valid(p, n) != n || (p[0] == 0xC2 && p[1] < 0xA0) ||
        (p[0] == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9))) {
        return 0;
    }
    return n;
}

/* Text with what is not printable written as \n or \x1b; in quotes those and \ as well. */
static void add_escaped(csvc__buffer *b, const char *text, size_t len, bool quoted)
{
    for (size_t at = 0; at < len;) {
        size_t n = printable(text + at, len - at);
        char c = text[at];

        if (n == 0) {
            at++;
            if (c == '\n') {
                csvc__buffer_puts(b, "\\n");
            } else if (c == '\r') {
                csvc__buffer_puts(b, "\\r");
            } else if (c == '\t') {
                csvc__buffer_puts(b, "\\t");
            } else {
                csvc__buffer_printf(b, "\\x%02x", (unsigned)(uint8_t)c);
            }
            continue;
        }
        if (quoted && (c == '"' || c == '\\')) {
            csvc__buffer_putc(b, '\\');
        }
        csvc__buffer_add(b, text + at, n);
        at += n;
    }
}

static bool needs_quotes(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = printable(text + at, len - at);

        if (n == 0 || strchr(" \"=\\", text[at]) != NULL) {
            return true;
        }
        at += n;
    }
    return len == 0;
}

static void text_line(csvc__buffer *b, const csvc_log_record *record)
{
    csvc__buffer_puts(b, level_labels[record->level]);
    csvc__buffer_putc(b, ' ');
    add_escaped(b, record->event, cut(record->event), false);
    for (size_t i = 0; i < record->n_pairs; i++) {
        const char *key = record->pairs[2 * i];
        const char *value = record->pairs[2 * i + 1];
        size_t len = cut(value);

        csvc__buffer_putc(b, ' ');
        add_escaped(b, key, cut(key), false);
        csvc__buffer_putc(b, '=');
        if (needs_quotes(value, len)) {
            csvc__buffer_putc(b, '"');
            add_escaped(b, value, len, true);
            csvc__buffer_putc(b, '"');
        } else {
            csvc__buffer_add(b, value, len);
        }
    }
}

/* Whether JSON knows it as a number: 0, -7, 12.500, 1e9; not 007, 1., .5, nan. */
static bool is_number(const char *text)
{
    static const char digits[] = "0123456789";
    const char *at = text + (*text == '-');
    size_t n = strspn(at, digits);

    if (n == 0 || (n > 1 && *at == '0')) {
        return false;
    }
    at += n;
    if (*at == '.') {
        n = strspn(++at, digits);
        if (n == 0) {
            return false;
        }
        at += n;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        n = strspn(at, digits);
        if (n == 0) {
            return false;
        }
        at += n;
    }
    return *at == '\0' && (size_t)(at - text) <= MAX_NUMBER;
}

static void json_line(csvc__buffer *b, const csvc_log_record *record)
{
    char time[CSVC__RFC3339_SIZE];
    int64_t seconds = record->unix_nanos / CSVC__SECOND;

    csvc__buffer_putc(b, '{');
    if (csvc__rfc3339_print(seconds, (int32_t)(record->unix_nanos % CSVC__SECOND), time)) {
        csvc__buffer_printf(b, "\"time\": \"%s\", ", time);
    }
    csvc__buffer_printf(b, "\"level\": \"%s\", \"event\": ", level_names[record->level]);
    csvc__buffer_json(b, record->event, cut(record->event));
    for (size_t i = 0; i < record->n_pairs; i++) {
        const char *key = record->pairs[2 * i];
        const char *value = record->pairs[2 * i + 1];

        csvc__buffer_puts(b, ", ");
        csvc__buffer_json(b, key, cut(key));
        csvc__buffer_puts(b, ": ");
        if ((record->numbers >> i & 1) != 0) {
            csvc__buffer_puts(b, value);
        } else {
            csvc__buffer_json(b, value, cut(value));
        }
    }
    csvc__buffer_putc(b, '}');
}

static void write_all(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, data, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return; /* there is nobody left to tell */
        }
        data += n;
        len -= (size_t)n;
    }
}

static void write_line(void *self, const csvc_log_record *record)
{
    bool json = atomic_load_explicit(&state.format, memory_order_relaxed) == CSVC_LOG_JSON;
    csvc_log_record bare = *record;
    csvc__buffer b;

    (void)self;
    csvc__buffer_init(&b, MAX_LINE);
    for (;;) {
        (json ? json_line : text_line)(&b, &bare);
        csvc__buffer_putc(&b, '\n');
        if (csvc__buffer_ok(&b) || bare.n_pairs == 0) {
            break;
        }
        bare.n_pairs--; /* too long: without the last pair, rather than without an end */
        csvc__buffer_clear(&b);
    }
    if (csvc__buffer_ok(&b)) {
        write_all(b.data, b.len);
    } else {
        write_all("ERROR no memory for a log line\n", 31);
    }
    csvc__buffer_release(&b);
}

void csvc_log(csvc_log_level level, const char *event, ...)
{
    const char *pairs[2 * MAX_PAIRS];
    csvc_log_record record = {.level = level, .event = event, .pairs = pairs};
    int saved = errno;
    const char *key;
    va_list args;

    if (!csvc_log_enabled(level)) {
        return;
    }
    va_start(args, event);
    key = va_arg(args, const char *);
    while (key != NULL && record.n_pairs < MAX_PAIRS) {
        const char *value = va_arg(args, const char *);

        if (value != NULL) {
            if (key[0] == '#') {
                key++;
                record.numbers |= (uint32_t)is_number(value) << record.n_pairs;
            }
            pairs[2 * record.n_pairs] = key;
            pairs[2 * record.n_pairs + 1] = value;
            record.n_pairs++;
        }
        key = va_arg(args, const char *);
    }
    va_end(args);
    record.unix_nanos = csvc__unix_now();
    state.sink(state.self, &record);
    errno = saved;
}

static bool find_name(const char *const *names, size_t n_names, const char *text, int *ret_index)
{
    for (size_t i = 0; i < n_names; i++) {
        if (strcmp(names[i], text) == 0) {
            *ret_index = (int)i;
            return true;
        }
    }
    return false;
}

bool csvc_log_level_parse(const char *text, csvc_log_level *ret_level)
{
    int index;

    if (!find_name(level_names, sizeof(level_names) / sizeof(level_names[0]), text, &index)) {
        return false;
    }
    *ret_level = (csvc_log_level)index;
    return true;
}

bool csvc_log_format_parse(const char *text, csvc_log_format *ret_format)
{
    int index;

    if (!find_name(format_names, sizeof(format_names) / sizeof(format_names[0]), text, &index)) {
        return false;
    }
    *ret_format = (csvc_log_format)index;
    return true;
}
