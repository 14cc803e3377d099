/*
 * lock.h: .c-svc/lock.json: what was made, and of what.
 */
#ifndef PROJECT_LOCK_H
#define PROJECT_LOCK_H

#include "project.h"

/* The SHA-256 of what `sha256sum` prints of p->inputs; hex, in the arena. */
csvc_code lock_sum(project *p, const char **ret_hex, csvc_error *err);

/* The text of .c-svc/lock.json for what is in the plan. */
csvc_code lock_text(project *p, csvc_bytes *ret_text, csvc_error *err);

/* Files under gen/ that an earlier run made, that this one does not, and that nobody changed. */
csvc_code lock_stale(project *p, cli_list *ret_paths, csvc_error *err);

#endif /* PROJECT_LOCK_H */
