#!/usr/bin/env python3
"""Several services in one project, and several projects on one tree of protos: --in-place, what make does when the tree changes, and when
it is not there."""
import os
import pathlib
import shutil
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

FILES = {
    "acme/common/money.proto": '''syntax = "proto3";
package acme.common;
message Money { int64 units = 1; string currency = 2; }
''',
    "acme/user/v1/user.proto": '''syntax = "proto3";
package acme.user.v1;
import "acme/common/money.proto";
message GetUserRequest { int64 id = 1; }
message GetUserResponse { int64 id = 1; acme.common.Money credit = 2; }
service UserService { rpc GetUser(GetUserRequest) returns (GetUserResponse); }
service AdminService { rpc Ban(GetUserRequest) returns (GetUserResponse); }
''',
    "acme/order/v1/order.proto": '''syntax = "proto3";
package acme.order.v1;
import "acme/common/money.proto";
message PayRequest { acme.common.Money sum = 1; }
message PayResponse { bool paid = 1; }
service OrderService { rpc Pay(PayRequest) returns (PayResponse); }
''',
}
api = pathlib.Path("api")
for name, text in FILES.items():
    path = api / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
pathlib.Path("services").mkdir()
without = {**e2e.environment(), "PATH": os.environ["PATH"].replace(f"{e2e.STAGE}/bin:", "")}


def has(text, *words):
    for word in words:
        if word not in text:
            e2e.fail(f"{word!r} is missing in:\n{text}")


def make(home, *arguments, check=0, env=None):
    return e2e.run("make", "-C", home, "-j2", "CFLAGS=-O0", *e2e.make_args(), *arguments, check=check, env=env)


def new(name, *protos, folders=("-I", "api")):
    e2e.run("c-svc", "new-service", name, "--dir", f"services/{name}", "--in-place", "--without", "all", *folders,
            *(word for proto in protos for word in ("--proto", f"api/{proto}")))
    home = pathlib.Path.cwd() / "services" / name
    if (home / "proto").exists():
        e2e.fail(f"{name}: protos were copied")
    has((home / "c-svc.yaml").read_text(), "include: [../../api]")
    return home


# Two projects, one of them with three services out of two files; the other one finds the folder by itself.
both = new("front", "acme/user/v1/user.proto", "acme/order/v1/order.proto")
order = new("order", "acme/order/v1/order.proto", folders=())
has((both / "c-svc.yaml").read_text(), "protos: [../../api/acme/user/v1/user.proto, ../../api/acme/order/v1/order.proto]")
e2e.equal(sorted(p.name for p in (both / "server").iterdir() if p.is_dir()),
          ["acme_order_v1_order_service", "acme_user_v1_admin_service", "acme_user_v1_user_service"], "a folder a service")
make(both)
make(both, "test")
make(order)
for home in (both, order):
    has(make(home, env=without).stdout, "Nothing to be done")
    has(e2e.run("c-svc", "update", cwd=home).stdout, "up to date")
with e2e.Server(both / "build/front", cwd=both) as server:
    for rpc in ("get-user", "ban", "pay"):
        has(e2e.run(both / "build/front-client", "--addr", server.address, rpc, check=64 + 12).stderr, "UNIMPLEMENTED")

# What both import changes: both follow, each at its next make or update.
money = api / "acme/common/money.proto"
money.write_text(money.read_text().replace("currency = 2;", "currency = 2; int32 nanos = 3;"))
has(make(order).stdout, "  update  gen/acme/common/money.pb-c.h")
has(e2e.run("c-svc", "update", cwd=both).stdout, "update    gen/acme/common/money.pb-c.h")
make(both)
money.write_text(money.read_text().replace("int64 units", "string units"))
for home in (both, order):
    done = e2e.run("c-svc", "update", cwd=home, check=1)
    has(done.stderr, 'api/acme/common/money.proto:3:24: error: Field "1" with name "units" on message "Money" changed type from "int64" to '
        '"string" [FIELD_WIRE_COMPATIBLE_TYPE]')
money.write_text(money.read_text().replace("string units", "int64 units"))

# The project alone, as in an image that is built of its folder: gen/ is taken as it is.
shutil.copytree(order, "alone", ignore=shutil.ignore_patterns("build"))
make("alone", env=without)
done = e2e.run("c-svc", "update", cwd="alone", check=1)
has(done.stderr, "../../api/acme/order/v1/order.proto is not there")

# What cannot be.
for words, text in ((["--in-place"], "--in-place is about protos that are there: name them with --proto"),):
    has(e2e.run("c-svc", "new-service", "none", *words, check=2).stderr, text)
pathlib.Path("a b").mkdir()
shutil.copy(money, "a b/money.proto")
pathlib.Path("a b/x.proto").write_text('syntax = "proto3";\npackage x;\nimport "money.proto";\nservice X { rpc Y(acme.common.Money) returns (acme.common.Money); }\n')
has(e2e.run("c-svc", "new-service", "odd", "--in-place", "--proto", "a b/x.proto", check=1).stderr, "only letters, digits", "nothing was written")
if pathlib.Path("odd").exists():
    e2e.fail("a project was made all the same")
