/* update_decide_test.c: what becomes of a file: every owner in every state. And texts against
 * texts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <git2.h>
#include <string.h>

#include "console/say.h"
#include "project/sha256.h"
#include "update/decide.h"
#include "update/merge.h"

#define BASE   "one\ntwo\nthree\nfour\nfive\n"
#define RENDER "one\ntwo\nthree\nfour\nFIVE\n"         /* ours is newer */
#define EDITED "ONE\ntwo\nthree\nfour\nfive\n"         /* the user's, from BASE */
#define MERGED "ONE\ntwo\nthree\nfour\nFIVE\n"         /* both */
#define BOTH   "one\ntwo\nthree\nfour\nfiveandahalf\n" /* the user's, where ours is newer, too */
#define OTHER  "something else\n"

static csvc_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = csvc_arena_new(0);
    return arena != NULL && git_libgit2_init() > 0 ? 0 : -1; /* once, not for each merge */
}

static int teardown(void **state)
{
    (void)state;
    csvc_arena_free(arena);
    (void)git_libgit2_shutdown();
    return 0;
}

static csvc_bytes bytes(const char *text)
{
    return text != NULL ? (csvc_bytes){.len = strlen(text), .data = (const uint8_t *)text}
                        : (csvc_bytes){0};
}

static const char *hash(const char *text)
{
    char hex[SHA256_HEX];

    sha256_hex(bytes(text), hex);
    return cli_must(csvc_arena_strdup(arena, hex));
}

/* One cell: what is known, what should follow. NULL texts: there is none. */
typedef struct cell {
    const char *what;
    gen_owner owner;
    const char *render; /* NULL: nothing asks for it any more */
    const char *disk;   /* NULL: it is not there */
    const char *base;
    bool recorded;
    lock_state state;
    const char *born;   /* its hash is recorded; NULL: unknown */
    const char *was_at; /* where it was moved before */
    const char *at;     /* where it lies, when not at its path */
    update_how how;
    bool known, restore;

    update_status status;
    bool news;
    const char *written; /* NULL: nothing */
    bool unlinked;
    bool forgotten; /* by the lock */
    lock_state becomes;
    const char *becomes_born; /* NULL: unknown */
    bool new_base, drops_base;
    bool problem;
} cell;

