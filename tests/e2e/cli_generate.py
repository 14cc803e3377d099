#!/usr/bin/env python3
"""c-svc generate and the project's make: only what changed is written, content decides and not dates, edits are never lost."""
import os
import pathlib
import shutil
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

here = pathlib.Path.cwd()
pathlib.Path("user.proto").write_text(e2e.USER_PROTO.read_text())
e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto")
home = here / "user-service"
proto = home / "proto/user.proto"
without = {**e2e.environment(), "PATH": os.environ["PATH"].replace(f"{e2e.STAGE}/bin:", "")}


def state(folder=home):
    """Every file outside build/, with its content and its date."""
    return {str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns)
            for p in folder.rglob("*") if p.is_file() and "build" not in p.relative_to(folder).parts}


def changed(before):
    now = state()
    return sorted(k for k in {*before, *now} if before.get(k) != now.get(k))


def make(*arguments, check=0, env=None):
    return e2e.run("make", "-C", home, "-j2", *e2e.make_args(), *arguments, check=check, env=env)


# ---- nothing changed: nothing is written ----

before = state()
e2e.has(e2e.run("c-svc", "generate", cwd=home).stdout, "gen/ is up to date")
e2e.has(e2e.run("c-svc", "generate", cwd=home / "server/user_service").stdout, "gen/ is up to date")
e2e.equal(changed(before), [], "written though nothing changed")
make()

# A clone has other dates; c-svc need not be there.
for path in home.rglob("*"):
    os.utime(path, (1, 1) if path.suffix == ".c" else None)
shutil.rmtree(home / "build")
clone = here / "clone"
shutil.copytree(home, clone)
before = state(clone)
done = e2e.run("make", "-C", clone, "-j2", *e2e.make_args(), env=without)
if "  update  " in done.stdout or state(clone) != before:
    e2e.fail(f"a clone is regenerated:\n{done.stdout}")
make()
os.utime(proto)
e2e.has(make().stdout, "Nothing to be done")

# ---- the contract changes: so does gen/, and nothing else ----

text = proto.read_text()
before = state()
proto.write_text(text.replace("  rpc DeleteUser", "  rpc Greet(GreetRequest) returns (GreetReply);\n  rpc DeleteUser") +
                 "message GreetRequest { string name = 1; }\nmessage GreetReply { string text = 1; }\n")
done = make(check=2, env=without)
e2e.has(done.stderr, "c-svc", "not")
e2e.equal(changed(before), ["proto/user.proto"], "written without c-svc")
done = make()
e2e.has(done.stdout, "  update  gen/user.csvc.h", "  update  gen/services.c", "todo: server/user_service/greet.c: ")
if done.stdout.count("todo: ") != 1:
    e2e.fail(f"not one todo line:\n{done.stdout}")
outside = [p for p in changed(before) if not p.startswith(("gen/", ".c-svc/"))]
e2e.equal(outside, ["proto/user.proto"], "written outside gen/")
for same in ("gen/user.store.c", "gen/user.store.h", "gen/client.c", "gen/migrations.c"):
    if same in changed(before):
        e2e.fail(f"{same} was written, though it is the same")
e2e.has(make().stdout, "Nothing to be done")
with e2e.Server(home / "build/user-service", cwd=home) as server:
    client = [home / "build/user-service-client", "--addr", server.address]
    e2e.has(e2e.run(*client, "greet", "--name", "ada", check=64 + 12).stderr, "UNIMPLEMENTED")

# A handler that comes is compiled, without a word to anybody.
handler = home / "server/user_service/greet.c"
handler.write_text('''#include "services.h"

csvc_code user_service_greet(struct service *svc, csvc_ctx *ctx, const User__GreetRequest *req, User__GreetReply *rsp)
{
    (void)svc;
    rsp->text = csvc_printf(ctx, "hello, %s", req->name);
    return rsp->text != NULL ? CSVC_OK : CSVC_RESOURCE_EXHAUSTED;
}
''')
done = make()
if "todo: " in done.stdout:
    e2e.fail(f"todo though it is done:\n{done.stdout}")
with e2e.Server(home / "build/user-service", cwd=home) as server:
    client = [home / "build/user-service-client", "--addr", server.address]
    e2e.equal(e2e.run(*client, "greet", "--name", "ada").stdout, '{"text": "hello, ada"}\n', "the new rpc")

