/* rpc/inflight.c: the calls in flight of a server. */
#include <base/clock.h>
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <rpc/inflight.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

enum {
    PEER_SIZE = 96,
    PEER_MEMORY = 1024,
};

bool csvc__inflight_init(csvc__inflight *inflight)
{
    inflight->lists = csvc__calloc(CSVC__INFLIGHT_LISTS, sizeof(*inflight->lists));
    for (size_t i = 0; inflight->lists != NULL && i < CSVC__INFLIGHT_LISTS; i++) {
        (void)pthread_mutex_init(&inflight->lists[i].lock, NULL);
    }
    return inflight->lists != NULL;
}

void csvc__inflight_release(csvc__inflight *inflight)
{
    for (size_t i = 0; inflight->lists != NULL && i < CSVC__INFLIGHT_LISTS; i++) {
        (void)pthread_mutex_destroy(&inflight->lists[i].lock);
    }
    csvc__free(inflight->lists);
    inflight->lists = NULL;
}

void csvc__inflight_add(csvc__inflight *inflight, csvc__inflight_call *call, csvc_ctx *ctx)
{
    /* loops are allocated apart: some bits above the lowest ones differ */
    const uintptr_t at = (uintptr_t)ctx->tc->loop;
    csvc__inflight_list *list = &inflight->lists[(at >> 6 ^ at >> 12) % CSVC__INFLIGHT_LISTS];

    call->list = list;
    call->ctx = ctx;
    call->arrived = csvc__now();
    call->prev = NULL;
    (void)pthread_mutex_lock(&list->lock);
    call->next = list->first;
    if (list->first != NULL) {
        list->first->prev = call;
    }
    list->first = call;
    (void)pthread_mutex_unlock(&list->lock);
}

void csvc__inflight_remove(csvc__inflight_call *call)
{
    csvc__inflight_list *list = call->list;

    (void)pthread_mutex_lock(&list->lock);
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        list->first = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    (void)pthread_mutex_unlock(&list->lock);
}

/* ---- looking at them ---- */

typedef struct shown {
    int64_t arrived, deadline;
    char *method; /* csvc__free */
    char peer[PEER_SIZE];
} shown;

/* With the list's lock: the call stays. Its arena is its handler's, so the peer goes into one of
 * ours. */
static bool copy(const csvc__inflight_call *call, shown *ret_shown)
{
    const csvc_ctx *ctx = call->ctx;
    csvc_arena *a = csvc_arena_new(PEER_MEMORY);
    const char *peer = a != NULL ? ctx->tc->ops->peer(ctx->tc, a) : NULL;
    shown s = {.arrived = call->arrived, .deadline = ctx->deadline, .peer = ""};
    size_t len = peer != NULL ? strlen(peer) : 0;

    len = len < PEER_SIZE ? len : PEER_SIZE - 1;
    memcpy(s.peer, peer != NULL ? peer : "", len);
    s.peer[len] = '\0';
    s.method = csvc__strdup(ctx->path);
    (void)csvc_arena_free(a);
    *ret_shown = s;
    return s.method != NULL;
}

static int older_first(const void *x, const void *y)
{
    const shown *a = x, *b = y;

    return a->arrived < b->arrived ? -1 : a->arrived > b->arrived;
}

static void put_call(csvc__buffer *b, const shown *s, int64_t now)
{
    csvc__buffer_puts(b, "{\"method\": ");
    csvc__buffer_json(b, s->method, strlen(s->method));
    csvc__buffer_puts(b, ", \"peer\": ");
    csvc__buffer_json(b, s->peer, strlen(s->peer));
    csvc__buffer_printf(b, ", \"age_ms\": %" PRId64, (now - s->arrived) / CSVC__MS);
    if (s->deadline != INT64_MAX) {
        /* below zero: it is overdue */
        csvc__buffer_printf(b, ", \"deadline_ms\": %" PRId64, (s->deadline - now) / CSVC__MS);
    }
    csvc__buffer_putc(b, '}');
}

/* ---- the oldest of them: a heap whose top is the latest, which the next older one replaces ----
 */

static void sink(shown *heap, size_t n, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        const shown above = heap[at];

        if (child + 1 < n && heap[child + 1].arrived > heap[child].arrived) {
            child++;
        }
        if (heap[child].arrived <= above.arrived) {
            break;
        }
        heap[at] = heap[child];
        heap[child] = above;
    }
}

static void keep(shown *heap, size_t max, size_t *n, const csvc__inflight_call *call)
{
    shown s;

    if ((*n == max && call->arrived >= heap[0].arrived) || !copy(call, &s)) {
        return;
    }
    if (*n == max) {
        csvc__free(heap[0].method);
        heap[0] = s;
        sink(heap, max, 0);
        return;
    }
    heap[(*n)++] = s;
    for (size_t i = *n == max ? max / 2 : 0; i > 0; i--) {
        sink(heap, max, i - 1);
    }
}

/* The oldest calls, at most `max`, the oldest first; NULL when memory is short. */
static shown *oldest(csvc__inflight *inflight, size_t max, size_t *ret_n, size_t *ret_total)
{
    shown *heap = csvc__malloc(max * sizeof(*heap));
    size_t n = 0, total = 0;

    for (size_t i = 0; i < CSVC__INFLIGHT_LISTS; i++) {
        csvc__inflight_list *list = &inflight->lists[i];

        (void)pthread_mutex_lock(&list->lock);
        for (const csvc__inflight_call *call = list->first; call != NULL; call = call->next) {
            total++;
            if (heap != NULL) {
                keep(heap, max, &n, call);
            }
        }
        (void)pthread_mutex_unlock(&list->lock);
    }
    if (n > 0) {
        qsort(heap, n, sizeof(*heap), older_first);
    }
    *ret_n = n;
    *ret_total = total;
    return heap;
}

void csvc__inflight_json(csvc__inflight *inflight, csvc__buffer *b)
{
    size_t n, total;
    shown *calls = oldest(inflight, CSVC__INFLIGHT_SHOWN, &n, &total);
    const int64_t now = csvc__now();

    csvc__buffer_printf(b, "{\"total\": %zu, \"calls\": [", total);
    for (size_t i = 0; i < n; i++) {
        csvc__buffer_puts(b, i > 0 ? ",\n  " : "\n  ");
        put_call(b, &calls[i], now);
        csvc__free(calls[i].method);
    }
    csvc__buffer_puts(b, n > 0 ? "\n]}\n" : "]}\n");
    csvc__free(calls);
}

void csvc__inflight_log(csvc__inflight *inflight, const char *event)
{
    size_t n, total;
    shown *calls = oldest(inflight, CSVC__INFLIGHT_LOGGED, &n, &total);
    const int64_t now = csvc__now();
    char age[32];

    for (size_t i = 0; i < n; i++) {
        (void)snprintf(age, sizeof(age), "%" PRId64, (now - calls[i].arrived) / CSVC__MS);
        csvc_log(CSVC_LOG_ERROR, event, "method", calls[i].method, "peer", calls[i].peer, "#age_ms",
                 age, NULL);
        csvc__free(calls[i].method);
    }
    csvc__free(calls);
}
