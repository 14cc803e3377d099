/*
 * nghttp2/ng.h: the pieces of the server transport on nghttp2.
 *
 * A loop is an epoll set with the thread that waits on it. A connection belongs to one loop for its
 * life and is a session of nghttp2; a call is a stream of it. What a connection's input brings goes
 * out in one write when all of it has been dealt with, and calls that this ends are through before
 * the next connection's turn, so that the same memory serves again while it is still at hand.
 * Whatever else a turn of the loop brings marks connections as dirty, and at its end each of them
 * goes out in one write. Nothing is locked, the lists of posted tasks apart.
 *
 * Events go upward from within nghttp2's callbacks where a peer has caused them (started, message),
 * and from the loop's list of ready calls where we have (writable, cancelled, closed): never from
 * within a call downward.
 */
#ifndef CSVC_NGHTTP2_NG_H
#define CSVC_NGHTTP2_NG_H

#include <base/buffer.h>
#include <base/clock.h>
#include <base/map.h>
#include <transport/net/accept.h>
#include <transport/net/listeners.h>
#include <transport/net/peer.h>
#include <transport/nghttp2/tls.h>
#include <transport/seam.h>

#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <sys/uio.h>

#define NG_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define NG_MAX_BUFFERED                     ((size_t)512 << 20)

enum {
    NG_PREFIX = 5,            /* bytes before a message */
    NG_READ_SIZE = 64 * 1024, /* of one read */
    NG_OUT_SIZE = 128 * 1024, /* copied into one write */
    NG_OUT_PIECES = 64,       /* of one write */
    NG_REFERENCED = 4096,     /* from so many bytes on a piece of a message is not copied */
    NG_STREAM_WINDOW = 256 * 1024,
    NG_CONNECTION_WINDOW = 4 * 1024 * 1024,
    NG_SEND_AHEAD = 64 * 1024,    /* bytes of a stream that wait before the upper side has to */
    NG_MAX_HEADERS = 1 << 20,     /* bytes of headers that we send */
    NG_SMALL = 48,                /* bytes of a message that need no memory of their own */
    NG_MAX_SPARE = 1024,          /* calls a loop keeps for reuse */
    NG_METADATA_GRACE = 64 * 1024 /* over its limit by less, the call is refused; by more, the
                                     connection */
};

typedef struct ng_loop ng_loop;
typedef struct ng_conn ng_conn;
typedef struct ng_call ng_call;

/* First in what an epoll event points to. */
typedef enum ng_kind {
    NG_WAKER,
    NG_LISTENER,
    NG_CONN
} ng_kind;

typedef struct ng_source {
    ng_kind kind;
    int fd;
} ng_source;

/* ---- output.c: what one write takes ---- */

typedef struct ng_out {
    uint8_t *bytes; /* NG_OUT_SIZE */
    size_t len;     /* of them used */
    size_t total;
    struct iovec pieces[NG_OUT_PIECES];
    size_t n_pieces;
    csvc_payload *held[NG_OUT_PIECES]; /* whose bytes the pieces show */
    size_t n_held;
    bool full;      /* a frame was left for the next write */
    bool one_piece; /* of TLS, where a record takes the bytes of one: nothing is shown in place */
} ng_out;

/* Whether a frame of the greatest size fits. */
bool csvc__ng_out_has_room(const ng_out *out);
void csvc__ng_out_copy(ng_out *out, const void *data, size_t len);
/* Long ones are shown in place, and held until then. */
void csvc__ng_out_add(ng_out *out, csvc_payload *payload, const void *data, size_t len);

/* Writes all that a connection has to say, as far as its peer takes it; whatever that ends is
 * dealt with here, also the connection. */
void csvc__ng_flush(ng_conn *conn);

/* ---- memory.c: what nghttp2 allocates for the sessions of a loop ---- */

enum {
    NG_MEMORY_CLASSES = 32 /* of 16 bytes each */
};

typedef struct ng_memory {
    nghttp2_mem functions;
    struct ng_block *spare[NG_MEMORY_CLASSES];
    size_t n_spare[NG_MEMORY_CLASSES];
} ng_memory;

void csvc__ng_memory_init(ng_memory *memory);
void csvc__ng_memory_release(ng_memory *memory); /* every session has gone */

