/* support/log_catcher.c: see the header. */
#include "log_catcher.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char kept[65536];
static size_t len;
static bool catching;

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
    if (!catching) {
        pthread_mutex_unlock(&lock);
        return;
    }
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
    static bool is_sink;

    pthread_mutex_lock(&lock);
    len = 0;
    kept[0] = '\0';
    catching = true;
    pthread_mutex_unlock(&lock);
    if (!is_sink) { /* once: threads of an earlier test may be logging */
        csvc_log_set_sink(keep, NULL);
        is_sink = true;
    }
    csvc_log_set_level(level);
}

const char *log_caught(void)
{
    return kept;
}

void log_let_go(void)
{
    pthread_mutex_lock(&lock);
    catching = false;
    pthread_mutex_unlock(&lock);
    csvc_log_set_level(CSVC_LOG_INFO);
}
