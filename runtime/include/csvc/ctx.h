/*
 * csvc/ctx.h: one unit of work.
 *
 * A csvc_ctx is an rpc being served, an event being consumed, a job or a test. It carries the arena
 * the work allocates from, its deadline, whether it was cancelled, the text of its error and, for
 * an rpc, metadata and peer (NULL elsewhere). Handlers, stores and clients all take it.
 *
 * Threads: csvc_cancelled, csvc_ctx_ref and csvc_ctx_unref are for any thread; everything else
 * belongs to the one thread that works on it at the time (for a handler: its own until it returns).
 *
 *     csvc_code user_service_get_user(struct service *svc, csvc_ctx *ctx,
 *                                     const User__GetUserRequest *req, User__GetUserResponse *rsp)
 *     {
 *         if (req->id < 1) {
 *             return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "id must be positive");
 *         }
 *         return user_store_get(svc->db, ctx, req->id, &rsp->user);
 *     }
 */
#ifndef CSVC_CTX_H
#define CSVC_CTX_H

#include <csvc/arena.h>
#include <csvc/code.h>

CSVC_BEGIN_DECLS

typedef struct csvc_ctx csvc_ctx;

/* ---- memory ---- */

/* From the ctx's arena: lives until the ctx is gone, is never freed by hand. NULL when memory is
 * short. */
CSVC_API void *csvc_alloc(csvc_ctx *ctx, size_t size) CSVC_MUST_CHECK;
CSVC_API void *csvc_calloc(csvc_ctx *ctx, size_t count, size_t size) CSVC_MUST_CHECK;
CSVC_API char *csvc_strdup(csvc_ctx *ctx, const char *text) CSVC_MUST_CHECK;
CSVC_API char *csvc_printf(csvc_ctx *ctx, const char *format, ...)
    CSVC_PRINTF(2, 3) CSVC_MUST_CHECK;
CSVC_API csvc_arena *csvc_ctx_arena(csvc_ctx *ctx);

/* ---- outcome ---- */

/*
 * Sets the text of `code` and returns the code, so a handler ends with `return csvc_fail(...)`. The
 * text goes to the caller only when the handler returns this very code; a failure that was dealt
 * with leaves nothing behind. Never allocates: cut at 495 bytes.
 */
CSVC_API csvc_code csvc_fail(csvc_ctx *ctx, csvc_code code, const char *format, ...)
    CSVC_PRINTF(3, 4);

/* The text of the last csvc_fail with this code; "" when the last one had another. */
CSVC_API const char *csvc_fail_text(const csvc_ctx *ctx, csvc_code code);

/* ---- time ---- */

/* Milliseconds until the deadline, 0 when it has passed, -1 when there is none. */
CSVC_API int64_t csvc_time_left_ms(const csvc_ctx *ctx);

/* True once the caller has gone, the deadline has passed or the server is stopping hard. Any
 * thread. */
CSVC_API bool csvc_cancelled(const csvc_ctx *ctx);

/*
 * True once the server that serves this rpc stops, and waits for it: a handler that would go on for
 * long ends soon, in its own way. It is cancelled when the grace has passed. False where csvc_ctx
 * is no rpc. Any thread.
 */
CSVC_API bool csvc_stopping(const csvc_ctx *ctx);

/* CANCELLED or DEADLINE_EXCEEDED once csvc_cancelled, with its text set; OK before. */
CSVC_API csvc_code csvc_check_cancelled(csvc_ctx *ctx) CSVC_MUST_CHECK;

typedef void csvc_cancel_fn(void *self);

/*
 * Calls `fn` once when the ctx is cancelled; at once, on this thread, when it is already. For an
 * rpc it runs on the call's loop, else on the thread of csvc_ctx_cancel, and may not block; that
 * the deadline of a ctx of csvc_ctx_new has passed is seen by who asks, nothing runs. Forgotten
 * when the ctx ends. INVALID_ARGUMENT without a function, RESOURCE_EXHAUSTED when memory is short.
 */
CSVC_API csvc_code csvc_on_cancel(csvc_ctx *ctx, csvc_cancel_fn *fn, void *self) CSVC_MUST_CHECK;

/* ---- what only an rpc has ---- */

/* The first value of a metadata key the caller sent, or NULL. Lower-case key. Lives as long as the
 * ctx. */
CSVC_API const char *csvc_metadata(csvc_ctx *ctx, const char *key);

/* The n-th value of a key, with its length (keys in "-bin" carry any bytes, already decoded). */
CSVC_API bool csvc_metadata_value(csvc_ctx *ctx, const char *key, size_t n, csvc_bytes *ret_value);

