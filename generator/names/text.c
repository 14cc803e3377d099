/* names/text.c: turning words of one shape into another. */
#include "names/names.h"

#include <ctype.h>
#include <string.h>

#include "base/banned.h"

/* The C locale's, whatever the program's is. */
static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

static char upper(char c)
{
    return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

bool gen_name_identifier(const char *name)
{
    if (is_digit(*name) || *name == '\0') {
        return false;
    }
    for (; *name != '\0'; name++) {
        if (!is_upper(*name) && !is_lower(*name) && !is_digit(*name) && *name != '_') {
            return false;
        }
    }
    return true;
}

bool gen_name_package(const char *name)
{
    bool start = true;

    for (; *name != '\0'; name++) {
        if (*name == '.') {
            if (start) {
                return false;
            }
            start = true;
        } else if (is_upper(*name) || is_lower(*name) || *name == '_' ||
                   (is_digit(*name) && !start)) {
            start = false;
        } else {
            return false;
        }
    }
    return !start;
}

/* Does a word start at text[i], a capital? In HTTPServer at S; in userIDs at I, but not at D: a
 * plural's s belongs to the capitals before it. */
static bool starts_word(const char *text, size_t i)
{
    char before = i > 0 ? text[i - 1] : '\0';
    char after = text[i + 1];

    if (is_lower(before) || is_digit(before)) {
        return true;
    }
    if (!is_upper(before) || !is_lower(after)) {
        return false;
    }
    return after != 's' || is_lower(text[i + 2]) || is_digit(text[i + 2]);
}

const char *gen_snake(csvc_arena *a, const char *text)
{
    char *snake = csvc_arena_alloc(a, strlen(text) * 2 + 1);
    size_t at = 0;

    if (snake == NULL) {
        return NULL;
    }
    for (size_t i = 0; text[i] != '\0'; i++) {
        char c = text[i];

        if (!is_upper(c) && !is_lower(c) && !is_digit(c)) {
            c = '_';
        }
        if ((c == '_' || (is_upper(c) && starts_word(text, i))) && at > 0 && snake[at - 1] != '_') {
            snake[at++] = '_';
        }
        if (c != '_') {
            snake[at++] = lower(c);
        }
    }
    while (at > 0 && snake[at - 1] == '_') {
        at--;
    }
    snake[at] = '\0';
    return snake;
}

const char *gen_upper(csvc_arena *a, const char *text)
{
    char *copy = csvc_arena_strdup(a, text);

    for (char *c = copy; c != NULL && *c != '\0'; c++) {
        *c = upper(*c);
    }
    return copy;
}

const char *gen_kebab(csvc_arena *a, const char *text)
{
    char *kebab = csvc_arena_strdup(a, text);

    for (char *c = kebab; c != NULL && *c != '\0'; c++) {
        *c = *c == '_' ? '-' : *c;
    }
    return kebab;
}

const char *gen_camel(csvc_arena *a, const char *text)
{
    char *camel = csvc_arena_strdup(a, text);
    bool begins = true;
    size_t at = 0;

    for (size_t i = 0; camel != NULL && text[i] != '\0'; i++) {
        const bool separates = text[i] == '_' || text[i] == '-';

        if (!separates) {
            camel[at++] = begins ? upper(text[i]) : text[i];
        }
        begins = separates;
    }
    if (camel != NULL) {
        camel[at] = '\0';
    }
    return camel;
}

/* ---- plurals ---- */

static bool ends(const char *word, size_t len, const char *end)
{
    size_t n = strlen(end);

    return len >= n && memcmp(word + len - n, end, n) == 0;
}

/* Whole words (the last one of user_person) whose plural follows no rule; the same: none. */
static const char *irregular(const char *word)
{
    static const char *const words[][2] = {
        {"person", "people"},
        {"child", "children"},
        {"man", "men"},
        {"woman", "women"},
        {"mouse", "mice"},
        {"foot", "feet"},
        {"tooth", "teeth"},
        {"goose", "geese"},
        {"life", "lives"},
        {"knife", "knives"},
        {"wife", "wives"},
        {"leaf", "leaves"},
        {"half", "halves"},
        {"shelf", "shelves"},
        {"wolf", "wolves"},
        {"quiz", "quizzes"},
        {"data", "data"},
        {"metadata", "metadata"},
        {"media", "media"},
        {"series", "series"},
        {"species", "species"},
        {"news", "news"},
        {"information", "information"},
        {"equipment", "equipment"},
        {"software", "software"},
        {"hardware", "hardware"},
        {"firmware", "firmware"},
        {"sheep", "sheep"},
        {"fish", "fish"},
        {"people", "people"},
        {"children", "children"},
        {"analysis", "analyses"},
        {"basis", "bases"},
        {"crisis", "crises"},
        {"criterion", "criteria"},
        {"settings", "settings"},
        {"gas", "gases"},
        {"hero", "heroes"},
        {"potato", "potatoes"},
        {"echo", "echoes"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i][0], word) == 0) {
            return words[i][1];
        }
    }
    return NULL;
}

const char *gen_plural(csvc_arena *a, const char *text)
{
    const char *word = strrchr(text, '_');
    size_t len = strlen(text);
    const char *other;

    word = word == NULL ? text : word + 1;
    other = irregular(word);
    if (other != NULL) {
        return csvc_arena_printf(a, "%.*s%s", (int)(word - text), text, other);
    }
    if (len >= 2 && text[len - 1] == 'y' && strchr("aeiou", text[len - 2]) == NULL) {
        return csvc_arena_printf(a, "%.*sies", (int)len - 1, text);
    }
    if (ends(text, len, "ss") || ends(text, len, "us") || ends(text, len, "is") ||
        ends(text, len, "x") || ends(text, len, "z") || ends(text, len, "ch") ||
        ends(text, len, "sh")) {
        return csvc_arena_printf(a, "%ses", text);
    }
    if (ends(text, len, "s")) {
        return csvc_arena_strdup(a, text); /* Settings is one already */
    }
    return csvc_arena_printf(a, "%ss", text);
}
