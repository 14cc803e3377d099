/* app/notify.h: tells systemd, or whoever else named a socket, how far the program is. */
#ifndef CSVC_APP_NOTIFY_H
#define CSVC_APP_NOTIFY_H

#include <csvc/common.h>

/* Sends "READY=1", "STOPPING=1" to the socket that NOTIFY_SOCKET names: the protocol of sd_notify.
 * Nothing when there is none; a socket that does not take it is logged at warn. Does not block. */
void csvc__notify(const char *state);

#endif /* CSVC_APP_NOTIFY_H */
