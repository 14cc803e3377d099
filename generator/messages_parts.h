/* messages_parts.h: what messages.c and messages_mend.c share. */
#ifndef GEN_MESSAGES_PARTS_H
#define GEN_MESSAGES_PARTS_H

#include "model.h"
#include <csvc/code.h>

/*
 * In the text of a file's .pb-c.c: the proto names of fields that were handed on under another
 * name (gen_field.renamed) put back, and the index by name sorted anew. Other texts are left as
 * they are. INTERNAL when the text is not as protoc-gen-c writes it.
 */
csvc_code gen_mend_names(csvc_arena *a, const gen_file *file, const char **text, csvc_error *err);

#endif /* GEN_MESSAGES_PARTS_H */