/* ---- loop.c ---- */

struct ng_loop {
    csvc_loop base;
    struct csvc_tserver *ts;
    pthread_t thread;
    int epoll;
    ng_source waker;
    atomic_bool waiting; /* or about to */
    bool ended, joined;  /* its thread; under the server's lock */
    bool ending, draining;
    atomic_size_t n_coming; /* connections that another loop is handing over */
    atomic_size_t n_conns;  /* for who deals them out */
    size_t n_live;          /* connections and calls that are not freed */
    int64_t now;            /* of this turn */
    ng_conn *conns;
    ng_conn *dirty;
    ng_call *ready, **ready_end;
    ng_call *spare;
    size_t n_spare;
    uint8_t *in; /* NG_READ_SIZE */
    ng_out out;
    ng_memory memory;
    nghttp2_nv *nva; /* of the headers that are being made */
    size_t max_nva;
    csvc__buffer scratch;
    csvc_task drain_task, cancel_task, end_task;
};

bool csvc__ng_loop_init(ng_loop *loop, struct csvc_tserver *ts);
void csvc__ng_loop_release(ng_loop *loop);
void csvc__ng_loop_run(ng_loop *loop);
void csvc__ng_wake(csvc_loop *base);

/* ---- request.c: the headers of a request ---- */

typedef enum ng_encoding {
    NG_IDENTITY,
    NG_GZIP,
    NG_UNKNOWN
} ng_encoding;

typedef struct ng_entry {
    uint32_t key, key_len, value, value_len; /* in text */
} ng_entry;

typedef struct ng_request {
    csvc__buffer text; /* path and metadata; kept from call to call, as the two below */
    ng_entry *entries;
    csvc_md *view;
    size_t n_entries, max_entries;
    size_t n_view, max_view;
    size_t path_len;              /* at the start of text; of a path that nobody registered */
    size_t bytes, metadata_bytes; /* of all, and of those a handler sees, as HTTP/2 counts them */
    int64_t timeout;              /* nanoseconds; INT64_MAX: none */
    bool viewed;
    bool is_post, has_te, is_grpc;
    bool takes_gzip;
    bool long_metadata;
    bool bad_timeout;
    bool no_memory;
    ng_encoding encoding;
} ng_request;

void csvc__ng_request_reset(ng_request *rq);
void csvc__ng_request_release(ng_request *rq);
void csvc__ng_request_header(ng_request *rq, size_t max_metadata, const uint8_t *name,
                             size_t name_len, const uint8_t *value, size_t value_len);
bool csvc__ng_request_metadata(ng_request *rq, csvc_md_list *ret_list);

/* ---- receive.c: messages out of DATA ---- */

typedef struct ng_payload {
    csvc_payload base;
    csvc_bytes piece;
    struct csvc_tserver *ts;
    size_t counted;   /* bytes of max_buffered_bytes */
    atomic_bool used; /* of the one in a call, until dispose is through */
    bool embedded;
    uint8_t *data;
    size_t room;
} ng_payload;

/* ---- send.c: messages into DATA ---- */

typedef struct ng_msg {
    struct ng_msg *next;
    csvc_payload *payload; /* NULL: `data` has prefix and bytes in one run */
    size_t piece, at;      /* where in the payload */
    size_t len, sent;      /* with the prefix */
    bool heap;
    uint8_t prefix[NG_PREFIX];
    uint8_t *data;
} ng_msg;

/* ---- calls ---- */

typedef struct ng_method {
    char *path;
    size_t path_len;
    bool reads_first;
    const void *method;
} ng_method;

enum {
    NG_READY_READ = 1,
    NG_READY_WRITABLE = 2,
    NG_READY_CANCELLED = 4,
    NG_READY_CLOSED = 8
};

struct ng_call {
    csvc_tcall base;
    ng_loop *loop;
    ng_conn *conn;
    ng_call *next, *prev; /* of the connection's; next of the spare ones */
    ng_call *next_ready, *next_ended;
    unsigned ready; /* NG_READY_... */
    bool listed;    /* among the ready ones */
    int32_t stream; /* 0: it is closed */

    ng_request request;
    const ng_method *method;
    int64_t deadline;
    csvc_timer timer; /* of the deadline, once watched */

