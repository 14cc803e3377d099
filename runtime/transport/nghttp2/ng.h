/*
 * nghttp2/ng.h: sizes that more than one file of the server transport on nghttp2 goes by.
 *
 * The files stand in one order, in which each includes only those before it: tests/tools/layers.py
 * has it, and docs/internals/nghttp2.md says what each is for.
 */
#ifndef CSVC_NGHTTP2_NG_H
#define CSVC_NGHTTP2_NG_H

#include <stddef.h>

#define NG_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

enum {
    NG_PREFIX = 5,            /* bytes before a message */
    NG_SMALL = 48,            /* bytes of a message that need no memory of their own */
    NG_READ_SIZE = 64 * 1024, /* of one read */
    NG_STREAM_WINDOW = 256 * 1024,
    NG_MAX_HEADERS = 1 << 20,     /* bytes of headers that we send */
    NG_METADATA_GRACE = 64 * 1024 /* over its limit by less, the call is refused; by more, the
                                     connection */
};

#endif /* CSVC_NGHTTP2_NG_H */
