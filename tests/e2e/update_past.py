#!/usr/bin/env python3
"""Projects that earlier versions of c-svc made (tests/past/), edited by hand, then updated: every edit is there, and the tests of the project pass."""
import os
import pathlib
import shutil
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

here = pathlib.Path.cwd()
past = sorted(p for p in (e2e.SOURCE / "tests/past").iterdir() if p.is_dir())
if len(past) < 2:
    e2e.fail("there are no projects of earlier versions")

# What years of use leave: a line of one's own in each file, at its beginning, its end or within.
OWN = {"Makefile": ("PREFIX     ?= /usr/local\n", "PREFIX     ?= /opt/users\n"),
       "README.md": ("## Settings\n", "Ask Ada.\n\n## Settings\n"),
       ".gitignore": ("*.db-wal\n", "*.db-wal\n*.orig\n"),
       "server/main.c": ("int main(", "/* Ada's. */\nint main("),
       "server/service.h": ("#include", "/* Ada's. */\n#include"),
       "server/user_service/get_user.c": ("{\n", "{\n    /* Ada's. */\n"),
       "client/main.c": ("int main(", "/* Ada's. */\nint main("),
       "tests/service_testing.c": ("#include", "/* Ada's. */\n#include"),
       "tests/user_service/create_user_test.c": ("int main(", "/* Ada's. */\nint main(")}
OWN_FILE = ("server/ada.c", "int ada(void);\nint ada(void)\n{\n    return 1815;\n}\n")


def texts(home):
    return {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file() and p.relative_to(home).parts[0] != "build"}


for origin in past:
    home = here / origin.name
    shutil.copytree(origin, home)
    for path, (old, new) in OWN.items():
        text = (home / path).read_text()
        if old not in text:
            e2e.fail(f"{origin.name}: {path} does not hold {old!r}")
        (home / path).write_text(text.replace(old, new, 1))
    (home / OWN_FILE[0]).write_text(OWN_FILE[1])
    (home / "server/user_service/delete_user.c").unlink()
    edited = {path: (home / path).read_bytes() for path in ("server/service.h", "server/user_service/get_user.c", "tests/user_service/create_user_test.c", OWN_FILE[0])}

    done = e2e.run("c-svc", "update", cwd=home)
    for path, (_, new) in OWN.items():
        if new not in (home / path).read_text():
            e2e.fail(f"{origin.name}: what was written into {path} is gone:\n{done.stdout}")
    for path, text in edited.items():
        e2e.equal((home / path).read_bytes(), text, f"{origin.name}: {path}")
    if (home / "server/user_service/delete_user.c").exists():
        e2e.fail(f"{origin.name}: a handler that was deleted is back")
    before = texts(home)
    e2e.run("c-svc", "update", cwd=home)
    e2e.equal({k for k, v in texts(home).items() if before.get(k) != v}, set(), f"{origin.name}: changed by the second update")
    e2e.run("c-svc", "update", "--restore", "server/user_service/delete_user.c", cwd=home)
    e2e.run("make", "-C", home, "-j2", *e2e.make_args(), "all", "test")
    print(f"{origin.name}: {done.stdout.splitlines()[-1]}")

# As they were: nothing but what is new.
for origin in past:
    home = here / f"{origin.name}-untouched"
    shutil.copytree(origin, home)
    done = e2e.run("c-svc", "update", cwd=home)
    for word in ("conflict", "merge", "deleted", "moved", "stale"):
        if f"  {word} " in done.stdout:
            e2e.fail(f"{origin.name}, untouched: {word}\n{done.stdout}")
    fresh = here / f"{origin.name}-fresh"
    if not fresh.exists():
        e2e.run("c-svc", "new-service", "user-service", "--proto", e2e.USER_PROTO, "--dir", fresh)
    for path in ("Makefile", "README.md", "server/main.c", ".gitignore", "gen/project.mk"):
        if path in ("README.md", "Makefile", ".gitignore", "gen/project.mk") and (home / "c-svc.yaml").read_text() != (fresh / "c-svc.yaml").read_text():
            continue  # it has other features
        e2e.equal((home / path).read_text(), (fresh / path).read_text(), f"{origin.name}, untouched: {path} as a new project has it")
