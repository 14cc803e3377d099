#!/usr/bin/env python3
"""T5: 200 server streams whose callers never read, detached, and again from pool handlers (max_workers 256): each holds no more
than its window, its queue (docs/limits.md) and a message, ends at its deadline, and a bystander's p99 stays within twice of
what it is without."""
import os
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import h2
import torture
from torture import e2e, MIB

STREAMS, CONNECTIONS = 200, 20
SECONDS = torture.short_or_long(12, 300)
WINDOW, MESSAGE, QUEUE = 4096, 32 * 1024, 256 * 1024
OF_ITS_OWN = 24 * 1024  # what an open stream costs in any case, T3


def varint(n):
    out = b""
    while n > 0x7f:
        out, n = out + bytes([n & 0x7f | 0x80]), n >> 7
    return out + bytes([n])


def hold(server, rpc):
    """The streams of one kind, from their beginning to their deadline."""
    before = server.usage()["rss"]
    ended = lambda: server.total("grpc_server_handled_total", grpc_method=rpc, grpc_code="DeadlineExceeded")
    ended_before = ended()
    quiet = torture.bystander(server.address)
    began = time.monotonic()
    connections = [h2.Connection(server.address, settings=[(4, WINDOW)], reads=False) for _ in range(CONNECTIONS)]
    for i in range(STREAMS):
        connections[i % CONNECTIONS].call(2 * (i // CONNECTIONS) + 1, torture.SERVICE + rpc,
                                          h2.message(b"\x10" + varint(MESSAGE)), ("grpc-timeout", f"{SECONDS}S"))
    started = lambda: server.total("grpc_server_started_total", grpc_method=rpc) - server.total("grpc_server_handled_total", grpc_method=rpc)
    torture.wait_until("all streams are open", lambda: started() == STREAMS)
    cost, last = 0, -1
    while cost != last:  # until the queues are full
        last = cost
        time.sleep(0.3)
        cost = server.usage()["rss"] - before
    bound = STREAMS * (WINDOW + QUEUE + MESSAGE + OF_ITS_OWN) + 4 * MIB
    print(f"{rpc}: {cost / STREAMS / 1024:.0f} KiB a stream, {cost / MIB:.0f} MiB in all, bound {bound / MIB:.0f} MiB")
    if cost > bound and not e2e.SAN:
        e2e.fail(f"{rpc}: {cost} bytes for {STREAMS} streams that nobody reads")
    if not e2e.SAN:
        torture.compare(f"{rpc}, others meanwhile", 2, lambda: torture.bystander(server.address, rounds=1), lambda: quiet)
    e2e.equal(started(), STREAMS, f"{rpc}: streams that are still open")
    grown = server.usage()["rss"] - before
    if grown > bound and not e2e.SAN:
        e2e.fail(f"{rpc}: {grown} bytes after a while")
    torture.wait_until(f"{rpc}: all end at their deadline", lambda: started() == 0, SECONDS + 10)
    over = time.monotonic() - began
    if over < SECONDS - 1:
        e2e.fail(f"{rpc}: they ended after {over} s, their deadline was {SECONDS} s")
    for c in connections:
        c.socket.close()
    e2e.equal(server.total("torture_detached"), 0, "detached calls afterwards")
    e2e.equal(ended() - ended_before, STREAMS, f"{rpc}: ended with DEADLINE_EXCEEDED")


with torture.Server("--max-workers", "256") as server:
    torture.bystander(server.address)
    hold(server, "DownDetached")
    hold(server, "Down")
    server.warm()
    if torture.LONG:
        hold(server, "DownDetached")
