/*
 * http/server.c: pages over HTTP/1, on libwebsockets.
 *
 * One thread runs libwebsockets' loop. The socket that listens is ours: libwebsockets only says
 * when it is readable, so that what cannot be bound has a reason, and connections have a maximum.
 */
#define _GNU_SOURCE /* accept4 */
#include <base/thread.h>
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <http/driver.h>

#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    MAX_CONNECTIONS = 64,
    MAX_HEADER_BYTES = 8192,
    HEADER_SECONDS = 10, /* until a request is whole, and an answer taken */
    MAX_REQUEST = 65536, /* bytes of a body, which no page wants */
    IDLE_SECONDS = 90,   /* between requests: longer than Prometheus' usual interval */
    CHUNK = 16384,       /* written at once */
    KNOCK_MS = 20,       /* until callers are listened to again when none can be turned away */
};
#define MAX_BODY ((size_t)256 << 20)

struct csvc_http_server {
    const csvc__page *pages;
    size_t n_pages;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    size_t n_connections; /* the thread's */
    int spare_fd;         /* given up to turn away a caller when there are no others */
    atomic_bool stopping;
    pthread_t thread;
};

/* What a connection carries: the request and the answer under way. Zeroed by libwebsockets. */
typedef struct session {
    const csvc__page *page; /* NULL: no such page */
    int method;
    size_t brought; /* bytes of the request's body */
    bool reading;   /* the answer follows when it is whole */
    csvc__buffer body;
    size_t sent;
    bool last; /* the connection ends with this answer */
} session;

/* ---- answers ---- */

static int over(struct lws *wsi, session *s)
{
    csvc__buffer_release(&s->body);
    s->sent = 0;
    return s->last || lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

/* Sends the head, and asks for the time to send the body. */
static int begin(struct lws *wsi, session *s, int status, const char *type, bool head_only)
{
    unsigned char head[LWS_PRE + 1024];
    unsigned char *start = head + LWS_PRE, *at = start, *end = head + sizeof(head) - 1;

    if (lws_add_http_common_headers(wsi, (unsigned)status, type, s->body.len, &at, end) != 0 ||
        lws_add_http_header_by_name(wsi, (const unsigned char *)"cache-control:",
                                    (const unsigned char *)"no-store", 8, &at, end) != 0 ||
        (s->last && lws_add_http_header_by_name(
                        wsi, (const unsigned char *)"connection:", (const unsigned char *)"close",
                        5, &at, end) != 0) ||
        (status == HTTP_STATUS_METHOD_NOT_ALLOWED &&
         lws_add_http_header_by_name(wsi, (const unsigned char *)"allow:",
                                     (const unsigned char *)"GET, HEAD", 9, &at, end) != 0) ||
        lws_finalize_write_http_header(wsi, start, &at, end) != 0) {
        return -1;
    }
    if (head_only || s->body.len == 0) {
        return over(wsi, s);
    }
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, HEADER_SECONDS);
    (void)lws_callback_on_writable(wsi);
    return 0;
}

static int continue_body(struct lws *wsi, session *s)
{
    unsigned char chunk[LWS_PRE + CHUNK];
    size_t n = s->body.len - s->sent;

    if (s->body.data == NULL) {
        return 0; /* nothing is under way */
    }
    n = n < CHUNK ? n : CHUNK;
    memcpy(chunk + LWS_PRE, s->body.data + s->sent, n);
    s->sent += n;
    if (lws_write(wsi, chunk + LWS_PRE, n,
                  s->sent == s->body.len ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n) {
        return -1;
    }
    if (s->sent == s->body.len) {
        return over(wsi, s);
    }
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, HEADER_SECONDS);
    (void)lws_callback_on_writable(wsi);
    return 0;
}

static const csvc__page *find(const csvc_http_server *server, const char *path)
{
    for (size_t i = 0; i < server->n_pages; i++) {
        if (strcmp(server->pages[i].path, path) == 0) {
            return &server->pages[i];
        }
    }
    return NULL;
}

