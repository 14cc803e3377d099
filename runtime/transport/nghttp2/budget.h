/*
 * nghttp2/budget.h: how many frames that are cheap to send and make work here a connection has
 * left.
 *
 * Each kind has a budget, which fills up again with time.
 */
#ifndef CSVC_NGHTTP2_BUDGET_H
#define CSVC_NGHTTP2_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

typedef enum ng_abuse {
    NG_RESETS,
    NG_SETTINGS,
    NG_PINGS,
    NG_EMPTY,
    NG_OTHER,
    NG_ABUSES
} ng_abuse;

/* Zeroed: full. */
typedef struct ng_budget {
    int64_t tokens; /* in thousandths */
    int64_t at;
} ng_budget;

/* One frame; false: it is one too many. */
bool csvc__ng_budget_take(ng_budget budgets[NG_ABUSES], ng_abuse what, int64_t now);
/* For calls that are answered a peer may do more of it. */
void csvc__ng_budget_credit(ng_budget budgets[NG_ABUSES], ng_abuse what);

#endif /* CSVC_NGHTTP2_BUDGET_H */
