/* update/words.c: names of C exchanged for others. */
#include "words.h"

#include <string.h>

#include "base/arena.h"

#include "base/banned.h"

void update_words_add(update_words *words, const char *from, const char *to, const char *joint)
{
    if (strcmp(from, to) == 0) {
        return;
    }
    if (words->len == words->max) {
        size_t max = words->max > 0 ? 2 * words->max : 64;

        words->items =
            cli_must(csvc__arena_resize(words->a, words->items, words->max * sizeof(*words->items),
                                        max * sizeof(*words->items)));
        words->max = max;
    }
    words->items[words->len++] = (struct update_word){.from = from, .to = to, .joint = joint};
}

/* ---- identifiers ---- */

typedef struct token {
    const char *at;
    size_t len;
    size_t line;
} token;

typedef struct scanner {
    const char *at, *end;
    size_t line;
} scanner;

static bool is_first(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_further(char c)
{
    return is_first(c) || (c >= '0' && c <= '9');
}

static void step(scanner *s, size_t n)
{
    for (; n > 0 && s->at < s->end; n--) {
        s->line += *s->at++ == '\n' ? 1 : 0;
    }
}

static bool looks_at(const scanner *s, const char *text)
{
    size_t len = strlen(text);

    return (size_t)(s->end - s->at) >= len && memcmp(s->at, text, len) == 0;
}

static void skip_quoted(scanner *s, char quote)
{
    step(s, 1);
    while (s->at < s->end && *s->at != quote && *s->at != '\n') {
        step(s, *s->at == '\\' ? 2 : 1);
    }
    step(s, 1);
}

static void skip_comment(scanner *s)
{
    bool line = s->at[1] == '/';

    step(s, 2);
    while (s->at < s->end && (line ? *s->at != '\n' : !looks_at(s, "*/"))) {
        step(s, line && *s->at == '\\' ? 2 : 1);
    }
    step(s, line ? 1 : 2);
}

/* The next identifier. */
static bool next_token(scanner *s, token *ret)
{
    while (s->at < s->end) {
        char c = *s->at;

        if (looks_at(s, "/*") || looks_at(s, "//")) {
            skip_comment(s);
        } else if (c == '"' || c == '\'') {
            skip_quoted(s, c);
        } else if (is_first(c)) {
            ret->at = s->at;
            ret->line = s->line;
            while (s->at < s->end && is_further(*s->at)) {
                s->at++;
            }
            ret->len = (size_t)(s->at - ret->at);
            return true;
        } else if (is_further(c)) { /* a number, with the letters in it */
            while (s->at < s->end && (is_further(*s->at) || *s->at == '.')) {
                s->at++;
            }
        } else {
            step(s, 1);
        }
    }
    return false;
}

/* The longest word that begins the identifier, and whether it may. */
static const struct update_word *word_of(const update_words *words, const token *t)
{
    const struct update_word *best = NULL;
    size_t best_len = 0;

    for (size_t i = 0; i < words->len; i++) {
        const struct update_word *word = &words->items[i];
        size_t len = strlen(word->from);
        size_t joint = word->joint != NULL ? strlen(word->joint) : 0;

        if (len > t->len || memcmp(t->at, word->from, len) != 0 || len < best_len) {
            continue;
        }
        if (len == t->len ||
            (joint > 0 && t->len > len + joint && memcmp(t->at + len, word->joint, joint) == 0)) {
            best = word;
            best_len = len;
        }
    }
    return best;
}

static scanner scan(csvc_bytes text)
{
    const char *at = (const char *)text.data;

    return (scanner){.at = at, .end = at + text.len, .line = 1};
}

csvc_bytes update_words_replace(const update_words *words, csvc_bytes text, size_t *ret_count)
{
    const char *copied = (const char *)text.data;
    scanner s = scan(text);
    size_t count = 0;
    csvc__buffer b;
    uint8_t *data;
    token t;

    csvc__buffer_init(&b, 256 << 20);
    while (next_token(&s, &t)) {
        const struct update_word *word = word_of(words, &t);

        if (word != NULL) {
            csvc__buffer_add(&b, copied, (size_t)(t.at - copied));
            csvc__buffer_puts(&b, word->to);
            copied = t.at + strlen(word->from);
            count++;
        }
    }
    *ret_count = count;
    if (count > 0) {
        csvc__buffer_add(&b, copied, (size_t)(s.end - copied));
        data = cli_must(csvc__buffer_ok(&b) ? csvc_arena_alloc(words->a, b.len + 1) : NULL);
        memcpy(data, b.data, b.len);
        data[b.len] = '\0';
        text = (csvc_bytes){.len = b.len, .data = data};
    }
    csvc__buffer_release(&b);
    return text;
}

size_t update_words_find(const update_words *words, csvc_bytes text, const char **ret_from,
                         const char **ret_to)
{
    scanner s = scan(text);
    token t;

    while (next_token(&s, &t)) {
        const struct update_word *word = word_of(words, &t);

        if (word != NULL) {
            const char *rest = cli_must(csvc_arena_strndup(words->a, t.at + strlen(word->from),
                                                           t.len - strlen(word->from)));

            *ret_from = cli_printf(words->a, "%s%s", word->from, rest);
            *ret_to = cli_printf(words->a, "%s%s", word->to, rest);
            return t.line;
        }
    }
    return 0;
}
