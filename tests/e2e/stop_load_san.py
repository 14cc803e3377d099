#!/usr/bin/env python3
# transports: both
"""SIGTERM under load: two instances take turns at being stopped and started while Python's gRPC calls all kinds of rpc.

No call is lost: those in flight finish, by the instances' own logs, too, for the client would repeat them; those that meet the stop
go to the other instance (a retry policy of the client), each instance exits with 0 in time. STOP_ROUNDS=50 is the long run.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

ROUNDS = int(os.environ.get("STOP_ROUNDS", "4"))

PROTO = """syntax = "proto3";
package load.v1;
message Num { int64 id = 1; }
service LoadService {
  rpc One(Num) returns (Num);
  rpc Down(Num) returns (stream Num);
  rpc Up(stream Num) returns (Num);
  rpc Both(stream Num) returns (stream Num);
  rpc Join(Num) returns (stream Num);
}
"""

HANDLER = """#define _DEFAULT_SOURCE /* usleep */
#include "services.h"
#include <stdlib.h>
#include <unistd.h>
%s
csvc_code load_v1_load_service_%s(struct service *svc, csvc_ctx *ctx, %s)
{
    (void)svc;
    (void)ctx;
%s}
"""

KEEPER = """
struct member {
    csvc_ctx *ctx;
};

static void gone(void *self, csvc_code code)
{
    struct member *m = self;

    (void)code;
    csvc_ctx_unref(m->ctx);
    free(m);
}
"""

HANDLERS = {
    "one": ("", "const Load__V1__Num *req, Load__V1__Num *rsp", """
    usleep(20000);
    rsp->id = req->id;
    return CSVC_OK;
"""),
    "down": ("", "const Load__V1__Num *req, csvc_stream *out", """
    csvc_code code = CSVC_OK;
    for (int64_t i = 0; i < req->id && code == CSVC_OK; i++) {
        Load__V1__Num n = LOAD__V1__NUM__INIT;
        n.id = i;
        code = load_v1_load_service_down_send(out, &n);
        usleep(2000);
    }
    return code;
"""),
    "up": ("", "csvc_stream *in, Load__V1__Num *rsp", """
    const Load__V1__Num *req;
    while (load_v1_load_service_up_recv(in, &req)) {
        rsp->id += req->id;
    }
    return csvc_stream_code(in);
"""),
    "both": ("", "csvc_stream *in, csvc_stream *out", """
    const Load__V1__Num *req;
    csvc_code code = CSVC_OK;
    while (code == CSVC_OK && load_v1_load_service_both_recv(in, &req)) {
        code = load_v1_load_service_both_send(out, req);
    }
    return code != CSVC_OK ? code : csvc_stream_code(in);
"""),
    "join": (KEEPER, "const Load__V1__Num *req, csvc_stream *out", """
    struct member *m = malloc(sizeof(*m));
    m->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = m, .on_done = gone});
    return load_v1_load_service_join_send(out, req);
