/*
 * std/symbols.c: what is defined in which .proto file.
 *
 * Descriptors are read where they lie, as the fields of a message on the wire: nothing but names is
 * wanted of them. The numbers are those of descriptor.proto.
 */
#include <codec/wire.h>
#include <csvc/alloc.h>
#include <std/symbols.h>

#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

enum {
    MAX_NESTING = 100,
    MAX_FULL_NAME = 2048,
};

/* ---- reading ---- */

typedef struct reader {
    const uint8_t *at, *end;
    bool broken;
} reader;

typedef struct entry {
    uint32_t number;
    uint64_t value;   /* of a varint */
    csvc_bytes bytes; /* else */
} entry;

static reader reader_of(csvc_bytes bytes)
{
    return (reader){bytes.data, bytes.data + bytes.len, false};
}

/* The next field; false at the end, and when it is broken. Groups and fixed numbers: descriptors
 * have none but in options, which nobody looks into. */
static bool next(reader *r, entry *ret_entry)
{
    uint64_t tag;
    uint64_t value;

    if (r->at == r->end) {
        return false;
    }
    r->at = csvc__varint_read(r->at, r->end, &tag);
    if (r->at != NULL) {
        r->at = csvc__varint_read(r->at, r->end, &value);
    }
    if (r->at == NULL || ((tag & 7) != CSVC__WIRE_VARINT && (tag & 7) != CSVC__WIRE_LEN)) {
        r->broken = true;
        r->at = r->end;
        return false;
    }
    *ret_entry = (entry){.number = (uint32_t)(tag >> 3), .value = value};
    if ((tag & 7) == CSVC__WIRE_LEN) {
        if (value > (size_t)(r->end - r->at)) {
            r->broken = true;
            r->at = r->end;
            return false;
        }
        ret_entry->bytes = (csvc_bytes){(size_t)value, r->at};
        r->at += value;
    }
    return true;
}

/* The last value of a text or message field; an empty one when it is not there. */
static csvc_bytes find(csvc_bytes message, uint32_t number)
{
    reader r = reader_of(message);
    csvc_bytes found = {0};
    entry e;

    while (next(&r, &e)) {
        if (e.number == number && e.bytes.data != NULL) {
            found = e.bytes;
        }
    }
    return found;
}

static uint64_t find_number(csvc_bytes message, uint32_t number)
{
    reader r = reader_of(message);
    uint64_t found = 0;
    entry e;

    while (next(&r, &e)) {
        found = e.number == number ? e.value : found;
    }
    return found;
}

/* ---- what is put in ---- */

typedef struct visit {
    csvc__symbols *sy;
    uint32_t file;
    csvc_code code; /* the first failure */
    unsigned depth;
    size_t scope_len;
    char scope[MAX_FULL_NAME]; /* of what is visited now: "user.User" */
} visit;

static void *as_value(uint32_t file)
{
    return (void *)((uintptr_t)file + 1);
}

/* Makes the scope longer by the name of a message of descriptor.proto, which is field 1 of all of
 * them; how long it was. */
static size_t enter(visit *v, csvc_bytes message)
{
    const csvc_bytes name = find(message, 1);
    const size_t before = v->scope_len;

    if (name.len == 0 || name.len + 2 > sizeof(v->scope) - before) {
        v->code = CSVC_INTERNAL;
        return before;
    }
    if (before > 0) {
        v->scope[v->scope_len++] = '.';
    }
    memcpy(v->scope + v->scope_len, name.data, name.len);
    v->scope_len += name.len;
    v->scope[v->scope_len] = '\0';
    return before;
}

static void leave(visit *v, size_t before)
{
    v->scope_len = before;
    v->scope[before] = '\0';
}

/* The scope is a symbol; of two of one name the first stands. */
static void put(visit *v, csvc__map *map)
{
    if (v->code == CSVC_OK && csvc__map_get(map, v->scope) == NULL &&
        !csvc__map_put(map, v->scope, as_value(v->file))) {
        v->code = CSVC_RESOURCE_EXHAUSTED;
    }
}

static void put_name(visit *v, csvc_bytes message)
{
    const size_t before = enter(v, message);

    put(v, &v->sy->by_symbol);
    leave(v, before);
}

static csvc__extension *new_extension(csvc__symbols *sy)
{
    if (sy->n_extensions == sy->max_extensions) {
        const size_t max = sy->max_extensions > 0 ? sy->max_extensions * 2 : 8;
        csvc__extension *more = csvc__realloc(sy->extensions, max * sizeof(*more));

        if (more == NULL) {
            return NULL;
        }
        sy->extensions = more;
        sy->max_extensions = max;
    }
    return &sy->extensions[sy->n_extensions];
}

static void put_extension(visit *v, csvc_bytes field)
{
    csvc_bytes type = find(field, 2);
    csvc__extension *ext = new_extension(v->sy);
    char *text = csvc__malloc(type.len + 1);

    put_name(v, field);
    if (ext == NULL || text == NULL) {
        v->code = CSVC_RESOURCE_EXHAUSTED;
        csvc__free(text);
        return;
    }
    if (type.len > 0 && type.data[0] == '.') {
        type = (csvc_bytes){type.len - 1, type.data + 1};
    }
    if (type.len > 0) {
        memcpy(text, type.data, type.len);
    }
    text[type.len] = '\0';
    *ext = (csvc__extension){text, (int32_t)find_number(field, 3), v->file};
    v->sy->n_extensions++;
}

/* Values of an enum are siblings of it, as in C++. */
static void put_enum(visit *v, csvc_bytes message)
{
    reader r = reader_of(message);
    entry e;

    put_name(v, message);
    while (v->code == CSVC_OK && next(&r, &e)) {
        if (e.number == 2) {
            put_name(v, e.bytes);
        }
    }
}

