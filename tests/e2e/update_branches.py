#!/usr/bin/env python3
"""Two branches that both changed the contract and ran c-svc update, merged by git: what is in conflict is c-svc's own, one c-svc update
puts it together, and not a record of either is lost."""
import json
import os
import pathlib
import re
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

here = pathlib.Path.cwd()
home = here / "user-service"
git_env = {**e2e.environment(), "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "ada", "GIT_COMMITTER_NAME": "ada",
           "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_EMAIL": "ada@example.org"}


def git(*arguments, check=0):
    return e2e.run("git", *arguments, cwd=home, env=git_env, check=check)


def update(*arguments, check=0):
    return e2e.run("c-svc", "update", *arguments, cwd=home, check=check)


def edit(path, old, new):
    text = (home / path).read_text()
    if old not in text:
        e2e.fail(f"{old!r} is not in {path}")
    (home / path).write_text(text.replace(old, new, 1))


def commit(what):
    update()
    git("add", "-A")
    git("commit", "-qm", what)


def in_conflict():
    return set(git("diff", "--name-only", "--diff-filter=U").stdout.split())


def no_markers():
    found = subprocess.run(["grep", "-rlE", "^(<<<<<<<|>>>>>>>|[|]{7}) ", ".", "--exclude-dir=.git", "--exclude-dir=build"], cwd=home, capture_output=True, text=True).stdout
    e2e.equal(found, "", "markers left")


def current():
    """Said to be, by all commands, and the records are whole."""
    no_markers()
    json.loads((home / ".c-svc/lock.json").read_text())
    e2e.has(update().stdout, "up to date")
    e2e.has(e2e.run("c-svc", "generate", cwd=home).stdout, "up to date")
    update("--check")


def files():
    return json.loads((home / ".c-svc/lock.json").read_text())["files"]


(here / "user.proto").write_text(e2e.USER_PROTO.read_text())
e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto")
e2e.run("c-svc", "template", "eject", "README.md", cwd=home)
e2e.run("git", "init", "-q", "-b", "main", home, env=git_env)
commit("a service")

# ---- each branch: an rpc, a column, a file of its own way ----

git("checkout", "-q", "-b", "one")
edit("proto/user.proto", "  rpc DeleteUser", "  rpc CountUsers(CountUsersRequest) returns (CountUsersResponse);\n  rpc DeleteUser")
edit("proto/user.proto", "message User {", "message CountUsersRequest {}\nmessage CountUsersResponse { int64 users = 1; }\n\nmessage User {\n  string phone = 51;")
edit("Makefile", "CFLAGS     ?= -O2 -g", "CFLAGS     ?= -O3 -g")
edit("server/service.h", "#", "/* of one */\n#")
commit("one")
git("checkout", "-q", "-b", "two", "main")
proto = (home / "proto/user.proto").read_text()
edit("proto/user.proto", "service UserService {", "service UserService {\n  rpc BlockUser(BlockUserRequest) returns (BlockUserResponse);")
(home / "proto/user.proto").write_text((home / "proto/user.proto").read_text() + "\nmessage BlockUserRequest { int64 id = 1; }\nmessage BlockUserResponse {}\n")
edit("proto/user.proto", "\n}\n\nmessage CreateUserRequest", "\n  string team = 52;\n}\n\nmessage CreateUserRequest")
(home / ".clang-format").unlink()
(home / "server/reading").mkdir()
(home / "server/user_service/get_user.c").rename(home / "server/reading/get_user.c")
(home / "README.md").write_text((home / "README.md").read_text() + "\nAsk Ada.\n")
commit("two")
done = git("merge", "one", check=1)
both = in_conflict()
if not {".c-svc/lock.json", ".c-svc/descriptors.pb"} <= both or any(not p.startswith(("gen/", ".c-svc/")) for p in both):
    e2e.fail(f"in conflict: {both}")
e2e.has((home / ".c-svc/lock.json").read_text(), "<<<<<<< ", ">>>>>>> ")

# ---- one update ----