static const cell cells[] = {
    /* ---- machine ---- */
    {"machine, new", GEN_MACHINE, .render = RENDER, .status = UPDATE_CREATE, .news = true,
     .written = RENDER, .forgotten = true},
    {"machine, same", GEN_MACHINE, .render = RENDER, .disk = RENDER, .status = UPDATE_IDENTICAL,
     .forgotten = true},
    {"machine, other", GEN_MACHINE, .render = RENDER, .disk = OTHER, .status = UPDATE_CHANGE,
     .news = true, .written = RENDER, .forgotten = true},
    {"machine, no longer made", GEN_MACHINE, .disk = BASE, .recorded = true, .born = BASE,
     .status = UPDATE_REMOVE, .news = true, .unlinked = true, .forgotten = true,
     .drops_base = true},
    {"machine, no longer made, edited", GEN_MACHINE, .disk = OTHER, .recorded = true, .born = BASE,
     .status = UPDATE_STALE, .news = true, .forgotten = true},
    {"machine, no longer made, gone", GEN_MACHINE, .recorded = true, .born = BASE,
     .status = UPDATE_DELETED, .forgotten = true, .drops_base = true},

    /* ---- born once ---- */
    {"born, new", GEN_BORN_ONCE, .render = RENDER, .status = UPDATE_CREATE, .news = true,
     .written = RENDER, .becomes_born = RENDER},
    {"born, as it would be", GEN_BORN_ONCE, .render = RENDER, .disk = RENDER, .recorded = true,
     .born = RENDER, .status = UPDATE_IDENTICAL, .becomes_born = RENDER},
    {"born, template newer", GEN_BORN_ONCE, .render = RENDER, .disk = BASE, .recorded = true,
     .born = BASE, .status = UPDATE_KEPT, .becomes_born = BASE},
    {"born, edited", GEN_BORN_ONCE, .render = RENDER, .disk = OTHER, .recorded = true, .born = BASE,
     .status = UPDATE_KEPT, .becomes_born = BASE},
    {"born, there but unknown", GEN_BORN_ONCE, .render = RENDER, .disk = OTHER,
     .status = UPDATE_KEPT},
    {"born, unknown, as it would be", GEN_BORN_ONCE, .render = RENDER, .disk = RENDER,
     .status = UPDATE_IDENTICAL, .becomes_born = RENDER},
    {"born, deleted now", GEN_BORN_ONCE, .render = RENDER, .recorded = true, .born = BASE,
     .status = UPDATE_DELETED, .news = true, .becomes = LOCK_DELETED, .becomes_born = BASE},
    {"born, deleted before", GEN_BORN_ONCE, .render = RENDER, .recorded = true,
     .state = LOCK_DELETED, .born = BASE, .status = UPDATE_DELETED, .becomes = LOCK_DELETED,
     .becomes_born = BASE},
    {"born, deleted, restored", GEN_BORN_ONCE, .render = RENDER, .recorded = true,
     .state = LOCK_DELETED, .born = BASE, .restore = true, .status = UPDATE_CREATE, .news = true,
     .written = RENDER, .becomes_born = RENDER},
    {"born, deleted, back by hand", GEN_BORN_ONCE, .render = RENDER, .disk = OTHER,
     .recorded = true, .state = LOCK_DELETED, .born = BASE, .status = UPDATE_KEPT,
     .becomes_born = BASE},
    {"born, there, restored", GEN_BORN_ONCE, .render = RENDER, .disk = OTHER, .recorded = true,
     .born = BASE, .restore = true, .problem = true, .forgotten = true},
    {"born, moved now", GEN_BORN_ONCE, .render = RENDER, .disk = OTHER, .recorded = true,
     .born = BASE, .at = "b/c", .status = UPDATE_MOVED, .news = true, .becomes_born = BASE},
    {"born, moved before", GEN_BORN_ONCE, .render = RENDER, .disk = OTHER, .recorded = true,
     .born = BASE, .was_at = "b/c", .at = "b/c", .status = UPDATE_KEPT, .becomes_born = BASE},
    {"born, moved back", GEN_BORN_ONCE, .render = RENDER, .disk = OTHER, .recorded = true,
     .born = BASE, .was_at = "b/c", .status = UPDATE_KEPT, .becomes_born = BASE},
    {"born, stale", GEN_BORN_ONCE, .disk = BASE, .recorded = true, .born = BASE,
     .status = UPDATE_STALE, .news = true, .becomes_born = BASE},
    {"born, stale, pruned", GEN_BORN_ONCE, .disk = BASE, .recorded = true, .born = BASE,
     .how = {.prune = true}, .status = UPDATE_REMOVE, .news = true, .unlinked = true,
     .forgotten = true, .drops_base = true},
    {"born, stale, edited, pruned", GEN_BORN_ONCE, .disk = OTHER, .recorded = true, .born = BASE,
     .how = {.prune = true}, .status = UPDATE_STALE, .news = true, .becomes_born = BASE},
    {"born, stale, unknown, pruned", GEN_BORN_ONCE, .disk = BASE, .recorded = true,
     .how = {.prune = true}, .status = UPDATE_STALE, .news = true},
    {"born, stale, gone", GEN_BORN_ONCE, .recorded = true, .born = BASE, .status = UPDATE_DELETED,
     .forgotten = true, .drops_base = true},
    {"old project: it was there, and is not", GEN_BORN_ONCE, .render = RENDER, .known = true,
     .status = UPDATE_DELETED, .news = true, .becomes = LOCK_DELETED},
    {"old project: there never was one", GEN_BORN_ONCE, .render = RENDER, .status = UPDATE_CREATE,
     .news = true, .written = RENDER, .becomes_born = RENDER},
    {"the lock is lost: not there, not wanted", GEN_BORN_ONCE, .render = RENDER,
     .how = {.rebase = true, .lost = true}, .status = UPDATE_DELETED, .news = true,
     .becomes = LOCK_DELETED},

    /* ---- merged ---- */
    {"merged, new", GEN_MERGED, .render = RENDER, .status = UPDATE_CREATE, .news = true,
     .written = RENDER, .becomes_born = RENDER, .new_base = true},
    {"merged, nothing new, untouched", GEN_MERGED, .render = BASE, .disk = BASE, .base = BASE,
     .recorded = true, .born = BASE, .status = UPDATE_IDENTICAL, .becomes_born = BASE,
     .new_base = true},
    {"merged, nothing new, edited", GEN_MERGED, .render = BASE, .disk = EDITED, .base = BASE,
     .recorded = true, .born = BASE, .status = UPDATE_KEPT, .becomes_born = BASE, .new_base = true},
    {"merged, ours newer, untouched", GEN_MERGED, .render = RENDER, .disk = BASE, .base = BASE,
     .recorded = true, .born = BASE, .status = UPDATE_CHANGE, .news = true, .written = RENDER,
     .becomes_born = RENDER, .new_base = true},
    {"merged, both", GEN_MERGED, .render = RENDER, .disk = EDITED, .base = BASE, .recorded = true,
     .born = BASE, .status = UPDATE_MERGE, .news = true, .written = MERGED, .becomes_born = RENDER,
     .new_base = true},
    {"merged, both, the same change", GEN_MERGED, .render = RENDER, .disk = RENDER, .base = BASE,
     .recorded = true, .born = BASE, .status = UPDATE_IDENTICAL, .becomes_born = RENDER,
     .new_base = true},
    {"merged, the user has ours, and more", GEN_MERGED, .render = RENDER, .disk = MERGED,
     .base = BASE, .recorded = true, .born = BASE, .status = UPDATE_KEPT, .becomes_born = RENDER,
     .new_base = true},
    {"merged, conflict", GEN_MERGED, .render = RENDER, .disk = BOTH, .base = BASE, .recorded = true,
     .born = BASE, .status = UPDATE_CONFLICT, .news = true,
     .written = "one\ntwo\nthree\nfour\n<<<<<<< yours\nfiveandahalf\n||||||| base\nfive\n=======\n"
                "FIVE\n>>>>>>> c-svc " CSVC_VERSION "\n",
     .becomes = LOCK_CONFLICT, .becomes_born = RENDER, .new_base = true},
    {"merged, conflict of before, solved", GEN_MERGED, .render = RENDER, .disk = BOTH,
     .base = RENDER, .recorded = true, .state = LOCK_CONFLICT, .born = RENDER,
     .status = UPDATE_KEPT, .becomes_born = RENDER, .new_base = true},
    {"merged, deleted now", GEN_MERGED, .render = RENDER, .base = BASE, .recorded = true,
     .born = BASE, .status = UPDATE_DELETED, .news = true, .becomes = LOCK_DELETED,
     .becomes_born = BASE},
    {"merged, deleted, restored", GEN_MERGED, .render = RENDER, .base = BASE, .recorded = true,
     .state = LOCK_DELETED, .born = BASE, .restore = true, .status = UPDATE_CREATE, .news = true,
     .written = RENDER, .becomes_born = RENDER, .new_base = true},
    {"merged, moved, nothing new", GEN_MERGED, .render = BASE, .disk = EDITED, .base = BASE,
     .recorded = true, .born = BASE, .at = "b/c", .status = UPDATE_MOVED, .news = true,
     .becomes_born = BASE, .new_base = true},
    {"merged, moved, both", GEN_MERGED, .render = RENDER, .disk = EDITED, .base = BASE,
     .recorded = true, .born = BASE, .at = "b/c", .status = UPDATE_MERGE, .news = true,
     .written = MERGED, .becomes_born = RENDER, .new_base = true},
    {"merged, base gone", GEN_MERGED, .render = RENDER, .disk = EDITED, .recorded = true,
     .born = BASE, .problem = true, .status = UPDATE_KEPT, .becomes_born = BASE},
    {"merged, base not ours", GEN_MERGED, .render = RENDER, .disk = EDITED, .base = OTHER,
     .recorded = true, .born = BASE, .problem = true, .status = UPDATE_KEPT, .becomes_born = BASE},
    {"merged, base gone, rebase", GEN_MERGED, .render = RENDER, .disk = EDITED, .recorded = true,
     .born = BASE, .how = {.rebase = true}, .status = UPDATE_KEPT, .becomes_born = RENDER,
     .new_base = true},
    {"merged, base gone, but nothing to merge", GEN_MERGED, .render = RENDER, .disk = RENDER,
     .recorded = true, .born = BASE, .status = UPDATE_IDENTICAL, .becomes_born = RENDER,
     .new_base = true},
    {"merged, rebase, but the base is good", GEN_MERGED, .render = RENDER, .disk = EDITED,
     .base = BASE, .recorded = true, .born = BASE, .how = {.rebase = true}, .status = UPDATE_MERGE,
     .news = true, .written = MERGED, .becomes_born = RENDER, .new_base = true},
    {"the lock is lost, the base is not", GEN_MERGED, .render = RENDER, .disk = EDITED,
     .base = BASE, .how = {.rebase = true, .lost = true}, .status = UPDATE_MERGE, .news = true,
     .written = MERGED, .becomes_born = RENDER, .new_base = true},
    {"merged, somebody else's", GEN_MERGED, .render = RENDER, .disk = OTHER, .status = UPDATE_KEPT,
     .news = true, .becomes = LOCK_FOREIGN},
    {"merged, somebody else's, again", GEN_MERGED, .render = RENDER, .disk = OTHER,
     .recorded = true, .state = LOCK_FOREIGN, .status = UPDATE_KEPT, .becomes = LOCK_FOREIGN},
    {"merged, somebody else's, gone", GEN_MERGED, .render = RENDER, .recorded = true,
     .state = LOCK_FOREIGN, .status = UPDATE_CREATE, .news = true, .written = RENDER,
     .becomes_born = RENDER, .new_base = true},
    {"merged, unknown, as it would be", GEN_MERGED, .render = RENDER, .disk = RENDER,
     .status = UPDATE_IDENTICAL, .becomes_born = RENDER, .new_base = true},
    {"merged, stale", GEN_MERGED, .disk = BASE, .base = BASE, .recorded = true, .born = BASE,
     .status = UPDATE_STALE, .news = true, .becomes_born = BASE},
    {"merged, stale, pruned", GEN_MERGED, .disk = BASE, .base = BASE, .recorded = true,
     .born = BASE, .how = {.prune = true}, .status = UPDATE_REMOVE, .news = true, .unlinked = true,
     .forgotten = true, .drops_base = true},
    {"merged, stale, edited, pruned", GEN_MERGED, .disk = EDITED, .base = BASE, .recorded = true,
     .born = BASE, .how = {.prune = true}, .status = UPDATE_STALE, .news = true,
     .becomes_born = BASE},
    {"merged, stale, somebody else's", GEN_MERGED, .disk = OTHER, .recorded = true,
     .state = LOCK_FOREIGN, .how = {.prune = true}, .status = UPDATE_KEPT, .forgotten = true,
     .drops_base = true},
    {"old project, both", GEN_MERGED, .render = RENDER, .disk = EDITED, .base = BASE,
     .status = UPDATE_MERGE, .news = true, .written = MERGED, .becomes_born = RENDER,
     .new_base = true},
    {"old project, deleted", GEN_MERGED, .render = RENDER, .base = BASE, .status = UPDATE_DELETED,
     .news = true, .becomes = LOCK_DELETED},
};

