/*
 * transport/seam.h: the line between the transports and all that stands above them. Not installed.
 *
 * Words. A *loop* is one thread with one queue. A call lives on one loop: everything it reports
 * comes serially on that thread (upward), and everything asked of it is asked from there
 * (downward). Other threads post a task to the loop. The exceptions are marked "any thread".
 *
 * Memory. A transport allocates a served call with `upper_size` bytes behind it for rpc/ (the ctx,
 * its first arena chunk), and reuses the two together, so a call costs no allocation in the steady
 * state. rpc/ says `release` when nobody looks any more. Payloads that a call has reported are
 * given up before its release.
 *
 * Served unary call, inline:  started(first message) -> reserve, finish -> closed -> release
 * Served unary call, pool:    started(first message) -> watch | a worker runs, posts | finish ->
 *                             closed -> release; cancelled may come between watch and closed
 * Served stream:              started -> watch, read -> message... -> message(NULL) |
 *                             send_headers, send -> writable... | finish -> closed -> release
 * Outgoing unary call:        start -> headers, message, status -> release
 * Outgoing stream:            start -> headers | read -> message... -> message(NULL) |
 *                             send -> writable..., close_send | status -> release
 *
 * Every served call gets exactly one `closed`, which follows its `finish`: a call that was
 * cancelled is finished like any other, whatever code. Every started outgoing call gets exactly one
 * `status`, when all messages have been read or something went wrong. Nothing comes after these
 * two. Events may come from within a downward call only where it is said.
 *
 * Sending: one message at a time. Each `send` is answered by one `writable`, also when it came to
 * nothing because the call is over (that is told by cancelled, closed or status), unless finish or
 * close_send was asked meanwhile. Reading: one `read` at a time, answered by one `message`; NULL is
 * the last one. To a served call it says that the caller has sent all it had (half-close), and
 * never that something went wrong: then `message` does not come, `cancelled` does, so who reads a
 * served call has asked for `watch`. To an outgoing call it says that there is no more; why says
 * the status.
 */
#ifndef CSVC_TRANSPORT_SEAM_H
#define CSVC_TRANSPORT_SEAM_H

#include <csvc/arena.h>
#include <csvc/code.h>
#include <csvc/transport.h>
#include <stdatomic.h>
#include <string.h>

/* ---- messages ---- */

/*
 * Bytes of one message without the five-byte prefix, counted. `refs` starts at 1; whoever takes one
 * to zero calls `dispose`. The pieces do not change while anybody holds it. Any thread. No piece is
 * empty; a message of no bytes has no pieces.
 */
typedef struct csvc_payload {
    atomic_uint refs;
    void (*dispose)(struct csvc_payload *payload);
    size_t len; /* of all pieces */
    size_t n_pieces;
    const csvc_bytes *pieces;
    bool compressed;           /* the prefix's flag: `pieces` are still packed */
    struct csvc_payload *next; /* for who has taken over a received one */
} csvc_payload;

CSVC_API void csvc__payload_ref(csvc_payload *payload);
CSVC_API void csvc__payload_unref(csvc_payload *payload); /* takes NULL */

/* A payload of one piece with `len` bytes to be written before anybody else gets it. NULL: no
 * memory. */
CSVC_API csvc_payload *csvc__payload_new(size_t len, uint8_t **ret_data) CSVC_MUST_CHECK;

/* Fewer bytes of one that csvc__payload_new made and nobody else has seen yet. */
CSVC_API void csvc__payload_cut(csvc_payload *payload, size_t len);

/* Puts a message's plain bytes in the place of packed ones (gzip), `max` of them at most; a plain
 * one stays as it is. Any thread; blocks for as long as that takes. RESOURCE_EXHAUSTED when it
 * becomes longer or memory is short, INTERNAL when it is no gzip; then the payload is untouched. */
CSVC_API csvc_code csvc__payload_unpack(csvc_payload **payload, size_t max,
                                        csvc_error *err) CSVC_MUST_CHECK;

