/*
 * update/words.h: names of C exchanged for others, in sources that are the user's.
 *
 * Only whole identifiers, and only in code: comments and strings stay as they are.
 */
#ifndef UPDATE_WORDS_H
#define UPDATE_WORDS_H

#include "common/index.h"
#include "console/say.h"

typedef struct update_words {
    csvc_arena *a;
    gen_index index; /* by the old name */
    size_t len;
    size_t longest; /* old name */
} update_words;

update_words update_words_none(csvc_arena *a);

/* One name for another. With a `joint` also longer names, that go on with it, change their
 * beginning. Two names that are the same are no word, and the first word of a name counts. */
void update_words_add(update_words *words, const char *from, const char *to, const char *joint);

/* The text with all of them exchanged; the very text when there were none. */
csvc_bytes update_words_replace(const update_words *words, csvc_bytes text, size_t *ret_count);

/* The line of the first one in the text, and what it is and should be; 0: there is none. */
size_t update_words_find(const update_words *words, csvc_bytes text, const char **ret_from,
                         const char **ret_to);

/* The line of the first `.member` or `->member` in a text that names one of the types and nowhere
 * `unless`; 0: there is none. */
size_t update_words_member(csvc_bytes text, const gen_index *types, const char *member,
                           const char *unless);

#endif /* UPDATE_WORDS_H */
