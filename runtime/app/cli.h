/* app/cli.h: the inside of a command-line client: cli.c drives, cli_command.c names, cli_field.c
 * and its kin read, cli_help.c prints. */
#ifndef CSVC_APP_CLI_H
#define CSVC_APP_CLI_H

#include <csvc/app.h>

#include <pthread.h>
#include <signal.h>

enum {
    CSVC__CLI_EXIT_FAILED = 1,
    CSVC__CLI_EXIT_USAGE = 2,
    CSVC__CLI_EXIT_STATUS = 64, /* and the code */

    CSVC__CLI_NAME = 256,  /* longest name of a flag or a command */
    CSVC__CLI_DEPTH = 100, /* messages within messages */
};

/* ---- cli_command.c ---- */

/* "create-user" for CreateUser, "http-server" for HTTPServer. */
void csvc__cli_kebab(const char *name, char ret_text[CSVC__CLI_NAME]);

/* What to type for an rpc: its name, behind its service's where two services have one so called. */
void csvc__cli_command(const csvc_cli_info *info, const csvc_service *service,
                       const csvc_method *method, char ret_text[CSVC__CLI_NAME]);

/* "user-service.create-user", or with the package, too: "user.UserService.create-user". */
void csvc__cli_long_command(const csvc_service *service, const csvc_method *method, bool whole,
                            char ret_text[CSVC__CLI_NAME]);

/* ---- cli_field.c: flags to fields ---- */

/* The field a flag names: "id", "full-name", "fullName", "author.name", "items.0.name". */
typedef struct csvc__cli_leaf {
    const csvc_message_type *type; /* of the message it is in */
    const csvc_field *field;
    uint32_t index; /* of the field in its type */
} csvc__cli_leaf;

/* NOT_FOUND, with the nearest name in err, when there is none; INVALID_ARGUMENT for a bad index. */
csvc_code csvc__cli_find(const csvc_message_type *type, const char *flag, csvc__cli_leaf *ret_leaf,
                         csvc_error *err) CSVC_MUST_CHECK;

/* Whether `--flag` alone says true. */
bool csvc__cli_is_switch(const csvc__cli_leaf *leaf);

/* Sets it from text. INVALID_ARGUMENT, saying what is wanted; RESOURCE_EXHAUSTED. */
csvc_code csvc__cli_set(csvc_arena *a, const csvc_message_type *type, void *message,
                        const char *flag, const char *value, csvc_error *err) CSVC_MUST_CHECK;

/* The name of a field as a flag, without the dashes. */
void csvc__cli_flag_name(const csvc_message_type *type, uint32_t index,
                         char ret_text[CSVC__CLI_NAME]);

/* ---- cli_value.c: text to one value ---- */

/* Reads `text` into the memory of one value of the field's kind. INVALID_ARGUMENT says what is
 * wanted: "a whole number from -128 to 127". */
csvc_code csvc__cli_value(csvc_arena *a, const csvc_field *field, const char *text, void *ret_value,
                          csvc_error *err) CSVC_MUST_CHECK;

/* Bytes of one value of a kind in a struct or an array. */
size_t csvc__cli_value_size(uint8_t kind);

/* "a time such as 2026-11-21T09:00:00Z": what a value of the field looks like. */
void csvc__cli_wanted(const csvc_field *field, char *ret_text, size_t size);

/* ---- cli_json.c ---- */

/* All of a file, or of standard input for "-". INVALID_ARGUMENT says what is wanted. */
csvc_code csvc__cli_file(csvc_arena *a, const char *path, csvc_bytes *ret_bytes,
                         csvc_error *err) CSVC_MUST_CHECK;

/* A message from JSON, or from @FILE. INVALID_ARGUMENT: "JSON for user.User: $.id, 1:7: ...". */
csvc_code csvc__cli_json(csvc_arena *a, const csvc_message_type *type, const char *text,
                         void **ret_message, csvc_error *err) CSVC_MUST_CHECK;

/* ---- cli_lines.c ---- */

