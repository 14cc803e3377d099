/* names/words.h: lists of words, for naming and the check; more of them in names.h. */
#ifndef GEN_NAMES_WORDS_H
#define GEN_NAMES_WORDS_H

#include <stdbool.h>

/* A macro or type of a POSIX header that is written as a type of protobuf-c's would be (FILE)? */
bool gen_name_capitals(const char *name);

/* A function of POSIX or Linux with a '_' in its name (timer_create)? */
bool gen_name_function(const char *name);

/* A keyword that protobuf-c knows: a field of that name becomes name_. */
bool gen_name_escaped(const char *name);

/* Whether the lists are in the order that looking words up needs; for a test. */
bool gen_name_lists_sorted(void);

#endif /* GEN_NAMES_WORDS_H */
