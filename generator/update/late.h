/*
 * update/late.h: new names that are told after the update that took the removal.
 *
 * The old protos are forgotten by then. What is left is the user's handler, which nothing asks for
 * any more, and a new one that c-svc wrote under the new name.
 */
#ifndef UPDATE_LATE_H
#define UPDATE_LATE_H

#include "compat/compat.h"
#include "project/project.h"

/*
 * For each rename that compat_match had no use for: when there are handlers or tests of the first
 * name and an rpc or a service has the second one, `matched` says that it was called so before.
 * INVALID_ARGUMENT when that may be several; FAILED_PRECONDITION when the protos of before would be
 * needed for it, with how to get them.
 */
csvc_code update_match_late(project *p, compat_rename *renames, size_t n_renames,
                            compat_services *matched, csvc_error *err);

#endif /* UPDATE_LATE_H */
