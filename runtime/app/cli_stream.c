/*
 * app/cli_stream.c: calls with streams, messages as lines of JSON.
 *
 * This thread receives and prints; another reads lines and sends, so that neither way holds up the
 * other; a third (cli_watch.c) waits for what ends the call from outside.
 */
#include <app/cli.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <base/banned.h>

#define MAX_MEMORY ((size_t)256 << 20)

typedef struct streaming {
    const csvc__cli_call *c;
    csvc_call *call;

    /* the sender's, until it has been joined */
    csvc__cli_lines lines;
    csvc_error input; /* what is wrong with what was read */
    csvc_code sent;   /* why a message could not be sent */

    csvc_arena *a; /* of one reply at a time */
    char *sole;    /* the reply of a client-streaming rpc, as JSON; printed once all is well */
    size_t n_replies;
    const char *output; /* what went wrong with it */
    bool unread;        /* nobody reads it any more */
} streaming;

/* ---- sending ---- */

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr(" \t\r\v\f", text[i]) == NULL || text[i] == '\0') {
            return false;
        }
    }
    return true;
}

/* One line to one message. False when nothing more is to be sent. */
static bool send_line(streaming *s, csvc_arena *a, const char *text, size_t len)
{
    const csvc_message_type *type = s->c->method->request;
    const csvc_json_read_options options = {CSVC_JSON_READ_OPTIONS_INIT,
                                            .first_line = s->lines.number};
    csvc_error why = {CSVC_ERROR_INIT};
    void *message;
    csvc_code code = csvc_json_read(a, type, text, len, &options, &message, &why);

    if (code != CSVC_OK) {
        (void)csvc_error_set(&s->input, code, "line %u: not JSON for %s: %s",
                             (unsigned)s->lines.number, type->descriptor->name, why.text);
        return false;
    }
    s->sent = csvc_call_send(s->call, message);
    return s->sent == CSVC_OK;
}

/* Until there are no more lines, one of them is wrong, or the call has ended. */
static void send_lines(streaming *s)
{
    csvc_arena *a = csvc_arena_new(MAX_MEMORY);
    const char *text;
    size_t len;

    if (a == NULL) {
        (void)csvc_error_set(&s->input, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    for (;;) {
        switch (csvc__cli_lines_next(&s->lines, &text, &len)) {
        case CSVC__CLI_LINE:
            if (!is_blank(text, len) && !send_line(s, a, text, len)) {
                break;
            }
            csvc_arena_reset(a);
            continue;
        case CSVC__CLI_TOO_LONG:
            (void)csvc_error_set(&s->input, CSVC_INVALID_ARGUMENT,
                                 "line %u: longer than %zu bytes (--max-line-bytes)",
                                 (unsigned)s->lines.number, s->lines.max);
            break;
        case CSVC__CLI_UNREADABLE:
            (void)csvc_error_set(&s->input, CSVC_UNAVAILABLE, "cannot read messages: %s",
                                 strerror(errno));
            break;
        case CSVC__CLI_NO_MEMORY:
            (void)csvc_error_set(&s->input, CSVC_RESOURCE_EXHAUSTED, "out of memory");
            break;
        case CSVC__CLI_NO_MORE:
        case CSVC__CLI_STOPPED:
            break;
        }
        break;
    }
    (void)csvc_arena_free(a);
}

/* All is sent, or no more can be. */
static void end_sending(streaming *s)
{
    if (s->input.code != CSVC_OK || (s->sent != CSVC_OK && s->sent != CSVC_CANCELLED)) {
        csvc_call_cancel(s->call); /* half of what was meant is not to be taken for all of it */
    } else {
        csvc_call_close_send(s->call);
    }
}

static void *sender(void *self)
{
    send_lines(self);
    end_sending(self);
    return NULL;
}

/* ---- receiving ---- */

static bool put_line(streaming *s, const char *json)
{
    if (printf("%s\n", json) < 0 || fflush(stdout) != 0) {
        s->unread = errno == EPIPE;
        s->output = "cannot write to standard output";
        return false;
    }
    return true;
}

/* False when no more is wanted. */
static bool print(streaming *s, const void *message)
{
    csvc_error err = {CSVC_ERROR_INIT};
    char *json;
    bool ok;

    s->n_replies++;
    if (s->sole != NULL) {
        return false; /* one too many */
    }
    json = csvc_json_print(s->a, s->c->method->reply, message, NULL, &err);
    if (json == NULL) {
        s->output = csvc_arena_printf(s->c->a, "a reply cannot be printed: %s", err.text);
        s->output = s->output != NULL ? s->output : "out of memory";
        return false;
    }
    if ((s->c->method->kind & CSVC_RPC_SERVER_STREAM) == 0) {
        s->sole = json;
        return true;
    }
    ok = put_line(s, json);
    csvc_arena_reset(s->a);
    return ok;
}

/* All replies, until the call has ended; or until one is not wanted, which ends it. */
static void receive(streaming *s)
{
    const void *message;

    while (csvc_call_recv(s->call, &message)) {
        if (!print(s, message)) {
            csvc_call_cancel(s->call);
            return;
        }
    }
}

/* ---- a whole call ---- */

static int tell(const streaming *s, const char *what, const char *detail, int exit_code)
{
    (void)fprintf(stderr, "%s: %s%s%s\n", s->c->command, what, detail[0] != '\0' ? ": " : "",
                  detail);
    return exit_code;
}

/* What came of it, once everything has ended. */
static int conclude(streaming *s, const csvc_rpc *rpc)
{
    const bool wants_one = (s->c->method->kind & CSVC_RPC_SERVER_STREAM) == 0;

    if (s->input.code != CSVC_OK && rpc->code == CSVC_CANCELLED) {
        return tell(s, s->input.text, "",
                    s->input.code == CSVC_INVALID_ARGUMENT ? CSVC__CLI_EXIT_USAGE
                                                           : CSVC__CLI_EXIT_FAILED);
    }
    if (rpc->code == CSVC_CANCELLED && s->sent != CSVC_OK && s->sent != CSVC_CANCELLED) {
        char line[64] = "request"; /* of flags */

        if (s->lines.number > 0) {
            (void)snprintf(line, sizeof(line), "line %u", (unsigned)s->lines.number);
        }
        return tell(s, line,
                    s->sent == CSVC_RESOURCE_EXHAUSTED ? "the message is too large to send"
                                                       : "the message cannot be sent",
                    CSVC__CLI_EXIT_STATUS + (int)s->sent);
    }
    if (s->output != NULL) {
        return tell(s, s->output, "", CSVC__CLI_EXIT_FAILED);
    }
    if (wants_one && (s->n_replies > 1 || (s->n_replies == 0 && rpc->code == CSVC_OK))) {
        return tell(s, "UNIMPLEMENTED",
                    s->n_replies == 0 ? "the server sent no reply"
                                      : "the server sent more than one reply",
                    CSVC__CLI_EXIT_STATUS + CSVC_UNIMPLEMENTED);
    }
    if (rpc->code != CSVC_OK) {
        return tell(s, csvc_code_name(rpc->code), rpc->message,
                    CSVC__CLI_EXIT_STATUS + (int)rpc->code);
    }
    if (wants_one && !put_line(s, s->sole)) {
        return tell(s, s->output, "", CSVC__CLI_EXIT_FAILED);
    }
    return 0;
}

/* Where messages come from: standard input, a file, or the text of --json itself. */
static csvc_code open_lines(streaming *s, int stop_fd, csvc_error *err)
{
    const char *from = s->c->lines != NULL ? s->c->lines : "-";
    int fd = STDIN_FILENO;

    if (strcmp(from, "-") != 0 && strcmp(from, "@-") != 0) {
        if (from[0] != '@') {
            return csvc__cli_lines_text(&s->lines, from, s->c->max_line, err);
        }
        fd = open(from + 1, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--json: %.200s: %s", from + 1,
                                  strerror(errno));
        }
    } else if (s->c->lines == NULL && isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "%s: each line is a message as JSON; Ctrl-D ends\n", s->c->command);
    }
    csvc__cli_lines_init(&s->lines, fd, stop_fd, s->c->max_line);
    return CSVC_OK;
}

