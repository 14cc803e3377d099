/* rpc/validate.h: requests are held to the rules of their .proto. */
#ifndef CSVC_RPC_VALIDATE_H
#define CSVC_RPC_VALIDATE_H

#include <rpc/chain.h>

/* Puts the check into the chain, once, when a request of the service has rules; so one without any
 * costs nothing. */
csvc_code csvc__validate_where_asked(csvc__chain *chain,
                                     const csvc_service *service) CSVC_MUST_CHECK;

#endif /* CSVC_RPC_VALIDATE_H */
