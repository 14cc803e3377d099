/*
 * csvc/server.h: serving rpcs.
 *
 * A server owns its loops (one thread a CPU it may use) and its pool of workers. Handlers run on
 * the pool; rpcs with the option `inline` run on the loop. Several servers may live in one process.
 * Most programs use csvc/app.h, which drives one of these from flags and signals.
 *
 *     csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &csvc_grpc_core};
 *     csvc_server *srv = csvc_server_new(&options, &err);
 *
 *     if (srv == NULL || user_service_ops_register(srv, &ops, &state) != CSVC_OK ||
 *         csvc_server_listen(srv, "127.0.0.1:0", &port, &err) != CSVC_OK ||
 *         csvc_server_start(srv, &err) != CSVC_OK) { ... }
 *     csvc_server_shutdown(srv, 30000);
 *     csvc_server_free(srv);
 *
 * Order: new, then register and intercept in any order, listen (several times for several
 * addresses), start, shutdown, free. All from one thread, except csvc_server_shutdown, which any
 * thread may call.
 */
#ifndef CSVC_SERVER_H
#define CSVC_SERVER_H

#include <csvc/interceptor.h>
#include <csvc/metrics.h>
#include <csvc/service.h>
#include <csvc/transport.h>

CSVC_BEGIN_DECLS

typedef struct csvc_server csvc_server;

/* Zero means the default. limits.md has a line for each. */
typedef struct csvc_server_options {
    size_t struct_size;
    const csvc_transport *transport;
    uint32_t loops;       /* poller threads; default: CPUs this process may run on */
    uint32_t max_workers; /* threads of the pool, of 256 KiB stack each; default 128 */
    uint32_t max_queued;  /* calls waiting for a worker; default 4096, then RESOURCE_EXHAUSTED */
    uint32_t max_message_bytes;  /* of a request; default 4 MiB, then RESOURCE_EXHAUSTED */
    uint32_t max_metadata_bytes; /* of a call's metadata; default 16 KiB */
    uint32_t max_streams;        /* concurrent calls a connection; default 1000 */
    size_t max_buffered_bytes;   /* received and not yet handled, over all calls; default 512 MiB,
                                    then calls that make it more are ended */
    size_t max_call_memory;      /* of a call's arena; default 64 MiB */
    int64_t slow_call_ms;        /* a unary call that takes longer is a slow one, for the log; and
                                    when calls wait for longer while all workers are busy, the log
                                    says so; default 1000; below 0: neither */
    uint32_t max_reply_bytes;    /* of an encoded reply; default 64 MiB, then RESOURCE_EXHAUSTED */
    uint32_t compress_bytes;     /* replies of so many bytes are packed with gzip, for callers that
                                    take it; default: none is */

    /* TLS: PEM files, read when listening and again when they have changed. A certificate that is
     * expired or does not fit its key is refused by csvc_server_listen, later changes of that kind
     * leave the old ones in use. NULL: plaintext. tls.md. */
    const char *tls_cert_file; /* followed by the CAs between it and the root */
    const char *tls_key_file;
    const char *tls_client_ca_file; /* callers must show a certificate that one of these has signed;
                                       its names are csvc_peer_common_name's */

    /* Connections, in milliseconds. */
    int64_t handshake_timeout_ms; /* until TLS and HTTP/2 have begun; default 10 s */
    int64_t
        keepalive_ms; /* silence after which the peer is asked for a sign of life; default 2 h */
    int64_t keepalive_timeout_ms; /* without an answer it is closed; default 20 s */
    int64_t min_ping_ms;          /* a peer that asks for signs of life more often is sent away
                                     (too_many_pings); default 5 min */
    int64_t max_idle_ms;          /* without a call it is closed; 0: never */
    int64_t max_age_ms;           /* older, it takes no new calls; 0: never */
    int64_t max_age_grace_ms;     /* and those under way have so long; default 30 s */
    uint32_t max_send_queue;      /* messages of a stream that wait to be sent; default 256 */
    size_t max_send_queue_bytes;  /* and their bytes, of more than one; default 256 KiB. A handler
                                     waits then, a detached call gets RESOURCE_EXHAUSTED */
    uint32_t max_connections;     /* at a time (on the C core without TLS); default 16,384, then new
                                     ones are closed at once */
    csvc_metrics *metrics;        /* where connections are counted (metrics.md); outlives the
                                     server; NULL: nowhere */
} csvc_server_options;

