/*
 * csvc/client.h: calling rpcs.
 *
 * A channel stands for a service somewhere else; make one a target and share it among threads. A
 * csvc_rpc holds the options of a call and, afterwards, its outcome; generated functions take both:
 *
 *     csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 200};
 *     const User__GetUserResponse *rsp;
 *
 *     if (user_service_client_get_user(ch, &rpc, &req, &rsp) != CSVC_OK) {
 *         fprintf(stderr, "get-user: %s: %s\n", csvc_code_name(rpc.code), rpc.message);
 *     }
 *     csvc_rpc_clear(&rpc);
 *
 * The options stay from call to call; the result lives until the next call with the same csvc_rpc.
 */
#ifndef CSVC_CLIENT_H
#define CSVC_CLIENT_H

#include <csvc/ctx.h>
#include <csvc/interceptor.h>
#include <csvc/service.h>
#include <csvc/stream.h>
#include <csvc/transport.h>

CSVC_BEGIN_DECLS

typedef struct csvc_channel csvc_channel;
typedef struct csvc_rpc_result csvc_rpc_result;

/* Zero means the default. */
typedef struct csvc_channel_options {
    size_t struct_size;
    const csvc_transport *transport;
    uint32_t max_message_bytes; /* of a reply; default 4 MiB */
    const char *authority;      /* what to call the server; default: from the target */
    uint32_t max_request_bytes; /* of an encoded request; default 64 MiB */
    uint32_t compress_bytes;    /* requests of so many bytes are packed with gzip; servers that do
                                   not take it answer UNIMPLEMENTED; default: none is */

    /* TLS: PEM files, read by csvc_channel_new and, when they have changed, again. tls.md. */
    bool tls;                  /* naming a file turns it on, too */
    const char *tls_ca_file;   /* who may have signed the server's certificate; default: the CAs
                                  of the system (SSL_CERT_FILE, or where distributions have them) */
    const char *tls_cert_file; /* ours, for servers that ask for one */
    const char *tls_key_file;  /* goes with it */
    const char
        *tls_server_name; /* what the server's certificate is for; default: from the target */

    int64_t keepalive_ms; /* silence during a call after which the server is asked for a sign
                             of life; servers forbid less than 5 min by default; 0: never */
    int64_t keepalive_timeout_ms; /* without an answer calls end with UNAVAILABLE; default 20 s */

    bool round_robin; /* a name's addresses are called in turn, those that do not answer left out;
                         by default the first that answers is called. static: always does so */

    const csvc_retry *retry; /* for rpcs whose .proto says nothing of it; copied. One of one attempt
                                is for all rpcs: none is tried again. Default: none is that has
                                left. CSVC_RETRY_UNSEEN is safe for all rpcs; deviations.md,
                                core-transparent */

    const char *const *forward;  /* keys of metadata that calls with a parent hand on from the rpc
                                    that the parent serves, NULL-terminated, at most 64; default:
                                    none but the trace's, traceparent and tracestate */
    uint32_t max_metadata_bytes; /* of a server's answer; default 16 KiB */
} csvc_channel_options;

#define CSVC_CHANNEL_OPTIONS_INIT .struct_size = sizeof(csvc_channel_options)

/*
 * A channel to "HOST:PORT", "dns:///HOST:PORT", "ipv4:1.2.3.4:5" or "unix:PATH", or, called in turn
 * as long as they answer, to the servers of "static:HOST:PORT,HOST:PORT", at most 64 addresses.
 * Does not connect yet and does not block, except that names of a static: list are looked up, here
 * and once. NULL with err set when the target or the options are wrong, when no name of a list has
 * an address (UNAVAILABLE), or memory is short.
 */
CSVC_API csvc_channel *csvc_channel_new(const char *target, const csvc_channel_options *options,
                                        csvc_error *err) CSVC_MUST_CHECK;

/*
 * Adds an interceptor (csvc/interceptor.h), copied, for all calls on the channel; before its first
 * call. `self` lives until the channel is freed. Begins run on the thread that calls, in the order
 * of their phases, and may add headers to the call (csvc_set_header); anything but OK is what the
 * caller gets, without a call. The ctx is the outgoing call's own: csvc_metadata has nothing,
 * csvc_peer is the target. `sent` and `received` hear of each message, where it is queued and where
 * it is decoded; ends run once for each begin, when the call's outcome is known: on the thread that
 * waits for it, else on the call's loop before the caller's own event, and if nobody finishes a
 * call that has a stream, when the last reference to it goes, or its channel. `serves` is not
 * called. INVALID_ARGUMENT, RESOURCE_EXHAUSTED as csvc_server_intercept.
 */
