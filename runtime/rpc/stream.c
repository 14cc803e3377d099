/* rpc/stream.c: two bounded queues of messages between threads and a loop. */
#include <codec/codec.h>
#include <csvc/alloc.h>
#include <rpc/ctx.h>
#include <rpc/stream.h>

#include <string.h>

#include <base/banned.h>

enum {
    SCRATCH = 1024, /* a message that is not longer is packed on the stack first */
    STALE = 0xdb    /* bytes of a message that is no more: no text, no pointer */
};

/* ---- life ---- */

static void tell_waiting(csvc_late *late);

void csvc__stream_init(csvc_stream *st, csvc_tcall *tc, void (*run)(csvc_task *task))
{
    *st = (csvc_stream){
        .tc = tc, .task.run = run, .tell.run = tell_waiting, .queue_size = CSVC__STREAM_SMALL};
    st->queue = st->small;
    (void)pthread_mutex_init(&st->lock, NULL);
}

static void drop_queued(csvc_stream *st)
{
    while (st->n_queued > 0) {
        csvc__payload_unref(st->queue[st->queue_first].payload);
        st->queue_first = (st->queue_first + 1) % st->queue_size;
        st->n_queued--;
    }
    st->queued_bytes = 0;
}

csvc_payload *csvc__stream_pop_ahead(csvc_stream *st)
{
    csvc_payload *payload = st->ahead;

    st->ahead = payload->next;
    st->n_ahead--;
    st->ahead_bytes -= payload->len;
    return payload;
}

static void push_ahead(csvc_stream *st, csvc_payload *payload)
{
    payload->next = NULL;
    *(st->n_ahead > 0 ? st->ahead_end : &st->ahead) = payload;
    st->ahead_end = &payload->next;
    st->n_ahead++;
    st->ahead_bytes += payload->len;
}

static void drop_ahead(csvc_stream *st)
{
    while (st->n_ahead > 0) {
        csvc__payload_unref(csvc__stream_pop_ahead(st));
    }
}

void csvc__stream_release(csvc_stream *st)
{
    drop_queued(st);
    drop_ahead(st);
    if (st->queue != st->small) {
        csvc__free(st->queue);
    }
    if (st->scratch_first != NULL) {
        csvc__arena_release(&st->scratch);
        csvc__free(st->scratch_first);
    }
    csvc__free(st->stale);
    (void)pthread_mutex_destroy(&st->lock);
}

/* ---- the loop's turns ---- */

bool csvc__stream_want_turn(csvc_stream *st)
{
    const bool owed = !st->posted;

    st->posted = true;
    return owed;
}

void csvc__stream_unposted(csvc_stream *st)
{
    (void)pthread_mutex_lock(&st->lock);
    st->posted = false;
    (void)pthread_mutex_unlock(&st->lock);
}

/* ---- sending ---- */

csvc_code csvc__pack(const csvc_message_type *type, const void *message, csvc_payload **ret_payload,
                     csvc_error *err)
{
    csvc_arena overflow;
    csvc_bytes bytes;
    csvc_payload *payload;
    uint8_t scratch[SCRATCH];
    uint8_t *data;
    csvc_code code;

    csvc__arena_init(&overflow, NULL, 0, 0);
    code = csvc__encode_into(type, message, scratch, sizeof(scratch), &overflow, &bytes, err);
    if (code == CSVC_OK) {
        payload = csvc__payload_new(bytes.len, &data);
        if (payload == NULL) {
            code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        } else {
            if (bytes.len > 0) {
                memcpy(data, bytes.data, bytes.len);
            }
            *ret_payload = payload;
        }
    }
    csvc__arena_release(&overflow);
    return code;
}

static csvc_compression packing_of(const csvc_stream *st)
{
    return st->ctx != NULL
               ? csvc__ctx_packing(st->ctx)
               : (csvc_compression)atomic_load_explicit(&st->packing, memory_order_relaxed);
}

bool csvc__stream_packs(const csvc_stream *st, const csvc_payload *payload)
{
    return !payload->compressed && csvc__packs(packing_of(st), payload->len, st->compress_bytes);
}

bool csvc__stream_announces(const csvc_stream *st)
{
    return st->compress_bytes != UINT32_MAX || packing_of(st) != CSVC_COMPRESS_BY_SIZE;
}

csvc_outgoing csvc__stream_outgoing(const csvc_stream *st, csvc__queued message)
{
    return (csvc_outgoing){
        .payload = message.payload,
        .compress = message.compress,
        .announce = csvc__stream_announces(st),
    };
}

/* One that is alone may be of any length. */
static bool has_room(const csvc_stream *st, size_t len)
{
    return st->n_queued == 0 || (st->n_queued < st->max_queued && len <= st->max_queued_bytes &&
                                 st->queued_bytes <= st->max_queued_bytes - len);
}

