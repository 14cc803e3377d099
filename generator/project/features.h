/*
 * features.h: what a project may have around its service: each feature is a word of c-svc.yaml's
 * `features:` and a few merged files.
 */
#ifndef PROJECT_FEATURES_H
#define PROJECT_FEATURES_H

#include "console/say.h"

typedef struct feature {
    const char *name;
    const char *summary; /* a line of `c-svc help features` */
    const char *needs;   /* another feature that its files speak of; NULL: none */
    bool by_default;     /* a new project has it unless told otherwise */
    /* Paths in the project, ending with NULL; its template is project/PATH.tmpl. NAME stands for
     * the name of the service. */
    const char *const *files;
} feature;

/* Of buf, which knows no folder outside the project: a copy of c_svc/options.proto, where the
 * contract imports it. No template makes it. */
#define FEATURES_OPTIONS "third_party/proto/c_svc/options.proto"

/* All of them, by name; ends with a NULL name. */
extern const feature features_all[];

/* NULL when no feature is called so. */
const feature *features_find(const char *name);

/* The feature's name that `word` was probably meant to be; NULL when none is near. */
const char *features_nearest(const char *word);

/* All names, with this between them. */
const char *features_names(csvc_arena *a, const char *between);

/* Whether f comes with `named` (`with`: also when that needs it), or goes with it (when f needs
 * it). */
bool features_follow(const feature *f, const feature *named, bool with);

/* Those a new project has; sorted. */
void features_default(csvc_arena *a, cli_list *ret_names);

/* deploy/NAME.service to deploy/user-service.service. */
const char *features_path(csvc_arena *a, const char *path, const char *name);

#endif /* PROJECT_FEATURES_H */