static void put_service(visit *v, csvc_bytes message)
{
    const size_t before = enter(v, message);
    reader r = reader_of(message);
    entry e;

    put(v, &v->sy->by_symbol);
    while (v->code == CSVC_OK && next(&r, &e)) {
        if (e.number == 2) {
            put_name(v, e.bytes);
        }
    }
    leave(v, before);
}

static void put_message(visit *v, csvc_bytes message)
{
    size_t before;
    reader r = reader_of(message);
    entry e;

    if (v->depth == MAX_NESTING) {
        v->code = CSVC_INTERNAL;
        return;
    }
    v->depth++;
    before = enter(v, message);
    put(v, &v->sy->by_symbol);
    put(v, &v->sy->types);
    while (v->code == CSVC_OK && next(&r, &e)) {
        switch (e.number) {
        case 2: /* field */
        case 8: /* oneof_decl */
            put_name(v, e.bytes);
            break;
        case 3: /* nested_type */
            put_message(v, e.bytes);
            break;
        case 4: /* enum_type */
            put_enum(v, e.bytes);
            break;
        case 6: /* extension */
            put_extension(v, e.bytes);
            break;
        default:
            break;
        }
    }
    leave(v, before);
    v->depth--;
}

static csvc_code put_file(csvc__symbols *sy, uint32_t number)
{
    const csvc_bytes bytes = sy->files[number]->bytes;
    const csvc_bytes package = find(bytes, 2);
    visit v = {.sy = sy, .file = number};
    reader r = reader_of(bytes);
    entry e;

    if (package.len >= sizeof(v.scope)) {
        return CSVC_INTERNAL;
    }
    if (package.len > 0) {
        memcpy(v.scope, package.data, package.len);
    }
    v.scope_len = package.len;
    while (v.code == CSVC_OK && next(&r, &e)) {
        switch (e.number) {
        case 4:
            put_message(&v, e.bytes);
            break;
        case 5:
            put_enum(&v, e.bytes);
            break;
        case 6:
            put_service(&v, e.bytes);
            break;
        case 7:
            put_extension(&v, e.bytes);
            break;
        default:
            break;
        }
    }
    return r.broken ? CSVC_INTERNAL : v.code;
}

/* ---- files ---- */

/* Those of one name are the same, however often they were embedded. */
static csvc_code new_file(csvc__symbols *sy, const csvc_file *file)
{
    if (csvc__map_get(&sy->by_name, file->name) != NULL) {
        return CSVC_OK;
    }
    if (sy->n_files == sy->max_files) {
        const uint32_t max = sy->max_files > 0 ? sy->max_files * 2 : 16;
        const csvc_file **more = csvc__realloc(sy->files, max * sizeof(*more));

        if (more == NULL) {
            return CSVC_RESOURCE_EXHAUSTED;
        }
        sy->files = more;
        sy->max_files = max;
    }
    if (!csvc__map_put(&sy->by_name, file->name, as_value(sy->n_files))) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    sy->files[sy->n_files++] = file;
    return CSVC_OK;
}

csvc_code csvc__symbols_add(csvc__symbols *sy, const csvc_file *file)
{
    uint32_t next_file = sy->n_files;
    csvc_code code = new_file(sy, file);

    for (; code == CSVC_OK && next_file < sy->n_files; next_file++) {
        const csvc_file *const *imports = sy->files[next_file]->imports;

        code = put_file(sy, next_file);
        for (size_t i = 0; code == CSVC_OK && imports[i] != NULL; i++) {
            code = new_file(sy, imports[i]);
        }
    }
    return code;
}

static int compare(const void *a, const void *b)
{
    const csvc__extension *x = a;
    const csvc__extension *y = b;
    const int by_type = strcmp(x->type, y->type);

    return by_type != 0 ? by_type : (x->number > y->number) - (x->number < y->number);
}

void csvc__symbols_sort(csvc__symbols *sy)
{
    if (sy->n_extensions > 0) {
        qsort(sy->extensions, sy->n_extensions, sizeof(sy->extensions[0]), compare);
    }
}

void csvc__symbols_release(csvc__symbols *sy)
{
    for (size_t i = 0; i < sy->n_extensions; i++) {
        csvc__free((void *)(uintptr_t)sy->extensions[i].type);
    }
    csvc__free(sy->extensions);
    csvc__free(sy->files);
    csvc__map_release(&sy->by_name);
    csvc__map_release(&sy->by_symbol);
    csvc__map_release(&sy->types);
    *sy = (csvc__symbols){0};
}

/* ---- looking ---- */

static int64_t number_in(const csvc__map *map, const char *name)
{
    return (int64_t)(uintptr_t)csvc__map_get(map, name) - 1; /* NULL: CSVC__NO_FILE */
}

int64_t csvc__symbols_file(const csvc__symbols *sy, const char *name)
{
    return number_in(&sy->by_name, name);
}

int64_t csvc__symbols_of(const csvc__symbols *sy, const char *symbol)
{
    return number_in(&sy->by_symbol, symbol);
}

bool csvc__symbols_extensions(const csvc__symbols *sy, const char *type,
                              const csvc__extension **ret_first, size_t *ret_n)
{
    size_t first = 0;
    size_t n = 0;

    if (csvc__map_get(&sy->types, type) == NULL) {
        return false;
    }
    while (first < sy->n_extensions && strcmp(sy->extensions[first].type, type) != 0) {
        first++;
    }
    while (first + n < sy->n_extensions && strcmp(sy->extensions[first + n].type, type) == 0) {
        n++;
    }
    *ret_first = sy->extensions + first;
    *ret_n = n;
    return true;
}
