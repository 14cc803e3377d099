/* grpc_core/channel.h: channels, the loop that their calls share, and the calls. */
#ifndef CSVC_GRPC_CORE_CHANNEL_H
#define CSVC_GRPC_CORE_CHANNEL_H

#include <transport/grpc_core/core.h>
#include <transport/grpc_core/tls.h>

/* The core's channel, counted: with new certificates comes another, and the one before goes when
 * its last call has. */
typedef struct gc_core_channel {
    grpc_channel *channel;
    atomic_size_t refs;
} gc_core_channel;

enum {
    GC_MAX_POLICIES = 16 /* of retrying, on one channel */
};

/* A channel for the calls that have this policy: to the core it is part of a channel. */
typedef struct gc_retrying {
    csvc_tretry retry;
    gc_core_channel *core;
} gc_retrying;

struct csvc_tchannel {
    gc_core_channel *core;                 /* with TLS under the lock */
    gc_retrying retrying[GC_MAX_POLICIES]; /* under the lock */
    size_t n_retrying;
    gc_loop *loop;
    gc_tls *tls; /* NULL: plaintext */
    pthread_mutex_t lock;

    /* To make it again. */
    char *target, *authority, *server_name;
    uint32_t max_message_bytes;
    uint32_t max_metadata_bytes;
    int64_t keepalive_ms, keepalive_timeout_ms;
    bool round_robin;
};

/* ---- channel.c: the part of csvc_transport that calls ---- */

csvc_tchannel *csvc__gc_channel_new(const csvc_tchannel_config *config, csvc_error *err);
void csvc__gc_channel_free(csvc_tchannel *tch);
csvc_loop *csvc__gc_channel_loop(csvc_tchannel *tch);

/* The core's channel for a call that starts; to be given back when the call is released. */
gc_core_channel *csvc__gc_core_take(csvc_tchannel *tch);

/* The same for one with a policy. RESOURCE_EXHAUSTED when there are too many or memory is short. */
csvc_code csvc__gc_core_take_retrying(csvc_tchannel *tch, const csvc_tretry *retry,
                                      gc_core_channel **ret_core,
                                      const char **ret_text) CSVC_MUST_CHECK;
void csvc__gc_core_give(gc_core_channel *core); /* takes NULL */

/* ---- outgoing.c ---- */

csvc_tcall *csvc__gc_call_new(csvc_tchannel *tch, csvc_loop *loop, size_t upper_size);
void csvc__gc_call_start(csvc_tcall *tc, const csvc_start *start);

/* ---- target.c ---- */

/* Refuses a target that cannot be meant: the core would take it, and never connect. */
csvc_code csvc__gc_target_check(const char *target, csvc_error *err) CSVC_MUST_CHECK;

/* The target that stands for these addresses. NULL: no memory. */
char *csvc__gc_target_join(const char *const *addresses, size_t n_addresses) CSVC_MUST_CHECK;

/* Whether a target names this very machine, where no proxy stands between. */
bool csvc__gc_target_is_local(const char *target);

#endif /* CSVC_GRPC_CORE_CHANNEL_H */
