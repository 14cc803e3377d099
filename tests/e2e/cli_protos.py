#!/usr/bin/env python3
"""Projects from other people's protos: folders, imports, several services, well-known types, options; explain and doctor."""
import os
import pathlib
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

here = pathlib.Path.cwd()


def write(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def protos(project):
    return sorted(str(p.relative_to(project / "proto")) for p in (project / "proto").rglob("*.proto"))


def works(project, *say):
    """It builds without a warning, its tests pass, and c-svc finds nothing to do."""
    done = e2e.run("make", "-C", project, "-j2", *e2e.make_args())
    if "warning" in done.stdout + done.stderr:
        e2e.fail(f"make warns:\n{done.stdout}{done.stderr}")
    e2e.has(done.stdout, *say)
    done = e2e.run("make", "-C", project, "-j2", "test", *e2e.make_args())
    if "warning" in done.stdout + done.stderr:
        e2e.fail(f"make test warns:\n{done.stdout}{done.stderr}")
    e2e.has(e2e.run("c-svc", "generate", cwd=project).stdout, "gen/ is up to date")


# ---- a tree of protos: imports of all kinds, some of them for options only ----

write("api/google/api/http.proto", '''syntax = "proto3";
package google.api;
message HttpRule { string get = 2; }
''')
write("api/google/api/annotations.proto", '''syntax = "proto3";
package google.api;
import "google/api/http.proto";
import "google/protobuf/descriptor.proto";
extend google.protobuf.MethodOptions { HttpRule http = 72295728; }
''')
write("api/shop/common/v1/money.proto", '''syntax = "proto3";
package shop.common.v1;
message Money { string currency = 1; int64 units = 2; }
''')
write("api/shop/order/v1/order.proto", '''syntax = "proto3";
package shop.order.v1;
import "google/api/annotations.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/empty.proto";
import "c_svc/options.proto";
import "shop/common/v1/money.proto";

message Order {
  int64 id = 1;
  string customer = 2 [(c_svc.field) = {required: true, max_len: 40}];
  shop.common.v1.Money total = 3;
  google.protobuf.Timestamp create_time = 4;
  optional string note = 5;
}
service OrderService {
  rpc CreateOrder(CreateOrderRequest) returns (Order) { option (google.api.http) = {get: "/v1/orders"}; }
  rpc GetOrder(GetOrderRequest) returns (Order);
  rpc DeleteOrder(GetOrderRequest) returns (google.protobuf.Empty);
  rpc Ping(google.protobuf.Empty) returns (google.protobuf.Empty) { option (c_svc.rpc).inline = true; }
}
message CreateOrderRequest { Order order = 1; }
message GetOrderRequest { int64 id = 1; }
''')
write("api/shop/pay/v1/pay.proto", '''syntax = "proto3";
package shop.pay.v1;
import "shop/order/v1/order.proto";
service PaymentService { rpc Pay(PayRequest) returns (PayReply); }
service RefundService { rpc Pay(PayRequest) returns (PayReply); }
message PayRequest { shop.order.v1.Order order = 1; }
message PayReply { bool paid = 1; }
''')
done = e2e.run("c-svc", "new-service", "shop-service", "-I", "api", "--proto", "api/shop/order/v1/order.proto",
               "--proto", "api/shop/pay/v1/pay.proto")
e2e.has(done.stdout, "shop-service: 3 services, 6 rpcs, entity Order on SQLite.", "3 handlers are yours to write")
shop = here / "shop-service"
e2e.equal(protos(shop), ["google/api/annotations.proto", "google/api/http.proto", "shop/common/v1/money.proto",
                         "shop/order/v1/order.proto", "shop/pay/v1/pay.proto"], "protos copied")
made = {str(p.relative_to(shop / "gen")) for p in (shop / "gen").rglob("*.[ch]")}
for name in ("shop/common/v1/money.pb-c.h", "shop/order/v1/order.store.c", "shop/pay/v1/pay.csvc.c"):
    if name not in made:
        e2e.fail(f"{name} is not in gen/: {sorted(made)}")
if any(name.startswith(("google/", "c_svc/")) for name in made):
    e2e.fail(f"code for what only options use: {sorted(made)}")
e2e.has((shop / "gen/project.mk").read_text(), "libcsvc-wkt")
works(shop, "todo: server/shop_pay_v1_payment_service/pay.c: ", "todo: server/shop_pay_v1_refund_service/pay.c: ")
with e2e.Server(shop / "build/shop-service", cwd=shop) as server:
    client = [shop / "build/shop-service-client", "--addr", server.address]
    e2e.has(e2e.run(*client, "create-order", "--order.customer", "ada").stdout, '"id": "1"', '"customer": "ada"')
    e2e.has(e2e.run(*client, "create-order", "--order.note", "x", check=64 + 3).stderr, "customer")
    e2e.has(e2e.run(*client, "get-order", "--id", "1").stdout, '"createTime": "20')

# The same without -I: the folder is found, from here and from within.
for cwd, proto in ((here, "api/shop/pay/v1/pay.proto"), (here / "api", "shop/pay/v1/pay.proto"),
                   (here / "api", here / "api/shop/pay/v1/pay.proto"), (here / "shop-service", "../api/shop/pay/v1/pay.proto")):
    project = here / "again"
    e2e.run("c-svc", "new-service", "again", "--proto", proto, "--dir", project, cwd=cwd)
    e2e.equal(protos(project), protos(shop), f"protos copied from {cwd}")
    e2e.run("rm", "-r", project)

# A proto that lies below no -I goes by its own name; imports come from the folders.
write("other/ship.proto", '''syntax = "proto3";
package ship;
import "shop/common/v1/money.proto";
service Ship { rpc Send(shop.common.v1.Money) returns (shop.common.v1.Money); }
''')
e2e.run("c-svc", "new-service", "ship", "-Iapi", "--proto=other/ship.proto")
e2e.equal(protos(here / "ship"), ["ship.proto", "shop/common/v1/money.proto"], "protos of ship")
works(here / "ship", "todo: server/ship/send.c: ")

# ---- shapes ----

write("shapes/nothing.proto", 'syntax = "proto3";\npackage a.b;\nservice Nothing {}\nmessage Only {}\n')
write("shapes/streams.proto", '''syntax = "proto3";
service Streams {
  rpc A(stream M) returns (M);
  rpc B(M) returns (stream M);
  rpc C(stream M) returns (stream M);
}
message M { string text = 1; }
''')
write("shapes/words.proto", '''syntax = "proto3";
package new;
service Class {
  rpc Delete(Int) returns (Int);
  rpc Init(Int) returns (Int);
  rpc Abs(Int) returns (Int);
  rpc Printf(Int) returns (Int);
}
message Int { int32 base = 1; string int = 2; }
''')
write("shapes/old.proto", '''syntax = "proto2";
package old;
service Old { rpc Get(Thing) returns (Thing); }
message Thing { required int32 id = 1; optional string name = 2 [default = "x"]; repeated int32 n = 3; }
''')
write("shapes/types.proto", '''syntax = "proto3";
package types;
import "google/protobuf/descriptor.proto";
import "google/protobuf/any.proto";
service Types { rpc Describe(google.protobuf.Any) returns (Described); }
message Described { google.protobuf.FieldDescriptorProto field = 1; }
''')
for name in ("nothing", "streams", "words", "old", "types"):
    done = e2e.run("c-svc", "new-service", f"{name}-service", "--proto", f"shapes/{name}.proto")
    if name == "streams":
        e2e.equal(done.stderr, "", "stderr of a project with streams")
    works(here / f"{name}-service")

# ---- explain ----

page = e2e.run("c-svc", "explain", cwd=shop).stdout
e2e.has(page, "Entity shop.order.v1.Order, table orders", "customer", "at most 40", "Service shop.pay.v1.RefundService",
        "server/shop_order_v1_order_service/ping.c", "inline", "create order", "yours to write", "rule set 1")
# Columns stand below each other, however long what is in them.
table = page[page.index("Service shop.order.v1.OrderService"):].split("\n\n")[1].splitlines()
starts = [m.start() for m in re.finditer(r"(?<=  )\S", table[0])][1:]
if len(starts) != 3 or max(len(row.split()[1]) for row in table) < 45:
    e2e.fail(f"not the table that was expected:\n{page}")
for row in table:
    if any(row[at - 2:at] != "  " or row[at:at + 1] == " " for at in starts if at < len(row)):
        e2e.fail(f"columns that do not stand below each other:\n{page}")
for line in page.splitlines():
    if line != line.rstrip():
        e2e.fail(f"blanks at the end of {line!r}")
alone = e2e.run("c-svc", "explain", "-I", "api", "api/shop/order/v1/order.proto").stdout
e2e.has(alone, "Entity shop.order.v1.Order, table orders")
# What is in the way of a table, and where: in what would have to carry the field, at the rpc, or at the message.
ways = here / "shapes/ways.proto"
ways.write_text('''syntax = "proto3";
package ways;
import "c_svc/options.proto";
message Item { int64 id = 1; string name = 2; string code = 3 [(c_svc.field).required = true]; }
message CreateItemRequest { string name = 1; }
message Note { int64 id = 1; string text = 2; }
message CreateNoteRequest { string text = 1; }
message CreateNoteReply { string other = 1; }
message Point { int32 x = 1; }
service WayService {
  rpc CreateItem(CreateItemRequest) returns (Item);
  rpc GetItem(Item) returns (Item);
  rpc CreateNote(CreateNoteRequest) returns (CreateNoteReply);
  rpc GetNote(Note) returns (Note);
  rpc CreatePoint(Point) returns (Point);
}
''')
page = e2e.run("c-svc", "explain", "shapes/ways.proto").stdout
e2e.has(page, "shapes/ways.proto:5:9: Item is not kept in a table: CreateItem: CreateItemRequest does not carry `code`, which is required\n",
        "shapes/ways.proto:13:7: Note is not kept in a table: CreateNote: its reply CreateNoteReply holds neither a Note nor whether it worked\n",
        "shapes/ways.proto:9:9: Point is not kept in a table: it has no key: no field `id` or `point_id`\n")
before = sorted(here.rglob("*"))
e2e.has(e2e.run("c-svc", "explain", "shapes/streams.proto").stdout, "streams")
e2e.has(e2e.run("c-svc", "explain", check=1).stderr, "c-svc.yaml")
e2e.has(e2e.run("c-svc", "explain", "absent.proto", check=1).stderr, "absent.proto")
e2e.equal(sorted(here.rglob("*")), before, "what explain leaves")

# ---- doctor ----

page = e2e.run("c-svc", "doctor").stdout
e2e.has(page, "protoc ", "grpc", "libcsvc-sqlite", "Everything is there.")
if "MISSING" in page:
    e2e.fail(page)
hidden = {**e2e.environment(), "PKG_CONFIG_PATH": "/nowhere"}
page = e2e.run("c-svc", "doctor", env=hidden, check=1).stdout
e2e.has(page, "MISSING  libcsvc ", f"export PKG_CONFIG_PATH={e2e.STAGE}/lib/pkgconfig")
tools = here / "tools"
tools.mkdir()
(tools / "c-svc").symlink_to(e2e.STAGE / "bin/c-svc")
page = e2e.run("c-svc", "doctor", env={**e2e.environment(), "PATH": str(tools)}, check=1).stdout
e2e.has(page, "MISSING  protoc ", "MISSING  protoc-gen-c ", "MISSING  make ", "MISSING  pkg-config ", "MISSING  libcsvc ",
        "apt-get install -y", " protobuf-compiler", "protobuf-c-compiler", "pkg-config")
for program, prints in (("protoc", "libprotoc 3.0.0"), ("make", "make 1.0 of somebody else's")):
    fake = tools / program
    fake.write_text(f"#!/bin/sh\necho '{prints}'\n")
    fake.chmod(0o755)
    page = e2e.run("c-svc", "doctor", env={**e2e.environment(), "PATH": f"{tools}:{e2e.environment()['PATH']}"}, check=1).stdout
    e2e.has(page, f"MISSING  {program} ", "1 missing or too old")
    fake.unlink()
# Its summary tells what `Next:` needs when pkg-config does not find us.
done = e2e.run("c-svc", "new-service", "hidden", env=hidden)
e2e.has(done.stdout, f"Next:  export PKG_CONFIG_PATH={e2e.STAGE}/lib/pkgconfig")

# ---- templates of one's own ----

write("our/templates/gen/client.h.tmpl", pathlib.Path(e2e.SOURCE / "templates/gen/client.h.tmpl").read_text() + "/* ours */\n")
write("our/templates/project/README.md.tmpl", "# @name@ of ours\n")
e2e.run("c-svc", "new-service", "ours-service", "--templates", "our/templates", "--dir", "our/ours")
ours = here / "our/ours"
e2e.has((ours / "c-svc.yaml").read_text(), "templates: ../templates\n")
e2e.equal((ours / "README.md").read_text(), "# ours-service of ours\n", "our own README")
e2e.has((ours / "gen/client.h").read_text(), "/* ours */")
works(ours)
write("our/templates/gen/client.h.tmpl", pathlib.Path(e2e.SOURCE / "templates/gen/client.h.tmpl").read_text())
done = e2e.run("make", "-C", ours, *e2e.make_args())
e2e.has(done.stdout, "update  gen/client.h")
write("our/templates/gen/client.h.tmpl", "one\n@nothing@\n")
e2e.has(e2e.run("make", "-C", ours, *e2e.make_args(), check=2).stderr, "gen/client.h.tmpl:2: ")
e2e.run("c-svc", "new-service", "x", "--templates", "absent", check=1)
