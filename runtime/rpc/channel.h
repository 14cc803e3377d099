/* rpc/channel.h: the inside of a channel, shared by channel.c (its life) and call.c (calls). */
#ifndef CSVC_RPC_CHANNEL_H
#define CSVC_RPC_CHANNEL_H

#include <csvc/client.h>
#include <transport/seam.h>

#include <pthread.h>

/* A call under way, in the list of its channel; the first member of what call.c keeps. */
typedef struct csvc__under_way {
    struct csvc__under_way *next, *prev;
} csvc__under_way;

struct csvc_channel {
    const csvc_transport *transport;
    csvc_tchannel *tch;
    uint32_t max_request_bytes, max_message_bytes;
    uint32_t compress_bytes; /* UINT32_MAX: none */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t quiet; /* no call is under way any more */
    csvc__under_way *calls;
    bool closing;
};

/* ---- call.c ---- */

/* Asks for the end of a call; with the channel's lock. */
void csvc__call_cancel(csvc__under_way *call);

#endif /* CSVC_RPC_CHANNEL_H */
