/*
 * common/concat.h: texts put together, where printf would be most of the work.
 */
#ifndef GEN_CONCAT_H
#define GEN_CONCAT_H

#include <csvc/arena.h>

/* The parts, one behind the other, in memory of the arena. NULL when memory is short or a part is
 * NULL. */
char *gen_concat_n(csvc_arena *a, const char *const *parts, size_t n);

/* gen_concat(a, "offsetof(", type, ")") */
#define gen_concat(a, ...)                                                                         \
    gen_concat_n(a, (const char *const[]){__VA_ARGS__},                                            \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

#endif /* GEN_CONCAT_H */
