/* messages/mend.h: what messages.c and mend.c share. */
#ifndef GEN_MESSAGES_PARTS_H
#define GEN_MESSAGES_PARTS_H

#include "model/model.h"
#include <csvc/code.h>

/*
 * Mends the text of a file's .pb-c.h or .pb-c.c. Header: the initialisers of oneofs are made clean
 * for C and C++. Source: the proto names of fields that were handed on under another name
 * (gen_field.renamed) are put back, and the index by name sorted anew; INTERNAL when they are not
 * where protoc-gen-c writes them.
 */
csvc_code gen_mend(csvc_arena *a, const gen_file *file, bool is_header, const char **text,
                   csvc_error *err);

#endif /* GEN_MESSAGES_PARTS_H */
