#!/usr/bin/env python3
"""T12: what no gRPC library would send, to each kind of rpc: flags, lengths, the number of messages, timeouts, methods,
metadata, frames. Each gets the status of the wire rules, or what docs/deviations.md says is done instead (its id stands in the
table; a line that goes there fails here), and the next good call works."""
import os
import struct
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/torture/support")
import h2
import torture
from torture import e2e, OK, CANCELLED, DEADLINE, EXHAUSTED, UNIMPLEMENTED, INTERNAL

GOOD = h2.message(b"\x08\x01\x10\x05")
CLOSED, RESET, UNKNOWN, SILENT = "closed", "reset", 2, "silent"

# what, rpc, body, headers, right answers, and, where the C core does otherwise, what it does and the id of its line
CALLS = [
    ("good", "Echo", GOOD, {}, [OK]),
    ("good, inline", "Fast", GOOD, {}, [OK]),
    ("a compressed flag without an encoding", "Echo", h2.message(b"\x08\x01", 1), {}, [INTERNAL], [OK], "core-flag-1"),
    ("flag 1, identity", "Echo", h2.message(b"\x08\x01", 1), {"grpc-encoding": "identity"}, [INTERNAL], [OK], "core-flag-1"),
    ("flag 1, an encoding nobody knows", "Echo", h2.message(b"\x08\x01", 1), {"grpc-encoding": "zz"}, [UNIMPLEMENTED], [OK], "core-flag-1"),
    ("flag 2", "Echo", h2.message(b"\x08\x01", 2), {}, [INTERNAL], [OK], "core-flag-2"),
    ("flag 255", "Echo", h2.message(b"\x08\x01", 255), {}, [INTERNAL], [OK], "core-flag-2"),
    ("gzip that is none", "Echo", h2.message(b"\x1f\x8b\x08", 1), {"grpc-encoding": "gzip"}, [INTERNAL]),
    ("gzip that is none, in a stream", "Up", h2.message(b"\x1f\x8b\x08", 1), {"grpc-encoding": "gzip"}, [INTERNAL]),
    ("deflate", "Echo", h2.message(b"\x08\x01", 1), {"grpc-encoding": "deflate"}, [UNIMPLEMENTED]),
    ("no message", "Echo", b"", {}, [UNIMPLEMENTED]),
    ("no message, inline", "Fast", b"", {}, [UNIMPLEMENTED]),
    ("no message for a server stream", "Down", b"", {}, [UNIMPLEMENTED]),
    ("no body", "Echo", None, {}, [UNIMPLEMENTED]),
    ("no message in a client stream", "Up", b"", {}, [OK]),
    ("no message both ways", "Both", b"", {}, [OK]),
    ("no message both ways, detached", "BothDetached", None, {}, [OK]),
    ("two messages", "Echo", GOOD + GOOD, {}, [UNIMPLEMENTED], [OK], "core-second-message"),
    ("two messages for a server stream", "Down", h2.message(b"\x08\x01") * 2, {}, [UNIMPLEMENTED], [OK], "core-second-message"),
    ("a length that lies", "Echo", h2.message(b"\x08\x01", 0, 100), {}, [INTERNAL], [UNIMPLEMENTED], "core-truncated"),
    ("a cut prefix", "Echo", b"\0\0", {}, [INTERNAL], [UNIMPLEMENTED], "core-truncated"),
    ("a length that lies, in a stream", "Up", GOOD + h2.message(b"\x08\x01", 0, 100), {}, [INTERNAL], [OK], "core-truncated"),
    ("a cut prefix in a stream", "Both", GOOD + b"\0\0\0", {}, [INTERNAL], [OK], "core-truncated"),
    ("a length of 4 GiB", "Echo", h2.message(b"\x08", 0, 0xffffffff), {}, [EXHAUSTED, INTERNAL], [UNIMPLEMENTED], "core-truncated"),
    ("garbage", "Echo", h2.message(b"\xff" * 50), {}, [INTERNAL]),
    ("garbage, inline", "Fast", h2.message(b"\xff" * 50), {}, [INTERNAL]),
    ("garbage for a server stream", "Down", h2.message(b"\xff" * 50), {}, [INTERNAL]),
    ("garbage in a client stream", "Up", GOOD + h2.message(b"\xff" * 50) + GOOD, {}, [INTERNAL]),
    ("garbage both ways", "Both", GOOD + h2.message(b"\xff" * 50), {}, [INTERNAL]),
    ("garbage both ways, detached", "BothDetached", GOOD + h2.message(b"\xff" * 50), {}, [INTERNAL]),
    ("a varint of eleven bytes", "Echo", h2.message(b"\x08" + b"\xff" * 10 + b"\x01"), {}, [INTERNAL]),
    ("a timeout of nothing", "Wait", h2.message(b""), {"grpc-timeout": ""}, [INTERNAL, OK]),
    ("a timeout without digits", "Wait", h2.message(b""), {"grpc-timeout": "S"}, [INTERNAL], [OK], "core-bad-timeout"),
    ("a timeout of nine digits", "Wait", h2.message(b""), {"grpc-timeout": "123456789S"}, [INTERNAL], [OK], "core-bad-timeout"),
    ("a timeout below zero", "Wait", h2.message(b""), {"grpc-timeout": "-1S"}, [INTERNAL], [OK], "core-bad-timeout"),
    ("a timeout in no unit", "Wait", h2.message(b""), {"grpc-timeout": "1x"}, [INTERNAL], [OK], "core-bad-timeout"),
    ("a timeout of nothing left", "Wait", h2.message(b"\x08\x90\x4e"), {"grpc-timeout": "0n"}, [DEADLINE]),
    ("a short timeout", "Wait", h2.message(b"\x08\x90\x4e"), {"grpc-timeout": "30m"}, [DEADLINE]),
    # who reads nothing of it leaves no room for the end, unless a transport has one
    ("a short timeout for a stream", "Down", h2.message(b"\x10\x0a"), {"grpc-timeout": "50m"}, [DEADLINE, "reset"]),
    ("a short timeout for a silent one", "Up", None, {"grpc-timeout": "50m", "": "open"}, [DEADLINE]),
    ("the longest timeout", "Echo", GOOD, {"grpc-timeout": "99999999H"}, [OK]),
    ("a method nobody has", "Nope", GOOD, {}, [UNIMPLEMENTED]),
    ("a service nobody has", "/nope.Nope/Echo", GOOD, {}, [UNIMPLEMENTED]),
    ("a path that is none", "/", GOOD, {}, [UNIMPLEMENTED]),
    ("a path without a slash", "nope", GOOD, {}, [RESET, UNIMPLEMENTED]),
    ("an empty path", "", GOOD, {}, [RESET, UNIMPLEMENTED]),
    ("a path of many slashes", "//////", GOOD, {}, [UNIMPLEMENTED]),
    ("a path in capitals", "ECHO", GOOD, {}, [UNIMPLEMENTED]),
    ("a path with a question", "Echo?x=1", GOOD, {}, [UNIMPLEMENTED]),
    ("a path of 8,000 bytes", "/" + "a" * 8000, GOOD, {}, [UNIMPLEMENTED]),
    ("GET", "Echo", GOOD, {":method": "GET"}, [RESET, UNKNOWN, INTERNAL]),
    ("a method of one's own", "Echo", GOOD, {":method": "STEAL"}, [RESET, UNKNOWN, INTERNAL]),
    ("no te", "Echo", GOOD, {"te": None}, [OK, UNKNOWN, INTERNAL]),
    ("text/plain", "Echo", GOOD, {"content-type": "text/plain"}, [RESET, INTERNAL], [OK], "core-content-type"),
    ("no content type", "Echo", GOOD, {"content-type": None}, [RESET, UNKNOWN, INTERNAL], [OK], "core-content-type"),
    ("a content type with a suffix", "Echo", GOOD, {"content-type": "application/grpc+proto"}, [OK]),
    ("a status of the caller's", "Echo", GOOD, {"grpc-status": "7", "grpc-message": "mine"}, [OK]),
    ("base64 that is none", "Echo", GOOD, {"x-bin": "!!!"}, [OK, INTERNAL, UNKNOWN, RESET], [14], "core-base64"),
    ("base64 without padding", "Echo", GOOD, {"x-bin": "AAA"}, [OK]),
    ("base64 with padding", "Echo", GOOD, {"x-bin": "AAA="}, [OK]),
    ("several binary values", "Echo", GOOD, {"x-bin": "AAAA,AAAA"}, [OK], [14], "core-base64"),
    ("a value of control characters", "Echo", GOOD, {"x-a": b"a\x01\x7f\xffb"}, [OK, INTERNAL, UNKNOWN, RESET]),
    ("a key in capitals", "Echo", GOOD, {"X-Capital": "a"}, [OK, INTERNAL, UNKNOWN, RESET]),
    ("a key of no bytes", "Echo", GOOD, {b"": "a"}, [OK, INTERNAL, UNKNOWN, RESET]),
    ("200 entries", "Echo", GOOD, {f"x-{i}": "v" for i in range(200)}, [OK]),
    ("metadata over the limit", "Echo", GOOD, {"x-long": "a" * 20_000}, [EXHAUSTED]),
]

