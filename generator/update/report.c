/* report.c: what an update did or would do. */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static bool is_moved(const update_file *f)
{
    return f->at != NULL && strcmp(f->at, f->path) != 0;
}

/* ---- for people ---- */

void update_print_files(const update *u, const update_report *how)
{
    for (size_t i = 0; i < u->n_files; i++) {
        const update_file *f = &u->files[i];

        if (lock_is_record(f->path) || f->aside || !(f->news || how->every)) {
            continue;
        }
        printf("  %-*s  %s", how->width, update_status_name(f->status), update_shown(u, f->path));
        if (is_moved(f)) {
            printf(" -> %s", update_shown(u, f->at));
        }
        printf(f->remark != NULL ? "  (%s)\n" : "\n", f->remark);
    }
}

static void put_count(csvc__buffer *b, size_t n, const char *words)
{
    if (n > 0) {
        csvc__buffer_printf(b, "%s%zu %s", b->len > 0 ? ", " : "", n, words);
    }
}

static void print_summary(const update *u, const update_report *how)
{
    static const struct {
        update_status status;
        const char *words;
    } changed[] = {{UPDATE_CREATE, "created"}, {UPDATE_CHANGE, "updated"},
                   {UPDATE_MERGE, "merged"},   {UPDATE_CONFLICT, "in conflict"},
                   {UPDATE_REMOVE, "removed"}, {UPDATE_MOVED, "moved"},
                   {UPDATE_RENAME, "renamed"}},
      rest[] = {{UPDATE_IDENTICAL, "identical"},
                {UPDATE_KEPT, "kept"},
                {UPDATE_DELETED, "deleted"},
                {UPDATE_STALE, "stale"}};
    /* as after markers were taken out of a file */
    const char *records = u->changes == 0 ? "up to date"
                          : how->dry_run  ? "only records in .c-svc/ would change"
                                          : "only records in .c-svc/ changed";
    csvc__buffer did;
    csvc__buffer other;

    csvc__buffer_init(&did, 4096);
    csvc__buffer_init(&other, 4096);
    for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
        put_count(&did, u->counts[changed[i].status], changed[i].words);
    }
    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
        put_count(&other, u->counts[rest[i].status], rest[i].words);
    }
    (void)cli_must(csvc__buffer_ok(&did) && csvc__buffer_ok(&other) ? u : NULL);
    printf("%s: %s%s%s%s.%s\n", u->project.config.name, did.len > 0 ? did.data : records,
           other.len > 0 ? " (" : "", other.len > 0 ? other.data : "", other.len > 0 ? ")" : "",
           how->dry_run && u->changes > 0 ? " --dry-run writes nothing." : "");
    csvc__buffer_release(&did);
    csvc__buffer_release(&other);
}

void update_print(const update *u, const update_report *how, const char *headline)
{
    update_print_files(u, how);
    for (size_t i = 0; i < u->project.notes.len; i++) {
        printf("%s\n", u->project.notes.items[i]);
    }
    if (headline != NULL) {
        printf("%s\n", headline);
    }
    print_summary(u, how);
}

bool update_say_conflicts(const update *u)
{
    if (u->counts[UPDATE_CONFLICT] == 0) {
        return false;
    }
    (void)fflush(stdout); /* first what, then what to do */
    cli_error("where you and c-svc changed the same lines, take either side or both, and remove "
              "the markers");
    return true;
}

/* ---- for programs ---- */

static void put_text(csvc__buffer *b, const char *before, const char *text)
{
    csvc__buffer_puts(b, before);
    if (text != NULL) {
        csvc__buffer_json(b, text, strlen(text));
    } else {
        csvc__buffer_puts(b, "null");
    }
}

static void put_file(csvc__buffer *b, const update_file *f)
{
    put_text(b, "    {\"path\": ", f->path);
    put_text(b, ", \"at\": ", f->at != NULL ? f->at : f->act == UPDATE_WRITE ? f->path : NULL);
    put_text(b, ", \"owner\": ", lock_owner_name(f->owner));
    put_text(b, ", \"status\": ", update_status_name(f->status));
    csvc__buffer_printf(b, ", \"changes\": %s", f->act != UPDATE_LEAVE ? "true" : "false");
    put_text(b, ", \"remark\": ", f->remark);
    csvc__buffer_putc(b, '}');
}

void update_print_json(const update *u, const update_report *how)
{
    const char *before = "\n";
    csvc__buffer b;

    csvc__buffer_init(&b, PROJECT_MAX_FILE);
    csvc__buffer_printf(&b, "{\n  \"format\": 1,\n  \"c-svc\": \"%s\",\n", CSVC_VERSION);
    put_text(&b, "  \"project\": ", u->project.config.name);
    csvc__buffer_printf(&b, ",\n  \"current\": %s,\n  \"written\": %s,\n",
                        u->changes == 0 ? "true" : "false",
                        u->changes > 0 && !how->dry_run ? "true" : "false");
    csvc__buffer_puts(&b, "  \"counts\": {");
    for (int i = 0; i < UPDATE_N_STATUS; i++) {
        csvc__buffer_printf(&b, "%s\"%s\": %zu", i > 0 ? ", " : "",
                            update_status_name((update_status)i), u->counts[i]);
    }
    csvc__buffer_puts(&b, "},\n  \"files\": [");
    for (size_t i = 0; i < u->n_files; i++) {
        if (!lock_is_record(u->files[i].path)) {
            csvc__buffer_puts(&b, before);
            put_file(&b, &u->files[i]);
            before = ",\n";
        }
    }
    csvc__buffer_puts(&b, "\n  ],\n  \"notes\": [");
    for (size_t i = 0; i < u->project.notes.len; i++) {
        put_text(&b, i > 0 ? ",\n    " : "\n    ", u->project.notes.items[i]);
    }
    csvc__buffer_puts(&b, u->project.notes.len > 0 ? "\n  ]\n}\n" : "]\n}\n");
    (void)cli_must(csvc__buffer_ok(&b) ? u : NULL);
    fputs(b.data, stdout);
    csvc__buffer_release(&b);
}
