#!/usr/bin/env python3
"""Steps from changed protos: each kind of change, on tables with rows, by the driver that servers have and by PostgreSQL; the
tables that come out are those of a new project, and the rows are there."""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e
import postgres

here = pathlib.Path.cwd()
HEAD = 'syntax = "proto3";\npackage shop;\nimport "c_svc/options.proto";\n' \
       'import "google/protobuf/timestamp.proto";\nservice Shop { rpc Ping(PingRequest) returns (PingRequest); }\n' \
       "message PingRequest { string text = 1; }\n"


def entity(fields, name="Item"):
    return f"message {name} {{\n  option (c_svc.message) = {{entity: true}};\n  int64 id = 1;\n{fields}\n}}\n"


BASE = entity("string name = 2; int64 count = 3;")
ROWS = """INSERT INTO "items" ("id", "name", "count") VALUES (1, 'ada', 10);
INSERT INTO "items" ("id", "name", "count") VALUES (2, 'grace', 20);
"""

# What is changed: a proto before and after, and what follows.
#   file     what the step is called; None: there is none
#   rows     put in before it; what `ask` answers afterwards, in either database
#   args     of c-svc update; `refused`: words of why it is not done without them
#   todo     what the file asks; `edit` answers it, besides that the TODO lines go
#   own      of the user's, in a step of their own before: for SQLite, and for PostgreSQL
CASES = [
    dict(name="a column", after=entity("string name = 2; int64 count = 3; string phone = 4;"), file="add_phone_to_items",
         ask='SELECT "name", "phone" FROM "items" ORDER BY "id"', rows=[["ada", ""], ["grace", ""]]),
    dict(name="columns of every type", after=entity(
        "string name = 2; int64 count = 3; optional int32 age = 4; double size = 5; bytes raw = 6; bool on = 7; "
        "repeated string tags = 8; PingRequest ping = 9; optional string nick = 10; optional double weight = 11;"),
        file="change_items", ask='SELECT "count", "age", "size", "raw", "on", "tags", "ping", "nick" FROM "items" ORDER BY "id"',
        rows=[[10, None, 0, "", 0, None, None, None], [20, None, 0, "", 0, None, None, None]]),
    dict(name="times", after=entity("string name = 2; int64 count = 3; string created_at = 4; int64 updated_at = 5;"),
         file="add_created_at_and_updated_at_to_items", ask='SELECT "created_at", "updated_at" FROM "items" WHERE "id" = 1',
         rows=[["1970-01-01T00:00:00Z", 0]]),
    dict(name="a unique one that may be empty",
         after=entity("string name = 2; int64 count = 3; string badge = 4 [(c_svc.field) = {unique: true, required: false}];"),
         file="add_badge_to_items", ask='SELECT "badge" FROM "items"', rows=[[""], [""]]),
    dict(name="a required one",
         after=entity("string name = 2; int64 count = 3; string code = 4 [(c_svc.field) = {unique: true}];"),
         file="add_code_to_items", todo=["items.code is required: say what the rows that are there get, then delete this line;"],
         edit=[("SET \"code\" = ''", 'SET "code" = \'c\' || "id"')], ask='SELECT "code" FROM "items" ORDER BY "id"',
         rows=[["c1"], ["c2"]]),
    dict(name="an index", after=entity("string name = 2 [(c_svc.field) = {index: true}]; int64 count = 3;"),
         file="index_name_of_items"),
    dict(name="no index", before=entity("string name = 2 [(c_svc.field) = {index: true}]; int64 count = 3;"), after=BASE,
         file="unindex_name_of_items"),
    dict(name="unique", after=entity("string name = 2 [(c_svc.field) = {unique: true, required: false}]; int64 count = 3;"),
         file="unique_name_of_items", todo=["items.name becomes unique: say what becomes of rows that have the same"]),
    dict(name="unique and required", before=entity("string name = 2 [(c_svc.field) = {unique: true, required: false}]; int64 count = 3;"),
         after=entity("string name = 2 [(c_svc.field) = {unique: true}]; int64 count = 3;"), file="unique_name_of_items",
         todo=["becomes unique"]),
    dict(name="required no more", before=entity("string name = 2 [(c_svc.field) = {unique: true}]; int64 count = 3;"),
         after=entity("string name = 2 [(c_svc.field) = {unique: true, required: false}]; int64 count = 3;"),
         file="unique_name_of_items"),
    dict(name="unique no more", before=entity("string name = 2 [(c_svc.field) = {unique: true}]; int64 count = 3;"), after=BASE,
         file="not_unique_name_of_items"),
    dict(name="a new name", before=entity("string name = 2 [(c_svc.field) = {unique: true}]; int64 count = 3;"),
         after=entity("string title = 2 [(c_svc.field) = {unique: true}]; int64 count = 3;"),
         refused=["no field of Item fills the column name any more, and title is new", "--rename items.name=title",
                  "--allow-data-loss drops it", "--keep items.name"],
         args=["--rename", "items.name=title"], file="rename_name_to_title_in_items",
         ask='SELECT "title" FROM "items" ORDER BY "id"', rows=[["ada"], ["grace"]]),
    dict(name="a new name, said shortly", after=entity("string title = 2; int64 count = 3;"), args=["--rename", "name=title"],
         file="rename_name_to_title_in_items", ask='SELECT "title" FROM "items" ORDER BY "id"', rows=[["ada"], ["grace"]]),
    dict(name="not a new name: kept", after=entity("string title = 2; int64 count = 3;"), args=["--keep", "items.name"],
         file="change_items", same=False, ask='SELECT "name", "title" FROM "items" ORDER BY "id"', rows=[["ada", ""], ["grace", ""]]),
    dict(name="not a new name: dropped", after=entity("string title = 2; int64 count = 3;"), args=["--allow-data-loss"],
         file="change_items", ask='SELECT "title" FROM "items"', rows=[[""], [""]]),
    dict(name="a field is gone", after=entity("string name = 2; reserved 3;"), file="keep_count_of_items", same=False,
         says="table items keeps the column count, which no field of Item fills; --allow-data-loss drops it",
         then='INSERT INTO "items" ("id", "name") VALUES (3, \'new\');', ask='SELECT "name", "count" FROM "items" ORDER BY "id"',
         rows=[["ada", 10], ["grace", 20], ["new", 0]]),
    dict(name="a field is gone, and its column",
         before=entity("string name = 2; int64 count = 3; string code = 4 [(c_svc.field) = {unique: true, required: false}];"),
         before_rows=ROWS.replace('"count")', '"count", "code")').replace("10)", "10, 'a')").replace("20)", "20, 'b')"),
         after=entity("string name = 2; reserved 3; reserved 4;"), args=["--allow-data-loss"],
         file="drop_count_and_code_from_items", ask='SELECT "name" FROM "items" ORDER BY "id"', rows=[["ada"], ["grace"]]),
    dict(name="a number becomes text", after=entity("string name = 2; string count = 3;"), file="retype_count_of_items",
         ask='SELECT "name", "count" FROM "items" ORDER BY "id"', rows=[["ada", "10"], ["grace", "20"]]),
    dict(name="text becomes bytes", after=entity("bytes name = 2; int64 count = 3;"), file="retype_name_of_items",
         ask='SELECT "count" FROM "items" ORDER BY "id"', rows=[[10], [20]]),
    dict(name="text becomes a number", before=entity("string name = 2; string count = 3;"), after=BASE,
         before_rows=ROWS.replace("10)", "'10')").replace("20)", "'20')"), file="retype_count_of_items",
         todo=["items.count was TEXT and becomes INTEGER, and not every value can"],
         ask='SELECT "count" FROM "items" ORDER BY "id"', rows=[[10], [20]]),
    dict(name="bytes become a message", before=entity("string name = 2; int64 count = 3; optional int64 ping = 4;"),
         after=entity("string name = 2; int64 count = 3; PingRequest ping = 4;"), file="retype_ping_of_items", todo=["becomes BLOB"],
         ask='SELECT "ping" FROM "items"', rows=[[None], [None]]),
    dict(name="text becomes a time", before=entity("string name = 2; string at = 3;"),
         after=entity("string name = 2; google.protobuf.Timestamp at = 3;"), file="change_items",
         before_rows="""INSERT INTO "items" ("id", "name", "at") VALUES (1, 'ada', '2026-11-21');""",
         todo=["what stands in items.at was text and is to be a time with nanoseconds (RFC 3339, UTC)"],
         edit=[('SET "at" = "at"', """SET "at" = "at" || 'T00:00:00.000000000Z'""")],
         ask='SELECT "at" FROM "items"', rows=[["2026-11-21T00:00:00.000000000Z"]]),
    dict(name="a list by another number", before=entity("string name = 2; int64 count = 3; repeated string tags = 4;"),
         after=entity("string name = 2; int64 count = 3; reserved 4; repeated string tags = 5;"), file="reform_tags_of_items",
         todo=["what stands in items.tags was a list, encoded as field 4 and is to be a list, encoded as field 5"]),
    dict(name="bytes, a message, and another", before=entity("string name = 2; int64 count = 3; PingRequest a = 4; optional bytes b = 5;"),
         after=entity("string name = 2; int64 count = 3; Other a = 4; PingRequest b = 5;") + "message Other { string text = 1; int64 more = 2; }\n",
         file="reform_b_of_items", todo=["items.b was bytes and is to be a message"]),
    dict(name="a narrower number", after=entity("string name = 2; int32 count = 3;"), file="narrow_count_of_items",
         todo=["items.count was int64 and is to be int32: let the UPDATE below see to those that do not fit"],
         edit=[('SET "count" = "count"', 'SET "count" = 15 WHERE "count" > 15')],
         ask='SELECT "count" FROM "items" ORDER BY "id"', rows=[[10], [15]]),
    dict(name="a number without a sign", after=entity("string name = 2; uint64 count = 3;"), file="narrow_count_of_items",
         todo=["items.count was int64 and is to be uint64"]),
    dict(name="a wider number", before=entity("string name = 2; int32 count = 3;"), after=BASE, file=None),
    dict(name="may be absent", after=entity("optional string name = 2; int64 count = 3;"), file="optional_name_of_items",
         ask='SELECT "name" FROM "items" ORDER BY "id"', rows=[["ada"], ["grace"]]),
    dict(name="may not be absent", before=entity("string name = 2; optional int64 count = 3;"), after=BASE,
         before_rows=ROWS + 'INSERT INTO "items" ("id", "name") VALUES (3, \'none\');', file="fill_count_of_items",
         ask='SELECT "count" FROM "items" ORDER BY "id"', rows=[[10], [20], [0]]),
    dict(name="may not be absent, and is required", before=entity("string name = 2; optional string code = 3;"),
         after=entity("string name = 2; string code = 3 [(c_svc.field) = {required: true}];"),
         before_rows='INSERT INTO "items" ("id", "name") VALUES (1, \'ada\');', todo=["items.code is required: say what rows without one get"],
         edit=[("coalesce(\"code\", '')", "coalesce(\"code\", 'none')"), ("SET \"code\" = ''", "SET \"code\" = 'none'")],
         file="fill_code_of_items", ask='SELECT "code" FROM "items"', rows=[["none"]]),
    dict(name="a new key", before=entity("string name = 2; int64 count = 3;"),
         after=BASE.replace("string name = 2;", "string name = 2 [(c_svc.field) = {key: true}];"), file="change_items", same=None,
         todo=["items.name becomes the key"], ask='SELECT "id", "name" FROM "items" ORDER BY "id"', rows=[[1, "ada"], [2, "grace"]]),
    dict(name="a key that was not there",
         after=BASE.replace("string name = 2;", "string name = 2; string code = 9 [(c_svc.field) = {key: true}];"),
         file="change_items", todo=["items.code is the key"], ask='SELECT count(DISTINCT "code") FROM "items"', rows=[[2]], same=None),
    dict(name="a new entity", after=BASE + entity("string name = 2;", "Order"), file="orders"),
    dict(name="an entity is gone", before=BASE + entity("string name = 2;", "Order"), after=BASE, file=None, same=False,
         says="the table orders stays, though no message is kept in it any more (c-svc explain says why); --allow-data-loss drops it"),
    dict(name="an entity is gone, and its table", before=BASE + entity("string name = 2;", "Order"), after=BASE,
         args=["--allow-data-loss"], file="drop_orders"),
    dict(name="an entity by a new name", before=entity("string name = 2 [(c_svc.field) = {unique: true}]; int64 count = 3;"),
         after=entity("string name = 2 [(c_svc.field) = {unique: true}]; int64 count = 3; string more = 4;", "Thing"),
         refused=["no message is kept in the table items any more, and things is new", "--rename items=things"],
         args=["--rename", "items=things"], file="rename_items_to_things",
         ask='SELECT "name", "more" FROM "things" ORDER BY "id"', rows=[["ada", ""], ["grace", ""]]),
    dict(name="a name too long for PostgreSQL",
         after=entity(f"string name = 2; int64 count = 3; string {'a' * 60} = 4 [(c_svc.field) = {{index: true}}];"),
         file=f"add_{'a' * 60}_to_items"),
    dict(name="all at once", before=entity("string name = 2; int64 count = 3; string old = 4 [(c_svc.field) = {index: true}];"),
         before_rows=ROWS.replace('"count")', '"count", "old")').replace("10)", "10, 'a')").replace("20)", "20, 'b')"),
         after=entity("optional string title = 2; string count = 3; reserved 4; bool on = 5;"),
         args=["--rename", "items.name=title", "--allow-data-loss"],
         file="change_items", ask='SELECT "title", "count", "on" FROM "items" ORDER BY "id"', rows=[["ada", "10", 0], ["grace", "20", 0]]),
    dict(name="what is the user's stays",
         own=('CREATE TABLE "parts" ("item" INTEGER NOT NULL REFERENCES "items" ("id") ON DELETE CASCADE);\n'
              'ALTER TABLE "items" ADD COLUMN "note" TEXT DEFAULT \'n\' CHECK ("note" <> \'\');\n'
              'CREATE INDEX "by_both" ON "items" ("name", "note");\n'
              'CREATE TABLE "log" ("said" TEXT);\n'
              'CREATE TRIGGER "noted" AFTER UPDATE ON "items" BEGIN INSERT INTO "log" VALUES (new."name"); END;\n'
              'CREATE VIEW "names" AS SELECT "name" FROM "items";\nCREATE VIEW "names2" AS SELECT "name" FROM "names";\n'
              'CREATE TRIGGER "through" INSTEAD OF INSERT ON "names" BEGIN INSERT INTO "log" VALUES (new."name"); END;\n', None),
         before_rows=ROWS + 'INSERT INTO "parts" VALUES (1);', after=entity("optional string name = 2; string count = 3;"),
         file="change_items", same=None, untouched=["parts", "log"], objects=["by_both", "noted", "names", "names2", "through"],
         ask='SELECT "name", "count", "note", (SELECT count(*) FROM "parts"), (SELECT count(*) FROM "names2") FROM "items" ORDER BY "id"',
         rows=[["ada", "10", "n", 1, 2], ["grace", "20", "n", 1, 2]]),
]