FRAMES = [  # what, bytes after a good beginning
    ("DATA on stream 0", h2.frame(h2.DATA, 0, 0, b"x")),
    ("DATA on a stream nobody opened", h2.frame(h2.DATA, 1, 5, GOOD)),
    ("HEADERS on stream 0", h2.frame(h2.HEADERS, 5, 0, h2.request(torture.SERVICE + "Echo"))),
    ("HEADERS on an even stream", h2.frame(h2.HEADERS, 5, 2, h2.request(torture.SERVICE + "Echo"))),
    ("a header block that is none", h2.frame(h2.HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff")),
    ("a reference beyond the table", h2.frame(h2.HEADERS, 5, 1, b"\xfe")),
    ("a string longer than its block", h2.frame(h2.HEADERS, 5, 1, b"\0\x7f\xff\xff\x03abc")),
    ("a table of 4 GiB", h2.frame(h2.HEADERS, 5, 1, b"\x3f\xe1\xff\xff\xff\x0f")),
    ("HEADERS twice", h2.frame(h2.HEADERS, 4, 1, h2.request(torture.SERVICE + "Up")) * 2),
    ("padding longer than the frame", h2.frame(h2.DATA, 9, 1, b"\xff")),
    ("CONTINUATION of nothing", h2.frame(h2.CONTINUATION, 4, 1, b"")),
    ("HEADERS without an end, then DATA", h2.frame(h2.HEADERS, 0, 1, b"") + h2.frame(h2.DATA, 0, 1, b"")),
    ("SETTINGS of five bytes", h2.frame(h2.SETTINGS, 0, 0, b"12345")),
    ("SETTINGS with an ACK and bytes", h2.frame(h2.SETTINGS, 1, 0, b"123456")),
    ("a window of 2^31 by SETTINGS", h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31))),
    ("frames of 1 byte by SETTINGS", h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 5, 1))),
    ("SETTINGS on a stream", h2.frame(h2.SETTINGS, 0, 1)),
    ("PING of seven bytes", h2.frame(h2.PING, 0, 0, b"1234567")),
    ("PING on a stream", h2.frame(h2.PING, 0, 3, b"12345678")),
    ("WINDOW_UPDATE by 0", h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\0\0\0\0")),
    ("WINDOW_UPDATE beyond 2^31", h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 2),
    ("WINDOW_UPDATE of three bytes", h2.frame(h2.WINDOW_UPDATE, 0, 0, b"123")),
    ("RST_STREAM on stream 0", h2.frame(h2.RST_STREAM, 0, 0, b"\0\0\0\x08")),
    ("RST_STREAM of a stream nobody opened", h2.frame(h2.RST_STREAM, 0, 77, b"\0\0\0\x08")),
    ("GOAWAY", h2.frame(h2.GOAWAY, 0, 0, b"\0" * 8)),
    ("GOAWAY of three bytes", h2.frame(h2.GOAWAY, 0, 0, b"123")),
    ("PUSH_PROMISE", h2.frame(h2.PUSH_PROMISE, 4, 1, b"\0\0\0\2")),
    ("a kind of frame nobody knows", h2.frame(0x7a, 0xff, 1, b"x" * 100)),
    ("a frame of 16 MiB", struct.pack(">IBI", (0xffffff << 8) | h2.DATA, 0, 1)),
    ("HTTP/1.1", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    ("noise", bytes(range(256)) * 8),
]


def path_of(rpc):
    return rpc if rpc[:1] in ("/", "") or rpc == "nope" else torture.SERVICE + rpc


def ask(address, rpc, body, headers):
    """The status, or how else it ended."""
    own = {":method": "method", "content-type": "content_type", "te": "te"}
    pseudo = {own[k]: v for k, v in headers.items() if k in own}
    more = [(k, v) for k, v in headers.items() if k not in own and k != ""]
    with h2.Connection(address) as c:
        if "" in headers:  # headers alone: the stream stays open
            c.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.request(path_of(rpc), *more, **pseudo)))
        else:
            c.call(1, path_of(rpc), body, *more, **pseudo)
        status, text, st = c.finish(1)
        c.read(0)
        if st["behind"] and not e2e.deviates("core-ends-twice"):
            return "ended twice"
        if status is not None:
            return status
        return RESET if st["reset"] is not None else CLOSED if c.closed or c.goaway else SILENT


