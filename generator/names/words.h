/* names/words.h: lists of words, for naming and the check; more of them in names.h. */
#ifndef GEN_NAMES_WORDS_H
#define GEN_NAMES_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* A macro or type of a POSIX header that is written as a type of protobuf-c's would be (FILE)? */
bool gen_name_capitals(const char *name);

/* What with a '_' before it is a word of C (Bool): the tag of an enum without a package. */
bool gen_name_tag(const char *name);

/* A type that protobuf-c's structs name (size_t): no name for a member of one. */
bool gen_name_of_struct(const char *name);

/* A function of POSIX or Linux with a '_' in its name (timer_create)? */
bool gen_name_function(const char *name);

/* A keyword that protobuf-c knows: a field of that name becomes name_. */
bool gen_name_escaped(const char *name);

/* Whether the lists are in the order that looking words up needs; for a test. */
bool gen_name_lists_sorted(void);

/* For the files that hold lists: whether one has a word, and is sorted. */
bool gen_words_have(const char *const *list, size_t n, const char *name);
bool gen_words_sorted(const char *const *list, size_t n);
bool gen_capitals_sorted(void);

#endif /* GEN_NAMES_WORDS_H */