/* A message packed with gzip, for a transport that sends it. Any thread; blocks for as long as that
 * takes. NULL: no memory, or it would not become shorter. */
CSVC_API csvc_payload *csvc__payload_pack(const csvc_bytes *pieces,
                                          size_t n_pieces) CSVC_MUST_CHECK;

/* A message to send: in the memory `reserve` gave, from its start, all of it or less (payload
 * NULL), or a counted one (the transport takes its own ref). */
typedef struct csvc_outgoing {
    csvc_bytes reserved;
    csvc_payload *payload;
    bool compress; /* packed with gzip, if the peer takes that and the headers said so */
    bool announce; /* the headers, where they go with this message, say that those behind it may be
                      packed; so they do with `compress` */
} csvc_outgoing;

/* ---- metadata ---- */

/* One entry; the bytes belong to whoever made the list and last as long as the call. "-bin" values
 * are raw. */
typedef struct csvc_md {
    csvc_bytes key;
    csvc_bytes value;
} csvc_md;

/* Whether the values of a key are any bytes, which go over the wire as base64. */
static inline bool csvc__md_is_binary(const char *key, size_t len)
{
    return len > 4 && memcmp(key + len - 4, "-bin", 4) == 0;
}

typedef struct csvc_md_list {
    const csvc_md *entries;
    size_t n_entries;
} csvc_md_list;

/* ---- loops ---- */

typedef struct csvc_loop csvc_loop;

/* Work for a loop's thread; lives inside what it is about, is in at most one queue. */
typedef struct csvc_task {
    struct csvc_task *next;
    void (*run)(struct csvc_task *task);
} csvc_task;

/* A timer of one loop, in a heap; set and stopped on its thread only. */
typedef struct csvc_timer {
    int64_t due; /* csvc__now() time */
    size_t slot; /* place in the heap, 0 when not set */
    void (*run)(struct csvc_timer *timer);
} csvc_timer;

/* Work that waits until a loop has nothing else at hand: waking a thread once for a burst of
 * messages. In a list; set and stopped on the loop's thread only. */
typedef struct csvc_late {
    struct csvc_late *next, **at; /* at NULL: not set */
    void (*run)(struct csvc_late *late);
} csvc_late;

/* The part of a loop that is the same for every transport; transports embed it first. */
struct csvc_loop {
    const csvc_transport *transport;
    _Atomic(csvc_task *) posted; /* newest first */
    atomic_uint posters;         /* threads in csvc__loop_post now */
    csvc_timer **timers;         /* 1-based heap */
    size_t n_timers, max_timers;
    csvc_late *late;
    bool runs_late; /* set by transports that call csvc__loop_run_late */
    void *upper;    /* what rpc/ keeps for this loop; its thread's; NULL at first */
};

/* Any thread, its own too. Wakes the loop only when its queue was empty. A server's loop may be
 * posted to while one of its calls is not released, and before server_join; a channel's until
 * channel_free. */
CSVC_API void csvc__loop_post(csvc_loop *loop, csvc_task *task);

/* The same in two halves, for who posts much: when the first says true a wake is owed, and so is
 * the second, soon; until then the loop will not end. Not for the loop's own thread. */
CSVC_API bool csvc__loop_post_begin(csvc_loop *loop, csvc_task *task) CSVC_MUST_CHECK;
CSVC_API void csvc__loop_post_end(csvc_loop *loop);

/* The loop whose thread this is; NULL on any other thread. Who blocks here stops it. */
CSVC_API csvc_loop *csvc__loop_current(void);

/* For transports: prepare and release the common part; run all that is posted, in order; run due
 * timers. */
CSVC_API void csvc__loop_init(csvc_loop *loop, const csvc_transport *transport);
CSVC_API void csvc__loop_release(csvc_loop *loop);
CSVC_API void csvc__loop_enter(csvc_loop *loop);  /* its thread starts */
CSVC_API void csvc__loop_settle(csvc_loop *loop); /* waits until no thread is posting */
CSVC_API void csvc__loop_run_posted(csvc_loop *loop);
CSVC_API void csvc__loop_run_timers(csvc_loop *loop);
CSVC_API int64_t csvc__loop_next_due(const csvc_loop *loop); /* INT64_MAX when there is none */

