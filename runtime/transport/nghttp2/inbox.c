/* nghttp2/inbox.c: memory for what comes in to a call. */
#include <csvc/alloc.h>
#include <transport/nghttp2/inbox.h>

#include <string.h>

#include <base/banned.h>

enum {
    FIRST_ROOM = 1024, /* for a message that claims to be longer than what is here of it */
    GROWTH = 4,
    KEPT_UNREAD = 4096
};

void csvc__ng_inbox_init(ng_inbox *inbox)
{
    atomic_init(&inbox->small.used, false);
    csvc__buffer_init(&inbox->unread, 2 * NG_STREAM_WINDOW + NG_READ_SIZE);
}

void csvc__ng_inbox_reset(ng_inbox *inbox)
{
    inbox->n_prefix = inbox->len = inbox->got = 0;
    inbox->unread.failed = false;
}

/* ---- what all calls may hold ---- */

static bool count(ng_shared *shared, size_t len)
{
    if (atomic_fetch_add_explicit(&shared->buffered, len, memory_order_relaxed) + len <=
        shared->max_buffered) {
        return true;
    }
    (void)atomic_fetch_sub_explicit(&shared->buffered, len, memory_order_relaxed);
    return false;
}

static void uncount(ng_shared *shared, size_t len)
{
    if (len > 0) {
        (void)atomic_fetch_sub_explicit(&shared->buffered, len, memory_order_relaxed);
    }
}

/* ---- the message under way ---- */

static void dispose(csvc_payload *base)
{
    ng_payload *p = (ng_payload *)base;

    uncount(p->shared, p->counted);
    if (p->embedded) {
        atomic_store_explicit(&p->used, false, memory_order_release);
        return;
    }
    csvc__free(p->data);
    csvc__free(p);
}

/* NULL: no memory, or too much of it is taken. */
static ng_payload *allocate(ng_shared *shared, size_t room)
{
    ng_payload *p = NULL;

    if (!count(shared, room)) {
        return NULL;
    }
    p = csvc__malloc(sizeof(*p));
    if (p != NULL) {
        atomic_init(&p->used, true);
        p->embedded = false;
        p->counted = room;
        p->room = room;
        p->data = csvc__malloc(room + 1);
    }
    if (p == NULL || p->data == NULL) {
        csvc__free(p);
        uncount(shared, room);
        return NULL;
    }
    return p;
}

bool csvc__ng_inbox_begin(ng_inbox *inbox, ng_shared *shared, size_t len, size_t here)
{
    const size_t room = here > FIRST_ROOM ? here : FIRST_ROOM;
    ng_payload *p = &inbox->small;

    if (len <= NG_SMALL && !atomic_load_explicit(&p->used, memory_order_acquire)) {
        atomic_store_explicit(&p->used, true, memory_order_relaxed);
        p->embedded = true;
        p->data = inbox->small_data;
        p->room = NG_SMALL;
        p->counted = 0;
    } else {
        p = allocate(shared, room < len ? room : len);
        if (p == NULL) {
            return false;
        }
    }
    p->shared = shared;
    p->base = (csvc_payload){.dispose = dispose};
    atomic_init(&p->base.refs, 1);
    inbox->msg = p;
    inbox->len = len;
    inbox->got = 0;
    return true;
}

bool csvc__ng_inbox_grow(ng_inbox *inbox)
{
    ng_payload *p = inbox->msg;
    const size_t room = GROWTH * p->room < inbox->len ? GROWTH * p->room : inbox->len;
    uint8_t *data = NULL;

    if (!count(p->shared, room - p->room)) {
        return false;
    }
    p->counted += room - p->room;
    data = csvc__realloc(p->data, room + 1);
    if (data == NULL) {
        return false;
    }
    p->data = data;
    p->room = room;
    return true;
}

csvc_payload *csvc__ng_inbox_take(ng_inbox *inbox)
{
    ng_payload *p = inbox->msg;

    inbox->msg = NULL;
    inbox->n_prefix = 0;
    p->piece = (csvc_bytes){.len = inbox->len, .data = p->data};
    p->base.len = inbox->len;
    p->base.n_pieces = inbox->len > 0 ? 1 : 0;
    p->base.pieces = &p->piece;
    p->base.compressed = inbox->prefix[0] == 1;
    return &p->base;
}

/* ---- bytes that nobody wants yet ---- */

/* What has been read of them goes, once it is half. */
static void compact(ng_inbox *inbox, ng_shared *shared)
{
    csvc__buffer *b = &inbox->unread;

    if (inbox->unread_at > 0 && inbox->unread_at >= b->len / 2) {
        memmove(b->data, b->data + inbox->unread_at, b->len - inbox->unread_at);
        b->len -= inbox->unread_at;
        uncount(shared, inbox->unread_at);
        inbox->unread_counted -= inbox->unread_at;
        inbox->unread_at = 0;
    }
}

ng_kept csvc__ng_inbox_keep(ng_inbox *inbox, ng_shared *shared, const uint8_t *data, size_t len)
{
    if (!count(shared, len)) {
        return NG_KEEPS_TOO_MUCH;
    }
    inbox->unread_counted += len;
    compact(inbox, shared);
    csvc__buffer_add(&inbox->unread, data, len);
    return csvc__buffer_ok(&inbox->unread) ? NG_KEPT : NG_KEEPS_NO_MORE;
}

void csvc__ng_inbox_forget(ng_inbox *inbox, ng_shared *shared)
{
    uncount(shared, inbox->unread_counted);
    inbox->unread_counted = 0;
    inbox->unread_at = 0;
    if (inbox->unread.size > KEPT_UNREAD) {
        csvc__buffer_release(&inbox->unread);
    } else {
        csvc__buffer_clear(&inbox->unread);
    }
}

void csvc__ng_inbox_clear(ng_inbox *inbox, ng_shared *shared)
{
    if (inbox->msg != NULL) {
        csvc__payload_unref(&inbox->msg->base);
        inbox->msg = NULL;
    }
    csvc__ng_inbox_forget(inbox, shared);
}

void csvc__ng_inbox_release(ng_inbox *inbox)
{
    csvc__buffer_release(&inbox->unread);
}
