/* support/fake_inside.h: what both sides of the fake transport are made of. */
#ifndef TESTS_FAKE_INSIDE_H
#define TESTS_FAKE_INSIDE_H

#include "fake_transport.h"

typedef struct fake_loop {
    csvc_loop loop; /* first */
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool wake;
    bool ending;
} fake_loop;

void fake__loop_init(fake_loop *fl);
void fake__loop_release(fake_loop *fl);
/* One turn: waits for a wake, a timer or `until`, then runs what there is. False: it is over. */
bool fake__loop_turn(fake_loop *fl, int64_t until);

void fake__die(const char *what);

csvc_payload *fake__payload_of(const void *bytes, size_t len, bool compressed, bool in_pieces);
/* The first entry as "key=value". */
void fake__describe(char *to, size_t size, csvc_md_list list);

/* The calling side. */
csvc_tchannel *fake__channel_new(const csvc_tchannel_config *config, csvc_error *err);
void fake__channel_free(csvc_tchannel *tch);
csvc_loop *fake__channel_loop(csvc_tchannel *tch);
csvc_tcall *fake__call_new(csvc_tchannel *tch, csvc_loop *loop, size_t upper_size);
void fake__call_start(csvc_tcall *tc, const csvc_start *start);

#endif /* TESTS_FAKE_INSIDE_H */