static int answer(const csvc_http_server *server, struct lws *wsi, session *s)
{
    const char *type = "text/plain; charset=utf-8";
    int status;

    csvc__buffer_release(&s->body);
    csvc__buffer_init(&s->body, MAX_BODY);
    s->sent = 0;
    if (s->page == NULL) {
        status = HTTP_STATUS_NOT_FOUND;
        csvc__buffer_puts(&s->body, "no such page; there are:\n");
        for (size_t i = 0; i < server->n_pages; i++) {
            csvc__buffer_printf(&s->body, "  %s\n", server->pages[i].path);
        }
    } else if (s->method != LWSHUMETH_GET && s->method != LWSHUMETH_HEAD) {
        status = HTTP_STATUS_METHOD_NOT_ALLOWED;
        csvc__buffer_puts(&s->body, "GET and HEAD only\n");
    } else {
        status = s->page->answer(s->page->self, &s->body);
        type = s->page->content_type;
    }
    if (!csvc__buffer_ok(&s->body)) {
        csvc__buffer_release(&s->body);
        status = HTTP_STATUS_INTERNAL_SERVER_ERROR;
    }
    return begin(wsi, s, status, type, s->method == LWSHUMETH_HEAD);
}

/* What the request says of its body; more than any when that is no number. */
static size_t content_length(struct lws *wsi)
{
    char text[24];
    char *end;
    long long n;

    if (lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0) {
        return SIZE_MAX;
    }
    n = strtoll(text, &end, 10);
    return n < 0 || end == text || *end != '\0' ? SIZE_MAX : (size_t)n;
}

/* The head of a request. A body is waited for, and thrown away, before the answer: to close a
 * connection with bytes unread would take the answer from the caller. */
