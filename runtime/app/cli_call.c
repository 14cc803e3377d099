/* app/cli_call.c: a channel, a call, and what came of it. */
#include <app/cli.h>

#include <stdio.h>

#include <base/banned.h>

static int print_reply(const csvc__cli_call *c, const void *reply)
{
    csvc_error err = {CSVC_ERROR_INIT};
    const char *json = csvc_json_print(c->a, c->method->reply, reply, NULL, &err);

    if (json == NULL) {
        (void)fprintf(stderr, "%s: the reply cannot be printed: %s\n", c->command, err.text);
        return CSVC__CLI_EXIT_FAILED;
    }
    if (printf("%s\n", json) < 0 || fflush(stdout) != 0) {
        (void)fprintf(stderr, "%s: cannot write to standard output\n", c->command);
        return CSVC__CLI_EXIT_FAILED;
    }
    return 0;
}

static int call_unary(const csvc__cli_call *c, csvc_channel *ch)
{
    csvc_rpc rpc = *c->rpc;
    const void *reply;
    int exit_code;

    if (csvc_call_unary(ch, c->method, &rpc, c->request, &reply) == CSVC_OK) {
        exit_code = print_reply(c, reply);
    } else {
        (void)fprintf(stderr, "%s: %s%s%s\n", c->command, csvc_code_name(rpc.code),
                      rpc.message[0] != '\0' ? ": " : "", rpc.message);
        exit_code = CSVC__CLI_EXIT_STATUS + (int)rpc.code;
    }
    csvc_rpc_clear(&rpc);
    return exit_code;
}

int csvc__cli_call_run(void *self, const csvc__cli_call *c, int *ret_signal)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = csvc_channel_new(c->addr, c->channel, &err);
    int exit_code;

    (void)self;
    *ret_signal = 0;
    if (ch == NULL) {
        (void)fprintf(stderr, "%s: %s: %s\n", c->program, c->addr, err.text);
        return err.code == CSVC_INVALID_ARGUMENT ? CSVC__CLI_EXIT_USAGE : CSVC__CLI_EXIT_FAILED;
    }
    exit_code =
        c->method->kind == CSVC_RPC_UNARY ? call_unary(c, ch) : csvc__cli_stream(c, ch, ret_signal);
    (void)csvc_channel_free(ch);
    return exit_code;
}
