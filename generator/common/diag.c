/* common/diag.c: collecting problems, and printing them in order. */
#include "common/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#include "base/banned.h"

void gen_diag_init(gen_diag *diag, csvc_arena *arena)
{
    *diag = (gen_diag){.arena = arena};
}

static bool make_room(gen_diag *diag)
{
    size_t max = diag->max_problems == 0 ? 16 : diag->max_problems * 2;
    gen_problem *problems;

    if (diag->n_problems < diag->max_problems) {
        return true;
    }
    problems = csvc__arena_resize(diag->arena, diag->problems,
                                  diag->max_problems * sizeof(*problems), max * sizeof(*problems));
    if (problems == NULL) {
        return false;
    }
    diag->problems = problems;
    diag->max_problems = max;
    return true;
}

void gen_report(gen_diag *diag, gen_severity severity, gen_place place, const char *format, ...)
{
    char text[1024];
    va_list args;
    const char *copy;

    diag->n_errors += severity == GEN_ERROR;
    diag->n_warnings += severity == GEN_WARNING;
    /* A note goes where its problem went. */
    if (diag->n_errors + diag->n_warnings > GEN_MAX_PROBLEMS) {
        diag->n_dropped += severity != GEN_NOTE;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    copy = csvc_arena_strdup(diag->arena, text);
    if (copy == NULL || !make_room(diag)) {
        diag->failed = true;
        return;
    }
    diag->problems[diag->n_problems++] = (gen_problem){severity, place, copy};
}

/* A problem and the notes behind it, as one thing to sort. */
typedef struct group {
    const gen_problem *first;
    size_t count;
} group;

static int compare(const void *x, const void *y)
{
    const group *a = x;
    const group *b = y;
    const gen_place *p = &a->first->place;
    const gen_place *q = &b->first->place;
    int rc = strcmp(p->file != NULL ? p->file : "", q->file != NULL ? q->file : "");

    if (rc != 0) {
        return rc;
    }
    if (p->line != q->line) {
        return p->line < q->line ? -1 : 1;
    }
    if (p->column != q->column) {
        return p->column < q->column ? -1 : 1;
    }
    /* As reported, so that the order never depends on the sort. */
    return (a->first > b->first) - (a->first < b->first);
}

static void print(const gen_problem *problem, csvc__buffer *out)
{
    static const char *const severities[] = {"error", "warning", "note"};

    if (problem->place.file != NULL) {
        csvc__buffer_puts(out, problem->place.file);
        if (problem->place.line > 0) {
            csvc__buffer_printf(out, ":%u:%u", (unsigned)problem->place.line,
                                (unsigned)problem->place.column);
        }
        csvc__buffer_puts(out, ": ");
    }
    csvc__buffer_printf(out, "%s: ", severities[problem->severity]);
    csvc__buffer_puts(out, problem->text);
    csvc__buffer_putc(out, '\n');
}

void gen_diag_print(const gen_diag *diag, gen_severity worst_to_print, csvc__buffer *out)
{
    size_t n_groups = 0;
    group *groups;

    if (diag->n_problems > 0) {
        groups = csvc_arena_calloc(diag->arena, diag->n_problems, sizeof(*groups));
        if (groups == NULL) {
            out->failed = true;
            return;
        }
        for (size_t i = 0; i < diag->n_problems; i++) {
            if (diag->problems[i].severity == GEN_NOTE && n_groups > 0) {
                groups[n_groups - 1].count++;
            } else {
                groups[n_groups++] = (group){&diag->problems[i], 1};
            }
        }
        qsort(groups, n_groups, sizeof(*groups), compare);
        for (size_t i = 0; i < n_groups; i++) {
            if (groups[i].first->severity > worst_to_print) {
                continue;
            }
            for (size_t k = 0; k < groups[i].count; k++) {
                print(&groups[i].first[k], out);
            }
        }
    }
    if (diag->n_dropped > 0) {
        csvc__buffer_printf(out, "and %zu more\n", diag->n_dropped);
    }
    out->failed |= diag->failed;
}