static int request(const csvc_http_server *server, struct lws *wsi, session *s, const char *path)
{
    char *uri = NULL;
    int len = 0;

    s->page = find(server, path);
    s->method = lws_http_get_uri_and_method(wsi, &uri, &len);
    s->brought = 0;
    s->reading = false;
    /* where a body of an unknown length ends we do not look for */
    s->last = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
              (s->method != LWSHUMETH_GET && s->method != LWSHUMETH_HEAD);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 && content_length(wsi) != 0) {
        s->reading = true;
        return content_length(wsi) > MAX_REQUEST ? -1 : 0;
    }
    return answer(server, wsi, s);
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t len)
{
    csvc_http_server *server = lws_context_user(lws_get_context(wsi));
    session *s = user;

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return request(server, wsi, s, in);
    case LWS_CALLBACK_HTTP_BODY:
        s->brought += len;
        return s->brought > MAX_REQUEST ? -1 : 0;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        if (!s->reading) {
            return 0; /* it says so twice when head and body came in one piece */
        }
        s->reading = false;
        return answer(server, wsi, s);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return continue_body(wsi, s);
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (s != NULL) {
            csvc__buffer_release(&s->body);
        }
        return 0;
    case LWS_CALLBACK_WSI_CREATE:
        server->n_connections++;
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        server->n_connections--;
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

/* ---- connections ---- */

/* Takes the next caller and turns it away: without a free descriptor it would knock for ever. When
 * somebody else has taken the spare one, too, it knocks on, but not as fast as we can say no. */
static void turn_away(csvc_http_server *server, int fd)
{
    int caller;

    if (server->spare_fd >= 0) {
        (void)close(server->spare_fd);
    }
    caller = accept(fd, NULL, NULL);
    if (caller >= 0) {
        (void)close(caller);
    } else if (errno == EMFILE || errno == ENFILE) {
        (void)poll(NULL, 0, KNOCK_MS);
    }
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void take_callers(csvc_http_server *server, int fd)
{
    for (;;) {
        const int caller = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (caller < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                turn_away(server, fd);
            }
            if (errno == EINTR || errno == ECONNABORTED) {
                continue;
            }
            return;
        }
        if (server->n_connections >= MAX_CONNECTIONS) {
            (void)close(caller);
            continue;
        }
        /* closes it when it fails */
        (void)lws_adopt_socket_vhost(server->vhost, caller);
    }
}

static int on_listening(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                        size_t len)
{
    (void)user;
    (void)in;
    (void)len;
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        take_callers(lws_context_user(lws_get_context(wsi)), (int)lws_get_socket_fd(wsi));
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {.name = "http", .callback = on_http, .per_session_data_size = sizeof(session)},
    {.name = "listening", .callback = on_listening},
    {0},
};

/* ---- start and stop ---- */

static void *run(void *arg)
{
    csvc_http_server *server = arg;

    while (!atomic_load(&server->stopping) && lws_service(server->lws, 0) >= 0) {
    }
    return NULL;
}

/* Its own chatter is for its authors. */
static void log_line(int level, const char *line)
{
    char text[256];
    const size_t len = strcspn(line, "\n");

    memcpy(text, line, len < sizeof(text) ? len : sizeof(text) - 1);
    text[len < sizeof(text) ? len : sizeof(text) - 1] = '\0';
    csvc_log(level == LLL_ERR ? CSVC_LOG_WARN : CSVC_LOG_DEBUG, "libwebsockets", "text", text,
             NULL);
}

static bool start_thread(csvc_http_server *server)
{
    return csvc__thread_start(&server->thread, NULL, run, server) == 0;
}

/* The socket is its own from here on, also when it fails. */
static bool make_context(csvc_http_server *server, int fd)
{
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .user = server,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .fd_limit_per_thread = MAX_CONNECTIONS + 8,
        .max_http_header_data = MAX_HEADER_BYTES,
        .max_http_header_pool = MAX_CONNECTIONS,
        .timeout_secs = HEADER_SECONDS,
        .timeout_secs_ah_idle = HEADER_SECONDS,
        .keepalive_timeout = IDLE_SECONDS,
        .server_string = "c-svc",
        .vhost_name = "default",
    };
    const lws_sock_file_fd_type listening = {.filefd = fd};
    struct sigaction before;

    /* it has the whole process ignore SIGPIPE, which is for the program to decide; our thread
     * blocks all signals, so it needs no help */
    (void)sigaction(SIGPIPE, NULL, &before);
    lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
    server->lws = lws_create_context(&info);
    (void)sigaction(SIGPIPE, &before, NULL);
    server->vhost = server->lws != NULL ? lws_get_vhost_by_name(server->lws, "default") : NULL;
    if (server->vhost == NULL) {
        (void)close(fd);
        return false;
    }
    return lws_adopt_descriptor_vhost(server->vhost, LWS_ADOPT_RAW_FILE_DESC, listening,
                                      "listening", NULL) != NULL;
}

static void stop(csvc_http_server *server)
{
    if (server == NULL) {
        return;
    }
    atomic_store(&server->stopping, true);
    lws_cancel_service(server->lws);
    (void)pthread_join(server->thread, NULL);
    lws_context_destroy(server->lws);
    if (server->spare_fd >= 0) {
        (void)close(server->spare_fd);
    }
    csvc__free(server);
}

static csvc_http_server *start(const char *address, const csvc__page *pages, size_t n_pages,
                               int *ret_port, csvc_error *err)
{
    csvc_http_server *server;
    int fd, port;

    if (!csvc__http_listen(address, &fd, &port, err)) {
        return NULL;
    }
    server = csvc__calloc(1, sizeof(*server));
    if (server == NULL) {
        (void)close(fd);
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    server->pages = pages;
    server->n_pages = n_pages;
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    atomic_init(&server->stopping, false);
    if (!make_context(server, fd) || !start_thread(server)) {
        if (server->lws != NULL) {
            lws_context_destroy(server->lws);
        }
        if (server->spare_fd >= 0) {
            (void)close(server->spare_fd);
        }
        csvc__free(server);
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                             "%s: libwebsockets has no memory or no thread", address);
        return NULL;
    }
    *ret_port = port;
    return server;
}

const csvc_http_driver csvc_http = {
    .name = "libwebsockets",
    .start = start,
    .stop = stop,
};
