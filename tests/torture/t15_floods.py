#!/usr/bin/env python3
"""T15: who floods pays: a gzip bomb, 4 MiB and a byte, a length of 2 GB, 64 KiB of header fields, CONTINUATION, PING, SETTINGS and
empty DATA without end, 20,000 streams reset as soon as opened. The server's memory grows by less than 64 MiB (but for the floods
that docs/deviations.md names), the one who does it is cut off or refused, and a bystander's p99 stays within three times of what it
is without, or of what grpc++'s makes of the same flood."""
import os
import select
import subprocess
import sys
import zlib
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import h2
import torture
from torture import e2e, MIB, OK, EXHAUSTED, INTERNAL

ROUNDS = torture.short_or_long(1, 10)
GROWTH = 64 * MIB
ECHO = torture.SERVICE + "Echo"
CUT = "cut"
CALLS = 150
RESETS = 20_000
OPEN = h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.request(ECHO))


def outcome(c, number=1):
    status, _, st = c.finish(number, 30)
    return status if status is not None else CUT if st["reset"] is not None or c.closed or c.goaway else None


def one_call(body, *headers):
    def flood(address):
        with h2.Connection(address) as c:
            c.call(1, ECHO, body, *headers)
            return outcome(c)
    return flood


def repeated(first, piece, times, close=False):
    """Sends so many of a frame, reading what comes meanwhile; a call behind it tells how it stands."""
    def flood(address):
        with h2.Connection(address) as c:
            c.send(first)
            batch = max(1, 65536 // len(piece))
            for _ in range(0, times, batch):
                if not c.send(piece * batch):
                    return CUT
                while c.read(0):
                    pass
            if close:
                return OK
            c.call(3, ECHO, h2.message(b""))
            return outcome(c, 3)
    return flood


def rapid_resets(address):
    with h2.Connection(address) as c:
        reset = b"\0\0\0\x08"
        block = h2.request(torture.SERVICE + "Wait", ("grpc-timeout", "10S"))
        for first in range(1, 2 * RESETS, 400):
            piece = b"".join(h2.frame(h2.HEADERS, h2.END_HEADERS, n, block) + h2.frame(h2.DATA, 1, n, h2.message(b"\x08\x90\x4e")) +
                             h2.frame(h2.RST_STREAM, 0, n, reset) for n in range(first, first + 400, 2))
            if not c.send(piece):
                return CUT
            while c.read(0):
                pass
        c.call(50_001, ECHO, h2.message(b""))
        return outcome(c, 50_001)


def long_length(address):
    """2 GB announced, up to 200 MB of them sent."""
    with h2.Connection(address) as c:
        c.send(OPEN)
        c.send_within_windows(1, h2.message(b"", 0, 0x7fffffff) + b"\0" * (200 * MIB), False)
        return outcome(c)


def fields(n):
    """A block of so many header fields, in HEADERS and as many CONTINUATIONs as it takes."""
    block = h2.request(ECHO) + h2.header_block([("x", "")]) * n
    pieces = [block[at:at + 16384] for at in range(0, len(block), 16384)]
    def flood(address):
        with h2.Connection(address) as c:
            c.send(b"".join(h2.frame(h2.CONTINUATION if i else h2.HEADERS, h2.END_HEADERS if i == len(pieces) - 1 else 0, 1, piece)
                            for i, piece in enumerate(pieces)) + h2.frame(h2.DATA, 1, 1, h2.message(b"")))
            return outcome(c)
    return flood


packer = zlib.compressobj(9, zlib.DEFLATED, 31)
bomb = b"".join([packer.compress(b"\x1a\xff\xff\xff\x8f\x01" + b"\0" * MIB)] + [packer.compress(b"\0" * MIB) for _ in range(299)] + [packer.flush()])

FLOODS = [  # what, how, what may come of it, and where the C core does otherwise the id of the line that says so
    ("a gzip bomb of 300 MB", one_call(h2.message(bomb, 1), ("grpc-encoding", "gzip")), [EXHAUSTED]),
    ("a gzip bomb without saying gzip", one_call(h2.message(bomb, 0)), [INTERNAL, EXHAUSTED]),
    ("4 MiB and a byte", one_call(h2.message(b"\x1a" + b"\xfc\xff\xff\x01" + b"\0" * (4 * MIB - 4))), [EXHAUSTED]),
    ("64 KiB header fields", fields(65536), [EXHAUSTED, CUT]),
    ("CONTINUATION without end", repeated(h2.frame(h2.HEADERS, 0, 1, h2.request(ECHO)),
                                          h2.frame(h2.CONTINUATION, 0, 1, h2.header_block([("x", "y" * 1000)])), 20_000), [CUT]),
    ("empty CONTINUATION", repeated(h2.frame(h2.HEADERS, 0, 1, h2.request(ECHO)), h2.frame(h2.CONTINUATION, 0, 1), 100_000), [CUT, None]),
    ("PING", repeated(OPEN, h2.frame(h2.PING, 0, 0, b"12345678"), 100_000), [CUT]),
    ("SETTINGS", repeated(OPEN, h2.frame(h2.SETTINGS, 0, 0, b"\0\3\0\0\0\x64"), 100_000), [CUT], [OK], "core-floods"),
    ("empty DATA", repeated(OPEN, h2.frame(h2.DATA, 0, 1), 200_000), [CUT], [OK], "core-floods"),
    ("empty messages", repeated(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.request(torture.SERVICE + "Up")),
                                h2.frame(h2.DATA, 0, 1, h2.message(b"") * 100), 120, True), [OK, CUT]),
    ("WINDOW_UPDATE", repeated(OPEN, h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\0\0\0\1"), 200_000), [OK, CUT]),
    ("PRIORITY", repeated(OPEN, h2.frame(h2.PRIORITY, 0, 1, b"\0\0\0\0\x10"), 200_000), [OK, CUT]),
    ("rapid resets", rapid_resets, [CUT], [OK], "core-rapid-reset"),
]


if len(sys.argv) > 2:  # the side that floods: a process of its own, which leaves the CPU to the others
    os.nice(10)
    attack = {what: how for what, how, *_ in [*FLOODS, ("2 GB", long_length)]}[sys.argv[1]]
    while True:
        print(attack(sys.argv[2]), flush=True)


class Flooding:
    """A flood, again and again, by another process."""

    def __init__(self, what, address):
        self.process = subprocess.Popen([sys.executable, __file__, what, address], stdout=subprocess.PIPE, text=True)

    def first(self):
        return self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def beside(what, address):
    """The p99 of a bystander while the flood goes on."""
    with Flooding(what, address) as flooding:
        p99 = torture.bystander(address, rounds=1, calls=CALLS)
        if flooding.process.poll() is not None:
            e2e.fail(f"the flood of {what} ended by itself")
        return p99


def growth(server, what):
    """What comes of one flood, and by how much the server grew for it."""
    before = server.usage()["rss"]
    server.peak = before
    with Flooding(what, server.address) as flooding:
        while not select.select([flooding.process.stdout], [], [], 0.01)[0]:
            server.usage()
        return flooding.first(), server.peak - before


def bound(what):
    """How much a flood may cost. The C core keeps what is reset until it has been matched, some 20 KiB each, and takes 10,000
    PINGs before it cuts, of 6.6 KiB each."""
    if what == "rapid resets" and e2e.deviates("core-rapid-reset"):
        return GROWTH + RESETS * 24 * 1024
    return GROWTH + (10_000 * 1024 if what == "PING" and e2e.deviates("core-ping-flood") else 0)


with torture.Server() as server, torture.Oracle() as oracle:
    torture.bystander(server.address, calls=CALLS)
    for what, _, right, *deviation in FLOODS:
        right = right + deviation[0] if deviation and e2e.deviates(deviation[1]) else right
        for _ in range(ROUNDS):
            got, grown = growth(server, what)
            if got not in [str(x) for x in right]:
                e2e.fail(f"{what}: {got}, expected one of {right}")
            if grown > bound(what):
                e2e.fail(f"{what}: the server grew by {grown / MIB:.0f} MiB")
            seen = []
            for _ in range(4):  # a machine that does other things may want another look
                quiet, p99 = torture.bystander(server.address, rounds=1, calls=CALLS), beside(what, server.address)
                reference = quiet
                if p99 > 3 * quiet + 3000:  # what the C core alone makes of it
                    reference = max(quiet, beside(what, oracle.address))
                seen.append((p99, reference))
                if p99 <= 3 * reference + 3000:
                    break
            else:
                e2e.fail(f"{what}: p99 of a bystander in us, with and without: {seen}")
            print(f"{what}: {got}, {grown / MIB:.1f} MiB, p99 {seen[-1][0]:.0f} us beside {seen[-1][1]:.0f} us", flush=True)
    _, grown = growth(server, "rapid resets")
    if grown > GROWTH:
        e2e.fail(f"more resets cost {grown / MIB:.0f} MiB more")

# A message that is announced is kept as it comes, up to a quota over all calls (docs/deviations.md, core-size-late).
with torture.Server("--grpc-max-buffered-bytes", str(32 * MIB)) as server:
    torture.bystander(server.address, calls=CALLS)
    got, grown = growth(server, "2 GB")
    if got not in (CUT, str(EXHAUSTED)) or grown > GROWTH:
        e2e.fail(f"a length of 2 GB: {got}, the server grew by {grown / MIB:.0f} MiB")
    torture.bystander(server.address, calls=CALLS)
    print(f"a length of 2 GB, quota 32 MiB: {got}, {grown / MIB:.1f} MiB")
