/* app/settings.c: settings of a program, each a flag and a variable. */
#include <app/settings.h>
#include <base/clock.h>
#include <csvc/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

enum {
    FLAG_SIZE = 64
};

/* "--grpc-addr" for GRPC_ADDR. */
static void flag_of(const csvc__setting *setting, char ret_flag[FLAG_SIZE])
{
    size_t at = 2;

    ret_flag[0] = ret_flag[1] = '-';
    for (const char *p = setting->variable; *p != '\0' && at < FLAG_SIZE - 1; p++) {
        ret_flag[at++] = *p == '_' ? '-' : (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    }
    ret_flag[at] = '\0';
}

const char *csvc__setting_source(const csvc__setting *setting, char ret_flag[64])
{
    if (!setting->by_flag) {
        return setting->variable;
    }
    flag_of(setting, ret_flag);
    return ret_flag;
}

/* ---- values ---- */

/* The URL without what may be secret: the password, and what follows a '?'. */
static void hide_password(const char *url, char *ret_text, size_t size)
{
    const char *authority = strstr(url, "://");
    const size_t len = strcspn(url, "?");
    const char *host, *password = NULL;

    if (authority != NULL) {
        authority += 3;
        host = authority + strcspn(authority, "/?#");
        while (host > authority && host[-1] != '@') {
            host--;
        }
        password = memchr(authority, ':', (size_t)(host - authority));
    }
    if (password != NULL) {
        (void)snprintf(ret_text, size, "%.*s:***@%.*s", (int)(password - url), url,
                       (int)(url + len - host), host);
    } else {
        (void)snprintf(ret_text, size, "%.*s", (int)len, url);
    }
}

void csvc__setting_show(const csvc__setting *setting, char *ret_text, size_t size)
{
    if (setting->is_url) {
        hide_password(setting->value, ret_text, size);
    } else {
        (void)snprintf(ret_text, size, "%s", setting->value);
    }
}

static bool count_parse(const char *text, int64_t min, int64_t max, int64_t *ret_number)
{
    int64_t number = 0;

    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || number > (max - (*text - '0')) / 10) {
            return false;
        }
        number = 10 * number + (*text - '0');
    }
    *ret_number = number;
    return number >= min;
}

static csvc_code refuse(const csvc__setting *setting, const char *wanted, csvc_error *err)
{
    char flag[FLAG_SIZE];

    return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: '%s' is not %s",
                          csvc__setting_source(setting, flag), setting->value, wanted);
}

/* Rounded up: a short time is not none. */
static int64_t in_millis(int64_t nanos)
{
    return nanos / CSVC__MS + (nanos % CSVC__MS != 0);
}

static csvc_code read_value(csvc__setting *setting, csvc_error *err)
{
    csvc_log_level level;
    csvc_log_format format;
    const int64_t min = setting->min != 0 ? setting->min : 1;
    char wanted[64];

    switch (setting->kind) {
    case CSVC__SETTING_TEXT:
        break;
    case CSVC__SETTING_DURATION:
        if (!csvc__duration_parse(setting->value, &setting->number) || setting->number < 0) {
            return refuse(setting, "a duration such as 30s, 1m30s or 200ms", err);
        }
        setting->number = in_millis(setting->number);
        break;
    case CSVC__SETTING_PERIOD:
        if (!csvc__duration_parse(setting->value, &setting->number) || setting->number <= 0) {
            return refuse(setting, "a duration above zero, such as 30s, 1m30s or 200ms", err);
        }
        setting->number = in_millis(setting->number);
        break;
    case CSVC__SETTING_COUNT:
        if (setting->value == setting->fallback && setting->value[0] == '\0') {
            break; /* 0: who asks has a default of his own */
        }
        if (!count_parse(setting->value, min, setting->max, &setting->number)) {
            (void)snprintf(wanted, sizeof(wanted), "a number from %lld to %lld", (long long)min,
                           (long long)setting->max);
            return refuse(setting, wanted, err);
        }
        break;
    case CSVC__SETTING_LEVEL:
        if (!csvc_log_level_parse(setting->value, &level)) {
            return refuse(setting, "a level: debug, info, warn, error or off", err);
        }
        setting->number = level;
        break;
    case CSVC__SETTING_FORMAT:
        if (!csvc_log_format_parse(setting->value, &format)) {
            return refuse(setting, "a format: text or json", err);
        }
        setting->number = format;
        break;
    case CSVC__SETTING_SWITCH:
        setting->number = strcmp(setting->value, "on") == 0;
        if (setting->number == 0 && strcmp(setting->value, "off") != 0) {
            return refuse(setting, "on or off", err);
        }
        break;
    }
    return CSVC_OK;
}

/* ---- flags ---- */

