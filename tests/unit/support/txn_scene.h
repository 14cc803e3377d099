/*
 * support/txn_scene.h: a project "p" beside a folder "outside", in a folder of its own that is the
 * current one, and a change of it that touches everything that a change can.
 */
#ifndef TESTS_TXN_SCENE_H
#define TESTS_TXN_SCENE_H

#include <csvc/arena.h>
#include "update/transaction.h"

typedef struct txn_scene {
    csvc_arena *a;
    char folder[64];
} txn_scene;

/* As cmocka takes them; `state` is the scene. */
int txn_setup(void **state);
int txn_teardown(void **state);

csvc_bytes txn_bytes(const char *text);

/* Writes a file, and the folders above it. */
void txn_put(const char *path, const char *text);

void txn_assert_text(txn_scene *p, const char *path, const char *text);

/* The project, as text: names, kinds, modes, contents. */
char *txn_snapshot(txn_scene *p);

/* In snapshots: folders that could not be removed when they were empty. */
extern bool txn_ignore_empty;

/* The project anew, as it is before the change; the change; both at once: 8 files. */
void txn_old_project(void);
void txn_plan_new(update_txn *txn);
csvc_code txn_commit_new(csvc_arena *a, csvc_error *err);

/* These fail the test when they fail. */
update_txn *txn_begin(txn_scene *p);
const char *txn_recover(txn_scene *p);

#endif /* TESTS_TXN_SCENE_H */
