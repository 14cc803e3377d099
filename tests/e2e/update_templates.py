#!/usr/bin/env python3
"""c-svc template list, show, eject; a project's own templates, a team's (C_SVC_TEMPLATES), and those that do not fit any more."""
import os
import pathlib
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

here = pathlib.Path.cwd()
home = here / "user-service"
built_in = e2e.SOURCE / "templates"
(here / "user.proto").write_text(e2e.USER_PROTO.read_text())


def template(*arguments, check=0, cwd=here, env=None):
    return e2e.run("c-svc", "template", *arguments, check=check, cwd=cwd, env=env)


def state():
    return {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file()}


# ---- without a project ----

names = sorted(p.relative_to(built_in).as_posix() for p in built_in.rglob("*") if p.is_file())
e2e.equal(template("list").stdout.splitlines(), names, "all templates")
e2e.equal(template("show", "gen/csvc.h.tmpl").stdout, (built_in / "gen/csvc.h.tmpl").read_text(), "a template")
for word in ("Makefile", "Makefile.tmpl", "project/Makefile", "project/Makefile.tmpl"):
    e2e.equal(template("show", word).stdout, (built_in / "project/Makefile.tmpl").read_text(), f"show {word}")
e2e.has(template("show", "server/mian.c", check=1).stderr, "there is no template server/mian.c; did you mean server/main.c?")
e2e.has(template("shwo", "Makefile", check=2).stderr, "did you mean show?")
template("show", check=2)
template("list", "Makefile", check=2)
template(check=2)
e2e.has(template("eject", "Makefile", check=1).stderr, "there is no project here")

# ---- a team's ----

team = here / "team"
template("eject", "README.md", "Makefile", "--templates", "team")
e2e.equal((team / "project/README.md.tmpl").read_text(), (built_in / "project/README.md.tmpl").read_text(), "an ejected template")
e2e.has(template("eject", "server/main.c", "README.md", "--templates", "team", check=1).stderr, "team/project/README.md.tmpl: is there already")
if (team / "project/server").exists():
    e2e.fail("some were ejected though not all could be")
readme = team / "project/README.md.tmpl"
readme.write_text(readme.read_text().replace("A gRPC service in C", "A service of our team"))
(team / "ours.tmpl").write_text("Ask Ada.\n")
ours = {**e2e.environment(), "C_SVC_TEMPLATES": str(team)}
listed = template("list", env=ours).stdout
e2e.has(listed, f"{team}/project/README.md.tmpl", f"{team}/ours.tmpl  (c-svc has none of this name")
e2e.equal(listed, template("list", "--templates", str(team)).stdout, "by the variable as by the option")

e2e.run("c-svc", "new-service", "user-service", "--proto", "user.proto", env=ours)
e2e.has((home / "README.md").read_text(), "A service of our team")
e2e.run("c-svc", "update", "--check", cwd=home, env=ours)
e2e.has(e2e.run("c-svc", "update", "--dry-run", cwd=home).stdout, "update    README.md")  # without the variable: ours again
e2e.has(e2e.run("c-svc", "update", cwd=home, env={**ours, "C_SVC_TEMPLATES": "/nowhere"}, check=1).stderr, "/nowhere", "C_SVC_TEMPLATES")

# ---- a project's, which win ----

yaml = home / "c-svc.yaml"
before = yaml.read_text()
done = template("eject", "server/main.c", "gen/client.h.tmpl", cwd=home / "server")
e2e.has(done.stdout, "update  ../c-svc.yaml", "create  ../templates/project/server/main.c.tmpl", "create  ../templates/gen/client.h.tmpl")
e2e.equal(yaml.read_text(), before + "templates: templates\n", "c-svc.yaml")
said = e2e.run("c-svc", "update", cwd=home, env=ours).stdout
e2e.has(said, "gen/project.mk")
if "main.c" in said:
    e2e.fail(f"changed by templates that are the same:\n{said}")
main = home / "templates/project/server/main.c.tmpl"
main.write_text("/* Ours. */\n" + main.read_text())
readme = home / "templates/project/README.md.tmpl"
template("eject", "README.md", cwd=home)
readme.write_text(readme.read_text().replace("A gRPC service in C", "A service of this project"))
e2e.has(template("list", cwd=home, env=ours).stdout, "  templates/project/README.md.tmpl", f"{team}/project/Makefile.tmpl")
e2e.equal(template("show", "server/main.c", cwd=home).stdout, main.read_text(), "show in a project")
e2e.equal(template("list", cwd=home).stdout.count("templates/"), 3, "templates of the project")
said = e2e.run("c-svc", "update", cwd=home, env=ours).stdout
e2e.has(said, "update    server/main.c", "update    README.md")
e2e.has((home / "README.md").read_text(), "A service of this project")
e2e.equal(yaml.read_text().count("templates:"), 1, "lines of c-svc.yaml")

# ---- one that does not fit any more ----

main.write_text("fine\n\nint x = @nmae@;\n")
before = state()
e2e.has(e2e.run("c-svc", "update", cwd=home, check=1).stderr,
        "templates/project/server/main.c.tmpl:3: unknown name 'nmae'; did you mean 'name'?")
main.write_text("@if name\n")
e2e.has(e2e.run("c-svc", "update", cwd=home, check=1).stderr, "templates/project/server/main.c.tmpl:1: this @if has no @end")
main.write_text("@include gen/nothing.tmpl\n")
e2e.has(e2e.run("c-svc", "update", cwd=home, check=1).stderr, "main.c.tmpl:1: there is no template 'gen/nothing.tmpl'")
main.write_text("/* Ours. */\n" + (built_in / "project/server/main.c.tmpl").read_text())
e2e.equal({k for k, v in state().items() if before.get(k) != v} - {"templates/project/server/main.c.tmpl"}, set(), "written by what failed")
e2e.run("c-svc", "update", cwd=home, env=ours)
e2e.run("c-svc", "update", "--check", cwd=home, env=ours)

yaml.write_text("{name: user-service, protos: [proto/user.proto]}\n")
e2e.has(template("eject", "Makefile", cwd=home, check=1).stderr, "c-svc.yaml: add this line to it first: templates: templates")
