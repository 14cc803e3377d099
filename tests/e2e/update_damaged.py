#!/usr/bin/env python3
"""A damaged .c-svc/: each kind is explained, nothing is written, --rebase-from-current mends it; newer and older projects."""
import json
import os
import pathlib
import re
import shutil
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

here = pathlib.Path.cwd()
born = here / "user-service"
templates = here / "templates/project"
version = re.search(r"\d+\.\d+\.\d+\S*", e2e.run("c-svc", "--version").stdout)[0]

(here / "user.proto").write_text(e2e.USER_PROTO.read_text())
templates.mkdir(parents=True)
shutil.copy(e2e.SOURCE / "templates/project/README.md.tmpl", templates)
e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto", "--templates", "templates")
readme = born / "README.md"
readme.write_text(readme.read_text() + "\nAsk Ada.\n")
(born / "tests/user_service/get_user_test.c").unlink()
e2e.run("c-svc", "update", cwd=born)
newer = templates / "README.md.tmpl"  # from now on there is something to merge
newer.write_text(newer.read_text().replace("A gRPC service in C", "One gRPC service in C"))
lock = (born / ".c-svc/lock.json").read_text()


def state(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def project(name, **files):
    """A copy of the project in which each of the files has this text; None removes it."""
    home = here / name
    shutil.copytree(born, home)
    for path, text in files.items():
        path = home / path
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
    return home


def words(done):
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("  ")]
    return {line[1]: line[0] for line in lines}


def refused(home, *said, commands=("update", "generate", "diff", "update --dry-run")):
    before = state(home)
    for command in commands:
        done = e2e.run("c-svc", *command.split(), cwd=home, check=None)
        if done.returncode not in (1, 2):
            e2e.fail(f"{command}: exit code {done.returncode}")
        e2e.has(done.stderr, *said)
    e2e.equal(e2e.run("c-svc", "update", "--check", cwd=home, check=None).returncode, 2, "exit code of --check")
    e2e.equal(state(home), before, f"{home.name}: changed though it was refused")


def mended(home):
    """By the command that was named; twice is as once."""
    done = e2e.run("c-svc", "update", "--rebase-from-current", cwd=home)
    e2e.has((home / "README.md").read_text(), "Ask Ada.")
    for command in (["update", "--check"], ["generate"], ["update"]):
        said = e2e.run("c-svc", *command, cwd=home)
        e2e.has(said.stdout, "up to date")
    json.loads((home / ".c-svc/lock.json").read_text())
    return words(done)


MENDS = "--rebase-from-current"

# ---- the lock ----