"""),
}

# Calls without pause until a line comes on standard input; prints one line a kind: how many went well, and what went wrong.
CLIENT = r'''
import collections, json, sys, threading, time
import grpc
import load_pb2 as pb, load_pb2_grpc as rpc

channel = grpc.insecure_channel(sys.argv[1], options=[
    ("grpc.service_config", sys.argv[2]), ("grpc.min_reconnect_backoff_ms", 20), ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.max_reconnect_backoff_ms", 100)])
stub = rpc.LoadServiceStub(channel)
grpc.channel_ready_future(channel).result(30)
over = threading.Event()
good = collections.Counter()
bad = collections.Counter()
lock = threading.Lock()

def slowly(n):
    for i in range(n):
        yield pb.Num(id=i)
        time.sleep(.002)

def one():
    assert stub.One(pb.Num(id=7), timeout=20).id == 7
def down():
    assert [x.id for x in stub.Down(pb.Num(id=10), timeout=20)] == list(range(10))
def up():
    assert stub.Up(slowly(10), timeout=20).id == 45
def both():
    assert [x.id for x in stub.Both(slowly(10), timeout=20)] == list(range(10))
def join():
    for _ in stub.Join(pb.Num(id=1), timeout=60):
        if over.is_set():
            return

def again(kind):
    while not over.is_set():
        try:
            kind()
            what = None
        except grpc.RpcError as e:
            what = f"{kind.__name__}: {e.code().name}: {e.details()}"
        with lock:
            if what is None:
                good[kind.__name__] += 1
            else:
                bad[what] += 1

# a stream that nobody ends goes on until its server tells it to
def member():
    told = 0
    while not over.is_set():
        call = stub.Join(pb.Num(id=1), timeout=300)
        members.append(call)
        try:
            for _ in call:
                pass
            what = "it ended well"
        except grpc.RpcError as e:
            what = e.code().name
        with lock:
            (good if what in ("UNAVAILABLE", "CANCELLED") else bad)["join" if what in ("UNAVAILABLE", "CANCELLED") else f"join: {what}"] += 1

members = []
threads = [threading.Thread(target=again, args=(k,)) for k in (one, down, up, both) for _ in range(6)]
threads += [threading.Thread(target=member) for _ in range(4)]
for t in threads:
    t.start()
print("calling", flush=True)
sys.stdin.readline()
over.set()
for call in members:
    call.cancel()
for t in threads:
    t.join(60)
print(json.dumps({"good": good, "bad": bad}), flush=True)
'''

proto = pathlib.Path.cwd() / "load.proto"
proto.write_text(PROTO)
pathlib.Path("client.py").write_text(CLIENT)
e2e.python_stubs(proto, ".")
project = e2e.scaffold("load-service", "--proto", proto)
for name, (before, parameters, body) in HANDLERS.items():
    (project / f"server/load_v1_load_service/{name}.c").write_text(HANDLER % (before, name, parameters, body))
e2e.run("make", "-C", project, "-j2", *e2e.make_args())


def instance(address="127.0.0.1:0"):
    return e2e.Server(project / "build/load-service", cwd=project, env={"GRPC_ADDR": address, "ADMIN_ADDR": "off", "LOG_LEVEL": "debug"}).start()


def handled(server):
    """How many calls it ended with OK, by its log. Any other end is one that a caller has lost, but for streams that nobody ends."""
    n = 0
    for line in server.text().splitlines():
        n += " call method=" in line and " code=OK " in line
        if "call failed" in line and "/Join" not in line:
            e2e.fail(f"a call in flight was lost: {line}")
    return n


servers = [instance(), instance()]
guide = (e2e.SOURCE / "docs/health.md").read_text()
policy = guide[guide.index("```json\n") + len("```json\n"):]
policy = policy[:policy.index("```")]
slowest = served = 0
targets = "ipv4:" + ",".join(s.address for s in servers)
client = subprocess.Popen(e2e.python_client("client.py", targets, policy), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
try:
    e2e.equal(client.stdout.readline(), "calling\n", "the client")
    for n in range(ROUNDS):
        time.sleep(.3)  # of load
        old = servers[n % 2]
        began = time.monotonic()
        old.stop(signal.SIGTERM)  # exit code 0
        slowest = max(slowest, time.monotonic() - began)
        served += handled(old)
        servers[n % 2] = instance(old.address)
        time.sleep(.3)  # for clients to find it again
    out, _ = client.communicate("over\n", timeout=120)
    result = json.loads(out)
    print(f"{ROUNDS} stops, the longest {slowest:.2f} s; calls: {result['good']}")
    e2e.equal(result["bad"], {}, "calls that failed")
    e2e.equal(served > ROUNDS * 10, True, f"the logs of the instances tell of {served} calls")
    for kind in ("one", "down", "up", "both"):
        e2e.equal(result["good"].get(kind, 0) > ROUNDS * 10, True, f"{kind} was called {result['good']}")
    e2e.equal(result["good"].get("join", 0) >= ROUNDS, True, f"streams were told {result['good']}")
    e2e.equal(slowest < 10, True, f"a stop took {slowest} s")
finally:
    if client.poll() is None:
        client.kill()
    for s in servers:
        s.kill()