#define CSVC_SERVER_OPTIONS_INIT .struct_size = sizeof(csvc_server_options)

/* A server that serves nothing yet. NULL with err set: INVALID_ARGUMENT, RESOURCE_EXHAUSTED. */
CSVC_API csvc_server *csvc_server_new(const csvc_server_options *options,
                                      csvc_error *err) CSVC_MUST_CHECK;

/*
 * Adds a service; generated code calls it as PREFIX_ops_register. `ops` begins with its struct_size
 * and is copied; `self` is handed to every handler and must outlive the server. ALREADY_EXISTS when
 * one of its paths is taken, FAILED_PRECONDITION once it listens, INVALID_ARGUMENT for a
 * struct_size of 0 or tables of another release, RESOURCE_EXHAUSTED when memory is short. A failed
 * registration changes nothing.
 */
CSVC_API csvc_code csvc_server_register(csvc_server *srv, const csvc_service *service,
                                        const void *ops, void *self) CSVC_MUST_CHECK;

/* Adds an interceptor; it is copied, `self` must outlive the server. FAILED_PRECONDITION once it
 * listens, INVALID_ARGUMENT for a phase that is none, RESOURCE_EXHAUSTED for more than 64. */
CSVC_API csvc_code csvc_server_intercept(csvc_server *srv, const csvc_interceptor *interceptor,
                                         void *self) CSVC_MUST_CHECK;

/*
 * Listens on one address more:
 *
 *     HOST:PORT            port 0: any free one, the same for all that a name stands for
 *     unix:PATH            the file goes when the server stops; one that nobody listens on any more
 *                          is replaced
 *     unix-abstract:NAME   Linux's names without files
 *     systemd:             every socket that was passed to this process (LISTEN_FDS)
 *     systemd:NAME         those called so (FileDescriptorName= of the unit)
 *
 * An address in use is ALREADY_EXISTS, a bad one INVALID_ARGUMENT, one we may not have
 * PERMISSION_DENIED, sockets that were not passed FAILED_PRECONDITION; the text says what to do.
 * Two servers never share a port in silence. `ret_port` is 1 where there is no port, and may be
 * NULL. listening.md.
 */
CSVC_API csvc_code csvc_server_listen(csvc_server *srv, const char *address, int *ret_port,
                                      csvc_error *err) CSVC_MUST_CHECK;

/* Starts the loops; calls are served when it returns. FAILED_PRECONDITION when it does not listen.
 */
CSVC_API csvc_code csvc_server_start(csvc_server *srv, csvc_error *err) CSVC_MUST_CHECK;

/*
 * Stops taking calls (GOAWAY), tells detached calls (on_stop in csvc/stream.h) and ends those that
 * are streams, waits until those in flight have ended, at most `grace_ms`, then
 * cancels the rest: csvc_cancelled is true for their handlers, their callers get UNAVAILABLE.
 * Blocks. OK when all ended by themselves, DEADLINE_EXCEEDED when some had to be cancelled; it
 * waits a second more for those, no longer: a handler may still be running when it returns. A
 * second call, from any thread, with a shorter grace cuts the first one short and returns the same.
 */
CSVC_API csvc_code csvc_server_shutdown(csvc_server *srv, int64_t grace_ms);

/* Frees all; shuts down first (grace 0) when that was not done. Blocks until every handler has
 * returned and every ctx that was kept has been given back, however long that takes: nothing can
 * end a thread that will not end. Takes NULL; returns NULL. */
CSVC_API csvc_server *csvc_server_free(csvc_server *srv);

#ifdef __cplusplus
static inline csvc_server_options csvc_server_options_init(void)
{
    csvc_server_options options = csvc_server_options();
    options.struct_size = sizeof(options);
    return options;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_SERVER_H */
