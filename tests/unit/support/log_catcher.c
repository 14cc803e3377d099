/* support/log_catcher.c: see the header. */
#include "log_catcher.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char kept[65536];
static size_t len;

static void add(const char *text)
{
    const size_t n = strlen(text);

    if (len + n < sizeof(kept)) {
        memcpy(kept + len, text, n + 1);
        len += n;
    }
}

static void keep(void *self, const csvc_log_record *record)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", "off"};

    (void)self;
    pthread_mutex_lock(&lock);
    add(levels[record->level]);
    add(" ");
    add(record->event);
    for (size_t i = 0; i < record->n_pairs; i++) {
        add(" ");
        add(record->pairs[2 * i]);
        add("=");
        add(record->pairs[2 * i + 1]);
    }
    add("\n");
    pthread_mutex_unlock(&lock);
}

void log_catch(csvc_log_level level)
{
    pthread_mutex_lock(&lock);
    len = 0;
    kept[0] = '\0';
    pthread_mutex_unlock(&lock);
    csvc_log_set_sink(keep, NULL);
    csvc_log_set_level(level);
}

const char *log_caught(void)
{
    return kept;
}

void log_let_go(void)
{
    csvc_log_set_sink(NULL, NULL);
    csvc_log_set_level(CSVC_LOG_INFO);
}
