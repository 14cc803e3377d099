#!/usr/bin/env python3
"""The cases of gRPC's interoperability tests on Python's library: client.py STUBS TARGET [--ca F --name N] [CASE...]"""
import argparse
import queue
import sys
import threading
import time

import grpc

parser = argparse.ArgumentParser()
parser.add_argument("stubs")
parser.add_argument("target")
parser.add_argument("--ca")
parser.add_argument("--name")
parser.add_argument("cases", nargs="*")
args = parser.parse_args()
sys.path.insert(0, args.stubs)
import interop_pb2 as pb
import interop_pb2_grpc as rpc

INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
UP, DOWN = (27182, 8, 1828, 45904), (31415, 9, 2653, 58979)
WHITE = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def equal(got, expected, what):
    assert got == expected, f"{what}: {str(got)[:200]!r}, not {str(expected)[:200]!r}"


def body(size):
    return pb.Payload(body=b"\0" * size)


def unary(**more):
    return pb.SimpleRequest(response_size=314159, payload=body(271828), **more)


def asking(*sizes, up=0, **more):
    return pb.StreamingOutputCallRequest(payload=body(up), response_parameters=[{"size": s} for s in sizes], **more)


def fails(code, call, text=None):
    try:
        call()
    except grpc.RpcError as error:
        equal(error.code(), code, "code")
        if text is not None:
            equal(error.details(), text, "text")
        return error
    raise AssertionError(f"no failure, {code} expected")


class Sent:
    """An iterator of requests that another thread feeds."""

    def __init__(self):
        self.queue = queue.Queue()
        self.put, self.end = self.queue.put, lambda: self.queue.put(None)

    def __iter__(self):
        return iter(self.queue.get, None)


@case
def empty_unary(stub):
    equal(stub.EmptyCall(pb.Empty()), pb.Empty(), "reply")


@case
def large_unary(stub):
    equal(len(stub.UnaryCall(unary()).payload.body), 314159, "reply")


@case
def cacheable_unary(stub):
    for _ in range(2):
        equal(len(stub.CacheableUnaryCall(unary()).payload.body), 314159, "reply")


@case
def client_streaming(stub):
    requests = (pb.StreamingInputCallRequest(payload=body(size)) for size in UP)
    equal(stub.StreamingInputCall(requests).aggregated_payload_size, 74922, "sum")


@case
def answers_only_at_half_close(stub):
    sent = Sent()
    reply = stub.StreamingInputCall.future(iter(sent))
    sent.put(pb.StreamingInputCallRequest(payload=body(5)))
    try:
        reply.result(timeout=0.3)
        raise AssertionError("a reply before the half-close")
    except grpc.FutureTimeoutError:
        sent.end()
    equal(reply.result(timeout=10).aggregated_payload_size, 5, "sum")


@case
def server_streaming(stub):
    equal([len(r.payload.body) for r in stub.StreamingOutputCall(asking(*DOWN))], list(DOWN), "replies")


@case
def intervals(stub):
    request = pb.StreamingOutputCallRequest(response_parameters=[{"size": 1, "interval_us": 100000}] * 3)
    began = time.monotonic()
    equal(len(list(stub.StreamingOutputCall(request))), 3, "replies")
    assert 0.3 <= time.monotonic() - began < 5, "the intervals were not kept"


@case
def ping_pong(stub):
    sent = Sent()
    replies = stub.FullDuplexCall(iter(sent))
    for up, down in zip(UP, DOWN):
        sent.put(asking(down, up=up))
        equal(len(next(replies).payload.body), down, "reply")
    sent.end()
    equal(list(replies), [], "the rest")


@case
def half_duplex(stub):
    equal([len(r.payload.body) for r in stub.HalfDuplexCall(iter([asking(s) for s in DOWN]))], list(DOWN), "replies")


@case
def empty_stream(stub):
    equal(list(stub.FullDuplexCall(iter(()))), [], "replies")


@case
def unsupported_type(stub):
    fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub.UnaryCall(unary(response_type=7)))


@case
def client_compressed_unary(stub):
    yes, no = {"value": True}, {"value": False}
    gzip, plain = grpc.Compression.Gzip, grpc.Compression.NoCompression
    fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub.UnaryCall(unary(expect_compressed=yes), compression=plain))
    for wanted, how in ((yes, gzip), (no, plain)):
        reply = stub.UnaryCall(unary(expect_compressed=wanted), compression=how)
        equal(len(reply.payload.body), 314159, "reply")


@case
def client_compressed_streaming(stub):
    def requests(*expected):
        for size, value in expected:
            yield pb.StreamingInputCallRequest(payload=body(size), expect_compressed={"value": value})
    # Python packs all of a call's messages or none
    call = lambda how, *expected: stub.StreamingInputCall(requests(*expected), compression=how)
    fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: call(grpc.Compression.NoCompression, (27182, True)))
    equal(call(grpc.Compression.Gzip, (27182, True), (45904, True)).aggregated_payload_size, 73086, "sum")
    equal(call(grpc.Compression.NoCompression, (45904, False)).aggregated_payload_size, 45904, "sum")


@case
def server_compressed_unary(stub):
    for value in (True, False):
        reply = stub.UnaryCall(unary(response_compressed={"value": value}))
        equal(len(reply.payload.body), 314159, "reply")


@case
def server_compressed_streaming(stub):
    request = pb.StreamingOutputCallRequest(response_parameters=[
        {"size": 31415, "compressed": {"value": True}}, {"size": 92653, "compressed": {"value": False}}])
    equal([len(r.payload.body) for r in stub.StreamingOutputCall(request)], [31415, 92653], "replies")


