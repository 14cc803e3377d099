/* base/base64.h: base64, RFC 4648. */
#ifndef CSVC_BASE_BASE64_H
#define CSVC_BASE_BASE64_H

#include <base/buffer.h>

/* Bytes that `len` of text stand for at most, and characters for `len` bytes, padded. */
#define CSVC__BASE64_BYTES(len) ((len) / 4 * 3 + 3)
#define CSVC__BASE64_CHARS(len) (((len) + 2) / 3 * 4)

/* Reads either alphabet, padded or not. `ret_data` may be where the text is. False: it is none. */
CSVC_API bool csvc__base64_decode(const char *text, size_t len, uint8_t *ret_data, size_t *ret_len);

/* Adds CSVC__BASE64_CHARS(len) characters, of the alphabet with '+' and '/', padded. */
CSVC_API void csvc__base64_add(csvc__buffer *b, const uint8_t *data, size_t len);

#endif /* CSVC_BASE_BASE64_H */