# Its rpc goes: handler and test stay, are not compiled any more, and are told of. Other sources there are nobody's business.
stray_test = home / "tests/user_service/greet_test.c"
stray_test.write_text('#include "service_testing.h"\nthis would not compile\n')
helper = home / "server/user_service/helper.c"
helper.write_text("int unused_helper;\n")
proto.write_text(text)
strays = [f"todo: {p}: belongs to no rpc any more, and is not compiled; remove it"
          for p in ("server/user_service/greet.c", "tests/user_service/greet_test.c")]
done = make()
e2e.equal([line for line in done.stdout.splitlines() if "todo: " in line], strays, "what make says of a handler without an rpc")
done = e2e.run("c-svc", "generate", cwd=home)
e2e.equal([line for line in done.stdout.splitlines() if "todo: " in line], strays, "what generate says of it")
if not handler.exists() or not stray_test.exists():
    e2e.fail("a handler or test without an rpc is gone")
make("test")
handler.unlink()
stray_test.unlink()
helper.unlink()
done = e2e.run("c-svc", "generate", cwd=home)
if "todo: " in done.stdout or "greet" in (home / "gen/project.mk").read_text():
    e2e.fail(f"told of though they are gone:\n{done.stdout}")
e2e.equal((home / "gen/services.c").read_bytes(), before["gen/services.c"][0], "gen/services.c, there and back")

# ---- a proto that is wrong: its place, and nothing is written ----

before = state()
proto.write_text(text.replace("string email = 2;", "strin email = 2;", 1))
done = make(check=2)
e2e.has(done.stderr, "proto/user.proto:", ": error: ", "strin")
e2e.equal(changed(before), ["proto/user.proto"], "written from a wrong proto")
done = e2e.run("c-svc", "generate", cwd=home / "tests", check=1)
e2e.has(done.stderr, "../proto/user.proto:")
proto.write_text(text)
make()

# ---- c-svc.yaml ----

config = home / "c-svc.yaml"
lines = config.read_text()
config.write_text(lines.replace("storage: sqlite", "storag: sqlite"))
e2e.has(e2e.run("c-svc", "generate", cwd=home, check=1).stderr, "c-svc.yaml:5:1: error: ", 'did you mean "storage"?')
# each value that the disk does not bear out, at its place
(home / "notes.txt").write_text("x")
shutil.copytree(home / "proto", home / "more")
for old, new, said in (
        ("[proto/user.proto]", "[proto/user.proto, proto/users.proto]", "3:28: error: proto/users.proto is not there"),
        ("[proto/user.proto]", "\n  - proto", "4:5: error: proto is a folder; name the files in it"),
        ("[proto/user.proto]", "[notes.txt]", "3:10: error: notes.txt does not end in .proto"),
        ("include: [proto]", "include: [more]", "3:10: error: proto/user.proto lies in none of the include folders (more)"),
        ("[proto/user.proto]\ninclude: [proto]", "[proto/user.proto, more/user.proto]\ninclude: [proto, more]",
         "3:28: error: proto/user.proto and more/user.proto would both be imported as user.proto"),
        ("include: [proto]", "include: [proto, notes.txt]", "4:18: error: notes.txt is a file, and imports start from a folder"),
        ("include: [proto]", "include: [proto, ./proto/]", "4:18: error: proto is listed twice"),
        ("inference: 1", "inference: 1\ntemplates: nowhere", "8:12: error: there is no folder of templates nowhere")):
    config.write_text(lines.replace(old, new))
    if config.read_text() == lines:
        e2e.fail(f"c-svc.yaml has no {old!r} any more")
    for command, cwd, path in (("generate", home, "c-svc.yaml"), ("update", home / "tests", "../c-svc.yaml")):
        e2e.equal(e2e.run("c-svc", command, cwd=cwd, check=1).stderr, f"{path}:{said}\n", f"{command} with {new}")
# a folder that git did not keep, since it was empty, is none of that
config.write_text(lines.replace("include: [proto]", "include: [./proto, third_party]"))
e2e.equal(e2e.run("c-svc", "explain", cwd=home).stderr, "c-svc.yaml:4:20: warning: the folder third_party is not there\n", "a folder that is not there")
config.write_text(lines)
shutil.rmtree(home / "more")
(home / "notes.txt").unlink()
e2e.has(e2e.run("c-svc", "generate", cwd=here, check=1).stderr, "c-svc.yaml", "c-svc new-service")

