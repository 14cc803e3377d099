/* app/cli_lines.c: lines of a file or a terminal, one after the other, and a way to stop waiting.
 */
#include <app/cli.h>
#include <csvc/alloc.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    FIRST_SIZE = 64 << 10
};

void csvc__cli_lines_init(csvc__cli_lines *l, int fd, int stop_fd, size_t max)
{
    *l = (csvc__cli_lines){.fd = fd, .stop_fd = stop_fd, .max = max};
}

csvc_code csvc__cli_lines_text(csvc__cli_lines *l, const char *text, size_t max, csvc_error *err)
{
    const size_t len = strlen(text);

    csvc__cli_lines_init(l, -1, -1, max);
    l->data = csvc__malloc(len + 1);
    if (l->data == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    memcpy(l->data, text, len);
    l->len = len;
    l->at_end = true;
    return CSVC_OK;
}

void csvc__cli_lines_release(csvc__cli_lines *l)
{
    csvc__free(l->data);
    l->data = NULL;
    if (l->fd > STDIN_FILENO) {
        (void)close(l->fd);
    }
}

/* Room for more behind what is there; never more than one longest line and its end. */
static bool make_room(csvc__cli_lines *l)
{
    size_t size = l->size;
    char *data;

    if (l->at > 0) {
        memmove(l->data, l->data + l->at, l->len - l->at);
        l->len -= l->at;
        l->seen -= l->at;
        l->at = 0;
    }
    if (l->len < size) {
        return true;
    }
    size = size == 0 ? FIRST_SIZE : 2 * size;
    size = size > l->max + 2 ? l->max + 2 : size;
    data = csvc__realloc(l->data, size);
    if (data == NULL) {
        return false;
    }
    l->data = data;
    l->size = size;
    return true;
}

/* Waits and reads what there is. */
static csvc__cli_line fill(csvc__cli_lines *l)
{
    struct pollfd fds[2] = {{.fd = l->stop_fd, .events = POLLIN}, {.fd = l->fd, .events = POLLIN}};
    ssize_t got;

    if (!make_room(l)) {
        return CSVC__CLI_NO_MEMORY;
    }
    for (;;) {
        if (poll(fds, 2, -1) < 0) {
            if (errno != EINTR) {
                return CSVC__CLI_UNREADABLE;
            }
            continue;
        }
        if (fds[0].revents != 0) {
            return CSVC__CLI_STOPPED;
        }
        got = read(l->fd, l->data + l->len, l->size - l->len);
        if (got > 0) {
            l->len += (size_t)got;
            return CSVC__CLI_LINE;
        }
        if (got == 0) {
            l->at_end = true;
            return CSVC__CLI_LINE;
        }
        if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            return CSVC__CLI_UNREADABLE;
        }
    }
}

csvc__cli_line csvc__cli_lines_next(csvc__cli_lines *l, const char **ret_text, size_t *ret_len)
{
    for (;;) {
        const size_t left = l->len - l->seen;
        const char *end = left > 0 ? memchr(l->data + l->seen, '\n', left) : NULL;
        csvc__cli_line got;

        l->seen = end != NULL ? (size_t)(end - l->data) : l->len;
        if (l->seen - l->at > l->max) {
            l->number++;
            return CSVC__CLI_TOO_LONG;
        }
        if (end != NULL || (l->at_end && l->len > l->at)) {
            l->number++;
            *ret_text = l->data + l->at;
            *ret_len = l->seen - l->at;
            l->seen += end != NULL;
            l->at = l->seen;
            return CSVC__CLI_LINE;
        }
        if (l->at_end) {
            return CSVC__CLI_NO_MORE;
        }
        got = fill(l);
        if (got != CSVC__CLI_LINE) {
            return got;
        }
    }
}
