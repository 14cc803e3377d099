#!/usr/bin/env python3
"""c-svc add, c-svc remove: features of a project that people work on; no edit is lost, and there and back changes nothing."""
import os
import pathlib
import re
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

ALL = re.findall(r"^  [* ] (\w+) ", e2e.run("c-svc", "help", "features").stdout, re.M)


def tree(project):
    return {str(p.relative_to(project)): p.read_bytes() for p in sorted(project.rglob("*")) if p.is_file()}


def words(output):
    """Path: status."""
    return {path: word for word, path in re.findall(r"^  (\w+) +(\S+)", output, re.M)}


e2e.run("c-svc", "new-service", "user-service", "--proto", e2e.USER_PROTO, "--without", "all")
project = pathlib.Path("user-service").absolute()
yaml, makefile, readme = project / "c-svc.yaml", project / "Makefile", project / "README.md"
before = tree(project)

# there and back, one by one and all at once: byte for byte what it was
for names in [[name] for name in ALL] + [ALL]:
    done = e2e.run("c-svc", "add", *names, cwd=project)
    changed = words(done.stdout)
    e2e.equal(set(changed.values()) - {"create", "update"}, set(), f"add {names}")
    e2e.equal(changed["c-svc.yaml"], "update", "c-svc.yaml")
    # as a new project with that would be
    e2e.run("c-svc", "new-service", "user-service", "--proto", e2e.USER_PROTO, "--dir", f"other-{len(names)}-{names[0]}", "--without", "all",
            *[a for name in names for a in ("--with", name)])
    other = tree(pathlib.Path(f"other-{len(names)}-{names[0]}"))
    e2e.equal([p for p in sorted(set(other) | set(tree(project))) if other.get(p) != tree(project).get(p)], [], f"add {names}, or born so")
    e2e.equal(e2e.run("c-svc", "update", "--check", cwd=project).returncode, 0, "nothing left to do")
    e2e.equal(e2e.run("c-svc", "add", *names, cwd=project).stdout, "user-service: that is there already; nothing was changed.\n", "twice")
    needed = {"compose": ["docker"], "kubernetes": ["docker"], "grafana": ["prometheus"]}
    done = e2e.run("c-svc", "remove", *{*names, *[n for name in names for n in needed.get(name, [])]}, cwd=project)
    e2e.equal(set(words(done.stdout).values()) - {"remove", "update"}, set(), f"remove {names}")
    after = tree(project)
    e2e.equal([p for p in sorted(set(before) | set(after)) if before.get(p) != after.get(p)], [], f"{names}: there and back")

# ---- a project that people work on ----

yaml.write_text(yaml.read_text().replace("features: []", "features:   # what we run\n  - ci      # on our own runners\n"))
e2e.run("c-svc", "update", cwd=project)
makefile.write_text(makefile.read_text().replace("CFLAGS     ?= -O2 -g\n", "CFLAGS     ?= -O3 -g\n") + "\nours:\n\techo ours\n")
readme.write_text(readme.read_text().replace("# user-service\n", "# Users\n\nOurs.\n", 1))
was = tree(project)
done = e2e.run("c-svc", "add", "grafana", "docker", "--dry-run", cwd=project)
e2e.equal(tree(project), was, "--dry-run")
e2e.equal(words(done.stdout)["deploy/Dockerfile"], "create", "what --dry-run says")
done = e2e.run("c-svc", "add", "grafana", "docker", cwd=project / "server")
e2e.equal((words(done.stdout)["../Makefile"], words(done.stdout)["../README.md"]), ("merge", "merge"), "from a folder below, edited files")
for needle in ("  - ci      # on our own runners\n  - docker\n  - grafana\n  - prometheus\n", "features:   # what we run\n"):
    if needle not in yaml.read_text():
        e2e.fail(f"c-svc.yaml:\n{yaml.read_text()}")
for text in ("CFLAGS     ?= -O3 -g\n", "\nours:\n", "\nimage:\n"):
    if text not in makefile.read_text():
        e2e.fail(f"the Makefile lost {text!r}")
# what was changed stays, and is named; what needs it goes along
alerts = project / "deploy/alerts.yml"
alerts.write_text(alerts.read_text() + "# ours\n")
edited = alerts.read_text()
changed = words(e2e.run("c-svc", "remove", "prometheus", cwd=project).stdout)
e2e.equal((changed["deploy/alerts.yml"], changed["deploy/prometheus.yml"], changed["deploy/grafana/dashboard.json"]),
          ("stale", "remove", "remove"), "remove prometheus")
e2e.equal(alerts.read_text(), edited, "a file that was changed")
e2e.equal((project / "deploy/grafana").exists(), False, "an empty folder")
if "prometheus" in yaml.read_text() or "grafana" in yaml.read_text() or "  - docker\n" not in yaml.read_text():
    e2e.fail(f"c-svc.yaml:\n{yaml.read_text()}")
changed = words(e2e.run("c-svc", "add", "prometheus", cwd=project).stdout)
e2e.equal((alerts.read_text(), changed["deploy/prometheus.yml"]), (edited, "create"), "added again")
for text in ("CFLAGS     ?= -O3 -g\n", "\nours:\n"):
    if text not in makefile.read_text():
        e2e.fail(f"the Makefile lost {text!r}")

# ---- refused ----

was = tree(project)
for arguments, code, says in ((["add", "dokcer"], 2, "no feature is called 'dokcer'; did you mean docker?"), (["add"], 2, "FEATURE... is missing"),
                              (["remove", "xyzzyx"], 2, "there are bench, buf")):
    done = e2e.run("c-svc", *arguments, cwd=project, check=code)
    if says not in done.stderr:
        e2e.fail(f"{arguments}: {done.stderr}")
e2e.equal(e2e.run("c-svc", "remove", "kong", cwd=project).stdout, "user-service: there is no such thing; nothing was changed.\n", "remove kong")
e2e.equal(tree(project), was, "what is refused changes nothing")
yaml.write_text("{" + ", ".join(line for line in ("name: user-service", "protos: [proto/user.proto]", "storage: sqlite", "features: [ci]")) + "}\n")
was = tree(project)
done = e2e.run("c-svc", "add", "buf", cwd=project, check=1)
if "c-svc.yaml: the list of features is not in a form that c-svc can change" not in done.stderr:
    e2e.fail(f"a form it cannot change: {done.stderr}")
e2e.equal(tree(project), was, "a form it cannot change")
e2e.run("c-svc", "add", "buf", check=1, cwd="/")
