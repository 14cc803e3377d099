/*
 * features_edit.h: changes the list of features in the text of a c-svc.yaml, and nothing else of
 * it: comments, order, blanks and the form of the list stay as somebody wrote them.
 */
#ifndef PROJECT_FEATURES_EDIT_H
#define PROJECT_FEATURES_EDIT_H

#include <csvc/arena.h>
#include <csvc/code.h>

/*
 * The text with one name more, behind the others, or one less. The text is that of a file that
 * config_parse has read. FAILED_PRECONDITION for a form that it cannot change: `path` names the
 * place, and the user has to do it.
 */
csvc_code features_edit(csvc_arena *a, const char *path, csvc_bytes text, const char *name,
                        bool with, csvc_bytes *ret_text, csvc_error *err);

#endif /* PROJECT_FEATURES_EDIT_H */
