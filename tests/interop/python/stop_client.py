#!/usr/bin/env python3
"""stop_client.py STUBS HOST:PORT: a call that stays open, whose server is to be stopped once this has said `open`. Says how it ends."""
import sys
import threading

import grpc

sys.path.insert(0, sys.argv[1])
import interop_pb2 as pb
import interop_pb2_grpc as pb_grpc

over = threading.Event()


def requests():
    yield pb.StreamingOutputCallRequest(response_parameters=[{"size": 1}])
    over.wait()  # no half-close


with grpc.insecure_channel(sys.argv[2]) as channel:
    call = pb_grpc.TestServiceStub(channel).FullDuplexCall(requests(), timeout=60)
    next(call)
    print("open", flush=True)
    try:
        next(call)
        print("another reply")
    except (grpc.RpcError, StopIteration):
        print(call.code().name)
    over.set()
