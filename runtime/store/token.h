/* store/token.h: where a list goes on, as a text that callers hand back unread. */
#ifndef CSVC_STORE_TOKEN_H
#define CSVC_STORE_TOKEN_H

#include <csvc/store.h>

/* URL-safe; `key` is INT or TEXT, `filter` tells the list. NULL when memory is short. */
const char *csvc__token_write(csvc_arena *a, uint64_t filter, const csvc_value *key);

/* False for what is no token of this list, damaged or cut. */
bool csvc__token_read(csvc_arena *a, const char *token, uint64_t filter, csvc_value *ret_key);

#endif /* CSVC_STORE_TOKEN_H */