static void same_text(const cell *c, const char *what, const char *expected, const char *got)
{
    if (strcmp(expected != NULL ? expected : "", got != NULL ? got : "") != 0 ||
        (expected == NULL) != (got == NULL)) {
        fail_msg("%s: %s: expected '%s', got '%s'", c->what, what,
                 expected != NULL ? expected : "nothing", got != NULL ? got : "nothing");
    }
}

static void same_truth(const cell *c, const char *what, bool expected, bool got)
{
    if (expected != got) {
        fail_msg("%s: %s is %d", c->what, what, got);
    }
}

static void check_cell(const cell *c)
{
    lock_record record = {.path = "a/file",
                          .owner = c->owner,
                          .state = c->state,
                          .at = c->was_at,
                          .hash = c->born != NULL ? hash(c->born) : ""};
    update_file f = {.path = "a/file",
                     .owner = c->owner,
                     .planned = c->render != NULL,
                     .render = bytes(c->render),
                     .record = c->recorded ? &record : NULL,
                     .at = c->disk == NULL ? NULL
                           : c->at != NULL ? c->at
                                           : "a/file",
                     .disk = bytes(c->disk),
                     .base = bytes(c->base),
                     .known = c->known,
                     .restore = c->restore};
    csvc_error err = {CSVC_ERROR_INIT};

    assert_int_equal(CSVC_OK, update_decide(arena, &c->how, &f, &err));
    same_truth(c, "a problem", c->problem, f.problem != NULL);
    if (c->restore && c->problem) {
        return;
    }
    same_text(c, "status", update_status_name(c->status), update_status_name(f.status));
    same_truth(c, "news", c->news, f.news);
    same_truth(c, "written", c->written != NULL, f.act == UPDATE_WRITE);
    same_truth(c, "unlinked", c->unlinked, f.act == UPDATE_UNLINK);
    same_text(c, "content", c->written,
              f.act == UPDATE_WRITE
                  ? csvc_arena_strndup(arena, (const char *)f.content.data, f.content.len)
                  : NULL);
    same_truth(c, "kept in the lock", !c->forgotten, f.keeps_record);
    if (f.keeps_record) {
        same_text(c, "state", lock_state_name(c->becomes), lock_state_name(f.becomes.state));
        same_text(c, "hash", c->becomes_born != NULL ? hash(c->becomes_born) : "", f.becomes.hash);
        same_text(c, "at", c->at, f.becomes.at);
        same_text(c, "path", "a/file", f.becomes.path);
    }
    same_truth(c, "a new base", c->new_base, f.new_base);
    same_truth(c, "base dropped", c->drops_base, f.drops_base);
}