/* Lines to messages on one thread, replies on this one. */
static csvc_code exchange_lines(streaming *s, csvc_error *err)
{
    pthread_t thread;
    int stop[2];
    int error;
    csvc_code code;

    if (pipe(stop) != 0) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "cannot make a pipe: %s",
                              strerror(errno));
    }
    code = open_lines(s, stop[0], err);
    if (code == CSVC_OK) {
        error = pthread_create(&thread, NULL, sender, s);
        if (error == 0) {
            receive(s);
            (void)close(stop[1]); /* wakes who waits for a line */
            stop[1] = -1;
            (void)pthread_join(thread, NULL);
        } else {
            code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "cannot start a thread: %s",
                                  strerror(error));
        }
        csvc__cli_lines_release(&s->lines);
    }
    if (stop[1] >= 0) {
        (void)close(stop[1]);
    }
    (void)close(stop[0]);
    return code;
}

static csvc_code exchange(streaming *s, csvc_error *err)
{
    const bool client_streams = (s->c->method->kind & CSVC_RPC_CLIENT_STREAM) != 0;

    if (client_streams && s->c->request == NULL) {
        return exchange_lines(s, err);
    }
    if (client_streams) {
        s->sent = csvc_call_send(s->call, s->c->request);
        end_sending(s);
    }
    receive(s);
    return CSVC_OK;
}

int csvc__cli_stream(const csvc__cli_call *c, csvc_channel *ch, int *ret_signal)
{
    const bool client_streams = (c->method->kind & CSVC_RPC_CLIENT_STREAM) != 0;
    streaming s = {.c = c, .input = {CSVC_ERROR_INIT}, .a = csvc_arena_new(MAX_MEMORY)};
    csvc_rpc rpc = *c->rpc;
    csvc_error err = {CSVC_ERROR_INIT};
    csvc__cli_watch watch;
    bool watches = false;
    int exit_code;

    if (s.a == NULL) {
        return tell(&s, "out of memory", "", CSVC__CLI_EXIT_FAILED);
    }
    s.call = csvc_call_start(ch, c->method, &rpc, client_streams ? NULL : c->request, NULL);
    if (s.call != NULL) {
        watches = csvc__cli_watch_start(&watch, s.call, &err) == CSVC_OK;
        if (!watches || exchange(&s, &err) != CSVC_OK) {
            csvc_call_cancel(s.call);
        }
        (void)csvc_call_finish(s.call, &rpc, NULL);
    }
    *ret_signal = watches ? csvc__cli_watch_end(&watch) : 0;
    if (s.unread) {
        *ret_signal = SIGPIPE; /* seen here before the watch saw it */
    }
    if (*ret_signal != 0 && (rpc.code == CSVC_CANCELLED || s.unread)) {
        exit_code = 0; /* the signal says it all */
    } else if (err.code != CSVC_OK) {
        exit_code =
            tell(&s, err.text, "",
                 err.code == CSVC_INVALID_ARGUMENT ? CSVC__CLI_EXIT_USAGE : CSVC__CLI_EXIT_FAILED);
        *ret_signal = 0;
    } else {
        exit_code = conclude(&s, &rpc);
        *ret_signal = 0;
    }
    csvc_rpc_clear(&rpc);
    (void)csvc_arena_free(s.a);
    return exit_code;
}
