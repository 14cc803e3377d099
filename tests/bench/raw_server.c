/*
 * bench/raw_server.c: /bench.Calc/Sum straight on the gRPC C core, by the best recipe known.
 *
 *     raw_server [--port N] [--calls N]
 *
 * What the runtime is measured against. One thread, one queue; a registered method whose request
 * comes with the call; a few requests posted, each posted again before its call is answered; one
 * batch a reply; the reply in an embedded byte buffer and a slice without memory of its own; a
 * hand-written codec. Prints "listening PORT". With --calls it exits after so many, for callgrind.
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
    POSTED = 16, /* more cost: Debian's core looks through all of them at each completion */
    MAX_SLOTS = 4096
};

typedef struct slot {
    struct slot *next;
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *request;
    grpc_byte_buffer reply;
    int cancelled;
    bool answered;
} slot;

static grpc_server *server;
static grpc_completion_queue *cq;
static void *method;
static slot *spare;
static int n_slots;

static void post(void)
{
    slot *sl = spare;

    if (sl != NULL) {
        spare = sl->next;
    } else {
        sl = n_slots < MAX_SLOTS ? calloc(1, sizeof(*sl)) : NULL;
        if (sl == NULL) {
            return; /* callers wait for a slot to come free */
        }
        n_slots++;
        grpc_metadata_array_init(&sl->metadata);
        sl->reply.type = GRPC_BB_RAW;
        sl->reply.data.raw.compression = GRPC_COMPRESS_NONE;
        grpc_slice_buffer_init(&sl->reply.data.raw.slice_buffer);
    }
    sl->answered = false;
    sl->request = NULL;
    (void)grpc_server_request_registered_call(server, method, &sl->call, &sl->deadline,
                                              &sl->metadata, &sl->request, cq, cq, sl);
}

/* The request in one run; rarely even a few bytes come in two slices. */
static const uint8_t *flat(const grpc_slice_buffer *slices, uint8_t *room, size_t size)
{
    size_t at = 0;

    if (slices->count == 1) {
        return GRPC_SLICE_START_PTR(slices->slices[0]);
    }
    if (slices->length > size) {
        return NULL;
    }
    for (size_t i = 0; i < slices->count; i++) {
        memcpy(room + at, GRPC_SLICE_START_PTR(slices->slices[i]),
               GRPC_SLICE_LENGTH(slices->slices[i]));
        at += GRPC_SLICE_LENGTH(slices->slices[i]);
    }
    return room;
}

static void answer(slot *sl)
{
    grpc_status_code status = GRPC_STATUS_INVALID_ARGUMENT;
    grpc_op ops[4];
    size_t n = 0;
    int32_t a = 0;
    int32_t b = 0;

    ops[n].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[n].flags = 0;
    ops[n].reserved = NULL;
    ops[n].data.send_initial_metadata.count = 0;
    ops[n].data.send_initial_metadata.metadata = NULL;
    ops[n].data.send_initial_metadata.maybe_compression_level.is_set = 0;
    n++;
    if (sl->request != NULL) {
        const grpc_slice_buffer *slices = &sl->request->data.raw.slice_buffer;
        uint8_t room[256];
        const uint8_t *data = flat(slices, room, sizeof(room));

        if (data != NULL && sum_decode(data, slices->length, &a, &b)) {
            grpc_slice slice = grpc_slice_malloc(SUM_REPLY_MAX);

            GRPC_SLICE_SET_LENGTH(slice, sum_encode((int32_t)((uint32_t)a + (uint32_t)b),
                                                    GRPC_SLICE_START_PTR(slice)));
            grpc_slice_buffer_add(&sl->reply.data.raw.slice_buffer, slice);
            ops[n].op = GRPC_OP_SEND_MESSAGE;
            ops[n].flags = 0;
            ops[n].reserved = NULL;
            ops[n].data.send_message.send_message = &sl->reply;
            n++;
            status = GRPC_STATUS_OK;
        }
        grpc_byte_buffer_destroy(sl->request);
        sl->request = NULL;
    }
    ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[n].flags = 0;
    ops[n].reserved = NULL;
    ops[n].data.send_status_from_server.trailing_metadata_count = 0;
    ops[n].data.send_status_from_server.trailing_metadata = NULL;
    ops[n].data.send_status_from_server.status = status;
    ops[n].data.send_status_from_server.status_details = NULL;
    n++;
    ops[n].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    ops[n].flags = 0;
    ops[n].reserved = NULL;
    ops[n].data.recv_close_on_server.cancelled = &sl->cancelled;
    n++;
    sl->answered = true;
    if (grpc_call_start_batch(sl->call, ops, n, sl, NULL) != GRPC_CALL_OK) {
        fprintf(stderr, "raw_server: the core refused a reply\n");
        exit(1);
    }
}

static void end(slot *sl)
{
    grpc_slice_buffer_reset_and_unref(&sl->reply.data.raw.slice_buffer);
    sl->metadata.count = 0;
    grpc_call_unref(sl->call);
    sl->next = spare;
    spare = sl;
}

int main(int argc, char **argv)
{
    grpc_arg args[2] = {{.type = GRPC_ARG_INTEGER, .key = (char *)"grpc.so_reuseport"},
                        {.type = GRPC_ARG_INTEGER, .key = (char *)"grpc.enable_channelz"}};
    grpc_channel_args all = {.num_args = 2, .args = args};
    grpc_server_credentials *credentials = NULL;
    char address[64];
    long port = 0;
    long calls = -1;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0) {
            port = strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--calls") == 0) {
            calls = strtol(argv[i + 1], NULL, 10);
        } else {
            fprintf(stderr, "usage: raw_server [--port N] [--calls N]\n");
            return 2;
        }
    }
    grpc_init();
    cq = grpc_completion_queue_create_for_next(NULL);
    server = grpc_server_create(&all, NULL);
    grpc_server_register_completion_queue(server, cq, NULL);
    method = grpc_server_register_method(server, "/bench.Calc/Sum", NULL,
                                         GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    credentials = grpc_insecure_server_credentials_create();
    snprintf(address, sizeof(address), "127.0.0.1:%ld", port);
    port = grpc_server_add_http2_port(server, address, credentials);
    grpc_server_credentials_release(credentials);
    if (port == 0) {
        fprintf(stderr, "raw_server: cannot listen on %s\n", address);
        return 1;
    }
    grpc_server_start(server);
    for (int i = 0; i < POSTED; i++) {
        post();
    }
    printf("listening %ld\n", port);
    fflush(stdout);
    while (calls != 0) {
        grpc_event event =
            grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        slot *sl = event.tag;

        if (event.type != GRPC_OP_COMPLETE) {
            continue;
        }
        if (sl->answered) {
            end(sl);
            calls -= calls > 0;
        } else if (event.success) {
            post();
            answer(sl);
        }
    }
    return 0; /* the core is left to the system: nothing here measures its shutdown */
}
