/* The calling side of fake_transport.h. */
#include "fake_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fake_channel {
    fake_loop fl; /* first */
    pthread_t thread;
    atomic_int live;
} fake_channel;

typedef struct out_tcall {
    csvc_tcall tc; /* first */
    fake_channel *tch;
    csvc_task start, ask;
    fake_out out;
    void *reserved;
    bool ended, asking, released;
    csvc_code cancel_code; /* of a stream */
    _Alignas(16) uint8_t upper[];
} out_tcall;

static fake_script *script;
static void *script_self;

void fake_set_script(fake_script *fn, void *self)
{
    script = fn;
    script_self = self;
}

static out_tcall *out_of(csvc_tcall *tc)
{
    return (out_tcall *)(void *)tc;
}

static void *out_reserve(csvc_tcall *tc, size_t len)
{
    out_of(tc)->reserved = malloc(len + 1);
    return out_of(tc)->reserved;
}

static void out_free(out_tcall *ot)
{
    free(ot->reserved);
    free(ot);
}

static void out_release(csvc_tcall *tc)
{
    out_tcall *ot = out_of(tc);

    atomic_fetch_sub(&ot->tch->live, 1);
    ot->released = true;
    if (!ot->asking) {
        out_free(ot);
    }
}

static void run_ask(csvc_task *task)
{
    out_tcall *ot = (out_tcall *)(void *)((uint8_t *)task - offsetof(out_tcall, ask));

    ot->asking = false;
    if (ot->released) {
        out_free(ot);
    } else if (!ot->ended && ot->out.cancelled) {
        fake_out_status(&ot->out, ot->cancel_code, "cancelled", NULL, NULL);
    } else if (!ot->ended && ot->out.asked != NULL) {
        ot->out.asked(script_self, &ot->out);
    }
}

static void ask(out_tcall *ot)
{
    if (ot->ended) {
        fake__die("something was asked of a call after its status");
    }
    if (!ot->asking) {
        ot->asking = true;
        ot->ask.run = run_ask;
        csvc__loop_post(ot->tc.loop, &ot->ask);
    }
}

static void out_cancel(csvc_tcall *tc, csvc_code code, const char *text)
{
    out_tcall *ot = out_of(tc);

    if (ot->ended) {
        fake__die("cancelled after status");
    }
    ot->out.cancelled = true;
    if (ot->out.asked != NULL) {
        ot->cancel_code = code;
        ask(ot); /* as a network does: later */
    } else if (!ot->out.silent_cancel) {
        fake_out_status(&ot->out, code, text, NULL, NULL);
    }
}

static void out_read(csvc_tcall *tc)
{
    if (out_of(tc)->out.reading) {
        fake__die("two reads at a time");
    }
    out_of(tc)->out.reading = true;
    ask(out_of(tc));
}

/* Keeps what is sent for the script to see, as far as it fits. */
static void keep_message(fake_out *out, const csvc_outgoing *message)
{
    out->len = 0;
    out->compress = message->compress;
    out->announce = message->announce;
    if (message->payload != NULL) {
        for (size_t i = 0; i < message->payload->n_pieces; i++) {
            const csvc_bytes piece = message->payload->pieces[i];

            if (piece.len <= sizeof(out->message) - out->len) {
                memcpy(out->message + out->len, piece.data, piece.len);
                out->len += piece.len;
            }
        }
    } else if (message->reserved.len <= sizeof(out->message)) {
        out->len = message->reserved.len;
        memcpy(out->message, message->reserved.data, out->len);
    }
}

static void out_send(csvc_tcall *tc, const csvc_outgoing *message, bool more)
{
    fake_out *out = &out_of(tc)->out;

    (void)more;
    if (out->sending || out->closed) {
        fake__die("two messages at a time, or one after the half-close");
    }
    out->sending = true;
    out->n_sent++;
    keep_message(out, message);
    if (out->in_send != NULL) {
        out->in_send(script_self, out);
    }
    ask(out_of(tc));
}

static void out_close_send(csvc_tcall *tc)
{
    if (out_of(tc)->out.closed) {
        fake__die("half-closed twice");
    }
    out_of(tc)->out.closed = true;
    ask(out_of(tc));
}

static const csvc_tcall_ops out_ops = {
    .reserve = out_reserve,
    .read = out_read,
    .send = out_send,
    .close_send = out_close_send,
    .cancel = out_cancel,
    .release = out_release,
};

