/* base/edits.c: three rows of the table of distances between beginnings of the words. */
#include "base/edits.h"

#include <string.h>

#include "base/banned.h"

static size_t least(size_t x, size_t y)
{
    return x < y ? x : y;
}

size_t csvc__edits(const char *x, const char *y)
{
    const size_t len_x = strlen(x);
    const size_t len_y = strlen(y);
    size_t rows[3][CSVC__EDITS_MAX + 1];

    if (len_x > CSVC__EDITS_MAX || len_y > CSVC__EDITS_MAX) {
        return CSVC__EDITS_MAX;
    }
    for (size_t j = 0; j <= len_y; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= len_x; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *before = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= len_y; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x[i - 1] != y[j - 1]));
            if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
    }
    return rows[len_x % 3][len_y];
}
