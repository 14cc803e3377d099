/* lock.c: reads .c-svc/lock.json, and believes nothing of it. JSON is YAML, so libyaml reads it. */
#include "lock.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "files.h"
#include "nodes.h"
#include "sha256.h"

#include "base/banned.h"

enum {
    MAX_BYTES = 32 << 20
};

static const char *const owners[] = {"machine", "born-once", "merged", "yours"};
static const char *const states[] = {"there", "deleted", "conflict", "foreign"};

typedef struct reader {
    csvc_arena *a;
    const char *path;
    yaml_document_t document;
    lock lock;
    csvc_error *err;
} reader;

bool lock_is_record(const char *path)
{
    return strncmp(path, LOCK_HOME, sizeof(LOCK_HOME) - 1) == 0;
}

const char *lock_owner_name(gen_owner owner)
{
    return owners[owner];
}

const char *lock_state_name(lock_state state)
{
    return states[state];
}

/* ---- records ---- */

static int by_path(const void *key, const void *record)
{
    return strcmp(key, ((const lock_record *)record)->path);
}

lock_record *lock_find(const lock *l, const char *path)
{
    return l->n_files > 0 ? bsearch(path, l->files, l->n_files, sizeof(*l->files), by_path) : NULL;
}

void lock_put(csvc_arena *a, lock *l, lock_record record)
{
    lock_record *old = lock_find(l, record.path);
    size_t at = 0;

    if (old != NULL) {
        *old = record;
        return;
    }
    l->files = cli_grown(a, l->files, l->n_files, &l->max_files, sizeof(*l->files));
    for (at = l->n_files; at > 0 && strcmp(l->files[at - 1].path, record.path) > 0; at--) {
        l->files[at] = l->files[at - 1];
    }
    l->files[at] = record;
    l->n_files++;
}

void lock_drop(lock *l, const char *path)
{
    lock_record *record = lock_find(l, path);

    if (record != NULL) {
        size_t after = (size_t)(l->files + l->n_files - record - 1);

        memmove(record, record + 1, after * sizeof(*record));
        l->n_files--;
    }
}

/* ---- versions ---- */

/* The next number of a version; false at its end, and where there is none. */
static bool next_number(const char **at, unsigned long *ret_number)
{
    char *end = NULL;

    if (**at < '0' || **at > '9') {
        return false;
    }
    *ret_number = strtoul(*at, &end, 10);
    *at = *end == '.' ? end + 1 : end;
    return true;
}

static bool is_version(const char *text)
{
    unsigned long number;

    for (int i = 0; i < 3; i++) {
        if (!next_number(&text, &number)) {
            return false;
        }
    }
    return *text == '\0' || *text == '-' || *text == '+';
}

bool lock_is_later(const char *a, const char *b)
{
    unsigned long of_a = 0;
    unsigned long of_b = 0;

    for (int i = 0; i < 3; i++) {
        if (!next_number(&a, &of_a) || !next_number(&b, &of_b)) {
            return false;
        }
        if (of_a != of_b) {
            return of_b > of_a;
        }
    }
    return *a == '-' && *b != '-'; /* 0.2.0-rc1, 0.2.0 */
}

/* ---- reading ---- */

static csvc_code damaged(const reader *r, yaml_mark_t mark, const char *format, ...)
    CSVC_PRINTF(3, 4);
static csvc_code damaged(const reader *r, yaml_mark_t mark, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return csvc_error_set(r->err, CSVC_DATA_LOSS,
                          "%s:%zu:%zu: error: %s; bring the file back (git checkout), or let "
                          "`c-svc update --rebase-from-current` make a new one",
                          r->path, mark.line + 1, mark.column + 1, text);
}

static bool is_hash(const char *text)
{
    return text != NULL && strlen(text) == SHA256_HEX - 1 &&
           strspn(text, "0123456789abcdef") == SHA256_HEX - 1;
}

/* Within the project, and not where a file of ours is meant to be found by its name. */
static bool is_path(const char *path)
{
    if (path == NULL || path[0] == '\0' || path[0] == '/') {
        return false;
    }
    for (const char *part = path; part != NULL;) {
        size_t len = strcspn(part, "/");

        if (len == 0 || (len == 1 && part[0] == '.') ||
            (len == 2 && part[0] == '.' && part[1] == '.')) {
            return false;
        }
        part = part[len] == '/' ? part + len + 1 : NULL;
    }
    return !lock_is_record(path) && strncmp(path, ".git/", 5) != 0;
}

