/* schema/create.c: CREATE TABLE, as SQLite keeps it. */
#include "schema/create.h"

#include <string.h>

#include "base/utf8.h"

#include "base/banned.h"

typedef struct token {
    const char *at;
    size_t len;
    int depth; /* brackets around it */
} token;

typedef struct tokens {
    token *items;
    size_t len, max;
} tokens;

/* ---- tokens ---- */

/* How long a comment or blanks are that begin here; 0: neither. */
static size_t blank_len(const char *at)
{
    if (at[0] == '-' && at[1] == '-') {
        return strcspn(at, "\n");
    }
    if (at[0] == '/' && at[1] == '*') {
        const char *end = strstr(at + 2, "*/");

        return end != NULL ? (size_t)(end + 2 - at) : strlen(at);
    }
    return strspn(at, " \t\r\n\f\v"); /* SQLite takes the last one behind another */
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || c == '.' || (c & 0x80) != 0;
}

/* How long the token is; 0 when its quote does not end. */
static size_t token_len(const char *at)
{
    const char quote = *at == '[' ? ']' : *at;
    size_t len = 1;

    if (*at != '"' && *at != '\'' && *at != '`' && *at != '[') {
        while (is_word(*at) && is_word(at[len])) {
            len++;
        }
        return len;
    }
    for (;;) {
        if (at[len] == '\0') {
            return 0;
        }
        if (at[len] == quote && (quote == ']' || at[len + 1] != quote)) {
            return len + 1;
        }
        len += at[len] == quote ? 2 : 1;
    }
}

static void add_token(csvc_arena *a, tokens *t, token one)
{
    if (t->len == t->max) {
        const size_t max = t->max * 2 + 64;
        token *more = cli_must(csvc_arena_calloc(a, max, sizeof(*more)));

        if (t->len > 0) {
            memcpy(more, t->items, t->len * sizeof(*more));
        }
        t->items = more;
        t->max = max;
    }
    t->items[t->len++] = one;
}

static bool read_tokens(csvc_arena *a, const char *sql, tokens *ret_tokens)
{
    tokens t = {0};
    int depth = 0;

    for (const char *at = sql + blank_len(sql); *at != '\0';) {
        const size_t len = token_len(at);

        if (len == 0) {
            return false;
        }
        depth -= *at == ')';
        add_token(a, &t, (token){.at = at, .len = len, .depth = depth});
        depth += *at == '(';
        at += len;
        for (size_t blank = blank_len(at); blank != 0; blank = blank_len(at)) {
            at += blank;
        }
    }
    *ret_tokens = t;
    return depth == 0;
}

static bool is(const token *t, const char *word)
{
    char text[32];

    if (t->len >= sizeof(text) || t->len != strlen(word)) {
        return false;
    }
    memcpy(text, t->at, t->len);
    text[t->len] = '\0';
    return csvc__ascii_same(text, word);
}

/* From a token to before another; a blank where there was something between two. */
static const char *join(csvc_arena *a, const tokens *t, size_t from, size_t to)
{
    csvc__buffer b;
    const char *text;

    csvc__buffer_init(&b, 16 << 20);
    for (size_t i = from; i < to; i++) {
        if (i > from && t->items[i - 1].at + t->items[i - 1].len != t->items[i].at) {
            csvc__buffer_putc(&b, ' ');
        }
        csvc__buffer_add(&b, t->items[i].at, t->items[i].len);
    }
    (void)cli_must(csvc__buffer_ok(&b) ? a : NULL);
    text = cli_must(csvc_arena_strndup(a, b.data != NULL ? b.data : "", b.len));
    csvc__buffer_release(&b);
    return text;
}

/* The name without its quotes. */
static const char *unquote(csvc_arena *a, const token *t)
{
    char *name = cli_must(csvc_arena_strndup(a, t->at, t->len));
    const char quote = *name == '[' ? ']' : *name;
    size_t n = 0;

    if (*name != '"' && *name != '\'' && *name != '`' && *name != '[') {
        return name;
    }
    for (size_t i = 1; i + 1 < t->len; i++) {
        name[n++] = name[i];
        i += name[i] == quote && quote != ']' ? 1 : 0;
    }
    name[n] = '\0';
    return name;
}

/* ---- the statement ---- */