# ---- c-svc ----

def update(home, *args, check=0):
    return e2e.run("c-svc", "update", "--allow-breaking", *args, cwd=home, check=check)


def project(folder, proto):
    """A new project, its steps as files."""
    shutil.rmtree(folder, ignore_errors=True)
    pathlib.Path("shop.proto").write_text(HEAD + proto)
    e2e.run("c-svc", "new-service", "shop", "--proto", "shop.proto")
    pathlib.Path("shop").rename(folder)
    return here / folder


def steps(home, dialect):
    return sorted((home / "migrations" / dialect).glob("*.sql"))


# ---- SQLite ----

def migrate(database, home, n=None, check=0):
    return e2e.run(here / "migrate", f"sqlite:{database}", home / "migrations/sqlite", *([n] if n else []), check=check)


def sqlite_run(database, sql):
    with sqlite3.connect(database) as db:
        db.executescript("PRAGMA foreign_keys = ON;" + sql)
    db.close()


def plain(rows):
    return [["" if v == b"" else v for v in row] for row in rows]


def sqlite_ask(database, sql):
    db = sqlite3.connect(database)
    rows = plain(db.execute(sql).fetchall())
    db.close()
    return rows


def sqlite_tables(database):
    """What stands there, whatever way led to it: not the order of columns, nor a default that filled rows."""
    db = sqlite3.connect(database)
    found = {}
    for name, sql in db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
                                "AND name <> 'csvc_migrations'"):
        indexes = {}
        for _, index, unique, origin, partial in db.execute(f'PRAGMA index_list("{name}")'):
            if origin == "c":
                text = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()[0]
                indexes[index] = (unique, partial, text)
        found[name] = (sorted((c[1], c[2], c[3], c[5]) for c in db.execute(f'PRAGMA table_info("{name}")')), indexes,
                       "AUTOINCREMENT" in sql, db.execute("SELECT strict FROM pragma_table_list WHERE name = ?", (name,)).fetchone())
    e2e.equal(db.execute("PRAGMA integrity_check").fetchall() + db.execute("PRAGMA foreign_key_check").fetchall(), [("ok",)],
              f"{database}: its integrity")
    db.close()
    return found