static bool index_of(const char *text, const char *const *names, size_t n, size_t *ret_index)
{
    for (size_t i = 0; text != NULL && i < n; i++) {
        if (strcmp(names[i], text) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static csvc_code read_file(reader *r, const yaml_node_t *key, const yaml_node_t *value)
{
    lock_record record = {.path = nodes_text(r->a, key), .hash = ""};
    const yaml_node_t *at;
    const yaml_node_t *state;
    const yaml_node_t *hash;
    size_t index = 0;

    if (!is_path(record.path) || value == NULL || value->type != YAML_MAPPING_NODE) {
        return damaged(r, key != NULL ? key->start_mark : (yaml_mark_t){0},
                       "\"files\" does not name a file of the project here");
    }
    if (!index_of(nodes_text(r->a, nodes_member(&r->document, value, "owner")), owners, 3,
                  &index)) {
        return damaged(r, value->start_mark, "the \"owner\" of %s is none", record.path);
    }
    record.owner = (gen_owner)index;
    hash = nodes_member(&r->document, value, "hash");
    if (hash != NULL) {
        record.hash = nodes_text(r->a, hash);
        if (!is_hash(record.hash)) {
            return damaged(r, hash->start_mark, "the \"hash\" of %s is none", record.path);
        }
    }
    state = nodes_member(&r->document, value, "state");
    if (state != NULL) {
        if (!index_of(nodes_text(r->a, state), states, 4, &index)) {
            return damaged(r, state->start_mark, "the \"state\" of %s is none", record.path);
        }
        record.state = (lock_state)index;
    }
    at = nodes_member(&r->document, value, "at");
    if (at != NULL) {
        record.at = nodes_text(r->a, at);
        if (!is_path(record.at)) {
            return damaged(r, at->start_mark, "\"at\" of %s is no file of the project",
                           record.path);
        }
    }
    if (lock_find(&r->lock, record.path) != NULL) {
        return damaged(r, key->start_mark, "%s is there twice", record.path);
    }
    lock_put(r->a, &r->lock, record);
    return CSVC_OK;
}

static csvc_code read_files(reader *r, const yaml_node_t *files)
{
    csvc_code code = CSVC_OK;

    if (files == NULL || files->type != YAML_MAPPING_NODE) {
        return damaged(r, files != NULL ? files->start_mark : (yaml_mark_t){0},
                       "\"files\" is not what it was");
    }
    for (const yaml_node_pair_t *pair = files->data.mapping.pairs.start;
         code == CSVC_OK && pair < files->data.mapping.pairs.top; pair++) {
        if (r->lock.n_files >= LOCK_MAX_FILES) {
            return damaged(r, files->start_mark, "\"files\" are more than %d", LOCK_MAX_FILES);
        }
        code = read_file(r, yaml_document_get_node(&r->document, pair->key),
                         yaml_document_get_node(&r->document, pair->value));
    }
    return code;
}

static csvc_code read_generated(reader *r, const yaml_node_t *made)
{
    size_t n;

    if (made == NULL || made->type != YAML_MAPPING_NODE) {
        return damaged(r, made != NULL ? made->start_mark : (yaml_mark_t){0},
                       "\"generated\" is not what it was");
    }
    n = (size_t)(made->data.mapping.pairs.top - made->data.mapping.pairs.start);
    r->lock.generated = cli_must(csvc_arena_calloc(r->a, n + 1, sizeof(lock_hash)));
    for (const yaml_node_pair_t *pair = made->data.mapping.pairs.start;
         pair < made->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&r->document, pair->key);
        const char *path = nodes_text(r->a, key);
        const char *hash = nodes_text(r->a, yaml_document_get_node(&r->document, pair->value));

        if (!is_path(path) || strncmp(path, "gen/", 4) != 0 || !is_hash(hash)) {
            return damaged(r, key->start_mark, "\"generated\" does not name a file of gen/ here");
        }
        r->lock.generated[r->lock.n_generated++] = (lock_hash){.path = path, .hash = hash};
    }
    return CSVC_OK;
}

static csvc_code newer(const reader *r, const char *version)
{
    return csvc_error_set(r->err, CSVC_FAILED_PRECONDITION,
                          "%s: error: c-svc %s has been here, and this is %s; get c-svc %s or a "
                          "later one (nothing was changed)",
                          r->path, version, CSVC_VERSION, version);
}

static csvc_code read_root(reader *r, const yaml_node_t *root)
{
    const yaml_node_t *format;
    const yaml_node_t *version;
    const yaml_node_t *inputs;
    csvc_code code;

    if (root == NULL || root->type != YAML_MAPPING_NODE) {
        return damaged(r, (yaml_mark_t){0}, "there is nothing in it");
    }
    version = nodes_member(&r->document, root, "c-svc");
    r->lock.version = nodes_text(r->a, version);
    if (r->lock.version == NULL || !is_version(r->lock.version)) {
        return damaged(r, version != NULL ? version->start_mark : root->start_mark,
                       "it does not say which c-svc wrote it");
    }
    if (lock_is_later(CSVC_VERSION, r->lock.version)) {
        return newer(r, r->lock.version);
    }
    format = nodes_member(&r->document, root, "format");
    r->lock.format = 1;
    if (format != NULL) {
        const char *number = nodes_text(r->a, format);
        char *end = NULL;

        r->lock.format = number != NULL ? (unsigned)strtoul(number, &end, 10) : 0;
        if (r->lock.format == 0 || *end != '\0') {
            return damaged(r, format->start_mark, "\"format\" is to be a number");
        }
        if (r->lock.format > LOCK_FORMAT) {
            return newer(r, cli_printf(r->a, "%s (format %u)", r->lock.version, r->lock.format));
        }
    }
    inputs = nodes_member(&r->document, root, "inputs");
    r->lock.has_contract = nodes_member(&r->document, inputs, CONTRACT_FILE) != NULL;
    code = read_generated(r, nodes_member(&r->document, root, "generated"));
    if (code == CSVC_OK && r->lock.format > 1) {
        code = read_files(r, nodes_member(&r->document, root, "files"));
    }
    return code;
}

static bool has_markers(csvc_bytes text)
{
    static const char marker[] = "<<<<<<< ";
    const size_t len = sizeof(marker) - 1;

    for (size_t i = 0; i + len <= text.len; i++) {
        if ((i == 0 || text.data[i - 1] == '\n') && memcmp(text.data + i, marker, len) == 0) {
            return true;
        }
    }
    return false;
}

static csvc_code parse(csvc_arena *a, const char *path, csvc_bytes text, lock *ret_lock,
                       csvc_error *err)
{
    reader r = {.a = a, .path = path, .err = err};
    yaml_parser_t parser;
    csvc_code code;

    if (!yaml_parser_initialize(&parser)) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "%s: out of memory", path);
    }
    yaml_parser_set_input_string(&parser, text.data, text.len);
    if (!yaml_parser_load(&parser, &r.document)) {
        yaml_mark_t mark = parser.problem_mark;

        code = damaged(&r, mark, "it is cut short or damaged (%s)",
                       parser.problem != NULL ? parser.problem : "no JSON");
        yaml_parser_delete(&parser);
        return code;
    }
    code = read_root(&r, yaml_document_get_root_node(&r.document));
    yaml_document_delete(&r.document);
    yaml_parser_delete(&parser);
    if (code == CSVC_OK) {
        *ret_lock = r.lock;
    }
    return code;
}

