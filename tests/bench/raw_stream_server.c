/*
 * bench/raw_stream_server.c: the streams of peers/calc.proto straight on the gRPC C core.
 *
 *     raw_stream_server [--port N]
 *
 * What the runtime's streams are measured against: one thread, one queue, registered methods, the
 * hand-written codec of sum_codec.h, as few batches as the work can be done with. A message to send
 * says that more follow, as often as that is true; Echo sends a reply and asks for the next message
 * in one batch; the last message goes with the status. What is published is one slice for all.
 * Prints "listening PORT"; serves until it is killed.
 */
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/slice_buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sum_codec.h"

enum {
    POSTED = 16,
    NEWS_TEXT = 100,
    MAX_NEWS = NEWS_TEXT + 16,
    MAX_UNSENT = 4
};

typedef struct call call;

typedef struct tag {
    void (*run)(call *c, bool ok);
    call *call;
} tag;

typedef enum kind {
    COUNT,
    ADD,
    ECHO,
    WATCH,
    PUBLISH,
    KINDS
} kind;

struct call {
    kind kind;
    grpc_call *core;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *in;
    grpc_byte_buffer out;
    tag requested, moved, closed, ended;
    int cancelled;
    int32_t sent, last; /* count */
    uint32_t sum;       /* add */
    bool headers_sent;

    /* watch */
    bool sending, over;
    grpc_slice unsent[MAX_UNSENT];
    size_t n_unsent;
    call *next, **at;
};

static grpc_server *server;
static grpc_completion_queue *cq;
static void *methods[KINDS];
static call *watchers;

static void die(const char *why)
{
    fprintf(stderr, "raw_stream_server: %s\n", why);
    exit(1);
}

/* ---- batches ---- */

typedef struct batch {
    grpc_op ops[5];
    size_t n;
} batch;

static grpc_op *add_op(batch *b, grpc_op_type type)
{
    grpc_op *op = &b->ops[b->n++];

    *op = (grpc_op){.op = type};
    return op;
}

static void add_message(batch *b, call *c, grpc_slice slice, bool more)
{
    grpc_slice_buffer *buffer = &c->out.data.raw.slice_buffer;
    grpc_op *op;

    grpc_slice_buffer_reset_and_unref(buffer);
    grpc_slice_buffer_add(buffer, slice);
    if (!c->headers_sent) {
        (void)add_op(b, GRPC_OP_SEND_INITIAL_METADATA);
        c->headers_sent = true;
    }
    op = add_op(b, GRPC_OP_SEND_MESSAGE);
    op->flags = more ? GRPC_WRITE_BUFFER_HINT : 0;
    op->data.send_message.send_message = &c->out;
}

static void add_read(batch *b, call *c)
{
    add_op(b, GRPC_OP_RECV_MESSAGE)->data.recv_message.recv_message = &c->in;
}

static void add_close(batch *b, call *c)
{
    add_op(b, GRPC_OP_RECV_CLOSE_ON_SERVER)->data.recv_close_on_server.cancelled = &c->cancelled;
}

static void add_status(batch *b, call *c, grpc_status_code status)
{
    if (!c->headers_sent) {
        (void)add_op(b, GRPC_OP_SEND_INITIAL_METADATA);
        c->headers_sent = true;
    }
    add_op(b, GRPC_OP_SEND_STATUS_FROM_SERVER)->data.send_status_from_server.status = status;
}

static void start(call *c, const batch *b, tag *t)
{
    if (grpc_call_start_batch(c->core, b->ops, b->n, t, NULL) != GRPC_CALL_OK) {
        die("the core refused a batch");
    }
}

static grpc_slice sum_slice(int32_t sum)
{
    grpc_slice slice = grpc_slice_malloc(SUM_REPLY_MAX);

    GRPC_SLICE_SET_LENGTH(slice, sum_encode(sum, GRPC_SLICE_START_PTR(slice)));
    return slice;
}

/* The request that has come, which goes. */
static bool take_request(call *c, int32_t *ret_a, int32_t *ret_b)
{
    const grpc_slice_buffer *slices = &c->in->data.raw.slice_buffer;
    uint8_t room[64];
    const uint8_t *data = room;
    size_t at = 0;
    bool ok;

    if (slices->count == 1) {
        data = GRPC_SLICE_START_PTR(slices->slices[0]);
    } else if (slices->length <= sizeof(room)) {
        for (size_t i = 0; i < slices->count; i++) {
            memcpy(room + at, GRPC_SLICE_START_PTR(slices->slices[i]),
                   GRPC_SLICE_LENGTH(slices->slices[i]));
            at += GRPC_SLICE_LENGTH(slices->slices[i]);
        }
    } else {
        return false;
    }
    ok = sum_decode(data, slices->length, ret_a, ret_b);
    grpc_byte_buffer_destroy(c->in);
    c->in = NULL;
    return ok;
}