# ---- PostgreSQL ----

PG_TABLES = """SELECT coalesce(json_agg(x ORDER BY x::text), '[]') FROM (
  SELECT 'column' AS what, table_name::text AS a, column_name::text AS b, data_type::text AS c, is_nullable::text AS d,
         is_identity::text AS e, coalesce(column_default::text, '') AS f
    FROM information_schema.columns WHERE table_schema = current_schema()
  UNION ALL SELECT 'index', tablename, indexname, replace(indexdef, current_schema() || '.', ''), '', '', ''
    FROM pg_indexes WHERE schemaname = current_schema()
  UNION ALL SELECT 'sequence', sequence_name, '', '', '', '', '' FROM information_schema.sequences
    WHERE sequence_schema = current_schema()) AS x;
"""


def pg_steps(paths):
    return "".join(f"BEGIN;\n{p.read_text()}COMMIT;\n" for p in paths)


def pg_schema(name):
    return f"CREATE SCHEMA {name};\nSET search_path = {name};\n"


def pg_answer(text):
    return [["" if v == "\\x" else int(v) if isinstance(v, bool) else v for v in row.values()] for row in json.loads(text)]


# ---- a change ----

def has_line(path, line):
    if line not in path.read_text().splitlines():
        e2e.fail(f"{path} has no line {line!r}:\n{path.read_text()}")


