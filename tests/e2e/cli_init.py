#!/usr/bin/env python3
"""c-svc init: a project among files that are there. Nothing is overwritten, all or nothing, and what is kept is never touched again."""
import os
import pathlib
import shutil
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

here = pathlib.Path.cwd()
home = here / "user-service"


def state(folder=home):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def begin(**files):
    """The folder anew, with these files."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    for name, text in files.items():
        path = home / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def init(*arguments, check=0, cwd=home):
    return e2e.run("c-svc", "init", *arguments, check=check, cwd=cwd)


def refused(*words, arguments=("--proto", "../user.proto"), check=1):
    before = state()
    done = init(*arguments, check=check)
    for word in words:
        if word not in done.stderr:
            e2e.fail(f"{word!r} is missing in:\n{done.stderr}")
    e2e.equal(state(), before, f"written though refused: {words}")
    return done


pathlib.Path("user.proto").write_text(e2e.USER_PROTO.read_text())
e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto")
born = state()

# ---- in an empty folder: what new-service makes ----

begin()
init("--proto", "../user.proto")
e2e.equal(state(), born, "init in an empty folder")
refused("c-svc.yaml: is there: this is a project of c-svc already", "c-svc update")

# ---- files in the way ----

begin(**{"README.md": "mine\n", "Makefile": "all:\n", "LICENSE": "x\n", "gen__services.h": "mine\n"})
done = refused("README.md: error: is there already", "Makefile: error: is there already", "2 files are in the way", "--keep", "nothing was written")
if "LICENSE" in done.stderr:
    e2e.fail(f"a file that is nobody's business was named:\n{done.stderr}")
refused("gen/services.h: error: is there already", "1 file is in the way", "move it away", arguments=("--keep", "--proto", "../user.proto"))
begin(**{"server__main.c__x": "x"})
refused("server/main.c: error: is there already", arguments=("--keep", "--proto", "../user.proto"))
begin(**{"server": "a file where a folder belongs"})
refused("server: is a file, and a folder has to be there")
begin(**{"deploy__mine.txt": "mine\n"})
(home / "deploy").chmod(0o555)
refused("deploy: is a read-only folder")
(home / "deploy").chmod(0o755)
os.symlink(here, home / "gen")
refused("gen: is a link out of the project")
begin()
done = init("--dry-run", "--proto", "../user.proto")
e2e.equal(state(), {}, "written by --dry-run")
if "--dry-run writes nothing" not in done.stdout or "  create  Makefile" not in done.stdout:
    e2e.fail(done.stdout)
refused("My_Repo", "c-svc help init", arguments=("My_Repo",), check=2)
refused("nowhere: there is no such folder; c-svc new-service makes one", arguments=("--dir", "nowhere", "some-name"))

# ---- protos that lie in the folder itself ----

begin(**{"user.proto": e2e.USER_PROTO.read_text()})
init("--proto", "user.proto")
if (home / "proto").exists() or "protos: [user.proto]\ninclude: [.]\n" not in (home / "c-svc.yaml").read_text():
    e2e.fail(f"a proto of the folder's: {(home / 'c-svc.yaml').read_text()}")
if "modules:\n  - path: .\nlint:" not in (home / "buf.yaml").read_text():
    e2e.fail(f"where buf looks for it: {(home / 'buf.yaml').read_text()}")
e2e.run("c-svc", "update", "--check", cwd=home)
e2e.run("make", "-j2", cwd=home, timeout=200)

# ---- what is kept, and protos that lie there ----

begin(**{"README.md": "mine\n", ".gitignore": "*.mine\n", "server__service.h": '#ifndef SERVICE_H\n#define SERVICE_H\n#include "mine.h"\n#endif\n',
         "server__mine.h": "#include <csvc/app.h>\n#include <csvc/store.h>\nstruct service {\n    csvc_app *app;\n    csvc_db *db;\n    int mine;\n};\n",
         "api__user.proto": e2e.USER_PROTO.read_text(), "src__own.c": "int own;\n"})
theirs = state()
done = init("--keep", "--proto", "api/user.proto")
for line in ("  kept    README.md", "  kept    .gitignore", "  kept    server/service.h", "  create  Makefile"):
    if line not in done.stdout.splitlines():
        e2e.fail(f"{line!r} is missing in\n{done.stdout}")
e2e.equal({p: c for p, c in state().items() if p in theirs}, theirs, "what was there")
if (home / "proto").exists() or "protos: [api/user.proto]" not in (home / "c-svc.yaml").read_text():
    e2e.fail("a proto of the folder's was copied")
before = state()
e2e.run("c-svc", "update", cwd=home)
e2e.run("c-svc", "update", "--check", cwd=home)
e2e.equal(state(), before, "the first update after init")
templates = here / "templates/project"
templates.mkdir(parents=True)
shutil.copy(e2e.SOURCE / "templates/project/README.md.tmpl", templates)
with open(templates / "README.md.tmpl", "a", encoding="utf-8") as f:
    f.write("ours, later\n")
with open(home / "c-svc.yaml", "a", encoding="utf-8") as f:
    f.write("templates: ../templates\n")
e2e.run("c-svc", "update", cwd=home)
e2e.equal((home / "README.md").read_text(), "mine\n", "a kept file after an update")
e2e.run("make", "-C", home, "-j2", *e2e.make_args(), "test")

begin(Makefile="all:\n")
done = init("--keep", "--proto", "../user.proto")
if "The Makefile is yours" not in done.stdout or "make run\n" in done.stdout or "Next:" in done.stdout:
    e2e.fail(done.stdout)
# which is true: moved away, an update brings the one with `make run`
(home / "Makefile").rename(home / "old.mk")
e2e.equal(e2e.run("c-svc", "update", cwd=home).stdout.splitlines()[0], "  create    Makefile", "the Makefile, once there is none")
e2e.run("make", "-n", "run", cwd=home)
e2e.equal((home / "old.mk").read_text(), "all:\n", "theirs")

# ---- protos that lie there, and are not named ----

begin(**{"audit.proto": 'syntax = "proto3";\npackage audit;\nservice Audit { rpc Do(Ask) returns (Ask); }\nmessage Ask { string word = 1; }\n',
         "api__more.proto": "x", "proto__notes.txt": "x"})
done = init()
if "No part of it are audit.proto, api/more.proto: --proto would have named them, protos: in c-svc.yaml still can.\n" not in done.stdout:
    e2e.fail(done.stdout)
if "No part of it" in e2e.run("c-svc", "init", "--dir", here / "templates", "other-service").stdout:
    e2e.fail("told of protos that c-svc wrote")
config = (home / "c-svc.yaml").read_text()
own = next(iter((home / "proto").glob("*.proto"))).name
(home / "c-svc.yaml").write_text(config.replace(f"[proto/{own}]", f"[proto/{own}, audit.proto]").replace("include: [proto]", "include: [proto, .]"))
if "  create    server/audit/do.c" not in e2e.run("c-svc", "update", cwd=home).stdout:
    e2e.fail("a proto that was there, named later")

# ---- killed ----

e2e.run("cc", "-shared", "-fPIC", "-O1", "-o", here / "kill_at.so", e2e.SOURCE / "tests/e2e/support/kill_at.c")
command = ["c-svc", "init", "--keep", "--proto", "../user.proto"]
begin(**{"README.md": "mine\n"})
e2e.run(*command, cwd=home)
made = state()
kills = 0
for n in range(0, 100000, 41):
    begin(**{"README.md": "mine\n"})
    done = subprocess.run(command, cwd=home, env={**e2e.environment(), "LD_PRELOAD": str(here / "kill_at.so"), "KILL_AT": str(n)},
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    if done.returncode != -9:
        e2e.equal(done.returncode, 0, "init")
        break
    kills += 1
    if (home / "c-svc.yaml").exists():
        e2e.run("c-svc", "explain", cwd=home)
    else:
        outside = {p for p in state() if not p.startswith(".c-svc")}
        if (home / ".c-svc/update/journal").exists():
            init("--keep", "--proto", "../user.proto", check=1)  # finishes it, and finds a project then
        else:
            e2e.equal(outside, {"README.md"}, f"killed at {n}")
            e2e.run(*command, cwd=home)
    e2e.equal(state(), made, f"killed at {n}")
if kills < 5:
    e2e.fail(f"killed only {kills} times")
