/* app/nearest.c: what somebody may have meant to type. */
#include <app/settings.h>

#include <string.h>

#include <base/banned.h>

enum {
    MAX_WORD = 63
};

static size_t least(size_t x, size_t y)
{
    return x < y ? x : y;
}

/* Letters to put in, take out, replace or swap with their neighbour. */
static size_t edits(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][MAX_WORD + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_len; j++) {
        above[j] = before[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *oldest = before;

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_len];
}

void csvc__nearest_try(csvc__nearest *nearest, const char *word)
{
    const size_t typed_len = strlen(nearest->typed);
    const size_t len = strlen(word);
    size_t distance;

    if (typed_len > MAX_WORD || len > MAX_WORD) {
        return;
    }
    distance = edits(nearest->typed, typed_len, word, len);
    /* a word with every third letter wrong is another word */
    if (distance <= 1 + typed_len / 4 && distance < len &&
        (nearest->word == NULL || distance < nearest->distance)) {
        nearest->word = word;
        nearest->distance = distance;
    }
}