static bool grow(csvc_stream *st)
{
    const uint32_t size = st->queue_size * 2;
    csvc__queued *queue = csvc__malloc(size * sizeof(*queue));

    if (queue == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < st->n_queued; i++) {
        queue[i] = st->queue[(st->queue_first + i) % st->queue_size];
    }
    if (st->queue != st->small) {
        csvc__free(st->queue);
    }
    st->queue = queue;
    st->queue_size = size;
    st->queue_first = 0;
    return true;
}

static csvc__pushed push(csvc_stream *st, csvc_payload *payload, bool wait)
{
    if (payload->len > st->max_send_bytes) {
        return CSVC__PUSH_TOO_LONG;
    }
    for (;;) {
        if (st->shut) {
            return CSVC__PUSH_SHUT;
        }
        if (st->ended) {
            return CSVC__PUSH_ENDED;
        }
        if (has_room(st, payload->len)) {
            break;
        }
        if (!wait || !st->may_wait) {
            st->refused = !st->may_wait;
            return CSVC__PUSH_FULL;
        }
        csvc__wait(&st->for_room, &st->lock);
    }
    if (st->n_queued == st->queue_size && !grow(st)) {
        return CSVC__PUSH_NO_MEMORY;
    }
    csvc__payload_ref(payload);
    st->queue[(st->queue_first + st->n_queued) % st->queue_size] =
        (csvc__queued){payload, csvc__stream_packs(st, payload)};
    st->n_queued++;
    st->queued_bytes += payload->len;
    return CSVC__PUSHED;
}

static csvc__pushed push_and_post(csvc_stream *st, csvc_payload *payload, bool wait,
                                  csvc_code *ret_why)
{
    csvc__pushed pushed;
    bool owed = false;

    (void)pthread_mutex_lock(&st->lock);
    pushed = push(st, payload, wait);
    if (pushed == CSVC__PUSHED && !st->sending) {
        owed = csvc__stream_want_turn(st); /* else `writable` comes, and looks at the queue */
    }
    *ret_why = st->why;
    (void)pthread_mutex_unlock(&st->lock);
    if (owed) {
        csvc__loop_post(st->tc->loop, &st->task);
    }
    return pushed;
}

csvc__pushed csvc__stream_push(csvc_stream *st, csvc_payload *payload, csvc_code *ret_why)
{
    return push_and_post(st, payload, true, ret_why);
}

csvc__pushed csvc__stream_try_push(csvc_stream *st, csvc_payload *payload, csvc_code *ret_why)
{
    return push_and_post(st, payload, false, ret_why);
}

bool csvc__stream_await_room(csvc_stream *st, size_t len)
{
    bool waits;

    (void)pthread_mutex_lock(&st->lock);
    waits = st->may_wait;
    while (waits && !st->shut && !st->ended && !has_room(st, len)) {
        csvc__wait(&st->for_room, &st->lock);
    }
    (void)pthread_mutex_unlock(&st->lock);
    return waits;
}

/* *ret_wake: who waits for the room, to be woken once the lock is open; under the lock they would
 * wake up only to wait for that. */
static csvc__queued take_queued(csvc_stream *st, csvc__waiter **ret_wake)
{
    const csvc__queued message = st->queue[st->queue_first];

    st->queue_first = (st->queue_first + 1) % st->queue_size;
    st->n_queued--;
    st->queued_bytes -= message.payload->len;
    *ret_wake = st->n_queued <= st->max_queued / 2 ? csvc__waiters_take(&st->for_room) : NULL;
    return message;
}

/* ---- receiving ---- */

static bool wants_more(const csvc_stream *st)
{
    return st->receives != NULL && !st->reading && !st->at_end && !st->ended &&
           st->in_code == CSVC_OK && st->n_ahead < CSVC__STREAM_AHEAD &&
           st->ahead_bytes < CSVC__STREAM_AHEAD_BYTES;
}

/* The next one, or NULL; *ret_owed: the loop is to be told that there is room again. */
static csvc_payload *take_ahead(csvc_stream *st, bool *ret_owed)
{
    csvc_payload *payload;

    while (st->n_ahead == 0 && !st->at_end && !st->ended && st->may_wait) {
        csvc__wait(&st->for_message, &st->lock);
    }
    if (st->n_ahead == 0 || st->in_code != CSVC_OK) {
        return NULL;
    }
    payload = csvc__stream_pop_ahead(st);
    /* not for each: a worker that keeps up would wake the loop for every message */
    if (st->n_ahead <= CSVC__STREAM_AHEAD / 2 && wants_more(st)) {
        *ret_owed = csvc__stream_want_turn(st);
    }
    return payload;
}

