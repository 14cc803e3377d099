/* update/words.c: names of C exchanged for others. */
#include "words.h"

#include <string.h>

#include "base/banned.h"

typedef struct word {
    const char *to;
    const char *joint; /* NULL: for this very name alone */
} word;

update_words update_words_none(csvc_arena *a)
{
    update_words words = {.a = a};

    gen_index_init(&words.index, a);
    return words;
}

void update_words_add(update_words *words, const char *from, const char *to, const char *joint)
{
    size_t len = strlen(from);
    void *old = NULL;
    word *w;

    if (strcmp(from, to) == 0) {
        return;
    }
    w = cli_must(csvc_arena_calloc(words->a, 1, sizeof(*w)));
    *w = (word){.to = to, .joint = joint};
    (void)cli_must(gen_index_put(&words->index, from, w, &old) ? words : NULL);
    words->len += old == NULL ? 1 : 0;
    words->longest = len > words->longest ? len : words->longest;
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

/* The longest word that the identifier is, or begins with. */
static const word *word_of(const update_words *words, const token *t, size_t *ret_len)
{
    size_t len = t->len < words->longest ? t->len : words->longest;
    char *start;

    if (words->len == 0) {
        return NULL;
    }
    start = cli_must(csvc_arena_strndup(words->a, t->at, len));
    for (; len > 0; len--) {
        const word *w;

        start[len] = '\0';
        if (len < t->len && t->at[len] != '_') {
            continue; /* every joint begins so */
        }
        w = gen_index_get(&words->index, start);
        if (w != NULL &&
            (len == t->len || (w->joint != NULL && t->len - len > strlen(w->joint) &&
                               strncmp(t->at + len, w->joint, strlen(w->joint)) == 0))) {
            *ret_len = len;
            return w;
        }
    }
    return NULL;
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
        size_t len = 0;
        const word *w = word_of(words, &t, &len);

        if (w != NULL) {
            csvc__buffer_add(&b, copied, (size_t)(t.at - copied));
            csvc__buffer_puts(&b, w->to);
            copied = t.at + len;
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
        size_t len = 0;
        const word *w = word_of(words, &t, &len);

        if (w != NULL) {
            *ret_from = cli_must(csvc_arena_strndup(words->a, t.at, t.len));
            *ret_to = cli_printf(words->a, "%s%s", w->to, *ret_from + len);
            return t.line;
        }
    }
    return 0;
}

static bool is_token(const token *t, const char *name)
{
    return t->len == strlen(name) && memcmp(t->at, name, t->len) == 0;
}

size_t update_words_member(csvc_bytes text, const gen_index *types, const char *member,
                           const char *unless)
{
    const char *start = (const char *)text.data;
    char name[512];
    scanner s = scan(text);
    bool concerned = false;
    size_t line = 0;
    token t;

    while (next_token(&s, &t)) {
        bool is_member = t.at > start && (t.at[-1] == '.' ||
                                          (t.at[-1] == '>' && t.at - start > 1 && t.at[-2] == '-'));

        if (is_token(&t, unless)) {
            return 0;
        }
        if (is_member && line == 0 && is_token(&t, member)) {
            line = t.line;
        }
        if (!concerned && t.len < sizeof(name)) {
            memcpy(name, t.at, t.len);
            name[t.len] = '\0';
            concerned = gen_index_get(types, name) != NULL;
        }
    }
    return concerned ? line : 0;
}
