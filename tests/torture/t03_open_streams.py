#!/usr/bin/env python3
"""T3: 10,000 bidi streams (2,000 short) open at a time, on one connection and on 50, a message a second on each: none is
lost or comes out of order, each ends with OK, what a stream costs is printed and bounded."""
import json
import os
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import torture
from torture import e2e

STREAMS = torture.short_or_long(2000, 10_000)
SECONDS = torture.short_or_long(5, 60)
PER_STREAM = 32 * 1024  # the C core's own call takes 7 KiB, the first chunk of the arena 1 KiB, TCP's share comes on top


def hold(server, connections):
    before = server.usage()["rss"]
    with torture.Load("streams", server.address, streams=STREAMS, connections=connections, seconds=SECONDS) as load:
        e2e.equal(load.process.stdout.readline(), "open\n", "all streams answer")
        e2e.equal(server.total("torture_detached"), STREAMS, "detached calls")
        cost = (server.usage()["rss"] - before) / STREAMS
        outcome = load.outcome()
    e2e.equal((outcome["answers"], outcome["unsent"], outcome["outcome"]["wrong"]), (STREAMS * SECONDS, 0, 0), "messages")
    e2e.equal(outcome["outcome"]["codes"], {"0": STREAMS}, "how the streams ended")
    e2e.equal(server.total("torture_detached"), 0, "detached calls afterwards")
    print(f"{STREAMS} streams on {connections} connections: {cost / 1024:.1f} KiB a stream")
    return cost


with torture.Server("--grpc-max-streams", "20000") as server:
    cost = hold(server, 1)
    if cost > PER_STREAM and not e2e.SAN:
        e2e.fail(f"{cost:.0f} bytes a stream")
    server.warm_by(lambda: hold(server, 50))
    hold(server, 1)
