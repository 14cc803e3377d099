"""Python's reflection and health clients (grpcio-reflection, grpcio-health-checking) against a server of all.proto: ADDRESS DESCRIPTOR_SET|off"""
import sys
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

address, what = sys.argv[1:]
channel = grpc.insecure_channel(address)
health = health_pb2_grpc.HealthStub(channel)
Request, Response = health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse


def code_of(call):
    try:
        call()
    except grpc.RpcError as e:
        return e.code()
    return grpc.StatusCode.OK


def check(service):
    return health.Check(Request(service=service), timeout=20).status


assert check("") == check("all.v1.AllService") == Response.SERVING
assert code_of(lambda: check("all.v1")) == grpc.StatusCode.NOT_FOUND
watches = [health.Watch(Request(service=s), timeout=60) for s in ("", "all.v1.AllService", "nobody")]
assert [next(w).status for w in watches] == [Response.SERVING, Response.SERVING, Response.SERVICE_UNKNOWN]
for w in watches:
    w.cancel()

if what == "off":
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    answers = lambda: list(stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=20))
    assert code_of(answers) == grpc.StatusCode.UNIMPLEMENTED
    sys.exit()

database = ProtoReflectionDescriptorDatabase(channel)
pool = descriptor_pool.DescriptorPool(database)
assert sorted(database.get_services()) == ["all.v1.AllService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                           "grpc.reflection.v1alpha.ServerReflection"]
service = pool.FindServiceByName("all.v1.AllService")
assert [m.name for m in service.methods] == ["One", "Down", "Up", "Both"]
assert [(m.client_streaming, m.server_streaming) for m in service.methods] == [(False, False), (False, True), (True, False), (True, True)]
assert pool.FindMessageTypeByName("all.v1.Num").fields_by_name["by_name"].message_type.GetOptions().map_entry
assert list(database.FindAllExtensionNumbers("part.Open")) == [101, 107]
assert pool.FindServiceByName("grpc.health.v1.Health").methods_by_name["Watch"].server_streaming

# every file, with all its options, is what protoc makes of the sources
for wanted in descriptor_pb2.FileDescriptorSet.FromString(open(what, "rb").read()).file:
    got = database.FindFileByName(wanted.name)
    got.ClearField("source_code_info")
    assert got == wanted, f"{wanted.name} differs\n{got}\n{wanted}"
print("python: descriptors equal protoc's")
