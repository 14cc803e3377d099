#!/usr/bin/env python3
"""CRUD protos in the styles people use: each scaffolds, builds without a warning, passes its own tests and serves."""
import json
import os
import pathlib
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

PROTOS = e2e.SOURCE / "tests/protos/crud"
checks = 0
warned = []  # said at the end, so that they do not hide what the service does


def project_of(name):
    """A project of a proto, with its tests passed."""
    e2e.run("c-svc", "new-service", f"{name}-service", "--proto", PROTOS / f"{name}.proto", "-I", PROTOS)
    project = pathlib.Path.cwd() / f"{name}-service"
    made = e2e.run("make", "-C", project, "-j2", *e2e.make_args(), "all", "test", timeout=600)
    if "warning" in made.stderr:
        warned.append(f"{name}:\n{made.stderr}")
    if "test programs passed" not in made.stdout:
        e2e.fail(f"{name}: no tests\n{made.stdout}")
    return project


class Client:
    def __init__(self, project, server):
        self.program = project / f"build/{project.name}-client"
        self.server = server

    def ok(self, *arguments):
        done = e2e.run(self.program, "--addr", self.server.address, *arguments)
        return json.loads(done.stdout)

    def lines(self, *arguments):
        done = e2e.run(self.program, "--addr", self.server.address, *arguments)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def fails(self, code, text, *arguments):
        global checks
        done = e2e.run(self.program, "--addr", self.server.address, *arguments, check=64 + code)
        e2e.equal(done.stderr.strip().split(": ", 2)[2], text, arguments)
        checks += 1


def same(got, expected, what):
    global checks
    e2e.equal(got, expected, what)
    checks += 1


def serve(project):
    return e2e.Server(project / f"build/{project.name}", "--database-url", "sqlite::memory:", "--log-level", "debug")


# ---- what comes back as it went in: every sort of column ----
devices = project_of("devices")
with serve(devices) as server:
    c = Client(devices, server)
    key = c.ok("create-device", "--serial", "s1", "--label", "lamp", "--state", "STATE_UP", "--place.site", "hall", "--tags", "a",
               "--tags", "b", "--limits", "x=4", "--limits", "y=5", "--owner", "", "--certificate", "YQ==", "--host", "h1",
               "--slot", "0", "--load", "0.5", "--installer", "me")["deviceId"]
    same(len(key), 36, "a UUID")
    want = {"deviceId": key, "serial": "s1", "label": "lamp", "state": "STATE_UP", "place": {"site": "hall"}, "tags": ["a", "b"],
            "limits": {"x": 4, "y": 5}, "owner": "", "certificate": "YQ==", "host": "h1", "slot": "0", "load": 0.5}

    def device():
        got = c.ok("get-device", "--device-id", key)["device"]
        got.pop("createdAt")
        return got

    same(device(), want, "as stored")
    # absent optional fields, messages and oneofs are left alone; plain fields and repeated ones are replaced
    same(c.ok("update-device", "--device-id", key, "--label", "door", "--limits", "z=1")["ok"], True, "ok")
    want.update(label="door", limits={"z": 1})
    del want["state"], want["tags"]
    same(device(), want, "after an update")
    # the other member of a oneof takes the first one's place
    c.ok("update-device", "--device-id", key, "--ipv4", "0")
    del want["host"], want["limits"]
    want["ipv4"] = 0
    same(device(), want, "after a change of the oneof")
    c.fails(3, "serial is required", "update-device", "--device-id", key, "--serial", "")
    c.fails(6, 'serial "s1" is already taken', "create-device", "--serial", "s1")
    other = c.ok("create-device", "--serial", "s2", "--label", "lamp", "--owner", "bob")["deviceId"]
    same([d["serial"] for d in c.ok("list-devices", "--q", "LAM")["devices"]], ["s2"], "by keyword")
    same([d["serial"] for d in c.ok("list-devices", "--owner", "bob")["devices"]], ["s2"], "by owner")
    same(len(c.ok("list-devices", "--state", "STATE_UNSPECIFIED")["devices"]), 2, "by a zero that is there")
    first = c.ok("list-devices", "--limit", "1")
    same((first["totalCount"], first["devices"][0]["serial"]), ("2", "s1"), "the first page")
    rest = c.ok("list-devices", "--limit", "1", "--page-token", first["nextPageToken"])
    same([d["serial"] for d in rest["devices"]], ["s2"], "the second page")
    same("nextPageToken" in rest, False, "the last page")
    got = c.ok("batch-get-devices", "--device-ids", other, "--device-ids", "nobody", "--device-ids", key)
    same([d["serial"] for d in got["devices"]], ["s2", "s1"], "several")
    c.fails(12, "reason is not served", "delete-device", "--device-id", key, "--reason", "old")
    same(c.ok("delete-device", "--device-id", key), {"deleted": True}, "deleted")
    c.fails(5, f'device "{key}" not found', "get-device", "--device-id", key)

