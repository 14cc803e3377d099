#!/usr/bin/env python3
# transports: both
"""The user service, asked by Python's gRPC: the behaviour that CRUD services of this shape are to have."""
import sys
sys.path.insert(0, __import__("os").environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

CLIENT = r'''
import re, sys, grpc
import user_pb2 as pb, user_pb2_grpc as rpc

RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
users = rpc.UserServiceStub(grpc.insecure_channel(sys.argv[1]))

def refused(code, words, call, request):
    try:
        call(request, timeout=10)
    except grpc.RpcError as e:
        assert e.code() == code, (e.code(), e.details(), code)
        for word in words:
            assert word in e.details(), (word, e.details())
        return
    raise AssertionError(f"{request} was not refused")

C = grpc.StatusCode
ada = users.CreateUser(pb.CreateUserRequest(username="ada", email="ada@example.org", full_name="Ada"), timeout=10).user
assert ada.id >= 1 and ada.username == "ada" and ada.full_name == "Ada", ada
assert RFC3339.match(ada.created_at) and ada.created_at == ada.updated_at, ada
refused(C.ALREADY_EXISTS, ["username"], users.CreateUser, pb.CreateUserRequest(username="ada", email="x@example.org"))
refused(C.ALREADY_EXISTS, ["email"], users.CreateUser, pb.CreateUserRequest(username="x", email="ada@example.org"))
refused(C.INVALID_ARGUMENT, ["username"], users.CreateUser, pb.CreateUserRequest(email="x@example.org"))
refused(C.INVALID_ARGUMENT, ["email"], users.CreateUser, pb.CreateUserRequest(username="x"))

got = users.GetUser(pb.GetUserRequest(id=ada.id), timeout=10).user
assert got == ada, (got, ada)
for bad in (0, -1):
    refused(C.INVALID_ARGUMENT, [], users.GetUser, pb.GetUserRequest(id=bad))
    refused(C.INVALID_ARGUMENT, [], users.UpdateUser, pb.UpdateUserRequest(id=bad, username="a", email="b"))
    refused(C.INVALID_ARGUMENT, [], users.DeleteUser, pb.DeleteUserRequest(id=bad))
refused(C.NOT_FOUND, ["999"], users.GetUser, pb.GetUserRequest(id=999))
refused(C.NOT_FOUND, ["999"], users.UpdateUser, pb.UpdateUserRequest(id=999, username="a", email="b"))
refused(C.NOT_FOUND, ["999"], users.DeleteUser, pb.DeleteUserRequest(id=999))

grace = users.CreateUser(pb.CreateUserRequest(username="grace", email="grace@example.org"), timeout=10).user
new = users.UpdateUser(pb.UpdateUserRequest(id=ada.id, username="ada", email="ada@new.example", full_name="Ada K"), timeout=10).user
assert new.created_at == ada.created_at and new.email == "ada@new.example" and new.updated_at >= ada.updated_at, new
refused(C.ALREADY_EXISTS, ["username"], users.UpdateUser, pb.UpdateUserRequest(id=ada.id, username="grace", email="ada@new.example"))
assert users.GetUser(pb.GetUserRequest(id=ada.id), timeout=10).user == new

for i in range(3, 131):
    users.CreateUser(pb.CreateUserRequest(username=f"user{i}", email=f"user{i}@example.org"), timeout=10)
page = users.ListUsers(pb.ListUsersRequest(), timeout=10)
assert len(page.users) == 20 and page.total == 130, (len(page.users), page.total)
assert [u.id for u in page.users] == sorted(u.id for u in page.users)
assert len(users.ListUsers(pb.ListUsersRequest(page_size=1000), timeout=10).users) == 100
second = users.ListUsers(pb.ListUsersRequest(page=2, page_size=100), timeout=10)
assert len(second.users) == 30 and second.total == 130, len(second.users)
assert len(users.ListUsers(pb.ListUsersRequest(page=2**31 - 1, page_size=100), timeout=10).users) == 0

assert users.DeleteUser(pb.DeleteUserRequest(id=grace.id), timeout=10).success is True
refused(C.NOT_FOUND, [], users.GetUser, pb.GetUserRequest(id=grace.id))
assert users.ListUsers(pb.ListUsersRequest(), timeout=10).total == 129

# any UTF-8 in a status text, hostile text in values
name = "Zoë 'x'; -- %s \"q\" 🎈\t"
odd = users.CreateUser(pb.CreateUserRequest(username=name, email="o@example.org"), timeout=10).user
assert odd.username == name
refused(C.ALREADY_EXISTS, ["Zoë", "🎈"], users.CreateUser, pb.CreateUserRequest(username=name, email="p@example.org"))
# an unknown method, garbage
channel = grpc.insecure_channel(sys.argv[1])
try:
    channel.unary_unary("/user.UserService/Nope")(b"", timeout=10)
    raise AssertionError("Nope was served")
except grpc.RpcError as e:
    assert e.code() == C.UNIMPLEMENTED, e
try:
    channel.unary_unary("/user.UserService/GetUser")(b"\xff\xff\xff", timeout=10)
    raise AssertionError("garbage was served")
except grpc.RpcError as e:
    assert e.code() == C.INTERNAL, e
print("python: all as expected")
'''

e2e.python_stubs(e2e.USER_PROTO, ".")
open("client.py", "w").write(CLIENT)
project = e2e.scaffold("user-service", "--proto", e2e.USER_PROTO)
with e2e.Server(project / "build/user-service", cwd=project) as server:
    e2e.run(*e2e.python_client("client.py", server.address))
# what was stored is there after a restart
with e2e.Server(project / "build/user-service", cwd=project) as server:
    out = e2e.run(project / "build/user-service-client", "--addr", server.address, "get-user", "--id", 1).stdout
    if '"email": "ada@new.example"' not in out:
        e2e.fail(f"after a restart: {out}")