static void every_cell(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        check_cell(&cells[i]);
    }
}

static void a_step_is_never_stale(void **state)
{
    lock_record record = {
        .path = "migrations/sqlite/0001_users.sql", .owner = GEN_BORN_ONCE, .hash = hash(BASE)};
    update_file f = {.path = record.path,
                     .owner = GEN_BORN_ONCE,
                     .record = &record,
                     .at = record.path,
                     .disk = bytes(BASE)};
    const update_how how = {.prune = true};
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    assert_int_equal(CSVC_OK, update_decide(arena, &how, &f, &err));
    assert_int_equal(UPDATE_KEPT, f.status);
    assert_int_equal(UPDATE_LEAVE, f.act);
    assert_true(f.keeps_record);
}

static void lines_may_end_in_crlf(void **state)
{
    lock_record record = {.path = "a", .owner = GEN_MERGED, .hash = hash("1\n2\n3\n")};
    update_file f = {.path = "a",
                     .owner = GEN_MERGED,
                     .planned = true,
                     .record = &record,
                     .at = "a",
                     .render = bytes("1\n2\n3\n4\n"),
                     .disk = bytes("0\r\n1\r\n2\r\n3\r\n"),
                     .base = bytes("1\n2\n3\n")};
    const update_how how = {0};
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    assert_int_equal(CSVC_OK, update_decide(arena, &how, &f, &err));
    assert_int_equal(UPDATE_MERGE, f.status);
    assert_string_equal("0\r\n1\r\n2\r\n3\r\n4\r\n", (const char *)f.content.data);
    assert_string_equal(hash("1\n2\n3\n4\n"), f.becomes.hash);
    assert_true(update_same(bytes("a\nb\r\n"),
                            update_line_ends(arena, bytes("a\nb\r\n"), bytes("x\ny\r\n"))));
}

