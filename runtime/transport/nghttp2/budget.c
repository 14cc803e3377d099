/* nghttp2/budget.c: how many frames a connection has left. */
#include <base/clock.h>
#include <transport/nghttp2/budget.h>

#include <base/banned.h>

enum {
    THOUSAND = 1000
};

/* `credit`, in thousandths: for a call that is answered, or (NG_OTHER) for a frame of one. No
 * client that calls for a reason comes near. */
static const struct {
    int64_t burst, per_second, credit;
} rates[NG_ABUSES] = {
    [NG_RESETS] = {5000, 1000, 1 * THOUSAND},
    [NG_SETTINGS] = {100, 10, 0},
    [NG_PINGS] = {1000, 100, 0},
    [NG_EMPTY] = {1000, 100, 0},
    [NG_OTHER] = {20000, 20000, 2 * THOUSAND},
};

/* What time has brought. */
static void refill(ng_budget *b, ng_abuse what, int64_t now)
{
    const int64_t full = rates[what].burst * THOUSAND;
    const int64_t ms = (now - b->at) / CSVC__MS;

    if (b->at == 0) {
        b->at = now;
        b->tokens += full;
    } else if (ms > 0) {
        b->at += ms * CSVC__MS;
        b->tokens =
            ms > full / rates[what].per_second ? full : b->tokens + ms * rates[what].per_second;
    }
    b->tokens = b->tokens > full ? full : b->tokens;
}

bool csvc__ng_budget_take(ng_budget budgets[NG_ABUSES], ng_abuse what, int64_t now)
{
    ng_budget *b = &budgets[what];

    refill(b, what, now);
    b->tokens -= THOUSAND;
    return b->tokens >= 0;
}

void csvc__ng_budget_credit(ng_budget budgets[NG_ABUSES], ng_abuse what)
{
    budgets[what].tokens += rates[what].credit; /* what is too much, refill takes away */
}
