#!/usr/bin/env python3
"""Fields that become `optional`: C that was written before compiles and loses them, so update says where, and what follows its words passes."""
import os
import pathlib
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

HOME = pathlib.Path.cwd() / "shop"
PROTO = '''syntax = "proto3";

package shop;

message Item {
  int64 id = 1;
  string name = 2;
  int64 count = 3;
  Size size = 4;
}
message Size { int32 width = 1; }
message CreateItemRequest { string name = 2; int64 count = 3; }
message CreateItemResponse { Item item = 1; }
message GetItemRequest { int64 id = 1; }
message GetItemResponse { Item item = 1; }
message NameRequest { Item item = 1; }
message NameResponse { string name = 1; int64 count = 2; }

service ItemService {
  rpc CreateItem(CreateItemRequest) returns (CreateItemResponse);
  rpc GetItem(GetItemRequest) returns (GetItemResponse);
  rpc Name(NameRequest) returns (NameResponse);
  rpc Other(GetItemRequest) returns (NameResponse);
}
'''


def update(*arguments, check=0):
    return e2e.run("c-svc", "update", *arguments, cwd=HOME, check=check)


def tests(check=0):
    return e2e.run("make", "-C", HOME, "-j2", "CFLAGS=-O0", *e2e.make_args(), "test", check=check)


def edit(path, old, new):
    path = HOME / path
    text = path.read_text()
    if text.count(old) != 1:
        e2e.fail(f"{old!r} is not once in {path}:\n{text}")
    path.write_text(text.replace(old, new))


pathlib.Path("shop.proto").write_text(PROTO)
e2e.run("c-svc", "new-service", "shop", "--proto", "shop.proto", "--without", "all")
HANDLERS = "server/shop_item_service"
# The user's: a member of a message that another one holds; a type of one's own with such a member, which is not meant; a helper.
edit(f"{HANDLERS}/name.c", "    (void)req;\n", "    rsp->count = req->item != NULL ? req->item->count + 1 : 0;\n")
edit(f"{HANDLERS}/create_item.c", "{\n", "{\n    /* mine: item.name */\n")
(HOME / "server/own.c").write_text('struct own {\n    long count;\n};\nlong own_count(const struct own *o);\n'
                                   'long own_count(const struct own *o)\n{\n    return o->count;\n}\n')
(HOME / "server/item.h").write_text('#include "shop.pb-c.h"\n\nstatic inline int has_name(const Shop__Item *item)\n{\n'
                                    "    return item->_name_case == SHOP__ITEM___NAME_NAME && item->name[0] != 0;\n}\n")
text = (HOME / "proto/shop.proto").read_text()
for field in ("string name", "int64 count", "Size size"):
    text = text.replace(f"  {field}", f"  optional {field}", 1)
(HOME / "proto/shop.proto").write_text(text)

done = update()
notes = re.findall(r"^(\S+?):(\d+): note: (.*)$", done.stdout, re.M)
NAME, COUNT = "_name_case = SHOP__ITEM___NAME_NAME", "_count_case = SHOP__ITEM___COUNT_COUNT"


def line(path, words):
    return next(str(n) for n, text in enumerate((HOME / path).read_text().splitlines(), 1) if words in text)


create, name, get_test = f"{HANDLERS}/create_item.c", f"{HANDLERS}/name.c", "tests/shop_item_service/get_item_test.c"
e2e.equal(sorted(n for n in notes if n[0].startswith("server/")), sorted([
    (create, line(create, "item.name = "), f"shop.Item.name may be absent now: who sets it sets {NAME}, too; it may be NULL"),
    (create, line(create, "item.count = "), f"shop.Item.count may be absent now: who sets it sets {COUNT}, too"),
    (name, line(name, "->count"), f"shop.Item.count may be absent now: who sets it sets {COUNT}, too"),
]), "notes about the server")
anew = [n for n in notes if n[0].startswith("tests/")]
if (get_test, line(get_test, "->name"), "shop.Item.name, shop.Item.count may be absent now; this file is as c-svc wrote it: remove it, and `c-svc "
        f"update --restore {get_test}` writes it anew") not in anew:
    e2e.fail(f"no word of {get_test}:\n{done.stdout}")
if "note" in update().stdout:
    e2e.fail("the same is said again")
if "reads_one" not in tests(check=2).stdout:
    e2e.fail("nothing was wrong with the tests: what is told about?")

# What it says.
edit(create, "    item.name =", f"    item.{NAME};\n    item.name =")
edit(create, "    item.count =", f"    item.{COUNT};\n    item.count =")
for path, _, text in anew:
    (HOME / path).unlink()
    e2e.equal(re.search(r"--restore (\S+)`", text).group(1), path, "the file that is restored")
    if f"create    {path}" not in update("--restore", path).stdout:
        e2e.fail(f"{path} was not restored")
done = tests()
if "warning" in done.stdout + done.stderr:
    e2e.fail(f"what was written anew has warnings:\n{done.stdout}{done.stderr}")