/*
 * Sends metadata with the reply: headers go before the first message, trailers with the status.
 * Both are copied. INVALID_ARGUMENT for a key outside [0-9a-z_.-], one that is the protocol's own
 * ("grpc-...", "content-type", "te"...), or a value that is not printable ASCII where the key does
 * not end in "-bin"; FAILED_PRECONDITION when it is too late or the ctx is no rpc;
 * RESOURCE_EXHAUSTED when memory is short or there are more than 64.
 */
CSVC_API csvc_code csvc_set_header(csvc_ctx *ctx, const char *key, const char *value);
CSVC_API csvc_code csvc_set_trailer(csvc_ctx *ctx, const char *key, const char *value);
CSVC_API csvc_code csvc_set_header_bytes(csvc_ctx *ctx, const char *key, csvc_bytes value);
CSVC_API csvc_code csvc_set_trailer_bytes(csvc_ctx *ctx, const char *key, csvc_bytes value);

/*
 * Tells a caller that has a retry policy when to try again, in place of its own backoff, when the
 * handler fails: in so many milliseconds; below zero: not at all (trailer grpc-retry-pushback-ms).
 * The last one counts. Codes as csvc_set_trailer.
 */
CSVC_API csvc_code csvc_retry_after(csvc_ctx *ctx, int64_t ms);

/* Whether a message goes out packed with gzip. */
typedef enum csvc_compression {
    CSVC_COMPRESS_BY_SIZE = 0, /* from compress_bytes of the server or the channel on */
    CSVC_COMPRESS_ON,
    CSVC_COMPRESS_OFF,
} csvc_compression;

/*
 * What the rpc sends from now on is packed, or is not, whatever its size; instead of the server's
 * compress_bytes. To pack some messages of a stream and not others, say so before the first, whose
 * headers announce gzip then; a caller that does not take it gets all as they are. Secrets in the
 * same message as text that a stranger chose should not be packed.
 */
CSVC_API void csvc_compress(csvc_ctx *ctx, bool on);

/* Whether the message received last, the request or what a recv gave, came packed. */
CSVC_API bool csvc_was_compressed(const csvc_ctx *ctx);

/* "ipv4:127.0.0.1:51724", NULL when the ctx is no rpc. Lives as long as the ctx. */
CSVC_API const char *csvc_peer(csvc_ctx *ctx);

/*
 * The names in the certificate that the caller has shown: its common name, and the n-th of its
 * alternative names (DNS names, addresses, URIs such as spiffe://...). NULL when there is no such
 * name, without TLS, and for servers that ask for no certificate (tls_client_ca_file). They are
 * verified: a caller whose certificate is not signed by one of those CAs gets no connection. NULL
 * too when memory is short. Live as long as the ctx.
 */
CSVC_API const char *csvc_peer_common_name(csvc_ctx *ctx);
CSVC_API const char *csvc_peer_alt_name(csvc_ctx *ctx, size_t n);

/* "/user.UserService/GetUser", NULL when the ctx is no rpc. */
CSVC_API const char *csvc_method_path(const csvc_ctx *ctx);

/* ---- work that is no rpc ---- */

typedef struct csvc_ctx_options {
    size_t struct_size;
    int64_t timeout_ms; /* 0: no deadline */
    size_t max_memory;  /* of the arena; 0: 64 MiB */
} csvc_ctx_options;

#define CSVC_CTX_OPTIONS_INIT .struct_size = sizeof(csvc_ctx_options)

/* A ctx for a job or a test, with one reference. Options may be NULL. NULL when memory is short. */
CSVC_API csvc_ctx *csvc_ctx_new(const csvc_ctx_options *options) CSVC_MUST_CHECK;

/* Marks it cancelled and runs what csvc_on_cancel left. For a ctx of csvc_ctx_new. Any thread. */
CSVC_API void csvc_ctx_cancel(csvc_ctx *ctx);

/* One more, one less. The last one frees all. Unref takes NULL and returns NULL. Any thread. */
CSVC_API csvc_ctx *csvc_ctx_ref(csvc_ctx *ctx);
CSVC_API csvc_ctx *csvc_ctx_unref(csvc_ctx *ctx);

#ifdef __cplusplus
static inline csvc_ctx_options csvc_ctx_options_init(void)
{
    csvc_ctx_options options = csvc_ctx_options();
    options.struct_size = sizeof(options);
    return options;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_CTX_H */
