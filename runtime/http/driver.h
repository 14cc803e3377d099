/* http/driver.h: what an HTTP server is to those who have pages for it. */
#ifndef CSVC_HTTP_DRIVER_H
#define CSVC_HTTP_DRIVER_H

#include <base/buffer.h>
#include <csvc/code.h>
#include <csvc/http.h>

/* A page, made anew for each request, on the server's thread. */
typedef struct csvc__page {
    const char *path; /* "/metrics" */
    const char *content_type;
    /* Fills the body; returns the status: 200, 503. A body that failed is a 500. */
    int (*answer)(void *self, csvc__buffer *body);
    void *self;
} csvc__page;

typedef struct csvc_http_server csvc_http_server;

struct csvc_http_driver {
    const char *name;

    /*
     * Binds "HOST:PORT" (port 0: any free one) and serves GET and HEAD of the pages on a thread of
     * its own; other paths are 404, other methods 405. `pages` must outlive the server. NULL with
     * err set: ALREADY_EXISTS for an address in use, INVALID_ARGUMENT for one that is none,
     * PERMISSION_DENIED for one we may not have, RESOURCE_EXHAUSTED.
     */
    csvc_http_server *(*start)(const char *address, const csvc__page *pages, size_t n_pages,
                               int *ret_port, csvc_error *err);
    /* Answers no more, ends the thread, frees all. Takes NULL. */
    void (*stop)(csvc_http_server *server);
};

/* ---- listen.c ---- */

/* A socket that listens, not blocking; the codes of `start`. False with err set. */
bool csvc__http_listen(const char *address, int *ret_fd, int *ret_port, csvc_error *err);

#endif /* CSVC_HTTP_DRIVER_H */
