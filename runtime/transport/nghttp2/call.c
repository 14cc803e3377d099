/* nghttp2/call.c: a served call: its memory, and what it tells the upper side. */
#include <base/arena.h>
#include <csvc/alloc.h>
#include <transport/nghttp2/call.h>

#include <string.h>

#include <base/banned.h>

enum {
    MAX_SPARE = 1024 /* calls a loop keeps for reuse */
};

/* Under AddressSanitizer a call is not reused, so that who touches a released one is found. */
static size_t max_spare(void)
{
#if defined(CSVC__ARENA_ASAN)
    return 0;
#else
    return MAX_SPARE;
#endif
}

static ng_call *allocate(ng_loop *loop)
{
    const ng_shared *shared = loop->shared;
    ng_call *call = csvc__malloc(sizeof(*call) + shared->upper_size);

    if (call == NULL) {
        return NULL;
    }
    memset(call, 0, sizeof(*call));
    call->base = (csvc_tcall){.loop = &loop->base, .upper = call->upper};
    call->loop = loop;
    csvc__ng_request_init(&call->request, shared->max_metadata);
    csvc__ng_inbox_init(&call->inbox);
    csvc__buffer_init(&call->end, NG_MAX_HEADERS);
    return call;
}

static void deallocate(ng_call *call)
{
    csvc__ng_request_release(&call->request);
    csvc__ng_inbox_release(&call->inbox);
    csvc__free(call);
}

/* What each use of the memory starts with. */
static void prepare(ng_call *call)
{
    csvc__ng_request_reset(&call->request);
    call->method = NULL;
    call->deadline = INT64_MAX;
    call->ready = 0;
    call->due.listed = false;
    call->started = call->watched = call->cut = call->told = false;
    call->finished = call->delivered = call->half_closed = false;
    call->reading = call->feeding = call->broken = call->has_first = false;
    csvc__ng_inbox_reset(&call->inbox);
    csvc__ng_queue_reset(&call->queue);
    call->promised = 0;
    call->submitted = call->deferred = call->ending = false;
    call->end_queued = call->end_sent = call->blocked = false;
    call->gzip = call->say_accepts = false;
    call->end.failed = false;
}

ng_call *csvc__ng_call_new(ng_conn *conn, int32_t stream)
{
    ng_loop *loop = conn->loop;
    ng_call *call = loop->spare;

    if (call != NULL) {
        loop->spare = call->next;
        loop->n_spare--;
    } else {
        call = allocate(loop);
        if (call == NULL) {
            return NULL;
        }
    }
    prepare(call);
    call->stream = stream;
    call->conn = conn;
    conn->refs++;
    call->prev = NULL;
    call->next = conn->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    conn->calls = call;
    conn->n_calls++;
    loop->n_live++;
    return call;
}

void csvc__ng_call_close(ng_call *call)
{
    ng_conn *conn = call->conn;

    call->stream = 0;
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        conn->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    conn->n_calls--;
    if (conn->n_calls == 0) {
        conn->idle_since = conn->loop->now;
        csvc__ng_conn_watch(conn);
    }
}

void csvc__ng_call_free(ng_call *call)
{
    ng_loop *loop = call->loop;
    ng_conn *conn = call->conn;

    csvc__ng_queue_release(&call->queue);
    csvc__buffer_release(&call->end);
    call->n_end = 0;
    csvc__payload_unref(call->first);
    call->first = NULL;
    csvc__ng_inbox_clear(&call->inbox, loop->shared);
    csvc__timer_stop(&loop->base, &call->timer);
    call->conn = NULL;
    loop->n_live--;
    if (loop->ending || loop->n_spare >= max_spare()) {
        deallocate(call);
    } else {
        call->next = loop->spare;
        loop->spare = call;
        loop->n_spare++;
    }
    csvc__ng_conn_unref(conn);
}

void csvc__ng_calls_release(ng_loop *loop)
{
    while (loop->spare != NULL) {
        ng_call *call = loop->spare;

        loop->spare = call->next;
        deallocate(call);
    }
    loop->n_spare = 0;
}

/* ---- upward ---- */

void csvc__ng_call_ready(ng_call *call, unsigned what)
{
    call->ready |= what;
    csvc__ng_loop_ready(call->loop, &call->due);
}

void csvc__ng_call_start(ng_call *call, csvc_code code, const char *refusal)
{
    const ng_shared *shared = call->loop->shared;
    const ng_method *method = call->method;
    csvc_arrival arrival = {.deadline = call->deadline,
                            .refusal = refusal,
                            .refusal_code = code,
                            .takes_packed = call->request.takes_gzip};

    call->started = true;
    if (method != NULL) {
        arrival.method = method->method;
        arrival.path = (csvc_bytes){.len = method->path_len, .data = (const uint8_t *)method->path};
    } else {
        arrival.path = (csvc_bytes){.len = call->request.path_len,
                                    .data = (const uint8_t *)call->request.text.data};
    }
    if (refusal == NULL && call->deadline != INT64_MAX && call->deadline <= csvc__now()) {
        arrival.refusal = "Deadline Exceeded";
        arrival.refusal_code = CSVC_DEADLINE_EXCEEDED;
    }
    if (arrival.refusal == NULL && call->first != NULL) {
        arrival.first = call->first;
        call->first = NULL;
    }
    shared->events->started(shared->server, &call->base, &arrival);
}
