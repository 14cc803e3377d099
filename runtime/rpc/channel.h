/* rpc/channel.h: the inside of a channel, shared by channel.c (its life) and the files of calls. */
#ifndef CSVC_RPC_CHANNEL_H
#define CSVC_RPC_CHANNEL_H

#include <csvc/client.h>
#include <transport/seam.h>

#include <pthread.h>

/* A call under way, in the list of its channel; the first member of what the calls' files keep. */
typedef struct csvc__under_way {
    struct csvc__under_way *next, *prev;
    void (*cancel)(struct csvc__under_way *call); /* asks for its end; with the channel's lock */
} csvc__under_way;

struct csvc_channel {
    const csvc_transport *transport;
    csvc_tchannel *tch;
    uint32_t max_request_bytes, max_message_bytes;
    uint32_t compress_bytes; /* UINT32_MAX: none */
    char **forward;          /* keys of the parent's metadata that go on */
    size_t n_forward;
    struct csvc__chain *chain; /* NULL: no interceptors */
    char *target;              /* for them: as it was asked for */
    csvc_tretry retry;         /* max_attempts 0: none was asked for */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t quiet; /* no call is under way any more, no end to come */
    csvc__under_way *calls;
    struct csvc__seen *seen; /* calls whose interceptors have not heard of their end */
    bool closing;
};

/* ---- retry.c ---- */

/* A policy with its defaults in their places. INVALID_ARGUMENT for one that cannot be meant. */
csvc_code csvc__retry_read(const csvc_retry *retry, csvc_tretry *ret_retry,
                           csvc_error *err) CSVC_MUST_CHECK;

/* What holds for calls of this rpc: in *memory, the channel's, or NULL: none. */
const csvc_tretry *csvc__retry_for(const csvc_channel *ch, const csvc_method *method,
                                   csvc_tretry *memory);

#endif /* CSVC_RPC_CHANNEL_H */
