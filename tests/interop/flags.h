/* tests/interop/flags.h: flags as grpc's own test programs take them: --name=value, --name value.
 */
#ifndef TESTS_INTEROP_FLAGS_H
#define TESTS_INTEROP_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct flag {
    const char *name; /* NULL ends a list of them */
    const char **value;
} flag;

/* False, with a line on standard error, for what is no flag; a flag without a value is "true". */
bool flags_read(const flag *flags, int argc, char **argv);

/* The value of a flag that says yes or no (true, false), or how many. False, with a line on
 * standard error, when it is none. */
bool flag_bool(const char *name, const char *value, bool *ret_value);
bool flag_uint32(const char *name, const char *value, uint32_t *ret_value);

/* The path of a file that make put below the folder of the program, argv[0]. */
const char *file_beside(const char *program, const char *file, char *ret_path, size_t size);

#endif /* TESTS_INTEROP_FLAGS_H */