@case
def status_code_and_message(stub):
    status = {"code": 2, "message": "test status message"}
    fails(grpc.StatusCode.UNKNOWN, lambda: stub.UnaryCall(pb.SimpleRequest(response_status=status)), status["message"])
    sent = Sent()
    sent.put(pb.StreamingOutputCallRequest(response_status=status))
    fails(grpc.StatusCode.UNKNOWN, lambda: list(stub.FullDuplexCall(iter(sent))), status["message"])
    sent.end()


@case
def special_status_message(stub):
    fails(grpc.StatusCode.UNKNOWN,
          lambda: stub.UnaryCall(pb.SimpleRequest(response_status={"code": 2, "message": WHITE})), WHITE)


@case
def every_code(stub):
    for code in list(grpc.StatusCode)[1:]:
        fails(code, lambda: stub.UnaryCall(pb.SimpleRequest(response_status={"code": code.value[0], "message": "x"})), "x")


@case
def custom_metadata(stub):
    sent = ((INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab"))
    replies = stub.FullDuplexCall(iter([asking(314159, up=271828)]), metadata=sent)
    equal(len(next(replies).payload.body), 314159, "reply")
    for call in (stub.UnaryCall.with_call(unary(), metadata=sent)[1], replies):
        equal(dict(call.initial_metadata()).get(INITIAL), sent[0][1], INITIAL)
        equal(dict(call.trailing_metadata()).get(TRAILING), sent[1][1], TRAILING)
    # with an error, too
    error = fails(grpc.StatusCode.UNKNOWN, lambda: stub.UnaryCall(
        pb.SimpleRequest(response_status={"code": 2, "message": "no"}), metadata=sent), "no")
    both = dict(error.initial_metadata()) | dict(error.trailing_metadata())
    equal((both.get(INITIAL), both.get(TRAILING)), (sent[0][1], sent[1][1]), "metadata with an error")


@case
def long_metadata(stub):
    value = "x" * (63 << 10)
    call = stub.UnaryCall.with_call(unary(), metadata=((INITIAL, value),))[1]
    equal(dict(call.initial_metadata()).get(INITIAL), value, "63 KB of headers")


@case
def cancel_after_begin(stub):
    sent = Sent()
    reply = stub.StreamingInputCall.future(iter(sent))
    reply.cancel()
    assert reply.cancelled() and reply.code() == grpc.StatusCode.CANCELLED
    sent.end()


@case
def cancel_after_first_response(stub):
    sent = Sent()
    replies = stub.FullDuplexCall(iter(sent))
    sent.put(asking(31415, up=27182))
    next(replies)
    replies.cancel()
    equal(fails(grpc.StatusCode.CANCELLED, lambda: next(replies)).code(), grpc.StatusCode.CANCELLED, "code")
    sent.end()


@case
def timeout_on_sleeping_server(stub):
    sent = Sent()
    sent.put(asking(up=27182))
    fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: next(stub.FullDuplexCall(iter(sent), timeout=0.001)))
    sent.end()


@case
def unimplemented_method(stub):
    fails(grpc.StatusCode.UNIMPLEMENTED, lambda: stub.UnimplementedCall(pb.Empty()))


@case
def unimplemented_service(stub):
    fails(grpc.StatusCode.UNIMPLEMENTED, lambda: rpc.UnimplementedServiceStub(channel).UnimplementedCall(pb.Empty()))


@case
def pushback_down(stub):
    """The replies of an unread stream wait: 64 MB do not come before somebody reads them."""
    replies = stub.StreamingOutputCall(asking(*[1 << 20] * 64))
    time.sleep(0.5)
    equal(sum(len(r.payload.body) for r in replies), 64 << 20, "bytes")


@case
def pushback_up(stub):
    """Requests of a stream that the server is slow to read wait: it is asleep for the first."""
    sent = [0]

    def requests():
        yield pb.StreamingOutputCallRequest(response_parameters=[{"size": 1, "interval_us": 500000}])
        for _ in range(64):
            yield asking(up=1 << 20)
            sent[0] += 1
    replies = stub.FullDuplexCall(requests())
    time.sleep(0.3)
    assert sent[0] < 40, f"{sent[0]} MiB were taken by a server that sleeps"
    equal(len(list(replies)), 1, "replies")
    equal(sent[0], 64, "requests")


@case
def concurrent_large_unary(stub):
    calls = [stub.UnaryCall.future(unary()) for _ in range(1000)]
    equal(sum(len(call.result().payload.body) for call in calls), 1000 * 314159, "bytes")


options = [("grpc.max_metadata_size", 128 << 10), ("grpc.absolute_max_metadata_size", 256 << 10)]
if args.ca:
    if args.name:
        options.append(("grpc.ssl_target_name_override", args.name))
    channel = grpc.secure_channel(args.target, grpc.ssl_channel_credentials(open(args.ca, "rb").read()), options)
else:
    channel = grpc.insecure_channel(args.target, options)
failed = 0
for name, run in CASES.items():
    if not args.cases or name in args.cases:
        try:
            run(rpc.TestServiceStub(channel))
            print(f"{name}: OK", flush=True)
        except Exception as error:
            failed += 1
            print(f"{name}: failed: {type(error).__name__}: {str(error)[:500]}", flush=True)
channel.close()
sys.exit(failed != 0)
