/*
 * base/buffer.h: text or bytes that grow, up to a maximum.
 *
 * Appending never fails halfway: after a failure (memory, maximum) the buffer is marked, keeps what
 * it had and ignores what comes; ask csvc__buffer_ok once at the end. data is NUL-terminated
 * whenever it is not NULL.
 */
#ifndef CSVC_BASE_BUFFER_H
#define CSVC_BASE_BUFFER_H

#include <csvc/common.h>
#include <stdarg.h>

typedef struct csvc__buffer {
    char *data;
    size_t len;
    size_t size; /* allocated */
    size_t max;  /* of len */
    bool failed;
} csvc__buffer;

CSVC_API void csvc__buffer_init(csvc__buffer *b, size_t max);
CSVC_API void csvc__buffer_release(csvc__buffer *b);
CSVC_API void csvc__buffer_clear(csvc__buffer *b); /* empty again, memory kept */
CSVC_API void csvc__buffer_add(csvc__buffer *b, const void *data, size_t len);
CSVC_API void csvc__buffer_puts(csvc__buffer *b, const char *text);
CSVC_API void csvc__buffer_putc(csvc__buffer *b, char c);
CSVC_API void csvc__buffer_printf(csvc__buffer *b, const char *format, ...) CSVC_PRINTF(2, 3);
CSVC_API void csvc__buffer_vprintf(csvc__buffer *b, const char *format, va_list args)
    CSVC_PRINTF(2, 0);
/* "abc\n" as a JSON string, quotes included; bytes that are no UTF-8 become U+FFFD. */
CSVC_API void csvc__buffer_json(csvc__buffer *b, const char *text, size_t len);

static inline bool csvc__buffer_ok(const csvc__buffer *b)
{
    return !b->failed;
}

/* Hands the text over to be given to csvc__free; the buffer is empty then. NULL when it failed. */
CSVC_API char *csvc__buffer_take(csvc__buffer *b);

#endif /* CSVC_BASE_BUFFER_H */