static void end_with(call *c, grpc_status_code status)
{
    batch b = {.n = 0};

    add_status(&b, c, status);
    add_close(&b, c);
    start(c, &b, &c->ended);
}

static void ended(call *c, bool ok)
{
    (void)ok;
    grpc_slice_buffer_reset_and_unref(&c->out.data.raw.slice_buffer);
    grpc_metadata_array_destroy(&c->metadata);
    grpc_call_unref(c->core);
    free(c);
}

/* ---- count ---- */

static void count_on(call *c, bool ok)
{
    batch b = {.n = 0};
    const bool more = ++c->sent < c->last;

    if (!ok) {
        end_with(c, GRPC_STATUS_CANCELLED);
        return;
    }
    add_message(&b, c, sum_slice(c->sent), more && c->sent > 1);
    if (!more) {
        add_status(&b, c, GRPC_STATUS_OK);
        add_close(&b, c);
    }
    start(c, &b, more ? &c->moved : &c->ended);
}

/* ---- add ---- */

static void read_next(call *c)
{
    batch b = {.n = 0};

    add_read(&b, c);
    start(c, &b, &c->moved);
}

static void add_on(call *c, bool ok)
{
    batch b = {.n = 0};
    int32_t x, y;

    if (ok && c->in != NULL && take_request(c, &x, &y)) {
        c->sum += (uint32_t)x + (uint32_t)y;
        read_next(c);
        return;
    }
    add_message(&b, c, sum_slice((int32_t)c->sum), false);
    add_status(&b, c, GRPC_STATUS_OK);
    add_close(&b, c);
    start(c, &b, &c->ended);
}

/* ---- echo ---- */

static void echo_on(call *c, bool ok)
{
    batch b = {.n = 0};
    int32_t x, y;

    if (!ok || c->in == NULL || !take_request(c, &x, &y)) {
        end_with(c, ok ? GRPC_STATUS_OK : GRPC_STATUS_CANCELLED);
        return;
    }
    add_message(&b, c, sum_slice(x + y), false);
    add_read(&b, c);
    start(c, &b, &c->moved);
}

/* ---- watch and publish ---- */

static grpc_slice news_slice(uint32_t number, size_t text)
{
    uint8_t bytes[MAX_NEWS];
    size_t n = 0;

    if (number != 0) {
        bytes[n++] = 0x08;
        for (; number >= 0x80; number >>= 7) {
            bytes[n++] = (uint8_t)(number | 0x80);
        }
        bytes[n++] = (uint8_t)number;
    }
    if (text != 0) {
        bytes[n++] = 0x12;
        bytes[n++] = (uint8_t)text;
        memset(bytes + n, 'n', text);
        n += text;
    }
    return grpc_slice_from_copied_buffer((const char *)bytes, n);
}

/* Takes the slice. */
static void send_news(call *c, grpc_slice slice)
{
    batch b = {.n = 0};

    if (c->sending) {
        if (c->n_unsent == MAX_UNSENT) {
            die("somebody does not read");
        }
        c->unsent[c->n_unsent++] = slice;
        return;
    }
    c->sending = true;
    add_message(&b, c, slice, false);
    start(c, &b, &c->moved);
}

static void end_if_over(call *c)
{
    if (c->over && !c->sending) {
        while (c->n_unsent > 0) {
            grpc_slice_unref(c->unsent[--c->n_unsent]);
        }
        ended(c, true);
    }
}

static void watch_on(call *c, bool ok)
{
    c->sending = false;
    if (ok && !c->over && c->n_unsent > 0) {
        const grpc_slice slice = c->unsent[0];

        memmove(c->unsent, c->unsent + 1, --c->n_unsent * sizeof(slice));
        send_news(c, slice);
    }
    end_if_over(c);
}

static void watch_closed(call *c, bool ok)
{
    (void)ok;
    *c->at = c->next;
    if (c->next != NULL) {
        c->next->at = c->at;
    }
    c->over = true;
    end_if_over(c);
}