static const char *merged(const char *base, const char *yours, const char *ours, bool *ret_conflict)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes text = {0};

    if (update_merge(arena, bytes(base), bytes(yours), bytes(ours), &text, ret_conflict, &err) !=
        CSVC_OK) {
        fail_msg("%s", err.text);
    }
    return (const char *)text.data;
}

static void lines_of_two_kinds_keep_their_ends(void **state)
{
    static const char base[] = "1\n2\n3\n";
    static const char more[] = "1\n2\n3\n4\n";
    bool conflict = true;

    (void)state;
    assert_string_equal("0\r\n1\r\n2\n3\r\n4\r\n",
                        merged(base, "0\r\n1\r\n2\n3\r\n", more, &conflict));
    assert_false(conflict);
    assert_string_equal("1\n2\n3\r\n4\n", merged(base, "1\n2\n3\r\n", more, &conflict));
    assert_string_equal("1\r\n2\n3", merged(base, "1\r\n2\n3", base, &conflict));
    assert_string_equal("1 \r\n2\n", merged(base, "1 \r\n2\n3\r\n", "1\n2\n", &conflict));
    assert_string_equal("1\n2\n3\n4\n",
                        merged("1\r\n2\r\n3\r\n", base, "1\r\n2\r\n3\r\n4\r\n", &conflict));
    assert_false(conflict);
    assert_string_equal("1\r\n<<<<<<< yours\r\ntwo\n||||||| base\r\n2\r\n=======\r\nTWO\r\n"
                        ">>>>>>> c-svc " CSVC_VERSION "\r\n3\r\n",
                        merged(base, "1\r\ntwo\n3\r\n", "1\nTWO\n3\n", &conflict));
    assert_true(conflict);
    assert_string_equal("1\r\n<<<<<<< yours\r\ntwo\r\n||||||| base\r\n2\r\n=======\r\nTWO\r\n"
                        ">>>>>>> c-svc " CSVC_VERSION "\r\n",
                        merged("1\n2\n", "1\r\ntwo", "1\nTWO\n", &conflict));
}