/* A message that is kept too long is to be found: its chunk is overwritten, stays for one message
 * more, and is looked at then; where AddressSanitizer watches, it is freed. */
#if defined(CSVC_DEBUG)
bool csvc__stream_misused(csvc_stream *st)
{
    for (size_t i = 0; st->stale != NULL && i < CSVC__STREAM_FIRST_CHUNK - 1; i++) {
        st->misused |= st->stale[i] != STALE;
    }
    return st->misused;
}

static void retire_scratch(csvc_stream *st)
{
    (void)csvc__stream_misused(st);
    csvc__arena_release(&st->scratch);
    csvc__free(st->stale);
    st->stale = st->scratch_first;
    st->scratch_first = NULL;
    CSVC__ARENA_OPEN(st->stale, CSVC__STREAM_FIRST_CHUNK);
    memset(st->stale, STALE, CSVC__STREAM_FIRST_CHUNK - 1);
    st->stale[CSVC__STREAM_FIRST_CHUNK - 1] = 0; /* strings end */
#if defined(CSVC__ARENA_ASAN) && !defined(CSVC__STREAM_KEEP_STALE)
    csvc__free(st->stale);
    st->stale = NULL;
#endif
}
#else
bool csvc__stream_misused(csvc_stream *st)
{
    return st->misused;
}

static void retire_scratch(csvc_stream *st)
{
    csvc_arena_reset(&st->scratch);
}
#endif

/* An empty arena for one message; its first chunk stays. */
static bool fresh_scratch(csvc_stream *st)
{
    if (st->scratch_first != NULL) {
        retire_scratch(st);
    }
    if (st->scratch_first != NULL) {
        return true;
    }
    st->scratch_first = csvc__malloc(CSVC__STREAM_FIRST_CHUNK);
    if (st->scratch_first != NULL) {
        csvc__arena_init(&st->scratch, st->scratch_first, CSVC__STREAM_FIRST_CHUNK, st->max_memory);
    }
    return st->scratch_first != NULL;
}

static csvc_code decode(csvc_stream *st, csvc_payload **payload, const void **ret_message,
                        csvc_error *err)
{
    void *message;
    csvc_code code;

    st->was_packed = (*payload)->compressed;
    if (st->ctx != NULL) {
        st->ctx->was_packed = st->was_packed;
    }
    code = csvc__payload_unpack(payload, st->max_receive_bytes, err);

    if (code != CSVC_OK) {
        return code;
    }
    if (st->into == NULL && !fresh_scratch(st)) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    code = csvc_decode_pieces(st->into != NULL ? st->into : &st->scratch, st->receives,
                              (*payload)->pieces, (*payload)->n_pieces, NULL, &message, err);
    if (code == CSVC_OK) {
        *ret_message = message;
    }
    return code;
}

bool csvc__stream_receive(csvc_stream *st, const void **ret_message, csvc_error *err)
{
    csvc_payload *payload;
    bool owed = false;
    csvc_code code;

    (void)pthread_mutex_lock(&st->lock);
    payload = take_ahead(st, &owed);
    st->decoding = payload != NULL;
    (void)pthread_mutex_unlock(&st->lock);
    if (owed) {
        csvc__loop_post(st->tc->loop, &st->task);
    }
    if (payload == NULL) {
        return false;
    }
    code = decode(st, &payload, ret_message, err);
    csvc__payload_unref(payload);
    if (code != CSVC_OK) {
        csvc__stream_refuse(st, code);
    }
    (void)pthread_mutex_lock(&st->lock);
    st->decoding = false;
    owed = st->ended && st->tc_waits && csvc__stream_want_turn(st);
    (void)pthread_mutex_unlock(&st->lock);
    if (owed) {
        csvc__loop_post(st->tc->loop, &st->task);
    }
    return code == CSVC_OK;
}

void csvc__stream_refuse(csvc_stream *st, csvc_code code)
{
    (void)pthread_mutex_lock(&st->lock);
    st->in_code = code;
    drop_ahead(st);
    (void)pthread_mutex_unlock(&st->lock);
}

csvc_code csvc__stream_in_code(csvc_stream *st)
{
    csvc_code code;

    (void)pthread_mutex_lock(&st->lock);
    code = st->in_code != CSVC_OK ? st->in_code : st->ended ? st->why : CSVC_OK;
    (void)pthread_mutex_unlock(&st->lock);
    return code;
}

/* ---- on the loop ---- */

static bool can_send(const csvc_stream *st)
{
    return !st->sending && st->n_queued > 0 && !st->ended;
}

bool csvc__stream_moves(const csvc_stream *st)
{
    return can_send(st) || wants_more(st);
}

