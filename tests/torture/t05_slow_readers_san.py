#!/usr/bin/env python3
"""T5: 200 server streams whose callers never read, detached, and again from pool handlers (max_workers 256): each holds no more
than its window, its queue (docs/limits.md), a message on its way and the handler's own, all the time it lasts, ends at its deadline, and a bystander's p99
stays within twice that of one who calls another server in the same moments. Then with a queue of one message."""
import os
import statistics
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
# what the transport takes ahead of a stream's window, and the message that makes it more
AHEAD = 64 * 1024 + MESSAGE if e2e.TRANSPORT == "nghttp2" else 0


def varint(n):
    out = b""
    while n > 0x7f:
        out, n = out + bytes([n & 0x7f | 0x80]), n >> 7
    return out + bytes([n])


def others(rpc, seen):
    """p99 of those who call this server and, in turn, one that has nothing to do. Short, one look may do; long, the middle of all."""
    here, there = (statistics.median(x) for x in zip(*seen))
    fine = here <= 2 * there + 3000 if torture.LONG else any(a <= 2 * b + 3000 for a, b in seen)
    if not fine:
        e2e.fail(f"{rpc}: p99 of others in us, here and at a server without load: {seen}")
    print(f"{rpc}, others meanwhile: p99 {here:.0f} us, elsewhere {there:.0f} us, {len(seen)} looks", flush=True)


def hold(server, rpc, aside=None, queue=QUEUE, seconds=SECONDS):
    """The streams of one kind, from their beginning to their deadline."""
    before = server.usage()["rss"]
    ended = lambda: server.total("grpc_server_handled_total", grpc_method=rpc, grpc_code="DeadlineExceeded")
    ended_before = ended()
    began = time.monotonic()
    connections = [h2.Connection(server.address, settings=[(4, WINDOW)], reads=False) for _ in range(CONNECTIONS)]
    for i in range(STREAMS):
        connections[i % CONNECTIONS].call(2 * (i // CONNECTIONS) + 1, torture.SERVICE + rpc,
                                          h2.message(b"\x10" + varint(MESSAGE)), ("grpc-timeout", f"{seconds}S"))
    started = lambda: server.total("grpc_server_started_total", grpc_method=rpc) - server.total("grpc_server_handled_total", grpc_method=rpc)
    torture.wait_until("all streams are open", lambda: started() == STREAMS)
    bound = STREAMS * (WINDOW + AHEAD + queue + 2 * MESSAGE + OF_ITS_OWN) + 4 * MIB
    cost, seen = 0, []
    while time.monotonic() < began + seconds - 2:
        if aside is not None and not e2e.SAN:
            seen.append((torture.bystander(server.address, rounds=1), torture.bystander(aside.address, rounds=1)))
        cost = max(cost, server.usage()["rss"] - before)
        if cost > bound and not e2e.SAN:
            e2e.fail(f"{rpc}: {cost} bytes for {STREAMS} streams that nobody reads, {time.monotonic() - began:.0f} s after they began")
        if not seen and time.monotonic() < began + seconds - 4:
            e2e.equal(started(), STREAMS, f"{rpc}: streams that are still open")
        time.sleep(torture.short_or_long(0.3, 3))
    print(f"{rpc}: at most {cost / STREAMS / 1024:.0f} KiB a stream, {cost / MIB:.0f} MiB in all, bound {bound / MIB:.0f} MiB, queue "
          f"{queue // 1024} KiB", flush=True)
    torture.wait_until(f"{rpc}: all end at their deadline", lambda: started() == 0, seconds + 10)
    over = time.monotonic() - began
    if over < seconds - 1:
        e2e.fail(f"{rpc}: they ended after {over} s, their deadline was {seconds} s")
    for c in connections:
        c.socket.close()
    e2e.equal(server.total("torture_detached"), 0, "detached calls afterwards")
    e2e.equal(ended() - ended_before, STREAMS, f"{rpc}: ended with DEADLINE_EXCEEDED")
    if seen:
        others(rpc, seen)


with torture.Server("--max-workers", "256") as server, torture.Server() as aside:
    torture.bystander(server.address)
    torture.bystander(aside.address)
    hold(server, "DownDetached", aside)
    hold(server, "Down", aside)
    server.warm()
    if torture.LONG:
        hold(server, "DownDetached", aside)
if not e2e.SAN:  # memory is not looked at under sanitizers
    with torture.Server("--max-workers", "256", "--grpc-max-send-queue-bytes", MESSAGE) as server:
        torture.bystander(server.address)
        for rpc in ("DownDetached", "Down"):
            hold(server, rpc, queue=MESSAGE, seconds=torture.short_or_long(5, 30))
