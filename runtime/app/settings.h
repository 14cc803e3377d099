/*
 * app/settings.h: settings of a program, each a flag and a variable.
 *
 * The flag is the variable's name in lower case with dashes: GRPC_ADDR is --grpc-addr. The flag
 * wins over the variable, the variable over the default; an empty variable is as good as none.
 */
#ifndef CSVC_APP_SETTINGS_H
#define CSVC_APP_SETTINGS_H

#include <csvc/code.h>

typedef enum csvc__setting_kind {
    CSVC__SETTING_TEXT,
    CSVC__SETTING_DURATION, /* "30s"; number: milliseconds, rounded up; "0s" says something */
    CSVC__SETTING_PERIOD,   /* the same, from 1 ms on */
    CSVC__SETTING_COUNT,    /* from min, or 1, to max */
    CSVC__SETTING_LEVEL,    /* number: a csvc_log_level */
    CSVC__SETTING_FORMAT,   /* number: a csvc_log_format */
    CSVC__SETTING_SWITCH,   /* "on" or "off"; number: 1 or 0 */
} csvc__setting_kind;

typedef struct csvc__setting {
    const char *variable;
    const char *fallback; /* the default, as the help shows it */
    const char *help;
    csvc__setting_kind kind;
    int64_t max; /* of a count */
    int64_t min; /* 0: 1 */
    bool is_url; /* its password is shown to nobody */
    bool absent; /* this program has no such setting */

    /* what was read */
    const char *value;
    int64_t number;
    bool by_flag, by_variable;
} csvc__setting;

typedef enum csvc__settings_wish {
    CSVC__WISH_RUN,
    CSVC__WISH_HELP,
    CSVC__WISH_VERSION,
    CSVC__WISH_HEALTH, /* how the program is that runs with these settings */
} csvc__settings_wish;

/* Reads flags and environment into the settings. INVALID_ARGUMENT, naming the flag or the variable
 * and what is wanted. Values point into argv and the environment. */
csvc_code csvc__settings_read(csvc__setting *settings, size_t n_settings, int argc, char **argv,
                              csvc__settings_wish *ret_wish, csvc_error *err);

/* Where a value came from, to name it in an error: "--grpc-addr" or "GRPC_ADDR". */
const char *csvc__setting_source(const csvc__setting *setting, char ret_flag[64]);

/* The value as it may be shown: of a URL without its password and what follows a '?'. */
void csvc__setting_show(const csvc__setting *setting, char *ret_text, size_t size);

/* Prints the help to standard output. */
void csvc__settings_help(const char *program, const char *purpose, const csvc__setting *settings,
                         size_t n_settings);

/* ---- nearest.c ---- */

/* Keeps the word that is the fewest edits away from what somebody typed. */
typedef struct csvc__nearest {
    const char *typed;
    const char *word; /* NULL: none is near */
    size_t distance;
} csvc__nearest;

void csvc__nearest_try(csvc__nearest *nearest, const char *word);

#endif /* CSVC_APP_SETTINGS_H */
