/*
 * support/wire_answer.h: what a server says to who writes frames by hand (wire.h), stream by
 * stream.
 *
 *     wire_answer a;
 *     wire_await(&w, 1, &a);
 *     assert_int_equal(0, a.status);
 */
#ifndef TESTS_WIRE_ANSWER_H
#define TESTS_WIRE_ANSWER_H

#include <csvc/common.h>
#include <wire.h>

enum {
    H2_PRIORITY = 2,
    H2_WINDOW_UPDATE = 8,
    H2_CONTINUATION = 9,

    H2_PADDED = 8,
    H2_HAS_PRIORITY = 0x20,

    H2_NO_ERROR = 0,
    H2_PROTOCOL_ERROR = 1,
    H2_FLOW_CONTROL_ERROR = 3,
    H2_FRAME_SIZE_ERROR = 6,
    H2_REFUSED_STREAM = 7,
    H2_CANCEL = 8,
    H2_COMPRESSION_ERROR = 9,
    H2_ENHANCE_YOUR_CALM = 11,

    NONE = -1
};

/* NONE: there was none. */
typedef struct wire_answer {
    bool closed;       /* the connection has ended */
    int goaway;        /* error code of the last one */
    uint32_t last;     /* stream that it names */
    char why[64];      /* its text */
    int reset;         /* error code, before the stream had ended */
    int late_reset;    /* and behind its end */
    bool ended;        /* by END_STREAM */
    int n_headers;     /* frames */
    int http, status;  /* :status, grpc-status */
    char message[512]; /* grpc-message, as it came */
    char fields[8192]; /* "key=value;" of all */
    size_t n_bytes;    /* of DATA */
    uint8_t bytes[4096];
} wire_answer;

/* Reads until the stream is over; 0: until the connection is. Frames of other streams are lost. */
void wire_await(wire *w, uint32_t stream, wire_answer *ret_answer);
/* The same, but ends when there was that much DATA, or so many GOAWAYs. */
void wire_await_bytes(wire *w, uint32_t stream, size_t n, wire_answer *ret_answer);
void wire_await_goaways(wire *w, int n, wire_answer *ret_answer);

/* A request; everything but the path may be NULL or 0, for what is usual. `more` are headers behind
 * the usual ones, in place of those of the same name. END_STREAM goes with the data, where there is
 * any (`open`: it does not). */
typedef struct wire_request {
    const char *path;
    const wire_header *more;
    csvc_bytes data;
    bool no_data;
    bool open;
} wire_request;

void wire_send_request(wire *w, uint32_t stream, const wire_request *request);
/* Its header block; returns the length. */
size_t wire_put_request(uint8_t *to, const char *path, const wire_header *more);

/* Bytes as they are. */
void wire_send(wire *w, const void *data, size_t len);
/* Without preface. */
wire wire_connect(int port);

#endif /* TESTS_WIRE_ANSWER_H */
