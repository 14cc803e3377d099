/* update/merge.h: texts against texts: the same, merged, in conflict. */
#ifndef UPDATE_MERGE_H
#define UPDATE_MERGE_H

#include <csvc/arena.h>
#include <csvc/code.h>

bool update_same(csvc_bytes x, csvc_bytes y);

/* `text`, whose lines end in LF, with the line ends that `like` has throughout. */
csvc_bytes update_line_ends(csvc_arena *a, csvc_bytes text, csvc_bytes like);

/*
 * Three ways, as git does it; where both changed the same lines, git's markers stand around either
 * side and what it was before. Lines of `yours` keep their ends, also where those are of two kinds:
 * then they are no difference, and new lines get the end that most have.
 */
csvc_code update_merge(csvc_arena *a, csvc_bytes base, csvc_bytes yours, csvc_bytes ours,
                       csvc_bytes *ret_merged, bool *ret_conflict, csvc_error *err);

/* The line of the first marker of a conflict; 0: there is none. */
size_t update_marker_line(csvc_bytes text);

/* How much of two texts is the same, in per cent of their lines, wherever they stand; blank lines
 * do not count. */
unsigned update_likeness(csvc_bytes x, csvc_bytes y);

#endif /* UPDATE_MERGE_H */