def without_todo(path, edits):
    text = path.read_text()
    for old, new in edits:
        text = text.replace(old, new)
    path.write_text("".join(line for line in text.splitlines(True) if not line.startswith("TODO:")))


def files(home):
    return {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}


def try_change(number, case, database):
    label = case["name"]
    before = case.get("before", BASE)
    home = project(f"p{number}", before)
    if case.get("own"):
        n = len(steps(home, "sqlite")) + 1
        (home / f"migrations/sqlite/{n:04}_own.sql").write_text(case["own"][0])
    there = {d: steps(home, d) for d in ("sqlite", "postgres")}
    db = here / f"p{number}.db"
    migrate(db, home)
    rows = case.get("before_rows", ROWS)
    sqlite_run(db, rows)
    (home / "proto/shop.proto").write_text(HEAD + case["after"])
    if "refused" in case:
        was = files(home)
        said = update(home, check=1).stderr
        for words in case["refused"]:
            if words not in said:
                e2e.fail(f"{label}: {words!r} is not in\n{said}")
        e2e.equal(files(home), was, f"{label}: files after a refusal")
    said = update(home, *case.get("args", [])).stdout
    if case.get("says", "") not in said:
        e2e.fail(f"{label}: {case['says']!r} is not in\n{said}")
    new = {d: [p for p in steps(home, d) if p not in there[d]] for d in there}
    expected = [] if case["file"] is None else [f"{len(there['sqlite']) + 1:04}_{case['file']}.sql"]
    e2e.equal([p.name for p in new["sqlite"]], expected, f"{label}: new steps")
    if case.get("own") is None:
        e2e.equal([p.name for p in new["postgres"]], expected, f"{label}: new steps for PostgreSQL")
    else:
        e2e.equal([p.name[:5] for p in new["postgres"]], ["0002_", "0003_"], f"{label}: new steps for PostgreSQL")
        has_line(new["postgres"][0], "TODO: write for PostgreSQL what migrations/sqlite/0002_own.sql does, then delete this line;")
        has_line(new["postgres"][0], '-- CREATE TABLE "log" ("said" TEXT);')
    if "todo" in case:
        for path in new["sqlite"] + new["postgres"]:
            for words in case["todo"]:
                if not any(l.startswith("TODO: ") and words in l for l in path.read_text().splitlines()):
                    e2e.fail(f"{label}: no {words!r} in {path}:\n{path.read_text()}")
        line = 1 + [l[:5] for l in new["sqlite"][0].read_text().splitlines()].index("TODO:")
        refused = migrate(db, home, check=1).stderr
        e2e.equal(refused, f"migration {new['sqlite'][0].name} waits for a decision: line {line} says TODO; do what it says, "
                  "build again and start\n", f"{label}: a step that waits")
        refused = e2e.run("c-svc", "generate", cwd=home, check=1).stderr
        if f"migrations/sqlite/{new['sqlite'][0].name}:{line}: error: TODO: " not in refused:
            e2e.fail(f"{label}: generate says\n{refused}")
        for path in new["sqlite"] + new["postgres"]:
            without_todo(path, case.get("edit", []))
    elif any("TODO" in p.read_text() for p in new["sqlite"] + new["postgres"][-len(expected) or len(new["postgres"]):]):
        e2e.fail(f"{label}: a TODO that nobody expects:\n{new['sqlite'][0].read_text()}")
    again = update(home, *[a for a in case.get("args", []) if a == "--allow-data-loss"])
    e2e.equal((steps(home, "sqlite"), "table" in again.stderr), (there["sqlite"] + new["sqlite"], False), f"{label}: the same update again")
    migrate(db, home)
    sqlite_run(db, case.get("then", ""))
    if "ask" in case:
        e2e.equal(sqlite_ask(db, case["ask"]), case["rows"], f"{label}: rows in SQLite")
    fresh = project(f"f{number}", case["after"])
    migrate(here / f"f{number}.db", fresh)
    if case.get("same", True):
        e2e.equal(sqlite_tables(db), sqlite_tables(here / f"f{number}.db"), f"{label}: tables of SQLite")
    for name in case.get("objects", []):
        e2e.equal(sqlite_ask(db, f"SELECT count(*) FROM sqlite_schema WHERE name = '{name}'"), [[1]], f"{label}: {name}")
    if database is not None and case.get("own") is None:
        try_postgres(number, case, database, there["postgres"], new["postgres"], steps(fresh, "postgres"))


