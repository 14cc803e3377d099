#!/usr/bin/env python3
# transports: both
"""gzip with Python's gRPC, both ways; a bomb costs no more than the limit (T15); encodings nobody asked for."""
import os
import pathlib
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

e2e.python_stubs(e2e.USER_PROTO, ".")
pathlib.Path("client.py").write_text(r'''
import sys
import grpc
import user_pb2 as pb, user_pb2_grpc as rpc

GZIP, DEFLATE, C = grpc.Compression.Gzip, grpc.Compression.Deflate, grpc.StatusCode
channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.max_send_message_length", -1)])
users = rpc.UserServiceStub(channel)
names = iter(range(1000))

def create(full_name, compression):
    i = next(names)
    return users.CreateUser(pb.CreateUserRequest(username=f"u{i}", email=f"u{i}@example.org", full_name=full_name),
                            timeout=60, compression=compression).user

def refused(code, words, full_name, compression):
    try:
        create(full_name, compression)
    except grpc.RpcError as e:
        assert e.code() == code and words in e.details(), (e.code(), e.details())
        return
    raise AssertionError(f"{len(full_name)} bytes were served")

for n in (0, 1, 1000, 100_000, (4 << 20) - 100):
    for compression in (GZIP, None):
        assert create("x" * n, compression).full_name == "x" * n, n
refused(C.RESOURCE_EXHAUSTED, "4194304", "x" * (4 << 20), GZIP)
refused(C.RESOURCE_EXHAUSTED, "4194304", "\x01" * 300_000_000, GZIP)  # 300 KB on the wire
refused(C.UNIMPLEMENTED, sys.argv[2], "x" * 1000, DEFLATE)
assert create("after all", GZIP).full_name == "after all"
''')


def peak(server):
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{server.process.pid}/status").read_text()).group(1))


def raw(server, flag, body, *headers):
    """What nghttp gets for GetUser(1): lines of headers, bytes of DATA."""
    pathlib.Path("body").write_bytes(bytes([flag]) + len(body).to_bytes(4, "big") + body)
    args = ["nghttp", "-v", "-n", "-t", "30", "-d", "body", "-H", ":method: POST"]
    for header in ("content-type: application/grpc", "te: trailers", *headers):
        args += ["-H", header]
    out = e2e.run(*args, f"http://{server.address}/user.UserService/GetUser", check=None, errors="replace").stdout
    headers = dict(re.findall(r"recv \(stream_id=\d+\) ([\w:-]+): (.*)", out))
    return headers, sum(int(n) for n in re.findall(r"recv DATA frame <length=(\d+)", out))


project = e2e.scaffold("user-service", "--proto", e2e.USER_PROTO)
accepts = "grpc-accept-encoding: identity,gzip"
for arguments, packed in ((), False), (("--grpc-compress-bytes", "500"), True):
    with e2e.Server(project / "build/user-service", *arguments, cwd=project, env={"DATABASE_URL": "sqlite::memory:"}) as server:
        client = project / "build/user-service-client"
        e2e.run(client, "--addr", server.address, "create-user", "--username", "ada", "--email", "ada@example.org",
                "--full-name", "a" * 10000)
        for words, expected in ((accepts,), packed), ((), False):
            headers, n = raw(server, 0, b"\x08\x01", *words)
            e2e.equal((headers["grpc-status"], headers.get("grpc-encoding"), n < 1000),
                      ("0", "gzip" if expected else None, expected), f"{arguments} {words}: {headers}, {n} bytes")
            # nghttp2 says it where it matters: in a refusal
            if "gzip" not in headers.get("grpc-accept-encoding", "gzip" if e2e.TRANSPORT == "nghttp2" else ""):
                e2e.fail(f"what is accepted: {headers}")
        # ours takes it, whether packed or not
        if "a" * 10000 not in e2e.run(client, "--addr", server.address, "get-user", "--id", 1).stdout:
            e2e.fail("the client of the project lost the name")
        headers, _ = raw(server, 1, b"\x1f\x8b\x08", "grpc-encoding: gzip")
        e2e.equal(headers["grpc-status"], "13", "gzip that is none")
        headers, _ = raw(server, 1, b"\x08\x01", "grpc-encoding: deflate")
        e2e.equal(headers["grpc-status"], "12", "deflate")
        e2e.run(*e2e.python_client("client.py", server.address, "grpc-encoding" if e2e.TRANSPORT == "nghttp2" else "deflate"), timeout=300)
        grown = peak(server)
        if grown > 128 * 1024:
            e2e.fail(f"300 MB of zeros made the server as large as {grown} KB")
        print(f"packed replies {packed}: at most {grown} KB resident")