CSVC_API csvc_code csvc_channel_intercept(csvc_channel *ch, const csvc_interceptor *interceptor,
                                          void *self);

/* Ends the channel; calls still under way on other threads end with CANCELLED first, no new one may
 * begin. Takes NULL; returns NULL. Blocks for that, so it is not for events and inline handlers,
 * whose loop it would wait for. */
CSVC_API csvc_channel *csvc_channel_free(csvc_channel *ch);

/* One key and value of metadata; a value of a "-bin" key is raw bytes. */
typedef struct csvc_metadata_pair {
    const char *key;
    csvc_bytes value;
} csvc_metadata_pair;

/* A call: what is asked for, and how it went. One thread at a time; not shared by calls at the same
 * time. Memory of an earlier result is used again by the next call. */
typedef struct csvc_rpc {
    size_t struct_size;

    /* Asked for. */
    int64_t timeout_ms;  /* 0: none, except the parent's */
    csvc_ctx *parent;    /* its deadline and its cancellation hold for this call, too; its trace
                            and the metadata that the channel lists (forward) go with it; and the
                            text of a failure is set there, so a handler may return the code */
    bool wait_for_ready; /* wait for a connection instead of failing with UNAVAILABLE */
    const csvc_metadata_pair *metadata; /* to send, at most 64; borrowed */
    size_t n_metadata;
    csvc_compression compress; /* the request, or what csvc_call_send sends until csvc_call_compress
                                  says otherwise; default: by the channel's compress_bytes */

    /* How it went; written by the call. */
    csvc_code code;
    const char *message;     /* the server's text, or why the call did not get there, "" when all is
                                well; never NULL after a call */
    csvc_rpc_result *result; /* the reply's memory and the metadata received; opaque */
} csvc_rpc;

#define CSVC_RPC_INIT .struct_size = sizeof(csvc_rpc)

/* Frees the last result. The options stay. Takes NULL. */
CSVC_API void csvc_rpc_clear(csvc_rpc *rpc);

/* Metadata the server sent: the n-th value of a key among the headers or the trailers. */
CSVC_API bool csvc_rpc_header(const csvc_rpc *rpc, const char *key, size_t n,
                              csvc_bytes *ret_value);
CSVC_API bool csvc_rpc_trailer(const csvc_rpc *rpc, const char *key, size_t n,
                               csvc_bytes *ret_value);

/* Whether the reply came packed; of a stream: the last message. */
CSVC_API bool csvc_rpc_was_compressed(const csvc_rpc *rpc);

/*
 * Calls a unary rpc and waits. What generated PREFIX_client_RPC functions call, with their own
 * types. Blocks until the reply, the deadline or the parent's cancellation. Returns rpc->code.
 * *ret_reply lives until the next call with this rpc or csvc_rpc_clear.
 *
 * Besides what the server says: FAILED_PRECONDITION from an inline handler or a loop's thread,
 * which may not block; INVALID_ARGUMENT for metadata that may not be sent; INTERNAL when the
 * request cannot be encoded or the reply not be decoded, and when the channel, the method, the
 * request or the place for the reply is NULL: that is this program's mistake, not its caller's;
 * UNIMPLEMENTED when the server says OK without a reply; UNAVAILABLE when there is no connection;
 * RESOURCE_EXHAUSTED when memory is short or the reply larger than the channel allows.
 */
CSVC_API csvc_code csvc_call_unary(csvc_channel *ch, const csvc_method *method, csvc_rpc *rpc,
                                   const void *request, const void **ret_reply) CSVC_MUST_CHECK;

/* ---- calls that last ---- */

/*
 * A call that was started and has not ended: one with a stream, or one whose caller does not wait.
 * Counted; csvc_call_finish and csvc_call_unref give it back. All functions take NULL, as a call
 * that could not be started, so a program may look at the outcome just once, at the end. Except
 * csvc_call_cancel, ref and unref, which any thread may call, sending is one thread's and receiving
 * is one thread's, which may be two.
 *
 *     csvc_call *call = user_service_client_stream_users(ch, &rpc, &req);
 *
 *     while (user_service_client_stream_users_recv(call, &user)) {
 *         ...
 *     }
 *     code = user_service_client_stream_users_finish(call, &rpc);
 */
