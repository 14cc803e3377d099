/* scope/parts.h: what the files of scope/ share. */
#ifndef GEN_SCOPE_PARTS_H
#define GEN_SCOPE_PARTS_H

#include "scope/scope.h"

/* The constants whose flags are set, joined by " | "; "0" when none is set. */
typedef struct gen_flag_name {
    uint32_t flag;
    const char *name;
} gen_flag_name;
char *gen_flags_text(csvc_arena *a, uint32_t flags, const gen_flag_name *names, size_t n_names);

/* A comment of the .proto, the one before the thing or else the one behind it, safe for C; "" when
 * there is none. */
const char *gen_comment_of(csvc_arena *a, gen_comments comments);

#endif /* GEN_SCOPE_PARTS_H */
