#!/usr/bin/env python3
"""T6: who writes a byte a second, on the gRPC port, with TLS and without, and on the admin one: let go when the time for beginning
is up, or cancelled at the deadline of its call; none of the four workers is held by a request that has not come yet; others are
served meanwhile."""
import os
import socket
import ssl
import struct
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import h2
import torture
import interop
from torture import e2e

WRITERS = torture.short_or_long(60, 400)
HANDSHAKE, DEADLINE = 4, 10


def tls_hello():
    """What a caller begins TLS with."""
    out = ssl.MemoryBIO()
    try:
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return out.read()


# what a writer says, byte by byte, and what comes of it
SLOW = {
    "a preface": (b"", h2.PREFACE),
    "settings": (h2.PREFACE, h2.frame(h2.SETTINGS, 0, 0, b"\0\3\0\0\0\x64" * 20)),
    "headers": (h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0), h2.frame(h2.HEADERS, 4, 1, h2.request(torture.SERVICE + "Echo"))),
    "a message": (h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) +
                  h2.frame(h2.HEADERS, 4, 1, h2.request(torture.SERVICE + "Echo", ("grpc-timeout", f"{DEADLINE}S"))),
                  h2.frame(h2.DATA, 1, 1, h2.message(b"\x1a\x7f" + b"x" * 127))),
    "messages of a stream": (h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) +
                             h2.frame(h2.HEADERS, 4, 1, h2.request(torture.SERVICE + "BothDetached", ("grpc-timeout", f"{DEADLINE}S"))),
                             h2.frame(h2.DATA, 0, 1, h2.message(b"\x08\x01")) * 20),
    "a TLS hello": (b"", tls_hello()),
    "a request over HTTP": (None, b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nx-a: b\r\n\r\n"),
}
ENDS = {"a preface", "settings", "headers", "a TLS hello", "a request over HTTP"}  # those that must be closed; the others' calls end


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=30)


def ended(heard):
    """Whether the frames that came end stream 1."""
    while len(heard) >= 9:
        head, flags, stream = struct.unpack(">IBI", heard[:9])
        if stream == 1 and (head & 0xff == h2.RST_STREAM or head & 0xff == h2.HEADERS and flags & h2.END_STREAM):
            return True
        heard = heard[9 + (head >> 8):]
    return False


def hear(w):
    """Takes what has come; whether the connection is over."""
    try:
        heard = w["socket"].recv(65536)
        w["heard"] += heard
        return heard == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def dawdle(server, secured):
    writers = []
    each = WRITERS // len(SLOW)
    first_came = time.monotonic()
    for what, (first, rest) in SLOW.items():
        for _ in range(each):
            s = connect((secured if what == "a TLS hello" else server).address if first is not None else server.admin)
            s.sendall(first or b"")
            s.setblocking(False)
            writers.append({"what": what, "socket": s, "rest": rest, "at": 0, "closed": None, "heard": b""})
    in_time = False  # whether others were served while each call that dawdles had its time yet
    began = time.monotonic()
    while time.monotonic() < began + 16:
        for w in writers:
            if w["closed"] is None:
                try:
                    w["socket"].send(w["rest"][w["at"]:w["at"] + 1])
                    w["at"] += 1
                except BlockingIOError:
                    pass
                except OSError:
                    w["closed"] = time.monotonic() - began
                if hear(w):
                    w["closed"] = time.monotonic() - began
        torture.only_ok(torture.load("unary", server.address, calls=100, streams=1), 100, "others' calls")
        server.metrics()
        in_time = in_time or time.monotonic() < first_came + DEADLINE - 1
        time.sleep(max(0, 1 - (time.monotonic() - began) % 1))
        if all(w["closed"] is not None for w in writers if w["what"] in ENDS):
            if time.monotonic() > began + DEADLINE + 1:
                break
    silent = [w for w in writers if w["what"] not in ENDS]

    def told():
        for w in silent:
            hear(w)
        silent[:] = [w for w in silent if not ended(w["heard"])]
        return not silent
    torture.wait_until("callers are told of their deadline", told)
    for what in SLOW:
        ends = [w["closed"] for w in writers if w["what"] == what]
        if what in ENDS and None in ends:
            e2e.fail(f"{what}, a byte a second: {ends.count(None)} of {len(ends)} connections are still open")
        print(f"{what}: {'closed after ' + str(round(max(ends), 1)) + ' s' if what in ENDS else 'its call ends'}")
    server.quiet()  # and the calls of those that have begun have ended at their deadline
    for w in writers:
        w["socket"].close()
    late = server.total("grpc_server_handled_total", grpc_method="BothDetached", grpc_code="DeadlineExceeded")
    if late < each:
        e2e.fail(f"{late} calls ended at their deadline, of {each}")
    if not in_time:
        e2e.fail("others were served when those who dawdle had gone")


interop.certificates()
TIMES = ("--grpc-handshake-timeout", f"{HANDSHAKE}s", "--grpc-max-idle", "6s", "--max-workers", "4")
with torture.Server(*TIMES, "--tls-cert-file", "server.pem", "--tls-key-file", "server.key") as secured, torture.Server(*TIMES) as server:
    torture.load("unary", server.address, calls=100, streams=4)
    secured.warm()
    server.warm()
    server.again = lambda: dawdle(server, secured)  # what a first time of it costs is no leak
    server.again()
    if torture.LONG:
        secured.warm()
        server.again()
