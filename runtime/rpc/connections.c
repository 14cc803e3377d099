/* rpc/connections.c: a server's connections as its registry counts them. */
#include <csvc/log.h>
#include <rpc/connections.h>

#include <string.h>

#include <base/banned.h>

void csvc__connections_count(csvc__connections *c, csvc_metrics *m, const char *const *words)
{
    csvc_error err = {CSVC_ERROR_INIT};

    if (m == NULL) {
        return;
    }
    c->n_words = 0;
    c->open = csvc_metrics_gauge(m, "csvc_server_connections_open", "Connections that are open.",
                                 NULL, &err);
    c->accepted = csvc_metrics_counter(m, "csvc_server_connections_accepted_total",
                                       "Connections that were accepted.", NULL, &err);
    while (words[c->n_words] != NULL && c->n_words < CSVC__MAX_REFUSALS) {
        const char *word = words[c->n_words];

        c->words[c->n_words] = word;
        c->refused[c->n_words++] = csvc_metrics_counter(
            m, "csvc_server_connections_refused_total",
            "Connections that were refused, or closed for what their peer did or left undone.",
            (const char *const[]){"reason", word, NULL}, &err);
    }
    if (err.code != CSVC_OK) {
        csvc_log(CSVC_LOG_WARN, "some connections are not counted", "why", err.text, NULL);
    }
}

void csvc__connections_change(const csvc__connections *c, int change)
{
    csvc_gauge_add(c->open, change);
    if (change > 0) {
        csvc_counter_add(c->accepted, (uint64_t)change);
    }
}

void csvc__connections_refused(const csvc__connections *c, const char *word)
{
    for (size_t i = 0; i < c->n_words; i++) {
        if (strcmp(c->words[i], word) == 0) {
            csvc_counter_add(c->refused[i], 1);
            return;
        }
    }
}