/* Before the loop waits, or after a few events at most; at once where the transport does not run
 * late work. One that is set stays where it is. */
CSVC_API void csvc__late_set(csvc_loop *loop, csvc_late *late);
CSVC_API void csvc__late_stop(csvc_late *late);
CSVC_API void csvc__loop_run_late(csvc_loop *loop); /* for transports */

CSVC_API csvc_code csvc__timer_set(csvc_loop *loop, csvc_timer *timer, int64_t due) CSVC_MUST_CHECK;
CSVC_API void csvc__timer_stop(csvc_loop *loop, csvc_timer *timer);

/* ---- TLS ---- */

/* Files in PEM, read again when they have changed. NULL: none. */
typedef struct csvc_ttls {
    const char *cert_file; /* ours, followed by the CAs between it and the root; a server's */
    const char *key_file;  /* goes with it */
    const char *ca_file;   /* who may have signed the peer's; a server with it asks every caller for
                              a certificate */
    bool system_ca;        /* where there is no ca_file, those of the system */
    const char *server_name; /* a channel's: what the server's certificate is for, when it is not
                                the target */
} csvc_ttls;

/* The names in a certificate that was verified; none without TLS, and where none was asked for. */
typedef struct csvc_identity {
    const char *common_name;      /* NULL: there is none */
    const char *const *alt_names; /* DNS names, addresses, URIs */
    size_t n_alt_names;
} csvc_identity;

/* ---- calls ---- */

typedef struct csvc_tcall csvc_tcall;

/* The status of a call with all that may go with it in one write. */
typedef struct csvc_ending {
    csvc_md_list headers;         /* when they were not sent before */
    const csvc_outgoing *message; /* the last one; NULL: none */
    csvc_code code;
    csvc_bytes text; /* UTF-8, any characters; the transport escapes */
    csvc_md_list trailers;
} csvc_ending;

typedef struct csvc_tcall_ops {
    /* ---- both sides ---- */

    /* Memory for a message of at most `len` bytes, to be filled and handed back by the next send or
     * finish. Any one thread. NULL: no memory. A second one replaces the first. */
    void *(*reserve)(csvc_tcall *tc, size_t len);
    /* Asks for one more `message`. */
    void (*read)(csvc_tcall *tc);
    /* Sends one message; `writable` says when the next may come. `more` hints that another follows
     * soon. */
    void (*send)(csvc_tcall *tc, const csvc_outgoing *message, bool more);
    /* Ends it now; the peer sees `code` where the protocol has a way. Once started, before closed
     * or status; the end itself comes as an event, later. */
    void (*cancel)(csvc_tcall *tc, csvc_code code, const char *text);
    /* The peer's address, printed into the arena; NULL when memory is short. */
    const char *(*peer)(csvc_tcall *tc, csvc_arena *a);
    /* Who the peer has proved to be, copied into the arena. Any one thread, before release. False:
     * no memory. */
    bool (*identity)(csvc_tcall *tc, csvc_arena *a, csvc_identity *ret_identity);
    /* The call and its upper part may be reused. After closed or status, on the loop; an outgoing
     * call that was never started: from any thread. Memory reserved and not sent goes with it. */
    void (*release)(csvc_tcall *tc);

    /* ---- served calls ---- */

    /* `announce`: and that messages may be packed. */
    void (*send_headers)(csvc_tcall *tc, csvc_md_list headers, bool announce);
    /* Once; after it nothing but `cancel`, `peer` and `release`. What it points to is copied before
     * it returns; when there is no memory for that, the peer gets RESOURCE_EXHAUSTED. */
    void (*finish)(csvc_tcall *tc, const csvc_ending *finish);
    /* Wants to know of cancellation before finish. Calls that run on the loop to their end leave it
     * out: it costs 8 %. */
    void (*watch)(csvc_tcall *tc);
    /* Metadata the caller sent, as long as the call. Any one thread. False: no memory. */
    bool (*metadata)(csvc_tcall *tc, csvc_md_list *ret_metadata);

    /* ---- outgoing calls ---- */

    void (*close_send)(csvc_tcall *tc);
} csvc_tcall_ops;

