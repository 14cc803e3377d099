#!/usr/bin/env python3
# transports: both
"""Reflection and health of a generated service, asked by others: buf curl, grpcurl, Python's clients, C++'s own answers, Kubernetes' probe."""
import json
import os
import pathlib
import subprocess
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e
import four_kinds

SUPPORT = e2e.SOURCE / "tests/e2e/support"
PROTO = """syntax = "proto3";
package all.v1;
import "c_svc/options.proto";
import "google/protobuf/timestamp.proto";
import "part/common.proto";
message Num {
  int64 id = 1 [(c_svc.field).min = -3];
  google.protobuf.Timestamp at = 2;
  bytes raw = 3 [(part.open) = {[part.note]: "kept"}];
  message Inner { string text = 1; }
  repeated Inner inner = 4;
  oneof either { string left = 5; bool right = 6; }
  optional int32 maybe = 7;
  map<string, Inner> by_name = 8;
}
// Four kinds.
service AllService {
  rpc One(Num) returns (Num) { option (c_svc.rpc).inline = true; }
  rpc Down(Num) returns (stream Num);
  rpc Up(stream Num) returns (Num);
  rpc Both(stream Num) returns (stream Num);
}
"""
COMMON = """syntax = "proto2";
package part;
import "google/protobuf/descriptor.proto";
enum Mood { FINE = 0; BAD = 1; }
message Open { extensions 100 to 200; }
extend Open { optional string note = 101; optional Mood mood = 107; }
extend google.protobuf.FieldOptions { optional Open open = 50123; }
"""

HANDLERS = {
    "one": ("const All__V1__Num *req, All__V1__Num *rsp", """
    rsp->id = req->id + 1;
    return CSVC_OK;
"""),
    **four_kinds.of("all_v1_all_service", "All__V1__Num"),
}

# rpc, requests, replies
CALLS = (("One", [4], [5]), ("Down", [3], [0, 1, 2]), ("Up", [1, 2, 3], [6]), ("Both", [7, 8], [7, 8]))
SERVICES = ["all.v1.AllService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection"]
METHODS = sorted([f"all.v1.AllService/{m}" for m in ("One", "Down", "Up", "Both")] +
                 [f"grpc.health.v1.Health/{m}" for m in ("Check", "List", "Watch")] +
                 [f"{s}/ServerReflectionInfo" for s in SERVICES[2:]])

pathlib.Path("proto/part").mkdir(parents=True)
proto = pathlib.Path.cwd() / "proto/all.proto"
proto.write_text(PROTO)
(proto.parent / "part/common.proto").write_text(COMMON)
project = e2e.scaffold("all-service", "--proto", proto, "-I", proto.parent)
four_kinds.write(project, "all_v1_all_service", HANDLERS)
e2e.run("make", "-C", project, "-j2", *e2e.make_args())


def ids(text):
    """The ids of JSON messages that follow each other."""
    decoder, found, text = json.JSONDecoder(), [], text.strip()
    while text:
        message, end = decoder.raw_decode(text)
        found.append(int(message.get("id", 0)))
        text = text[end:].strip()
    return found


def lines(requests):
    return "\n".join(json.dumps({"id": i}) for i in requests)


def buf_curl(address):
    buf = e2e.PEERS / "node/node_modules/.bin/buf"
    for protocol in ("grpc-v1", "grpc-v1alpha"):
        common = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect-protocol", protocol]
        url = f"http://{address}"
        e2e.equal(sorted(e2e.run(*common, "--list-services", url).stdout.split()), SERVICES, f"buf, {protocol}")
        e2e.equal(sorted(e2e.run(*common, "--list-methods", url).stdout.split()), METHODS, f"buf, {protocol}")
        for rpc, requests, replies in CALLS:
            pathlib.Path("requests.json").write_text(lines(requests))
            done = e2e.run(*common, "-d", "@requests.json", f"{url}/all.v1.AllService/{rpc}")
            e2e.equal(ids(done.stdout), replies, f"buf curl {rpc}, {protocol}")
        done = e2e.run(*common, "-d", '{"service": "all.v1.AllService"}', f"{url}/grpc.health.v1.Health/Check")
        e2e.equal(json.loads(done.stdout), {"status": "SERVING"}, "buf curl Health/Check")