typedef struct csvc_call csvc_call;

/*
 * Starts an rpc with a stream; `request` is the one message of a server-streaming rpc, NULL for the
 * others. Does not wait. `rpc` is only read; its parent is asked for, as in csvc_call_unary. NULL
 * when the call could not be started; rpc->code and rpc->message say why, INTERNAL as above.
 *
 * With events the call is asynchronous: they come as those of a detached call (csvc/stream.h), on
 * the call's loop; csvc_call_send does not wait then, csvc_call_recv gives nothing, and on_done may
 * read csvc_call_outcome. Without them the caller's threads wait in send, recv and finish.
 */
CSVC_API csvc_call *csvc_call_start(csvc_channel *ch, const csvc_method *method, csvc_rpc *rpc,
                                    const void *request, const csvc_events *events) CSVC_MUST_CHECK;

/* Sends a message; waits for room. The code of the call once it has ended (CANCELLED when that is
 * OK: the server wants no more); INTERNAL, RESOURCE_EXHAUSTED and FAILED_PRECONDITION as
 * csvc_stream_send. */
CSVC_API csvc_code csvc_call_send(csvc_call *call, const void *message) CSVC_MUST_CHECK;

/* What is sent from now on is packed, or is not. Only for calls that began with a compress_bytes of
 * the channel or the rpc's compress: their headers have announced it. For who sends. */
CSVC_API void csvc_call_compress(csvc_call *call, bool on);

/* Whether the message that recv gave last came packed. For who receives. */
CSVC_API bool csvc_call_was_compressed(const csvc_call *call);

/* Half-close: nothing more is sent. */
CSVC_API void csvc_call_close_send(csvc_call *call);

/* The next message, which lives until the next recv or finish. False when there are no more:
 * csvc_call_finish says why. */
CSVC_API bool csvc_call_recv(csvc_call *call, const void **ret_message);

/* One more on_message of an asynchronous call. Any thread. A call that has failed tells of its
 * end at once; messages that were not asked for until then are not told. */
CSVC_API void csvc_call_more(csvc_call *call);

/* Ends the call from this side: its code is CANCELLED, unless it has ended already. A half-close
 * asked for behind it, as csvc_call_finish does, is none: the server sees a call cut short. Any
 * thread. */
CSVC_API void csvc_call_cancel(csvc_call *call);

/*
 * Half-closes when that was not done, waits for the end, drops messages that nobody has received,
 * writes the outcome to `rpc` and gives the call back. A call that could not be started, NULL,
 * leaves its outcome as it is. With ret_reply, for rpcs with one reply: the reply, living as after
 * csvc_call_unary. A program that wants no more of an endless stream cancels first.
 */
CSVC_API csvc_code csvc_call_finish(csvc_call *call, csvc_rpc *rpc, const void **ret_reply);

/*
 * Calls a unary rpc without waiting: `done` runs on the call's loop, exactly once, with the outcome
 * and, for OK, the reply, both living until it returns. Returns a call to cancel or to give back
 * with csvc_call_unref, also while it is under way; NULL when it could not be started: rpc->code
 * and rpc->message say why, and `done` does not run. `relay` is generated code that calls `done`
 * with its own types.
 */
typedef void csvc_done_fn(void);
typedef void csvc_relay_fn(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply);
CSVC_API csvc_call *csvc_call_async(csvc_channel *ch, const csvc_method *method, csvc_rpc *rpc,
                                    const void *request, csvc_relay_fn *relay, csvc_done_fn *done,
                                    void *self) CSVC_MUST_CHECK;

/* How an asynchronous call went, from its on_done on, as long as the call. */
CSVC_API const csvc_rpc *csvc_call_outcome(const csvc_call *call);

/* One more, one less. A call goes on when nobody holds it. Unref takes NULL and returns NULL. */
CSVC_API csvc_call *csvc_call_ref(csvc_call *call);
CSVC_API csvc_call *csvc_call_unref(csvc_call *call);

#ifdef __cplusplus
static inline csvc_channel_options csvc_channel_options_init(void)
{
    csvc_channel_options options = csvc_channel_options();
    options.struct_size = sizeof(options);
    return options;
}
static inline csvc_rpc csvc_rpc_init(void)
{
    csvc_rpc rpc = csvc_rpc();
    rpc.struct_size = sizeof(rpc);
    return rpc;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_CLIENT_H */
