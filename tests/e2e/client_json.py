#!/usr/bin/env python3
"""A generated client fills every kind of field: maps of messages, Struct, Value, lists of messages, whole requests."""
import json
import os
import pathlib
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

pathlib.Path("shop.proto").write_text("""syntax = "proto3";
package shop;
import "google/protobuf/struct.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/timestamp.proto";
service Shop {
  rpc Mirror(Order) returns (Order);
}
enum State {
  option allow_alias = true;
  STATE_UNKNOWN = 0;
  STATE_OPEN = 1;
  STATE_NEW = 1;
}
message Price { int64 cents = 1; string currency = 2; }
message Item {
  string name = 1;
  repeated Price prices = 2;
  map<string, Price> by_country = 3;
}
message Order {
  uint64 id = 1;
  map<string, Item> items = 2;
  google.protobuf.Struct meta = 3;
  google.protobuf.Value extra = 4;
  repeated Item list = 5;
  State state = 6;
  optional bool paid = 7;
  google.protobuf.FieldMask mask = 8;
  google.protobuf.Timestamp at = 9;
  bytes seal = 10;
  oneof way { string ship_to = 11; Item pick_up = 12; }
  string timeout = 13;
}
""")
project = e2e.scaffold("shop-service", "--proto", "shop.proto", "--storage", "none")
(project / "server/shop/mirror.c").write_text("""#include "services.h"

csvc_code shop_mirror(struct service *svc, csvc_ctx *ctx, const Shop__Order *req, Shop__Order *rsp)
{
    (void)svc;
    (void)ctx;
    *rsp = *req;
    return CSVC_OK;
}
""")
e2e.run("make", "-C", project, "build/shop-service", *e2e.make_args())
client = project / "build/shop-service-client"

with e2e.Server(project / "build/shop-service", cwd=project) as server:
    def call(*flags, stdin="", code=0):
        done = subprocess.run([str(client), "--addr", server.address, "mirror", *flags], input=stdin, text=True,
                              env=e2e.environment(), capture_output=True, timeout=60, check=False)
        if done.returncode != code:
            e2e.fail(f"{flags}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done.stderr if code else json.loads(done.stdout)

    def expect(flags, reply, **more):
        e2e.equal(call(*flags, **more), reply, str(flags))

    item = {"name": "tea", "prices": [{"cents": "250", "currency": "EUR"}, {"cents": "1"}],
            "byCountry": {"de": {"cents": "9007199254740993"}}}
    whole = {"id": "18446744073709551615", "items": {"a": item, "b": {}}, "meta": {"k": [1, None, {"x": True}]},
             "extra": "text", "list": [item, {"name": "x"}], "state": "STATE_OPEN", "paid": False,
             "mask": "shipTo,list", "at": "2026-11-21T09:00:00Z", "seal": "AP8=", "pickUp": {"name": "here"},
             "timeout": "t"}
    text = json.dumps(whole)

    # each field by its flag
    expect(["--items", '{"a": {"name": "x"}}', "--items", 'b={"prices": [{"cents": 5}]}'],
           {"items": {"a": {"name": "x"}, "b": {"prices": [{"cents": "5"}]}}})
    expect(["--meta", '{"a": {"b": [1.5, "x"]}}'], {"meta": {"a": {"b": [1.5, "x"]}}})
    for value in ("text", 3, None, [1, {}], {"a": False}):
        expect(["--extra", json.dumps(value)], {"extra": value})
    expect(["--list", json.dumps(item), "--list", '{"name": "x"}', "--list.1.prices", '{"cents": "7"}'],
           {"list": [item, {"name": "x", "prices": [{"cents": "7"}]}]})
    expect(["--pick-up", '{"name": "y"}', "--pick-up.by-country", 'fr={"cents": 1}'],
           {"pickUp": {"name": "y", "byCountry": {"fr": {"cents": "1"}}}})
    expect(["--state", "new", "--no-paid", "--mask", "shipTo,list", "--seal", "_-8", "--timeout", "t"],
           {"state": "STATE_OPEN", "paid": False, "mask": "shipTo,list", "seal": "/+8=", "timeout": "t"})

    # the whole request, from everywhere; what is printed can be given again
    expect(["--json", text], whole)
    expect(["--json", "-"], whole, stdin=text + "\n")
    pathlib.Path("order.json").write_text(json.dumps(whole, indent=2))
    expect(["--json", "@order.json"], whole)
    expect(["--json", text, "--id=7", "--items", "b={\"name\": \"z\"}", "--list", "{}"],
           {**whole, "id": "7", "items": {"a": item, "b": {"name": "z"}}, "list": [*whole["list"], {}]})
    expect(["--json", '{"state": "STATE_NEW", "ship_to": "home"}'], {"state": "STATE_OPEN", "shipTo": "home"})

    # what is wrong is said, with its place
    for flags, why in [
            (["--json", '{"list": [{}, {"prices": [{"cents": 1.5}]}]}'], "$.list[1].prices[0].cents, 1:37: a whole"),
            (["--json", '{"shipTo": "a",\n "pickUp": {}}'], "$.pickUp, 2:2: of a oneof one member may be given"),
            (["--meta", "[1]"], "--meta: not JSON for google.protobuf.Struct: $, 1:1: an object is wanted, not a list"),
            (["--items", 'b={"x": 1}'], "--items: not JSON for shop.Item: $.x, 1:2: shop.Item has no such field")]:
        got = call(*flags, code=2)
        if why not in got:
            e2e.fail(f"{flags}: {got!r} does not have {why!r}")
    # limits of its own (docs/limits.md)
    many = ["--metadata", "x-a: b"] * 64
    expect([*many, "--id=7"], {"id": "7"})
    if "--metadata: more than 64" not in (got := call(*many, "--metadata", "x-a: b", code=2)):
        e2e.fail(got)
    with open("long.json", "wb") as file:
        file.truncate((32 << 20) + 1)
    for flag in ("--json", "--seal"):
        if "long.json" not in (got := call(f"{flag}=@long.json", code=2)):
            e2e.fail(got)
    pathlib.Path("wide.json").write_text('{"list": [' + ",".join(["{}"] * 6_000_000) + "]}")
    if "memory" not in (got := call("--json=@wide.json", code=1)):
        e2e.fail(got)
    shown = e2e.run(client, "mirror", "--help").stdout
    for part in ("--json JSON|@FILE|-", "Fields here: --timeout; the flag of that name stands before mirror.",
                 "base64, or @FILE", "a time such as 2026-11-21T09:00:00Z", "--no-paid for false"):
        if part not in shown:
            e2e.fail(f"--help does not have {part!r}:\n{shown}")
