/*
 * std/symbols.h: what is defined in which .proto file, over all that a server serves.
 *
 * Built once from the tables of services; nothing in it changes afterwards, so any thread may look.
 * Files are numbered. Names are full ones, without a dot in front.
 */
#ifndef CSVC_STD_SYMBOLS_H
#define CSVC_STD_SYMBOLS_H

#include <base/map.h>
#include <csvc/service.h>

typedef struct csvc__extension {
    const char *type; /* that is extended */
    int32_t number;
    uint32_t file;
} csvc__extension;

typedef struct csvc__symbols {
    const csvc_file **files;
    uint32_t n_files, max_files;
    csvc__map by_name;   /* of files; the values of all three are numbers and one more */
    csvc__map by_symbol; /* services, methods, messages, fields, oneofs, enums, their values,
                            extensions: the file */
    csvc__map types;     /* messages: the file */
    csvc__extension *extensions; /* by type and number */
    size_t n_extensions, max_extensions;
} csvc__symbols;

enum {
    CSVC__NO_FILE = -1
};

/* Adds a file and those it imports. RESOURCE_EXHAUSTED when memory is short, INTERNAL when it is no
 * descriptor; what was added stays. */
csvc_code csvc__symbols_add(csvc__symbols *sy, const csvc_file *file);

/* Before the first look. */
void csvc__symbols_sort(csvc__symbols *sy);

/* The number of a file, or CSVC__NO_FILE. */
int64_t csvc__symbols_file(const csvc__symbols *sy, const char *name);
int64_t csvc__symbols_of(const csvc__symbols *sy, const char *symbol);

/* The extensions of a type, the lowest number first. False: no file defines the type. */
bool csvc__symbols_extensions(const csvc__symbols *sy, const char *type,
                              const csvc__extension **ret_first, size_t *ret_n);

void csvc__symbols_release(csvc__symbols *sy);

#endif /* CSVC_STD_SYMBOLS_H */