# ---- aip.dev: names, masks ----
library = project_of("library")
with serve(library) as server:
    c = Client(library, server)
    book = c.ok("create-book", "--book.title", "T", "--book.authors", "A", "--book.pages", "3", "--book.kind", "FICTION")
    name = book["name"]
    same((name[:6], len(name)), ("books/", 6 + 36), "a name")
    same(book["createTime"], book["updateTime"], "times")

    def update(*arguments):
        got = c.ok("update-book", "--book.name", name, *arguments)
        same(got["createTime"], book["createTime"], "time of creation")
        return {k: v for k, v in got.items() if k not in ("name", "createTime", "updateTime")}

    same(update("--book.title", "U"), {"title": "U", "authors": ["A"], "kind": "FICTION", "pages": 3}, "what is populated")
    same(update("--book.title", "V", "--update-mask", "pages"), {"title": "U", "authors": ["A"], "kind": "FICTION"}, "the mask")
    same(update("--book.title", "W", "--update-mask", "title,name,create_time"),
         {"title": "W", "authors": ["A"], "kind": "FICTION"}, "key and times in the mask")
    same(update("--book.title", "X", "--update-mask", "*"), {"title": "X"}, "all of it")
    c.fails(3, "update_mask: nope is no field of book that can change",
            "update-book", "--book.name", name, "--update-mask", "nope")
    c.fails(3, "update_mask: published.seconds reaches into published, which can only change as a whole",
            "update-book", "--book.name", name, "--update-mask", "published.seconds")
    c.fails(3, "book is required", "update-book")
    c.fails(12, "filter is not served", "list-books", "--filter", "x")
    c.fails(12, "validate_only is not served", "create-book", "--book.title", "T", "--validate-only")
    named = ("create-book", "--book.title", "T", "--book-id")
    same(c.ok(*named, "moby-dick")["name"], "books/moby-dick", "a name that the caller ends")
    same(c.ok("get-book", "--name", "books/moby-dick")["title"], "T", "got by it")
    c.fails(6, 'name "books/moby-dick" is already taken', *named, "moby-dick")
    for bad in ("a/b", "/", "/a", "a/"):
        c.fails(3, "book_id: no / may stand in it", *named, bad)
    same(c.ok("list-books")["totalSize"], 2, "rows after ids that were refused")
    same(c.ok("delete-book", "--name", name), {}, "deleted")
    c.fails(5, f'book "{name}" not found', "delete-book", "--name", name)

# ---- bare entities, no pages: more rows than any page ----
notes = project_of("notes")
with serve(notes) as server:
    c = Client(notes, server)
    for i in range(130):
        c.ok("create", "--title", f"n{i}", "--text", "t")
    same([n["title"] for n in c.ok("list")["notes"]], [f"n{i}" for i in range(130)], "all of them")
    same(c.ok("update", "--id", "1", "--title", "new")["text"], "t", "absent is left alone")
    same(c.ok("delete", "--id", "1"), {}, "deleted")
    c.fails(5, "note 1 not found", "get", "--id", "1")

# ---- keys that callers give, status beside the row, masks over fields ----
stock = project_of("stock")
with serve(stock) as server:
    c = Client(stock, server)
    c.ok("create-item", "--id", "7", "--name", "nail", "--amount", "-3", "--price", "0.25", "--group", "g", "--order", "o")
    c.fails(6, "id 7 is already taken", "create-item", "--id", "7", "--name", "screw")
    c.fails(3, "name is required", "create-item", "--id", "8")
    c.ok("update-item", "--id", "7", "--amount", "5", "--fields", "amount,price")
    same(c.ok("get-item", "--id", "7"),
         {"success": True, "item": {"id": 7, "name": "nail", "amount": 5, "group": "g", "order": "o"}}, "masked")
    c.fails(3, "update_mask: group is no field of stock_item that can change", "update-item", "--id", "7", "--fields", "group")
    same(c.ok("list-item", "--group", "g")["total"], "1", "by group")
    same(c.ok("list-item", "--group", "h"), {}, "by another group")
    same(c.ok("delete-item", "--id", "7")["item"]["name"], "nail", "what was deleted")

# ---- users with a password, proto2 ----
accounts = project_of("accounts")
with serve(accounts) as server:
    c = Client(accounts, server)
    user = c.ok("create-user", "--username", "ada", "--email", "a@example.org", "--password", "geheim")["user"]
    same("geheim" in json.dumps(c.ok("get-user", "--id", user["id"])), False, "the password")
    same("geheim" in server.text(), False, "the password in the log")
    c.fails(6, 'username "ada" is already taken', "create-user", "--username", "ada", "--email", "b@example.org")
    c.fails(3, "email is required", "create-user", "--username", "bob")
    c.fails(3, "id must be positive", "get-user", "--id", "0")
    c.fails(5, "user 9 not found", "update-user", "--id", "9", "--username", "x", "--email", "y")
    same([u["username"] for u in c.ok("batch-get-users", "--ids", "9", "--ids", "1")["users"]], ["ada"], "several")
    c.ok("create-user", "--username", "bob", "--email", "bob@example.org")
    c.ok("create-user", "--username", "cy", "--email", "cy@example.com")
    stream = lambda *arguments: c.lines("stream-users", *arguments)
    same([u["username"] for u in stream()], ["ada", "bob", "cy"], "a stream of rows")
    same([u["username"] for u in stream("--keyword", "example.org")], ["ada", "bob"], "by keyword")
    same(stream("--status", "ACTIVE"), [], "by status")
    same([u["user"]["username"] for u in c.lines("list-user")], ["ada", "bob", "cy"], "a list that is a stream, rows in a message")
    c.fails(12, "page_size is not served", "stream-users", "--page-size", "2")
legacy = project_of("legacy")
with serve(legacy) as server:
    c = Client(legacy, server)
    same(c.ok("create-person", "--name", "ada"), {"person": {"personId": "1", "name": "ada"}}, "absent is absent")
    c.ok("update-person", "--person-id", "1", "--age", "0")
    same(c.ok("get-person", "--person-id", "1")["person"], {"personId": "1", "name": "ada", "age": 0}, "zero is not absent")
    same(c.ok("list-people", "--age", "0")["total"], 1, "by a zero that is there")

if warned:
    e2e.fail("compiler warnings in " + "\n".join(warned))
print(f"{checks} passed, 0 failed")