static void *channel_main(void *arg)
{
    fake_channel *tch = arg;

    csvc__loop_enter(&tch->fl.loop);
    while (fake__loop_turn(&tch->fl, INT64_MAX)) {
    }
    return NULL;
}

csvc_tchannel *fake__channel_new(const csvc_tchannel_config *config, csvc_error *err)
{
    fake_channel *tch;

    if (strcmp(config->target, "bad") == 0) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT, "no such target");
        return NULL;
    }
    tch = calloc(1, sizeof(*tch));
    fake__loop_init(&tch->fl);
    atomic_init(&tch->live, 0);
    if (pthread_create(&tch->thread, NULL, channel_main, tch) != 0) {
        fake__die("no thread");
    }
    return (csvc_tchannel *)(void *)tch;
}

void fake__channel_free(csvc_tchannel *tchannel)
{
    fake_channel *tch = (fake_channel *)(void *)tchannel;

    if (atomic_load(&tch->live) != 0) {
        fake__die("a channel was freed with calls that were not released");
    }
    pthread_mutex_lock(&tch->fl.lock);
    tch->fl.ending = true;
    pthread_cond_signal(&tch->fl.woken);
    pthread_mutex_unlock(&tch->fl.lock);
    pthread_join(tch->thread, NULL);
    fake__loop_release(&tch->fl);
    free(tch);
}

csvc_loop *fake__channel_loop(csvc_tchannel *tch)
{
    return (csvc_loop *)(void *)tch;
}

csvc_tcall *fake__call_new(csvc_tchannel *tch, csvc_loop *loop, size_t upper_size)
{
    out_tcall *ot = calloc(1, sizeof(*ot) + upper_size);

    ot->tc = (csvc_tcall){&out_ops, loop, ot->upper};
    ot->tch = (fake_channel *)(void *)tch;
    ot->out.tc = &ot->tc;
    atomic_fetch_add(&ot->tch->live, 1);
    return &ot->tc;
}

static void run_start(csvc_task *task)
{
    out_tcall *ot = (out_tcall *)(void *)((uint8_t *)task - offsetof(out_tcall, start));

    script(script_self, &ot->out);
}

void fake__call_start(csvc_tcall *tc, const csvc_start *start)
{
    out_tcall *ot = out_of(tc);

    snprintf(ot->out.path, sizeof(ot->out.path), "%s", start->path);
    ot->out.deadline = start->deadline;
    ot->out.wait_for_ready = start->wait_for_ready;
    ot->out.has_retry = start->retry != NULL;
    if (start->message != NULL) {
        keep_message(&ot->out, start->message);
        ot->out.closed = true;
    }
    ot->out.n_metadata = start->metadata.n_entries;
    fake__describe(ot->out.first_metadata, sizeof(ot->out.first_metadata), start->metadata);
    ot->out.events = start->events;
    ot->start.run = run_start;
    csvc__loop_post(tc->loop, &ot->start);
}

static csvc_md md_of(const char *key, const char *value)
{
    return (csvc_md){{strlen(key), (const uint8_t *)key}, {strlen(value), (const uint8_t *)value}};
}

void fake_out_message(fake_out *out, const void *bytes, size_t len, bool compressed)
{
    out->reading = false;
    out->events->message(out->tc, fake__payload_of(bytes, len, compressed, false));
}

void fake_out_half_close(fake_out *out)
{
    out->reading = false;
    out->events->message(out->tc, NULL);
}

void fake_out_writable(fake_out *out)
{
    if (!out->sending) {
        fake__die("nothing was being sent");
    }
    out->sending = false;
    out->events->writable(out->tc);
}

void fake_out_headers(fake_out *out, const char *key, const char *value)
{
    const csvc_md md = md_of(key, value);

    out->events->headers(out->tc, (csvc_md_list){&md, 1});
}

void fake_out_status(fake_out *out, csvc_code code, const char *text, const char *trailer_key,
                     const char *trailer_value)
{
    csvc_md md = {0};
    csvc_md_list trailers = {0};

    if (trailer_key != NULL) {
        md = md_of(trailer_key, trailer_value);
        trailers = (csvc_md_list){&md, 1};
    }
    out_of(out->tc)->ended = true;
    out->events->status(out->tc, code, (csvc_bytes){strlen(text), (const uint8_t *)text}, trailers);
}
