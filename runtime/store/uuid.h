/* store/uuid.h: keys that sort by when they were made. */
#ifndef CSVC_STORE_UUID_H
#define CSVC_STORE_UUID_H

#include <csvc/common.h>

enum {
    CSVC__UUID_SIZE = 37
};

/* A UUID of version 7 (RFC 9562): milliseconds, then 74 random bits. False when the system has no
 * random numbers. Any thread. */
bool csvc__uuid_v7(char ret_text[CSVC__UUID_SIZE]);

#endif /* CSVC_STORE_UUID_H */
