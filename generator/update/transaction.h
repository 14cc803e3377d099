/*
 * update/transaction.h: changes to a project, all of them or none.
 *
 * What is to be written and removed is planned first, then checked as a whole (what cannot be
 * written is refused before anything is), then written beside the project, under .c-svc/update/,
 * and only then moved into place. A journal there, complete before the first file moves, says what
 * was meant; whoever finds it later, after a kill or a power cut, finishes it or takes it back. So
 * a project is never between two states for longer than it takes to run the next command.
 *
 * Files keep their modes; a file whose content is the same is not touched. Links are followed as
 * long as they stay in the project. One process at a time: the folder .c-svc is locked from begin
 * to end, so what is read in between is what is written over; a second c-svc waits, and says so.
 * What somebody else (an editor) changes meanwhile is never overwritten: the change as a whole is
 * taken back, and the file is named.
 *
 *     code = update_start(a, root, &txn, &err);            recovers, and locks
 *     update_txn_write(txn, "gen/user.csvc.h", content, 0);
 *     update_txn_remove(txn, "gen/old.csvc.h");
 *     code = update_txn_commit(txn, &err);
 *     update_txn_end(txn);
 *
 * `root` is the project's folder as files_join takes it: "", "../", "a/b". Texts and contents that
 * are handed over live until the end. One transaction at a time, one thread.
 */
#ifndef UPDATE_TRANSACTION_H
#define UPDATE_TRANSACTION_H

#include <csvc/arena.h>
#include <csvc/code.h>

typedef struct update_txn update_txn;

/*
 * Locks the project; before it is read, or what is read may be another one's yesterday. Makes the
 * folder .c-svc when there is none. FAILED_PRECONDITION: an interrupted update lies there, or
 * .c-svc is no folder of the project; CANCELLED: told to stop while waiting for another c-svc.
 */
csvc_code update_txn_begin(csvc_arena *a, const char *root, update_txn **ret_txn, csvc_error *err);

/* As every command in a project begins: recovers, and says so. */
csvc_code update_settle(csvc_arena *a, const char *root, csvc_error *err);

/* As one that writes begins: locks it, too. */
csvc_code update_start(csvc_arena *a, const char *root, update_txn **ret_txn, csvc_error *err);

/* Plans a file, folders above it included. `mode` is that of a new file, less the umask; 0: 0666.
 */
void update_txn_write(update_txn *txn, const char *path, csvc_bytes content, unsigned mode);

/* Plans the end of a file, and of the folders above it that are empty then. A link is removed
 * itself. A file that is not there is fine. */
void update_txn_remove(update_txn *txn, const char *path);

/* What the plan was made from: check fails with ABORTED when it is something else by then. Data of
 * NULL: it was not there. */
void update_txn_saw(update_txn *txn, const char *path, csvc_bytes content);

/*
 * Every precondition. Nothing has been written when it fails: PERMISSION_DENIED for what is
 * read-only, FAILED_PRECONDITION for a folder where a file belongs and the other way round, links
 * out of the project, names that are too long, another file system; ABORTED, see above. The text
 * names the first such file and counts the others.
 */
csvc_code update_txn_check(update_txn *txn, csvc_error *err);

/* How many files a commit would write or remove; after check. */
size_t update_txn_changes(const update_txn *txn);

/*
 * Checks, unless that was done, and does it. On failure everything is as it was: codes as above,
 * RESOURCE_EXHAUSTED for a full disk, CANCELLED, UNAVAILABLE. Only when a file can neither be moved
 * nor moved back (DATA_LOSS) the journal stays, and says so.
 */
csvc_code update_txn_commit(update_txn *txn, csvc_error *err);

/* Unlocks, and forgets what was not committed. Takes NULL. */
void update_txn_end(update_txn *txn);

/*
 * Finishes an interrupted update, or takes it back: by its journal alone, checked against what lies
 * there. `ret_what` says what happened, in a sentence without a full stop; "" when there was
 * nothing. Waits for a c-svc that is still at it. DATA_LOSS: the journal or what it needs is
 * damaged; the text says what lies where.
 */
csvc_code update_recover(csvc_arena *a, const char *root, const char **ret_what, csvc_error *err);

#endif /* UPDATE_TRANSACTION_H */
