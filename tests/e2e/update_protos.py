#!/usr/bin/env python3
"""c-svc update after each kind of change of the protos, on a project whose handlers were edited by hand first: what is added, renamed,
retyped, removed; that nothing else of the user's moves; that it builds and its tests pass afterwards."""
import hashlib
import json
import os
import pathlib
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

HERE = pathlib.Path.cwd()
HOME = HERE / "shop"
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
message ListItemsRequest { int32 page_size = 1; string page_token = 2; }
message ListItemsResponse { repeated Item items = 1; string next_page_token = 2; }
enum Kind { KIND_ANY = 0; KIND_NEW = 1; }
message CountRequest { Kind kind = 1; int32 at_most = 2; }
message CountResponse { int64 n = 1; }

service ItemService {
  rpc CreateItem(CreateItemRequest) returns (CreateItemResponse);
  rpc GetItem(GetItemRequest) returns (GetItemResponse);
  rpc ListItems(ListItemsRequest) returns (ListItemsResponse);
  rpc CountItems(CountRequest) returns (CountResponse);
}
'''


def update(*arguments, check=0):
    return e2e.run("c-svc", "update", *arguments, cwd=HOME, check=check)


def make(*arguments, check=0):
    return e2e.run("make", "-C", HOME, "-j2", "CFLAGS=-O0", *e2e.make_args(), *arguments, check=check)  # ten builds: quick ones


def lacks(text, *words):
    for word in words:
        if word in text:
            e2e.fail(f"{word!r} stands in:\n{text}")


def yours():
    """Every file that is the user's, with its content and its date."""
    folders = [HOME / name for name in ("server", "tests", "client", "migrations")]
    return {str(p.relative_to(HOME)): (p.read_bytes(), p.stat().st_mtime_ns)
            for folder in folders for p in folder.rglob("*") if p.is_file()}


def changed(before):
    now = yours()
    return sorted(k for k in {*before, *now} if before.get(k) != now.get(k))


def edit(path, old, new):
    path = HOME / path
    text = path.read_text()
    if text.count(old) != 1:
        e2e.fail(f"{old!r} is not once in {path}:\n{text}")
    path.write_text(text.replace(old, new))
    return path.read_text()


def proto(old, new):
    edit("proto/shop.proto", old, new)


def current(*arguments):
    """The same once more changes nothing."""
    before = yours()
    e2e.has(update(*arguments).stdout, "up to date")
    update("--check", *arguments)
    e2e.equal(changed(before), [], "changed by an update after an update")


pathlib.Path("shop.proto").write_text(PROTO)
e2e.run("c-svc", "new-service", "shop", "--proto", "shop.proto", "--without", "all")

# ---- the user's work ----

edit("server/shop_item_service/get_item.c", "    return shop_item_store_get(", "    svc->asked++; /* mine */\n    return shop_item_store_get(")
edit("server/service.h", "struct service {\n", "struct service {\n    long asked;\n")
edit("server/shop_item_service/create_item.c", "{\n", "{\n    /* of all colours */\n")
COUNT = HOME / "server/shop_item_service/count_items.c"
COUNT.write_text('''#include "services.h"

/* Mine: shop_item_service_count_items is named here, too. */
csvc_code shop_item_service_count_items(struct service *svc, csvc_ctx *ctx, const CountRequest *req,
                                   CountResponse *rsp)
{
    (void)ctx;
    rsp->n = req->at_most < svc->asked ? req->at_most : svc->asked; /* "shop_item_service_count_items" */
    return CSVC_OK;
}
'''.replace("CountRe", "Shop__CountRe"))
COUNT_TEST = HOME / "tests/shop_item_service/count_items_test.c"
COUNT_TEST.write_text('''#include "service_testing.h"

