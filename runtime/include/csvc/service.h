/*
 * csvc/service.h: what the plugin emits for a service, as constant tables.
 *
 * A csvc_service lists the rpcs of one service, their types and how to call the typed slot of its
 * ops table. Servers register it, clients call through it, the command-line client builds its
 * subcommands from it. Programs do not write these tables; they hand them on.
 */
#ifndef CSVC_SERVICE_H
#define CSVC_SERVICE_H

#include <csvc/ctx.h>
#include <csvc/message.h>

CSVC_BEGIN_DECLS

/* One direction of a streaming call, as its handler sees it. */
typedef struct csvc_stream csvc_stream;

typedef enum csvc_rpc_kind {
    CSVC_RPC_UNARY = 0,
    CSVC_RPC_SERVER_STREAM = 1,
    CSVC_RPC_CLIENT_STREAM = 2,
    CSVC_RPC_BIDI_STREAM = 3,
} csvc_rpc_kind;

enum {
    CSVC_METHOD_INLINE = 1, /* the handler runs on the poller and may not block */
    CSVC_METHOD_DEPRECATED = 2,
};

/*
 * When a call is tried again, by the side that calls: after an answer that is nothing but one of
 * these codes, never once the server has sent headers or messages, never behind the deadline, which
 * spans all attempts. The n-th wait is initial_backoff_ms * multiplier^(n-1), at most
 * max_backoff_ms, times a random number from 0.8 to 1.2, or what the server asks for
 * (csvc_retry_after). Zero means the default. With any policy, calls that no server has looked
 * at when their connection was closed (GOAWAY) are made again as well; CSVC_RETRY_UNSEEN as the
 * codes is for those alone, and thus for rpcs that may not run twice.
 */
typedef struct csvc_retry {
    size_t struct_size;
    uint32_t max_attempts;      /* with the first, 1 to 5; default 3; 1: never again */
    uint32_t codes;             /* CSVC_RETRY_ON(CSVC_UNAVAILABLE) | ...; default: that one */
    int64_t initial_backoff_ms; /* default 100 */
    int64_t max_backoff_ms;     /* default 1000 */
    double multiplier;          /* default 2 */
} csvc_retry;

#define CSVC_RETRY_INIT     .struct_size = sizeof(csvc_retry)
#define CSVC_RETRY_ON(code) (UINT32_C(1) << (code))
#define CSVC_RETRY_UNSEEN   (UINT32_C(1) << 31)

/*
 * Calls one slot of the ops table with its own types. `in` is the request or the csvc_stream to
 * receive from, `out` the reply or the csvc_stream to send to. A NULL slot answers UNIMPLEMENTED.
 */
typedef csvc_code csvc_invoke_fn(const void *ops, void *self, csvc_ctx *ctx, const void *in,
                                 void *out);

typedef struct csvc_method {
    const char *name; /* "GetUser" */
    const char *path; /* "/user.UserService/GetUser" */
    uint8_t kind;     /* a csvc_rpc_kind */
    uint8_t flags;    /* CSVC_METHOD_... */
    const csvc_message_type *request;
    const csvc_message_type *reply;
    csvc_invoke_fn *invoke;
    const csvc_retry *retry; /* for its callers; NULL: as the channel has it */
} csvc_method;

/* The serialized FileDescriptorProto of one .proto file and the files it imports. */
typedef struct csvc_file {
    const char *name; /* "user.proto" */
    csvc_bytes bytes;
    const struct csvc_file *const *imports; /* NULL-terminated */
} csvc_file;

typedef struct csvc_service {
    uint32_t struct_size;
    uint32_t ops_size;          /* of the ops struct these tables were made for */
    const char *name;           /* "user.UserService" */
    const csvc_file *file;      /* where it is defined */
    const csvc_method *methods; /* in the order of the .proto */
    uint32_t n_methods;
} csvc_service;

/* What an ops slot that is NULL does: UNIMPLEMENTED, with the method's name in the text. */
CSVC_API csvc_code csvc_unimplemented(csvc_ctx *ctx);

#ifdef __cplusplus
static inline csvc_retry csvc_retry_init(void)
{
    csvc_retry retry = csvc_retry();
    retry.struct_size = sizeof(retry);
    return retry;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_SERVICE_H */
