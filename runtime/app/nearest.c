/* app/nearest.c: what somebody may have meant to type. */
#include <app/settings.h>
#include <base/edits.h>

#include <string.h>

#include <base/banned.h>

void csvc__nearest_try(csvc__nearest *nearest, const char *word)
{
    const size_t typed_len = strlen(nearest->typed);
    const size_t len = strlen(word);
    size_t distance;

    if (typed_len > CSVC__EDITS_MAX || len > CSVC__EDITS_MAX) {
        return;
    }
    distance = csvc__edits(nearest->typed, word);
    /* a word with every third letter wrong is another word */
    if (distance <= 1 + typed_len / 4 && distance < len &&
        (nearest->word == NULL || distance < nearest->distance)) {
        nearest->word = word;
        nearest->distance = distance;
    }
}