static void counts(void **state)
{
    struct service_testing *t = *state;
    Shop__CountRequest req = SHOP__COUNT_REQUEST__INIT;
    const Shop__CountResponse *rsp;

    t->svc.asked = 3;
    req.at_most = 2;
    assert_code(CSVC_OK, shop_item_service_client_count_items(t->channel, &t->rpc, &req, &rsp));
    assert_int_equal(rsp->n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts, service_testing_start, service_testing_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
''')
# Handlers may lie anywhere below server/.
(HOME / "server/reading.c").write_text((HOME / "server/shop_item_service/get_item.c").read_text())
(HOME / "server/shop_item_service/get_item.c").unlink()
update()
make("test")

# ---- additions: an rpc, a service, a field, a value, a file ----

before = yours()
proto("  rpc CountItems", "  rpc Greet(GreetRequest) returns (GreetResponse);\n  rpc CountItems")
proto("KIND_NEW = 1; }", "KIND_NEW = 1; KIND_OLD = 2; }")
proto("int32 at_most = 2; }", "int32 at_most = 2; string word = 3; }")
proto("service ItemService", '''message GreetRequest { string name = 1; }
message GreetResponse { string text = 1; }
service AdminService {
  rpc Sweep(GreetRequest) returns (GreetResponse);
}
service ItemService''')
(HOME / "proto/audit.proto").write_text('''syntax = "proto3";
package audit;
import "shop.proto";
message Entry { shop.Item item = 1; }
service AuditService { rpc Note(Entry) returns (Entry); }
''')
FORGOTTEN = "proto/audit.proto:5: note: this service is not served: no entry of protos: in c-svc.yaml names proto/audit.proto"
e2e.has(update("--dry-run").stdout, FORGOTTEN)
edit("c-svc.yaml", "[proto/shop.proto]", "[proto/shop.proto, proto/audit.proto]")
done = update()
lacks(done.stderr, "warning", "error")
lacks(done.stdout, "not served")
new = [f"{top}/{name}{end}.c" for top, end in (("server", ""), ("tests", "_test"))
       for name in ("audit_service/note", "shop_admin_service/sweep", "shop_item_service/greet")]
e2e.equal(changed(before), new, "the user's files after additions")
for path in new:
    e2e.has(done.stdout, f"  create    {path}")
current()
made = make()
e2e.equal(sorted(re.findall(r"todo: (\S+): answers UNIMPLEMENTED", made.stdout)), [p for p in new if p.startswith("server")], "stubs")
e2e.has((HOME / "gen/services.c").read_text(), "audit_service_note", "shop_admin_service_sweep")
make("test")

# ---- breaks of the wire: make warns, update refuses, --allow-breaking takes them ----

original = (HOME / "proto/shop.proto").read_text()
before = {p: p.read_bytes() for p in HOME.rglob("*") if p.is_file() and "build" not in p.parts}
proto("int32 at_most = 2; string word = 3;", "int64 at_most = 2; string word = 4;")
proto("KIND_NEW = 1; KIND_OLD = 2;", "KIND_NEW = 1;")
line = original[:original.index("message CountRequest")].count("\n") + 1
done = update(check=1)
e2e.has(done.stderr, f'proto/shop.proto:{line}:9: error: Previously present field "3" with name "word" on message "CountRequest" was deleted '
        'without reserving the number "3" [FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED]',
        f'proto/shop.proto:{line}:9: note: so that nobody gives them another meaning: reserved 3; reserved "word";',
        f'proto/shop.proto:{line}:45: warning: Field "2" with name "at_most" on message "CountRequest" changed type from "int32" to "int64" '
        "[FIELD_WIRE_JSON_COMPATIBLE_TYPE]",
        'error: Previously present enum value "2" on enum "Kind" was deleted without reserving the number "2"', "--allow-breaking")
before[HOME / "proto/shop.proto"] = (HOME / "proto/shop.proto").read_bytes()
e2e.equal({p: p.read_bytes() for p in HOME.rglob("*") if p.is_file() and "build" not in p.parts}, before, "files after a refused update")
done = make()
e2e.has(done.stdout + done.stderr, 'warning: Previously present field "3" with name "word"')
e2e.has(make().stdout, 'warning: Previously present field "3" with name "word"')  # as long as it is so
done = update("--allow-breaking")
e2e.has(done.stderr, 'warning: Previously present field "3" with name "word"')
lacks(done.stderr, "error")
lacks(update().stderr, "warning")  # it is the contract now
lacks(make("test").stdout, "warning")

# ---- an rpc by a new name ----

before = yours()
proto("rpc CountItems(", "rpc TallyItems(")
for arguments, code in (([], 1), (["--dry-run"], 1), (["--check"], 2)):  # afterwards it would be too late to say so
    done = update(*arguments, check=code)
    e2e.has(done.stderr, '"CountItems" on service "ItemService" was deleted [RPC_NO_DELETE]', "`c-svc update --rename CountItems=TallyItems`",
            "where it is as it looks: c-svc update --rename CountItems=TallyItems, with --keep OLD for what has no new name (nothing was changed)")
e2e.equal(changed(before), [], "changed before it is said what became of the rpc")
e2e.has(update("--allow-breaking", check=1).stderr, "c-svc update --allow-breaking --rename CountItems=TallyItems, with")  # no answer to that
proto("rpc TallyItems(CountRequest) returns (CountResponse)", "rpc TallyItems(CountRequest) returns (stream CountResponse)")
e2e.has(update("--dry-run", "--rename", "CountItems=TallyItems").stdout, "note: TallyItems is (shop.CountRequest) returns (stream shop.CountResponse) now")
proto("rpc TallyItems(CountRequest) returns (stream CountResponse)", "rpc TallyItems(CountRequest) returns (CountResponse)")
e2e.has(update("--rename", "shop.ItemService=acme.ItemService", check=1).stderr, "lost the name shop.ItemService while acme.ItemService came to be")
done = update("--dry-run", "--keep", "ItemService.CountItems")
lacks(done.stderr, "--rename")
e2e.has(done.stdout, "create    server/shop_item_service/tally_items.c", "stale     server/shop_item_service/count_items.c")
for wrong, words in (("CountItems", "--rename CountItems"), ("Counts=TallyItems", "no field, entity, rpc or service lost the name Counts"),
                     ("CountItems=Greet", "no rpc Greet came to shop.ItemService")):
    done = update("--rename", wrong, check=1)
    e2e.has(done.stderr, words)
e2e.equal(changed(before), [], "changed by updates that were refused")
(HOME / "server/counting.c").write_text('''#include "services.h"

csvc_code (*const counting)(struct service *, csvc_ctx *, const Shop__CountRequest *, Shop__CountResponse *);
csvc_code (*const counting)(struct service *, csvc_ctx *, const Shop__CountRequest *, Shop__CountResponse *) =
    shop_item_service_count_items;
''')
text, test = COUNT.read_text(), COUNT_TEST.read_text()
done = update("--rename", "CountItems=TallyItems")
tally, tally_test = HOME / "server/shop_item_service/tally_items.c", HOME / "tests/shop_item_service/tally_items_test.c"
e2e.equal(tally.read_text(), text.replace("csvc_code shop_item_service_count_items(", "csvc_code shop_item_service_tally_items("), "the handler")
e2e.equal(tally_test.read_text(), test.replace("client_count_items", "client_tally_items"), "its test")
e2e.has(done.stdout, "rename    server/shop_item_service/tally_items.c  (was server/shop_item_service/count_items.c, 1 name changed in it)",
        "server/counting.c:5: note: shop_item_service_count_items is called shop_item_service_tally_items now")
if COUNT.exists() or COUNT_TEST.exists():
    e2e.fail("the old handler or test is still there")
current()
edit("server/counting.c", "shop_item_service_count_items", "shop_item_service_tally_items")
make("test")

# One that the user keeps elsewhere stays there.
before = yours()
proto("rpc GetItem(", "rpc FindItem(")
done = update("--rename", "ItemService.GetItem=FindItem")
e2e.has((HOME / "server/reading.c").read_text(), "csvc_code shop_item_service_find_item(", "svc->asked++; /* mine */")
e2e.equal(changed(before), ["server/reading.c", "tests/shop_item_service/find_item_test.c", "tests/shop_item_service/get_item_test.c"],
          "the user's files after a rename of a handler that was moved")
current()

# ---- other types: the compiler points where update says ----

before = yours()
proto("rpc Greet(GreetRequest) returns (GreetResponse);", "rpc Greet(GreetRequest) returns (stream GreetResponse);")
done = update(check=1)
e2e.has(done.stderr, 'error: RPC "Greet" on service "ItemService" changed from server unary to server streaming [RPC_SAME_SERVER_STREAMING]')
done = update("--allow-breaking")
told = re.search(r"^(server/shop_item_service/greet\.c):(\d+): note: Greet is \(shop\.GreetRequest\) returns \(stream shop\.GreetResponse\) now",
                 done.stdout, re.M)
if not told:
    e2e.fail(f"update does not say where the types changed:\n{done.stdout}")
e2e.equal(changed(before), [], "the user's files after other types")
done = make("-k", check=2)
found = set(re.findall(r"^(server/\S+?):(\d+):\d+: error: conflicting types for ‘?'?shop_item_service_greet", done.stderr, re.M))
e2e.equal(found, {told.groups()}, f"where the compiler points:\n{done.stderr}")
(HOME / "server/shop_item_service/greet.c").write_text('''#include "services.h"

csvc_code shop_item_service_greet(struct service *svc, csvc_ctx *ctx, const Shop__GreetRequest *req, csvc_stream *out)
{
    Shop__GreetResponse rsp = SHOP__GREET_RESPONSE__INIT;

    (void)svc;
    rsp.text = csvc_printf(ctx, "hello, %s", req->name);
    return shop_item_service_greet_send(out, &rsp);
}
''')
(HOME / "tests/shop_item_service/greet_test.c").unlink()

# ---- an rpc that is gone: its handler stays, and is not compiled ----

proto("service AdminService {\n  rpc Sweep(GreetRequest) returns (GreetResponse);\n}\n", "")
edit("server/shop_admin_service/sweep.c", "#include", "this is not C any more\n#include")
done = update()
e2e.has(done.stderr, 'warning: Previously present service "AdminService" was deleted from package "shop" [PACKAGE_SERVICE_NO_DELETE]')
e2e.has(done.stdout, "stale     server/shop_admin_service/sweep.c  (changed since it was made)", "stale     tests/shop_admin_service/sweep_test.c")
e2e.has(make().stdout, "todo: server/shop_admin_service/sweep.c: belongs to no rpc any more")
make("test")
e2e.has(update("--prune").stdout, "remove    tests/shop_admin_service/sweep_test.c")
(HOME / "server/shop_admin_service/sweep.c").unlink()

# ---- a message in another file of its package; a field that has a new name ----

before = yours()
proto("message GreetRequest { string name = 1; }\n", "")
proto("package shop;\n", 'package shop;\n\nimport "greeting.proto";\n')
(HOME / "proto/greeting.proto").write_text('syntax = "proto3";\npackage shop;\nmessage GreetRequest { string name = 1; }\n')
proto("int64 n = 1; }", "int64 total = 1; }")
done = update()
e2e.has(done.stderr, 'warning: Field "1" on message "CountResponse" changed name from "n" to "total" [FIELD_SAME_NAME]')
lacks(done.stderr, "GreetRequest", "error")
e2e.equal(changed(before), [], "the user's files after a message moved")
done = make("-k", check=2)
e2e.has(done.stderr, "tally_items.c")  # the compiler points at each use of the field
edit("server/shop_item_service/tally_items.c", "rsp->n =", "rsp->total =")
edit("tests/shop_item_service/tally_items_test.c", "rsp->n,", "rsp->total,")
make("test")

# ---- a number becomes a string: C would take one for the other's address, the Makefile's flags do not ----

before_retyping = (HOME / "proto/shop.proto").read_text()
proto("int64 total = 1; }", "string total = 1; }")
e2e.run("c-svc", "generate", cwd=HOME)
done = make("-k", check=2)
if not re.search(r"^server/shop_item_service/tally_items\.c:\d+:\d+: error: .*conver", done.stderr, re.M):
    e2e.fail(f"the compiler takes a number for a string:\n{done.stderr}")
(HOME / "proto/shop.proto").write_text(before_retyping)
e2e.run("c-svc", "generate", cwd=HOME)

# ---- the package moves: folders, functions, types, stores ----

before = yours()
for name in ("shop", "greeting"):
    edit(f"proto/{name}.proto", "package shop;", "package acme.store;")
edit("proto/audit.proto", "shop.Item", "acme.store.Item")
done = update(check=1)
e2e.has(done.stderr, 'error: File package changed from "shop" to "acme.store" [FILE_SAME_PACKAGE]',
        "`c-svc update --rename shop.ItemService=acme.store.ItemService`")
proto("returns (stream GreetResponse);", "returns (GreetResponse);")  # other types, too: the line is told of the file as it will be
done = update("--dry-run", "--allow-breaking", "--rename", "shop.ItemService=acme.store.ItemService")
e2e.has(done.stdout, "server/acme_store_item_service/greet.c:3: note: Greet is (acme.store.GreetRequest) returns (acme.store.GreetResponse) now")
e2e.equal(done.stdout.count("compiler will point here"), 1, "handlers with other types in a package that moved")
proto("rpc Greet(GreetRequest) returns (GreetResponse);", "rpc Greet(GreetRequest) returns (stream GreetResponse);")
done = update("--allow-breaking", "--rename", "shop.ItemService=acme.store.ItemService")
lacks(done.stdout, "compiler will point here")
e2e.has((HOME / "server/reading.c").read_text(), "csvc_code acme_store_item_service_find_item(", "svc->asked++; /* mine */",
        "acme_store_item_store_get(", "Acme__Store__GetItemRequest")
e2e.has((HOME / "server/acme_store_item_service/create_item.c").read_text(), "/* of all colours */", "acme_store_item_store_create(")
if (HOME / "server/shop_item_service").exists() or (HOME / "tests/shop_item_service").exists():
    e2e.fail("the old folders are still there")
e2e.has(done.stdout, "server/counting.c:3: note: Shop__CountRequest is called Acme__Store__CountRequest now")
counting = HOME / "server/counting.c"
counting.write_text(counting.read_text().replace("Shop__", "Acme__Store__").replace("shop_item_service_", "acme_store_item_service_"))
current()
make("test")

# ---- another prefix in C: the same service, so its files go along ----

proto("package acme.store;\n", 'package acme.store;\n\nimport "c_svc/options.proto";\n')
proto("service ItemService {\n", 'service ItemService {\n  option (c_svc.c_prefix) = "items";\n')
done = update()
lacks(done.stderr, "warning", "error")
e2e.has(done.stdout, "rename    server/items/create_item.c  (was server/acme_store_item_service/create_item.c, 1 name changed in it)")
e2e.has((HOME / "server/items/create_item.c").read_text(), "/* of all colours */", "csvc_code items_create_item(")
edit("server/counting.c", "acme_store_item_service_tally_items", "items_tally_items")
make("test")
files = json.loads((HOME / ".c-svc/lock.json").read_text())["files"]
for path, untouched in (("server/items/list_items.c", True), ("server/items/create_item.c", False)):  # what --prune goes by
    is_same = files[path]["hash"] == hashlib.sha256((HOME / path).read_bytes()).hexdigest()
    e2e.equal(is_same, untouched, f"whether the lock has {path} as it is")

# ---- the record of the protos is damaged ----

record = HOME / ".c-svc/descriptors.pb"
good = record.read_bytes()
for bad, why in ((good[:len(good) // 2], "not a FileDescriptorSet"), (b"", "there is nothing in it"), (b"\x0a\x02\x0a\x00", "no name")):
    record.write_bytes(bad)
    for command in ("update", "generate", "diff"):
        done = e2e.run("c-svc", command, cwd=HOME, check=None)
        if done.returncode not in (1, 2):
            e2e.fail(f"c-svc {command} with a damaged record: {done}")
        e2e.has(done.stderr, ".c-svc/descriptors.pb: error: ", why, "--rebase-from-current")
    e2e.equal(record.read_bytes(), bad, "a damaged record after it was refused")
update("--rebase-from-current")
e2e.equal(record.read_bytes(), good, "the record made anew")
current()
