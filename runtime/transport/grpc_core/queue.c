/* grpc_core/queue.c: a completion queue and the thread that waits on it. */
#include <base/clock.h>
#include <transport/grpc_core/core.h>

#include <base/banned.h>

enum {
    TURNS_PER_LOOK = 16,  /* events between two looks at the clock, while there are timers */
    TURNS_TILL_LATE = 256 /* events that late work may have to wait for */
};

static void woken(gc_tag *tag, bool ok)
{
    (void)tag;
    (void)ok; /* what was posted runs on the way back to the queue */
}

bool csvc__gc_loop_init(gc_loop *loop)
{
    *loop = (gc_loop){.kick_tag.run = woken};
    csvc__loop_init(&loop->base, &csvc_grpc_core);
    loop->base.runs_late = true;
    loop->cq = grpc_completion_queue_create_for_next(NULL);
    loop->lame = grpc_lame_client_channel_create("wake", GRPC_STATUS_UNAVAILABLE, "");
    if (loop->cq != NULL && loop->lame != NULL) {
        loop->kick = grpc_channel_create_call(loop->lame, NULL, GRPC_PROPAGATE_DEFAULTS, loop->cq,
                                              grpc_slice_from_static_string("/"), NULL,
                                              gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    }
    if (loop->kick == NULL) {
        csvc__gc_loop_release(loop);
        return false;
    }
    return true;
}

/* Takes what is still in the queue, until it says that it is shut. */
static void drain(gc_loop *loop)
{
    grpc_event event = {0};

    do {
        event = grpc_completion_queue_next(loop->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_OP_COMPLETE) {
            gc_tag *tag = event.tag;

            GC_ACQUIRE(tag);
            tag->run(tag, event.success != 0);
        }
    } while (event.type != GRPC_QUEUE_SHUTDOWN);
}

void csvc__gc_loop_release(gc_loop *loop)
{
    if (loop->kick != NULL) {
        grpc_call_unref(loop->kick);
        loop->kick = NULL;
    }
    if (loop->lame != NULL) {
        grpc_channel_destroy(loop->lame);
        loop->lame = NULL;
    }
    if (loop->cq != NULL) {
        grpc_completion_queue_shutdown(loop->cq);
        drain(loop);
        grpc_completion_queue_destroy(loop->cq);
        loop->cq = NULL;
    }
    csvc__loop_release(&loop->base);
}

void csvc__gc_wake(csvc_loop *base)
{
    gc_loop *loop = GC_CONTAINER(base, gc_loop, base);

    GC_RELEASE(&loop->kick_tag);
    (void)grpc_call_start_batch(loop->kick, NULL, 0, &loop->kick_tag, NULL);
}

void csvc__gc_loop_run(gc_loop *loop)
{
    unsigned turns = 0;
    unsigned till_late = 0;

    csvc__loop_enter(&loop->base);
    for (;;) {
        grpc_event event = {0};
        int64_t due = 0;

        csvc__loop_run_posted(&loop->base);
        if (loop->ending && loop->n_live == 0) {
            /* A thread that posted the last thing may still be about to wake us. */
            csvc__loop_settle(&loop->base);
            if (atomic_load_explicit(&loop->base.posted, memory_order_relaxed) == NULL) {
                break;
            }
            continue;
        }
        if (atomic_load_explicit(&loop->base.posted, memory_order_relaxed) != NULL ||
            loop->base.late != NULL) {
            due = 0; /* what ran has posted more, or left it for later: look, but do not wait */
        } else {
            due = csvc__loop_next_due(&loop->base);
        }
        event = grpc_completion_queue_next(loop->cq, csvc__gc_to_deadline(due), NULL);
        if (event.type == GRPC_OP_COMPLETE) {
            gc_tag *tag = event.tag;

            GC_ACQUIRE(tag);
            tag->run(tag, event.success != 0);
            turns++;
            till_late++;
        }
        if (loop->base.late != NULL &&
            (event.type != GRPC_OP_COMPLETE || till_late >= TURNS_TILL_LATE)) {
            till_late = 0;
            csvc__loop_run_late(&loop->base);
        }
        if (event.type != GRPC_OP_COMPLETE || turns >= TURNS_PER_LOOK) {
            turns = 0;
            csvc__loop_run_timers(&loop->base);
        }
    }
    csvc__loop_enter(NULL);
}
