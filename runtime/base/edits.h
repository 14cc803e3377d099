/* base/edits.h: how far a word is from another, for hints at what somebody may have meant to type.
 */
#ifndef CSVC_BASE_EDITS_H
#define CSVC_BASE_EDITS_H

#include <csvc/common.h>

enum {
    CSVC__EDITS_MAX = 64 /* letters of a word that is looked at */
};

/* Letters to put in, take out, replace or swap with their neighbour; CSVC__EDITS_MAX when a word is
 * longer than that. */
CSVC_API size_t csvc__edits(const char *x, const char *y);

#endif /* CSVC_BASE_EDITS_H */
