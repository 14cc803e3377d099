/* main.c: protoc-gen-c-svc, what protoc runs for --c-svc_out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "plugin/plugin.h"

#include "base/banned.h"

enum {
    MAX_REQUEST = 1 << 30
};

static const char usage[] =
    "usage: protoc --c-svc_out=gen user.proto     (protoc runs this program itself)\n"
    "       protoc-gen-c-svc --help | --version\n";

static const char help[] =
    "\n"
    "Makes the C of gRPC services: for user.proto the files user.pb-c.[ch] (messages, by\n"
    "protoc-gen-c), user.csvc.[ch] (ops, registration, client, tables) and, where it holds\n"
    "entities, user.store.[ch]. It reads a CodeGeneratorRequest from its standard input and\n"
    "writes a CodeGeneratorResponse to its standard output.\n"
    "\n"
    "Parameters, as --c-svc_opt=KEY=VALUE,... or --c-svc_out=KEY=VALUE,...:gen\n"
    "  messages=on|off         user.pb-c.[ch] too (on), or leave them to protoc --c_out\n"
    "  protoc_gen_c=PATH       the protoc-gen-c to run; else the one in PATH\n"
    "  c_package=NAME          stands for the package in C names\n"
    "  inference=1             the rule set that finds entities\n"
    "  templates=DIR           templates that come before the built-in ones\n"
    "  paths=source_relative   how files are placed; there is no other way\n"
    "\n"
    "Options for .proto files are in c_svc/options.proto; see protoc-gen-c-svc(1).\n";

static int print(const char *text, const char *more)
{
    if (fputs(text, stdout) < 0 || fputs(more, stdout) < 0 || fflush(stdout) != 0) {
        (void)fprintf(stderr, "protoc-gen-c-svc: cannot write: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}

static bool read_all(csvc__buffer *input)
{
    char bytes[65536];

    for (;;) {
        ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

        if (n == 0) {
            break;
        }
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            (void)fprintf(stderr, "protoc-gen-c-svc: cannot read the request: %s\n",
                          strerror(errno));
            return false;
        }
        csvc__buffer_add(input, bytes, (size_t)n);
    }
    if (!csvc__buffer_ok(input)) {
        (void)fprintf(stderr,
                      "protoc-gen-c-svc: the request is over %d bytes, or memory is short\n",
                      MAX_REQUEST);
        return false;
    }
    return true;
}

static bool write_all(csvc_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes.data, bytes.len);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            (void)fprintf(stderr, "protoc-gen-c-svc: cannot write the response: %s\n",
                          strerror(errno));
            return false;
        }
        bytes.data += n;
        bytes.len -= (size_t)n;
    }
    return true;
}

static int run(void)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc__buffer input;
    gen_response response;
    csvc_arena *a = csvc_arena_new(0);
    bool ok = false;

    csvc__buffer_init(&input, MAX_REQUEST);
    if (a == NULL) {
        (void)fputs("protoc-gen-c-svc: out of memory\n", stderr);
    } else if (read_all(&input)) {
        csvc_bytes request = {input.len, (const uint8_t *)input.data};

        if (gen_plugin_run(a, request, &response, &err) != CSVC_OK) {
            (void)fprintf(stderr, "protoc-gen-c-svc: %s\n", err.text);
        } else {
            ok = true;
            for (size_t i = 0; ok && i < response.n_pieces; i++) {
                ok = write_all(response.pieces[i]);
            }
        }
    }
    csvc__buffer_release(&input);
    (void)csvc_arena_free(a);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return print(usage, help);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return print("protoc-gen-c-svc " CSVC_VERSION, "\n");
    }
    if (argc > 1) {
        (void)fprintf(stderr, "protoc-gen-c-svc: unknown argument %s\n%s", argv[1], usage);
        return 1;
    }
    if (isatty(STDIN_FILENO)) {
        (void)fprintf(stderr, "protoc-gen-c-svc: no request on standard input\n%s", usage);
        return 1;
    }
    return run();
}
