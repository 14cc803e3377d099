/*
 * config.h: c-svc.yaml, what a project is asked to be.
 *
 *     name: user-service
 *     protos: [proto/user.proto]
 *     include: [proto]
 *     storage: sqlite        (or none, the default)
 *     features: [docker]     (what features.h lists; none when absent)
 *     inference: 1
 *     templates: ../our-templates    (optional)
 *
 * An unknown key or a wrong value is refused with its place and what was probably meant; nothing is
 * ignored in silence.
 */
#ifndef PROJECT_CONFIG_H
#define PROJECT_CONFIG_H

#include "console/say.h"

typedef enum config_storage {
    CONFIG_NONE = 0,
    CONFIG_SQLITE,
} config_storage;

/* Where a value stands, from 1. */
typedef struct config_place {
    size_t line, column;
} config_place;

typedef struct config {
    const char *name;
    cli_list protos;  /* relative to the project */
    cli_list include; /* folders that imports start from; never empty */
    config_storage storage;
    cli_list features;     /* names of features.h, each once */
    uint32_t inference;    /* rule set */
    const char *templates; /* a folder whose templates win over ours; NULL: none */
    /* Of what was read out of a c-svc.yaml; NULL and zero: it does not say so. */
    const config_place *protos_at, *include_at; /* of each item */
    config_place templates_at;
} config;

enum {
    CONFIG_MAX_BYTES = 64 * 1024,
    CONFIG_MAX_PROTOS = 1000,
    CONFIG_INFERENCE = 1 /* the newest rule set */
};

#define CONFIG_FILE "c-svc.yaml"

/*
 * Reads the text of a c-svc.yaml; `path` is for messages. INVALID_ARGUMENT with `path:line:col:
 * error: ...` in err.
 */
csvc_code config_parse(csvc_arena *a, const char *path, csvc_bytes text, config *ret_config,
                       csvc_error *err);

const char *config_storage_name(config_storage storage);

/* Whether the project has this feature. */
bool config_has(const config *c, const char *name);

/* ---- names ---- */

/*
 * Whether a service may be called so: [a-z][a-z0-9-]*, at most 63, no dash at the end, no two in a
 * row, and its C name (dashes as underscores) is free. NULL when it may; else why not, and in
 * *ret_better a name that would do or NULL.
 */
const char *config_name_problem(csvc_arena *a, const char *name, const char **ret_better);

/* user-service -> user_service. */
const char *config_c_name(csvc_arena *a, const char *name);

/* Whether a path can stand in a Makefile and a shell as it is: letters, digits, _ . / + - only. */
bool config_path_is_plain(const char *path);

#endif /* PROJECT_CONFIG_H */