    bool started; /* the upper side knows of it */
    bool watched;
    bool cut;       /* ended by us before its finish, or by the peer */
    bool told;      /* that it is cancelled */
    bool finished;  /* asked for */
    bool delivered; /* all of it is with the socket */
    bool half_closed;

    /* receiving */
    bool reading, feeding, broken, has_first;
    size_t n_prefix, msg_len, msg_got;
    uint8_t prefix[NG_PREFIX];
    ng_payload *msg;   /* under way */
    ng_payload *first; /* reads_first methods: whole, until the half-close */
    csvc__buffer unread;
    size_t unread_at;
    size_t unread_counted;

    /* sending */
    ng_msg *reserved; /* not sent yet */
    ng_msg *queue, **queue_end;
    size_t queued; /* bytes */
    size_t n_queued;
    bool submitted;  /* headers */
    bool deferred;   /* nghttp2 waits for us */
    size_t promised; /* bytes of a DATA frame that nghttp2 has begun and not written */
    bool ending;     /* after the queue */
    bool end_queued, end_sent;
    bool blocked; /* a writable is owed when the queue is shorter */
    bool gzip;    /* the headers say so */
    bool say_accepts;
    csvc_code code;
    csvc__buffer end; /* text and trailers, in records; send.c */
    uint32_t n_end;

    bool small_used; /* of what is reserved */
    ng_msg small;
    ng_payload small_in;
    uint8_t small_out_data[NG_SMALL + NG_PREFIX];
    uint8_t small_in_data[NG_SMALL];

    _Alignas(max_align_t) unsigned char upper[];
};

/* call.c */
ng_call *csvc__ng_call_new(ng_conn *conn, int32_t stream); /* NULL: no memory */
void csvc__ng_call_ready(ng_call *call, unsigned what);
void csvc__ng_call_run(ng_call *call); /* what it is ready for */
/* Whether somebody has registered it. */
bool csvc__ng_call_path(ng_call *call, const uint8_t *path, size_t len);
/* All headers are there: what can be said of it now is said; false: it is over. */
void csvc__ng_call_headers(ng_call *call);
/* Upward; refusal NULL: it is served. */
void csvc__ng_call_start(ng_call *call, csvc_code code, const char *refusal);
/* The stream is gone. */
void csvc__ng_call_gone(ng_call *call);
/* Ends it with a status of ours. */
void csvc__ng_call_cut(ng_call *call, csvc_code code, const char *text);
void csvc__ng_call_free_spare(ng_loop *loop); /* all of them */

/* receive.c */
void csvc__ng_receive(ng_call *call, const uint8_t *data, size_t len);
void csvc__ng_receive_end(ng_call *call);  /* END_STREAM */
void csvc__ng_receive_more(ng_call *call); /* the upper side reads */
void csvc__ng_receive_release(ng_call *call);

/* send.c */
void *csvc__ng_reserve(csvc_tcall *tc, size_t len);
void csvc__ng_send(csvc_tcall *tc, const csvc_outgoing *message, bool more);
void csvc__ng_send_headers(csvc_tcall *tc, csvc_md_list headers, bool announce);
void csvc__ng_finish(csvc_tcall *tc, const csvc_ending *end);
/* Gives up what is queued and ends with this: by trailers where they can go out, else by a reset.
 */
void csvc__ng_send_cut(ng_call *call, csvc_code code, const char *text);
/* The same without words. */
void csvc__ng_send_reset(ng_call *call);
/* Answers a request that is none of gRPC's, or that there is no memory for. */
void csvc__ng_send_refusal(ng_conn *conn, int32_t stream, const char *http_status, csvc_code code,
                           const char *text);
void csvc__ng_send_release(ng_call *call);
int csvc__ng_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                       size_t length, nghttp2_data_source *source, void *user);

/* ---- connections ---- */

/* Tokens that a peer's frames cost; guard.c. */
typedef struct ng_budget {
    int64_t tokens; /* in thousandths */
    int64_t at;
} ng_budget;