for name, text, said in [
        ("truncated", lock[:len(lock) // 2], "cut short or damaged"),
        ("cut-in-a-name", lock[:lock.index("Makefile") + 4], "cut short or damaged"),
        ("empty", "", "there is nothing in it"),
        ("a-list", "[1, 2]", "there is nothing in it"),
        ("binary", "\x01\x02\x03", "damaged"),
        ("markers", lock.replace('  "inference"', '<<<<<<< HEAD\n  "inference"', 1), "git's conflict markers"),
        ("no-version", lock.replace('"c-svc"', '"c-swc"', 1), "does not say which c-svc wrote it"),
        ("foreign-version", lock.replace(f'"{version}"', '"banana"', 1), "does not say which c-svc wrote it"),
        ("format-of-words", lock.replace('"format": 2', '"format": "two"', 1), '"format" is to be a number'),
        ("owner", lock.replace('"owner": "merged"', '"owner": "mergde"', 1), 'the "owner" of .'),
        ("state", lock.replace('"state": "deleted"', '"state": "gone"', 1), 'the "state" of tests/user_service/get_user_test.c'),
        ("hash", re.sub(r'("Makefile": \{.*"hash": ")....', r"\1zzzz", lock), 'the "hash" of Makefile'),
        ("outside", lock.replace('"Makefile": {', '"../Makefile": {', 1), "does not name a file of the project"),
        ("absolute", lock.replace('"Makefile": {', '"/etc/passwd": {', 1), "does not name a file of the project"),
        ("ours", lock.replace('"Makefile": {', '".c-svc/lock.json": {', 1), "does not name a file of the project"),
        ("twice", lock.replace('"README.md": {', '"Makefile": {', 1), "is there twice"),
        ("generated-outside", lock.replace('"gen/client.c": ', '"gen/../server/main.c": ', 1), "does not name a file of gen/"),
        ("no-files", lock.replace('"files"', '"fiels"', 1), '"files" is not what it was'),
]:
    if text == lock:
        e2e.fail(f"{name}: nothing was damaged")
    home = project(f"lock-{name}", **{".c-svc/lock.json": text})
    refused(home, ".c-svc/lock.json", ": error: ", said, MENDS)
    e2e.equal(mended(home).get("README.md"), "merge", f"{name}: the base was good, so this is merged")
    if (home / "tests/user_service/get_user_test.c").exists():
        e2e.fail(f"{name}: a deleted file is back")

home = project("lock-gone", **{".c-svc/lock.json": None})
refused(home, ".c-svc/lock.json: error: it is not there", MENDS)
e2e.equal(mended(home).get("tests/user_service/get_user_test.c"), "deleted", "what is not there is not wanted")

# ---- bases ----

home = project("base-gone", **{".c-svc/base/README.md": None, ".c-svc/base/Makefile": None})
refused(home, ".c-svc/base/README.md: error: is gone", MENDS, commands=("update", "diff"))
e2e.equal(mended(home), {}, "without a base the file stays as it is")
e2e.has((home / ".c-svc/base/README.md").read_text(), "One gRPC service")
e2e.equal((home / ".c-svc/base/Makefile").read_text(), (home / "Makefile").read_text(), "a base that was as the file is")
newer.write_text(newer.read_text().replace("## Settings", "## All settings"))
e2e.run("c-svc", "update", cwd=home)
e2e.has((home / "README.md").read_text(), "Ask Ada.", "A gRPC service in C", "## All settings")  # from there on it is merged

home = project("base-edited", **{".c-svc/base/README.md": "something\n"})
refused(home, ".c-svc/base/README.md: error: is not what c-svc wrote", MENDS, commands=("update", "diff"))
mended(home)

home = project("all-gone")
shutil.rmtree(home / ".c-svc")
refused(home, ".c-svc/lock.json: error: it is not there", MENDS, commands=("update --dry-run", "diff"))
mended(home)

# ---- the protos of the last update ----

home = project("protos-gone", **{".c-svc/descriptors.pb": None})
proto = home / "proto/user.proto"
text = proto.read_text()
proto.write_text(text.replace("string email", "int64 email"))
if proto.read_text() == text:
    e2e.fail("no field was changed")
refused(home, ".c-svc/descriptors.pb: error: is gone", MENDS)  # else a changed type would pass without a word
proto.write_text(text)
mended(home)

# ---- newer, and older ----

home = project("newer", **{".c-svc/lock.json": lock.replace(f'"{version}"', '"99.1.0"', 1)})
refused(home, "c-svc 99.1.0 has been here", f"this is {version}", "get c-svc 99.1.0")
e2e.run("c-svc", "update", "--rebase-from-current", cwd=home, check=1)
home = project("newer-format", **{".c-svc/lock.json": lock.replace('"format": 2', '"format": 3', 1)})
refused(home, "(format 3)", "get c-svc")

old = json.loads(lock)
del old["format"], old["files"]
mk = (born / "gen/project.mk").read_text()
home = project("older", **{".c-svc/lock.json": json.dumps(old, indent=2), "server/user_service/delete_user.c": None})
done = e2e.run("c-svc", "update", cwd=home)
said = words(done)
e2e.equal({k: v for k, v in said.items() if not k.startswith("gen/")},
          {"README.md": "merge", "server/user_service/delete_user.c": "deleted", "tests/user_service/get_user_test.c": "deleted"},
          "a project whose lock knew no files")
e2e.equal(json.loads((home / ".c-svc/lock.json").read_text())["format"], 2, "format of the lock afterwards")
e2e.run("c-svc", "update", "--check", cwd=home)
home = project("older-generate", **{".c-svc/lock.json": json.dumps(old, indent=2)})
e2e.run("c-svc", "generate", cwd=home)
if "files" in json.loads((home / ".c-svc/lock.json").read_text()):
    e2e.fail("generate pretends to know the files of an older project")

# ---- an update that was interrupted: make leaves the project alone ----

home = project("interrupted")
(home / ".c-svc/update").mkdir()
(home / ".c-svc/update/journal").write_text("")
done = e2e.run("make", "-C", home, *e2e.make_args(), check=2)
e2e.has(done.stderr, "interrupted", "c-svc update")
e2e.run("make", "-C", home, *e2e.make_args(), "help")
for command in (["diff"], ["update", "--check"]):
    e2e.has(e2e.run("c-svc", *command, cwd=home, check=2).stderr, "was interrupted", "`c-svc update`")
