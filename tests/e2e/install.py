#!/usr/bin/env python3
"""make install: under any prefix, with the source tree and the build gone, and uninstalled without a trace."""
import os
import pathlib
import re
import shutil
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

dest = pathlib.Path.cwd() / "dest"
build = os.environ["CSVC_BUILD"]
make = ("make", "-C", e2e.SOURCE, f"B={build}", f"DESTDIR={dest}", "PREFIX=/opt/x y")
e2e.run(*make, "install", env=dict(os.environ))

# Moved after the fact: nothing may remember where it was installed to, nor where it was built.
prefix = pathlib.Path.cwd() / "moved"
shutil.move(dest / "opt/x y", prefix)
for name in ("bin/c-svc", "bin/protoc-gen-c-svc", "lib/libcsvc.a", "lib/libcsvc.so.0", "lib/pkgconfig/libcsvc.pc",
             "include/csvc/app.h", "include/csvc-wkt/google/protobuf/timestamp.pb-c.h",
             "share/doc/c-svc/inference.md", "share/doc/c-svc/limits.md", "share/doc/c-svc/internals/store.md",
             "share/c-svc/proto/c_svc/options.proto", "share/man/man1/c-svc.1", "share/man/man1/c-svc-update.1", "share/man/man1/protoc-gen-c-svc.1"):
    if not (prefix / name).exists():
        e2e.fail(f"{name} was not installed")
for page in (prefix / "share/man/man1").glob("*.1"):
    out = e2e.run("man", "--warnings", "-l", page, env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
    e2e.equal(out.stderr, "", f"man warnings of {page.name}")

# Every page that a header or a page names is there.
docs = prefix / "share/doc/c-svc"
for header in [*(prefix / "include/csvc").glob("*.h"), prefix / "share/c-svc/proto/c_svc/options.proto"]:
    for page in re.findall(r"(?<![\w/.])[\w/]+\.md\b", header.read_text()):
        if not (docs / page).exists():
            e2e.fail(f"{header.name} names {page}, which is not installed")
for page in docs.rglob("*.md"):
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        if not (page.parent / link).exists():
            e2e.fail(f"{page.name} links to {link}, which is not installed")
said = e2e.run("c-svc", "explain", e2e.USER_PROTO, env=e2e.environment(prefix)).stdout.splitlines()[-1]
e2e.equal(pathlib.Path(said).resolve(), (docs / "inference.md").resolve(), "where explain says the rules are")

# A project built against the installed copy alone, in a namespace where source and build are empty folders; the build
# may lie within the source, or elsewhere.
mounts = e2e.own_mounts()
if mounts is None:
    e2e.not_tried("install.py: a project built with the sources out of sight", "nobody may mount here")
hide = f'''mount -t tmpfs none '{e2e.SOURCE}'
if [ -d '{build}' ]; then mount -t tmpfs none '{build}'; fi
[ ! -e '{e2e.SOURCE}/Makefile' ] && [ ! -e '{e2e.STAGE}/bin' ]
''' if mounts else ""
script = f'''set -e
{hide}
c-svc new-service user-service --proto {pathlib.Path.cwd()}/user.proto
make -C user-service {" ".join(e2e.make_args())}
make -C user-service test {" ".join(e2e.make_args())}
'''
shutil.copy(e2e.USER_PROTO, "user.proto")
env = e2e.environment(prefix)
e2e.run(*(mounts or []), "sh", "-c", script, env=env, timeout=600)

# Protos that use our options find them.
pathlib.Path("opts.proto").write_text('''syntax = "proto3";
import "c_svc/options.proto";
message Note { int64 id = 1; string text = 2 [(c_svc.field) = {required: true}]; }
''')
protodir = e2e.run("pkg-config", "--variable=protodir", "libcsvc", env=env).stdout.strip()
os.mkdir("gen")
e2e.run("protoc", "-I.", f"-I{protodir}", "--c-svc_out=gen", "opts.proto", env=env)

# Uninstall leaves nothing behind.
shutil.move(prefix, dest / "opt/x y")
e2e.run(*make, "uninstall", env=dict(os.environ))
left = [str(p) for p in (dest / "opt/x y").rglob("*") if not p.is_dir()]
e2e.equal(left, [], "files left after uninstall")