/* Why connections end that their peer would have kept: for GOAWAY, and for who counts them. */
#define NG_TLS_HANDSHAKE     "tls_handshake"
#define NG_KEEPALIVE_TIMEOUT "keepalive_timeout"
#define NG_READS_NOTHING     "reads_nothing"
#define NG_PROTOCOL_ERROR    "protocol_error"
#define NG_TOO_MANY_RESETS   "too_many_resets"
#define NG_TOO_MANY_SETTINGS "too_many_settings"
#define NG_TOO_MANY_PINGS    "too_many_pings"
#define NG_TOO_MANY_EMPTY    "too_many_empty_frames"
#define NG_TOO_MANY_CONTROL  "too_many_control_frames"
#define NG_TOO_MUCH_METADATA "too_much_metadata"
#define NG_HEADERS_TOO_SLOW  "headers_too_slow"
#define NG_TOO_MANY_STREAMS  "too_many_streams"

typedef enum ng_abuse {
    NG_RESETS,
    NG_SETTINGS,
    NG_PINGS,
    NG_EMPTY,
    NG_OTHER,
    NG_ABUSES
} ng_abuse;

/* Where in its frames a connection's input stands; sieve.c. */
enum {
    NG_HEAD = 9 /* bytes of a frame's head */
};

typedef struct ng_sieve {
    size_t magic;  /* bytes of the client's preface that have come */
    size_t left;   /* of the frame that is coming */
    size_t n_head; /* of the next one's */
    uint32_t last; /* stream that was opened */
    bool drops;    /* the frame that is coming */
    uint8_t head[NG_HEAD];
} ng_sieve;

struct ng_conn {
    ng_source source;
    ng_loop *loop;
    size_t refs; /* its calls, and while it is open */
    nghttp2_session *session;
    ng_tls_session *tls; /* NULL: plaintext */
    bool tls_wants_out;
    bool refused; /* its handshake failed */
    ng_conn *next, *prev;
    ng_conn *next_dirty;
    bool dirty;
    bool at_hand; /* what is said now goes out when all that was read has been dealt with */
    bool open, begun, draining, last_said, shut;
    bool spent;     /* what comes is no longer looked at */
    bool sent_away; /* and the last frame, which says why, is out */
    bool failed;    /* no memory for what has to be said: it is closed without */
    bool settings_sent;
    bool wants_out; /* in the epoll set */
    csvc_task task; /* comes to its loop */

    ng_sieve sieve;
    ng_call *current;        /* whose headers are coming */
    const ng_method *called; /* last */
    ng_call *calls;
    size_t n_calls;
    size_t n_streams; /* with those that are no calls, being refused */
    ng_call *ended;   /* their last frame is about to be written; linked by next_ended */

    uint8_t *pending; /* written by us, not yet taken by the socket */
    size_t n_pending, pending_at;
    int64_t stuck; /* since when nothing of it was taken */

    csvc_timer timer;
    int64_t begun_by, idle_since, heard, ping_due, drained, over_by, age_due;
    int64_t headers_by; /* 0: none are half here */
    bool pinged;        /* keepalive's, no answer yet */
    bool drain_pinged, drain_answered;
    int64_t ping_ok; /* when the peer's next ping is early no more */
    unsigned strikes;
    ng_budget budgets[NG_ABUSES];
    const char *why; /* it is closed, for the log */

    char peer[CSVC__NET_PEER_SIZE];
};

/* conn.c. `fd` is its own from here on. NULL: no memory. */
ng_conn *csvc__ng_conn_new(int fd, const char *peer);
void csvc__ng_conn_open(ng_loop *loop, ng_conn *conn);
void csvc__ng_conn_events(ng_conn *conn, uint32_t events);
void csvc__ng_conn_dirty(ng_conn *conn);
void csvc__ng_conn_drain(ng_conn *conn);
/* Says no more, and closes when the peer does, or after a moment. Not from within nghttp2. */
void csvc__ng_conn_linger(ng_conn *conn);
/* Closes it now, and ends its calls. Not from within nghttp2. */
void csvc__ng_conn_abort(ng_conn *conn);
void csvc__ng_conn_give_up_by(ng_conn *conn, int64_t when); /* or before */
/* Soon, in place of what there is no memory to say. From anywhere. */
void csvc__ng_conn_fail(ng_conn *conn);
/* What comes from now on is not looked at; what is to be said of it goes out, but not for long.
 * `why` is for the log, `word` for who counts. */