/* First member of a transport's own call. */
struct csvc_tcall {
    const csvc_tcall_ops *ops;
    csvc_loop *loop;
    void *upper; /* `upper_size` bytes, not zeroed, aligned for any type */
};

/* ---- serving ---- */

typedef struct csvc_tserver csvc_tserver;

typedef struct csvc_arrival {
    const void *method; /* as registered; NULL: nobody registered this path */
    csvc_bytes path;    /* not NUL-terminated; lasts as long as the call */
    int64_t deadline;   /* csvc__now() time; INT64_MAX: none */
    csvc_payload
        *first; /* reads_first methods: the one message, taken over; NULL: there was none */
    bool ended; /* already cancelled */
    /* A message that is packed already may be sent, where the headers say that there are such:
     * `compress` would pack it on the loop, and hold up the loop's other calls. */
    bool takes_packed;
    /* Why the transport does not take the call, be it over a limit or malformed; NULL: it does. It
     * comes upward to be heard of and to be finished with this code and text; `first` is NULL
     * then. */
    const char *refusal;
    csvc_code refusal_code;
} csvc_arrival;

/* Upward, for served calls, all on the call's loop; then for connections. */
typedef struct csvc_served_events {
    void (*started)(void *server, csvc_tcall *tc, const csvc_arrival *arrival);
    void (*message)(csvc_tcall *tc, csvc_payload *message); /* taken over; NULL: half-close,
                                                                    and nothing else */
    void (*writable)(csvc_tcall *tc);
    void (*cancelled)(csvc_tcall *tc); /* at most once, only after watch, never after closed */
    void (*closed)(csvc_tcall *tc, bool delivered, bool cancelled); /* the last one */

    /*
     * Connections, for who counts them: all three, or none of them (NULL). A transport that hears
     * of its connections begins with `counts`, once in a start, with all the words that `refused`
     * may come with, at most 32, then NULL: they become labels, so they are few and static. The
     * other two come from any thread, also after join, but not after server_free; `change` is 1 or
     * -1. A connection that is refused before it has counted as open does not count as such.
     */
    void (*counts)(void *server, const char *const *words);
    void (*connection)(void *server, int change);
    void (*refused)(void *server, const char *word);
} csvc_served_events;

/* A path to serve. */
typedef struct csvc_tmethod {
    const char *path;
    bool reads_first; /* unary and server streaming: the request comes with `started` */
    const void *method;
    bool rare; /* no crowd will call it, so nothing need be kept ready for one */
} csvc_tmethod;

/* How long connections may do what, in milliseconds; as in csvc_server_options. 0: the transport's
 * own default, for idle and age: never. */
typedef struct csvc_tserver_times {
    int64_t handshake, keepalive, keepalive_timeout, min_ping, max_idle, max_age, max_age_grace;
} csvc_tserver_times;

typedef struct csvc_tserver_config {
    const csvc_served_events *events;
    void *server; /* for `started` */
    size_t upper_size;
    const csvc_tmethod *methods; /* all of them; copied */
    size_t n_methods;
    uint32_t loops;
    uint32_t max_message_bytes;
    uint32_t max_metadata_bytes;
    uint32_t max_streams;
    uint32_t max_connections;  /* that the transport accepts by itself; 0: any number */
    size_t max_buffered_bytes; /* received and not yet given up, over all connections; calls that
                                  make it more are ended. 0: 512 MiB */
    const csvc_ttls *tls;      /* NULL: plaintext */
    csvc_tserver_times times;
} csvc_tserver_config;

/* ---- calling ---- */

typedef struct csvc_tchannel csvc_tchannel;

