/*
 * nghttp2/output.h: from frames to one write.
 *
 * Frames are gathered in the loop's memory (out.h); only what a socket does not take is kept, with
 * its connection.
 */
#ifndef CSVC_NGHTTP2_OUTPUT_H
#define CSVC_NGHTTP2_OUTPUT_H

#include <transport/nghttp2/conn.h>

typedef enum ng_said {
    NG_SAID,     /* what there is for now, or as much of it as the peer takes */
    NG_SAID_ALL, /* and there will be no more */
    NG_DEAD
} ng_said;

/* Writes all that a connection has to say, and tells the calls whose end that was. */
ng_said csvc__ng_output(ng_conn *conn);

#endif /* CSVC_NGHTTP2_OUTPUT_H */
