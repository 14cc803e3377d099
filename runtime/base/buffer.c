/* base/buffer.c: text that grows by doubling. */
#include <base/buffer.h>
#include <base/utf8.h>
#include <csvc/alloc.h>

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

void csvc__buffer_init(csvc__buffer *b, size_t max)
{
    *b = (csvc__buffer){.max = max};
}

void csvc__buffer_release(csvc__buffer *b)
{
    csvc__free(b->data);
    *b = (csvc__buffer){.max = b->max};
}

void csvc__buffer_clear(csvc__buffer *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}

/* Room for `len` more bytes and a NUL. */
static bool reserve(csvc__buffer *b, size_t len)
{
    size_t need;
    size_t size;
    char *data;

    if (b->failed) {
        return false;
    }
    if (len > b->max || b->len > b->max - len || b->len + len == SIZE_MAX) {
        b->failed = true;
        return false;
    }
    need = b->len + len + 1;
    if (need <= b->size) {
        return true;
    }
    size = b->size > SIZE_MAX / 2 ? SIZE_MAX : b->size * 2;
    if (size > b->max && b->max < SIZE_MAX) {
        size = b->max + 1;
    }
    if (size < need) {
        size = need < 64 ? 64 : need;
    }
    data = csvc__realloc(b->data, size);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    if (b->data == NULL) {
        data[0] = '\0';
    }
    b->data = data;
    b->size = size;
    return true;
}

void csvc__buffer_add(csvc__buffer *b, const void *data, size_t len)
{
    if (reserve(b, len)) {
        if (len > 0) {
            memcpy(b->data + b->len, data, len);
        }
        b->len += len;
        b->data[b->len] = '\0';
    }
}

void csvc__buffer_puts(csvc__buffer *b, const char *text)
{
    csvc__buffer_add(b, text, strlen(text));
}

void csvc__buffer_putc(csvc__buffer *b, char c)
{
    csvc__buffer_add(b, &c, 1);
}

void csvc__buffer_printf(csvc__buffer *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    csvc__buffer_vprintf(b, format, args);
    va_end(args);
}

void csvc__buffer_vprintf(csvc__buffer *b, const char *format, va_list args)
{
    size_t room = b->failed ? 0 : b->size - b->len;
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(room > 0 ? b->data + b->len : NULL, room, format, args);
    if (len < 0) {
        b->failed = true;
    } else if (reserve(b, (size_t)len)) {
        if ((size_t)len >= room) {
            (void)vsnprintf(b->data + b->len, (size_t)len + 1, format, again);
        }
        b->len += (size_t)len;
    }
    if (b->failed && b->data != NULL) {
        b->data[b->len] = '\0'; /* what vsnprintf cut is not kept */
    }
    va_end(again);
}

/* What JSON wants for this byte: an escape, or NULL when the byte stands for itself. */
static const char *json_escape(uint8_t byte, char ret_text[8])
{
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    }
    if (byte >= 0x20 && byte != 0x7F) {
        return NULL;
    }
    (void)snprintf(ret_text, 8, "\\u%04x", byte);
    return ret_text;
}

void csvc__buffer_json(csvc__buffer *b, const char *text, size_t len)
{
    size_t plain = 0; /* from here on nothing is written yet */
    size_t at = 0;

    csvc__buffer_putc(b, '"');
    while (at < len) {
        size_t valid = at + csvc__utf8_valid(text + at, len - at);

        for (; at < valid; at++) {
            char memory[8];
            const char *escape = json_escape((uint8_t)text[at], memory);

            if (escape != NULL) {
                csvc__buffer_add(b, text + plain, at - plain);
                csvc__buffer_puts(b, escape);
                plain = at + 1;
            }
        }
        if (at < len) {
            csvc__buffer_add(b, text + plain, at - plain);
            csvc__buffer_puts(b, "\xEF\xBF\xBD");
            plain = ++at;
        }
    }
    csvc__buffer_add(b, text + plain, at - plain);
    csvc__buffer_putc(b, '"');
}

char *csvc__buffer_take(csvc__buffer *b)
{
    char *data = NULL;

    csvc__buffer_add(b, "", 0); /* an empty text is a text, too */
    if (!b->failed) {
        data = b->data;
        b->data = NULL;
    }
    csvc__buffer_release(b);
    return data;
}
