#!/usr/bin/env python3
"""c-svc killed at every single call that changes the disk: after the next command the project is the old one or the new one, byte for
byte. And a disk that is full at every size: refused, and nothing changed."""
import os
import pathlib
import shutil
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

SHIM = None  # the library that kills


def state(folder):
    """Every file, link and folder with its mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (oct(kind.st_mode), content)
    return found


def differ(now, other):
    return sorted(k for k in {*now, *other} if now.get(k) != other.get(k))


def restore(project, kept):
    shutil.rmtree(project)
    shutil.copytree(kept, project, symlinks=True)


def change(project):
    """Files of every kind come, go and change: a proto less, one more, an rpc more, a line of the user's in what is merged."""
    proto = project / "proto/user.proto"
    proto.write_text(proto.read_text().replace("  rpc DeleteUser", "  rpc Greet(GetUserRequest) returns (GetUserResponse);\n  rpc DeleteUser"))
    (project / "proto/old.proto").unlink()
    (project / "proto/more.proto").write_text('syntax = "proto3";\npackage more;\nmessage More { string a = 1; }\n')
    for path, line in (("Makefile", "# mine\n"), ("server/main.c", "/* mine */\n")):
        (project / path).write_text(line + (project / path).read_text())
    for name, line in (("Makefile", "# ours\n"), ("README.md", "ours\n")):  # as a newer c-svc would have it
        template = pathlib.Path("templates/project") / f"{name}.tmpl"
        template.parent.mkdir(parents=True, exist_ok=True)
        template.write_text((e2e.SOURCE / f"templates/project/{name}.tmpl").read_text() + line)
    config = project / "c-svc.yaml"
    config.write_text(config.read_text().replace("proto/old.proto", "proto/more.proto") + "templates: ../templates\n")


def killed_everywhere(command, project, before, expected):
    """How often it was killed; `expected`: the states that are allowed afterwards."""
    seen = [0, 0]
    n = 0
    while True:
        restore(project, before)
        done = subprocess.run(["c-svc", *command], cwd=project, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env={**e2e.environment(), "LD_PRELOAD": str(SHIM), "KILL_AT": str(n)})
        if done.returncode != -9:
            break
        half = (project / ".c-svc/update/journal").exists()
        next_one = e2e.run("c-svc", "explain", cwd=project)
        if half and "an update that was interrupted has been finished" not in next_one.stderr:
            e2e.fail(f"killed at {n}: the next command did not say what it did:\n{next_one.stderr}")
        now = state(project)
        for i, wanted in enumerate(expected):
            if now == wanted:
                seen[i] += 1
                break
        else:
            e2e.fail(f"{command} killed at {n}: neither old nor new: of old differ {differ(now, expected[0])}, of new {differ(now, expected[1])}")
        n += 1
    if done.returncode != 0:
        e2e.fail(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    if n < 50 or min(seen) < 5:
        e2e.fail(f"{command}: killed only {n} times, {seen} of them old and new")
    print(f"c-svc {' '.join(command)}: killed at each of {n} calls: {seen[0]} times the old project, {seen[1]} times the new one")


def full_disk(command, project, before, expected):
    """Inside a mount namespace: the disk `small` gets fuller and fuller."""
    small = pathlib.Path("small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", small], check=True)
    target = small / "p"
    shutil.copytree("templates", small / "templates")
    page = os.sysconf("SC_PAGESIZE")
    refused = 0
    pages = 0
    while True:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(before, target, symlinks=True)
        filler = small / "filler"
        free = os.statvfs(small)
        filler.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - pages * page)))
        done = e2e.run("c-svc", *command, cwd=target, check=None)
        if done.returncode == 0:
            break
        if "No space left on device" not in done.stderr or done.returncode != 1:
            e2e.fail(f"{pages} pages free: {done.returncode}\n{done.stderr}")
        if state(target) != expected[0]:
            e2e.fail(f"{pages} pages free: something was changed: {differ(state(target), expected[0])}")
        filler.unlink()
        refused += 1
        pages += 1
    filler.unlink()
    if state(target) != expected[1]:
        e2e.fail(f"{pages} pages free: it went, but {differ(state(target), expected[1])}")
    if refused < 5:
        e2e.fail(f"refused only {refused} times")
    print(f"c-svc {' '.join(command)}: a full disk was told of {refused} times, with nothing changed; {pages} free pages were enough")


# ---- templates, into a team's folder ----

EJECT = ["template", "eject", "README.md", "Makefile", "server/main.c", "Makefile", "--templates"]


