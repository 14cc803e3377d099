/* update/report.h: what an update did or would do, for people and for programs. */
#ifndef UPDATE_REPORT_H
#define UPDATE_REPORT_H

#include "update.h"

typedef struct update_report {
    bool every;   /* also what is identical or kept */
    bool dry_run; /* nothing was written */
    int width;    /* of the column of status words */
} update_report;

/* A line a file. */
void update_print_files(const update *u, const update_report *how);

/* For people: a line a file, the notes, `headline` (NULL: none), and the sums: "user-service: 2
 * created, 1 merged (30 identical, 12 kept)." */
void update_print(const update *u, const update_report *how, const char *headline);

/* Whether there are conflicts; if so it says on standard error what to do about them. */
bool update_say_conflicts(const update *u);

/* All of it as one JSON object; docs/internals/update.md names the keys. */
void update_print_json(const update *u, const update_report *how);

/* When files of the project differ from the last commit: says so on standard error, and how to come
 * back. Silent where there is no repository. */
void update_warn_of_git(const update *u);

/* A unified diff of what update would do. Returns whether there is any. */
typedef struct update_diff {
    bool stat; /* a line a file */
    bool colour;
} update_diff;
csvc_code update_print_diff(const update *u, const update_diff *how, bool *ret_differs,
                            csvc_error *err);

#endif /* UPDATE_REPORT_H */
