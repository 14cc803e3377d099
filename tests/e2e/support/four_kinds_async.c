/* Calls each kind of rpc with the generated function that does not wait; says what came, in order.
 */
#include "all.csvc.h"

#include <csvc/client.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

/* What one call is told, on its loop. */
typedef struct heard {
    pthread_mutex_t lock;
    pthread_cond_t come;
    csvc_call *call;
    long messages, sum, halves, writables;
    bool done;
    csvc_code code;
} heard;

static void note(heard *h, const All__V1__Num *n)
{
    (void)pthread_mutex_lock(&h->lock);
    if (n == NULL) {
        h->halves++;
    } else {
        h->messages++;
        h->sum += (long)n->id;
    }
    (void)pthread_cond_signal(&h->come);
    (void)pthread_mutex_unlock(&h->lock);
}

static void on_message(void *self, const void *message)
{
    note(self, message);
}

static void on_writable(void *self)
{
    heard *h = self;

    (void)pthread_mutex_lock(&h->lock);
    h->writables++;
    (void)pthread_cond_signal(&h->come);
    (void)pthread_mutex_unlock(&h->lock);
}

static void on_done(void *self, csvc_code code)
{
    heard *h = self;

    (void)pthread_mutex_lock(&h->lock);
    h->done = true;
    h->code = code;
    (void)pthread_cond_signal(&h->come);
    (void)pthread_mutex_unlock(&h->lock);
}

static void on_one(void *self, const csvc_rpc *rpc, const All__V1__Num *rsp)
{
    if (rsp != NULL) {
        note(self, rsp);
    }
    on_done(self, rpc->code);
}

/* Sends 0, 1 ... n - 1, waiting for room whenever there is none, and half-closes. */
static void send_all(heard *h, csvc_code (*send)(csvc_call *call, const All__V1__Num *n), long n)
{
    All__V1__Num message = ALL__V1__NUM__INIT;
    csvc_code code = CSVC_OK;

    for (long i = 0; i < n && code == CSVC_OK; i++) {
        message.id = i;
        while ((code = send(h->call, &message)) == CSVC_RESOURCE_EXHAUSTED) {
            (void)pthread_mutex_lock(&h->lock);
            while (h->writables == 0 && !h->done) {
                (void)pthread_cond_wait(&h->come, &h->lock);
            }
            h->writables = 0;
            (void)pthread_mutex_unlock(&h->lock);
        }
    }
    csvc_call_close_send(h->call);
}

static void tell(heard *h, const char *what)
{
    (void)pthread_mutex_lock(&h->lock);
    while (!h->done) {
        (void)pthread_cond_wait(&h->come, &h->lock);
    }
    (void)pthread_mutex_unlock(&h->lock);
    printf("%s: %s, %ld messages, sum %ld, half-closes %ld\n", what, csvc_code_name(h->code),
           h->messages, h->sum, h->halves);
    csvc_call_unref(h->call);
    (void)pthread_cond_destroy(&h->come);
    (void)pthread_mutex_destroy(&h->lock);
}

int main(int argc, char **argv)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = csvc_channel_new(argc > 1 ? argv[1] : "", &options, &err);
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    All__V1__Num req = ALL__V1__NUM__INIT;

    for (int kind = 0; kind < 5 && ch != NULL; kind++) {
        heard h = {.lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};
        const csvc_events events = {CSVC_EVENTS_INIT,         .self = &h,
                                    .on_message = on_message, .on_writable = on_writable,
                                    .on_done = on_done,       .auto_more = true};

        req.id = 1000;
        switch (kind) {
        case 0:
            h.call = all_v1_all_service_client_one_async(ch, &rpc, &req, on_one, &h);
            tell(&h, "one");
            break;
        case 1:
            h.call = all_v1_all_service_client_down_async(ch, &rpc, &req, &events);
            tell(&h, "down");
            break;
        case 2:
            h.call = all_v1_all_service_client_up_async(ch, &rpc, &events);
            send_all(&h, all_v1_all_service_client_up_send, 1000);
            tell(&h, "up");
            break;
        case 3:
            h.call = all_v1_all_service_client_both_async(ch, &rpc, &events);
            send_all(&h, all_v1_all_service_client_both_send, 1000);
            tell(&h, "both");
            break;
        default: /* endless; ended from here */
            req.id = INT64_C(1000000000000);
            h.call = all_v1_all_service_client_down_async(ch, &rpc, &req, &events);
            (void)pthread_mutex_lock(&h.lock);
            while (h.messages == 0 && !h.done) {
                (void)pthread_cond_wait(&h.come, &h.lock);
            }
            (void)pthread_mutex_unlock(&h.lock);
            csvc_call_cancel(h.call);
            tell(&h, "cancelled");
            break;
        }
    }
    csvc_rpc_clear(&rpc);
    csvc_channel_free(ch);
    return ch == NULL;
}
