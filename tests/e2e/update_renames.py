#!/usr/bin/env python3
"""What c-svc update asks when several things changed at once (a break of the wire, an rpc and a column by other names), that the command it
names is the answer, and that a new name can still be told after the removal was taken."""
import os
import pathlib
import re
import shutil
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

HERE = pathlib.Path.cwd()
PROTO = '''syntax = "proto3";

package shop;

message Item {
  int64 id = 1;
  string name = 2;
  string colour = 3;
}
message CreateItemRequest { string name = 1; string colour = 2; }
message CreateItemResponse { Item item = 1; }
message GetItemRequest { int64 id = 1; }
message GetItemResponse { Item item = 1; }
message CountRequest { int32 at_most = 1; int32 at_least = 2; }
message CountResponse { int64 n = 1; }

service ItemService {
  rpc CreateItem(CreateItemRequest) returns (CreateItemResponse);
  rpc GetItem(GetItemRequest) returns (GetItemResponse);
  rpc CountItems(CountRequest) returns (CountResponse);
}
'''
MINE = "    svc->asked++; /* mine */\n"
RENAMED = PROTO.replace("rpc CountItems(", "rpc TallyItems(")
ONE = HERE / "one"


def update(home, *arguments, check=0):
    return e2e.run("c-svc", "update", *arguments, cwd=home, check=check)


def files(home):
    return {str(p.relative_to(home)): (p.read_bytes(), p.stat().st_mtime_ns) for p in home.rglob("*") if p.is_file()}


def changed(home, before):
    now = files(home)
    return sorted(k for k in {*before, *now} if before.get(k) != now.get(k))


def project(name, proto=None, edit=True):
    """One with a handler and a test of the user's, and then perhaps another proto."""
    home = HERE / name
    shutil.copytree(ONE, home, symlinks=True)
    if edit:
        handler = home / "server/shop_item_service/count_items.c"
        handler.write_text(handler.read_text().replace("{\n", "{\n" + MINE, 1))
        test = home / "tests/shop_item_service/count_items_test.c"
        test.write_text(test.read_text() + "/* my test */\n")
    if proto is not None:
        (home / "proto/shop.proto").write_text(proto)
    return home


def handler_of(home, name="tally_items", folder="shop_item_service"):
    return home / f"server/{folder}/{name}.c"


def current(home):
    before = files(home)
    e2e.has(update(home).stdout, "up to date")
    e2e.equal(changed(home, before), [], "changed by an update after an update")


pathlib.Path("shop.proto").write_text(PROTO)
e2e.run("c-svc", "new-service", "one", "--proto", "shop.proto", "--without", "all")
service = ONE / "server/service.h"
service.write_text(service.read_text().replace("struct service {\n", "struct service {\n    long asked;\n"))

# ---- all at once: it is asked once, and what is asked for is the answer ----

home = project("at_once", RENAMED.replace("colour", "color").replace("int32 at_least = 2;", ""))
before = files(home)
RPC, COLUMN = "--rename CountItems=TallyItems", "--rename items.colour=color"
for given, rest in (([], f"--allow-breaking {RPC} {COLUMN}"),
                    (["--allow-breaking"], f"--allow-breaking {RPC} {COLUMN}"),
                    (["--rename", "CountItems=TallyItems"], f"{RPC} --allow-breaking {COLUMN}"),
                    (["--allow-breaking", "--rename", "CountItems=TallyItems"], f"--allow-breaking {RPC} {COLUMN}"),
                    (["--allow-breaking", "--rename", "items.colour=color"], f"--allow-breaking {COLUMN} {RPC}")):
    done = update(home, *given, check=1)
    asked = re.search(r"where it is as it looks: c-svc update (.*), with --keep OLD for what has no new name \(nothing was changed\)", done.stderr)
    e2e.equal(asked and asked.group(1), rest, f"what is asked for after {given}:\n{done.stderr}")
done = update(home, "--rename", "CountItems=TallyItems", "--rename", "items.colour=color", check=1)
e2e.has(done.stderr, "when that is meant: c-svc update --rename CountItems=TallyItems --rename items.colour=color --allow-breaking (nothing was changed)")
e2e.equal(changed(home, before), [], "changed by updates that asked")
update(home, *f"--allow-breaking {RPC} {COLUMN}".split())
e2e.has(handler_of(home).read_text(), MINE, "csvc_code shop_item_service_tally_items(")
e2e.has((home / "tests/shop_item_service/tally_items_test.c").read_text(), "/* my test */", "client_tally_items(")
e2e.has((home / "migrations/sqlite/0002_rename_colour_to_color_in_items.sql").read_text(), 'RENAME COLUMN "colour" TO "color"')
if handler_of(home, "count_items").exists():
    e2e.fail("the handler is at its old place, too")
current(home)

# Two new fields of its type: the one that kept the number is offered, whichever comes first; where none did, both are.
TWO = PROTO.replace("string colour = 3;", "string shade = 8; string color = 3;")
home = project("numbers", TWO)
done = update(home, check=1)
e2e.has(done.stderr, "and color is new and of the same type", "where it is as it looks: c-svc update --rename items.colour=color, with")
if "items.colour=shade" in done.stderr:
    e2e.fail(f"a field of another number is offered beside the one that kept it:\n{done.stderr}")
(home / "proto/shop.proto").write_text(TWO.replace("string color = 3;", "string color = 9; reserved 3;"))
e2e.has(update(home, check=1).stderr, "--rename items.colour=shade or --rename items.colour=color keeps", "c-svc update --rename items.colour=..., with")

