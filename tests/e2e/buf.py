#!/usr/bin/env python3
# transports: both
"""buf: runs the plugin with its default strategy, and calls the service with a schema file."""
import pathlib
import sys
sys.path.insert(0, __import__("os").environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

buf = e2e.PEERS / "node/node_modules/.bin/buf"
env = {**e2e.environment(), "BUF_CACHE_DIR": str(pathlib.Path.cwd() / "cache"), "HOME": str(pathlib.Path.cwd())}

# Two folders, so the default strategy runs the plugin twice; one imports from the other and has proto3 optional.
tree = pathlib.Path("work")
(tree / "proto/shop").mkdir(parents=True)
(tree / "proto/user").mkdir()
(tree / "proto/user/user.proto").write_text(e2e.USER_PROTO.read_text())
(tree / "proto/shop/cart.proto").write_text('''syntax = "proto3";
package shop;
import "user/user.proto";
import "google/protobuf/timestamp.proto";
message Cart {
  user.User owner = 1;
  optional string note = 2;
  google.protobuf.Timestamp at = 3;
}
service Carts { rpc Delete(Cart) returns (Cart); }
''')
(tree / "buf.yaml").write_text("version: v2\nmodules:\n  - path: proto\n")
(tree / "buf.gen.yaml").write_text(
    "version: v2\nplugins:\n  - local: protoc-gen-c-svc\n    out: gen\n")
e2e.run(buf, "generate", cwd=tree, env=env)
by_buf = {p.relative_to(tree / "gen"): p.read_bytes() for p in sorted((tree / "gen").rglob("*")) if p.is_file()}

(tree / "gen2").mkdir()
e2e.run("protoc", "-Iproto", "--c-svc_out=gen2", "shop/cart.proto", "user/user.proto", cwd=tree)
by_protoc = {p.relative_to(tree / "gen2"): p.read_bytes() for p in sorted((tree / "gen2").rglob("*")) if p.is_file()}
e2e.equal(sorted(map(str, by_buf)), sorted(map(str, by_protoc)), "files by buf and by protoc")
for name, text in by_protoc.items():
    e2e.equal(by_buf[name], text, f"{name} by buf and by protoc")

project = e2e.scaffold("user-service", "--proto", e2e.USER_PROTO)
with e2e.Server(project / "build/user-service", cwd=project) as server:
    def curl(method, data, check=0):
        return e2e.run(buf, "curl", "--http2-prior-knowledge", "--protocol", "grpc", "--schema", e2e.USER_PROTO,
                       "--data", data, f"http://{server.address}/user.UserService/{method}", env=env, check=check)

    created = curl("CreateUser", '{"username": "ada", "email": "ada@example.org"}').stdout
    if '"username":"ada"' not in created.replace(" ", ""):
        e2e.fail(f"buf curl CreateUser: {created}")
    again = curl("CreateUser", '{"username": "ada", "email": "b@example.org"}', check=None)
    if again.returncode == 0 or "already_exists" not in again.stderr + again.stdout:
        e2e.fail(f"buf curl, the same name again: {again}")
    listed = curl("ListUsers", "{}").stdout
    if '"total":1' not in listed.replace(" ", ""):
        e2e.fail(f"buf curl ListUsers: {listed}")
