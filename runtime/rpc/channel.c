/* rpc/channel.c: a channel from new to free. How it calls is in call.c. */
#include <base/arena.h>
#include <csvc/alloc.h>
#include <rpc/chain.h>
#include <rpc/channel.h>
#include <rpc/ctx.h>
#include <rpc/resolve.h>
#include <rpc/seen.h>
#include <transport/seam.h>

#include <string.h>

#include <base/banned.h>

enum {
    DEFAULT_MESSAGE_BYTES = 4 << 20,
    DEFAULT_METADATA_BYTES = 16 << 10,
    DEFAULT_REQUEST_BYTES = 64 << 20,
    DEFAULT_KEEPALIVE_TIMEOUT_MS = 20 * 1000,
    RESOLVING_BYTES = 1 << 20,
};

static void release(csvc_channel *ch)
{
    for (size_t i = 0; i < ch->n_forward; i++) {
        csvc__free(ch->forward[i]);
    }
    csvc__free(ch->forward);
    csvc__free(ch->chain);
    csvc__free(ch->target);
    csvc__free(ch);
}

/* The trace goes on anyway, by rules of its own, and a key that is listed twice goes once: so a
 * call hands on no more entries than its parent has. */
static bool is_new(const csvc_channel *ch, const char *key)
{
    bool is_new = strcmp(key, "traceparent") != 0 && strcmp(key, "tracestate") != 0;

    for (size_t i = 0; i < ch->n_forward && is_new; i++) {
        is_new = strcmp(ch->forward[i], key) != 0;
    }
    return is_new;
}

static csvc_code copy_forward(csvc_channel *ch, const char *const *keys, csvc_error *err)
{
    static const csvc_bytes nothing;
    size_t n = 0;

    while (keys != NULL && keys[n] != NULL) {
        const char *refused = csvc__metadata_refuse(keys[n], nothing);

        if (refused != NULL || n == CSVC__CTX_MAX_METADATA) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "forward: \"%s\": %s", keys[n],
                                  refused != NULL ? refused : "more than 64 keys");
        }
        n++;
    }
    if (n == 0) {
        return CSVC_OK;
    }
    ch->forward = csvc__calloc(n, sizeof(char *));
    for (size_t i = 0; i < n && ch->forward != NULL; i++) {
        if (is_new(ch, keys[i])) {
            ch->forward[ch->n_forward] = csvc__strdup(keys[i]);
            if (ch->forward[ch->n_forward] == NULL) {
                return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
            }
            ch->n_forward++;
        }
    }
    return ch->forward != NULL ? CSVC_OK
                               : csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
}

/* The transport's channel, to the target or to what that stands for. NULL with err set. */
static csvc_tchannel *connect_to(const csvc_transport *transport, csvc_tchannel_config *config,
                                 csvc_error *err)
{
    csvc__endpoints endpoints;
    csvc_tchannel *tch = NULL;
    csvc_arena a;

    csvc__arena_init(&a, NULL, 0, RESOLVING_BYTES);
    if (csvc__resolve(&a, config->target, &endpoints, err) == CSVC_OK) {
        config->addresses = endpoints.addresses;
        config->n_addresses = endpoints.n_addresses;
        if (config->authority == NULL) {
            config->authority = endpoints.authority;
        }
        tch = transport->channel_new(config, err);
    }
    csvc__arena_release(&a);
    return tch;
}

csvc_channel *csvc_channel_new(const char *target, const csvc_channel_options *options,
                               csvc_error *err)
{
    csvc_channel_options o = {CSVC_CHANNEL_OPTIONS_INIT};
    csvc_tchannel_config config = {.target = target};
    csvc_ttls tls;
    csvc_channel *ch;

    if (options == NULL ||
        options->struct_size < offsetof(csvc_channel_options, max_message_bytes) ||
        options->transport == NULL) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                             "a channel needs a transport, such as &csvc_grpc_core");
        return NULL;
    }
    if (target == NULL || target[0] == '\0') {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                             "a channel needs a target, such as \"dns:///localhost:50051\"");
        return NULL;
    }
    if (options->transport->channel_new == NULL) {
        (void)csvc_error_set(err, CSVC_UNIMPLEMENTED,
                             "the transport %s serves and does not call; a channel needs another, "
                             "such as &csvc_grpc_core",
                             options->transport->name);
        return NULL;
    }
    memcpy(&o, options, options->struct_size < sizeof(o) ? options->struct_size : sizeof(o));
    config.authority = o.authority;
    config.round_robin = o.round_robin;
    config.max_message_bytes =
        o.max_message_bytes != 0 ? o.max_message_bytes : (uint32_t)DEFAULT_MESSAGE_BYTES;
    config.max_metadata_bytes =
        o.max_metadata_bytes != 0 ? o.max_metadata_bytes : (uint32_t)DEFAULT_METADATA_BYTES;
    config.keepalive_ms = o.keepalive_ms;
    config.keepalive_timeout_ms =
        o.keepalive_timeout_ms != 0 ? o.keepalive_timeout_ms : DEFAULT_KEEPALIVE_TIMEOUT_MS;
    tls = (csvc_ttls){
        .cert_file = o.tls_cert_file,
        .key_file = o.tls_key_file,
        .ca_file = o.tls_ca_file,
        .system_ca = true,
        .server_name = o.tls_server_name,
    };
    if (o.tls || tls.cert_file != NULL || tls.key_file != NULL || tls.ca_file != NULL ||
        tls.server_name != NULL) {
        config.tls = &tls;
    }
    ch = csvc__calloc(1, sizeof(*ch));
    if (ch == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    ch->transport = o.transport;
    ch->max_message_bytes = config.max_message_bytes;
    ch->compress_bytes = o.compress_bytes != 0 ? o.compress_bytes : UINT32_MAX;
    ch->max_request_bytes = o.max_request_bytes != 0 ? o.max_request_bytes : DEFAULT_REQUEST_BYTES;
    ch->target = csvc__strdup(target);
    if (ch->target == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    } else if ((o.retry == NULL || csvc__retry_read(o.retry, &ch->retry, err) == CSVC_OK) &&
               copy_forward(ch, o.forward, err) == CSVC_OK) {
        ch->tch = connect_to(ch->transport, &config, err);
    }
    if (ch->tch == NULL) {
        release(ch);
        return NULL;
    }
    (void)pthread_mutex_init(&ch->lock, NULL);
    (void)pthread_cond_init(&ch->quiet, NULL);
    return ch;
}

csvc_channel *csvc_channel_free(csvc_channel *ch)
{
    if (ch == NULL) {
        return NULL;
    }
    (void)pthread_mutex_lock(&ch->lock);
    ch->closing = true;
    for (csvc__under_way *call = ch->calls; call != NULL; call = call->next) {
        call->cancel(call);
    }
    while (ch->calls != NULL) {
        (void)pthread_cond_wait(&ch->quiet, &ch->lock);
    }
    (void)pthread_mutex_unlock(&ch->lock);
    csvc__seen_end_all(ch);
    ch->transport->channel_free(ch->tch);
    (void)pthread_cond_destroy(&ch->quiet);
    (void)pthread_mutex_destroy(&ch->lock);
    release(ch);
    return NULL;
}

csvc_code csvc_channel_intercept(csvc_channel *ch, const csvc_interceptor *interceptor, void *self)
{
    if (ch->chain == NULL) {
        ch->chain = csvc__calloc(1, sizeof(*ch->chain));
    }
    return ch->chain != NULL ? csvc__chain_add(ch->chain, interceptor, self)
                             : CSVC_RESOURCE_EXHAUSTED;
}
