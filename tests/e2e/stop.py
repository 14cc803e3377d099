#!/usr/bin/env python3
# transports: both
"""How a generated service stops: probes (the kubelet's own prober), the lame-duck time, streams that are told, a handler that is stuck."""
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

PROTO = """syntax = "proto3";
package stop.v1;
message Num { int64 id = 1; }
service StopService {
  rpc One(Num) returns (Num);
  rpc Join(Num) returns (stream Num);
  rpc Both(stream Num) returns (stream Num);
}
"""

HANDLER = """#define _DEFAULT_SOURCE /* usleep */
#include "services.h"
#include <stdlib.h>
#include <unistd.h>
%s
csvc_code stop_v1_stop_service_%s(struct service *svc, csvc_ctx *ctx, %s)
{
    (void)svc;
    (void)ctx;
%s}
"""

# the handlers of docs/health.md are taken out of it
GUIDE = (e2e.SOURCE / "docs/health.md").read_text()


def guide(mark):
    """The C block of the guide that begins with this line."""
    start = GUIDE.index(f"```c\n{mark}") + len("```c\n")
    return GUIDE[start:GUIDE.index("```", start)]


HANDLERS = {
    # id: milliseconds to work; below 0: for ever, whatever is said; 0: until it is cancelled
    "one": ("", "const Stop__V1__Num *req, Stop__V1__Num *rsp", """
    if (req->id == 12) {
        csvc_health_set(svc->health, "stop.v1.StopService", CSVC_HEALTH_NOT_SERVING);
    }
    if (req->id == 13) {
        csvc_health_set(svc->health, "", CSVC_HEALTH_NOT_SERVING);
    }
    while (req->id < 0) {
        pause();
    }
    while (req->id == 0 && !csvc_cancelled(ctx)) {
        usleep(1000);
    }
    usleep((useconds_t)req->id * 1000);
    rsp->id = req->id;
    return csvc_check_cancelled(ctx);
"""),
    "both": ("", "csvc_stream *in, csvc_stream *out", guide("const Stop__V1__Num *req;\n")),
}

CLIENT = r'''
import sys, threading, grpc
import stop_pb2 as pb, stop_pb2_grpc as rpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

channel = grpc.insecure_channel(sys.argv[1])
stub = rpc.StopServiceStub(channel)
def outcome(call):
    try:
        return [x.id for x in call] if hasattr(call, "__iter__") else call().id
    except grpc.RpcError as e:
        return e.code().name, e.details()
'''