typedef struct csvc_tchannel_config {
    const char *target;
    const char *const *addresses; /* in its place: "1.2.3.4:5", "[::1]:5", called in turn */
    size_t n_addresses;           /* 0: the target's, however the transport finds them */
    bool round_robin;             /* the target's addresses are called in turn, too */
    const char *authority;        /* NULL: from the target */
    uint32_t max_message_bytes;
    uint32_t max_metadata_bytes; /* 0: the transport's own default */
    const csvc_ttls *tls;        /* NULL: plaintext */
    int64_t keepalive_ms;        /* 0: never */
    int64_t keepalive_timeout_ms;
} csvc_tchannel_config;

/* Upward, for outgoing calls. All on the call's loop. `text` and metadata last until release. */
typedef struct csvc_outgoing_events {
    void (*headers)(csvc_tcall *tc, csvc_md_list headers);
    void (*message)(csvc_tcall *tc, csvc_payload *message); /* taken over; NULL: no more */
    void (*writable)(csvc_tcall *tc);
    void (*status)(csvc_tcall *tc, csvc_code code, csvc_bytes text, csvc_md_list trailers);
} csvc_outgoing_events;

/* When a call is tried again; as csvc_retry, with nothing left to default. Values compare as
 * bytes. */
typedef struct csvc_tretry {
    uint32_t max_attempts, codes;
    uint32_t initial_backoff_ms, max_backoff_ms;
    uint32_t multiplier_thousandths;
} csvc_tretry;

/* What `start` is given. The transport has copied what it needs when it returns, `events` apart. */
typedef struct csvc_start {
    const char *path;
    int64_t deadline; /* csvc__now() time; INT64_MAX: none */
    bool wait_for_ready;
    bool announce; /* that messages may be packed; as the message's own */
    csvc_md_list metadata;
    const csvc_outgoing_events *events;
    const csvc_outgoing *
        message; /* unary and server streaming: the request, followed by half-close, in one write */
    const csvc_tretry *retry; /* NULL: only while no server has seen it */
    bool unary_reply; /* with `message` only: the reply is read by itself; headers, message (when
                 there was one) and status come in one go */
} csvc_start;

/* ---- the transport ---- */

struct csvc_transport {
    const char *name;

    /* Wakes the loop out of its wait. Any thread. */
    void (*wake)(csvc_loop *loop);

    /* Servers; see csvc/server.h for order, threads and codes. */
    csvc_tserver *(*server_new)(const csvc_tserver_config *config, csvc_error *err);
    csvc_code (*server_listen)(csvc_tserver *ts, const char *address, int *ret_port,
                               csvc_error *err);
    csvc_code (*server_start)(csvc_tserver *ts, csvc_error *err);
    /* No new calls from now on (GOAWAY); those in flight go on. Any thread; does not block; once.
     */
    void (*server_drain)(csvc_tserver *ts);
    /* Ends every call in flight: each sees `cancelled`. After drain. Any thread. */
    void (*server_cancel_all)(csvc_tserver *ts);
    /* Waits until every call has been released and every loop has ended, or until that csvc__now()
     * time (INT64_MAX: however long): false. After drain; may be asked again until it says true. */
    bool (*server_join)(csvc_tserver *ts, int64_t until);
    void (*server_free)(csvc_tserver *ts); /* after join said true, or never started */

    /* Channels. */
    csvc_tchannel *(*channel_new)(const csvc_tchannel_config *config, csvc_error *err);
    void (*channel_free)(csvc_tchannel *tch); /* every call of it has been released */
    /* The loop that calls of this channel, started by this thread, should live on. Any thread. */
    csvc_loop *(*channel_loop)(csvc_tchannel *tch);
    /* A call that is not started, with `upper_size` bytes. Any thread. NULL: no memory. */
    csvc_tcall *(*call_new)(csvc_tchannel *tch, csvc_loop *loop, size_t upper_size);
    /* On the loop, or on any thread as the first thing asked of the call; its events come on the
     * loop, maybe before this returns. Memory that is short shows as the status. */
    void (*call_start)(csvc_tcall *tc, const csvc_start *start);
};

#endif /* CSVC_TRANSPORT_SEAM_H */