static csvc_bytes bytes_of(const char *text)
{
    return (csvc_bytes){.len = strlen(text), .data = (const uint8_t *)text};
}

static csvc_code parse_merge(csvc_arena *a, const char *path, csvc_bytes text, lock *ret_lock,
                             csvc_error *err)
{
    const char *whole = cli_must(csvc_arena_strndup(a, (const char *)text.data, text.len));
    lock sides[2] = {{0}, {0}};
    lock both = {0};
    csvc_code code = CSVC_OK;

    for (int i = 0; code == CSVC_OK && i < 2; i++) {
        const char *side = strlen(whole) == text.len ? lock_side(a, whole, i == 1) : NULL;

        code = side != NULL ? parse(a, path, bytes_of(lock_commas(a, side)), &sides[i], err)
                            : CSVC_DATA_LOSS;
    }
    if (code == CSVC_OK) {
        both = lock_together(a, &sides[0], &sides[1]);
        code = both.n_files <= LOCK_MAX_FILES ? CSVC_OK : CSVC_DATA_LOSS;
    }
    if (code == CSVC_DATA_LOSS) {
        return damaged(&(reader){.a = a, .path = path, .err = err}, (yaml_mark_t){0},
                       "there are git's conflict markers in it: take either side's file (git "
                       "checkout HEAD -- .c-svc)");
    }
    if (code == CSVC_OK) {
        *ret_lock = both;
    }
    return code;
}

csvc_code lock_parse(csvc_arena *a, const char *path, csvc_bytes text, lock *ret_lock,
                     csvc_error *err)
{
    return has_markers(text) ? parse_merge(a, path, text, ret_lock, err)
                             : parse(a, path, text, ret_lock, err);
}

csvc_code lock_read(csvc_arena *a, const char *root, lock *ret_lock, csvc_error *err)
{
    const char *path = files_join(a, root, LOCK_FILE);
    csvc_error failure = {CSVC_ERROR_INIT};
    csvc_bytes text;
    csvc_code code = files_read(a, path, MAX_BYTES, &text, &failure);

    if (code == CSVC_NOT_FOUND) {
        return csvc_error_set(err, code,
                              "%s: error: it is not there; bring it back (git checkout), or let "
                              "`c-svc update --rebase-from-current` make a new one",
                              path);
    }
    if (code != CSVC_OK) {
        if (err != NULL) {
            *err = failure;
        }
        return code;
    }
    return lock_parse(a, path, text, ret_lock, err);
}