void csvc__ng_conn_spend(ng_conn *conn, const char *why, const char *word);
void csvc__ng_conn_unref(ng_conn *conn);
/* When something that a timer looks at has come nearer. */
void csvc__ng_conn_watch(ng_conn *conn);
bool csvc__ng_conn_epoll(ng_conn *conn); /* what it waits for; false: no memory */

/* session.c */
nghttp2_session *csvc__ng_session_new(ng_conn *conn);
/* The first of its frames, on the way out. */
void csvc__ng_session_first(const ng_conn *conn, uint8_t *frame, size_t len);
bool csvc__ng_sessions_prepare(struct csvc_tserver *ts); /* what all sessions share */
void csvc__ng_sessions_release(struct csvc_tserver *ts);

/* sieve.c. Hands over what was read; below 0: what nghttp2 cannot go on from. */
ssize_t csvc__ng_sieve_recv(ng_conn *conn, const uint8_t *data, size_t len);

/* guard.c: too much of something, and the connection ends. */
void csvc__ng_guard(ng_conn *conn, ng_abuse what);
void csvc__ng_guard_ping(ng_conn *conn);
void csvc__ng_guard_headers(ng_conn *conn);      /* far too many */
void csvc__ng_guard_slow_headers(ng_conn *conn); /* they do not end */
void csvc__ng_guard_streams(ng_conn *conn);      /* refused ones, whose refusals are not read */
/* For calls that are answered a peer may do more of it. */
void csvc__ng_guard_credit(ng_conn *conn, ng_abuse what);

/* ---- server.c ---- */

/* Spans in nanoseconds; INT64_MAX: never. */
typedef struct ng_times {
    int64_t handshake, keepalive, keepalive_timeout, min_ping, max_idle, max_age, max_age_grace;
    int64_t silence_ms; /* unacknowledged bytes after which a socket is given up; 0: the system's */
} ng_times;

struct csvc_tserver {
    const csvc_served_events *events;
    void *server;
    size_t upper_size;
    ng_times times;
    uint32_t max_message, max_metadata, max_streams, max_connections;
    size_t max_buffered;
    atomic_size_t buffered;
    atomic_size_t n_conns;
    ng_method *methods;
    size_t n_methods;
    csvc__map by_path;
    ng_tls *tls; /* NULL: plaintext */
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    ng_loop *loops;
    uint32_t n_loops; /* of them that are initialised */
    bool started;
    atomic_bool draining;

    /* accepting: the first loop's */
    csvc__net_listeners listeners;
    ng_source sources[CSVC__NET_LISTENERS];
    csvc__net_reserve reserve;
    bool paused; /* no descriptors: nothing is accepted until the timer */
    csvc_timer pause;
    csvc__net_complaints complaints;

    pthread_mutex_t lock;    /* of the rest */
    pthread_cond_t one_less; /* on CLOCK_MONOTONIC */
    uint32_t n_running;      /* threads */
    bool ending;             /* join was called */
};

csvc_tserver *csvc__ng_server_new(const csvc_tserver_config *config, csvc_error *err);
csvc_code csvc__ng_server_listen(csvc_tserver *ts, const char *address, int *ret_port,
                                 csvc_error *err);
csvc_code csvc__ng_server_start(csvc_tserver *ts, csvc_error *err);
void csvc__ng_server_drain(csvc_tserver *ts);
void csvc__ng_server_cancel_all(csvc_tserver *ts);
bool csvc__ng_server_join(csvc_tserver *ts, int64_t until);
void csvc__ng_server_free(csvc_tserver *ts);

/* accept.c: on the first loop. */
bool csvc__ng_accept_begin(csvc_tserver *ts);
void csvc__ng_accept(csvc_tserver *ts, int listener);
void csvc__ng_accept_end(csvc_tserver *ts);

/* counts.c: for who counts connections; any loop. The words first, before any connection. */
void csvc__ng_counts(const csvc_tserver *ts);
void csvc__ng_count(const csvc_tserver *ts, int change);
void csvc__ng_refused(const csvc_tserver *ts, const char *word);

#endif /* CSVC_NGHTTP2_NG_H */
