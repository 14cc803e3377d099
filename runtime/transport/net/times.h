/* net/times.h: how long a server's connections may do what, for who sets nothing. */
#ifndef CSVC_NET_TIMES_H
#define CSVC_NET_TIMES_H

#include <transport/seam.h>

#define CSVC__NET_NEVER INT64_C(-1)

/* The same with the defaults in place: milliseconds, or NEVER, also beyond 24 days. */
CSVC_API csvc_tserver_times csvc__net_times(const csvc_tserver_times *asked);

/* Of such times: after how many ms bytes that nobody acknowledges end a connection, as a ping would
 * that nobody answers (csvc__net_give_up_after); 0: the system's. */
CSVC_API int64_t csvc__net_silence_ms(const csvc_tserver_times *times);

#endif /* CSVC_NET_TIMES_H */
