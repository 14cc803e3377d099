/* base/utf8.h: is it UTF-8? Strict: no surrogates, nothing overlong, nothing above U+10FFFF. */
#ifndef CSVC_BASE_UTF8_H
#define CSVC_BASE_UTF8_H

#include <csvc/common.h>

/* How many bytes of `data` are UTF-8: `len` when all are. */
CSVC_API size_t csvc__utf8_valid(const void *data, size_t len);

/* The same, and no NUL within: what a protobuf string in C must be. */
CSVC_API bool csvc__utf8_text(const void *data, size_t len);

#endif /* CSVC_BASE_UTF8_H */
