/*
 * nghttp2/inbox.h: memory for what comes in to a call.
 *
 * The message that is under way grows as its bytes come, not as it claims; bytes that nobody wants
 * yet are kept. All calls of a server together hold no more than it allows.
 */
#ifndef CSVC_NGHTTP2_INBOX_H
#define CSVC_NGHTTP2_INBOX_H

#include <base/buffer.h>
#include <transport/nghttp2/ng.h>
#include <transport/nghttp2/shared.h>

typedef struct ng_payload {
    csvc_payload base;
    csvc_bytes piece;
    ng_shared *shared;
    size_t counted;   /* bytes of max_buffered_bytes */
    atomic_bool used; /* of the one in a call, until dispose is through */
    bool embedded;
    uint8_t *data;
    size_t room;
} ng_payload;

typedef struct ng_inbox {
    size_t n_prefix;
    uint8_t prefix[NG_PREFIX];
    size_t len, got; /* of the message under way */
    ng_payload *msg; /* NULL: there is none */
    csvc__buffer unread;
    size_t unread_at;
    size_t unread_counted;
    ng_payload small;
    uint8_t small_data[NG_SMALL];
} ng_inbox;

void csvc__ng_inbox_init(ng_inbox *inbox);                     /* of zeroed memory */
void csvc__ng_inbox_reset(ng_inbox *inbox);                    /* what each use starts with */
void csvc__ng_inbox_clear(ng_inbox *inbox, ng_shared *shared); /* after each use */
void csvc__ng_inbox_release(ng_inbox *inbox);                  /* after the last */

/* Begins a message of so many bytes, of which some are here. False: no memory, or too much of it is
 * taken. */
bool csvc__ng_inbox_begin(ng_inbox *inbox, ng_shared *shared, size_t len, size_t here);
/* Room for more of it. */
bool csvc__ng_inbox_grow(ng_inbox *inbox);
/* The whole message, which is the caller's now. */
csvc_payload *csvc__ng_inbox_take(ng_inbox *inbox);

typedef enum ng_kept {
    NG_KEPT,
    NG_KEEPS_TOO_MUCH, /* the server, of all calls */
    NG_KEEPS_NO_MORE   /* no memory */
} ng_kept;

/* Bytes for later, behind those that are unread. */
ng_kept csvc__ng_inbox_keep(ng_inbox *inbox, ng_shared *shared, const uint8_t *data, size_t len);
/* All of them have been read. */
void csvc__ng_inbox_forget(ng_inbox *inbox, ng_shared *shared);

#endif /* CSVC_NGHTTP2_INBOX_H */
