/* nghttp2/out.c: what one write takes. */
#include <csvc/alloc.h>
#include <transport/nghttp2/out.h>

#include <string.h>

#include <base/banned.h>

enum {
    REFERENCED = 4096 /* from so many bytes on a piece of a message is not copied */
};

bool csvc__ng_out_init(ng_out *out)
{
    out->bytes = csvc__malloc(NG_OUT_SIZE);
    return out->bytes != NULL;
}

void csvc__ng_out_release(ng_out *out)
{
    csvc__free(out->bytes);
}

void csvc__ng_out_copy(ng_out *out, const void *data, size_t len)
{
    uint8_t *at = out->bytes + out->len;
    struct iovec *last = out->n_pieces > 0 ? &out->pieces[out->n_pieces - 1] : NULL;

    if (len == 0) {
        return;
    }
    memcpy(at, data, len);
    out->len += len;
    out->total += len;
    if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == at) {
        last->iov_len += len;
        return;
    }
    out->pieces[out->n_pieces++] = (struct iovec){.iov_base = at, .iov_len = len};
}

void csvc__ng_out_add(ng_out *out, csvc_payload *payload, const void *data, size_t len)
{
    if (len < REFERENCED || out->one_piece || out->n_pieces + 2 >= NG_OUT_PIECES) {
        csvc__ng_out_copy(out, data, len);
        return;
    }
    if (out->n_held == 0 || out->held[out->n_held - 1] != payload) {
        csvc__payload_ref(payload);
        out->held[out->n_held++] = payload;
    }
    out->pieces[out->n_pieces++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    out->total += len;
}

void csvc__ng_out_clear(ng_out *out)
{
    for (size_t i = 0; i < out->n_held; i++) {
        csvc__payload_unref(out->held[i]);
    }
    out->n_held = 0;
    out->n_pieces = 0;
    out->len = 0;
    out->total = 0;
    out->full = false;
}
