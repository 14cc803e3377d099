/* support/codec_helpers.h: bytes written down in a test, decoded, encoded, shown. */
#ifndef TESTS_CODEC_HELPERS_H
#define TESTS_CODEC_HELPERS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/alloc.h>
#include <csvc/message.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec_types.h"

/* The bytes of a literal, without its NUL. */
#define BYTES(literal) ((csvc_bytes){sizeof(literal) - 1, (const uint8_t *)(literal)})

/* The numbers of a codec3.All, with its flag and its enum, on the wire. */
#define NUMBERS                                                                                    \
    "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* i32 -1 */                                    \
    "\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01" /* i64 min */                                   \
    "\x18\xff\xff\xff\xff\x0f"                     /* u32 max */                                   \
    "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* u64 max */                                   \
    "\x28\x03"                                     /* s32 -2 */                                    \
    "\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* s64 min */                                   \
    "\x3d\x01\x02\x03\x04"                                                                         \
    "\x41\x01\x02\x03\x04\x05\x06\x07\x08"                                                         \
    "\x4d\xff\xff\xff\xff"                                                                         \
    "\x51\xfe\xff\xff\xff\xff\xff\xff\xff"                                                         \
    "\x5d\x00\x00\xc0\x3f"                 /* flt 1.5 */                                           \
    "\x61\x00\x00\x00\x00\x00\x00\x04\xc0" /* dbl -2.5 */                                          \
    "\x68\x01"                                                                                     \
    "\x70\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* color -3 */

extern csvc_arena *helper_arena;
extern csvc_error helper_error;

int helper_setup(void **state);
int helper_teardown(void **state);

/*
 * Decodes; fails the test, with the reason, when it is refused. The input lies in a block of its
 * own size, so that AddressSanitizer sees a byte read too far.
 */
void *decoded(const csvc_message_type *type, csvc_bytes bytes);

/* Checks that it is refused with this code, and that the reason holds `why`. */
void assert_refused(const csvc_message_type *type, csvc_bytes bytes, csvc_code code,
                    const char *why);

/* Checks what a message encodes to. */
void assert_encodes(const csvc_message_type *type, const void *message, csvc_bytes bytes);

/* Decodes and encodes: the same bytes, or those given. */
void assert_kept(const csvc_message_type *type, csvc_bytes bytes);
void assert_becomes(const csvc_message_type *type, csvc_bytes bytes, csvc_bytes expected);

/* The JSON of a message; of bytes. */
void assert_json(const csvc_message_type *type, const void *message, const char *json);
void assert_bytes_json(const csvc_message_type *type, csvc_bytes bytes, const char *json);

/* `n` messages within one another: field `number` in field `number`..., the innermost empty. */
csvc_bytes nested(uint32_t number, size_t n);

#endif /* TESTS_CODEC_HELPERS_H */