# One that has no new name.
home = project("kept", RENAMED.replace("colour", "color"))
e2e.has(update(home, "--keep", "CountItems", check=1).stderr, "c-svc update --keep CountItems --rename items.colour=color, with")
e2e.has(update(home, "--keep", "CountItem", check=1).stderr, "--keep CountItem: nothing of that name")
done = update(home, "--keep", "CountItems", "--keep", "colour")
e2e.has(done.stdout, "create    server/shop_item_service/tally_items.c", "stale     server/shop_item_service/count_items.c  (changed since it was made)")
e2e.has(handler_of(home, "count_items").read_text(), MINE)

# ---- told late: the removal was taken, and the new handler is as it was born ----

done = update(home, "--rename", "CountItems=TallyItems")
e2e.has(done.stdout, "rename    server/shop_item_service/tally_items.c  (was server/shop_item_service/count_items.c, 1 name changed in it)")
e2e.has(handler_of(home).read_text(), MINE, "csvc_code shop_item_service_tally_items(")
e2e.has((home / "tests/shop_item_service/tally_items_test.c").read_text(), "/* my test */", "client_tally_items(")
for path in (handler_of(home, "count_items"), home / "tests/shop_item_service/count_items_test.c"):
    if path.exists():
        e2e.fail(f"{path} is still there")
current(home)
e2e.has(update(home, "--rename", "CountItems=TallyItems", check=1).stderr, "lost the name CountItems")  # there is nothing left of it
create = handler_of(home, "create_item")
create.write_text(create.read_text().replace("colour", "color"))  # where the compiler would point
e2e.run("make", "-C", home, "-j2", "CFLAGS=-O0", *e2e.make_args())
e2e.has((home / "gen/project.mk").read_text(), "server/shop_item_service/tally_items.c")

# A handler that the user keeps elsewhere stays there, and the one that was born in the meantime goes.
home = project("elsewhere", RENAMED)
handler_of(home, "count_items").rename(home / "server/counting.c")
(home / "tests/shop_item_service/count_items_test.c").unlink()
update(home, "--keep", "CountItems")
born = (home / "tests/shop_item_service/tally_items_test.c").read_bytes()
update(home, "--rename", "ItemService.CountItems=TallyItems")
e2e.has((home / "server/counting.c").read_text(), MINE, "csvc_code shop_item_service_tally_items(")
if handler_of(home).exists():
    e2e.fail("there are two handlers of TallyItems")
e2e.equal((home / "tests/shop_item_service/tally_items_test.c").read_bytes(), born, "the test that came with the new name")
e2e.has((home / "gen/project.mk").read_text(), "server/counting.c")
current(home)

# Where both were written to, nobody else can say which is meant.
home = project("both", RENAMED)
update(home, "--keep", "CountItems")
handler_of(home).write_text(handler_of(home).read_text() + "/* mine as well */\n")
before = files(home)
done = update(home, "--rename", "CountItems=TallyItems", check=1)
e2e.has(done.stderr, "server/shop_item_service/tally_items.c: error: server/shop_item_service/count_items.c would take its place",
        "is not as c-svc wrote it", "remove the other")
e2e.equal(changed(home, before), [], "changed by a rename that was refused")
handler_of(home).unlink()
update(home, "--rename", "CountItems=TallyItems")
e2e.has(handler_of(home).read_text(), MINE, "csvc_code shop_item_service_tally_items(")
current(home)

# Two services with such an rpc: which of them is said by the full name; so is it offered.
TWO = PROTO + "service OtherService { rpc CountItems(CountRequest) returns (CountResponse); }\n"
home = project("two", TWO)
update(home)
(home / "proto/shop.proto").write_text(TWO.replace("rpc CountItems(", "rpc TallyItems("))
e2e.has(update(home, check=1).stderr, "--rename shop.ItemService.CountItems=TallyItems --rename shop.OtherService.CountItems=TallyItems,")
update(home, "--keep", "CountItems")
e2e.has(update(home, "--rename", "CountItems=TallyItems", check=1).stderr,
        "CountItems=TallyItems may be about shop.ItemService or shop.OtherService; give the full name")
update(home, "--rename", "shop.ItemService.CountItems=TallyItems", "--rename", "OtherService.CountItems=TallyItems")
e2e.has(handler_of(home).read_text(), MINE, "csvc_code shop_item_service_tally_items(")
e2e.has(handler_of(home, folder="shop_other_service").read_text(), "csvc_code shop_other_service_tally_items(")
current(home)

# A service.
home = project("service", PROTO.replace("service ItemService", "service StockService"))
update(home, "--keep", "ItemService")
update(home, "--rename", "ItemService=StockService")
e2e.has(handler_of(home, "count_items", "shop_stock_service").read_text(), MINE, "csvc_code shop_stock_service_count_items(")
if (home / "server/shop_item_service").exists() or (home / "tests/shop_item_service").exists():
    e2e.fail("the folders of the old name are still there")
current(home)

# A package, for which the protos of before are needed: the message says how to get them.
home = project("package", PROTO.replace("package shop;", "package acme.store;"))
recorded = (home / ".c-svc/descriptors.pb").read_bytes()
update(home, "--allow-breaking", "--keep", "shop.ItemService")
done = update(home, "--rename", "shop.ItemService=acme.store.ItemService", check=1)
e2e.has(done.stderr, "git checkout COMMIT -- .c-svc/descriptors.pb")
(home / ".c-svc/descriptors.pb").write_bytes(recorded)
update(home, "--allow-breaking", "--rename", "shop.ItemService=acme.store.ItemService")
e2e.has(handler_of(home, "count_items", "acme_store_item_service").read_text(), MINE, "csvc_code acme_store_item_service_count_items(",
        "const Acme__Store__CountRequest *")
if (home / "server/shop_item_service").exists():
    e2e.fail("the folder of the old package is still there")
current(home)