static void watch(call *c)
{
    batch b = {.n = 0};

    c->at = &watchers;
    c->next = watchers;
    if (c->next != NULL) {
        c->next->at = &c->next;
    }
    watchers = c;
    add_close(&b, c);
    start(c, &b, &c->closed);
    send_news(c, news_slice(0, 0));
}

static void publish(call *c, int32_t number)
{
    const grpc_slice slice = news_slice((uint32_t)number, NEWS_TEXT);
    batch b = {.n = 0};
    int32_t told = 0;

    for (call *w = watchers; w != NULL; w = w->next, told++) {
        send_news(w, grpc_slice_ref(slice));
    }
    grpc_slice_unref(slice);
    add_message(&b, c, sum_slice(told), false);
    add_status(&b, c, GRPC_STATUS_OK);
    add_close(&b, c);
    start(c, &b, &c->ended);
}

/* ---- calls ---- */

static void requested(call *c, bool ok);

static void post(kind k)
{
    static void (*const moves[KINDS])(call *, bool) = {count_on, add_on, echo_on, watch_on, ended};
    call *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        die("out of memory");
    }
    c->kind = k;
    c->requested = (tag){requested, c};
    c->moved = (tag){moves[k], c};
    c->closed = (tag){watch_closed, c};
    c->ended = (tag){ended, c};
    c->out.type = GRPC_BB_RAW;
    c->out.data.raw.compression = GRPC_COMPRESS_NONE;
    grpc_slice_buffer_init(&c->out.data.raw.slice_buffer);
    grpc_metadata_array_init(&c->metadata);
    (void)grpc_server_request_registered_call(server, methods[k], &c->core, &c->deadline,
                                              &c->metadata, k == ADD || k == ECHO ? NULL : &c->in,
                                              cq, cq, &c->requested);
}

static void requested(call *c, bool ok)
{
    int32_t a, b;

    if (!ok) {
        die("the core ended");
    }
    post(c->kind);
    if (c->kind == ADD || c->kind == ECHO) {
        read_next(c);
        return;
    }
    if (c->in == NULL || !take_request(c, &a, &b)) {
        end_with(c, GRPC_STATUS_INVALID_ARGUMENT);
        return;
    }
    if (c->kind == COUNT) {
        c->last = a;
        count_on(c, true);
    } else if (c->kind == WATCH) {
        watch(c);
    } else {
        publish(c, a);
    }
}

int main(int argc, char **argv)
{
    static const char *const paths[KINDS] = {"/bench.Calc/Count", "/bench.Calc/Add",
                                             "/bench.Calc/Echo", "/bench.Calc/Watch",
                                             "/bench.Calc/Publish"};
    grpc_arg args[2] = {{.type = GRPC_ARG_INTEGER, .key = (char *)"grpc.so_reuseport"},
                        {.type = GRPC_ARG_INTEGER, .key = (char *)"grpc.enable_channelz"}};
    const grpc_channel_args all = {.num_args = 2, .args = args};
    grpc_server_credentials *credentials;
    char address[64];
    long port = 0;

    if (argc == 3 && strcmp(argv[1], "--port") == 0) {
        port = strtol(argv[2], NULL, 10);
    } else if (argc != 1) {
        die("usage: raw_stream_server [--port N]");
    }
    grpc_init();
    cq = grpc_completion_queue_create_for_next(NULL);
    server = grpc_server_create(&all, NULL);
    grpc_server_register_completion_queue(server, cq, NULL);
    for (int k = 0; k < KINDS; k++) {
        methods[k] = grpc_server_register_method(server, paths[k], NULL,
                                                 k == ADD || k == ECHO
                                                     ? GRPC_SRM_PAYLOAD_NONE
                                                     : GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER,
                                                 0);
    }
    credentials = grpc_insecure_server_credentials_create();
    snprintf(address, sizeof(address), "127.0.0.1:%ld", port);
    port = grpc_server_add_http2_port(server, address, credentials);
    grpc_server_credentials_release(credentials);
    if (port == 0) {
        die("cannot listen");
    }
    grpc_server_start(server);
    for (int k = 0; k < KINDS; k++) {
        for (int i = 0; i < POSTED; i++) {
            post((kind)k);
        }
    }
    printf("listening %ld\n", port);
    fflush(stdout);
    for (;;) {
        const grpc_event event =
            grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        const tag *t = event.tag;

        if (event.type == GRPC_OP_COMPLETE) {
            t->run(t->call, event.success != 0);
        }
    }
}