def ejected(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def eject_killed_everywhere():
    """All of them or none, once the next command was there."""
    team = pathlib.Path("team")
    e2e.run("c-svc", *EJECT, team)
    whole = state(team)
    e2e.equal(ejected(team), {"project/README.md.tmpl", "project/Makefile.tmpl", "project/server/main.c.tmpl"}, "ejected")
    n, finished = 0, 0
    while True:
        shutil.rmtree(team)
        done = subprocess.run(["c-svc", *EJECT, team], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env={**e2e.environment(), "LD_PRELOAD": str(SHIM), "KILL_AT": str(n)})
        if done.returncode != -9:
            break
        half = (team / ".c-svc/update/journal").exists()
        there = ejected(team) - {name for name in ejected(team) if name.startswith(".c-svc/")} if team.exists() else set()
        if not half and len(there) not in (0, 3):
            e2e.fail(f"killed at {n}: only {there}, and no journal")
        next_one = e2e.run("c-svc", *EJECT, team, check=None)
        if half:
            finished += 1
            if next_one.returncode != 1 or "has been finished (3 files)" not in next_one.stderr:
                e2e.fail(f"killed at {n}: the next command did not finish it:\n{next_one.stderr}")
        if state(team) != whole:
            e2e.fail(f"killed at {n}: {differ(state(team), whole)}")
        n += 1
    e2e.equal(done.returncode, 0, done.stderr)
    if n < 20 or finished < 5:
        e2e.fail(f"killed only {n} times, {finished} of them with a journal")
    print(f"c-svc template eject: killed at each of {n} calls: all of them or none")


def eject_refused():
    """Not one is written when another cannot be."""
    team = pathlib.Path("refused")
    os.mkdir("elsewhere")
    (team / "project").mkdir(parents=True)
    (team / "project/server").symlink_to("../../elsewhere")
    before = state(team)
    done = e2e.run("c-svc", *EJECT, team, check=1)
    if "refused/project/server: is a link out of the project" not in done.stderr or state(team) != before or os.listdir("elsewhere"):
        e2e.fail(f"a link out of the folder: {differ(state(team), before)}\n{done.stderr}")


def eject_on_full_disk():
    """Inside a mount namespace."""
    small = pathlib.Path("small")
    team = small / "deep/team"
    page = os.sysconf("SC_PAGESIZE")
    refused = 0
    while True:
        free = os.statvfs(small)
        (small / "filler").write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - refused * page)))
        done = e2e.run("c-svc", *EJECT, team, check=None)
        (small / "filler").unlink()
        if done.returncode == 0:
            break
        if "No space left on device" not in done.stderr or (small / "deep").exists():
            e2e.fail(f"{refused} pages free: {done.returncode}\n{done.stderr}")
        refused += 1
    if len(ejected(team)) != 3 or refused < 3:
        e2e.fail(f"ejected {ejected(team)}, after {refused} refusals")
    print(f"c-svc template eject: a full disk was told of {refused} times, with nothing left")


COMMANDS = [["generate"], ["update", "--allow-breaking", "--prune"]]
PROJECT, BEFORE = pathlib.Path("user-service"), pathlib.Path("before")


def prepare():
    e2e.run("cc", "-shared", "-fPIC", "-O1", "-o", SHIM, e2e.SOURCE / "tests/e2e/support/kill_at.c")
    pathlib.Path("user.proto").write_text(e2e.USER_PROTO.read_text())
    pathlib.Path("old.proto").write_text('syntax = "proto3";\npackage old;\nmessage Old { string a = 1; }\n')
    e2e.run("c-svc", "new-service", PROJECT, "--proto", "user.proto", "--proto", "old.proto")
    change(PROJECT)
    shutil.copytree(PROJECT, BEFORE, symlinks=True)


def each_command(check):
    for command in COMMANDS:
        restore(PROJECT, BEFORE)
        old = state(PROJECT)
        e2e.run("c-svc", *command, cwd=PROJECT)
        new = state(PROJECT)
        if (PROJECT / ".c-svc/update").exists() or len(differ(old, new)) < 8:
            e2e.fail(f"{command}: changed only {differ(old, new)}")
        check(command, PROJECT, BEFORE, (old, new))


def main():
    prepare()
    each_command(killed_everywhere)
    eject_killed_everywhere()
    eject_refused()
    mounts = e2e.own_mounts()
    if mounts is None:
        e2e.not_tried("update_killed.py: a full disk", "nobody may mount here")
        return
    os.mkdir("small")
    done = subprocess.run([*mounts, sys.executable, os.path.abspath(__file__), "inside"], check=False, timeout=500)
    if done.returncode != 0:
        sys.exit(1)


def two_disks():
    """Inside a mount namespace: gen/ lies on another file system, where nothing can be moved to at once."""
    mounted = pathlib.Path("mounted")
    shutil.copytree(BEFORE, mounted, symlinks=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", mounted / "gen"], check=True)
    old = state(mounted)
    done = e2e.run("c-svc", "generate", cwd=mounted, check=1)
    if "gen: is on another file system than .c-svc" not in done.stderr or state(mounted) != old:
        e2e.fail(f"gen/ on a file system of its own:\n{done.stderr}")


if sys.argv[1:] == ["inside"]:
    each_command(full_disk)
    eject_on_full_disk()
    two_disks()
else:
    folder = e2e.quick_folder()
    try:
        os.chdir(folder)
        SHIM = folder / "kill_at.so"
        main()
    finally:
        os.chdir("/")
        shutil.rmtree(folder)