/* Lines of a file, a pipe or a terminal, each as soon as it is there. */
typedef struct csvc__cli_lines {
    int fd;
    int stop_fd;     /* readable: wait no more; -1: none */
    size_t max;      /* bytes of a line */
    uint32_t number; /* of the last line given, from 1 */
    bool at_end;
    char *data;
    size_t len, size;
    size_t at, seen; /* where the next line begins; up to where there is no end of it */
} csvc__cli_lines;

typedef enum csvc__cli_line {
    CSVC__CLI_LINE,
    CSVC__CLI_NO_MORE,
    CSVC__CLI_STOPPED,
    CSVC__CLI_TOO_LONG,   /* `number` is that line's */
    CSVC__CLI_UNREADABLE, /* errno says why */
    CSVC__CLI_NO_MEMORY,
} csvc__cli_line;

void csvc__cli_lines_init(csvc__cli_lines *l, int fd, int stop_fd, size_t max);
/* The lines of a text, of which nothing is kept. */
csvc_code csvc__cli_lines_text(csvc__cli_lines *l, const char *text, size_t max,
                               csvc_error *err) CSVC_MUST_CHECK;
/* Closes the file, too, unless it is standard input. */
void csvc__cli_lines_release(csvc__cli_lines *l);

/* The next line, without its end, living until the one after it. */
csvc__cli_line csvc__cli_lines_next(csvc__cli_lines *l, const char **ret_text, size_t *ret_len);

/* ---- cli_watch.c ---- */

/* Cancels a call at SIGINT, SIGTERM, SIGHUP, and when nobody reads standard output any more. */
typedef struct csvc__cli_watch {
    csvc_call *call;
    int pipe[2];
    int signal; /* the thread's, until it has ended */
    pthread_t thread;
    struct sigaction before[3], pipe_before;
} csvc__cli_watch;

csvc_code csvc__cli_watch_start(csvc__cli_watch *w, csvc_call *call,
                                csvc_error *err) CSVC_MUST_CHECK;
/* The signal that ended it (SIGPIPE: nobody reads), or 0. Signals are as they were before. */
int csvc__cli_watch_end(csvc__cli_watch *w);

/* ---- cli_call.c, cli_stream.c ---- */

typedef struct csvc__cli_call {
    const char *program, *command, *addr;
    const csvc_channel_options *channel;
    const csvc_method *method;
    const csvc_rpc *rpc; /* what is asked for */
    csvc_arena *a;
    const void *request; /* NULL: messages come as lines */
    const char *lines;   /* of --json: "-", "@FILE", or the messages themselves; NULL: "-" */
    size_t max_line;
} csvc__cli_call;

/* Makes the call and prints what comes of it; the exit code. A signal that ended it is to be raised
 * once all is cleared up. */
int csvc__cli_call_run(void *self, const csvc__cli_call *c, int *ret_signal);
int csvc__cli_stream(const csvc__cli_call *c, csvc_channel *ch, int *ret_signal);

/* ---- cli.c ---- */

/* What a program does with the call that its arguments ask for. */
typedef struct csvc__cli_use {
    const char *about;                                                /* of its help */
    int (*run)(void *self, const csvc__cli_call *c, int *ret_signal); /* the exit code */
    void *self;
} csvc__cli_use;

int csvc__cli_main(const csvc_cli_info *info, int argc, char **argv, const csvc__cli_use *use);

/* ---- cli_tls.c ---- */

/* Whether it is the name of a flag about TLS, and whether that stands alone. */
bool csvc__cli_tls_is(const char *name, bool *ret_switch);
csvc_code csvc__cli_tls_set(csvc_channel_options *options, const char *name, const char *value,
                            csvc_error *err) CSVC_MUST_CHECK;
/* Takes what the variables say; flags come later, and win. */
void csvc__cli_tls_environment(csvc_channel_options *options);
void csvc__cli_tls_help(void);

/* ---- cli_help.c ---- */

void csvc__cli_help(const csvc_cli_info *info, const char *about);
void csvc__cli_help_command(const csvc_cli_info *info, const csvc_service *service,
                            const csvc_method *method);

#endif /* CSVC_APP_CLI_H */
