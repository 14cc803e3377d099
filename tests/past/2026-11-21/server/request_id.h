/* request_id.h: an id for every call; main.c and the tests register it. */
#ifndef REQUEST_ID_H
#define REQUEST_ID_H

#include <csvc/interceptor.h>

extern const csvc_interceptor request_id;

#endif /* REQUEST_ID_H */
