/*
 * support/fake_transport.h: a transport without a network, whose events a test fires one by one.
 *
 * Serving: the test's thread is the loop. fake_arrive() starts a call, fake_wait_finish() runs what
 * was posted until the call is finished, fake_cancel() and fake_close() are what a network would
 * report; without a say, a finished call closes as delivered by itself. A call's upper memory is
 * really freed at its release, so that a sanitizer sees who comes late.
 *
 * Calling: a channel has a thread of its own for its loop; each call started runs the script there.
 */
#ifndef TESTS_FAKE_TRANSPORT_H
#define TESTS_FAKE_TRANSPORT_H

#include <transport/seam.h>

#include <pthread.h>

extern const csvc_transport fake_transport;

/* ---- serving ---- */

typedef struct fake_server fake_server;

/* A served call, as the transport sees it; owned by the test until fake_call_free. */
typedef struct fake_call {
    csvc_tcall *tc; /* NULL once released */
    fake_server *ts;
    struct fake_call *next; /* of the server's live calls */
    csvc_md_list metadata;
    bool no_auto_close;
    bool fail_reserve;

    bool watched, finished, cancelled, closed;
    csvc_code code;
    char text[512];
    bool has_message;
    size_t len;
    uint8_t message[4096];
    bool compress, announce; /* as the message sent last said */
    bool packed;             /* it was, by who sent it */
    size_t n_headers, n_trailers;
    char first_header[128], first_trailer[128]; /* "key=value" */
    int n_cancels;                              /* `cancel` asked for */

    /* Streams. What was sent is in `message` and `len`, like a reply. */
    bool reading; /* a message is asked for */
    bool sending; /* one was given, and fake_writable has not followed */
    bool headers; /* went on their own */
    int n_sent;
} fake_call;

typedef struct fake_arrival {
    const char *path;
    const void *bytes; /* NULL: the caller sent no message */
    size_t len;
    int64_t deadline; /* 0: none */
    bool ended;
    const char *refusal;
    bool compressed;
    bool in_pieces; /* one byte each */
    bool no_auto_close;
    bool fail_reserve;
    bool takes_packed;
    csvc_md_list metadata;
} fake_arrival;

/* The server that was made last. */
fake_server *fake_last_server(void);
const csvc_tserver_config *fake_config(const fake_server *ts);

fake_call *fake_arrive(fake_server *ts, const fake_arrival *arrival);
void fake_wait_finish(fake_call *call); /* runs posted work; fails the test after 20 seconds */
void fake_wait_release(fake_call *call);
void fake_turn(fake_server *ts, int64_t until); /* one turn of the loop; fails when it is late */
void fake_cancel(fake_call *call);
/* Events of a stream; each fails the test when the call did not ask for it. */
void fake_message(fake_call *call, const void *bytes, size_t len); /* NULL: half-close */
void fake_writable(fake_call *call);
void fake_close(fake_call *call, bool delivered, bool cancelled);
void fake_call_free(fake_call *call);
/* Calls that have not been released. */
size_t fake_live(const fake_server *ts);

/* ---- calling ---- */

typedef struct fake_out {
    csvc_tcall *tc;
    char path[128];
    int64_t deadline;
    bool wait_for_ready;
    size_t len;
    uint8_t message[4096];
    bool compress, announce;
    size_t n_metadata;
    char first_metadata[128];
    const csvc_outgoing_events *events;
    bool cancelled;
    bool silent_cancel; /* a cancel brings no status by itself */
    bool has_retry;     /* a policy came with it */

    /* Streams: what was asked for and not answered yet. */
    bool reading, sending, closed;
    int n_sent;
    int n_answers;                                     /* the script's own */
    void (*asked)(void *self, struct fake_out *out);   /* set by the script: runs on the loop
                                                          after something was asked for */
    void (*in_send)(void *self, struct fake_out *out); /* while a message is being handed over */
} fake_out;

typedef void fake_script(void *self, fake_out *out);

/* What each call runs, on the loop. The last message sent is in `message` and `len`. */
void fake_set_script(fake_script *script, void *self);

void fake_out_message(fake_out *out, const void *bytes, size_t len, bool compressed);
void fake_out_writable(fake_out *out); /* the message that was being sent has gone */
void fake_out_half_close(fake_out *out);
void fake_out_headers(fake_out *out, const char *key, const char *value);
void fake_out_status(fake_out *out, csvc_code code, const char *text, const char *trailer_key,
                     const char *trailer_value);

#endif /* TESTS_FAKE_TRANSPORT_H */
