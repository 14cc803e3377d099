/*
 * support/wire.h: an HTTP/2 client that writes its frames by hand, to send what no library would.
 *
 *     wire w = wire_open(port);
 *     wire_send_frame(&w, H2_HEADERS, H2_END_HEADERS, 1, block, wire_put_headers(block, headers));
 *     close(w.fd);
 */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    H2_DATA = 0,
    H2_HEADERS = 1,
    H2_RST_STREAM = 3,
    H2_SETTINGS = 4,
    H2_PING = 6,
    H2_GOAWAY = 7,

    H2_END_STREAM = 1,
    H2_END_HEADERS = 4,
    H2_ACK = 1
};

typedef struct wire {
    int fd;
    bool closed; /* by the server */
} wire;

typedef struct wire_frame {
    uint32_t len;
    uint8_t type;
    uint8_t flags;
    uint32_t stream;
    uint8_t payload[1 << 16];
} wire_frame;

typedef struct wire_header {
    const char *key;   /* NULL ends a list of them */
    const char *value; /* NULL: left out */
} wire_header;

/* A connection to that port of this machine; preface and settings are sent. By these the server's
 * headers refer to none it has sent before, so that any of its frames can be read by itself. */
wire wire_open(int port);
/* Waits for the server's settings and accepts them: before that they do not hold. */
void wire_settle(wire *w);
/* What is sent to a server that has closed the connection is lost, and w->closed set. */
void wire_send_frame(wire *w, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                     size_t len);
/* Writes literals without indexing and returns their length; keys and values below 127 bytes. */
size_t wire_put_headers(uint8_t *to, const wire_header *headers);
/* The next frame but for housekeeping, which is done here. False: the connection has ended. */
bool wire_next_frame(wire *w, wire_frame *ret_frame);

/* The value of that header of a frame of headers; false: it has none. */
bool wire_find_header(const wire_frame *frame, const char *key, char *ret_value, size_t size);

#endif /* TESTS_WIRE_H */
