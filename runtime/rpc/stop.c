/* rpc/stop.c: what is told to detached calls when their server stops, each on its own loop. */
#include <base/clock.h>
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <rpc/serve_stream.h>

#include <base/banned.h>

/* For a stream's caller to read what was sent to it, and its end. */
#define READ_WITHIN (2 * CSVC__SECOND)

typedef csvc__served served;

/* The detached calls of the loop, chained by `next_out`, which they no longer use. */
static served *gather(csvc__stop_round *round)
{
    csvc__inflight *inflight = &round->srv->inflight;
    served *first = NULL;

    for (size_t i = 0; i < CSVC__INFLIGHT_LISTS; i++) {
        csvc__inflight_list *list = &inflight->lists[i];

        (void)pthread_mutex_lock(&list->lock);
        for (csvc__inflight_call *call = list->first; call != NULL; call = call->next) {
            served *s = (served *)(void *)call->ctx;

            /* of another loop's call its loop alone may look at anything but this */
            if (s->ctx.tc->loop == round->loop && s->on_loop_live && s->l.returned && s->detached) {
                s->next_out = first;
                first = s;
            }
        }
        (void)pthread_mutex_unlock(&list->lock);
    }
    return first;
}

static void cut(csvc_timer *timer)
{
    csvc__stop_round *round =
        (csvc__stop_round *)((uint8_t *)timer - offsetof(csvc__stop_round, cut));

    for (served *s = gather(round), *next; s != NULL; s = next) {
        next = s->next_out;
        csvc__live_cut(s);
    }
}

static void tell(csvc_task *task)
{
    csvc__stop_round *round =
        (csvc__stop_round *)((uint8_t *)task - offsetof(csvc__stop_round, task));
    served *first = gather(round);

    if (first != NULL &&
        csvc__timer_set(round->loop, &round->cut, csvc__now() + READ_WITHIN) != CSVC_OK) {
        csvc_log(CSVC_LOG_WARN, "no memory for a timer", NULL);
    }
    for (served *s = first, *next; s != NULL; s = next) {
        next = s->next_out;
        csvc__live_stop(s);
    }
}

static bool has_round(const csvc_server *srv, const csvc_loop *loop)
{
    for (const csvc__stop_round *round = srv->rounds; round != NULL; round = round->next) {
        if (round->loop == loop) {
            return true;
        }
    }
    return false;
}

static void add_round(csvc_server *srv, csvc_loop *loop)
{
    csvc__stop_round *round = csvc__calloc(1, sizeof(*round));

    if (round == NULL) {
        csvc_log(CSVC_LOG_WARN, "no memory to tell detached calls that the server stops", NULL);
        return;
    }
    *round = (csvc__stop_round){
        .next = srv->rounds, .srv = srv, .loop = loop, .task.run = tell, .cut.run = cut};
    srv->rounds = round;
    csvc__loop_post(loop, &round->task);
}

void csvc__stop_tell(csvc_server *srv)
{
    for (size_t i = 0; i < CSVC__INFLIGHT_LISTS; i++) {
        csvc__inflight_list *list = &srv->inflight.lists[i];

        (void)pthread_mutex_lock(&list->lock);
        for (csvc__inflight_call *call = list->first; call != NULL; call = call->next) {
            if (!has_round(srv, call->ctx->tc->loop)) {
                add_round(srv, call->ctx->tc->loop);
            }
        }
        (void)pthread_mutex_unlock(&list->lock);
    }
}
