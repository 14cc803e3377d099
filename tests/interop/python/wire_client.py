#!/usr/bin/env python3
"""wire_client.py STUBS HOST:PORT: what a TestService does with requests written by hand, frame by frame."""
import base64
import os
import socket
import sys
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions

sys.path.insert(0, sys.argv[1])
import interop_pb2 as pb

host, port = sys.argv[2].rsplit(":", 1)
CORE = os.environ.get("TRANSPORT", "grpc-core") == "grpc-core"  # what the server runs on
INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"


def frame(message, flag=0):
    data = message if isinstance(message, bytes) else message.SerializeToString()
    return bytes([flag]) + len(data).to_bytes(4, "big") + data


class Call:
    """One call on a connection of its own; `blocks` are the header blocks received, (headers, whether it was the end)."""

    def __init__(self, method, *more, service="TestService"):
        self.sock = socket.create_connection((host, int(port)))
        self.sock.settimeout(20)
        # what is sent is sent as it is
        self.h2c = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None))
        self.h2c.initiate_connection()
        self.blocks, self.data, self.reset, self.over, self.pongs = [], b"", None, False, 0
        self.h2c.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":path", f"/grpc.testing.{service}/{method}"),
                                  (":authority", "localhost"), ("te", "trailers"), ("content-type", "application/grpc"), *more])
        self.flush()

    def flush(self):
        self.sock.sendall(self.h2c.data_to_send())

    def send(self, *messages, end=True, flag=0):
        self.h2c.send_data(1, b"".join(frame(m, flag) for m in messages), end_stream=end)
        self.flush()
        return self

    def read(self):
        data = self.sock.recv(65536)
        assert data, "the connection was closed"
        for event in self.h2c.receive_data(data):
            if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                self.blocks.append(([(k.decode(), v) for k, v in event.headers], event.stream_ended is not None))
            elif isinstance(event, h2.events.DataReceived):
                self.data += event.data
            elif isinstance(event, h2.events.StreamReset):
                self.reset = self.over = True
            elif isinstance(event, h2.events.StreamEnded):
                self.over = True
            elif isinstance(event, h2.events.PingAckReceived):
                self.pongs += 1
        self.flush()

    def round_trip(self):
        before = self.pongs
        self.h2c.ping(b"12345678")
        self.flush()
        while self.pongs == before:
            self.read()

    def finish(self):
        while not self.over:
            self.read()
        self.sock.close()
        return self

    def trailer(self, key):
        return b",".join(v for k, v in self.blocks[-1][0] if k == key)

    def header(self, key):
        return b",".join(v for k, v in self.blocks[0][0] if k == key)

    def status(self):
        return int(self.trailer("grpc-status"))


def equal(got, expected, what):
    assert got == expected, f"{what}: {got!r}, not {expected!r}"


def trailers_only():
    fails = pb.SimpleRequest(response_status={"code": 9, "message": "no"})
    for call, code in ((Call("Nobody").send(pb.Empty()), 12), (Call("X", service="Nobody").send(pb.Empty()), 12),
                       (Call("UnaryCall").send(fails), 9), (Call("UnaryCall").send(b"\xff\xff\xff"), 13),
                       (Call("UnaryCall").send(), 12)):
        call.finish()
        equal(call.status(), code, "status")
        equal([ended for _, ended in call.blocks], [True], f"header blocks of an immediate {code}")
        equal((call.data, call.header(":status"), call.header("content-type")), (b"", b"200", b"application/grpc"), "the rest")


def headers_come_with_the_first_message():
    call = Call("FullDuplexCall").send(pb.StreamingOutputCallRequest(), end=False)
    for _ in range(3):
        call.round_trip()
        time.sleep(0.05)  # an early header would come in that time; nothing is waited for
    equal(call.blocks, [], "header blocks before the first message")
    call.send(pb.StreamingOutputCallRequest(response_parameters=[{"size": 1}])).finish()
    equal([ended for _, ended in call.blocks], [False, True], "header blocks")
    equal((call.status(), len(call.data)), (0, 5 + 5), "status and data")


def text_is_percent_encoded():
    call = Call("UnaryCall").send(pb.SimpleRequest(response_status={"code": 2, "message": "\t100% \u263a\n~"})).finish()
    equal(call.trailer("grpc-message"), b"%09100%25 %E2%98%BA%0A~", "grpc-message")


