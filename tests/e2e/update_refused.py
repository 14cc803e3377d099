#!/usr/bin/env python3
"""What c-svc update cannot write it refuses before anything is written: read-only files and folders, folders where files belong and the other
way round, links out of the project; links within it are followed."""
import os
import pathlib
import shutil
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

here = pathlib.Path.cwd()
kept, home = here / "kept", here / "user-service"


def state():
    found = {}
    for path in sorted(home.rglob("*")):
        found[str(path.relative_to(home))] = (path.lstat().st_mode, os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "")
    return found


def begin():
    if home.exists():
        shutil.rmtree(home)
    shutil.copytree(kept, home, symlinks=True)


def refused(*words, command="update"):
    before = state()
    done = e2e.run("c-svc", command, cwd=home, check=1)
    for word in words:
        if word not in done.stderr:
            e2e.fail(f"c-svc {command}: {word!r} is missing in:\n{done.stderr}")
    e2e.equal([p for p in {*before, *state()} if before.get(p) != state().get(p)], [], f"changed though refused: {words}")


# A project for which there is something to write in gen/, in a handler's folder and in merged files.
(here / "user.proto").write_text(e2e.USER_PROTO.read_text())
(here / "templates/project").mkdir(parents=True)
for name in ("Makefile", "README.md"):
    shutil.copy(e2e.SOURCE / f"templates/project/{name}.tmpl", here / "templates/project")
e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto", "--templates", "templates")
for name in ("Makefile", "README.md"):
    with open(here / f"templates/project/{name}.tmpl", "a", encoding="utf-8") as f:
        f.write("# ours, later\n")
proto = home / "proto/user.proto"
proto.write_text(proto.read_text().replace("  rpc DeleteUser", "  rpc Greet(GetUserRequest) returns (GetUserResponse);\n  rpc DeleteUser"))
shutil.copytree(home, kept, symlinks=True)

for path in ("Makefile", "gen/services.c"):
    begin()
    (home / path).chmod(0o444)
    refused(f"{path}: is read-only; make it writable (chmod u+w {path})")
for folder in ("gen", "server/user_service", ".c-svc/base"):
    begin()
    (home / folder).chmod(0o555)
    refused(f"{folder}: is a read-only folder, so {folder}/", "make it writable")
    (home / folder).chmod(0o755)
begin()
(home / "gen/services.c").unlink()
(home / "gen/services.c").mkdir()
refused("gen/services.c: is a folder, and a file has to be there")
refused("gen/services.c: is a folder, and a file has to be there", command="generate")
begin()
(home / "README.md").unlink()
(home / "README.md").mkdir()
refused("README.md: is a folder, and a file has to be there")
begin()
(home / "README.md").unlink()
(home / "README.md").symlink_to("nowhere.md")
refused("README.md: is a link to nothing")
begin()
(home / "server/user_service/greet.c").mkdir()
refused("server/user_service/greet.c: is a folder, and a file has to be there")
begin()
shutil.rmtree(home / "gen")
(home / "gen").write_text("a file\n")
refused("gen: is a file, and a folder has to be there")
begin()
shutil.move(home / "gen", here / "gen-outside")
os.symlink(here / "gen-outside", home / "gen")
refused(f"gen: is a link out of the project, to {here / 'gen-outside'}")
begin()
(here / "outside").write_bytes((home / "Makefile").read_bytes())
(home / "Makefile").unlink()
os.symlink("../outside", home / "Makefile")
refused("Makefile: is a link out of the project")
e2e.equal((here / "outside").read_bytes(), (kept / "Makefile").read_bytes(), "a file outside")

# within the project links are followed, and stay links
begin()
(home / "docs").mkdir()
shutil.move(home / "README.md", home / "docs/about.md")
os.symlink("docs/about.md", home / "README.md")
shutil.move(home / "gen", home / "made")
os.symlink("made", home / "gen")
e2e.run("c-svc", "update", cwd=home)
if not (home / "README.md").is_symlink() or not (home / "gen").is_symlink():
    e2e.fail("a link within the project was replaced")
if "# ours, later" not in (home / "docs/about.md").read_text() or "greet" not in (home / "made/services.c").read_text():
    e2e.fail("a link within the project was not followed")
e2e.run("c-svc", "update", "--check", cwd=home)
