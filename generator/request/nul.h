/* request/nul.h: what request.c, nul.c and the check share. */
#ifndef GEN_REQUEST_PARTS_H
#define GEN_REQUEST_PARTS_H

#include <csvc/arena.h>

/* Stands for a NUL in a default or a JSON name; no UTF-8 has such a byte. */
enum {
    GEN_NUL_MARK = 0xff
};

/* A copy of a request (or FileDescriptorSet) without NULs in defaults, JSON names and comments.
 * False: no memory. */
bool gen_mark_nuls(csvc_arena *a, csvc_bytes bytes, bool is_set, csvc_bytes *ret_bytes);

#endif /* GEN_REQUEST_PARTS_H */