bool schema_create_read(csvc_arena *a, const char *sql, schema_create *ret_create)
{
    static const char *const constraints[] = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK",
                                              "FOREIGN"};
    schema_create c = {0};
    size_t open = 0;
    size_t from;
    tokens t;

    if (sql == NULL || !read_tokens(a, sql, &t)) {
        return false;
    }
    while (open < t.len && !is(&t.items[open], "(")) {
        open++;
    }
    c.definitions = cli_must(csvc_arena_calloc(a, t.len + 1, sizeof(schema_definition)));
    from = open + 1;
    for (size_t i = from; i < t.len; i++) {
        const token *one = &t.items[i];
        const bool closes = one->depth == 0 && is(one, ")");

        if (!closes && !(one->depth == 1 && is(one, ","))) {
            continue;
        }
        if (i == from) {
            return false;
        }
        c.definitions[c.n_definitions] =
            (schema_definition){.name = unquote(a, &t.items[from]), .text = join(a, &t, from, i)};
        for (size_t k = 0; k < sizeof(constraints) / sizeof(constraints[0]); k++) {
            if (is(&t.items[from], constraints[k])) {
                c.definitions[c.n_definitions].name = NULL;
            }
        }
        c.n_definitions++;
        from = i + 1;
        if (closes) {
            c.tail = join(a, &t, from, t.len);
            *ret_create = c;
            return true;
        }
    }
    return false;
}

/* ---- a column ---- */

/* Whether a constraint of the column begins with this token. */
static bool begins(const tokens *t, size_t i)
{
    static const char *const words[] = {"CONSTRAINT", "PRIMARY",   "NOT",     "NULL",
                                        "UNIQUE",     "CHECK",     "DEFAULT", "COLLATE",
                                        "REFERENCES", "GENERATED", "AS"};
    const token *one = &t->items[i];
    const token *before = &t->items[i - 1];
    bool found = false;

    for (size_t k = 0; k < sizeof(words) / sizeof(words[0]) && !found; k++) {
        found = is(one, words[k]);
    }
    if (!found || one->depth != 0 || (i >= 2 && is(&t->items[i - 2], "CONSTRAINT"))) {
        return false;
    }
    if (is(one, "NULL")) {
        return !is(before, "NOT") && !is(before, "SET") && !is(before, "DEFAULT");
    }
    if (is(one, "DEFAULT")) {
        return !is(before, "SET");
    }
    if (is(one, "NOT")) {
        return i + 1 < t->len && is(&t->items[i + 1], "NULL");
    }
    return !is(one, "AS") || !is(before, "ALWAYS");
}

/* Whether a constraint, from a token on, is of those that `to` says anew. */
static bool is_replaced(const tokens *t, size_t from, const schema_redefinition *to)
{
    const token *first = &t->items[from];

    if (is(first, "CONSTRAINT") && from + 2 < t->len) {
        first = &t->items[from + 2];
    }
    return ((is(first, "NOT") || is(first, "NULL")) && (to->set_nullable || to->set_key)) ||
           (is(first, "PRIMARY") && to->set_key) ||
           (is(first, "DEFAULT") && (to->type != NULL || to->default_ != NULL));
}

const char *schema_create_redefine(csvc_arena *a, const char *definition,
                                   const schema_redefinition *to)
{
    const char *text;
    size_t at = 1;
    tokens t;

    if (!read_tokens(a, definition, &t) || t.len == 0) {
        return definition;
    }
    while (at < t.len && !begins(&t, at)) {
        at++;
    }
    text =
        cli_printf(a, "%s %s", join(a, &t, 0, 1), to->type != NULL ? to->type : join(a, &t, 1, at));
    if (to->set_key && *to->key != '\0') {
        text = cli_printf(a, "%s %s", text, to->key);
    } else if (to->set_nullable && !to->nullable) {
        text = cli_printf(a, "%s NOT NULL", text);
    }
    if (to->default_ != NULL) {
        text = cli_printf(a, "%s DEFAULT %s", text, to->default_);
    }
    while (at < t.len) {
        size_t end = at + 1;

        while (end < t.len && !begins(&t, end)) {
            end++;
        }
        if (!is_replaced(&t, at, to)) {
            text = cli_printf(a, "%s %s", text, join(a, &t, at, end));
        }
        at = end;
    }
    return text;
}
