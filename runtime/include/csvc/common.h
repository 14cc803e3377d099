/*
 * csvc/common.h: what every other header of libcsvc needs.
 *
 * Attributes, the visibility macro, and the two plain values that the whole library shares: a
 * run of bytes and a span of text. It holds no functions. Every public header compiles as C99, as
 * C11 and inside C++.
 *
 * Pages that headers name, such as limits.md, are in docs/ of the sources and, installed, in
 * share/doc/c-svc/ below the prefix.
 */
#ifndef CSVC_COMMON_H
#define CSVC_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define CSVC_BEGIN_DECLS extern "C" {
#define CSVC_END_DECLS   }
#else
#define CSVC_BEGIN_DECLS
#define CSVC_END_DECLS
#endif

#if defined(__GNUC__)
/* Exported from the shared libraries; all else is hidden. */
#define CSVC_API __attribute__((visibility("default")))
/* The result says whether it worked; a deliberate ignore is a cast to void. */
#define CSVC_MUST_CHECK   __attribute__((warn_unused_result))
#define CSVC_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define CSVC_API
#define CSVC_MUST_CHECK
#define CSVC_PRINTF(f, a)
#endif

/* A run of bytes that somebody else owns; who, is said where one is handed over. */
typedef struct csvc_bytes {
    size_t len;
    const uint8_t *data;
} csvc_bytes;

#endif /* CSVC_COMMON_H */
