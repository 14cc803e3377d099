#!/usr/bin/env python3
"""T11: the server behind is killed with -9 in the middle of calls, 20 times (5 short): the calls that were on it end with 14
and no others, those of the server in front that need nothing of it go on, and it is found again when it is back."""
import os
import pathlib
import signal
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import h2
import torture
from torture import e2e, OK, UNAVAILABLE

KILLS = torture.short_or_long(5, 20)
CALLS = 10


def fields(ms):
    out, n = b"\x08", ms
    while n > 0x7f:
        out, n = out + bytes([n & 0x7f | 0x80]), n >> 7
    return out + bytes([n])


def asked(front, rpc):
    """The status of a call to the server in front."""
    with h2.Connection(front.address) as c:
        c.call(1, torture.SERVICE + rpc, h2.message(fields(0)))
        return c.finish(1)[0]


def comes(front, address):
    """The next server behind, and how long it took to be found."""
    back = torture.Server("--grpc-addr", address)
    back.start()
    began = time.monotonic()

    def answers():
        status = asked(front, "Front")
        if status not in (OK, UNAVAILABLE):
            e2e.fail(f"a call while it comes back: {status}")
        return status == OK
    torture.wait_until("it is found", answers, 5)
    return back, time.monotonic() - began


def kill(back, front, address):
    """One round; the next server behind."""
    with h2.Connection(front.address) as c:
        for i in range(CALLS):  # waits, and streams without end
            c.call(4 * i + 1, torture.SERVICE + "Front", h2.message(fields(60_000)))
            c.call(4 * i + 3, torture.SERVICE + "FrontDown", h2.message(b"\x10\x64"))
        torture.wait_until("calls behind", lambda: back.total("grpc_server_started_total", grpc_method="Wait") >= CALLS
                           and back.total("grpc_server_started_total", grpc_method="Down") >= CALLS)
        with torture.Load("unary", front.address, calls=2000) as bystander:
            back.process.send_signal(signal.SIGKILL)
            back.process.wait()
            for n in range(1, 4 * CALLS, 2):
                e2e.equal(c.finish(n)[0], UNAVAILABLE, f"call {n}, whose server was killed")
            torture.only_ok(bystander.outcome(), 2000, "calls that need nothing of it")
        c.call(1001, torture.SERVICE + "Front", h2.message(fields(0)))
        e2e.equal(c.finish(1001)[0], UNAVAILABLE, "a call while it is away")
    return comes(front, address)


back = torture.Server()
back.start()
address = back.address
found = []
try:
    back.stop()
    with torture.Server(env={"BACK": address}) as front:
        # T40: who is not there at the start keeps nobody from starting
        e2e.equal((asked(front, "Echo"), asked(front, "Front")), (OK, UNAVAILABLE), "calls before the server behind is there")
        back, seconds = comes(front, address)
        found.append(seconds)
        def again():
            global back
            back, seconds = kill(back, front, address)
            found.append(seconds)
        front.warm_by(again)
        while len(found) <= KILLS:
            again()
        print(f"{len(found) - 1} kills; found again after at most {max(found):.2f} s")
    back.stop()
finally:
    back.kill()
