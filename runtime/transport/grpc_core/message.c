/* grpc_core/message.c: received byte buffers as payloads. */
#include <csvc/alloc.h>
#include <transport/grpc_core/core.h>

#include <base/banned.h>

static void dispose(csvc_payload *payload)
{
    gc_payload *gp = GC_CONTAINER(payload, gc_payload, base);

    grpc_byte_buffer_destroy(gp->buffer);
    if (payload->pieces != gp->few) {
        csvc__free((void *)(uintptr_t)payload->pieces);
    }
    gp->buffer = NULL;
    if (gp->embedded) {
        atomic_store_explicit(&gp->used, false, memory_order_release);
    } else {
        csvc__free(gp);
    }
}

csvc_payload *csvc__gc_payload_take(gc_payload *place, grpc_byte_buffer *buffer)
{
    const grpc_slice_buffer *slices = &buffer->data.raw.slice_buffer;
    bool embedded = !atomic_load_explicit(&place->used, memory_order_acquire);
    gc_payload *gp = embedded ? place : csvc__malloc(sizeof(*gp));
    csvc_bytes *pieces = NULL;
    size_t n = 0;

    if (gp != NULL) {
        pieces = slices->count <= GC_FEW_PIECES ? gp->few
                                                : csvc__malloc(slices->count * sizeof(*pieces));
    }
    if (pieces == NULL) {
        if (!embedded) {
            csvc__free(gp);
        }
        grpc_byte_buffer_destroy(buffer);
        return NULL;
    }
    for (size_t i = 0; i < slices->count; i++) {
        /* In place: a short slice lies within the slice buffer. */
        const grpc_slice *slice = &slices->slices[i];

        if (GRPC_SLICE_LENGTH(*slice) > 0) {
            pieces[n] = (csvc_bytes){.len = GRPC_SLICE_LENGTH(*slice),
                                     .data = GRPC_SLICE_START_PTR(*slice)};
            n++;
        }
    }
    gp->buffer = buffer;
    atomic_store_explicit(&gp->used, true, memory_order_relaxed);
    gp->embedded = embedded;
    gp->base.dispose = dispose;
    gp->base.len = slices->length;
    gp->base.n_pieces = n;
    gp->base.pieces = pieces;
    gp->base.compressed = buffer->data.raw.compression != GRPC_COMPRESS_NONE;
    atomic_store_explicit(&gp->base.refs, 1, memory_order_relaxed);
    return &gp->base;
}