# ---- files of ours that are edited, gone or stale; files that are not ours ----

header = home / "gen/user.csvc.h"
good = header.read_bytes()
header.write_bytes(good + b"/* mine */\n")
e2e.has(e2e.run("c-svc", "generate", cwd=home).stdout, "update  gen/user.csvc.h")
e2e.equal(header.read_bytes(), good, "an edited file of ours")
header.unlink()
e2e.has(make().stdout, "create  gen/user.csvc.h")
shutil.rmtree(home / "gen")
done = make()
e2e.equal(done.stderr, "", "standard error of make when gen/ is gone")
e2e.equal(header.read_bytes(), good, "gen/, made again")
(home / "gen/mine.txt").write_text("mine")
(home / "proto/more").mkdir()
(home / "proto/more/note.proto").write_text(
    'syntax = "proto3";\npackage more;\nmessage Note { string text = 1; }\n')
config.write_text(lines.replace("[proto/user.proto]", "[proto/user.proto, proto/more/note.proto]"))
e2e.has(make().stdout, "create  gen/more/note.csvc.c", "create  gen/more/note.pb-c.h")
(home / "gen/more/note.pb-c.h").write_text("/* edited */\n")
config.write_text(lines)
done = make()
e2e.has(done.stdout, "remove  gen/more/note.csvc.c")
e2e.equal(sorted(p.name for p in (home / "gen/more").iterdir()), ["note.pb-c.h"], "a stale file that somebody edited")
e2e.equal((home / "gen/mine.txt").read_text(), "mine", "a file that is not ours")

# ---- tables ----

proto.write_text(text.replace("string full_name = 4;", "string full_name = 4;\n  string phone = 7;", 1))
line = 1 + proto.read_text()[:proto.read_text().index("string phone = 7")].count("\n")
add_phone = 'ALTER TABLE "users" ADD COLUMN "phone" TEXT NOT NULL DEFAULT \'\';'
warning = (f"proto/user.proto:{line}:10: warning: table users has no column phone, which User needs",
           f"proto/user.proto:{line}:10: note: c-svc update writes the step\n")
for _ in range(2):  # at each run
    e2e.has(e2e.run("c-svc", "generate", cwd=home).stderr, *warning)
    e2e.has(make().stdout, *warning)
refused = e2e.run(home / "build/user-service", "--grpc-addr=127.0.0.1:0", "--database-url=sqlite::memory:",
                  cwd=home, check=1)
e2e.has(refused.stderr, "does not fit this program: table users lacks the column phone; write a migration")
step = home / "migrations/sqlite/0002_users.sql"
step.write_text("SELECT 1;\n")  # a step alone does not help
e2e.has(make().stdout, *warning)
step.write_text("-- one\n" + add_phone.replace("TABLE", "TABEL") + "\n")
e2e.has(make(check=2).stderr, 'migrations/sqlite/0002_users.sql:2: error: ', 'near "TABEL": syntax error')
step.write_text(add_phone + "\n" + "-- long\n" * 600)
done = make()
if "warning" in done.stderr + done.stdout:
    e2e.fail(f"warned though there is a step:\n{done.stdout}{done.stderr}")
e2e.has((home / "gen/migrations.c").read_text(), "0002_users")
e2e.equal(e2e.run("c-svc", "generate", cwd=home).stderr, "", "warnings afterwards")
# Where unique is not required, many rows may be without.
kept_proto = proto.read_text()
proto.write_text(kept_proto.replace("string phone = 7;", "string phone = 7;\n  string badge = 8 [(c_svc.field) = "
                 "{unique: true, required: false}];\n  int64 pin = 9 [(c_svc.field) = {unique: true, required: false}];", 1)
                 .replace("package user;", 'package user;\nimport "c_svc/options.proto";', 1))
e2e.has(e2e.run("c-svc", "explain", cwd=home).stdout, "unique, by its options")
said = make().stdout
e2e.has(said, "warning: table users has no column badge, which User needs", "no column pin,",
        "warning: table users is not as User needs it: no step makes badge unique")
