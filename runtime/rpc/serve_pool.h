/*
 * rpc/serve_pool.h: served calls on their way to the pool, and those of them that are looked after.
 * On the loop.
 */
#ifndef CSVC_RPC_SERVE_POOL_H
#define CSVC_RPC_SERVE_POOL_H

#include <rpc/served.h>

csvc_code csvc__served_submit(csvc__served *s) CSVC_MUST_CHECK;

/* Whether the call may go to the pool as a quick job: one that is looked after until it is back. */
bool csvc__served_guard_out(csvc__served *s);
void csvc__served_guard_back(csvc__served *s);

#endif /* CSVC_RPC_SERVE_POOL_H */
