/* transport/payload.c: counted messages. */
#include <csvc/alloc.h>
#include <transport/seam.h>

#include <base/banned.h>

void csvc__payload_ref(csvc_payload *payload)
{
    atomic_fetch_add_explicit(&payload->refs, 1, memory_order_relaxed);
}

void csvc__payload_unref(csvc_payload *payload)
{
    if (payload == NULL) {
        return;
    }
    /* The only holder needs no atomic subtraction: nobody else can take a reference now. */
    if (atomic_load_explicit(&payload->refs, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&payload->refs, 1, memory_order_acq_rel) == 1) {
        payload->dispose(payload);
    }
}

/* A payload with its one piece behind it. */
typedef struct own_payload {
    csvc_payload payload;
    csvc_bytes piece;
    uint8_t data[];
} own_payload;

static void own_dispose(csvc_payload *payload)
{
    csvc__free(payload);
}

csvc_payload *csvc__payload_new(size_t len, uint8_t **ret_data)
{
    own_payload *own = len <= SIZE_MAX - sizeof(*own) ? csvc__malloc(sizeof(*own) + len) : NULL;

    if (own == NULL) {
        return NULL;
    }
    own->piece = (csvc_bytes){.len = len, .data = own->data};
    own->payload = (csvc_payload){
        .dispose = own_dispose,
        .len = len,
        .n_pieces = len > 0 ? 1 : 0,
        .pieces = &own->piece,
    };
    atomic_init(&own->payload.refs, 1);
    *ret_data = own->data;
    return &own->payload;
}

void csvc__payload_cut(csvc_payload *payload, size_t len)
{
    own_payload *own = (own_payload *)payload;

    own->piece.len = len;
    own->payload.len = len;
    own->payload.n_pieces = len > 0 ? 1 : 0;
}