badge = home / "migrations/sqlite/0003_users.sql"
badge.write_text('''ALTER TABLE "users" ADD COLUMN "badge" TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX "users_badge_key" ON "users" ("badge") WHERE "badge" <> '';
ALTER TABLE "users" ADD COLUMN "pin" INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX "users_pin_key" ON "users" ("pin") WHERE "pin" <> 0;
''')
if "warning" in make("all", "test").stdout:
    e2e.fail("warned though the steps are what was asked for")
proto.write_text(kept_proto)
badge.unlink()
make()
more = home / "migrations/sqlite/0003_more.sql"  # a column that no field fills, and one that may be left out
more.write_text('ALTER TABLE "users" ADD COLUMN "note" TEXT;\nDROP TABLE IF EXISTS "x";\n')
if "warning" in make().stdout:
    e2e.fail("warned of a column that may be left out")
more.write_text('ALTER TABLE "users" DROP COLUMN "phone";\nCREATE TABLE "u" AS SELECT * FROM "users";\n'
                'DROP TABLE "users";\nCREATE TABLE "users" ("id" INTEGER PRIMARY KEY, "username" TEXT, "email" TEXT, '
                '"full_name" TEXT, "created_at" TEXT, "updated_at" TEXT, "Cell" TEXT NOT NULL);\n')
e2e.has(make().stdout, "users has no column phone", "warning: no field of User fills the column Cell any more, and phone is new",
        "c-svc update --rename users.Cell=phone keeps what is in it")
more.write_text('ALTER TABLE "users" ADD COLUMN "size" INTEGER;\nCREATE TABLE "u" AS SELECT * FROM "users";\n'
                'DROP TABLE "users";\nCREATE TABLE "users" ("id" INTEGER PRIMARY KEY, "username" TEXT, "email" TEXT, '
                '"full_name" TEXT, "created_at" TEXT, "updated_at" TEXT, "phone" TEXT, "size" INTEGER NOT NULL);\n')
e2e.has(make().stdout, "table users has a column size, NOT NULL and without a default, that no field of User fills: no row could be added")
more.write_text('DROP TABLE "users";\n')
e2e.has(make().stdout, "warning: no step makes the table users, where User is kept")
more.unlink()
make()
make("test")
for name, word in (("0004_x.sql", "step 3 is missing"), ("0002_y.sql", "twice"), ("next.sql", "NNNN_WORD.sql")):
    wrong = home / "migrations/sqlite" / name
    wrong.write_text("SELECT 1;\n")
    e2e.has(e2e.run("c-svc", "generate", cwd=home, check=1).stderr, f"migrations/sqlite/{name}", word)
    wrong.unlink()
make()

# ---- the user's own sources and tests ----

(home / "server/helper.c").write_text('#include "helper.h"\nint helper(void) { return 42; }\n')
(home / "server/helper.h").write_text("int helper(void);\n")
(home / "tests/helper_test.c").write_text('''#include "service_testing.h"
#include "helper.h"
static void helps(void **state)
{
    (void)state;
    assert_int_equal(42, helper());
}
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(helps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
''')
e2e.has(make("test").stdout, "all 7 test programs passed")
(home / "server/helper.c").write_text('#include "helper.h"\nint helper(void) { return 41; }\n')
done = make("test", check=2)
e2e.has(done.stdout, "FAILED  build/tests/helper_test", "of 7 test programs failed: build/tests/helper_test")

# ---- the rest of the Makefile ----

(home / "server/helper.c").write_text('#include "helper.h"\nint helper(void) { return 42; }\n')
make("install", f"DESTDIR={here}/root", "PREFIX=/usr")
e2e.equal(sorted(p.name for p in (here / "root/usr/bin").iterdir()), ["user-service", "user-service-client"], "installed")
e2e.run(here / "root/usr/bin/user-service", "--version")
make("uninstall", f"DESTDIR={here}/root", "PREFIX=/usr")
e2e.equal(list((here / "root/usr/bin").iterdir()), [], "uninstalled")
e2e.has(make("help").stdout, "make run", "make test")
done = e2e.run("make", "-C", home, "B=other", env={**e2e.environment(), "PKG_CONFIG_PATH": "/nowhere"}, check=2)
e2e.has(done.stderr, "libcsvc-sqlite", "c-svc doctor")
make("clean", env=without)
if (home / "build").exists():
    e2e.fail("make clean leaves build/")
