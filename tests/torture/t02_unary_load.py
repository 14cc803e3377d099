#!/usr/bin/env python3
"""T2: 200,000 unary calls (20,000 short) over 8 connections of 100 streams; all are OK and answered with what was sent,
the p99 stays within three times that of grpc++ in the same run."""
import os
import pathlib
import statistics
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import h2
import torture
from torture import e2e

CALLS = torture.short_or_long(20_000, 200_000)
ROUNDS = 3


def h2load(address):
    """The p99 in us of one round; every answer is HTTP's 200."""
    pathlib.Path("times").unlink(missing_ok=True)
    out = e2e.run("h2load", "-n", CALLS, "-c", 8, "-m", 100, "-t", 1, "-d", "body", "--log-file=times",
                  "-H", "content-type: application/grpc", "-H", "te: trailers",
                  f"http://{address}{torture.SERVICE}Echo").stdout
    if f"{CALLS} succeeded, 0 failed, 0 errored" not in out:
        e2e.fail(f"h2load:\n{out}")
    times = sorted(int(line.split()[2]) for line in open("times", encoding="ascii"))
    e2e.equal(len(times), CALLS, "calls in h2load's log")
    return times[len(times) * 99 // 100]


pathlib.Path("body").write_bytes(h2.message(b"\x08\x2a\x10\x07"))
def checked(server):
    """h2load looks neither at grpc-status nor at the bytes: the server counts, and our own client compares."""
    h2load(server.address)
    for pad in (0, 3000):
        torture.only_ok(torture.load("unary", server.address, calls=CALLS, connections=8, streams=100, pad=pad), CALLS,
                        f"calls with {pad} bytes")


with torture.Server(env=torture.FAST) as server, torture.Oracle() as oracle:
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(h2load(server.address))
        theirs.append(h2load(oracle.address))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"{CALLS} calls, p99 {statistics.median(ours)} us, grpc++ {statistics.median(theirs)} us")
    if ratio > 3:
        e2e.fail(f"p99 {ours} us beside {theirs} us of grpc++")
with torture.Server() as server:
    rounds = server.warm_by(lambda: checked(server))
    checked(server)
    e2e.equal(server.total("grpc_server_handled_total", grpc_code="OK"), CALLS * 3 * (rounds + 1), "OK in /metrics")
