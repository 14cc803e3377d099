/* transport/loop.c: the half of a loop that every transport shares: posted tasks and timers. */
#include <base/clock.h>
#include <csvc/alloc.h>
#include <transport/seam.h>

#include <sched.h>

#include <base/banned.h>

enum {
    FIRST_TIMERS = 64,
    MAX_TIMERS = 1 << 20
};

static _Thread_local csvc_loop *current_loop;

void csvc__loop_init(csvc_loop *loop, const csvc_transport *transport)
{
    *loop = (csvc_loop){.transport = transport};
    atomic_init(&loop->posted, NULL);
    atomic_init(&loop->posters, 0);
}

void csvc__loop_release(csvc_loop *loop)
{
    csvc__free(loop->timers);
    loop->timers = NULL;
    loop->n_timers = 0;
    loop->max_timers = 0;
}

void csvc__loop_enter(csvc_loop *loop)
{
    current_loop = loop;
}

csvc_loop *csvc__loop_current(void)
{
    return current_loop;
}

/* ---- posted tasks ---- */

/* True when the queue was empty. */
static bool push(csvc_loop *loop, csvc_task *task)
{
    csvc_task *newest = atomic_load_explicit(&loop->posted, memory_order_relaxed);

    do {
        task->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&loop->posted, &newest, task,
                                                    memory_order_release, memory_order_relaxed));
    return newest == NULL;
}

void csvc__loop_post(csvc_loop *loop, csvc_task *task)
{
    /* A loop looks at its queue before it waits, so its own thread need not wake it. */
    if (loop == current_loop) {
        (void)push(loop, task);
        return;
    }
    if (csvc__loop_post_begin(loop, task)) {
        csvc__loop_post_end(loop);
    }
}

bool csvc__loop_post_begin(csvc_loop *loop, csvc_task *task)
{
    /* What is posted may end the loop before the wake is through: settle waits for this count. */
    atomic_fetch_add_explicit(&loop->posters, 1, memory_order_relaxed);
    if (push(loop, task)) {
        return true;
    }
    atomic_fetch_sub_explicit(&loop->posters, 1, memory_order_release);
    return false;
}

void csvc__loop_post_end(csvc_loop *loop)
{
    loop->transport->wake(loop);
    atomic_fetch_sub_explicit(&loop->posters, 1, memory_order_release);
}

void csvc__loop_settle(csvc_loop *loop)
{
    while (atomic_load_explicit(&loop->posters, memory_order_acquire) != 0) {
        sched_yield();
    }
}

void csvc__loop_run_posted(csvc_loop *loop)
{
    csvc_task *newest = NULL;
    csvc_task *oldest = NULL;

    if (atomic_load_explicit(&loop->posted, memory_order_relaxed) == NULL) {
        return;
    }
    newest = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
    while (newest != NULL) {
        csvc_task *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        csvc_task *task = oldest;

        oldest = task->next; /* running it may end its memory */
        task->run(task);
    }
}

/* ---- late work ---- */

void csvc__late_set(csvc_loop *loop, csvc_late *late)
{
    if (late->at != NULL) {
        return;
    }
    if (!loop->runs_late) {
        late->run(late);
        return;
    }
    late->next = loop->late;
    late->at = &loop->late;
    if (late->next != NULL) {
        late->next->at = &late->next;
    }
    loop->late = late;
}

void csvc__late_stop(csvc_late *late)
{
    if (late->at == NULL) {
        return;
    }
    *late->at = late->next;
    if (late->next != NULL) {
        late->next->at = late->at;
    }
    late->at = NULL;
}

void csvc__loop_run_late(csvc_loop *loop)
{
    while (loop->late != NULL) {
        csvc_late *late = loop->late;

        csvc__late_stop(late);
        late->run(late);
    }
}

/* ---- timers ---- */

static void place(csvc_loop *loop, csvc_timer *timer, size_t slot)
{
    loop->timers[slot] = timer;
    timer->slot = slot;
}

static void sift_up(csvc_loop *loop, csvc_timer *timer, size_t slot)
{
    while (slot > 1 && loop->timers[slot / 2]->due > timer->due) {
        place(loop, loop->timers[slot / 2], slot);
        slot /= 2;
    }
    place(loop, timer, slot);
}

static void sift_down(csvc_loop *loop, csvc_timer *timer, size_t slot)
{
    for (;;) {
        size_t child = slot * 2;

        if (child > loop->n_timers) {
            break;
        }
        if (child < loop->n_timers && loop->timers[child + 1]->due < loop->timers[child]->due) {
            child++;
        }
        if (loop->timers[child]->due >= timer->due) {
            break;
        }
        place(loop, loop->timers[child], slot);
        slot = child;
    }
    place(loop, timer, slot);
}

static bool make_room(csvc_loop *loop)
{
    size_t max = loop->max_timers == 0 ? FIRST_TIMERS : loop->max_timers * 2;
    csvc_timer **timers = NULL;

    if (loop->n_timers + 1 < loop->max_timers) {
        return true;
    }
    if (max > MAX_TIMERS) {
        return false;
    }
    timers = csvc__realloc(loop->timers, max * sizeof(*timers));
    if (timers == NULL) {
        return false;
    }
    loop->timers = timers;
    loop->max_timers = max;
    return true;
}

csvc_code csvc__timer_set(csvc_loop *loop, csvc_timer *timer, int64_t due)
{
    if (timer->slot != 0) {
        csvc__timer_stop(loop, timer);
    }
    if (!make_room(loop)) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    timer->due = due;
    loop->n_timers++;
    sift_up(loop, timer, loop->n_timers);
    return CSVC_OK;
}

void csvc__timer_stop(csvc_loop *loop, csvc_timer *timer)
{
    size_t slot = timer->slot;
    csvc_timer *last = NULL;

    if (slot == 0) {
        return;
    }
    timer->slot = 0;
    last = loop->timers[loop->n_timers];
    loop->n_timers--;
    if (last == timer) {
        return;
    }
    if (slot > 1 && loop->timers[slot / 2]->due > last->due) {
        sift_up(loop, last, slot);
    } else {
        sift_down(loop, last, slot);
    }
}

int64_t csvc__loop_next_due(const csvc_loop *loop)
{
    return loop->n_timers == 0 ? INT64_MAX : loop->timers[1]->due;
}

void csvc__loop_run_timers(csvc_loop *loop)
{
    int64_t now = 0;

    if (loop->n_timers == 0) {
        return;
    }
    /* One reading of the clock: a timer that sets itself anew for `now` waits for the next turn. */
    now = csvc__now();
    while (loop->n_timers > 0 && loop->timers[1]->due <= now) {
        csvc_timer *timer = loop->timers[1];

        csvc__timer_stop(loop, timer);
        timer->run(timer);
    }
}
