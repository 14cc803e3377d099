#!/usr/bin/env python3
"""The four kinds of rpc, scaffolded, its handlers written as the guide says, called by Python's gRPC."""
import pathlib, sys
sys.path.insert(0, __import__("os").environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

PROTO = """syntax = "proto3";
package all.v1;
message Num { int64 id = 1; }
service AllService {
  rpc One(Num) returns (Num);
  rpc Down(Num) returns (stream Num);
  rpc Up(stream Num) returns (Num);
  rpc Both(stream Num) returns (stream Num);
}
"""

HANDLER = """#include "services.h"

csvc_code all_v1_all_service_%s(struct service *svc, csvc_ctx *ctx, %s)
{
    (void)svc;
    (void)ctx;
%s}
"""

HANDLERS = {
    "down": ("const All__V1__Num *req, csvc_stream *out", """
    csvc_code code = CSVC_OK;
    for (int64_t i = 0; i < req->id && code == CSVC_OK; i++) {
        All__V1__Num n = ALL__V1__NUM__INIT;
        n.id = i;
        code = all_v1_all_service_down_send(out, &n);
    }
    return code;
"""),
    "up": ("csvc_stream *in, All__V1__Num *rsp", """
    const All__V1__Num *req;
    while (all_v1_all_service_up_recv(in, &req)) {
        rsp->id += req->id;
    }
    return csvc_stream_code(in);
"""),
    "both": ("csvc_stream *in, csvc_stream *out", """
    const All__V1__Num *req;
    csvc_code code = CSVC_OK;
    while (code == CSVC_OK && all_v1_all_service_both_recv(in, &req)) {
        code = all_v1_all_service_both_send(out, req);
    }
    return code != CSVC_OK ? code : csvc_stream_code(in);
"""),
}

CLIENT = r'''
import sys, grpc
import all_pb2 as pb, all_pb2_grpc as rpc

s = rpc.AllServiceStub(grpc.insecure_channel(sys.argv[1]))
def numbers(n):
    return (pb.Num(id=i) for i in range(n))
def code_of(call):
    try:
        call()
    except grpc.RpcError as e:
        return e.code()
for n in (0, 1, 1000):
    assert [x.id for x in s.Down(pb.Num(id=n), timeout=60)] == list(range(n))
    assert s.Up(numbers(n), timeout=60).id == n * (n - 1) // 2
    assert [x.id for x in s.Both(numbers(n), timeout=60)] == list(range(n))
assert code_of(lambda: s.One(pb.Num(), timeout=60)) == grpc.StatusCode.UNIMPLEMENTED
endless = s.Down(pb.Num(id=10**12), timeout=60)
next(endless)
endless.cancel()
assert code_of(lambda: list(s.Down(pb.Num(id=10**12), timeout=0.3))) == grpc.StatusCode.DEADLINE_EXCEEDED
assert s.Up(numbers(3), timeout=60).id == 3
'''

proto = pathlib.Path.cwd() / "all.proto"
proto.write_text(PROTO)
pathlib.Path("client.py").write_text(CLIENT)
e2e.python_stubs(proto, ".")
project = e2e.scaffold("all-service", "--proto", proto)
for name, (parameters, body) in HANDLERS.items():
    (project / f"server/all_v1_all_service/{name}.c").write_text(HANDLER % (name, parameters, body))
e2e.run("make", "-C", project, "-j2", *e2e.make_args())
with e2e.Server(project / "build/all-service", cwd=project) as server:
    e2e.run(e2e.PEERS / "python/bin/python", "client.py", server.address)
