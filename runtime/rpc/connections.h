/* rpc/connections.h: a server's connections as its registry counts them, when its transport tells.
 */
#ifndef CSVC_RPC_CONNECTIONS_H
#define CSVC_RPC_CONNECTIONS_H

#include <csvc/metrics.h>

enum {
    CSVC__MAX_REFUSALS = 32
};

typedef struct csvc__connections { /* = {0}: counts nothing */
    csvc_gauge *open;
    csvc_counter *accepted;
    size_t n_words;
    const char *words[CSVC__MAX_REFUSALS];
    csvc_counter *refused[CSVC__MAX_REFUSALS];
} csvc__connections;

/* Makes the series, one for each of the words; `m` may be NULL. Those that cannot be had are not
 * counted, with a line in the log. */
void csvc__connections_count(csvc__connections *c, csvc_metrics *m, const char *const *words);

/* Any thread, after that. */
void csvc__connections_change(const csvc__connections *c, int change);
void csvc__connections_refused(const csvc__connections *c, const char *word);

#endif /* CSVC_RPC_CONNECTIONS_H */
