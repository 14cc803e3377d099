/*
 * service.h: what the handlers share.
 *
 * main() makes one of these and every handler gets it as `svc`, on many threads at once: what
 * changes after the start needs a lock of its own.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <csvc/store.h>

struct service {
    csvc_db *db;
};

#endif /* SERVICE_H */