void csvc__stream_move(csvc_stream *st)
{
    csvc__queued next = {0};
    bool more = false;
    bool read = false;
    csvc__waiter *wakes = NULL;

    (void)pthread_mutex_lock(&st->lock);
    if (can_send(st)) {
        next = take_queued(st, &wakes);
        more = st->n_queued > 0;
        st->sending = true;
    }
    read = wants_more(st);
    st->reading |= read;
    (void)pthread_mutex_unlock(&st->lock);
    if (next.payload != NULL) {
        const csvc_outgoing message = csvc__stream_outgoing(st, next);

        st->tc->ops->send(st->tc, &message, more);
        csvc__payload_unref(next.payload);
    }
    if (read) {
        st->tc->ops->read(st->tc);
    }
    csvc__waiters_wake(wakes);
}

static void tell_waiting(csvc_late *late)
{
    csvc_stream *st = (csvc_stream *)((uint8_t *)late - offsetof(csvc_stream, tell));
    csvc__waiter *wakes;

    (void)pthread_mutex_lock(&st->lock);
    wakes = csvc__waiters_take(&st->for_message);
    (void)pthread_mutex_unlock(&st->lock);
    csvc__waiters_wake(wakes);
}

/* Messages come in bursts: a worker that was woken for each would sleep again after each. */
void csvc__stream_message(csvc_stream *st, csvc_payload *message)
{
    csvc__waiter *wakes = NULL;
    bool late = false;

    (void)pthread_mutex_lock(&st->lock);
    st->reading = false;
    if (st->ended || st->in_code != CSVC_OK) {
        csvc__payload_unref(message);
    } else {
        push_ahead(st, message);
        late = st->for_message != NULL && st->n_ahead < CSVC__STREAM_AHEAD / 2;
        if (!late) {
            wakes = csvc__waiters_take(&st->for_message);
        }
    }
    (void)pthread_mutex_unlock(&st->lock);
    csvc__waiters_wake(wakes);
    if (late) {
        csvc__late_set(st->tc->loop, &st->tell);
    }
}

void csvc__stream_at_end(csvc_stream *st)
{
    csvc__waiter *wakes;

    (void)pthread_mutex_lock(&st->lock);
    st->at_end = true;
    st->reading = false;
    wakes = csvc__waiters_take(&st->for_message);
    (void)pthread_mutex_unlock(&st->lock);
    csvc__waiters_wake(wakes);
}

void csvc__stream_writable(csvc_stream *st)
{
    (void)pthread_mutex_lock(&st->lock);
    st->sending = false;
    (void)pthread_mutex_unlock(&st->lock);
}

void csvc__stream_end(csvc_stream *st, csvc_code why, bool drop_received)
{
    csvc__waiter *out = NULL;
    csvc__waiter *in = NULL;

    csvc__late_stop(&st->tell);
    (void)pthread_mutex_lock(&st->lock);
    if (!st->ended) {
        st->ended = true;
        st->why = why;
        drop_queued(st);
        if (drop_received) {
            drop_ahead(st);
        }
        out = csvc__waiters_take(&st->for_room);
        in = csvc__waiters_take(&st->for_message);
    }
    (void)pthread_mutex_unlock(&st->lock);
    csvc__waiters_wake(out);
    csvc__waiters_wake(in);
}

void csvc__stream_own(csvc_stream *st)
{
    (void)pthread_mutex_lock(&st->lock);
    for (uint32_t n = st->n_ahead; n > 0; n--) {
        csvc_payload *payload = csvc__stream_pop_ahead(st);
        uint8_t *data;
        csvc_payload *copy = csvc__payload_new(payload->len, &data);

        if (copy == NULL) {
            csvc__payload_unref(payload);
            drop_ahead(st);
            st->in_code = CSVC_RESOURCE_EXHAUSTED;
            break;
        }
        for (size_t k = 0; k < payload->n_pieces; k++) {
            memcpy(data, payload->pieces[k].data, payload->pieces[k].len);
            data += payload->pieces[k].len;
        }
        copy->compressed = payload->compressed;
        csvc__payload_unref(payload);
        push_ahead(st, copy);
    }
    (void)pthread_mutex_unlock(&st->lock);
}

bool csvc__stream_drained(csvc_stream *st, csvc__queued *ret_last)
{
    bool drained;
    csvc__waiter *wakes = NULL;

    *ret_last = (csvc__queued){0};
    (void)pthread_mutex_lock(&st->lock);
    drained = st->ended || (!st->sending && st->n_queued <= 1);
    if (drained && st->n_queued == 1) {
        *ret_last = take_queued(st, &wakes);
    }
    (void)pthread_mutex_unlock(&st->lock);
    csvc__waiters_wake(wakes);
    return drained;
}