def client(server, code):
    """Runs Python beside a server; the lines it prints."""
    return subprocess.Popen(e2e.python_client("-c", CLIENT + code, server.address), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def ready(server):
    try:
        with urllib.request.urlopen(f"http://{server.admin}/readyz", timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code


def probe(server, service):
    """What the kubelet would see."""
    program = e2e.PEERS / "go/kube-probe"
    if not program.exists():
        return None
    return e2e.run(program, server.address, service).stdout.split()[0]


def expect_probe(server, service, wanted):
    got = probe(server, service)
    if got is not None:
        e2e.equal(got, wanted, f"the kubelet's probe of {service!r}")


def took(server, signals=(signal.SIGTERM,), expect=0):
    """Stops the server; seconds."""
    began = time.monotonic()
    server.expect = expect
    for number in signals[:-1]:
        server.process.send_signal(number)
        while "stopping" not in server.text():
            time.sleep(.001)
    server.stop(signals[-1])
    return time.monotonic() - began


proto = pathlib.Path.cwd() / "stop.proto"
proto.write_text(PROTO)
e2e.python_stubs(proto, ".")
project = e2e.scaffold("stop-service", "--proto", proto)
folder = project / "server/stop_v1_stop_service"
for name, (before, parameters, body) in HANDLERS.items():
    (folder / f"{name}.c").write_text(HANDLER % (before, name, parameters, body))
(folder / "join.c").write_text(guide('#include "services.h"\n'))
header = project / "server/service.h"
header.write_text(header.read_text().replace("struct service {", "struct service {\n    csvc_health *health;", 1))
main = project / "server/main.c"
main.write_text(main.read_text().replace("    services_register(app, &svc);", guide("csvc_health *health") + "    svc.health = health;\n    services_register(app, &svc);", 1))
e2e.run("make", "-C", project, "-j2", *e2e.make_args())
if not (e2e.PEERS / "go/kube-probe").exists():
    e2e.not_tried("the kubelet's own prober", "there is no go to build it with")


def start(*arguments):
    return e2e.Server(project / "build/stop-service", *arguments, cwd=project).start()


# probes; what a handler sets; the lame-duck time, in which calls are served on
server = start("--shutdown-delay=1500ms")
expect_probe(server, "", "success")
expect_probe(server, "stop.v1.StopService", "success")
expect_probe(server, "stop.v1.Nobody", "failure")
e2e.equal(ready(server), 200, "/readyz")
expect_probe(server, "user.UserService", "failure")
expect_probe(server, "warehouse", "success")

# the commands of the guide
env = e2e.environment()
env["PATH"] = f"{e2e.PEERS}/go:{e2e.PEERS}/node/node_modules/.bin:{env['PATH']}"
commands = [line[2:] for line in GUIDE.splitlines() if line.startswith("$ ")]
e2e.equal(len(commands), 5, "commands in docs/health.md")
for command in commands:
    command = command.replace("127.0.0.1:50051", server.address).replace("user.UserService/GetUser", "stop.v1.StopService/One")
    if command.startswith("grpcurl") and not (e2e.PEERS / "go/grpcurl").exists():
        e2e.not_tried(command, "there is no go to build it with")
        continue
    said = e2e.run("sh", "-c", command.replace("user.UserService", "stop.v1.StopService"), env=env).stdout
    e2e.equal(bool(said), True, command)
    if command.endswith("Health/Check"):
        e2e.equal(said in GUIDE, True, f"{command}: {said}")
c = client(server, 'print(outcome(lambda: stub.One(pb.Num(id=12), timeout=20)), flush=True)')
e2e.equal(c.communicate()[0], "12\n", "a call")
expect_probe(server, "stop.v1.StopService", "failure")
expect_probe(server, "", "success")
e2e.equal(ready(server), 200, "/readyz, one service away")
c = client(server, r'''
watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=""), timeout=60)
print(next(watch).status, flush=True)
print(next(watch).status, flush=True)
print(outcome(lambda: stub.One(pb.Num(id=7), timeout=20)), flush=True)
print(outcome(watch), flush=True)
''')
e2e.equal(c.stdout.readline(), "1\n", "a watch")
server.process.send_signal(signal.SIGTERM)
began = time.monotonic()
e2e.equal([c.stdout.readline() for _ in range(2)], ["2\n", "7\n"], "NOT_SERVING, and a call after it")
e2e.equal(time.monotonic() - began < 1.4, True, "within the lame-duck time")
e2e.equal(ready(server), 503, "/readyz while it stops")
expect_probe(server, "", "failure")
e2e.equal(c.communicate()[0], "('UNAVAILABLE', 'the server is stopping')\n", "the end of the watch")
e2e.equal(server.process.wait(20), 0, "exit code")
e2e.equal(1.4 < time.monotonic() - began < 10, True, "the delay and not much more")

# what is set for the whole server is what /readyz says
server = start()
client(server, 'outcome(lambda: stub.One(pb.Num(id=13), timeout=20))').wait(30)
e2e.equal(ready(server), 503, '/readyz follows ""')
expect_probe(server, "", "failure")
took(server)

# detached streams hear of it, and hold nothing up; calls in flight end well
server = start()
c = client(server, r'''
joined = [stub.Join(pb.Num(id=i), timeout=60) for i in range(50)]
assert [next(j).id for j in joined] == list(range(50))
working = [stub.One.future(pb.Num(id=700), timeout=20) for _ in range(20)]
go = threading.Event()
def requests():
    for i in range(5):
        yield pb.Num(id=i)
        go.wait(.1)
both = stub.Both(requests(), timeout=20)
assert next(both).id == 0
print("calling", flush=True)
print({str(outcome(j)) for j in joined}, [w.result().id for w in working] == [700] * 20, outcome(both), flush=True)
''')
e2e.equal(c.stdout.readline(), "calling\n", "calls")
seconds = took(server)
e2e.equal(c.communicate()[0], """{"('UNAVAILABLE', 'the server is stopping')"} True [1, 2, 3, 4]\n""", "what the callers saw")
e2e.equal(seconds < 10, True, f"it took {seconds} s")

# ten thousand who watch need no thread, are told in time, and hold nothing up
WATCHERS = r'''
import asyncio, sys, grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

async def main():
    options = [("grpc.use_local_subchannel_pool", 1)]
    stubs = [health_pb2_grpc.HealthStub(grpc.aio.insecure_channel(sys.argv[1], options=options)) for _ in range(12)]
    calls = [stubs[i % 12].Watch(health_pb2.HealthCheckRequest(service="")) for i in range(10_000)]
    print({(await c.read()).status for c in calls}, flush=True)
    print({(await c.read()).status for c in calls}, flush=True)
    print({(await c.code()).name for c in calls}, flush=True)
asyncio.run(main())
'''


def threads(server):
    return len(os.listdir(f"/proc/{server.process.pid}/task"))


server = start("--shutdown-delay=1s")
before = threads(server)
c = subprocess.Popen(e2e.python_client("-c", WATCHERS, server.address), stdout=subprocess.PIPE, text=True)
e2e.equal(c.stdout.readline(), "{1}\n", "ten thousand watches")
e2e.equal(threads(server) < before + 10, True, f"{threads(server)} threads, {before} before")
seconds = took(server)
e2e.equal(c.communicate()[0].split(), ["{2}", "{'UNAVAILABLE'}"], "what they were told")
e2e.equal(seconds < 20, True, f"it took {seconds} s")

# a call that would not end is cancelled when the grace is over, and that is no orderly stop
server = start("--shutdown-grace=500ms")
c = client(server, 'print("calling", flush=True); print(outcome(lambda: stub.One(pb.Num(id=0), timeout=60))[0], flush=True)')
c.stdout.readline()
while '"total": 1' not in urllib.request.urlopen(f"http://{server.admin}/debug/calls").read().decode():
    time.sleep(.01)
seconds = took(server, expect=1)
e2e.equal((c.communicate()[0], seconds < 10), ("UNAVAILABLE\n", True), f"a call that is cancelled, {seconds} s")
e2e.equal("the grace ran out" in server.text(), True, server.text())

# a handler that is stuck cannot be ended: the process leaves without it; a second signal does not even wait
for arguments, signals, expect in ((["--shutdown-grace=300ms"], [signal.SIGTERM], 1), ([], [signal.SIGTERM, signal.SIGTERM], -signal.SIGTERM),
                                   (["--shutdown-delay=60s"], [signal.SIGINT, signal.SIGTERM], -signal.SIGTERM)):
    server = start(*arguments)
    c = client(server, 'print("calling", flush=True); print(outcome(lambda: stub.One(pb.Num(id=-1), timeout=60))[0], flush=True)')
    c.stdout.readline()
    while '"total": 1' not in urllib.request.urlopen(f"http://{server.admin}/debug/calls").read().decode():
        time.sleep(.01)
    seconds = took(server, signals, expect)
    e2e.equal((c.communicate()[0], seconds < 10), ("UNAVAILABLE\n", True), f"a stuck handler, {signals}, {seconds} s")
