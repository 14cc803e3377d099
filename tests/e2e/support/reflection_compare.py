"""Asks two servers the same questions and compares the answers, parsed: OURS THEIRS. C++ knows v1alpha alone (1.51)."""
import sys

import grpc
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2 as pb, reflection_pb2_grpc

ours, theirs = (reflection_pb2_grpc.ServerReflectionStub(grpc.insecure_channel(a)) for a in sys.argv[1:])
R, E = pb.ServerReflectionRequest, pb.ExtensionRequest
SYMBOLS = ["all.v1.AllService", "all.v1.AllService.One", "all.v1.Num", "all.v1.Num.id", "all.v1.Num.Inner", "all.v1.Num.Inner.text",
           "all.v1.Num.either", "all.v1.Num.ByNameEntry", "part.Mood", "part.BAD", "part.note", "part.open", "part.Open", "c_svc.field",
           "c_svc.Rpc.inline", "google.protobuf.Timestamp", "google.protobuf.FieldDescriptorProto.TYPE_INT32",
           "all.v1.Nothing", "part.Mood.BAD", "", "all.v1.AllService.one"]
FILES = ["all.proto", "part/common.proto", "c_svc/options.proto", "google/protobuf/timestamp.proto", "google/protobuf/descriptor.proto", "none.proto"]
EXTENSIONS = [("part.Open", 101), ("part.Open", 107), ("part.Open", 102), ("google.protobuf.FieldOptions", 50123), ("no.Type", 1)]
TYPES = ["part.Open", "google.protobuf.FieldOptions", "google.protobuf.MethodOptions", "all.v1.Num", "no.Type"]
questions = [R(file_containing_symbol=s) for s in SYMBOLS] + [R(file_by_filename=f) for f in FILES] + \
    [R(file_containing_extension=E(containing_type=t, extension_number=n)) for t, n in EXTENSIONS] + \
    [R(all_extension_numbers_of_type=t) for t in TYPES]
for q in questions:
    q.host = "example.org"


def plain(fields):
    """json_name is written into what plugins get; C++'s copy leaves those out that follow from the name."""
    for m in fields:
        for f in list(m.field) + list(m.extension):
            f.ClearField("json_name")
        plain(m.nested_type)


def answer(stub, question):
    """On a stream of its own, for what was sent before is left out; errors by their code alone, for the text is everybody's own."""
    got, = stub.ServerReflectionInfo(iter([question]), timeout=20)
    assert got.original_request == question, got
    kind = got.WhichOneof("message_response")
    if kind == "error_response":
        return kind, got.error_response.error_code
    if kind == "file_descriptor_response":
        files = [descriptor_pb2.FileDescriptorProto.FromString(b) for b in got.file_descriptor_response.file_descriptor_proto]
        for f in files:
            f.ClearField("source_code_info")
            plain(f.message_type)
            for e in f.extension:
                e.ClearField("json_name")
        return kind, files[0].name, {f.name: f for f in files}
    numbers = got.all_extension_numbers_response
    return kind, numbers.base_type_name, sorted(numbers.extension_number)


for question in questions:
    a, b = answer(ours, question), answer(theirs, question)
    if a != b:
        sys.exit(f"answers differ\n{question}\nours: {a}\ntheirs: {b}")
print(f"C++ oracle: {len(questions)} answers are equal")
