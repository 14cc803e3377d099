#!/usr/bin/env python3
"""T20: 50,000 calls (5,000 short) with 1 to 5 ms of time, half of them cancelled by the caller, and some with none, straight
and through a server in front of another: the only outcomes are 0, 1 and 4, each call ends once, every handler that waits is
told, and so are those behind a call that has ended; the counters are exact."""
import os
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import h2
import torture
from torture import e2e

CALLS = torture.short_or_long(5000, 50_000)


def storm(server, rpc, calls):
    outcome = torture.load("storm", server.address, calls=calls, rpc=rpc, connections=4, streams=25)
    codes = {int(k): v for k, v in outcome["codes"].items()}
    if set(codes) - {torture.OK, torture.CANCELLED, torture.DEADLINE}:
        e2e.fail(f"codes {codes}")
    e2e.equal((outcome["calls"], outcome["ended"], sum(codes.values()), outcome["not_started"]), (calls, calls, calls, 0),
              "each call ends once")
    if not codes.get(torture.CANCELLED) or not codes.get(torture.DEADLINE):
        e2e.fail(f"no storm: {codes}")
    # how many were in time depends on the machine; behind the storm all are
    with h2.Connection(server.address) as c:
        for n in range(1, 101, 2):
            c.call(n, torture.SERVICE + rpc.capitalize(), h2.message(b"\x08\x90\x4e"), ("grpc-timeout", "0m"))
            e2e.equal(c.finish(n)[0], torture.DEADLINE, "a call with no time at all")
        for n in (101, 103, 105):
            c.call(n, torture.SERVICE + rpc.capitalize(), h2.message(b""))
            e2e.equal(c.finish(n)[0], torture.OK, "a call behind the storm")
    return codes


def counted(server, method, what, codes, reached=None):
    """What the server counted: as many handled as started, the three outcomes, no more OK than the callers saw. A call
    that ended before its request left is not known to the server; a reply that came too late was OK for the server."""
    server.quiet()
    started = server.total("grpc_server_started_total", grpc_method=method)
    by_code = {c: server.total("grpc_server_handled_total", grpc_method=method, grpc_code=c) for c in
               ("OK", "Canceled", "Cancelled", "DeadlineExceeded")}
    e2e.equal(sum(by_code.values()), started, f"{what}: outcomes in /metrics {by_code}")
    if codes and not codes.get(torture.OK, 0) <= by_code["OK"]:
        e2e.fail(f"{what}: callers saw {codes}, the server counts {by_code}")
    return started


def cancelled_through(front, back):
    """Calls with time enough whose caller gives up: those behind are told, long before their own deadline."""
    told = lambda: back.total("torture_told_total")
    waits, before, few = back.total("torture_waits_total"), told(), 20
    with h2.Connection(front.address) as c:
        for n in range(1, 2 * few, 2):
            c.call(n, torture.SERVICE + "Front", h2.message(b"\x08\xe0\xd4\x03"), ("grpc-timeout", "60S"))
        torture.wait_until("all wait behind", lambda: back.total("torture_waits_total") == waits + few)
        e2e.equal(told(), before, "handlers behind that were told before there was anything to tell")
        for n in range(1, 2 * few, 2):
            c.send(h2.frame(h2.RST_STREAM, 0, n, b"\0\0\0\x08"))
        torture.wait_until("those behind are told", lambda: told() == before + few)


FEW = ("--max-workers", "32")  # so that it is warm soon
with torture.Server(*FEW) as back, torture.Server(*FEW, env={"BACK": back.address}) as front:
    back.warm_by(lambda: storm(back, "wait", CALLS), 12)
    codes = storm(back, "wait", CALLS)
    straight = counted(back, "Wait", "straight", codes)
    back.check()
    print(f"{CALLS} calls: {codes}")

    front.warm_by(lambda: storm(front, "front", CALLS), 12)
    back.warm()
    codes = storm(front, "front", CALLS)
    counted(front, "Front", "in front", None)
    # a call whose time is up before its handler begins has none; nobody waits the minute that was asked for
    reached = counted(back, "Wait", "behind", None)
    waits, told, done = (back.total(f"torture_{what}_total") for what in ("waits", "told", "finished"))
    if told == 0 or done == 0 or told + done != waits or waits > reached:
        e2e.fail(f"{reached} calls, {waits} handlers, {told} of them told, {done} done")
    begun, ended = (front.total(f"grpc_client_{what}_total", grpc_method="Wait") for what in ("started", "handled"))
    if begun != ended or not 0 < reached - straight <= begun:
        e2e.fail(f"children: {begun} begun, {ended} ended, {reached - straight} reached the server behind")
    cancelled_through(front, back)
    print(f"{CALLS} calls through a server in front: {codes}; behind it {told} handlers told, {done} done, of {reached}")
