/*
 * nghttp2/queue.h: messages of a call that wait to go out.
 *
 * nghttp2 asks for a frame's worth, and several short ones go in one frame. A message is either in
 * one run of bytes behind its prefix, where it was encoded, or a payload that others may hold too.
 */
#ifndef CSVC_NGHTTP2_QUEUE_H
#define CSVC_NGHTTP2_QUEUE_H

#include <transport/nghttp2/ng.h>
#include <transport/nghttp2/out.h>
#include <transport/seam.h>

enum {
    NG_SEND_AHEAD = 64 * 1024 /* bytes of a stream that wait before the upper side has to */
};

typedef struct ng_msg {
    struct ng_msg *next;
    csvc_payload *payload; /* NULL: `data` has prefix and bytes in one run */
    size_t piece, at;      /* where in the payload */
    size_t len, sent;      /* with the prefix */
    bool heap;
    uint8_t prefix[NG_PREFIX];
    uint8_t *data;
} ng_msg;

typedef struct ng_queue {
    ng_msg *reserved; /* not sent yet */
    ng_msg *first, **end;
    size_t bytes; /* with the prefixes */
    size_t n;
    bool small_used; /* of what is reserved */
    ng_msg small;
    uint8_t small_data[NG_SMALL + NG_PREFIX];
} ng_queue;

void csvc__ng_queue_reset(ng_queue *queue); /* of one that was zeroed or released */
void csvc__ng_queue_release(ng_queue *queue);

/* Memory for a message that is put next. NULL: there is none. */
void *csvc__ng_queue_reserve(ng_queue *queue, size_t len);

/* Puts one behind the others, packed if that is wanted and worth it. False: no memory. */
bool csvc__ng_queue_put(ng_queue *queue, const csvc_outgoing *message, bool pack);

/* Moves so many bytes, no more than there are, to what goes out. */
void csvc__ng_queue_move(ng_queue *queue, ng_out *out, size_t len);

/* Drops what has not begun to go out, but for the `promised` bytes at the front: frames are
 * announced whole, and messages sent whole. */
void csvc__ng_queue_drop(ng_queue *queue, size_t promised);

/* Whether enough waits; many short messages are long in memory. */
static inline bool csvc__ng_queue_is_long(const ng_queue *queue)
{
    return queue->bytes >= NG_SEND_AHEAD || queue->n >= NG_SEND_AHEAD / sizeof(ng_msg);
}

#endif /* CSVC_NGHTTP2_QUEUE_H */
