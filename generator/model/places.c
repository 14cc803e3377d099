/* model/places.c: where things stand in a .proto, and the comments beside them. */
#include "model/parts.h"

#include <string.h>

#include "base/map.h"

#include "base/banned.h"

static size_t slot_of(const gen_places *places, const int32_t *path, size_t n)
{
    size_t mask = places->n_slots - 1;
    size_t i = (size_t)csvc__hash(path, n * sizeof(*path)) & mask;

    while (places->slots[i] != NULL &&
           (places->slots[i]->n_path != n ||
            (n > 0 && memcmp(places->slots[i]->path, path, n * sizeof(*path)) != 0))) {
        i = (i + 1) & mask;
    }
    return i;
}

bool gen_places_read(gen_builder *b, const CsvcPb__FileDescriptorProto *proto)
{
    const CsvcPb__SourceCodeInfo *info = proto->source_code_info;

    b->places = (gen_places){.file = proto->name};
    if (info == NULL || info->n_location == 0) {
        return true;
    }
    b->places.n_slots = 64;
    while (b->places.n_slots < info->n_location * 2) {
        b->places.n_slots *= 2;
    }
    b->places.slots = gen_take(b, b->places.n_slots, sizeof(*b->places.slots));
    if (b->places.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < info->n_location; i++) {
        const CsvcPb__SourceCodeInfo__Location *location = info->location[i];
        size_t slot = slot_of(&b->places, location->path, location->n_path);

        if (b->places.slots[slot] == NULL) {
            b->places.slots[slot] = location;
        }
    }
    return true;
}

static const CsvcPb__SourceCodeInfo__Location *find(const gen_places *places, const int32_t *path,
                                                    size_t n)
{
    return places->n_slots == 0 ? NULL : places->slots[slot_of(places, path, n)];
}

static gen_place place(const gen_places *places, const CsvcPb__SourceCodeInfo__Location *location)
{
    gen_place place = {.file = places->file};

    /* Both count from 0 there; a hostile request may have anything. */
    if (location != NULL && location->n_span >= 3 && location->span[0] >= 0 &&
        location->span[1] >= 0) {
        place.line = (uint32_t)location->span[0] + 1;
        place.column = (uint32_t)location->span[1] + 1;
    }
    return place;
}

gen_place gen_place_here(const gen_builder *b)
{
    int32_t path[GEN_MAX_PATH + 1];
    size_t n = b->path.n;
    const CsvcPb__SourceCodeInfo__Location *location;

    memcpy(path, b->path.at, n * sizeof(*path));
    path[n] = 1; /* the name is field 1 of every kind of node */
    location = find(&b->places, path, n + 1);
    if (location == NULL) {
        location = find(&b->places, path, n);
    }
    return place(&b->places, location);
}

gen_place gen_place_of(const gen_builder *b, int32_t field)
{
    return place(&b->places, find(&b->places, &field, 1));
}

gen_place gen_place_of_options(const gen_builder *b, int32_t extension, int32_t max_field)
{
    int32_t path[] = {8, extension, 0}; /* FileDescriptorProto.options */

    for (path[2] = 1; path[2] <= max_field; path[2]++) {
        const CsvcPb__SourceCodeInfo__Location *location = find(&b->places, path, 3);

        if (location != NULL) {
            return place(&b->places, location);
        }
    }
    return place(&b->places, find(&b->places, path, 2));
}

gen_comments gen_comments_here(const gen_builder *b, bool trailing)
{
    const CsvcPb__SourceCodeInfo__Location *location = find(&b->places, b->path.at, b->path.n);
    gen_comments comments = {0};

    if (location != NULL) {
        comments.leading = location->leading_comments;
        comments.trailing = trailing ? location->trailing_comments : NULL;
    }
    return comments;
}

/* The end of a line without blanks, and without backslashes (or the trigraph that means one), which
 * would draw the next line in. */
static size_t trim(const char *line, size_t len)
{
    for (;;) {
        if (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r' ||
                        line[len - 1] == '\\')) {
            len--;
        } else if (len >= 3 && memcmp(line + len - 3, "?\?/", 3) == 0) {
            len -= 3;
        } else {
            return len;
        }
    }
}

const char *gen_comment_escape(csvc_arena *a, const char *text)
{
    size_t len = strlen(text);
    char *out = csvc_arena_alloc(a, len * 2 + 1);
    size_t at = 0;
    size_t kept = 0; /* up to the end of the last line that is not empty */
    const char *line = text;

    if (out == NULL) {
        return NULL;
    }
    while (*line != '\0') {
        size_t whole = strcspn(line, "\n");
        const char *from = line + (*line == ' ' && whole > 0);
        size_t n = trim(from, whole - (size_t)(from - line));

        for (size_t i = 0; i < n; i++) {
            char c = from[i];

            if ((unsigned char)c < ' ' || c == 0x7f) {
                c = ' ';
            }
            /* A blank between the two characters of a marker keeps it readable. */
            if (i > 0 && ((c == '/' && from[i - 1] == '*') || (c == '*' && from[i - 1] == '/'))) {
                out[at++] = ' ';
            }
            /* So does one within a trigraph: a long line may be broken right behind it, and
             * compilers warn of the one that means a backslash there. */
            if (i > 1 && from[i - 1] == '?' && from[i - 2] == '?' &&
                strchr("=/'()!<>-", c) != NULL) {
                out[at++] = ' ';
            }
            out[at++] = c;
        }
        if (n > 0) {
            kept = at;
        }
        if (kept > 0) { /* empty lines at the start go */
            out[at++] = '\n';
        }
        line += whole;
        line += *line == '\n';
    }
    out[kept] = '\0';
    return out;
}
