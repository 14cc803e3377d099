/*
 * nghttp2/out.h: what one write takes.
 *
 * Frames are gathered in memory that all connections of a loop share. Long pieces of messages are
 * not copied but shown to the write, and held until it is through.
 */
#ifndef CSVC_NGHTTP2_OUT_H
#define CSVC_NGHTTP2_OUT_H

#include <transport/seam.h>

#include <sys/uio.h>

enum {
    NG_OUT_SIZE = 128 * 1024,       /* copied into one write */
    NG_OUT_PIECES = 64,             /* of one write */
    NG_OUT_FRAME = 16384 + 9 + 256, /* the longest that one step adds, with what goes before it */
    NG_OUT_SHOWN = 4                /* pieces that one step may add */
};

typedef struct ng_out {
    uint8_t *bytes; /* NG_OUT_SIZE */
    size_t len;     /* of them used */
    size_t total;
    struct iovec pieces[NG_OUT_PIECES];
    size_t n_pieces;
    csvc_payload *held[NG_OUT_PIECES]; /* whose bytes the pieces show */
    size_t n_held;
    bool full;      /* a frame was left for the next write */
    bool one_piece; /* of TLS, where a record takes the bytes of one: nothing is shown in place */
} ng_out;

bool csvc__ng_out_init(ng_out *out); /* false: no memory; release is called all the same */
void csvc__ng_out_release(ng_out *out);

/* Whether a frame of the greatest size fits. */
static inline bool csvc__ng_out_has_room(const ng_out *out)
{
    return out->len + NG_OUT_FRAME <= NG_OUT_SIZE &&
           out->n_pieces + NG_OUT_SHOWN <= NG_OUT_PIECES && out->total < 4 * NG_OUT_SIZE;
}

void csvc__ng_out_copy(ng_out *out, const void *data, size_t len);
/* Long ones are shown in place. */
void csvc__ng_out_add(ng_out *out, csvc_payload *payload, const void *data, size_t len);
void csvc__ng_out_clear(ng_out *out);

#endif /* CSVC_NGHTTP2_OUT_H */