def try_postgres(number, case, database, there, new, fresh):
    label = case["name"]
    out = database.run(
        pg_schema(f"p{number}") + pg_steps(there) + case.get("before_rows", ROWS) + pg_steps(new) + case.get("then", "")
        + "SELECT '--';\n" + (f"SELECT coalesce(json_agg(x), '[]') FROM ({case['ask']}) AS x;\n" if "ask" in case else "SELECT '[]';\n")
        + "SELECT '--';\n" + PG_TABLES + "SELECT '--';\n" + pg_schema(f"f{number}") + pg_steps(fresh) + PG_TABLES).stdout
    _, answer, tables, wanted = out.split("--\n")
    if "ask" in case:
        e2e.equal(pg_answer(answer), case["rows"], f"{label}: rows in PostgreSQL")
    if case.get("same", True):
        e2e.equal(json.loads(tables), json.loads(wanted), f"{label}: tables of PostgreSQL")


def build_migrate():
    flags = e2e.run("pkg-config", "--cflags", "--libs", "--static", "libcsvc-sqlite").stdout.split()
    san = [f"-fsanitize={e2e.SAN}"] if e2e.SAN else []
    e2e.run("cc", "-std=gnu11", "-o", "migrate", e2e.SOURCE / "tests/e2e/support/migrate.c", *san, *flags,
            f"-Wl,-rpath,{e2e.STAGE}/lib", "-lm", "-pthread")


