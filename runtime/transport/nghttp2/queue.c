/* nghttp2/queue.c: messages of a call that wait to go out. */
#include <csvc/alloc.h>
#include <transport/nghttp2/queue.h>

#include <string.h>

#include <base/banned.h>

static void msg_release(ng_queue *queue, ng_msg *msg)
{
    csvc__payload_unref(msg->payload);
    msg->payload = NULL;
    if (msg == &queue->small) {
        queue->small_used = false;
    } else if (msg->heap) {
        csvc__free(msg);
    }
}

static void release_reserved(ng_queue *queue)
{
    if (queue->reserved != NULL) {
        msg_release(queue, queue->reserved);
        queue->reserved = NULL;
    }
}

void csvc__ng_queue_reset(ng_queue *queue)
{
    queue->end = &queue->first;
}

void csvc__ng_queue_release(ng_queue *queue)
{
    while (queue->first != NULL) {
        ng_msg *msg = queue->first;

        queue->first = msg->next;
        msg_release(queue, msg);
    }
    queue->end = &queue->first;
    queue->bytes = 0;
    queue->n = 0;
    release_reserved(queue);
}

/* ---- in ---- */

/* `len` bytes behind a prefix; 0: for a payload. NULL: no memory. */
static ng_msg *msg_new(ng_queue *queue, size_t len)
{
    ng_msg *msg = &queue->small;

    if (len <= NG_SMALL && !queue->small_used) {
        queue->small_used = true;
        *msg = (ng_msg){.data = queue->small_data};
        return msg;
    }
    if (len > SIZE_MAX - sizeof(*msg) - NG_PREFIX) {
        return NULL;
    }
    msg = csvc__malloc(sizeof(*msg) + NG_PREFIX + len);
    if (msg != NULL) {
        *msg = (ng_msg){.heap = true, .data = (uint8_t *)(msg + 1)};
    }
    return msg;
}

void *csvc__ng_queue_reserve(ng_queue *queue, size_t len)
{
    release_reserved(queue);
    queue->reserved = msg_new(queue, len);
    return queue->reserved != NULL ? queue->reserved->data + NG_PREFIX : NULL;
}

static void put_prefix(uint8_t prefix[NG_PREFIX], bool compressed, size_t len)
{
    prefix[0] = compressed;
    prefix[1] = (uint8_t)(len >> 24);
    prefix[2] = (uint8_t)(len >> 16);
    prefix[3] = (uint8_t)(len >> 8);
    prefix[4] = (uint8_t)len;
}

/* The message packed, when that is worth it; else NULL. */
static csvc_payload *packed(const csvc_outgoing *message)
{
    if (message->payload != NULL) {
        return csvc__payload_pack(message->payload->pieces, message->payload->n_pieces);
    }
    return csvc__payload_pack(&message->reserved, message->reserved.len > 0 ? 1 : 0);
}

/* Of what was reserved. NULL: no memory. */
static ng_msg *put_reserved(ng_queue *queue, csvc_bytes bytes)
{
    ng_msg *msg = queue->reserved;

    queue->reserved = NULL;
    if (msg == NULL) { /* a message of no bytes needs no memory reserved */
        msg = msg_new(queue, bytes.len);
        if (msg == NULL) {
            return NULL;
        }
        if (bytes.len > 0) {
            memcpy(msg->data + NG_PREFIX, bytes.data, bytes.len);
        }
    }
    put_prefix(msg->data, false, bytes.len);
    msg->len = NG_PREFIX + bytes.len;
    return msg;
}

/* Takes the reference. NULL: no memory. */
static ng_msg *put_payload_take(ng_queue *queue, csvc_payload *payload, bool compressed)
{
    ng_msg *msg = NULL;

    release_reserved(queue);
    msg = msg_new(queue, 0);
    if (msg == NULL) {
        csvc__payload_unref(payload);
        return NULL;
    }
    msg->payload = payload;
    put_prefix(msg->prefix, compressed, payload->len);
    msg->len = NG_PREFIX + payload->len;
    return msg;
}

bool csvc__ng_queue_put(ng_queue *queue, const csvc_outgoing *message, bool pack)
{
    csvc_payload *payload = pack ? packed(message) : NULL;
    ng_msg *msg = NULL;

    if (payload != NULL) {
        msg = put_payload_take(queue, payload, true);
    } else if (message->payload != NULL) {
        csvc__payload_ref(message->payload);
        msg = put_payload_take(queue, message->payload, message->payload->compressed);
    } else {
        msg = put_reserved(queue, message->reserved);
    }
    if (msg == NULL) {
        return false;
    }
    *queue->end = msg;
    queue->end = &msg->next;
    queue->bytes += msg->len;
    queue->n++;
    return true;
}

/* ---- out ---- */

/* Up to `length` bytes of a message; returns how many. */
static size_t add_bytes(ng_out *out, ng_msg *msg, size_t length)
{
    const size_t left = msg->len - msg->sent;
    size_t n = left < length ? left : length;
    size_t done = 0;

    if (msg->payload == NULL) {
        csvc__ng_out_copy(out, msg->data + msg->sent, n);
        msg->sent += n;
        return n;
    }
    if (msg->sent < NG_PREFIX) {
        done = NG_PREFIX - msg->sent < n ? NG_PREFIX - msg->sent : n;
        csvc__ng_out_copy(out, msg->prefix + msg->sent, done);
    }
    while (done < n) {
        const csvc_bytes *piece = &msg->payload->pieces[msg->piece];
        size_t some = piece->len - msg->at;

        some = some < n - done ? some : n - done;
        csvc__ng_out_add(out, msg->payload, piece->data + msg->at, some);
        done += some;
        msg->at += some;
        if (msg->at == piece->len) {
            msg->piece++;
            msg->at = 0;
        }
    }
    msg->sent += n;
    return n;
}

void csvc__ng_queue_move(ng_queue *queue, ng_out *out, size_t len)
{
    queue->bytes -= len;
    while (len > 0) {
        ng_msg *msg = queue->first;

        len -= add_bytes(out, msg, len);
        if (msg->sent == msg->len) {
            queue->first = msg->next;
            queue->n--;
            if (queue->first == NULL) {
                queue->end = &queue->first;
            }
            msg_release(queue, msg);
        }
    }
}

void csvc__ng_queue_drop(ng_queue *queue, size_t promised)
{
    ng_msg **at = &queue->first;
    size_t kept = 0;

    while (*at != NULL && (kept < promised || (*at)->sent > 0)) {
        kept += (*at)->len - (*at)->sent;
        at = &(*at)->next;
    }
    while (*at != NULL) {
        ng_msg *msg = *at;

        *at = msg->next;
        queue->n--;
        msg_release(queue, msg);
    }
    queue->end = at;
    queue->bytes = kept;
}