e2e.has(e2e.run("c-svc", "generate", cwd=home, check=1).stderr, ".c-svc/lock.json: error: two branches were merged here; `c-svc update`")
e2e.has(update(check=1).stderr, "0002_add_team_to_users.sql: error: step 2 is there twice: see 0002_add_phone_to_users.sql", "next number")
for folder in ("sqlite", "postgres"):
    (home / f"migrations/{folder}/0002_add_team_to_users.sql").rename(home / f"migrations/{folder}/0003_add_team_to_users.sql")
e2e.has(update("--dry-run").stdout, "two branches were merged")
done = update()
e2e.has(done.stdout, "two branches were merged: .c-svc/ has the records of both now")
for line in done.stdout.splitlines():
    if line.startswith("  ") and not line.split()[1].startswith("gen/"):
        e2e.fail(f"more than gen/ changed by a merge:\n{done.stdout}")
current()
e2e.equal((files()[".clang-format"].get("state"), files()["server/user_service/get_user.c"].get("at")), ("deleted", "server/reading/get_user.c"), "records of two")
for name in ("count_users", "block_user"):
    if "hash" not in files()[f"server/user_service/{name}.c"]:
        e2e.fail(f"the record of {name}.c is not what it was: {files()[f'server/user_service/{name}.c']}")
e2e.has((home / "README.md").read_text(), "Ask Ada.")
e2e.has((home / "Makefile").read_text(), "-O3 -g")
commit("merged")
e2e.run("make", "-C", home, "-j2", *e2e.make_args(), "all")

# ---- what both changed of the user's is the user's to settle; also with what it was before between the markers ----

template = "templates/project/README.md.tmpl"
git("config", "merge.conflictStyle", "diff3")
for branch, words, rpc in (("three", "One service in C", "WaveUser"), ("four", "A fine service in C", "GreetUser")):
    git("checkout", "-q", "-b", branch, "two")
    edit(template, "A gRPC service in C", words)
    edit("proto/user.proto", "service UserService {", f"service UserService {{\n  rpc {rpc}(BlockUserRequest) returns (BlockUserResponse);")
    commit(branch)
git("merge", "three", check=1)
for path in ("README.md", template, ".c-svc/base/README.md", "proto/user.proto"):
    if path not in in_conflict():
        e2e.fail(f"{path} is not in conflict: {in_conflict()}")
proto = (home / "proto/user.proto").read_text()
(home / "proto/user.proto").write_text("".join(l for l in proto.splitlines(True) if not l.startswith(("<<<<<<<", "|||||||", "=======", ">>>>>>>"))))
before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file() and ".git" not in p.parts}
e2e.has(update(check=1).stderr, "README.md:", "error: a conflict of the merge is still marked here")
e2e.equal([p for p in before if p.read_bytes() != before[p]], [], "written over a conflict")
for path in ("README.md", template):
    (home / path).write_text(re.sub(r"<<<<<<< .*\n((?:.*\n)*?)\|{7} (?:.*\n)*?>>>>>>> .*\n", r"\1", (home / path).read_text()))  # ours
update()
current()
e2e.has((home / ".c-svc/base/README.md").read_text(), "A fine service in C")
git("add", "-A")
git("commit", "-qm", "merged again")

# ---- and the bases are right: what comes next is merged as ever ----

edit(template, "A fine service in C", "The service in C")
e2e.has(update().stdout, "  merge     README.md\n")
e2e.has((home / "README.md").read_text(), "The service in C", "Ask Ada.")
current()

# ---- markers that are not whole ----

lock = home / ".c-svc/lock.json"
good = lock.read_text()
for name, text in (("cut", "<<<<<<< HEAD\n" + good), ("upside down", "=======\n<<<<<<< HEAD\n>>>>>>> a\n" + good), ("one side is none", "<<<<<<< HEAD\n=======\nx\n>>>>>>> a\n" + good)):
    lock.write_text(text)
    e2e.has(update(check=1).stderr, ".c-svc/lock.json", "git checkout HEAD -- .c-svc")
lock.write_text(good)
current()
