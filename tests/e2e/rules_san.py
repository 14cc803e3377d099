#!/usr/bin/env python3
# transports: both
"""Rules of values, written as options of a proto: every kind of rpc is held to them, each message of a stream, too; an entity where it is stored."""
import os
import pathlib
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

PROTO = """syntax = "proto3";
package shop;
import "c_svc/options.proto";
import "google/protobuf/wrappers.proto";

enum State { STATE_NONE = 0; STATE_OPEN = 1; }
message Tag { string name = 1 [(c_svc.field) = {required: true, max_len: 5}]; }
message Order {
  string email = 1 [(c_svc.field) = {required: true, max_len: 10}];
  int32 count = 2 [(c_svc.field) = {min: 0, max: 12}];
  repeated string notes = 3 [(c_svc.field) = {max_items: 2, min_len: 2}];
  Tag tag = 4;
  map<string, Tag> tags = 5;
  State state = 6 [(c_svc.field).defined_only = true];
  optional double share = 7 [(c_svc.field) = {min: 0.5}];
  google.protobuf.Int32Value size = 8 [(c_svc.field).max = 9];
}
service OrderService {
  rpc One(Order) returns (Order);
  rpc Down(Order) returns (stream Order);
  rpc Up(stream Order) returns (Order);
  rpc Both(stream Order) returns (stream Order);
  rpc CreateItem(CreateItemRequest) returns (Item);
  rpc GetItem(GetItemRequest) returns (Item);
  rpc UpdateItem(UpdateItemRequest) returns (Item);
}
message Item {
  int64 id = 1;
  string name = 2 [(c_svc.field) = {required: true, max_len: 8, min_len: 2}];
  optional int32 price = 3 [(c_svc.field) = {min: 1}];
  Tag tag = 4;
}
message CreateItemRequest { Item item = 1 [(c_svc.field).required = true]; }
message GetItemRequest { int64 id = 1 [(c_svc.field).min = 1]; }
message UpdateItemRequest { Item item = 1; google.protobuf.FieldMask update_mask = 2; }
"""
PROTO = PROTO.replace('import "google/protobuf/wrappers.proto";', 'import "google/protobuf/wrappers.proto";\nimport "google/protobuf/field_mask.proto";')

ECHO = {"one": ("const Shop__Order *req, Shop__Order *rsp", "*rsp = *req; (void)ctx; return CSVC_OK;"),
        "both": ("csvc_stream *in, csvc_stream *out", """const Shop__Order *req; csvc_code code = CSVC_OK; (void)ctx;
    while (code == CSVC_OK && shop_order_service_both_recv(in, &req)) { code = shop_order_service_both_send(out, req); }
    return code != CSVC_OK ? code : csvc_stream_code(in);"""),
        "up": ("csvc_stream *in, Shop__Order *rsp", """const Shop__Order *req; (void)ctx;
    while (shop_order_service_up_recv(in, &req)) { rsp->count++; }
    return csvc_stream_code(in);""")}

pathlib.Path("shop.proto").write_text(PROTO)
project = e2e.scaffold("shop-service", "--proto", "shop.proto")
for name, (parameters, body) in ECHO.items():
    path = project / f"server/shop_order_service/{name}.c"
    path.write_text(f'#include "services.h"\ncsvc_code shop_order_service_{name}(struct service *svc, csvc_ctx *ctx, {parameters})\n{{\n    (void)svc;\n    {body}\n}}\n')
e2e.run("make", "-C", project, "-j2", *e2e.make_args())


def call(rpc, given, *arguments):
    done = subprocess.run([project / "build/shop-service-client", "--addr", server.address, rpc, *arguments], env=e2e.environment(),
                          input=given, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def refused(rpc, given, why, *arguments):
    e2e.equal(call(rpc, given, *arguments), (64 + 3, "", f"{rpc}: INVALID_ARGUMENT: {why}\n"), f"{rpc} {given}{arguments}")


GOOD = '{"email": "a@b"}'
with e2e.Server(project / "build/shop-service", cwd=project) as server:
    for bad, why in (('{}', "email is required"), ('{"email": "a@b.example"}', "email is longer than 10 characters"),
                     ('{"email": "ää@öööööü"}', None),
                     ('{"email": "x", "count": -1}', "count is less than 0"), ('{"email": "x", "count": 13}', "count is more than 12"),
                     ('{"email": "x", "notes": ["ab", "cd", "ef"]}', "notes has more than 2 items"),
                     ('{"email": "x", "notes": ["ab", "c"]}', "notes[1] is shorter than 2 characters"),
                     ('{"email": "x", "tag": {}}', "tag.name is required"),
                     ('{"email": "x", "tags": {"a": {"name": "ok"}, "b": {"name": "longer"}}}', 'tags["b"].name is longer than 5 characters'),
                     ('{"email": "x", "state": 7}', "state is 7, which is no value of shop.State"),
                     ('{"email": "x", "share": 0}', "share is less than 0.5"), ('{"email": "x", "share": "NaN"}', "share is not a number"),
                     ('{"email": "x", "size": 10}', "size is more than 9")):
        if why:
            refused("one", "", why, "--json", bad)
        else:
            e2e.equal(call("one", "", "--json", bad)[0], 0, "characters, not bytes")
    e2e.equal(call("one", "", "--json", GOOD), (0, GOOD + "\n", ""), "a good one")
    refused("down", "", "email is required")
    refused("up", GOOD + "\n{}\n", "email is required")
    e2e.equal(call("up", (GOOD + "\n") * 3), (0, '{"count": 3}\n', ""), "three good ones")
    code, out, err = call("both", GOOD + '\n{"email": "x", "count": 99}\n')
    e2e.equal((code, err), (64 + 3, "both: INVALID_ARGUMENT: count is more than 12\n"), "both")

    # an entity's rules hold where its rows are written, for the columns that are
    refused("create-item", "", "item is required")
    refused("create-item", "", "name is required", "--item.price", "3")
    refused("create-item", "", "name is shorter than 2 characters", "--item.name", "x")
    refused("create-item", "", "name is longer than 8 characters", "--item.name", "xxxxxxxxx")
    refused("create-item", "", "price is less than 1", "--item.name", "book", "--item.price", "0")
    refused("create-item", "", "tag.name is required", "--json", '{"item": {"name": "book", "tag": {}}}')
    e2e.equal(call("create-item", "", "--item.name", "book")[0], 0, "create")
    refused("get-item", "", "id is less than 1")
    refused("update-item", "", "price is less than 1", "--json", '{"item": {"id": "1", "price": -5}, "updateMask": "price"}')
    e2e.equal(call("update-item", "", "--json", '{"item": {"id": "1", "price": 5}, "updateMask": "price"}'),
              (0, '{"id": "1", "name": "book", "price": 5}\n', ""), "an update that leaves out what is required")
