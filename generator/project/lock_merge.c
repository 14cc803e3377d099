/*
 * lock_merge.c: a lock with git's conflict markers in it, as two branches leave it that both were
 * updated. What either knows of a file is known; where the two differ, the file itself decides.
 */
#include "lock.h"

#include <string.h>

#include "base/banned.h"

typedef enum part {
    BOTH,
    OURS,
    BASE,
    THEIRS
} part;

static bool begins(const char *line, size_t len, const char *marker)
{
    return len >= 7 && strncmp(line, marker, 7) == 0 && (len == 7 || line[7] == ' ');
}

/* The part that a marker begins; `now` when the line is none. False: it does not belong here. */
static bool next_part(const char *line, size_t len, part now, part *ret_next)
{
    bool ours = begins(line, len, "<<<<<<<");
    bool base = begins(line, len, "|||||||");
    bool theirs = begins(line, len, "=======");
    bool end = begins(line, len, ">>>>>>>");

    *ret_next = ours ? OURS : base ? BASE : theirs ? THEIRS : end ? BOTH : now;
    return (!ours || now == BOTH) && (!base || now == OURS) &&
           (!theirs || now == OURS || now == BASE) && (!end || now == THEIRS);
}

const char *lock_side(csvc_arena *a, const char *text, bool of_theirs)
{
    char *to = cli_must(csvc_arena_alloc(a, strlen(text) + 2));
    part now = BOTH;
    size_t at = 0;

    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        part next;

        if (!next_part(line, len, now, &next)) {
            return NULL;
        }
        if (next == now && (now == BOTH || now == (of_theirs ? THEIRS : OURS))) {
            memcpy(to + at, line, len);
            to[at + len] = '\n';
            at += len + 1;
        }
        now = next;
        line += len + (line[len] == '\n' ? 1 : 0);
    }
    to[at] = '\0';
    return now == BOTH ? to : NULL;
}

const char *lock_commas(csvc_arena *a, const char *text)
{
    char *to = cli_must(csvc_arena_alloc(a, 2 * strlen(text) + 1));
    size_t at = 0;

    for (const char *c = text; *c != '\0'; c++) {
        bool is_member = (c == text || c[-1] == '\n') && c[strspn(c, " ")] == '"';

        if (is_member && at > 1 && strchr(",{", to[at - 2]) == NULL) {
            to[at - 1] = ',';
            to[at++] = '\n';
        }
        to[at++] = *c;
    }
    to[at] = '\0';
    return to;
}

/* Its hash is unknown where it is another: then what lies there is believed. */
static lock_record together(const lock_record *ours, const lock_record *theirs)
{
    lock_record both = *ours;

    if (strcmp(ours->hash, theirs->hash) != 0) {
        both.hash = "";
    }
    if (both.at == NULL) {
        both.at = theirs->at;
    }
    if (ours->state == LOCK_FOREIGN || theirs->state == LOCK_CONFLICT ||
        (theirs->state == LOCK_DELETED && ours->state == LOCK_THERE)) {
        both.state = theirs->state;
    }
    return both;
}

lock lock_together(csvc_arena *a, const lock *ours, const lock *theirs)
{
    lock both = *ours;

    both.is_merge = true;
    both.version = lock_is_later(ours->version, theirs->version) ? theirs->version : ours->version;
    both.format = ours->format > theirs->format ? ours->format : theirs->format;
    both.has_contract = ours->has_contract || theirs->has_contract;
    for (size_t i = 0; i < theirs->n_files; i++) {
        const lock_record *known = lock_find(ours, theirs->files[i].path);

        lock_put(a, &both, known != NULL ? together(known, &theirs->files[i]) : theirs->files[i]);
    }
    both.max_generated = ours->n_generated + theirs->n_generated;
    both.generated = cli_must(csvc_arena_calloc(a, both.max_generated + 1, sizeof(lock_hash)));
    if (ours->n_generated > 0) {
        memcpy(both.generated, ours->generated, ours->n_generated * sizeof(lock_hash));
    }
    for (size_t i = 0; i < theirs->n_generated; i++) {
        bool known = false;

        for (size_t k = 0; k < ours->n_generated && !known; k++) {
            known = strcmp(ours->generated[k].path, theirs->generated[i].path) == 0;
        }
        if (!known) {
            both.generated[both.n_generated++] = theirs->generated[i];
        }
    }
    return both;
}
