#!/usr/bin/env python3
"""c-svc update, a file at a time: written, merged, kept, in conflict, moved, deleted, restored, stale; nothing is touched twice."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

here = pathlib.Path.cwd()
home = here / "user-service"
templates = here / "templates/project"  # of a later c-svc, as it were
proto = home / "proto/user.proto"


def state(folder=home):
    return {str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns)
            for p in sorted(folder.rglob("*")) if p.is_file() and p.relative_to(folder).parts[0] not in ("build", ".git")}


def changed(before, records=False):
    now = state()
    return sorted(k for k in {*before, *now} if before.get(k) != now.get(k) and (records or not k.startswith(".c-svc/")))


def update(*arguments, check=0, cwd=home):
    return e2e.run("c-svc", "update", *arguments, check=check, cwd=cwd)


def words(done):
    """{path: status} of the lines."""
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("  ")]
    return {line[1]: line[0] for line in lines}


def again():
    """The same once more changes nothing, not even a date, and everybody says so."""
    before = state()
    done = update()
    if words(done) and set(words(done).values()) != {"stale"}:
        e2e.fail(f"not up to date after an update:\n{done.stdout}")
    e2e.equal(changed(before, records=True), [], "written by the second update")
    update("--check")
    e2e.equal(e2e.run("c-svc", "diff", "--exit-code", cwd=home).stdout, "", "a diff after an update")


def edit(path, old, new, folder=home):
    text = (folder / path).read_text()
    if old not in text:
        e2e.fail(f"{old!r} is not in {path}")
    (folder / path).write_text(text.replace(old, new, 1))


(here / "user.proto").write_text(e2e.USER_PROTO.read_text())
for name in ("Makefile", "README.md", "server/main.c", "server/PREFIX/RPC.c"):
    (templates / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(e2e.SOURCE / f"templates/project/{name}.tmpl", templates / f"{name}.tmpl")
e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto", "--templates", "templates")
again()

# ---- both change: merged; ours alone: updated; the user's alone: kept ----

edit("Makefile", "comma := ,\n", "comma := ,\n# mine\n")
edit("server/service.h", "#", "/* mine */\n#")
edit("server/user_service/get_user.c", "{\n", "{\n    /* mine */\n")
edit("Makefile.tmpl", "# ---- running", "# ---- run it", templates)
edit("server/main.c.tmpl", "int main(", "/* Ours, later. */\nint main(", templates)
edit("server/PREFIX/RPC.c.tmpl", "#include", "/* only for handlers to come */\n#include", templates)

before = state()
dry = update("--dry-run")
e2e.equal(words(dry), {"Makefile": "merge", "server/main.c": "update"}, "what --dry-run says")
e2e.has(dry.stdout, "--dry-run writes nothing")
update("--check", check=1)
e2e.equal(changed(before, records=True), [], "written by --dry-run and --check")

diff = e2e.run("c-svc", "diff", "--exit-code", cwd=home, check=1).stdout
e2e.has(diff, "--- a/Makefile\n+++ b/Makefile\n", "-# ---- running", "+# ---- run it", "+/* Ours, later. */")
e2e.run("c-svc", "diff", cwd=home)
e2e.has(e2e.run("c-svc", "diff", "--stat", cwd=home).stdout, " Makefile ", "2 files changed")
if "\033" in diff or "\033[32m+/* Ours" not in e2e.run("c-svc", "diff", "--color=always", cwd=home).stdout:
    e2e.fail("colour where there is no terminal, or none where it was asked for")
applied = here / "applied"
shutil.copytree(home, applied)
subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=applied, check=True)

e2e.equal(words(update()), {"Makefile": "merge", "server/main.c": "update"}, "what update says")
e2e.equal(changed(before), ["Makefile", "server/main.c"], "what update wrote")
e2e.has((home / "Makefile").read_text(), "\n# mine\n", "# ---- run it")
for path in ("Makefile", "server/main.c"):
    e2e.equal((applied / path).read_text(), (home / path).read_text(), f"{path} by git apply of the diff")
again()

# ---- lines that both changed: markers, everything else is done, and the next command waits ----

edit("Makefile", "CFLAGS     ?= -O2 -g", "CFLAGS     ?= -O3 -g")
edit("Makefile.tmpl", "CFLAGS     ?= -O2 -g", "CFLAGS     ?= -O1 -g", templates)
edit("README.md.tmpl", "A gRPC service in C", "One gRPC service in C", templates)
before = state()
done = update(check=1)
e2e.equal(words(done), {"Makefile": "conflict", "README.md": "update"}, "a conflict")
e2e.equal(changed(before), ["Makefile", "README.md"], "what it wrote")
text = (home / "Makefile").read_text()
e2e.has(text, "<<<<<<< yours\nCFLAGS     ?= -O3 -g\n||||||| base\nCFLAGS     ?= -O2 -g\n=======\nCFLAGS     ?= -O1 -g\n>>>>>>> c-svc ")
line = text.splitlines().index("<<<<<<< yours") + 1
before = state()
for command in (["update"], ["generate"], ["update", "--dry-run"]):
    e2e.has(e2e.run("c-svc", *command, cwd=home, check=1).stderr, f"Makefile:{line}: error: ")
e2e.has(e2e.run("c-svc", "diff", cwd=home, check=2).stderr, f"Makefile:{line}: error: ")
update("--check", check=2)
(home / "moved").mkdir()
(home / "Makefile").rename(home / "moved/Makefile")  # found again, with its markers
for command in (["update"], ["update", "--dry-run"]):
    e2e.has(e2e.run("c-svc", *command, cwd=home, check=1).stderr, f"moved/Makefile:{line}: error: ", "remove the markers")
(home / "moved/Makefile").rename(home / "Makefile")
(home / "moved").rmdir()
e2e.equal(changed(before, records=True), [], "written while there are markers")
taken = text.replace("<<<<<<< yours\n", "").replace(text[text.index("||||||| base"):text.index("\nPREFIX ") + 1], "")
(home / "Makefile").write_text(taken)
e2e.equal(words(update()), {}, "after the markers were taken out")
e2e.equal((home / "Makefile").read_text(), taken, "what the user made of a conflict")
again()

# ---- deleted: stays so, until it is asked for ----

(home / "tests/user_service/get_user_test.c").unlink()
(home / ".clang-format").unlink()
gone = {".clang-format": "deleted", "tests/user_service/get_user_test.c": "deleted"}
said = words(update())
e2e.equal({k: v for k, v in said.items() if not k.startswith("gen/")}, gone, "two files that were deleted")
again()
e2e.run("c-svc", "generate", cwd=home)
again()
e2e.has(update("--restore", "server/main.c", check=1).stderr, "server/main.c: error: is there")
e2e.has(update("--restore", "server/mian.c", check=1).stderr, "did you mean server/main.c?")
e2e.has(update("--restore", "get_user_test.c", check=1).stderr, "c-svc makes no such file")
done = update("--restore", "../user_service/./../../.clang-format", "--restore", "./get_user_test.c", cwd=home / "tests/user_service")
e2e.equal({k.removeprefix("../../"): v for k, v in words(done).items() if "gen/" not in k}, dict.fromkeys(gone, "create"), "--restore")
again()

# ---- moved: found again, merged where it is, never written a second time ----

moves = {"server/user_service/get_user.c": "server/users/get.c", "server/request_id.c": "server/call_id.c", "README.md": "docs/readme.md",
         "tests/user_service/list_users_test.c": "tests/lists_test.c"}
for old, new in moves.items():
    (home / new).parent.mkdir(exist_ok=True)
    (home / old).rename(home / new)
edit("docs/readme.md", "## Settings", "Ask Ada.\n\n## Settings")
edit("server/users/get.c", "{\n", "{\n    /* and more of mine, which no hash knows */\n")
edit("server/call_id.c", "\n\n", "\n\n/* mine */\n\n")
edit("README.md.tmpl", "One gRPC service in C", "A service in C", templates)
said = words(update())
e2e.equal({k: v for k, v in said.items() if not k.startswith("gen/")},
          {**dict.fromkeys(moves, "moved"), "README.md": "merge"}, "files that were moved")
for old in moves:
    if (home / old).exists():
        e2e.fail(f"{old} was written a second time")
e2e.has((home / "docs/readme.md").read_text(), "A service in C", "Ask Ada.")
again()
e2e.run("c-svc", "generate", cwd=home)
again()
e2e.run("make", "-C", home, "-j2", *e2e.make_args(), "all", "test")
with e2e.Server(home / "build/user-service", cwd=here) as server:
    client = [home / "build/user-service-client", "--addr", server.address]
    e2e.run(*client, "create-user", "--username", "ada", "--email", "ada@example.org")
    e2e.has(e2e.run(*client, "get-user", "--id", "1").stdout, "ada@example.org")
shutil.copy(home / "server/users/get.c", home / "server/a_copy.c")  # a second one of that function does not take its place
again()
(home / "server/a_copy.c").unlink()
e2e.has(update("--restore", "server/user_service/get_user.c", check=1).stderr, "server/user_service/get_user.c: error: lies in server/users/get.c now")
(home / "server/users/get.c").rename(home / "server/user_service/get_user.c")
update()
again()

# ---- by other names: other endings, edited at the same time; names that make does not take ----

moves = {"deploy/Dockerfile": "deploy/Containerfile.prod", ".clang-format": "the format of ours.txt"}
for old, new in moves.items():
    (home / old).rename(home / new)
edit("deploy/Containerfile.prod", "FROM ", "# Ada's\nFROM ")
with (home / "the format of ours.txt").open("a") as f:
    f.write("# Ada's, too\n")
e2e.equal(words(update()), dict.fromkeys(moves, "moved"), "files with other endings")
again()
edit("docs/readme.md", "Ask Ada.", "Ask Ada.\nOr Grace.")
shutil.copy(home / "docs/readme.md", home / "docs/readme.md.orig")
(home / "docs/readme.md").unlink()
e2e.equal(words(update()), {"README.md": "deleted"}, "what was put aside is not what is missing")
(home / "docs/readme.md.orig").rename(home / "docs/readme.md")
update()
again()
odd = home / "server/user_service/get user.c"
handler = home / "server/user_service/get_user.c"
handler.rename(odd)
for command in (["update"], ["generate"], ["diff"], ["update", "--dry-run"]):
    e2e.has(e2e.run("c-svc", *command, cwd=home, check=None).stderr, "server/user_service/get user.c:", "user_service_get_user is here, and make takes no file")
odd.rename(handler)
again()
shutil.copy(handler, odd)  # a copy is nobody's business
again()
odd.unlink()
unit, odd = home / "tests/user_service/get_user_test.c", home / "tests/user_service/get user_test.c"
unit.rename(odd)
done = update()
e2e.has(done.stdout, "  deleted   tests/user_service/get_user_test.c  (tests/user_service/get user_test.c is like it, but make does not compile that)\n")
odd.rename(unit)
update()
again()

# ---- what nothing asks for any more ----

text = proto.read_text()
proto.write_text(text.replace("  rpc DeleteUser", "  rpc Greet(GreetRequest) returns (GreetReply);\n  rpc Wave(GreetRequest) returns (GreetReply);\n  rpc DeleteUser") +
                 "message GreetRequest { string name = 1; }\nmessage GreetReply { string text = 1; }\n")
diff = e2e.run("c-svc", "diff", cwd=home).stdout
applied = here / "applied-new"
shutil.copytree(home, applied)
subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=applied, check=True)
said = words(update())
born = [f"{folder}/user_service/{name}{end}" for folder, end in (("server", ".c"), ("tests", "_test.c")) for name in ("greet", "wave")]
e2e.equal({k: said.get(k) for k in born}, dict.fromkeys(born, "create"), "files of new rpcs")
e2e.has((home / "server/user_service/greet.c").read_text(), "only for handlers to come")
for path in [*born, "gen/services.c", "docs/readme.md"]:
    e2e.equal((applied / path).read_text(), (home / path).read_text(), f"{path} by git apply of the diff")
again()
edit("server/user_service/greet.c", "{\n", "{\n    /* mine */\n")
proto.write_text(text)
said = words(update())
e2e.equal({k: said.get(k) for k in born}, dict.fromkeys(born, "stale"), "files of rpcs that are gone")
again()
diff = e2e.run("c-svc", "diff", "--prune", cwd=home).stdout
applied = here / "applied-pruned"
shutil.copytree(home, applied)
subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=applied, check=True)
e2e.equal([k for k in born if (applied / k).exists()], ["server/user_service/greet.c"], "left by git apply of diff --prune")
done = update("--prune")
e2e.equal({k: words(done).get(k) for k in born},
          {**dict.fromkeys(born, "remove"), "server/user_service/greet.c": "stale"}, "--prune")
e2e.equal([k for k in born if (home / k).exists()], ["server/user_service/greet.c"], "left by --prune")
again()
(home / "server/user_service/greet.c").unlink()
update()
again()

# ---- a file that was there before c-svc had one of that name ----

(home / "server/user_service/hello.c").write_text("/* not c-svc's */\n")
proto.write_text(text.replace("  rpc DeleteUser", "  rpc Hello(GreetRequest) returns (GreetReply);\n  rpc DeleteUser") +
                 "message GreetRequest { string name = 1; }\nmessage GreetReply { string text = 1; }\n")
update()
e2e.equal((home / "server/user_service/hello.c").read_text(), "/* not c-svc's */\n", "a file of somebody else")
again()
proto.write_text(text)
update("--prune")
if not (home / "server/user_service/hello.c").exists():
    e2e.fail("a file that c-svc did not write was removed")
(home / "server/user_service/hello.c").unlink()

# ---- what callers would not understand ----

proto.write_text(text.replace("string username = 2;", "int64 username = 2;", 1))
if proto.read_text() == text:
    e2e.fail("user.proto has no username any more")
before = state()
e2e.has(update(check=1).stderr, "user.proto:", "--allow-breaking")
e2e.equal(changed(before, records=True), [], "written though it was refused")
proto.write_text(text)

# ---- lines that end as they do elsewhere ----

for path in ("Makefile", "docs/readme.md", "server/main.c"):
    (home / path).write_bytes((home / path).read_bytes().replace(b"\n", b"\r\n"))
edit("README.md.tmpl", "A service in C", "Your service in C", templates)
e2e.equal(words(update())["README.md"], "merge", "a file with CRLF")
e2e.has((home / "docs/readme.md").read_bytes().decode(), "Your service in C, made with c-svc.\r\n", "Ask Ada.\r\n")
if b"\n" in (home / "docs/readme.md").read_bytes().replace(b"\r\n", b""):
    e2e.fail("line ends of two kinds")
again()

before = (home / "docs/readme.md").read_bytes().replace(b"\r\n", b"\n", 5)  # the first five lines end otherwise now
(home / "docs/readme.md").write_bytes(before)
edit("README.md.tmpl", "a server of its own", "its own server", templates)
e2e.equal(words(update())["README.md"], "merge", "a file with line ends of two kinds")
e2e.equal((home / "docs/readme.md").read_bytes(), before.replace(b"a server of its own", b"its own server"), "and nothing but that line changed")
again()

# ---- moved, and wanted where it was: what was moved is the user's from now on ----

e2e.equal(words(update("--restore", "README.md")), {"README.md": "create"}, "--restore of what was moved")
if not (home / "docs/readme.md").exists():
    e2e.fail("--restore took away what was moved")
again()
(home / "README.md").unlink()
update()
again()

# ---- too large to be looked at: not found, until it is back where it was ----

readme = (home / "docs/readme.md").read_text()
(home / "docs/readme.md").unlink()
(home / "docs/large.md").write_text(readme + "a line of Ada's\n" * 70_000)
e2e.equal(words(update()).get("README.md"), "deleted", "a file of more than 1 MiB that was moved")
again()
(home / "docs/large.md").unlink()
(home / "docs/readme.md").write_text(readme)
update()
again()

# ---- for programs ----

edit("README.md.tmpl", "Your service in C", "A service", templates)
said = json.loads(update("--output", "json", "--dry-run").stdout)
e2e.equal(list(said), ["format", "c-svc", "project", "current", "written", "counts", "files", "notes"], "keys of the JSON")
e2e.equal((said["format"], said["project"], said["current"], said["written"]), (1, "user-service", False, False), "the JSON of a dry run")
readme = [f for f in said["files"] if f["path"] == "README.md"]
e2e.equal(readme, [{"path": "README.md", "at": "docs/readme.md", "owner": "merged", "status": "merge", "changes": True, "remark": None}], "a file in JSON")
e2e.equal(sum(said["counts"].values()), len(said["files"]), "counts of the JSON")
said = json.loads(update("--output=json", cwd=home / "server").stdout)
e2e.equal((said["current"], said["written"]), (False, True), "the JSON of an update")
e2e.equal(json.loads(update("--output=json").stdout)["current"], True, "the JSON of an update of nothing")

# ---- a repository with changes that are not committed ----

git = ["git", "-c", "user.email=ada@example.org", "-c", "user.name=ada"]
e2e.run(*git, "init", "-q", ".", cwd=home)
e2e.run(*git, "add", "-A", cwd=home)
e2e.run(*git, "commit", "-qm", "all", cwd=home)
edit("README.md.tmpl", "A service", "Another service", templates)
e2e.equal(update().stderr, "", "a warning where everything is committed")
e2e.run(*git, "commit", "-qam", "more", cwd=home)
edit("docs/readme.md", "Ask Ada.", "Ask Grace.")
edit("README.md.tmpl", "Another service", "A service", templates)
e2e.has(update().stderr, "1 file here differs from the last commit, one of which this writes", "git stash", "git checkout")
again()
