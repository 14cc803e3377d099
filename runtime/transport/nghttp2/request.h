/*
 * nghttp2/request.h: the headers of a request.
 *
 * Those of the protocol are understood as they come, the others are copied into one run of bytes
 * whose memory goes from call to call.
 */
#ifndef CSVC_NGHTTP2_REQUEST_H
#define CSVC_NGHTTP2_REQUEST_H

#include <base/buffer.h>
#include <transport/nghttp2/ng.h>
#include <transport/seam.h>

typedef enum ng_encoding {
    NG_IDENTITY,
    NG_GZIP,
    NG_UNKNOWN
} ng_encoding;

typedef struct ng_entry {
    uint32_t key, key_len, value, value_len; /* in text */
} ng_entry;

typedef struct ng_request {
    csvc__buffer text; /* path and metadata; kept from call to call, as the two below */
    ng_entry *entries;
    csvc_md *view;
    size_t n_entries, max_entries;
    size_t n_view, max_view;
    size_t path_len;              /* at the start of text; of a path that nobody registered */
    size_t bytes, metadata_bytes; /* of all, and of those a handler sees, as HTTP/2 counts them */
    int64_t timeout;              /* nanoseconds; INT64_MAX: none */
    bool viewed;
    bool is_post, has_te, is_grpc;
    bool takes_gzip;
    bool long_metadata;
    bool bad_timeout;
    bool no_memory;
    ng_encoding encoding;
} ng_request;

void csvc__ng_request_init(ng_request *rq, size_t max_metadata); /* of zeroed memory */
void csvc__ng_request_reset(ng_request *rq);                     /* what each use starts with */
void csvc__ng_request_release(ng_request *rq);
/* One of them, as it comes. */
void csvc__ng_request_header(ng_request *rq, size_t max_metadata, const uint8_t *name,
                             size_t name_len, const uint8_t *value, size_t value_len);
/* What a handler sees; made when it is first asked for. False: no memory. */
bool csvc__ng_request_metadata(ng_request *rq, csvc_md_list *ret_list);

#endif /* CSVC_NGHTTP2_REQUEST_H */