def good(address, what):
    for rpc, body in (("Echo", GOOD), ("Up", GOOD * 2)):
        e2e.equal(ask(address, rpc, body, {}), OK, f"a good call after {what}")


def corpus(server):
    wrong = []
    for what, rpc, body, headers, right, *deviation in CALLS:
        got = ask(server.address, rpc, body, headers)
        expected = deviation[0] if deviation and e2e.deviates(deviation[1]) else right
        if got not in expected:
            wrong.append(f"{what}: {got}, expected {expected}{' by ' + deviation[1] if deviation else ''}")
        good(server.address, what)
    for what, data in FRAMES:
        with h2.Connection(server.address) as c:
            c.send(data)
            c.read(0.05)
            good(server.address, what)
    for what, data in (("no preface", b"\0" * 100), ("half a preface", h2.PREFACE[:12]), ("a preface of HTTP/3", b"PRI * HTTP/3.0" * 3)):
        with h2.Connection(server.address, preface=b"") as c:
            c.send(data)
            good(server.address, what)
    if wrong:
        e2e.fail("\n".join(wrong))


with torture.Server() as server:
    corpus(server)
    server.warm_by(lambda: corpus(server))
    print(f"{len(CALLS)} calls and {len(FRAMES)} frames, each followed by good calls")