/* A text of the letters a to h, a line each, the last sometimes without an end; `ends`: of two
 * kinds. */
static char *random_text(unsigned *seed, char *to, bool ends)
{
    char *at = to;

    for (char c = 'a'; c <= 'h'; c++) {
        unsigned n = *seed = *seed * 1103515245 + 12345;

        if (n >> 16 & 7) { /* else it is left out */
            *at++ = (n >> 20 & 7) != 0 ? c : 'X';
            if (ends && (n >> 24 & 1) != 0) {
                *at++ = '\r';
            }
            *at++ = '\n';
        }
    }
    *seed = *seed * 1103515245 + 12345;
    if (at > to && (*seed >> 16 & 3) == 0) {
        at--;
        at -= at > to && at[-1] == '\r' ? 1 : 0;
    }
    *at = '\0';
    return to;
}

static char *without_cr(const char *text)
{
    char *copy = csvc_arena_strdup(arena, text);
    char *to = copy;

    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '\r') {
            *to++ = *c;
        }
    }
    *to = '\0';
    return copy;
}

/* What comes out is what would without the ends, and no line that is the user's got another one. */
static void ends_do_not_change_what_is_merged(void **state)
{
    unsigned seed = 7;
    int conflicts = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char base[64];
        char yours[64];
        char ours[64];
        bool conflict = false;
        bool plain_conflict = false;
        const char *plain;
        const char *text;

        random_text(&seed, base, false);
        random_text(&seed, yours, true);
        random_text(&seed, ours, false);
        text = merged(base, yours, ours, &conflict);
        plain = merged(base, without_cr(yours), ours, &plain_conflict);
        assert_string_equal(plain, without_cr(text));
        assert_int_equal(plain_conflict, conflict);
        assert_string_equal(yours, merged(base, yours, base, &plain_conflict));
        for (char c = 'a'; c <= 'h' && !conflict; c++) {
            const char *in_yours = strchr(yours, c);
            const char *in_text = strchr(text, c);

            if (in_yours != NULL && in_yours[1] != '\0' && in_text != NULL && in_text[1] != '\0') {
                assert_int_equal(in_yours[1], in_text[1]);
            }
        }
        conflicts += conflict ? 1 : 0;
    }
    assert_in_range(conflicts, 100, 900);
}

static void markers_are_found(void **state)
{
    (void)state;
    assert_int_equal(0, update_marker_line(bytes("")));
    assert_int_equal(0, update_marker_line(bytes("a <<<<<<< b\n=======\n<<<<<<<<\n")));
    assert_int_equal(1, update_marker_line(bytes("<<<<<<< yours\n")));
    assert_int_equal(3, update_marker_line(bytes("a\n\n>>>>>>> c-svc\n")));
    assert_int_equal(2, update_marker_line(bytes("a\n||||||| base\n")));
}

static void likeness_is_of_lines(void **state)
{
    (void)state;
    assert_int_equal(100, update_likeness(bytes("a\nb\nc\n"), bytes("c\n\n  b\na")));
    assert_int_equal(0, update_likeness(bytes("a\n"), bytes("b\n")));
    assert_int_equal(0, update_likeness(bytes(""), bytes("\n\n")));
    assert_int_equal(66, update_likeness(bytes("a\nb\nc\n"), bytes("a\nb\nd\n")));
    assert_int_equal(50, update_likeness(bytes("a\na\na\n"), bytes("a\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell),
        cmocka_unit_test(a_step_is_never_stale),
        cmocka_unit_test(lines_may_end_in_crlf),
        cmocka_unit_test(lines_of_two_kinds_keep_their_ends),
        cmocka_unit_test(ends_do_not_change_what_is_merged),
        cmocka_unit_test(markers_are_found),
        cmocka_unit_test(likeness_is_of_lines),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
