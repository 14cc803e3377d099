#!/usr/bin/env python3
"""An existing codebase adopts c-svc: its own Makefile, protoc --c-svc_out, two libraries, handlers by hand, no scaffolder."""
import pathlib
import sys
sys.path.insert(0, __import__("os").environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

home = pathlib.Path("daemon")
(home / "api").mkdir(parents=True)
(home / "api/greeter.proto").write_text('''syntax = "proto3";
package greeter.v1;
service Greeter {
  // Says hello.
  rpc SayHello(HelloRequest) returns (HelloReply);
  rpc Never(HelloRequest) returns (HelloReply);
}
message HelloRequest { string name = 1; }
message HelloReply { string message = 1; }
''')
(home / "main.c").write_text(r'''#include "greeter.csvc.h"
#include <csvc/server.h>
#include <signal.h>
#include <stdio.h>

static csvc_code say_hello(void *self, csvc_ctx *ctx, const Greeter__V1__HelloRequest *req,
                           Greeter__V1__HelloReply *rsp)
{
    (void)self;
    if (req->name[0] == '\0') {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "whom?");
    }
    rsp->message = csvc_printf(ctx, "hello, %s", req->name);
    return rsp->message != NULL ? CSVC_OK : CSVC_RESOURCE_EXHAUSTED;
}

int main(void)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &csvc_grpc_core};
    greeter_v1_greeter_ops ops = {GREETER_V1_GREETER_OPS_INIT, .say_hello = say_hello};
    sigset_t stop;
    int port = 0, sig = 0;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    csvc_server *srv = csvc_server_new(&options, &err);
    if (srv == NULL || greeter_v1_greeter_ops_register(srv, &ops, NULL) != CSVC_OK ||
        csvc_server_listen(srv, "127.0.0.1:0", &port, &err) != CSVC_OK ||
        csvc_server_start(srv, &err) != CSVC_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    fprintf(stderr, "listening grpc=127.0.0.1:%d\n", port);
    sigwait(&stop, &sig);
    (void)csvc_server_shutdown(srv, 5000);
    csvc_server_free(srv);
    return 0;
}
''')
(home / "Makefile").write_text('''CFLAGS = -std=c99 -Wall -Wextra -Wpedantic -Werror -g -Igen $(shell pkg-config --cflags libcsvc-grpc-core libcsvc)
LIBS = $(shell pkg-config --libs libcsvc-grpc-core libcsvc) -Wl,-rpath,$(shell pkg-config --variable=libdir libcsvc)
ifneq ($(SAN),)
CFLAGS += -fsanitize=$(SAN)
endif
daemon: main.c gen/greeter.csvc.c gen/greeter.pb-c.c
\t$(CC) $(CFLAGS) -Wno-error=pedantic -o $@ $^ $(LIBS)
main.c: gen/greeter.csvc.c
gen/greeter.csvc.c gen/greeter.pb-c.c &: api/greeter.proto
\tmkdir -p gen
\tprotoc -Iapi --c-svc_out=gen greeter.proto
''')
e2e.run("make", "-C", home, *e2e.make_args())
e2e.python_stubs(home / "api/greeter.proto", ".")
pathlib.Path("client.py").write_text('''
import sys, grpc, greeter_pb2 as pb, greeter_pb2_grpc as rpc
g = rpc.GreeterStub(grpc.insecure_channel(sys.argv[1]))
assert g.SayHello(pb.HelloRequest(name="ada"), timeout=10).message == "hello, ada"
for call, request, code, text in ((g.SayHello, pb.HelloRequest(), grpc.StatusCode.INVALID_ARGUMENT, "whom?"),
                                  (g.Never, pb.HelloRequest(), grpc.StatusCode.UNIMPLEMENTED, "Never")):
    try:
        call(request, timeout=10)
        raise SystemExit("was not refused")
    except grpc.RpcError as e:
        assert e.code() == code and text in e.details(), e
''')
with e2e.Server(home / "daemon") as server:
    e2e.run(*e2e.python_client("client.py", server.address))
