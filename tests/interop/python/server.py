#!/usr/bin/env python3
"""gRPC's TestService on Python's library: server.py STUBS [--cert F --key F]; prints its port. Written from the
descriptions of the interoperability tests; what it cannot see (whether a request came compressed) it does not check."""
import argparse
import signal
import sys
import time
from concurrent import futures

import grpc

parser = argparse.ArgumentParser()
parser.add_argument("stubs")
parser.add_argument("--cert")
parser.add_argument("--key")
args = parser.parse_args()
sys.path.insert(0, args.stubs)
import interop_pb2 as pb
import interop_pb2_grpc as rpc

INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}


def echo_metadata(context):
    received = dict(context.invocation_metadata())
    if INITIAL in received:
        context.send_initial_metadata(((INITIAL, received[INITIAL]),))
    if TRAILING in received:
        context.set_trailing_metadata(((TRAILING, received[TRAILING]),))


def echo_status(context, request):
    if request.HasField("response_status") and request.response_status.code:
        context.abort(CODES[request.response_status.code], request.response_status.message)


def compress(context, wanted):
    if not wanted.value:
        context.disable_next_message_compression()


def payload(size):
    return pb.Payload(body=b"\0" * size)


class TestService(rpc.TestServiceServicer):
    def EmptyCall(self, request, context):
        echo_metadata(context)
        return pb.Empty()

    def UnaryCall(self, request, context):
        echo_metadata(context)
        echo_status(context, request)
        if request.HasField("response_compressed"):
            context.set_compression(grpc.Compression.Gzip)
            compress(context, request.response_compressed)
        return pb.SimpleResponse(payload=payload(request.response_size))

    CacheableUnaryCall = UnaryCall

    def replies(self, request, context):
        for asked in request.response_parameters:
            time.sleep(asked.interval_us / 1e6)
            if asked.HasField("compressed"):
                compress(context, asked.compressed)
            yield pb.StreamingOutputCallResponse(payload=payload(asked.size))

    def StreamingOutputCall(self, request, context):
        if any(asked.HasField("compressed") for asked in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        echo_metadata(context)
        echo_status(context, request)
        yield from self.replies(request, context)

    def StreamingInputCall(self, requests, context):
        return pb.StreamingInputCallResponse(aggregated_payload_size=sum(len(r.payload.body) for r in requests))

    def FullDuplexCall(self, requests, context):
        echo_metadata(context)
        for request in requests:
            echo_status(context, request)
            yield from self.replies(request, context)

    def HalfDuplexCall(self, requests, context):
        for request in list(requests):
            yield from self.replies(request, context)


server = grpc.server(futures.ThreadPoolExecutor(32), options=[("grpc.max_metadata_size", 128 << 10), ("grpc.so_reuseport", 0)])
rpc.add_TestServiceServicer_to_server(TestService(), server)
if args.cert:
    creds = grpc.ssl_server_credentials([(open(args.key, "rb").read(), open(args.cert, "rb").read())])
    port = server.add_secure_port("127.0.0.1:0", creds)
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listening grpc=127.0.0.1:{port}", flush=True)
signal.signal(signal.SIGTERM, lambda *_: server.stop(0))
server.wait_for_termination(300)
