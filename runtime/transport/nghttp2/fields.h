/*
 * nghttp2/fields.h: header fields, as they will be on the wire.
 *
 * Metadata and the text of a status are made ready in a buffer, as records; a block of fields is
 * put together from constant ones and such records when nghttp2 is to have it.
 */
#ifndef CSVC_NGHTTP2_FIELDS_H
#define CSVC_NGHTTP2_FIELDS_H

#include <base/buffer.h>
#include <transport/seam.h>

#include <nghttp2/nghttp2.h>

#define NG_TEXT(text) (uint8_t *)(uintptr_t)(text)
/* Neither is copied: both are the program's own. */
#define NG_FIXED(n, v)                                                                             \
    {                                                                                              \
        NG_TEXT(n), NG_TEXT(v), sizeof(n) - 1, sizeof(v) - 1,                                      \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                           \
    }

/* Records, each a name and a value, behind those in the buffer; they are added to *n. */
void csvc__ng_put_metadata(csvc__buffer *b, csvc_md_list list, uint32_t *n);
void csvc__ng_put_message(csvc__buffer *b, csvc_bytes text, uint32_t *n); /* grpc-message */

const nghttp2_nv *csvc__ng_status(csvc_code code); /* grpc-status */

/* A block that is being put together; its memory serves the next one. */
typedef struct ng_fields {
    nghttp2_nv *nva;
    size_t n, max;
} ng_fields;

/* An empty one with room for so many. False: no memory. */
bool csvc__ng_fields_begin(ng_fields *fields, size_t max);
void csvc__ng_fields_add_records(ng_fields *fields, const csvc__buffer *b, uint32_t n_records);
void csvc__ng_fields_release(ng_fields *fields);

static inline void csvc__ng_fields_add(ng_fields *fields, const nghttp2_nv *field)
{
    fields->nva[fields->n++] = *field;
}

#endif /* CSVC_NGHTTP2_FIELDS_H */