static csvc_code unknown_flag(const csvc__setting *settings, size_t n_settings, const char *typed,
                              size_t len, csvc_error *err)
{
    char word[FLAG_SIZE], flag[FLAG_SIZE], best[FLAG_SIZE];
    csvc__nearest nearest = {.typed = word};

    (void)snprintf(word, sizeof(word), "%.*s", (int)len, typed);
    for (size_t i = 0; i < n_settings; i++) {
        if (settings[i].absent) {
            continue;
        }
        flag_of(&settings[i], flag);
        csvc__nearest_try(&nearest, flag);
        if (nearest.word == flag) {
            /* the buffer is filled again for the next one */
            memcpy(best, flag, sizeof(best));
            nearest.word = best;
        }
    }
    csvc__nearest_try(&nearest, "--help");
    csvc__nearest_try(&nearest, "--health");
    csvc__nearest_try(&nearest, "--version");
    if (nearest.word != NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "unknown flag %s; did you mean %s?", word,
                              nearest.word);
    }
    return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "unknown flag %s", word);
}

static csvc_code read_flags(csvc__setting *settings, size_t n_settings, int argc, char **argv,
                            csvc__settings_wish *wish, csvc_error *err)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        const char *equals = strchr(arg, '=');
        const size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
        csvc__setting *found = NULL;

        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            *wish = CSVC__WISH_HELP;
            return CSVC_OK;
        }
        if (strcmp(arg, "--version") == 0) {
            *wish = CSVC__WISH_VERSION;
            return CSVC_OK;
        }
        if (strcmp(arg, "--health") == 0) {
            *wish = CSVC__WISH_HEALTH;
            continue;
        }
        if (arg[0] != '-') {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "unexpected argument '%s'; there are only flags", arg);
        }
        for (size_t s = 0; s < n_settings && found == NULL; s++) {
            char flag[FLAG_SIZE];

            flag_of(&settings[s], flag);
            if (!settings[s].absent && strlen(flag) == len && memcmp(flag, arg, len) == 0) {
                found = &settings[s];
            }
        }
        if (found == NULL) {
            return unknown_flag(settings, n_settings, arg, len, err);
        }
        if (equals == NULL && i + 1 == argc) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s needs a value", arg);
        }
        found->value = equals != NULL ? equals + 1 : argv[++i];
        found->by_flag = true;
    }
    return CSVC_OK;
}

csvc_code csvc__settings_read(csvc__setting *settings, size_t n_settings, int argc, char **argv,
                              csvc__settings_wish *ret_wish, csvc_error *err)
{
    csvc__settings_wish wish = CSVC__WISH_RUN;
    csvc_code code = read_flags(settings, n_settings, argc, argv, &wish, err);

    for (size_t i = 0;
         i < n_settings && code == CSVC_OK && (wish == CSVC__WISH_RUN || wish == CSVC__WISH_HEALTH);
         i++) {
        csvc__setting *setting = &settings[i];
        const char *variable = getenv(setting->variable);

        if (setting->absent) {
            continue;
        }
        if (!setting->by_flag) {
            setting->by_variable = variable != NULL && variable[0] != '\0';
            setting->value = setting->by_variable ? variable : setting->fallback;
        }
        code = read_value(setting, err);
    }
    if (code == CSVC_OK) {
        *ret_wish = wish;
    }
    return code;
}

typedef struct widths {
    int flag, variable;
} widths;

static void widen(int *width, const char *text)
{
    const int len = (int)strlen(text);

    *width = len > *width ? len : *width;
}

static void print_setting(widths w, const char *flag, const char *variable, const char *fallback,
                          const char *help)
{
    char line[256];
    size_t len;

    (void)snprintf(line, sizeof(line), "  %-*s  %-*s  %s", w.flag, flag, w.variable, variable,
                   fallback);
    for (len = strlen(line); len > 0 && line[len - 1] == ' '; len--) {
    }
    (void)printf("%.*s\n", (int)len, line);
    if (help != NULL) {
        (void)printf("      %s\n", help);
    }
}

void csvc__settings_help(const char *program, const char *purpose, const csvc__setting *settings,
                         size_t n_settings)
{
    widths w = {0};
    char flag[FLAG_SIZE];

    for (size_t i = 0; i < n_settings; i++) {
        if (!settings[i].absent) {
            flag_of(&settings[i], flag);
            widen(&w.flag, flag);
            widen(&w.variable, settings[i].variable);
        }
    }
    (void)printf("usage: %s [--FLAG VALUE]...\n\n%s\n\n", program, purpose);
    print_setting(w, "flag", "variable", "default", NULL);
    for (size_t i = 0; i < n_settings; i++) {
        if (!settings[i].absent) {
            flag_of(&settings[i], flag);
            print_setting(w, flag, settings[i].variable, settings[i].fallback, settings[i].help);
        }
    }
    print_setting(w, "--help", "", "", "what you are reading");
    print_setting(w, "--health", "", "",
                  "exits with 0 when the program that runs is ready, else with 1");
    print_setting(w, "--version", "", "", "the release of c-svc it was built with");
    (void)printf("\nA flag wins over its variable, --flag=VALUE is understood, too.\n");
}