def starters_take_turns():
    """Programs that start at once on one file."""
    home = here / "p0"
    running = [subprocess.Popen([here / "migrate", f"sqlite:{here}/turns.db", home / "migrations/sqlite"], env=e2e.environment(),
                                stderr=subprocess.PIPE, text=True) for _ in range(6)]
    for one in running:
        said = one.communicate(timeout=60)[1]
        e2e.equal((one.returncode, said), (0, ""), "one of six that start at once")
    e2e.equal(sqlite_tables(here / "turns.db"), sqlite_tables(here / "p0.db"), "the tables afterwards")


def projects_of_old():
    """What a c-svc without PostgreSQL made gets its steps; who removes them has none made again; a step that was taken back is made again."""
    home = project("old", BASE)
    first = (home / "migrations/postgres/0001_items.sql").read_text()
    shutil.rmtree(home / "migrations/postgres")
    lock = home / ".c-svc/lock.json"
    known = json.loads(lock.read_text())
    lock.write_text(json.dumps({k: known[k] for k in ("c-svc", "inference", "inputs", "generated")}))
    update(home)
    e2e.equal((home / "migrations/postgres/0001_items.sql").read_text().split("\n", 1)[1], first.split("\n", 1)[1],
              "the first step for PostgreSQL of an old project")
    (home / "proto/shop.proto").write_text(HEAD + CASES[0]["after"])
    said = e2e.run("c-svc", "diff", cwd=home).stdout
    if '+ALTER TABLE "items" ADD COLUMN "phone" TEXT NOT NULL DEFAULT \'\';' not in said.splitlines():
        e2e.fail(f"c-svc diff shows\n{said}")
    e2e.equal(len(steps(home, "sqlite")), 1, "steps after diff")
    update(home)
    made = steps(home, "sqlite")[1]
    text = made.read_text()
    made.unlink()
    steps(home, "postgres")[1].unlink()
    update(home)
    e2e.equal((made.read_text(), len(steps(home, "postgres"))), (text, 2), "a step that was taken back and is wanted again")
    shutil.rmtree(home / "migrations/postgres")
    update(home)
    update(home)
    (home / "proto/shop.proto").write_text(HEAD + BASE)
    update(home, "--allow-data-loss")
    e2e.equal((len(steps(home, "sqlite")), (home / "migrations/postgres").exists()), (3, False), "who wants no PostgreSQL")
    refused = update(home, "--rename", "a=b", check=1).stderr
    e2e.equal(refused.splitlines()[-1], "c-svc: --rename a=b: no field, entity, rpc or service lost the name a while b came to be", "an answer to nothing")
    refused = update(home, "--keep", "x.y", "--rename", "x", check=1).stderr
    if "--rename x: write TABLE.OLD=NEW" not in refused:
        e2e.fail(f"half an answer: {refused}")


