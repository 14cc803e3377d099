/* nghttp2/server.h: a server from new to free; the seam (transport/seam.h) says what each does. */
#ifndef CSVC_NGHTTP2_SERVER_H
#define CSVC_NGHTTP2_SERVER_H

#include <transport/nghttp2/accept.h>

struct csvc_tserver {
    ng_shared shared;
    ng_loop *loops;
    uint32_t n_loops; /* of them that are initialised */
    ng_acceptor acceptor;
    bool started;

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

#endif /* CSVC_NGHTTP2_SERVER_H */