def binary_metadata():
    for sent, values in (("q6ur", [b"\xab\xab\xab"]), ("qw==", [b"\xab"]), ("qw", [b"\xab"]), ("", [b""])):
        call = Call("EmptyCall", (TRAILING, sent)).send(pb.Empty()).finish()
        got = [base64.b64decode(v + b"=" * (-len(v) % 4)) for k, value in call.blocks[-1][0] if k == TRAILING
               for v in value.split(b",")]
        equal((call.status(), got), (0, values), f"what came back of {sent!r}")
    call = Call("EmptyCall", (TRAILING, "qw=="), (TRAILING, "q6s")).send(pb.Empty()).finish()
    got = b",".join(value for key, value in call.blocks[-1][0] if key == TRAILING).replace(b"=", b"")
    equal((call.status(), got), (0, b"qw,q6s"), "two values")
    # docs/deviations.md, core-bin-joined
    try:
        status = Call("EmptyCall", (TRAILING, "qw==,q6s")).send(pb.Empty()).finish().status()
    except (OSError, AssertionError):  # the connection was closed
        status = 14
    equal(status, 14 if CORE else 0, "status of joined values")


def several_values_keep_their_order():
    call = Call("EmptyCall", (INITIAL, "a"), ("x-other", "1"), (INITIAL, "b, c"), (INITIAL, "a")).send(pb.Empty()).finish()
    equal((call.status(), call.header(INITIAL).replace(b", ", b",")), (0, b"a,b,c,a"), "order")


def bad_values_do_no_harm():
    for value in (b"\xc3\xa4", b"tab\tbed", b"\x7f", b"\x80\xff"):
        call = Call("EmptyCall", ("x-other", value), (INITIAL, value)).send(pb.Empty()).finish()
        equal(call.status(), 0, f"status with {value!r}")


def reserved_names_are_the_librarys():
    call = Call("EmptyCall", ("grpc-nobody", "x"), ("grpc-status", "5"), ("grpc-message", "y")).send(pb.Empty()).finish()
    equal((call.status(), call.trailer("grpc-message")), (0, b""), "status")


def unknown_encodings_are_refused():
    call = Call("EmptyCall", ("grpc-encoding", "deflate")).send(pb.Empty(), flag=1).finish()
    equal(call.status(), 12, "status")
    # docs/deviations.md, core-compression: the core says nothing else; the other transport says it here alone
    equal(call.header("grpc-accept-encoding"), b"" if CORE else b"identity,gzip", "grpc-accept-encoding of a refusal")
    call = Call("EmptyCall").send(pb.Empty()).finish()
    # with the blank: core-accept-blank
    equal(call.header("grpc-accept-encoding"), b"identity, gzip" if CORE else b"", "grpc-accept-encoding")


def bad_gzip():
    call = Call("UnaryCall", ("grpc-encoding", "gzip")).send(b"no gzip", flag=1).finish()
    equal(call.status(), 13, "status")


def gzip_is_announced_for_those_who_take_it():
    request = pb.StreamingOutputCallRequest(response_parameters=[
        {"size": 3000, "compressed": {"value": False}}, {"size": 3000, "compressed": {"value": True}}])
    for takes, encoding, flags in (("gzip", b"gzip", [0, 1]), ("identity", b"", [0, 0])):
        call = Call("StreamingOutputCall", ("grpc-accept-encoding", takes)).send(request).finish()
        first = int.from_bytes(call.data[1:5], "big")
        equal((call.header("grpc-encoding"), [call.data[0], call.data[5 + first]]), (encoding, flags), f"who takes {takes}")


def the_server_ends_it_at_the_deadline():
    sleeps = pb.StreamingOutputCallRequest(response_parameters=[{"size": 1, "interval_us": 30000000}])
    call = Call("StreamingOutputCall", ("grpc-timeout", "100m"))
    began = time.monotonic()
    try:
        call.send(sleeps).finish()
    except h2.exceptions.StreamClosedError:
        assert CORE, "there was more behind the end"
        call.reset = True  # core-ends-twice in docs/deviations.md: h2 stops at the second end
    assert time.monotonic() - began < 10, "it took too long"
    assert call.reset or call.status() == 4, call.blocks


TESTS = (trailers_only, headers_come_with_the_first_message, text_is_percent_encoded, binary_metadata,
         several_values_keep_their_order, bad_values_do_no_harm, reserved_names_are_the_librarys,
         unknown_encodings_are_refused, bad_gzip, gzip_is_announced_for_those_who_take_it, the_server_ends_it_at_the_deadline)
failed = 0
for test in TESTS:
    try:
        test()
        print(f"{test.__name__}: OK")
    except Exception as error:
        failed += 1
        print(f"{test.__name__}: failed: {type(error).__name__}: {error}")
sys.exit(failed != 0)