def what_is_in_the_way():
    """Answers that fit twice, and a view of the user's on a column that is to go: refused with the reason, nothing written."""
    home = project("way", BASE + entity("string name = 2;", "Order"))
    (home / "proto/shop.proto").write_text(HEAD + BASE.replace("name", "title") + entity("string title = 2;", "Order"))
    refused = update(home, "--rename", "name=title", check=1).stderr
    e2e.equal(refused.splitlines()[-1], "c-svc: --rename name=title: there are 2 of them; write TABLE.name=title", "an answer that fits twice")
    update(home, "--rename", "items.name=title", "--rename", "orders.name=title")
    e2e.equal([p.name for p in steps(home, "sqlite")[2:]],
              ["0003_rename_name_to_title_in_items.sql", "0004_rename_name_to_title_in_orders.sql"], "two renames")
    (home / "migrations/sqlite/0005_own.sql").write_text('CREATE VIEW "counts" AS SELECT "count" FROM "items";\n')
    update(home)
    (home / "proto/shop.proto").write_text(HEAD + entity("string title = 2; reserved 3;") + entity("string title = 2;", "Order"))
    was = files(home)
    refused = update(home, "--allow-data-loss", check=1).stderr
    if "0006_drop_count_from_items.sql: error: c-svc cannot write this step, write it yourself: " not in refused or "counts" not in refused:
        e2e.fail(f"a view of a column that is to go:\n{refused}")
    e2e.equal(files(home), was, "files after a refusal")
    (home / "migrations/sqlite/0006_no_counts.sql").write_text('DROP VIEW "counts";\n')
    update(home, "--allow-data-loss")
    e2e.equal(steps(home, "sqlite")[-1].name, "0007_drop_count_from_items.sql", "the step once nothing is in its way")


def numbers_are_not_given_twice():
    """A table made anew goes on numbering where it was, beyond rows that are gone."""
    home = project("numbers", BASE)
    migrate("numbers.db", home)
    sqlite_run("numbers.db", ROWS + """INSERT INTO "items" ("id", "name", "count") VALUES (50, 'x', 0); DELETE FROM "items" WHERE "id" = 50;""")
    (home / "proto/shop.proto").write_text(HEAD + entity("optional string name = 2; int64 count = 3;"))
    update(home)
    migrate("numbers.db", home)
    sqlite_run("numbers.db", """INSERT INTO "items" ("name", "count") VALUES ('new', 1);""")
    e2e.equal(sqlite_ask("numbers.db", 'SELECT max("id") FROM "items"'), [[51]], "the next number")


def main():
    build_migrate()
    chosen = [(i, c) for i, c in enumerate(CASES) if not sys.argv[1:] or c["name"] in sys.argv[1:]]
    why = postgres.why_not()
    if why:
        e2e.not_tried("the steps for PostgreSQL", why)
        for i, case in chosen:
            try_change(i, case, None)
    else:
        with postgres.Postgres() as database:
            for i, case in chosen:
                try_change(i, case, database)
    if not sys.argv[1:]:
        starters_take_turns()
        projects_of_old()
        what_is_in_the_way()
        numbers_are_not_given_twice()


main()
