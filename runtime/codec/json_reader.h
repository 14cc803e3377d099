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

/* ---- json_place.c: where a value goes, and whether it may ---- */

/* Whether null is a value of the field, rather than its absence. */
bool csvc__read_takes_null(const csvc_field *field);
/* Notes that a field that is not repeated is there. */
void csvc__read_present(const csvc_field *field, void *message);
/* Values with room for one more than the `n` there are. NULL: memory is short. */
void *csvc__read_grown(struct csvc__reader *r, void *values, size_t n, size_t size);
/* The place of one more value of a repeated field, counted at once. NULL: memory is short. */
void *csvc__read_more(struct csvc__reader *r, const csvc_field *field, void *message);

/*
 * Refuses a key of a map that comes twice; `places` has where each stands in the text. Asked when
 * all are there, by sorting: hashing could be steered by chosen keys.
 */
bool csvc__read_check_keys(struct csvc__reader *r, const csvc_field *field, void *message,
                           const uint32_t *places);
/* Refuses a second member of a oneof, whose key stands at `at`. */
bool csvc__read_check_oneof(struct csvc__reader *r, const csvc_message_type *type,
                            const csvc_field *field, const void *message, const char *at);
/* Refuses a message whose required fields have not all their bit in `given`. */
bool csvc__read_check_required(struct csvc__reader *r, const csvc_message_type *type,
                               const uint64_t *given);

/* ---- json_read_known.c: well-known types that are one string ---- */

bool csvc__read_timestamp(struct csvc__reader *r, const csvc_message_type *type, void *message);
bool csvc__read_duration(struct csvc__reader *r, const csvc_message_type *type, void *message);
bool csvc__read_mask(struct csvc__reader *r, const csvc_message_type *type, void *message);

/* What "@type" of an Any is, whose object comes; nothing is read. No `at`: there is none. */
bool csvc__read_any_type(struct csvc__reader *r, uint32_t depth, struct csvc__json_text *ret_url);

#endif /* CSVC_CODEC_JSON_READER_H */