def grpcurl(address):
    program = e2e.PEERS / "go/grpcurl"
    if not program.exists():
        e2e.not_tried("reflection asked by grpcurl", "there is no go to build it with")
        return
    common = [program, "-plaintext"]
    e2e.equal(e2e.run(*common, address, "list").stdout.split(), SERVICES, "grpcurl list")
    for service in SERVICES:
        found = e2e.run(*common, address, "list", service).stdout.split()
        e2e.equal(found, [m.replace("/", ".") for m in METHODS if m.startswith(f"{service}/")], f"grpcurl list {service}")
    for symbol, wanted in (("all.v1.AllService", "rpc Both ( stream .all.v1.Num ) returns ( stream .all.v1.Num );"),
                           ("all.v1.Num", "(.c_svc.field) = { min: -3.000000 }"), ("all.v1.Num", "[.part.note]: \"kept\""), ("all.v1.Num.Inner", "string text = 1;"),
                           ("part.Mood", "BAD = 1;"), ("part.Open", "extensions 100 to 200;"), ("part.note", "note = 101"),
                           ("grpc.health.v1.HealthCheckResponse.ServingStatus", "SERVICE_UNKNOWN = 3;"),
                           ("google.protobuf.Timestamp", "int32 nanos = 2;"), ("google.protobuf.FieldOptions", "optional bool lazy")):
        text = e2e.run(*common, address, "describe", symbol).stdout
        e2e.equal(wanted in text, True, f"grpcurl describe {symbol}: {text}")
    e2e.equal("Symbol not found" in e2e.run(*common, address, "describe", "all.v1.Nothing", check=None).stderr, True, "a symbol nobody knows")
    for rpc, requests, replies in CALLS:
        done = e2e.run(*common, "-d", lines(requests), address, f"all.v1.AllService/{rpc}")
        e2e.equal(ids(done.stdout), replies, f"grpcurl {rpc}")


def python(address):
    """Both libraries as their own documents use them; descriptors are the same as in the .proto files."""
    sets = ["all.proto", "part/common.proto"]
    e2e.run("protoc", f"-I{proto.parent}", f"-I{e2e.STAGE}/share/c-svc/proto", "--include_imports", "--descriptor_set_out=all.pb", *sets)
    done = e2e.run(*e2e.python_client(SUPPORT / "reflection_client.py", address, "all.pb"))
    print(done.stdout.strip())


def oracle(address):
    """The same questions to C++'s reflection plugin, serving the same files; the answers are equal once parsed."""
    includes = [f"-I{proto.parent}", f"-I{e2e.STAGE}/share/c-svc/proto", f"-I{e2e.SOURCE}/runtime/std/proto"]
    files = ["all.proto", "part/common.proto", "c_svc/options.proto"]
    pathlib.Path("cpp").mkdir()
    e2e.run("protoc", *includes, "--cpp_out=cpp", *files)
    flags = e2e.run("pkg-config", "--cflags", "--libs", "grpc++", "protobuf").stdout.split()
    sources = [SUPPORT / "reflection_oracle.cc", *(f"cpp/{f.removesuffix('.proto')}.pb.cc" for f in files)]
    e2e.run("sh", "-c", 'cxx=$1; shift; for f; do $cxx -c "$f" & done; wait', "sh", "g++ -O0 -std=c++17 -Icpp", *sources)
    objects = [pathlib.Path(s).with_suffix(".o").name for s in sources]
    e2e.run("g++", *objects, "-o", "oracle", "-Wl,--no-as-needed", "-lgrpc++_reflection", *flags)
    process = subprocess.Popen(["./oracle"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=e2e.environment())
    try:
        port = process.stdout.readline().strip()
        done = e2e.run(*e2e.python_client(SUPPORT / "reflection_compare.py", address, f"127.0.0.1:{port}"))
        print(done.stdout.strip())
    finally:
        process.stdin.close()
        process.wait(20)


with e2e.Server(project / "build/all-service", cwd=project) as server:
    for part in (buf_curl, grpcurl, python, oracle):
        began = time.monotonic()
        part(server.address)
        print(f"{part.__name__}: {time.monotonic() - began:.1f} s")

# without reflection nobody learns what is served; health stays
with e2e.Server(project / "build/all-service", "--reflection=off", cwd=project) as server:
    e2e.run(*e2e.python_client(SUPPORT / "reflection_client.py", server.address, "off"))
done = e2e.run(project / "build/all-service", "--reflection=perhaps", cwd=project, check=2)
e2e.equal("--reflection: 'perhaps' is not on or off" in done.stderr, True, done.stderr)
