#!/usr/bin/env python3
"""T4: 8,000 idle connections (2,000 short) cost no CPU and hinder nobody; then no file descriptor is left: new callers
are refused, calls on the connections there are go on, nothing spins, and when some have gone new ones are accepted."""
import os
import resource
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import h2
import torture
from torture import e2e, OK

CONNECTIONS = torture.short_or_long(2000, 8000)
FEW = 300  # descriptors of the second server

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if hard != resource.RLIM_INFINITY and hard < CONNECTIONS + 200:
    e2e.not_tried(f"{CONNECTIONS} connections", f"{hard} descriptors are allowed")
    CONNECTIONS = hard - 200
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def call(c, number):
    c.call(number, torture.SERVICE + "Echo", h2.message(b"\x08\x01"))
    return c.finish(number, 10)[0]


def closed(s):
    """Whether the server has closed it, whatever it said before."""
    s.setblocking(False)
    try:
        while s.recv(65536):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def idle_cpu(server, seconds=1):
    before, began = torture.cpu_seconds(server.process.pid), time.monotonic()
    time.sleep(seconds)
    return (torture.cpu_seconds(server.process.pid) - before) / (time.monotonic() - began)


def many(server):
    before = server.usage()["rss"]
    connections = [h2.Connection(server.address) for _ in range(CONNECTIONS)]
    for c in connections:
        c.read(5)
    torture.wait_until("all are accepted", lambda: server.usage()["fds"] > CONNECTIONS)
    cost = (server.usage()["rss"] - before) / CONNECTIONS
    busy = idle_cpu(server)
    print(f"{CONNECTIONS} idle connections: {cost / 1024:.1f} KiB each, {busy:.1%} of a CPU")
    if cost > 64 * 1024 or busy > 0.2:
        e2e.fail(f"{cost} bytes a connection, {busy:.1%} of a CPU")
    torture.only_ok(torture.load("unary", server.address, calls=500), 500, "calls beside them")
    for c in connections[::100]:
        e2e.equal(call(c, 1), OK, "a call on one of them")
    for c in connections:
        c.socket.close()


with torture.Server() as server:
    def come_and_go():
        many(server)
        torture.wait_until("they are gone", lambda: server.usage()["fds"] < 100)
    server.warm_by(come_and_go)

# no descriptor left: the program that starts it says how many it may have
with torture.Server("--grpc-handshake-timeout", "60s") as server:  # who says nothing keeps his
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (FEW, FEW))
    old = [h2.Connection(server.address) for _ in range(50)]
    for c in old:
        e2e.equal(call(c, 1), OK, "a call before")
    held = server.warm()["fds"]
    more = [h2.Connection(server.address, preface=b"").socket for _ in range(FEW + 50)]
    # so many cannot have got one; some of those held were so for a moment
    beyond = len(more) - (FEW - held) - 5
    torture.wait_until(f"{beyond} and more new callers are refused", lambda: sum(map(closed, more)) >= beyond)
    if server.usage()["fds"] < FEW - 10:
        e2e.fail(f"some are left: {server.usage()} of {FEW} descriptors")
    last = [h2.Connection(server.address, preface=b"").socket for _ in range(50)]
    busy = idle_cpu(server)
    torture.wait_until("whoever comes now is refused", lambda: sum(map(closed, last)) >= 40)
    for c in old:
        e2e.equal(call(c, 3), OK, "a call on an old connection while nothing is left")
    if busy > 0.2:
        e2e.fail(f"it spins: {busy:.0%} of a CPU")
    for s in more + last:
        s.close()
    torture.wait_until("the others are gone", lambda: server.usage()["fds"] <= held + 10)

    def accepted():
        with h2.Connection(server.address) as c:
            return call(c, 1) == OK
    torture.wait_until("new connections are accepted", accepted)  # with TLS it is otherwise: docs/deviations.md, core-emfile
    print(f"no descriptor left: {busy:.1%} of a CPU; accepted again afterwards")
    for c in old:
        e2e.equal(call(c, 5), OK, "a call on an old connection afterwards")
        c.socket.close()
