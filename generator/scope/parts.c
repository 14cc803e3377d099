/* scope/parts.c: texts that the files of scope/ share. */
#include "scope/parts.h"

#include "base/banned.h"

char *gen_flags_text(csvc_arena *a, uint32_t flags, const gen_flag_name *names, size_t n_names)
{
    char *text = NULL;

    for (size_t i = 0; i < n_names; i++) {
        if ((flags & names[i].flag) != 0) {
            text = text == NULL ? csvc_arena_strdup(a, names[i].name)
                                : csvc_arena_printf(a, "%s | %s", text, names[i].name);
            if (text == NULL) {
                return NULL;
            }
        }
    }
    return text != NULL ? text : csvc_arena_strdup(a, "0");
}

const char *gen_comment_of(csvc_arena *a, gen_comments comments)
{
    const char *text = gen_comment_escape(a, comments.leading != NULL ? comments.leading : "");

    if (text != NULL && *text == '\0' && comments.trailing != NULL) {
        text = gen_comment_escape(a, comments.trailing);
    }
    return text;
}
