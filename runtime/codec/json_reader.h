/*
 * codec/json_reader.h: what the files that read JSON share.
 *
 * One pass over the text, by recursive descent: the type of the message says what must come, so no
 * tree of the text is ever built. Every function that reads returns false after a failure, with
 * code and err set, and leaves `at` behind what it read otherwise.
 */
#ifndef CSVC_CODEC_JSON_READER_H
#define CSVC_CODEC_JSON_READER_H

#include <base/arena.h>
#include <codec/codec.h>
#include <codec/wire.h>

/* Where in the value we are, for errors: a key, or an index when `key` is NULL. */
struct csvc__json_step {
    const struct csvc__json_step *up;
    const char *key;
    size_t n; /* length of the key; the index */
};

struct csvc__reader {
    const char *start, *at, *end;
    const struct csvc__json_step *step;
    csvc_json_read_options options;
    csvc_arena *a;
    bool dropped; /* the value just read is an enum's name that nobody knows, to be left out */
    csvc_code code;
    csvc_error *err;
};

/* A string (or a number) of the text: its characters, and where it stands. */
struct csvc__json_text {
    const char *data;
    size_t len;
    const char *at;
    bool owned; /* data lies in the arena, with a NUL behind it */
};

/* ---- json_scan.c: the text ---- */

/* "$.user.tags[2], 1:34: " and what is wrong there. */
bool csvc__read_refuse(struct csvc__reader *r, const char *at, const char *format, ...)
    CSVC_PRINTF(3, 4);
/* The same, "`what` is wanted, not a string", of what comes next. */
bool csvc__read_wanted(struct csvc__reader *r, const char *what);
bool csvc__read_no_memory(struct csvc__reader *r);

/* Skips white space. What comes: '{', '[', '"', '0' for a number, 'n' for null... NUL: the end. */
char csvc__read_peek(struct csvc__reader *r);

bool csvc__read_string(struct csvc__reader *r, struct csvc__json_text *ret_text);
bool csvc__read_number(struct csvc__reader *r, struct csvc__json_text *ret_text);
bool csvc__read_word(struct csvc__reader *r, const char *word);

/* Past '{' or '['; whether a member follows, past the closing bracket when none does. */
bool csvc__read_first(struct csvc__reader *r, char close, bool *ret_more);
/* The same behind a member. */
bool csvc__read_next(struct csvc__reader *r, char close, bool *ret_more);
/* A key and its colon. */
bool csvc__read_key(struct csvc__reader *r, struct csvc__json_text *ret_text);

/* How many brackets `depth` messages may have around them: each may stand in a list. */
static inline uint32_t csvc__brackets(uint32_t depth)
{
    return 2 * depth + 2;
}

/* A value of any kind, `depth` brackets deep at most. */
bool csvc__read_skip(struct csvc__reader *r, uint32_t depth);

/* How many characters at `p` are a number of JSON; 0 when there is none. */
size_t csvc__number_len(const char *p, const char *end);

/* The text with a NUL behind it: in `buffer` when it fits there, else in the arena. */
const char *csvc__read_terminated(struct csvc__reader *r, const struct csvc__json_text *text,
                                  char *buffer, size_t size);

/* ---- json_scalar.c ---- */

/* A value that is no message into `ret_value`; null is none. */
bool csvc__read_scalar(struct csvc__reader *r, const csvc_field *field, void *ret_value);
/* The same from a key of a map. */
bool csvc__read_map_key(struct csvc__reader *r, const csvc_field *field,
                        const struct csvc__json_text *key, void *ret_value);

/* ---- json_read.c: messages ---- */

/* A message in its own JSON form; `depth` is how many more may be within it. */
bool csvc__read_message(struct csvc__reader *r, const csvc_message_type *type, uint32_t depth,
                        void **ret_message);
/* Members of an object; `any` says that "@type" may be among them and is skipped. */
bool csvc__read_fields(struct csvc__reader *r, const csvc_message_type *type, void *message,
                       bool any, uint32_t depth);
/* One value of a field; not the list of a repeated one. */
bool csvc__read_value(struct csvc__reader *r, const csvc_field *field, void *ret_value,
                      uint32_t depth);
/* The list or the object of a repeated field. */
bool csvc__read_repeated(struct csvc__reader *r, const csvc_field *field, void *message,
                         uint32_t depth);

/* Whether null is a value of the field, rather than its absence. */
bool csvc__read_takes_null(const csvc_field *field);
/* Notes that a field that is not repeated is there. */
void csvc__read_present(const csvc_field *field, void *message);
/* The place of one more value of a repeated field, counted at once. NULL: memory is short. */
void *csvc__read_more(struct csvc__reader *r, const csvc_field *field, void *message);

/* ---- json_read_known.c ---- */

/* A message that has a JSON form of its own: type->well_known says which. */
bool csvc__read_well_known(struct csvc__reader *r, const csvc_message_type *type, void *message,
                           uint32_t depth);

#endif /* CSVC_CODEC_JSON_READER_H */
